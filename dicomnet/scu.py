"""The operations of PS3.7 as an SCU asks for them, as flows: written once, run on any driver.

A failure status is data and not an exception; ``raise_for_status`` makes one of it. ``via`` names the abstract syntax
whose presentation context carries the request, when that is not the request's own SOP class. ``timeout`` bounds the
wait for a response, for each one anew where several come; None takes the link's own (``Waits.response``).

C-FIND, C-GET and C-MOVE deliver each pending response and return the final one: run them with ``link.stream``, with
``everything`` around them if the final one is to come that way too. They can be cancelled from inside, by ``enough``,
and from outside, by ``flows.cancel`` with the ``message_id`` they were given. The instances that C-GET brings are
served by the link's own handler, and their contexts need the role of SCP (PS3.7 D.3.3.4).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from dicomnet import flows
from dicomnet.codes import Priority
from dicomnet.dimse.messages import (
    CFindRequest,
    CFindResponse,
    CGetRequest,
    CGetResponse,
    CMoveRequest,
    CMoveResponse,
    CStoreRequest,
    CStoreResponse,
    NActionRequest,
    NActionResponse,
    NCreateRequest,
    NCreateResponse,
    NDeleteRequest,
    NDeleteResponse,
    NEventReportRequest,
    NEventReportResponse,
    NGetRequest,
    NGetResponse,
    NSetRequest,
    NSetResponse,
    Response,
)
from dicomnet.dimse.payloads import DataSet, identity
from dicomnet.errors import LocalProtocolError
from dicomnet.flows import Flow, c_echo
from dicomnet.records import replace

__all__ = [
    "c_echo",
    "c_find",
    "c_get",
    "c_move",
    "c_store",
    "everything",
    "n_action",
    "n_create",
    "n_delete",
    "n_event_report",
    "n_get",
    "n_set",
]

R = TypeVar("R", bound=Response)


def c_store(
    data_set: DataSet,
    *,
    sop_class: str | None = None,
    instance: str | None = None,
    priority: int = Priority.MEDIUM,
    move_originator: str | None = None,
    move_originator_message_id: int | None = None,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[CStoreResponse]:
    """Have the peer store an instance (PS3.4 Annex B). Class and instance UID are the data set's own unless given.

    A stream does not tell them, and a file only in its file meta information. What is given goes out as it is, be it
    empty.

    Raises:
        LocalProtocolError: nobody told the class or the instance.
        DecodeError, OSError: the file cannot be read.
    """
    request = CStoreRequest(
        sop_class="" if sop_class is None else sop_class,  # or what ``complete`` finds
        instance="" if instance is None else instance,
        priority=priority,
        move_originator=move_originator,
        move_originator_message_id=move_originator_message_id,
        data_set=data_set,
    )

    def complete(source: DataSet) -> CStoreRequest:
        own_class, own_instance = identity(source)
        if (sop_class is None and not own_class) or (instance is None and not own_instance):
            text = "C-STORE needs a SOP class and a SOP instance UID, and the data set does not tell them"
            raise LocalProtocolError(text)
        return replace(
            request,
            sop_class=own_class if sop_class is None else sop_class,
            instance=own_instance if instance is None else instance,
            data_set=source,
        )

    ask = partial(flows.ask, expect=CStoreResponse, via=via, timeout=timeout)
    if sop_class is not None and instance is not None:
        return (yield from ask(request))
    if isinstance(data_set, os.PathLike):  # it tells them once it is open, in the call that reads its first part
        return (yield from ask(request, complete=complete))
    return (yield from ask((yield from flows.call(partial(complete, data_set)))))


def c_find(
    identifier: DataSet,
    sop_class: str,
    *,
    priority: int = Priority.MEDIUM,
    enough: Callable[[CFindResponse], bool] | None = None,
    message_id: int | None = None,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[CFindResponse]:
    """Search (PS3.4 C.4.1): delivers each match as its pending response, returns the final one.

    ``enough`` is asked about each match; once it says so, the peer is asked to cancel. Matches still under way are
    delivered all the same, and the final response, normally with status FE00, is awaited.
    """
    request = CFindRequest(sop_class=sop_class, priority=priority, data_set=identifier, message_id=message_id)
    return (yield from flows.ask_many(request, expect=CFindResponse, via=via, timeout=timeout, enough=enough))


def c_get(
    identifier: DataSet,
    sop_class: str,
    *,
    priority: int = Priority.MEDIUM,
    enough: Callable[[CGetResponse], bool] | None = None,
    message_id: int | None = None,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[CGetResponse]:
    """Retrieve over this association (PS3.4 C.4.3): delivers pending responses with their counts, as ``c_find``.

    What the final response lists in its data set (0008,0058) was not retrieved.
    """
    request = CGetRequest(sop_class=sop_class, priority=priority, data_set=identifier, message_id=message_id)
    return (yield from flows.ask_many(request, expect=CGetResponse, via=via, timeout=timeout, enough=enough))


def c_move(
    identifier: DataSet,
    sop_class: str,
    destination: str,
    *,
    priority: int = Priority.MEDIUM,
    enough: Callable[[CMoveResponse], bool] | None = None,
    message_id: int | None = None,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[CMoveResponse]:
    """Have the peer send instances to ``destination``, an AE title it knows (PS3.4 C.4.2); otherwise as ``c_get``."""
    request = CMoveRequest(
        sop_class=sop_class, priority=priority, destination=destination, data_set=identifier, message_id=message_id
    )
    return (yield from flows.ask_many(request, expect=CMoveResponse, via=via, timeout=timeout, enough=enough))


def everything(operation: Flow[R]) -> Flow[R]:
    """The same flow, which delivers its final response too: for who only streams."""
    final = yield from operation
    yield from flows.deliver(final)
    return final


def n_create(
    sop_class: str,
    data_set: DataSet = None,
    *,
    instance: str | None = None,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[NCreateResponse]:
    """Create an instance (PS3.7 10.1.5); without ``instance`` the peer makes the UID and the response tells it."""
    request = NCreateRequest(sop_class=sop_class, instance=instance, data_set=data_set)
    return (yield from flows.ask(request, expect=NCreateResponse, via=via, timeout=timeout))


def n_set(
    sop_class: str, instance: str, data_set: DataSet, *, via: str | None = None, timeout: float | None = None
) -> Flow[NSetResponse]:
    """Change attributes of an instance (PS3.7 10.1.3)."""
    request = NSetRequest(sop_class=sop_class, instance=instance, data_set=data_set)
    return (yield from flows.ask(request, expect=NSetResponse, via=via, timeout=timeout))


def n_get(
    sop_class: str,
    instance: str,
    attributes: Sequence[int] = (),
    *,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[NGetResponse]:
    """Read attributes of an instance by their tags (PS3.7 10.1.2); none named means all."""
    request = NGetRequest(sop_class=sop_class, instance=instance, attributes=tuple(attributes) or None)
    return (yield from flows.ask(request, expect=NGetResponse, via=via, timeout=timeout))


def n_action(
    sop_class: str,
    instance: str,
    action_type: int,
    data_set: DataSet = None,
    *,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[NActionResponse]:
    """Have something done to an instance (PS3.7 10.1.4)."""
    request = NActionRequest(sop_class=sop_class, instance=instance, action_type=action_type, data_set=data_set)
    return (yield from flows.ask(request, expect=NActionResponse, via=via, timeout=timeout))


def n_delete(
    sop_class: str, instance: str, *, via: str | None = None, timeout: float | None = None
) -> Flow[NDeleteResponse]:
    """Delete an instance (PS3.7 10.1.6)."""
    request = NDeleteRequest(sop_class=sop_class, instance=instance)
    return (yield from flows.ask(request, expect=NDeleteResponse, via=via, timeout=timeout))


def n_event_report(
    sop_class: str,
    instance: str,
    event_type: int,
    data_set: DataSet = None,
    *,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[NEventReportResponse]:
    """Tell the peer of an event (PS3.7 10.1.1); it is the SCP of the class who does (PS3.7 D.3.3.4)."""
    request = NEventReportRequest(sop_class=sop_class, instance=instance, event_type=event_type, data_set=data_set)
    return (yield from flows.ask(request, expect=NEventReportResponse, via=via, timeout=timeout))
