"""The reference, made from the docstrings: ``python docs/reference.py FOLDER`` writes it as pages (extra ``docs``)."""

from __future__ import annotations

import os
import pkgutil
import sys
import warnings
from importlib import import_module
from pathlib import Path

PACKAGES = ("dicomnet", "ups")


def modules() -> list[str]:
    """All of them but the private ones and the programs."""
    found = [*PACKAGES]
    for package in PACKAGES:
        below = pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
        found += [module.name for module in below if not any(part.startswith("_") for part in module.name.split("."))]
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/reference.py FOLDER")
    os.environ["DICOMNET_KERNEL"] = "python"  # what is compiled does not tell its annotations
    warnings.simplefilter("ignore")  # pdoc warns of each name that is imported for annotations alone
    from pdoc import pdoc

    pdoc(*modules(), output_directory=Path(sys.argv[1]))
