"""The two bodies of the kernel, for those who compare or measure them: fuzzing, tests and benchmarks.

The extension is optional, so it may be missing, which everybody says in their own way. One that was built from other
sources than those beside it is refused always: it would be run in place of what is written there.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from types import ModuleType

import dicomnet.kernel

__all__ = ["StaleExtension", "all_bodies", "body"]

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


def _digest() -> str:
    """Of the sources, as setup.py takes it."""
    found = hashlib.sha256()
    for path in [_FOLDER / "_cython.pyx", *sorted(_FOLDER.glob("_cython_*.pxi"))]:
        found.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return f"sha256_{found.hexdigest()[:16]}"
