"""What is kept of associations for the next one: as much as may be, nothing private, and never another answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from dicomnet import uids
from dicomnet.errors import DecodeError, LocalProtocolError
from dicomnet.ul import (
    Applicant,
    IdentityAnswer,
    Negotiated,
    PlainPolicy,
    ProposedContext,
    RequestOptions,
    SupportedContext,
    build_request,
    negotiation,
    recurring,
)
from dicomnet.ul.negotiation import checked, pdu_fault
from dicomnet.ul.recurring import made, once
from dicomnet.wire import (
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    ExtendedNegotiation,
    Item,
    MaximumLength,
    UnknownItem,
    UserIdentity,
    UserIdentityResponse,
    decode_pdu,
    encode_pdu,
)
from dicomnet.wire.items import AbstractSyntax, PresentationContext, UserInformation

PUSH = uids.UPS_PUSH
OPTIONS = RequestOptions("CALLED", "CALLING", (ProposedContext(PUSH),))
HERE = Applicant("here")


@pytest.fixture(autouse=True)
def memory() -> recurring._Memory:
    """Empty."""
    memory = recurring.shared()
    memory.forget()
    return memory


def everything(memory: recurring._Memory) -> list[object]:
    return [*memory.pdus, *memory.answers]


def received(request: AAssociateRQ) -> AAssociateRQ:
    pdu = made(decode_pdu, encode_pdu(request))
    assert isinstance(pdu, AAssociateRQ)
    return pdu


def accepted(policy: PlainPolicy, request: AAssociateRQ) -> AAssociateAC:
    answer = policy.decide(request, HERE)
    assert isinstance(answer, AAssociateAC)
    return answer


def test_the_same_bytes_are_the_same_pdu() -> None:
    request = received(build_request(OPTIONS))
    assert request is received(build_request(OPTIONS))
    assert received(build_request(replace(OPTIONS, max_length=8))) not in (request, build_request(OPTIONS))
    for _ in range(2):
        with pytest.raises(DecodeError):
            made(decode_pdu, encode_pdu(request)[:-1])


def test_equal_options_are_the_same_request() -> None:
    request = build_request(OPTIONS)
    assert build_request(replace(OPTIONS)) is request
    assert build_request(replace(OPTIONS, max_length=8)).max_length == 8
    assert build_request(replace(OPTIONS, contexts=[ProposedContext(PUSH)])) == request  # type: ignore[arg-type]
    unfit = replace(OPTIONS, calling_ae_title="B" * 17)
    for _ in range(2):
        with pytest.raises(LocalProtocolError, match="calling_ae_title"):
            checked(build_request(unfit))


@pytest.mark.parametrize(
    "odd",
    [
        {"extended": (ExtendedNegotiation(PUSH, cast("bytes", memoryview(bytearray(b"xx")))),)},
        {"called_ae_title": None},
        {"max_length": 1.5},
        {"contexts": (ProposedContext(PUSH, (cast("str", None),)),)},
        {"extra": (UserInformation((UnknownItem(cast("int", [0x60])),)),)},
    ],
)
def test_odd_values_raise_nothing_before_they_are_encoded(odd: dict[str, Any]) -> None:
    for _ in range(2):
        assert isinstance(build_request(replace(OPTIONS, **odd)), AAssociateRQ)


class Changing:
    """An item of somebody's own."""

    item_type, reserved, length = 0x60, 0, None

    def __init__(self, body: bytes) -> None:
        self.body = body

    def encode_body(self) -> bytes:
        return self.body


class Own(UnknownItem):
    """Another, which is no value either: it says something else each time."""

    said = iter(range(9))

    def encode_body(self) -> bytes:
        return bytes([next(self.said)])


def test_what_can_change_is_looked_at_each_time(memory: recurring._Memory) -> None:
    item = Changing(b"1")
    for options in (
        replace(OPTIONS, extra=(cast("Item", item),)),
        replace(OPTIONS, extra=(UserInformation((cast("Item", item),)),)),
    ):
        item.body = b"old"
        assert b"old" in encode_pdu(build_request(options))
        item.body = b"new"
        assert b"new" in encode_pdu(build_request(options))
    once_only: Iterator[str] = iter([uids.IMPLICIT_VR_LE])
    running_out = replace(OPTIONS, contexts=(ProposedContext(PUSH, cast("tuple[str, ...]", once_only)),))
    assert [len(build_request(running_out).presentation_contexts[0].transfer_syntaxes) for _ in "12"] == [1, 0]
    own = replace(OPTIONS, extra=(Own(0x60),))
    assert checked(build_request(own)) != checked(build_request(own))
    assert not memory.pdus


def test_a_policy_that_can_change_is_asked_each_time() -> None:
    request = received(build_request(OPTIONS))
    syntaxes = [uids.IMPLICIT_VR_LE]
    listed = PlainPolicy((SupportedContext(PUSH, cast("tuple[str, ...]", syntaxes)),))
    assert accepted(listed, request).presentation_contexts[0].result == 0
    titles = {request.calling_ae_title}
    choosy = PlainPolicy((SupportedContext(PUSH),), calling=cast("frozenset[str]", titles))
    assert accepted(choosy, request)
    titles.clear()
    assert isinstance(choosy.decide(request, HERE), AAssociateRJ)
    syntaxes[:] = [uids.EXPLICIT_VR_LE]
    assert accepted(listed, request).presentation_contexts[0].result != 0

    windowed = received(build_request(replace(OPTIONS, async_window=(9, 9))))
    window = [2, 2]
    policy = PlainPolicy((SupportedContext(PUSH),), async_window=cast("tuple[int, int]", window))
    before = accepted(policy, windowed)
    window[:] = [3, 3]
    assert accepted(policy, windowed) != before


class Several(tuple[str, ...]):
    """No plain tuple: it may say something else each time."""


class Undecided(SupportedContext):
    """An entry somebody has his own idea of."""


@pytest.mark.parametrize("entry", [SupportedContext(PUSH, Several((uids.IMPLICIT_VR_LE,))), Undecided(PUSH)])
def test_a_policy_with_entries_of_another_class_is_asked_each_time(entry: SupportedContext) -> None:
    policy, request = PlainPolicy((entry,)), received(build_request(OPTIONS))
    assert policy.decide(request, HERE) is not policy.decide(request, HERE)


def test_nothing_is_kept_that_holds_a_collection_of_another_class(memory: recurring._Memory) -> None:
    build_request(replace(OPTIONS, contexts=(ProposedContext(PUSH, Several((uids.IMPLICIT_VR_LE,))),)))
    assert everything(memory) == []


class Moody(PlainPolicy):
    """Has a mind of its own."""

    asked = 0

    def _supported(self, request: AAssociateRQ) -> dict[str, SupportedContext]:
        Moody.asked += 1
        return {}


def test_a_policy_of_another_class_is_asked_each_time() -> None:
    request, policy = received(build_request(OPTIONS)), Moody((SupportedContext(PUSH),))
    accepted(policy, request)
    accepted(policy, request)
    assert Moody.asked == 2


def test_an_answer_that_is_made_anew_is_audited_once(
    memory: recurring._Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited: list[bytes] = []
    monkeypatch.setattr(negotiation, "audit_encoded", lambda data: audited.append(data) or [])
    for secret in (b"", b"ticket"):
        audited.clear()
        judging = PlainPolicy((SupportedContext(PUSH),), identity=lambda *_, told=secret: IdentityAnswer(True, told))
        asking = UserIdentity(3, 1, b"ticket") if secret else None
        request = build_request(replace(OPTIONS, user_identity=asking))
        for _ in range(2):
            checked(accepted(judging, request), request)
        assert len(audited) == (2 if secret else 1)
    assert b"ticket" not in repr(memory.answers).encode()


def test_a_policy_answers_the_same_request_alike() -> None:
    policy, request = PlainPolicy((SupportedContext(PUSH),), associations=1), received(build_request(OPTIONS))
    answer = policy.decide(request, HERE)
    assert policy.decide(request, Applicant("there")) is answer
    assert policy.decide(request, HERE) is answer
    assert policy.decide(request, Applicant("there", associations=1)) != answer
    assert PlainPolicy(()).decide(request, HERE) != answer
    assert accepted(replace(policy, max_length=8), request).max_length == 8


def test_a_function_of_the_policy_is_asked_each_time() -> None:
    said = iter((b"1", b"2"))
    extended = PlainPolicy((SupportedContext(PUSH),), extended=lambda _: next(said))
    request = received(build_request(replace(OPTIONS, extended=(ExtendedNegotiation(PUSH, b"?"),))))
    answers = [accepted(extended, request).find(ExtendedNegotiation) for _ in range(2)]
    assert [answer.info for answer in answers if answer] == [b"1", b"2"]
    admitted = iter((True, False))
    judging = PlainPolicy((SupportedContext(PUSH),), identity=lambda *_: IdentityAnswer(next(admitted)))
    assert [isinstance(judging.decide(request, HERE), AAssociateAC) for _ in range(2)] == [True, False]


def test_what_follows_from_a_kept_pdu_is_asked_once(memory: recurring._Memory) -> None:
    asked: list[object] = []

    def ask(pdu: AAssociateRQ, *more: object) -> int:
        asked.append((pdu, *more))
        return len(asked)

    kept = build_request(OPTIONS)
    policy, same = PlainPolicy(()), PlainPolicy(())
    assert [once(ask, kept), once(ask, kept), once(ask, kept, policy), once(ask, kept, same)] == [1, 1, 2, 3]
    strange = replace(kept)
    assert [once(ask, strange), once(ask, strange), once(ask, kept, strange), once(ask, kept, strange)] == [4, 5, 6, 7]
    assert [once(ask, kept), once(ask, kept, policy), once(ask, kept, same)] == [1, 2, 3]
    memory.forget()
    assert once(ask, kept) == 8


def test_options_that_were_asked_with_before_are_not_even_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    options, same = replace(OPTIONS), replace(OPTIONS)
    request = build_request(options)
    looked: list[object] = []
    get_hash = RequestOptions.__hash__
    monkeypatch.setattr(RequestOptions, "__hash__", lambda one: looked.append(one) or get_hash(one))
    assert build_request(options) is request
    assert looked == []
    assert build_request(same) is request
    assert len(looked) == 1
    assert looked[0] is same


def test_what_was_asked_with_lives_as_long_as_it_is_known_by(memory: recurring._Memory) -> None:
    options = replace(OPTIONS)
    place, request = id(options), build_request(options)
    del options
    held = [about for about, answer in memory.answers.values() if answer is request]
    assert held
    assert {id(about) for about in held} == {place}  # so that no other options can have this identity


def test_an_error_comes_each_time() -> None:
    request = build_request(replace(OPTIONS, contexts=()))
    other = received(request)
    for _ in range(2):
        with pytest.raises(LocalProtocolError, match="no presentation context"):
            checked(request)
        assert "no presentation context" in (pdu_fault(other, None) or "")


SECRETS = (
    UserIdentity(2, 0, b"user", b"secret"),
    UserIdentity(9, 0, b"x"),
    UserIdentityResponse(b"ticket"),
    UnknownItem(0x58, UserIdentity(2, 0, b"user", b"secret").encode_body()),
    UnknownItem(0x59, UserIdentityResponse(b"ticket").encode_body()),
)


@pytest.mark.parametrize("item", SECRETS)
def test_no_credentials_are_kept(item: Item, memory: recurring._Memory) -> None:
    options = [replace(OPTIONS, extra=(item,)), replace(OPTIONS, extra=(UserInformation((item,)),))]
    if isinstance(item, UserIdentity):
        options.append(replace(OPTIONS, user_identity=item))
    for each in options:
        request = build_request(each)
        with contextlib.suppress(LocalProtocolError):
            checked(request)
        if each is options[1]:  # which nobody else reads like that
            continue
        seen = received(request)
        assert (pdu_fault(seen, None), encode_pdu(seen)) == (None, encode_pdu(request))
        answer = accepted(PlainPolicy((SupportedContext(PUSH),)), seen)
        checked(answer, seen)
        once(Negotiated, seen, answer, False)
    assert not memory.pdus
    assert not any(secret in repr(memory.answers) for secret in ("secret", "ticket"))


@pytest.mark.parametrize("item", SECRETS)
def test_nor_are_credentials_where_none_belong(item: Item, memory: recurring._Memory) -> None:
    context = PresentationContext(1, (AbstractSyntax(PUSH), item))
    for items in ((item,), (context,), (context, UserInformation((MaximumLength(8),)))):
        request = AAssociateRQ("CALLED", "CALLING", items)
        assert received(request) is not received(request)
    assert everything(memory) == []


def test_what_is_kept_has_a_limit(memory: recurring._Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurring, "_ROOM", 1 << 17)
    policy = PlainPolicy((SupportedContext(PUSH),))
    most = 0
    for number in range(100):
        request = received(build_request(replace(OPTIONS, max_length=1000 + number)))
        answer = accepted(policy, request)
        checked(answer, request)
        assert once(Negotiated, request, answer, False).own_max_length == answer.max_length
        assert memory.weight <= recurring._ROOM
        most = max(most, len(memory.answers))
    request = build_request(OPTIONS)
    for _ in range(300):
        once(lambda pdu: 1, request)
        assert memory.weight <= recurring._ROOM
        most = max(most, len(memory.answers))
    assert 20 < most <= recurring._ROOM // recurring._ANSWER


def test_what_is_forgotten_is_gone(memory: recurring._Memory) -> None:
    request, policy = build_request(OPTIONS), PlainPolicy((SupportedContext(PUSH),))
    seen = received(request)
    answer = accepted(policy, seen)
    assert memory.answers
    memory.forget()
    assert everything(memory) == []
    assert memory.weight == 0
    assert received(request) is not seen
    assert accepted(policy, received(request)) is not answer
    assert build_request(OPTIONS) is not request


def test_an_answer_that_is_kept_already_weighs_nothing_more(memory: recurring._Memory) -> None:
    request = build_request(OPTIONS)
    before = memory.weight
    assert once(lambda pdu: pdu, request) is request
    assert memory.weight == before + recurring._ANSWER


def test_an_answer_that_may_not_be_kept_is_asked_for_each_time() -> None:
    def answer(_: AAssociateRQ) -> AAssociateAC:
        return AAssociateAC(items=(UserInformation((UserIdentityResponse(b"ticket"),)),))

    request = build_request(OPTIONS)
    assert once(answer, request) is not once(answer, request)


def test_what_is_large_is_not_kept(memory: recurring._Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurring, "_HEAVIEST", 1 << 14)
    large = build_request(replace(OPTIONS, extra=(UnknownItem(0x60, bytes(recurring._HEAVIEST)),)))
    assert received(large) == received(large) == large
    assert everything(memory) == []
