"""Who asks for Python gets the sources of the core, compiled or not, and of the kernel what has no other form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILED = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "dicomnet").rglob("*.pxd")]
LOAD = "import importlib, sys; print(*[importlib.import_module(name).__file__ for name in sys.argv[1:]], sep='\\n')"
LATE = "import dicomnet.codes; from dicomnet._sources import prefer_sources; prefer_sources(); " + LOAD


def files(code: str, *names: str, kernel: str) -> list[Path]:
    """Where a fresh interpreter has these modules from."""
    command = [sys.executable, "-c", code, *names]
    environment = {**os.environ, "DICOMNET_KERNEL": kernel}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=100)
    return [Path(line).relative_to(ROOT) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("code", "kernel"), [(LOAD, "python"), (LATE, "auto")], ids=["asked for", "late"])
def test_the_sources_are_preferred(code: str, kernel: str) -> None:
    assert COMPILED
    assert files(code, *COMPILED, kernel=kernel) == [Path(*name.split(".")).with_suffix(".py") for name in COMPILED]


def test_what_has_no_source_is_found_after_all(cython_is_built: None) -> None:
    (found,) = files(LOAD, "dicomnet.kernel._cython", kernel="python")
    assert found.suffix == ".so"


@pytest.fixture
def cython_is_built() -> None:
    if not list((ROOT / "dicomnet" / "kernel").glob("_cython.*.so")):
        pytest.skip("a pure install")
