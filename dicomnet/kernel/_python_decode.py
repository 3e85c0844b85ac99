"""Bytes to pydicom.Dataset, the reference body (PS3.5 7, A.1 to A.4, 6.2.2 for UN).

One pass over one buffer with an explicit stack: nothing recurses, no value is copied twice and no container is sliced.
Decided once, here:
- a tag repeated in one data set is refused (readers that take the first and readers that take the last would disagree);
- tags out of order and odd lengths are tolerated, as is a length that is no multiple of the unit: such a value
  fails when it is read, its bytes do not;
- a VR that PS3.5 does not know is refused: its length field could have either form;
- UN holding a sequence (undefined length, or a known SQ tag) is read as implicit VR little endian (PS3.5 6.2.2);
- in implicit VR each element gets its VR from the dictionaries now; unknown ones become UN, so that pydicom, which
  would look again and warn, has nothing left to guess.
"""

from __future__ import annotations

from struct import Struct
from typing import NoReturn

from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet.errors import DecodeError, Fault
from dicomnet.kernel._text import DEFAULT, encodings_for
from dicomnet.kernel._vr import FRAGMENTED, LONG, VRS, private_vr, public_vr

__all__ = ["Decoder"]

_ITEM, _ITEM_END, _SEQUENCE_END = 0xE000, 0xE00D, 0xE0DD
_UNDEFINED = 0xFFFFFFFF
_CHARACTER_SET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103

_IMPLICIT = {True: Struct("<HHI").unpack_from, False: Struct(">HHI").unpack_from}
_EXPLICIT = {True: Struct("<HH2sH").unpack_from, False: Struct(">HH2sH").unpack_from}
_LENGTH = {True: Struct("<I").unpack_from, False: Struct(">I").unpack_from}

# The constructors of pydicom's classes assign attributes one by one, Dataset's through a slow __setattr__; a copy of a
# fresh one's attributes is the same at a fifth of the time. Containers are copied, so that no two data sets share one.
_BLANK = vars(Dataset())
_BLANK_CONTAINERS = [name for name, value in _BLANK.items() if isinstance(value, dict)]
_TAGS = {tag: BaseTag(tag) for tag in DicomDictionary}
"""One object per standard tag: dictionaries find a key by identity first, and BaseTag compares slowly."""
_new_tuple = tuple.__new__


class _Level:
    """A data set being read: the outermost one or an item."""

    __slots__ = ("elements", "encodings", "end", "implicit", "inherited", "little", "start", "undefined")

    def __init__(
        self, start: int, end: int, undefined: bool, implicit: bool, little: bool, encodings: list[str]
    ) -> None:
        self.start = start
        self.end = end  # of itself when its length is defined, else of what encloses it
        self.undefined = undefined
        self.implicit = implicit
        self.little = little
        self.inherited = encodings
        self.encodings = encodings
        self.elements: dict[BaseTag, DataElement | RawDataElement] = {}


class _Items:
    """A sequence being read."""

    __slots__ = ("encodings", "end", "implicit", "items", "little", "start", "tag", "undefined")

    def __init__(
        self, tag: int, start: int, end: int, undefined: bool, implicit: bool, little: bool, encodings: list[str]
    ) -> None:
        self.tag = tag
        self.start = start
        self.end = end
        self.undefined = undefined
        self.implicit = implicit
        self.little = little
        self.encodings = encodings
        self.items: list[Dataset] = []


class Decoder:
    """One decoding; ``run`` or ``run_items`` once."""

    def __init__(self, data: bytes, implicit: bool, little: bool, max_depth: int, max_elements: int) -> None:
        self._data = data
        self._implicit = implicit
        self._little = little
        self._max_depth = max_depth
        self._max_elements = max_elements
        self._count = 0
        self._depth = 0
        self._pos = 0
        self._stack: list[_Level | _Items] = []
        self._result: Dataset | None = None
        self._items: list[Dataset] = []
        self._pixel_representation = False

    def run(self) -> Dataset:
        """The data set that the bytes hold.

        Raises:
            DecodeError: they hold none.
        """
        self._stack.append(_Level(0, len(self._data), False, self._implicit, self._little, DEFAULT))
        self._loop()
        assert self._result is not None  # the loop ends by closing the outermost level
        if self._pixel_representation:
            _hand_down_pixel_representation(self._result)
        return self._result

    def run_items(self, tag: int, encodings: list[str]) -> list[Dataset]:
        """The items of the sequence value that the bytes are.

        Raises:
            DecodeError: they are none.
        """
        self._depth = 1
        self._stack.append(_Items(tag, 0, len(self._data), False, self._implicit, self._little, encodings))
        self._loop()
        return self._items

    def _loop(self) -> None:
        stack = self._stack
        while stack:
            top = stack[-1]
            if isinstance(top, _Level):
                self._read_elements(top)
            else:
                self._read_item(top)

    def _read_elements(self, level: _Level) -> None:
        """Read leaves until a sequence opens or the level ends; either changes the stack."""
        data, end, elements = self._data, level.end, level.elements
        implicit, little, pos, count = level.implicit, level.little, self._pos, self._count
        unpack = _IMPLICIT[little] if implicit else _EXPLICIT[little]
        code = b""
        while pos < end:
            start = pos
            if end - pos < 8:
                self._fail_short(pos, 8, end)
            if implicit:
                group, element, length = unpack(data, pos)
            else:
                group, element, code, length = unpack(data, pos)
            pos += 8
            if group == 0xFFFE:
                self._pos, self._count = pos, count
                self._delimiter(level, element, _LENGTH[little](data, pos - 4)[0])
                return
            tag = group << 16 | element
            count += 1
            if count > self._max_elements:
                self._fail_count(start, tag)
            if tag in elements:
                self._fail(Fault.DUPLICATE, "the tag is repeated in one data set", start, tag)
            vr: str | None
            if implicit:
                vr = self._private_vr(level, tag) if group & 1 else public_vr(tag)
            else:
                vr = VRS.get(code)
                if vr is None:
                    self._fail(Fault.BAD_VR, f"no such value representation: {code!r}", start + 4, tag)
                if vr in LONG:
                    if end - pos < 4:
                        self._fail_short(pos, 4, end, tag)
                    length = _LENGTH[little](data, pos)[0]
                    pos += 4
                    if vr == "UN":
                        vr = self._un_vr(level, tag, length)
            if vr == "SQ" or length == _UNDEFINED:
                # an explicit UN that holds a sequence: implicit little endian whatever the transfer syntax
                from_un = not implicit and code == b"UN"
                self._pos, self._count = pos, count
                if self._container(level, tag, vr, length, from_un):
                    return
                pos, count = self._pos, self._count
                continue
            if length > end - pos:
                self._fail_short(pos, length, end, tag)
            value = data[pos : pos + length]
            base = _TAGS.get(tag) or BaseTag(tag)
            if vr is None:
                # not in any dictionary: UN for good
                elements[base] = DataElement(base, "UN", value or None, pos, already_converted=True)
            else:
                raw = (base, vr, length, value, pos, implicit, little, True, False)
                elements[base] = _new_tuple(RawDataElement, raw)
                if tag == _CHARACTER_SET:
                    level.encodings = encodings_for(value.decode("latin-1"))
                elif tag == _PIXEL_REPRESENTATION:
                    self._pixel_representation = True
            pos += length
        self._count = count
        self._end_level(level, pos)

    def _counted(self, pos: int, tag: int | None = None) -> None:
        self._count += 1
        if self._count > self._max_elements:
            self._fail_count(pos, tag)

    def _private_vr(self, level: _Level, tag: int) -> str | None:
        """VR of a private element that comes without one; None for one that the dictionary does not have."""
        element = tag & 0xFFFF
        if element == 0:
            return "UL"
        if 0x10 <= element <= 0xFF:
            return "LO"  # private creator (PS3.5 7.8.1)
        owner = level.elements.get(BaseTag(tag & 0xFFFF0000 | element >> 8)) if element > 0xFF else None
        if not isinstance(owner, RawDataElement) or not owner.value:
            return None
        return private_vr(tag, owner.value.decode("latin-1").strip(" \0"))

    def _un_vr(self, level: _Level, tag: int, length: int) -> str | None:
        """SQ for an explicit UN that holds a sequence, None for one that stays bytes, else UN: pydicom looks it up."""
        if length == _UNDEFINED:
            return "SQ"
        if not tag >> 16 & 1:
            return "SQ" if public_vr(tag) == "SQ" else "UN"
        known = self._private_vr(level, tag)
        return known if known in (None, "SQ") else "UN"

    def _container(self, level: _Level, tag: int, vr: str | None, length: int, from_un: bool) -> bool:
        """Open a sequence (True) or take fragments (False)."""
        undefined = length == _UNDEFINED
        pos, end = self._pos, level.end
        if vr in FRAGMENTED:
            value = self._fragments(tag, level.little, end)
            base = BaseTag(tag)
            level.elements[base] = RawDataElement(base, vr, length, value, pos, level.implicit, level.little)
            return False
        if vr != "SQ" and not level.implicit:
            # in implicit VR only a sequence can have it, whatever the dictionary says of the tag
            self._fail(Fault.BAD_LENGTH, f"VR {vr} cannot have undefined length", pos - 4, tag)
        if not undefined and length > end - pos:
            self._fail_short(pos, length, end, tag)
        self._depth += 1
        if self._depth > self._max_depth:
            self._fail(Fault.LIMIT, f"sequences nest deeper than {self._max_depth}", pos, tag)
        implicit, little = (True, True) if from_un else (level.implicit, level.little)
        stop = end if undefined else pos + length
        self._stack.append(_Items(tag, pos, stop, undefined, implicit, little, level.encodings))
        return True

    def _fragments(self, tag: int, little: bool, end: int) -> bytes:
        """The items up to the sequence delimiter, verbatim (PS3.5 A.4)."""
        data, start = self._data, self._pos
        pos, unpack = start, _IMPLICIT[little]
        while True:
            if end - pos < 8:
                self._fail(Fault.TRUNCATED, "the fragments have no sequence delimiter", pos, tag)
            group, element, length = unpack(data, pos)
            if group != 0xFFFE or element not in (_ITEM, _SEQUENCE_END):
                self._fail(Fault.BAD_DELIMITER, "a fragment must begin with an item tag", pos, tag)
            if element == _SEQUENCE_END:
                if length:
                    self._fail(Fault.BAD_DELIMITER, "the sequence delimiter has a length", pos, tag)
                self._pos = pos + 8
                return data[start:pos]
            self._counted(pos, tag)
            pos += 8
            if length == _UNDEFINED:
                self._fail(Fault.BAD_LENGTH, "a fragment cannot have undefined length", pos - 4, tag)
            if length > end - pos:
                self._fail_short(pos, length, end, tag)
            pos += length

    def _delimiter(self, level: _Level, element: int, length: int) -> None:
        """End an item of undefined length at its delimiter."""
        pos = self._pos - 8
        if element != _ITEM_END or not level.undefined:
            self._fail(Fault.BAD_DELIMITER, f"(FFFE,{element:04X}) has no place here", pos)
        if length:
            self._fail(Fault.BAD_DELIMITER, "the item delimiter has a length", pos)
        self._close_level(level)

    def _read_item(self, items: _Items) -> None:
        """Open the next item of a sequence, or close the sequence."""
        data, pos, end = self._data, self._pos, items.end
        if pos == end:
            if items.undefined:
                self._fail(Fault.TRUNCATED, "the sequence of undefined length has no delimiter", pos)
            self._close_items(items)
            return
        if end - pos < 8:
            self._fail_short(pos, 8, end)
        group, element, length = _IMPLICIT[items.little](data, pos)
        self._pos = pos + 8
        if group == 0xFFFE and element == _SEQUENCE_END and items.undefined:
            if length:
                self._fail(Fault.BAD_DELIMITER, "the sequence delimiter has a length", pos)
            self._close_items(items)
            return
        if group != 0xFFFE or element != _ITEM:
            self._fail(Fault.BAD_DELIMITER, f"({group:04X},{element:04X}) where an item must begin", pos)
        self._counted(pos)
        undefined = length == _UNDEFINED
        if not undefined and length > end - pos - 8:
            self._fail_short(pos + 8, length, end)
        stop = end if undefined else pos + 8 + length
        self._stack.append(_Level(pos, stop, undefined, items.implicit, items.little, items.encodings))

    def _end_level(self, level: _Level, pos: int) -> None:
        """The bytes of a data set are used up."""
        self._pos = pos
        if level.undefined:
            self._fail(Fault.TRUNCATED, "the item of undefined length has no delimiter", pos)
        self._close_level(level)

    def _close_level(self, level: _Level) -> None:
        self._stack.pop()
        dataset = _dataset(level)
        if not self._stack:
            self._result = dataset
            return
        attributes = vars(dataset)
        attributes["seq_item_tell"] = attributes["file_tell"] = level.start
        attributes["is_undefined_length_sequence_item"] = level.undefined
        parent = self._stack[-1]
        assert isinstance(parent, _Items)  # only items nest in sequences
        parent.items.append(dataset)

    def _close_items(self, items: _Items) -> None:
        self._stack.pop()
        self._depth -= 1
        if not self._stack:
            self._items = items.items
            return
        sequence = Sequence.__new__(Sequence)  # its constructor would look at each item
        sequence._list = items.items
        sequence.is_undefined_length = items.undefined
        parent = self._stack[-1]
        assert isinstance(parent, _Level)
        tag = _TAGS.get(items.tag) or BaseTag(items.tag)
        parent.elements[tag] = DataElement(tag, "SQ", sequence, items.start, items.undefined, already_converted=True)

    def _fail_count(self, pos: int, tag: int | None) -> NoReturn:
        self._fail(Fault.LIMIT, f"more than {self._max_elements} elements and items", pos, tag)

    def _fail_short(self, pos: int, need: int, end: int, tag: int | None = None) -> NoReturn:
        """``need`` bytes do not fit between ``pos`` and ``end``."""
        left = end - pos
        if end == len(self._data):
            self._fail(Fault.TRUNCATED, f"{need} bytes announced or needed, the data end after {left}", pos, tag)
        self._fail(Fault.OVERRUN, f"{need} bytes announced or needed, the enclosing item has {left} left", pos, tag)

    def _fail(self, code: Fault, message: str, offset: int, tag: int | None = None) -> NoReturn:
        path = [f"{part.tag:08X}[{len(part.items)}]" for part in self._stack if isinstance(part, _Items)]
        if tag is not None:
            path.append(f"{tag:08X}")
        raise DecodeError(message, code=code, offset=offset, path="/".join(path), clause="PS3.5 7")


def _dataset(level: _Level) -> Dataset:
    """A Dataset as pydicom's reader would leave it."""
    dataset = Dataset.__new__(Dataset)
    attributes = vars(dataset)
    attributes.update(_BLANK)
    for name in _BLANK_CONTAINERS:
        attributes[name] = _BLANK[name].copy()
    attributes["_dict"] = level.elements
    # pydicom has the bare name, not a list, where no character set is declared
    attributes["_parent_encoding"] = DEFAULT[0] if level.inherited is DEFAULT else level.inherited
    attributes["_read_charset"] = DEFAULT[0] if level.encodings is DEFAULT else level.encodings
    attributes["_read_implicit"] = level.implicit
    attributes["_read_little"] = level.little
    return dataset


def _hand_down_pixel_representation(root: Dataset) -> None:
    """Tell nested items the nearest Pixel Representation: it decides between US and SS (PS3.3 C.7.6.3)."""
    todo: list[tuple[Dataset, int | None]] = [(root, None)]
    while todo:
        dataset, value = todo.pop()
        element = dataset._dict.get(BaseTag(_PIXEL_REPRESENTATION))
        if isinstance(element, RawDataElement) and element.value:
            value = int(b"\x01" in element.value)
        if value is not None:
            dataset._pixel_rep = value
        todo.extend(
            (item, value)
            for element in dataset._dict.values()
            if isinstance(element, DataElement) and element.VR == "SQ"
            for item in element.value
        )
