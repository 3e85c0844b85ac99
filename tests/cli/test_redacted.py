"""A Transaction UID is found and taken out wherever a peer may have put it."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import decode, encode
from dicomnet.dimse.messages import CFindResponse, EncodedDataSet, NActionResponse
from ups.cli.redacted import comment_of, data_set_of, without_transaction

LOCK = "6.6.6"


def leaking(depth: int) -> Dataset:
    dataset = Dataset()
    dataset.TransactionUID = LOCK
    dataset.ProcedureStepLabel = "stays"
    if depth:
        dataset.ScheduledWorkitemCodeSequence = [leaking(depth - 1), leaking(depth - 1)]
    return dataset


@pytest.mark.parametrize("syntax", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE])
def test_at_any_depth_of_what_was_received(syntax: str) -> None:
    dataset = without_transaction(decode(encode(leaking(3), syntax), syntax))
    content = encode(dataset, syntax)
    assert LOCK.encode() not in content
    assert content.count(b"stays") == 15


def unknown(tag: bytes, inner: str) -> Dataset:
    """What a peer sends who does not know that its element is a sequence (PS3.5 6.2.2)."""
    content = encode(leaking(0), inner)
    item = b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content
    return decode(tag + b"UN\0\0" + len(item).to_bytes(4, "little") + item, uids.EXPLICIT_VR_LE)


@pytest.mark.parametrize("inner", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE])
def test_in_what_may_be_a_sequence_of_unknown_bytes(inner: str) -> None:
    assert len(without_transaction(unknown(b"\x09\0\x01\x10", inner))) == 0


def test_in_a_sequence_that_only_the_peer_did_not_know() -> None:
    dataset = without_transaction(unknown(b"\x40\0\x18\x40", uids.IMPLICIT_VR_LE))
    assert [item.ProcedureStepLabel for item in dataset.ScheduledWorkitemCodeSequence] == ["stays"]
    assert LOCK.encode() not in encode(dataset, uids.EXPLICIT_VR_LE)


@pytest.mark.parametrize("syntax", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE])
@pytest.mark.parametrize("depth", [0, 2])
def test_of_messages(syntax: str, depth: int) -> None:
    sent = leaking(depth)
    for data_set in (sent, EncodedDataSet(encode(sent, syntax), syntax)):
        dataset = data_set_of(CFindResponse(responding_to=1, status=0xFF00, data_set=data_set))
        assert dataset is not None
        assert LOCK.encode() not in encode(dataset, syntax)
    deflated = EncodedDataSet(encode(leaking(1), uids.DEFLATED_EXPLICIT_VR_LE), uids.DEFLATED_EXPLICIT_VR_LE)
    dataset = data_set_of(CFindResponse(responding_to=1, status=0xFF00, data_set=deflated))
    assert dataset is not None
    assert LOCK.encode() not in encode(dataset, syntax)
    assert data_set_of(CFindResponse(responding_to=1, status=0xFF00)) is None


def test_other_unknown_bytes_stay() -> None:
    dataset = Dataset()
    dataset.add_new(0x00091001, "UN", b"\x08\x00\x95\x10")
    back = without_transaction(decode(encode(dataset, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE))
    assert len(back) == 1


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        ("locked by 1.2.3.99999.1", "locked by (UID withheld)"),
        ("2.25.80302813137786398554742050926 is not the lock", "(UID withheld) is not the lock"),
        ("got 2.25.1234567, want 2.25.7654321.", "got (UID withheld), want (UID withheld)."),
        ("no workitem 1.2.3.4.5.6", "no workitem 1.2.3.4.5.6"),
        ("1.2.840.10008.5.1.4.34.6.3 only", "1.2.840.10008.5.1.4.34.6.3 only"),
        ("version 2.10.1 at 192.168.100.200", "version 2.10.1 at 192.168.100.200"),
        ("", ""),
    ],
)
def test_in_the_words_of_a_peer(comment: str, shown: str) -> None:
    response = NActionResponse(responding_to=1, status=0xC301, error_comment=comment)
    assert comment_of(response, "1.2.3.4.5.6") == shown
