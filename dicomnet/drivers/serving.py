"""Serving the peer's requests in the order they came, as many at once as was agreed, and never leaving one unanswered.

Knows handlers and the exchange that carries their answers, but neither sockets nor who runs the flows.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from dicomnet.dimse.exchange import Exchange
from dicomnet.dimse.messages import Request
from dicomnet.dimse.payloads import IncomingDataSet
from dicomnet.drivers.runs import Run
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, takes_streamed

__all__ = ["Desk"]

_log = logging.getLogger("dicomnet.session")


class Desk:
    """Requests that wait, those that are being served, and the handler that serves them."""

    def __init__(self, handler: Handler, exchange: Exchange, association_id: int) -> None:
        self.window = 1
        """How many requests are served at once (PS3.7 D.3.3.3); 0 is any number."""
        self._handler = handler
        self._exchange = exchange
        self._id = association_id
        self.waiting: deque[Request] = deque()
        """Requests nobody serves yet."""
        self._serving: dict[Run[Any], Request] = {}
        if hasattr(handler, "streams"):
            exchange.streams = self._streams

    @property
    def busy(self) -> bool:
        """Whether a request is being served or waits to be."""
        return bool(self._serving or self.waiting)

    def put(self, request: Request) -> None:
        """A request has come."""
        self.waiting.append(request)

    def refuse(self, request: Request) -> None:
        """A request has come that nobody will serve nor answer."""
        if isinstance(request.data_set, IncomingDataSet):
            self._exchange.drop(request.data_set)

    def clear(self) -> None:
        """Nobody waits for the answers any more."""
        for request in self.waiting:
            self.refuse(request)
        self.waiting.clear()

    def next(self) -> Request | None:
        """The request to serve now, if it is time for one: give its flow and ``began`` the run of it."""
        if not self.waiting or 0 < self.window <= len(self._serving):
            return None
        return self.waiting.popleft()

    def flow(self, request: Request, peer: Peer) -> Flow[None]:
        """The flow that serves a request."""
        try:
            return self._handler(request, peer)
        except Exception as error:  # noqa: BLE001 - a handler that fails before there is a flow fails as one
            return _failing(error)

    def began(self, run: Run[Any], request: Request) -> None:
        """This run serves this request."""
        self._serving[run] = request

    def end(self, run: Run[Any], error: BaseException | None, now: float, *, over: bool) -> None:
        """A flow is done. One that failed, or forgot to answer, must not leave the peer waiting."""
        request = self._serving.pop(run, None)
        if request is None:  # some other flow
            return
        self._end(request, error, now, over=over)
        if error is not None:  # whose frames, which nobody will look at, would keep all of this alive
            error.with_traceback(None)

    def _end(self, request: Request, error: BaseException | None, now: float, *, over: bool) -> None:
        self.refuse(request)  # what it has not read of its data set, nobody will
        if error is not None and over:
            _log.debug("association %d: a request was not answered: %s", self._id, error)
            return
        if error is not None:
            # The text of an exception may hold patient data, so only its class is logged above DEBUG.
            _log.error("association %d: a %s failed: %s", self._id, type(request).__name__, type(error).__name__)
            _log.debug("association %d: the failure", self._id, exc_info=error)
        if self._exchange.is_unanswered(request.message_id or 0) and not self._is_reused(request):
            self._exchange.fail(request, now)

    def _is_reused(self, request: Request) -> bool:
        """Whether a later request has its message id: the peer had the answer before we are back here, and who waits
        for one is the later request."""
        others = (*self.waiting, *self._serving.values())
        return any(other.message_id == request.message_id for other in others)

    def _streams(self, request: Request) -> bool:
        try:
            return takes_streamed(self._handler, request)
        except Exception as error:  # noqa: BLE001 - a handler is foreign code, and its failure must not reach the exchange
            _log.error("association %d: the handler's streams failed: %s", self._id, type(error).__name__)
            return False


def _failing(error: Exception) -> Flow[None]:
    yield from ()  # a flow like any other, that ends at once
    raise error
