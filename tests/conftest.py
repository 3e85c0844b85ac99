"""For all tests: what may be missing on a machine is told in one way, and Hypothesis judges by examples, never by time.

A peer that is not here (the real data sets, DCMTK) is a visible skip, and a failure under DICOMNET_REQUIRE_PEERS=1.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


@pytest.fixture(scope="session")
def missing() -> Callable[[str], NoReturn]:
    """Ends the test that asked for what is not here."""

    def end(what: str) -> NoReturn:
        if os.environ.get("DICOMNET_REQUIRE_PEERS") == "1":
            pytest.fail(f"{what}, and DICOMNET_REQUIRE_PEERS=1 requires it")
        pytest.skip(what)

    return end


@pytest.fixture(scope="session")
def real_data(missing: Callable[[str], NoReturn]) -> Path:
    """The folder of data sets that other systems made; it stands beside the project and is no part of it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not any(folder.glob("*.dcm")):
        missing(f"the real data sets are not in {folder}")
    return folder
