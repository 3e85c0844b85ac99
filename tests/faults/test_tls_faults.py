"""The faults of peers once more under TLS, and those that only TLS has: in its records and in its handshake."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Any

import pytest

from dicomnet.drivers import aio
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import ConnectFailed, TimedOut
from tests.certificates import Authority
from tests.faults.faults import Cause, waits
from tests.faults.scripts import OPTIONS, While
from tests.faults.socket_peers import (
    ACCEPTOR_CELLS,
    PATIENCE,
    REQUESTOR_CELLS,
    SCALE,
    Cell,
    Pairs,
    Player,
    dial,
    open_fds,
    outwaits,
    sessions,
    side_by_side,
    unhurried,
)
from tests.faults.test_asyncio import Watched, echoing, faced, listening

CHOSEN = (Cause.CLOSE, Cause.RESET, Cause.HALF_CLOSE, Cause.SILENCE, Cause.HALF_SILENCE, Cause.ABORT, Cause.REQUESTS)
PATIENT = replace(waits(SCALE), request=PATIENCE)  # the handshake has its time, however busy this machine is


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server and for a client that does not ask who it is."""
    identity = Authority(tmp_path_factory.mktemp("keys"), "authority").identity("server")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity.certificate, identity.key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return server, client


@pytest.fixture
def nothing_left() -> Iterator[None]:
    before = open_fds(), sessions()
    yield
    assert (open_fds(), sessions()) == before


class Record(StrEnum):
    """What may be wrong with a record."""

    CUT = "closes amid a record"
    STUCK = "stops amid a record"
    SPOILT = "sends a record that was changed"
    FOREIGN = "sends what is no record"
    NOTIFIED = "says that nothing more comes, and keeps the connection"


class TlsPlayer(Player):
    """A peer under TLS. When it closes, it does so without close_notify, as most do that die."""

    context: ssl.SSLContext
    server_side: bool
    record: Record | None = None

    async def _greet(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self.context.wrap_bio(self._incoming, self._outgoing, server_side=self.server_side)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._feed():
                    raise ConnectionResetError("no handshake") from None
        await self._flush()

    async def _flush(self) -> None:
        await self._loop.sock_sendall(self._sock, self._outgoing.read())

    async def _feed(self) -> bool:
        data = await self._loop.sock_recv(self._sock, 65536)
        self._incoming.write(data)
        return bool(data)

    async def _send(self, data: bytes) -> None:
        if data:
            self._tls.write(data)
            await self._flush()

    async def _receive(self) -> bool:
        while True:
            try:
                data = self._tls.read(65536)
            except ssl.SSLWantReadError:
                if not await self._feed():
                    return False
                continue
            except ssl.SSLError:  # our side has said what it thinks of it
                return False
            self._data += data
            self.heard += data
            return bool(data)

    async def _act(self, cause: Cause) -> None:
        if self.record is None:
            await super()._act(cause)
            return
        if self.record is Record.NOTIFIED:
            with contextlib.suppress(ssl.SSLError):  # it does not wait for an answer
                self._tls.unwrap()
            raw = self._outgoing.read()
        else:
            self._tls.write(bytes(100))
            raw = self._outgoing.read()
            raw = {Record.SPOILT: raw[:-1] + bytes([raw[-1] ^ 1]), Record.FOREIGN: b"\xff" * 100}.get(
                self.record, raw[: len(raw) // 2]
            )
        await self._loop.sock_sendall(self._sock, raw)
        if self.record is not Record.CUT:
            await self._listen_raw()

    async def _listen_raw(self) -> None:
        with contextlib.suppress(ConnectionError):
            while await self._loop.sock_recv(self._sock, 65536):
                pass


def player(context: ssl.SSLContext, *, server_side: bool, record: Record | None = None) -> type[TlsPlayer]:
    return type("Peer", (TlsPlayer,), {"context": context, "server_side": server_side, "record": record})


def chosen(cells: list[Cell], causes: tuple[Cause, ...]) -> list[Cell]:
    """One for each situation and cause; before the request there is the handshake, which has its own test."""
    found: dict[tuple[While, Cause], Cell] = {}
    for cell in cells:
        situation = cell.script.after(cell.steps)
        if cell.cause in causes and (situation is not While.OPENING or cell.due.wait is None):
            found.setdefault((situation, cell.cause), cell)
    return list(found.values())


def plans(cells: list[Cell]) -> Iterator[tuple[Cell, Record | None]]:
    """Cells under TLS, and each end and each silence as TLS can have it."""
    for cell in chosen(cells, CHOSEN):
        yield cell, None
        situation = cell.script.after(cell.steps)
        if situation not in (While.OVER, While.DONE):
            if cell.cause is Cause.CLOSE:
                yield from ((cell, record) for record in Record if record is not Record.STUCK)
            elif cell.cause is Cause.SILENCE:
                yield cell, Record.STUCK


def test_every_fault_of_an_acceptor(contexts: Any, nothing_left: None) -> None:
    server, client = contexts

    async def main() -> None:
        pairs = Pairs()
        work = []
        for cell, record in plans(REQUESTOR_CELLS):
            kind = player(server, server_side=True, record=record)
            work.append(told(faced(cell, pairs, kind, tls=client, waits=PATIENT), record))
        await side_by_side(work)
        assert len(work) > 70
        pairs.close()

    asyncio.run(main())


async def told(work: Any, record: Record | None) -> None:
    try:
        await work
    except AssertionError as failure:
        failure.add_note(f"under TLS: {record}")
        raise


def test_every_fault_of_a_requestor(contexts: Any, nothing_left: None) -> None:
    server, client = contexts

    async def serve_all(planned: list[tuple[Cell, Record | None]], waits: Waits) -> None:
        async with await listening(waits, tls=server) as serving:
            over = asyncio.Event()
            good = asyncio.ensure_future(echoing(serving.port, over, tls=client))
            watched = Watched(serving)
            work = []
            for cell, record in planned:
                kind = player(client, server_side=False, record=record)
                work.append(told(watched.meet(cell, kind), record))
            await side_by_side(work)
            over.set()
            assert await good > 1

    async def main() -> None:
        planned = list(plans(ACCEPTOR_CELLS))
        assert len(planned) > 60
        await serve_all([plan for plan in planned if outwaits(plan[0])], PATIENT)
        await serve_all([plan for plan in planned if not outwaits(plan[0])], unhurried(PATIENT))

    asyncio.run(main())


# The handshake.


def hello(context: ssl.SSLContext) -> bytes:
    """What a client says first."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


def beginnings(whole: bytes) -> list[bytes]:
    """Of a flight of the handshake: nothing, parts of the header and of the rest, and all of it."""
    return [whole[:size] for size in (0, 1, 5, 6, len(whole) // 2, len(whole) - 1, len(whole))]


async def end(sock: socket.socket, how: str) -> None:
    """Go on after a beginning; at the end our side must have closed, if the peer has not."""
    loop = asyncio.get_running_loop()
    with sock, contextlib.suppress(ConnectionError):
        if how == "closes":
            return
        if how == "resets":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if how == "garbage":
            await loop.sock_sendall(sock, b"\xff" * 500)
        async with asyncio.timeout(PATIENCE):
            while await loop.sock_recv(sock, 65536):
                pass


ENDS = ("closes", "resets", "garbage", "silence")


def test_a_handshake_that_comes_to_nothing_costs_nobody_anything(contexts: Any, nothing_left: None) -> None:
    server, client = contexts

    async def knock(port: int, said: bytes, how: str) -> None:
        sock = await dial(port)
        await asyncio.get_running_loop().sock_sendall(sock, said)
        await end(sock, how)

    async def main() -> None:
        async with await listening(replace(waits(SCALE), request=0.3), tls=server) as serving:
            knocks = [(said, how) for said in beginnings(hello(client)) for how in ENDS]
            await side_by_side([knock(serving.port, said, how) for said, how in knocks])
            async with asyncio.timeout(PATIENCE):
                await serving._empty.wait()
            counters = serving.counters
            assert (counters.connections, counters.associations, serving.associations) == (len(knocks), 0, 0)
        async with await listening(Waits(), tls=server) as serving:
            over = asyncio.Event()
            over.set()
            assert await echoing(serving.port, over, tls=client) == 0

    asyncio.run(main())


@pytest.mark.parametrize("how", ENDS)
def test_a_server_whose_handshake_comes_to_nothing(contexts: Any, nothing_left: None, how: str) -> None:
    server, client = contexts

    def answer(received: bytes) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(received)
        with contextlib.suppress(ssl.SSLWantReadError):
            server.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
        return outgoing.read()

    async def meet(pairs: Pairs, cut: Callable[[bytes], bytes]) -> None:
        ours, theirs = pairs.new()
        loop = asyncio.get_running_loop()

        async def play() -> None:
            said = await loop.sock_recv(theirs, 65536)
            await loop.sock_sendall(theirs, cut(answer(said)))
            await end(theirs, how)

        peer = asyncio.ensure_future(play())
        hasty = replace(waits(SCALE), connect=20.0 if how != "silence" else 0.2)
        endpoint = Endpoint("SCP", "127.0.0.1", 104)
        with pytest.raises(TimedOut if how == "silence" else ConnectFailed) as caught:
            await aio.connect(endpoint, OPTIONS, waits=hasty, tls=client, open_socket=lambda *_: ours)
        assert not isinstance(caught.value, TimedOut) or caught.value.wait == "connect"
        await peer

    async def main() -> None:
        pairs = Pairs()
        cuts = [partial(first, size) for size in (0, 1, 5, 6, 100, -1)]
        await side_by_side([meet(pairs, cut) for cut in cuts])
        pairs.close()

    asyncio.run(main())


def first(size: int, flight: bytes) -> bytes:
    return flight[:size]
