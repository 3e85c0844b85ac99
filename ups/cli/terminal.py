"""Terminals: how many columns a text takes there, how it is made to fit, and what is coloured.

Text that comes here is printable already, so no character moves the cursor by more than two columns. Colours are the
user's choice (https://no-color.org), and only ever around our own text and what has been made to fit.
"""

from __future__ import annotations

import os
import sys
import unicodedata

from dicomnet.records import dataclass
from ups.cli.console import Console

__all__ = ["Terminal", "cut", "for_people", "padded", "terminal", "width_of", "wrapped"]

_DEFAULT_WIDTH = 80
_LEAST_WIDTH = 20
_STATE_COLOURS = {"IN PROGRESS": "33", "COMPLETED": "32", "CANCELED": "31"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """What there is to write on."""

    width: int = _DEFAULT_WIDTH
    coloured: bool = False
    encoding: str = "utf-8"

    @property
    def more(self) -> str:
        """What stands for text that was cut off."""
        return "…" if self.encoding.lower().replace("-", "") == "utf8" else "~"

    def shown(self, text: str) -> str:
        """The text as it will be seen: what the terminal does not have is escaped before it is measured."""
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def heading(self, text: str) -> str:
        """The text in bold."""
        return self._in("1", text)

    def label(self, text: str) -> str:
        """The text in the colour of names."""
        return self._in("36", text)

    def value(self, text: str) -> str:
        """The text, coloured when it is a state that a user looks for."""
        colour = _STATE_COLOURS.get(text.strip())
        return text if colour is None else self._in(colour, text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.coloured and text else text


def for_people(console: Console, colour: str) -> bool:
    """Whether results are for somebody who looks at them: on a terminal, or on the way to one in colour."""
    return colour == "always" or console.is_terminal


def terminal(console: Console, colour: str) -> Terminal:
    """The terminal of standard output; ``colour`` is what --color says."""
    environment = os.environ
    wanted = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb" and console.is_terminal
    return Terminal(_width(), colour == "always" or (colour == "auto" and wanted), console.encoding)


def _width() -> int:
    text = os.environ.get("COLUMNS", "")
    if text.isascii() and text.isdecimal() and int(text[:6]) > 0:
        return max(_LEAST_WIDTH, int(text[:6]))
    try:
        return max(_LEAST_WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns or _DEFAULT_WIDTH)
    except (OSError, ValueError, AttributeError):  # no terminal, or none that has a size
        return _DEFAULT_WIDTH


def width_of(text: str) -> int:
    """The columns that a text takes (UAX #11): two for wide characters, none for those that stand on others."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff":  # Hangul that is joined
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def cut(text: str, columns: int, more: str = "…") -> str:
    """The text in at most so many columns; ``more`` is the end of one that was cut."""
    if width_of(text) <= columns:
        return text
    head = _head(text, max(0, columns - width_of(more)))
    return head + more if columns >= width_of(more) else _head(text, columns)


def _head(text: str, columns: int) -> str:
    """As much of the text as fits, with the marks that stand on its last character."""
    taken = 0
    for place, character in enumerate(text):
        taken += _columns(character)
        if taken > columns:
            return text[:place]
    return text


def padded(text: str, columns: int) -> str:
    """The text with spaces behind it up to so many columns."""
    return text + " " * (columns - width_of(text))


def wrapped(text: str, columns: int) -> list[str]:
    """The text in lines of at most so many columns, broken at spaces where there are any; one line at least."""
    lines = []
    while width_of(text) > columns:
        head = _head(text, columns) or text[:1]
        space = head.rfind(" ") if text[len(head)] != " " else len(head)
        if space > 0:
            head = head[:space]
        lines.append(head.rstrip(" "))
        text = text[len(head) :].lstrip(" ")
    return [*lines, text]
