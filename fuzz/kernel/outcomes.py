"""What came of a call, in a form that compares: values with their types, errors with code, offset and path.

``described`` turns whatever pydicom and the kernel give into nested tuples. Two that are equal cannot be told apart by
a program that goes by the documented types: a subclass of the fast body counts as what it is derived from, numbers
compare by their bits, a data set by its raw elements, their order and its attributes. Nothing is converted on the way:
looking at a raw element leaves it raw.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.valuerep import IS, DSfloat, PersonName

from dicomnet.errors import CodecError
from dicomnet.kernel import _python
from fuzz.kernel.bodies import StaleExtension, body

__all__ = [
    "BODIES",
    "ENCODINGS",
    "MISSING",
    "agreed",
    "described",
    "difference",
    "drained",
    "outcome",
    "same",
    "scrubbed",
    "warnings_kept",
]

ENCODINGS = ((True, True), (False, True), (False, False))
"""Implicit VR and little endian, of the three encodings that DICOM has."""


def _fast_body() -> tuple[ModuleType, str]:
    try:
        return body("cython"), ""
    except (ImportError, StaleExtension) as error:
        return _python, str(error)


_FAST, MISSING = _fast_body()
"""Why there is nothing to compare the reference with; then both bodies are the reference. Empty when there is."""

BODIES: tuple[ModuleType, ModuleType] = (_python, _FAST)

_ABSENT = ("absent",)
_DATASET_NAMES = (
    *(name for name in sorted(vars(Dataset())) if name not in ("_dict", "_private_blocks")),
    *("_pixel_rep", "file_tell", "original_character_set", "original_encoding", "seq_item_tell"),
)
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_EXACT = frozenset([str, bytes, int, bool, type(None)])
_plain_types: dict[type, type] = {}


def _plain(kind: type) -> type:
    """The type a value claims to be: its own, or for one of the kernel's the first base that is not the kernel's."""
    found = _plain_types.get(kind)
    if found is None:
        found = next(base for base in kind.__mro__ if not base.__module__.startswith("dicomnet."))
        _plain_types[kind] = found
    return found


def described(value: Any) -> Any:
    """The value as nested tuples of types and comparable things; nothing in it is converted by this."""
    kind = type(value)
    if kind in _EXACT:
        return kind, value
    if kind is BaseTag:
        return kind, int(value)
    if kind is float:
        return kind, struct.pack("<d", value)
    if kind is RawDataElement:
        return kind, *_each(value)
    if kind is tuple or kind is list:  # as below, before those that ask an abstract base class
        return kind, _each(value)
    if isinstance(value, DataElement):
        return _plain(kind), _attributes(value)
    if isinstance(value, Dataset):
        attributes = _each([getattr(value, name, _ABSENT) for name in _DATASET_NAMES])
        names = tuple(zip(_DATASET_NAMES, attributes, strict=True))
        return _plain(kind), _each(value._dict), _each(value._dict.values()), names
    if isinstance(value, Sequence):
        undefined = described(getattr(value, "is_undefined_length", _ABSENT))
        return _plain(kind), undefined, _each(value)
    if isinstance(value, MultiValue | list | tuple):
        return _plain(kind), _each(value)
    if isinstance(value, dict):
        return _plain(kind), tuple((described(name), described(one)) for name, one in value.items())
    if isinstance(value, PersonName):
        # the components are made of the original bytes when they are asked for, and kept: nobody sees when
        text = None if value.original_string is not None else value._components
        return _plain(kind), value.original_string, described(value.encodings), value.validation_mode, text
    if isinstance(value, str):
        return _plain(kind), str.__str__(value), _attributes(value)
    if isinstance(value, DSfloat | IS):
        # in an instance's dictionary or made when it is asked for: nobody who goes by the attribute sees which
        number = struct.pack("<d", value) if isinstance(value, float) else int(value)
        named = tuple((name, described(getattr(value, name, _ABSENT))) for name in ("original_string", "auto_format"))
        return _plain(kind), number, named, str(value), repr(value)
    if isinstance(value, int):
        return _plain(kind), int(value), _attributes(value)
    return _plain(kind), scrubbed(repr(value))


def _each(values: Iterable[Any]) -> tuple[Any, ...]:
    """Of all these; the plainest, which are most, without a call: tests and fuzzing spend their time here."""
    return tuple([(type(one), one) if type(one) in _EXACT else described(one) for one in values])


def _attributes(value: Any) -> Any:
    attributes = getattr(value, "__dict__", None)
    return None if attributes is None else tuple((name, described(attributes[name])) for name in sorted(attributes))


def scrubbed(text: str) -> str:
    """Text without what differs from run to run or tells the bodies apart: addresses, the names of subclasses."""
    return _ADDRESS.sub("0x", text).replace("ReceivedDataset", "Dataset")


def outcome(function: Callable[..., Any], *arguments: Any) -> tuple[Any, ...]:
    """("value", what it returned), or what it raised in a form that compares."""
    try:
        return "value", function(*arguments)
    except CodecError as error:
        place = (error.code, error.offset, error.path)
        return "codec error", type(error), *place, error.clause, scrubbed(error.message)
    except Exception as error:  # noqa: BLE001 - whatever is raised is an outcome
        return "raised", type(error), scrubbed(str(error).partition("\nTraceback")[0])


def difference(first: Any, second: Any, where: str = "") -> str:
    """Where two descriptions first part."""
    if isinstance(first, tuple) and isinstance(second, tuple):
        for number, (one, other) in enumerate(zip(first, second, strict=False)):
            if one != other:
                return difference(one, other, f"{where}.{number}")
        return f"{where}: {len(first)} and {len(second)} parts: {first!r:.300} and {second!r:.300}"
    return f"{where}: {first!r:.600} and {second!r:.600}"


def same(what: str, first: Any, second: Any) -> None:
    """Two outcomes or other things, equal in their descriptions.

    Raises:
        AssertionError: they are not.
    """
    one, other = described(first), described(second)
    if one != other:
        raise AssertionError(f"{what} differs between reference and fast body at {difference(one, other)}")


def agreed(what: str, first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    """Whether both outcomes are values (not compared yet); errors must be equal.

    Raises:
        AssertionError: the errors differ, or only one is an error.
    """
    if first[0] == second[0] == "value":
        return True
    if first != second:
        raise AssertionError(f"{what}: reference {first!r:.600}, fast body {second!r:.600}")
    return False


@contextmanager
def warnings_kept() -> Iterator[list[warnings.WarningMessage]]:
    """Every warning from here on, in a list."""
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        yield log


def drained(log: list[warnings.WarningMessage]) -> list[tuple[type[Warning], str]]:
    """The warnings since the last call."""
    if not log:
        return []
    found = [(one.category, scrubbed(str(one.message))) for one in log]
    log.clear()
    return found
