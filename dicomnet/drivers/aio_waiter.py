"""What a task waits for in the asyncio driver: a future whose task goes on at once, in the turn of the loop that ends
the wait.

With a future of asyncio it would go on at the next turn, which costs more than a whole C-ECHO costs the session. A task
takes for a future whatever has the methods here (``asyncio.isfuture``). Knows neither links nor sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any

__all__ = ["Turn", "Waiter"]


class Turn:
    """A call of the loop, in which tasks may go on once everything else in it is done."""

    __slots__ = ("_open", "_settled", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._open = False
        self._settled: list[Waiter] = []

    def begin(self) -> None:
        """The loop has called: who is settled from here on goes on at the end."""
        self._open = True

    def end(self) -> None:
        """Nothing else is left to do in this call. Of several tasks each has a turn of its own, as others have."""
        self._open = False
        if self._settled:
            settled, self._settled = self._settled, []
            if len(settled) == 1:
                settled[0].go_on()
            else:
                for waiter in settled:
                    waiter.go_on_soon()

    def settled(self, waiter: Waiter) -> None:
        """What this waiter waits for has come."""
        if self._open:
            self._settled.append(waiter)
        else:
            waiter.go_on_soon()


class Waiter:
    """Awaited by one task, once."""

    __slots__ = ("_asyncio_future_blocking", "_callback", "_cancelled", "_context", "_message", "_settled", "_turn")

    def __init__(self, turn: Turn) -> None:
        self._asyncio_future_blocking = False
        self._turn = turn
        self._settled = False
        self._cancelled = False
        self._message: object = None
        self._callback: Callable[[Any], object] | None = None
        self._context: Context | None = None

    def settle(self) -> None:
        """End the wait; the first time counts."""
        if not self._settled:
            self._settled = True
            if self._callback is not None:
                self._turn.settled(self)

    def go_on(self) -> None:
        """Let the task go on, here and now."""
        if self._callback is not None and self._context is not None:
            self._context.run(self._callback, self)

    def go_on_soon(self) -> None:
        """Let the task go on at the next turn of the loop."""
        if self._callback is not None:
            self._turn.loop.call_soon(self._callback, self, context=self._context)

    def __await__(self) -> Generator[Waiter, None, None]:
        if not self._settled:
            self._asyncio_future_blocking = True
            yield self

    # What the task calls.

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the task."""
        return self._turn.loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context) -> None:
        """The task has begun to wait."""
        self._callback = callback
        self._context = context

    def cancel(self, msg: object = None) -> bool:
        """The task is cancelled; False if its wait is over, and it will see so for itself."""
        if self._settled:
            return False
        self._settled = self._cancelled = True
        self._message = msg
        self.go_on_soon()
        return True

    def result(self) -> None:
        """How the wait ended."""
        if self._cancelled:
            raise asyncio.CancelledError() if self._message is None else asyncio.CancelledError(self._message)
