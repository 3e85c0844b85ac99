"""The two bodies of the kernel, for those who compare or measure them, and whether what is compiled is up to date.

The extensions are optional, so they may be missing, which everybody says in their own way. One that was built from
other sources than those beside it is refused always: it would be run in place of what is written there.
"""

from __future__ import annotations

import hashlib
import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import dicomnet.kernel

__all__ = ["StaleExtension", "all_bodies", "body", "check_core"]

_FOLDER = Path(dicomnet.kernel.__file__).parent
_BUILD = "DICOMNET_EXTENSION=require python setup.py build_ext --inplace"


class StaleExtension(Exception):
    """The extension was built from other sources than those that are here."""


def body(name: str) -> ModuleType:
    """``python`` or ``cython``.

    Raises:
        ImportError: it is not here.
        StaleExtension: it is not built from the sources that are here. An installed package has none to compare with.
    """
    try:
        module = importlib.import_module(f"dicomnet.kernel._{name}")
    except ImportError as error:
        raise ImportError(f"the fast body is not here ({error}); build it with: {_BUILD}") from error
    if name == "cython" and (_FOLDER / "_cython.pyx").exists() and _digest() != module.BUILT_FROM:
        raise StaleExtension(f"{module.__file__} is not built from the sources in {_FOLDER}; build it with: {_BUILD}")
    return module


def all_bodies() -> tuple[dict[str, ModuleType], str]:
    """Both bodies by name, and why the fast one is missing (empty: it is not).

    Raises:
        StaleExtension: see ``body``.
    """
    found = {"python": body("python")}
    try:
        found["cython"] = body("cython")
    except ImportError as error:
        return found, str(error)
    return found, ""


def check_core() -> None:
    """See to it that the modules of the core that are compiled are what is written beside them.

    Raises:
        StaleExtension: one is older than its source or its types, or some are compiled and others are not.
    """
    root = _FOLDER.parent.parent
    used: dict[Path, Path] = {}
    for types in _FOLDER.parent.rglob("*.pxd"):
        spec = find_spec(".".join(types.relative_to(root).with_suffix("").parts))
        used[types.with_suffix(".py")] = Path(str(spec.origin if spec else None))
    if all(source == module for source, module in used.items()):  # nothing is compiled, or it is not asked for
        return
    for source, module in used.items():
        changed = max(path.stat().st_mtime_ns for path in (source, source.with_suffix(".pxd")))
        if source == module or module.stat().st_mtime_ns < changed:
            raise StaleExtension(f"the compiled form of {source} is older than it, or missing; build it with: {_BUILD}")


def _digest() -> str:
    """Of the sources, as setup.py takes it."""
    found = hashlib.sha256()
    for path in [_FOLDER / "_cython.pyx", *sorted(_FOLDER.glob("_cython_*.pxi"))]:
        found.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return f"sha256_{found.hexdigest()[:16]}"
