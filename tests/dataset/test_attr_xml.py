"""dcm4che2's XML, read as its own reader read it where that was sound."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, encode, native_xml
from dicomnet.errors import DecodeError, Fault


def read(content: str, root: str = "dicom") -> tuple[Dataset, list[str]]:
    return native_xml.read(f"<{root}>{content}</{root}>".encode(), "a.xml")


def attr(tag: str, vr: str, content: str, more: str = "") -> str:
    return f'<attr tag="{tag}" vr="{vr}"{more}>{content}</attr>'


def refused(content: str, code: Fault, limits: DataSetLimits | None = None) -> str:
    with pytest.raises(DecodeError) as caught:
        native_xml.read(f"<dicom>\n{content}</dicom>".encode(), "a.xml", limits=limits)
    assert caught.value.code == code, caught.value
    assert str(caught.value).startswith("a.xml, line 2: ")
    return str(caught.value)


def test_the_example_of_its_manual() -> None:
    dataset, warnings = read(
        '<attr tag="00741000" vr="CS">SCHEDULED</attr><!--Scheduled Station Name Code Sequence-->'
        '<attr tag="00404025" vr="SQ" len="-1"><item off="12">'
        '<attr tag="00080100" vr="SH" len="2">X</attr></item></attr>'
    )
    assert warnings == []
    assert dataset.ProcedureStepState == "SCHEDULED"
    assert dataset.ScheduledStationNameCodeSequence[0].CodeValue == "X"


@pytest.mark.parametrize("root", ["dicom", "anything", "x:y"])
def test_the_root_may_have_any_name_and_wrappers_do_not_count(root: str) -> None:
    root_with = 'x:y xmlns:x="u"' if root == "x:y" else root
    data = f"<{root_with}><group>{attr('00080060', 'CS', 'CT')}</group></{root}>".encode()
    assert native_xml.read(data)[0].Modality == "CT"


@pytest.mark.parametrize(
    ("vr", "text", "expected"),
    [("US", r" 1\2", [1, 2]), ("SL", "-5", -5), ("FD", r"1.5\-2", [1.5, -2.0]), ("AT", r"00100020\0020000d",
     [0x00100020, 0x0020000D]), ("OB", r"00\ff", b"\0\xff"), ("OB", " ", None), ("OW", r"1\65535", b"\1\0\xff\xff"),
     ("OF", "1.0", b"\0\0\x80?"), ("UN", r"a\\b\00\fF", b"a\\b\0\xff"), ("LO", "", ""), ("LO", "  ", "  "),
     ("LT", "a\\b", "a\\b"), ("CS", r"A\\B", ["A", "", "B"]), ("PN", "Doe^Jane", "Doe^Jane")],
)  # fmt: skip
def test_text_by_vr(vr: str, text: str, expected: object) -> None:
    dataset, _ = read(attr("0012A000", vr, text))
    assert dataset[0x0012A000].value == expected
    assert encode(dataset, uids.EXPLICIT_VR_LE)


def test_vr_from_the_dictionary_split_text_and_file_meta_information() -> None:
    dataset, _ = read('<attr tag="00080060">C<!-- x -->T</attr><attr tag="00020010" vr="UI">1.2</attr>')
    assert (dataset["Modality"].VR, dataset.Modality, len(dataset)) == ("CS", "CT", 1)


def test_the_last_of_a_repeated_tag_wins_with_a_warning() -> None:
    dataset, warnings = read(attr("00080060", "CS", "CT") + "\n" + attr("00080060", "CS", "MR"))
    assert dataset.Modality == "MR"
    assert warnings == ["a.xml, line 2: tag 00080060 is repeated; this last one counts"]


def test_text_beyond_ascii_gets_a_character_set() -> None:
    dataset, warnings = read(attr("00100020", "LO", "Köln"))
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert "ISO_IR 192" in warnings[0]


@pytest.mark.parametrize(
    ("content", "code"),
    [(attr("8", "CS", ""), Fault.BAD_VALUE), ("<attr vr='CS'/>", Fault.BAD_VALUE),
     (attr("FFFEE00D", "CS", ""), Fault.BAD_VALUE),
     (attr("00080060", "XX", ""), Fault.BAD_VR), (attr("00280010", "US", "x"), Fault.BAD_VALUE),
     (attr("00280010", "US", "65536"), Fault.BAD_VALUE), (attr("0012A000", "OB", "0"), Fault.BAD_VALUE),
     (attr("0012A000", "OW", "65536"), Fault.BAD_VALUE), (attr("0012A000", "OW", "9" * 4400), Fault.BAD_VALUE),
     (attr("0012A000", "OF", "1e99"), Fault.BAD_VALUE), (attr("0012A000", "UN", "\\x"), Fault.BAD_VALUE),
     (attr("0012A000", "UN", "é"), Fault.BAD_VALUE), (attr("00100030", "DA", "today"), Fault.BAD_VALUE),
     (attr("00420011", "OB", "", " src='file:///etc/passwd'"), Fault.UNSUPPORTED),
     (attr("00404018", "SQ", "<item src='x'/>"), Fault.UNSUPPORTED),
     (attr("7FE00010", "OB", "<item>00\\01</item>"), Fault.UNSUPPORTED)],
)  # fmt: skip
def test_what_is_refused(content: str, code: Fault) -> None:
    refused(content, code)


def nested(levels: int) -> str:
    content = ""
    for _ in range(levels):
        content = attr("00404018", "SQ", f"<item>{content}</item>")
    return content


def test_depth_and_elements_have_limits() -> None:
    assert read(nested(64))
    refused(nested(65), Fault.LIMIT)
    assert native_xml.read(f"<dicom>{nested(2)}</dicom>".encode(), limits=DataSetLimits(max_elements=4))
    refused(nested(2), Fault.LIMIT, DataSetLimits(max_elements=3))
