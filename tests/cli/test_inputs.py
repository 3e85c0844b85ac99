"""From options and files to the data set that is sent, in their fixed order."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

import ups
from dicomnet import uids
from dicomnet.dataset import decode, encode, files, json, native_xml
from ups.cli import inputs
from ups.cli.parser import CommandLine, parse
from ups.cli.words import UsageError

ATTR_XML = """<dicom>
<attr tag="00741204" vr="LO">from the file</attr>
<attr tag="00080016" vr="UI">1.2.840.10008.5.1.4.34.6.1</attr>
<attr tag="00080018" vr="UI">1.2.3.4</attr>
<attr tag="00404018" vr="SQ"><item><attr tag="00080100" vr="SH">121726</attr></item></attr>
</dicom>"""


@pytest.fixture
def workitem(tmp_path: Path) -> Path:
    path = tmp_path / "workitem.xml"
    path.write_text(ATTR_XML)
    return path


def gathered(text: str, *more: str) -> inputs.Content:
    line = parse([*shlex.split(text), *more], is_attribute=inputs.is_attribute)
    assert isinstance(line, CommandLine)
    assert line.operation is not None
    return inputs.gather(line, line.operation)


def refusal(text: str, *more: str) -> str:
    with pytest.raises(UsageError) as caught:
        gathered(text, *more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def tags(dataset: Dataset) -> list[int]:
    return [int(element.tag) for element in dataset]


def default_keys() -> set[int]:
    table = Path(ups.__file__).parent / "standard" / "ups-attributes.csv"
    with table.open(encoding="utf-8", newline="") as file:
        return {
            int(row["tag_path"], 16)
            for row in csv.DictReader(file)
            if row["depth"] == "0" and row["return_key"] in ("1", "1C", "2", "2C")
        }


def test_find_asks_for_the_return_keys_of_the_standard() -> None:
    content = gathered("find S -state SCHEDULED")
    assert set(tags(content.dataset)) == default_keys()
    assert content.dataset.ProcedureStepState == "SCHEDULED"
    assert content.dataset.SpecificCharacterSet == "ISO_IR 192"  # never empty (PS3.4 C.2.2.2)
    assert all(
        not element.value
        for element in content.dataset
        if element.keyword not in ("ProcedureStepState", "SpecificCharacterSet")
    )


def test_find_with_keys_of_its_own_asks_for_those_and_the_unique_key() -> None:
    content = gathered("find S -r PatientName ScheduledWorkitemCodeSequence/CodeValue -q PatientID=17 PatientSex=")
    names = [element.keyword for element in content.dataset]
    assert names == ["SOPInstanceUID", "PatientName", "PatientID", "PatientSex", "ScheduledWorkitemCodeSequence"]
    assert content.dataset.PatientID == "17"
    assert content.dataset.ScheduledWorkitemCodeSequence[0].CodeValue is None or (
        not content.dataset.ScheduledWorkitemCodeSequence[0].CodeValue
    )


def test_a_key_alone_is_laid_over_the_default_keys() -> None:
    assert set(tags(gathered("find S -q PatientID=17").dataset)) == default_keys()


def test_find_takes_iuid_as_the_unique_key() -> None:
    assert gathered("find S -iuid 1.2.3").dataset.SOPInstanceUID == "1.2.3"


@pytest.mark.parametrize("key", ["PatientBirthDate=20200101-20201231", "ScheduledProcedureStepStartDateTime=20200101-"])
def test_find_takes_ranges(key: str) -> None:
    content = gathered("find S -q", key)
    assert str(content.dataset[key.partition("=")[0]].value) == key.partition("=")[2]


def test_keys_and_edits_are_laid_over_the_file(workitem: Path) -> None:
    content = gathered(
        f"find S -f {workitem} -q ProcedureStepLabel=key -r WorklistLabel ScheduledWorkitemCodeSequence/CodeValue "
        "--set WorklistLabel=edit ScheduledWorkitemCodeSequence/CodingSchemeDesignator=DCM -state COMPLETED"
    )
    dataset = content.dataset
    assert [dataset.ProcedureStepLabel, dataset.WorklistLabel, dataset.ProcedureStepState] == [
        "key",
        "edit",
        "COMPLETED",
    ]
    item = dataset.ScheduledWorkitemCodeSequence[0]
    assert (item.CodeValue, item.CodingSchemeDesignator) == ("121726", "DCM")


@pytest.mark.parametrize("path", ["ProcedureStepLabel", "00741204", "0074,1204", "(0074,1204)"])
def test_a_path_is_a_keyword_or_a_tag(path: str) -> None:
    assert gathered(f"set S -iuid 1.2 --set '{path}=x'").dataset.ProcedureStepLabel == "x"


def test_a_path_leads_into_sequences() -> None:
    dataset = gathered("set S -iuid 1.2 --set 00404018/(0008,0100)=7").dataset
    assert dataset.ScheduledWorkitemCodeSequence[0].CodeValue == "7"


def test_a_uid_in_the_file_leaves_the_data_set_and_names_what_create_makes(workitem: Path) -> None:
    content = gathered(f"create S -f {workitem}")
    assert content.instance == "1.2.3.4"
    assert "SOPClassUID" not in content.dataset
    assert "SOPInstanceUID" not in content.dataset
    assert gathered(f"create S -f {workitem} -iuid 1.9").instance == "1.9"
    assert gathered("create S --set ProcedureStepLabel=x").instance is None


@pytest.mark.parametrize("option", ["--set", "-q"])
def test_a_uid_laid_over_leaves_the_data_set_too_and_goes_before_the_files(workitem: Path, option: str) -> None:
    laid = f"{option} SOPInstanceUID=9.9 SOPClassUID=1.2.840.10008.5.1.4.34.6.1 ProcedureStepLabel=x"
    for words in (f"create S {laid}", f"create S -f {workitem} {laid}"):
        content = gathered(words)
        assert content.instance == "9.9"
        assert "SOPInstanceUID" not in content.dataset
        assert "SOPClassUID" not in content.dataset
        assert content.dataset.ProcedureStepLabel == "x"
    assert gathered(f"create S -f {workitem} -iuid 1.9 {laid}").instance == "1.9"
    assert gathered(f"create S -f {workitem} {option} SOPInstanceUID=").instance is None
    assert "SOPInstanceUID" in refusal(f"create S {option} SOPInstanceUID=x.y")


def test_a_uid_laid_over_names_no_workitem_to_set_and_that_is_said() -> None:
    content = gathered("set S -iuid 1.9 --set SOPInstanceUID=9.9 ProcedureStepLabel=x")
    assert (content.instance, "SOPInstanceUID" in content.dataset) == ("1.9", False)
    assert content.warnings == ["the attribute SOPInstanceUID has no effect on set; the workitem is -iuid's"]
    assert not gathered("set S -iuid 1.9 --set SOPInstanceUID=1.9 ProcedureStepLabel=x").warnings
    for words in ("find S", f"subscribe S -aet ME -iuid {uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION}"):
        assert gathered(f"{words} -q SOPInstanceUID=9.9").dataset.SOPInstanceUID == "9.9"


def test_a_uid_in_the_file_is_no_key_of_find_and_that_is_said(workitem: Path) -> None:
    content = gathered(f"find S -f {workitem}")
    assert content.dataset.SOPInstanceUID in (None, "")
    assert [warning for warning in content.warnings if "1.2.3.4" in warning]


def test_a_uid_in_the_file_means_nothing_to_set(workitem: Path) -> None:
    content = gathered(f"set S -iuid 1.9 -f {workitem}")
    assert content.instance == "1.9"
    assert not content.warnings
    assert "SOPInstanceUID" not in content.dataset


def test_get_asks_for_the_attributes_of_r_or_for_all() -> None:
    assert gathered("get S -iuid 1.2").attributes is None
    content = gathered("get S -iuid 1.2 -r PatientName 00404018/00080100 ProcedureStepState")
    assert content.attributes == (0x00100010, 0x00404018, 0x00741000)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "chstate S -iuid 1.2 -state 'IN PROGRESS' -tuid 1.7",
            {"ProcedureStepState": "IN PROGRESS", "TransactionUID": "1.7"},
        ),
        ("reqcancel S -iuid 1.2 -aet ME", {"RequestingAE": "ME"}),
        (
            "reqcancel S -iuid 1.2 -aet ME --set ReasonForCancellation=why",
            {"RequestingAE": "ME", "ReasonForCancellation": "why"},
        ),
        (
            "reqcancel S -iuid 1.2 -aet ME --set ReasonForCancellation=no ContactURI=tel:0 --reason 'a\\b' "
            "--contact 'Dr. X' --contact-uri tel:1",
            {
                "RequestingAE": "ME",
                "ReasonForCancellation": "a\\b",
                "ContactDisplayName": "Dr. X",
                "ContactURI": "tel:1",
            },
        ),
        ("subscribe S -aet ME", {"ReceivingAE": "ME", "DeletionLock": "FALSE"}),
        ("subscribe S -aet ME -dellock -iuid 1.2", {"ReceivingAE": "ME", "DeletionLock": "TRUE"}),
        (
            "subscribe S -aet ME -iuid 1.2.840.10008.5.1.4.34.5.1 -q WorklistLabel=A -state SCHEDULED",
            {"ReceivingAE": "ME", "DeletionLock": "FALSE", "WorklistLabel": "A", "ProcedureStepState": "SCHEDULED"},
        ),
        (
            "subscribe S -aet ME --filter WorklistLabel=A 00100020=7 --filter PatientName=Ä*",
            {
                "SpecificCharacterSet": "ISO_IR 192",
                "ReceivingAE": "ME",
                "DeletionLock": "FALSE",
                "WorklistLabel": "A",
                "PatientName": "Ä*",
                "PatientID": "7",
            },
        ),
        ("unsubscribe S -aet ME", {"ReceivingAE": "ME"}),
        ("unsubscribe S -aet ME --filtered", {"ReceivingAE": "ME"}),
        ("suspend S -aet ME --filtered", {"ReceivingAE": "ME"}),
        ("suspend S -aet ME", {"ReceivingAE": "ME"}),
        ("set S -iuid 1.2 -tuid 1.7 --set WorklistLabel=", {"TransactionUID": "1.7", "WorklistLabel": None}),
        ("create S --set WorklistLabel=A -state SCHEDULED", {"WorklistLabel": "A", "ProcedureStepState": "SCHEDULED"}),
    ],
)
def test_each_operation_sends_its_own_attributes(words: str, expected: dict[str, str | None]) -> None:
    found = {element.keyword: element.value or None for element in gathered(words).dataset}
    assert found == expected


@pytest.mark.parametrize(
    ("code", "keyword"),
    [
        ("110513", "CodeValue"),
        ("1234567890123456", "CodeValue"),
        ("12345678901234567", "LongCodeValue"),
        ("urn:lex:us:federal:17", "URNCodeValue"),
    ],
)
def test_a_reason_code_takes_the_place_of_the_files(tmp_path: Path, code: str, keyword: str) -> None:
    path = tmp_path / "cancel.xml"
    path.write_text(
        '<dicom><attr tag="0074100E" vr="SQ"><item><attr tag="00080103" vr="SH">7</attr></item><item/></attr>'
        '<attr tag="00741238" vr="LT">of the file</attr></dicom>'
    )
    words = f"reqcancel S -iuid 1.2 -aet ME -f {path} --reason-code '{code},DCM,\"für, ja\"'"
    dataset = gathered(words).dataset
    (item,) = dataset.ProcedureStepDiscontinuationReasonCodeSequence
    found = {element.keyword: element.value for element in item}
    assert found == {keyword: code, "CodingSchemeDesignator": "DCM", "CodeMeaning": "für, ja"}
    assert dataset.ReasonForCancellation == "of the file"
    back = decode(encode(dataset, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE)
    assert back.ProcedureStepDiscontinuationReasonCodeSequence[0].CodeMeaning == "für, ja"


def test_a_new_transaction_uid_is_made_once_and_told() -> None:
    first, second = (gathered("chstate S -iuid 1.2 -state 'IN PROGRESS' -tuid new") for _ in range(2))
    assert first.made_transaction == first.dataset.TransactionUID
    assert uids.is_uid(first.made_transaction or "")
    assert first.made_transaction != second.made_transaction


@pytest.mark.parametrize("syntax", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE])
def test_text_beyond_ascii_brings_a_character_set_that_holds_it(syntax: str) -> None:
    dataset = gathered("set S -iuid 1.2 --set WorklistLabel=Müller 'ProcedureStepLabel=山田'").dataset
    back = decode(encode(dataset, syntax), syntax)
    assert (back.WorklistLabel, back.ProcedureStepLabel) == ("Müller", "山田")


def test_text_of_the_file_survives_a_change_of_its_character_set(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.WorklistLabel = "Müller"
    path = tmp_path / "latin.dcm"
    path.write_bytes(files.part10(dataset, uids.EXPLICIT_VR_LE))
    merged = gathered(f"set S -iuid 1.2 -f {path} --set ProcedureStepLabel=山田").dataset
    back = decode(encode(merged, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE)
    assert (back.WorklistLabel, back.ProcedureStepLabel) == ("Müller", "山田")


YAMADA = "Yamada^Tarou=山田^太郎=やまだ^たろう"


@pytest.mark.parametrize("syntax", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE])
@pytest.mark.parametrize(
    "words", [f"find S -q PatientName={YAMADA}", f"find S -r PatientName -q PatientName={YAMADA} --set WorklistLabel=ü"]
)
def test_a_name_on_the_command_line_is_sent_as_it_is(words: str, syntax: str) -> None:
    assert decode(encode(gathered(words).dataset, syntax), syntax).PatientName == YAMADA


@pytest.mark.parametrize("form", ["xml", "json", "dcm", "latin.dcm", "jis.dcm"])
def test_names_of_a_file_survive_text_laid_over_them(form: str, tmp_path: Path) -> None:
    name = "Müller^Jürg" if form == "latin.dcm" else YAMADA
    character_set = {"latin.dcm": "ISO_IR 100", "jis.dcm": ["", "ISO 2022 IR 87"]}.get(form, "ISO_IR 192")
    dataset, item = Dataset(), Dataset()
    for one in (dataset, item):
        one.SpecificCharacterSet = character_set
        one.PatientName = name
    dataset.ReferencedRequestSequence = [item]
    del item.SpecificCharacterSet
    as_bytes = {"xml": native_xml.write, "json": lambda content: json.write(content).encode()}.get(
        form, lambda content: files.part10(content, uids.EXPLICIT_VR_LE)
    )
    path = tmp_path / form
    path.write_bytes(as_bytes(dataset))
    merged = gathered(f"set S -iuid 1.2 -f {path} --set ProcedureStepLabel=洪 -tuid 1.2.3").dataset
    back = decode(encode(merged, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE)
    assert (back.PatientName, back.ProcedureStepLabel) == (name, "洪")
    assert back.ReferencedRequestSequence[0].PatientName == name


def test_text_outside_the_default_repertoire_is_not_sent_under_it(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]  # ASCII, and Kanji by escape sequences
    dataset.PatientName = YAMADA
    path = tmp_path / "jis.dcm"
    path.write_bytes(files.part10(dataset, uids.EXPLICIT_VR_LE))
    merged = gathered(f"create S -f {path} --set ProcedureStepLabel=Größe").dataset
    assert merged.SpecificCharacterSet == "ISO_IR 192"
    assert "Größe".encode() in encode(merged, uids.EXPLICIT_VR_LE)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("find S -q Bogus=1", "-q Bogus=1: 'Bogus' is neither a keyword nor a tag"),
        ("find S -q PatientBirthDate=yesterday", "-q PatientBirthDate=yesterday: "),
        ("find S -r PatientName Bogus", "-r Bogus: "),
        ("find S -r PatientName/PatientID", "-r PatientName/PatientID: "),
        ("get S -iuid 1.2 -r 0010001", "-r 0010001: "),
        ("set S -iuid 1.2 --set PregnancyStatus=x", "--set PregnancyStatus=x: "),
        ("set S -iuid 1.2 --set ScheduledWorkitemCodeSequence=x", "--set ScheduledWorkitemCodeSequence=x: "),
        ("set S -iuid 1.2 --set 00020010=1.2", "--set 00020010=1.2: "),
        ("subscribe S -aet ME --filter Bogus=1", "--filter Bogus=1: 'Bogus' is neither a keyword nor a tag"),
        ("reqcancel S -iuid 1.2 -aet ME --reason 'bell\a'", "--reason: ReasonForCancellation: "),
        (f"reqcancel S -iuid 1.2 -aet ME --reason {'x' * 10241}", "--reason: ReasonForCancellation: "),
        (f"reqcancel S -iuid 1.2 -aet ME --contact {'x' * 65}", "--contact: ContactDisplayName: "),
        ("reqcancel S -iuid 1.2 -aet ME --contact-uri ä", "--contact-uri: ContactURI: "),
        (f"reqcancel S -iuid 1.2 -aet ME --reason-code 1,{'x' * 17},y", "--reason-code: "),
        (f"reqcancel S -iuid 1.2 -aet ME --reason-code 1,x,{'y' * 65}", "--reason-code: "),
    ],
)
def test_a_bad_attribute_names_its_option(words: str, message: str) -> None:
    assert refusal(words).startswith(message)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("empty.xml", b"", "empty"),
        ("noise.dcm", bytes(range(256)) * 3, ""),
        ("broken.xml", b"<dicom><attr tag=", ""),
        ("doctype.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><dicom/>', "document type"),
        ("other.xml", b"<html/>", ""),
        ("badtag.xml", b'<NativeDicomModel><DicomAttribute tag="xyz" vr="CS"/></NativeDicomModel>', ""),
        ("broken.json", b"{", ""),
        ("text.txt", b"hello\n", ""),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes, part: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(f"create S -f {path}")
    assert message.startswith(f"-f {path}")
    assert message.count(str(path)) == 1
    assert part in message


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    assert refusal(f"create S -f {tmp_path}/none") == f"-f {tmp_path}/none: No such file or directory"
    assert refusal("find S -f ''") == "-f: the name is empty"
    assert refusal(f"create S -f {tmp_path}") == f"-f {tmp_path}: Is a directory"
    assert refusal("create S -f", "a\0b").startswith("-f a\0b: ")
    assert refusal("create S -f /dev/zero").startswith("-f /dev/zero: larger than")


def test_a_uid_of_the_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text(ATTR_XML.replace("1.2.3.4", "1.2.x"))
    assert refusal(f"create S -f {path}").startswith(f"-f {path}")


def test_warnings_of_the_reader_are_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "twice.xml"
    path.write_text('<dicom><attr tag="00741204">a</attr><attr tag="00741204">b</attr></dicom>')
    content = gathered(f"set S -iuid 1.2 -f {path}")
    assert content.dataset.ProcedureStepLabel == "b"
    assert len(content.warnings) == 1
    assert content.warnings[0].startswith(f"-f {path}: ")


@pytest.mark.parametrize(
    ("words", "content", "message"),
    [
        ("create S", b"\x08\0\x18\0FD\x03\0abc", "-f {}: SOPInstanceUID: "),
        ("get S -iuid 1.2 -r ProcedureStepLabel", b"\x74\0\x04\x12FD\x03\0abc", "-r ProcedureStepLabel: "),
        ("find S -q PatientName=山", b"\x74\0\x04\x12FD\x03\0abc", "-q: "),
        (
            "find S -q ScheduledWorkitemCodeSequence/CodeValue=1",
            b"\x40\0\x18\x40FD\x03\0abc",
            "-q ScheduledWorkitemCodeSequence/CodeValue=1: ",
        ),
        (
            "find S -r ScheduledWorkitemCodeSequence/CodeValue",
            b"\x40\0\x18\x40FD\x03\0abc",
            "-r ScheduledWorkitemCodeSequence/CodeValue: ",
        ),
    ],
)
def test_a_value_that_does_not_fit_its_vr_is_refused(tmp_path: Path, words: str, content: bytes, message: str) -> None:
    path = tmp_path / "odd.dcm"
    path.write_bytes(content)
    assert refusal(f"{words} -f {path}").startswith(message.format(path))
