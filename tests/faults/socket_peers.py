"""Scripts with faults at a socket: coroutines, so that hundreds of bad peers take one thread and little time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import struct
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace

from dicomnet.drivers.common import Waits
from dicomnet.drivers.session import Session
from dicomnet.errors import TimedOut
from tests.faults.faults import BEAT, FLOOD, WAITS, Cause, Outcome, bytes_of, expected, outcome, waves
from tests.faults.scripts import ACCEPTOR, REQUESTOR, Read, Script, split_pdus

SCALE = 0.05
"""Of the waits, compared with those in memory: the longest of them, two in a row, takes one and a half seconds."""
PATIENCE = 30.0
AT_ONCE = 24
"""Cells that run side by side: few enough that none of them is late because of the others."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A fault after so many steps of a script, and what has to come of it."""

    script: Script
    steps: int
    cause: Cause
    due: Outcome

    def __str__(self) -> str:
        where = f"after {self.steps} steps ({self.script.after(self.steps)})"
        return f"{self.script}, {where}, the peer {self.cause}: {self.due}"


def cells(scripts: tuple[Script, ...]) -> list[Cell]:
    """One cell for each situation, kind of last step and fault: in memory there are all of them.

    Without those whose outcome depends on who of two peers is faster.
    """
    found: dict[tuple[object, ...], Cell] = {}
    for script in scripts:
        for steps in range(len(script.steps) + 1):
            situation = script.after(steps)
            last = type(script.steps[steps - 1]) if steps else None
            for cause in Cause:
                due = expected(script, steps, cause)
                if due is not None and due == expected(script, steps, cause, together=True):
                    found.setdefault((situation, last, cause, script.end, due.error), Cell(script, steps, cause, due))
    return list(found.values())


REQUESTOR_CELLS = cells(REQUESTOR)
ACCEPTOR_CELLS = cells(tuple(script for script in ACCEPTOR if not script.end))
RELEASING_CELLS = cells(tuple(script for script in ACCEPTOR if script.end))


def outwaits(cell: Cell) -> bool:
    """Whether one of our waits has to run out."""
    return cell.due.error is TimedOut or cell.due.after > 0


def unhurried(waits: Waits) -> Waits:
    """For cells where none has to: none does, however late a busy machine lets the peer act."""
    return replace(waits, **{name: PATIENCE for name in WAITS if name not in ("close", "message")})


def check(error: BaseException | None, took: float, cell: Cell) -> None:
    """That our side ended as it has to, and in time as far as a busy machine can tell."""
    due = cell.due
    assert type(error) is (due.error or type(None)), repr(error)
    if isinstance(error, TimedOut):
        # The wait that has run since before the fault is longer, but if the fault comes late it may be over first.
        silent = outcome(cell.script.after(cell.steps), Cause.SILENCE)
        assert error.wait == due.wait or (silent is not None and error.wait == silent.wait)
    assert took >= due.after * SCALE - 0.01
    assert took <= (due.after + due.slack + WAITS["close"]) * SCALE + 5.0


class Pairs:
    """Connected pairs of TCP sockets, so that each peer knows whom it plays with."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        # The system would give a peer that reads nothing 32 MiB in the end.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)

    def new(self) -> tuple[socket.socket, socket.socket]:
        """Ours and the peer's."""
        ours = socket.create_connection(self._listener.getsockname())
        theirs, _ = self._listener.accept()
        theirs.setblocking(False)
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return ours, theirs

    def close(self) -> None:
        """No more of them."""
        self._listener.close()


async def dial(port: int) -> socket.socket:
    """A peer's connection to a server of ours."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


class Player:
    """A peer that plays some steps of a script, then a fault. ``heard`` is what it was sent by our side."""

    def __init__(self, sock: socket.socket, cell: Cell) -> None:
        self._sock, self._cell = sock, cell
        self._loop = asyncio.get_running_loop()
        self._data = bytearray()
        self._last = b""
        self.heard = bytearray()

    async def play(self) -> None:
        """Play; the socket is closed afterwards."""
        with self._sock, contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                await self._greet()
                for step in self._cell.script.steps[: self._cell.steps]:
                    if isinstance(step, Read):
                        await self._read()
                    else:
                        await self._send(step.data if isinstance(step.data, bytes) else step.data(self._last))
                await self._act(self._cell.cause)

    async def _greet(self) -> None:
        """What comes before the script."""

    async def _act(self, cause: Cause) -> None:
        await self._send(bytes_of(self._cell.script, self._cell.steps, cause, self._last))
        if cause.resets:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if cause.closes:
            return
        listening = asyncio.ensure_future(self._listen())
        try:
            if cause.floods:
                await self._flood(cause, listening)
            else:
                await listening
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _flood(self, cause: Cause, listening: asyncio.Future[None]) -> None:
        until = self._loop.time() + FLOOD * SCALE
        flood = waves(cause)
        while self._loop.time() < until and not listening.done():
            await self._send(next(flood))
            await asyncio.wait([listening], timeout=BEAT * SCALE)

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):
            while await self._receive():
                pass

    async def _receive(self) -> bool:
        data = await self._loop.sock_recv(self._sock, 65536)
        self._data += data
        self.heard += data
        return bool(data)

    async def _read(self) -> None:
        while len(self._data) < 6 or len(self._data) < 6 + int.from_bytes(self._data[2:6], "big"):
            if not await self._receive():
                raise ConnectionResetError("our side is gone before the fault")
        self._last = next(split_pdus(bytes(self._data)))
        del self._data[: len(self._last)]

    async def _send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)


async def side_by_side(work: Sequence[Awaitable[None]]) -> None:
    """All of it, some at a time; what fails is raised when everything is over."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(what: Awaitable[None]) -> None:
        async with places:
            await what

    outcomes = await asyncio.gather(*map(one, work), return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(work)} cells", failures)


def open_fds() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


def sessions() -> int:
    """How many sessions are alive."""
    gc.collect()
    return sum(isinstance(found, Session) for found in gc.get_objects())
