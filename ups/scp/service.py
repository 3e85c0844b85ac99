"""The UPS service: a DIMSE request and the time in, responses and event reports out (PS3.4 Annex CC).

How a request goes: ``names.serves`` says whether the presentation context may carry it (0211, 0123); its data set is
decoded; one transaction of the store is opened, the change is made by ``changes`` or ``subscriptions``, and when it has
been kept for good the answer is made. Whatever goes wrong undoes the transaction and becomes a status: a Refusal says
which, a data set that is none is 0110 (C-FIND: C000), a store without room or free lock 0213 (C-FIND: A700), any other
failure of the store 0110 (C-FIND: C000). Other exceptions are faults of this program and go through to the caller. The
store's is the only IO.

Workitems in a final state are kept until ``purge`` is called, and then while any subscriber holds a deletion lock.
Requests in the retired trial classes are treated alike and answered in the trial classes' own UIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, cast

from pydicom.dataset import Dataset

from dicomnet.dimse import messages
from dicomnet.dimse import status as general
from dicomnet.dimse.conversion import command_code
from dicomnet.errors import CodecError
from dicomnet.records import dataclass
from dicomnet.uids import EXPLICIT_VR_LE, UPS_FILTERED_GLOBAL_SUBSCRIPTION, UPS_GLOBAL_SUBSCRIPTION
from ups import status
from ups.names import (
    CLASS_NAMES,
    SUBSCRIPTION_INSTANCES,
    ActionType,
    ListStatus,
    ScpStatus,
    instance_class,
    is_trial,
    serves,
)
from ups.scp import changes, events, subscriptions
from ups.scp.changes import Done
from ups.scp.events import DeliverEventReport
from ups.scp.find import answers
from ups.scp.matching import Query
from ups.scp.refusal import Refusal
from ups.scp.responses import respond, respond_refusal
from ups.scp.retrieval import asked_attributes
from ups.scp.store import Conflict, GlobalSubscription, Store, StoreBusy, StoreError, StoreFull, Transaction
from ups.scp.workitem import decode, pick

if TYPE_CHECKING:
    from dicomnet.dimse.messages import Request, Response

__all__ = ["Caller", "DeliverEventReport", "Outcome", "UpsService"]

_ATTEMPTS = 3
"""Tries of a change that another writer got in the way of; stores with one writer at a time need one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the calling AE title of the association, and the abstract syntax of the context it asks in.

    ``fuzzy`` is whether fuzzy matching of person names was negotiated for that (PS3.4 K.5.1).
    """

    ae_title: str
    abstract_syntax: str
    fuzzy: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The responses, in order, in batches that may be made while they are taken; what is to be done besides, in order.

    An empty batch only says that the work goes on.
    """

    batches: Iterable[Sequence[Response]]
    effects: tuple[DeliverEventReport, ...] = ()

    @property
    def responses(self) -> Iterator[Response]:
        """The responses one by one."""
        return chain.from_iterable(self.batches)


class UpsService:
    """One worklist. Safe to call from several threads at once if its store is.

    ``knows_ae`` says whether there is an address for an AE title (by default there is for none); ``fallback`` are the
    AE titles told of a restart beside the subscribers; ``worklist_label`` fills an empty Worklist Label (our AE title
    by default); with ``grant_locks`` False a deletion lock is answered with B301. Workitems beyond ``max_workitem``
    bytes, as they are kept, are refused with 0213.
    """

    def __init__(
        self,
        store: Store,
        *,
        ae_title: str,
        knows_ae: Callable[[str], bool] = lambda _: False,
        fallback: Iterable[str] = (),
        worklist_label: str | None = None,
        grant_locks: bool = True,
        max_workitem: int = 4 * 1024 * 1024,
    ) -> None:
        self._store = store
        self._knows_ae = knows_ae
        self._fallback = tuple(fallback)
        self._worklist_label = (ae_title if worklist_label is None else worklist_label)[:64]
        self._grant_locks = grant_locks
        self._max_workitem = max_workitem

    def handle(self, request: Request, caller: Caller, now: datetime) -> Outcome:
        """Carry a request out; what is answered with success has been kept."""
        try:
            self._check_served(request, caller)
            return self._dispatch(request, caller, now)
        except (Refusal, CodecError, StoreError) as error:
            refusal = _refusal(request, error)
            return Outcome([[respond_refusal(request, caller.abstract_syntax, refusal)]])

    def started(self, now: datetime) -> tuple[DeliverEventReport, ...]:
        """What to send when the service has begun: SCP Status Change, RESTARTED.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._announce(ScpStatus.RESTARTED)

    def stopping(self, now: datetime) -> tuple[DeliverEventReport, ...]:
        """What to send before the service ends: SCP Status Change, GOING DOWN.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._announce(ScpStatus.GOING_DOWN)

    def purge(self, before: datetime, now: datetime) -> int:
        """Delete the unlocked workitems that ended before this time; how many there were.

        A clock that was set back makes endings lie in the future; those workitems stay.

        Raises:
            StoreError: the store failed; nothing was deleted.
        """
        with self._store.write() as transaction:
            return transaction.purge(min(before.timestamp(), now.timestamp()))

    def _check_served(self, request: Request, caller: Caller) -> None:
        action_type = request.action_type if isinstance(request, messages.NActionRequest) else None
        # in the Event class we are the SCP too, but it is the SCP who sends its N-EVENT-REPORT
        foreign = isinstance(request, (messages.OtherRequest, messages.NEventReportRequest))
        if foreign or not serves(caller.abstract_syntax, command_code(request)):
            raise Refusal(general.UNRECOGNIZED_OPERATION, "not served in this presentation context")
        if not serves(caller.abstract_syntax, command_code(request), action_type):
            raise Refusal(general.NO_SUCH_ACTION_TYPE, "action type not served in this presentation context")
        # Push is due in DIMSE-N, the context's class in C-FIND; peers mix them up, and CC.3.1 lets nobody refuse that
        if getattr(request, "sop_class", "") not in CLASS_NAMES:
            find = isinstance(request, messages.CFindRequest)
            raise Refusal(general.SOP_CLASS_NOT_SUPPORTED if find else general.NO_SUCH_SOP_CLASS, "not a UPS class")

    def _dispatch(self, request: Request, caller: Caller, now: datetime) -> Outcome:
        if isinstance(request, messages.CFindRequest):
            return self._find(request, caller, now)
        if isinstance(request, messages.NGetRequest):
            return self._get(request, caller)
        data = _received(request)
        done = self._change(lambda transaction: self._carry_out(transaction, request, _copy(data), caller, now))
        response = respond(
            request,
            caller.abstract_syntax,
            done.status,
            comment=done.comment,
            elements=done.elements,
            instance=done.instance,
        )
        return Outcome([[response]], done.effects)

    def _carry_out(
        self, transaction: Transaction, request: Request, data: Dataset, caller: Caller, now: datetime
    ) -> Done:
        if isinstance(request, messages.NCreateRequest):
            return changes.create(
                transaction,
                request.instance,
                data,
                now,
                worklist_label=self._worklist_label,
                max_size=self._max_workitem,
                wants=lambda held, uid, workitem: _wants(held, uid, workitem, now),
            )
        if isinstance(request, messages.NSetRequest):
            return changes.set_attributes(transaction, request.instance, data, now, max_size=self._max_workitem)
        action = cast("messages.NActionRequest", request)
        if action.action_type in (ActionType.CHANGE_STATE, ActionType.REQUEST_CANCEL):
            if action.instance in SUBSCRIPTION_INSTANCES:
                raise Refusal(status.INAPPROPRIATE_ACTION, "this action is for a single workitem")
            if action.action_type == ActionType.CHANGE_STATE:
                return changes.change_state(transaction, action.instance, data, now)
            return changes.request_cancel(
                transaction, action.instance, data, caller.ae_title, now, max_size=self._max_workitem
            )
        return subscriptions.act(
            transaction,
            action.action_type,
            action.instance,
            data,
            trial=is_trial(caller.abstract_syntax),
            grant_locks=self._grant_locks,
            knows_ae=self._knows_ae,
            compile_filter=lambda keys: Query(keys, offset=_minutes(now)),
        )

    def _change(self, work: Callable[[Transaction], Done]) -> Done:
        """Run a change in a transaction of its own, anew when another writer came first."""
        for _ in range(_ATTEMPTS - 1):
            try:
                with self._store.write() as transaction:
                    return work(transaction)
            except Conflict:
                continue
        with self._store.write() as transaction:
            return work(transaction)

    def _get(self, request: messages.NGetRequest, caller: Caller) -> Outcome:
        with self._store.read() as transaction:
            workitem = changes.known_workitem(transaction, request.instance)
        dataset = decode(workitem)
        unsupported: tuple[int, ...] = ()
        if request.attributes:
            dataset, unsupported = asked_attributes(dataset, request.attributes)
        code = status.OPTIONAL_ATTRIBUTES_NOT_SUPPORTED if unsupported else general.SUCCESS
        return Outcome([[respond(request, caller.abstract_syntax, code, data_set=dataset, attributes=unsupported)]])

    def _find(self, request: messages.CFindRequest, caller: Caller, now: datetime) -> Outcome:
        query = Query(_received(request), offset=_minutes(now), fuzzy=caller.fuzzy)
        final = cast("messages.CFindResponse", respond(request, caller.abstract_syntax, general.SUCCESS))

        def failed(error: CodecError | StoreError) -> messages.CFindResponse:
            refusal = _refusal(request, error)
            return cast("messages.CFindResponse", respond_refusal(request, caller.abstract_syntax, refusal))

        found = answers(self._store, query, final, instance_class=instance_class(caller.abstract_syntax), failed=failed)
        return Outcome(found)

    def _announce(self, scp_status: ScpStatus) -> tuple[DeliverEventReport, ...]:
        """Event type 4, once per AE: global subscribers, then those of single workitems, then the fallback list."""
        kept = self._store.kept_lists or scp_status is ScpStatus.GOING_DOWN
        report = events.scp_status(scp_status, ListStatus.WARM_START if kept else ListStatus.COLD_START)
        with self._store.read() as transaction:
            everywhere, single = transaction.global_subscriptions(), transaction.subscriptions()
        found: dict[str, DeliverEventReport] = {}
        for held in everywhere:
            uid = UPS_GLOBAL_SUBSCRIPTION if held.filter is None else UPS_FILTERED_GLOBAL_SUBSCRIPTION
            found[held.ae_title] = events.to_receiver(report, uid, held.ae_title, trial=held.trial)
        for one in single:
            if one.ae_title not in found:
                found[one.ae_title] = events.to_receiver(report, one.uid, one.ae_title, trial=one.trial)
        for ae_title in self._fallback:
            if ae_title not in found:
                found[ae_title] = events.to_receiver(report, UPS_GLOBAL_SUBSCRIPTION, ae_title, trial=False)
        return tuple(found.values())


def _received(request: Request) -> Dataset:
    """The data set of a request, empty when there is none.

    Raises:
        DecodeError: its bytes are no data set.
    """
    return request.dataset() or Dataset()


def _copy(dataset: Dataset) -> Dataset:
    """A data set of our own to change; the caller's, and one for a second attempt, stay as they came."""
    return pick(dataset, dataset._dict)


def _minutes(now: datetime) -> int:
    return (now.utcoffset() or timedelta()) // timedelta(minutes=1)


def _wants(held: GlobalSubscription, uid: str, workitem: Dataset, now: datetime) -> bool:
    if held.filter is None:
        return True
    return _filter(held.filter, _minutes(now)).covers(uid, _copy(workitem))


@lru_cache(maxsize=256)
def _filter(keys: bytes, offset: int) -> Query:
    encoded = messages.EncodedDataSet(keys, EXPLICIT_VR_LE)
    return Query(encoded.decode(), offset=offset)


def _refusal(request: Request, error: Refusal | CodecError | StoreError) -> Refusal:
    """What a failure is called in the service it happened in."""
    if isinstance(error, Refusal):
        return error
    find = isinstance(request, messages.CFindRequest)
    if isinstance(error, (StoreFull, StoreBusy)):
        code = status.FIND_OUT_OF_RESOURCES if find else general.RESOURCE_LIMITATION
        return Refusal(code, "the store has no room or is busy")
    code = status.FIND_UNABLE_TO_PROCESS if find else general.PROCESSING_FAILURE
    if isinstance(error, StoreError):
        return Refusal(code, "the store failed")
    return Refusal(code, f"data set: {error.code}{f' at {error.path}' if error.path else ''}")
