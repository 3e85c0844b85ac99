"""The fuzz targets, briefly; what they once found, again; and the command line that runs them for long."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.__main__ import main
from fuzz.engine import CORPUS, find_targets, run

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
    failure = run(TARGETS[name], seconds=20.0, examples=60)
    assert failure is None, failure.report


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


def test_a_run_without_a_find_exits_with_0() -> None:
    command = [sys.executable, "-m", "fuzz", "states", "--time", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (0, "states: nothing found in 1 s\n"), done.stderr


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
        run(target, seconds=10.0, first_seed=number, examples=20)
        return tried

    assert seen(1) == seen(1)
    assert seen(1) != seen(2)


def test_time_ends_a_run() -> None:
    began = time.monotonic()
    tried: list[bytes] = []
    target = SimpleNamespace(inputs=lambda: st.binary(max_size=50), examine=tried.append)
    assert run(target, seconds=0.05) is None
    assert tried
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("arguments", [["no-such-target"], ["failing", "--engine", "atheris"]])
def test_what_cannot_be_done_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if "atheris" in arguments:
        try:
            import atheris  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("atheris is there")
    assert main(arguments, {"failing": FAILING}) == 2
    assert capsys.readouterr().err.startswith("fuzz: ")
