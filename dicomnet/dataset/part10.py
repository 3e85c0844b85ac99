"""Headers of Part 10 files, read and written without looking into the data set behind them (PS3.10 7.1).

A header is the preamble, ``DICM``, and file meta information: group 0002, always in explicit VR little endian. Readers
here need no preamble, because some writers leave it out, and take no group length for granted, because writers get it
wrong: the group ends where another begins. Knows no data sets, so it needs no pydicom.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import BinaryIO

from dicomnet import uids
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.kernel._vr_forms import LONG, VRS
from dicomnet.records import dataclass

__all__ = ["FIRST_READ", "MAX_META", "FileMeta", "find_meta", "header", "meta_in", "meta_start", "read_meta"]

MAX_META = 1024 * 1024
"""Bytes of file meta information; more is a DecodeError (LIMIT)."""
FIRST_READ = 2048
"""Bytes that most of the headers there are fit into."""

_PREAMBLE = 128
_TEXTS = {
    0x0002: "sop_class",
    0x0003: "sop_instance",
    0x0010: "transfer_syntax",
    0x0012: "implementation_class_uid",
    0x0013: "implementation_version_name",
    0x0016: "source_ae_title",
}
_HEAD = struct.Struct("<HH2sHI")  # group, element, VR, and the length in the one or the other form
_HEADER_SIZES = {name: 12 if vr in LONG else 8 for name, vr in VRS.items()}
_UID = re.compile("[0-9.]{1,64}", re.ASCII)  # many in the world have leading zeros, which PS3.5 9.1 forbids
_MAX_TEXT = 1024  # what is longer is none of these, and nobody needs it
_ENOUGH = _PREAMBLE + 4 + MAX_META + 12 + _MAX_TEXT  # that all of them fit into


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMeta:
    """What file meta information tells; a text is empty when the file does not have it.

    ``offset`` is where the data set begins, counted from the beginning of the file.
    """

    offset: int
    transfer_syntax: str = ""
    sop_class: str = ""
    sop_instance: str = ""
    implementation_class_uid: str = ""
    implementation_version_name: str = ""
    source_ae_title: str = ""


def meta_start(first: bytes) -> int | None:
    """Where file meta information begins, told by the first 132 bytes of a file; None when this is no Part 10 file."""
    if first[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return _PREAMBLE + 4
    if first[:4] == b"DICM":
        return 4
    return 0 if first[:2] == b"\x02\0" and first[4:6] in VRS else None


def read_meta(stream: BinaryIO) -> FileMeta:
    """The file meta information of a Part 10 file, read from its beginning; the stream then stands at the data set.

    The stream must be able to seek. A group length that reaches past its end tells that the file was cut.

    Raises:
        DecodeError: this is no Part 10 file, or its file meta information is damaged or longer than ``MAX_META``.
        OSError: the stream cannot be read.
    """
    base = stream.tell()
    first = stream.read(FIRST_READ)
    size = stream.seek(0, 2) - base

    def again(most: int) -> bytes:
        stream.seek(base)
        return stream.read(most)

    meta = find_meta(first, size, again)
    stream.seek(base + meta.offset)
    return meta


def find_meta(first: bytes, size: int, again: Callable[[int], bytes]) -> FileMeta:
    """The file meta information of a Part 10 file of so many bytes that begins with ``first``: ``FIRST_READ`` or more.

    ``again`` reads it from its beginning, so many bytes, if those were not enough.

    Raises:
        DecodeError: as for ``read_meta``.
    """
    meta = meta_in(first, size) or meta_in(again(_ENOUGH), size)
    if meta is None:
        raise _fault("the file gives less than it has", Fault.TRUNCATED, 0)
    return meta


def meta_in(data: bytes, size: int) -> FileMeta | None:
    """The file meta information of a file of so many bytes, of which these come first; None when more are needed.

    Raises:
        DecodeError: as for ``read_meta``.
    """
    start = meta_start(data)
    if start is None:
        raise DecodeError("this is no Part 10 file", code=Fault.BAD_VALUE, offset=0, clause="PS3.10 7.1")
    found: dict[str, str] = {}
    known, unpack = len(data), _HEAD.unpack_from
    pos = start
    while True:
        if pos + 12 <= known:
            group, number, vr, length, long = unpack(data, pos)
        elif known < size:
            return None
        else:
            group, number, vr, length, long = unpack(_padded(data[pos:], pos))
        if group != 2:
            return FileMeta(offset=pos, **found)
        header_size = _HEADER_SIZES.get(vr)
        if header_size is None:
            raise _fault("an element has no VR", Fault.BAD_VR, pos + 4)
        if header_size == 12:
            length = long
        end = pos + header_size + length
        if end > size:
            raise _fault(f"{length} bytes announced, fewer are left", Fault.TRUNCATED, pos)
        if number in _TEXTS:
            if length <= _MAX_TEXT:
                if end > known:
                    return None
                found[_TEXTS[number]] = data[end - length : end].decode("latin-1").strip(" \0")
        elif number == 0 and pos == start and vr == b"UL" and length == 4 and long > size - end:
            raise _fault("the group length reaches past the end", Fault.TRUNCATED, pos)
        pos = end
        if pos - start > MAX_META:
            raise _fault(f"longer than {MAX_META} bytes", Fault.LIMIT, pos)


def _padded(head: bytes, pos: int) -> bytes:
    """The last bytes of a file as long as the header of any element."""
    goes_on = head[:2] == b"\x02\0" or len(head) == 1  # no data set is one byte long
    if goes_on and (len(head) < 8 or _HEADER_SIZES.get(head[4:6]) == 12):
        raise _fault("an element is cut", Fault.TRUNCATED, pos)
    return head.ljust(12, b"\0")


def _fault(message: str, code: Fault, offset: int) -> DecodeError:
    text = f"file meta information: {message}"
    return DecodeError(text, code=code, offset=offset, clause="PS3.10 7.1")


def header(sop_class: str, sop_instance: str, transfer_syntax: str, *, source_ae_title: str = "") -> bytes:
    """What stands before the data set in a Part 10 file: preamble, prefix and file meta information.

    A UID that is not made of digits and dots, or is not known, is left out: better absent than made up.

    Raises:
        EncodeError: the transfer syntax is no UID, or the title does not fit.
    """
    if not uids.is_uid(transfer_syntax):
        raise EncodeError(f"{transfer_syntax[:80]!a} is no transfer syntax", code=Fault.BAD_VALUE, path="(0002,0010)")
    title = source_ae_title.strip(" ")
    if len(title) > 16 or not title.isascii() or not title.isprintable():
        raise EncodeError(f"{title[:80]!a} is no AE title", code=Fault.BAD_VALUE, path="(0002,0016)")
    elements = [
        _element(0x0001, b"OB", b"\0\x01"),
        _element(0x0002, b"UI", sop_class.encode() if _UID.fullmatch(sop_class) else b""),
        _element(0x0003, b"UI", sop_instance.encode() if _UID.fullmatch(sop_instance) else b""),
        _element(0x0010, b"UI", transfer_syntax.encode()),
        _element(0x0012, b"UI", uids.IMPLEMENTATION_CLASS_UID.encode()),
        _element(0x0013, b"SH", uids.IMPLEMENTATION_VERSION_NAME.encode()),
        _element(0x0016, b"AE", title.encode()),
    ]
    return _with_length(elements)


def _with_length(elements: Sequence[bytes]) -> bytes:
    meta = b"".join(elements)
    return b"\0" * _PREAMBLE + b"DICM" + _element(0x0000, b"UL", struct.pack("<I", len(meta))) + meta


def _element(number: int, vr: bytes, value: bytes) -> bytes:
    """An element of group 0002; nothing for one without a value."""
    if not value:
        return b""
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    if vr == b"OB":
        return struct.pack("<HH2sHI", 2, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value
