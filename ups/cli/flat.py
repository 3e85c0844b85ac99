"""Data sets so plain that their bytes can be written down: flat ones, of attributes that a UPS may have, with values
that nobody could refuse. Most commands send no others, and pydicom takes longer to load than they take.

Whatever is not certain is left to the data dictionary, which also says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dicomnet import uids
from dicomnet.dataset.glance import encode_plain
from ups.cli.catalogue import OperationSpec
from ups.cli.values import AUTO_UID
from ups.names import ActionType
from ups.vocabulary import ATTRIBUTES, TAGS

if TYPE_CHECKING:
    from ups.cli.parser import CommandLine

__all__ = ["encode_flat", "flat_values"]

_CERTAIN = {
    "LO": r"[A-Za-z0-9_.*?-]+( [A-Za-z0-9_.*?-]+)*",
    "SH": r"[A-Za-z0-9_.*?-]+( [A-Za-z0-9_.*?-]+)*",
    "PN": r"[A-Za-z*?-]+(\^[A-Za-z*?-]+){0,4}",
    "CS": r"[A-Z0-9_*?]+( [A-Z0-9_*?]+)*",
    "DA": r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])",
}
"""Of the VRs that keys most often have, the values of up to 16 characters that need no second look."""

_VRS = {tag: vr for tag, (_, vr) in ATTRIBUTES.items()} | {0x00741230: "LO", 0x00741234: "AE", 0x00741236: "AE"}
"""With what only requests have: Deletion Lock, Receiving and Requesting AE."""


def flat_values(line: CommandLine, spec: OperationSpec) -> dict[int, str] | None:
    """What -r and -q lay into a data set that begins empty, None when that, or what comes then, is not so simple."""
    if line.file is not None or line.edits or line.filters or spec.needs_data or line.transaction == AUTO_UID:
        return None
    reasons = (line.reason, line.reason_code, line.contact, line.contact_uri)
    if spec.action is ActionType.REQUEST_CANCEL and any(reason is not None for reason in reasons):
        return None
    values: dict[int, str] = {}
    for name in line.names:
        if name not in TAGS:
            return None
        values[TAGS[name]] = ""
    for name, value in line.keys:
        if name not in TAGS or not _is_certain(_VRS[TAGS[name]], value):
            return None
        values[TAGS[name]] = value
    return values


def _is_certain(vr: str, value: str) -> bool:
    if vr == "UI":
        return uids.is_uid(value)
    return vr in _CERTAIN and len(value) <= 16 and re.fullmatch(_CERTAIN[vr], value, re.ASCII) is not None


def encode_flat(values: Mapping[int, str], transfer_syntax: str) -> bytes:
    """The data set in one of the little endian transfer syntaxes."""
    return encode_plain({tag: (_VRS[tag], text) for tag, text in values.items()}, transfer_syntax)
