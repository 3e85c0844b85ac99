"""Whose waits run out when, those of flows and of links. An alarm that is no longer wanted costs nothing until its time
would come.
"""

from __future__ import annotations

import heapq
import math
from typing import Any, Protocol
from weakref import ref

__all__ = ["Alarms", "Waiting"]

_SLACK = 64
"""Alarms in vain that are kept at least, so that sweeping them out is rare."""


class Waiting(Protocol):
    """A flow, or whatever else waits until a time."""

    @property
    def deadline(self) -> float | None:
        """Until when; None for no time at all."""


class Alarms:
    """The deadlines of who waits. ``deadline`` counts: when that has changed, the alarm is not wanted any more.

    Nobody is kept alive for them: a flow that has ended would be, and its result, until its last wait had run out.
    """

    def __init__(self) -> None:
        self.first = math.inf
        """None is due before."""
        self._heap: list[tuple[float, int, ref[Waiting]]] = []
        self._count = 0
        self._sweep_at = _SLACK

    def set(self, who: Waiting) -> None:
        """Wake it at its deadline."""
        deadline = who.deadline
        if deadline is None:
            return
        if deadline < self.first:
            self.first = deadline
        self._count += 1
        heapq.heappush(self._heap, (deadline, self._count, ref(who)))
        if len(self._heap) > self._sweep_at:
            self._heap = [alarm for alarm in self._heap if _is_wanted(alarm)]
            heapq.heapify(self._heap)
            self._sweep_at = 2 * len(self._heap) + _SLACK

    def next(self) -> float | None:
        """The first deadline."""
        heap = self._heap
        while heap:
            if _is_wanted(heap[0]):
                return heap[0][0]
            heapq.heappop(heap)
        return None

    def due(self, now: float) -> list[Any]:
        """Whose deadline has come; each is told of once."""
        found: list[Any] = []
        if now < self.first:
            return found
        while (deadline := self.next()) is not None and deadline <= now:
            who = heapq.heappop(self._heap)[2]()
            if who is not None:
                found.append(who)
        self.first = self._heap[0][0] if self._heap else math.inf
        return found


def _is_wanted(alarm: tuple[float, int, ref[Waiting]]) -> bool:
    who = alarm[2]()
    return who is not None and who.deadline == alarm[0]
