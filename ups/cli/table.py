"""``find`` on a terminal: a table with a line for each match.

The first column is the UID, which is never cut, for it is what the next command needs. The others are what -r names, or
what most people look for, cut to the width of the terminal; what finds no place is left out from the right, which is
said at the end. The first matches settle the widths, and later ones fit into them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from dicomnet.records import dataclass
from ups.cli.cells import text_at
from ups.cli.console import Console
from ups.cli.plain import QuickResults
from ups.cli.terminal import Terminal, cut, padded, width_of
from ups.vocabulary import TAGS, keyword

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from dicomnet.dataset.glance import Glance

__all__ = ["Column", "TableResults", "columns_for", "layout"]

_TITLES = {
    0x00741000: "State",
    0x00404005: "Start",
    0x00100010: "Patient",
    0x00100020: "Patient ID",
    0x00741204: "Step",
    0x00741202: "Worklist",
}
"""The columns that most people look for (PS3.4 Table CC.2.5-3), in this order."""

_SOP_INSTANCE, _STATE = 0x00080018, 0x00741000
_NEVER = frozenset({_SOP_INSTANCE, 0x00080005, 0x00080016, 0x00081195})
_GAP = 2
_NARROW = 9
_NARROW_STATE = 11
"""What a column of the table can ask for before another gets more; a state is not cut."""

_FIRST_ROWS = 200
_FIRST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its heading, and where its values are."""

    title: str
    path: tuple[int, ...]

    @property
    def least(self) -> int:
        """The width that it may be cut to."""
        return _NARROW_STATE if self.path[-1] == _STATE else _NARROW


def columns_for(names: Sequence[str], identifier: Iterable[int]) -> list[Column]:
    """Those that -r names, else the usual ones among the tags that are asked for, else whatever is."""
    paths = list(dict.fromkeys(_path(name) for name in names))
    if not paths:
        asked: list[tuple[int, ...]] = [(int(tag),) for tag in identifier]
        paths = [(tag,) for tag in _TITLES if (tag,) in asked] or asked
    paths = [path for path in paths if path[0] not in _NEVER and path[-1] not in _NEVER]
    leaves = [path[-1] for path in paths]
    columns = []
    for path in paths:
        shortest = path if leaves.count(path[-1]) > 1 else path[-1:]
        title = _TITLES.get(path[0]) if len(path) == 1 and not names else None
        columns.append(Column(title or _shown(shortest), path))
    return columns


def _path(name: str) -> tuple[int, ...]:
    if name in TAGS:
        return (TAGS[name],)
    from dicomnet.dataset.paths import parse_path

    return parse_path(name)


def _shown(path: tuple[int, ...]) -> str:
    names = [keyword(tag) for tag in path]
    if all(names):
        return "/".join(map(str, names))
    from dicomnet.dataset.paths import format_path

    return format_path(path)


def layout(columns: Sequence[Column], natural: Sequence[int], width: int) -> list[int]:
    """The widths of as many columns as have a place; the first one has what it needs, whatever the width."""
    widths = [natural[0]]
    left = width - natural[0]
    for column, wish in zip(columns[1:], natural[1:], strict=True):
        least = min(wish, column.least)
        if least + _GAP > left:
            break
        widths.append(least)
        left -= least + _GAP
    for place in range(1, len(widths)):
        more = min(left, natural[place] - widths[place])
        widths[place] += more
        left -= more
    return widths


class TableResults(QuickResults):
    """Writes a table of matches; what else there may be is written as in the plain form."""

    def __init__(
        self,
        console: Console,
        columns: Sequence[Column],
        terminal: Terminal,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(console)
        self._columns = [Column("UID", (_SOP_INSTANCE,)), *columns]
        self._terminal = terminal
        self._now = now
        self._first: list[list[str]] = []
        self._since = 0.0
        self._widths: list[int] = []

    @property
    def visible(self) -> bool:
        """Once the widths are settled."""
        return bool(self._widths)

    def write_match(self, dataset: Dataset) -> None:
        """A match of ``find``."""
        self._add(dataset)

    def glance_match(self, seen: Glance) -> None:
        """A match of ``find``."""
        self._add(seen)

    def _add(self, dataset: Dataset | Glance) -> None:
        row = [self._terminal.shown(text_at(dataset, column.path)) for column in self._columns]
        row[0] = row[0] or "(no UID)"
        if self._widths:
            self._write(row)
            return
        self._since = self._since if self._first else self._now()
        self._first.append(row)
        if len(self._first) >= _FIRST_ROWS or self._now() - self._since >= _FIRST_SECONDS:
            self._settle()

    def close(self) -> None:
        """Write the rows that are still there, and say which columns are not."""
        if self._first:
            self._settle()
        missing = self._columns[len(self._widths) :] if self._widths else []
        if missing:
            names = ", ".join(column.title for column in missing)
            self.console.tell(f"the terminal is too narrow for {names}; -r chooses columns, 'get' shows all")
        super().close()

    def _settle(self) -> None:
        titles = [column.title for column in self._columns]
        natural = [max(map(width_of, cells)) for cells in zip(titles, *self._first, strict=True)]
        self._widths = layout(self._columns, natural, self._terminal.width)
        shown = [padded(cut(title, width, self._terminal.more), width) for title, width in self._shown(titles)]
        self.console.result(self._terminal.heading((" " * _GAP).join(shown).rstrip()))
        rows, self._first = self._first, []
        for row in rows:
            self._write(row)

    def _shown(self, cells: Sequence[str]) -> list[tuple[str, int]]:
        return list(zip(cells, self._widths, strict=False))

    def _write(self, row: Sequence[str]) -> None:
        cells = [row[0]]
        cells += [cut(text, width, self._terminal.more) for text, width in self._shown(row)[1:]]
        while cells and not cells[-1]:
            cells.pop()
        last = len(cells) - 1
        padding = [width - width_of(cell) if n < last else 0 for n, (cell, width) in enumerate(self._shown(cells))]
        coloured = [cells[0], *map(self._terminal.value, cells[1:])]
        joined = [text + " " * spaces for text, spaces in zip(coloured, padding, strict=True)]
        self.console.result((" " * _GAP).join(joined))
