"""Serving the peer's requests: who it is, and what answers it.

A handler is a flow like any other, so one handler serves on every driver. It sends the response, or several, with
``flows.send(reply(request, ...))``; when it fails or forgets, the session answers 0110 for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from dicomnet import flows
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CEchoRequest, Message, Request
from dicomnet.flows import Flow
from dicomnet.ul import Negotiated

__all__ = ["Handler", "Peer", "handle_by_type"]


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


def handle_by_type(handlers: Mapping[type[Request], Handler]) -> Handler:
    """A handler that looks up the request's class; C-ECHO is answered, all else refused, unless listed."""

    def handle(request: Request, peer: Peer) -> Flow[None]:
        handler = handlers.get(type(request))
        if handler is not None:
            yield from handler(request, peer)
        elif isinstance(request, CEchoRequest):
            yield from flows.send(reply(request))
        else:
            yield from flows.send(reply(request, statuses.UNRECOGNIZED_OPERATION))

    return handle
