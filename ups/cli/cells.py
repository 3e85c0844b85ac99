"""Values for people: one line of text for each, dates and codes as one reads them; bad bytes are shown as they can be.

Everything that comes from here is printable.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dicomnet.dataset.glance import BINARY, Field, Glance, field_at, fields
from dicomnet.errors import EncodeError
from ups.cli.console import printable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["code_text", "field_lines", "field_text", "text_at", "unreadable_text"]

_CODE_VALUES = (0x00080100, 0x00080119, 0x00080120)  # PS3.3 Table 8.8-1a: short, long, URN
_SCHEME, _SCHEME_VERSION, _MEANING = 0x00080102, 0x00080103, 0x00080104
_CODE = frozenset({*_CODE_VALUES, _SCHEME, _SCHEME_VERSION, _MEANING})
_IN_LINES = frozenset({"LT", "ST", "UT"})
_MAX_TEXT = 10_000
_MAX_BYTES = 16

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d)(\d\d)(?:(\d\d)(?:\.\d{1,6})?)?", re.ASCII)
_MOMENT = re.compile(r"(\d{8})(\d{4,6})(?:\.\d{1,6})?([+-]\d{4})?", re.ASCII)


def text_at(dataset: Dataset | Glance, path: Sequence[int]) -> str:
    """The value at the end of a path through the first items; nothing when there is none."""
    try:
        field = field_at(dataset, path)
        return "" if field is None else field_text(field)
    except EncodeError:
        if len(path) > 1 or isinstance(dataset, Glance):
            return "(?)"
        return unreadable_text(dataset, path[-1])


def field_text(field: Field) -> str:
    """An element on one line; of codes what they mean.

    Raises:
        EncodeError: the value does not fit its VR.
    """
    return printable(" ".join(_texts(field)), _MAX_TEXT)


def field_lines(field: Field) -> list[str]:
    """An element on as many lines as its text has.

    Raises:
        EncodeError: the value does not fit its VR.
    """
    texts = _texts(field)
    if field.vr in _IN_LINES:
        texts = [line for text in texts for line in text.splitlines()]
    return [printable(text, _MAX_TEXT) for text in texts]


def _texts(field: Field) -> list[str]:
    if field.vr == "SQ":
        codes = [code_text(item, field.encodings, meaning_only=True) for item in field.items]
        if all(codes):
            return ["; ".join(filter(None, codes))]
        return [f"{len(codes)} item{'s' * (len(codes) > 1)}"]
    if field.undefined or field.vr in BINARY:
        size = len(field.content)
        return [f"{size} byte{'s' * (size != 1)}"] if size > _MAX_BYTES else [field.content.hex(" ")]
    return ["\\".join(_readable(field.vr, text) for text in field.texts())]


def _readable(vr: str, text: str) -> str:
    if vr == "DA" and (match := _DATE.fullmatch(text)):
        return "-".join(match.groups())
    if vr == "TM" and (match := _TIME.fullmatch(text)):
        return ":".join(filter(None, match.groups()))
    if vr == "DT" and (match := _MOMENT.fullmatch(text)):
        return f"{_readable('DA', match[1])} {_readable('TM', match[2])}{match[3] or ''}"
    return text


def code_text(item: Dataset | Glance, encodings: tuple[str, ...], *, meaning_only: bool = False) -> str | None:
    """A coded entry (PS3.3 8.8): value, scheme and meaning, or the meaning; None when the item is more or less."""
    if not item or not _CODE.issuperset(item.keys()):
        return None
    try:
        texts = {tag: "\\".join(field.texts()) for tag, field in fields(item, encodings)}
    except EncodeError:
        return None
    value = next((texts[tag] for tag in _CODE_VALUES if texts.get(tag)), "")
    if meaning_only:
        return texts.get(_MEANING) or value or None
    shown = [value, f"({texts[_SCHEME]})" if texts.get(_SCHEME) else "", texts.get(_MEANING, "")]
    return " ".join(filter(None, shown)) or None


def unreadable_text(dataset: Dataset, tag: int) -> str:
    """What can be shown of a value that cannot be read: its text with marks for what is none, or its first bytes."""
    from dicomnet.dataset.text import NUMBERS
    from dicomnet.dataset.values import vr_of

    element: Any = dataset.get_item(tag)
    content = element.value if isinstance(element.value, bytes) else b""
    vr = element.VR or vr_of(dataset, tag)
    if vr in NUMBERS or vr in BINARY or vr == "AT":
        shown = content[:_MAX_BYTES].hex(" ") + " ..." * (len(content) > _MAX_BYTES)
    else:
        shown = printable(content.decode("ascii", "replace").rstrip(" \0"), _MAX_TEXT)
    return f"{shown} (?)"
