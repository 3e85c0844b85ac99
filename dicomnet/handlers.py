"""Serving the peer's requests: who it is, and what answers it.

A handler is a flow like any other, so one handler serves on every driver. It sends the response, or several, with
``flows.send(reply(request, ...))``; when it fails or forgets, the session answers for it: C000 to
C-STORE, C-FIND, C-GET and C-MOVE, 0110 to all else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CEchoRequest, Message, Request
from dicomnet.flows import Flow, SendMessage
from dicomnet.records import dataclass
from dicomnet.ul import Negotiated

__all__ = ["Handler", "Peer", "handle_by_type", "streaming", "takes_streamed"]


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, for handlers and logs."""

    negotiated: Negotiated
    address: str
    association_id: int

    @property
    def ae_title(self) -> str:
        """The peer's AE title."""
        return self.negotiated.called_ae_title if self.negotiated.is_requestor else self.negotiated.calling_ae_title

    def abstract_syntax(self, message: Message) -> str:
        """The abstract syntax of the context a received message came on."""
        context = self.negotiated.contexts.get(message.context_id or 0)
        return context.abstract_syntax if context else ""


Handler: TypeAlias = Callable[[Request, Peer], Flow[None]]
"""Serves one request of the peer: a flow that sends the response or responses."""


class _Streaming:
    """A handler that takes requests while their data sets still arrive."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, request: Request, peer: Peer) -> Flow[None]:
        return self._handler(request, peer)

    def streams(self, request: Request) -> bool:
        """Whether it takes this one so."""
        return True


def streaming(handler: Handler) -> Handler:
    """A handler that is called as soon as the command of a request is here, its data set an ``IncomingDataSet``.

    It reads that with ``flows.read_part``, ``read_all``, ``save`` or ``skip``. It may answer with a failure before the
    end; what is left unread when it is done is dropped. It must not wait for anything else of the peer before the data
    set is read: that would come behind it. Works for every driver, and within ``handle_by_type``.
    """
    return _Streaming(handler)


def takes_streamed(handler: Handler, request: Request) -> bool:
    """Whether this handler wants this request while its data set still arrives: it says so by a method ``streams``."""
    streams: Callable[[Request], bool] | None = getattr(handler, "streams", None)
    return streams is not None and streams(request)


class _ByType:
    def __init__(self, handlers: Mapping[type[Request], Handler]) -> None:
        self._handlers = handlers

    def __call__(self, request: Request, peer: Peer) -> Flow[None]:
        handler = self._handlers.get(type(request))
        if handler is not None:
            return handler(request, peer)
        return _answer(request)

    def streams(self, request: Request) -> bool:
        """Whether the handler for the request's class takes it while its data set still arrives."""
        handler = self._handlers.get(type(request))
        return handler is not None and takes_streamed(handler, request)


def handle_by_type(handlers: Mapping[type[Request], Handler]) -> Handler:
    """A handler that looks up the request's class; C-ECHO is answered, all else refused, unless listed."""
    return _ByType(handlers)


def _answer(request: Request) -> Flow[None]:
    status = statuses.SUCCESS if isinstance(request, CEchoRequest) else statuses.UNRECOGNIZED_OPERATION
    yield SendMessage(reply(request, status))
