"""Files that hold one data set, told apart by content: Part 10, Native XML, ``<attr>`` XML, JSON, bare data sets.

Reads bytes that somebody else read; opens nothing. File meta information (group 0002) never stays in the data set.
"""

from __future__ import annotations

from io import BytesIO
from typing import NoReturn

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, codec
from dicomnet.dataset.part10 import header, meta_start, read_meta
from dicomnet.errors import DecodeError, Fault
from dicomnet.kernel._vr import VRS
from dicomnet.records import dataclass

__all__ = ["Loaded", "load", "part10"]

_WIDE_XML = (b"\xff\xfe<\0", b"\xfe\xff\0<", b"<\0?\0", b"\0<\0?")  # UTF-16
_NAMES = {
    uids.IMPLICIT_VR_LE: "bare implicit VR little endian",
    uids.EXPLICIT_VR_LE: "bare explicit VR little endian",
    uids.EXPLICIT_VR_BE: "bare explicit VR big endian",
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was in a file; ``warnings`` are for whoever shows them."""

    dataset: Dataset
    form: str
    warnings: tuple[str, ...] = ()
    transfer_syntax: str = ""
    """Of Part 10 files and bare data sets; empty for the readable forms."""


def load(data: bytes, name: str = "", *, limits: DataSetLimits | None = None) -> Loaded:
    """The data set of a file's content; ``name`` is for the messages.

    Raises:
        DecodeError: the content is in none of the forms, is damaged, or exceeds a limit; the text names file and place.
    """
    limits = limits or DataSetLimits()
    data = bytes(data)
    if len(data) > limits.max_bytes:
        raise DecodeError(f"{_prefix(name)}the file is longer than {limits.max_bytes} bytes", code=Fault.LIMIT)
    if not data:
        raise DecodeError(f"{_prefix(name)}the file is empty", code=Fault.TRUNCATED)
    if meta_start(data[:132]) is not None:
        return _load_part10(data, name, limits)
    first = data[:200].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if first[:1] == b"<" or data[:4] in _WIDE_XML:
        from dicomnet.dataset import native_xml  # lxml only where there is XML

        dataset, warnings = native_xml.read(data, name, limits=limits)
        form = "Native XML" if b"DicomAttribute" in data.replace(b"\0", b"") else "attr XML"
        return Loaded(dataset, form, tuple(warnings))
    if first[:1] in (b"{", b"["):
        from dicomnet.dataset import json

        return Loaded(json.read(data, name, limits=limits), "JSON")
    return _load_bare(data, name, limits)


def _fail(name: str, error: DecodeError, before: str = "", base: int = 0) -> NoReturn:
    """The same error with the file's name, and its offset counted from the file's beginning."""
    offset = None if error.offset is None else error.offset + base
    message = f"{_prefix(name)}{before}{error.message}"
    raise DecodeError(message, code=error.code, offset=offset, path=error.path, clause=error.clause) from error


def _prefix(name: str) -> str:
    return f"{name}: " if name else ""


# --- Part 10 ---------------------------------------------------------------------------------------------------------


def _load_part10(data: bytes, name: str, limits: DataSetLimits) -> Loaded:
    warnings = []
    try:
        meta = read_meta(BytesIO(data))
    except DecodeError as error:
        _fail(name, error)
    end, transfer_syntax = meta.offset, meta.transfer_syntax
    body = data[end:]
    if not transfer_syntax and not body:
        text = f"{_prefix(name)}file meta information: cut before the transfer syntax"
        raise DecodeError(text, code=Fault.TRUNCATED, offset=end)
    if not transfer_syntax:
        transfer_syntax = _guess(body)
        warnings.append(f"{_prefix(name)}no transfer syntax in the file meta information; read as {transfer_syntax}")
    try:
        dataset = codec.decode(body, transfer_syntax, limits=limits)
    except DecodeError as error:
        # a deflated data set has its offsets after inflating
        _fail(name, error, base=0 if transfer_syntax == uids.DEFLATED_EXPLICIT_VR_LE else end)
    _drop_meta(dataset)
    return Loaded(dataset, "Part 10", tuple(warnings), transfer_syntax)


def _drop_meta(dataset: Dataset) -> None:
    for tag in [tag for tag in dataset._dict if tag >> 16 == 2]:
        del dataset._dict[tag]


def part10(dataset: Dataset, transfer_syntax: str, *, sop_class: str = "", sop_instance: str = "") -> bytes:
    """A Part 10 file; the SOP UIDs are the data set's own unless given.

    Raises:
        EncodeError: the data set cannot be expressed in the transfer syntax.
    """
    body = codec.encode(dataset, transfer_syntax)
    return header(_uid(dataset, 0x00080016, sop_class), _uid(dataset, 0x00080018, sop_instance), transfer_syntax) + body


def _uid(dataset: Dataset, tag: int, given: str) -> str:
    element = dataset._dict.get(BaseTag(tag))
    value = given or (element.value if element is not None else "") or ""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return text.strip(" \0")


# --- bare data sets --------------------------------------------------------------------------------------------------


def _guess(data: bytes) -> str:
    """The transfer syntax that the first element looks like."""
    if data[4:6] not in VRS:
        return uids.IMPLICIT_VR_LE
    # groups begin low: the byte order that gives the smaller one
    little = int.from_bytes(data[:2], "little") <= int.from_bytes(data[:2], "big")
    return uids.EXPLICIT_VR_LE if little else uids.EXPLICIT_VR_BE


def _load_bare(data: bytes, name: str, limits: DataSetLimits) -> Loaded:
    transfer_syntax = _guess(data)
    try:
        dataset = codec.decode(data, transfer_syntax, limits=limits)
    except DecodeError as error:
        _fail(name, error, f"neither Part 10 nor XML nor JSON; as {_NAMES[transfer_syntax]}: ")
    _drop_meta(dataset)
    return Loaded(dataset, _NAMES[transfer_syntax], (), transfer_syntax)
