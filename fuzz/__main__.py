"""``python -m fuzz``: list the targets; ``python -m fuzz NAME --time S`` or ``--runs N``: run one.

Exits with 0 when nothing was found, 1 when something was (its input is saved), 2 when the command line is wrong or
something it needs is not here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fuzz.engine import CORPUS, Target, find_targets, record, recorded, run, save
from fuzz.guided import EngineMissing, run_guided

__all__ = ["main"]

_FOR_EVER = 1e9


def main(arguments: Sequence[str] | None = None, targets: Mapping[str, Target] | None = None) -> int:
    """Run the command line; the exit code."""
    known = find_targets() if targets is None else targets
    options = _parser().parse_args(arguments)
    if options.name is None:
        for name, target in known.items():
            print(f"{name:20} {(target.__doc__ or '').splitlines()[0]}")
        return 0
    if options.name not in known:
        print(f"fuzz: no target {options.name!r}; run without a name to list them", file=sys.stderr)
        return 2
    target = known[options.name]
    missing = getattr(target, "MISSING", "")
    if missing:
        print(f"fuzz: {missing}", file=sys.stderr)
        return 2
    return _run(options, target)


def _run(options: argparse.Namespace, target: Target) -> int:
    seconds, runs = options.time, options.runs
    if seconds is None:
        seconds = 60.0 if runs is None else _FOR_EVER
    seed = options.seed
    if options.record:
        before = recorded(options.record, options.name)
        seed += before  # not the same inputs again
        if runs is not None:
            runs -= before
        if runs is not None and runs <= 0:
            print(f"{options.name}: {options.record} has that many inputs already")
            return 0
    if options.engine == "atheris":
        try:
            report = run_guided(
                options.name,
                seconds=seconds,
                runs=runs,
                first_seed=seed,
                inputs=options.inputs,
                native=options.native,
                longest=options.longest,
            )
        except EngineMissing as error:
            print(f"fuzz: {error}", file=sys.stderr)
            return 2
    else:
        report = run(target, seconds=seconds, first_seed=seed, runs=runs)
    if options.record:
        record(options.record, options.name, options.engine, report)
    failure = report.failure
    if failure is None:
        print(f"{options.name}: nothing found in {report}")
        return 0
    path = save(options.name, failure, options.corpus)
    print(failure.report, file=sys.stderr)
    print(f"{options.name}: found with seed {failure.seed} after {report}, saved as {path}")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Look for inputs that break a property.")
    parser.add_argument("name", nargs="?", help="the target; none lists them")
    parser.add_argument("--time", type=float, metavar="S", help="seconds to go on (default 60, or as --runs needs)")
    parser.add_argument("--runs", type=int, metavar="N", help="inputs to try (default: as many as the time allows)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="first seed (default 0)")
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    parser.add_argument("--corpus", type=Path, default=CORPUS, metavar="DIR", help="where failing inputs are saved")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="count runs in FILE; --runs is then the sum to reach"
    )
    parser.add_argument("--inputs", type=Path, metavar="DIR", help="atheris: inputs to begin with, and new ones")
    parser.add_argument(
        "--longest", type=int, default=1024, metavar="BYTES", help="atheris: of an input (default 1024)"
    )
    parser.add_argument("--native", action="store_true", help="atheris: guided by compiled code only (fast)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
