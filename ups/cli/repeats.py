"""Log lines of one kind that come in masses, as when a peer connects again and again: the first are shown, the rest are
counted and told in one line.

A kind is a message before its values are filled in, so what a peer sends cannot make new ones. Knows no console.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from dicomnet.records import dataclass

__all__ = ["Repeats"]


@dataclass(slots=True)
class _Kind:
    since: float
    shown: int = 0
    held_back: int = 0
    last: logging.LogRecord | None = None


class Repeats:
    """Shows ``lines`` records of a kind in ``seconds``; a handler asks it under its lock. DEBUG is not limited."""

    def __init__(self, lines: int = 50, seconds: float = 10.0, *, now: Callable[[], float] = time.monotonic) -> None:
        self._lines = lines
        self._seconds = seconds
        self._now = now
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def admits(self, record: logging.LogRecord) -> bool:
        """Whether to show this record; take ``summaries`` before."""
        if record.levelno <= logging.DEBUG:
            return True
        kind = self._kinds.setdefault((record.name, str(record.msg)), _Kind(self._now()))
        if kind.shown < self._lines:
            kind.shown += 1
            return True
        kind.held_back += 1
        kind.last = record
        return False

    def summaries(self, *, end: bool = False) -> Iterator[str]:
        """A line for each kind that was held back and whose time is over; at the ``end`` for every one."""
        now = self._now()
        over = [key for key, kind in self._kinds.items() if end or now - kind.since >= self._seconds]
        for key in over:
            kind = self._kinds.pop(key)
            if kind.last is not None:
                yield f"{kind.held_back} more like this in {now - kind.since:.0f} s: {kind.last.getMessage()}"
