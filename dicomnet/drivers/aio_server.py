"""Serving on asyncio: a listening socket, a limit on how many may come, an orderly end.

``serve`` is the way in. What the associations do is the handler's business, whom to accept the policy's.
"""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Self

from dicomnet.codes import RejectResult, RejectSource
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.aio import Link
from dicomnet.drivers.common import Waits
from dicomnet.drivers.session import Session
from dicomnet.drivers.sockets import reason_of
from dicomnet.errors import ConnectFailed
from dicomnet.handlers import Handler
from dicomnet.ul import AcceptancePolicy, Applicant, Association, Role
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ, PduLimits

__all__ = ["Server", "ServerLimits", "serve"]

_ATTEMPTS = 32
"""To find a port that is free at every address of a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """How many associations at once, in all and from one address: more are rejected for now.

    Connections without an association are counted apart (``half_open``): the oldest of an address that has too many of
    them, or of all, is closed, so that who only connects keeps nobody out.
    """

    associations: int = 1000
    per_address: int = 64
    half_open: int = 1000
    half_open_per_address: int = 64


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
    ) -> None:
        self._policy = policy
        self._handler = handler
        self._waits = waits
        self._pdu_limits = pdu_limits
        self._message_limits = message_limits
        self._limits = limits
        self._executor = executor
        self._links: set[_ServedLink] = set()
        self._addresses: Counter[str] = Counter()  # of associations
        self._titles: Counter[str] = Counter()  # likewise
        self._half_open: dict[_ServedLink, None] = {}  # in the order they came
        self._half_open_addresses: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.get_running_loop()
        self._empty = asyncio.Event()
        self._empty.set()
        self._draining = False
        self._port = 0

    @property
    def port(self) -> int:
        """The port it listens on, or did."""
        return self._port

    @property
    def associations(self) -> int:
        """Connections that are open now."""
        return len(self._links)

    async def drain(self, seconds: float | None = None) -> None:
        """Take no more connections, finish the requests that are here, and end the associations.

        Each is aborted when its last request is answered, and whatever is left after ``seconds``.
        """
        self._draining = True
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            self._idle(link)
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            await self.close()

    def _idle(self, link: Link) -> None:
        """When draining, nobody waits for an association that has nothing to do."""
        if self._draining and not link.session.busy:
            link.abort_now()

    async def close(self) -> None:
        """Take no more connections and abort those there are."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            link.abort_now()
            link.drop()
        await self._empty.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _new_link(self) -> Link:
        association = Association(Role.ACCEPTOR, limits=self._pdu_limits, timeouts=self._waits.timeouts())
        gate = _Gate(self, self._policy)
        session = Session(
            association,
            address="",
            handler=self._handler,
            policy=gate,
            response_timeout=self._waits.response,
            limits=self._message_limits,
        )
        gate.link = _ServedLink(session, self._waits, self, self._executor)
        return gate.link

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
        """Close it, and count it no more: its end comes later than the next of those who connect all at once."""
        self._leave(link)
        link.drop()

    def _associated(self, link: _ServedLink, title: str) -> None:
        """It counts as an association from here to its end."""
        self._leave(link)
        link.counted_as = title
        self._addresses[link.session.address] += 1
        self._titles[title] += 1

    def _leave(self, link: _ServedLink) -> None:
        if link in self._half_open:
            del self._half_open[link]
            _count_down(self._half_open_addresses, link.session.address)

    def _ended(self, link: Link) -> None:
        if not isinstance(link, _ServedLink):
            return
        self._links.discard(link)
        self._leave(link)
        if link.counted_as is not None:
            _count_down(self._addresses, link.session.address)
            _count_down(self._titles, link.counted_as)
        if not self._links:
            self._empty.set()

    def _count(self, applicant: Applicant, title: str) -> Applicant:
        return replace(
            applicant,
            associations=self._addresses.total(),
            of_address=self._addresses[applicant.address],
            of_title=self._titles[title],
        )

    def _has_room(self, applicant: Applicant) -> bool:
        return (
            not self._draining
            and applicant.associations < self._limits.associations
            and applicant.of_address < self._limits.per_address
        )


def _count_down(counter: Counter[str], address: str) -> None:
    counter[address] -= 1
    if not counter[address]:
        del counter[address]


class _ServedLink(Link):
    """A link that a server counts."""

    def __init__(self, session: Session, waits: Waits, server: Server, executor: Executor | None) -> None:
        super().__init__(session, waits, executor=executor, on_close=server._ended)
        self._server = server
        self.counted_as: str | None = None
        """The calling AE title of an association that the server counts."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        peer = transport.get_extra_info("peername")
        self.session.applicant = Applicant(str(peer[0]) if isinstance(peer, tuple) else "local")
        super().connection_made(transport)
        self._server._opened(self)

    def _advance(self) -> None:
        super()._advance()
        self._server._idle(self)


class _Gate:
    """The server's own word before the policy's: no room, no association (PS3.8 9.3.4: local limit exceeded)."""

    def __init__(self, server: Server, policy: AcceptancePolicy) -> None:
        self._server = server
        self._policy = policy
        self.link: _ServedLink | None = None

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        """Reject for now when the house is full, else ask the policy, which is told how full it is."""
        title = request.calling_ae_title.strip(" ")
        applicant = self._server._count(applicant, title)
        if not self._server._has_room(applicant):
            return AAssociateRJ(RejectResult.TRANSIENT, RejectSource.PRESENTATION, 2)
        answer = self._policy.decide(request, applicant)
        if isinstance(answer, AAssociateAC) and self.link is not None:
            self._server._associated(self.link, title)
        return answer


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
) -> Server:
    """Listen for associations; ``host`` None is every interface, port 0 a free one.

    Raises:
        ConnectFailed: the address cannot be used.
    """
    server = Server(
        policy,
        handler,
        waits or Waits(),
        pdu_limits or PduLimits(),
        message_limits,
        limits or ServerLimits(),
        executor,
    )
    try:
        server._server = await _listen(server._new_link, host, port)
        server._port = server._server.sockets[0].getsockname()[1]
    except (OSError, ValueError, OverflowError) as error:
        raise ConnectFailed(f"cannot listen on {host or '*'}:{port}: {reason_of(error)}") from error
    return server


async def _listen(factory: Callable[[], asyncio.Protocol], host: str | None, port: int) -> asyncio.Server:
    """Listen on every address of the host, on one port: left alone, each would get a free one of its own."""
    loop = asyncio.get_running_loop()
    opened = await loop.create_server(factory, host, port)
    for _ in range(_ATTEMPTS):
        port, *others = (sock.getsockname()[1] for sock in opened.sockets)
        if all(other == port for other in others):
            return opened
        opened.close()
        try:
            opened = await loop.create_server(factory, host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            opened = await loop.create_server(factory, host, 0)  # free there, not here
    opened.close()
    raise OSError(errno.EADDRINUSE, "no port is free at all of its addresses")
