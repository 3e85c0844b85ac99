"""Negotiation of all sub-items between two ends, over their bytes, and with pynetdicom's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnet import uids
from dicomnet.errors import LocalProtocolError
from dicomnet.testing import pdus as some
from dicomnet.ul import (
    Applicant,
    Association,
    IdentityAnswer,
    Negotiated,
    PlainPolicy,
    ProposedContext,
    RequestOptions,
    Role,
    State,
    SupportedContext,
    build_request,
)
from dicomnet.ul.negotiated import smaller_window
from dicomnet.ul.negotiation import acceptance_fault
from dicomnet.wire import (
    AAssociateAC,
    AAssociateRQ,
    AsyncOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    Item,
    RoleSelection,
    UnknownItem,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
    encode_pdu,
)

IVR, EVR = uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE
PUSH, PULL, EVENT = uids.UPS_PUSH, uids.UPS_PULL, uids.UPS_EVENT
REQUEST = build_request(RequestOptions("CALLED", "CALLING", (ProposedContext(PUSH),)))


def requested(request: AAssociateRQ) -> tuple[Association, Association]:
    """Two ends, the request on its way."""
    requestor, acceptor = Association(Role.REQUESTOR), Association(Role.ACCEPTOR)
    requestor.associate_request(request, 0.0)
    for end in (requestor, acceptor):
        end.transport_connected(0.0)
    for data in requestor.data_to_send():
        acceptor.receive_data(data, 0.0)
    assert acceptor.state is State.STA3
    return requestor, acceptor


def agreed(requestor: Association, acceptor: Association, answer: object) -> tuple[Negotiated, Negotiated]:
    """What both ends say is negotiated, after this answer."""
    assert isinstance(answer, AAssociateAC)
    acceptor.associate_accept(answer, 0.0)
    for data in acceptor.data_to_send():
        requestor.receive_data(data, 0.0)
    assert requestor.negotiated is not None
    assert acceptor.negotiated is not None
    return requestor.negotiated, acceptor.negotiated


def negotiate(request: AAssociateRQ, policy: PlainPolicy) -> tuple[Negotiated, Negotiated]:
    ends = requested(request)
    indication = ends[1].next_event()
    return agreed(*ends, policy.decide(indication.request, Applicant("")))  # type: ignore[union-attr]


def answer_of(*items: Item) -> AAssociateAC:
    """An acceptance of REQUEST with these sub-items, too."""
    whole = PlainPolicy((SupportedContext(PUSH),)).decide(REQUEST, Applicant(""))
    assert isinstance(whole, AAssociateAC)
    return AAssociateAC("", "", (*whole.items[:-1], UserInformation((*whole.user_information, *items))))


# Two ends.


def test_everything_at_once() -> None:
    identity = UserIdentity(3, 1, b"service ticket")
    common = CommonExtendedNegotiation(PULL, "1.2.840.10008.5.1.4.34.6", (PUSH,))
    request = build_request(
        RequestOptions(
            "CALLED",
            "CALLING",
            (ProposedContext(PUSH, (EVR, IVR)), ProposedContext(PULL), ProposedContext(EVENT)),
            roles=(RoleSelection(EVENT, 0, 1),),
            max_length=0,
            async_window=(8, 3),
            extended=(ExtendedNegotiation(PUSH, b"\1\0"), ExtendedNegotiation(PULL, b"\2")),
            common_extended=(common,),
            user_identity=identity,
        )
    )
    policy = PlainPolicy(
        (SupportedContext(PUSH, (IVR,), specialized=True), SupportedContext(EVENT, scu=True)),
        async_window=(2, 0),
        extended=lambda item: item.info[:1] if item.sop_class == PUSH else None,
        identity=lambda user, applicant: IdentityAnswer(user == identity, b"server ticket"),
    )
    requestor, acceptor = negotiate(request, policy)
    assert (requestor.max_invoked, requestor.max_performed) == (8, 2)
    assert (acceptor.max_invoked, acceptor.max_performed) == (2, 8)
    for side in (requestor, acceptor):
        assert [context.transfer_syntax for context in side.contexts.values()] == [IVR, IVR, IVR]
        assert side.proposed_extended == {PUSH: b"\1\0", PULL: b"\2"}
        assert side.extended == {PUSH: b"\1"}
        assert side.common_extended == {PULL: common}
        assert side.user_identity == identity
        assert side.identity_response == b"server ticket"
    assert requestor.contexts[5].as_scp
    assert acceptor.contexts[5].as_scu
    assert (requestor.peer_max_length, acceptor.peer_max_length) == (16384, 0)


def test_128_contexts_are_proposed_answered_and_used() -> None:
    contexts = tuple(ProposedContext(f"1.2.{number}", (EVR, IVR)) for number in range(128))
    request = build_request(RequestOptions("CALLED", "CALLING", contexts))
    policy = PlainPolicy(tuple(SupportedContext(f"1.2.{number}", (IVR,)) for number in range(128)))
    requestor, acceptor = requested(request)
    for side in agreed(requestor, acceptor, policy.decide(request, Applicant(""))):
        assert list(side.contexts) == list(range(1, 256, 2))
        last = side.for_abstract_syntax("1.2.127")
        assert last is not None
        assert last.context_id == 255
    requestor.send_p_data(255, b"command!", None, 0.0)
    for data in requestor.data_to_send():
        acceptor.receive_data(data, 0.0)
    assert acceptor.state is State.STA6


def test_unknown_sub_items_are_kept_on_both_ends_and_change_nothing() -> None:
    unknown = (UnknownItem(0x5A, b"a later edition"), UnknownItem(0xEE, b""))
    request = build_request(RequestOptions("CALLED", "CALLING", (ProposedContext(PUSH),), extra=unknown))
    ends = requested(request)
    answer = answer_of(UnknownItem(0xC0, b"\0\xff"))
    for side in agreed(*ends, answer):
        assert side.request.find_all(UnknownItem) == unknown
        assert side.response.find_all(UnknownItem) == (UnknownItem(0xC0, b"\0\xff"),)
        assert list(side.contexts) == [1]


@settings(max_examples=30)
@given(some.associate_requests(), st.booleans(), st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_both_ends_agree_whatever_is_proposed(request_: AAssociateRQ, ready: bool, window: tuple[int, int]) -> None:
    policy = PlainPolicy(
        tuple(
            SupportedContext(context.abstract_syntax or "", context.transfer_syntaxes[-1:], scu=ready)
            for context in request_.presentation_contexts
        ),
        async_window=window,
        extended=lambda item: item.info[1:],
        identity=lambda user, applicant: IdentityAnswer(True),
    )
    requestor, acceptor = negotiate(request_, policy)
    assert (requestor.max_invoked, requestor.max_performed) == (acceptor.max_performed, acceptor.max_invoked)
    assert list(requestor.contexts) == list(acceptor.contexts)
    for ours, theirs in zip(requestor.contexts.values(), acceptor.contexts.values(), strict=True):
        assert (ours.as_scu, ours.as_scp) == (theirs.as_scp, theirs.as_scu)
        assert ours.transfer_syntax == theirs.transfer_syntax
    assert requestor.extended == acceptor.extended
    assert requestor.common_extended == acceptor.common_extended
    identity = request_.find(UserIdentity)
    assert requestor.user_identity == acceptor.user_identity == identity
    wanted = identity is not None and identity.response_requested
    assert requestor.identity_response == acceptor.identity_response == (b"" if wanted else None)


@settings(max_examples=30)
@given(some.associate_requests(), some.associate_accepts())
def test_no_answer_grants_more_than_was_proposed(request_: AAssociateRQ, answer: AAssociateAC) -> None:
    """Even one that is the answer to something else."""
    negotiated = Negotiated(request_, answer, True)
    window = request_.find(AsyncOperationsWindow) or AsyncOperationsWindow(1, 1)
    assert smaller_window(negotiated.max_invoked, window.invoked) == negotiated.max_invoked
    assert smaller_window(negotiated.max_performed, window.performed) == negotiated.max_performed
    assert set(negotiated.contexts) <= {context.context_id for context in request_.presentation_contexts}
    assert set(negotiated.extended) <= {item.sop_class for item in request_.find_all(ExtendedNegotiation)}
    identity = request_.find(UserIdentity)
    assert negotiated.identity_response is None or (identity is not None and identity.response_requested)


# Looking for a context.


def test_a_context_is_found_by_class_transfer_syntax_and_role() -> None:
    contexts = (ProposedContext(EVENT, (IVR,)), ProposedContext(EVENT, (EVR,)), ProposedContext(PUSH, (EVR,)))
    request = build_request(RequestOptions("A", "B", contexts, roles=(RoleSelection(EVENT, 0, 1),)))
    policy = PlainPolicy((SupportedContext(EVENT, (IVR, EVR), scu=True), SupportedContext(PUSH, (EVR,))))
    requestor, acceptor = negotiate(request, policy)

    def found(side: Negotiated, *arguments: str, **roles: bool) -> int | None:
        context = side.for_abstract_syntax(*arguments, **roles)
        return context and context.context_id

    assert found(requestor, EVENT) == found(requestor, EVENT, IVR) == found(requestor, EVENT, uids.EXPLICIT_VR_BE) == 1
    assert found(requestor, EVENT, EVR) == found(requestor, EVENT, EVR, as_scp=True, as_scu=False) == 3
    assert found(requestor, EVENT, as_scu=True) is found(requestor, EVENT, EVR, as_scp=False) is None
    assert found(acceptor, EVENT, EVR, as_scu=True) == 3
    assert found(requestor, PUSH, IVR, as_scu=True) == 5
    assert found(requestor, PUSH, as_scp=True) is found(requestor, PULL) is None


# Answers that say more than was asked.

# What is proposed, what is answered, and what holds: the window, whether we are SCU and SCP, the identity response.
EXCESSIVE: list[tuple[dict[str, object], Item, tuple[object, ...]]] = [
    ({}, AsyncOperationsWindow(1, 1), (1, 1, True, False, None)),
    ({}, AsyncOperationsWindow(0, 9), (1, 1, True, False, None)),
    ({"async_window": (4, 4)}, AsyncOperationsWindow(5, 1), (4, 1, True, False, None)),
    ({"async_window": (4, 4)}, AsyncOperationsWindow(4, 0), (4, 4, True, False, None)),
    ({}, RoleSelection(PUSH, 0, 1), (1, 1, True, False, None)),
    ({"roles": (RoleSelection(PUSH, 1, 0),)}, RoleSelection(PUSH, 1, 1), (1, 1, True, False, None)),
    ({"roles": (RoleSelection(PUSH, 0, 1),)}, RoleSelection(PUSH, 1, 1), (1, 1, False, True, None)),
    ({}, ExtendedNegotiation(PUSH, b"\1"), (1, 1, True, False, None)),
    (
        {"extended": (ExtendedNegotiation(PUSH, b"\1"),)},
        ExtendedNegotiation(PULL, b"\1"),
        (1, 1, True, False, None),
    ),
    ({}, UserIdentityResponse(), (1, 1, True, False, None)),
    ({"user_identity": UserIdentity(3, 0, b"ticket")}, UserIdentityResponse(b"ticket"), (1, 1, True, False, None)),
    (
        {"user_identity": UserIdentity(2, 1, b"user", b"pw")},
        UserIdentityResponse(b"hello"),
        (1, 1, True, False, b"hello"),
    ),
]
WITHIN: list[tuple[dict[str, object], Item]] = [
    ({"async_window": (4, 4)}, AsyncOperationsWindow(4, 1)),
    ({"async_window": (0, 0)}, AsyncOperationsWindow(0, 77)),
    ({"roles": (RoleSelection(PUSH, 1, 1),)}, RoleSelection(PUSH, 0, 1)),
    ({"extended": (ExtendedNegotiation(PUSH, b"\1"),)}, ExtendedNegotiation(PUSH, b"\1\1\1")),
    ({"user_identity": UserIdentity(4, 1, b"<saml/>")}, UserIdentityResponse(b"<response/>")),
    ({"user_identity": UserIdentity(5, 1, b"a.b.c")}, UserIdentityResponse(b"a.b.c")),
]


def request_of(options: dict[str, object]) -> AAssociateRQ:
    return build_request(RequestOptions("CALLED", "CALLING", (ProposedContext(PUSH),), **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("options", "item", "_"), EXCESSIVE)
def test_an_answer_of_ours_may_not_say_more_than_was_asked(options: dict[str, object], item: Item, _: object) -> None:
    requestor, acceptor = requested(request_of(options))
    with pytest.raises(LocalProtocolError, match=r"PS3\.7 D\.3\.3"):
        acceptor.associate_accept(answer_of(item), 0.0)
    assert acceptor.state is State.STA3
    assert acceptor.data_to_send() == []
    agreed(requestor, acceptor, answer_of())  # nothing is lost


@pytest.mark.parametrize(("options", "item", "holds"), EXCESSIVE)
def test_an_answer_of_the_peer_may_and_what_is_too_much_does_not_count(
    options: dict[str, object], item: Item, holds: tuple[object, ...]
) -> None:
    requestor, _ = requested(request_of(options))
    requestor.receive_data(encode_pdu(answer_of(item)), 0.0)
    assert requestor.state is State.STA6
    negotiated = requestor.negotiated
    assert negotiated is not None
    context = negotiated.contexts[1]
    assert holds == (
        negotiated.max_invoked,
        negotiated.max_performed,
        context.as_scu,
        context.as_scp,
        negotiated.identity_response,
    )
    assert negotiated.extended == {}


@pytest.mark.parametrize(("options", "item"), WITHIN)
def test_an_answer_may_say_what_was_asked(options: dict[str, object], item: Item) -> None:
    agreed(*requested(request_of(options)), answer_of(item))


def test_a_padded_proposal_is_answered_without_its_padding() -> None:
    extended = ExtendedNegotiation(PUSH + "\0", b"\1")
    request = request_of({"roles": (RoleSelection(PUSH + "\0", 1, 1),), "extended": (extended,)})
    answer = answer_of(RoleSelection(PUSH, 1, 1), ExtendedNegotiation(PUSH, b"\2"))
    assert acceptance_fault(request, answer) is None
    negotiated = Negotiated(request, answer, False)
    assert negotiated.contexts[1].as_scu
    assert negotiated.extended == {PUSH: b"\2"}


# Another implementation.


def test_sub_items_made_by_pynetdicom_are_negotiated() -> None:
    from pynetdicom import pdu_items as theirs
    from pynetdicom.pdu import A_ASSOCIATE_RQ

    pdu = A_ASSOCIATE_RQ()
    pdu.decode(encode_pdu(REQUEST))
    window = theirs.AsynchronousOperationsWindowSubItem()
    window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 5, 2
    extended = theirs.SOPClassExtendedNegotiationSubItem()
    extended.sop_class_uid, extended.service_class_application_information = PUSH, b"\1\2"
    common = theirs.SOPClassCommonExtendedNegotiationSubItem()
    common.sop_class_uid, common.service_class_uid = PULL, "1.2.840.10008.4.2"
    common.related_general_sop_class_identification = [PUSH, EVENT]
    identity = theirs.UserIdentitySubItemRQ()
    identity.user_identity_type, identity.positive_response_requested = 2, 1
    identity.primary_field, identity.secondary_field = b"mueller", b"secret"
    pdu.user_information.user_data += [window, extended, common, identity]

    acceptor = Association(Role.ACCEPTOR)
    acceptor.transport_connected(0.0)
    acceptor.receive_data(pdu.encode(), 0.0)
    policy = PlainPolicy(
        (SupportedContext(PUSH),),
        async_window=(0, 0),
        extended=lambda item: item.info,
        identity=lambda user, applicant: IdentityAnswer(user is not None and user.secondary == b"secret"),
    )
    indication = acceptor.next_event()
    answer = policy.decide(indication.request, Applicant(""))  # type: ignore[union-attr]
    assert isinstance(answer, AAssociateAC)
    acceptor.associate_accept(answer, 0.0)
    negotiated = acceptor.negotiated
    assert negotiated is not None
    assert (negotiated.max_invoked, negotiated.max_performed) == (2, 5)
    assert negotiated.proposed_extended == negotiated.extended == {PUSH: b"\1\2"}
    assert negotiated.common_extended[PULL].related == (PUSH, EVENT)
    assert negotiated.user_identity == UserIdentity(2, 1, b"mueller", b"secret")
    assert negotiated.identity_response == b""


@pytest.mark.parametrize("response", [b"", b"server ticket"])
def test_pynetdicom_reads_our_answer(response: bytes) -> None:
    from pynetdicom.pdu import A_ASSOCIATE_AC
    from pynetdicom.pdu_primitives import (
        AsynchronousOperationsWindowNegotiation,
        SOPClassExtendedNegotiation,
        UserIdentityNegotiation,
    )

    request = request_of(
        {
            "async_window": (5, 2),
            "extended": (ExtendedNegotiation(PUSH, b"\1\2"),),
            "user_identity": UserIdentity(3, 1, b"ticket"),
        }
    )
    policy = PlainPolicy(
        (SupportedContext(PUSH),),
        async_window=(1, 4),
        extended=lambda item: item.info,
        identity=lambda user, applicant: IdentityAnswer(True, response),
    )
    theirs = A_ASSOCIATE_AC()
    theirs.decode(encode_pdu(policy.decide(request, Applicant(""))))
    items = {type(item): item for item in theirs.to_primitive().user_information}
    window = items[AsynchronousOperationsWindowNegotiation]
    assert (window.maximum_number_operations_invoked, window.maximum_number_operations_performed) == (4, 1)
    assert items[SOPClassExtendedNegotiation].service_class_application_information == b"\1\2"
    assert items[UserIdentityNegotiation].server_response == response
