"""Associations to be fed, and what must be true of them whatever they were fed."""

from __future__ import annotations

from dicomnet import uids
from dicomnet.errors import DicomNetError
from dicomnet.ul import (
    AbortIndication,
    Applicant,
    AssociateIndication,
    Association,
    PlainPolicy,
    ProposedContext,
    ProviderAbortIndication,
    RequestOptions,
    Role,
    State,
    SupportedContext,
    UlEvent,
    build_request,
)
from dicomnet.wire import AAssociateAC, encode_pdu

__all__ = [
    "ACCEPTANCE",
    "APPLICANT",
    "POLICY",
    "REQUEST",
    "accepted",
    "check",
    "drain",
    "first_pdu",
    "requesting",
    "waiting",
]

REQUEST = build_request(
    RequestOptions("SCP", "SCU", tuple(ProposedContext(uid) for uid in (uids.VERIFICATION, uids.UPS_PUSH)))
)
POLICY = PlainPolicy((SupportedContext(uids.VERIFICATION), SupportedContext(uids.UPS_PUSH)))
APPLICANT = Applicant("192.0.2.1")
_ANSWER = POLICY.decide(REQUEST, APPLICANT)
ACCEPTANCE = encode_pdu(_ANSWER)


def first_pdu(data: bytes) -> tuple[bytes, bytes]:
    """The first PDU and what follows it: a peer that sends more before it is accepted gets no further (AA-1)."""
    length = 6 + int.from_bytes(data[2:6], "big")
    return data[:length], data[length:]


def waiting() -> Association:
    """An acceptor in Sta2."""
    association = Association(Role.ACCEPTOR)
    association.transport_connected(0.0)
    return association


def requesting() -> Association:
    """A requestor in Sta5, its request taken."""
    association = Association(Role.REQUESTOR)
    association.associate_request(REQUEST, 0.0)
    association.transport_connected(0.0)
    association.data_to_send()
    return association


def accepted() -> Association:
    """An acceptor in Sta6, its events and bytes taken."""
    association = waiting()
    association.receive_data(encode_pdu(REQUEST), 0.0)
    assert isinstance(association.next_event(), AssociateIndication)
    assert isinstance(_ANSWER, AAssociateAC)
    association.associate_accept(_ANSWER, 0.0)
    association.data_to_send()
    assert association.state is State.STA6
    return association


def drain(association: Association) -> list[UlEvent]:
    """The events that wait."""
    return list(iter(association.next_event, None))


def check(association: Association, events: list[UlEvent]) -> None:
    """What holds for every association: at most one end, legal output, and an end that is one."""
    ends = [event for event in events if isinstance(event, AbortIndication | ProviderAbortIndication)]
    assert len(ends) <= 1, ends
    assert association.error is None or isinstance(association.error, DicomNetError)
    if association.is_over:
        assert association.state is State.STA1
        assert association.next_deadline() is None
        assert association.close_wanted
