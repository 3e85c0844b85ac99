"""Text of value fields, for who reads elements as they are held, without pydicom's conversion (PS3.5 6.1, 6.2).

Which VRs hold characters or numbers, the encodings that a Specific Character Set stands for, and the text that bytes
are in them. Nothing here warns, and nothing is shared between threads.
"""

from __future__ import annotations

from dicomnet.kernel._text import DEFAULT, decode_text, encodings_for
from dicomnet.kernel._vr import NUMBERS, TEXT

__all__ = ["DEFAULT", "NUMBERS", "TEXT", "decode_text", "encodings_for", "legible"]


def legible(value: bytes, encodings: list[str]) -> str:
    """The text of a value field, U+FFFD for what is none; in encodings that do not exist, as Latin-1."""
    try:
        return decode_text(value, encodings, replace=True)
    except LookupError:
        return value.decode("latin-1")
