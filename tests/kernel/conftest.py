"""The bodies of the kernel this tree has, so that every contract test runs on each of them.

Without the extension (a pure install, DICOMNET_EXTENSION=no) its half is a visible skip, and a failure where
DICOMNET_KERNEL=cython asks for it. An extension that was built from other sources than those beside it is a failure
always: it would be tested in place of what is written there.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path
from types import ModuleType

import pytest

import dicomnet.kernel

FOLDER = Path(dicomnet.kernel.__file__).parent
BUILD = "DICOMNET_EXTENSION=require pip install -e ."


def sources() -> str:
    """The digest of the sources as setup.py takes it."""
    found = hashlib.sha256()
    for path in [FOLDER / "_cython.pyx", *sorted(FOLDER.glob("_cython_*.pxi"))]:
        found.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return f"sha256_{found.hexdigest()[:16]}"


def body(name: str) -> ModuleType:
    """``python`` or ``cython``; ends the test when it is not there or stale."""
    try:
        module = importlib.import_module(f"dicomnet.kernel._{name}")
    except ImportError as error:
        if os.environ.get("DICOMNET_KERNEL") == "cython":
            pytest.fail(f"{error}; build it with: {BUILD}")
        pytest.skip(f"{error}: a pure install; the extension is built by: {BUILD}")
    # an installed package has no sources beside it to be compared
    if name == "cython" and (FOLDER / "_cython.pyx").exists() and sources() != module.BUILT_FROM:
        pytest.fail(f"{module.__file__} was built from other sources than {FOLDER} has; build it again with: {BUILD}")
    return module


# .ci/sanitize is slow, and the reference body would be no other there
BODIES = ["cython"] if os.environ.get("DICOMNET_SANITIZE") == "1" else ["python", "cython"]


@pytest.fixture(params=BODIES)
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return body(request.param)
