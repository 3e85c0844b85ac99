"""``python -m fuzz``: list the targets; ``python -m fuzz NAME --time S``: run one for S seconds.

Exits with 0 when nothing was found, 1 when something was (its input is saved), 2 when the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fuzz.engine import CORPUS, EngineMissing, Target, find_targets, run, run_atheris, save

__all__ = ["main"]


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
    if options.engine == "atheris":
        try:
            run_atheris(target, seconds=options.time)
        except EngineMissing as error:
            print(f"fuzz: {error}", file=sys.stderr)
            return 2
        return 0
    failure = run(target, seconds=options.time, first_seed=options.seed)
    if failure is None:
        print(f"{options.name}: nothing found in {options.time:g} s")
        return 0
    path = save(options.name, failure, options.corpus)
    print(failure.report, file=sys.stderr)
    print(f"{options.name}: found with seed {failure.seed}, saved as {path}")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Look for inputs that break a property.")
    parser.add_argument("name", nargs="?", help="the target; none lists them")
    parser.add_argument("--time", type=float, default=60.0, metavar="S", help="seconds to go on (default 60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="first seed (default 0)")
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    parser.add_argument("--corpus", type=Path, default=CORPUS, metavar="DIR", help="where failing inputs are saved")
    return parser


if __name__ == "__main__":
    sys.exit(main())
