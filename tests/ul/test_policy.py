"""PlainPolicy: what an acceptor answers."""

from __future__ import annotations

from itertools import product

import pytest

from dicomnet import uids
from dicomnet.ul import (
    Applicant,
    Negotiated,
    PlainPolicy,
    ProposedContext,
    RequestOptions,
    SupportedContext,
    build_request,
)
from dicomnet.wire import (
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AsyncOperationsWindow,
    ExtendedNegotiation,
    RoleSelection,
    UserIdentity,
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


def test_neither_identity_nor_async_window_is_answered() -> None:
    extra = (UserIdentity(1, 1, b"user"), AsyncOperationsWindow(0, 0))
    response = accepted(PlainPolicy((SupportedContext(PUSH),)), request_of(ProposedContext(PUSH), extra=extra))
    assert [item.item_type for item in response.user_information] == [0x51, 0x52, 0x55]


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
