"""However a stream is cut, the association says and answers the same."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.testing.pdus import mutated, pdus
from dicomnet.ul import Association
from dicomnet.wire import encode_pdu
from fuzz.targets._associations import ACCEPTANCE, REQUEST, accepted, check, drain, requesting, waiting

__all__ = ["examine", "inputs", "target"]

_STARTS: tuple[Callable[[], Association], ...] = (waiting, requesting, accepted)


def inputs() -> SearchStrategy[bytes]:
    """Streams of several PDUs, most of them out of place, with a byte in front that says how to cut them."""
    first = st.sampled_from([b"", encode_pdu(REQUEST), ACCEPTANCE])
    rest = st.lists(pdus().map(encode_pdu), max_size=4).map(b"".join)
    streams = st.tuples(first, rest).map(b"".join)
    return st.tuples(st.binary(min_size=1, max_size=1), streams | streams.flatmap(mutated)).map(b"".join)


def examine(data: bytes) -> None:
    """Feed the stream whole and in pieces."""
    size, stream = (data[0] if data else 0) + 1, data[1:]
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    for start in _STARTS:
        assert _outcome(start(), [stream]) == _outcome(start(), pieces)


def _outcome(association: Association, pieces: list[bytes]) -> tuple[str, bytes, object]:
    for piece in pieces:
        association.receive_data(piece, 0.0)
    events = drain(association)
    check(association, events)
    return repr(events), b"".join(association.data_to_send()), association.state


target = given(inputs())(examine)
