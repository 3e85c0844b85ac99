"""What can be seen of an association from outside: its service primitives and its counters."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnet import uids
from dicomnet.errors import LocalProtocolError, RemoteProtocolError
from dicomnet.testing.pdus import chunkings
from dicomnet.ul import (
    AbortIndication,
    Applicant,
    AssociateConfirmation,
    AssociateIndication,
    Association,
    Event,
    PDataIndication,
    PDataRequest,
    PlainPolicy,
    Primitive,
    PrimitiveKind,
    ProposedContext,
    ProviderAbortIndication,
    ReleaseConfirmation,
    ReleaseIndication,
    RequestOptions,
    Role,
    State,
    SupportedContext,
    Timeouts,
    Transcript,
    build_request,
)
from dicomnet.wire import AAbort, AAssociateAC, AAssociateRJ, PDataTF, Pdv, encode_pdu


def watched(association: Association) -> list[Primitive]:
    """The primitives of this association from now on."""
    seen: list[Primitive] = []
    association.on_primitive = seen.append
    return seen


def names(primitives: list[Primitive]) -> list[str]:
    return [str(primitive) for primitive in primitives]


# Primitives.


def test_both_ends_of_an_association_show_all_primitives_in_order(ul: SimpleNamespace) -> None:
    requestor, acceptor = Association(Role.REQUESTOR), Association(Role.ACCEPTOR)
    ours, theirs = watched(requestor), watched(acceptor)

    def pump() -> None:
        for here, there in ((requestor, acceptor), (acceptor, requestor)):
            for data in here.data_to_send():
                there.receive_data(data, 0.0)

    requestor.associate_request(ul.REQUEST, 0.0)
    requestor.transport_connected(0.0)
    acceptor.transport_connected(0.0)
    pump()
    acceptor.associate_accept(ul.ACCEPTANCE, 0.0)
    pump()
    requestor.send_p_data(1, b"command!", b"data", 0.0)
    pump()
    acceptor.send_p_data(1, b"response", None, 0.0)
    pump()
    requestor.release_request(0.0)
    pump()
    acceptor.release_response(0.0)
    pump()
    assert names(ours) == [
        "A-ASSOCIATE request",
        "A-ASSOCIATE confirmation",
        "P-DATA request",
        "P-DATA indication",
        "A-RELEASE request",
        "A-RELEASE confirmation",
    ]
    assert names(theirs) == [
        "A-ASSOCIATE indication",
        "A-ASSOCIATE response",
        "P-DATA indication",
        "P-DATA request",
        "A-RELEASE indication",
        "A-RELEASE response",
    ]
    assert ours[0].detail == ul.REQUEST
    assert ours[2].detail == PDataRequest(1, b"command!", b"data")
    assert theirs[1].detail == ul.ACCEPTANCE
    assert [primitive.detail for primitive in ours[4:]] == [None, ReleaseConfirmation()]
    # What is shown of the provider's is what next_event gives.
    for end, primitives in ((requestor, ours), (acceptor, theirs)):
        provided = (PrimitiveKind.INDICATION, PrimitiveKind.CONFIRMATION)
        assert ul.drain(end) == [primitive.detail for primitive in primitives if primitive.kind in provided]


# What each event of Table 9-10 is in terms of primitives, where it can happen first.
SHOWN: list[tuple[State, Event, list[tuple[str, type]]]] = [
    (State.STA1, Event.EVT1, [("A-ASSOCIATE request", object)]),
    (State.STA5, Event.EVT3, [("A-ASSOCIATE confirmation", AssociateConfirmation)]),
    (State.STA5, Event.EVT4, [("A-ASSOCIATE confirmation", AssociateConfirmation)]),
    (State.STA2, Event.EVT6, [("A-ASSOCIATE indication", AssociateIndication)]),
    (State.STA3, Event.EVT7, [("A-ASSOCIATE response", AAssociateAC)]),
    (State.STA3, Event.EVT8, [("A-ASSOCIATE response", AAssociateRJ)]),
    (State.STA6, Event.EVT9, [("P-DATA request", PDataRequest)]),
    (State.STA6, Event.EVT10, [("P-DATA indication", PDataIndication)]),
    (State.STA6, Event.EVT11, [("A-RELEASE request", type(None))]),
    (State.STA6, Event.EVT12, [("A-RELEASE indication", ReleaseIndication)]),
    (State.STA7, Event.EVT13, [("A-RELEASE confirmation", ReleaseConfirmation)]),
    (State.STA8, Event.EVT14, [("A-RELEASE response", type(None))]),
    (State.STA6, Event.EVT15, [("A-ABORT request", type(None))]),
    (State.STA6, Event.EVT16, [("A-ABORT indication", AbortIndication)]),
    (State.STA6, Event.EVT17, [("A-P-ABORT indication", ProviderAbortIndication)]),
    (State.STA6, Event.EVT19, [("A-P-ABORT indication", ProviderAbortIndication)]),
    (State.STA2, Event.EVT15, []),  # there is nobody to abort
    (State.STA2, Event.EVT18, []),
    (State.STA13, Event.EVT15, []),
]


@pytest.mark.parametrize(("state", "event", "shown"), SHOWN, ids=[f"{state}-{event}" for state, event, _ in SHOWN])
def test_each_event_shows_its_primitive(
    state: State, event: Event, shown: list[tuple[str, type]], ul: SimpleNamespace
) -> None:
    association = ul.reach(state)
    seen = watched(association)
    ul.happen(association, event)
    assert names(seen) == [name for name, _ in shown]
    for primitive, (_, kind) in zip(seen, shown, strict=True):
        assert isinstance(primitive.detail, kind)


def test_a_command_that_is_refused_was_no_primitive(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA3)
    seen = watched(association)
    for wrong in (
        lambda: association.associate_accept(AAssociateAC("A", "B"), 0.0),
        lambda: association.associate_reject(9, 9, 9, 0.0),
        lambda: association.send_p_data(1, b"command!", None, 0.0),
        lambda: association.release_request(0.0),
        lambda: association.release_response(0.0),
    ):
        with pytest.raises(LocalProtocolError):
            wrong()
    assert seen == []


def test_an_end_by_deadline_or_by_the_layer_above_is_shown(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6, timeouts=Timeouts(idle=10.0))
    seen = watched(association)
    association.handle_timeout(10.0)
    assert names(seen) == ["A-ABORT request", "A-P-ABORT indication"]
    association = ul.reach(State.STA6)
    seen = watched(association)
    association.provider_abort(6, 0.0, RemoteProtocolError("wrong"))
    assert names(seen) == ["A-P-ABORT indication"]


def test_the_state_is_the_new_one_when_an_indication_is_shown(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    states: list[State] = []
    association.on_primitive = lambda _: states.append(association.state)
    association.receive_data(ul.PEER_BYTES[Event.EVT12], 0.0)
    assert states == [State.STA8]


def test_a_hook_that_fails_leaves_the_association_in_order(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)

    def fail(_: Primitive) -> None:
        raise ZeroDivisionError

    association.on_primitive = fail
    with pytest.raises(ZeroDivisionError):
        association.receive_data(ul.PEER_BYTES[Event.EVT12], 0.0)
    assert association.on_primitive is fail
    association.on_primitive = None
    assert association.state is State.STA8
    assert ul.drain(association) == [ReleaseIndication(collision=False)]


# Counters.


def counts(association: Association) -> tuple[int, int, int, int]:
    counters = association.counters
    return counters.octets_in, counters.octets_out, counters.pdus_in, counters.pdus_out


PARTS = st.none() | st.binary(max_size=300)


@given(
    messages=st.lists(st.tuples(PARTS, PARTS).filter(lambda parts: parts != (None, None)), max_size=5),
    max_length=st.sampled_from([0, 8, 50, 16384]),
    apart=st.booleans(),
    recorded=st.booleans(),
    data=st.data(),
)
@settings(max_examples=50)
def test_both_ends_count_the_octets_and_pdus_that_are_there(
    messages: list[tuple[bytes | None, bytes | None]],
    max_length: int,
    apart: bool,
    recorded: bool,
    data: st.DataObject,
) -> None:
    request = build_request(
        RequestOptions("A", "B", (ProposedContext(uids.VERIFICATION),), max_length=max_length),
    )
    answer = PlainPolicy((SupportedContext(uids.VERIFICATION),)).decide(request, Applicant(""))
    assert isinstance(answer, AAssociateAC)
    transcript = Transcript() if recorded else None
    requestor, acceptor = Association(Role.REQUESTOR, transcript=transcript), Association(Role.ACCEPTOR)
    requestor.associate_request(request, 0.0)
    for end in (requestor, acceptor):
        end.transport_connected(0.0)
    forth = b"".join(requestor.data_to_send())
    acceptor.receive_data(forth, 0.0)
    acceptor.associate_accept(answer, 0.0)
    for command, dataset in messages:
        acceptor.send_p_data(1, command, dataset, 0.0, one_pdv_per_pdu=apart)
    back = b"".join(acceptor.data_to_send())
    for chunk in data.draw(chunkings(back)):
        requestor.receive_data(chunk, 0.0)
    pdus, start = 0, 0
    while start < len(back):
        start += 6 + int.from_bytes(back[start + 2 : start + 6], "big")
        pdus += 1
    assert counts(acceptor) == (len(forth), len(back), 1, pdus)
    assert counts(requestor) == (len(back), len(forth), pdus, 1)


def test_what_is_unreadable_injected_or_late_is_counted_as_documented(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    before = counts(association)
    association.inject(b"\xff" * 20, 0.0)
    association.inject(PDataTF((Pdv(1, b"x" * 8),)), 0.0)
    assert counts(association) == (before[0], before[1] + 20 + 20, before[2], before[3] + 2)
    unreadable = b"\x04\0\0\0\0\x04\0\0\0\x05"  # a whole PDU with a PDV that is longer
    association.receive_data(unreadable, 0.0)
    assert association.state is State.STA13
    association.receive_data(b"more of what nobody reads", 0.0)
    assert counts(association)[::2] == (before[0] + 10, before[2] + 1)
    association.receive_eof(0.0)
    association.receive_data(b"after the end", 0.0)
    assert counts(association)[::2] == (before[0] + 10, before[2] + 1)


@pytest.mark.parametrize("recorded", [False, True])
def test_data_behind_the_end_is_not_counted_although_it_came_with_it(recorded: bool) -> None:
    association = Association(Role.ACCEPTOR, transcript=Transcript() if recorded else None)
    association.transport_connected(0.0)
    late = encode_pdu(PDataTF((Pdv(1, b"late"),)))
    association.receive_data(encode_pdu(AAbort(0, 0)) + late + late, 0.0)
    assert association.is_over
    assert counts(association)[::2] == (10 + 2 * len(late), 1)
