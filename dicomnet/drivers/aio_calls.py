"""The slow work of many peers in few threads: so many calls of an address at once, the others wait their turn.

What a flow hands to a thread (``flows.call``) takes one of a few that all share. Without a bound the searches of one
peer with many associations would be before everybody else's work.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from dicomnet.drivers.runs import Run
from dicomnet.drivers.session import Session
from dicomnet.errors import ConnectionLost

__all__ = ["CallQueue", "Caller"]

Function: TypeAlias = Callable[[], object]


class Caller(Protocol):
    """A link whose flows make calls."""

    @property
    def session(self) -> Session:
        """Whose calls they are."""

    def call(self, run: Run[Any], function: Function) -> bool:
        """Give a call to a thread; whether there was one to take it. If so ``CallQueue.done`` is due at its end."""


class CallQueue:
    """The calls of a server's links: how many of each address are under way, and which wait."""

    def __init__(self, at_once: int) -> None:
        self._at_once = max(1, at_once)
        self._under_way: Counter[str] = Counter()
        self._waiting: dict[str, deque[tuple[Caller, Run[Any], Function]]] = {}

    @property
    def idle(self) -> bool:
        """Whether there are no calls, neither under way nor waiting."""
        return not self._under_way and not self._waiting

    def put(self, caller: Caller, run: Run[Any], function: Function) -> None:
        """Begin a call, now or when those before it have made room."""
        address = caller.session.address
        if self._under_way[address] < self._at_once:
            self._begin(caller, run, function)
        else:
            self._waiting.setdefault(address, deque()).append((caller, run, function))

    def done(self, address: str) -> None:
        """A call is over: the next one of this address begins."""
        self._under_way[address] -= 1
        waiting = self._waiting.get(address)
        while waiting and self._under_way[address] < self._at_once:
            caller, run, function = waiting.popleft()
            if not run.done:
                self._begin(caller, run, function)
        if waiting is not None and not waiting:
            del self._waiting[address]
        if not self._under_way[address]:
            del self._under_way[address]

    def drop(self, caller: Caller) -> bool:
        """This link has ended: those of its calls that wait fail. Whether there were any."""
        address = caller.session.address
        waiting = self._waiting.get(address)
        if waiting is None:
            return False
        theirs = [run for link, run, _ in waiting if link is caller]
        others = deque(entry for entry in waiting if entry[0] is not caller)
        if others:
            self._waiting[address] = others
        else:
            del self._waiting[address]
        for run in theirs:
            run.resume(error=ConnectionLost("the association has ended before the call began"))
        return bool(theirs)

    def _begin(self, caller: Caller, run: Run[Any], function: Function) -> None:
        if caller.call(run, function):
            self._under_way[caller.session.address] += 1
