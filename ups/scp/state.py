"""The life of a workitem: Table CC.1.1-2 of PS3.4 as data.

How it works: a workitem is SCHEDULED from its N-CREATE on. Whoever first asks for IN PROGRESS with a UID of its own
making becomes the owner; that Transaction UID is the lock, and from then on the table looks at nothing but whether the
asker knows it. COMPLETED and CANCELED are ends. ``classify`` turns a request into a row, ``decide`` looks up the cell;
whether the final state requirements are met, and who is told, is for others. A workitem that does not exist has state
None.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from dicomnet.dimse.status import DUPLICATE_SOP_INSTANCE, SUCCESS
from dicomnet.records import dataclass
from dicomnet.uids import is_uid
from ups import status
from ups.names import StepState

__all__ = ["TRANSITIONS", "StepEvent", "Transition", "classify", "decide"]


class StepEvent(Enum):
    """A row of the table; "correct" and "no correct" speak of the Transaction UID that came along."""

    CREATE = "N-CREATE"
    TO_IN_PROGRESS = "to IN PROGRESS, correct UID"
    TO_IN_PROGRESS_WRONG = "to IN PROGRESS, no correct UID"
    TO_SCHEDULED = "to SCHEDULED"
    TO_COMPLETED = "to COMPLETED, correct UID"
    TO_COMPLETED_WRONG = "to COMPLETED, no correct UID"
    REQUEST_CANCEL = "Request Cancel"
    TO_CANCELED = "to CANCELED, correct UID"
    TO_CANCELED_WRONG = "to CANCELED, no correct UID"


@dataclass(frozen=True, slots=True)
class Transition:
    """A cell: the answer, and the states passed through, each with its own State Report.

    ``requires_final``: the answer holds only if the final state requirements are met, else it is C304 and nothing
    happens. ``asks_performer``: the performer is told of the wish to cancel, the state stays.
    """

    status: int
    states: tuple[StepState, ...] = ()
    requires_final: bool = False
    asks_performer: bool = False


_S, _P = StepState.SCHEDULED, StepState.IN_PROGRESS
_D, _X = StepState.COMPLETED, StepState.CANCELED

_UNKNOWN = Transition(status.NO_SUCH_UPS)
_DUPLICATE = Transition(DUPLICATE_SOP_INSTANCE)
_WRONG_UID = Transition(status.NO_TRANSACTION_UID)
_NOT_BACK = Transition(status.SCHEDULED_ONLY_BY_CREATE)
_TOO_LATE = Transition(status.MAY_NO_LONGER_BE_UPDATED)
_TOO_EARLY = Transition(status.NOT_IN_PROGRESS)

_Row = Mapping[StepState | None, Transition]
_ALWAYS_WRONG: _Row = {None: _UNKNOWN, _S: _WRONG_UID, _P: _WRONG_UID, _D: _WRONG_UID, _X: _WRONG_UID}

TRANSITIONS: Mapping[StepEvent, _Row] = {
    StepEvent.CREATE: {
        None: Transition(SUCCESS, (_S,)),
        _S: _DUPLICATE,
        _P: _DUPLICATE,
        _D: _DUPLICATE,
        _X: _DUPLICATE,
    },
    StepEvent.TO_IN_PROGRESS: {
        None: _UNKNOWN,
        _S: Transition(SUCCESS, (_P,)),
        _P: Transition(status.ALREADY_IN_PROGRESS),
        _D: _TOO_LATE,
        _X: _TOO_LATE,
    },
    StepEvent.TO_IN_PROGRESS_WRONG: _ALWAYS_WRONG,
    StepEvent.TO_SCHEDULED: {None: _UNKNOWN, _S: _NOT_BACK, _P: _NOT_BACK, _D: _NOT_BACK, _X: _NOT_BACK},
    StepEvent.TO_COMPLETED: {
        None: _UNKNOWN,
        _S: _TOO_EARLY,
        _P: Transition(SUCCESS, (_D,), requires_final=True),
        _D: Transition(status.ALREADY_COMPLETED),
        _X: _TOO_LATE,
    },
    StepEvent.TO_COMPLETED_WRONG: _ALWAYS_WRONG,
    StepEvent.REQUEST_CANCEL: {
        None: _UNKNOWN,
        _S: Transition(SUCCESS, (_P, _X)),
        _P: Transition(SUCCESS, asks_performer=True),
        _D: Transition(status.COMPLETED_BEFORE_CANCEL),
        _X: Transition(status.ALREADY_CANCELED),
    },
    StepEvent.TO_CANCELED: {
        None: _UNKNOWN,
        _S: _TOO_EARLY,
        _P: Transition(SUCCESS, (_X,), requires_final=True),
        _D: _TOO_LATE,
        _X: Transition(status.ALREADY_CANCELED),
    },
    StepEvent.TO_CANCELED_WRONG: _ALWAYS_WRONG,
}
"""Table CC.1.1-2: row, column, cell."""

_ROWS: Mapping[StepState, tuple[StepEvent, StepEvent]] = {
    StepState.SCHEDULED: (StepEvent.TO_SCHEDULED, StepEvent.TO_SCHEDULED),
    StepState.IN_PROGRESS: (StepEvent.TO_IN_PROGRESS, StepEvent.TO_IN_PROGRESS_WRONG),
    StepState.COMPLETED: (StepEvent.TO_COMPLETED, StepEvent.TO_COMPLETED_WRONG),
    StepState.CANCELED: (StepEvent.TO_CANCELED, StepEvent.TO_CANCELED_WRONG),
}


def classify(target: StepState, given_uid: str, state: StepState | None, stored_uid: str) -> StepEvent:
    """The row for a Change UPS State with this Transaction UID.

    While nothing is stored, each well-formed UID is correct; afterwards only the stored one is, also in final states.
    """
    correct = is_uid(given_uid) and (state in (None, StepState.SCHEDULED) or given_uid == stored_uid)
    return _ROWS[target][0 if correct else 1]


def decide(event: StepEvent, state: StepState | None) -> Transition:
    """The cell for this event in this state."""
    return TRANSITIONS[event][state]
