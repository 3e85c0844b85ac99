"""Transfer syntaxes, deflating and its limits, and the differential against pydicom's own reader and writer."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, decode, encode
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.testing.datasets import datasets, workitems
from dicomnet.testing.pdus import mutated

ALL = [uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.DEFLATED_EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE]
JPEG = "1.2.840.10008.1.2.4.50"
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
Same = Callable[[Dataset, Dataset], None]


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(content) + packer.flush()


def plain(size: int) -> bytes:
    """An explicit VR little endian data set of this many bytes, all zeros but its header."""
    return b"\x42\x00\x11\x00OB\0\0" + (size - 12).to_bytes(4, "little") + bytes(size - 12)


def refused(data: bytes, syntax: str, code: Fault, limits: DataSetLimits | None = None) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data, syntax, limits=limits)
    assert caught.value.code == code, caught.value


@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(dataset=workitems())
def test_every_transfer_syntax_gives_the_workitem_back(dataset: Dataset) -> None:
    for syntax in ALL:
        assert decode(encode(dataset, syntax), syntax) == dataset


@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(dataset=datasets())
def test_explicit_ones_give_any_data_set_back(same: Same, dataset: Dataset) -> None:
    first = encode(dataset, uids.EXPLICIT_VR_LE)
    for syntax in (uids.DEFLATED_EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE):
        again = decode(encode(dataset, syntax), syntax)
        assert encode(again, uids.EXPLICIT_VR_LE) == first
    same(decode(first, uids.EXPLICIT_VR_LE), decode(first, uids.EXPLICIT_VR_LE))


@pytest.mark.parametrize("syntax", ["", "1.2.840.10008.1.2.9", "1.2.840.10008.1.1", "Ä", "1.2.840.10008.1.20"])
def test_unknown_transfer_syntaxes(syntax: str) -> None:
    refused(b"", syntax, Fault.UNSUPPORTED)
    with pytest.raises(EncodeError) as caught:
        encode(Dataset(), syntax)
    assert caught.value.code == Fault.UNSUPPORTED


def test_encapsulated_ones_are_explicit_little_endian() -> None:
    dataset = Dataset()
    dataset.PatientID = "x"
    assert encode(dataset, JPEG) == encode(dataset, uids.EXPLICIT_VR_LE)
    assert decode(encode(dataset, JPEG), JPEG) == dataset


def test_size_has_a_limit() -> None:
    limits = DataSetLimits(max_bytes=100)
    assert decode(plain(100), uids.EXPLICIT_VR_LE, limits=limits)
    refused(plain(102), uids.EXPLICIT_VR_LE, Fault.LIMIT, limits)


def test_inflated_size_has_a_limit() -> None:
    limits = DataSetLimits(max_inflated=1000, max_ratio=10_000)
    assert decode(deflated(plain(1000)), uids.DEFLATED_EXPLICIT_VR_LE, limits=limits)
    refused(deflated(plain(1002)), uids.DEFLATED_EXPLICIT_VR_LE, Fault.LIMIT, limits)


def test_the_ratio_has_a_limit() -> None:
    packed = deflated(plain(100_000))
    ratio = -(-100_000 // len(packed))
    assert decode(packed, uids.DEFLATED_EXPLICIT_VR_LE, limits=DataSetLimits(max_ratio=ratio))
    limits = DataSetLimits(max_ratio=ratio - 1)
    refused(packed, uids.DEFLATED_EXPLICIT_VR_LE, Fault.LIMIT, limits)
    refused(deflated(plain(60 << 20)), uids.DEFLATED_EXPLICIT_VR_LE, Fault.LIMIT)


def test_depth_and_elements_have_limits() -> None:
    dataset = Dataset()
    dataset.add_new(0x00404018, "SQ", [Dataset()])
    data = encode(dataset, uids.EXPLICIT_VR_LE)
    assert decode(data, uids.EXPLICIT_VR_LE, limits=DataSetLimits(max_depth=1, max_elements=2))
    refused(data, uids.EXPLICIT_VR_LE, Fault.LIMIT, DataSetLimits(max_depth=0))
    refused(data, uids.EXPLICIT_VR_LE, Fault.LIMIT, DataSetLimits(max_elements=1))


def test_deflated_streams_are_whole() -> None:
    content = plain(300)
    packed = deflated(content)
    trailer = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    for tail in (b"", b"\0", trailer):
        assert decode(packed + tail, uids.DEFLATED_EXPLICIT_VR_LE)
    refused(packed + b"\0\0", uids.DEFLATED_EXPLICIT_VR_LE, Fault.LEFTOVER)
    refused(packed + b"x", uids.DEFLATED_EXPLICIT_VR_LE, Fault.LEFTOVER)
    refused(packed + trailer[:-1] + b"x", uids.DEFLATED_EXPLICIT_VR_LE, Fault.LEFTOVER)
    for cut in range(len(packed)):
        refused(packed[:cut], uids.DEFLATED_EXPLICIT_VR_LE, Fault.TRUNCATED)
    refused(b"\xff\xff\xff", uids.DEFLATED_EXPLICIT_VR_LE, Fault.BAD_VALUE)


def test_incompressible_data_inflate_in_linear_time() -> None:
    content = os.urandom(8 << 20)
    data = plain(12)[:8] + len(content).to_bytes(4, "little") + content
    assert decode(deflated(data), uids.DEFLATED_EXPLICIT_VR_LE)[0x00420011].value == content


@settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
@given(data=st.data(), syntax=st.sampled_from(ALL))
def test_mutated_real_data_raise_nothing_else(real: Callable[[str], bytes], data: st.DataObject, syntax: str) -> None:
    whole = pydicom.dcmread(BytesIO(real("rsp000001.dcm")))
    hostile = data.draw(mutated(encode(Dataset(whole), syntax)))
    try:
        found = decode(hostile, syntax, limits=DataSetLimits(max_depth=8, max_elements=500))
    except DecodeError:
        return
    encode(found, syntax)


def test_importing_the_package_does_not_import_pydicom() -> None:
    program = (
        "import dicomnet.dataset, dicomnet.kernel, sys; sys.exit('pydicom' in sys.modules or 'lxml' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, timeout=30)


# --- against pydicom -------------------------------------------------------------------------------------------------

READING_DIFFERS = {
    "winter.dcm": (Fault.DUPLICATE, "(0008,0018) is there twice; pydicom takes the last"),
    "MR_truncated.dcm": (Fault.TRUNCATED, "pixel data cut; pydicom takes what is there"),
    "rtplan_truncated.dcm": (Fault.TRUNCATED, "cut in a sequence; pydicom takes what is there"),
    "DICOMDIR-nooffset": (Fault.TRUNCATED, "its record sequence announces more than there is"),
    "SC_rgb_jpeg.dcm": (Fault.BAD_VR, "implicit VR although the transfer syntax is explicit; pydicom guesses"),
}
WRITING_DIFFERS = {
    "SC_rgb_jpeg.dcm": "implicit VR under an explicit transfer syntax: pydicom's writer fails on what its reader left",
    "nested_priv_SQ.dcm": "an odd-length UN: pydicom leaves it odd",
    "rtplan_truncated.dcm": "an odd length in what is left of the cut sequence: pydicom leaves it odd",
    "rtdose_rle.dcm": "UN of a known tag stays UN while it is raw; pydicom's writer converts it first",
    "rtdose_rle_1frame.dcm": "the same",
    "nested_priv_SQ.dcm converted": "the same",
}
REWRITING_DIFFERS = {
    "693_J2KI.dcm": "group lengths are left out",
    "ExplVR_BigEnd.dcm": "group lengths are left out",
    "chrJapMulti.dcm": "group lengths are left out",
    "chrJapMultiExplicitIR6.dcm": "group lengths are left out",
    "chrKoreanMulti.dcm": "group lengths are left out",
    "nested_priv_SQ.dcm": "an odd length is padded",
    "UN_sequence.dcm": "a sequence that came as UN is written as SQ",
    "rtdose_rle.dcm": "a sequence that came as UN is written as SQ",
    "rtdose_rle_1frame.dcm": "a sequence that came as UN is written as SQ",
}


def _parts(path: Path) -> tuple[bytes, str]:
    """The data set of a Part 10 file as bytes, and its transfer syntax."""
    from pydicom.filereader import _read_file_meta_info, read_preamble

    with path.open("rb") as file:
        read_preamble(file, False)
        meta = _read_file_meta_info(file)
        return file.read(), str(meta.get("TransferSyntaxUID", ""))


def test_reading_equals_pydicoms(bundled: list[Path], same: Same) -> None:
    seen = set()
    for path in bundled:
        body, syntax = _parts(path)
        if not syntax:
            continue
        if path.name in READING_DIFFERS:
            refused(body, syntax, READING_DIFFERS[path.name][0])
            seen.add(path.name)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = pydicom.dcmread(path)
        ours = decode(body, syntax)
        same(ours, theirs)
        assert ours.original_encoding == theirs.original_encoding, path.name
        assert ours.original_character_set == theirs.original_character_set, path.name
        assert (encode(decode(body, syntax), syntax) == _deflate_like(body, syntax)) is (
            path.name not in REWRITING_DIFFERS
        ), path.name
    assert seen == set(READING_DIFFERS)


def _deflate_like(body: bytes, syntax: str) -> bytes:
    """Deflating is not unique: what our writer makes of the same content."""
    if syntax != uids.DEFLATED_EXPLICIT_VR_LE:
        return body
    return encode(decode(zlib.decompressobj(-15).decompress(body), uids.EXPLICIT_VR_LE), syntax)


@pytest.mark.parametrize("converted", [False, True])
def test_writing_equals_pydicoms(bundled: list[Path], converted: bool) -> None:
    for path in bundled:
        syntax = _parts(path)[1]
        if not syntax:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path)
            if converted:
                list(dataset.iterall())
            ours = encode(dataset, uids.EXPLICIT_VR_LE if syntax == uids.DEFLATED_EXPLICIT_VR_LE else syntax)
            file = DicomBytesIO()
            file.is_implicit_VR = syntax == uids.IMPLICIT_VR_LE
            file.is_little_endian = syntax != uids.EXPLICIT_VR_BE
            try:
                write_dataset(file, dataset)
                theirs = file.getvalue()
            except TypeError:
                theirs = b""
        name = f"{path.name} converted" if converted else path.name
        assert (ours == theirs) is (name not in WRITING_DIFFERS), name


def test_what_is_written_pydicom_reads(bundled: list[Path], same: Same) -> None:
    for path in bundled:
        body, syntax = _parts(path)
        if not syntax or path.name in READING_DIFFERS or path.stat().st_size > 300_000:
            continue
        dataset = decode(body, syntax)
        if any(element.length == 0xFFFFFFFF for element in dataset._dict.values() if element.is_raw):
            continue  # encapsulated content cannot leave its transfer syntax
        for other in (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                file = BytesIO(encode(dataset, other))
                theirs = pydicom.filereader.read_dataset(file, other == uids.IMPLICIT_VR_LE, True)
                same(decode(file.getvalue(), other), theirs)
