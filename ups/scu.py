"""The UPS operations as flows (PS3.4 CC.2): written once, run on any driver.

Each takes the data set as it shall travel; ``ups.cli`` and embedders build it. ``via`` is the SOP class whose
presentation context carries the request, ``sop_class`` the one the command names: always UPS Push, whatever the
context (CC.3.1), unless a peer still speaks the trial classes. A failure status is data, not an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dicomnet import flows, uids
from dicomnet.codes import Priority
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    CFindRequest,
    CFindResponse,
    NActionRequest,
    NActionResponse,
    NCreateRequest,
    NCreateResponse,
    NEventReportRequest,
    NGetRequest,
    NGetResponse,
    NSetRequest,
    NSetResponse,
    Request,
)
from dicomnet.dimse.payloads import DataSet
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from ups.names import ActionType, EventType, StepState

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "action",
    "change_state",
    "create",
    "event_receiver",
    "find",
    "get",
    "request_cancel",
    "set_attributes",
    "subscribe",
    "suspend",
    "unsubscribe",
]


def create(
    data_set: DataSet, *, uid: str | None = None, via: str = uids.UPS_PUSH, sop_class: str = uids.UPS_PUSH
) -> Flow[NCreateResponse]:
    """Ask the SCP to create a UPS (CC.2.5); without ``uid`` it makes one and the response tells it."""
    request = NCreateRequest(sop_class=sop_class, instance=uid, data_set=data_set)
    return (yield from flows.ask(request, expect=NCreateResponse, via=via))


def set_attributes(
    uid: str, data_set: DataSet, *, via: str = uids.UPS_PULL, sop_class: str = uids.UPS_PUSH
) -> Flow[NSetResponse]:
    """Change attributes (CC.2.6); once the UPS is claimed the data set holds its Transaction UID."""
    request = NSetRequest(sop_class=sop_class, instance=uid, data_set=data_set)
    return (yield from flows.ask(request, expect=NSetResponse, via=via))


def get(
    uid: str,
    attributes: Sequence[int] = (),
    *,
    via: str = uids.UPS_PULL,
    sop_class: str = uids.UPS_PUSH,
    timeout: float | None = None,
) -> Flow[NGetResponse]:
    """Read attributes (CC.2.7); none named means all. ``timeout`` is that of ``flows.ask``."""
    request = NGetRequest(sop_class=sop_class, instance=uid, attributes=tuple(attributes) or None)
    return (yield from flows.ask(request, expect=NGetResponse, via=via, timeout=timeout))


def find(identifier: DataSet, *, via: str = uids.UPS_PULL, priority: int = Priority.MEDIUM) -> Flow[CFindResponse]:
    """Search (CC.2.8): delivers each pending response, returns the final one."""
    # C-FIND alone names the class of its context (CC.2.8.1).
    request = CFindRequest(sop_class=via, priority=priority, data_set=identifier)
    return (yield from flows.ask_many(request, expect=CFindResponse, via=via))


def action(
    uid: str,
    action_type: int,
    data_set: DataSet,
    *,
    via: str,
    sop_class: str = uids.UPS_PUSH,
) -> Flow[NActionResponse]:
    """Any N-ACTION on a UPS or a subscription instance (CC.2.1 to CC.2.3)."""
    request = NActionRequest(sop_class=sop_class, instance=uid, action_type=action_type, data_set=data_set)
    return (yield from flows.ask(request, expect=NActionResponse, via=via))


def change_state(
    uid: str, state: StepState, *, transaction_uid: str | None, via: str = uids.UPS_PULL
) -> Flow[NActionResponse]:
    """Claim, complete or cancel a UPS (CC.2.1); the claim makes ``transaction_uid`` its lock."""
    information = _data_set(ProcedureStepState=state.value)
    if transaction_uid is not None:
        information.TransactionUID = transaction_uid
    return (yield from action(uid, ActionType.CHANGE_STATE, information, via=via))


def request_cancel(
    uid: str,
    *,
    requesting_ae: str | None = None,
    reason: str | None = None,
    contact_uri: str | None = None,
    contact_name: str | None = None,
    via: str = uids.UPS_PUSH,
) -> Flow[NActionResponse]:
    """Ask whoever performs the UPS to cancel it (CC.2.2); success means passed on, not cancelled."""
    values = {
        "RequestingAE": requesting_ae,
        "ReasonForCancellation": reason,
        "ContactURI": contact_uri,
        "ContactDisplayName": contact_name,
    }
    given = {keyword: value for keyword, value in values.items() if value is not None}
    information = _data_set(**given) if given else None
    return (yield from action(uid, ActionType.REQUEST_CANCEL, information, via=via))


def subscribe(
    receiving_ae: str,
    *,
    uid: str = uids.UPS_GLOBAL_SUBSCRIPTION,
    deletion_lock: bool = False,
    keys: Dataset | None = None,
    via: str = uids.UPS_WATCH,
) -> Flow[NActionResponse]:
    """Have events sent to ``receiving_ae`` (CC.2.3): of one UPS, of all, or of those that match ``keys``."""
    information = _data_set(ReceivingAE=receiving_ae, DeletionLock="TRUE" if deletion_lock else "FALSE")
    if keys is not None:
        information.update(keys)
    return (yield from action(uid, ActionType.SUBSCRIBE, information, via=via))


def unsubscribe(
    receiving_ae: str, *, uid: str = uids.UPS_GLOBAL_SUBSCRIPTION, via: str = uids.UPS_WATCH
) -> Flow[NActionResponse]:
    """End the events of one UPS, or with the global instance every subscription (CC.2.3)."""
    return (yield from action(uid, ActionType.UNSUBSCRIBE, _data_set(ReceivingAE=receiving_ae), via=via))


def suspend(
    receiving_ae: str, *, uid: str = uids.UPS_GLOBAL_SUBSCRIPTION, via: str = uids.UPS_WATCH
) -> Flow[NActionResponse]:
    """Subscribe to no new UPS; what is subscribed stays so (CC.2.3)."""
    return (yield from action(uid, ActionType.SUSPEND_GLOBAL, _data_set(ReceivingAE=receiving_ae), via=via))


def event_receiver(
    on_event: Callable[[NEventReportRequest, Peer], None],
    *,
    status: int = statuses.SUCCESS,
    room: Callable[[], Flow[None]] | None = None,
) -> Handler:
    """A handler for N-EVENT-REPORT (CC.2.4): event types 1 to 5 are answered with ``status``, others with 0113.

    ``on_event`` is called for the known types before the answer leaves, with the event still undecoded. ``room`` makes
    a flow that ends when one more event can be taken; until then the peer waits for its answer.
    """

    def receive(request: Request, peer: Peer) -> Flow[None]:
        if not isinstance(request, NEventReportRequest):
            yield from flows.send(reply(request, statuses.UNRECOGNIZED_OPERATION))
        elif request.event_type not in set(EventType):
            yield from flows.send(reply(request, statuses.NO_SUCH_EVENT_TYPE))
        else:
            if room is not None:
                yield from room()
            on_event(request, peer)
            yield from flows.send(reply(request, status))

    return handle_by_type({NEventReportRequest: receive})


def _data_set(**values: str) -> Dataset:
    from pydicom.dataset import Dataset

    data_set = Dataset()
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set
