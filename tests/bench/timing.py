"""Measuring candidates side by side, and the table the figures are printed in.

The candidates take turns within every round, so that a machine that slows down slows all of them; the median of the
rounds is the figure. Nothing here knows what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol, TypeVar

__all__ = [
    "Goal",
    "Measure",
    "Row",
    "at_least",
    "at_most",
    "calls",
    "interleaved",
    "lines",
    "medians",
    "short_time",
    "told",
]


Name = TypeVar("Name")


class Measure(Protocol):
    """One candidate: does its work ``times`` times and says how many seconds that took, without its own set-up."""

    def __call__(self, times: int, /) -> float: ...


def calls(function: Callable[[], object]) -> Measure:
    """A function as a candidate."""

    def measure(times: int, /) -> float:
        begin = time.perf_counter()
        for _ in range(times):
            function()
        return time.perf_counter() - begin

    return measure


def interleaved(
    candidates: Mapping[Name, Measure],
    *,
    rounds: int = 7,
    seconds: float = 0.02,
    figure: Callable[[Sequence[float]], float] = median,
) -> dict[Name, float]:
    """Seconds per call of each, in interleaved rounds of about ``seconds`` each (at least one call): their median.

    ``figure`` may be ``min`` on a machine that has other work to do.
    """
    repeats = {name: _repeats(candidate, seconds) for name, candidate in candidates.items()}
    times: dict[Name, list[float]] = {name: [] for name in candidates}
    for _ in range(max(rounds, 1)):
        for name, candidate in candidates.items():
            times[name].append(candidate(repeats[name]) / repeats[name])
    return {name: figure(seen) for name, seen in times.items()}


def medians(
    candidates: Mapping[str, Callable[[], object]], *, rounds: int = 7, seconds: float = 0.02
) -> dict[str, float]:
    """Median seconds per call of each, in interleaved rounds of about ``seconds`` each (at least one call).

    The garbage collector stays as users have it: what a candidate leaves to be collected is part of what it costs.
    """
    measures = {name: calls(function) for name, function in candidates.items()}
    return interleaved(measures, rounds=rounds, seconds=seconds)


def _repeats(candidate: Measure, seconds: float) -> int:
    """How many calls fill a round; the calls made to find out are the warm-up."""
    times = 1
    while (taken := candidate(times)) < seconds / 4:
        times *= 2 if taken * 8 > seconds else 8
    return max(1, round(times * seconds / max(taken, 1e-9)))


@dataclass(frozen=True, slots=True)
class Goal:
    """What a row is to reach: the text that is printed, and whether it did."""

    text: str
    reached: bool


def at_least(factor: float, slow: float, fast: float, than: str, bound: float | None = None) -> Goal:
    """``fast`` is to be ``factor`` times as fast as ``slow`` (seconds), which is called ``than``.

    ``bound`` is the time of a bare copy: where even that misses the goal, the line says what it reaches.
    """
    text = f"{_ratio(slow / fast)} {than} (goal {factor:.3g}x"
    if bound is not None and slow < factor * bound:
        text += f"; a bare copy of the bytes: {_ratio(slow / bound)}"
    return Goal(f"{text})", slow >= factor * fast)


def at_most(limit: float, seconds: float, than: str) -> Goal:
    """``seconds`` is to be ``limit`` at the most, which is called ``than``."""
    return Goal(f"{short_time(seconds)} (goal: within {short_time(limit)}, {than})", seconds <= limit)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing: its seconds by column, ``None`` where a candidate cannot do it, and its goals."""

    name: str
    seconds: Mapping[str, float | None]
    goals: Sequence[Goal] = ()


def told(goal: Goal, judged: bool) -> str:
    """A line under the figures: the goal, and the word for it."""
    word = "unjudged" if not judged else "reached" if goal.reached else "MISSED "
    return f"    {word}  {goal.text}"


def short_time(seconds: float) -> str:
    """Three digits and a unit: ``12.3 us``."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * scale:  # what rounds to 1000 of a unit is 1 of the next
            return f"{seconds / scale:.3g} {unit}" if seconds < 1000 * scale else f"{seconds / scale:.0f} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _ratio(value: float) -> str:
    return f"{value:.3g}x" if value < 1000 else f"{value:,.0f}x"


def lines(rows: Sequence[Row], columns: Sequence[str], *, base: str | None = None, judged: bool = True) -> list[str]:
    """The table: a line for each row, under it its goals, ``MISSED`` before one that is not reached.

    With ``base`` every figure is followed by how many times as fast as that column it is. Without ``judged``, for
    figures that measure nothing, no goal is called reached or missed.
    """

    def cell(row: Row, column: str) -> str:
        seconds, compared = row.seconds.get(column), row.seconds.get(base) if base else None
        if seconds is None:
            return "-"
        ratio = f" {_ratio(compared / seconds):>8}" if compared is not None and base else ""
        return short_time(seconds) + (ratio if column != base else "")

    table = [["", *columns], *([row.name, *(cell(row, column) for column in columns)] for row in rows)]
    widths = [max(len(line[index]) for line in table) for index in range(len(columns) + 1)]
    text = []
    for index, line in enumerate(table):
        cells = [
            line[0].ljust(widths[0]),
            *(entry.rjust(width) for entry, width in zip(line[1:], widths[1:], strict=True)),
        ]
        text.append("  ".join(cells).rstrip())
        if index:
            goals = rows[index - 1].goals
            text += [told(goal, judged) for goal in goals]
    return text
