"""Serving on asyncio: listening sockets, a limit on how many may come, an orderly end.

``serve`` is the way in. What the associations do is the handler's business, whom to accept the policy's.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 - now: at the first call there may be no descriptor left to load it by
import errno
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Self

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.aio import Link
from dicomnet.drivers.aio_calls import CallQueue
from dicomnet.drivers.aio_room import Gate, Room, ServerCounters, ServerLimits
from dicomnet.drivers.aio_sockets import listening_sockets
from dicomnet.drivers.common import Hooks, SocketOptions, Waits
from dicomnet.drivers.runs import Run
from dicomnet.drivers.serving_options import ServingOptions
from dicomnet.drivers.session import Session
from dicomnet.drivers.sockets import check_server_tls, peer_address, prepare, reason_of, set_buffers
from dicomnet.drivers.transport import Transport
from dicomnet.endpoint import host_port
from dicomnet.errors import ConnectFailed
from dicomnet.handlers import Handler
from dicomnet.records import replace
from dicomnet.ul import AcceptancePolicy, Transcript
from dicomnet.wire import PduLimits

if TYPE_CHECKING:
    import ssl

__all__ = ["Server", "ServerCounters", "ServerLimits", "serve"]

_log = logging.getLogger("dicomnet.aio")

_REST = 1.0
"""Seconds until accepting is tried again when the system had no room, unless a connection of ours ends before."""
_THEIRS = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH})
"""What ``accept`` says of one connection and not of itself: the peer had gone, or the way to it (accept(2))."""


class Server:
    """Accepts associations until it is drained or closed; made by ``serve``."""

    def __init__(self, options: ServingOptions, limits: ServerLimits, executor: Executor | None) -> None:
        self._room = Room(limits)
        self.counters = self._room.counters
        self._calls = CallQueue(limits.calls_per_address)
        self._options = replace(options, policy=Gate(self._room, options.policy))
        self._executor = executor
        self._links: set[_ServedLink] = set()
        self._listeners: list[socket.socket] = []
        self._resting: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._empty = asyncio.Event()
        self._empty.set()
        self._port = 0

    @property
    def port(self) -> int:
        """The port it listens on, or did; 0 for a socket that has none."""
        return self._port

    @property
    def associations(self) -> int:
        """Connections that are open now."""
        return len(self._links)

    async def drain(self, seconds: float | None = None) -> None:
        """Take no more connections, finish the requests that are here, and end the associations.

        Each is aborted when its last request is answered, and whatever is left after ``seconds``.
        """
        self._stop_listening()
        for link in list(self._links):
            self._idle(link)
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            await self.close()

    async def close(self) -> None:
        """Take no more connections and abort those there are."""
        self._stop_listening()
        for link in list(self._links):
            link.abort_now()
            link.drop()
        await self._empty.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -- listening ---------------------------------------------------------------------------------------------------

    def _listen(self, listeners: list[socket.socket]) -> None:
        self._listeners = listeners
        address = listeners[0].getsockname()
        self._port = address[1] if isinstance(address, tuple) else 0
        self._resume()

    def _resume(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        for listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener)

    def _rest(self) -> None:
        """The system has no room (such as descriptors): accepting more would only fail again."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
        if self._resting is None:
            self._resting = self._loop.call_later(_REST, self._resume)

    def _stop_listening(self) -> None:
        self._room.shut = True
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()

    def _accept(self, listener: socket.socket) -> None:
        """Take one connection. The loop tells if another waits, and has who came before read in between: of many that
        come at once each is heard before it could be among the oldest without an association."""
        try:
            sock, address = listener.accept()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            if error.errno not in _THEIRS:
                _log.error("no connection can be accepted for %g s: %s", _REST, reason_of(error))
                self._rest()
            return
        try:
            self._serve(sock, address)
        except Exception as error:  # noqa: BLE001 - one connection must not end the accepting of others
            _log.error("a connection could not be served: %s", type(error).__name__)
            _log.debug("the failure", exc_info=error)
            sock.close()

    def _serve(self, sock: socket.socket, address: Any) -> None:
        options = self._options
        prepare(sock, options.socket_options)
        transport = options.transport(sock)
        link = _ServedLink(options.session(peer_address(address)), transport, options.waits, self, self._executor)
        self.counters.connections += 1
        self._opened(link)
        try:
            link.begin()
        except Exception:
            link.drop()
            raise

    # -- counting ----------------------------------------------------------------------------------------------------

    def _idle(self, link: Link) -> None:
        """When draining, nobody waits for an association that has nothing to do."""
        if self._room.shut and not link.session.busy:
            link.abort_now()

    def _opened(self, link: _ServedLink) -> None:
        self._links.add(link)
        self._empty.clear()
        self._room.enter(link)

    def _ended(self, link: _ServedLink) -> None:
        self._links.discard(link)
        self._room.leave(link)
        if self._resting is not None:
            self._resume()
        if not self._links:
            self._empty.set()


class _ServedLink(Link):
    """A link that a server counts."""

    def __init__(
        self, session: Session, transport: Transport, waits: Waits, server: Server, executor: Executor | None
    ) -> None:
        options = server._options
        super().__init__(
            session,
            transport,
            waits,
            executor=executor,
            hooks=options.hooks,
            socket_options=options.socket_options,
        )
        self._server = server
        self.counted_as: str | None = None
        """The calling AE title of an association that the server counts."""

    def _gone(self) -> None:
        if self._server._calls.drop(self):
            self._advance()
        self._server._ended(self)

    def _start_calls(self, calls: list[tuple[Run[Any], Callable[[], object]]]) -> None:
        for run, function in calls:
            self._server._calls.put(self, run, function)

    def _called(self, run: Run[Any], future: asyncio.Future[object]) -> None:
        self._server._calls.done(self.session.address)
        super()._called(run, future)

    def _advance(self) -> None:
        Link._advance(self)  # for each event: super() takes longer than what comes below
        if self.counted_as is None and self._session.peer is not None:  # nobody else was judged in between
            self._server._room.associated(self, self._session.peer.ae_title)
        if self._server._room.shut:
            self._server._idle(self)


async def serve(
    host: str | None,
    port: int,
    policy: AcceptancePolicy,
    *,
    handler: Handler | None = None,
    waits: Waits | None = None,
    pdu_limits: PduLimits | None = None,
    message_limits: MessageLimits | None = None,
    limits: ServerLimits | None = None,
    executor: Executor | None = None,
    tls: ssl.SSLContext | None = None,
    sock: socket.socket | None = None,
    transcript: Callable[[], Transcript] | None = None,
    check_roles: bool = True,
    hooks: Hooks | None = None,
    one_pdv_per_pdu: bool = False,
    send_limit: int = 0,
    socket_options: SocketOptions | None = None,
) -> Server:
    """Listen for associations; ``host`` None is every interface, port 0 a free one.

    ``tls`` is a context as ``drivers.tls.server_context`` makes it: then every connection shakes hands first, within
    ARTIM's time (``Waits.request``). ``sock`` is a bound socket to listen on, such as a Unix one, in place of host and
    port; the server closes it, and so does a failure. ``transcript`` makes the record for each association;
    ``check_roles``, ``hooks``, ``one_pdv_per_pdu``, ``send_limit`` and ``socket_options`` are those of ``connect``.

    Raises:
        ConnectFailed: the address cannot be used, or ``tls`` is not for servers.
        LocalProtocolError: nothing can be sent within ``send_limit``.
    """
    listeners = [] if sock is None else [sock]
    server = None
    try:
        options = ServingOptions(
            policy=policy,
            handler=handler,
            waits=waits or Waits(),
            pdu_limits=pdu_limits or PduLimits(),
            message_limits=message_limits,
            tls=tls,
            transcript=transcript,
            check_roles=check_roles,
            hooks=hooks,
            one_pdv_per_pdu=one_pdv_per_pdu,
            send_limit=send_limit,
            socket_options=socket_options or SocketOptions(),
        )
        server = Server(options, limits or ServerLimits(), executor)
        check_server_tls(tls)
        if sock is not None:
            sock.setblocking(False)
            set_buffers(sock, options.socket_options)
            sock.listen()
        listeners = listeners or await listening_sockets(host, port, options.socket_options)
        server._listen(listeners)
    except BaseException as error:
        if server is not None:
            server._stop_listening()
        for listener in listeners:
            listener.close()
        if isinstance(error, OSError | ValueError | OverflowError):
            raise ConnectFailed(f"cannot listen on {host_port(host or '*', port)}: {reason_of(error)}") from error
        raise
    return server
