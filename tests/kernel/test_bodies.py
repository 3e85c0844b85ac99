"""An extension that was built from other sources than those beside it is never run in their place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import dicomnet.kernel
from fuzz.kernel import bodies

ROOT = Path(__file__).parents[2]
INSTALLED = not Path(dicomnet.kernel.__file__).with_name("_cython.pyx").exists()

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(INSTALLED, reason="an installed package has no sources to compare with"),
]

FUZZ = """
import sys
from fuzz.kernel import bodies
bodies._digest = lambda: "sha256_of_other_sources"
from fuzz.__main__ import main
sys.exit(main(["kernel-pdv", "--runs", "1"]))
"""


def test_a_stale_extension_is_refused(cython: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_digest", lambda: "sha256_of_other_sources")
    for take in (lambda: bodies.body("cython"), bodies.all_bodies):
        with pytest.raises(bodies.StaleExtension, match=r"build it with: .* setup\.py build_ext --inplace"):
            take()
    assert bodies.body("python").__name__ == "dicomnet.kernel._python"


def test_fuzzing_does_not_begin_with_a_stale_extension(cython: ModuleType) -> None:
    command = [sys.executable, "-c", FUZZ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (2, "")
    assert "not built from the sources" in done.stderr


@pytest.mark.parametrize("stale", ["source", "types", "missing"])
def test_a_stale_or_missing_module_of_the_core_is_told(
    stale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "dicomnet"
    (package / "kernel").mkdir(parents=True)
    (package / "ul").mkdir()
    files = {name: package / "ul" / name for name in ("a.py", "a.pxd", "a.so", "b.py", "b.pxd", "b.so")}
    for age, path in enumerate(files.values()):
        path.touch()
        os.utime(path, (age, age))
    found = {f"dicomnet.ul.{name}": SimpleNamespace(origin=str(files[f"{name}.so"])) for name in "ab"}
    monkeypatch.setattr(bodies, "_FOLDER", package / "kernel")
    monkeypatch.setattr(bodies, "find_spec", found.get)
    bodies.check_core()
    if stale == "missing":
        found["dicomnet.ul.b"].origin = str(files["b.py"])
    else:
        os.utime(files["b.py" if stale == "source" else "b.pxd"], (9, 9))
    with pytest.raises(bodies.StaleExtension, match=r"b\.py .* build it with: .* setup\.py build_ext --inplace"):
        bodies.check_core()
    for name in "ab":
        found[f"dicomnet.ul.{name}"].origin = str(files[f"{name}.py"])
    bodies.check_core()


def test_a_missing_extension_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dicomnet.kernel._cython", None)
    found, missing = bodies.all_bodies()
    assert list(found) == ["python"]
    assert "build it with" in missing
