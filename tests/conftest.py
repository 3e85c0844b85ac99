"""For all tests: what may be missing on a machine is told in one way, and Hypothesis judges by examples, never by time.

A peer that is not here (the real data sets, DCMTK) is a visible skip, and a failure under DICOMNET_REQUIRE_PEERS=1.
Who runs the tests with each body of the kernel in turn need not run all of them twice: what is marked ``once`` shows
the same with either, because it runs both or has to do with neither. DICOMNET_SKIP_ONCE=1 leaves it out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from fuzz.kernel import bodies

# The tests bring their own configuration, and so do the programs that they start.
os.environ["DICOMNET_CONFIG"] = ""
for name in [name for name in os.environ if name.startswith(("DCMUPS_", "UPSSCP_"))]:
    del os.environ[name]

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


def pytest_configure() -> None:
    """What is tested is what is written here, and no stale build of it."""
    try:
        bodies.check_core()
    except bodies.StaleExtension as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("DICOMNET_SKIP_ONCE") != "1":
        return
    skip = pytest.mark.skip(reason="DICOMNET_SKIP_ONCE=1: shows the same with either body, and runs with the other one")
    for item in items:
        if item.get_closest_marker("once"):
            item.add_marker(skip)


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
