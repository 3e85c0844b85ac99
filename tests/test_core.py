"""The classes of the core, compiled or not: one whose ``__init__`` was not run raises, and what can be set can be."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
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


SET_ALL = """
import importlib, sys
for line in sys.argv[1:]:
    place, kind, name = line.split()
    kind = getattr(importlib.import_module(place), kind)
    made = kind.__new__(kind)
    try:
        setattr(made, name, getattr(made, name, None))
    except AttributeError:
        continue
    print(line)
"""


def public_attributes() -> Iterator[str]:
    """Those that public classes of the core give their instances: module, class and name."""
    for module in MODULES:
        tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8"))
        for kind in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
            names = {node.target.id for node in kind.body if isinstance(node, ast.AnnAssign)}  # fields of a record
            for node in ast.walk(kind):
                match node:
                    case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                        names.add(name)
            yield from (f"{module} {kind.name} {name}" for name in sorted(names) if name[0] != "_" != kind.name[0])


def test_compiled_or_not_the_same_attributes_can_be_set() -> None:
    attributes = list(public_attributes())
    assert len(attributes) > 50
    settable = []
    for kernel in ("auto", "python"):
        command = [sys.executable, "-c", SET_ALL, *attributes]
        more = {"cwd": ROOT, "env": {**os.environ, "DICOMNET_KERNEL": kernel}}
        done = subprocess.run(command, **more, capture_output=True, text=True, check=True, timeout=100)
        settable.append(done.stdout.splitlines())
    assert settable[0] == settable[1]
