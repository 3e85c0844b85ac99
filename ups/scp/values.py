"""Reading values out of a data set without converting it: text as text, numbers as numerals, nothing raised or warned.

pydicom converts a value when it is read and complains as it does so; a service has to judge what peers send and what it
has stored without that. Undecodable characters become U+FFFD here, so they are visible and match nothing by accident.
Values that a rule has to refuse are the business of ``rules``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

from dicomnet.dataset.text import DEFAULT, NUMBERS, TEXT, encodings_for, legible

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "SPECIFIC_CHARACTER_SET",
    "UNSPLIT",
    "canonical",
    "first",
    "is_empty",
    "is_plain",
    "items",
    "raw",
    "text_vr",
    "texts",
    "to_utf8",
    "vr_of",
]

SPECIFIC_CHARACTER_SET = 0x00080005

UNSPLIT = frozenset({"ST", "LT", "UT", "UR"})
"""VRs whose backslash is no separator (PS3.5 6.2)."""
_TEXT_VRS = TEXT | frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})
_MOST_VALUES = 20_000
"""Values told apart in one element, twice what a key may have: as text they would cost a hundred times their bytes."""


def raw(dataset: Dataset, tag: int) -> DataElement | RawDataElement | None:
    """The element as it is held, converted or not; None when there is none."""
    return dataset._dict.get(BaseTag(tag))


def text_vr(vr: str) -> bool:
    """Whether values of this VR are text, so that wild cards mean something."""
    return vr in _TEXT_VRS


def vr_of(element: DataElement | RawDataElement) -> str:
    """The VR, by the dictionary where the encoding told none."""
    if element.VR is not None and element.VR != "UN":
        return str(element.VR)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


def items(dataset: Dataset, tag: int) -> list[Dataset]:
    """The items of a sequence; none when it is absent, empty or no sequence."""
    element = raw(dataset, tag)
    if element is None or vr_of(element) != "SQ":
        return []
    if isinstance(element, RawDataElement):
        element = dataset[tag]  # as a file read by pydicom leaves it; our decoder never does
    return list(element.value or ())


def is_empty(dataset: Dataset, tag: int) -> bool:
    """Whether there is no value: absent, zero length, padding only, or a sequence without items."""
    element = raw(dataset, tag)
    if element is None:
        return True
    if vr_of(element) == "SQ":
        return not items(dataset, tag)
    value: Any = element.value
    if value is None:
        return True
    if isinstance(value, bytes):
        return not value.strip(b" \0") if vr_of(element) in _TEXT_VRS else not value
    return not str(value).strip(" \0") if isinstance(value, str) else not len(_listed(value))


def texts(dataset: Dataset, tag: int) -> tuple[str, ...]:
    """The values as text, padding removed; empty for no value and for what is neither text nor number.

    What is beyond the first 20,000 values stays one value if it is text, and is left out if it is numbers.
    """
    element = raw(dataset, tag)
    if element is None:
        return ()
    vr = vr_of(element)
    if vr == "SQ" or element.value is None:
        return ()
    if isinstance(element.value, bytes):
        return _from_bytes(element, vr, dataset)
    if vr not in _TEXT_VRS and vr not in NUMBERS and vr != "AT":
        return ()
    values = [_trim(str(value), vr) for value in _listed(element.value)]
    return () if not any(values) else tuple(values)


def first(dataset: Dataset, tag: int) -> str:
    """The first value as text, "" when there is none."""
    found = texts(dataset, tag)
    return found[0] if found else ""


def _listed(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        return list(value)
    return [value]


def _from_bytes(element: DataElement | RawDataElement, vr: str, dataset: Dataset) -> tuple[str, ...]:
    value = bytes(element.value or b"")
    if vr in _TEXT_VRS:
        text = legible(value, _encodings(dataset)) if vr in TEXT else value.decode("latin-1")
        values = [_trim(part, vr) for part in ([text] if vr in UNSPLIT else text.split("\\", _MOST_VALUES))]
        return tuple(values) if any(values) else ()
    order = "<" if getattr(element, "is_little_endian", True) else ">"
    if vr == "AT":
        count = len(value) // 4
        pairs = islice(struct.iter_unpack(order + "HH", value[: count * 4]), _MOST_VALUES)
        return tuple(f"{group:04X}{number:04X}" for group, number in pairs)
    code = NUMBERS.get(vr)
    if code is None:
        return ()
    size = struct.calcsize(code)
    numbers = islice(struct.iter_unpack(order + code, value[: len(value) // size * size]), _MOST_VALUES)
    return tuple(str(number) for (number,) in numbers)


def _trim(text: str, vr: str) -> str:
    # leading spaces count in the long texts only (PS3.5 6.2)
    return text.rstrip(" \0") if vr in ("ST", "LT", "UT", "UC") else text.strip(" \0")


def _encodings(dataset: Dataset) -> list[str]:
    found = dataset.original_character_set
    if not found:
        return DEFAULT
    return [found] if isinstance(found, str) else list(found)


def canonical(dataset: Dataset, tag: int) -> object:
    """A value that is equal for equal content, however it is held; for telling whether something changed."""
    element = raw(dataset, tag)
    if element is None or is_empty(dataset, tag):
        return None
    vr = vr_of(element)
    if vr == "SQ":
        return tuple(
            tuple((int(inner), canonical(item, inner)) for inner in sorted(item._dict)) for item in items(dataset, tag)
        )
    return texts(dataset, tag) or bytes(element.value or b"")


def to_utf8(dataset: Dataset) -> None:
    """Rewrite all text of the data set and its items as UTF-8 (ISO_IR 192), in place."""
    for level in _levels(dataset):
        for tag, element in list(level._dict.items()):
            if not isinstance(element, RawDataElement) or not element.value or vr_of(element) not in TEXT:
                continue
            encoded = legible(element.value, _encodings(level)).encode()
            encoded += b" " * (len(encoded) % 2)
            level._dict[tag] = element._replace(value=encoded, length=len(encoded), VR=vr_of(element))
        level._dict.pop(BaseTag(SPECIFIC_CHARACTER_SET), None)
        level.set_original_encoding(False, True, ["utf8"])
    dataset.add_new(SPECIFIC_CHARACTER_SET, "CS", "ISO_IR 192")
    dataset.set_original_encoding(False, True, encodings_for("ISO_IR 192"))


def _levels(dataset: Dataset) -> Iterator[Dataset]:
    todo = [dataset]
    while todo:
        level = todo.pop()
        yield level
        todo.extend(item for tag in level._dict for item in items(level, tag))


def is_plain(dataset: Dataset) -> bool:
    """Whether all text is ASCII without escape sequences, so that it reads the same in every character set."""
    for level in _levels(dataset):
        for element in level._dict.values():
            if vr_of(element) not in TEXT or element.value is None:
                continue
            value: Any = element.value
            text = value.decode("latin-1") if isinstance(value, bytes) else "\\".join(map(str, _listed(value)))
            if not text.isascii() or "\x1b" in text:
                return False
    return True
