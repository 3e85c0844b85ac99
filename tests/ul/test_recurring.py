"""What is kept of associations for the next one: as much as may be, nothing private, and never another answer."""

from __future__ import annotations

import contextlib
from dataclasses import replace

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
    recurring,
)
from dicomnet.ul.negotiation import checked, pdu_fault
from dicomnet.ul.recurring import decode_remembered, once
from dicomnet.wire import (
    AAssociateAC,
    AAssociateRQ,
    ExtendedNegotiation,
    Item,
    UnknownItem,
    UserIdentity,
    UserIdentityResponse,
    encode_pdu,
)

PUSH = uids.UPS_PUSH
OPTIONS = RequestOptions("CALLED", "CALLING", (ProposedContext(PUSH),))
HERE = Applicant("here")


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> recurring._Memory:
    """One of the test's own, empty."""
    fresh = recurring._Memory()
    monkeypatch.setattr(recurring, "_memory", fresh)
    return fresh


def everything(memory: recurring._Memory) -> list[object]:
    return [*memory.decoded, *memory.built, *memory.kept, *memory.answers]


def received(request: AAssociateRQ) -> AAssociateRQ:
    pdu = decode_remembered(encode_pdu(request))
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
            decode_remembered(encode_pdu(request)[:-1])


def test_equal_options_are_the_same_request() -> None:
    request = build_request(OPTIONS)
    assert build_request(replace(OPTIONS)) is request
    assert build_request(replace(OPTIONS, max_length=8)).max_length == 8
    assert build_request(replace(OPTIONS, contexts=[ProposedContext(PUSH)])) == request  # type: ignore[arg-type]
    unfit = replace(OPTIONS, calling_ae_title="B" * 17)
    for _ in range(2):
        with pytest.raises(LocalProtocolError, match="calling_ae_title"):
            checked(build_request(unfit))


def test_a_policy_answers_the_same_request_alike() -> None:
    policy, request = PlainPolicy((SupportedContext(PUSH),), associations=1), received(build_request(OPTIONS))
    answer = policy.decide(request, HERE)
    assert policy.decide(request, Applicant("there")) is answer
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


def test_an_error_comes_each_time() -> None:
    request = build_request(replace(OPTIONS, contexts=()))
    other = received(request)
    for _ in range(2):
        with pytest.raises(LocalProtocolError, match="no presentation context"):
            checked(request)
        assert "no presentation context" in (pdu_fault(other, None) or "")


@pytest.mark.parametrize(
    "item",
    [
        UserIdentity(2, 0, b"user", b"secret"),
        UserIdentity(9, 0, b"x"),
        UserIdentityResponse(b"ticket"),
        UnknownItem(0x58, UserIdentity(2, 0, b"user", b"secret").encode_body()),
        UnknownItem(0x59, UserIdentityResponse(b"ticket").encode_body()),
    ],
)
def test_no_credentials_are_kept(item: Item, memory: recurring._Memory) -> None:
    options = [replace(OPTIONS, extra=(item,))]
    if isinstance(item, UserIdentity):
        options.append(replace(OPTIONS, user_identity=item))
    for each in options:
        request = build_request(each)
        with contextlib.suppress(LocalProtocolError):
            checked(request)
        seen = received(request)
        assert (pdu_fault(seen, None), encode_pdu(seen)) == (None, encode_pdu(request))
        answer = accepted(PlainPolicy((SupportedContext(PUSH),)), seen)
        checked(answer, seen)
        once(Negotiated, seen, answer, False)
    assert everything(memory) == []


def test_what_is_kept_has_a_limit(memory: recurring._Memory) -> None:
    policy = PlainPolicy((SupportedContext(PUSH),))
    for number in range(600):
        request = received(build_request(replace(OPTIONS, max_length=1000 + number)))
        answer = accepted(policy, request)
        checked(answer, request)
        assert once(Negotiated, request, answer, False).own_max_length == answer.max_length
        assert memory.size <= recurring._ROOM
        assert len(everything(memory)) < 8 * recurring._ROOM // recurring._LEAST
    request = build_request(OPTIONS)
    for _ in range(2 * recurring._ANSWERS):
        once(lambda pdu: pdu, request)
    assert len(memory.answers) <= recurring._ANSWERS


def test_what_is_large_is_not_kept(memory: recurring._Memory) -> None:
    large = build_request(replace(OPTIONS, extra=(UnknownItem(0x60, bytes(recurring._LONGEST)),)))
    assert received(large) == received(large) == large
    assert everything(memory) == []
