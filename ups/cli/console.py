"""What is said where: results on standard output, everything else on standard error with the program's name before it.

All text of a peer or a file passes ``printable`` before it reaches a terminal. Knows no operation.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TextIO

__all__ = ["Console", "OutputFailed", "is_harmless", "printable"]

_MAX_TEXT = 500
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


class Console:
    """The two streams of one program."""

    def __init__(self, program: str) -> None:
        self.program = program
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a name outside the terminal's repertoire is shown, not refused
                stream.reconfigure(errors="backslashreplace")

    def result(self, *lines: str) -> None:
        """Lines of a result, already printable, seen at once by whoever reads.

        Raises:
            OutputFailed: standard output is closed or full.
        """
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
        """Lines about what happens; a standard error that is gone is no reason to stop."""
        if _is_missing(sys.stderr):
            return
        try:
            for line in lines:
                sys.stderr.write(f"{self.program}: {printable(line, _MAX_LINE)}\n")
            sys.stderr.flush()
        except OSError:
            pass

    def warn(self, *lines: str) -> None:
        """Lines about what the user may not expect."""
        self.say(*(f"warning: {line}" for line in lines))

    @staticmethod
    def _give_up() -> None:
        # What is still buffered would fail once more, with a traceback, when the interpreter ends.
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
