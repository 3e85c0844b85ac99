"""The operations of ``dcmups`` as data: what each sends, on which context, what it needs and what it has no use for.

Pure data (PS3.4 CC.2, Tables CC.2-1 to CC.2-5 for the contexts). Options are named by their place in ``CommandLine``.
"""

from __future__ import annotations

from collections.abc import Mapping

from dicomnet import uids
from dicomnet.records import dataclass
from ups.names import ActionType

__all__ = ["CONTEXTS", "OPERATIONS", "OperationSpec", "ServiceContext"]


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """One of the contexts an operation can go out on: the class of today and the retired trial one."""

    current: str
    trial: str

    def abstract_syntax(self, *, trial: bool) -> str:
        """The UID to propose."""
        return self.trial if trial else self.current


CONTEXTS: Mapping[str, ServiceContext] = {
    "push": ServiceContext(uids.UPS_PUSH, uids.UPS_TRIAL_PUSH),
    "pull": ServiceContext(uids.UPS_PULL, uids.UPS_TRIAL_PULL),
    "watch": ServiceContext(uids.UPS_WATCH, uids.UPS_TRIAL_WATCH),
    "event": ServiceContext(uids.UPS_EVENT, uids.UPS_TRIAL_EVENT),
}

_DATA = frozenset({"file", "edits", "keys", "names"})


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """``needs`` must be given, ``uses`` may be; every other bound option has no effect and gets a warning."""

    name: str
    summary: str
    context: str
    needs: tuple[str, ...] = ()
    uses: frozenset[str] = _DATA
    needs_data: bool = False
    action: ActionType | None = None
    instance: str | None = None  # where it goes when there is no -iuid

    def has_use_for(self, place: str) -> bool:
        """Whether the option at this place of the command line changes what is sent."""
        return place in self.needs or place in self.uses


_SPECS = (
    OperationSpec(
        "create",
        "create a workitem (N-CREATE) and print its UID",
        "push",
        uses=_DATA | {"instance", "state", "transaction"},
        needs_data=True,
    ),
    OperationSpec(
        "set",
        "change attributes of a workitem (N-SET)",
        "pull",
        needs=("instance",),
        uses=_DATA | {"state", "transaction", "claim_store"},
        needs_data=True,
    ),
    OperationSpec(
        "get",
        "show the attributes of a workitem (N-GET)",
        "pull",
        needs=("instance",),
        uses=_DATA | {"output"},
    ),
    OperationSpec(
        "find",
        "list the workitems that match (C-FIND)",
        "pull",
        uses=_DATA | {"instance", "state", "priority", "fuzzy", "no_match_error", "output"},
    ),
    OperationSpec(
        "chstate",
        "claim, complete or cancel a workitem (N-ACTION 1)",
        "pull",
        needs=("instance", "state", "transaction"),
        uses=_DATA | {"claim_store", "wait", "wait_timeout"},
        action=ActionType.CHANGE_STATE,
    ),
    OperationSpec(
        "reqcancel",
        "ask that a workitem be canceled (N-ACTION 2)",
        "push",
        needs=("instance", "aet"),
        uses=_DATA | {"reason", "reason_code", "contact", "contact_uri", "wait", "wait_timeout"},
        action=ActionType.REQUEST_CANCEL,
    ),
    OperationSpec(
        "subscribe",
        "have event reports sent to an AE (N-ACTION 3)",
        "watch",
        needs=("aet",),
        uses=_DATA | {"instance", "deletion_lock", "state", "filters", "watch"},
        action=ActionType.SUBSCRIBE,
        instance=uids.UPS_GLOBAL_SUBSCRIPTION,
    ),
    OperationSpec(
        "unsubscribe",
        "end the event reports to an AE (N-ACTION 4)",
        "watch",
        needs=("aet",),
        uses=_DATA | {"instance", "filtered"},
        action=ActionType.UNSUBSCRIBE,
        instance=uids.UPS_GLOBAL_SUBSCRIPTION,
    ),
    OperationSpec(
        "suspend",
        "end the subscription to workitems yet to come (N-ACTION 5)",
        "watch",
        needs=("aet",),
        uses=_DATA | {"filtered"},
        action=ActionType.SUSPEND_GLOBAL,
        instance=uids.UPS_GLOBAL_SUBSCRIPTION,
    ),
)

OPERATIONS: Mapping[str, OperationSpec] = {spec.name: spec for spec in _SPECS}
