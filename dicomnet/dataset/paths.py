"""Attributes by name: ``ScheduledWorkitemCodeSequence/CodeValue``, ``00404018/00080100``, ``(0040,4018)/(0008,0100)``.

A path leads through the first item of each sequence. What the text means is the dictionary's business (PS3.6), how a
value is checked that of ``values``.
"""

from __future__ import annotations

import re

from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet.dataset.values import BINARY, BadValueError, text_element, vr_of
from dicomnet.errors import DicomNetError

__all__ = ["AttributePath", "PathError", "format_path", "get_element", "parse_path", "set_value"]

AttributePath = tuple[int, ...]

_MAX_DEPTH = 64
_HEX = re.compile(r"\(?([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)?|([0-9A-Fa-f]{8})", re.ASCII)
_TEXT_OF = {"US or SS": "US", "US or OW": "US", "US or SS or OW": "US"}


class PathError(DicomNetError):
    """No attribute has this name, or its value cannot be set from this text."""


def parse_path(text: str) -> AttributePath:
    """The tags that a path names.

    Raises:
        PathError: a part is neither a keyword of PS3.6 nor a tag, or leads through something that is no sequence.
    """
    path = tuple(_parse_part(part, text) for part in text.split("/"))
    if len(path) > _MAX_DEPTH:
        raise PathError(f"a path of {len(path)} parts; at most {_MAX_DEPTH} are allowed")
    for tag in path[:-1]:
        if not tag >> 16 & 1 and vr_of(Dataset(), tag) not in ("SQ", "UN"):
            raise PathError(f"{format_path((tag,))} in {_shown(text)} is no sequence")
    return path


def _parse_part(part: str, text: str) -> int:
    match = _HEX.fullmatch(part)
    tag = int("".join(group for group in match.groups() if group), 16) if match else None
    if match and part.startswith("(") != part.endswith(")"):
        tag = None
    if tag is None and part.isascii() and part.isalnum():
        tag = tag_for_keyword(part)
    if tag is None:
        whole = "" if part == text else f" in {_shown(text)}"
        raise PathError(f"{_shown(part)}{whole} is neither a keyword nor a tag of eight hex digits")
    if tag >> 16 in (0x0000, 0x0002, 0xFFFE) or not tag & 0xFFFF:
        raise PathError(f"{_shown(part)} is no attribute of a data set")
    return tag


def _shown(text: str) -> str:
    return f"{text[:80]!a}{'...' if len(text) > 80 else ''}"


def format_path(path: AttributePath) -> str:
    """The path with keywords, and eight hex digits where there is none."""
    return "/".join(keyword_for_tag(tag) or f"{tag:08X}" for tag in path)


def get_element(dataset: Dataset, path: AttributePath) -> DataElement | None:
    """The element at the end of a path through the first items, None when there is none.

    Raises:
        PathError: it, or a sequence on the way to it, has a value that cannot be read.
    """
    for tag in path[:-1]:
        element = _held(dataset, tag)
        if element is None or element.VR != "SQ" or not element.value:
            return None
        dataset = element.value[0]
    return _held(dataset, path[-1])


def _held(dataset: Dataset, tag: int) -> DataElement | None:
    try:
        return dataset.get(BaseTag(tag))
    except Exception as error:  # pydicom raises many kinds for a value that does not fit its VR
        raise PathError(f"{format_path((tag,))} has a value that cannot be read") from error


def set_value(dataset: Dataset, path: AttributePath, text: str) -> None:
    """Set an attribute from text: backslash separates values, no text is zero length; first items are made on the way.

    Raises:
        PathError: the text is no value of the attribute's VR, or a sequence on the way cannot be read; the data set is
            unchanged.
    """
    # Everything is checked before the first change
    level: Dataset | None = dataset
    for tag in path[:-1]:
        known = _held(level, tag) if level is not None else None
        vr = known.VR if known is not None else vr_of(level or Dataset(), tag)
        if vr != "SQ" and not (vr == "UN" and tag >> 16 & 1 and known is None):
            raise PathError(f"{format_path((tag,))} in {format_path(path)} is no sequence")
        level = known.value[0] if known is not None and known.value else None
    element = _element(level or Dataset(), path, text)
    for tag in path[:-1]:
        if BaseTag(tag) not in dataset or not dataset[BaseTag(tag)].value:
            dataset.add(DataElement(BaseTag(tag), "SQ", Sequence([Dataset()])))
        dataset = dataset[BaseTag(tag)].value[0]
    dataset.add(element)


def _element(level: Dataset, path: AttributePath, text: str) -> DataElement:
    tag = path[-1]
    vr = _TEXT_OF.get(vr_of(level, tag), vr_of(level, tag))
    if vr == "SQ":
        if text:
            raise PathError(f"{format_path(path)} is a sequence; only an attribute in it can have a value")
        return DataElement(BaseTag(tag), "SQ", Sequence())
    binary = "OW" if vr == "OB or OW" else vr
    if not text and binary in BINARY:
        return DataElement(BaseTag(tag), binary, None)  # zero length fits every VR
    try:
        if vr == "UN":
            # an attribute that no dictionary has: the bytes of the text
            content = text.encode("ascii")
            return DataElement(BaseTag(tag), "UN", content + b" " * (len(content) % 2) or None)
        if vr in ("LT", "ST", "UT", "UR"):
            return text_element(tag, vr, [text] if text else [])
        return text_element(tag, vr, text.split("\\") if text else [])
    except (BadValueError, UnicodeError) as error:
        raise PathError(f"{format_path(path)}: {error}") from error
