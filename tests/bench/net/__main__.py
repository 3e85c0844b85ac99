"""Run the benchmark and print its table; what it measures is told in ``tests.bench.net``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from statistics import median

import pynetdicom

import dicomnet
from tests.bench.codec import processor
from tests.bench.net import idle, network, rows, stream, tools
from tests.bench.net.children import CLIENTS, SERVERS
from tests.bench.timing import lines

__all__ = ["main"]

_QUICK = rows.Plan(rounds=1, seconds=0.0, large=(1 << 20, 1), small=(64 << 10, 2))
_TABLES = {"exchanges": (rows.exchanges, rows.EXCHANGE_COLUMNS), "stores": (rows.stores, rows.STORE_COLUMNS)}

_NAMES = (*_TABLES, "idle", "stream")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 0, also when goals are missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.net")
    parser.add_argument("--only", choices=_NAMES, nargs="*", default=_NAMES, help="which tables (default: all)")
    parser.add_argument("--rounds", type=int, default=rows.Plan().rounds, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=rows.Plan().seconds, help="how long a candidate works in one")
    parser.add_argument("--best", action="store_true", help="the best round, not the median: others work here, too")
    parser.add_argument(
        "--network",
        choices=("own", "system"),
        help="a loopback with Linux's usual congestion control, cubic (default, where allowed), or the system's",
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round of little: shows that it runs, measures nothing"
    )
    options = parser.parse_args(arguments)
    plan = _QUICK if options.quick else rows.Plan(options.rounds, options.seconds, min if options.best else median)
    own = options.network != "system" and network.separate()
    if options.network == "own" and not own:
        parser.error("--network own: a network of one's own is not allowed here")
    print(f"{processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, {_load()}")
    print(f"Python {platform.python_version()}, dicomnet {dicomnet.__version__} ({dicomnet.KERNEL})")
    print(f"pynetdicom {pynetdicom.__version__}, DCMTK {tools.version() if tools.are_there() else 'is not here'}")
    print(f"all clients on CPU {CLIENTS}, all servers on CPU {SERVERS}, over 127.0.0.1")
    print(f"in {'a network of their own' if own else 'the network of the system'}, {network.congestion_control()}")
    print(f"the {'best' if options.best else 'medians'} of {plan.rounds} rounds")
    for name in options.only:
        print()
        if name == "idle":
            count, seconds, settling = (20, 0.2, 0.0) if options.quick else (5000, 10.0, 12.0)
            print("\n".join(idle.measured(count, seconds, settling, not options.quick)), flush=True)
            continue
        if name == "stream":
            print("\n".join(stream.measured((3 << 20) if options.quick else (3 << 30), not options.quick)), flush=True)
            continue
        measured, columns = _TABLES[name]
        table = lines(list(measured(plan)), columns, base="pynetdicom", judged=not options.quick)
        print("\n".join(table), flush=True)
    print(f"\nat the end {_load()}")
    return 0


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
