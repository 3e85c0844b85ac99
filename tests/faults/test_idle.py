"""Five thousand idle associations in one asyncio server: what each may cost, and that none keeps anybody awake."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.faults.idle import needed

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
COUNT = 5000
MOST = 64 * 1024


def test_thousands_of_idle_associations(missing: Callable[[str], NoReturn]) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed(COUNT):
        missing(f"{needed(COUNT)} descriptors are needed, and the hard limit is {hard}")
    command = [sys.executable, "-m", "tests.faults.idle", str(COUNT)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(found)
    assert found["open"] > COUNT
    assert found["each"] <= MOST
    # The loop sleeps through: once until it is told to look at the clock, and once when the time has come.
    assert found["looks while quiet"] <= 4
    assert found["processor seconds while quiet"] < 0.1
    assert found["timers"] <= found["open"]
    # One more is served as if it were alone: neither its turns nor its time grow with the number of the others.
    assert found["looks per echo"] <= 6
    assert found["seconds per echo"] < 0.05
    assert found["sessions left"] == found["timers left"] == 0  # but for the one that all links share
