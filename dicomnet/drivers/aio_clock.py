"""The deadlines of all links of an event loop, kept with one timer of the loop.

A timer of asyncio costs much to make and to cancel, and each link has several deadlines one after the other. Knows
links by ``deadline`` and ``on_time`` alone.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from dicomnet.drivers.aio_waiter import Turn
from dicomnet.drivers.alarms import Alarms, Waiting

__all__ = ["Clock", "clock_of"]

_OWN: Final = asyncio.BaseEventLoop.time


class Sleeper(Waiting, Protocol):
    """Who is to be woken."""

    def on_time(self) -> None:
        """The deadline has come; the next one has to be set anew."""


class Clock:
    """The clock of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.time = _time_of(loop)
        self.turn = Turn(loop)
        self._alarms = Alarms()
        self._first = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._users = 0

    def enter(self) -> None:
        """One more may want to be woken."""
        self._users += 1

    def leave(self) -> None:
        """One less. The timer stays, and wakes nobody, unless who comes next has a use for it: the waits of those run
        out later, so that many, one after the other, need one timer."""
        self._users -= 1
        if not self._users:
            self._alarms = Alarms()

    def set(self, sleeper: Sleeper) -> None:
        """Wake it at its deadline, unless that has changed by then."""
        self._alarms.set(sleeper)
        if sleeper.deadline is not None and sleeper.deadline < self._first:
            self._arm(sleeper.deadline)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._first = when
        self._timer = self.loop.call_at(when, self._on_time)

    def _on_time(self) -> None:
        self.time = _time_of(self.loop)  # where it was replaced meanwhile, nobody would be due by the old one
        self._timer = None
        self._first = math.inf
        due = self._alarms.due(self.time())
        try:
            while due:
                due.pop(0).on_time()
        finally:  # whatever ends the program in one of them
            for sleeper in due:
                self._alarms.set(sleeper)
            first = self._alarms.next()
            if first is not None and first < self._first:
                self._arm(first)


def _time_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """What the loop's timers go by: straight from where asyncio has it, unless that was replaced.

    It is asked several times for each message.
    """
    return time.monotonic if getattr(loop.time, "__func__", None) is _OWN else loop.time


_of_thread = threading.local()


def clock_of(loop: asyncio.AbstractEventLoop) -> Clock:
    """The clock of this loop, which runs in this thread: the one that was made last, since few threads have two.

    It lives as long as somebody has it, and so does the loop.
    """
    known: weakref.ref[Clock] | None = getattr(_of_thread, "clock", None)
    clock = None if known is None else known()
    if clock is None or clock.loop is not loop:
        clock = Clock(loop)
        _of_thread.clock = weakref.ref(clock)
    return clock
