"""Subscribe, unsubscribe, suspend: action types 3 to 5 and Tables CC.2.3-1 to CC.2.3-3 of PS3.4.

Decided here, where the text leaves a choice:
- an AE has at most one global subscription, plain or filtered; a later one takes its place;
- unsubscribing from either global instance ends everything of the AE, suspending either ends its global subscription;
- initial reports for a global subscription go to the workitems the AE was not yet subscribed to (Table CC.2.3-2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pydicom.tag import BaseTag

from dicomnet.dimse import status as general
from dicomnet.uids import UPS_FILTERED_GLOBAL_SUBSCRIPTION
from ups import status
from ups.names import SUBSCRIPTION_INSTANCES, ActionType
from ups.scp import events
from ups.scp.changes import Done, known_workitem
from ups.scp.matching import Query
from ups.scp.refusal import Refusal
from ups.scp.rules import well_formed
from ups.scp.store import GlobalSubscription, Subscription, Transaction
from ups.scp.values import first, texts
from ups.scp.workitem import decode, encode

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ups.scp.store import Workitem

__all__ = ["MAX_FILTER", "act"]

MAX_FILTER = 1024 * 1024
"""Longest encoded filter of a global subscription: it is kept, and asked about each new workitem."""

_RECEIVING_AE = 0x00741234
_DELETION_LOCK = 0x00741230


def act(
    transaction: Transaction,
    action_type: int,
    instance: str,
    action: Dataset,
    *,
    trial: bool,
    grant_locks: bool,
    knows_ae: Callable[[str], bool],
    compile_filter: Callable[[Dataset], Query],
) -> Done:
    """Carry out a type 3, 4 or 5 action.

    Raises:
        Refusal: C307, C308, C314, or 0115 for a missing or wrong argument.
    """
    everything = instance in SUBSCRIPTION_INSTANCES
    if action_type == ActionType.SUSPEND_GLOBAL and not everything:
        raise Refusal(status.INAPPROPRIATE_ACTION, "only a global subscription can be suspended")
    if not everything:
        known_workitem(transaction, instance)
    ae_title = _receiving_ae(action)
    if not knows_ae(ae_title) and (action_type == ActionType.SUBSCRIBE or not transaction.is_subscribed(ae_title)):
        raise Refusal(status.UNKNOWN_RECEIVING_AE, "no address for the Receiving AE", elements=[_RECEIVING_AE])
    if action_type == ActionType.UNSUBSCRIBE:
        transaction.unsubscribe(ae_title, None if everything else instance)
        return Done()
    if action_type == ActionType.SUSPEND_GLOBAL:
        transaction.end_global(ae_title)
        return Done()
    asked = _deletion_lock(action)
    wanted = Subscription(ae_title, instance, asked and grant_locks, trial)
    if everything:
        effects = tuple(_subscribe_globally(transaction, wanted, action, compile_filter))
    else:
        effects = tuple(_subscribe(transaction, wanted))
    return Done(status.DELETION_LOCK_NOT_GRANTED if asked and not grant_locks else general.SUCCESS, effects)


def _receiving_ae(action: Dataset) -> str:
    values = texts(action, _RECEIVING_AE)
    if len(values) != 1 or not well_formed(values[0], "AE"):
        text = "ReceivingAE is missing or no AE title"
        raise Refusal(general.INVALID_ARGUMENT_VALUE, text, elements=[_RECEIVING_AE])
    return values[0]


def _deletion_lock(action: Dataset) -> bool:
    value = first(action, _DELETION_LOCK)
    if value not in ("TRUE", "FALSE"):
        text = "DeletionLock must be TRUE or FALSE"
        raise Refusal(general.INVALID_ARGUMENT_VALUE, text, elements=[_DELETION_LOCK])
    return value == "TRUE"


def _subscribe(transaction: Transaction, wanted: Subscription) -> Iterator[events.DeliverEventReport]:
    """To one workitem: always with an initial report, whatever was before (Table CC.2.3-3)."""
    transaction.subscribe(wanted)
    workitem = known_workitem(transaction, wanted.uid)
    yield from events.deliver([events.state_report(decode(workitem))], wanted.uid, [wanted])


def _subscribe_globally(
    transaction: Transaction, wanted: Subscription, action: Dataset, compile_filter: Callable[[Dataset], Query]
) -> Iterator[events.DeliverEventReport]:
    """To what there is and what will come; initial reports with a lock only (CC.2.4.3)."""
    query = filter_bytes = None
    if wanted.uid == UPS_FILTERED_GLOBAL_SUBSCRIPTION:
        for tag in (_RECEIVING_AE, _DELETION_LOCK):
            action._dict.pop(BaseTag(tag), None)
        try:
            query, filter_bytes = compile_filter(action), encode(action)
        except Refusal as refusal:
            # the codes of C-FIND have no meaning in N-ACTION
            limit = refusal.status == status.FIND_OUT_OF_RESOURCES
            code = general.RESOURCE_LIMITATION if limit else general.INVALID_ARGUMENT_VALUE
            raise Refusal(code, refusal.comment, elements=refusal.elements) from refusal
        if query.is_empty:
            raise Refusal(general.INVALID_ARGUMENT_VALUE, "a filtered subscription needs matching keys")
        if len(filter_bytes) > MAX_FILTER:
            raise Refusal(general.RESOURCE_LIMITATION, f"the filter is longer than {MAX_FILTER} bytes")
    transaction.subscribe_globally(GlobalSubscription(wanted.ae_title, wanted.lock, filter_bytes, wanted.trial))
    if query is None and not wanted.lock:
        transaction.subscribe_all(wanted.ae_title, lock=False, trial=wanted.trial)
        return
    reports: dict[tuple[str, str], events.Report] = {}
    for workitem in _all(transaction, query):
        if transaction.is_subscribed(wanted.ae_title, workitem.uid):
            continue
        dataset = decode(workitem)
        if query is not None and not query.covers(workitem.uid, dataset):
            continue
        transaction.subscribe(Subscription(wanted.ae_title, workitem.uid, wanted.lock, wanted.trial))
        if wanted.lock:
            # a CANCELED workitem tells its own reasons; of all others, equal reports are one object
            key = (workitem.state, workitem.readiness)
            report = events.state_report(dataset)
            if len(report.information) == 2:
                report = reports.setdefault(key, report)
            yield from events.deliver([report], workitem.uid, [wanted])


def _all(transaction: Transaction, query: Query | None) -> Iterator[Workitem]:
    narrowing, after = None if query is None else query.narrowing(), 0
    while page := transaction.workitems(after=after, narrowing=narrowing):
        yield from page
        after = page[-1].number
