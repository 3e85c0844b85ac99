"""Data sets at a glance: plain ones read off their bytes, for who only shows them and has no other need of pydicom.

``glance`` reads what is explicit VR little endian, in ascending order, of standard attributes in plain VRs and in a
character set of one code page; anything else is None, and to be decoded by ``dicomnet.dataset``, which also says what
may be wrong. ``lenient_fields`` and ``field_at`` see no difference between a glance and a ``pydicom.Dataset``. Flat
data sets of ASCII text can be written here, too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from dicomnet import uids
from dicomnet.errors import EncodeError, Fault
from dicomnet.kernel._vr_forms import LONG, NUMBERS, TEXT, VRS
from dicomnet.records import dataclass

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["BINARY", "Field", "Glance", "encode_plain", "field_at", "fields", "glance", "lenient_fields"]

BINARY = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
_WHOLE = frozenset(["LT", "ST", "UT", "UR"])  # one value; a backslash is a character like any other (PS3.5 6.2)
_UNDEFINED = 0xFFFFFFFF
_LATIN = ("iso8859",)


@dataclass(frozen=True, slots=True)
class Field:
    """One element ready for printing: ``items`` of SQ, else ``content`` in little endian with text in UTF-8.

    The items of a glance are glances, which stand for data sets where fields are all that is asked for.
    """

    tag: int
    vr: str
    content: bytes = b""
    items: tuple[Dataset, ...] = ()
    encodings: tuple[str, ...] = ()
    undefined: bool = False

    def texts(self) -> list[str]:
        """The values as text, padding removed; none of a zero-length element.

        Raises:
            EncodeError: the content does not fit the VR.
        """
        if not self.content:
            return []
        try:
            if self.vr in NUMBERS:
                code = NUMBERS[self.vr]
                values = struct.unpack(f"<{len(self.content) // struct.calcsize('=' + code)}{code}", self.content)
                return [repr(value) for value in values]
            if self.vr == "AT":
                halves = struct.unpack(f"<{len(self.content) // 2}H", self.content)
                return [f"{a:04X}{b:04X}" for a, b in zip(halves[::2], halves[1::2], strict=True)]
            text = self.content.decode("utf-8" if self.vr in TEXT else "latin-1")
        except (struct.error, ValueError) as error:
            raise EncodeError(f"the value does not fit VR {self.vr}: {error}", code=Fault.BAD_VALUE) from error
        if self.vr in _WHOLE:
            return [text.rstrip(" \0")]
        return [value.rstrip(" \0") for value in text.split("\\")]


class Glance:
    """A data set as its fields; ``name`` gives the keyword of an attribute that it may have."""

    __slots__ = ("_fields", "name")

    def __init__(self, fields: dict[int, Field], name: Callable[[int], str | None]) -> None:
        self._fields = fields
        self.name = name

    def __len__(self) -> int:
        return len(self._fields)

    def keys(self) -> Iterable[int]:
        """The tags in ascending order."""
        return self._fields.keys()

    def fields(self) -> Iterator[Field]:
        """The elements in ascending order, group lengths left out."""
        return iter(self._fields.values())

    def field(self, tag: int) -> Field | None:
        """One element, None when there is none."""
        return self._fields.get(tag)


def lenient_fields(
    dataset: Dataset | Glance, encodings: tuple[str, ...] = _LATIN
) -> Iterator[tuple[int, Field | EncodeError]]:
    """The elements with their tags; an error in place of one that cannot be converted."""
    if isinstance(dataset, Glance):
        return ((field.tag, field) for field in dataset.fields())
    from dicomnet.dataset import values

    return values.lenient_fields(dataset, encodings)


def fields(dataset: Dataset | Glance, encodings: tuple[str, ...] = _LATIN) -> Iterator[tuple[int, Field]]:
    """The elements with their tags.

    Raises:
        EncodeError: one cannot be converted.
    """
    for tag, field in lenient_fields(dataset, encodings):
        if isinstance(field, EncodeError):
            raise field
        yield tag, field


def field_at(dataset: Dataset | Glance, path: Iterable[int]) -> Field | None:
    """The element at the end of a path through the first items, None when there is none.

    Raises:
        EncodeError: it, or a sequence on the way to it, cannot be read.
    """
    if not isinstance(dataset, Glance):
        from dicomnet.dataset import values

        return values.field_at(dataset, path)
    field: Field | None = None
    for tag in path:
        if field is not None:
            if not field.items:
                return None
            dataset = cast("Any", field.items[0])
        field = dataset.field(tag)
        if field is None:
            return None
    return field


# --- from bytes ------------------------------------------------------------------------------------------------------

_LONGEST = 1 << 20
_DEEPEST = 16
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_FIRST = 0x00040000
"""Lesser tags are not of a data set (PS3.5 7.1)."""

_CHARACTER_SET = 0x00080005
_CODE_PAGES = {b"": "ascii", b"ISO_IR 6": "ascii", b"ISO_IR 100": "latin-1", b"ISO_IR 192": "utf-8"}
_SIZES = {vr: struct.calcsize("=" + code) for vr, code in NUMBERS.items()} | {"AT": 4}


class _Unusual(Exception):
    """It takes more than a glance."""


def glance(data: bytes, transfer_syntax: str, name: Callable[[int], str | None]) -> Glance | None:
    """The data set as its fields, None if that takes more than a glance; ``name`` knows the attributes it may have."""
    if transfer_syntax != uids.EXPLICIT_VR_LE or len(data) > _LONGEST:
        return None
    try:
        found, end = _Reader(data, name).data_set(0, len(data), "ascii", 0)
    except (_Unusual, struct.error, UnicodeError):
        return None
    return found if end == len(data) else None


class _Reader:
    """Reads one buffer; what it does not expect is _Unusual, or an error of what it calls."""

    def __init__(self, data: bytes, name: Callable[[int], str | None]) -> None:
        self._data = data
        self._name = name

    def data_set(self, pos: int, end: int | None, code_page: str, depth: int) -> tuple[Glance, int]:
        """The elements from ``pos`` to ``end``, or to the item delimiter; and where they end."""
        if depth > _DEEPEST:
            raise _Unusual
        found: dict[int, Field] = {}
        last = 0
        while end is None or pos < end:
            tag, vr, length, pos = self._header(pos)
            if tag == _ITEM_END and end is None:
                return Glance(found, self._name), pos
            if tag <= last or not _FIRST <= tag < _ITEM or not tag & 0xFFFF or self._name(tag) is None:
                raise _Unusual
            last = tag
            if vr == "SQ":
                items, pos = self._items(pos, length, code_page, depth)
                found[tag] = Field(tag, vr, items=cast("tuple[Dataset, ...]", items), encodings=_LATIN)
                continue
            value = self._data[pos : pos + length]
            if length > len(self._data) - pos or (end is not None and length > end - pos):
                raise _Unusual
            pos += length
            if tag == _CHARACTER_SET and value.isascii():
                code_page = _CODE_PAGES.get(value, "ascii")  # of other ones, what is ASCII is the same
            found[tag] = Field(tag, vr, _content(vr, value, code_page))
        if end is None or pos != end:
            raise _Unusual
        return Glance(found, self._name), pos

    def _header(self, pos: int) -> tuple[int, str, int, int]:
        """Tag, VR and length of an element, and where its value begins; of delimiters without a VR."""
        group, element = struct.unpack_from("<HH", self._data, pos)
        if group == 0xFFFE:
            (length,) = struct.unpack_from("<I", self._data, pos + 4)
            if length:
                raise _Unusual
            return group << 16 | element, "", 0, pos + 8
        vr = VRS.get(self._data[pos + 4 : pos + 6], "UN")
        if vr in BINARY:
            raise _Unusual
        if vr in LONG:
            (length,) = struct.unpack_from("<I", self._data, pos + 8)
            return group << 16 | element, vr, length, pos + 12
        (length,) = struct.unpack_from("<H", self._data, pos + 6)
        return group << 16 | element, vr, length, pos + 8

    def _items(self, pos: int, length: int, code_page: str, depth: int) -> tuple[tuple[Glance, ...], int]:
        found: list[Glance] = []
        end = None if length == _UNDEFINED else pos + length
        if end is not None and end > len(self._data):
            raise _Unusual
        while end is None or pos < end:
            group, element, length = struct.unpack_from("<HHI", self._data, pos)
            tag, pos = group << 16 | element, pos + 8
            if tag == _SEQUENCE_END and end is None and not length:
                return tuple(found), pos
            if tag != _ITEM:
                raise _Unusual
            stop = None if length == _UNDEFINED else pos + length
            if stop is not None and stop > (len(self._data) if end is None else end):
                raise _Unusual
            item, pos = self.data_set(pos, stop, code_page, depth + 1)
            found.append(item)
        if pos != end:
            raise _Unusual
        return tuple(found), pos


def _content(vr: str, value: bytes, code_page: str) -> bytes:
    if vr in _SIZES:
        if len(value) % _SIZES[vr]:
            raise _Unusual
    elif vr in TEXT and not (value.isascii() and b"\x1b" not in value):
        if b"\x1b" in value:
            raise _Unusual
        return value.decode(code_page).encode("utf-8")
    return value


# --- to bytes --------------------------------------------------------------------------------------------------------


def encode_plain(elements: Mapping[int, tuple[str, str]], transfer_syntax: str) -> bytes:
    """A flat data set of VRs and ASCII text by tag, in a little endian transfer syntax (PS3.5 7.1, A.1, A.2)."""
    parts = []
    for tag, (vr, text) in sorted(elements.items()):
        value = text.encode("ascii")
        if len(value) % 2:
            value += b"\0" if vr == "UI" else b" "
        parts.append(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
        if transfer_syntax == uids.IMPLICIT_VR_LE:
            parts.append(struct.pack("<I", len(value)))
        elif vr in LONG:
            parts.append(struct.pack("<2sHI", vr.encode(), 0, len(value)))
        else:
            parts.append(struct.pack("<2sH", vr.encode(), len(value)))
        parts.append(value)
    return b"".join(parts)
