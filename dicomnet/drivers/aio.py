"""The asyncio driver: a protocol object per association, no tasks, no polling; the same flows as ``blocking``.

``connect`` is the way in; ``aio_server.serve`` is the other side. Every method must be called in the event loop. Flows
of one link may run side by side (``asyncio.gather(link.run(a), link.run(b))``); cancelling the task of one that has
begun to send aborts the association, because the peer could not make sense of half a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.drivers.link import SessionLink
from dicomnet.drivers.requestor import requesting_session
from dicomnet.drivers.runs import Run
from dicomnet.drivers.session import Session
from dicomnet.drivers.sockets import why_not
from dicomnet.errors import ConnectFailed, ConnectionLost, DicomNetError, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler
from dicomnet.ul import RequestOptions, Transcript

__all__ = ["Link", "connect"]

T = TypeVar("T")

_log = logging.getLogger("dicomnet.aio")


class Link(SessionLink, asyncio.Protocol):
    """An association over an asyncio transport."""

    def __init__(
        self,
        session: Session,
        waits: Waits,
        *,
        executor: Executor | None = None,
        on_close: Callable[[Link], None] | None = None,
    ) -> None:
        super().__init__(session)
        self._loop = asyncio.get_running_loop()
        self._waits = waits
        self._executor = executor
        self._on_close = on_close
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        self._writable = True
        self._reading = True
        self._waiters: set[asyncio.Future[None]] = set()
        self._calls: set[asyncio.Future[object]] = set()
        self._closed = False
        self._unread = 0  # bytes the peer had not taken at the last look

    @property
    def closed(self) -> bool:
        """Whether the transport is closed."""
        return self._closed

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result.

        Raises:
            DicomNetError: what ended the flow; Aborted or ConnectionLost when the association did.
        """
        run = self._begin(flow)
        try:
            await self._until(lambda: run.done)
        except asyncio.CancelledError:
            self._give_up(run)
            raise
        return run.result()

    async def stream(self, flow: Flow[Any]) -> AsyncIterator[Any]:
        """Run a flow and yield what it delivers, reading from the peer only as fast as the caller takes the items.

        Raises:
            DicomNetError: what ended the flow.
        """
        run = self._begin(flow, streamed=True)
        try:
            while True:
                await self._until(lambda: bool(run.delivered) or run.done)
                while run.delivered:
                    item = self._session.take(run)
                    self._advance_soon()
                    yield item
                if run.done:
                    run.result()
                    return
        finally:
            self._session.cancel(run)

    async def listen(self, seconds: float | None = None) -> None:
        """Serve the peer's requests until the association ends, or for so many seconds.

        Raises:
            Aborted, ConnectionLost, TimedOut: the association ended other than by release.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until(lambda: self._session.ended)
        if self._session.ended:
            await self._until(lambda: self._closed)
        if self._session.error is not None:
            raise self._session.error

    async def release(self) -> None:
        """End the association in order and close.

        Raises:
            TimedOut: the peer did not confirm within ``Waits.release``; the association was aborted.
            Aborted, ConnectionLost: the association ended before.
        """
        if not self._session.ended:
            self._session.release(self._loop.time())
            self._advance()
        await self._until(lambda: self._closed)
        if self._session.error is not None:
            raise self._session.error

    async def abort(self) -> None:
        """End the association at once and close; harmless when it is over already."""
        self.abort_now()
        await self._until(lambda: self._closed)

    def abort_now(self, error: DicomNetError | None = None) -> None:
        """Send A-ABORT without waiting for the transport to close; ``error`` is what waiting flows are told."""
        if not self._session.ended:
            self._session.abort(self._loop.time(), error)
            self._advance()

    def drop(self) -> None:
        """Close the transport without a word to the peer and without sending what waits to be sent."""
        if self._transport is not None:
            self._transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and not self._session.ended:
            await self.release()
        else:
            await self.abort()

    # -- asyncio.Protocol --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # reset already
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._session.transport_connected(self._loop.time())
        self._advance()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        self._session.receive_data(data, self._loop.time())
        self._advance()

    def eof_received(self) -> bool:
        """The peer will send nothing more; a half-closed association is of no use (Evt17)."""
        self._close_transport()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The transport is gone."""
        self._closed = True
        for handle in (self._timer, self._stall, self._closing, self._soon):
            if handle is not None:
                handle.cancel()
        self._timer = self._stall = self._closing = self._soon = None
        now = self._loop.time()
        self._session.receive_eof(now)
        self._session.flushed()
        self._session.advance(now)
        self._start_calls()
        self._wake()
        if self._on_close is not None:
            self._on_close(self)

    def pause_writing(self) -> None:
        """The peer reads slower than we write: flows wait, and we read no more requests from it either."""
        self._writable = False
        self._watch()

    def resume_writing(self) -> None:
        """There is room again."""
        self._writable = True
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self._session.flushed()
        self._advance()

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _begin(self, flow: Flow[T], *, streamed: bool = False) -> Run[T]:
        run = self._session.start(flow, self._wake, streamed=streamed)
        self._advance_soon()
        return run

    def _give_up(self, run: Run[Any]) -> None:
        """The task that ran this flow was cancelled."""
        begun = bool(run.message_ids) and not run.done
        self._session.cancel(run)
        if begun:
            self.abort_now()

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _advance_soon(self) -> None:
        """Go on at the next turn of the loop, so that bytes that have arrived are seen between two steps."""
        if self._soon is None:
            self._soon = self._loop.call_soon(self._advance)

    def _advance(self) -> None:
        """Move the session as far as it goes, send what it has, and set the timer for what it waits for."""
        self._soon = None
        now = self._loop.time()
        self._session.advance(now)
        self._start_calls()
        self._write()
        if self._writable:
            self._session.flushed()
        if self._session.close_wanted:
            self._close_transport()
        if self._session.runnable:
            self._advance_soon()
        self._set_reading()
        self._set_timer()
        self._wake()

    def _write(self) -> None:
        parts = self._session.data_to_send()
        if parts and self._transport is not None and not self._transport.is_closing():
            self._transport.writelines(parts)

    def _close_transport(self) -> None:
        """Close once what waits is sent, but a peer that does not read cannot keep it open."""
        if self._transport is not None and self._closing is None and not self._closed:
            self._transport.close()
            self._closing = self._loop.call_later(self._waits.close, self.drop)

    def _set_reading(self) -> None:
        reading = self._writable and not self._session.congested
        if reading == self._reading or self._transport is None or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._session.next_deadline()
        if deadline is not None and not self._closed:
            self._timer = self._loop.call_at(deadline, self._advance)

    def _start_calls(self) -> None:
        for run, function in self._session.take_calls():
            future = self._loop.run_in_executor(self._executor, function)
            self._calls.add(future)
            future.add_done_callback(functools.partial(self._called, run))

    def _called(self, run: Run[Any], future: asyncio.Future[object]) -> None:
        self._calls.discard(future)
        if run.done:
            return
        if future.cancelled():
            run.resume(error=ConnectionLost("the call was cancelled"))
        elif (error := future.exception()) is not None:
            run.resume(error=error)
        else:
            run.resume(future.result())
        self._advance()

    def _watch(self) -> None:
        """See after ``Waits.send`` whether the peer has taken anything meanwhile."""
        if self._waits.send is not None and self._stall is None and self._transport is not None:
            self._unread = self._transport.get_write_buffer_size()
            self._stall = self._loop.call_later(self._waits.send, self._stalled)

    def _stalled(self) -> None:
        self._stall = None
        if self._transport is not None and self._transport.get_write_buffer_size() < self._unread:
            self._watch()
            return
        error = TimedOut(f"the peer read nothing for {self._waits.send:g} s", wait="send")
        self.abort_now(error)
        self.drop()


async def connect(
    endpoint: Endpoint,
    options: RequestOptions,
    *,
    waits: Waits | None = None,
    handler: Handler | None = None,
    limits: MessageLimits | None = None,
    source_host: str | None = None,
    transcript: Transcript | None = None,
    one_pdv_per_pdu: bool = False,
    record_pdus: bool = False,
    executor: Executor | None = None,
) -> Link:
    """Open an association to ``endpoint``; the arguments are those of ``blocking.connect``.

    ``executor`` runs the ``Call`` steps of flows; None is the loop's own.

    Raises:
        ConnectFailed: no connection.
        TimedOut: ``waits.connect`` or ``waits.associate`` ran out.
        Rejected, Aborted, ConnectionLost: what the peer did instead of accepting.
        LocalProtocolError: the request itself breaks a rule; nothing was sent.
    """
    waits = waits or Waits()
    loop = asyncio.get_running_loop()
    session = requesting_session(
        endpoint,
        options,
        waits,
        loop.time(),
        handler=handler,
        limits=limits,
        transcript=transcript,
        one_pdv_per_pdu=one_pdv_per_pdu,
        record_pdus=record_pdus,
    )
    link = Link(session, waits, executor=executor)
    source = None if source_host is None else (source_host, 0)
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        async with asyncio.timeout(waits.connect):
            await loop.create_connection(lambda: link, endpoint.host, endpoint.port, local_addr=source)
    except TimeoutError as error:
        if waits.connect is None:
            raise ConnectFailed(f"no connection to {where}: timed out") from error
        raise TimedOut(f"no connection to {where} within {waits.connect:g} s", wait="connect") from error
    except (OSError, ValueError, OverflowError) as error:  # a host name or port that no address can be made of
        reason = await loop.run_in_executor(None, why_not, endpoint, source_host, error)  # it may look up a name
        raise ConnectFailed(reason) from error
    try:
        await link._until(lambda: session.established or session.ended)
    except asyncio.CancelledError:
        link.abort_now()
        raise
    if not session.established:
        await link._until(lambda: link.closed)
        raise link._why_none()
    return link
