"""Association: commands, collisions, two ends joined in memory, streams cut anywhere, and what no peer may achieve."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnet import uids
from dicomnet.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from dicomnet.testing.pdus import mutated
from dicomnet.ul import (
    AbortIndication,
    Applicant,
    AssociateConfirmation,
    AssociateIndication,
    Association,
    Event,
    PDataIndication,
    PlainPolicy,
    ProposedContext,
    ProviderAbortIndication,
    ReleaseConfirmation,
    ReleaseIndication,
    RequestOptions,
    Role,
    State,
    SupportedContext,
    Transcript,
    build_request,
)
from dicomnet.wire import (
    AAbort,
    AAssociateAC,
    AAssociateRQ,
    AReleaseRQ,
    ImplementationClassUid,
    MaximumLength,
    PDataTF,
    PduLimits,
    Pdv,
    PresentationContext,
    PresentationContextResult,
    UserInformation,
    decode_pdu,
    encode_pdu,
)

POLICY = PlainPolicy((SupportedContext(uids.UPS_PUSH), SupportedContext(uids.VERIFICATION, (uids.EXPLICIT_VR_LE,))))


class Link:
    """Two associations and a wire between them that delivers all at once, at a standing clock."""

    def __init__(self, request: AAssociateRQ, policy: PlainPolicy = POLICY) -> None:
        self.requestor = Association(Role.REQUESTOR, transcript=Transcript())
        self.acceptor = Association(Role.ACCEPTOR, transcript=Transcript())
        self.requestor.associate_request(request, 0.0)
        self.requestor.transport_connected(0.0)
        self.acceptor.transport_connected(0.0)
        self.pump()
        indication = self.acceptor.next_event()
        assert isinstance(indication, AssociateIndication)
        answer = policy.decide(indication.request, Applicant("memory"))
        assert isinstance(answer, AAssociateAC)
        self.acceptor.associate_accept(answer, 0.0)
        self.pump()
        assert isinstance(self.requestor.next_event(), AssociateConfirmation)

    def pump(self) -> None:
        """Deliver until nothing moves, then close as wanted."""
        ends = ((self.requestor, self.acceptor), (self.acceptor, self.requestor))
        moved = True
        while moved:
            moved = False
            for here, there in ends:
                for data in here.data_to_send():
                    there.receive_data(data, 0.0)
                    moved = True
        for here, there in ends:
            if here.close_wanted:
                there.receive_eof(0.0)


@pytest.fixture
def link(ul: SimpleNamespace) -> Link:
    return Link(ul.REQUEST)


def received(association: Association) -> list[tuple[bool, bytes]]:
    """The fragments that arrived, joined by kind as long as it does not change."""
    parts: list[tuple[bool, bytes]] = []
    for event in iter(association.next_event, None):
        assert isinstance(event, PDataIndication)
        for pdv in event.pdvs:
            if parts and parts[-1][0] == pdv.is_command:
                parts[-1] = (pdv.is_command, parts[-1][1] + bytes(pdv.payload))
            else:
                parts.append((pdv.is_command, bytes(pdv.payload)))
    return parts


# Two ends.


def test_two_ends_exchange_messages_both_ways_and_release(link: Link) -> None:
    data = bytes(range(256)) * 300
    link.requestor.send_p_data(1, b"request!", data, 0.0)
    link.pump()
    assert received(link.acceptor) == [(True, b"request!"), (False, data)]
    link.acceptor.send_p_data(1, b"response", None, 0.0)
    link.pump()
    assert received(link.requestor) == [(True, b"response")]
    link.requestor.release_request(0.0)
    link.pump()
    assert link.acceptor.next_event() == ReleaseIndication(collision=False)
    link.acceptor.send_p_data(1, b"one more", None, 0.0)  # Sta8 may (AR-7), Sta7 must take it (AR-6)
    link.acceptor.release_response(0.0)
    link.pump()
    assert isinstance(link.requestor.next_event(), PDataIndication)
    assert link.requestor.next_event() == ReleaseConfirmation()
    for end in (link.requestor, link.acceptor):
        assert end.is_over
        assert end.close_wanted
        assert end.error is None
        assert end.next_deadline() is None


def test_no_pdu_is_longer_than_the_peer_takes(ul: SimpleNamespace) -> None:
    request = build_request(RequestOptions("A", "B", (ProposedContext(uids.UPS_PUSH),), max_length=100))
    link = Link(request)
    link.acceptor.send_p_data(1, b"c" * 10, b"d" * 1000, 0.0)
    link.pump()
    assert received(link.requestor) == [(True, b"c" * 10), (False, b"d" * 1000)]
    assert link.acceptor.transcript is not None
    lengths = [len(encode_pdu(pdu)) - 6 for _, pdu in link.acceptor.transcript.pdus() if isinstance(pdu, PDataTF)]
    assert max(lengths) == 100


def test_a_release_collision_walks_both_ends_to_the_end(link: Link) -> None:
    requestor, acceptor = link.requestor, link.acceptor
    requestor.release_request(0.0)
    acceptor.release_request(0.0)
    link.pump()
    assert (requestor.state, acceptor.state) == (State.STA9, State.STA10)
    assert requestor.next_event() == ReleaseIndication(collision=True) == acceptor.next_event()
    with pytest.raises(LocalProtocolError):
        acceptor.release_response(0.0)  # the requestor goes first (PS3.8 7.2.3)
    requestor.release_response(0.0)
    link.pump()
    assert (requestor.state, acceptor.state) == (State.STA11, State.STA12)
    assert acceptor.next_event() == ReleaseConfirmation()
    assert requestor.next_event() is None
    acceptor.release_response(0.0)
    link.pump()
    assert requestor.next_event() == ReleaseConfirmation()
    assert requestor.is_over
    assert acceptor.is_over
    assert acceptor.error is None is requestor.error
    assert acceptor.transcript is not None
    assert acceptor.transcript.labels[-5:] == [
        "Sta6 + Evt11 -> AR-1 -> Sta7",
        "Sta7 + Evt12 -> AR-8 -> Sta10",
        "Sta10 + Evt13 -> AR-10 -> Sta12",
        "Sta12 + Evt14 -> AR-4 -> Sta13",
        "Sta13 + Evt17 -> AR-5 -> Sta1",
    ]


def test_release_against_abort(link: Link) -> None:
    link.requestor.release_request(0.0)
    link.acceptor.abort(0.0)
    link.pump()
    assert link.requestor.next_event() == AbortIndication(0, 0)
    assert link.acceptor.next_event() is None
    assert link.requestor.is_over
    assert link.acceptor.is_over


def test_a_rejection_ends_both_ends(ul: SimpleNamespace) -> None:
    requestor = ul.reach(State.STA5)
    acceptor = ul.reach(State.STA3)
    acceptor.associate_reject(2, 3, 2, 0.0)
    requestor.receive_data(ul.take(acceptor), 0.0)
    confirmation = requestor.next_event()
    assert not confirmation.accepted
    assert "local limit exceeded" in str(requestor.error)
    assert requestor.is_over
    assert requestor.close_wanted
    acceptor.receive_eof(0.0)
    assert acceptor.is_over
    assert acceptor.error is None


# Commands.


def test_the_request_goes_out_when_the_transport_is_connected(ul: SimpleNamespace) -> None:
    association = Association(Role.REQUESTOR)
    association.associate_request(ul.REQUEST, 0.0)
    assert association.connect_wanted
    assert association.data_to_send() == []
    association.transport_connected(0.0)
    assert not association.connect_wanted
    assert ul.take(association) == encode_pdu(ul.REQUEST)
    assert association.data_to_send() == []


def test_an_acceptor_does_not_request(ul: SimpleNamespace) -> None:
    with pytest.raises(LocalProtocolError, match="acceptor"):
        Association(Role.ACCEPTOR).associate_request(ul.REQUEST, 0.0)


def test_a_request_that_is_not_in_order_is_refused_and_may_be_corrected(ul: SimpleNamespace) -> None:
    association = Association(Role.REQUESTOR)
    for wrong in (
        AAssociateRQ("A", "B"),
        build_request(RequestOptions("A" * 17, "B", (ProposedContext(uids.VERIFICATION),))),
        build_request(RequestOptions("A", "B", (ProposedContext(uids.VERIFICATION, context_id=2),))),
        build_request(RequestOptions("A", "B", (ProposedContext(uids.VERIFICATION),), max_length=7)),
    ):
        with pytest.raises(LocalProtocolError):
            association.associate_request(wrong, 0.0)
        assert association.state is State.STA1
        assert not association.connect_wanted
    association.associate_request(ul.REQUEST, 0.0)
    assert association.state is State.STA4


def test_an_acceptance_has_to_fit_the_request(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA3)
    information = UserInformation((MaximumLength(0), ImplementationClassUid("1.2")))
    head = ul.ACCEPTANCE.items[0]
    for result in (
        PresentationContextResult.of(5, 0, uids.IMPLICIT_VR_LE),
        PresentationContextResult.of(1, 0, uids.EXPLICIT_VR_BE),
    ):
        with pytest.raises(LocalProtocolError, match="proposed"):
            association.associate_accept(AAssociateAC("A", "B", (head, result, information)), 0.0)
    with pytest.raises(LocalProtocolError):
        association.associate_accept(AAssociateAC("A", "B"), 0.0)
    assert association.state is State.STA3
    assert association.negotiated is None
    assert ul.take(association) == b""


def test_a_rejection_has_to_have_codes_of_the_standard(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA3)
    with pytest.raises(LocalProtocolError):
        association.associate_reject(1, 1, 9, 0.0)
    assert association.state is State.STA3
    assert ul.take(association) == b""


def test_data_is_sent_on_accepted_contexts_only_and_has_to_be_some(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    for context_id in (3, 5, 2):  # refused, never proposed, no id at all
        with pytest.raises(LocalProtocolError, match="not accepted"):
            association.send_p_data(context_id, b"command!", None, 0.0)
    with pytest.raises(LocalProtocolError, match="neither"):
        association.send_p_data(1, None, None, 0.0)
    assert ul.take(association) == b""


def test_abort_may_be_called_at_any_time_any_number_of_times(ul: SimpleNamespace) -> None:
    for role, state in ul.PATHS:
        association = ul.reach(state, role)
        for _ in range(3):
            association.abort(0.0)
        aborts = ul.take(association)
        assert aborts in (b"", encode_pdu(AAbort(0, 0)))
        assert ul.drain(association) == []
        assert association.state in (State.STA1, State.STA13)
        assert association.error is None


def test_abort_in_sta2_closes_without_a_word(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2)
    association.abort(0.0)
    assert association.is_over
    assert association.close_wanted
    assert ul.take(association) == b""
    assert association.next_deadline() is None


def test_abort_while_connecting_takes_the_wish_back(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA4)
    association.abort(0.0)
    assert (association.connect_wanted, association.close_wanted, association.is_over) == (False, True, True)
    association.transport_connected(0.0)  # it came up all the same
    assert association.is_over
    assert ul.take(association) == b""


def test_provider_abort_tells_the_peer_a_reason_and_the_user_an_error(ul: SimpleNamespace) -> None:
    for role, state in ul.PATHS:
        association = ul.reach(state, role)
        error = RemoteProtocolError("a command set without a command field", reason=6)
        if state in (State.STA2, State.STA4, State.STA1):
            if state is not State.STA1:
                with pytest.raises(LocalProtocolError):
                    association.provider_abort(6, 0.0, error)
        elif state is State.STA13:
            association.provider_abort(6, 0.0, error)
            assert ul.take(association) == b""
        else:
            association.provider_abort(6, 0.0, error)
            association.provider_abort(6, 0.0, error)
            assert decode_pdu(ul.take(association)) == AAbort(2, 6)
            assert ul.drain(association) == [ProviderAbortIndication(2, 6, error)]
            assert association.state is State.STA13
            assert association.error is error


def test_what_was_not_sent_when_the_transport_closed_is_dropped(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    association.send_p_data(1, b"command!", None, 0.0)
    association.receive_eof(0.0)
    assert ul.take(association) == b""
    assert association.close_wanted


def test_inject_sends_anything_once_there_is_a_transport(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    lying = PDataTF((Pdv(1, bytes(8), pdv_length=2000),))
    association.inject(b"\xff\xfe", 0.0)
    association.inject(lying, 0.0)
    assert ul.take(association) == b"\xff\xfe" + encode_pdu(lying)
    assert association.state is State.STA6
    for state in (State.STA1, State.STA4):
        with pytest.raises(LocalProtocolError):
            ul.reach(state).inject(b"x", 0.0)


def test_an_association_serves_once(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA7, Role.REQUESTOR)
    ul.happen(association, Event.EVT13)
    assert association.is_over
    ul.drain(association)
    for event in Event:
        if event in (Event.EVT1, Event.EVT7, Event.EVT8, Event.EVT9, Event.EVT11, Event.EVT14):
            with pytest.raises(LocalProtocolError, match="over"):
                ul.happen(association, event)
        else:
            ul.happen(association, event)
    association.provider_abort(0, 0.0, RemoteProtocolError("late"))
    assert association.state is State.STA1
    assert ul.take(association) == b""
    assert ul.drain(association) == []


# What is wrong in the bytes.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / ", 1),  # decided on six bytes
        (b"\x16\x03\x01\x02\x00\x01", 1),  # TLS
        (b"\x00" * 6, 1),
        (b"\x08\x00\x00\x00\x00\x04", 1),
        (b"\x05\x00\x00\x00\x00\x05", 6),
        (b"\x07\x00\xff\xff\xff\xff", 6),
        (b"\x04\x00\x00\x00\x40\x01", 6),  # one more than the 16384 we announced
        (b"\x01\x00\x00\x10\x00\x01", 6),
        (b"\x04\x00\x00\x00\x00\x04\x00\x00\x00\x05", 6),  # a PDV longer than its PDU
        (b"\x04\x00\x00\x00\x00\x00", 6),  # no PDV
    ],
)
def test_bytes_that_are_no_pdu_are_answered_with_the_reason(data: bytes, reason: int, ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    association.receive_data(data, 0.0)
    assert decode_pdu(ul.take(association)) == AAbort(2, reason)
    (indication,) = ul.drain(association)
    assert (indication.source, indication.reason) == (2, reason)
    assert isinstance(indication.error, RemoteProtocolError)


def test_five_bytes_of_a_foreign_protocol_decide_nothing(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2)
    association.receive_data(b"GET /", 0.0)
    assert association.state is State.STA2
    association.receive_data(b" ", 0.0)
    assert association.state is State.STA13
    assert isinstance(association.error.__cause__, DecodeError)


def test_after_an_invalid_pdu_nothing_is_read_any_more(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    association.receive_data(ul.PEER_BYTES[Event.EVT19] + ul.PEER_BYTES[Event.EVT16], 0.0)
    ul.take(association)
    association.receive_data(ul.PEER_BYTES[Event.EVT16], 0.0)
    association.receive_data(ul.PEER_BYTES[Event.EVT6], 0.0)
    assert association.state is State.STA13
    assert ul.take(association) == b""
    association.receive_eof(0.0)
    assert association.is_over


@pytest.mark.parametrize("context_id", [3, 5, 2, 0])
@pytest.mark.parametrize("state", [State.STA6, State.STA7])
def test_data_on_a_context_that_is_not_accepted_aborts(context_id: int, state: State, ul: SimpleNamespace) -> None:
    association = ul.reach(state)
    association.receive_data(encode_pdu(PDataTF((Pdv(1, b"fine"), Pdv(context_id, b"not so")))), 0.0)
    assert decode_pdu(ul.take(association)) == AAbort(2, 6)
    assert [type(event) for event in ul.drain(association)] == [ProviderAbortIndication]


def test_data_on_any_context_is_ignored_in_sta13(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA13)
    association.receive_data(encode_pdu(PDataTF((Pdv(77, b"data"),))), 0.0)
    assert ul.take(association) == b""


def _request_of(*contexts: PresentationContext) -> AAssociateRQ:
    whole = build_request(RequestOptions("A", "B", (ProposedContext(uids.VERIFICATION),)))
    return AAssociateRQ("A", "B", (whole.items[0], *contexts, whole.items[-1]))


@pytest.mark.parametrize(
    "request_pdu",
    [
        _request_of(),
        _request_of(PresentationContext.of(2, uids.VERIFICATION, (uids.IMPLICIT_VR_LE,))),
        _request_of(PresentationContext.of(0, uids.VERIFICATION, (uids.IMPLICIT_VR_LE,))),
        _request_of(*(PresentationContext.of(1, uids.VERIFICATION, (uids.IMPLICIT_VR_LE,)) for _ in range(2))),
        _request_of(PresentationContext.of(1, uids.VERIFICATION, ())),
        _request_of(PresentationContext(1, ())),
    ],
    ids=["no context", "even", "zero", "duplicate", "no transfer syntax", "empty"],
)
def test_a_request_whose_contexts_are_in_doubt_is_invalid(request_pdu: AAssociateRQ, ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2)
    association.receive_data(encode_pdu(request_pdu), 0.0)
    assert decode_pdu(ul.take(association)) == AAbort(0, 0)  # AA-1
    assert ul.drain(association) == []
    assert association.state is State.STA13


def test_an_acceptance_with_an_impossible_maximum_length_is_invalid(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA5)
    information = UserInformation((MaximumLength(6), ImplementationClassUid("1.2")))
    association.receive_data(encode_pdu(AAssociateAC("A", "B", (*ul.ACCEPTANCE.items[:-1], information))), 0.0)
    assert decode_pdu(ul.take(association)) == AAbort(2, 6)
    assert association.negotiated is None


# Limits.


@pytest.mark.parametrize(("length", "accepted"), [(200, True), (201, False)])
def test_the_limit_for_p_data_is_what_we_announced(length: int, accepted: bool, ul: SimpleNamespace) -> None:
    request = build_request(RequestOptions("A", "B", (ProposedContext(uids.UPS_PUSH),), max_length=200))
    requestor = Link(request).requestor
    requestor.receive_data(encode_pdu(PDataTF((Pdv(1, bytes(length - 6)),))), 0.0)
    assert requestor.state is (State.STA6 if accepted else State.STA13)

    narrow = PlainPolicy(POLICY.supported, max_length=200)
    acceptor = Link(ul.REQUEST, narrow).acceptor
    acceptor.receive_data(encode_pdu(PDataTF((Pdv(1, bytes(length - 6)),))), 0.0)
    assert acceptor.state is (State.STA6 if accepted else State.STA13)


@pytest.mark.parametrize(("length", "accepted"), [(1000, True), (1001, False)])
def test_no_announced_limit_leaves_our_own_cap(length: int, accepted: bool, ul: SimpleNamespace) -> None:
    association = Association(Role.REQUESTOR, limits=PduLimits(unlimited_cap=1000))
    request = build_request(RequestOptions("A", "B", (ProposedContext(uids.UPS_PUSH),), max_length=0))
    association.associate_request(request, 0.0)
    association.transport_connected(0.0)
    association.receive_data(ul.PEER_BYTES[Event.EVT3], 0.0)
    association.receive_data(encode_pdu(PDataTF((Pdv(1, bytes(length - 6)),))), 0.0)
    assert association.state is (State.STA6 if accepted else State.STA13)


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_for_association_pdus(over: int, ul: SimpleNamespace) -> None:
    size = len(ul.PEER_BYTES[Event.EVT6]) - 6
    association = Association(Role.ACCEPTOR, limits=PduLimits(associate=size - over))
    association.transport_connected(0.0)
    association.receive_data(ul.PEER_BYTES[Event.EVT6], 0.0)
    assert association.state is (State.STA13 if over else State.STA3)


# Streams cut anywhere.


def _streams() -> dict[str, tuple[State, Role, list[Event]]]:
    requestor, acceptor = Role.REQUESTOR, Role.ACCEPTOR
    return {
        "request": (State.STA2, acceptor, [Event.EVT6]),
        "request twice": (State.STA2, acceptor, [Event.EVT6, Event.EVT6]),
        "accept, data, release": (State.STA5, requestor, [Event.EVT3, Event.EVT10, Event.EVT10, Event.EVT12]),
        "data, then abort": (State.STA6, requestor, [Event.EVT10, Event.EVT16]),
        "data amid release": (State.STA7, requestor, [Event.EVT10, Event.EVT13]),
        "garbage after data": (State.STA6, acceptor, [Event.EVT10, Event.EVT19, Event.EVT16]),
        "closing": (State.STA13, acceptor, [Event.EVT10, Event.EVT6, Event.EVT19, Event.EVT16]),
    }


def _outcome(
    stream: bytes, cuts: list[int], start: tuple[State, Role, list[Event]], ul: SimpleNamespace
) -> tuple[object, ...]:
    association = ul.reach(start[0], start[1], transcript=Transcript())
    for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        association.receive_data(stream[first:last], 0.0)
    events = [
        (type(event), event.error and str(event.error)) if isinstance(event, ProviderAbortIndication) else event
        for event in ul.drain(association)
    ]
    return association.state, events, ul.take(association), association.transcript.labels, association.close_wanted


@pytest.mark.parametrize("name", _streams())
def test_every_split_point_gives_the_same(name: str, ul: SimpleNamespace) -> None:
    start = _streams()[name]
    stream = b"".join(ul.PEER_BYTES[event] for event in start[2])
    whole = _outcome(stream, [], start, ul)
    for cut in range(1, len(stream)):
        assert _outcome(stream, [cut], start, ul) == whole
    assert _outcome(stream, list(range(1, len(stream))), start, ul) == whole


BIG = encode_pdu(PDataTF((Pdv(1, bytes(5000), 0),)))  # enough for a chunk to be read as it is


@pytest.mark.parametrize("state", [State.STA2, State.STA5, State.STA6, State.STA7, State.STA8, State.STA13])
@pytest.mark.parametrize("then", [(), (Event.EVT10, Event.EVT12), (Event.EVT19, Event.EVT10), (Event.EVT16,)])
@pytest.mark.parametrize("context_id", [1, 77])
def test_whether_somebody_looks_at_the_bytes_makes_no_difference(
    state: State, then: tuple[Event, ...], context_id: int, ul: SimpleNamespace
) -> None:
    wrong = encode_pdu(PDataTF((Pdv(context_id, b"data", 2),)))
    stream = BIG * 2 + wrong + BIG + b"".join(ul.PEER_BYTES[event] for event in then) + BIG[:-1]
    seen = []
    for transcript in (Transcript(), None):
        association = ul.reach(state, transcript=transcript)
        association.receive_data(stream, 0.0)
        events = [
            str(event.error) if isinstance(event, ProviderAbortIndication) else event for event in ul.drain(association)
        ]
        seen.append((association.state, events, ul.take(association), association.close_wanted))
    assert seen[0] == seen[1]


# Anything at any time.

_COMMANDS = st.sampled_from(sorted(Event))


@settings(max_examples=150, deadline=None)
@given(
    role=st.sampled_from(Role),
    steps=st.lists(st.tuples(_COMMANDS, st.floats(0, 20)), max_size=25),
)
def test_any_sequence_ends_in_a_legal_state(role: Role, steps: list[tuple[Event, float]], ul: SimpleNamespace) -> None:
    association = Association(role, transcript=Transcript())
    now = 0.0
    for event, wait in steps:
        now += wait
        try:
            ul.happen(association, event, now)
        except LocalProtocolError:
            assert event in (Event.EVT1, Event.EVT7, Event.EVT8, Event.EVT9, Event.EVT11, Event.EVT14)
        ul.take(association)
        assert association.is_over is (association.state is State.STA1 and len(association.transcript.labels) > 0)
        if association.is_over:
            assert association.close_wanted
            assert association.next_deadline() is None
    states = [step.after for step in association.transcript.transitions]
    assert association.state is (states[-1] if states else State.STA1)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_bytes_make_receive_data_raise(data: st.DataObject, ul: SimpleNamespace) -> None:
    role, state = data.draw(st.sampled_from(sorted(ul.PATHS)))
    association = ul.reach(state, role)
    good = b"".join(data.draw(st.lists(st.sampled_from(sorted(ul.PEER_BYTES.values())), min_size=1, max_size=4)))
    for chunk in data.draw(st.lists(mutated(good), max_size=3)):
        association.receive_data(chunk, 0.0)
        ul.take(association)
    ul.drain(association)
    assert association.state in State
    association.receive_eof(0.0)
    assert association.state is State.STA1


def test_a_request_of_release_after_the_end_is_ignored(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    association.receive_data(encode_pdu(AAbort(0, 0)) + encode_pdu(AReleaseRQ()) * 3, 0.0)
    association.receive_data(encode_pdu(AReleaseRQ()), 0.0)
    assert [type(event) for event in ul.drain(association)] == [AbortIndication]
    assert ul.take(association) == b""


def test_repr_shows_where_it_stands(ul: SimpleNamespace) -> None:
    assert repr(ul.reach(State.STA6)) == "<Association requestor in Sta6 (association established)>"
