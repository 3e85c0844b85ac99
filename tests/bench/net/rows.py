"""The rows of the table: who takes part in each, and what is to be reached."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import dcmtk
from tests.bench.net import tools
from tests.bench.net.children import CLIENTS, Client, Server, pinned
from tests.bench.net.objects import write_object
from tests.bench.net.work import Work
from tests.bench.timing import Goal, Measure, Row, at_least, interleaved

__all__ = ["EXCHANGE_COLUMNS", "OURS", "STORE_COLUMNS", "Plan", "exchanges", "stores"]

OURS = ("blocking", "asyncio")
EXCHANGE_COLUMNS = ("pynetdicom", "DCMTK", "socket", *OURS)
STORE_COLUMNS = (*EXCHANGE_COLUMNS, "to storescp", "from storescu")
_LONG, _SHORT = 131072, 16384
_Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; ``large`` and ``small`` are the bytes of the objects, and how many of each."""

    rounds: int = 5
    seconds: float = 0.3
    figure: Callable[[Sequence[float]], float] = median
    large: tuple[int, int] = (100 << 20, 5)
    small: tuple[int, int] = (512 << 10, 200)


class Pairs:
    """The servers and clients of one maximum length, ours and pynetdicom's, and storescp where DCMTK is."""

    def __init__(self, stack: contextlib.ExitStack, max_length: int) -> None:
        self._stack = stack
        self.max_length = max_length
        roles = ("pynetdicom", *OURS)
        self.servers = {role: stack.enter_context(Server(role, "server", str(max_length))) for role in roles}
        self.clients = {role: stack.enter_context(Client(role, "client", str(max_length))) for role in roles}
        self.storescp = stack.enter_context(tools.Storescp(max_length)) if tools.are_there() else None

    def measures(self, work: str, **options: Any) -> dict[str, Measure]:
        """Each client against the server of its own kind."""
        return {role: client.measure(work, self.servers[role].port, options) for role, client in self.clients.items()}

    def steps(self, work: str, **options: Any) -> list[list[int]]:
        """The bytes our client sends and receives in turn."""
        port = self.servers["blocking"].port
        found: list[list[int]] = self.clients["blocking"].ask(work=work, port=port, times=1, sizes=True, **options)
        return found if work == Work.ASSOCIATE else found[1:-1]


def _socket(stack: contextlib.ExitStack, work: str, steps: list[list[int]], path: Path | None = None) -> Measure:
    """The loops of plain sockets that exchange so many bytes."""
    server = stack.enter_context(Server("socket", "server", json.dumps(steps)))
    client = stack.enter_context(Client("socket", "client"))
    return client.measure(work, server.port, {"steps": steps, "path": str(path or "")})


def exchanges(plan: Plan) -> Iterator[Row]:
    """Round trips, C-FIND, and associations."""
    with contextlib.ExitStack() as stack:
        pairs = Pairs(stack, _LONG)
        for work in (Work.ECHO, Work.CREATE, Work.GET, Work.FIND, Work.ASSOCIATE):
            with contextlib.ExitStack() as own:
                candidates = pairs.measures(work)
                candidates["socket"] = _socket(own, work, pairs.steps(work))
                if pairs.storescp is not None and work is Work.ECHO:
                    candidates["DCMTK"] = tools.echoscu(pairs.storescp.port)
                if pairs.storescp is not None and work is Work.ASSOCIATE and dcmtk.is_there():
                    candidates["DCMTK"] = _associating(own, pairs.storescp.port)
                found = interleaved(candidates, rounds=plan.rounds, seconds=plan.seconds, figure=plan.figure)
            yield Row(work.value, found, list(_exchange_goals(work, found)))


def _associating(stack: contextlib.ExitStack, port: int) -> Measure:
    def start(program: Path) -> subprocess.Popen[bytes]:
        return pinned([str(program)], CLIENTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    libraries = ("-ldcmnet", "-ldcmdata", "-loflog", "-lofstd")
    program = stack.enter_context(dcmtk.Program("associate.cc", libraries, start))
    return lambda times: float(program.ask(f"{port} {times}\n".encode()))


def _exchange_goals(work: Work, found: _Figures) -> Iterator[Goal]:
    for name in OURS:
        ours = found[name]
        if work is Work.FIND:
            yield at_least(20, found["pynetdicom"], ours, f"pynetdicom ({name})")
        elif work is Work.ASSOCIATE:
            yield at_least(30, found["pynetdicom"], ours, f"pynetdicom ({name})")
            if "DCMTK" in found:
                yield at_least(1 / 3, found["DCMTK"], ours, f"DCMTK ({name})")
        else:
            yield at_least(15, found["pynetdicom"], ours, f"pynetdicom ({name})")
            yield at_least(0.3, found["socket"], ours, f"the socket loop ({name})")


def stores(plan: Plan) -> Iterator[Row]:
    """C-STORE of large and of small objects, in long PDUs and in short ones."""
    with tempfile.TemporaryDirectory(prefix="dicomnet-bench-") as folder, contextlib.ExitStack() as stack:
        long: dict[int, _Figures] = {}
        for max_length in (_LONG, _SHORT):
            pairs = Pairs(stack, max_length)
            for size, count in (plan.large, plan.small):
                path = Path(folder, f"{size}.dcm")
                if not path.exists():
                    write_object(path, size)
                with contextlib.ExitStack() as own:
                    candidates = {
                        name: _several(measure, count) for name, measure in _storing(own, pairs, path).items()
                    }
                    found = interleaved(candidates, rounds=plan.rounds, seconds=plan.seconds, figure=plan.figure)
                name = f"C-STORE {count} x {_size(size)}, {max_length >> 10} KiB PDUs"
                goals = _short_goals(long[size], found) if size in long else _store_goals(size == plan.large[0], found)
                yield Row(name, found, list(goals))
                long[size] = found


def _storing(stack: contextlib.ExitStack, pairs: Pairs, path: Path) -> dict[str, Measure]:
    candidates = pairs.measures(Work.STORE, path=str(path))
    candidates["socket"] = _socket(stack, Work.STORE, [[path.stat().st_size, 150]], path)
    if pairs.storescp is not None:
        options = {"path": str(path)}
        candidates["DCMTK"] = tools.storescu(pairs.storescp.port, pairs.max_length, path)
        candidates["to storescp"] = pairs.clients["blocking"].measure(Work.STORE, pairs.storescp.port, options)
        candidates["from storescu"] = tools.storescu(pairs.servers["asyncio"].port, pairs.max_length, path)
    return candidates


def _several(measure: Measure, count: int) -> Measure:
    return lambda times: measure(times * count)


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def _store_goals(large: bool, found: _Figures) -> Iterator[Goal]:
    for name in OURS:
        ours = found[name]
        if large and "DCMTK" in found:
            yield at_least(2, found["DCMTK"], ours, f"storescu to storescp ({name})")
        yield at_least(4 if large else 8, found["pynetdicom"], ours, f"pynetdicom ({name})")
        yield at_least(0.6 if large else 0.4, found["socket"], ours, f"the socket loop ({name})")
    for name in ("to storescp", "from storescu"):
        if name in found:
            yield at_least(1, found["DCMTK"], found[name], f"storescu to storescp ({name})")


def _short_goals(long: _Figures, short: _Figures) -> Iterator[Goal]:
    for name in OURS:
        yield at_least(0.5, long[name], short[name], f"in PDUs of 128 KiB ({name})")
