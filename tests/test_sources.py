"""Who asks for Python gets the sources of the core, compiled or not, and of the kernel what has no other form."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import zipfile
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


def test_a_package_in_a_zip_file_is_left_to_who_reads_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (ROOT / "dicomnet").rglob("*.py"):
            archive.write(path, path.relative_to(ROOT))
    command = [sys.executable, "-S", "-c", "import dicomnet.errors, dicomnet.ul.timers as found; print(found.__file__)"]
    environment = {**os.environ, "DICOMNET_KERNEL": "python", "PYTHONPATH": str(tmp_path / "all.zip")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.strip() == str(tmp_path / "all.zip" / "dicomnet" / "ul" / "timers.py")


def test_a_package_without_sources_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dicomnet", tmp_path / "dicomnet", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    compileall.compile_dir(tmp_path, quiet=2, legacy=True, workers=1)
    for path in tmp_path.rglob("*.py"):
        path.unlink()
    command = [sys.executable, "-S", "-c", "import dicomnet.ul.timers as found; print(found.__file__)"]
    environment = {**os.environ, "DICOMNET_KERNEL": "python", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.strip() == str(tmp_path / "dicomnet" / "ul" / "timers.pyc")


def test_what_has_no_source_is_found_after_all(cython_is_built: None) -> None:
    (found,) = files(LOAD, "dicomnet.kernel._cython", kernel="python")
    assert found.suffix == ".so"


@pytest.fixture
def cython_is_built() -> None:
    if not list((ROOT / "dicomnet" / "kernel").glob("_cython.*.so")):
        pytest.skip("a pure install")
