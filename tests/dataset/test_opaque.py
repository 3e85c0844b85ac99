"""Bad values become UN with their bytes, wherever they are, and cost nothing else its place."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import decode, encode, json, native_xml
from dicomnet.dataset.opaque import write_lenient
from dicomnet.errors import DecodeError, EncodeError
from dicomnet.testing.datasets import datasets
from dicomnet.testing.pdus import mutated


def element(tag: int, vr: str, value: bytes) -> bytes:
    header = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in ("SQ", "UN"):
        return header + struct.pack("<HI", 0, len(value)) + value
    return header + struct.pack("<H", len(value)) + value


def item(*elements: bytes) -> bytes:
    content = b"".join(elements)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


UTF8 = element(0x00080005, "CS", b"ISO_IR 192")
LATIN_NAME = element(0x00100010, "PN", b"M\xfcller^J ")
THREE_BYTES = element(0x00741004, "FD", b"abc")
LABEL = element(0x00741204, "LO", "Müller ".encode())


def received(*elements: bytes) -> Dataset:
    return decode(b"".join(elements), uids.EXPLICIT_VR_LE)


def test_bad_values_are_given_as_their_bytes_and_named() -> None:
    code = item(element(0x00080104, "LO", b"caf\xe9"), element(0x00080100, "SH", b"1 "))
    dataset = received(UTF8, LATIN_NAME, element(0x00404018, "SQ", item() + code), THREE_BYTES, LABEL)
    with pytest.raises(EncodeError):
        json.write(dataset)
    found, errors = write_lenient(dataset, json.model)
    assert [error.path for error in errors] == ["00100010", "00404018[1]/00080104", "00741004"]
    assert found == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00100010": {"vr": "UN", "InlineBinary": "TfxsbGVyXkog"},
        "00404018": {
            "vr": "SQ",
            "Value": [
                {},
                {
                    "00080100": {"vr": "SH", "Value": ["1"]},
                    "00080104": {"vr": "UN", "InlineBinary": "Y2Fm6Q=="},
                },
            ],
        },
        "00741004": {"vr": "UN", "InlineBinary": "YWJj"},
        "00741204": {"vr": "LO", "Value": ["Müller"]},
    }
    assert dataset.get_item(0x00100010).value == b"M\xfcller^J ", "what came is left as it was"


def test_each_form_has_its_own_objections() -> None:
    dataset = received(UTF8, element(0x00104000, "LT", b"a\x08b\x0cc "), LABEL)
    assert write_lenient(dataset, json.write) == (json.write(dataset), [])
    found, errors = write_lenient(dataset, native_xml.write)
    assert [error.path for error in errors] == ["00104000"]
    assert b"<InlineBinary>YQhiDGMg</InlineBinary>" in found


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), write=st.sampled_from([json.write, native_xml.write]))
def test_whatever_could_be_decoded_can_be_written(data: st.DataObject, write) -> None:
    hostile = data.draw(mutated(encode(data.draw(datasets()), uids.EXPLICIT_VR_LE)))
    try:
        dataset = decode(hostile, uids.EXPLICIT_VR_LE)
    except DecodeError:
        return
    found, errors = write_lenient(dataset, write)
    try:
        write(dataset)
    except EncodeError:
        assert errors
    else:
        assert not errors
        assert found
