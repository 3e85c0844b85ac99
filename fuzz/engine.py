"""Running a target: rounds of Hypothesis with growing seeds, or atheris, and what becomes of a failure.

A target is a module with ``inputs()``, a strategy of bytes; ``examine(data)``, which raises when something is wrong;
and ``target``, the two as a ``@given`` property.
"""

from __future__ import annotations

import hashlib
import importlib
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

__all__ = ["CORPUS", "EngineMissing", "Failure", "Target", "find_targets", "run", "run_atheris", "save"]

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


class EngineMissing(Exception):
    """The engine that was asked for is not installed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that breaks a target, as small as Hypothesis could make it."""

    data: bytes
    seed: int
    report: str


def find_targets() -> dict[str, Target]:
    """The targets by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(targets.__path__))
    return {
        name.replace("_", "-"): cast("Target", importlib.import_module(f"fuzz.targets.{name}"))
        for name in names
        if not name.startswith("_")
    }


def run(target: Target, *, seconds: float, first_seed: int = 0, examples: int | None = None) -> Failure | None:
    """Try inputs for so many seconds, or for so many ``examples`` of one seed; the first failure ends it."""
    end = time.monotonic() + seconds
    number = first_seed
    while True:
        failure = _round(target, number, examples or _ROUND, end)
        number += 1
        if failure is not None or examples is not None or time.monotonic() >= end:
            return failure


def _round(target: Target, number: int, examples: int, end: float) -> Failure | None:
    last = b""
    failed = False

    def check(data: bytes) -> None:
        nonlocal last, failed
        if time.monotonic() >= end and not failed:  # the time is up; a failure is made small in any case
            return
        last = data
        try:
            target.examine(data)
        except BaseException:
            failed = True
            raise

    prepared: Any = settings(
        database=None,
        deadline=None,
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
    )(seed(number)(given(target.inputs())(check)))
    try:
        prepared()
    except Exception:  # noqa: BLE001 - whatever a target raises is what we are looking for
        # Hypothesis ends by running the smallest failing example once more.
        return Failure(last, number, traceback.format_exc())
    return None


def save(name: str, failure: Failure, corpus: Path = CORPUS) -> Path:
    """Keep the input of a failure where the tests replay it."""
    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(failure.data).hexdigest()[:12]}.bin"
    path.write_bytes(failure.data)
    return path


def run_atheris(target: Target, *, seconds: float) -> None:
    """Let atheris find inputs by coverage; it ends the process by itself.

    Raises:
        EngineMissing: atheris is not installed.
    """
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError as error:
        raise EngineMissing("atheris is not installed; try: pip install atheris") from error
    property_: Any = target.target
    atheris.Setup(["fuzz", f"-max_total_time={int(seconds)}"], property_.hypothesis.fuzz_one_input)
    atheris.Fuzz()
