"""Our own programs as processes: started from this very installation, ready when they say so, ended by SIGTERM."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Self

__all__ = ["PATIENCE", "Server", "StuckError", "run", "start"]

PATIENCE = 60.0
"""Seconds until a process that does not say what it should counts as stuck."""


class StuckError(Exception):
    """A process did not do its part; the text says which and what."""


class Server:
    """A process that serves until it is told to end; ``port`` is the real one.

    ``said`` is what it wrote to standard error: up to its readiness at first, all of it once it is closed.

    Raises:
        StuckError: it ended, or was silent, instead of becoming ready.
    """

    def __init__(self, module: str, *words: str) -> None:
        self._name = module
        self._process = start(module, *words)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: queue.Queue[str | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True),
            threading.Thread(target=_read, args=(self._process.stderr, self._errors), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.said: list[str] = []
        try:
            self.port = self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self) -> int:
        return int(self.hear(" listening on ").rpartition(":")[2])

    def hear(self, text: str) -> str:
        """The next line on standard error with this text in it.

        Raises:
            StuckError: there is none.
        """
        while (line := self._next(self._errors)) is not None:
            self.said.append(line)
            if text in line:
                return line
        raise StuckError(f"{self._name} ended without saying {text!r}: {' | '.join(self.said)}")

    def block(self) -> list[str]:
        """The next lines up to an empty one: an event report.

        Raises:
            StuckError: there is none.
        """
        lines: list[str] = []
        while (line := self._next(self._lines)) is not None:
            if not line:
                return lines
            lines.append(line)
        raise StuckError(f"{self._name} ended while an event report was due")

    def _next(self, lines: queue.Queue[str | None]) -> str | None:
        try:
            return lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise StuckError(f"{self._name} said nothing for {PATIENCE:g} s") from None

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit status."""
        self._process.send_signal(number)
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it if it has not ended, and take in the rest of what it said."""
        if self._process.poll() is None:
            self.end()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        while not self._errors.empty():
            self.said += [line for line in (self._errors.get(),) if line is not None]

    def rest(self) -> list[str]:
        """What it printed and nobody took, once it is closed."""
        lines = []
        while not self._lines.empty():
            lines += [line for line in (self._lines.get(),) if line is not None]
        return lines


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line.rstrip("\n"))
    lines.put(None)


def start(module: str, *words: str) -> subprocess.Popen[str]:
    """Start a module of this installation as a program."""
    # This very installation, wherever it is, and nothing of the current folder.
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    # What the user has set up for calls to other systems has no place here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DCMUPS_", "UPSSCP_"))}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**environment, "DICOMNET_CONFIG": "", "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
    )


def run(*words: str, patience: float = PATIENCE) -> tuple[int, str, str]:
    """Run ``dcmups`` to its end, for at most so many seconds: exit status, standard output, standard error.

    Raises:
        StuckError: it does not end.
    """
    process = start("ups", *words)
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise StuckError(f"dcmups {' '.join(words)} did not end within {patience:g} s") from None
    return process.returncode, out, err
