"""Every form of file that ``-f`` takes, in the character sets of the world, arrives at pynetdicom as it was meant.

The files are written here by pydicom, by hand and by DCMTK, never by our own writers. And what ``dcmups`` writes of a
workitem that pynetdicom has is read by the same others.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from lxml import etree
from pydicom import FileMetaDataset, dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ups.cli.main import main

from .pynetdicom_scp import Held, PeerScp
from .workitems import uid, workitem

LOCK = "1.7.77777"
NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
NAMES: dict[str, tuple[str | list[str], str]] = {
    "UTF-8": ("ISO_IR 192", "Müller^Jörg=山田^太郎=やまだ^たろう"),
    "Latin-1": ("ISO_IR 100", "Müller^Jörg"),
    "ISO 2022 IR 87": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
}
TEXTS = {"UTF-8": "Größe 山田", "Latin-1": "Größe", "ISO 2022 IR 87": "Fraction 山田"}


def named(characters: str) -> Dataset:
    """A workitem with names and texts of a character set, at the top and in items."""
    character_set, name = NAMES[characters]
    text = TEXTS[characters]
    referenced, code = Dataset(), Dataset()
    referenced.RequestingService = text
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99TEST", text
    referenced.RequestedProcedureCodeSequence = [code]
    return workitem(
        SpecificCharacterSet=character_set,
        PatientName=name,
        ProcedureStepLabel=text,
        CommentsOnTheScheduledProcedureStep=f"{text}\r\n  {text}",
        ReferencedRequestSequence=[referenced],
    )


def check(arrived: Dataset, characters: str) -> None:
    text = TEXTS[characters]
    assert arrived.PatientName == NAMES[characters][1]
    assert arrived.ProcedureStepLabel == text
    assert arrived.CommentsOnTheScheduledProcedureStep == f"{text}\r\n  {text}"
    (referenced,) = arrived.ReferencedRequestSequence
    assert referenced.RequestingService == text
    assert referenced.RequestedProcedureCodeSequence[0].CodeMeaning == text
    assert arrived.ScheduledWorkitemCodeSequence[0].CodeValue == "121726"
    assert arrived.ScheduledProcedureStepStartDateTime == "20300101080000"


# -- writers ---------------------------------------------------------------------------------------------------------


def part_10(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.34.6.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def bare(dataset: Dataset, *, implicit: bool) -> bytes:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, implicit
    write_dataset(stream, dataset)
    return stream.getvalue()


def native(dataset: Dataset, *, namespace: bool, encoding: str = "UTF-8") -> bytes:
    where = f' xmlns="{NAMESPACE}"' if namespace else ""
    root = f'<NativeDicomModel{where} xml:space="preserve">{_attributes(dataset)}</NativeDicomModel>'
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{root}'.encode(encoding)


def _attributes(dataset: Dataset) -> str:
    return "".join(
        f'<DicomAttribute tag="{element.tag:08X}" vr="{element.VR}" keyword="{element.keyword}">'
        f"{_content(element)}</DicomAttribute>"
        for element in dataset
    )


def _content(element) -> str:
    if element.VR == "SQ":
        items = enumerate(element.value, 1)
        return "".join(f'<Item number="{number}">{_attributes(item)}</Item>' for number, item in items)
    values = element.value if element.VM > 1 else [element.value] if element.value else []
    return "".join(_value(element.VR, number, str(value)) for number, value in enumerate(values, 1))


def _value(vr: str, number: int, value: str) -> str:
    if vr != "PN":
        return f'<Value number="{number}">{escape(value, {chr(13): "&#13;"})}</Value>'
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), value.split("="), strict=False)
    written = ""
    for name, group in groups:
        parts = zip(("FamilyName", "GivenName"), group.split("^"), strict=False)
        written += f"<{name}>{''.join(f'<{part}>{text}</{part}>' for part, text in parts)}</{name}>"
    return f'<PersonName number="{number}">{written}</PersonName>'


def attr_xml(dataset: Dataset) -> bytes:
    """As dcm2xml of dcm4che2 wrote it."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<dicom>{_attrs(dataset)}</dicom>'.encode()


def _attrs(dataset: Dataset) -> str:
    written = ""
    for element in dataset:
        if element.VR == "SQ":
            content = "".join(f"<item>{_attrs(item)}</item>" for item in element.value)
        else:
            values = element.value if element.VM > 1 else [element.value or ""]
            content = escape("\\".join(map(str, values)), {"\r": "&#13;"})
        written += f'<!--{element.keyword}--><attr tag="{element.tag:08X}" vr="{element.VR}">{content}</attr>\n'
    return written


def as_json(dataset: Dataset) -> bytes:
    return dataset.to_json().encode()


FORMS: dict[str, Callable[[Dataset], bytes]] = {
    "Part 10": part_10,
    "Part 10, implicit": lambda dataset: part_10(dataset, ImplicitVRLittleEndian),
    "Part 10, big endian": lambda dataset: part_10(dataset, ExplicitVRBigEndian),
    "bare implicit": lambda dataset: bare(dataset, implicit=True),
    "bare explicit": lambda dataset: bare(dataset, implicit=False),
    "Native XML": lambda dataset: native(dataset, namespace=True),
    "Native XML without namespace": lambda dataset: native(dataset, namespace=False),
    "Native XML in UTF-16": lambda dataset: native(dataset, namespace=True, encoding="UTF-16"),
    "attr XML": attr_xml,
    "JSON": as_json,
}


@pytest.mark.parametrize("option", [(), ("-ivrle",)], ids=["explicit", "implicit"])
@pytest.mark.parametrize("characters", NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_names_arrive_as_they_are(
    form: str, characters: str, option: tuple[str, ...], peer_scp: PeerScp, tmp_path: Path
) -> None:
    path = tmp_path / "workitem"
    path.write_bytes(FORMS[form](named(characters)))
    instance = uid()
    assert main(["create", peer_scp.address, "-f", str(path), "-iuid", instance, *option]) == 0
    check(peer_scp.held[instance].data, characters)


def test_the_files_are_in_their_character_sets() -> None:
    """Or the tests above would show little."""
    jis = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B="  # PS3.5 H.3.1
    for form in ("Part 10", "bare implicit", "bare explicit"):
        assert jis in FORMS[form](named("ISO 2022 IR 87"))
        assert "Müller".encode("latin-1") in FORMS[form](named("Latin-1"))
        assert "Müller".encode() in FORMS[form](named("UTF-8"))


def test_text_and_bytes_in_line_are_what_they_were(peer_scp: PeerScp, tmp_path: Path) -> None:
    content = bytes(range(256))
    inline = base64.b64encode(content).decode()
    found = json.loads(named("UTF-8").to_json())
    found["00420011"] = {"vr": "OB", "InlineBinary": inline}
    path = tmp_path / "workitem.json"
    path.write_text(json.dumps(found))
    assert main(["create", peer_scp.address, "-f", str(path), "-iuid", "1.2.3"]) == 0
    assert peer_scp.held["1.2.3"].data.EncapsulatedDocument == content


# -- files of DCMTK --------------------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("tool", "options", "characters"),
    [
        ("dcm2xml", ("--native-format", "--use-xml-namespace"), "Latin-1"),
        ("dcm2xml", ("--native-format",), "UTF-8"),
        ("dcm2xml", ("--native-format", "--convert-to-utf8"), "Latin-1"),
        ("dcm2json", (), "UTF-8"),
        ("dcmconv", ("--write-dataset", "--write-xfer-implicit"), "ISO 2022 IR 87"),
        ("dcmconv", ("--write-dataset", "--write-xfer-little"), "Latin-1"),
        ("dcmconv", ("--write-file", "--write-xfer-deflated"), "ISO 2022 IR 87"),
    ],
)
def test_what_dcmtk_writes_arrives_as_it_is(
    tool: str,
    options: tuple[str, ...],
    characters: str,
    dcmtk: Callable[[str], str],
    peer_scp: PeerScp,
    tmp_path: Path,
) -> None:
    source, path = tmp_path / "source.dcm", tmp_path / "workitem"
    source.write_bytes(part_10(named(characters)))
    subprocess.run([dcmtk(tool), *options, str(source), str(path)], check=True, timeout=60, capture_output=True)
    assert main(["create", peer_scp.address, "-f", str(path), "-iuid", "1.2.3"]) == 0
    check(peer_scp.held["1.2.3"].data, characters)


# -- the way back ----------------------------------------------------------------------------------------------------


@pytest.fixture
def holding(peer_scp: PeerScp) -> Callable[[str], PeerScp]:
    """An SCP with the workitem 1.2.3 in a character set, and with its lock where it should not be."""

    def hold(characters: str) -> PeerScp:
        data = named(characters)
        data.TransactionUID = LOCK
        data.ReferencedRequestSequence[0].TransactionUID = LOCK
        peer_scp.held["1.2.3"] = Held(data, transaction=LOCK)
        return peer_scp

    return hold


READERS: dict[str, Callable[[Path], Dataset]] = {
    "--json": lambda path: Dataset.from_json(path.read_text(encoding="utf-8")),
    "-o": dcmread,
}


@pytest.mark.parametrize("option", [(), ("-ivrle",)], ids=["explicit", "implicit"])
@pytest.mark.parametrize("characters", NAMES)
@pytest.mark.parametrize("operation", ["get", "find"])
@pytest.mark.parametrize("form", READERS)
def test_what_we_write_is_read_by_pydicom(
    form: str,
    operation: str,
    characters: str,
    option: tuple[str, ...],
    holding: Callable[[str], PeerScp],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "found"
    chosen = [] if operation == "find" else ["-iuid", "1.2.3"]
    keys = ["-r", *(element.keyword for element in named(characters))] if operation == "find" else []
    words = [operation, holding(characters).address, *chosen, *option, *keys]
    assert main([*words, *([form] if form == "--json" else [form, str(path)])]) == 0
    if form == "--json":
        path.write_text(capfd.readouterr().out, encoding="utf-8")
    elif operation == "find":
        path = path / "1.2.3.dcm"
    assert LOCK.encode() not in path.read_bytes()
    check(READERS[form](path), characters)


@pytest.mark.once
@pytest.mark.parametrize("characters", NAMES)
def test_what_we_write_is_read_by_dcmtk(
    characters: str, holding: Callable[[str], PeerScp], dcmtk: Callable[[str], str], tmp_path: Path
) -> None:
    path, unicode = tmp_path / "x.dcm", tmp_path / "y.dcm"
    assert main(["get", holding(characters).address, "-iuid", "1.2.3", "-o", str(path)]) == 0
    subprocess.run([dcmtk("dcmconv"), "--write-xfer-implicit", str(path), str(unicode)], check=True, timeout=60)
    check(dcmread(unicode), characters)
    shown = subprocess.run([dcmtk("dcmdump"), str(path)], check=True, timeout=60, capture_output=True).stdout
    assert b"MediaStorageSOPInstanceUID" in shown
    assert b"TransactionUID" not in shown


@pytest.mark.parametrize("characters", NAMES)
def test_native_xml_is_what_the_standard_shows(
    characters: str, holding: Callable[[str], PeerScp], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", holding(characters).address, "-iuid", "1.2.3", "--xml"]) == 0
    document = capfd.readouterr().out
    assert document.count("\n") == 1
    assert LOCK not in document
    root = etree.fromstring(document.encode())
    assert root.tag == f"{{{NAMESPACE}}}NativeDicomModel"
    (name,) = root.iterfind("{*}DicomAttribute[@tag='00100010'][@vr='PN']/{*}PersonName[@number='1']")
    groups = ["^".join(filter(None, (part.text for part in group))) for group in name]
    assert "=".join(groups) == NAMES[characters][1]
    (text,) = root.iterfind("{*}DicomAttribute[@keyword='CommentsOnTheScheduledProcedureStep']/{*}Value")
    assert text.text == f"{TEXTS[characters]}\r\n  {TEXTS[characters]}"
    (item,) = root.iterfind("{*}DicomAttribute[@keyword='ReferencedRequestSequence']/{*}Item[@number='1']")
    assert item.findtext("{*}DicomAttribute[@keyword='RequestingService']/{*}Value") == TEXTS[characters]
