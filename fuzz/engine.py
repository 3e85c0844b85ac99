"""Running a target: rounds of Hypothesis with growing seeds, what becomes of a failure, and the count of inputs tried.

A target is a module with ``inputs()``, a strategy of bytes; ``examine(data)``, which raises when something is wrong;
and ``target``, the two as a ``@given`` property. ``fuzz.guided`` runs the same targets guided by coverage.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

from fuzz import targets

__all__ = [
    "CORPUS",
    "Failure",
    "Report",
    "Target",
    "examples_of",
    "find_target",
    "find_targets",
    "record",
    "recorded",
    "run",
    "save",
    "smaller",
]

CORPUS = Path(__file__).parent / "corpus"

_ROUND = 100
"""Examples of one seed."""


class Target(Protocol):
    """What a module of ``fuzz.targets`` offers."""

    __doc__: str | None
    target: Callable[[], None]

    def inputs(self) -> SearchStrategy[bytes]:
        """The inputs worth trying."""

    def examine(self, data: bytes) -> None:
        """Raise if this input breaks the property."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that breaks a target, as small as it could be made; ``seed`` finds it again."""

    data: bytes
    seed: int
    report: str


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run: how many inputs were tried in how many seconds, and the failure that ended it."""

    tried: int
    seconds: float
    failure: Failure | None = None

    def __str__(self) -> str:
        return f"{self.tried} inputs in {self.seconds:.1f} s ({self.tried / max(self.seconds, 0.001):.0f} per second)"


def find_targets() -> dict[str, Target]:
    """The targets by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(targets.__path__))
    return {name.replace("_", "-"): find_target(name) for name in names if not name.startswith("_")}


def find_target(name: str) -> Target:
    """One target by name.

    Raises:
        ImportError: there is none of this name.
    """
    return cast("Target", importlib.import_module(f"fuzz.targets.{name.replace('-', '_')}"))


def run(target: Target, *, seconds: float, first_seed: int = 0, runs: int | None = None) -> Report:
    """Try inputs for so many seconds, at most ``runs``; the first failure ends it."""
    began = time.monotonic()
    number, tried = first_seed, 0
    while True:
        size = _ROUND if runs is None else min(_ROUND, runs - tried)
        done, failure = _round(target, number, size, began + seconds)
        tried += done
        number += 1
        over = time.monotonic() >= began + seconds or (runs is not None and tried >= runs)
        if failure is not None or over:
            return Report(tried, time.monotonic() - began, failure)


def _round(target: Target, number: int, examples: int, end: float) -> tuple[int, Failure | None]:
    last = b""
    tried = 0
    failed = False

    def check(data: bytes) -> None:
        nonlocal last, tried, failed
        if time.monotonic() >= end and not failed:  # the time is up; a failure is made small in any case
            return
        last = data
        tried += 1
        try:
            target.examine(data)
        except BaseException:
            failed = True
            raise

    try:
        _prepared(target, check, number, examples)()
    except Exception:  # noqa: BLE001 - whatever a target raises is what we are looking for
        # Hypothesis ends by running the smallest failing example once more.
        return tried, Failure(last, number, traceback.format_exc())
    return tried, None


def _prepared(target: Target, check: Callable[[bytes], None], number: int, examples: int) -> Callable[[], None]:
    prepared: Any = settings(
        database=None,
        deadline=None,
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
    )(seed(number)(given(target.inputs())(check)))
    return cast("Callable[[], None]", prepared)


def examples_of(target: Target, count: int, first_seed: int = 0) -> list[bytes]:
    """About so many inputs, different ones, without examining them."""
    found: dict[bytes, None] = {}

    def take(data: bytes) -> None:
        found[data] = None

    for number in range(-(-count // _ROUND)):
        _prepared(target, take, first_seed + number, min(_ROUND, count))()
    return list(found)


def smaller(target: Target, data: bytes, *, tries: int = 5000) -> bytes:
    """A part of a failing input that fails in the same way: pieces left out, what is left made zero."""

    def kind(candidate: bytes) -> type | None:
        try:
            target.examine(candidate)
        except Exception as error:  # noqa: BLE001 - whatever a target raises is what we are looking for
            return type(error)
        return None

    wanted = kind(data)
    if wanted is None:
        return data
    size = len(data)
    while size and tries > 0:
        place = 0
        while place < len(data) and tries > 0:
            for candidate in (data[:place] + data[place + size :], data[:place] + bytes(size) + data[place + size :]):
                tries -= 1
                if candidate[: len(data)] != data and len(candidate) <= len(data) and kind(candidate) is wanted:
                    data = candidate
                    break
            else:
                place += size
        size //= 2
    return data


def save(name: str, failure: Failure, corpus: Path = CORPUS) -> Path:
    """Keep the input of a failure where the tests replay it."""
    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(failure.data).hexdigest()[:12]}.bin"
    path.write_bytes(failure.data)
    return path


def record(path: Path, name: str, engine: str, report: Report) -> None:
    """Add a run to a record, one JSON object a line."""
    line = {
        "target": name,
        "engine": engine,
        "inputs": report.tried,
        "seconds": round(report.seconds, 1),
        "found": hashlib.sha256(report.failure.data).hexdigest()[:12] if report.failure else None,
    }
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def recorded(path: Path, name: str) -> int:
    """How many inputs of a target a record counts."""
    if not path.exists():
        return 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return sum(line["inputs"] for line in lines if line["target"] == name)
