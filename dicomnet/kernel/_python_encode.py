"""pydicom.Dataset to bytes, the reference body (PS3.5 7, A.1 to A.4).

Decided once, here:
- an element that is still raw in the encoding and character set asked for is written as it came, else converted:
  byte order by its VR, text through Unicode, never with replacement characters;
- sequences and items have undefined length where the data set says so (as pydicom's writer does), else defined length;
- a value too long for a 16-bit length field is written as UN with a 32-bit one (PS3.5 6.2.2);
- UN content is little endian always; a sequence that came as UN is written as SQ;
- values held as bytes (OW and the like) are taken to be in the byte order the data set was read in, little endian when
  it never was read; unlike pydicom they are swapped when the other byte order is asked for (PS3.5 7.3);
- group 0002 belongs to files and group lengths are retired (PS3.5 7.2): neither is written.
The data set is not changed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NoReturn

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.kernel._python_decode import Decoder
from dicomnet.kernel._text import DEFAULT, declared_encodings
from dicomnet.kernel._values import padded, private_creator, resolve_vr, swapped, transcoded, value_field
from dicomnet.kernel._vr import AMBIGUOUS, FRAGMENTED, LONG, TEXT, UNITS, VRS, private_vr, public_vr

__all__ = ["Encoder"]

_UNDEFINED = 0xFFFFFFFF
_CHARACTER_SET = BaseTag(0x00080005)
_MAX_ELEMENTS = 200_000  # of a sequence that pydicom read but nobody has looked into yet


class _Level:
    """A data set being written."""

    __slots__ = ("dataset", "delimited", "encodings", "mark", "same_text", "source", "stored_little", "tags")

    def __init__(self, dataset: Dataset, inherited: list[str], mark: int, delimited: bool) -> None:
        self.dataset = dataset
        self.mark = mark  # where the item's length belongs
        self.delimited = delimited
        self.encodings = _encodings(dataset, inherited)
        read = dataset._read_charset
        self.source = [read] if isinstance(read, str) else list(read)
        if not self.source or self.source == [""]:
            self.source = self.encodings
        self.same_text = self.source == self.encodings
        self.stored_little = dataset._read_little is not False
        self.tags: Iterator[BaseTag] = iter(sorted(dataset._dict, key=int))


class _Items:
    """A sequence being written."""

    __slots__ = ("delimited", "index", "items", "mark", "tag")

    def __init__(self, tag: int, items: Iterator[Dataset], mark: int, delimited: bool) -> None:
        self.tag = tag
        self.items = items
        self.mark = mark
        self.delimited = delimited
        self.index = -1


class Encoder:
    """One encoding; ``run`` once."""

    def __init__(self, implicit: bool, little: bool, max_depth: int) -> None:
        self._implicit = implicit
        self._little = little
        self._max_depth = max_depth
        order = "<" if little else ">"
        self._pack_implicit = struct.Struct(order + "HHI").pack
        self._pack_short = struct.Struct(order + "HH2sH").pack
        self._pack_long = struct.Struct(order + "HH2sHI").pack
        self._pack_length = struct.Struct(order + "I").pack_into
        self._out = bytearray()
        self._depth = 0
        self._stack: list[_Level | _Items] = []

    def run(self, dataset: Dataset) -> bytes:
        """The encoded data set.

        Raises:
            EncodeError: it cannot be expressed.
        """
        try:
            self._stack.append(_Level(dataset, DEFAULT, -1, False))
        except Exception as error:
            raise EncodeError(f"no data set: {error}", code=Fault.BAD_VALUE) from error
        while self._stack:
            top = self._stack[-1]
            if isinstance(top, _Level):
                self._write_elements(top)
            else:
                self._write_item(top)
        return bytes(self._out)

    def _write_elements(self, level: _Level) -> None:
        """Write leaves until a sequence opens or the data set ends; either changes the stack."""
        for tag in level.tags:
            if not tag & 0xFFFF or tag >> 16 == 2:
                continue
            if tag >> 16 == 0xFFFE:
                self._fail(Fault.BAD_VALUE, "a delimiter is no data element", tag)
            try:
                if self._write_element(level, tag, level.dataset._dict[tag]):
                    return
            except EncodeError:
                raise
            except DecodeError as error:
                self._fail(error.code, f"the raw value is damaged: {error.message}", tag, error)
            except struct.error as error:
                self._fail(Fault.BAD_VALUE, f"the value does not fit its VR: {error}", tag, error)
            except Exception as error:  # noqa: BLE001 - boundary: the values are pydicom's or the caller's
                self._fail(Fault.BAD_VALUE, f"the value cannot be written: {error}", tag, error)
        self._close(level)

    def _write_element(self, level: _Level, tag: int, element: DataElement | RawDataElement) -> bool:
        if isinstance(element, RawDataElement):
            return self._write_raw(level, tag, element)
        vr, value = str(element.VR), element.value
        if vr == "SQ":
            self._open(level, tag, iter(value or ()), bool(element.is_undefined_length))
            return True
        if vr in AMBIGUOUS:
            vr = resolve_vr(tag, vr, value, element.is_undefined_length, self._datasets())
        if vr.encode("latin-1") not in VRS:
            self._fail(Fault.BAD_VR, f"no such value representation: {vr!r}", tag)
        if element.is_undefined_length:
            if value is not None and not isinstance(value, bytes | bytearray | memoryview):
                raise TypeError(f"{type(value).__name__} where fragments are needed")
            self._write_fragments(tag, vr, bytes(value or b""), level.stored_little)
            return False
        content = value_field(tag, vr, value, self._little, level.stored_little or vr == "UN", level.encodings)
        self._write_leaf(tag, vr, content)
        return False

    def _write_raw(self, level: _Level, tag: int, raw: RawDataElement) -> bool:
        value = raw.value
        if value is None:
            # empty, or left in the file by pydicom's defer_size
            value = b"" if not raw.length else level.dataset.get_item(BaseTag(tag)).value or b""
        vr = raw.VR
        if vr is None or vr in AMBIGUOUS:
            vr = self._raw_vr(level, tag, raw)
        if raw.length == _UNDEFINED:
            self._write_fragments(tag, vr, value, raw.is_little_endian)
            return False
        same = raw.is_implicit_VR == self._implicit and raw.is_little_endian == self._little
        if vr == "SQ" and not (same and level.same_text):
            decoder = Decoder(value, raw.is_implicit_VR, raw.is_little_endian, self._max_depth, _MAX_ELEMENTS)
            self._open(level, tag, iter(decoder.run_items(tag, level.source)), False)
            return True
        if vr.encode("latin-1") not in VRS:
            self._fail(Fault.BAD_VR, f"no such value representation: {vr!r}", tag)
        if raw.is_little_endian != self._little and vr in UNITS:
            value = swapped(value, UNITS[vr])
        elif vr in TEXT and not level.same_text:
            value = transcoded(vr, value, level.source, level.encodings)
        self._write_leaf(tag, vr, value)
        return False

    def _raw_vr(self, level: _Level, tag: int, raw: RawDataElement) -> str:
        """VR of a raw element that came without one or with an ambiguous one."""
        vr = raw.VR
        if vr is None and not tag >> 16 & 1:
            vr = public_vr(tag)
        elif vr is None:
            if 0x10 <= tag & 0xFFFF <= 0xFF:
                return "LO"
            vr = private_vr(tag, private_creator(level.dataset, tag))
        if vr in AMBIGUOUS:
            return resolve_vr(tag, vr, raw.value, raw.length == _UNDEFINED, self._datasets())
        return vr or "UN"

    def _datasets(self) -> list[Dataset]:
        return [part.dataset for part in reversed(self._stack) if isinstance(part, _Level)]

    def _write_leaf(self, tag: int, vr: str, value: bytes) -> None:
        value = padded(vr, value)
        length = len(value)
        if length >= _UNDEFINED:
            self._fail(Fault.LIMIT, "the value is longer than a length field can say", tag)
        if self._implicit:
            if vr not in ("SQ", "UN") and length and public_vr(tag) == "SQ":
                # every reader would take the value for items
                self._fail(Fault.BAD_VR, f"VR {vr} on a tag that implicit VR makes a sequence", tag)
            self._out += self._pack_implicit(tag >> 16, tag & 0xFFFF, length)
        elif vr in LONG:
            self._out += self._pack_long(tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
        elif length > 0xFFFE:
            if not self._little and vr in UNITS:
                value = swapped(value, UNITS[vr])
            self._out += self._pack_long(tag >> 16, tag & 0xFFFF, b"UN", 0, length)
        else:
            self._out += self._pack_short(tag >> 16, tag & 0xFFFF, vr.encode(), length)
        self._out += value

    def _write_fragments(self, tag: int, vr: str, value: bytes, little: bool) -> None:
        """Encapsulated content, verbatim, with the delimiter that is not part of it (PS3.5 A.4)."""
        if little != self._little:
            self._fail(Fault.UNSUPPORTED, "encapsulated content cannot change its byte order", tag)
        if self._implicit and public_vr(tag) not in FRAGMENTED:
            self._fail(Fault.BAD_VR, "implicit VR cannot tell these fragments from a sequence", tag)
        _check_fragments(value, little)
        self._header(tag, vr if vr in LONG else "OB", _UNDEFINED)
        self._out += value + self._pack_implicit(0xFFFE, 0xE0DD, 0)

    def _header(self, tag: int, vr: str, length: int) -> None:
        if self._implicit:
            self._out += self._pack_implicit(tag >> 16, tag & 0xFFFF, length)
        else:
            self._out += self._pack_long(tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)

    def _open(self, level: _Level, tag: int, items: Iterator[Any], delimited: bool) -> None:
        self._depth += 1
        if self._depth > self._max_depth:
            self._fail(Fault.LIMIT, f"sequences nest deeper than {self._max_depth}", tag)
        self._header(tag, "SQ", _UNDEFINED)
        self._stack.append(_Items(tag, items, len(self._out), delimited))

    def _write_item(self, items: _Items) -> None:
        """Open the next item, or close the sequence."""
        inherited = next(part.encodings for part in reversed(self._stack) if isinstance(part, _Level))
        for item in items.items:
            items.index += 1
            self._out += self._pack_implicit(0xFFFE, 0xE000, _UNDEFINED)
            delimited = bool(getattr(item, "is_undefined_length_sequence_item", False))
            try:
                self._stack.append(_Level(item, inherited, len(self._out), delimited))
            except Exception as error:  # noqa: BLE001 - boundary: the items are pydicom's or the caller's
                self._fail(Fault.BAD_VALUE, f"no data set: {error}", None, error)
            return
        self._depth -= 1
        self._close(items)

    def _close(self, part: _Level | _Items) -> None:
        self._stack.pop()
        if part.mark < 0:
            return
        if part.delimited:
            element = 0xE00D if isinstance(part, _Level) else 0xE0DD
            self._out += self._pack_implicit(0xFFFE, element, 0)
            return
        length = len(self._out) - part.mark
        if length >= _UNDEFINED:
            self._fail(Fault.LIMIT, "a sequence is longer than a length field can say", None)
        self._pack_length(self._out, part.mark - 4, length)

    def _fail(self, code: Fault, message: str, tag: int | None, cause: Exception | None = None) -> NoReturn:
        path = [f"{part.tag:08X}[{max(part.index, 0)}]" for part in self._stack if isinstance(part, _Items)]
        if tag is not None:
            path.append(f"{tag:08X}")
        raise EncodeError(message, code=code, path="/".join(path)) from cause


def _encodings(dataset: Dataset, inherited: list[str]) -> list[str]:
    """The specific character set of a data set or item; without one, that of what encloses it (PS3.3 C.12.1.1.2)."""
    element = dataset._dict.get(_CHARACTER_SET)
    return inherited if element is None else declared_encodings(element.value, inherited)


def _check_fragments(value: bytes, little: bool) -> None:
    """Whether a value of undefined length is a row of fragments (PS3.5 A.4).

    Raises:
        DecodeError: it is not; written with a delimiter behind it, nobody could read it again.
    """
    pos, end, unpack = 0, len(value), struct.Struct("<HHI" if little else ">HHI").unpack_from
    while pos < end:
        if end - pos < 8:
            raise DecodeError("the fragments are cut", code=Fault.TRUNCATED, offset=pos)
        group, element, length = unpack(value, pos)
        if group != 0xFFFE or element != 0xE000:
            raise DecodeError("a fragment must begin with an item tag", code=Fault.BAD_DELIMITER, offset=pos)
        pos += 8
        if length > end - pos:
            raise DecodeError("a fragment is cut", code=Fault.TRUNCATED, offset=pos)
        pos += length
