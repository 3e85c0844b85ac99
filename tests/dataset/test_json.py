"""DICOM JSON Model, both ways (PS3.18 F.2)."""

from __future__ import annotations

import json as plain
import math
import warnings
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, encode, json
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.testing.datasets import datasets, workitems
from dicomnet.testing.pdus import mutated

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def read(text: str) -> Dataset:
    return json.read(text.encode(), "a.json")


def refused(data: str | bytes, code: Fault, limits: DataSetLimits | None = None) -> str:
    with pytest.raises(DecodeError) as caught:
        json.read(data.encode() if isinstance(data, str) else data, "a.json", limits=limits)
    assert caught.value.code == code, caught.value
    assert str(caught.value).startswith("a.json")
    return str(caught.value)


@pytest.mark.once
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(dataset=datasets())
def test_what_is_written_reads_back_to_the_same_text(dataset: Dataset) -> None:
    text = json.write(dataset)
    again = json.write(json.read(text.encode()))
    # the character set of binary forms is set anew: the text is Unicode
    assert _without_character_set(plain.loads(again)) == _without_character_set(plain.loads(text))


def _without_character_set(content: object) -> object:
    if isinstance(content, dict):
        return {key: _without_character_set(value) for key, value in content.items() if key != "00080005"}
    if isinstance(content, list):
        return [_without_character_set(value) for value in content]
    return content


@pytest.mark.once
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(dataset=workitems())
def test_workitems_survive(dataset: Dataset) -> None:
    again = json.read(json.write(dataset).encode())
    again.SpecificCharacterSet = dataset.SpecificCharacterSet
    assert again == dataset


@pytest.mark.once
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(dataset=workitems())
def test_pydicom_reads_what_is_written(dataset: Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Dataset.from_json(json.write(dataset)) == dataset


@pytest.mark.parametrize("name", ["rsp000001.dcm", "UPSCFind_TDWII_FX1.dcm"])
def test_real_ones_survive(real: Callable[[str], bytes], name: str) -> None:
    from dicomnet.dataset.files import load

    dataset = load(real(name)).dataset
    again = json.read(json.write(dataset).encode())
    assert encode(again, uids.EXPLICIT_VR_LE) == encode(dataset, uids.EXPLICIT_VR_LE)


def test_what_is_written() -> None:
    dataset = Dataset()
    dataset.PatientName = "Doe^Jane=山田^太郎"
    dataset.ImageType = ["A", "", "C"]
    dataset.Rows = 5
    dataset.SliceThickness = "1.50"
    dataset.PatientID = None
    dataset.EncapsulatedDocument = b"ab"
    dataset.add_new(0x0012A000, "FD", [math.nan, math.inf, -math.inf, 0.5])
    dataset.add_new(0x00404018, "SQ", [Dataset()])
    assert plain.loads(json.write(dataset)) == {
        "00080008": {"vr": "CS", "Value": ["A", None, "C"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane", "Ideographic": "山田^太郎"}]},
        "00100020": {"vr": "LO"},
        "0012A000": {"vr": "FD", "Value": ["NaN", "Infinity", "-Infinity", 0.5]},
        "00180050": {"vr": "DS", "Value": ["1.50"]},
        "00280010": {"vr": "US", "Value": [5]},
        "00404018": {"vr": "SQ", "Value": [{}]},
        "00420011": {"vr": "OB", "InlineBinary": "YWI="},
    }
    assert "\n" not in json.write(dataset)


def test_numbers_may_be_numbers_or_strings() -> None:
    dataset = read(
        '{"00280010":{"vr":"US","Value":["5"]},"00180050":{"vr":"DS","Value":[0.1234567890123456789]},'
        '"00200013":{"vr":"IS","Value":[7.0]},"0012A000":{"vr":"SV","Value":[-9223372036854775808]},'
        '"0012A001":{"vr":"FD","Value":["NaN"]}}'
    )
    assert dataset.Rows == 5
    assert len(str(dataset.SliceThickness)) <= 16
    assert dataset.InstanceNumber == 7
    assert dataset[0x0012A000].value == -(1 << 63)
    assert math.isnan(dataset[0x0012A001].value)


def test_an_array_of_one_and_a_mark_in_front() -> None:
    assert read('[{"00080060":{"vr":"CS","Value":["CT"]}}]').Modality == "CT"
    assert json.read(b"\xef\xbb\xbf{}") == Dataset()
    assert len(read('{"00020010":{"vr":"UI","Value":["1.2"]}}')) == 0


REFUSED = {
    "empty": ("", Fault.BAD_VALUE),
    "cut": ('{"00080060":', Fault.BAD_VALUE),
    "more": ("{}{}", Fault.BAD_VALUE),
    "two data sets": ("[{},{}]", Fault.BAD_VALUE),
    "none": ("[]", Fault.BAD_VALUE),
    "text": ('"x"', Fault.BAD_VALUE),
    "repeated key": ('{"00080060":{"vr":"CS"},"00080060":{"vr":"CS"}}', Fault.BAD_VALUE),
    "repeated key in an attribute": ('{"00080060":{"vr":"CS","vr":"CS"}}', Fault.BAD_VALUE),
    "repeated tag": ('{"0040a730":{"vr":"SQ"},"0040A730":{"vr":"SQ"}}', Fault.DUPLICATE),
    "bad tag": ('{"0008006":{"vr":"CS"}}', Fault.BAD_VALUE),
    "keyword": ('{"Modality":{"vr":"CS"}}', Fault.BAD_VALUE),
    "command": ('{"00000100":{"vr":"US"}}', Fault.BAD_VALUE),
    "unknown VR": ('{"00080060":{"vr":"ZZ"}}', Fault.BAD_VR),
    "no VR": ('{"00080060":{}}', Fault.BAD_VR),
    "VR of another kind": ('{"00080060":{"vr":["CS"]}}', Fault.BAD_VR),
    "no object": ('{"00080060":5}', Fault.BAD_VALUE),
    "two kinds": ('{"00420011":{"vr":"OB","InlineBinary":"","Value":[]}}', Fault.BAD_VALUE),
    "bulk data": ('{"00420011":{"vr":"OB","BulkDataURI":"file:///etc/passwd"}}', Fault.UNSUPPORTED),
    "bad base64": ('{"00420011":{"vr":"OB","InlineBinary":"abc"}}', Fault.BAD_VALUE),
    "binary is a number": ('{"00420011":{"vr":"OB","InlineBinary":5}}', Fault.BAD_VALUE),
    "binary in Value": ('{"00420011":{"vr":"OB","Value":["YWI="]}}', Fault.BAD_VALUE),
    "binary sequence": ('{"00404018":{"vr":"SQ","InlineBinary":""}}', Fault.BAD_VALUE),
    "Value no array": ('{"00080060":{"vr":"CS","Value":"CT"}}', Fault.BAD_VALUE),
    "number as text": ('{"00080060":{"vr":"CS","Value":[5]}}', Fault.BAD_VALUE),
    "truth": ('{"00280010":{"vr":"US","Value":[true]}}', Fault.BAD_VALUE),
    "half": ('{"00280010":{"vr":"US","Value":[0.5]}}', Fault.BAD_VALUE),
    "too large": ('{"00280010":{"vr":"US","Value":[65536]}}', Fault.BAD_VALUE),
    "NaN": ('{"0012A000":{"vr":"FD","Value":[NaN]}}', Fault.BAD_VALUE),
    "huge": ('{"00280010":{"vr":"US","Value":[%s]}}' % ("9" * 5000), Fault.BAD_VALUE),
    "item is a string": ('{"00404018":{"vr":"SQ","Value":["x"]}}', Fault.BAD_VALUE),
    "name of another kind": ('{"00100010":{"vr":"PN","Value":[{"Alphabetic":5}]}}', Fault.BAD_VALUE),
    "lone surrogate": ('{"00100020":{"vr":"LO","Value":["\\ud800"]}}', Fault.BAD_VALUE),
    "escape": ('{"00100020":{"vr":"LO","Value":["\\u001b"]}}', Fault.BAD_VALUE),
    "nested past Python's own limit": ("[" * 100_000 + "]" * 100_000, Fault.LIMIT),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    text, code = REFUSED[name]
    refused(text, code)


def test_no_utf8() -> None:
    refused(b'{"\xff":1}', Fault.BAD_VALUE)


def nested(levels: int) -> str:
    content = "{}"
    for _ in range(levels):
        content = '{"00404018":{"vr":"SQ","Value":[%s]}}' % content  # noqa: UP031 - braces
    return content


def test_limits() -> None:
    assert read(nested(64))
    assert json.write(read(nested(64)))
    assert "nest deeper" in refused(nested(65), Fault.LIMIT)
    with pytest.raises(EncodeError):
        json.write(read(nested(3)), max_depth=2)
    assert json.read(nested(2).encode(), limits=DataSetLimits(max_elements=4))
    refused(nested(2), Fault.LIMIT, DataSetLimits(max_elements=3))
    assert json.read(b"{}", limits=DataSetLimits(max_bytes=2)) == Dataset()
    refused("{} ", Fault.LIMIT, DataSetLimits(max_bytes=2))
    refused("[" + "0," * 1000 + "0]", Fault.LIMIT, DataSetLimits(max_elements=10))


def test_errors_have_the_path() -> None:
    text = refused('{"00404018":{"vr":"SQ","Value":[{},{"00080100":{"vr":"SH","Value":[5]}}]}}', Fault.BAD_VALUE)
    assert text == "a.json: a number is no value of VR SH (at 00404018[1]/00080100)"


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_mutated_documents_raise_nothing_else(data: st.DataObject) -> None:
    hostile = data.draw(mutated(json.write(data.draw(workitems())).encode()))
    try:
        dataset = json.read(hostile, "a.json")
    except DecodeError:
        return
    encode(dataset, uids.EXPLICIT_VR_LE)
