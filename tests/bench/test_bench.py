"""The benchmarks run and print all they promise. What they measure is judged by people, never here."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from fuzz.kernel.bodies import all_bodies
from tests.bench import dcmtk
from tests.bench.candidates import COLUMNS
from tests.bench.candidates import Work as CodecWork
from tests.bench.datasets import SAMPLES, elements_in
from tests.bench.net import tools
from tests.bench.net.work import Work
from tests.bench.timing import Row, at_least, at_most, interleaved, lines, medians, short_time

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.once


def run(module: str, *words: str) -> str:
    command = [sys.executable, "-m", module, "--quick", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not re.search("reached|MISSED", done.stdout)  # what was not measured is not judged
    return done.stdout


def test_the_codec_table_is_complete(missing: Callable[[str], NoReturn]) -> None:
    printed = run("tests.bench.codec")
    tables = printed.split("\n\n")
    assert [table.split(":")[0] for table in tables[1:]] == [*SAMPLES, "c"]
    expected = {*COLUMNS} - ({"DCMTK"} - {"DCMTK" if dcmtk.is_there() else ""}) - ({"cython"} - {*all_bodies()[0]})
    for table, sample in zip(tables[1:], SAMPLES.values(), strict=False):
        rows = [line for line in table.splitlines() if re.match(r"(?!    unjudged)", line)][2:]
        names = [work.value for work in CodecWork if work is CodecWork.ENCODE or not sample.encode_only]
        assert [row.split("  ")[0] for row in rows[::2]] == names
        assert [row.strip().split("  ")[0] for row in rows[1::2]] == ["implicit VR"] * len(names)
        for work, row in zip(names, rows[::2], strict=True):
            figures = re.findall(r"[0-9.]+ [mun]?s\b", row)
            assert len(figures) == len(expected - ({"DCMTK"} if work == CodecWork.AGAIN.value else set())), row
    assert re.search(r"^python( +[0-9.]+){2}", tables[-1], re.MULTILINE)
    if not dcmtk.is_there():
        missing("the headers of DCMTK are not here (libdcmtk-dev, g++)")
    assert re.search(r"^DCMTK 3\.", tables[0], re.MULTILINE)


def may_have_a_network() -> bool:
    tried = (["unshare", "--net", "true"], ["unshare", "--net", "--map-root-user", "true"])
    return any(subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in tried)


@pytest.mark.parametrize("table", ["exchanges", "stores"])
def test_the_net_tables_are_complete(table: str, missing: Callable[[str], NoReturn]) -> None:
    network = ["--network", "system"] if table == "stores" else []
    head, printed, _ = run("tests.bench.net", "--only", table, *network).split("\n\n")
    assert re.search(r"all clients on CPU \d+, all servers on CPU \d+", head)
    own = not network and may_have_a_network()
    assert ("in a network of their own, cubic" if own else "in the network of the system, ") in head
    _, *rows = (line for line in printed.splitlines() if not line.startswith("    unjudged"))
    there = tools.are_there()
    if table == "exchanges":
        names = [work.value for work in Work if work is not Work.STORE]
        peers = {Work.ECHO.value: there, Work.ASSOCIATE.value: there and dcmtk.is_there()}
        expected = [4 + peers.get(name, False) for name in names]
    else:
        names = [f"C-STORE {what}, {size} KiB PDUs" for size in (128, 16) for what in ("1 x 1 MiB", "2 x 64 KiB")]
        expected = [4 + 3 * there] * 4
    assert [row.split("  ")[0] for row in rows] == names
    assert [len(re.findall(r"[0-9.]+ [mun]?s\b", row)) for row in rows] == expected, printed
    if not there or not dcmtk.is_there():
        missing("DCMTK or its headers are not here (dcmtk, libdcmtk-dev, g++)")


def test_idle_associations_are_counted() -> None:
    printed = run("tests.bench.net", "--only", "idle").split("\n\n")[1]
    pattern = r"""20 idle associations in one asyncio server
    unjudged  [0-9.-]+ KiB each .*
    unjudged  [0-9.]+ % of a CPU .*
    C-ECHO on one more: median [0-9.]+ [mu]s, with no other [0-9.]+ [mu]s"""
    assert re.fullmatch(pattern, printed)


def test_the_memory_of_a_stream_is_told_of_both_sides() -> None:
    printed = run("tests.bench.net", "--only", "stream").split("\n\n")[1]
    sides = re.findall(r"    unjudged  (\w+ \w+): [0-9.]+ MiB in all, [0-9.]+ MiB more than before", printed)
    assert sides == [f"{driver} {side}" for driver in ("blocking", "asyncio") for side in ("sender", "receiver")]


def test_the_table_of_whole_commands_is_complete() -> None:
    printed = run("tests.bench.start").split("\n\n")[1]
    heads = [line for line in printed.splitlines()[1:] if not line.startswith("    unjudged")]
    names = ["-h", "find, no match", "find, 10 matches", "find -q -r", "find --json"]
    assert [head.split("  ")[0] for head in heads] == names
    assert [len(re.findall(r"[0-9.]+ [mun]?s\b", head)) for head in heads] == [2] * len(names), printed
    assert printed.count("unjudged") == len(names)


@pytest.mark.parametrize(("name", "elements"), [("a", 61), ("b", 40), ("c", 120)])
def test_the_data_is_what_the_issue_names(name: str, elements: int) -> None:
    first, second = SAMPLES[name].dataset(), SAMPLES[name].dataset()
    assert first == second
    assert elements_in(first) == elements


def test_the_candidates_take_turns() -> None:
    order: list[tuple[str, int]] = []

    def candidate(name: str, taken: float) -> Callable[[int], float]:
        def measure(times: int) -> float:
            order.append((name, times))
            return taken * times

        return measure

    found = interleaved({"slow": candidate("slow", 2.0), "fast": candidate("fast", 0.25)}, rounds=3, seconds=1.0)
    assert found == {"slow": 2.0, "fast": 0.25}
    assert order[-6:] == [("slow", 1), ("fast", 4)] * 3


def test_a_median_is_taken_of_every_function() -> None:
    called = []
    found = medians({"one": lambda: called.append(1), "two": lambda: called.append(2)}, rounds=1, seconds=0.0)
    assert list(found) == ["one", "two"]
    assert set(called) == {1, 2}


def test_a_missed_goal_is_marked() -> None:
    row = Row("copy", {"old": 1e-3, "new": 2e-6, "none": None}, [at_least(400, 1e-3, 2e-6, "old")])
    assert lines([row], ["old", "new", "none"], base="old") == [
        "       old            new  none",
        "copy  1 ms  2 us     500x     -",
        "    reached  500x old (goal 400x)",
    ]
    assert lines([row], ["old"], judged=False)[2] == "    unjudged  500x old (goal 400x)"
    missed = Row("copy", {}, [at_least(3, 2.0, 1.0, "old", bound=1.0), at_most(1e-3, 2e-3, "2x memcpy")])
    assert lines([missed], ["old"])[2:] == [
        "    MISSED   2x old (goal 3x; a bare copy of the bytes: 2x)",
        "    MISSED   2 ms (goal: within 1 ms, 2x memcpy)",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (0.9999, "1 s"), (0.0123, "12.3 ms"), (4.5e-8, "45 ns"), (0, "0 ns")]
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert short_time(seconds) == text
