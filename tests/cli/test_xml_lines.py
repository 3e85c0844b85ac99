"""One whole Native XML document per line, whatever a peer puts into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import decode, encode
from dicomnet.dimse.messages import EncodedDataSet, NEventReportRequest
from ups.cli.console import Console, is_harmless
from ups.cli.xml_lines import XmlResults, document

from .answers import leaking


def received(dataset: Dataset) -> Dataset:
    return decode(encode(dataset, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE)


@pytest.mark.parametrize(
    "text", ["Müller", "山田　太郎", "a\r\nb\tc", "a\x7f\x9b\u202eb", "\u2028", "\U000e0001", "<&\"'>"]
)
def test_a_document_is_one_line_that_is_safe_to_look_at_and_says_the_same(text: str) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientComments = text
    shown, errors = document(received(dataset))
    assert not errors
    assert all(map(is_harmless, shown))
    root = etree.fromstring(shown.encode())
    assert root.findtext("{*}DicomAttribute[@keyword='PatientComments']/{*}Value") == text


def test_no_character_that_xml_forbids() -> None:
    shown, errors = document(received(leaking()))
    assert [error.path for error in errors] == ["00100010"]
    root = etree.fromstring(shown.encode())
    assert root.findtext("{*}DicomAttribute[@keyword='SOPInstanceUID']/{*}Value") == "1.2.3"
    assert root.findtext("{*}DicomAttribute[@keyword='PatientName']/{*}InlineBinary") == "RXZpbAdeTmFtZQ=="


def event(capsys: pytest.CaptureFixture[str], uid: str, data_set: Any) -> tuple[dict[str, str | None], str]:
    report = NEventReportRequest(sop_class=uids.UPS_PUSH, instance=uid, event_type=3, data_set=data_set)
    XmlResults(Console("dcmups")).event(report, "UPSSCP", datetime.now(UTC))
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    nodes = etree.fromstring(out.encode())
    return {node.get("keyword"): node.findtext("{*}Value") for node in nodes}, err


def test_an_event_report_has_uid_and_type_of_its_command_set(capsys: pytest.CaptureFixture[str]) -> None:
    information = Dataset()
    information.ProcedureStepState = "COMPLETED"
    expected = {"AffectedSOPInstanceUID": "1.2.3", "EventTypeID": "3", "ProcedureStepState": "COMPLETED"}
    assert event(capsys, "1.2.3", information) == (expected, "")


@pytest.mark.parametrize("data_set", [None, EncodedDataSet(b"\x08\0\x18\0UI\xff\xff", uids.EXPLICIT_VR_LE)])
def test_an_event_report_without_attributes_is_one_all_the_same(
    data_set: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found, err = event(capsys, "1.2.3", data_set)
    assert found == {"AffectedSOPInstanceUID": "1.2.3", "EventTypeID": "3"}
    assert ("cannot be read" in err) == (data_set is not None)


def test_an_event_report_of_no_uid(capsys: pytest.CaptureFixture[str]) -> None:
    found, err = event(capsys, "1.2.\x1b[2J", None)
    assert found == {"EventTypeID": "3"}
    assert err.startswith("dcmups: warning: an event report: ")
