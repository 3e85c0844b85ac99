"""Bytes to a pydicom.Dataset: a small interpreter for which every input means some data set.

Most of what it makes is right or nearly so; the rest is what a caller can get wrong: values of the wrong type, out of
range, too long, objects that misbehave when they are looked at, raw elements whose fields disagree. Read twice, the
same bytes make two data sets that are equal and share nothing that can be changed.
"""

from __future__ import annotations

import array
import datetime
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import ModuleType
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import DA, DT, IS, TM, DSdecimal, DSfloat, PersonName

from fuzz.kernel.hostile import CONTENTS, TAGS, TEXTS

__all__ = ["Reader", "build", "put"]

_VRS = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "PN"),
    *("SH", "SL", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV", "SQ", "US or SS", "OB or OW"),
)
_ODD_VRS: tuple[Any, ...] = ("US or OW", "US or SS or OW", "ZZ", "", "sq", "LOX", "\u00c4\u00c4", None, 5, b"LO")
_KINDS = {"DS": "DS", "IS": "IS", **dict.fromkeys(TEXTS, "text")}
_NUMBERS = frozenset(["US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"])
_CHARACTER_SETS: tuple[Any, ...] = (
    *("ISO_IR 192", "ISO_IR 100", "GB18030", ["", "ISO 2022 IR 87"], "ISO_IR 144", "", None, "nonsense", "ISO_IR 13"),
    *(["ISO_IR 192", "ISO 2022 IR 87"], ["ISO 2022 IR 6", "ISO 2022 IR 149"], b"ISO_IR 192", 5, [None, 7], "GBK"),
)
_TEXT = (
    "ä",
    "日本",
    "Ж",
    "한국",
    "é^日=本",
    "€",
    "\U0001f600",
    "\ud800",
    "\x1b$B",
    "ア",
    "\\",
    "a\\b",
    "^=^",
    "\0",
    "\x7f",
    "\xa0",
)


class _Once:
    """Gives its members once, as iterators do; but its own text is always the same."""

    def __init__(self, members: Any) -> None:
        self._members = iter(members)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._members)

    def __repr__(self) -> str:
        return "once"


class _File(io.BytesIO):
    """A file whose text is always the same."""

    def __repr__(self) -> str:
        return "file"


_BLANK = vars(DataElement(0x00100020, "LO", None))
_VIEW = memoryview(b"abcdef")  # one, for its address is its text
_STRIDED = _VIEW[::2]

_MOST = 20
"""Elements in all of a data set and its items: more cost time and show nothing new."""


class _Text(str):
    """A str that is somebody else's class."""


class _Number(int):
    pass


class _Unwilling:
    """Fails however it is looked at."""

    def __str__(self) -> str:
        raise ValueError("no text")

    def __iter__(self) -> Iterator[Any]:
        raise OSError("no members")

    def __index__(self) -> int:
        raise KeyError("no number")

    def __float__(self) -> float:
        raise ZeroDivisionError("no number")

    def __bytes__(self) -> bytes:
        raise RuntimeError("no bytes")


class _Counting:
    """A number by ``__index__`` and ``__float__`` only."""

    def __index__(self) -> int:
        return 7

    def __float__(self) -> float:
        return 7.5

    def __str__(self) -> str:
        return "7"


_WEIRD: tuple[Callable[[], Any], ...] = (
    *(lambda: None, lambda: "", lambda: b"", list, lambda: (), lambda: True, lambda: 0, lambda: -1, lambda: 255),
    *(lambda: 70000, lambda: 1 << 31, lambda: 1 << 64, lambda: 10**400, lambda: 1.5, lambda: 1e300, lambda: -0.0),
    *(lambda: float("nan"), lambda: float("inf"), lambda: Decimal("1.50"), lambda: Decimal("NaN"), lambda: 2 + 3j),
    *(lambda: _Text("own"), lambda: _Number(5), lambda: _Unwilling(), lambda: _Counting(), lambda: object),
    *(
        lambda: bytearray(b"abc"),
        lambda: _VIEW,
        lambda: _STRIDED,
        lambda: _File(b"x" * 6),
    ),
    *(lambda: array.array("H", [1, 2]), lambda: range(3), lambda: {1: 2}, lambda: {"a"}, lambda: _Once([1, 2])),
    *(lambda: _Once("ab"), lambda: "x" * 65534, lambda: b"y" * 65535, lambda: ["a"] * 300),
    *(lambda: datetime.date(2024, 2, 29), lambda: datetime.time(1, 2, 3, 4), lambda: datetime.datetime(2024, 1, 1, 1)),
    *(lambda: DA("20240101"), lambda: TM("0102"), lambda: DT("20240101+0100"), lambda: UID("1.2.3"), lambda: IS("07")),
    *(lambda: DSfloat("1.50"), lambda: DSfloat(1 / 3, auto_format=True), lambda: DSdecimal("1.50"), lambda: IS(5)),
    *(
        lambda: PersonName("A^B"),
        lambda: PersonName(b"\xc3\xa4^", ["utf8"]),
        lambda: PersonName("é=日", ["utf8"], b"raw"),
    ),
    *(lambda: BaseTag(0x00100010), lambda: (0x0010, 0x0010), lambda: "PatientName", lambda: Sequence([Dataset()])),
    *(
        lambda: Dataset(),
        lambda: [Dataset(), None],
        lambda: [None, "a", None],
        lambda: [1, "a", 2.5, b"x"],
        lambda: [[1], [2]],
    ),
    *(
        lambda: MultiValue(str, ["a", "b"]),
        lambda: MultiValue(float, []),
        lambda: MultiValue(lambda one: one, [None, 1]),
    ),
    *(
        lambda: b"\xfe\xff\0\xe0\2\0\0\0ab",
        lambda: b"\xfe\xff\0\xe0\0\0\0\0",
        lambda: b"\xff\xfe\xe0\0\0\0\0\0",
        lambda: Ellipsis,
    ),
)


class Reader:
    """Bytes one after the other, zeros when there are no more; and how many elements they may still make."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._pos = 0
        self._left = _MOST

    def byte(self) -> int:
        """The next byte."""
        if self._pos >= len(self._data):
            return 0
        self._pos += 1
        return self._data[self._pos - 1]

    def number(self, size: int) -> int:
        """The next bytes as an unsigned number."""
        return int.from_bytes(self.take(size), "little")

    def take(self, size: int) -> bytes:
        """As many bytes as there are, at most ``size``."""
        found = self._data[self._pos : self._pos + size]
        self._pos += size
        return found

    def another(self) -> bool:
        """Whether there is enough for one more element."""
        self._left -= 1
        return self._left >= 0 and self._pos < len(self._data)

    def one_of(self, choices: Any) -> Any:
        """A choice by the next byte."""
        return choices[self.byte() % len(choices)]


def build(reader: Reader, body: ModuleType, depth: int = 3) -> Dataset:
    """A data set by the bytes of ``reader``; parts of it are decoded by ``body``."""
    dataset = Dataset()
    flags = reader.byte()
    if flags & 1:
        put(dataset, 0x00080005, "CS", reader.one_of(_CHARACTER_SETS))
    if flags & 2:
        put(dataset, 0x00280103, "US", reader.one_of((0, 1, 1, None, "x", [1, 0], b"\1\0")))
    if flags & 4:
        put(dataset, 0x00280100, "US", reader.one_of((8, 16, 0, None, "x")))
    if flags & 8:
        character_set = reader.one_of(("iso8859", ["utf8"], ["latin_1", "iso2022_jp"], "", [], None, 5))
        dataset.set_original_encoding(bool(flags & 16), bool(flags & 32), character_set)
    if flags & 64:
        dataset.is_undefined_length_sequence_item = True
    for _ in range(reader.byte() % 6):
        if not reader.another():
            break
        _element(dataset, reader, body, depth)
    return dataset


def put(dataset: Dataset, tag: int, vr: Any, value: Any, undefined: bool = False) -> None:
    """An element without pydicom's conversion or checks."""
    key = BaseTag(tag)
    element = DataElement.__new__(DataElement)
    vars(element).update(_BLANK, tag=key, VR=vr, _value=value, is_undefined_length=undefined)
    dataset._dict[key] = element


def _element(dataset: Dataset, reader: Reader, body: ModuleType, depth: int) -> None:
    way = reader.byte()
    tag, vr = reader.one_of(TAGS)
    if way & 3 == 0:
        vr = reader.one_of(_VRS)
    elif way & 15 == 1:
        vr = reader.one_of(_ODD_VRS)
    if way & 31 == 2:
        tag = reader.number(4)
    way >>= 5
    if vr == "SQ" and way < 6:
        put(dataset, tag, vr, _items(reader, body, depth), bool(way & 1))
    elif way == 0:
        dataset._dict[BaseTag(tag)] = _raw(tag, vr, reader)
    elif way == 1 and isinstance(vr, str):
        try:
            converted = DataElement(BaseTag(tag), vr, _value(vr, reader), validation_mode=0)
        except Exception:  # noqa: BLE001 - pydicom refuses it, so a caller cannot have it
            return
        dataset._dict[BaseTag(tag)] = converted
    elif way == 2:
        put(dataset, tag, vr, reader.one_of(_WEIRD)(), bool(reader.byte() & 1))
    else:
        put(dataset, tag, vr, _value(vr, reader))


def _items(reader: Reader, body: ModuleType, depth: int) -> Any:
    way = reader.byte()
    if way < 16:
        return reader.one_of(_WEIRD)()
    if depth == 0:
        return Sequence()
    items: list[Any] = [build(reader, body, depth - 1) for _ in range(way % 3)]
    if way < 32:
        items.append(reader.one_of((None, 5, "x", Sequence(), {})))
        return items
    if way < 64:
        received = _received(reader, body)
        if received is not None:
            items.insert(0, received)
    return Sequence(items) if way & 1 else items


def _received(reader: Reader, body: ModuleType) -> Dataset | None:
    """A data set as a body decodes it."""
    implicit, little = reader.byte() % 2 == 0, True
    if not reader.another():
        return None
    try:
        inner = body.encode_dataset(build(reader, body, 1), implicit, little)
        found: Dataset = body.decode_dataset(inner, implicit, little, 64, 1000)
    except Exception:  # noqa: BLE001 - whatever cannot be built is left out
        return None
    return found


def _raw(tag: int, vr: Any, reader: Reader) -> RawDataElement:
    flags = reader.byte()
    content: bytes | None = _content(vr, reader)
    length = len(content or b"")
    if flags & 7 == 0:
        content = None
    elif flags & 7 == 1:
        length = reader.one_of((0xFFFFFFFF, 0, 5, 0xFFFF))
    if flags & 24 == 24:
        vr = None
    return RawDataElement(BaseTag(tag), vr, length, content, 0, bool(flags & 32), bool(flags & 64))


def _content(vr: Any, reader: Reader) -> bytes:
    way = reader.byte()
    if way < 128:
        return bytes(reader.one_of(CONTENTS[_KINDS.get(vr, "bytes")]))
    return reader.take(way & 15)


def _value(vr: Any, reader: Reader) -> Any:
    count = reader.byte()
    if count >= 216:
        return [_one(vr, reader) for _ in range(count % 4)]
    if count >= 200:
        return MultiValue(lambda one: one, [_one(vr, reader) for _ in range(count % 4)])
    return _one(vr, reader)


def _one(vr: Any, reader: Reader) -> Any:
    way = reader.byte()
    if way >= 240:
        return reader.one_of(_WEIRD)()
    if vr in _NUMBERS:
        return _number(vr, way, reader)
    if vr in ("DS", "IS"):
        return _printed_number(vr, way, reader)
    if vr not in _KINDS:
        return _content(vr, reader)
    text = reader.one_of(CONTENTS["text"]).decode("latin-1")
    if way & 7 == 0:
        text += reader.one_of(_TEXT)
    elif way & 7 == 1:
        text = reader.take(way >> 3).decode("latin-1")
    if vr == "PN" and way & 8:
        return PersonName(text)
    return UID(text) if vr == "UI" and way & 8 else text


def _number(vr: str, way: int, reader: Reader) -> Any:
    if vr in ("FL", "FD"):
        return reader.one_of((0.0, 1.5, -2.25, 1e38, 3.5e38, 1e300, 0.1, float("nan"), float("-inf"), 7, -(1 << 70)))
    if way < 200:
        return reader.number(way % 9) - (way & 1) * 3
    return reader.one_of(
        (0, 255, 256, 65535, 65536, -1, -32768, -32769, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1)
    )


def _printed_number(vr: str, way: int, reader: Reader) -> Any:
    text = reader.one_of(CONTENTS[vr]).decode("utf8")
    if way & 3 == 0:
        return text
    if way & 3 == 1:
        return reader.number(way % 9) / (3 if vr == "DS" else 1)
    try:
        return DSfloat(text, validation_mode=0) if vr == "DS" else IS(text, validation_mode=0)
    except Exception:  # noqa: BLE001 - pydicom refuses it, so a caller cannot have it
        return text
