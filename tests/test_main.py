"""``python -m dicomnet``: which body of the kernel is live, and why, in each way that can come about."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import dicomnet

ROOT = Path(__file__).parents[1]
BUILT = importlib.util.find_spec("dicomnet.kernel._cython") is not None
NOT_BUILT = "No module named 'dicomnet.kernel._cython'"
HIDDEN = f"""
import runpy, sys
class Hides:
    def find_spec(self, name, path=None, target=None):
        if name == "dicomnet.kernel._cython":
            raise ModuleNotFoundError({NOT_BUILT!r})
sys.meta_path.insert(0, Hides())
runpy.run_module("dicomnet", run_name="__main__")
"""


def tell(choice: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DICOMNET_KERNEL"}
    if choice is not None:
        environment["DICOMNET_KERNEL"] = choice
    command = [sys.executable, *(arguments or ("-m", "dicomnet"))]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=100)


def kernel(choice: str | None, *arguments: str, line: int = 1) -> str:
    done = tell(choice, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()[line]


def test_versions_are_told() -> None:
    done = tell("python")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert lines[0] == f"dicomnet {dicomnet.__version__}"
    assert lines[2] == "core: python"
    assert lines[3] == f"{platform.python_implementation()} {platform.python_version()}"
    assert lines[4].startswith("pydicom 3.")
    assert lines[5] == platform.platform()


def test_the_reference_body_can_be_asked_for() -> None:
    assert kernel("python") == "kernel: python, because DICOMNET_KERNEL=python asks for it"


@pytest.mark.skipif(not BUILT, reason="a pure install")
@pytest.mark.parametrize(
    ("choice", "why"),
    [
        (None, "the extension is there"),
        ("auto", "the extension is there"),
        ("cython", "DICOMNET_KERNEL=cython asks for it"),
    ],
)
def test_the_fast_body_is_taken_where_it_is(choice: str | None, why: str) -> None:
    assert kernel(choice) == f"kernel: cython, because {why}"
    assert kernel(choice, line=2) == "core: compiled"


@pytest.mark.parametrize("choice", [None, "auto"])
def test_without_the_extension_the_reference_is_live_and_the_reason_told(choice: str | None) -> None:
    told = f"kernel: python, because the extension cannot be imported: {NOT_BUILT}"
    assert kernel(choice, "-c", HIDDEN) == told
    if not BUILT:
        assert kernel(choice) == told


def test_a_missing_body_that_is_asked_for_is_an_error() -> None:
    done = tell("cython", "-c", HIDDEN)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: DICOMNET_KERNEL=cython, but the extension cannot be imported ({NOT_BUILT}); "
        "build it with: DICOMNET_EXTENSION=require pip install . (with -e in a clone of the sources, whose package "
        "hides an installed one)"
    )


@pytest.mark.parametrize("choice", ["c", "Cython"])
def test_another_choice_is_an_error(choice: str) -> None:
    done = tell(choice)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].endswith(
        f"ImportError: DICOMNET_KERNEL is {choice!r}; it must be auto, python or cython"
    )
