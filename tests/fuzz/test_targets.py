"""The fuzz targets, briefly; what they once found, again; and the command line that runs them for long."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.__main__ import main
from fuzz.engine import CORPUS, find_targets, run, smaller
from fuzz.guided import fill, run_guided

ROOT = Path(__file__).parents[2]
TARGETS = find_targets()
FOUND = sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.suffix == ".bin")


def examine_small(data: bytes) -> None:
    assert len(data) < 5, "too long"


FAILING = SimpleNamespace(
    __doc__="Fails on five bytes.",
    inputs=lambda: st.binary(max_size=50),
    examine=examine_small,
    target=given(st.binary())(examine_small),
)


@pytest.mark.parametrize("name", TARGETS)
def test_target(name: str) -> None:
    report = run(TARGETS[name], seconds=20.0, runs=60)
    assert report.failure is None, report.failure.report


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_was_found_stays_mended(path: Path) -> None:
    TARGETS[path.parent.name].examine(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_can_be_driven_by_coverage(name: str) -> None:
    fuzz_one_input = TARGETS[name].target.hypothesis.fuzz_one_input  # type: ignore[attr-defined]
    for number in range(3):
        fuzz_one_input(bytes([number]) * 200)


def test_without_a_name_the_targets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TARGETS)


@pytest.mark.once
def test_a_run_without_a_find_exits_with_0() -> None:
    command = [sys.executable, "-m", "fuzz", "states", "--time", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"states: nothing found in \d+ inputs in 1\.\d s \(\d+ per second\)\n", done.stdout)


def test_a_find_exits_with_1_and_is_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failing", "--time", "60", "--corpus", str(tmp_path)], {"failing": FAILING}) == 1
    (found,) = tmp_path.rglob("*.bin")
    assert found.parent.name == "failing"
    assert found.read_bytes() == bytes(5)  # as small as it can be
    output = capsys.readouterr()
    assert str(found) in output.out
    assert "too long" in output.err
    with pytest.raises(AssertionError):
        FAILING.examine(found.read_bytes())


def test_seeds_make_runs_repeatable() -> None:
    def seen(number: int) -> list[bytes]:
        tried: list[bytes] = []
        target = SimpleNamespace(inputs=lambda: st.binary(max_size=50), examine=tried.append)
        run(target, seconds=10.0, first_seed=number, runs=20)
        return tried

    assert seen(1) == seen(1)
    assert seen(1) != seen(2)


def test_time_ends_a_run() -> None:
    began = time.monotonic()
    tried: list[bytes] = []
    target = SimpleNamespace(inputs=lambda: st.binary(max_size=50), examine=tried.append)
    report = run(target, seconds=0.05)
    assert report.failure is None
    assert len(tried) == report.tried > 0
    assert time.monotonic() - began < 20


def test_a_count_ends_a_run() -> None:
    tried: list[bytes] = []
    target = SimpleNamespace(inputs=lambda: st.binary(max_size=50), examine=tried.append)
    assert run(target, seconds=60.0, runs=250).tried == len(tried) == 250
    assert len(set(tried)) > 100


def test_runs_are_recorded_and_summed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tried: list[bytes] = []
    target = SimpleNamespace(__doc__="", inputs=lambda: st.binary(max_size=50), examine=tried.append)
    record = tmp_path / "record.jsonl"
    for runs in (30, 50, 50):
        assert main(["small", "--runs", str(runs), "--record", str(record)], {"small": target}) == 0
    assert len(tried) == 50
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [line["inputs"] for line in lines] == [30, 20]
    assert "has that many inputs already" in capsys.readouterr().out
    assert main(["failing", "--record", str(record), "--corpus", str(tmp_path)], {"failing": FAILING}) == 1
    assert json.loads(record.read_text().splitlines()[-1])["found"]


def test_failing_inputs_are_made_small() -> None:
    def examine(data: bytes) -> None:
        if b"x" in data and len(data) > 3:
            raise ValueError("of one kind")
        if not data:
            raise OSError("of another")

    target = SimpleNamespace(examine=examine)
    assert smaller(target, bytes(range(200))) == b"x\0\0\0"
    assert smaller(target, b"abc") == b"abc"


def test_a_target_that_lacks_something_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    target = SimpleNamespace(__doc__="", MISSING="the other half is not here")
    assert main(["half"], {"half": target}) == 2
    assert "the other half" in capsys.readouterr().err


# --- guided by coverage: what stands around libFuzzer, with a stand-in for it ----------------------------------------

STAND_IN = """
import sys
from pathlib import Path
from contextlib import nullcontext

def instrument_imports(include):
    return nullcontext()

def Setup(arguments, examine):
    global plan
    options = dict(one[1:].split("=") for one in arguments if one.startswith("-"))
    plan = arguments, options, examine

def Fuzz():
    arguments, options, examine = plan
    found = Path(options["artifact_prefix"])
    inputs = sorted(path.read_bytes() for path in Path(arguments[-1]).iterdir())
    for number, data in enumerate(inputs):
        try:
            examine(data)
        except Exception as error:
            print(" === Uncaught Python exception: ===", error)
            (found / "crash-1").write_bytes(data)
            print("stat::number_of_executed_units: %d" % (number + 1))
            sys.stdout.flush()
            sys.exit(77)
    print("#7 pulse")
    print("stat::number_of_executed_units: %d" % len(inputs))
    if DIE:
        (found / "crash-2").write_bytes(b"died")
        sys.stdout.flush()
        import os
        os.abort()
"""


@pytest.fixture
def guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Puts the stand-in where the parent and the child find it."""

    def put(dies: bool) -> None:
        folder = tmp_path / "modules"
        folder.mkdir()
        (folder / "atheris.py").write_text(STAND_IN.replace("DIE", str(dies)))
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", f"{folder}:{ROOT}")
        monkeypatch.delitem(sys.modules, "atheris", raising=False)

    return put


@pytest.mark.once
def test_guided_runs_are_counted(guided: Callable[[bool], None], tmp_path: Path) -> None:
    guided(False)
    report = run_guided("pdu", seconds=5.0, inputs=tmp_path / "inputs")
    assert report.failure is None
    assert report.tried == len(list((tmp_path / "inputs").iterdir())) > 100
    before = {path.name for path in (tmp_path / "inputs").iterdir()}
    fill("pdu", tmp_path / "inputs")  # not again
    assert {path.name for path in (tmp_path / "inputs").iterdir()} == before


@pytest.mark.once
def test_what_kills_the_child_is_found(guided: Callable[[bool], None], tmp_path: Path) -> None:
    guided(True)
    arguments = ["states", "--engine", "atheris", "--time", "5", "--corpus", str(tmp_path / "corpus")]
    assert main([*arguments, "--inputs", str(tmp_path / "inputs")]) == 1
    (found,) = (tmp_path / "corpus" / "states").iterdir()
    assert found.read_bytes() == b"died"


@pytest.mark.once
def test_a_child_that_never_began_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "atheris.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    report = run_guided("states", seconds=5.0, inputs=tmp_path / "inputs")
    assert (report.tried, report.failure is not None) == (0, True)


@pytest.mark.parametrize("arguments", [["no-such-target"], ["failing", "--engine", "atheris"]])
def test_what_cannot_be_done_is_said(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "atheris" in arguments:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(arguments, {"failing": FAILING}) == 2
    assert capsys.readouterr().err.startswith("fuzz: ")
