"""The processes of a benchmark: each on its CPU, asked and answering by lines, ended with the benchmark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.bench.timing import Measure

__all__ = ["CLIENTS", "SERVERS", "Child", "Client", "Server", "pinned"]

_ROOT = Path(__file__).parents[3]
_CPUS = sorted(os.sched_getaffinity(0))
CLIENTS, SERVERS = _CPUS[0], _CPUS[-1]
"""Where they run."""


def pinned(command: Sequence[str], cpu: int, **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that stays on this CPU."""
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "TCP_NODELAY": "1"}
    return subprocess.Popen(
        command, env=environment, preexec_fn=lambda: os.sched_setaffinity(0, {cpu}), cwd=_ROOT, **options
    )


class Child:
    """A process of ours (``tests.bench.net.child``); a context manager that ends it.

    Raises:
        RuntimeError: it ended.
    """

    def __init__(self, cpu: int, *words: str) -> None:
        command = [sys.executable, "-m", "tests.bench.net.child", *words]
        self.name = " ".join(words)
        self._process = pinned(command, cpu, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def answer(self) -> Any:
        """The next thing it says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self._process.wait()}")
        return json.loads(line)

    def ask(self, **what: Any) -> Any:
        """Its answer to this."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()
        return self.answer()

    def memory(self) -> dict[str, int]:
        """Bytes: ``VmRSS`` that are resident, ``VmHWM`` that were at most."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        fields = (line.split() for line in lines if line.startswith(("VmRSS", "VmHWM")))
        return {name.rstrip(":"): int(kibibytes) * 1024 for name, kibibytes, _ in fields}

    def processor_seconds(self) -> float:
        """What it has used of its CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server(Child):
    """A child that listens."""

    def __init__(self, *words: str) -> None:
        super().__init__(SERVERS, *words)
        self.port: int = self.answer()


class Client(Child):
    """A child that is told what to do, and how often."""

    def __init__(self, *words: str) -> None:
        super().__init__(CLIENTS, *words)

    def measure(self, work: str, port: int, options: Mapping[str, Any] | None = None) -> Measure:
        """This work against the server on this port."""

        def times(number: int, /) -> float:
            return float(self.ask(work=work, port=port, times=number, **(options or {})))

        return times
