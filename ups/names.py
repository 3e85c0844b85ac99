"""The numbers and words of the Unified Procedure Step (PS3.4 Annex CC): classes, actions, events, states, statuses.

Pure data: what class serves what, what a status means in each operation and what to do next. Knows nothing of data
sets, associations or the store, so that a command line can read it without loading any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from dicomnet import uids
from dicomnet.codes import CommandField

__all__ = [
    "ACTIONS",
    "CLASS_NAMES",
    "CURRENT_CLASSES",
    "EVENT_NAMES",
    "FINAL_STATES",
    "SERVICES",
    "SUBSCRIPTION_INSTANCES",
    "TRIAL_CLASSES",
    "ActionType",
    "EventType",
    "InputReadiness",
    "ListStatus",
    "ScpStatus",
    "StepPriority",
    "StepState",
    "instance_class",
    "is_trial",
    "serves",
]


class StepState(StrEnum):
    """Procedure Step State (0074,1000); CANCELED has one L."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


FINAL_STATES = frozenset({StepState.COMPLETED, StepState.CANCELED})


class StepPriority(StrEnum):
    """Scheduled Procedure Step Priority (0074,1200)."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class InputReadiness(StrEnum):
    """Input Readiness State (0040,4041)."""

    INCOMPLETE = "INCOMPLETE"
    UNAVAILABLE = "UNAVAILABLE"
    READY = "READY"


class ScpStatus(StrEnum):
    """SCP Status (0074,1242) of event type 4."""

    RESTARTED = "RESTARTED"
    GOING_DOWN = "GOING DOWN"


class ListStatus(StrEnum):
    """Subscription and UPS List Status (0074,1244), (0074,1246) of event type 4."""

    WARM_START = "WARM START"
    COLD_START = "COLD START"


class ActionType(IntEnum):
    """Action Type ID of N-ACTION (CC.2.1 to CC.2.3)."""

    CHANGE_STATE = 1
    REQUEST_CANCEL = 2
    SUBSCRIBE = 3
    UNSUBSCRIBE = 4
    SUSPEND_GLOBAL = 5


class EventType(IntEnum):
    """Event Type ID of N-EVENT-REPORT (CC.2.4)."""

    STATE_REPORT = 1
    CANCEL_REQUESTED = 2
    PROGRESS_REPORT = 3
    SCP_STATUS_CHANGE = 4
    ASSIGNED = 5


EVENT_NAMES: Mapping[int, str] = {
    EventType.STATE_REPORT: "UPS State Report",
    EventType.CANCEL_REQUESTED: "UPS Cancel Requested",
    EventType.PROGRESS_REPORT: "UPS Progress Report",
    EventType.SCP_STATUS_CHANGE: "SCP Status Change",
    EventType.ASSIGNED: "UPS Assigned",
}

CURRENT_CLASSES = frozenset({uids.UPS_PUSH, uids.UPS_WATCH, uids.UPS_PULL, uids.UPS_EVENT, uids.UPS_QUERY})

TRIAL_CLASSES: Mapping[str, str] = {
    uids.UPS_TRIAL_PUSH: uids.UPS_PUSH,
    uids.UPS_TRIAL_WATCH: uids.UPS_WATCH,
    uids.UPS_TRIAL_PULL: uids.UPS_PULL,
    uids.UPS_TRIAL_EVENT: uids.UPS_EVENT,
}
"""Each retired trial class with the class of today that does the same; Query has no trial form."""

CLASS_NAMES: Mapping[str, str] = {
    uids.UPS_PUSH: "Unified Procedure Step - Push SOP Class",
    uids.UPS_WATCH: "Unified Procedure Step - Watch SOP Class",
    uids.UPS_PULL: "Unified Procedure Step - Pull SOP Class",
    uids.UPS_EVENT: "Unified Procedure Step - Event SOP Class",
    uids.UPS_QUERY: "Unified Procedure Step - Query SOP Class",
    uids.UPS_TRIAL_PUSH: "Unified Procedure Step - Push SOP Class - Trial",
    uids.UPS_TRIAL_WATCH: "Unified Procedure Step - Watch SOP Class - Trial",
    uids.UPS_TRIAL_PULL: "Unified Procedure Step - Pull SOP Class - Trial",
    uids.UPS_TRIAL_EVENT: "Unified Procedure Step - Event SOP Class - Trial",
}

SUBSCRIPTION_INSTANCES = frozenset({uids.UPS_GLOBAL_SUBSCRIPTION, uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION})
"""Well-known SOP instances that stand for all workitems, or for all that match a filter."""

_SUBSCRIPTION_ACTIONS = frozenset({ActionType.SUBSCRIBE, ActionType.UNSUBSCRIBE, ActionType.SUSPEND_GLOBAL})

SERVICES: Mapping[str, frozenset[int]] = {
    uids.UPS_PUSH: frozenset({CommandField.N_CREATE_RQ, CommandField.N_GET_RQ, CommandField.N_ACTION_RQ}),
    uids.UPS_WATCH: frozenset({CommandField.C_FIND_RQ, CommandField.N_GET_RQ, CommandField.N_ACTION_RQ}),
    uids.UPS_PULL: frozenset(
        {CommandField.C_FIND_RQ, CommandField.N_GET_RQ, CommandField.N_SET_RQ, CommandField.N_ACTION_RQ}
    ),
    uids.UPS_EVENT: frozenset({CommandField.N_EVENT_REPORT_RQ}),
    uids.UPS_QUERY: frozenset({CommandField.C_FIND_RQ}),
}
"""Which DIMSE requests a class serves (Tables CC.2-1 to CC.2-5)."""

ACTIONS: Mapping[str, frozenset[int]] = {
    uids.UPS_PUSH: frozenset({ActionType.REQUEST_CANCEL}),
    uids.UPS_WATCH: _SUBSCRIPTION_ACTIONS | {ActionType.REQUEST_CANCEL},
    uids.UPS_PULL: frozenset({ActionType.CHANGE_STATE}),
    uids.UPS_EVENT: frozenset(),
    uids.UPS_QUERY: frozenset(),
}
"""Which action types N-ACTION may carry in a context of the class."""


def is_trial(sop_class: str) -> bool:
    """Whether the UID is one of the retired trial classes."""
    return sop_class in TRIAL_CLASSES


def serves(abstract_syntax: str, command_field: int, action_type: int | None = None) -> bool:
    """Whether a context of this class, current or trial, serves the request; N-ACTION asks for its type too."""
    sop_class = TRIAL_CLASSES.get(abstract_syntax, abstract_syntax)
    if command_field not in SERVICES.get(sop_class, frozenset()):
        return False
    return action_type is None or action_type in ACTIONS[sop_class]


def instance_class(abstract_syntax: str) -> str:
    """The SOP class a workitem has for a peer on this context: UPS Push, or Trial Push for a trial peer (CC.3)."""
    return uids.UPS_TRIAL_PUSH if is_trial(abstract_syntax) else uids.UPS_PUSH
