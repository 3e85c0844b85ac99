"""Conversations written once, run anywhere: a flow is a generator that yields steps and is sent their results.

A flow never touches a socket or a clock. A driver (or a test in memory) performs each step and resumes the flow with
what came of it; when a step fails, the error is raised inside the flow at the ``yield``, where it may be caught. The
helpers below wrap the steps with their result types; use them with ``yield from``::

    def work(uid: str) -> Flow[NGetResponse]:
        return (yield from ask(NGetRequest(sop_class=UPS_PUSH, instance=uid), expect=NGetResponse, via=UPS_PULL))
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from dicomnet.dimse.conversion import command_code, command_name
from dicomnet.dimse.messages import (
    CCancelRequest,
    CEchoRequest,
    CEchoResponse,
    Message,
    Request,
    Response,
)
from dicomnet.errors import RemoteProtocolError

if TYPE_CHECKING:
    from dicomnet.wire import Pdu

__all__ = [
    "AwaitPdu",
    "AwaitReply",
    "Call",
    "Deliver",
    "Flow",
    "Inject",
    "Pause",
    "PollCancel",
    "SendMessage",
    "Step",
    "ask",
    "ask_many",
    "await_pdu",
    "await_reply",
    "c_echo",
    "call",
    "cancel",
    "cancelled",
    "deliver",
    "inject",
    "pause",
    "send",
]


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a DIMSE message; resumed with its message id once the bytes have left for the transport.

    ``abstract_syntax`` names the presentation context when it is not that of the message's SOP class.
    """

    message: Message
    abstract_syntax: str | None = None


@dataclass(frozen=True, slots=True)
class AwaitReply:
    """Wait for the next response to a request; resumed with it.

    ``timeout`` in seconds counts from this step; None takes the link's own (``Waits.response``).
    """

    message_id: int
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand an item to whoever runs the flow as a stream; resumed when there is room for the next."""

    item: object


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Inject:
    """Send a PDU or bytes as they are: no audit, no state machine."""

    pdu: Pdu | bytes


@dataclass(frozen=True, slots=True)
class AwaitPdu:
    """Wait for the next PDU the peer sends, whatever it is; resumed with it, or None when the transport closed."""

    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Run a blocking function where it holds nobody up (the asyncio driver: a thread); resumed with its result."""

    function: Callable[[], object]


@dataclass(frozen=True, slots=True)
class PollCancel:
    """Resumed at once with whether the peer asked to cancel this request of its own (C-CANCEL), or has gone."""

    message_id: int


Step = SendMessage | AwaitReply | Deliver | Pause | Inject | AwaitPdu | Call | PollCancel

T = TypeVar("T")
R = TypeVar("R", bound=Response)

Flow = Generator[Step, Any, T]


def send(message: Message, *, via: str | None = None) -> Flow[int]:
    """Send a message and return its message id; raises what ``Exchange.send`` raises."""
    message_id: int = yield SendMessage(message, via)
    return message_id


def await_reply(message_id: int, *, timeout: float | None = None) -> Flow[Response]:
    """The next response to a request that was sent; raises TimedOut when none comes in time."""
    response: Response = yield AwaitReply(message_id, timeout)
    return response


def ask(request: Request, *, expect: type[R], via: str | None = None, timeout: float | None = None) -> Flow[R]:
    """Send a request and return its one response, which must be of class ``expect``."""
    message_id = yield from send(request, via=via)
    return _expected(expect, (yield from await_reply(message_id, timeout=timeout)))


def ask_many(request: Request, *, expect: type[R], via: str | None = None, timeout: float | None = None) -> Flow[R]:
    """Send a request, deliver each pending response, return the final one; the timeout counts anew from each."""
    message_id = yield from send(request, via=via)
    while True:
        response = _expected(expect, (yield from await_reply(message_id, timeout=timeout)))
        if response.status_class != "pending":
            return response
        yield from deliver(response)


def _expected(expect: type[R], response: Response) -> R:
    if not isinstance(response, expect):
        raise RemoteProtocolError(f"{command_name(command_code(response))} where {expect.__name__} was due")
    return response


def deliver(item: object) -> Flow[None]:
    """Hand an item to the consumer of the stream."""
    yield Deliver(item)


def pause(seconds: float) -> Flow[None]:
    """Wait so many seconds."""
    yield Pause(seconds)


def inject(pdu: Pdu | bytes) -> Flow[None]:
    """Send a PDU or bytes as they are."""
    yield Inject(pdu)


def await_pdu(*, timeout: float | None = None) -> Flow[Pdu | None]:
    """The next PDU from the peer, or None when the transport closed; raises TimedOut."""
    pdu: Pdu | None = yield AwaitPdu(timeout)
    return pdu


def call(function: Callable[[], T]) -> Flow[T]:
    """The result of a blocking function, run where it holds nobody up."""
    result: T = yield Call(function)
    return result


def cancelled(message_id: int) -> Flow[bool]:
    """Whether the peer sent a C-CANCEL for this request of its own, or the association has ended."""
    answer: bool = yield PollCancel(message_id)
    return answer


def cancel(message_id: int, *, via: str) -> Flow[None]:
    """Ask the peer to end a running C-FIND; its final response still comes (PS3.7 9.3.2.3)."""
    yield from send(CCancelRequest(responding_to=message_id), via=via)


def c_echo(*, timeout: float | None = None) -> Flow[CEchoResponse]:
    """Verify that the peer answers (PS3.4 Annex A)."""
    return (yield from ask(CEchoRequest(), expect=CEchoResponse, timeout=timeout))
