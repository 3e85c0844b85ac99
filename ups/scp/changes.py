"""What changes a workitem: N-CREATE, N-SET, Change State, Request Cancel (PS3.4 CC.2.1, CC.2.2, CC.2.5, CC.2.6).

Each function works inside one write transaction and either returns what was done or raises a Refusal, upon which the
transaction is undone. They decide by the tables of ``state``, ``rules`` and ``finality`` and do no IO of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from dicomnet.dimse import status as general
from dicomnet.records import dataclass, replace
from dicomnet.uids import is_uid, new_uid
from ups import status
from ups.names import FINAL_STATES, SUBSCRIPTION_INSTANCES, StepState
from ups.scp import events
from ups.scp.finality import check_final
from ups.scp.refusal import Refusal
from ups.scp.rules import check_create, check_set
from ups.scp.state import StepEvent as Event
from ups.scp.state import Transition, classify, decide
from ups.scp.store import GlobalSubscription, Narrowing, Subscription, Transaction, Workitem
from ups.scp.values import first, texts
from ups.scp.workitem import (
    apply_set,
    cancel_by_scp,
    check_writable,
    complete_cancellation,
    decode,
    encode,
    prepare,
    set_state,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Done", "change_state", "create", "known_workitem", "record", "request_cancel", "set_attributes"]

_STATE = 0x00741000
_TRANSACTION_UID = 0x00081195


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: the status to answer, which attributes it is about, whom to tell."""

    status: int = general.SUCCESS
    effects: tuple[events.DeliverEventReport, ...] = ()
    comment: str = ""
    elements: tuple[int, ...] = ()
    instance: str | None = None


def create(
    transaction: Transaction,
    uid: str | None,
    dataset: Dataset,
    now: datetime,
    *,
    worklist_label: str,
    max_size: int,
    wants: Callable[[GlobalSubscription, str, Dataset], bool],
) -> Done:
    """Make a workitem; ``wants`` tells whether a global subscription covers it.

    Raises:
        Refusal: 0111, 0117, 0213, or what the attribute rules say.
        EncodeError: a value cannot be written in every transfer syntax.
    """
    uid = uid or new_uid()
    if not is_uid(uid) or uid in SUBSCRIPTION_INSTANCES:
        raise Refusal(general.INVALID_SOP_INSTANCE, "the SOP Instance UID is no UID for a workitem")
    existing = transaction.workitem(uid)
    transition = decide(Event.CREATE, StepState(existing.state) if existing else None)
    if not transition.states:
        raise Refusal(transition.status, "a workitem with this UID exists")
    check_create(dataset)
    check_writable(dataset)
    changed = tuple(prepare(dataset, now, worklist_label))
    transaction.add(_bounded(record(Workitem(uid, StepState.SCHEDULED, b""), dataset), max_size))
    effects: list[events.DeliverEventReport] = []
    reports = [events.state_report(dataset), *events.assigned_reports(dataset)]
    receivers = [held for held in transaction.global_subscriptions() if wants(held, uid, dataset)]
    for held in receivers:
        transaction.subscribe(Subscription(held.ae_title, uid, held.lock, held.trial))
    effects.extend(events.deliver(reports, uid, receivers))
    if changed:
        comment = "set by the SCP or not kept, see the offending elements"
        return Done(status.CREATED_WITH_MODIFICATIONS, tuple(effects), comment, changed, uid)
    return Done(general.SUCCESS, tuple(effects), instance=uid)


def set_attributes(transaction: Transaction, uid: str, changes: Dataset, now: datetime, *, max_size: int) -> Done:
    """Change attributes (CC.2.6.3): all of them or none.

    Raises:
        Refusal: C307, C300, C301, C310, 0213, or what the attribute rules say.
        EncodeError: a value cannot be written in every transfer syntax.
    """
    workitem = known_workitem(transaction, uid)
    given = _transaction_uid(changes)
    state = StepState(workitem.state)
    if state in FINAL_STATES:
        raise Refusal(status.MAY_NO_LONGER_BE_UPDATED, f"the workitem is {state}")
    if state is StepState.SCHEDULED and given:
        raise Refusal(status.NOT_IN_PROGRESS, "nobody has claimed it: no Transaction UID is due")
    if state is StepState.IN_PROGRESS and given != workitem.transaction_uid:
        raise Refusal(status.NO_TRANSACTION_UID, "not the Transaction UID of the claim", elements=[_TRANSACTION_UID])
    check_set(changes)
    check_writable(changes)
    before, after = decode(workitem), decode(workitem)
    ignored = tuple(apply_set(after, changes, now))
    # one kept under a larger limit may be changed, but must not grow
    transaction.replace(_bounded(record(workitem, after), max(max_size, len(workitem.data))))
    reports = events.changes(before, after)
    effects = tuple(events.deliver(reports, uid, transaction.subscribers(uid))) if reports else ()
    if ignored:
        return Done(status.INVALID_VALUES_COERCED, effects, "written by the SCP alone, so not taken", ignored)
    return Done(general.SUCCESS, effects)


def change_state(transaction: Transaction, uid: str, action: Dataset, now: datetime) -> Done:
    """Action type 1 (CC.2.1.3), by Table CC.1.1-2.

    Raises:
        Refusal: the failure of the cell, C304, or 0115 for a state that does not exist.
    """
    workitem = known_workitem(transaction, uid)
    name = first(action, _STATE)
    if name not in frozenset(StepState):
        raise Refusal(general.INVALID_ARGUMENT_VALUE, "ProcedureStepState is missing or no state", elements=[_STATE])
    target, state, given = StepState(name), StepState(workitem.state), _transaction_uid(action)
    transition = decide(classify(target, given, state, workitem.transaction_uid), state)
    if not transition.states:
        return _unchanged(transition, workitem)
    dataset = decode(workitem)
    if target is StepState.CANCELED:
        complete_cancellation(dataset, now)
    if transition.requires_final:
        check_final(dataset, target)
    set_state(dataset, target)
    changed = replace(workitem, transaction_uid=given, ended=now.timestamp() if target in FINAL_STATES else None)
    transaction.replace(record(changed, dataset))
    report = events.state_report(dataset)
    return Done(transition.status, tuple(events.deliver([report], uid, transaction.subscribers(uid))))


def request_cancel(
    transaction: Transaction, uid: str, request: Dataset, requesting_ae: str, now: datetime, *, max_size: int
) -> Done:
    """Action type 2 (CC.2.2.3): ours to do while nobody has claimed the workitem, the performer's afterwards.

    A performer is taken for reachable when anybody is subscribed to the workitem; with no subscriber it is C312.

    Raises:
        Refusal: C307, C311, C312, or 0213 for a request larger than a workitem may be.
        EncodeError: a value cannot be written in every transfer syntax.
    """
    workitem = known_workitem(transaction, uid)
    check_writable(request)
    _check_size(encode(request), max_size)
    transition = decide(Event.REQUEST_CANCEL, StepState(workitem.state))
    receivers = transaction.subscribers(uid)
    if transition.asks_performer:
        if not receivers:
            raise Refusal(status.PERFORMER_CANNOT_BE_CONTACTED, "nobody is subscribed to the workitem")
        report = events.cancel_requested(request, requesting_ae)
        return Done(transition.status, tuple(events.deliver([report], uid, receivers)))
    if not transition.states:
        return _unchanged(transition, workitem)
    dataset = decode(workitem)
    passed = events.state_report(dataset, transition.states[0])
    set_state(dataset, transition.states[-1])
    cancel_by_scp(dataset, request, now)
    check_final(dataset, transition.states[-1])
    # the claim is ours for a moment; nobody else ever learns its UID
    transaction.replace(record(replace(workitem, transaction_uid=new_uid(), ended=now.timestamp()), dataset))
    reports = [passed, events.state_report(dataset)]
    return Done(transition.status, tuple(events.deliver(reports, uid, receivers)))


def known_workitem(transaction: Transaction, uid: str) -> Workitem:
    """The workitem that a request is about.

    Raises:
        Refusal: 0117 or C307.
    """
    if not is_uid(uid):
        raise Refusal(general.INVALID_SOP_INSTANCE, "the SOP Instance UID is not well-formed")
    workitem = transaction.workitem(uid)
    if workitem is None:
        raise Refusal(status.NO_SUCH_UPS, "no such workitem")
    return workitem


def _unchanged(transition: Transition, workitem: Workitem) -> Done:
    """The answer of a cell that leads nowhere: a warning is an answer, a failure is raised."""
    if general.status_class(transition.status) is general.StatusClass.FAILURE:
        raise Refusal(transition.status, f"the workitem is {workitem.state}")
    return Done(transition.status, comment=f"the workitem is {workitem.state}")


def _transaction_uid(dataset: Dataset) -> str:
    values = texts(dataset, _TRANSACTION_UID)
    return "\\".join(values)  # two values make no UID, and so are never the right one


def record(workitem: Workitem, dataset: Dataset) -> Workitem:
    """The record with the data set's bytes and the columns taken from it."""
    patient = texts(dataset, Narrowing.COLUMNS["patient_id"])
    return replace(
        workitem,
        data=encode(dataset),
        state=first(dataset, Narrowing.COLUMNS["state"]),
        priority=first(dataset, Narrowing.COLUMNS["priority"]),
        readiness=first(dataset, Narrowing.COLUMNS["readiness"]),
        patient_id=None if len(patient) > 1 else "".join(patient),
    )


def _bounded(workitem: Workitem, max_size: int) -> Workitem:
    _check_size(workitem.data, max_size)
    return workitem


def _check_size(data: bytes, max_size: int) -> None:
    if len(data) > max_size:
        raise Refusal(general.RESOURCE_LIMITATION, f"a workitem may have {max_size} bytes")
