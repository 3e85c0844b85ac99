"""``python -m tests.bench.codec``: the data set codec beside pydicom, DCMTK and memcpy, on the same data in one run.

Every figure is the median of interleaved rounds of all candidates in both encodings, so that a ratio is one of things
measured in the same minute. What each candidate does is in ``candidates``, the data in ``datasets``, memory in
``memory``. DCMTK takes part where g++ and its headers are (Debian: libdcmtk-dev).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pydicom
from pydicom.dataset import Dataset

import dicomnet
from fuzz.kernel.bodies import all_bodies
from tests.bench import dcmtk, memory
from tests.bench.candidates import COLUMNS, Case, Work
from tests.bench.datasets import SAMPLES, Sample, elements_in, shrunk
from tests.bench.timing import Goal, Row, at_least, at_most, interleaved, lines

__all__ = ["main", "processor"]

_SMALL = ("a", "b")
_SLOW = ("d", "f")  # seconds a call: what is not the question is left out in the second encoding
_Figures = Mapping[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 0, also when goals are missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.codec", description=__doc__.split("\n")[0])
    parser.add_argument("--samples", default="".join(SAMPLES), help="which data sets, of abcdf (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default 7)")
    parser.add_argument("--seconds", type=float, default=0.02, help="how long a candidate works in a round")
    parser.add_argument(
        "--quick", action="store_true", help="one round on shrunk data: shows that it runs, measures nothing"
    )
    options = parser.parse_args(arguments)
    samples = [SAMPLES[name] for name in options.samples]
    if options.quick:
        samples, options.rounds, options.seconds = [shrunk(sample) for sample in samples], 1, 0.0
    kernels, missing = all_bodies()
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(dcmtk.Dcmtk()) if dcmtk.is_there() else None
        for line in _head(peer, missing):
            print(line)
        for sample in samples:
            for line in _measure(sample, kernels, peer, options.rounds, options.seconds, not options.quick):
                print(line, flush=True)
        if "c" in options.samples:
            for line in memory.report(samples[options.samples.index("c")], kernels, not options.quick):
                print(line, flush=True)
    return 0


def _head(peer: dcmtk.Dcmtk | None, missing: str) -> Iterator[str]:
    yield f"{processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    yield f"Python {platform.python_version()}, pydicom {pydicom.__version__}, dicomnet {dicomnet.__version__}"
    yield f"DCMTK {peer.version}" if peer else "DCMTK is not measured: no g++ that finds its headers (libdcmtk-dev)"
    if missing:
        yield f"cython is not measured: {missing}"


def processor() -> str:
    """What this machine calculates with."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _measure(
    sample: Sample, kernels: dict[str, ModuleType], peer: dcmtk.Dcmtk | None, rounds: int, seconds: float, judged: bool
) -> Iterator[str]:
    dataset: Dataset | None = sample.dataset()
    assert dataset is not None
    cases = {implicit: Case(sample, dataset, implicit, kernels, peer) for implicit in (False, True)}
    size = f"{elements_in(dataset):,} elements, {len(cases[False].data):,} bytes"
    checked = [] if sample.encode_only else [cases[False]] if sample.name in _SLOW else list(cases.values())
    values = max((case.check() for case in checked), default=0)
    yield ""
    yield f"{sample.name}: {sample.title}, {size}" + (f", {values:,} values" if values else "")
    found: dict[Work, tuple[_Figures, _Figures]] = {}
    rows = []
    for work in Work:
        if sample.encode_only and work is not Work.ENCODE:
            break
        if work is not Work.ENCODE and dataset is not None:
            dataset = None  # a million live values would be in the way of those who now make their own
            gc.collect()
        candidates = {(False, name): measure for name, measure in cases[False].measures(work, dataset).items()}
        for name, measure in cases[True].measures(work, dataset).items():
            if sample.name not in _SLOW or name not in ("pydicom", "python"):
                candidates[True, name] = measure
        medians = interleaved(candidates, rounds=rounds, seconds=seconds)
        explicit, implicit = (
            {name: taken for (kind, name), taken in medians.items() if kind is wanted} for wanted in (False, True)
        )
        found[work] = explicit, implicit
        rows.append(Row(work.value, explicit, list(_goals(sample.name, work, explicit, found))))
        rows.append(Row("    implicit VR", implicit, list(_implicit_goals(explicit, implicit))))
    yield from lines(rows, COLUMNS, base="pydicom", judged=judged)


def _goals(sample: str, work: Work, now: _Figures, found: Mapping[Work, tuple[_Figures, _Figures]]) -> Iterator[Goal]:
    """What is asked of this row."""
    if sample in _SMALL:
        yield at_least(1, now["pydicom"], now["python"], "pydicom, the reference body")
    if "cython" not in now:
        return
    ours = now["cython"]
    values = found[Work.ENCODE][0]["pydicom"]
    if work is Work.ENCODE:
        if sample == "c":
            yield at_most(2 * now["memcpy"] + 20e-6, ours, "2x memcpy + 20 us")
        else:
            yield at_least(60 if sample in _SMALL else 15, now["pydicom"], ours, "pydicom")
    if work is Work.AGAIN:
        yield at_least(300, values, ours, "pydicom's encode from values", now["memcpy"])
        yield at_least(300, now["pydicom"], ours, "pydicom's encode of what it received", now["memcpy"])
    if work is Work.DECODE and sample in _SMALL:
        yield at_least(8, now["pydicom"], ours, "pydicom")
    if work is Work.ATTRIBUTES and sample != "c":
        yield at_least(10, now["pydicom"], ours, "pydicom")
        yield at_least(25 if sample == "d" else 20, now["pydicom"], ours, "pydicom, the aim")
    if work in (Work.ENCODE, Work.DECODE) and sample in _SMALL and "DCMTK" in now:
        yield at_least(1, now["DCMTK"], ours, "DCMTK")


def _implicit_goals(explicit: _Figures, implicit: _Figures) -> Iterator[Goal]:
    if "cython" in implicit:
        yield at_most(1.2 * explicit["cython"], implicit["cython"], "explicit VR and 20 %")


if __name__ == "__main__":
    sys.exit(main())
