"""Conversations written once, run anywhere: a flow is a generator that yields steps and is sent their results.

A flow never touches a socket or a clock. A driver (or a test in memory) performs each step and resumes the flow with
what came of it; when a step fails, the error is raised inside the flow at the ``yield``, where it may be caught. The
helpers below wrap the steps with their result types; use them with ``yield from``::

    def work(uid: str) -> Flow[NGetResponse]:
        return (yield from ask(NGetRequest(sop_class=UPS_PUSH, instance=uid), expect=NGetResponse, via=UPS_PULL))

Data sets that are read while they are sent, and those that a streaming handler reads while they arrive
(``handlers.streaming``), pass in parts: whatever their size, about 4 MiB of one lie in memory at a time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from dicomnet.dimse.conversion import command_code, command_name, with_data_set
from dicomnet.dimse.messages import (
    CCancelRequest,
    CEchoRequest,
    CEchoResponse,
    Message,
    Request,
    Response,
)
from dicomnet.dimse.outgoing import SourceReader
from dicomnet.dimse.payloads import Buffer, DataSetSource, EncodedDataSet, IncomingDataSet, is_dataset
from dicomnet.dimse.status import PENDING_CODES
from dicomnet.errors import DecodeError, Fault, LocalProtocolError, RemoteProtocolError
from dicomnet.steps import (
    AwaitPdu,
    AwaitReply,
    BeginMessage,
    Branch,
    Call,
    Close,
    Deliver,
    GiveUp,
    Inject,
    Open,
    Opened,
    Pause,
    PollCancel,
    ReadPart,
    RunOn,
    SendMessage,
    SendPart,
    Step,
    TakeTurn,
)

if TYPE_CHECKING:
    import ssl

    from dicomnet.endpoint import Endpoint
    from dicomnet.ul import RequestOptions
    from dicomnet.wire import Pdu

__all__ = [
    "AwaitPdu",
    "AwaitReply",
    "BeginMessage",
    "Branch",
    "Call",
    "Close",
    "Deliver",
    "Flow",
    "GiveUp",
    "Inject",
    "Open",
    "Opened",
    "Pause",
    "PollCancel",
    "ReadPart",
    "RunOn",
    "SendMessage",
    "SendPart",
    "Step",
    "TakeTurn",
    "ask",
    "ask_many",
    "await_pdu",
    "await_reply",
    "branch",
    "c_echo",
    "call",
    "cancel",
    "cancelled",
    "deliver",
    "inject",
    "pause",
    "read_all",
    "read_part",
    "run_on",
    "save",
    "send",
    "skip",
]

T = TypeVar("T")
R = TypeVar("R", bound=Response)

Flow = Generator[Step, Any, T]


# Messages.


def send(
    message: Message,
    *,
    via: str | None = None,
    complete: Callable[[DataSetSource], Message] | None = None,
    reader: SourceReader | None = None,
) -> Flow[int]:
    """Send a message and return its message id; raises what ``Exchange.send`` raises.

    A data set that is a source, or a path to a Part 10 file, is read while it is sent. Where the context has another
    transfer syntax, it is converted in memory (its limits hold); with encapsulated pixel data that is an EncodeError,
    and nothing was sent. ``complete`` is for who knows all of the message only from the file at its path: it is called
    with that once it is open, and returns what is sent in the place of ``message``. ``reader`` is for who has begun to
    read the source of ``message`` already; it is closed in the end.
    """
    source = message.data_set
    if source is not None and not is_dataset(source) and isinstance(source, DataSetSource | os.PathLike):
        return (yield from _send_from(message, source, via, complete, reader))
    message_id: int = yield SendMessage(message, via)
    return message_id


def _send_from(
    message: Message,
    source: DataSetSource | os.PathLike[str],
    via: str | None,
    complete: Callable[[DataSetSource], Message] | None,
    reader: SourceReader | None,
) -> Flow[int]:
    opened: Opened
    part: Buffer | None
    step: SendPart | None = None
    try:
        if isinstance(source, DataSetSource):
            opened = yield BeginMessage(message, via)
            reader = reader or SourceReader(source, opened.transfer_syntax, opened.piece)
        else:  # one call brings all there is to know of the file and its first part: each has a long way to a thread
            reader = SourceReader(source, None, (yield TakeTurn(message)))
            file: DataSetSource = reader.begin_at_once() or (yield Call(reader.begin))
            message = complete(file) if complete is not None else with_data_set(message, file)
            opened = yield BeginMessage(message, via)
        reader.suit(opened)
        last, wanted = False, True
        while not last:
            found = reader.read_at_once()
            part, last = (yield Call(reader.read)) if found is None else found
            if not wanted:  # the peer has refused the message: any fragment may end it
                part, last = part[:2], True
            step = SendPart(part, last)
            wanted = yield step
            part = found = step = None  # whose memory is for the next one
    except Exception as error:
        yield GiveUp()  # the flow may go on, and others wait for their turn
        unreadable = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EFAULT
        if unreadable and reader is not None and (why := reader.why_lost()) is not None:
            raise why from error
        raise
    finally:
        if step is not None:  # which an error keeps, and so its part, with the descriptor of a view
            step.data = b""
        part = found = None
        if reader is not None:
            reader.close()
    return opened.message_id


def await_reply(message_id: int, *, timeout: float | None = None) -> Flow[Response]:
    """The next response to a request that was sent; raises TimedOut when none comes in time."""
    response: Response = yield AwaitReply(message_id, timeout)
    return response


def ask(
    request: Request,
    *,
    expect: type[R],
    via: str | None = None,
    timeout: float | None = None,
    complete: Callable[[DataSetSource], Request] | None = None,
    reader: SourceReader | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Flow[R]:
    """Send a request and return its one response, which must be of class ``expect`` and final.

    ``complete`` and ``reader`` are those of ``send``. ``meanwhile`` is called once, when the request is out: for what
    can be done while the peer is at work.

    Raises:
        RemoteProtocolError: the response is another one, or pending: ``ask_many`` is for those who may be answered so.
    """
    message_id = yield from send(request, via=via, complete=complete, reader=reader)
    if meanwhile is not None:
        meanwhile()
    response = _expected(expect, (yield AwaitReply(message_id, timeout)))
    if response.status in PENDING_CODES:
        raise RemoteProtocolError(f"a {command_name(command_code(response))} is pending where the final one was due")
    return response


def ask_many(
    request: Request,
    *,
    expect: type[R],
    via: str | None = None,
    timeout: float | None = None,
    enough: Callable[[R], bool] | None = None,
) -> Flow[R]:
    """Send a request, deliver each pending response, return the final one; the timeout counts anew from each.

    ``enough`` is asked about each of them; once it says so, the peer is asked to cancel (C-CANCEL).
    """
    message_id = yield from send(request, via=via)
    while True:
        response = _expected(expect, (yield AwaitReply(message_id, timeout)))
        if response.status not in PENDING_CODES:
            return response
        if enough is not None and enough(response):
            enough = None
            yield from cancel(message_id, via=via or request.context_class)
        yield Deliver(response)


def _expected(expect: type[R], response: Response) -> R:
    if not isinstance(response, expect):
        raise RemoteProtocolError(f"{command_name(command_code(response))} where {expect.__name__} was due")
    return response


def cancelled(message_id: int) -> Flow[bool]:
    """Whether the peer sent a C-CANCEL for this request of its own, or the association has ended."""
    answer: bool = yield PollCancel(message_id)
    return answer


def cancel(message_id: int, *, via: str) -> Flow[None]:
    """Ask the peer to end a running C-FIND, C-GET or C-MOVE; its final response still comes (PS3.7 9.3.2.3)."""
    yield SendMessage(CCancelRequest(responding_to=message_id), via)


_ECHO: Final = CEchoRequest()


def c_echo(*, timeout: float | None = None) -> Flow[CEchoResponse]:
    """Verify that the peer answers (PS3.4 Annex A)."""
    return (yield from ask(_ECHO, expect=CEchoResponse, timeout=timeout))


# Data sets that are still arriving: what a streaming handler does with them.


def read_part(request: Message) -> Flow[list[bytes | memoryview]]:
    """More of the request's data set, in whatever pieces it came, at most about 1 MiB; empty at the end of it.

    Raises:
        LocalProtocolError: the request was not taken by a streaming handler; its data set is here already.
        DicomNetError: what ended the association before the data set was whole.
    """
    incoming = _incoming(request)
    parts: list[bytes | memoryview] = (yield ReadPart(incoming)) if _goes_on(incoming) else []
    return parts


def read_all(request: Message) -> Flow[EncodedDataSet | None]:
    """The rest of the request's data set, in memory; None when there is none. One that is here already is returned.

    Raises:
        DecodeError: it is longer than the association's limit for data sets in memory.
        DicomNetError: what ended the association before the data set was whole.
    """
    if isinstance(request.data_set, EncodedDataSet) or request.data_set is None:
        return request.data_set
    incoming = _incoming(request)
    most = incoming.limits.max_bytes
    found = BytesIO()  # joined as they come: each part may keep much alive that came with it
    while _goes_on(incoming) and (parts := (yield ReadPart(incoming))):
        found.writelines(parts)
        if found.tell() > most:
            raise DecodeError(f"the data set is longer than {most} bytes", code=Fault.LIMIT, path="data set")
    return EncodedDataSet(found.getvalue(), incoming.transfer_syntax, incoming.limits) if found.tell() else None


def save(request: Message, stream: BinaryIO) -> Flow[int]:
    """Write the rest of the request's data set as it arrives; the number of bytes. ``stream`` may block.

    Raises:
        OSError: what ``stream`` raises.
        DicomNetError: what ended the association before the data set was whole.
    """
    if isinstance(request.data_set, EncodedDataSet):
        yield Call(partial(_write, stream, [request.data_set.data]))
        return len(request.data_set.data)
    size = 0
    if request.data_set is not None:
        incoming = _incoming(request)
        while _goes_on(incoming) and (parts := (yield ReadPart(incoming))):
            yield Call(partial(_write, stream, parts))
            size += sum(map(len, parts))
    return size


def _write(stream: BinaryIO, parts: list[Buffer]) -> None:
    for part in parts:
        rest = memoryview(part)
        while rest:  # a raw file may take less at a time than it is given
            written = stream.write(rest)
            if not written:
                raise BlockingIOError(errno.EAGAIN, "the stream takes nothing now: one that blocks is needed")
            rest = rest[written:]


def skip(request: Message) -> Flow[int]:
    """Let the rest of the request's data set pass; the number of bytes.

    Raises:
        DicomNetError: what ended the association before the data set was whole.
    """
    if isinstance(request.data_set, EncodedDataSet):
        return len(request.data_set.data)
    size = 0
    if request.data_set is not None:
        incoming = _incoming(request)
        while _goes_on(incoming) and (parts := (yield ReadPart(incoming))):
            size += sum(map(len, parts))
    return size


def _goes_on(data_set: IncomingDataSet) -> bool:
    """Whether more of it is here, or to come: to be told that it is not would take another turn."""
    return not data_set.whole or bool(data_set.parts)


def _incoming(request: Message) -> IncomingDataSet:
    if not isinstance(request.data_set, IncomingDataSet):
        raise LocalProtocolError("the data set does not arrive in parts: the handler is not a streaming one")
    return request.data_set


# Further associations.


def branch(
    endpoint: Endpoint,
    options: RequestOptions,
    work: Callable[[Branch], Flow[T]],
    *,
    tls: ssl.SSLContext | None = None,
) -> Flow[T]:
    """Open an association with another application entity, do ``work`` and release it; for C-MOVE and the like.

    ``work`` is a flow of this association, such as one that answers the peer's request, and runs flows on the other one
    with ``run_on``. When it fails, the other association is aborted.

    Raises:
        Rejected, ConnectFailed, TimedOut: there is no such association.
        DicomNetError: what ended ``work``.
    """
    opened: Branch = yield Open(endpoint, options, tls)
    try:
        result = yield from work(opened)
    except Exception:
        yield Close(opened, abort=True)
        raise
    yield Close(opened)
    return result


def run_on(branch: Branch, flow: Flow[T]) -> Flow[T]:
    """The result of a flow that runs on a branch; raises what ended it."""
    result: T = yield RunOn(branch, flow)
    return result


# The rest.


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
