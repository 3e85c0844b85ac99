"""The dump shows everything and lets nothing through to the terminal."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import decode, encode
from dicomnet.dataset.dump import lines
from dicomnet.errors import DecodeError
from dicomnet.testing.datasets import datasets
from dicomnet.testing.pdus import mutated


def test_lines() -> None:
    item = Dataset()
    item.CodeValue = "X"
    dataset = Dataset()
    dataset.PatientName = "Doe^Jane"
    dataset.ImageType = ["A", "B"]
    dataset.PatientComments = "a\x1b[31m\nb\u202e"
    dataset.PatientID = None
    dataset.EncapsulatedDocument = bytes(100)
    dataset.Rows = 5
    dataset.add_new(0x00190010, "LO", "ACME")
    dataset.add_new(0x00191001, "UN", b"\1")
    dataset.add_new(0x00404018, "SQ", [item])
    assert list(lines(dataset, "> ")) == [
        "> (0008,0008) CS ImageType: A\\B",
        "> (0010,0010) PN PatientName: Doe^Jane",
        "> (0010,0020) LO PatientID:",
        "> (0010,4000) LT PatientComments: a\\x1b[31m\\nb\\u202e",
        "> (0019,0010) LO [private]: ACME",
        "> (0019,1001) UN [ACME]: 01",
        "> (0028,0010) US Rows: 5",
        "> (0040,4018) SQ ScheduledWorkitemCodeSequence: 1 item",
        ">   item 1",
        ">     (0008,0100) SH CodeValue: X",
        "> (0042,0011) OB EncapsulatedDocument: " + " ".join(["00"] * 26) + " ... (100 bytes)",
    ]


def test_long_values_are_cut_and_bad_ones_do_not_hide_others() -> None:
    dataset = Dataset()
    dataset.add(DataElement(0x00100020, "LO", 5, validation_mode=0, already_converted=True))
    dataset.PatientComments = "x" * 1000
    found = list(lines(dataset, width=20))
    assert found[0].startswith("(0010,0020) ?? PatientID: the value")
    assert found[1] == "(0010,4000) LT PatientComments: " + "x" * 20 + "..."


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_never_fails(data: st.DataObject) -> None:
    hostile = data.draw(mutated(encode(data.draw(datasets()), uids.EXPLICIT_VR_LE)))
    try:
        dataset = decode(hostile, uids.EXPLICIT_VR_LE)
    except DecodeError:
        return
    assert all(line.isprintable() for line in lines(dataset))
