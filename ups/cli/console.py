"""What is said where: results on standard output, everything else on standard error with the program's name before it.

All text of a peer or a file passes ``printable`` before it reaches a terminal. Knows no operation.
"""

from __future__ import annotations

import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable
from typing import TextIO

__all__ = ["Console", "OutputFailed", "is_harmless", "printable", "without_password"]

_MAX_TEXT = 500
_PROGRESS_BEGINS = 1.0
_PROGRESS_SECONDS = 0.2
_CLEAR_LINE = "\x1b[K"
_MAX_LINE = 4000
"""Of a line of ours, which may name many attributes; what a peer or a file says in it is bounded before."""


class OutputFailed(Exception):
    """Standard output cannot be written; ``closed`` when its reader went away."""

    def __init__(self, message: str, *, closed: bool) -> None:
        super().__init__(message)
        self.closed = closed


def printable(text: str, limit: int = _MAX_TEXT) -> str:
    """The text on one line, fit for a terminal: control and formatting characters escaped, the length capped."""
    shown = "".join(_escaped(character) for character in text[:limit])
    return shown if len(text) <= limit else f"{shown}... ({len(text)} characters)"


def is_harmless(character: str) -> bool:
    """Whether a terminal can have this character: it does not move, hide or end a line."""
    # Control characters, formatting ones (bidirectional overrides), lone surrogates, line and paragraph separators
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def without_password(text: str) -> str:
    """The text without the password that a URL in it may hold."""
    return re.sub(r"(://[^/@]*?:)[^/]*@", r"\1***@", text)


def _escaped(character: str) -> str:
    if is_harmless(character):
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _is_missing(stream: TextIO | None) -> bool:
    """Whether the program was started with this descriptor closed: Python has no stream then, in spite of its types."""
    return stream is None


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


class Console:
    """The two streams of one program. A ``quiet`` one says what went wrong and nothing else."""

    def __init__(self, program: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self.program = program
        self.quiet = False
        self._now = now
        self._next_progress = now() + _PROGRESS_BEGINS
        self._progress_shown = False
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a name outside the terminal's repertoire is shown, not refused
                stream.reconfigure(errors="backslashreplace")

    @property
    def is_terminal(self) -> bool:
        """Whether results go to a terminal."""
        return _is_terminal(sys.stdout)

    @property
    def encoding(self) -> str:
        """What results are encoded in."""
        return getattr(sys.stdout, "encoding", None) or "utf-8"

    @staticmethod
    def speak_utf8() -> None:
        """Write results in UTF-8 whatever the terminal has, as forms do that say so."""
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8")

    def result(self, *lines: str) -> None:
        """Lines of a result, already printable, seen at once by whoever reads.

        Raises:
            OutputFailed: standard output is closed or full.
        """
        self.end_progress()
        if _is_missing(sys.stdout):
            raise OutputFailed("cannot write to standard output: it is closed", closed=False)
        try:
            for line in lines:
                sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except OSError as error:
            self._give_up()
            reason = f"cannot write to standard output: {error.strerror or error}"
            raise OutputFailed(reason, closed=isinstance(error, BrokenPipeError)) from error

    def say(self, *lines: str) -> None:
        """Lines about what went wrong; a standard error that is gone is no reason to stop."""
        self.end_progress()
        self._write_error("".join(f"{self.program}: {printable(line, _MAX_LINE)}\n" for line in lines))

    def tell(self, *lines: str) -> None:
        """Lines about what happens."""
        if not self.quiet:
            self.say(*lines)

    def warn(self, *lines: str) -> None:
        """Lines about what the user may not expect."""
        if not self.quiet:
            self.complain(*lines)

    def complain(self, *lines: str) -> None:
        """Warnings that a quiet console has, too: they decide about the exit status."""
        self.say(*(f"warning: {line}" for line in lines))

    def progress(self, text: str) -> None:
        """Say how far it is, for a user who waits before a terminal: a line that the next line takes the place of."""
        now = self._now()
        if self.quiet or now < self._next_progress or not _is_terminal(sys.stderr):
            return
        self._next_progress = now + _PROGRESS_SECONDS
        self._progress_shown = True
        self._write_error(f"\r{self.program}: {printable(text)}{_CLEAR_LINE}")

    def end_progress(self) -> None:
        """Take the line of progress away."""
        if self._progress_shown:
            self._progress_shown = False
            self._write_error(f"\r{_CLEAR_LINE}")

    @staticmethod
    def _write_error(text: str) -> None:
        if _is_missing(sys.stderr):
            return
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            pass

    @staticmethod
    def _give_up() -> None:
        # What is still buffered would fail once more, with a traceback, when the interpreter ends.
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
