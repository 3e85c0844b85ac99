"""PlainPolicy: what an acceptor answers."""

from __future__ import annotations

from itertools import product

import pytest

from dicomnet import uids
from dicomnet.ul import (
    Applicant,
    IdentityAnswer,
    Negotiated,
    PlainPolicy,
    ProposedContext,
    RequestOptions,
    SupportedContext,
    build_request,
)
from dicomnet.ul.negotiation import acceptance_fault
from dicomnet.wire import (
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AsyncOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    RoleSelection,
    UserIdentity,
    UserIdentityResponse,
)
from dicomnet.wire.audit import audit

IVR, EVR, BIG = uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE
PUSH, EVENT = uids.UPS_PUSH, uids.UPS_EVENT


def request_of(*contexts: ProposedContext, **options: object) -> AAssociateRQ:
    return build_request(RequestOptions("WORKLIST", "MODALITY", contexts, **options))  # type: ignore[arg-type]


def accepted(policy: PlainPolicy, request: AAssociateRQ) -> AAssociateAC:
    response = policy.decide(request, Applicant("192.0.2.1"))
    assert isinstance(response, AAssociateAC)
    assert [finding for finding in audit(response) if finding.severity == "error"] == []
    return response


def results(response: AAssociateAC) -> list[tuple[int, int, str | None]]:
    return [(int(c.context_id), int(c.result), c.transfer_syntax) for c in response.presentation_contexts]


def test_each_context_is_answered_in_the_order_of_the_request() -> None:
    policy = PlainPolicy((SupportedContext(PUSH, (EVR, IVR)),))
    request = request_of(
        ProposedContext(PUSH, (IVR, EVR), 9),
        ProposedContext(uids.VERIFICATION, (EVR,), 3),
        ProposedContext(PUSH, (BIG,), 7),
        ProposedContext(PUSH, (IVR,), 1),
    )
    assert results(accepted(policy, request)) == [(9, 0, EVR), (3, 3, IVR), (7, 4, IVR), (1, 0, IVR)]


@pytest.mark.parametrize(
    ("called", "calling", "reason"),
    [
        ("WORKLIST", "MODALITY", None),
        (" WORKLIST ", "MODALITY", None),
        ("worklist", "MODALITY", 7),
        ("OTHER", "OTHER", 7),
        ("WORKLIST", "OTHER", 3),
        ("", "MODALITY", 7),
    ],
)
def test_titles(called: str, calling: str, reason: int | None) -> None:
    policy = PlainPolicy((), ae_titles=frozenset({"WORKLIST"}), calling=frozenset({"MODALITY"}))
    request = AAssociateRQ(called, calling, request_of(ProposedContext(PUSH)).items)
    response = policy.decide(request, Applicant(""))
    if reason is None:
        assert isinstance(response, AAssociateAC)
    else:
        assert response == AAssociateRJ(1, 1, reason)


def test_any_title_goes_unless_there_is_a_list() -> None:
    request = AAssociateRQ("", "x\\y", request_of(ProposedContext(PUSH)).items)
    assert isinstance(PlainPolicy(()).decide(request, Applicant("")), AAssociateAC)


def test_another_application_context_is_rejected() -> None:
    whole = request_of(ProposedContext(PUSH), application_context="1.2.3")
    assert PlainPolicy(()).decide(whole, Applicant("")) == AAssociateRJ(1, 1, 2)
    without = AAssociateRQ("A", "B", whole.items[1:])
    assert PlainPolicy(()).decide(without, Applicant("")) == AAssociateRJ(1, 1, 2)


def test_the_answer_repeats_what_the_standard_wants_repeated() -> None:
    items = request_of(ProposedContext(PUSH)).items
    request = AAssociateRQ("CALLED", "CALLING", items, reserved_block=bytes(range(32)))
    response = accepted(PlainPolicy((), max_length=4096), request)
    assert (response.called_ae_title, response.calling_ae_title) == ("CALLED", "CALLING")
    assert response.reserved_block == bytes(range(32))
    assert response.max_length == 4096
    assert results(response) == [(1, 3, IVR)]


@pytest.mark.parametrize(
    ("scu", "scp", "ready_scu", "ready_scp"), list(product((0, 1), (0, 1), (False, True), (False, True)))
)
def test_roles_are_granted_if_we_take_the_opposite_one(scu: int, scp: int, ready_scu: bool, ready_scp: bool) -> None:
    policy = PlainPolicy((SupportedContext(EVENT, (IVR,), scu=ready_scu, scp=ready_scp),))
    request = request_of(ProposedContext(EVENT, (IVR,)), roles=(RoleSelection(EVENT, scu, scp),))
    response = accepted(policy, request)
    grant = (int(scu and ready_scp), int(scp and ready_scu))
    assert response.find_all(RoleSelection) == (RoleSelection(EVENT, *grant),)
    assert results(response) == [(1, 0 if any(grant) else 1, IVR)]
    ours = Negotiated(request, response, False).for_abstract_syntax(EVENT)
    assert (ours and (ours.as_scu, ours.as_scp)) == ((bool(grant[1]), bool(grant[0])) if any(grant) else None)


def test_a_receiver_of_ups_events_answers_the_reporting_scp() -> None:
    policy = PlainPolicy((SupportedContext(EVENT, scu=True),))
    response = accepted(policy, request_of(ProposedContext(EVENT), roles=(RoleSelection(EVENT, 0, 1),)))
    assert response.find_all(RoleSelection) == (RoleSelection(EVENT, 0, 1),)
    # A reporter that forgets role selection is accepted too; what it then sends is for the user to judge.
    plain = accepted(policy, request_of(ProposedContext(EVENT)))
    assert results(plain) == [(1, 0, IVR)]
    assert plain.find_all(RoleSelection) == ()


def test_without_role_selection_we_have_to_be_ready_as_scp() -> None:
    policy = PlainPolicy((SupportedContext(EVENT, scu=True, scp=False),))
    assert results(accepted(policy, request_of(ProposedContext(EVENT)))) == [(1, 1, IVR)]


def test_role_selection_may_be_left_unanswered() -> None:
    policy = PlainPolicy((SupportedContext(EVENT, scu=True),), answer_roles=False)
    response = accepted(policy, request_of(ProposedContext(EVENT), roles=(RoleSelection(EVENT, 0, 1),)))
    assert response.find_all(RoleSelection) == ()
    ours = Negotiated(build_request(RequestOptions("A", "B", (ProposedContext(EVENT),))), response, False)
    assert ours.contexts[1].as_scp


def test_roles_of_other_classes_are_not_answered() -> None:
    request = request_of(ProposedContext(PUSH), roles=(RoleSelection("1.2.3", 1, 1),))
    assert accepted(PlainPolicy((SupportedContext(PUSH),)), request).find_all(RoleSelection) == ()


# Operations window.


@pytest.mark.parametrize("ours", [(1, 1), (0, 0), (3, 0), (0, 5), (2, 7)])
@pytest.mark.parametrize("theirs", [(1, 1), (0, 0), (4, 0), (0, 6), (65535, 3)])
def test_the_window_is_the_lesser_one_in_each_direction(ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    policy = PlainPolicy((SupportedContext(PUSH),), async_window=ours)
    request = request_of(ProposedContext(PUSH), async_window=theirs)
    response = accepted(policy, request)
    assert acceptance_fault(request, response) is None
    lesser = [min(a or 99999, b or 99999) % 99999 for a, b in ((ours[1], theirs[0]), (ours[0], theirs[1]))]
    assert response.find_all(AsyncOperationsWindow) == (AsyncOperationsWindow(*lesser),)
    requestor, acceptor = (Negotiated(request, response, side) for side in (True, False))
    assert [requestor.max_invoked, requestor.max_performed] == lesser
    assert [acceptor.max_performed, acceptor.max_invoked] == lesser


def test_a_window_is_answered_only_if_proposed() -> None:
    policy = PlainPolicy((SupportedContext(PUSH),), async_window=(0, 0))
    assert accepted(policy, request_of(ProposedContext(PUSH))).find_all(AsyncOperationsWindow) == ()


# User identity.

IDENTITIES = [
    (UserIdentity(1, 1, b"mueller"), b""),
    (UserIdentity(2, 1, b"mueller", b"secret"), b""),
    (UserIdentity(3, 1, b"ticket"), b"server ticket"),
    (UserIdentity(4, 1, b"<saml/>"), b"<response/>"),
    (UserIdentity(5, 1, b"a.b.c"), b""),
]


@pytest.mark.parametrize(("identity", "response"), IDENTITIES)
def test_an_identity_of_each_type_is_judged_and_answered(identity: UserIdentity, response: bytes) -> None:
    seen: list[tuple[UserIdentity | None, Applicant]] = []

    def judge(user: UserIdentity | None, applicant: Applicant) -> IdentityAnswer:
        seen.append((user, applicant))
        return IdentityAnswer(True, response)

    policy = PlainPolicy((SupportedContext(PUSH),), identity=judge)
    request = request_of(ProposedContext(PUSH), user_identity=identity)
    answer = accepted(policy, request)
    assert seen == [(identity, Applicant("192.0.2.1"))]
    assert acceptance_fault(request, answer) is None
    for side in (True, False):
        negotiated = Negotiated(request, answer, side)
        assert (negotiated.user_identity, negotiated.identity_response) == (identity, response)


def test_a_response_is_given_only_if_wanted() -> None:
    policy = PlainPolicy((SupportedContext(PUSH),), identity=lambda user, applicant: IdentityAnswer(True, b"ticket"))
    request = request_of(ProposedContext(PUSH), user_identity=UserIdentity(3, 0, b"ticket"))
    answer = accepted(policy, request)
    assert answer.find_all(UserIdentityResponse) == ()
    assert Negotiated(request, answer, True).identity_response is None


@pytest.mark.parametrize("identity", [UserIdentity(1, 1, b"user"), UserIdentity(2, 1, b"user", b"secret")])
def test_a_user_name_that_is_accepted_is_answered_without_content(identity: UserIdentity) -> None:
    policy = PlainPolicy((SupportedContext(PUSH),), identity=lambda user, applicant: IdentityAnswer(True, b"welcome"))
    request = request_of(ProposedContext(PUSH), user_identity=identity)
    answer = accepted(policy, request)
    assert answer.find_all(UserIdentityResponse) == (UserIdentityResponse(b""),)
    assert acceptance_fault(request, answer) is None


def test_an_identity_is_ignored_without_a_judge_and_not_confirmed() -> None:
    request = request_of(ProposedContext(PUSH), user_identity=UserIdentity(1, 1, b"user"))
    response = accepted(PlainPolicy((SupportedContext(PUSH),)), request)
    assert [item.item_type for item in response.user_information] == [0x51, 0x52, 0x55]
    assert Negotiated(request, response, True).identity_response is None


def test_a_wrong_user_is_rejected_and_one_without_a_name_too() -> None:
    def judge(user: UserIdentity | None, applicant: Applicant) -> IdentityAnswer:
        return IdentityAnswer(user is not None and user.secondary == b"secret")

    policy = PlainPolicy((SupportedContext(PUSH),), identity=judge)
    for identity in (UserIdentity(2, 0, b"mueller", b"guess"), None):
        request = request_of(ProposedContext(PUSH), user_identity=identity)
        assert policy.decide(request, Applicant("")) == AAssociateRJ(1, 2, 1)
    right = request_of(ProposedContext(PUSH), user_identity=UserIdentity(2, 0, b"mueller", b"secret"))
    assert accepted(policy, right).find_all(UserIdentityResponse) == ()


def test_nobody_learns_of_passcodes_who_is_not_let_in_anyway() -> None:
    def judge(user: UserIdentity | None, applicant: Applicant) -> IdentityAnswer:
        raise AssertionError

    policy = PlainPolicy((), ae_titles=frozenset({"WORKLIST"}), associations=1, identity=judge)
    request = request_of(ProposedContext(PUSH), user_identity=UserIdentity(2, 0, b"mueller", b"guess"))
    wrong = AAssociateRQ("OTHER", "MODALITY", request.items)
    assert policy.decide(wrong, Applicant("")) == AAssociateRJ(1, 1, 7)
    assert policy.decide(request, Applicant("", associations=1)) == AAssociateRJ(2, 3, 2)


# How many.


@pytest.mark.parametrize(
    ("limits", "counts"),
    [
        ({"associations": 3}, {"associations": 3}),
        ({"per_address": 2}, {"associations": 5, "of_address": 2}),
        ({"per_title": 1}, {"associations": 5, "of_address": 4, "of_title": 1}),
        ({"associations": 0}, {}),
    ],
)
def test_one_more_than_allowed_is_rejected_for_now(limits: dict[str, int], counts: dict[str, int]) -> None:
    policy = PlainPolicy((SupportedContext(PUSH),), **limits)  # type: ignore[arg-type]
    request = request_of(ProposedContext(PUSH))
    assert policy.decide(request, Applicant("", **counts)) == AAssociateRJ(2, 3, 2)  # type: ignore[arg-type]
    ((name, limit),) = limits.items()
    if limit:
        counted = {"associations": "associations", "per_address": "of_address", "per_title": "of_title"}[name]
        fewer = Applicant("", **{**counts, counted: limit - 1})  # type: ignore[arg-type]
        assert isinstance(policy.decide(request, fewer), AAssociateAC)


# Extended negotiation.


def test_a_specialized_class_is_taken_for_the_general_one() -> None:
    general, special, third = "1.2.3", "1.2.3.4", "1.2.3.5"
    common = (
        CommonExtendedNegotiation(special, "1.2", ("1.9", general + "\0")),
        CommonExtendedNegotiation(third, "1.2", ("1.9",)),
    )
    contexts = (ProposedContext(special), ProposedContext(third))
    request = request_of(*contexts, common_extended=common, roles=(RoleSelection(special, 0, 1),))
    ready = PlainPolicy((SupportedContext(general, scu=True, specialized=True),))
    response = accepted(ready, request)
    assert results(response) == [(1, 0, IVR), (3, 3, IVR)]
    assert response.find_all(RoleSelection) == (RoleSelection(special, 0, 1),)
    assert results(accepted(PlainPolicy((SupportedContext(general),)), request)) == [(1, 3, IVR), (3, 3, IVR)]


def test_an_entry_of_its_own_goes_before_that_of_a_general_class() -> None:
    entries = (SupportedContext("1.2.3", (IVR,), specialized=True), SupportedContext("1.2.3.4", (EVR,)))
    request = request_of(
        ProposedContext("1.2.3.4", (IVR, EVR)),
        common_extended=(CommonExtendedNegotiation("1.2.3.4", "1.2", ("1.2.3",)),),
    )
    assert results(accepted(PlainPolicy(entries), request)) == [(1, 0, EVR)]


def test_extended_negotiation_is_answered_for_what_we_support() -> None:
    policy = PlainPolicy((SupportedContext(PUSH),), extended=lambda item: item.info[:1] or None)
    extra = (
        ExtendedNegotiation(PUSH, b"\1\1\0"),
        ExtendedNegotiation("1.2.3", b"\1"),
    )
    response = accepted(policy, request_of(ProposedContext(PUSH), extra=extra))
    assert response.find_all(ExtendedNegotiation) == (ExtendedNegotiation(PUSH, b"\1"),)
    empty = request_of(ProposedContext(PUSH), extra=(ExtendedNegotiation(PUSH, b""),))
    assert accepted(policy, empty).find_all(ExtendedNegotiation) == ()
