"""The asyncio driver: the same flows as ``blocking``, and as many associations in one thread as there are descriptors.

``connect`` is the way in; ``aio_server.serve`` is the other side. Every method must be called in the event loop, which
may be any that watches descriptors (``add_reader``), uvloop too. Flows of one link may run side by side
(``asyncio.gather(link.run(a), link.run(b))``); cancelling the task of one that has begun to send aborts the
association, because the peer could not make sense of half a message.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.aio_link import DrivenLink
from dicomnet.drivers.aio_sockets import connect_socket
from dicomnet.drivers.aio_waiter import Waiter
from dicomnet.drivers.common import Endpoint, Hooks, SocketOptions, Waits
from dicomnet.drivers.requestor import request_for, requesting_session
from dicomnet.drivers.runs import Run
from dicomnet.drivers.sockets import OpenSocket, new_transport, why_not
from dicomnet.errors import ConnectFailed, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler
from dicomnet.ul import RequestOptions, Transcript

if TYPE_CHECKING:
    import ssl

__all__ = ["Link", "connect"]

T = TypeVar("T")

_WAITS: Final = Waits()
_SOCKET_OPTIONS: Final = SocketOptions()


class Link(DrivenLink):
    """An association over a socket. Leave it by ``async with``: it releases, or aborts when an exception passes."""

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result.

        Raises:
            DicomNetError: what ended the flow; Aborted or ConnectionLost when the association did.
        """
        over = Waiter(self._turn)
        run = self._session.start(flow, over.settle)
        try:
            self._advance()
            if not run.done:
                await over
        except asyncio.CancelledError:
            self._give_up(run)
            raise
        return run.result()

    async def stream(self, flow: Flow[Any]) -> AsyncIterator[Any]:
        """Run a flow and yield what it delivers, reading from the peer only as fast as the caller takes the items.

        Closing it before the end (``contextlib.aclosing`` does, at once) abandons what the flow has asked for, and so
        does cancelling the task: a C-FIND, C-GET or C-MOVE is cancelled, and the next request waits for its final
        response, at most ``Waits.response``. Only amid a message of ours the association is aborted.

        Raises:
            DicomNetError: what ended the flow.
        """
        run = self._session.start(flow, self._wake, streamed=True)
        try:
            self._advance()
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
            self._advance_soon()

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
            self._session.release()
            self._advance()
        await self._until(lambda: self._closed)
        if self._session.error is not None:
            raise self._session.error

    async def abort(self) -> None:
        """End the association at once and close; harmless when it is over already."""
        self.abort_now()
        await self._until(lambda: self._closed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and not self._session.ended:
            await self.release()
        else:
            await self.abort()

    async def _connected(self, endpoint: Endpoint, until: float | None) -> None:
        """Begin, and wait until bytes of the user can pass; ``until`` is when ``Waits.connect`` runs out.

        Raises:
            ConnectFailed, TimedOut: they never will; the socket is closed.
        """
        try:
            self.begin()
            if not self._greeted:
                await self._shake_hands(endpoint, until)
        except BaseException:
            self.drop()
            raise
        if not self._greeted:
            why = self._transport.fault or "closed by the peer"
            raise ConnectFailed(f"no connection to {endpoint.where}: {why}") from self._transport.fault

    async def _shake_hands(self, endpoint: Endpoint, until: float | None) -> None:
        waits = self.waits
        limit = self._loop.time() + waits.shake_hands if until is None else until
        try:
            async with asyncio.timeout_at(limit):
                await self._until(lambda: self._greeted or self._closed)
        except TimeoutError as error:
            text = f"no TLS connection to {endpoint.where} within {waits.shake_hands:g} s"
            raise TimedOut(text, wait="connect") from error

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            waiter = Waiter(self._turn)
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._waiters:  # the task was cancelled
                    self._waiters.remove(waiter)

    def _give_up(self, run: Run[Any]) -> None:
        """The task that ran this flow was cancelled."""
        begun = bool(run.message_ids) and not run.done
        self._session.cancel(run)
        if begun:
            self.abort_now()
        self._advance_soon()  # there may be associations that it leaves behind


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
    send_limit: int = 0,
    record_pdus: bool = False,
    check_roles: bool = True,
    hooks: Hooks | None = None,
    executor: Executor | None = None,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    open_socket: OpenSocket | None = None,
    socket_options: SocketOptions | None = None,
) -> Link:
    """Open an association to ``endpoint``; the arguments are those of ``blocking.connect``.

    ``executor`` runs the ``Call`` steps of flows; None is the loop's own, where ``open_socket`` runs in any case.

    Raises:
        ConnectFailed: no connection, or no TLS on it.
        TimedOut: ``waits.connect`` or ``waits.associate`` ran out.
        Rejected, Aborted, ConnectionLost: what the peer did instead of accepting.
        LocalProtocolError: the request itself breaks a rule; nothing was sent.
    """
    waits = waits or _WAITS
    loop = asyncio.get_running_loop()
    request, encoded = request_for(endpoint, options, limits, send_limit)
    until = None if waits.connect is None else loop.time() + waits.connect
    opening = connect_socket(endpoint, waits.connect, source_host, open_socket, socket_options or _SOCKET_OPTIONS)
    try:
        if until is None:
            sock = await opening
        else:
            async with asyncio.timeout_at(until):
                sock = await opening
    except TimeoutError as error:
        where = endpoint.where
        if waits.connect is None:
            raise ConnectFailed(f"no connection to {where}: timed out") from error
        raise TimedOut(f"no connection to {where} within {waits.connect:g} s", wait="connect") from error
    except (OSError, ValueError, OverflowError) as error:  # a host name or port that no address can be made of
        reason = await loop.run_in_executor(None, why_not, endpoint, source_host, error)  # it may look up a name
        raise ConnectFailed(reason) from error
    transport = new_transport(sock, endpoint, tls, server_name)
    try:
        session = requesting_session(
            endpoint,
            request,
            waits,
            loop.time(),
            encoded=encoded,
            handler=handler,
            limits=limits,
            transcript=transcript,
            one_pdv_per_pdu=one_pdv_per_pdu,
            send_limit=send_limit,
            record_pdus=record_pdus,
            check_roles=check_roles,
            hooks=hooks,
        )
        link = Link(session, transport, waits, executor=executor, hooks=hooks, socket_options=socket_options)
    except BaseException:
        transport.close()
        raise
    await link._connected(endpoint, until)
    try:
        await link._until(lambda: session.established or session.ended)
    except asyncio.CancelledError:
        link.abort_now()
        raise
    if not session.established:
        await link._until(lambda: link.closed)
        raise link._why_none()
    return link
