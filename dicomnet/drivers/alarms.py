"""Which waits of flows run out when. An alarm that is no longer wanted costs nothing until its time would come."""

from __future__ import annotations

import heapq
from typing import Any

from dicomnet.drivers.runs import Run

__all__ = ["Alarms"]

_SLACK = 64
"""Alarms in vain that are kept at least, so that sweeping them out is rare."""


class Alarms:
    """The deadlines of runs. ``run.deadline`` counts: when that has changed, the alarm is not wanted any more."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Run[Any]]] = []
        self._count = 0
        self._sweep_at = _SLACK

    def set(self, run: Run[Any]) -> None:
        """Wake this run at its deadline."""
        if run.deadline is None:
            return
        self._count += 1
        heapq.heappush(self._heap, (run.deadline, self._count, run))
        if len(self._heap) > self._sweep_at:
            self._heap = [alarm for alarm in self._heap if alarm[2].deadline == alarm[0]]
            heapq.heapify(self._heap)
            self._sweep_at = 2 * len(self._heap) + _SLACK

    def next(self) -> float | None:
        """The first deadline."""
        heap = self._heap
        while heap:
            deadline, _, run = heap[0]
            if run.deadline == deadline:
                return deadline
            heapq.heappop(heap)
        return None

    def due(self, now: float) -> list[Run[Any]]:
        """The runs whose deadline has come; each is told of once."""
        found: list[Run[Any]] = []
        while (deadline := self.next()) is not None and deadline <= now:
            found.append(heapq.heappop(self._heap)[2])
        return found
