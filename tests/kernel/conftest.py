"""The two bodies of the kernel, so that every contract test runs on both."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

import pytest


@pytest.fixture(params=["python", "cython"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    name = f"dicomnet.kernel._{request.param}"
    if importlib.util.find_spec(name) is None:
        pytest.skip("the extension is not built")
    return importlib.import_module(name)
