"""Event reports (PS3.4 CC.2.4): what each of the five says, and to whom it is to be delivered.

A report is an effect, not an act: whoever runs the service opens the association to the receiver. Nothing here changes
a workitem or a subscription, and a report that cannot be delivered changes neither (CC.2.4.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet import uids
from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.records import dataclass
from ups.names import EventType, ListStatus, ScpStatus, StepState
from ups.scp.values import canonical, is_empty, items
from ups.scp.workitem import pick, same_content

if TYPE_CHECKING:
    from ups.scp.store import GlobalSubscription, Subscription

__all__ = [
    "DeliverEventReport",
    "Report",
    "assigned_reports",
    "cancel_requested",
    "changes",
    "deliver",
    "progress_report",
    "scp_status",
    "state_report",
    "to_receiver",
]

_STATE, _READINESS = 0x00741000, 0x00404041
_PROGRESS = 0x00741002
_REASON, _REASON_CODE = 0x00741238, 0x0074100E
_CONTACT_URI, _CONTACT_NAME = 0x0074100A, 0x0074100C
_STATIONS, _PERFORMERS = 0x00404025, 0x00404034
_PERFORMER_CODE, _PERFORMER_ORGANIZATION = 0x00404009, 0x00404036
_PROGRESS_SHOWN = (0x00741004, 0x00741006, 0x00741007, 0x00741008)
_PROGRESS_REPORTED = (0x00741004, 0x00741006, 0x00741008)


@dataclass(frozen=True, slots=True)
class DeliverEventReport:
    """An effect: send this request to an AE, in a context of ``abstract_syntax`` in which we are the SCP."""

    receiving_ae: str
    request: NEventReportRequest
    abstract_syntax: str = uids.UPS_EVENT


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to a workitem, not yet addressed to anybody."""

    event_type: EventType
    information: Dataset


def deliver(
    reports: Iterable[Report], uid: str, receivers: Iterable[Subscription | GlobalSubscription]
) -> Iterator[DeliverEventReport]:
    """Each report to each receiver, in the order in which things happened."""
    receivers = list(receivers)
    for report in reports:
        for receiver in receivers:
            yield to_receiver(report, uid, receiver.ae_title, trial=receiver.trial)


def to_receiver(report: Report, uid: str, ae_title: str, *, trial: bool) -> DeliverEventReport:
    """One report for one AE, in the classes that AE speaks."""
    request = NEventReportRequest(
        sop_class=uids.UPS_TRIAL_PUSH if trial else uids.UPS_PUSH,
        instance=uid,
        event_type=int(report.event_type),
        data_set=report.information,
    )
    return DeliverEventReport(ae_title, request, uids.UPS_TRIAL_EVENT if trial else uids.UPS_EVENT)


def state_report(workitem: Dataset, state: StepState | None = None) -> Report:
    """Type 1, for the state the workitem has or for one it passes through; a CANCELED one says why."""
    information = pick(workitem, (_STATE, _READINESS))
    if state is not None:
        information.add_new(_STATE, "CS", str(state))
    progress = items(workitem, _PROGRESS)
    if progress and information.get("ProcedureStepState") == StepState.CANCELED:
        for tag in (_REASON, _REASON_CODE):
            if not is_empty(progress[0], tag):
                information._dict[BaseTag(tag)] = progress[0]._dict[BaseTag(tag)]
    return Report(EventType.STATE_REPORT, information)


def cancel_requested(request: Dataset, requesting_ae: str) -> Report:
    """Type 2, with what the N-ACTION gave."""
    given = (_REASON, _REASON_CODE, _CONTACT_URI, _CONTACT_NAME)
    information = pick(request, (tag for tag in given if not is_empty(request, tag)))
    # the title is the peer's own word, and may hold what no AE value may
    plain = (
        letter if letter.isascii() and letter.isprintable() and letter != "\\" else "?" for letter in requesting_ae
    )
    information.RequestingAE = "".join(plain)[:16]
    return Report(EventType.CANCEL_REQUESTED, information)


def progress_report(workitem: Dataset) -> Report:
    """Type 3, with the current content of the progress sequence as Table CC.2.4-1 lists it."""
    information = pick(workitem, ())
    shown = [pick(item, _PROGRESS_SHOWN) for item in items(workitem, _PROGRESS)]
    information.add_new(_PROGRESS, "SQ", Sequence(shown))
    return Report(EventType.PROGRESS_REPORT, information)


def scp_status(status: ScpStatus, lists: ListStatus) -> Report:
    """Type 4; the list statuses are type 1 also where they mean nothing."""
    information = Dataset()
    information.SCPStatus = str(status)
    information.SubscriptionListStatus = str(lists)
    information.UnifiedProcedureStepListStatus = str(lists)
    return Report(EventType.SCP_STATUS_CHANGE, information)


def assigned_reports(workitem: Dataset) -> list[Report]:
    """Type 5: one per human performer, because the table has room for one; none when nobody is assigned."""
    stations = () if is_empty(workitem, _STATIONS) else (_STATIONS,)
    found = []
    for performer in items(workitem, _PERFORMERS):
        information = pick(workitem, stations)
        for tag in (_PERFORMER_CODE, _PERFORMER_ORGANIZATION):
            if not is_empty(performer, tag):
                information._dict[BaseTag(tag)] = performer._dict[BaseTag(tag)]
        found.append(Report(EventType.ASSIGNED, information))
    if not found and stations:
        found.append(Report(EventType.ASSIGNED, pick(workitem, stations)))
    return found


def changes(before: Dataset, after: Dataset) -> list[Report]:
    """What an N-SET has to be told of (CC.2.4.3): input readiness, progress, assignment."""
    found = []
    if not same_content(before, after, _READINESS):
        found.append(state_report(after))
    if _progress(before) != _progress(after):
        found.append(progress_report(after))
    if not all(same_content(before, after, tag) for tag in (_STATIONS, _PERFORMERS)):
        found.extend(assigned_reports(after))
    return found


def _progress(workitem: Dataset) -> list[object]:
    held = ([canonical(item, tag) for tag in _PROGRESS_REPORTED] for item in items(workitem, _PROGRESS))
    return [values for values in held if any(value is not None for value in values)]
