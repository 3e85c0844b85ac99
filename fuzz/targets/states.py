"""Every sequence of events ends in a legal state; a command out of place is refused and sends nothing."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.errors import DecodeError, LocalProtocolError
from dicomnet.ul import Association, Role, State
from dicomnet.wire import (
    AAbort,
    AAssociateAC,
    AAssociateRJ,
    AReleaseRP,
    AReleaseRQ,
    PDataTF,
    Pdu,
    Pdv,
    encode_pdu,
)
from fuzz.targets._associations import ACCEPTANCE, APPLICANT, POLICY, REQUEST, check, drain

__all__ = ["examine", "inputs", "target"]

_STEP = 7.0  # seconds from one event to the next

_PDUS: tuple[Pdu, ...] = (
    REQUEST,
    AAssociateRJ(1, 1, 1),
    PDataTF((Pdv(1, b"command!", 3),)),
    AReleaseRQ(),
    AReleaseRP(),
    AAbort(),
    AAbort(2, 1),
)
_RECEIVED = (*map(encode_pdu, _PDUS), ACCEPTANCE, b"GET / HTTP/1.1\r\n", ACCEPTANCE[:40])


def _accept(association: Association, now: float) -> None:
    answer = POLICY.decide(REQUEST, APPLICANT)
    assert isinstance(answer, AAssociateAC)
    association.associate_accept(answer, now)


_EVENTS: tuple[Callable[[Association, float], None], ...] = (
    lambda association, now: association.associate_request(REQUEST, now),
    lambda association, now: association.transport_connected(now),
    _accept,
    lambda association, now: association.associate_reject(1, 1, 1, now),
    lambda association, now: association.send_p_data(1, b"command!", b"data", now),
    lambda association, now: association.release_request(now),
    lambda association, now: association.release_response(now),
    lambda association, now: association.abort(now),
    lambda association, now: association.provider_abort(6, now, DecodeError("wrong", code="order")),  # type: ignore[arg-type]
    lambda association, now: association.handle_timeout(now),
    lambda association, now: association.handle_timeout(now + 1000.0),
    lambda association, now: association.receive_eof(now),
    *(lambda association, now, data=data: association.receive_data(data, now) for data in _RECEIVED),
)


def inputs() -> SearchStrategy[bytes]:
    """A byte for the role, then one for each event; half of them begin with an association."""
    opening = st.sampled_from([b"", b"\0\0\1\x13", b"\1\1\x0c\2"])
    events = st.lists(st.integers(0, len(_EVENTS) - 1), max_size=25).map(bytes)
    return st.tuples(opening, events).map(b"".join)


def examine(data: bytes) -> None:
    """Make the events happen, one after the other, and take what comes of each."""
    association = Association(Role(("requestor", "acceptor")[data[0] % 2]) if data else Role.ACCEPTOR)
    events = []
    for place, number in enumerate(data[1:]):
        before = association.state
        try:
            _EVENTS[number % len(_EVENTS)](association, place * _STEP)
        except LocalProtocolError:
            assert association.state is before
            assert association.data_to_send() == []
        association.data_to_send()
        events += drain(association)
    assert association.state in State
    check(association, events)


target = given(inputs())(examine)
