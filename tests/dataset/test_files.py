"""Which form a file has, by content, and Part 10 both ways (PS3.10 7)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, encode, json, native_xml
from dicomnet.dataset.files import load, part10
from dicomnet.errors import DecodeError, Fault
from dicomnet.testing.datasets import workitems
from dicomnet.testing.pdus import mutated

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
ALL = [uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.DEFLATED_EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE]


def sample() -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = uids.UPS_PUSH
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientID = "x"
    return dataset


def refused(data: bytes, code: Fault, limits: DataSetLimits | None = None) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        load(data, "item.dcm", limits=limits)
    assert caught.value.code == code, caught.value
    assert str(caught.value).startswith("item.dcm")
    return caught.value


@pytest.mark.parametrize("syntax", ALL)
def test_part10(syntax: str) -> None:
    data = part10(sample(), syntax)
    loaded = load(data)
    assert (loaded.form, loaded.transfer_syntax, loaded.warnings) == ("Part 10", syntax, ())
    assert loaded.dataset == sample()
    theirs = pydicom.dcmread(BytesIO(data))
    assert theirs.file_meta.MediaStorageSOPClassUID == uids.UPS_PUSH
    assert theirs.file_meta.TransferSyntaxUID == syntax
    assert theirs.PatientID == "x"
    assert load(data[128:]).dataset == sample()
    assert load(data[132:]).dataset == sample()


def test_part10_without_transfer_syntax_or_uids() -> None:
    dataset = Dataset()
    dataset.PatientID = "x"
    data = part10(dataset, uids.IMPLICIT_VR_LE, sop_instance="1.9")
    theirs = pydicom.dcmread(BytesIO(data))
    assert "MediaStorageSOPClassUID" not in theirs.file_meta
    assert theirs.file_meta.MediaStorageSOPInstanceUID == "1.9"
    start = data.index(b"\x02\x00\x10\x00UI")
    for body in (encode(dataset, syntax) for syntax in (uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE)):
        loaded = load(data[:132] + data[144:start] + body, "a")
        assert loaded.dataset == dataset
        assert loaded.warnings[0].startswith("a: no transfer syntax")


@pytest.mark.parametrize("syntax", [uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE])
def test_bare_data_sets(syntax: str) -> None:
    loaded = load(encode(sample(), syntax))
    assert loaded.dataset == sample()
    assert loaded.transfer_syntax == syntax
    assert loaded.form.startswith("bare ")


def test_readable_forms() -> None:
    xml = native_xml.write(sample())
    assert (load(xml).form, load(b"\n " + xml.partition(b"?>")[2]).form) == ("Native XML", "Native XML")
    assert load(xml).dataset == sample()
    assert load(b"\xef\xbb\xbf" + xml).dataset == sample()
    wide = xml.decode().replace("UTF-8", "UTF-16").encode("utf-16")
    assert load(wide).dataset == sample()
    assert load(json.write(sample()).encode()).form == "JSON"
    assert load(b'<dicom><attr tag="00100020" vr="LO">x</attr></dicom>').form == "attr XML"


@pytest.mark.parametrize("name", ["rsp000001.dcm", "UPSCFind_TDWII_FX1.dcm", "UPSCFind_TDWII_SCHEDULED_FX1.dcm",
                                  "UPSCFind_TDWII_IN_PROGRESS_FX1.dcm"])  # fmt: skip
def test_real_ones_survive_every_form(real: Callable[[str], bytes], name: str) -> None:
    first = load(real(name), name)
    plain = encode(first.dataset, uids.EXPLICIT_VR_LE)
    forms = [native_xml.write(first.dataset), json.write(first.dataset).encode()]
    forms += [part10(first.dataset, syntax) for syntax in ALL]
    forms += [encode(first.dataset, syntax) for syntax in ALL if syntax != uids.DEFLATED_EXPLICIT_VR_LE]
    for form in forms:
        loaded = load(form, name)
        assert loaded.warnings == ()
        assert encode(loaded.dataset, uids.EXPLICIT_VR_LE) == plain, loaded.form


def test_what_is_in_no_form() -> None:
    refused(b"", Fault.TRUNCATED)
    assert "neither Part 10" in str(refused(b"Hello, this is no DICOM at all\n", Fault.TRUNCATED))
    refused(b"\x89PNG\r\n\x1a\n" + bytes(50), Fault.TRUNCATED)
    refused(b"<html/>", Fault.UNKNOWN_TYPE)
    refused(bytes(7), Fault.TRUNCATED)


def test_errors_count_from_the_beginning_of_the_file() -> None:
    data = part10(sample(), uids.EXPLICIT_VR_LE)
    error = refused(data[:-1], Fault.TRUNCATED)
    assert error.offset == len(data) - 2
    assert error.path == "00100020"


def test_file_meta_information_cut() -> None:
    data = part10(sample(), uids.EXPLICIT_VR_LE)
    for cut in range(132, data.index(b"\x02\x00\x12\x00UI")):
        error = refused(data[:cut], Fault.TRUNCATED)
        assert error.offset is not None
        assert error.offset <= cut


def test_file_meta_information_with_faults() -> None:
    head = bytes(128) + b"DICM"
    refused(head + b"\x02\0\x10\0\x14\0\0\0" + b"1.2.840.10008.1.2.1 ", Fault.BAD_VR)
    refused(head + b"\x02\0\x10\0UI\x06\x001.2.3\0", Fault.UNSUPPORTED)
    long = b"\x02\0\x02\x01OB\0\0" + (1 << 20).to_bytes(4, "little") + bytes(1 << 20)
    refused(head + long, Fault.LIMIT)


def test_file_meta_information_never_stays() -> None:
    stray = b"\x02\0\x10\0\x04\0\0\x001.2\0"
    loaded = load(encode(sample(), uids.IMPLICIT_VR_LE) + stray)
    assert loaded.dataset == sample()


def test_size_has_a_limit() -> None:
    data = part10(sample(), uids.EXPLICIT_VR_LE)
    assert load(data, limits=DataSetLimits(max_bytes=len(data)))
    refused(data, Fault.LIMIT, DataSetLimits(max_bytes=len(data) - 1))


def test_pydicoms_files_load_or_say_why_not(bundled: list[Path]) -> None:
    refusals = set()
    for path in bundled:
        try:
            assert load(path.read_bytes(), path.name).form == "Part 10"
        except DecodeError as error:
            refusals.add((path.name, error.code))
    assert refusals == {
        ("DICOMDIR-nooffset", Fault.TRUNCATED),
        ("MR_truncated.dcm", Fault.TRUNCATED),
        ("SC_rgb_jpeg.dcm", Fault.BAD_VR),
        ("rtplan_truncated.dcm", Fault.TRUNCATED),
        ("winter.dcm", Fault.DUPLICATE),
    }


@settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_hostile_files_raise_nothing_else(data: st.DataObject) -> None:
    dataset = data.draw(workitems())
    forms = [part10(dataset, syntax) for syntax in ALL] + [native_xml.write(dataset), json.write(dataset).encode()]
    hostile = data.draw(st.binary(max_size=100) | st.sampled_from(forms).flatmap(mutated))
    try:
        loaded = load(hostile, "x")
    except DecodeError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode(loaded.dataset, uids.EXPLICIT_VR_LE)
