"""Values of pydicom elements as value fields: what a converted element holds, in bytes (PS3.5 6.2).

Shared by both bodies of the kernel for what is not worth writing twice. Raises whatever the value provokes; the
encoder turns that into an EncodeError with the place.
"""

from __future__ import annotations

import struct
from datetime import date, datetime, time
from typing import Any

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PersonName

from dicomnet.kernel._text import decode_text, encode_name, encode_text, is_plain
from dicomnet.kernel._vr import NUMBERS, TEXT, UNITS

__all__ = [
    "ZERO_PADDED",
    "NameReader",
    "padded",
    "private_creator",
    "resolve_vr",
    "swapped",
    "transcoded",
    "value_field",
]

_PIXEL_REPRESENTATION = 0x00280103
_LUT_DESCRIPTORS = frozenset([0x00281101, 0x00281102, 0x00281103, 0x00283002])
ZERO_PADDED = frozenset(["UI", "OB", "UN", "OW", "OD", "OF", "OL", "OV"])


class NameReader:
    """Makes what is added to several person names one of them, as pydicom's reader would; unlike its own, picklable."""

    def __init__(self, encodings: tuple[str, ...]) -> None:
        self.encodings = encodings

    def __call__(self, value: Any) -> PersonName:
        name = PersonName(value, self.encodings)
        name.encode()
        return name.decode()


def value_field(tag: int, vr: str, value: Any, little: bool, stored_little: bool, encodings: list[str]) -> bytes:
    """The value field of a converted element, unpadded; ``stored_little`` is the byte order of values held as bytes."""
    if value is None or (isinstance(value, str | bytes) and not value):
        return b""
    if vr in NUMBERS:
        if isinstance(value, bytes):
            return value if stored_little == little else swapped(value, UNITS[vr])
        return _numbers(tag, NUMBERS[vr], value, little)
    if vr in TEXT:
        return _text(vr, value, encodings)
    if vr == "AT":
        values = value if _several(value) else [value]
        tags = [Tag(one) for one in values]
        halves = [half for one in tags for half in (one >> 16, one & 0xFFFF)]
        return struct.pack(f"{'<' if little else '>'}{len(halves)}H", *halves)
    if vr in UNITS or vr in ("OB", "UN"):
        content = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else _buffered(value)
        return content if stored_little == little or vr not in UNITS else swapped(content, UNITS[vr])
    if isinstance(value, str):
        return value.encode("latin-1")  # PersonName is no str; DS, IS and UID are printed below
    if isinstance(value, bytes):
        return value
    if _several(value):
        return "\\".join(_string(one) for one in value).encode("latin-1")
    return _string(value).encode("latin-1")


def _several(value: Any) -> bool:
    return not isinstance(value, str | bytes) and hasattr(value, "__iter__")


def _numbers(tag: int, code: str, value: Any, little: bool) -> bytes:
    order = "<" if little else ">"
    if not _several(value):
        return struct.pack(order + code, value)
    values = list(value)
    if code == "h" and tag in _LUT_DESCRIPTORS and values:
        # the number of entries is unsigned whatever the pixels are (PS3.3 C.7.6.3.1.5)
        return struct.pack(f"{order}H{len(values) - 1}h", *values)
    return struct.pack(f"{order}{len(values)}{code}", *values)


def _text(vr: str, value: Any, encodings: list[str]) -> bytes:
    values = list(value) if _several(value) and not isinstance(value, PersonName) else [value]
    return b"\\".join(_one_text(vr, one, encodings) for one in values)


def _one_text(vr: str, value: Any, encodings: list[str]) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, PersonName):
        original = value.original_string
        if original is not None and value.encodings is not None and list(value.encodings) == encodings:
            return original
        return encode_name(str(value), encodings)
    if value is None:
        return b""
    return encode_name(value, encodings) if vr == "PN" else encode_text(value, encodings)


def _string(value: Any) -> str:
    """One value of a VR that is written in ASCII."""
    if value is None:
        return ""
    original = getattr(value, "original_string", None)
    if original is not None:
        return str(original)
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.strftime("%Y%m%d%H%M%S.%f%z" if value.microsecond else "%Y%m%d%H%M%S%z")
    if isinstance(value, date):
        return value.strftime("%Y%m%d")
    if isinstance(value, time):
        return value.strftime("%H%M%S.%f" if value.microsecond else "%H%M%S")
    return str(value)


def _buffered(value: Any) -> bytes:
    """Content of a value that pydicom holds as an open file, from where it stands."""
    if not hasattr(value, "read"):
        raise TypeError(f"{type(value).__name__} where bytes are needed")
    position = value.tell()
    try:
        return bytes(value.read())
    finally:
        value.seek(position)


def padded(vr: str, value: bytes) -> bytes:
    """The value field with even length (PS3.5 6.2): UI and bytes by NUL, text by space."""
    if len(value) % 2 == 0:
        return value
    return value + (b"\0" if vr in ZERO_PADDED else b" ")


def swapped(value: bytes, unit: int) -> bytes:
    """The value in the other byte order.

    Raises:
        ValueError: its length is no multiple of ``unit``.
    """
    if len(value) % unit:
        raise ValueError(f"the length {len(value)} is no multiple of {unit}")
    result = bytearray(len(value))
    for place in range(unit):
        result[place::unit] = value[unit - 1 - place :: unit]
    return bytes(result)


def transcoded(vr: str, value: bytes, source: list[str], target: list[str]) -> bytes:
    """Text written in one specific character set, in another.

    Raises:
        UnicodeError: it is no text in ``source``, or ``target`` lacks a character.
    """
    if is_plain(value):
        return value
    text = decode_text(value, source)
    if vr in ("LT", "ST", "UT"):
        return encode_text(text, target)
    encode = encode_name if vr == "PN" else encode_text
    return b"\\".join(encode(part, target) for part in text.split("\\"))


def resolve_vr(tag: int, vr: str, value: Any, undefined: bool, datasets: list[Dataset]) -> str:
    """The VR that an ambiguous one of PS3.6 means here; ``datasets`` from the enclosing one outwards."""
    if tag == 0x7FE00010:
        return "OB" if undefined or 0 < _number(datasets[:1], 0x00280100) <= 8 else "OW"
    if tag >> 16 == 0x5400 and vr == "OB or OW":
        return "OB" if 0 < _number(datasets[:1], 0x54001004) <= 8 else "OW"
    if vr == "OB or OW":
        return "OW"
    if vr == "US or SS":
        return "SS" if _number(datasets, _PIXEL_REPRESENTATION) == 1 else "US"
    if isinstance(value, bytes | bytearray) or value is None:
        return "OW"
    return "US"


def _number(datasets: list[Dataset], tag: int) -> int:
    """The nearest value of an attribute of VR US, -1 when there is none."""
    for dataset in datasets:
        element = dataset._dict.get(BaseTag(tag))
        value: Any = None if element is None else element.value
        if isinstance(element, RawDataElement) and value:
            value = int.from_bytes(value[:2], "little" if element.is_little_endian else "big")
        if value is None and tag == _PIXEL_REPRESENTATION:
            value = getattr(dataset, "_pixel_rep", None)
        if isinstance(value, int):
            return value
    return -1


def private_creator(dataset: Dataset, tag: int) -> str:
    """Who reserved the block of a private tag (PS3.5 7.8.1); empty when nobody did."""
    element = tag & 0xFFFF
    owner = dataset._dict.get(BaseTag(tag & 0xFFFF0000 | element >> 8)) if element > 0xFF else None
    value: Any = None if owner is None else owner.value
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value.strip(" \0") if isinstance(value, str) else ""
