"""Serving on asyncio: listening sockets, a limit on how many may come, an orderly end.

``serve`` is the way in. What the associations do is the handler's business, whom to accept the policy's.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dicomnet.codes import RejectResult, RejectSource
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.aio import Link
from dicomnet.drivers.aio_sockets import listening_sockets
from dicomnet.drivers.common import Hooks, Waits
from dicomnet.drivers.session import Session
from dicomnet.drivers.sockets import check_server_tls, peer_address, prepare, reason_of
from dicomnet.drivers.transport import PlainTransport, TlsTransport, Transport
from dicomnet.errors import ConnectFailed, Rejected
from dicomnet.handlers import Handler
from dicomnet.ul import AcceptancePolicy, Applicant, Association, Role, Transcript
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ, PduLimits

if TYPE_CHECKING:
    import ssl

__all__ = ["Server", "ServerCounters", "ServerLimits", "serve"]

_log = logging.getLogger("dicomnet.aio")

_AT_ONCE = 64
"""Connections taken before others get their turn."""
_REST = 1.0
"""Seconds until accepting is tried again when the system had no room, unless a connection of ours ends before."""
_THEIRS = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH})
"""What ``accept`` says of one connection and not of itself: the peer had gone, or the way to it (accept(2))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """How many associations at once, in all and from one address: more are rejected for now.

    Connections without an association are counted apart (``half_open``), in a TLS handshake or after it: the oldest of
    an address that has too many of them, or of all, is closed, so that who only connects keeps nobody out.
    """

    associations: int = 1000
    per_address: int = 64
    half_open: int = 1000
    half_open_per_address: int = 64


@dataclass(slots=True)
class ServerCounters:
    """What a server has seen since it began. A connection that is in none of the last three is open, or never asked."""

    connections: int = 0
    associations: int = 0
    rejected: int = 0
    released: int = 0
    aborted: int = 0
    """Associations that ended other than by release: A-ABORT of either side, a deadline, a connection that was lost."""


class Server:
    """Accepts associations until it is drained or closed; made by ``serve``."""

    def __init__(
        self,
        policy: AcceptancePolicy,
        handler: Handler | None,
        waits: Waits,
        pdu_limits: PduLimits,
        message_limits: MessageLimits | None,
        limits: ServerLimits,
        executor: Executor | None,
        tls: ssl.SSLContext | None,
        transcript: Callable[[], Transcript] | None,
        check_roles: bool,
        hooks: Hooks | None,
    ) -> None:
        self.counters = ServerCounters()
        self._gate = _Gate(self, policy)
        self._handler = handler
        self._waits = waits
        self._pdu_limits = pdu_limits
        self._message_limits = message_limits
        self._limits = limits
        self._executor = executor
        self._tls = tls
        self._transcript = transcript
        self._check_roles = check_roles
        self._hooks = hooks
        self._links: set[_ServedLink] = set()
        self._addresses: Counter[str] = Counter()  # of associations
        self._titles: Counter[str] = Counter()  # likewise
        self._half_open: dict[_ServedLink, None] = {}  # in the order they came
        self._half_open_addresses: Counter[str] = Counter()
        self._listeners: list[socket.socket] = []
        self._resting: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining = False
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
        self._draining = True
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _THEIRS:
                    continue
                _log.error("no connection can be accepted for %g s: %s", _REST, reason_of(error))
                self._rest()
                return
            try:
                self._serve(sock, peer_address(address))
            except Exception as error:  # noqa: BLE001 - one connection must not end the accepting of others
                _log.error("a connection could not be served: %s", type(error).__name__)
                _log.debug("the failure", exc_info=error)
                sock.close()
            if self._draining:
                return

    def _serve(self, sock: socket.socket, address: str) -> None:
        prepare(sock)
        transport: Transport = (
            PlainTransport(sock) if self._tls is None else TlsTransport(sock, self._tls, server_side=True)
        )
        session = Session(
            Association(
                Role.ACCEPTOR,
                limits=self._pdu_limits,
                timeouts=self._waits.timeouts(),
                transcript=self._transcript() if self._transcript is not None else None,
            ),
            address=address,
            handler=self._handler,
            policy=self._gate,
            response_timeout=self._waits.response,
            limits=self._message_limits,
            check_roles=self._check_roles,
            hooks=self._hooks,
        )
        link = _ServedLink(session, transport, self._waits, self, self._executor)
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
        if self._draining and not link.session.busy:
            link.abort_now()

    def _opened(self, link: _ServedLink) -> None:
        self._links.add(link)
        self._empty.clear()
        self._half_open[link] = None
        self._half_open_addresses[link.session.address] += 1
        if self._half_open_addresses[link.session.address] > self._limits.half_open_per_address:
            self._turn_out(next(other for other in self._half_open if other.session.address == link.session.address))
        elif len(self._half_open) > self._limits.half_open:
            self._turn_out(next(iter(self._half_open)))

    def _turn_out(self, link: _ServedLink) -> None:
        """Close it, and count it no more from now on."""
        self._leave(link)
        link.drop()

    def _associated(self, link: _ServedLink, title: str) -> None:
        """It counts as an association from here to its end."""
        self._leave(link)
        link.counted_as = title
        self.counters.associations += 1
        self._addresses[link.session.address] += 1
        self._titles[title] += 1

    def _leave(self, link: _ServedLink) -> None:
        if link in self._half_open:
            del self._half_open[link]
            _count_down(self._half_open_addresses, link.session.address)

    def _ended(self, link: _ServedLink) -> None:
        self._links.discard(link)
        self._leave(link)
        session = link.session
        if link.counted_as is not None:
            _count_down(self._addresses, session.address)
            _count_down(self._titles, link.counted_as)
            if session.released:
                self.counters.released += 1
            elif isinstance(session.error, Rejected):  # what the policy accepted could not be told to the peer
                self.counters.associations -= 1
                self.counters.rejected += 1
            else:
                self.counters.aborted += 1
        elif isinstance(session.error, Rejected):
            self.counters.rejected += 1
        if self._resting is not None:
            self._resume()
        if not self._links:
            self._empty.set()

    def _count(self, applicant: Applicant, title: str) -> Applicant:
        seen = self.counters
        return Applicant(
            applicant.address,
            associations=seen.associations - seen.released - seen.aborted,
            of_address=self._addresses.get(applicant.address, 0),
            of_title=self._titles.get(title, 0),
            certificate=applicant.certificate,
        )

    def _has_room(self, applicant: Applicant) -> bool:
        return (
            not self._draining
            and applicant.associations < self._limits.associations
            and applicant.of_address < self._limits.per_address
        )


def _count_down(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


class _ServedLink(Link):
    """A link that a server counts."""

    def __init__(
        self, session: Session, transport: Transport, waits: Waits, server: Server, executor: Executor | None
    ) -> None:
        super().__init__(session, transport, waits, executor=executor, hooks=server._hooks)
        self._server = server
        self.counted_as: str | None = None
        """The calling AE title of an association that the server counts."""

    def _gone(self) -> None:
        self._server._ended(self)

    def _advance(self) -> None:
        super()._advance()
        if self.counted_as is None and self._session.peer is not None:  # nobody else was judged in between
            self._server._associated(self, self._session.peer.ae_title)
        if self._server._draining:
            self._server._idle(self)


class _Gate:
    """The server's own word before the policy's: no room, no association (PS3.8 9.3.4: local limit exceeded)."""

    def __init__(self, server: Server, policy: AcceptancePolicy) -> None:
        self._server = server
        self._policy = policy

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        """Reject for now when the house is full, else ask the policy, which is told how full it is."""
        applicant = self._server._count(applicant, request.calling_ae_title.strip(" "))
        if not self._server._has_room(applicant):
            return AAssociateRJ(RejectResult.TRANSIENT, RejectSource.PRESENTATION, 2)
        return self._policy.decide(request, applicant)


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
) -> Server:
    """Listen for associations; ``host`` None is every interface, port 0 a free one.

    ``tls`` is a context as ``drivers.tls.server_context`` makes it: then every connection shakes hands first, within
    ARTIM's time (``Waits.request``). ``sock`` is a bound socket to listen on, such as a Unix one, in place of host and
    port; the server closes it. ``transcript`` makes the record for each association; ``check_roles`` and ``hooks``
    are those of ``connect``.

    Raises:
        ConnectFailed: the address cannot be used, or ``tls`` is not for servers.
    """
    server = Server(
        policy,
        handler,
        waits or Waits(),
        pdu_limits or PduLimits(),
        message_limits,
        limits or ServerLimits(),
        executor,
        tls,
        transcript,
        check_roles,
        hooks,
    )
    check_server_tls(tls)
    try:
        if sock is not None:
            sock.setblocking(False)
            sock.listen()
        server._listen([sock] if sock is not None else await listening_sockets(host, port))
    except (OSError, ValueError, OverflowError) as error:
        raise ConnectFailed(f"cannot listen on {host or '*'}:{port}: {reason_of(error)}") from error
    return server
