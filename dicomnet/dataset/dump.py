"""Data sets for people: one line an element, in the manner of the usual dump tools.

Never fails and never trusts: what cannot be converted is said to be so, control characters are escaped, values are
cut. Attribute values may be patient data: where this may be printed is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dicomnet.dataset.glance import BINARY, Field, Glance, lenient_fields
from dicomnet.errors import EncodeError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["lines"]

_WIDTH = 80
_MAX_DEPTH = 64


def lines(dataset: Dataset | Glance, indent: str = "", *, width: int = _WIDTH) -> Iterator[str]:
    """The lines of a data set; values longer than ``width`` characters are cut."""
    yield from _lines(dataset, indent, ("iso8859",), width, 0)


def _lines(dataset: Dataset | Glance, indent: str, encodings: tuple[str, ...], width: int, depth: int) -> Iterator[str]:
    """One data set; recursion ends at the nesting limit."""
    for tag, field in lenient_fields(dataset, encodings):
        if isinstance(field, EncodeError):
            yield f"{indent}{_label(dataset, tag, '??')} {_cut(field.message, width)}"
            continue
        label = _label(dataset, tag, field.vr)
        if field.vr != "SQ":
            yield f"{indent}{label} {_value(field, width)}".rstrip()
            continue
        yield f"{indent}{label} {len(field.items)} item{'' if len(field.items) == 1 else 's'}"
        for number, item in enumerate(field.items, 1):
            yield f"{indent}  item {number}"
            if depth >= _MAX_DEPTH:
                yield f"{indent}    ..."
            else:
                yield from _lines(item, indent + "    ", field.encodings, width, depth + 1)


def _label(dataset: Dataset | Glance, tag: int, vr: str) -> str:
    name = dataset.name(tag) if isinstance(dataset, Glance) else _name(dataset, tag)
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {vr} {name or '?'}:"


def _name(dataset: Dataset, tag: int) -> str:
    from pydicom.datadict import keyword_for_tag

    from dicomnet.dataset.values import private_creator

    if not tag >> 16 & 1:
        return keyword_for_tag(tag)
    creator = private_creator(dataset, tag)
    return f"[{_cut(creator, 64)}]" if creator else "[private]"


def _value(field: Field, width: int) -> str:
    if field.undefined:
        return f"encapsulated, {len(field.content)} bytes"
    if field.vr in BINARY:
        shown = field.content[: width // 3].hex(" ")
        more = f" ... ({len(field.content)} bytes)" if len(field.content) > width // 3 else ""
        return shown + more
    try:
        texts = field.texts()
    except EncodeError:
        return f"{_cut(repr(field.content[:width]), width)} (no value of VR {field.vr})"
    return _cut("\\".join(texts), width)


def _cut(text: str, width: int) -> str:
    """At most ``width`` characters, none of which moves the cursor."""
    more = len(text) > width
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text[:width])
    return shown + ("..." if more else "")
