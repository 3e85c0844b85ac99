"""Native DICOM Model XML: both ways, and everything that is refused (PS3.19 A.1)."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, decode, encode, native_xml
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.testing.datasets import datasets, workitems
from dicomnet.testing.pdus import mutated

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def document(content: str, namespace: bool = False) -> bytes:
    xmlns = f' xmlns="{native_xml.NAMESPACE}"' if namespace else ""
    return f"<NativeDicomModel{xmlns}>{content}</NativeDicomModel>".encode()


def attribute(tag: str, vr: str, content: str, more: str = "") -> str:
    return f'<DicomAttribute tag="{tag}" vr="{vr}"{more}>{content}</DicomAttribute>'


def read(content: str) -> Dataset:
    dataset, warnings = native_xml.read(document(content), "a.xml")
    assert warnings == []
    return dataset


def refused(data: bytes, code: Fault, limits: DataSetLimits | None = None) -> str:
    with pytest.raises(DecodeError) as caught:
        native_xml.read(data, "a.xml", limits=limits)
    assert caught.value.code == code, caught.value
    assert str(caught.value).startswith("a.xml")
    return str(caught.value)


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(dataset=datasets() | workitems())
def test_round_trip(dataset: Dataset) -> None:
    again, _ = native_xml.read(native_xml.write(dataset))
    # the lengths' forms and the character set may differ: compare what comes of both
    assert native_xml.write(again) == native_xml.write(decode(encode(again, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE))
    assert _values(again) == _values(dataset)


def _values(dataset: Dataset) -> list[object]:
    found: list[object] = []
    for element in dataset:
        if element.tag == 0x00080005:
            continue
        if element.VR == "SQ":
            found.append((element.tag, [_values(item) for item in element.value]))
        else:
            value = element.value
            several = not isinstance(value, str | bytes) and hasattr(value, "__iter__") and element.VR != "PN"
            found.append((element.tag, element.VR, [str(one) for one in value] if several else str(value or "")))
    return found


@pytest.mark.parametrize("name", ["rsp000001.dcm", "UPSCFind_TDWII_FX1.dcm"])
def test_real_ones_survive(real: Callable[[str], bytes], name: str) -> None:
    from dicomnet.dataset.files import load

    dataset = load(real(name)).dataset
    assert encode(native_xml.read(native_xml.write(dataset))[0], uids.EXPLICIT_VR_LE) == encode(
        dataset, uids.EXPLICIT_VR_LE
    )


def test_what_is_written() -> None:
    dataset = Dataset()
    dataset.PatientName = "Doe^Jane^^Dr=山田^太郎"
    dataset.ImageType = ["MPG", "", "XR3"]
    dataset.EncapsulatedDocument = b"ab"
    dataset.add_new(0x00190010, "LO", "ACME")
    dataset.add_new(0x00191042, "US", 7)
    dataset.PatientID = None
    text = native_xml.write(dataset).decode()
    assert text.startswith("<?xml version='1.0' encoding='UTF-8'?><NativeDicomModel")
    assert 'xml:space="preserve"' in text
    assert "\n" not in text
    for part in (
        '<Value number="1">MPG</Value><Value number="2"/><Value number="3">XR3</Value>',
        "<FamilyName>Doe</FamilyName><GivenName>Jane</GivenName><NamePrefix>Dr</NamePrefix></Alphabetic><Ideographic>",
        '<DicomAttribute tag="00190042" vr="US" privateCreator="ACME"><Value number="1">7</Value></DicomAttribute>',
        "<InlineBinary>YWI=</InlineBinary>",
        '<DicomAttribute tag="00100020" vr="LO" keyword="PatientID"/>',
    ):
        assert part in text
    assert 'tag="00190010"' not in text


def test_names_with_too_many_components_keep_them() -> None:
    dataset = Dataset()
    dataset.PatientName = "a^b^c^d^e^f"
    assert native_xml.read(native_xml.write(dataset))[0].PatientName == "a^b^c^d^e^f"


def test_text_may_be_split() -> None:
    pieces = "<Value number='1'>AB<!-- x -->C<![CDATA[D]]>E<?go on?>F&#71;</Value>"
    assert read(attribute("00080060", "CS", pieces)).Modality == "ABCDEFG"


@pytest.mark.parametrize("namespace", [False, True])
def test_with_and_without_namespace(namespace: bool) -> None:
    data = document(attribute("00080060", "CS", '<Value number="1">CT</Value>'), namespace)
    assert native_xml.read(data)[0].Modality == "CT"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings_of_the_document(encoding: str) -> None:
    name = "iso-8859-1" if encoding == "iso-8859-1" else encoding.replace("-sig", "")
    text = (
        f'<?xml version="1.0" encoding="{name}"?>'
        + document(attribute("00100020", "LO", "<Value number='1'>Zürich</Value>")).decode()
    )
    dataset, warnings = native_xml.read(text.encode(encoding), "a.xml")
    assert dataset.PatientID == "Zürich"
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert len(warnings) == 1


def test_numbers_order_values_and_gaps_are_empty() -> None:
    values = "<Value number='3'>C</Value><Value number='1'>A</Value>"
    assert read(attribute("00080008", "CS", values)).ImageType == ["A", "", "C"]
    assert read(attribute("00080008", "CS", "<Value>B</Value><Value>A</Value>")).ImageType == ["B", "A"]


def test_vr_from_the_dictionary_and_a_keyword_that_does_not_fit() -> None:
    data = document('<DicomAttribute tag="00080060" keyword="PatientID"><Value number="1">CT</Value></DicomAttribute>')
    dataset, warnings = native_xml.read(data, "a.xml")
    assert dataset["Modality"].VR == "CS"
    assert warnings == ["a.xml, line 1: keyword 'PatientID' is not that of 00080060 (Modality)"]


def test_unknown_elements_and_file_meta_information_are_ignored() -> None:
    odd = "<Foreign><DicomAttribute tag='zz'/></Foreign>" + attribute("00020010", "UI", "<Value>1.2</Value>")
    assert read(odd + attribute("00080060", "CS", "<Value>CT</Value><Other>MR</Other>")).Modality == "CT"
    assert len(read(odd)) == 0


def test_private_creators_get_blocks() -> None:
    def one(tag: str, creator: str, value: int) -> str:
        return attribute(tag, "US", f"<Value>{value}</Value>", f' privateCreator="{creator}"')

    held = attribute("00190010", "LO", "<Value>HELD</Value>")
    dataset = read(one("00190042", "B", 1) + held + one("00190042", "A", 2) + one("00190043", "B", 3))
    assert [dataset[tag].value for tag in (0x00190010, 0x00190011, 0x00190012)] == ["HELD", "B", "A"]
    assert [dataset[tag].value for tag in (0x00191142, 0x00191242, 0x00191143)] == [1, 2, 3]
    many = "".join(one("00190042", f"C{number}", 1) for number in range(0xF1))
    assert "no block left" in refused(document(many), Fault.BAD_VALUE)


def test_sequences_and_empty_items() -> None:
    inner = attribute("00080100", "SH", "<Value>X</Value>")
    dataset = read(attribute("00404018", "SQ", f"<Item number='2'>{inner}</Item><Item number='1'/>"))
    assert [len(item) for item in dataset.ScheduledWorkitemCodeSequence] == [0, 1]
    assert len(read(attribute("00404018", "SQ", "")).ScheduledWorkitemCodeSequence) == 0


REFUSED = {
    "no tag": ("<DicomAttribute vr='CS'/>", Fault.BAD_VALUE),
    "bad tag": (attribute("0008006", "CS", ""), Fault.BAD_VALUE),
    "tag with sign": (attribute("+0080060", "CS", ""), Fault.BAD_VALUE),
    "tag in other digits": (attribute("٠٠٠٨٠٠٦٠", "CS", ""), Fault.BAD_VALUE),
    "item tag": (attribute("FFFEE000", "CS", ""), Fault.BAD_VALUE),
    "command": (attribute("00000100", "US", ""), Fault.BAD_VALUE),
    "unknown VR": (attribute("00080060", "ZZ", ""), Fault.BAD_VR),
    "repeated tag": (attribute("00080060", "CS", "") * 2, Fault.DUPLICATE),
    "repeated number": (attribute("00080060", "CS", "<Value number='1'/><Value number='1'/>"), Fault.DUPLICATE),
    "number zero": (attribute("00080060", "CS", "<Value number='0'/>"), Fault.BAD_VALUE),
    "number far away": (attribute("00080060", "CS", "<Value number='1000000'/>"), Fault.BAD_VALUE),
    "two kinds": (attribute("00080060", "CS", "<Value/><Item/>"), Fault.BAD_VALUE),
    "value in a sequence": (attribute("00404018", "SQ", "<Value>x</Value>"), Fault.BAD_VALUE),
    "item in text": (attribute("00080060", "CS", "<Item/>"), Fault.BAD_VALUE),
    "value for a name": (attribute("00100010", "PN", "<Value>x</Value>"), Fault.BAD_VALUE),
    "bulk data": (attribute("00420011", "OB", "<BulkData uri='file:///etc/passwd'/>"), Fault.UNSUPPORTED),
    "bad base64": (attribute("00420011", "OB", "<InlineBinary>abc</InlineBinary>"), Fault.BAD_VALUE),
    "base64 with dirt": (attribute("00420011", "OB", "<InlineBinary>YWI=#</InlineBinary>"), Fault.BAD_VALUE),
    "half a word": (attribute("0012A000", "OW", "<InlineBinary>YQ==</InlineBinary>"), Fault.BAD_VALUE),
    "not a number": (attribute("00280010", "US", "<Value>x</Value>"), Fault.BAD_VALUE),
    "number too large": (attribute("00280010", "US", "<Value>65536</Value>"), Fault.BAD_VALUE),
    "huge number": (attribute("00280010", "US", f"<Value>{'9' * 5000}</Value>"), Fault.BAD_VALUE),
    "date": (attribute("00100030", "DA", "<Value>20261332</Value>"), Fault.BAD_VALUE),
    "code string": (attribute("00080060", "CS", "<Value>lower</Value>"), Fault.BAD_VALUE),
    "UID": (attribute("00080018", "UI", "<Value>1.02</Value>"), Fault.BAD_VALUE),
    "long text": (attribute("00100020", "LO", f"<Value>{'x' * 65}</Value>"), Fault.BAD_VALUE),
    "backslash": (attribute("00100020", "LO", "<Value>a\\b</Value>"), Fault.BAD_VALUE),
    "two texts": (attribute("00104000", "LT", "<Value>a</Value><Value>b</Value>"), Fault.BAD_VALUE),
    "creator of a standard tag": (attribute("00080060", "CS", "", " privateCreator='X'"), Fault.BAD_VALUE),
    "creator with backslash": (attribute("00190042", "CS", "", " privateCreator='X\\Y'"), Fault.BAD_VALUE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    content, code = REFUSED[name]
    assert "line 2" in refused(document("\n" + content), code)


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
MALFORMED = {
    "entity bomb": (
        f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]>'.encode() + document("&e9;"), Fault.UNSUPPORTED),
    "external entity": (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + document("&e;"), Fault.UNSUPPORTED),
    "external subset": (b'<!DOCTYPE x SYSTEM "http://example.invalid/x.dtd">' + document(""), Fault.UNSUPPORTED),
    "doctype in UTF-16": (
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x><NativeDicomModel/>'.encode("utf-16"), Fault.UNSUPPORTED),
    "doctype in UTF-7": (
        b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE x><NativeDicomModel/>', Fault.UNSUPPORTED),
    "undefined entity": (document("&nbsp;"), Fault.BAD_VALUE),
    "empty": (b"", Fault.BAD_VALUE),
    "cut": (document(attribute("00080060", "CS", ""))[:-5], Fault.BAD_VALUE),
    "two roots": (document("") * 2, Fault.BAD_VALUE),
    "not UTF-8": (document("\xff").replace(b"\xc3\xbf", b"\xff"), Fault.BAD_VALUE),
    "control character": (document("<x>\x01</x>"), Fault.BAD_VALUE),
    "forbidden reference": (document("<x>&#27;</x>"), Fault.BAD_VALUE),
    "another root": (b"<html/>", Fault.UNKNOWN_TYPE),
    "EBCDIC": ("<?xml version='1.0' encoding='cp037'?><NativeDicomModel/>".encode("cp037"), Fault.BAD_VALUE),
    "gzip": (b"\x1f\x8b" + bytes(30), Fault.BAD_VALUE),
    "tags nested past libxml2's own limit": (b"<a>" * 5000 + b"</a>" * 5000, Fault.BAD_VALUE),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_documents(name: str) -> None:
    data, code = MALFORMED[name]
    refused(data, code)


def nested(levels: int) -> bytes:
    content = ""
    for _ in range(levels):
        content = attribute("00404018", "SQ", f"<Item number='1'>{content}</Item>")
    return document(content)


def test_depth_has_a_limit() -> None:
    assert native_xml.read(nested(64))
    assert native_xml.write(native_xml.read(nested(64))[0])
    refused(nested(65), Fault.LIMIT)
    refused(nested(3), Fault.LIMIT, DataSetLimits(max_depth=2))
    with pytest.raises(EncodeError):
        native_xml.write(native_xml.read(nested(3))[0], max_depth=2)


def test_size_has_a_limit() -> None:
    data = document("")
    assert native_xml.read(data, limits=DataSetLimits(max_bytes=len(data)))
    refused(data, Fault.LIMIT, DataSetLimits(max_bytes=len(data) - 1))


def test_elements_have_a_limit() -> None:
    data = document(attribute("00404018", "SQ", "<Item/><Item/>"))
    assert native_xml.read(data, limits=DataSetLimits(max_elements=3))
    refused(data, Fault.LIMIT, DataSetLimits(max_elements=2))
    refused(document("<a/>" * 1000), Fault.LIMIT, DataSetLimits(max_elements=10))
    refused(
        document("<a " + " ".join(f"b{n}=''" for n in range(1000)) + "/>"), Fault.LIMIT, DataSetLimits(max_elements=10)
    )
    values = document(attribute("00080008", "CS", "<Value/>" * 11))
    refused(values, Fault.LIMIT, DataSetLimits(max_elements=10))


def test_values_xml_cannot_hold_are_an_error() -> None:
    dataset = Dataset()
    dataset.PatientComments = "a\x0cb"
    with pytest.raises(EncodeError) as caught:
        native_xml.write(dataset)
    assert caught.value.path == "00104000"


def test_line_ends_survive() -> None:
    dataset = Dataset()
    dataset.PatientComments = "a\r\nb\rc\n\td"
    assert native_xml.read(native_xml.write(dataset))[0].PatientComments == "a\r\nb\rc\n\td"


def test_big_endian_words_are_written_little_endian() -> None:
    dataset = Dataset()
    dataset.add_new(0x0012A000, "OW", b"\1\2")
    big = decode(encode(dataset, uids.EXPLICIT_VR_BE), uids.EXPLICIT_VR_BE)
    assert base64.b64encode(b"\1\2") in native_xml.write(big)


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_mutated_documents_raise_nothing_else(data: st.DataObject) -> None:
    hostile = data.draw(mutated(native_xml.write(data.draw(workitems()))))
    try:
        dataset, _ = native_xml.read(hostile, "a.xml")
    except DecodeError:
        return
    encode(dataset, uids.EXPLICIT_VR_LE)
