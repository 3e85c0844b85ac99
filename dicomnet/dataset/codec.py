"""Data sets by transfer syntax: which encoding a UID stands for, and deflating (PS3.5 Annex A).

The four encodings themselves are in the kernel. Knows nothing of files and file meta information.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from dicomnet import kernel, uids
from dicomnet.dataset import DataSetLimits
from dicomnet.errors import DecodeError, EncodeError, Fault

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["decode", "encode", "inflate"]

_PLAIN = {
    uids.IMPLICIT_VR_LE: (True, True),
    uids.EXPLICIT_VR_LE: (False, True),
    uids.DEFLATED_EXPLICIT_VR_LE: (False, True),
    uids.EXPLICIT_VR_BE: (False, False),
}
# The encapsulated ones (JPEG, JPEG-LS, JPEG 2000, MPEG, HEVC, RLE, SMPTE, ...) are explicit VR little endian with the
# pixel data in fragments (PS3.5 A.4); the fragments pass through as they are.
_ENCAPSULATED_ROOTS = (
    "1.2.840.10008.1.2.4.",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.7.",
    "1.2.840.10008.1.2.8.",
    "1.2.840.10008.1.2.1.98",
)
_INFLATE_STEP = 64 * 1024


def _encoding(transfer_syntax: str) -> tuple[bool, bool] | None:
    """Whether implicit and whether little endian; None for a UID that stands for neither."""
    known = _PLAIN.get(transfer_syntax)
    if known is None and transfer_syntax.startswith(_ENCAPSULATED_ROOTS):
        return False, True
    return known


def encode(dataset: Dataset, transfer_syntax: str) -> bytes:
    """The data set in a transfer syntax; see ``dicomnet.dataset.encode``.

    Raises:
        EncodeError: a value cannot be expressed, or the transfer syntax is unknown.
    """
    encoding = _encoding(str(transfer_syntax))
    if encoding is None:
        raise EncodeError(f"unknown transfer syntax {str(transfer_syntax)[:80]!a}", code=Fault.UNSUPPORTED)
    data: bytes = kernel.encode_dataset(dataset, *encoding)
    if transfer_syntax != uids.DEFLATED_EXPLICIT_VR_LE:
        return data
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = packer.compress(data) + packer.flush()
    return data + b"\0" * (len(data) % 2)  # PS3.5 A.5


def decode(data: bytes, transfer_syntax: str, *, limits: DataSetLimits) -> Dataset:
    """The data set in ``data``; see ``dicomnet.dataset.decode``.

    Raises:
        DecodeError: the bytes are no such data set, exceed a limit, or the transfer syntax is unknown.
    """
    encoding = _encoding(str(transfer_syntax))
    if encoding is None:
        raise DecodeError(f"unknown transfer syntax {str(transfer_syntax)[:80]!a}", code=Fault.UNSUPPORTED)
    if len(data) > limits.max_bytes:
        raise DecodeError(f"the data set is longer than {limits.max_bytes} bytes", code=Fault.LIMIT)
    if transfer_syntax == uids.DEFLATED_EXPLICIT_VR_LE:
        data = inflate(data, limits)
    dataset: Dataset = kernel.decode_dataset(data, *encoding, limits.max_depth, limits.max_elements)
    return dataset


def inflate(data: bytes, limits: DataSetLimits) -> bytes:
    """The content of a deflated data set (RFC 1951, PS3.5 A.5); inflating stops at the limit.

    Raises:
        DecodeError: the stream is damaged or cut, something follows it, or it exceeds a limit.
    """
    most = min(limits.max_inflated, limits.max_ratio * len(data))
    unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    content, place, rest = bytearray(), 0, b""
    try:
        while not unpacker.eof:
            if not rest:
                # in small steps: zlib hands back a copy of what it has not looked at
                rest = bytes(data[place : place + _INFLATE_STEP])
                place += len(rest)
            part = unpacker.decompress(rest, min(_INFLATE_STEP, most - len(content) + 1))
            content += part
            if len(content) > most:
                limit = f"{most} bytes ({limits.max_inflated} in all, {limits.max_ratio} to one)"
                raise DecodeError(f"the data set inflates to more than {limit}", code=Fault.LIMIT)
            rest = unpacker.unconsumed_tail
            if not (part or rest or unpacker.eof) and place == len(data):
                raise DecodeError("the deflated data set is cut", code=Fault.TRUNCATED, offset=place)
    except zlib.error as error:
        raise DecodeError(f"no deflated data: {error}", code=Fault.BAD_VALUE, offset=place - len(rest)) from error
    place -= len(unpacker.unused_data)
    # older writers left gzip's trailer (CRC, length) behind the stream; it must at least be right
    trailer = zlib.crc32(content).to_bytes(4, "little") + (len(content) & 0xFFFFFFFF).to_bytes(4, "little")
    if bytes(data[place:]).removeprefix(trailer) not in (b"", b"\0"):
        raise DecodeError("bytes follow the deflated data set", code=Fault.LEFTOVER, offset=place)
    return bytes(content)
