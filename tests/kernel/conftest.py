"""The bodies of the kernel this tree has, so that every contract test runs on each of them."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

import dicomnet.kernel

SOURCE = Path(dicomnet.kernel.__file__).with_name("_cython.pyx")
BODIES = ["python", "cython"] if SOURCE.exists() else ["python"]


@pytest.fixture(params=BODIES)
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    try:
        return importlib.import_module(f"dicomnet.kernel._{request.param}")
    except ImportError as error:
        pytest.fail(f"{error}; build it with: DICOMNET_EXTENSION=require pip install -e .")
