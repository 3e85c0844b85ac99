"""What decodes as a PDU encodes to the same bytes, and judging and describing it never fails."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.errors import DecodeError
from dicomnet.testing.pdus import mutated, pdus, raw_pdus, wrong_pdus
from dicomnet.wire import audit, decode_pdu, describe, encode_pdu

__all__ = ["examine", "inputs", "target"]


def inputs() -> SearchStrategy[bytes]:
    """Right, wrong and damaged PDUs."""
    right = pdus().map(encode_pdu)
    return st.one_of(right, wrong_pdus().map(encode_pdu), raw_pdus(), right.flatmap(mutated))


def examine(data: bytes) -> None:
    """Decode strictly and leniently."""
    try:
        pdu = decode_pdu(data)
    except DecodeError:
        pass
    else:
        assert encode_pdu(pdu) == data
    if len(data) < 6:
        return
    pdu = decode_pdu(data, lenient=True)
    assert encode_pdu(pdu) == data
    audit(pdu)
    describe(pdu)


target = given(inputs())(examine)
