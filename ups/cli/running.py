"""--exec: a command for each event report, with the event as one JSON object on its standard input.

No shell is involved: the words of the command were split by whoever calls. It runs in our environment and folder, in a
session of its own, so that an interrupt at the terminal is ours alone; what it prints goes to our standard error, since
standard output is for results. Commands run side by side, but those of one workitem one after another, in the order of
its events. One that fails or takes too long costs a warning and no event. Runs on asyncio; every method belongs in its
loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Sequence

from dicomnet import flows
from dicomnet.flows import Flow
from dicomnet.records import dataclass
from ups.cli.console import Console, printable

__all__ = ["CommandLimits", "EventRunner"]

_STANDARD_ERROR = 2
_GRACE = 2.0
"""Seconds between asking a command to end and ending it."""
_PAUSE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLimits:
    """How many commands run at once, and how many events and bytes of them may wait before the peer has to."""

    at_once: int = 4
    events: int = 1000
    bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An event that no command has had yet; ``name`` is what warnings call it."""

    name: str
    data: bytes


class EventRunner:
    """Runs ``command`` for each event, for at most ``seconds``."""

    def __init__(
        self, command: Sequence[str], seconds: float | None, console: Console, limits: CommandLimits | None = None
    ) -> None:
        self._command = tuple(command)
        self._seconds = seconds
        self._console = console
        self._limits = limits or CommandLimits()
        self._queues: dict[str, deque[_Waiting]] = {}  # by workitem, as long as it has events here
        self._ready: deque[str] = deque()  # workitems whose next event has no command yet
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._bytes = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def room(self) -> Flow[None]:
        """For who receives events: wait until one more has room, and let the peer wait with it."""
        while self._waiting >= self._limits.events or self._bytes >= self._limits.bytes:
            yield from flows.pause(_PAUSE)

    def submit(self, workitem: str, name: str, event: str) -> None:
        """Have the command run for this event, after all earlier ones of the same workitem."""
        waiting = _Waiting(name, f"{event}\n".encode())
        self._waiting += 1
        self._bytes += len(waiting.data)
        self._idle.clear()
        if workitem in self._queues:
            self._queues[workitem].append(waiting)
            return
        self._queues[workitem] = deque([waiting])
        self._ready.append(workitem)
        self._start()

    async def finish(self, give_up: asyncio.Event) -> None:
        """Wait until every event has had its command, or until ``give_up``: then end those that run."""
        waits = [asyncio.ensure_future(self._idle.wait()), asyncio.ensure_future(give_up.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self._waiting:
            self._console.warn(f"{self._waiting} event(s) were not, or not wholly, passed to --exec")
        self._ready.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*waits, *self._tasks, return_exceptions=True)

    def _start(self) -> None:
        while self._ready and len(self._tasks) < self._limits.at_once:
            task = asyncio.ensure_future(self._next_of(self._ready.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._start()

    async def _next_of(self, workitem: str) -> None:
        """One event of a workitem; the next one takes its turn behind those of others."""
        queue = self._queues[workitem]
        waiting = queue[0]
        await self._run(waiting)
        queue.popleft()
        self._waiting -= 1
        self._bytes -= len(waiting.data)
        if queue:
            self._ready.append(workitem)
        else:
            del self._queues[workitem]
        if not self._waiting:
            self._idle.set()

    async def _run(self, waiting: _Waiting) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=_standard_error(),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a word with a NUL
            reason = getattr(error, "strerror", None) or error
            self._warn(waiting, f"cannot be started: {reason}")
            return
        try:
            async with asyncio.timeout(self._seconds):
                await process.communicate(waiting.data)  # who does not read its input has none
        except TimeoutError:
            await _end(process)
            self._warn(waiting, f"took longer than {self._seconds:g} s (--exec-timeout) and was ended")
            return
        except BaseException:
            await _end(process)
            raise
        status = process.returncode
        if status is not None and status < 0:
            self._warn(waiting, f"was ended by signal {-status}")
        elif status:
            self._warn(waiting, f"ended with status {status}")

    def _warn(self, waiting: _Waiting, what: str) -> None:
        self._console.warn(f"the command of --exec for {printable(waiting.name)} {what}")


def _standard_error() -> int:
    """Where a command may print: our standard error, if we have one."""
    try:
        os.fstat(_STANDARD_ERROR)
    except OSError:
        return asyncio.subprocess.DEVNULL
    return _STANDARD_ERROR


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the command and all it started to end, then end them."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
                return
