"""Only the optional extension: the fast body of the kernel. Everything else is in pyproject.toml.

DICOMNET_EXTENSION=auto     build it when its source and a compiler are there, else install pure Python (the default)
DICOMNET_EXTENSION=require  fail when it cannot be built
DICOMNET_EXTENSION=no       do not try
"""

import os
from pathlib import Path

from setuptools import Extension, setup

SOURCE = Path("dicomnet/kernel/_cython.pyx")
PARTS = sorted(SOURCE.parent.glob("_cython_*.pxi"))


def extensions() -> list[Extension]:
    choice = os.environ.get("DICOMNET_EXTENSION", "auto")
    if choice not in ("auto", "require", "no"):
        raise SystemExit(f"DICOMNET_EXTENSION is {choice!r}; it must be auto, require or no")
    if choice == "no":
        return []
    if not SOURCE.exists():
        if choice == "require":
            raise SystemExit(f"DICOMNET_EXTENSION=require, but this source tree has no {SOURCE}")
        return []
    from Cython.Build import cythonize  # a build requirement, needed only on this path

    extension = Extension("dicomnet.kernel._cython", [str(SOURCE)], depends=[str(part) for part in PARTS])
    modules: list[Extension] = cythonize([extension])
    for module in modules:  # cythonize() drops the flag, so it is set on what it returns
        module.optional = choice == "auto"
    return modules


setup(ext_modules=extensions())
