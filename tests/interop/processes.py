"""Programs as they are run: a process, its lines as they come, its end. Nothing here waits longer than it says."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
"""Seconds for what takes one on an idle machine: a hang is caught, a busy machine is not."""


def environment(home: Path | None = None, **changes: str) -> dict[str, str]:
    """The environment without what could change the behaviour of our programs."""
    names = ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV", "DICOMNET_KERNEL", "COVERAGE_PROCESS_START")
    found = {name: os.environ[name] for name in names if name in os.environ}
    return {**found, "HOME": str(home or "/nonexistent"), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **changes}


@dataclass(frozen=True)
class Ended:
    """What a program that ran to its end has left."""

    status: int
    out: str
    err: str

    @property
    def error_lines(self) -> list[str]:
        return self.err.splitlines()


def run(
    *words: str, module: str = "ups", seconds: float = PATIENCE, preexec: Callable[[], object] | None = None
) -> Ended:
    """Run one of our programs to its end."""
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        capture_output=True,
        text=True,
        timeout=seconds,
        env=environment(),
        stdin=subprocess.DEVNULL,
        check=False,
        preexec_fn=preexec,
    )
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def without_override() -> None:
    """In the child: root that has to ask for permission like everybody else (capabilities 1 and 2)."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (1, 2):
            libc.prctl(24, capability, 0, 0, 0)


class Program:
    """A program that stays: its lines are collected while it runs."""

    def __init__(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        preexec: Callable[[], object] | None = None,
        module: str | None = None,
    ) -> None:
        self._words = [sys.executable, "-m", module, *words] if module else list(words)
        self._process = subprocess.Popen(
            self._words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            env=dict(env or environment()),
            preexec_fn=preexec,
        )
        self._changed = threading.Condition()
        self._lines: dict[str, list[str]] = {"out": [], "err": []}
        self._open = 2
        streams = (("out", self._process.stdout), ("err", self._process.stderr))
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in streams]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._lines[name].append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    @property
    def out(self) -> list[str]:
        with self._changed:
            return list(self._lines["out"])

    @property
    def err(self) -> list[str]:
        with self._changed:
            return list(self._lines["err"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, pattern: str, stream: str = "err", *, count: int = 1, seconds: float = PATIENCE) -> re.Match:
        """The ``count``-th line that has the pattern, as soon as it is there."""
        compiled = re.compile(pattern)

        def hits() -> list[re.Match]:
            return [hit for line in self._lines[stream] if (hit := compiled.search(line))]

        with self._changed:
            self._changed.wait_for(lambda: len(hits()) >= count or not self._open, seconds)
            found = hits()
            if len(found) < count:
                raise AssertionError(f"{pattern!r} did not come {count} times from {self._words}: {self._lines}")
            return found[count - 1]

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit status, when all output has been read."""
        status = self._process.wait(seconds)
        for reader in self._readers:
            reader.join(seconds)
        return status

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """End it by a signal and return its exit status."""
        self.send_signal(number)
        return self.wait(seconds)

    def kill(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            self._process.kill()
        self.wait()


class UpsScp(Program):
    """``upsscp`` on a free port of the loopback interface; made when it is ready."""

    def __init__(
        self,
        database: Path | str,
        *words: str,
        title: str = "UPSSCP",
        peers: Mapping[str, int] | None = None,
        preexec: Callable[[], object] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        table = [word for name, port in (peers or {}).items() for word in ("--peer", f"{name}=127.0.0.1:{port}")]
        command = ("-L", f"{title}@127.0.0.1:0", "--db", str(database), *table, *words)
        super().__init__(*command, module="ups.cli.upsscp", preexec=preexec, env=env)
        self.title = title
        try:
            ready = self.wait_for(r"^upsscp: (\S+) listening on 127\.0\.0\.1:(\d+)$")
        except BaseException:
            self.kill()
            raise
        assert ready[1] == title
        self.port = int(ready[2])

    @property
    def address(self) -> str:
        """How ``dcmups`` is told of it."""
        return f"{self.title}@127.0.0.1:{self.port}"

    def dcmups(self, operation: str, *words: str, status: int | None = 0) -> Ended:
        """Run ``dcmups`` against it and check the exit status."""
        done = run(operation, self.address, *words)
        assert status is None or done.status == status, done
        return done

    def check_healthy(self) -> None:
        """Nothing that it wrote tells of a defect."""
        bad = [line for line in self.err if "Traceback" in line or "internal error" in line]
        assert not bad, self.err
