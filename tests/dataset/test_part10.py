"""Headers of Part 10 files, beside pydicom's reading of the same files; and what becomes of damaged ones."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from pydicom.uid import UID

from dicomnet import uids
from dicomnet.dataset.part10 import MAX_META, FileMeta, header, meta_start, read_meta
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.testing.pdus import mutated

CLASS, INSTANCE = "1.2.840.10008.5.1.4.1.1.7", "2.25.77"
HEADER = header(CLASS, INSTANCE, uids.EXPLICIT_VR_LE, source_ae_title="SENDER")
BODY = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192"
META = FileMeta(
    offset=len(HEADER),
    transfer_syntax=uids.EXPLICIT_VR_LE,
    sop_class=CLASS,
    sop_instance=INSTANCE,
    implementation_class_uid=uids.IMPLEMENTATION_CLASS_UID,
    implementation_version_name=uids.IMPLEMENTATION_VERSION_NAME,
    source_ae_title="SENDER",
)


def refused(data: bytes, code: Fault) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        read_meta(BytesIO(data))
    assert caught.value.code == code, caught.value
    return caught.value


def element(number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    long = vr == b"OB"
    return (
        b"\x02\0"
        + number.to_bytes(2, "little")
        + vr
        + (b"\0\0" * long)
        + size.to_bytes(4 if long else 2, "little")
        + value
    )


def test_what_is_written_is_read_and_the_stream_stands_at_the_data_set() -> None:
    stream = BytesIO(HEADER + BODY)
    assert read_meta(stream) == META
    assert stream.read() == BODY


def test_pydicom_reads_what_is_written() -> None:
    theirs = pydicom.dcmread(BytesIO(HEADER + BODY)).file_meta
    assert theirs.FileMetaInformationGroupLength == len(HEADER) - 144
    assert theirs.FileMetaInformationVersion == b"\0\x01"
    assert theirs.MediaStorageSOPClassUID == CLASS
    assert theirs.MediaStorageSOPInstanceUID == INSTANCE
    assert theirs.TransferSyntaxUID == uids.EXPLICIT_VR_LE
    assert theirs.ImplementationClassUID == uids.IMPLEMENTATION_CLASS_UID
    assert theirs.ImplementationVersionName == uids.IMPLEMENTATION_VERSION_NAME
    assert theirs.SourceApplicationEntityTitle == "SENDER"


@pytest.mark.parametrize(("skipped", "start"), [(0, 132), (128, 4), (132, 0)])
def test_the_preamble_may_be_absent(skipped: int, start: int) -> None:
    data = (HEADER + BODY)[skipped:]
    assert meta_start(data[:132]) == start
    stream = BytesIO(data)
    assert read_meta(stream).offset == len(HEADER) - skipped
    assert stream.read() == BODY


def test_the_header_may_stand_amid_a_stream() -> None:
    stream = BytesIO(b"before" + HEADER + BODY)
    stream.seek(6)
    assert read_meta(stream) == META
    assert stream.read() == BODY


@pytest.mark.parametrize("data", [b"", b"DIC", b"\x02\0\x10\0", bytes(132), BODY, b"<?xml"])
def test_what_is_no_part_10_file(data: bytes) -> None:
    assert meta_start(data[:132]) is None
    refused(data, Fault.BAD_VALUE)


@pytest.mark.parametrize("length", [0, 1, 20, len(BODY)])
def test_a_wrong_group_length_is_tolerated(length: int) -> None:
    start = HEADER[:132] + element(0, b"UL", length.to_bytes(4, "little"))
    assert read_meta(BytesIO(start + HEADER[144:] + BODY)) == META


def test_an_absent_group_length_is_tolerated() -> None:
    assert read_meta(BytesIO(HEADER[:132] + HEADER[144:] + BODY)).transfer_syntax == uids.EXPLICIT_VR_LE


@pytest.mark.parametrize("length", [len(HEADER) + len(BODY), 0xFFFFFFFF])
def test_a_group_length_past_the_end_tells_of_a_cut(length: int) -> None:
    refused(HEADER[:132] + element(0, b"UL", length.to_bytes(4, "little")) + HEADER[144:] + BODY, Fault.TRUNCATED)


def test_a_cut_is_noticed_at_every_byte() -> None:
    for cut in range(133, len(HEADER)):
        error = refused(HEADER[:cut], Fault.TRUNCATED)
        assert error.offset is not None
        assert error.offset <= cut


def test_damage_is_refused() -> None:
    assert refused(HEADER[:132] + b"\x02\0\x10\0\x14\0\0\0", Fault.BAD_VR).offset == 136
    refused(HEADER[:132] + element(0x10, b"UI", b"1.2", 0xFFFF), Fault.TRUNCATED)
    refused(HEADER[:132] + element(0x102, b"OB", b"", 0xFFFFFFFF), Fault.TRUNCATED)


def test_a_large_group_is_read_up_to_the_limit() -> None:
    room = MAX_META - 12 - 26  # beside the header of the private element, and the transfer syntax behind it
    syntax = element(0x10, b"UI", uids.IMPLICIT_VR_LE.encode() + b"\0")
    fits = HEADER[:132] + element(0x102, b"OB", bytes(room)) + syntax
    assert read_meta(BytesIO(fits)).transfer_syntax == uids.IMPLICIT_VR_LE
    refused(HEADER[:132] + element(0x102, b"OB", bytes(room + 2)) + syntax, Fault.LIMIT)


def test_a_header_may_end_anywhere() -> None:
    """Whatever was read at first: it ends before an element, in its header, in its value or behind it."""
    syntax = element(0x10, b"UI", uids.IMPLICIT_VR_LE.encode() + b"\0")
    for room in range(1800, 2100):
        data = HEADER[:132] + element(0x102, b"OB", bytes(room)) + syntax
        for stream in (BytesIO(data), BytesIO(data + BODY)):
            assert read_meta(stream).transfer_syntax == uids.IMPLICIT_VR_LE
            assert stream.tell() == len(data)


def test_a_stream_that_gives_too_little_is_cut() -> None:
    class Meagre(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(len(HEADER) - 5)

    with pytest.raises(DecodeError) as caught:
        read_meta(Meagre(HEADER + BODY))
    assert caught.value.code is Fault.TRUNCATED


def test_what_is_too_long_for_a_text_is_none() -> None:
    meta = read_meta(BytesIO(HEADER[:132] + element(0x10, b"UI", b"1" * 2000) + element(3, b"UI", b"1.2\0")))
    assert (meta.transfer_syntax, meta.sop_instance) == ("", "1.2")


def test_uids_that_are_none_are_left_out() -> None:
    meta = read_meta(BytesIO(header("../x", "", uids.IMPLICIT_VR_LE)))
    assert (meta.sop_class, meta.sop_instance, meta.source_ae_title) == ("", "", "")


@pytest.mark.parametrize(
    ("syntax", "title"), [("", ""), ("1.2/3", ""), (uids.IMPLICIT_VR_LE, "x" * 17), (uids.IMPLICIT_VR_LE, "a\nb")]
)
def test_what_cannot_be_written(syntax: str, title: str) -> None:
    with pytest.raises(EncodeError):
        header(CLASS, INSTANCE, syntax, source_ae_title=title)


def test_pydicom_finds_the_same_in_its_own_files(bundled: list[Path]) -> None:
    seen: set[str] = set()
    for path in bundled:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's words about its odd files
            with path.open("rb") as file:
                theirs = pydicom.filereader.read_partial(file, lambda *_: True).file_meta
        with path.open("rb") as file:
            meta = read_meta(file)
            following = file.read(2)
        assert meta.transfer_syntax == str(theirs.get("TransferSyntaxUID", ""))
        assert meta.sop_class == str(theirs.get("MediaStorageSOPClassUID", ""))
        assert meta.sop_instance == str(theirs.get("MediaStorageSOPInstanceUID", ""))
        assert following != b"\x02\0"
        seen.add(meta.transfer_syntax)
    assert uids.DEFLATED_EXPLICIT_VR_LE in seen
    assert len([syntax for syntax in seen if syntax and UID(syntax).is_compressed]) >= 4


@given(data=mutated(HEADER + BODY))
def test_hostile_headers_raise_nothing_else(data: bytes) -> None:
    stream = BytesIO(data)
    try:
        meta = read_meta(stream)
    except DecodeError:
        return
    assert stream.tell() == meta.offset <= len(data)
