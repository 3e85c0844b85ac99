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
from collections.abc import Callable, Iterable, Sequence
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
from dicomnet.dimse.outgoing import SourceReader
from dicomnet.dimse.payloads import DataSet, identity
from dicomnet.errors import DecodeError, EncodeError, LocalProtocolError, NoPresentationContext
from dicomnet.flows import Flow, c_echo
from dicomnet.records import dataclass, replace

__all__ = [
    "Stored",
    "c_echo",
    "c_find",
    "c_get",
    "c_move",
    "c_store",
    "c_store_all",
    "everything",
    "n_action",
    "n_create",
    "n_delete",
    "n_event_report",
    "n_get",
    "n_set",
]

R = TypeVar("R", bound=Response)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one of many instances: the peer's response, or why it was not sent."""

    data_set: DataSet
    response: CStoreResponse | None = None
    error: Exception | None = None


class _Unnamed(LocalProtocolError):
    """Nobody told the class or the instance."""


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
    ask = partial(flows.ask, expect=CStoreResponse, via=via, timeout=timeout)
    if sop_class is not None and instance is not None:
        return (yield from ask(request))
    return (yield from _store(request, sop_class is None, instance is None, ask))


def _store(
    request: CStoreRequest, own_class: bool, own_instance: bool, ask: Callable[..., Flow[CStoreResponse]]
) -> Flow[CStoreResponse]:
    """Ask for it, with the class and the instance of its data set where they are not those of the request."""
    complete = partial(_completed, request, own_class, own_instance)
    if isinstance(request.data_set, os.PathLike):  # it tells them once it is open, in the call that reads its start
        return (yield from ask(request, complete=complete))
    return (yield from ask((yield from flows.call(partial(complete, request.data_set)))))


def _completed(request: CStoreRequest, own_class: bool, own_instance: bool, source: DataSet) -> CStoreRequest:
    sop_class, instance = identity(source)
    if (own_class and not sop_class) or (own_instance and not instance):
        raise _Unnamed("C-STORE needs a SOP class and a SOP instance UID, and the data set does not tell them")
    return replace(
        request,
        sop_class=sop_class if own_class else request.sop_class,
        instance=instance if own_instance else request.instance,
        data_set=source,
    )


def c_store_all(
    data_sets: Iterable[DataSet],
    *,
    priority: int = Priority.MEDIUM,
    via: str | None = None,
    timeout: float | None = None,
) -> Flow[None]:
    """Have the peer store many instances, one after the other: delivers a Stored for each of them, in their order.

    While the peer is at work on one, ``data_sets`` is asked for the next, and its file is opened where the system has
    it in memory. An instance that cannot be sent, since its file cannot be read or the peer accepted no context for it,
    is told of and passed over.

    Raises:
        DicomNetError: what ended the association, or a response that did not come.
    """
    coming = _Coming(data_sets, priority)
    try:
        while (request := coming.take()) is not None:
            ask = partial(flows.ask, expect=CStoreResponse, via=via, timeout=timeout, meanwhile=coming.look_ahead)
            try:
                if coming.reader is not None:
                    response = yield from ask(request, reader=coming.reader)
                else:
                    response = yield from _store(request, True, True, ask)
            except (OSError, DecodeError, EncodeError, NoPresentationContext, _Unnamed) as error:
                outcome = Stored(coming.given, error=error)
            else:
                outcome = Stored(coming.given, response)
            yield from flows.deliver(outcome)
    finally:
        coming.close()


class _Coming:
    """The instances that are to be stored: the one whose turn it is, and the next."""

    def __init__(self, data_sets: Iterable[DataSet], priority: int) -> None:
        self.given: DataSet = None
        """The one whose turn it is, as it was given."""
        self.reader: SourceReader | None = None
        """What reads it, if it was opened before its turn."""
        self._data_sets = iter(data_sets)
        self._priority = priority
        self._next: tuple[DataSet, CStoreRequest, SourceReader | None] | None = None
        self._failure: Exception | None = None  # of who gives them

    def take(self) -> CStoreRequest | None:
        """The request for the next one; None when there is none."""
        if self._next is None and self._failure is None:
            self.look_ahead()
        if self._failure is not None:  # told once what was under way is told of
            raise self._failure
        if self._next is None:
            return None
        (self.given, request, self.reader), self._next = self._next, None
        return request

    def look_ahead(self) -> None:
        """See whether there is a next one, and open it if nobody has to wait for that."""
        try:
            given = next(self._data_sets)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - raised again by ``take``
            self._failure = error
            return
        request = CStoreRequest(sop_class="", instance="", priority=self._priority, data_set=given)
        if isinstance(given, os.PathLike):
            reader = SourceReader(given, None, 0)  # whoever sends with it says in which pieces
            try:
                if (file := reader.begin_at_once()) is not None:
                    self._next = given, _completed(request, True, True, file), reader
                    return
            except (OSError, DecodeError, _Unnamed):  # to be met again when it is its turn
                reader.close()
        self._next = given, request, None

    def close(self) -> None:
        """Nothing more will be taken."""
        if self._next is not None and (reader := self._next[2]) is not None:
            reader.close()


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
