"""How a program that stays is told to end: by a first signal in order, by a second one at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from ups.cli.exits import Exit

__all__ = ["Signals"]


class Signals:
    """SIGTERM and SIGINT while this loop runs; one that was ignored when we were started stays so.

    ``stopped`` gets the exit status, or an error from whoever else wants the end; ``again`` is set by the next signal.
    """

    def __init__(self, *, hangup: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self.stopped: asyncio.Future[Exit] = self._loop.create_future()
        self.stopped.add_done_callback(_look)
        self.again = asyncio.Event()
        statuses = {signal.SIGTERM: Exit.DONE, signal.SIGINT: Exit.INTERRUPTED}
        if hangup:
            statuses[signal.SIGHUP] = Exit.DONE
        with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread: whoever runs us there stops us
            for number, status in statuses.items():
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._loop.add_signal_handler(number, self._stop, status)

    def fail(self, error: BaseException) -> None:
        """End because of this error, unless the end has begun."""
        if not self.stopped.done():
            self.stopped.set_exception(error)

    def _stop(self, status: Exit) -> None:
        if self.stopped.done():
            self.again.set()
        else:
            self.stopped.set_result(status)


def _look(stopped: asyncio.Future[Exit]) -> None:
    """Nobody may be left to hear why it had to end; asyncio would log that."""
    if not stopped.cancelled():
        stopped.exception()
