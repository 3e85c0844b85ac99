"""The bodies of the kernel as fixtures. A missing extension is a skip, a stale one a failure always.

Where DICOMNET_KERNEL=cython asks for the extension, a missing one already fails the import of ``dicomnet.kernel``.
"""

from __future__ import annotations

import os
from types import ModuleType

import pytest

from fuzz.kernel import bodies


def body(name: str) -> ModuleType:
    """``python`` or ``cython``; ends the test when it is not there or stale."""
    try:
        return bodies.body(name)
    except bodies.StaleExtension as error:
        pytest.fail(str(error))
    except ImportError as error:
        pytest.skip(str(error))


# .ci/sanitize is slow, and the reference body would be no other there
BODIES = ["cython"] if os.environ.get("DICOMNET_SANITIZE") == "1" else ["python", "cython"]


@pytest.fixture(params=BODIES)
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return body(request.param)


@pytest.fixture(scope="session")
def cython() -> ModuleType:
    """The fast body, where it is compared with the reference."""
    return body("cython")
