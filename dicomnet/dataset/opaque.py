"""Data sets with values that a form cannot express: these become UN with the bytes they came in, the others stay.

A peer's data set may be sound as a whole and have a text that its character set does not explain, or three bytes for a
floating point number. Whoever writes it for somebody else wants the rest all the same. Knows no form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet.dataset.values import excerpt
from dicomnet.errors import EncodeError

__all__ = ["write_lenient"]

_CHARACTER_SET = BaseTag(0x00080005)

T = TypeVar("T")


def write_lenient(dataset: Dataset, write: Callable[[Dataset], T]) -> tuple[T, list[EncodeError]]:
    """What ``write`` makes of the data set, and what was wrong with each value that became UN.

    When ``write`` refuses the whole it is asked about each element alone. The data set itself stays as it is.
    """
    try:
        return write(dataset), []
    except EncodeError:
        expressible, errors = _expressible(dataset, write, "")
        return write(expressible), errors


def _expressible(dataset: Dataset, write: Callable[[Dataset], object], path: str) -> tuple[Dataset, list[EncodeError]]:
    """One data set; recursion ends where nesting does."""
    found = excerpt(dataset, dataset._dict)
    errors: list[EncodeError] = []
    for tag in sorted(dataset._dict, key=int):
        try:
            write(excerpt(dataset, _with_context(dataset, tag)))
        except EncodeError as error:
            found._dict[tag], more = _replacement(dataset._dict[tag], error, write, f"{path}{tag:08X}")
            errors += more
    return found, errors


def _with_context(dataset: Dataset, tag: BaseTag) -> set[BaseTag]:
    """The element with those that tell how to read it: the character set, private creators of its group."""
    found = {tag}
    if _CHARACTER_SET in dataset._dict:
        found.add(_CHARACTER_SET)
    if tag >> 16 & 1:
        found.update(one for one in dataset._dict if one >> 16 == tag >> 16 and 0x10 <= one & 0xFFFF <= 0xFF)
    return found


def _replacement(
    element: Any, error: EncodeError, write: Callable[[Dataset], object], path: str
) -> tuple[DataElement | RawDataElement, list[EncodeError]]:
    if element.VR == "SQ" and not isinstance(element.value, bytes):
        items = [_expressible(item, write, f"{path}[{n}]/") for n, item in enumerate(element.value or ())]
        errors = [one for _, inner in items for one in inner]
        if errors:
            return DataElement(element.tag, "SQ", Sequence([item for item, _ in items])), errors
    content = element.value if isinstance(element.value, bytes) else b""
    # As it was read, because pydicom makes what it thinks best of an element that is UN and known to it
    unread = RawDataElement(element.tag, "UN", len(content), content, 0, False, True)
    return unread, [EncodeError(error.message, code=error.code, path=path)]
