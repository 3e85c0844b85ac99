"""Which waits of flows run out when. An alarm that is no longer wanted costs nothing until its time would come."""

from __future__ import annotations

import heapq
import math
from typing import Any
from weakref import ref

from dicomnet.drivers.runs import Run

__all__ = ["Alarms"]

_SLACK = 64
"""Alarms in vain that are kept at least, so that sweeping them out is rare."""


class Alarms:
    """The deadlines of runs. ``run.deadline`` counts: when that has changed, the alarm is not wanted any more.

    A run is not kept alive for them: a flow that has ended would be, and its result, until its last wait had run out.
    """

    def __init__(self) -> None:
        self.first = math.inf
        """None is due before."""
        self._heap: list[tuple[float, int, ref[Run[Any]]]] = []
        self._count = 0
        self._sweep_at = _SLACK

    def set(self, run: Run[Any]) -> None:
        """Wake this run at its deadline."""
        if run.deadline is None:
            return
        if run.deadline < self.first:
            self.first = run.deadline
        self._count += 1
        heapq.heappush(self._heap, (run.deadline, self._count, ref(run)))
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

    def due(self, now: float) -> list[Run[Any]]:
        """The runs whose deadline has come; each is told of once."""
        found: list[Run[Any]] = []
        if now < self.first:
            return found
        while (deadline := self.next()) is not None and deadline <= now:
            run = heapq.heappop(self._heap)[2]()
            if run is not None:
                found.append(run)
        self.first = self._heap[0][0] if self._heap else math.inf
        return found


def _is_wanted(alarm: tuple[float, int, ref[Run[Any]]]) -> bool:
    run = alarm[2]()
    return run is not None and run.deadline == alarm[0]
