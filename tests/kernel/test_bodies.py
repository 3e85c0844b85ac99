"""An extension that was built from other sources than those beside it is never run in their place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

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


def test_a_missing_extension_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dicomnet.kernel._cython", None)
    found, missing = bodies.all_bodies()
    assert list(found) == ["python"]
    assert "build it with" in missing
