"""Table 9-10 at work: every cell reached by what happens in life, every empty cell left alone."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dicomnet import uids
from dicomnet.errors import Aborted, ConnectionLost, LocalProtocolError, RemoteProtocolError
from dicomnet.ul import (
    TRANSITIONS,
    AbortIndication,
    AssociateConfirmation,
    AssociateIndication,
    Event,
    PDataIndication,
    ProposedContext,
    ProviderAbortIndication,
    ReleaseConfirmation,
    ReleaseIndication,
    RequestOptions,
    Role,
    State,
    Transcript,
    build_request,
)
from dicomnet.ul.machine import Occasion
from dicomnet.ul.states import GUARDS, LOCAL_EVENTS
from dicomnet.wire import AAbort, AAssociateRJ, AAssociateRQ, AReleaseRQ, decode_pdu, encode_pdu

TABLE = Path(__file__).parents[1] / "vectors" / "standard" / "ul-state-machine.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))

# What each action is seen to do: the first byte and, of an A-ABORT, the source of what is sent; the events; whether
# the transport is to be closed; whether a deadline runs afterwards (None: as before).
SEEN: dict[str, tuple[bytes, list[type], bool, bool | None]] = {
    "AE-1": (b"", [], False, None),
    "AE-2": (b"\x01", [], False, None),
    "AE-3": (b"", [AssociateConfirmation], False, None),
    "AE-4": (b"", [AssociateConfirmation], True, None),
    "AE-5": (b"", [], False, True),
    "AE-6": (b"", [AssociateIndication], False, False),
    "AE-7": (b"\x02", [], False, None),
    "AE-8": (b"\x03", [], False, True),
    "DT-1": (b"\x04", [], False, None),
    "DT-2": (b"", [PDataIndication], False, None),
    "AR-1": (b"\x05", [], False, None),
    "AR-2": (b"", [ReleaseIndication], False, None),
    "AR-3": (b"", [ReleaseConfirmation], True, None),
    "AR-4": (b"\x06", [], False, True),
    "AR-5": (b"", [], True, False),
    "AR-6": (b"", [PDataIndication], False, None),
    "AR-7": (b"\x04", [], False, None),
    "AR-8": (b"", [ReleaseIndication], False, None),
    "AR-9": (b"\x06", [], False, None),
    "AR-10": (b"", [ReleaseConfirmation], False, None),
    "AA-1": (b"\x07\x00", [], False, True),
    "AA-2": (b"", [], True, False),
    "AA-3": (b"", [AbortIndication], True, None),
    "AA-4": (b"", [ProviderAbortIndication], True, None),
    "AA-5": (b"", [], True, False),
    "AA-6": (b"", [], False, None),
    "AA-7": (b"\x07\x02", [], False, None),
    "AA-8": (b"\x07\x02", [ProviderAbortIndication], False, True),
}


def request_of_version(version: int) -> bytes:
    """An A-ASSOCIATE-RQ that offers these protocol versions."""
    request = build_request(RequestOptions("A", "B", (ProposedContext(uids.VERIFICATION),)))
    return encode_pdu(replace(request, protocol_version=version))


# An A-ABORT is understood in each of these (AA-3): the role that gets there most simply, and the state.
ABORTED = [
    (Role.ACCEPTOR, State.STA3),
    (Role.REQUESTOR, State.STA5),
    (Role.REQUESTOR, State.STA6),
    (Role.REQUESTOR, State.STA7),
    (Role.REQUESTOR, State.STA8),
    (Role.REQUESTOR, State.STA9),
    (Role.ACCEPTOR, State.STA10),
    (Role.REQUESTOR, State.STA11),
    (Role.ACCEPTOR, State.STA12),
]


def roles_for(state: State, event: Event, ul: SimpleNamespace) -> list[Role]:
    roles = [role for role in Role if (role, state) in ul.PATHS]
    if state is State.STA1 and event in (Event.EVT1, Event.EVT2):
        return [Role.REQUESTOR]
    if state is State.STA1 and event is Event.EVT5:
        return [Role.ACCEPTOR]
    return roles


def signature(output: bytes) -> bytes:
    """The PDU type, and of an A-ABORT its source."""
    return output[:1] + output[8:9] if output[:1] == b"\x07" else output[:1]


def test_the_cells_are_those_of_the_standard_each_once() -> None:
    cells = [(State(row["state"]), Event(row["event"])) for row in ROWS]
    assert len(cells) == len(set(cells)) == 123
    assert set(cells) == set(TRANSITIONS)
    assert {row["action"] for row in ROWS} == set(SEEN)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['state']}-{row['event']}-{row['action']}" for row in ROWS])
def test_each_cell_is_reached_and_does_what_its_action_says(row: dict[str, str], ul: SimpleNamespace) -> None:
    """Through commands and what a driver brings alone, in each role that can be in the state."""
    state, event, action = State(row["state"]), Event(row["event"]), row["action"]
    roles = roles_for(state, event, ul)
    assert roles
    for role in roles:
        transcript = Transcript()
        association = ul.reach(state, role, transcript=transcript)
        waited = association.next_deadline() is not None
        ul.happen(association, event)
        assert association.connect_wanted is (association.state is State.STA4)
        sent, events, close, waits = SEEN[action]
        assert transcript.transitions[-1].label in {
            f"{state} + {event} -> {action} -> {after}" for after in row["next_state"].split(" or ")
        }
        assert association.state in row["next_state"].split(" or ")
        assert signature(ul.take(association)) == sent
        assert [type(happened) for happened in ul.drain(association)] == events
        assert association.close_wanted is close
        assert (association.next_deadline() is not None) is (waited if waits is None else waits)


# The cells with two next states, or with two indications: all of their branches.
BRANCHES: dict[str, tuple[Role, State, bytes, str, list[type]]] = {
    "Sta2-Evt6-AE-6-Sta3": (Role.ACCEPTOR, State.STA2, request_of_version(1), "", [AssociateIndication]),
    "Sta2-Evt6-AE-6-Sta13": (Role.ACCEPTOR, State.STA2, request_of_version(2), "03", []),
    "Sta7-Evt12-AR-8-Sta9": (Role.REQUESTOR, State.STA7, encode_pdu(AReleaseRQ()), "", [ReleaseIndication]),
    "Sta7-Evt12-AR-8-Sta10": (Role.ACCEPTOR, State.STA7, encode_pdu(AReleaseRQ()), "", [ReleaseIndication]),
} | {
    f"{state}-Evt16-AA-3-Sta1-{who}": (role, state, encode_pdu(AAbort(source, 0)), "", [indication])
    for role, state in ABORTED
    for who, source, indication in (("user", 0, AbortIndication), ("provider", 2, ProviderAbortIndication))
}


@pytest.mark.parametrize("name", BRANCHES)
def test_each_branch_of_a_cell_is_reached(name: str, ul: SimpleNamespace) -> None:
    role, before, data, sent, indications = BRANCHES[name]
    _, event, *action, after = name.removesuffix("-user").removesuffix("-provider").split("-")
    transcript = Transcript()
    association = ul.reach(before, role, transcript=transcript)
    association.receive_data(data, 0.0)
    assert transcript.transitions[-1].label == f"{before} + {event} -> {'-'.join(action)} -> {after}"
    assert ul.take(association)[:1].hex() == sent
    assert [type(happened) for happened in ul.drain(association)] == indications


def test_every_cell_with_branches_has_them_tested() -> None:
    branching = {f"{state}-{event}" for (state, event), cell in TRANSITIONS.items() if cell.action in GUARDS}
    assert {"-".join(name.split("-")[:2]) for name in BRANCHES} == branching


EMPTY = [(state, event) for state in State for event in Event if (state, event) not in TRANSITIONS]


@pytest.mark.parametrize(("state", "event"), EMPTY, ids=[f"{state}-{event}-empty" for state, event in EMPTY])
def test_an_empty_cell_refuses_a_command_and_overlooks_the_rest(
    state: State, event: Event, ul: SimpleNamespace
) -> None:
    if (state, event) == (State.STA2, Event.EVT15):
        return  # abort() is defined there all the same: test_association.py
    roles = roles_for(state, event, ul)
    assert roles
    for role in roles:
        association = ul.reach(state, role)
        deadline = association.next_deadline()
        if event in LOCAL_EVENTS and event is not Event.EVT15:
            with pytest.raises(LocalProtocolError):
                ul.happen(association, event)
        elif event is Event.EVT5 and role is Role.REQUESTOR:
            association._machine.fire(event, Occasion(0.0))  # a requestor cannot say so
        else:
            ul.happen(association, event)
        assert association.state is state
        assert ul.take(association) == b""
        assert ul.drain(association) == []
        assert association.next_deadline() == deadline
        assert not association.close_wanted


def test_a_state_is_reached_by_every_role_that_can_be_in_it(ul: SimpleNamespace) -> None:
    assert {state for _, state in ul.PATHS} == set(State)


@pytest.mark.parametrize("version", [0, 2, 0xFFFE])
def test_ae6_rejects_a_request_without_bit_0_of_the_version(version: int, ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2)
    association.receive_data(encode_pdu(AAssociateRQ("A", "B", ul.REQUEST.items, protocol_version=version)), 0.0)
    assert decode_pdu(ul.take(association)) == AAssociateRJ(1, 2, 2)
    assert association.state is State.STA13
    assert ul.drain(association) == []
    assert association.next_deadline() == 5.0


@pytest.mark.parametrize("version", [1, 3, 0xFFFF])
def test_ae6_looks_at_bit_0_only(version: int, ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2)
    association.receive_data(encode_pdu(AAssociateRQ("A", "B", ul.REQUEST.items, protocol_version=version)), 0.0)
    assert association.state is State.STA3


def test_a_request_of_another_version_is_rejected_whatever_else_it_holds(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2)
    association.receive_data(encode_pdu(AAssociateRQ("A", "B", (), protocol_version=2)), 0.0)
    assert decode_pdu(ul.take(association)) == AAssociateRJ(1, 2, 2)


def test_ar8_goes_to_sta9_for_the_requestor_and_sta10_for_the_acceptor(ul: SimpleNamespace) -> None:
    for role, after in ((Role.REQUESTOR, State.STA9), (Role.ACCEPTOR, State.STA10)):
        association = ul.reach(State.STA7, role)
        ul.happen(association, Event.EVT12)
        assert association.state is after
        assert ul.drain(association) == [ReleaseIndication(collision=True)]


def test_aa3_tells_an_abort_of_the_user_from_one_of_the_provider(ul: SimpleNamespace) -> None:
    by_user, by_provider = ul.reach(State.STA6), ul.reach(State.STA6)
    by_user.receive_data(encode_pdu(AAbort(0, 0)), 0.0)
    by_provider.receive_data(encode_pdu(AAbort(2, 2)), 0.0)
    assert ul.drain(by_user) == [AbortIndication(0, 0)]
    (indication,) = ul.drain(by_provider)
    assert (indication.source, indication.reason) == (2, 2)
    assert isinstance(indication.error, Aborted)
    assert (indication.error.source, indication.error.reason) == (2, 2)
    for association in (by_user, by_provider):
        assert association.close_wanted
        assert isinstance(association.error, Aborted)


@pytest.mark.parametrize("source", [1, 3, 255])
def test_an_abort_of_a_reserved_source_counts_as_the_provider(source: int, ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    association.receive_data(encode_pdu(AAbort(source, 77)), 0.0)
    (indication,) = ul.drain(association)
    assert (type(indication), indication.source, indication.reason) == (ProviderAbortIndication, source, 77)


def test_aa8_says_the_same_to_the_peer_and_to_the_user(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    ul.happen(association, Event.EVT13)
    assert decode_pdu(ul.take(association)) == AAbort(2, 2)
    (indication,) = ul.drain(association)
    assert (indication.source, indication.reason) == (2, 2)
    assert isinstance(indication.error, RemoteProtocolError)
    assert (indication.error.source, indication.error.reason) == (2, 2)
    assert association.error is indication.error
    assert "Sta6" in str(indication.error)


def test_aa1_tells_the_user_nothing_but_remembers_why(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2)
    ul.happen(association, Event.EVT10)
    assert decode_pdu(ul.take(association)) == AAbort(0, 0)
    assert ul.drain(association) == []
    assert isinstance(association.error, RemoteProtocolError)
    assert (association.error.source, association.error.reason) == (0, 0)


def test_aa4_carries_the_loss_of_the_transport_or_what_the_driver_knows_about_it(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6)
    association.receive_eof(0.0)
    (indication,) = ul.drain(association)
    assert isinstance(indication.error, ConnectionLost)
    refused = ConnectionLost("connection reset by peer")
    association = ul.reach(State.STA4)
    association.receive_eof(0.0, refused)
    assert ul.drain(association) == [ProviderAbortIndication(2, 0, refused)]
    assert association.error is refused
    assert not association.connect_wanted


def test_sta13_answers_a_request_with_abort_and_leaves_the_timer_alone(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA13)
    association.receive_data(ul.PEER_BYTES[Event.EVT6], 3.0)
    assert decode_pdu(ul.take(association)) == AAbort(2, 2)
    assert association.next_deadline() == 5.0
