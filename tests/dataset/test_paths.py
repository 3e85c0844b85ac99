"""Attributes by name, and values set from text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import encode
from dicomnet.dataset.paths import PathError, format_path, get_element, parse_path, set_value


@pytest.mark.parametrize(
    "text",
    ["ScheduledWorkitemCodeSequence/CodeValue", "00404018/00080100", "0040,4018/0008,0100", "(0040,4018)/(0008,0100)",
     "ScheduledWorkitemCodeSequence/(0008,0100)"],
)  # fmt: skip
def test_paths(text: str) -> None:
    path = parse_path(text)
    assert path == (0x00404018, 0x00080100)
    assert format_path(path) == "ScheduledWorkitemCodeSequence/CodeValue"


def test_case_of_hex_digits_private_tags_and_depth() -> None:
    assert parse_path("0040a730") == (0x0040A730,)
    assert format_path((0x00191001,)) == "00191001"
    assert parse_path("00191001/00191002") == (0x00191001, 0x00191002)
    assert len(parse_path("/".join(["00404018"] * 64))) == 64
    with pytest.raises(PathError):
        parse_path("/".join(["00404018"] * 65))


@pytest.mark.parametrize(
    "text",
    ["", "/", "CodeValue/", "/CodeValue", "NoSuchKeyword", "0040", "0040401", "004040188", "(0040,4018", "0040,4018)",
     "0040 4018", "+0404018", "PatientID/CodeValue", "00020010", "00000100", "FFFEE000", "00400000", "x" * 500,
     "patientid", "Pätient", "٠٠٠٨٠٠٦٠", "\0", "__class__"],
)  # fmt: skip
def test_no_paths(text: str) -> None:
    with pytest.raises(PathError) as caught:
        parse_path(text)
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 400


@given(st.text(max_size=40))
def test_nothing_else_is_raised(text: str) -> None:
    try:
        path = parse_path(text)
    except PathError:
        return
    assert parse_path(format_path(path)) == path


def test_values_are_set_and_items_made_on_the_way() -> None:
    dataset = Dataset()
    set_value(dataset, parse_path("ScheduledWorkitemCodeSequence/CodeValue"), "121726")
    set_value(dataset, parse_path("ScheduledWorkitemCodeSequence/CodingSchemeDesignator"), "DCM")
    set_value(dataset, parse_path("ImageType"), "A\\\\C")
    set_value(dataset, parse_path("Rows"), "5")
    set_value(dataset, parse_path("PatientID"), "")
    set_value(dataset, parse_path("PatientComments"), "a\\b")
    set_value(dataset, parse_path("ScheduledStationNameCodeSequence"), "")
    set_value(dataset, parse_path("SmallestImagePixelValue"), "7")
    set_value(dataset, parse_path("00191001"), "abc")
    item = dataset.ScheduledWorkitemCodeSequence[0]
    assert (item.CodeValue, item.CodingSchemeDesignator) == ("121726", "DCM")
    assert dataset.ImageType == ["A", "", "C"]
    assert (dataset.Rows, dataset.PatientID, dataset.PatientComments) == (5, "", "a\\b")
    assert len(dataset.ScheduledStationNameCodeSequence) == 0
    assert dataset.SmallestImagePixelValue == 7
    assert (dataset[0x00191001].VR, dataset[0x00191001].value) == ("UN", b"abc ")
    assert encode(dataset, uids.IMPLICIT_VR_LE)


@pytest.mark.parametrize(
    ("path", "text"),
    [("Rows", "x"), ("Rows", "70000"), ("StudyInstanceUID", "1.x"), ("PatientBirthDate", "tomorrow"),
     ("PatientID", "x" * 65), ("PatientID", "a\0b"), ("PatientID", "\ud800"), ("EncapsulatedDocument", "x"),
     ("ScheduledWorkitemCodeSequence", "x"), ("ScheduledWorkitemCodeSequence/Rows", "x"), ("00191001", "ä")],
)  # fmt: skip
def test_what_cannot_be_set_leaves_the_data_set_alone(path: str, text: str) -> None:
    dataset = Dataset()
    with pytest.raises(PathError):
        set_value(dataset, parse_path(path), text)
    assert len(dataset) == 0


def test_query_keys_are_values_too() -> None:
    dataset = Dataset()
    keys = {
        "ProcedureStepState": "S*?",
        "ScheduledProcedureStepStartDateTime": "2026-2027",
        "PatientBirthDate": "20260101-",
        "PatientName": "Doe*",
        "SOPInstanceUID": "1.2\\1.3",
    }
    for path, text in keys.items():
        set_value(dataset, parse_path(path), text)
    assert dataset.SOPInstanceUID == ["1.2", "1.3"]


def test_elements_are_found() -> None:
    dataset = Dataset()
    path = parse_path("ScheduledWorkitemCodeSequence/CodeValue")
    assert get_element(dataset, path) is None
    set_value(dataset, path, "x")
    element = get_element(dataset, path)
    assert element is not None
    assert element.value == "x"
    assert get_element(dataset, parse_path("ScheduledWorkitemCodeSequence/CodeMeaning")) is None
    assert get_element(dataset, (0x00404018, 0x00080100, 0x00080100)) is None


@pytest.mark.parametrize("path", ["PixelData", "EncapsulatedDocument", "00091001", "FloatPixelData"])
def test_an_empty_attribute_may_have_any_vr(path: str) -> None:
    dataset = Dataset()
    set_value(dataset, parse_path(path), "")
    (element,) = dataset
    assert element.is_empty
