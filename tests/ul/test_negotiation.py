"""What two ends agree on, from any order and any carelessness of the peer."""

from __future__ import annotations

from itertools import permutations, product
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet import uids
from dicomnet.errors import LocalProtocolError
from dicomnet.ul import (
    AcceptedContext,
    Applicant,
    Negotiated,
    PlainPolicy,
    ProposedContext,
    RequestOptions,
    State,
    SupportedContext,
    build_request,
)
from dicomnet.ul.negotiated import granted_roles
from dicomnet.ul.negotiation import acceptance_fault, associate_fault, checked, pdu_fault
from dicomnet.ul.receiving import _in_order
from dicomnet.wire import (
    AAssociateAC,
    AAssociateRQ,
    AbstractSyntax,
    ApplicationContext,
    AsyncOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ImplementationClassUid,
    ImplementationVersionName,
    Item,
    MaximumLength,
    PDataTF,
    Pdv,
    PresentationContext,
    PresentationContextResult,
    RoleSelection,
    TransferSyntax,
    UnknownItem,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
    decode_pdu,
    encode_pdu,
)
from dicomnet.wire.audit import audit

IVR, EVR, BIG = uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE
PUSH, PULL, WATCH, EVENT = uids.UPS_PUSH, uids.UPS_PULL, uids.UPS_WATCH, uids.UPS_EVENT


def request_of(*contexts: ProposedContext, **options: object) -> AAssociateRQ:
    return build_request(RequestOptions("CALLED", "CALLING", contexts, **options))  # type: ignore[arg-type]


def accept_of(*items: Item) -> AAssociateAC:
    return AAssociateAC("any", "thing", (ApplicationContext(uids.APPLICATION_CONTEXT), *items))


REQUEST = request_of(
    ProposedContext(PUSH, (IVR, EVR)), ProposedContext(PULL, (IVR, EVR)), ProposedContext(WATCH, (IVR, EVR))
)


def test_what_was_agreed_on_cannot_be_set() -> None:
    """Associations of the same PDUs share it."""
    agreed = Negotiated(REQUEST, accept_of(), True)
    with pytest.raises(AttributeError):
        agreed.peer_max_length = 100  # type: ignore[misc]


# Building a request.


def test_a_built_request_has_nothing_wrong_with_it() -> None:
    request = request_of(
        ProposedContext(PUSH),
        ProposedContext(EVENT),
        roles=(RoleSelection(EVENT, 0, 1),),
        async_window=(0, 7),
        extended=(ExtendedNegotiation(PUSH, b"\1"),),
        common_extended=(CommonExtendedNegotiation(EVENT, "1.2.3", (PUSH,)),),
        user_identity=UserIdentity(1, 0, b"user"),
        extra=(UnknownItem(0x60, b"?"),),
    )
    assert [finding for finding in audit(request) if finding.severity == "error"] == []
    assert decode_pdu(encode_pdu(request)) == request
    types = [item.item_type for item in request.user_information]
    assert types == [0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x60]
    assert request.find(AsyncOperationsWindow) == AsyncOperationsWindow(0, 7)


def test_contexts_without_an_id_get_the_free_odd_numbers() -> None:
    request = request_of(
        ProposedContext(PUSH), ProposedContext(PULL, context_id=1), ProposedContext(WATCH, context_id=5),
        ProposedContext(EVENT),
    )  # fmt: skip
    assert [context.context_id for context in request.presentation_contexts] == [3, 1, 5, 7]


def test_128_contexts_fit_and_no_more() -> None:
    request = request_of(*(ProposedContext(PUSH) for _ in range(128)))
    assert [context.context_id for context in request.presentation_contexts] == list(range(1, 256, 2))
    assert associate_fault(request) is None
    with pytest.raises(LocalProtocolError, match="128"):
        request_of(*(ProposedContext(PUSH) for _ in range(129)))


# Judging our own.


def test_a_verdict_is_the_same_the_second_time() -> None:
    right = request_of(ProposedContext(PUSH))
    wrong = request_of(ProposedContext("not a UID"))
    answer = PlainPolicy((SupportedContext(PUSH),)).decide(right, Applicant("here"))
    astray = request_of(ProposedContext(PUSH, context_id=3))
    assert isinstance(answer, AAssociateAC)
    for _ in range(2):
        assert checked(right) == encode_pdu(right)
        assert checked(answer, right) == encode_pdu(answer)
        with pytest.raises(LocalProtocolError, match=r"items\[1\]"):
            checked(wrong)
        with pytest.raises(LocalProtocolError, match="presentation context 1 was not proposed"):
            checked(answer, astray)


def test_what_cannot_be_encoded_is_refused_with_all_that_is_wrong() -> None:
    items = request_of(ProposedContext(PUSH)).items
    with pytest.raises(LocalProtocolError, match=r"calling_ae_title.*; .*no presentation context"):
        checked(AAssociateRQ("A", "B" * 17, (items[0], items[-1])))


# The outcome.


def test_both_ends_read_the_same_outcome_with_opposite_roles() -> None:
    response = accept_of(
        PresentationContextResult.of(1, 0, IVR),
        PresentationContextResult.of(3, 3, IVR),
        PresentationContextResult.of(5, 0, EVR),
        UserInformation((MaximumLength(4000), ImplementationClassUid("1.2.3"), ImplementationVersionName("PEER"))),
    )
    requestor = Negotiated(REQUEST, response, is_requestor=True)
    acceptor = Negotiated(REQUEST, response, is_requestor=False)
    assert dict(requestor.contexts) == {
        1: AcceptedContext(1, PUSH, IVR, as_scu=True, as_scp=False),
        5: AcceptedContext(5, WATCH, EVR, as_scu=True, as_scp=False),
    }
    assert acceptor.contexts[5] == AcceptedContext(5, WATCH, EVR, as_scu=False, as_scp=True)
    assert (requestor.peer_max_length, requestor.own_max_length) == (4000, 16384)
    assert (acceptor.peer_max_length, acceptor.own_max_length) == (16384, 4000)
    assert (requestor.peer_implementation_uid, requestor.peer_implementation_version) == ("1.2.3", "PEER")
    assert acceptor.peer_implementation_uid == uids.IMPLEMENTATION_CLASS_UID
    for side in (requestor, acceptor):
        assert (side.called_ae_title, side.calling_ae_title) == ("CALLED", "CALLING")
        assert side.refused[3].result == 3
        assert side.for_abstract_syntax(PULL) is None
        found = side.for_abstract_syntax(WATCH)
        assert found is not None
        assert found.context_id == 5


def test_the_order_of_the_answers_does_not_matter() -> None:
    answers = [
        PresentationContextResult.of(1, 0, IVR),
        PresentationContextResult.of(3, 4, IVR),
        PresentationContextResult.of(5, 0, EVR),
    ]
    outcomes = {
        tuple(Negotiated(REQUEST, accept_of(*order), True).contexts.values()) for order in permutations(answers)
    }
    assert len(outcomes) == 1


def test_context_ids_need_not_ascend() -> None:
    request = request_of(
        ProposedContext(PUSH, (IVR,), 255), ProposedContext(PULL, (IVR,), 1), ProposedContext(WATCH, (EVR,), 77)
    )
    response = accept_of(*(PresentationContextResult.of(number, 0, IVR) for number in (1, 255)))
    negotiated = Negotiated(request, response, True)
    assert list(negotiated.contexts) == [255, 1]
    assert negotiated.contexts[255].abstract_syntax == PUSH
    assert negotiated.refused[77].result is None


@pytest.mark.parametrize(
    ("answers", "accepted"),
    [
        ([PresentationContextResult.of(1, 0, IVR), PresentationContextResult.of(7, 0, IVR)], [1]),  # 7 not proposed
        ([PresentationContextResult.of(1, 0, IVR), PresentationContextResult.of(1, 4, IVR)], [1]),  # the first counts
        ([PresentationContextResult.of(1, 4, IVR), PresentationContextResult.of(1, 0, IVR)], []),
        ([PresentationContextResult.of(1, 0, BIG)], []),  # a transfer syntax that was not proposed
        ([PresentationContextResult(1, 0)], []),  # none at all
        ([PresentationContextResult(1, 3)], []),
        ([PresentationContextResult.of(1, 9, IVR)], []),
        ([PresentationContextResult.of(1, 0, IVR + "\0")], [1]),
        ([PresentationContextResult.of(1, 0, EVR + " ")], [1]),
        ([], []),
    ],
)
def test_answers_of_careless_peers(answers: list[PresentationContextResult], accepted: list[int]) -> None:
    assert list(Negotiated(REQUEST, accept_of(*answers), True).contexts) == accepted


def test_padded_uids_of_a_request_are_read_without_padding() -> None:
    request = AAssociateRQ(
        "A",
        "B",
        (
            ApplicationContext(uids.APPLICATION_CONTEXT + "\0"),
            PresentationContext(1, (AbstractSyntax(PUSH + "\0"), TransferSyntax(IVR + "\0"))),
            UserInformation((RoleSelection(PUSH + "\0", 1, 1), ImplementationClassUid("1.2\0"))),
        ),
    )
    policy = PlainPolicy((SupportedContext(PUSH, scu=True),))
    response = policy.decide(request, Applicant(""))
    assert isinstance(response, AAssociateAC)
    assert audit(response) == []
    negotiated = Negotiated(request, response, False)
    assert dict(negotiated.contexts) == {1: AcceptedContext(1, PUSH, IVR, as_scu=True, as_scp=True)}
    assert negotiated.peer_implementation_uid == "1.2"


def test_missing_user_information_means_no_limit_and_no_name() -> None:
    response = accept_of(PresentationContextResult.of(1, 0, IVR))
    assert associate_fault(response) is None
    negotiated = Negotiated(REQUEST, response, True)
    assert negotiated.peer_max_length == 0
    assert negotiated.peer_implementation_uid == ""
    assert negotiated.peer_implementation_version == ""
    assert (negotiated.max_invoked, negotiated.max_performed) == (1, 1)
    assert negotiated.identity_response is None
    assert negotiated.extended == {}


def test_titles_are_compared_without_their_spaces() -> None:
    request = AAssociateRQ("  CALLED ", " CALLING", REQUEST.items)
    negotiated = Negotiated(request, accept_of(), False)
    assert (negotiated.called_ae_title, negotiated.calling_ae_title) == ("CALLED", "CALLING")


def test_the_outcome_cannot_be_changed_and_shows_itself() -> None:
    negotiated = Negotiated(REQUEST, accept_of(PresentationContextResult.of(1, 0, IVR)), True)
    with pytest.raises(TypeError):
        negotiated.contexts[3] = negotiated.contexts[1]  # type: ignore[index]
    assert "CALLING" in repr(negotiated)


# Roles.


@pytest.mark.parametrize(("proposed", "answered"), list(product(product((0, 1), repeat=2), repeat=2)))
def test_a_role_holds_if_both_said_1(proposed: tuple[int, int], answered: tuple[int, int]) -> None:
    roles = granted_roles(RoleSelection(PUSH, *proposed), RoleSelection(PUSH, *answered))
    assert roles == (proposed[0] == answered[0] == 1, proposed[1] == answered[1] == 1)


def test_without_proposal_or_answer_the_requestor_is_scu() -> None:
    role = RoleSelection(PUSH, 0, 1)
    assert granted_roles(None, None) == granted_roles(role, None) == granted_roles(None, role) == (True, False)


def test_a_role_value_that_is_no_role_is_no_yes() -> None:
    assert granted_roles(RoleSelection(PUSH, 2, 255), RoleSelection(PUSH, 2, 255)) == (False, False)


def test_roles_hold_for_every_context_of_the_class_and_the_first_item_counts() -> None:
    request = request_of(
        ProposedContext(EVENT, (IVR,)),
        ProposedContext(EVENT, (EVR,)),
        ProposedContext(PUSH, (IVR,)),
        roles=(RoleSelection(EVENT, 0, 1), RoleSelection(EVENT, 1, 1)),
    )
    answers = [PresentationContextResult.of(n, 0, ts) for n, ts in ((1, IVR), (3, EVR), (5, IVR))]
    roles = UserInformation((RoleSelection(EVENT, 1, 1), RoleSelection(EVENT, 0, 0)))
    negotiated = Negotiated(request, accept_of(*answers, roles), True)
    assert [(c.as_scu, c.as_scp) for c in negotiated.contexts.values()] == [(False, True), (False, True), (True, False)]


# Faults.


@pytest.mark.parametrize(("value", "fault"), [(0, False), (1, True), (7, True), (8, False), (0xFFFFFFFF, False)])
def test_a_maximum_length_must_leave_room_for_a_fragment(value: int, fault: bool) -> None:
    assert (associate_fault(request_of(ProposedContext(PUSH), max_length=value)) is not None) is fault
    assert (associate_fault(accept_of(UserInformation((MaximumLength(value),)))) is not None) is fault


@pytest.mark.parametrize(
    "items",
    [
        (ApplicationContext(uids.APPLICATION_CONTEXT),),
        (UserInformation(),),
        (UserInformation((MaximumLength(0),)),),
    ],
)
def test_what_occurs_once_may_not_occur_twice(items: tuple[Item, ...]) -> None:
    whole = request_of(ProposedContext(PUSH))
    assert associate_fault(AAssociateRQ("A", "B", (*whole.items, *items))) is not None


@pytest.mark.parametrize(
    "kind",
    [
        MaximumLength(0),
        ImplementationClassUid("1.2"),
        AsyncOperationsWindow(1, 1),
        UserIdentity(1, 0, b"user"),
        UserIdentityResponse(),
    ],
)
def test_a_sub_item_that_occurs_once_may_not_occur_twice(kind: Item) -> None:
    assert associate_fault(accept_of(UserInformation((kind, kind)))) is not None


def test_unknown_items_are_no_fault() -> None:
    whole = request_of(ProposedContext(PUSH))
    request = AAssociateRQ("A", "B", (UnknownItem(0x99, b"?"), *whole.items, UnknownItem(0x99, b"?")))
    assert associate_fault(request) is None
    assert associate_fault(accept_of(UserInformation((UnknownItem(0x60, b"?"), UnknownItem(0x60))))) is None


def test_an_acceptance_answers_what_was_proposed() -> None:
    assert acceptance_fault(REQUEST, accept_of(PresentationContextResult.of(1, 0, EVR))) is None
    assert acceptance_fault(REQUEST, accept_of(PresentationContextResult.of(1, 4, BIG))) is None
    assert acceptance_fault(REQUEST, accept_of(PresentationContextResult.of(1, 0, BIG))) is not None
    assert acceptance_fault(REQUEST, accept_of(PresentationContextResult.of(7, 3, IVR))) is not None


# Another implementation.


def test_a_request_made_by_pynetdicom_is_negotiated(ul: SimpleNamespace) -> None:
    from pynetdicom import build_context, build_role
    from pynetdicom.pdu import A_ASSOCIATE_RQ
    from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification

    primitive = A_ASSOCIATE()
    primitive.application_context_name = uids.APPLICATION_CONTEXT
    primitive.calling_ae_title = "PYNETDICOM"
    primitive.called_ae_title = "WORKLIST"
    length = MaximumLengthNotification()
    length.maximum_length_received = 16382
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = "1.2.826.0.1.3680043.9.3811.3.0.4"
    role = build_role(EVENT, scp_role=True)
    primitive.user_information = [length, implementation, role]
    contexts = [build_context(EVENT, [EVR, IVR]), build_context(PUSH, [BIG])]
    for number, context in zip((3, 1), contexts, strict=True):
        context.context_id = number
    primitive.presentation_context_definition_list = contexts
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)

    association = ul.reach(State.STA2)
    association.receive_data(pdu.encode(), 0.0)
    (indication,) = ul.drain(association)
    policy = PlainPolicy((SupportedContext(EVENT, (IVR, EVR), scu=True), SupportedContext(PUSH)))
    response = policy.decide(indication.request, Applicant(""))
    assert isinstance(response, AAssociateAC)
    association.associate_accept(response, 0.0)
    assert association.negotiated.calling_ae_title == "PYNETDICOM"
    assert association.negotiated.peer_max_length == 16382
    assert dict(association.negotiated.contexts) == {3: AcceptedContext(3, EVENT, IVR, as_scu=True, as_scp=False)}
    assert association.negotiated.refused[1].result == 4

    from pynetdicom.pdu import A_ASSOCIATE_AC

    theirs = A_ASSOCIATE_AC()
    theirs.decode(ul.take(association))
    answered = theirs.to_primitive()
    assert {c.context_id: c.result for c in answered.presentation_context_definition_results_list} == {1: 4, 3: 0}


@given(st.lists(st.lists(st.sampled_from([1, 3, 5]), max_size=3), max_size=3), st.booleans())
def test_data_that_is_taken_at_once_is_what_has_no_fault(contexts: list[list[int]], associated: bool) -> None:
    results = (PresentationContextResult(id_, 0, (TransferSyntax(IVR),)) for id_ in (1, 3))
    negotiated = Negotiated(REQUEST, accept_of(*results), True) if associated else None
    p_data = [PDataTF(tuple(Pdv(context_id, b"x") for context_id in ids)) for ids in contexts]
    assert _in_order(p_data, negotiated) is all(pdu_fault(pdu, negotiated) is None for pdu in p_data)
