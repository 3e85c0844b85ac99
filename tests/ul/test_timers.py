"""Deadlines on a fake clock, on both sides of each edge."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.errors import TimedOut
from dicomnet.records import fields
from dicomnet.ul import Association, Event, ProviderAbortIndication, Role, State, Timeouts, Transcript
from dicomnet.ul.timers import SUPERVISED, Timers, Wait
from dicomnet.wire import AAbort, decode_pdu

TIMEOUTS = Timeouts(artim=10.0, close=5.0, associate=30.0, release=31.0, pdu=32.0, idle=300.0)
EDGE = 0.001


def overdue(association: Association, at: float, ul: SimpleNamespace) -> ProviderAbortIndication:
    """Let the deadline pass that is at ``at``, not a moment sooner, and hand back what the user is told."""
    state = association.state
    assert association.next_deadline() == at
    association.handle_timeout(at - EDGE)
    assert association.state is state
    assert ul.drain(association) == []
    association.handle_timeout(at)
    assert decode_pdu(ul.take(association)) == AAbort(0, 0)
    assert association.state is State.STA13
    (indication,) = ul.drain(association)
    assert isinstance(indication, ProviderAbortIndication)
    assert (indication.source, indication.reason) == (0, 0)
    assert isinstance(indication.error, TimedOut)
    assert association.error is indication.error
    assert association.next_deadline() == at + TIMEOUTS.close
    return indication


def test_artim_bounds_the_whole_request_however_it_drips_in(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2, timeouts=TIMEOUTS)
    for index, byte in enumerate(ul.PEER_BYTES[Event.EVT6][:20]):
        association.receive_data(bytes([byte]), index / 2)
        assert association.next_deadline() == 10.0
    association.handle_timeout(10.0 - EDGE)
    assert association.state is State.STA2
    association.handle_timeout(10.0)
    assert association.is_over
    assert association.close_wanted
    assert ul.take(association) == b""
    assert ul.drain(association) == []
    assert isinstance(association.error, TimedOut)
    assert association.error.wait == "artim"


WAYS = st.sampled_from(["start", "restart", "stop", "start_artim", "stop_artim", "not_idle", "enter"])


@given(
    st.builds(Timeouts, *[st.sampled_from([None, 0.0, 1.0, 2.5, 40.0])] * len(fields(Timeouts))),
    st.lists(st.tuples(WAYS, st.sampled_from(Wait), st.sampled_from(State), st.floats(0, 9)), max_size=20),
)
def test_the_earliest_deadline_is_the_least_of_those_that_run(timeouts: Any, steps: Any) -> None:
    timers, running = Timers(timeouts), {}
    now, state = 0.0, State.STA1
    for way, wait, after, passed in steps:
        now += passed
        artim = wait if wait in (Wait.REQUEST, Wait.CLOSE) else Wait.CLOSE
        begun = {"start": {wait}, "start_artim": {artim}, "restart": {wait} & running.keys()}.get(way, set())
        begun |= {Wait.IDLE} & running.keys() if way == "not_idle" else set()
        over = {
            "stop": {wait},
            "start_artim": {Wait.REQUEST, Wait.CLOSE},
            "stop_artim": {Wait.REQUEST, Wait.CLOSE},
        }.get(way, set())
        if way == "enter":
            over = SUPERVISED[state] - SUPERVISED[after]
            begun = SUPERVISED[after] - SUPERVISED[state] - {Wait.PDU}  # which begins with a byte
            timers.enter(state, after, now)
            state = after
        elif way == "stop_artim":
            timers.stop_artim()
        elif way == "not_idle":
            timers.not_idle(now)
        elif way == "stop":
            timers.stop(wait)
        else:
            getattr(timers, way)(artim if way == "start_artim" else wait, now)
        running = {one: at for one, at in running.items() if one not in over}
        running |= {one: now + seconds for one in begun if (seconds := getattr(timeouts, one.value)) is not None}
        assert timers.earliest == min(running.values(), default=None)
        assert [one for one in Wait if timers.is_running(one)] == [one for one in Wait if one in running]
        due = timers.expired(now)
        assert (due is None) is (not running or min(running.values()) > now)
        assert due is None or running[due] == timers.earliest


def test_artim_stops_with_the_request(ul: SimpleNamespace) -> None:
    assert ul.reach(State.STA3, timeouts=TIMEOUTS).next_deadline() is None


@pytest.mark.parametrize(
    ("state", "role", "event"),
    [
        (State.STA3, Role.ACCEPTOR, Event.EVT8),
        (State.STA6, Role.REQUESTOR, Event.EVT15),
        (State.STA6, Role.REQUESTOR, Event.EVT19),
        (State.STA8, Role.ACCEPTOR, Event.EVT14),
        (State.STA12, Role.ACCEPTOR, Event.EVT14),
        (State.STA2, Role.ACCEPTOR, Event.EVT19),
    ],
)
def test_sta13_waits_for_the_close_and_no_longer(state: State, role: Role, event: Event, ul: SimpleNamespace) -> None:
    association = ul.reach(state, role, timeouts=TIMEOUTS)
    ul.happen(association, event, 7.0)
    ul.take(association)
    events = ul.drain(association)
    error = association.error
    assert association.next_deadline() == 12.0
    association.handle_timeout(12.0 - EDGE)
    assert not association.is_over
    association.handle_timeout(12.0)
    assert association.is_over
    assert association.close_wanted
    assert association.next_deadline() is None
    assert ul.drain(association) == []
    assert association.error is error
    assert len(events) == (state is State.STA6 and event is Event.EVT19)


def test_the_answer_to_our_request(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA5, timeouts=TIMEOUTS)
    assert overdue(association, 30.0, ul).error.wait == "associate"


def test_an_answer_in_time_stops_the_wait_and_starts_the_idle_one(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA5, timeouts=TIMEOUTS)
    association.receive_data(ul.PEER_BYTES[Event.EVT3], 30.0 - EDGE)
    association.handle_timeout(30.0)
    assert association.state is State.STA6
    assert association.next_deadline() == 330.0 - EDGE


@pytest.mark.parametrize(
    ("role", "state"), [(Role.REQUESTOR, State.STA7), (Role.ACCEPTOR, State.STA10), (Role.REQUESTOR, State.STA11)]
)
def test_the_answer_to_our_release(role: Role, state: State, ul: SimpleNamespace) -> None:
    association = ul.reach(state, role, timeouts=TIMEOUTS)
    assert overdue(association, 31.0, ul).error.wait == "release"


def test_data_of_the_peer_does_not_prolong_the_release(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA7, timeouts=TIMEOUTS)
    association.receive_data(ul.PEER_BYTES[Event.EVT10], 20.0)
    ul.drain(association)
    assert overdue(association, 31.0, ul).error.wait == "release"


def test_the_release_wait_is_one_through_a_collision_of_the_acceptor(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA7, Role.ACCEPTOR, timeouts=TIMEOUTS)
    ul.happen(association, Event.EVT12, 20.0)
    assert association.next_deadline() == 31.0


@pytest.mark.parametrize("state", [State.STA8, State.STA9, State.STA12, State.STA3])
def test_our_own_user_may_take_its_time(state: State, ul: SimpleNamespace) -> None:
    assert ul.reach(state, timeouts=TIMEOUTS).next_deadline() is None


@pytest.mark.parametrize("state", [State.STA3, State.STA5, State.STA6, State.STA7, State.STA8, State.STA12])
def test_a_pdu_that_has_begun(state: State, ul: SimpleNamespace) -> None:
    association = ul.reach(state, timeouts=Timeouts(associate=None, release=None, idle=None, pdu=32.0))
    for index in range(9):
        association.receive_data(ul.PEER_BYTES[Event.EVT10][index : index + 1], 1.0 + index)
        assert association.next_deadline() == 33.0  # from its first byte on, not from its last
    assert overdue(association, 33.0, ul).error.wait == "pdu"


def test_bytes_that_drip_in_do_not_put_off_the_end_of_a_pdu(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6, timeouts=Timeouts(idle=300.0, pdu=32.0))
    for index in range(4):  # each of them is a sign of life, and the later of the two deadlines moves
        association.receive_data(ul.PEER_BYTES[Event.EVT10][index : index + 1], 1.0 + index)
        assert association.next_deadline() == 33.0
    assert overdue(association, 33.0, ul).error.wait == "pdu"


def test_a_pdu_completed_in_time_is_forgotten_and_the_next_counts_anew(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6, timeouts=Timeouts(idle=None, pdu=32.0))
    pdu = ul.PEER_BYTES[Event.EVT10]
    association.receive_data(pdu[:3], 1.0)
    association.receive_data(pdu[3:] + pdu[:3], 20.0)
    assert association.next_deadline() == 52.0
    association.receive_data(pdu[3:], 21.0)
    assert association.next_deadline() is None


def test_bytes_left_behind_the_request_are_a_pdu_that_has_begun(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA2, timeouts=TIMEOUTS)
    association.receive_data(ul.PEER_BYTES[Event.EVT6] + b"\x04", 4.0)
    assert association.state is State.STA3
    assert association.next_deadline() == 36.0


def test_a_pdu_that_has_begun_is_not_waited_for_after_an_abort(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6, timeouts=TIMEOUTS)
    association.receive_data(b"\x04", 1.0)
    association.abort(2.0)
    assert association.next_deadline() == 7.0
    association.receive_data(b"\x00", 3.0)
    assert association.next_deadline() == 7.0


def test_an_idle_association(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6, timeouts=TIMEOUTS)
    assert overdue(association, 300.0, ul).error.wait == "idle"


def test_traffic_in_either_direction_is_not_idle(ul: SimpleNamespace) -> None:
    association = ul.reach(State.STA6, timeouts=TIMEOUTS)
    association.receive_data(ul.PEER_BYTES[Event.EVT10], 100.0)
    assert association.next_deadline() == 400.0
    association.send_p_data(1, b"command!", None, 200.0)
    assert association.next_deadline() == 500.0
    ul.take(association)
    ul.drain(association)
    assert overdue(association, 500.0, ul).error.wait == "idle"


def test_without_durations_nothing_but_artim_is_waited_for(ul: SimpleNamespace) -> None:
    for role, state in ul.PATHS:
        waits = ul.reach(state, role).next_deadline() is not None
        assert waits is (state in (State.STA2, State.STA13))


def test_a_late_clock_acts_once(ul: SimpleNamespace) -> None:
    """A driver that slept through several deadlines aborts now, and gives the peer its time to close from now on."""
    transcript = Transcript()
    association = ul.reach(State.STA6, timeouts=TIMEOUTS, transcript=transcript)
    association.receive_data(b"\x04", 10.0)
    association.handle_timeout(1000.0)
    assert len(ul.drain(association)) == 1
    assert association.next_deadline() == 1005.0
    association.handle_timeout(1005.0)
    association.handle_timeout(2000.0)
    assert [step.label for step in transcript.transitions][-2:] == [
        "Sta6 + Evt15 -> AA-1 -> Sta13",
        "Sta13 + Evt18 -> AA-2 -> Sta1",
    ]


def test_handle_timeout_is_harmless_at_any_time(ul: SimpleNamespace) -> None:
    for role, state in ul.PATHS:
        association = ul.reach(state, role, timeouts=TIMEOUTS)
        association.handle_timeout(0.0)
        assert association.state is state
