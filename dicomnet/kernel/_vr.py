"""Value representations as the data set codec needs them: header form, unit, and which VR an element without one has.

PS3.5 6.2 and 7.1.2, PS3.6. Both bodies of the kernel share these tables; they hold no behaviour of a codec.
"""

from __future__ import annotations

from functools import lru_cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries
from pydicom.datadict import private_dictionary_VR

from dicomnet.kernel._vr_forms import LONG, NUMBERS, SHORT, TEXT, VRS

__all__ = ["AMBIGUOUS", "FRAGMENTED", "LONG", "NUMBERS", "SHORT", "TEXT", "UNITS", "VRS", "private_vr", "public_vr"]

UNITS = {
    "AT": 2, "US": 2, "SS": 2, "OW": 2, "US or SS": 2, "US or OW": 2, "US or SS or OW": 2, "OB or OW": 2,
    "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4, "FD": 8, "SV": 8, "UV": 8, "OD": 8, "OV": 8,
}  # fmt: skip
"""Bytes that change places together with the byte order; VRs not named here have single bytes."""

FRAGMENTED = frozenset(["OB", "OW", "OD", "OF", "OL", "OV", "OB or OW", "US or OW", "US or SS or OW"])
"""VRs that may have undefined length and then hold fragments (PS3.5 A.4)."""

AMBIGUOUS = frozenset(["OB or OW", "US or OW", "US or SS", "US or SS or OW"])


def _repeating() -> dict[int, dict[int, str]]:
    """VRs of repeating tags (60xx3000 and the like) by the mask of the digits that do not vary, and by these digits."""
    found: dict[int, dict[int, str]] = {}
    for digits, entry in RepeatersDictionary.items():
        mask = int("".join("0" if digit == "x" else "F" for digit in digits), 16)
        found.setdefault(mask, {})[int(digits.replace("x", "0"), 16)] = entry[0]
    return found


_REPEATING = _repeating()  # pydicom would compare a tag with each of them, digit by digit


def public_vr(tag: int) -> str | None:
    """VR of a standard tag by PS3.6, repeating groups included; None when there is no such tag."""
    entry = DicomDictionary.get(tag)
    if entry is not None:
        return entry[0]
    if not tag & 0xFFFF:
        return "UL"  # group length (PS3.5 7.2)
    if tag >> 16 & 1:
        return None
    return next((vrs[tag & mask] for mask, vrs in _REPEATING.items() if tag & mask in vrs), None)


def private_vr(tag: int, creator: str) -> str | None:
    """VR of a private tag of this creator as far as pydicom's private dictionary knows, else None."""
    entries = private_dictionaries.get(creator)
    if entries is None:
        return None  # asked first: a peer's text must not fill the cache, and pydicom would warn about some
    return _private_vr(tag, creator, len(entries))


@lru_cache(maxsize=4096)
def _private_vr(tag: int, creator: str, known: int) -> str | None:
    """As above; ``known`` makes it look again when a program has added entries."""
    try:
        return str(private_dictionary_VR(tag, creator))
    except KeyError:
        return None
