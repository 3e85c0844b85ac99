"""Data sets between bytes and ``pydicom.Dataset``: there is no second data set type here.

``codec`` holds the transfer syntaxes, ``files`` the file forms, ``native_xml`` and ``json`` the readable ones, ``dump``
the one for people, ``opaque`` what a form cannot express, ``paths`` the names of attributes in sequences. Knows no PDUs
and no messages. Importing this package imports none of its rooms: they need pydicom, for which a command line that
prints its help should not wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomnet.records import dataclass

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["DataSetLimits", "decode", "encode"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DataSetLimits:
    """What a data set may cost. Excess is a DecodeError with Fault.LIMIT (nesting when encoding: an EncodeError)."""

    max_bytes: int = 64 * _MIB
    """Of the encoded data set, or of the file it comes in."""
    max_inflated: int = 64 * _MIB
    """Of a deflated data set, after inflating."""
    max_ratio: int = 200
    """Of inflated to deflated bytes."""
    max_depth: int = 64
    """Of sequences in sequences."""
    max_elements: int = 200_000
    """Elements and items together."""


def encode(dataset: Dataset, transfer_syntax: str) -> bytes:
    """The data set in a transfer syntax, group 0002 and group lengths left out (PS3.5 Annex A).

    Raises:
        EncodeError: a value cannot be expressed, or the transfer syntax is unknown.
    """
    from dicomnet.dataset.codec import encode as encode_now

    return encode_now(dataset, transfer_syntax)


def decode(data: bytes, transfer_syntax: str, *, limits: DataSetLimits | None = None) -> Dataset:
    """The data set that ``data`` holds in a transfer syntax; values are converted when read (PS3.5 Annex A).

    Raises:
        DecodeError: the bytes are no such data set, exceed a limit, or the transfer syntax is unknown.
    """
    from dicomnet.dataset.codec import decode as decode_now

    return decode_now(data, transfer_syntax, limits=limits or DataSetLimits())
