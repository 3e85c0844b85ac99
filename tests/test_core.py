"""The classes of the core, compiled or not: one whose ``__init__`` was not run raises, and crashes no process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "dicomnet").rglob("*.pxd")]
TRY_ALL = """
import importlib, sys
tried = 0
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for kind in [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == name]:
        for member in {*vars(kind)} - {"__init__", "__new__", "__class__", "__class_getitem__"}:
            for count in range(5):
                for value in (None, 0, b"x"):
                    try:
                        found = getattr(kind.__new__(kind), member)
                        if callable(found):
                            found(*[value] * count)
                    except Exception:
                        tried += 1
print(tried)
"""


def test_without_their_init_they_raise() -> None:
    command = [sys.executable, "-c", TRY_ALL, *MODULES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1000
