"""Threads that meet in the kernel: at the first call of all, and at the first look into one data set."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pydicom.dataset import Dataset

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
THREADS = 8

# The fast body looks pydicom's classes up at its first use, which imports modules: other threads run meanwhile.
FIRST_CALL = """
import os, struct, sys, threading, time, traceback
from dicomnet import kernel

data = struct.pack("<HH2sH", 0x0008, 0x0060, b"CS", 2) + b"MR"
gate = threading.Barrier(8)
found = []

def decode():
    gate.wait(30)
    try:
        dataset = kernel.decode_dataset(data, False, True, 64, 1000)
        found.append((type(dataset), dataset.Modality))
    except BaseException:
        traceback.print_exc()

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=decode, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
end = time.monotonic() + 60
for thread in threads:
    thread.join(max(0.0, end - time.monotonic()))
print(kernel.KERNEL, len(found), len(set(found)), sum(thread.is_alive() for thread in threads), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("loaded", ["", "import dicomnet.dataset, pydicom"], ids=["nothing loaded", "pydicom loaded"])
def test_threads_meet_at_the_first_call(cython: ModuleType, loaded: str) -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", f"{loaded}\n{FIRST_CALL}"],
            cwd=ROOT,
            env={**os.environ, "DICOMNET_KERNEL": "cython"},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert (done.stdout, done.stderr) == (f"cython {THREADS} 1 0\n", "")


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_threads_open_the_same_data_set(kernel: ModuleType) -> None:
    # pydicom makes the elements of tags that no dictionary has: Python runs all the while
    data = b"".join(struct.pack("<HHI2s", 0x0012, 0xA000 + number, 2, b"ab") for number in range(200))
    for _ in range(20):
        dataset: Dataset = kernel.decode_dataset(data, True, True, 64, 1000)
        gate = threading.Barrier(THREADS)
        seen: list[tuple[object, list[int]]] = []

        def look(
            dataset: Dataset = dataset,
            gate: threading.Barrier = gate,
            seen: list[tuple[object, list[int]]] = seen,
        ) -> None:
            gate.wait(30)
            elements = dataset._dict
            seen.append((elements, [id(elements[tag]) for tag in elements]))

        threads = [threading.Thread(target=look) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(seen) == THREADS
        assert len(seen[0][1]) == 200
        assert all(elements is seen[0][0] and ids == seen[0][1] for elements, ids in seen)
