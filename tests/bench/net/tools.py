"""DCMTK's tools as candidates: storescp as the server, storescu and echoscu as clients, a process each run."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.net.children import CLIENTS, SERVERS, pinned
from tests.bench.timing import Measure

__all__ = ["Storescp", "are_there", "echoscu", "storescu", "version"]

_PATIENCE = 10.0


def are_there() -> bool:
    """Whether DCMTK is installed (Debian: dcmtk)."""
    return all(shutil.which(name) for name in ("storescp", "storescu", "echoscu"))


def version() -> str:
    """Which DCMTK it is."""
    said = subprocess.run(["storescp", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v(\S+)", said)
    return found[1] if found else "?"


class Storescp:
    """``storescp --ignore``; a context manager that ends it.

    Raises:
        RuntimeError: it does not listen.
    """

    def __init__(self, max_length: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dicomnet-bench-")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        words = ["storescp", "--ignore", "-pdu", str(max_length), "-od", self._folder.name, str(self.port)]
        self._process = pinned(words, SERVERS)
        until = time.monotonic() + _PATIENCE
        while not self._listens():
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError(f"{' '.join(words)} does not listen")
            time.sleep(0.02)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def echoscu(port: int) -> Measure:
    """C-ECHO."""
    return _beyond_one(["echoscu", "-aec", "BENCH", "127.0.0.1", str(port)])


def storescu(port: int, max_length: int, path: Path) -> Measure:
    """C-STORE of this file."""
    return _beyond_one(["storescu", "-R", "-aec", "BENCH", "-pdu", str(max_length), "127.0.0.1", str(port), str(path)])


def _beyond_one(words: Sequence[str]) -> Measure:
    """The seconds of a run that does it once more than asked for, less those of a run that does it once."""

    def run(times: int) -> float:
        begin = time.perf_counter()
        process = pinned([*words, "--repeat", str(times)], CLIENTS, stdout=subprocess.DEVNULL)
        if process.wait():
            raise RuntimeError(f"{' '.join(words)} ended with status {process.returncode}")
        return time.perf_counter() - begin

    def measure(times: int, /) -> float:
        return max(run(times + 1) - run(1), 1e-9)

    return measure
