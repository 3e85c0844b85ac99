"""DICOM JSON Model (PS3.18 F.2), both ways; what writes it is in ``json_model``, which needs no pydicom.

Built on the same values and checks as the XML forms rather than on pydicom's converter, which warns instead of refusing
and quietly empties what refers to bulk data. Repeated keys and bulk data references are refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet.dataset import DataSetLimits
from dicomnet.dataset.json_model import GROUPS, model, write
from dicomnet.dataset.values import (
    BINARY,
    STANDARD,
    BadValueError,
    binary_element,
    fit_character_set,
    text_element,
)
from dicomnet.errors import DecodeError, Fault
from dicomnet.kernel._vr import NUMBERS

__all__ = ["model", "read", "write"]

_NUMERIC = frozenset(NUMBERS) | {"IS", "DS"}
_MARKS_PER_ELEMENT = 10


class _RefusedError(ValueError):
    """Raised inside json.loads, whose own errors are ValueErrors too."""


def read(data: bytes, name: str = "", *, limits: DataSetLimits | None = None) -> Dataset:
    """The one data set of a document: an object, or an array of one object.

    Raises:
        DecodeError: it is no such document, a value does not fit, or a limit is exceeded.
    """
    limits = limits or DataSetLimits()
    if len(data) > limits.max_bytes:
        raise DecodeError(f"{name or 'JSON'}: the file is longer than {limits.max_bytes} bytes", code=Fault.LIMIT)
    # Python's parser has no bounds of its own: bound what it may build before it starts
    if sum(map(data.count, (b"{", b"[", b","))) > _MARKS_PER_ELEMENT * limits.max_elements + 100:
        text = f"{name or 'JSON'}: more values than {limits.max_elements} elements need"
        raise DecodeError(text, code=Fault.LIMIT)
    try:
        content = json.loads(
            bytes(data).removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=_object, parse_constant=_constant
        )
    except RecursionError:
        raise DecodeError(f"{name or 'JSON'}: nests too deep", code=Fault.LIMIT) from None
    except ValueError as error:
        place = getattr(error, "pos", None)
        line = getattr(error, "lineno", None)
        where = f"{name or 'JSON'}{f', line {line}' if line else ''}"
        text = str(error).encode("ascii", "backslashreplace").decode("ascii")[:200]
        raise DecodeError(f"{where}: no well-formed JSON: {text}", code=Fault.BAD_VALUE, offset=place) from error
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    reader = _Reader(name or "JSON", limits)
    dataset = reader.dataset(content, "", 0)
    fit_character_set(dataset)
    return dataset


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RefusedError(f"key {key[:20]!a} is repeated")
            seen.add(key)
    return found


def _constant(text: str) -> Any:
    raise _RefusedError(f"{text} is no JSON number")


class _Reader:
    def __init__(self, name: str, limits: DataSetLimits) -> None:
        self.name = name
        self.limits = limits
        self.count = 0

    def _fail(self, code: Fault, message: str, path: str) -> DecodeError:
        return DecodeError(f"{self.name}: {message}", code=code, path=path)

    def _counted(self, path: str) -> None:
        self.count += 1
        if self.count > self.limits.max_elements:
            raise self._fail(Fault.LIMIT, f"more than {self.limits.max_elements} elements and items", path)

    def dataset(self, content: Any, path: str, depth: int) -> Dataset:
        """One object of attributes; recursion ends at the nesting limit."""
        if not isinstance(content, dict):
            raise self._fail(Fault.BAD_VALUE, f"{_kind(content)} where a data set, an object, must be", path)
        dataset = Dataset()
        for key, attribute in content.items():
            if not re.fullmatch("[0-9A-Fa-f]{8}", key, re.ASCII):
                raise self._fail(Fault.BAD_VALUE, f"key {key[:20]!a} is not eight hex digits", path)
            tag = int(key, 16)
            here = f"{path}{tag:08X}"
            self._counted(here)
            if tag >> 16 == 2 or not tag & 0xFFFF:
                continue
            if tag >> 16 in (0x0000, 0xFFFE):
                raise self._fail(Fault.BAD_VALUE, "no attribute of a data set", here)
            if BaseTag(tag) in dataset._dict:
                raise self._fail(Fault.DUPLICATE, "the tag is repeated", here)
            if not isinstance(attribute, dict):
                raise self._fail(Fault.BAD_VALUE, f"{_kind(attribute)} where an attribute, an object, must be", here)
            dataset._dict[BaseTag(tag)] = self._element(tag, attribute, here, depth)
        return dataset

    def _element(self, tag: int, attribute: dict[str, Any], path: str, depth: int) -> DataElement:
        vr = attribute.get("vr")
        if not isinstance(vr, str) or vr not in STANDARD:
            raise self._fail(Fault.BAD_VR, f"vr {str(vr)[:20]!a} is no value representation", path)
        kinds = [kind for kind in ("Value", "InlineBinary", "BulkDataURI") if kind in attribute]
        if len(kinds) > 1:
            raise self._fail(Fault.BAD_VALUE, f"both {' and '.join(kinds)}", path)
        if "BulkDataURI" in kinds:
            text = "the value is bulk data elsewhere; references are never followed"
            raise self._fail(Fault.UNSUPPORTED, text, path)
        try:
            if "InlineBinary" in kinds:
                return self._inline(tag, vr, attribute["InlineBinary"])
            values = attribute.get("Value", [])
            if not isinstance(values, list):
                raise self._fail(Fault.BAD_VALUE, f"Value is {_kind(values)}, not an array", path)
            if vr == "SQ":
                return self._sequence(tag, values, path, depth)
            if vr in BINARY and not values:
                return binary_element(tag, vr, b"")
            return text_element(tag, vr, [_text(vr, value) for value in values])
        except BadValueError as error:
            raise self._fail(Fault.BAD_VALUE, str(error), path) from error

    def _inline(self, tag: int, vr: str, text: Any) -> DataElement:
        if vr == "SQ" or not isinstance(text, str):
            raise BadValueError(f"InlineBinary of {vr} is {_kind(text)}")
        try:
            return binary_element(tag, vr, base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError) as error:
            raise BadValueError(f"InlineBinary is not base64: {error}") from error

    def _sequence(self, tag: int, values: list[Any], path: str, depth: int) -> DataElement:
        if depth >= self.limits.max_depth:
            raise self._fail(Fault.LIMIT, f"sequences nest deeper than {self.limits.max_depth}", path)
        items = []
        for index, value in enumerate(values):
            self._counted(path)
            item = {} if value is None else value
            items.append(self.dataset(item, f"{path}[{index}]/", depth + 1))
        return DataElement(BaseTag(tag), "SQ", Sequence(items))


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _text(vr: str, value: Any) -> str:
    """One member of Value as text.

    Raises:
        BadValueError: it is of a kind that the VR does not have.
    """
    if value is None:
        return ""
    if vr == "PN":
        return _name(value)
    if isinstance(value, str):
        return value
    if vr in _NUMERIC and isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and value.is_integer() and vr not in ("FL", "FD", "DS") and abs(value) < 1 << 64:
            return str(int(value))  # some writers have only one kind of number
        return _shortest(value) if vr == "DS" else str(value)
    raise BadValueError(f"{_kind(value)} is no value of VR {vr}")


def _shortest(value: float) -> str:
    """A DS has 16 characters at most; JSON numbers are longer sometimes."""
    text = repr(value)
    for digits in range(16, 0, -1):
        if len(text) <= 16:
            break
        text = f"{value:.{digits}g}"
    return text


def _name(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not all(isinstance(value.get(group, ""), str) for group in GROUPS):
        raise BadValueError(f"{_kind(value)} is no person name")
    return "=".join(value.get(group, "") for group in GROUPS).rstrip("=")
