"""The upper layer state machine of PS3.8 9.2 as data: states, events, actions and the cells of Table 9-10.

Theory of operation. An association has two ends. The requestor walks Sta1 -> Sta4 (transport connecting) -> Sta5
(request sent) -> Sta6 (established); the acceptor Sta1 -> Sta2 (transport open) -> Sta3 (the user decides) -> Sta6.
From Sta6 either end asks for release: the asker waits in Sta7, the asked one stands in Sta8 and may still send data
before it answers. If both ask at once (a collision), each gets a request where it awaited an answer: the requestor then
goes 7 -> 9 -> 11 -> 1 (answers first), the acceptor 7 -> 10 -> 12 -> 13 -> 1 (awaits the answer first). Whoever sends
the last PDU of all (reject, release response, abort) waits in Sta13 for the other to close the transport, and whoever
receives it closes. One timer, ARTIM, guards the two waits in which the peer might never say anything again: Sta2, for
the request, and Sta13, for the close.

What happens, an event, is one of four kinds: a primitive of the local user (Evt1, 7, 8, 9, 11, 14, 15), news of the
transport (2, 5, 17), a PDU of the peer (3, 4, 6, 10, 12, 13, 16, 19) or the ARTIM timer (18). The cell of state and
event names an action; an action is a tuple of effects and the next state. An empty cell is a local error: nothing
happens, and a local primitive is refused. Three actions look at what came with the event: AE-6 (is the request of a
protocol version we speak?), AR-8 (which end are we?) and AA-3 (who aborted: the peer's user or its provider?).

This room knows no PDU layout, no bytes and no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final

from dicomnet.records import dataclass

__all__ = [
    "ACTIONS",
    "GUARDS",
    "LOCAL_EVENTS",
    "NEXT_STATES",
    "TRANSITIONS",
    "Action",
    "Effect",
    "Event",
    "Guard",
    "State",
    "Transition",
]


class State(StrEnum):
    """Where an association stands (PS3.8 Tables 9-1 to 9-5)."""

    STA1 = "Sta1"
    STA2 = "Sta2"
    STA3 = "Sta3"
    STA4 = "Sta4"
    STA5 = "Sta5"
    STA6 = "Sta6"
    STA7 = "Sta7"
    STA8 = "Sta8"
    STA9 = "Sta9"
    STA10 = "Sta10"
    STA11 = "Sta11"
    STA12 = "Sta12"
    STA13 = "Sta13"

    @property
    def meaning(self) -> str:
        """What the association does in this state, in words."""
        return _STATE_MEANINGS[self]


_STATE_MEANINGS: Final = {
    State.STA1: "idle",
    State.STA2: "transport open, waiting for A-ASSOCIATE-RQ",
    State.STA3: "waiting for the local answer to the association request",
    State.STA4: "waiting for the transport connection",
    State.STA5: "waiting for A-ASSOCIATE-AC or A-ASSOCIATE-RJ",
    State.STA6: "association established",
    State.STA7: "waiting for A-RELEASE-RP",
    State.STA8: "waiting for the local answer to the release request",
    State.STA9: "release collision, requestor: waiting for the local release response",
    State.STA10: "release collision, acceptor: waiting for A-RELEASE-RP",
    State.STA11: "release collision, requestor: answered, waiting for A-RELEASE-RP",
    State.STA12: "release collision, acceptor: got A-RELEASE-RP, waiting for the local release response",
    State.STA13: "waiting for the peer to close the transport",
}


class Event(StrEnum):
    """What can happen to an association (PS3.8 Table 9-10, rows)."""

    EVT1 = "Evt1"
    EVT2 = "Evt2"
    EVT3 = "Evt3"
    EVT4 = "Evt4"
    EVT5 = "Evt5"
    EVT6 = "Evt6"
    EVT7 = "Evt7"
    EVT8 = "Evt8"
    EVT9 = "Evt9"
    EVT10 = "Evt10"
    EVT11 = "Evt11"
    EVT12 = "Evt12"
    EVT13 = "Evt13"
    EVT14 = "Evt14"
    EVT15 = "Evt15"
    EVT16 = "Evt16"
    EVT17 = "Evt17"
    EVT18 = "Evt18"
    EVT19 = "Evt19"

    @property
    def meaning(self) -> str:
        """What happened, in words."""
        return _EVENT_MEANINGS[self]


_EVENT_MEANINGS: Final = {
    Event.EVT1: "A-ASSOCIATE request",
    Event.EVT2: "transport connected",
    Event.EVT3: "A-ASSOCIATE-AC received",
    Event.EVT4: "A-ASSOCIATE-RJ received",
    Event.EVT5: "transport connection accepted",
    Event.EVT6: "A-ASSOCIATE-RQ received",
    Event.EVT7: "A-ASSOCIATE response (accept)",
    Event.EVT8: "A-ASSOCIATE response (reject)",
    Event.EVT9: "P-DATA request",
    Event.EVT10: "P-DATA-TF received",
    Event.EVT11: "A-RELEASE request",
    Event.EVT12: "A-RELEASE-RQ received",
    Event.EVT13: "A-RELEASE-RP received",
    Event.EVT14: "A-RELEASE response",
    Event.EVT15: "A-ABORT request",
    Event.EVT16: "A-ABORT received",
    Event.EVT17: "transport closed",
    Event.EVT18: "ARTIM expired",
    Event.EVT19: "unrecognized or invalid PDU received",
}

LOCAL_EVENTS: Final = frozenset({Event.EVT1, Event.EVT7, Event.EVT8, Event.EVT9, Event.EVT11, Event.EVT14, Event.EVT15})
"""The primitives of the local user: the only events that an empty cell refuses aloud."""


class Action(StrEnum):
    """What an association does about an event (PS3.8 Tables 9-6 to 9-9)."""

    AE_1 = "AE-1"
    AE_2 = "AE-2"
    AE_3 = "AE-3"
    AE_4 = "AE-4"
    AE_5 = "AE-5"
    AE_6 = "AE-6"
    AE_7 = "AE-7"
    AE_8 = "AE-8"
    DT_1 = "DT-1"
    DT_2 = "DT-2"
    AR_1 = "AR-1"
    AR_2 = "AR-2"
    AR_3 = "AR-3"
    AR_4 = "AR-4"
    AR_5 = "AR-5"
    AR_6 = "AR-6"
    AR_7 = "AR-7"
    AR_8 = "AR-8"
    AR_9 = "AR-9"
    AR_10 = "AR-10"
    AA_1 = "AA-1"
    AA_2 = "AA-2"
    AA_3 = "AA-3"
    AA_4 = "AA-4"
    AA_5 = "AA-5"
    AA_6 = "AA-6"
    AA_7 = "AA-7"
    AA_8 = "AA-8"


class Effect(StrEnum):
    """One step of an action."""

    CONNECT = auto()  # ask for a transport connection
    CLOSE = auto()  # ask for the transport to be closed
    SEND = auto()  # send the PDUs the primitive (or the failed check of AE-6) brought along
    SEND_USER_ABORT = auto()  # A-ABORT, source service-user
    SEND_PROVIDER_ABORT = auto()  # A-ABORT, source service-provider
    START_REQUEST_TIMER = auto()  # ARTIM, for the A-ASSOCIATE-RQ to come
    START_CLOSE_TIMER = auto()  # ARTIM, for the peer to close; restarted if running
    STOP_TIMER = auto()  # ARTIM
    INDICATE_ASSOCIATE = auto()
    CONFIRM_ACCEPT = auto()
    CONFIRM_REJECT = auto()
    INDICATE_DATA = auto()
    INDICATE_RELEASE = auto()
    INDICATE_COLLISION = auto()
    CONFIRM_RELEASE = auto()
    INDICATE_ABORT = auto()
    INDICATE_PROVIDER_ABORT = auto()


ACTIONS: Final[Mapping[Action, tuple[Effect, ...]]] = MappingProxyType(
    {
        Action.AE_1: (Effect.CONNECT,),
        Action.AE_2: (Effect.SEND,),
        Action.AE_3: (Effect.CONFIRM_ACCEPT,),
        Action.AE_4: (Effect.CONFIRM_REJECT, Effect.CLOSE),
        Action.AE_5: (Effect.START_REQUEST_TIMER,),
        Action.AE_6: (Effect.STOP_TIMER,),  # the rest is its guard's
        Action.AE_7: (Effect.SEND,),
        Action.AE_8: (Effect.SEND, Effect.START_CLOSE_TIMER),
        Action.DT_1: (Effect.SEND,),
        Action.DT_2: (Effect.INDICATE_DATA,),
        Action.AR_1: (Effect.SEND,),
        Action.AR_2: (Effect.INDICATE_RELEASE,),
        Action.AR_3: (Effect.CONFIRM_RELEASE, Effect.CLOSE),
        Action.AR_4: (Effect.SEND, Effect.START_CLOSE_TIMER),
        Action.AR_5: (Effect.STOP_TIMER,),
        Action.AR_6: (Effect.INDICATE_DATA,),
        Action.AR_7: (Effect.SEND,),
        Action.AR_8: (Effect.INDICATE_COLLISION,),
        Action.AR_9: (Effect.SEND,),
        Action.AR_10: (Effect.CONFIRM_RELEASE,),
        Action.AA_1: (Effect.SEND_USER_ABORT, Effect.START_CLOSE_TIMER),
        Action.AA_2: (Effect.STOP_TIMER, Effect.CLOSE),
        Action.AA_3: (Effect.CLOSE,),  # the indication is its guard's
        Action.AA_4: (Effect.INDICATE_PROVIDER_ABORT,),
        Action.AA_5: (Effect.STOP_TIMER,),
        Action.AA_6: (),
        Action.AA_7: (Effect.SEND_PROVIDER_ABORT,),
        Action.AA_8: (Effect.SEND_PROVIDER_ABORT, Effect.INDICATE_PROVIDER_ABORT, Effect.START_CLOSE_TIMER),
    }
)
"""The effects of each action, in order; a guarded action adds those of the branch taken."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The question an action asks of its event, and what either answer adds.

    With two next states, yes leads to the first of them.
    """

    question: str
    yes: tuple[Effect, ...] = ()
    no: tuple[Effect, ...] = ()


GUARDS: Final[Mapping[Action, Guard]] = MappingProxyType(
    {
        Action.AE_6: Guard(
            "does the request offer a protocol version we speak?",
            yes=(Effect.INDICATE_ASSOCIATE,),
            no=(Effect.SEND, Effect.START_CLOSE_TIMER),
        ),
        Action.AR_8: Guard("are we the association requestor?"),
        Action.AA_3: Guard(
            "did the peer's user abort?",
            yes=(Effect.INDICATE_ABORT,),
            no=(Effect.INDICATE_PROVIDER_ABORT,),
        ),
    }
)

NEXT_STATES: Final[Mapping[Action, tuple[State, ...]]] = MappingProxyType(
    {
        Action.AE_1: (State.STA4,),
        Action.AE_2: (State.STA5,),
        Action.AE_3: (State.STA6,),
        Action.AE_4: (State.STA1,),
        Action.AE_5: (State.STA2,),
        Action.AE_6: (State.STA3, State.STA13),
        Action.AE_7: (State.STA6,),
        Action.AE_8: (State.STA13,),
        Action.DT_1: (State.STA6,),
        Action.DT_2: (State.STA6,),
        Action.AR_1: (State.STA7,),
        Action.AR_2: (State.STA8,),
        Action.AR_3: (State.STA1,),
        Action.AR_4: (State.STA13,),
        Action.AR_5: (State.STA1,),
        Action.AR_6: (State.STA7,),
        Action.AR_7: (State.STA8,),
        Action.AR_8: (State.STA9, State.STA10),
        Action.AR_9: (State.STA11,),
        Action.AR_10: (State.STA12,),
        Action.AA_1: (State.STA13,),
        Action.AA_2: (State.STA1,),
        Action.AA_3: (State.STA1,),
        Action.AA_4: (State.STA1,),
        Action.AA_5: (State.STA1,),
        Action.AA_6: (State.STA13,),
        Action.AA_7: (State.STA13,),
        Action.AA_8: (State.STA13,),
    }
)
"""Where each action ends: it is the action that decides, whatever the state it started in."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A filled cell of Table 9-10."""

    action: Action
    next_states: tuple[State, ...]


# Table 9-10 as it is printed: a row for each event, a column for each state, a dot for an empty cell.
_TABLE_9_10: Final = """
      Sta1 Sta2 Sta3 Sta4 Sta5 Sta6 Sta7 Sta8 Sta9 Sta10 Sta11 Sta12 Sta13
Evt1  AE-1 .    .    .    .    .    .    .    .    .     .     .     .
Evt2  .    .    .    AE-2 .    .    .    .    .    .     .     .     .
Evt3  .    AA-1 AA-8 .    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt4  .    AA-1 AA-8 .    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt5  AE-5 .    .    .    .    .    .    .    .    .     .     .     .
Evt6  .    AE-6 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-7
Evt7  .    .    AE-7 .    .    .    .    .    .    .     .     .     .
Evt8  .    .    AE-8 .    .    .    .    .    .    .     .     .     .
Evt9  .    .    .    .    .    DT-1 .    AR-7 .    .     .     .     .
Evt10 .    AA-1 AA-8 .    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt11 .    .    .    .    .    AR-1 .    .    .    .     .     .     .
Evt12 .    AA-1 AA-8 .    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt13 .    AA-1 AA-8 .    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3  AA-8  AA-6
Evt14 .    .    .    .    .    .    .    AR-4 AR-9 .     .     AR-4  .
Evt15 .    .    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1  AA-1  .
Evt16 .    AA-2 AA-3 .    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3  AA-3  AA-2
Evt17 .    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4  AA-4  AR-5
Evt18 .    AA-2 .    .    .    .    .    .    .    .     .     .     AA-2
Evt19 .    AA-1 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-7
"""


def _read_table(text: str) -> Mapping[tuple[State, Event], Transition]:
    heading, *rows = text.strip().splitlines()
    states = [State(name) for name in heading.split()]
    cells: dict[tuple[State, Event], Transition] = {}
    for row in rows:
        name, *actions = row.split()
        for state, cell in zip(states, actions, strict=True):
            if cell != ".":
                action = Action(cell)
                cells[state, Event(name)] = Transition(action, NEXT_STATES[action])
    return MappingProxyType(cells)


TRANSITIONS: Final = _read_table(_TABLE_9_10)
"""The filled cells of PS3.8 Table 9-10."""
