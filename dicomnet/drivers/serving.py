"""Serving the peer's requests, one after the other in the order they came, and never leaving one unanswered.

Knows handlers and the exchange that carries their answers, but neither sockets nor who runs the flows.
"""

from __future__ import annotations

import logging
from collections import deque

from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.exchange import Exchange
from dicomnet.dimse.messages import Request
from dicomnet.errors import Aborted, ConnectionLost, DicomNetError
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer

__all__ = ["Desk"]

_log = logging.getLogger("dicomnet.session")


class Desk:
    """Requests that wait, the one that is being served, and the handler that serves them."""

    def __init__(self, handler: Handler, exchange: Exchange, association_id: int) -> None:
        self._handler = handler
        self._exchange = exchange
        self._id = association_id
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being served or waits to be."""
        return self._current is not None or bool(self._waiting)

    def put(self, request: Request) -> None:
        """A request has come."""
        self._waiting.append(request)

    def clear(self) -> None:
        """Nobody waits for the answers any more."""
        self._waiting.clear()

    def begin(self, peer: Peer) -> Flow[None] | None:
        """The flow that serves the next request, if it is time for one; ``end`` must be called when it is done."""
        if self._current is not None or not self._waiting:
            return None
        self._current = self._waiting.popleft()
        return self._serve(self._current, peer)

    def _serve(self, request: Request, peer: Peer) -> Flow[None]:
        # A handler that fails before there is a flow fails as one.
        yield from self._handler(request, peer)

    def end(self, error: BaseException | None, now: float, *, over: bool) -> None:
        """The flow is done. One that failed, or forgot to answer, must not leave the peer waiting."""
        request, self._current = self._current, None
        if request is None:
            return
        if error is not None and (over or isinstance(error, Aborted | ConnectionLost)):
            _log.debug("association %d: a request was not answered: %s", self._id, error)
            return
        if error is not None:
            # The text of an exception may hold patient data, so only its class is logged above DEBUG.
            _log.error("association %d: a %s failed: %s", self._id, type(request).__name__, type(error).__name__)
            _log.debug("association %d: the failure", self._id, exc_info=error)
        # Who has the answer may use the message id again before we are back here: then the new request waits for one.
        reused = any(waiting.message_id == request.message_id for waiting in self._waiting)
        if not reused and self._exchange.is_unanswered(request.message_id or 0):
            try:
                self._exchange.send(reply(request, statuses.PROCESSING_FAILURE), now)
            except DicomNetError as failure:
                _log.debug("association %d: could not answer: %s", self._id, failure)
