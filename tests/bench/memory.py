"""What decoding costs in memory: bytes beyond those received, per byte received.

tracemalloc sees what Python allocates, at its highest; the resident size of a fresh process that keeps many decoded
data sets sees everything. Both for a data set nobody has looked into and for one every value of which was read.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from fuzz.kernel.bodies import all_bodies
from tests.bench.candidates import Case
from tests.bench.datasets import SAMPLES, Sample

__all__ = ["report", "traced"]

_LIMIT = 2.0
_KEPT = 32  # data sets, of which the resident size is taken


def report(sample: Sample, kernels: dict[str, ModuleType], judged: bool) -> Iterator[str]:
    """The lines of a table."""
    case = Case(sample, sample.dataset(), False, kernels, None)
    yield ""
    yield f"{sample.name}: bytes of memory that decoding takes for each byte received (goal: {_LIMIT:g} at most)"
    yield f"{'':10}{'peak, lazy':>16}{'peak, read':>16}{'resident, lazy':>16}{'resident, read':>16}"
    for name in ("pydicom", *kernels):
        peaks = [traced(case, name, read) for read in (False, True)]
        resident = [_fresh(sample, name, read) for read in (False, True)]
        cells = "".join("-".rjust(16) if cell is None else f"{cell:16.2f}" for cell in [*peaks, *resident])
        missed = judged and name == "cython" and any(cell is not None and cell > _LIMIT for cell in [*peaks, *resident])
        yield f"{name:10}{cells}{'  MISSED' if missed else ''}"


def traced(case: Case, name: str, read: bool) -> float:
    """The peak tracemalloc sees while one data set is decoded."""
    case.take(name, case.data, read)  # what is imported or cached at the first time is no cost of the second
    tracemalloc.start()
    try:
        kept = case.take(name, case.data, read)
        peak = tracemalloc.get_traced_memory()[1]
        del kept
    finally:
        tracemalloc.stop()
    return peak / len(case.data)


def _fresh(sample: Sample, name: str, read: bool) -> float | None:
    command = [
        sys.executable,
        "-m",
        "tests.bench.memory",
        sample.name,
        str(sample.size),
        name,
        "read" if read else "lazy",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    return float(done.stdout) if done.stdout.strip() else None


def _resident() -> int | None:
    """Bytes of this process in memory; None where the system does not tell in this way."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def main(sample: str, size: str, name: str, how: str) -> None:
    """Print how much this process grew for each byte of what it decoded and kept; nothing where that is not told."""
    shape = replace(SAMPLES[sample], size=int(size))
    case = Case(shape, shape.dataset(), False, all_bodies()[0], None)
    received = [bytes(bytearray(case.data)) for _ in range(_KEPT)]
    case.take(name, case.data, how == "read")
    before = _resident()
    kept = [case.take(name, data, how == "read") for data in received]
    after = _resident()
    if before is not None and after is not None:
        print((after - before) / len(case.data) / len(kept))


if __name__ == "__main__":
    main(*sys.argv[1:])
