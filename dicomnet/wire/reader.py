"""A cursor over received bytes in which every read is checked against what encloses it.

Big endian, as all of PS3.8. A child reader covers one nested item, so that no inner length can reach outside its
parent; it remembers its name and parent, and the path in an error is put together only when there is an error.
Knows no PDU and no item type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from dicomnet.errors import DecodeError, Fault

__all__ = ["Reader"]

_T = TypeVar("_T")


class Reader:
    """The bytes ``data[start:end]``, read from front to back. Offsets in errors count from the start of ``data``."""

    __slots__ = ("_clause", "_data", "_end", "_name", "_parent", "_position")

    def __init__(
        self,
        data: bytes,
        start: int = 0,
        end: int | None = None,
        *,
        name: str = "",
        clause: str = "",
        parent: Reader | None = None,
    ) -> None:
        self._data = data
        self._position = start
        self._end = len(data) if end is None else end
        self._name = name
        self._clause = clause
        self._parent = parent

    @property
    def offset(self) -> int:
        """Where the next read starts, counted from the start of the whole input."""
        return self._position

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return self._end - self._position

    def u8(self, field: str) -> int:
        """One byte.

        Raises:
            DecodeError: fewer are left.
        """
        return self._data[self._advance(1, field)]

    def u16(self, field: str) -> int:
        """Two bytes.

        Raises:
            DecodeError: fewer are left.
        """
        start = self._advance(2, field)
        return int.from_bytes(self._data[start : start + 2], "big")

    def u32(self, field: str) -> int:
        """Four bytes.

        Raises:
            DecodeError: fewer are left.
        """
        start = self._advance(4, field)
        return int.from_bytes(self._data[start : start + 4], "big")

    def take(self, count: int, field: str) -> bytes:
        """The next ``count`` bytes.

        Raises:
            DecodeError: fewer are left.
        """
        start = self._advance(count, field)
        return self._data[start : start + count]

    def text(self, count: int, field: str) -> str:
        """The next ``count`` bytes as Latin-1, in which every byte has a character of its own.

        Raises:
            DecodeError: fewer are left.
        """
        return str(self.take(count, field), "latin-1")

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.remaining, "")

    def sub(self, count: int, name: str, clause: str = "") -> Reader:
        """A reader for the next ``count`` bytes, which this one skips.

        Raises:
            DecodeError: fewer are left.
        """
        start = self._advance(count, name)
        return Reader(self._data, start, start + count, name=name, clause=clause or self._clause, parent=self)

    def ahead(self, read: Callable[[bytes, int, int], tuple[list[_T], int]]) -> list[_T]:
        """What ``read`` finds between here and the end; it is given both, and says where it stopped."""
        found, self._position = read(self._data, self._position, self._end)
        return found

    def finish(self) -> None:
        """Make sure that nothing is left over.

        Raises:
            DecodeError: there is something left over.
        """
        if self._position != self._end:
            raise self.error(Fault.LEFTOVER, f"{self.remaining} bytes left over")

    def error(self, code: Fault, message: str, field: str = "", offset: int | None = None) -> DecodeError:
        """The error to raise about ``field``, at ``offset`` or here."""
        return DecodeError(
            message,
            code=code,
            offset=self._position if offset is None else offset,
            path=self._path(field),
            clause=self._clause,
        )

    def _advance(self, count: int, field: str) -> int:
        start = self._position
        if count > self._end - start:
            code = Fault.TRUNCATED if self._end == len(self._data) else Fault.OVERRUN
            raise self.error(code, f"{count} bytes needed, {self._end - start} left", field)
        self._position = start + count
        return start

    def _path(self, field: str) -> str:
        names = [field]
        reader: Reader | None = self
        while reader is not None:
            names.append(reader._name)
            reader = reader._parent
        return ".".join(name for name in reversed(names) if name)
