"""Results for people, from data sets that no well-behaved peer would send."""

from __future__ import annotations

from dicomnet import uids
from dicomnet.dataset import decode
from ups.cli.plain import match_lines


def test_a_match_whose_uid_cannot_be_read_is_shown_all_the_same() -> None:
    dataset = decode(b"\x08\0\x18\0FD\x03\0abc\x74\0\x04\x12LO\x02\0me", uids.EXPLICIT_VR_LE)
    first, *rest = match_lines(dataset)
    assert first == "(no SOP Instance UID)"
    assert any("no value of VR FD" in line for line in rest)
    assert any("ProcedureStepLabel: me" in line for line in rest)
