"""The modules of this package by their sources, whatever was compiled from them.

Python prefers a compiled module to the source beside it. Who asks for Python (DICOMNET_KERNEL=python) wants all of it:
to step through the core in a debugger, to replace parts of it, to have it traced for coverage or by a fuzzer.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

__all__ = ["prefer_sources"]

_PACKAGE = os.path.dirname(__file__)
_LOADERS = (
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
)


def prefer_sources() -> None:
    """From now on import the sources; what is imported already stays as it is."""
    if _finder not in sys.path_hooks:
        sys.path_hooks.insert(0, _finder)
    for folder in [folder for folder in sys.path_importer_cache if _is_ours(folder)]:
        del sys.path_importer_cache[folder]


def _is_ours(folder: str) -> bool:
    return folder == _PACKAGE or folder.startswith(_PACKAGE + os.sep)


def _finder(folder: str) -> FileFinder:
    """A path entry hook. What has no source, such as the fast body of the kernel, is found after all."""
    if not _is_ours(folder) or not os.path.isdir(folder):  # but for example in a zip file
        raise ImportError("no folder of this package", path=folder)
    return FileFinder(folder, *_LOADERS)
