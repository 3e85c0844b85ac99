"""Values as text: what a data set holds as strings, and text as elements, checked by VR (PS3.5 6.2).

The readable forms (XML, JSON, dump, paths) share this room, so that all of them say yes and no to the same values.
Elements are read through the kernel's own conversion: it does not warn, replace characters or change the data set.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydicom import config
from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicomnet.dataset.glance import BINARY, Field
from dicomnet.errors import DicomNetError, EncodeError, Fault
from dicomnet.kernel._text import declared_encodings, encode_text, encodings_for
from dicomnet.kernel._values import private_creator, resolve_vr, swapped, transcoded, value_field
from dicomnet.kernel._vr import AMBIGUOUS, LONG, SHORT, TEXT, UNITS, private_vr, public_vr

__all__ = [
    "BINARY",
    "STANDARD",
    "BadValueError",
    "Field",
    "binary_element",
    "excerpt",
    "field_at",
    "fields",
    "fit_character_set",
    "lenient_fields",
    "private_creator",
    "text_element",
    "text_value",
    "vr_of",
]

STANDARD = LONG | SHORT
_WHOLE = frozenset(["LT", "ST", "UT", "UR"])  # one value; a backslash is a character like any other (PS3.5 6.2)
_UTF8 = ["UTF8"]
_UNDEFINED = 0xFFFFFFFF


class BadValueError(DicomNetError):
    """A value that its VR does not allow; whoever knows the place makes an error with the place of it."""


def fields(dataset: Dataset, encodings: tuple[str, ...] = ("iso8859",)) -> Iterator[Field]:
    """The elements in ascending order, group lengths and group 0002 left out; items stay unread until asked for.

    Raises:
        EncodeError: an element cannot be converted; the path names its tag.
    """
    own = _own_encodings(dataset, encodings)
    for tag in sorted(dataset._dict, key=int):
        if tag & 0xFFFF and tag >> 16 != 2:
            yield _readable(dataset, tag, own)


def lenient_fields(
    dataset: Dataset, encodings: tuple[str, ...] = ("iso8859",)
) -> Iterator[tuple[int, Field | EncodeError]]:
    """The elements as ``fields`` gives them, with their tags; an error in place of one that cannot be converted."""
    own = _own_encodings(dataset, encodings)
    for tag in sorted(dataset._dict, key=int):
        if tag & 0xFFFF and tag >> 16 != 2:
            try:
                yield tag, _readable(dataset, tag, own)
            except EncodeError as error:
                yield tag, error


def excerpt(dataset: Dataset, tags: Iterable[int]) -> Dataset:
    """A data set of some of the elements, as they are held, with what the reading of them depends on."""
    found = Dataset()
    found._dict = {BaseTag(tag): dataset._dict[BaseTag(tag)] for tag in tags}
    found._read_little, found._read_implicit = dataset._read_little, dataset._read_implicit
    found._read_charset = dataset._read_charset
    return found


def field_at(dataset: Dataset, path: Iterable[int]) -> Field | None:
    """The element at the end of a path through the first items, None when there is none.

    Raises:
        EncodeError: it, or a sequence on the way to it, cannot be read.
    """
    encodings: tuple[str, ...] = ("iso8859",)
    field: Field | None = None
    for tag in path:
        if field is not None:
            if not field.items:
                return None
            dataset, encodings = field.items[0], field.encodings
        if BaseTag(tag) not in dataset._dict:
            return None
        field = _readable(dataset, BaseTag(tag), _own_encodings(dataset, encodings))
    return field


def text_value(dataset: Dataset, tag: int) -> str:
    """The value of one attribute as text, several joined by backslashes; empty when there is none.

    Raises:
        EncodeError: it cannot be read.
    """
    field = field_at(dataset, (tag,))
    return "" if field is None else "\\".join(field.texts())


def _readable(dataset: Dataset, tag: BaseTag, encodings: tuple[str, ...]) -> Field:
    try:
        return _field(dataset, tag, encodings)
    except EncodeError:
        raise
    except Exception as error:
        text = f"the value cannot be read: {error}"
        raise EncodeError(text, code=Fault.BAD_VALUE, path=f"{tag:08X}") from error


def _own_encodings(dataset: Dataset, inherited: tuple[str, ...]) -> tuple[str, ...]:
    element = dataset._dict.get(BaseTag(0x00080005))
    return inherited if element is None else tuple(declared_encodings(element.value, list(inherited)))


def _field(dataset: Dataset, tag: BaseTag, encodings: tuple[str, ...]) -> Field:
    element = dataset._dict[tag]
    value: Any = element.value
    if isinstance(element, RawDataElement):
        vr = element.VR if element.VR is not None else vr_of(dataset, tag)
        if vr == "SQ" or (value is None and element.length):
            element = dataset[tag]  # read by pydicom, and not looked into or not even loaded yet
            value = element.value
    if isinstance(element, RawDataElement):
        undefined = element.length == _UNDEFINED
        if vr in AMBIGUOUS:
            vr = resolve_vr(tag, vr, value, undefined, [dataset])
        content = value or b""
        if not element.is_little_endian and vr in UNITS:
            content = swapped(content, UNITS[vr])
        if vr in TEXT:
            source = dataset._read_charset or list(encodings)
            content = transcoded(vr, content, [source] if isinstance(source, str) else list(source), _UTF8)
        return Field(tag, vr, content, undefined=undefined)
    vr = str(element.VR)
    if vr == "SQ":
        return Field(tag, vr, items=tuple(value or ()), encodings=encodings)
    if vr in AMBIGUOUS:
        vr = resolve_vr(tag, vr, value, element.is_undefined_length, [dataset])
    stored_little = dataset._read_little is not False
    content = value_field(tag, vr, value, True, stored_little or vr == "UN", _UTF8)
    return Field(tag, vr, content, undefined=element.is_undefined_length)


def vr_of(dataset: Dataset, tag: int) -> str:
    """VR of a tag by the dictionaries; UN for one they do not have. Ambiguous ones as PS3.6 names them."""
    if not tag >> 16 & 1:
        return public_vr(tag) or "UN"
    if 0x10 <= tag & 0xFFFF <= 0xFF:
        return "LO"
    return private_vr(tag, private_creator(dataset, tag)) or "UN"


# --- from text -------------------------------------------------------------------------------------------------------

_DATE = r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3])([0-5]\d((60|[0-5]\d)(\.\d{1,6})?)?)?"
_MOMENT = rf"\d{{4}}((0[1-9]|1[0-2])((0[1-9]|[12]\d|3[01])({_TIME})?)?)?([+-][01]\d[0-5]\d)?"
# Keys of a query travel in the same forms: ranges (PS3.4 C.2.2.2.5) and wildcards (C.2.2.2.4) are not refused.
_PATTERNS = {
    vr: re.compile(pattern, re.ASCII)
    for vr, pattern in {
        "AE": r"[ -\[\]-~]{0,16}",
        "AS": r"\d{3}[DWMY]",
        "CS": r"[A-Z0-9 _*?]{0,16}",
        "DA": rf"{_DATE}|{_DATE}-({_DATE})?|-{_DATE}",
        "DS": r"(?=.{1,16}$)[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?",
        "DT": rf"{_MOMENT}|{_MOMENT}-({_MOMENT})?|-{_MOMENT}",
        "IS": r"(?=.{1,12}$)[+-]?\d+",
        "TM": rf"{_TIME}|{_TIME}-({_TIME})?|-{_TIME}",
        "UI": r"(?=.{1,64}$)(0|[1-9]\d*)(\.(0|[1-9]\d*))*",
        "UR": r"[!-\[\]-~][ -\[\]-~]*",
    }.items()
}
_LONGEST = {"LO": 64, "LT": 10240, "SH": 16, "ST": 1024}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_RANGES = {
    "US": (0, 0xFFFF),
    "UL": (0, 0xFFFFFFFF),
    "UV": (0, (1 << 64) - 1),
    "SS": (-0x8000, 0x7FFF),
    "SL": (-(1 << 31), (1 << 31) - 1),
    "SV": (-(1 << 63), (1 << 63) - 1),
    "IS": (-(1 << 31), (1 << 31) - 1),
}
_SHOWN = 60


def text_element(tag: int, vr: str, texts: list[str]) -> DataElement:
    """An element from its values as text; [] is zero length, "" an empty value among others.

    Raises:
        BadValueError: a value does not fit the VR, or the VR holds no text (SQ, OB and the like).
    """
    if vr in BINARY or vr == "SQ" or vr not in STANDARD:
        raise BadValueError(f"VR {vr} cannot be given as text")
    if vr in _WHOLE and len(texts) > 1:
        raise BadValueError(f"VR {vr} holds one value, not {len(texts)}")
    convert = _CONVERTERS.get(vr, _text)
    values = [convert(vr, text) for text in texts]
    if not values:
        return _element(tag, vr, empty_value_for_VR(vr))
    return _element(tag, vr, values[0] if len(values) == 1 else values)


def binary_element(tag: int, vr: str, content: bytes) -> DataElement:
    """An element from its value field in little endian; any VR but SQ.

    Raises:
        BadValueError: the length is no multiple of the VR's unit, or the content no text of the VR.
    """
    if len(content) % UNITS.get(vr, 1):
        raise BadValueError(f"{len(content)} bytes are no whole number of values of VR {vr}")
    if vr in BINARY:
        return _element(tag, vr, content or None)
    try:
        return text_element(tag, vr, Field(tag, vr, content).texts())
    except EncodeError as error:
        raise BadValueError(error.message) from error


def _element(tag: int, vr: str, value: Any) -> DataElement:
    try:
        return DataElement(BaseTag(tag), vr, value, validation_mode=config.IGNORE)
    except Exception as error:
        raise BadValueError(f"no value of VR {vr}: {error}") from error


def _fault(vr: str, text: str) -> BadValueError:
    return BadValueError(f"{text[:_SHOWN]!a}{'...' if len(text) > _SHOWN else ''} is no value of VR {vr}")


def _text(vr: str, text: str) -> str:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _fault(vr, text) from None
    lines = vr in ("LT", "ST", "UT")
    if (_CONTROL_IN_LINES if lines else _CONTROL).search(text) or ("\\" in text and vr not in _WHOLE):
        raise _fault(vr, text)
    limit = _LONGEST.get(vr)
    if limit is not None and len(text) > limit:
        raise BadValueError(f"{len(text)} characters are more than the {limit} that VR {vr} allows")
    return text


def _name(vr: str, text: str) -> str:
    groups = _text(vr, text).split("=")
    if len(groups) > 3 or any(len(group) > 64 for group in groups):
        raise _fault(vr, text)
    return text


def _pattern(vr: str, text: str) -> str:
    text = text.strip(" ") if vr != "UR" else text.rstrip(" ")
    if text and not _PATTERNS[vr].fullmatch(text):
        raise _fault(vr, text)
    if vr == "IS" and text:
        _in_range(vr, int(text), text)
    return text


def _in_range(vr: str, number: int, text: str) -> int:
    low, high = _RANGES[vr]
    if not low <= number <= high:
        raise _fault(vr, text)
    return number


def _integer(vr: str, text: str) -> int:
    digits = text.strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,20}", digits):
        raise _fault(vr, text)
    return _in_range(vr, int(digits), text)


def _float(vr: str, text: str) -> float:
    if len(text) > 400 or "_" in text:
        raise _fault(vr, text)
    try:
        number = float(text)
        struct.pack("<f" if vr == "FL" else "<d", number)
    except (ValueError, OverflowError):
        raise _fault(vr, text) from None
    return number


def _tag(vr: str, text: str) -> int:
    digits = text.strip()
    if not re.fullmatch("[0-9A-Fa-f]{8}", digits):
        raise _fault(vr, text)
    return int(digits, 16)


_CONVERTERS: dict[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(_PATTERNS, _pattern),
    **dict.fromkeys(["US", "UL", "UV", "SS", "SL", "SV"], _integer),
    **dict.fromkeys(["FL", "FD"], _float),
    "AT": _tag,
    "PN": _name,
}


def fit_character_set(dataset: Dataset) -> bool:
    """Make (0008,0005) fit text that came as Unicode: ISO_IR 192 where it does not. True when it was changed."""
    found: list[Dataset] = []
    todo: list[tuple[Dataset, list[str]]] = [(dataset, ["ascii"])]
    fits = True
    while todo:
        current, inherited = todo.pop()
        found.append(current)
        declared: Any = current._dict.get(BaseTag(0x00080005))
        own = inherited if declared is None or not declared.value else encodings_for(declared.value)
        # the default repertoire, also where code extensions follow; pydicom calls it Latin-1 to read anything
        own = ["ascii" if encoding == "iso8859" else encoding for encoding in own]
        for element in current._dict.values():
            if element.VR == "SQ":
                items: Any = element.value or ()
                todo.extend((item, own) for item in items)
            elif fits and element.VR in TEXT:
                fits = _fits(element.value, own)
    if not fits:
        for one in found:
            one._dict.pop(BaseTag(0x00080005), None)
        dataset.add(_element(0x00080005, "CS", "ISO_IR 192"))
    return not fits


def _fits(value: Any, encodings: list[str]) -> bool:
    values = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else value
    try:
        for one in values:
            encode_text("" if one is None else str(one), encodings)
    except UnicodeError:
        return False
    return True
