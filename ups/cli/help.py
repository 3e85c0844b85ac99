"""The help of a program, from its records: what argparse would make of them (``usage``), but at once.

Asking for help is the quickest thing a program can do, and half of that would go into loading argparse.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from ups.cli.option import Option, Program

__all__ = ["help_lines", "operation_lines"]

_TEXT_COLUMN = 32
_NARROWEST = 11


def help_lines(program: Program) -> Iterator[str]:
    """The lines, for the width that standard output has."""
    width = _width()
    yield f"usage: {program.usage}"
    yield ""
    yield program.description
    names = [_invocation(option) for option in program.options]
    column = min(max(map(len, names)) + 4, _TEXT_COLUMN, max(width - 20, 4))
    for section in program.sections:
        yield ""
        yield f"{section.title}:"
        for option in section.options:
            yield from _option_lines(option, column, max(width - column, _NARROWEST))
    yield ""
    yield from operation_lines(program)
    yield ""
    yield program.epilog


def operation_lines(program: Program) -> Iterator[str]:
    """The operations with what they do."""
    yield "operations:"
    yield from (f"  {name:<12} {summary}" for name, summary in program.operations)


def _invocation(option: Option) -> str:
    names = ", ".join(option.names)
    return f"{names} {option.metavar}" if option.metavar else names


def _option_lines(option: Option, column: int, room: int) -> Iterator[str]:
    head = f"  {_invocation(option)}"
    lines = _wrapped(option.help, room)
    if len(head) + 2 <= column:
        yield f"{head:<{column}}{lines.pop(0)}"
    else:
        yield head
    yield from (" " * column + line for line in lines)


def _wrapped(text: str, room: int) -> list[str]:
    """The words in lines of at most so many characters; a word that is longer than a line is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines += [word[start : start + room] for start in range(0, len(word), room)]
    return lines


def _width() -> int:
    """Two columns less than the terminal has, as argparse counts it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns) - 2
    try:
        return (os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or 80) - 2
    except (OSError, ValueError):  # no terminal
        return 78
