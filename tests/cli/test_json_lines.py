"""One JSON object per line: data sets and event reports, whatever a peer puts into them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import decode, encode
from dicomnet.dimse.messages import EncodedDataSet, NEventReportRequest
from ups.cli.json_lines import data_set_object, event_object, line

ROOT = Path(__file__).parents[2]
RECEIVED = datetime(2030, 1, 2, 3, 4, 5, 678000, UTC)


def event(data_set: Dataset | EncodedDataSet | None, event_type: int = 1) -> dict[str, Any]:
    report = NEventReportRequest(sop_class=uids.UPS_PUSH, instance="1.2.3", event_type=event_type, data_set=data_set)
    found = event_object(report, "UPSSCP", RECEIVED)
    assert datetime.fromisoformat(found["received"]) == RECEIVED
    assert json.loads(line(found)) == found
    return found


def test_an_event_report_says_what_which_when_and_from_whom() -> None:
    information = Dataset()
    information.ProcedureStepState = "IN PROGRESS"
    information.InputReadinessState = "READY"
    information.TransactionUID = "6.6.6"
    found = event(information)
    del found["received"]
    assert found == {
        "event": "UPS State Report",
        "event_type": 1,
        "uid": "1.2.3",
        "state": "IN PROGRESS",
        "calling_ae": "UPSSCP",
        "attributes": {
            "00404041": {"vr": "CS", "Value": ["READY"]},
            "00741000": {"vr": "CS", "Value": ["IN PROGRESS"]},
        },
    }


@pytest.mark.parametrize(("event_type", "name"), [(2, "UPS Cancel Requested"), (99, "unknown event type")])
def test_an_event_report_without_attributes(event_type: int, name: str) -> None:
    found = event(None, event_type)
    assert (found["event"], found["state"], found["attributes"]) == (name, None, None)
    assert "error" not in found


def test_an_event_report_that_cannot_be_read_is_one_all_the_same() -> None:
    found = event(EncodedDataSet(b"\x08\x00\x18\x00UI\xff\xff", uids.EXPLICIT_VR_LE))
    assert (found["uid"], found["attributes"]) == ("1.2.3", None)
    assert "00080018" in found["error"]


def test_a_state_that_cannot_be_read_is_none() -> None:
    assert event(EncodedDataSet(b"\x74\0\0\x10FD\x03\0abc", uids.EXPLICIT_VR_LE))["state"] is None


def test_a_bad_value_is_given_as_its_bytes_and_told() -> None:
    dataset = decode(b"\x10\0\x10\0PN\x02\0ok\x74\0\x04\x10FD\x03\0abc", uids.EXPLICIT_VR_LE)
    found, errors = data_set_object(dataset)
    assert found == {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "ok"}]},
        "00741004": {"vr": "UN", "InlineBinary": "YWJj"},
    }
    assert [error.path for error in errors] == ["00741004"]


@pytest.mark.parametrize(
    "text", ["Müller^Jörg", "山田　太郎", "a\x1b[31m", "a\x7f\x9b\u202eb", "\u2028\u2029", "\U000e0001", '"\\/']
)
def test_a_line_is_one_line_that_is_safe_to_look_at_and_says_the_same(text: str) -> None:
    shown = line({text: [text]})
    assert json.loads(shown) == {text: [text]}
    assert not any(one < " " or one in "\x7f\x9b\u202e\u2028\u2029\U000e0001" for one in shown)
    assert ("ü" in text) == ("ü" in shown)


@pytest.mark.once
def test_a_locale_that_has_fewer_characters_changes_no_line() -> None:
    code = (
        "from ups.cli.console import Console; from ups.cli.json_lines import JsonResults; "
        "JsonResults(Console('dcmups')).outcome({'uid': 'M\\xfcller'})"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert done.stdout == '{"uid":"Müller"}\n'.encode()


def test_the_keys_are_those_that_are_promised() -> None:
    text = (ROOT / "docs" / "output.md").read_text(encoding="utf-8")
    promised = re.search(r"```json\n(\{\"event\".*?)```", text, re.DOTALL)
    assert promised is not None
    assert json.loads(promised[1]).keys() == event(None).keys()


@pytest.mark.parametrize("syntax", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE])
def test_names_arrive_as_they_are_in_any_character_set(syntax: str) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    found, errors = data_set_object(decode(encode(dataset, syntax), syntax))
    assert found["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]
    assert not errors
