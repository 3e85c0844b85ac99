"""Faults on blocking links and under a blocking listener, whose next peer is served as if nothing had been."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from dicomnet.drivers import blocking
from dicomnet.drivers.blocking_server import Listener, listen
from dicomnet.drivers.common import Endpoint
from dicomnet.errors import DicomNetError
from dicomnet.handlers import handle_by_type
from dicomnet.wire import PduLimits
from tests.faults.faults import LOST, Cause, Outcome, limits, waits
from tests.faults.memory_peers import work
from tests.faults.scripts import ACCEPTOR, OPTIONS, PDU, POLICY, TICK, serving
from tests.faults.socket_peers import (
    ACCEPTOR_CELLS,
    AT_ONCE,
    PATIENCE,
    RELEASING_CELLS,
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
    unhurried,
)


class Peers:
    """All peers in one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def start(self, play: Callable[[], Awaitable[None]]) -> Future[None]:
        async def run() -> None:
            await play()

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


@pytest.fixture
def peers() -> Iterator[Peers]:
    """Peers; afterwards descriptors, threads and sessions are what they were before."""
    before = open_fds(), threading.active_count(), sessions()
    made = Peers()
    yield made
    made.close()
    assert (open_fds(), threading.active_count(), sessions()) == before


def side_by_side(cells: list[Cell], run: Callable[[Cell], None]) -> None:
    """All cells, some at a time; what fails is raised when everything is over."""

    def one(cell: Cell) -> Exception | None:
        try:
            run(cell)
        except (AssertionError, OSError, TimeoutError, DicomNetError) as failure:
            failure.add_note(str(cell))
            return failure
        return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [failure for failure in pool.map(one, cells) if failure is not None]
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(cells)} cells", failures)


def test_every_fault_of_an_acceptor(peers: Peers) -> None:
    pairs, lock = Pairs(), threading.Lock()

    def face(cell: Cell) -> None:
        with lock:
            ours, theirs = pairs.new()
        played = peers.start(lambda: Player(theirs, cell).play())
        began, error, link = time.monotonic(), None, None
        try:
            link = blocking.connect(
                Endpoint("SCP", "127.0.0.1", 104),
                OPTIONS,
                waits=waits(SCALE) if outwaits(cell) else unhurried(waits(SCALE)),
                limits=limits(SCALE),
                handler=cell.script.handler,
                open_socket=lambda endpoint, seconds: ours,
            )
            work(link, cell.script)
        except DicomNetError as caught:
            error = caught
        took = time.monotonic() - began
        if link is not None:
            link.abort()
        played.result(PATIENCE)
        check(error, took, cell)

    side_by_side(REQUESTOR_CELLS, face)
    pairs.close()


GOOD = Cell(ACCEPTOR[0], len(ACCEPTOR[0].steps), Cause.CLOSE, Outcome(None))


def serve_one(listener: Listener, cell: Cell) -> None:
    """The next association, as a program would serve it."""
    link = listener.accept(PATIENCE)
    try:
        if cell.script.end == "release":
            link.release()
        else:
            link.listen()
    finally:
        link.abort()


def test_every_fault_of_a_requestor(peers: Peers) -> None:
    handler = handle_by_type(serving(TICK * SCALE))

    def meet(cell: Cell) -> None:
        patience = waits(SCALE) if cell.due.wait == "artim" else replace(waits(SCALE), request=PATIENCE)
        patience = patience if outwaits(cell) else unhurried(patience)
        limit = PduLimits(p_data=PDU)
        with listen(
            "127.0.0.1", 0, POLICY, handler=handler, waits=patience, pdu_limits=limit, message_limits=limits(SCALE)
        ) as listener:
            port = listener.port

            async def play(chosen: Cell) -> None:
                await Player(await dial(port), chosen).play()

            bad = peers.start(lambda: play(cell))
            began, error = time.monotonic(), None
            try:
                serve_one(listener, cell)
            except DicomNetError as caught:
                error = caught
            took = time.monotonic() - began
            bad.result(PATIENCE)
            check(error, took, cell)
            good = peers.start(lambda: play(GOOD))
            serve_one(listener, GOOD)
            good.result(PATIENCE)

    side_by_side(ACCEPTOR_CELLS + RELEASING_CELLS, meet)


def test_there_are_cells_of_each_kind() -> None:
    assert LOST in [cell.due for cell in RELEASING_CELLS]
    assert GOOD.script.name == "echo"
