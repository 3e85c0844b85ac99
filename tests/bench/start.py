"""How long whole commands take, with the start of Python and all: ``python -m tests.bench.start``.

``dcmups -h`` beside an interpreter that only imports argparse, and a whole ``find`` beside an echoscu of pynetdicom
that asks the same upsscp for less. All are processes of this very interpreter, and take turns in every round.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pynetdicom

import dicomnet
from tests.bench.codec import processor
from tests.bench.timing import Measure, Row, at_least, interleaved, lines
from ups.cli.demo_files import write_files
from ups.cli.processes import Server

__all__ = ["main"]

COLUMNS = ("import argparse", "pynetdicom echoscu", "dcmups")
_MATCHES = 10


@dataclass(frozen=True, slots=True)
class _Plan:
    rounds: int
    figure: Callable[[Sequence[float]], float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0, also when goals are missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.start")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (default 15)")
    parser.add_argument("--best", action="store_true", help="the best round, not the median: others work here, too")
    parser.add_argument("--quick", action="store_true", help="one round: shows that it runs, measures nothing")
    options = parser.parse_args(arguments)
    plan = _Plan(1 if options.quick else options.rounds, min if options.best else median)
    print(f"{processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, {_load()}")
    print(f"Python {platform.python_version()}, dicomnet {dicomnet.__version__} ({dicomnet.KERNEL})")
    print(f"pynetdicom {pynetdicom.__version__}")
    print(f"the {'best' if options.best else 'medians'} of {plan.rounds} rounds\n")
    print("\n".join(lines(list(_rows(plan)), COLUMNS, judged=not options.quick)), flush=True)
    print(f"\nat the end {_load()}")
    return 0


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def _dcmups(*words: str) -> list[str]:
    """The command as users have it; as a module where it was not installed."""
    script = Path(sysconfig.get_path("scripts"), "dcmups")
    return [str(script), *words] if script.exists() else [sys.executable, "-m", "ups", *words]


def _run(*command: str) -> str:
    environment = {**os.environ, "DICOMNET_CONFIG": ""}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # with it every process compiles all modules anew
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    return done.stdout


def _measure(*command: str) -> Measure:
    def measure(times: int, /) -> float:
        begin = time.perf_counter()
        for _ in range(times):
            _run(*command)
        return time.perf_counter() - begin

    return measure


def _rows(plan: _Plan) -> Iterator[Row]:
    argparse_alone = _measure(sys.executable, "-c", "import argparse")
    found = _taking_turns(plan, {COLUMNS[0]: argparse_alone, COLUMNS[2]: _measure(*_dcmups("-h"))})
    yield Row("-h", found, [at_least(0.5, found[COLUMNS[0]], found[COLUMNS[2]], COLUMNS[0])])
    with tempfile.TemporaryDirectory(prefix="dicomnet-bench-") as folder:
        words = ("-L", "UPSSCP@127.0.0.1:0", "--db", str(Path(folder, "upsscp.db")))
        with Server("ups.cli.upsscp", *words) as server:
            peer = f"UPSSCP@127.0.0.1:{server.port}"
            echo = ("echoscu", "127.0.0.1", str(server.port), "-aec", "UPSSCP")
            theirs = _measure(sys.executable, "-m", "pynetdicom", *echo)
            yield _find_row(plan, "find, no match", theirs, "find", peer)
            _fill(Path(folder), peer)
            yield _find_row(plan, f"find, {_MATCHES} matches", theirs, "find", peer)
            yield _find_row(plan, "find -q -r", theirs, "find", peer, "-q", "PatientID=DEMO-1", "-r", "PatientName")
            yield _find_row(plan, "find --json", theirs, "find", peer, "--json")


def _fill(folder: Path, peer: str) -> None:
    write_files(folder)
    for _ in range(_MATCHES):
        _run(*_dcmups("create", peer, "-f", str(folder / "create.xml")))


def _find_row(plan: _Plan, name: str, theirs: Measure, *words: str) -> Row:
    found = _taking_turns(plan, {COLUMNS[1]: theirs, COLUMNS[2]: _measure(*_dcmups(*words))})
    return Row(name, found, [at_least(2, found[COLUMNS[1]], found[COLUMNS[2]], COLUMNS[1])])


def _taking_turns(plan: _Plan, candidates: dict[str, Measure]) -> dict[str, float]:
    return interleaved(candidates, rounds=plan.rounds, seconds=0.0, figure=plan.figure)


if __name__ == "__main__":
    sys.exit(main())
