"""Data sets as the DICOM JSON Model (PS3.18 F.2), whole ones and those that were seen at a glance."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

from dicomnet.dataset.glance import BINARY, Field, Glance, fields
from dicomnet.errors import EncodeError, Fault
from dicomnet.kernel._vr_forms import NUMBERS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["GROUPS", "model", "write"]

GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
"""The component groups of a person name, as keys."""


def write(dataset: Dataset | Glance, *, max_depth: int = 64) -> str:
    """The object, on one line, keys ascending, as the text of one JSON value.

    Raises:
        EncodeError: a value cannot be read, or sequences nest too deep.
    """
    return json.dumps(model(dataset, max_depth=max_depth), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def model(dataset: Dataset | Glance, *, max_depth: int = 64) -> dict[str, Any]:
    """The object as Python has it, for whoever makes it part of another one.

    Raises:
        EncodeError: a value cannot be read, or sequences nest too deep.
    """
    return _object_of(dataset, ("iso8859",), "", max_depth)


def _object_of(dataset: Dataset | Glance, encodings: tuple[str, ...], path: str, max_depth: int) -> dict[str, Any]:
    """One data set; recursion ends at the nesting limit."""
    found: dict[str, Any] = {}
    try:
        for _, field in fields(dataset, encodings):
            here = f"{path}{field.tag:08X}"
            attribute: dict[str, Any] = {"vr": field.vr}
            if field.vr == "SQ":
                if max_depth <= 0:
                    raise EncodeError("sequences nest too deep", code=Fault.LIMIT, path=here)
                items = enumerate(field.items)
                values = [_object_of(one, field.encodings, f"{here}[{n}]/", max_depth - 1) for n, one in items]
            elif field.vr in BINARY:
                values = []
                if field.undefined:
                    text = "fragments of encapsulated content have no form here"
                    raise EncodeError(text, code=Fault.UNSUPPORTED, path=here)
                if field.content:
                    attribute["InlineBinary"] = base64.b64encode(field.content).decode("ascii")
            else:
                values = _values(field, here)
            if values:
                attribute["Value"] = values
            found[f"{field.tag:08X}"] = attribute
    except EncodeError as error:
        if path and "/" not in error.path:
            raise EncodeError(error.message, code=error.code, path=path + error.path) from error
        raise
    return found


def _values(field: Field, path: str) -> list[Any]:
    try:
        texts = field.texts()
    except EncodeError as error:
        raise EncodeError(error.message, code=error.code, path=path) from error
    if field.vr == "PN":
        return [
            {group: part for group, part in zip(GROUPS, text.split("=", 2), strict=False) if part} or None
            for text in texts
        ]
    if field.vr in ("FL", "FD"):
        # no JSON number for these three; as strings they are common practice
        numbers = [float(text) for text in texts]
        special = {math.inf: "Infinity", -math.inf: "-Infinity"}
        return [special.get(number, number) if not math.isnan(number) else "NaN" for number in numbers]
    if field.vr in NUMBERS and field.vr not in ("SV", "UV"):
        return [int(text) for text in texts]
    # DS, IS, SV and UV as strings: that keeps every digit (PS3.18 F.2.3.1)
    return [text or None for text in texts]
