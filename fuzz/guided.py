"""Running a target guided by coverage: atheris, which is libFuzzer, in a process of its own.

A target may have ``glance(data)`` beside ``examine``: less of the same, so cheap that a million inputs are nothing.
libFuzzer ends its process in its own ways (at the end of its time, at a failure, at a finding of AddressSanitizer), so
that it runs in a child: this module as a program. The parent passes on what it prints, counts, and collects the input
that ended it. The reference body of the kernel and everything else in Python is instrumented when it is imported; the
extension when it was compiled so (``fuzz/campaign`` does that).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dicomnet._sources import prefer_sources
from fuzz.engine import Failure, Report, examples_of, find_target, smaller

__all__ = ["EngineMissing", "fill", "run_guided"]

_PYTHON = ["dicomnet", "ups", "fuzz.kernel.soup"]
"""What is instrumented: packages whose branches are worth finding."""

_EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)|^#(\d+)\s")
_RAISED = "Uncaught Python exception"
_KEPT_LINES = 60
_SEEDS = 500


class EngineMissing(Exception):
    """The engine that was asked for is not installed."""


def run_guided(
    name: str,
    *,
    seconds: float,
    runs: int | None = None,
    first_seed: int = 0,
    inputs: Path | None = None,
    native: bool = False,
    longest: int = 1024,
) -> Report:
    """Try inputs for so many seconds, at most ``runs``; the first failure ends it.

    ``inputs`` is the folder of inputs to begin with, where new ones that reach something new are kept; examples from
    the target's strategy are put there when it is empty. With ``native`` only compiled code guides, and Python runs
    two to three times as fast. ``longest`` is the length of an input in bytes.

    Raises:
        EngineMissing: atheris is not installed.
    """
    if importlib.util.find_spec("atheris") is None:
        raise EngineMissing("atheris is not installed; try: pip install atheris")
    with TemporaryDirectory() as scratch:
        folder = inputs or Path(scratch) / "inputs"
        folder.mkdir(parents=True, exist_ok=True)
        fill(name, folder)
        found = Path(scratch) / "found"
        found.mkdir()
        command = [sys.executable, "-m", "fuzz.guided", name, "native" if native else "all"]
        options = [
            *(f"-artifact_prefix={found}/", f"-max_len={longest}", f"-seed={first_seed + 1}", "-print_final_stats=1"),
            *("-rss_limit_mb=6000", "-timeout=60", f"-runs={-1 if runs is None else runs}"),
        ]
        if seconds < 1e6:
            options.append(f"-max_total_time={max(1, round(seconds))}")
        began = time.monotonic()
        code, tried, lines = _watch([*command, *options, str(folder)])
        return Report(tried, time.monotonic() - began, _failure(name, code, first_seed, found, lines))


def fill(name: str, folder: Path) -> None:
    """Put inputs to begin with into an empty folder."""
    if any(folder.iterdir()):
        return
    for data in examples_of(find_target(name), _SEEDS):
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def _watch(command: list[str]) -> tuple[int, int, list[str]]:
    """Run the child; its exit code, how many inputs it tried, and its last lines."""
    tried = 0
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines = [*lines[1 - _KEPT_LINES :], line]
            counted = _EXECUTED.match(line)
            if counted:
                tried = max(tried, int(counted[1] or counted[2]))
            if not counted or "pulse" in line or "INITED" in line:
                sys.stderr.write(line)
        return child.wait(), tried, lines


def _failure(name: str, code: int, first_seed: int, found: Path, lines: Iterable[str]) -> Failure | None:
    report = "".join(lines)
    artifacts = sorted(path for path in found.iterdir() if not path.name.startswith("slow-unit"))
    if not artifacts:
        # an end that left no input is no success either: the child itself failed
        return Failure(b"", first_seed, report) if code else None
    data = artifacts[0].read_bytes()
    if _RAISED in report:  # what broke the process would break this one, too
        data = smaller(find_target(name), data)
    return Failure(data, first_seed, report)


def _child(name: str, guide: str, options: list[str]) -> None:
    atheris: Any = importlib.import_module("atheris")
    if guide != "native":  # what is compiled tells nothing of its branches
        prefer_sources()
    with nullcontext() if guide == "native" else atheris.instrument_imports(include=_PYTHON):
        target = find_target(name)
    atheris.Setup([name, *options], getattr(target, "glance", target.examine))
    atheris.Fuzz()


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2], sys.argv[3:])
