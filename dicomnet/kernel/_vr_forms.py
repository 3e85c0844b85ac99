"""The value representations of PS3.5 6.2 by the form of headers and values: what can be known without a dictionary.

Apart from ``_vr`` so that who reads nothing but headers needs no pydicom.
"""

from __future__ import annotations

__all__ = ["LONG", "NUMBERS", "SHORT", "TEXT", "VRS"]

LONG = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
"""VRs with a length field of 32 bits in explicit encodings (PS3.5 Table 7.1-1)."""

SHORT = frozenset(
    ["AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO",
     "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"]
)  # fmt: skip
"""VRs with a length field of 16 bits in explicit encodings (PS3.5 Table 7.1-2)."""

VRS = {vr.encode(): vr for vr in LONG | SHORT}

TEXT = frozenset(["LO", "LT", "PN", "SH", "ST", "UC", "UT"])
"""VRs whose characters (0008,0005) governs."""

NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
"""VRs of binary numbers, with what ``struct`` calls them."""
