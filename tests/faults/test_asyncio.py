"""Faults on asyncio links, and under an asyncio server that serves a good peer meanwhile: all ends as in memory."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from dicomnet import flows
from dicomnet.drivers import aio
from dicomnet.drivers.aio_clock import clock_of
from dicomnet.drivers.aio_server import Server, ServerLimits, serve
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import DicomNetError
from dicomnet.handlers import handle_by_type
from dicomnet.wire import PduLimits
from tests.faults.faults import limits, waits
from tests.faults.scripts import OPTIONS, PDU, POLICY, TICK, While, serving
from tests.faults.socket_peers import (
    ACCEPTOR_CELLS,
    PATIENCE,
    REQUESTOR_CELLS,
    SCALE,
    Cell,
    Pairs,
    Player,
    check,
    dial,
    open_fds,
    outwaits,
    sessions,
    side_by_side,
    unhurried,
)


@pytest.fixture
def run() -> Iterator[Callable[[Awaitable[None]], None]]:
    """Runs a coroutine; afterwards descriptors, threads, tasks and sessions are what they were before, and one timer
    may be left, which serves all links of a loop and wakes nobody any more."""
    before = open_fds(), threading.active_count(), sessions()

    async def main(work: Awaitable[None]) -> None:
        await work
        assert asyncio.all_tasks() == {asyncio.current_task()}
        loop: Any = asyncio.get_running_loop()
        own = clock_of(loop)._on_time  # which a deadline of a link that is gone may have left
        assert not [timer for timer in loop._scheduled if not timer.cancelled() and timer._callback != own]

    yield lambda work: asyncio.run(main(work))
    assert (open_fds(), threading.active_count(), sessions()) == before


async def request(link: aio.Link, cell: Cell) -> None:
    for flow in cell.script.work:
        async for _ in link.stream(flow()):
            pass
    await {"release": link.release, "abort": link.abort, "listen": link.listen}[cell.script.end]()


async def faced(cell: Cell, pairs: Pairs, kind: type[Player] = Player, **more: Any) -> None:
    """Our side as requestor."""
    ours, theirs = pairs.new()
    player = asyncio.ensure_future(kind(theirs, cell).play())
    loop = asyncio.get_running_loop()
    began, error, link = loop.time(), None, None
    patience = more.pop("waits", waits(SCALE))
    try:
        link = await aio.connect(
            Endpoint("SCP", "127.0.0.1", 104),
            OPTIONS,
            waits=patience if outwaits(cell) else unhurried(patience),
            limits=limits(SCALE),
            handler=cell.script.handler,
            open_socket=lambda endpoint, seconds: ours,
            **more,
        )
        await request(link, cell)
    except DicomNetError as caught:
        error = caught
    took = loop.time() - began
    if link is not None:
        await link.abort()
    await player
    try:
        check(error, took, cell)
    except AssertionError as failure:
        failure.add_note(str(cell))
        raise


def test_every_fault_of_an_acceptor(run: Any) -> None:
    async def main() -> None:
        pairs = Pairs()
        await side_by_side([faced(cell, pairs) for cell in REQUESTOR_CELLS])
        pairs.close()

    run(main())


class Watched:
    """A server whose links can be told by the port of the peer."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._coming: dict[int, asyncio.Future[aio.Link]] = {}
        self._port = 0  # of the peer that is being let in: one that has reset its connection has none any more
        serve, opened = server._serve, server._opened

        def remember_port(sock: socket.socket, address: Any) -> None:
            self._port = address[1]
            serve(sock, address)

        def remember(link: Any) -> None:
            self.at(self._port).set_result(link)
            opened(link)

        server._serve = remember_port  # type: ignore[method-assign]
        server._opened = remember  # type: ignore[method-assign]

    def at(self, port: int) -> asyncio.Future[aio.Link]:
        """The link to the peer at this port."""
        return self._coming.setdefault(port, asyncio.get_running_loop().create_future())

    async def meet(self, cell: Cell, kind: type[Player] = Player) -> None:
        """Our side as acceptor."""
        sock = await dial(self.server.port)
        port = sock.getsockname()[1]
        coming = self.at(port)
        loop = asyncio.get_running_loop()
        began = loop.time()
        player = asyncio.ensure_future(kind(sock, cell).play())
        link = await coming
        del self._coming[port]  # which may be that of another peer as soon as this one is reset
        async with asyncio.timeout(PATIENCE):
            await link._until(lambda: link.closed)
        took = loop.time() - began
        await player
        try:
            assert link.session.ended
            check(link.session.error, took, cell)
        except AssertionError as failure:
            failure.add_note(str(cell))
            raise


async def listening(waits: Waits, **more: Any) -> Server:
    return await serve(
        "127.0.0.1",
        0,
        POLICY,
        handler=handle_by_type(serving(TICK * SCALE)),
        waits=waits,
        pdu_limits=PduLimits(p_data=PDU),
        message_limits=limits(SCALE),
        limits=ServerLimits(per_address=1000, half_open_per_address=1000),
        **more,
    )


async def echoing(port: int, over: asyncio.Event, **more: Any) -> int:
    """A good peer of the server, as long as there are bad ones: how often it was answered."""
    count = 0
    endpoint, patient = Endpoint("SCP", "127.0.0.1", port), Waits(response=PATIENCE)
    async with await aio.connect(endpoint, OPTIONS, waits=patient, **more) as link:
        while not over.is_set():
            await link.run(flows.c_echo())
            await link.listen(0.02)
            count += 1
    return count


def test_every_fault_of_a_requestor(run: Any) -> None:
    hasty = waits(SCALE)
    patient = replace(hasty, request=PATIENCE)

    async def serve_all(chosen: list[Cell], waits: Waits) -> None:
        async with await listening(waits) as server:
            over = asyncio.Event()
            good = asyncio.ensure_future(echoing(server.port, over))
            watched = Watched(server)
            await side_by_side([watched.meet(cell) for cell in chosen])
            over.set()
            assert await good > 1
            async with asyncio.timeout(PATIENCE):
                await server._empty.wait()
            counts = (server._room.addresses, server._room.titles, server._room.half_open_addresses)
            assert (server.associations, *map(len, counts)) == (0, 0, 0, 0)
            counters = server.counters
            assert counters.connections == len(chosen) + 1
            rejected = sum(cell.script.rejected and cell.steps > 0 for cell in chosen)
            begun = sum(cell.script.after(cell.steps) is not While.OPENING for cell in chosen) + 1
            assert (counters.rejected, counters.associations) == (rejected, begun - rejected)
            assert counters.released + counters.aborted == counters.associations

    async def main() -> None:
        opening = [cell for cell in ACCEPTOR_CELLS if cell.script.after(cell.steps) is While.OPENING]
        await serve_all(opening, hasty)
        # who has been accepted has kept to ARTIM's time, however busy this machine is
        accepted = [cell for cell in ACCEPTOR_CELLS if cell not in opening]
        await serve_all([cell for cell in accepted if outwaits(cell)], patient)
        await serve_all([cell for cell in accepted if not outwaits(cell)], unhurried(hasty))

    run(main())


def test_there_are_cells() -> None:
    assert len(REQUESTOR_CELLS) > 200
    assert len(ACCEPTOR_CELLS) > 150


def test_what_a_peer_may_reset_is_a_real_socket() -> None:
    pairs = Pairs()
    ours, theirs = pairs.new()
    assert {ours.family, theirs.family} == {socket.AF_INET}
    for sock in (ours, theirs):
        sock.close()
    pairs.close()
