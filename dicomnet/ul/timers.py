"""The deadlines of an association: which waits are bounded, for how long, and which comes next.

ARTIM is the one timer of PS3.8 9.1.5; it guards two waits of its own and no others. The remaining deadlines are ours:
PS3.8 leaves supervising a slow peer to the user of the upper layer, who aborts. Knows no clock: ``now`` is a number of
seconds that never goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from dicomnet.records import dataclass
from dicomnet.ul.states import State

__all__ = ["OVERDUE", "SUPERVISED", "Timeouts", "Timers", "Wait"]


class Wait(StrEnum):
    """What a deadline waits for; the value is that of ``TimedOut.wait``."""

    REQUEST = "artim"  # ARTIM in Sta2: the A-ASSOCIATE-RQ, from first to last byte
    CLOSE = "close"  # ARTIM in Sta13: the peer to close the transport
    ASSOCIATE = "associate"
    RELEASE = "release"
    PDU = "pdu"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each wait may last, in seconds; None leaves it to the user of the association.

    ``pdu`` runs from the first byte of a PDU to its last, however the bytes drip in. ``idle`` is the time in Sta6 in
    which neither end sends anything.
    """

    artim: float = 10.0
    close: float = 5.0
    associate: float | None = 30.0
    release: float | None = 30.0
    pdu: float | None = 30.0
    idle: float | None = 300.0


SUPERVISED: Final[Mapping[State, frozenset[Wait]]] = MappingProxyType(
    {
        State.STA1: frozenset(),
        State.STA2: frozenset(),  # ARTIM covers the request from its first byte
        State.STA3: frozenset({Wait.PDU}),
        State.STA4: frozenset(),  # connecting is the driver's wait
        State.STA5: frozenset({Wait.ASSOCIATE, Wait.PDU}),
        State.STA6: frozenset({Wait.IDLE, Wait.PDU}),
        State.STA7: frozenset({Wait.RELEASE, Wait.PDU}),
        State.STA8: frozenset({Wait.PDU}),
        State.STA9: frozenset({Wait.PDU}),
        State.STA10: frozenset({Wait.RELEASE, Wait.PDU}),
        State.STA11: frozenset({Wait.RELEASE, Wait.PDU}),
        State.STA12: frozenset({Wait.PDU}),
        State.STA13: frozenset(),  # ARTIM
    }
)
"""The waits that may run in each state, besides ARTIM, which the actions start and stop."""

OVERDUE: Final[Mapping[Wait, str]] = MappingProxyType(
    {
        Wait.REQUEST: "no A-ASSOCIATE-RQ came in time",
        Wait.ASSOCIATE: "the association request was not answered in time",
        Wait.RELEASE: "the release request was not answered in time",
        Wait.PDU: "a PDU was begun and not completed in time",
        Wait.IDLE: "the association was idle for too long",
    }
)
"""What happened when a deadline passes; at ``CLOSE`` nothing did, the association had ended before."""

_BY_STATE: Final = frozenset({Wait.ASSOCIATE, Wait.RELEASE, Wait.IDLE})  # begin with the state; PDU begins with a byte
_CHANGES: Final[Mapping[tuple[State, State], tuple[tuple[Wait, ...], tuple[Wait, ...]]]] = {
    (before, after): (
        tuple(SUPERVISED[before] - SUPERVISED[after]),
        tuple((SUPERVISED[after] - SUPERVISED[before]) & _BY_STATE),
    )
    for before in State
    for after in State
}
"""For two states, the waits that end and those that begin on the way from the first to the second."""

# Members looked up once: to Python 3.11 each time is a call.
_IDLE: Final = Wait.IDLE
_REQUEST: Final = Wait.REQUEST
_CLOSE: Final = Wait.CLOSE
_SECONDS: Final = {wait: attrgetter(wait.value) for wait in Wait}  # the fields of Timeouts have the names of the waits


class Timers:
    """The deadlines that are running."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._idle = timeouts.idle
        self._deadlines: dict[Wait, float] = {}
        self.earliest: float | None = None
        """The earliest deadline, None if nothing is waited for."""

    def start(self, wait: Wait, now: float) -> None:
        """Start or restart; a wait without a duration does not run."""
        seconds: float | None = _SECONDS[wait](self._timeouts)
        if seconds is not None:
            self._set(wait, now + seconds)

    def restart(self, wait: Wait, now: float) -> None:
        """Start anew if it is running."""
        if wait in self._deadlines:
            self.start(wait, now)

    def not_idle(self, now: float) -> None:
        """The same for IDLE alone, which every message starts anew."""
        if _IDLE in self._deadlines and self._idle is not None:
            self._set(_IDLE, now + self._idle)

    def start_artim(self, wait: Wait, now: float) -> None:
        """Start or restart ARTIM for one of its two waits."""
        self.stop_artim()
        self.start(wait, now)

    def stop_artim(self) -> None:
        """Stop ARTIM."""
        self.stop(_REQUEST)
        self.stop(_CLOSE)

    def stop(self, wait: Wait) -> None:
        """Stop if it is running."""
        if wait in self._deadlines:
            del self._deadlines[wait]
            self._find_earliest()

    def is_running(self, wait: Wait) -> bool:
        """Whether this deadline is running."""
        return wait in self._deadlines

    def enter(self, before: State, after: State, now: float) -> None:
        """Stop the waits the new state does not have, start those the old one did not have."""
        over, due = _CHANGES[before, after]
        for wait in over:
            self.stop(wait)
        for wait in due:
            self.start(wait, now)

    def expired(self, now: float) -> Wait | None:
        """The earliest deadline that is due, None if none is."""
        if self.earliest is None or self.earliest > now:
            return None
        return min(self._deadlines, key=self._deadlines.__getitem__)

    def _set(self, wait: Wait, when: float) -> None:
        self._deadlines[wait] = when
        self._find_earliest()

    def _find_earliest(self) -> None:
        earliest = None
        for when in self._deadlines.values():  # min() takes three times as long, which every message would
            if earliest is None or when < earliest:
                earliest = when
        self.earliest = earliest
