"""``get`` on a terminal: a workitem with the names of its attributes, values beside them, sequences indented.

Coded entries are one line; long values go on under themselves. What cannot be read is shown as it can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dicomnet.errors import EncodeError
from dicomnet.records import dataclass
from ups.cli.cells import code_text, field_lines, unreadable_text
from ups.cli.console import Console, printable
from ups.cli.plain import PlainResults
from ups.cli.terminal import Terminal, cut, padded, width_of, wrapped

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from dicomnet.dataset.values import Field

__all__ = ["SheetResults", "sheet_lines"]

_GAP = 2
_INDENT = 2
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class _Entry:
    depth: int
    name: str
    lines: list[str]


class SheetResults(PlainResults):
    """Writes the workitem of ``get`` as a sheet; what else there may be is written as in the plain form."""

    def __init__(self, console: Console, terminal: Terminal) -> None:
        super().__init__(console)
        self._terminal = terminal

    def write_found(self, dataset: Dataset) -> None:
        """The workitem of ``get``."""
        self.console.result(*sheet_lines(dataset, self._terminal))


def sheet_lines(dataset: Dataset, terminal: Terminal) -> Iterator[str]:
    """The lines of the sheet."""
    entries = list(_entries(dataset, ("iso8859",), 0))
    labels = [width_of(entry.name) + entry.depth * _INDENT for entry in entries if entry.lines]
    beside = min(max(labels, default=0), terminal.width * 2 // 5) + _GAP
    for entry in entries:
        indent = min(entry.depth * _INDENT, terminal.width // 2)
        name = cut(terminal.shown(entry.name), terminal.width - indent, terminal.more)
        room = max(terminal.width - beside, 1)
        values = [part for text in entry.lines for part in wrapped(terminal.shown(text), room)]
        label = " " * indent + terminal.label(name)
        if not values:
            yield label
            continue
        if indent + width_of(name) + _GAP > beside:  # a long name has a line of its own
            yield label
        else:
            yield label + padded("", beside - indent - width_of(name)) + terminal.value(values.pop(0))
        for value in values:
            yield " " * beside + terminal.value(value)


def _entries(dataset: Dataset, encodings: tuple[str, ...], depth: int) -> Iterator[_Entry]:
    """The entries of one data set; recursion ends at the nesting limit."""
    from dicomnet.dataset.values import lenient_fields

    for tag, field in lenient_fields(dataset, encodings):
        name = _name(dataset, tag)
        if isinstance(field, EncodeError):
            yield _Entry(depth, name, [unreadable_text(dataset, tag)])
        elif field.vr == "SQ":
            yield from _sequence(field, name, depth)
        else:
            try:
                lines = field_lines(field)
            except EncodeError:
                lines = [unreadable_text(dataset, tag)]
            yield _Entry(depth, name, lines if any(lines) else [])


def _sequence(field: Field, name: str, depth: int) -> Iterator[_Entry]:
    codes = [code_text(item, field.encodings) for item in field.items]
    if all(codes):
        yield _Entry(depth, name, [printable(code) for code in codes if code])
        return
    yield _Entry(depth, name, [f"{len(codes)} items"] if len(codes) > 1 else [])
    for number, (item, code) in enumerate(zip(field.items, codes, strict=True), 1):
        if len(codes) > 1:
            yield _Entry(depth + 1, f"item {number}", [printable(code)] if code else [])
        if not code and depth < _MAX_DEPTH:
            yield from _entries(item, field.encodings, depth + 1 + (len(codes) > 1))


def _name(dataset: Dataset, tag: int) -> str:
    from pydicom.datadict import dictionary_description

    from dicomnet.dataset.values import private_creator

    number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    if tag >> 16 & 1:
        return f"{number} {printable(private_creator(dataset, tag), 64) or 'private'}"
    try:
        return dictionary_description(tag) or number
    except KeyError:
        return number
