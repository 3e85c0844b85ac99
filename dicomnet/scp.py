"""Building blocks for providers: C-FIND, C-GET and C-MOVE answered out of small functions of the embedder's.

Each block makes a handler, to be listed in ``handle_by_type``::

    handler = handle_by_type({
        CFindRequest: answer_find(search),
        CGetRequest: answer_get(select),
        CMoveRequest: answer_move(select, {"STORE": Endpoint("STORE", "10.0.0.7", 104)}),
    })

The functions are called where they may block (in a ``Call``: under asyncio in some thread of the executor), with the
decoded identifier, the request, and who asks. They raise ``Refused`` to choose the status; any other exception of
theirs is logged and answered as "unable to process". Instances are sent one after the other, and those that are files
or other sources never lie in memory as a whole.

Statuses are those of PS3.4 C.4.1.1.4, C.4.2.1.5 and C.4.3.1.4. Knows no sockets and no information model.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from dicomnet import flows
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CFindRequest, CGetRequest, CMoveRequest, Request
from dicomnet.dimse.payloads import DataSet
from dicomnet.endpoint import Endpoint
from dicomnet.errors import CodecError, DicomNetError, TimedOut
from dicomnet.flows import Branch, Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.records import dataclass
from dicomnet.suboperations import GaveUp, Instance, Retrieve, opened, perform, proposals, store
from dicomnet.ul import RequestOptions

if TYPE_CHECKING:
    import ssl

    from pydicom.dataset import Dataset

__all__ = [
    "Destinations",
    "Instance",
    "Match",
    "Refused",
    "Search",
    "Select",
    "answer_find",
    "answer_get",
    "answer_move",
]

_log = logging.getLogger("dicomnet.scp")

_MOST = 64
"""Matches taken from a search at a time,"""
_LONG = 0.02
"""as long as it does not take more seconds than this: a slow search gives each match as it is found."""

T = TypeVar("T")


class Refused(DicomNetError):
    """What the functions of an embedder raise to choose the status; the comment is cut at 64 characters."""

    def __init__(self, status: int, comment: str = "") -> None:
        super().__init__(f"{statuses.describe(status, statuses.QUERY_RETRIEVE)}{comment and ': '}{comment}")
        self.status = status
        self.comment = comment


@dataclass(frozen=True, slots=True)
class Match:
    """A match with a status of its own: FF01 tells that an optional key is not supported (PS3.4 C.4.1.1.4)."""

    data_set: DataSet
    status: int = statuses.PENDING


Search: TypeAlias = "Callable[[Dataset, CFindRequest, Peer], Iterable[DataSet | Match]]"
"""Finds what matches the identifier; as lazily as it likes, for only what is sent is asked for."""

Select: TypeAlias = "Callable[[Dataset, Retrieve, Peer], Iterable[Instance | DataSet]]"
"""Chooses the instances that the identifier asks for, as files (paths will do), sources, data sets or Instances."""

Destinations: TypeAlias = Mapping[str, Endpoint] | Callable[[str], Endpoint | None]
"""Where the AE titles of C-MOVE are; a function may look each up, and says None when it knows no such title."""


# C-FIND.


def answer_find(search: Search) -> Handler:
    """A handler for C-FIND: each match goes out as soon as there is room for it, until the peer cancels."""

    def handle(request: Request, peer: Peer) -> Flow[None]:
        if not isinstance(request, CFindRequest):
            yield from flows.send(reply(request, statuses.UNRECOGNIZED_OPERATION))
            return
        try:
            matches = yield from _attempt(lambda: iter(search(_identifier(request), request, peer)))
            yield from _send_matches(request, matches)
        except Refused as refusal:
            yield from _refuse(request, refusal)

    return handle


def _send_matches(request: CFindRequest, matches: Iterator[DataSet | Match]) -> Flow[None]:
    taking = _Taking(matches)
    try:
        while batch := (yield from _attempt(taking.take)):
            for match in batch:
                if (yield from flows.cancelled(request.message_id or 0)):
                    yield from flows.send(reply(request, statuses.CANCEL))
                    return
                try:
                    yield from flows.send(reply(request, match.status, data_set=match.data_set))
                except CodecError as error:
                    raise _unable(error) from error
        yield from flows.send(reply(request))
    finally:
        taking.close()


class _Taking:
    """Takes matches in batches, which are worth a thread's time; an exception comes after the matches before it."""

    def __init__(self, matches: Iterator[DataSet | Match]) -> None:
        self._matches = matches
        self._failure: Exception | None = None

    def take(self) -> list[Match]:
        """Some more matches, none at the end; raises what the search raises."""
        if self._failure is not None:
            raise self._failure
        batch: list[Match] = []
        until = time.monotonic() + _LONG
        try:
            for match in self._matches:
                batch.append(match if isinstance(match, Match) else Match(match))
                if len(batch) >= _MOST or time.monotonic() > until:
                    break
        except Exception as error:
            if not batch:
                raise
            self._failure = error
        return batch

    def close(self) -> None:
        """Let a generator go; one that is running in another thread goes by itself."""
        with contextlib.suppress(ValueError):
            getattr(self._matches, "close", lambda: None)()


# C-GET and C-MOVE.


def answer_get(select: Select) -> Handler:
    """A handler for C-GET: the instances go back on the association they were asked for on.

    They go out on contexts whose SCP the peer is (PS3.7 D.3.3.4), and among those on one with the transfer syntax of
    the instance; where there is none, or pixel data would have to be converted, the sub-operation fails.
    """

    def handle(request: Request, peer: Peer) -> Flow[None]:
        if not isinstance(request, CGetRequest):
            yield from flows.send(reply(request, statuses.UNRECOGNIZED_OPERATION))
            return

        def send_one(instance: Instance) -> Flow[int | None]:
            try:
                return (yield from store(instance, peer.negotiated, priority=request.priority))
            except TimedOut as error:
                if error.wait != "response":
                    raise
                raise GaveUp(str(error)) from error

        try:
            instances = yield from _selected(select, request, peer)
        except Refused as refusal:
            yield from _refuse(request, refusal)
        else:
            yield from perform(request, instances, send_one)

    return handle


def answer_move(
    select: Select,
    destinations: Destinations,
    *,
    ae_title: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> Handler:
    """A handler for C-MOVE: the instances go to the destination on an association opened for it.

    Its contexts are those the instances need. ``ae_title`` is how we call ourselves there; without it as the peer
    called us. A destination nobody knows is A801, one that cannot be reached A702.
    """
    look_up = destinations if callable(destinations) else destinations.get

    def handle(request: Request, peer: Peer) -> Flow[None]:
        if not isinstance(request, CMoveRequest):
            yield from flows.send(reply(request, statuses.UNRECOGNIZED_OPERATION))
            return
        try:
            endpoint = yield from _attempt(partial(look_up, request.destination))
            if endpoint is None:
                raise Refused(statuses.MOVE_DESTINATION_UNKNOWN)
            instances = yield from _selected(select, request, peer)
            contexts = yield from flows.call(partial(proposals, instances))
        except Refused as refusal:
            yield from _refuse(request, refusal)
            return
        options = RequestOptions(endpoint.ae_title, ae_title or peer.negotiated.called_ae_title, contexts)
        yield from _move(request, peer, instances, endpoint, options, tls)

    return handle


def _move(
    request: CMoveRequest,
    peer: Peer,
    instances: list[Instance],
    endpoint: Endpoint,
    options: RequestOptions,
    tls: ssl.SSLContext | None,
) -> Flow[None]:
    begun = answered = False
    lost: GaveUp | None = None

    def work(branch: Branch) -> Flow[None]:
        nonlocal begun, answered
        begun = True
        yield from perform(request, instances, partial(send_one, branch))
        answered = True
        if lost is not None:  # a destination that does not answer would be waited for with a release, too
            raise lost

    def send_one(branch: Branch, instance: Instance) -> Flow[int | None]:
        nonlocal lost
        storing = store(
            instance,
            branch.negotiated,
            priority=request.priority,
            move_originator=peer.ae_title,
            move_originator_message_id=request.message_id,
        )
        try:
            return (yield from flows.run_on(branch, storing))
        except DicomNetError as error:
            lost = GaveUp(str(error))
            raise lost from error

    def unreachable(instance: Instance) -> Flow[int | None]:
        yield from ()
        raise GaveUp(f"{endpoint} cannot be reached")

    if not options.contexts:  # nothing to send, or nothing that can be sent
        yield from perform(request, instances, unreachable)
        return
    try:
        yield from flows.branch(endpoint, options, work, tls=tls)
    except DicomNetError as error:
        if begun and not answered:  # it was our own association that ended
            raise
        _log.warning("the association with %s failed: %s", endpoint, error)
        if not answered:
            yield from perform(request, instances, unreachable)


# What they have in common.


def _selected(select: Select, request: Retrieve, peer: Peer) -> Flow[list[Instance]]:
    return _attempt(lambda: opened(select(_identifier(request), request, peer)))


def _identifier(request: Request) -> Dataset:
    identifier = request.dataset()
    if identifier is None:
        raise Refused(statuses.DATA_SET_DOES_NOT_MATCH, "there is no identifier")
    return identifier


def _attempt(function: Callable[[], T]) -> Flow[T]:
    """The result of a function of the embedder's; whatever goes wrong in it is Refused."""
    try:
        return (yield from flows.call(function))
    except Refused:
        raise
    except Exception as error:
        raise _unable(error) from error


def _unable(error: Exception) -> Refused:
    # The text of an exception may hold patient data, so only its class is logged above DEBUG, and nothing is sent.
    _log.error("a query failed: %s", type(error).__name__)
    _log.debug("the failure", exc_info=error)
    return Refused(statuses.CANNOT_UNDERSTAND)


def _refuse(request: Request, refusal: Refused) -> Flow[None]:
    comment = refusal.comment.encode("ascii", "replace").decode()[:64]
    yield from flows.send(reply(request, refusal.status, error_comment=comment or None))
