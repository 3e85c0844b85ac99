"""An association takes any bytes in any state, raises nothing, and answers with little."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.testing.pdus import mutated, pdus, raw_pdus, wrong_pdus
from dicomnet.ul import Association
from dicomnet.wire import decode_pdu, encode_pdu
from fuzz.targets._associations import ACCEPTANCE, REQUEST, accepted, check, drain, requesting, waiting

__all__ = ["examine", "inputs", "target"]


def inputs() -> SearchStrategy[bytes]:
    """Single bytes, foreign protocols, PDUs of every quality."""
    parts = st.one_of(st.binary(max_size=60), raw_pdus(), pdus().map(encode_pdu), wrong_pdus().map(encode_pdu))
    near = st.sampled_from([encode_pdu(REQUEST), ACCEPTANCE]).flatmap(mutated)
    return st.one_of(near, st.lists(parts, max_size=4).map(b"".join))


def examine(data: bytes) -> None:
    """Feed it to an association in Sta2, Sta5, Sta6, Sta7 and Sta13, then let time pass and the transport end."""
    for association in (waiting(), requesting(), accepted(), _releasing(), _aborted()):
        association.receive_data(data, 0.0)
        events = drain(association)
        output = b"".join(association.data_to_send())
        assert len(output) <= 10 + len(data), "more was answered than was asked"
        if output:
            decode_pdu(output[:10])
        while (deadline := association.next_deadline()) is not None:
            association.handle_timeout(deadline)
        association.receive_eof(1e6)
        events += drain(association)
        check(association, events)
        assert association.is_over


def _releasing() -> Association:
    association = accepted()
    association.release_request(0.0)
    association.data_to_send()
    return association


def _aborted() -> Association:
    association = accepted()
    association.abort(0.0)
    association.data_to_send()
    return association


target = given(inputs())(examine)
