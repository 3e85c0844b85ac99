"""Associations in any state, reached by commands and by the bytes of a peer, on a clock that stands at 0."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dicomnet import uids
from dicomnet.ul import (
    Applicant,
    Association,
    Event,
    PlainPolicy,
    ProposedContext,
    RequestOptions,
    Role,
    State,
    SupportedContext,
    Timeouts,
    Transcript,
    build_request,
)
from dicomnet.wire import AAbort, AAssociateRJ, AReleaseRP, AReleaseRQ, PDataTF, Pdv, encode_pdu

REQUEST = build_request(
    RequestOptions(
        "WORKLIST",
        "MODALITY",
        (ProposedContext(uids.UPS_PUSH), ProposedContext(uids.VERIFICATION, (uids.EXPLICIT_VR_LE,))),
    )
)
ACCEPTANCE = PlainPolicy((SupportedContext(uids.UPS_PUSH),)).decide(REQUEST, Applicant(""))
MESSAGE = PDataTF((Pdv(1, b"command!", 3),))

PEER_BYTES = {
    Event.EVT3: encode_pdu(ACCEPTANCE),
    Event.EVT4: encode_pdu(AAssociateRJ(1, 1, 7)),
    Event.EVT6: encode_pdu(REQUEST),
    Event.EVT10: encode_pdu(MESSAGE),
    Event.EVT12: encode_pdu(AReleaseRQ()),
    Event.EVT13: encode_pdu(AReleaseRP()),
    Event.EVT16: encode_pdu(AAbort(0, 0)),
    Event.EVT19: b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
}

COMMANDS: dict[Event, Callable[[Association, float], None]] = {
    Event.EVT1: lambda association, now: association.associate_request(REQUEST, now),
    Event.EVT7: lambda association, now: association.associate_accept(ACCEPTANCE, now),
    Event.EVT8: lambda association, now: association.associate_reject(1, 1, 1, now),
    Event.EVT9: lambda association, now: association.send_p_data(1, b"command!", b"data", now),
    Event.EVT11: lambda association, now: association.release_request(now),
    Event.EVT14: lambda association, now: association.release_response(now),
    Event.EVT15: lambda association, now: association.abort(now),
}

E = Event
PATHS: dict[tuple[Role, State], list[Event]] = {
    (Role.REQUESTOR, State.STA1): [],
    (Role.REQUESTOR, State.STA4): [E.EVT1],
    (Role.REQUESTOR, State.STA5): [E.EVT1, E.EVT2],
    (Role.REQUESTOR, State.STA6): [E.EVT1, E.EVT2, E.EVT3],
    (Role.REQUESTOR, State.STA7): [E.EVT1, E.EVT2, E.EVT3, E.EVT11],
    (Role.REQUESTOR, State.STA8): [E.EVT1, E.EVT2, E.EVT3, E.EVT12],
    (Role.REQUESTOR, State.STA9): [E.EVT1, E.EVT2, E.EVT3, E.EVT11, E.EVT12],
    (Role.REQUESTOR, State.STA11): [E.EVT1, E.EVT2, E.EVT3, E.EVT11, E.EVT12, E.EVT14],
    (Role.REQUESTOR, State.STA13): [E.EVT1, E.EVT2, E.EVT15],
    (Role.ACCEPTOR, State.STA1): [],
    (Role.ACCEPTOR, State.STA2): [E.EVT5],
    (Role.ACCEPTOR, State.STA3): [E.EVT5, E.EVT6],
    (Role.ACCEPTOR, State.STA6): [E.EVT5, E.EVT6, E.EVT7],
    (Role.ACCEPTOR, State.STA7): [E.EVT5, E.EVT6, E.EVT7, E.EVT11],
    (Role.ACCEPTOR, State.STA8): [E.EVT5, E.EVT6, E.EVT7, E.EVT12],
    (Role.ACCEPTOR, State.STA10): [E.EVT5, E.EVT6, E.EVT7, E.EVT11, E.EVT12],
    (Role.ACCEPTOR, State.STA12): [E.EVT5, E.EVT6, E.EVT7, E.EVT11, E.EVT12, E.EVT13],
    (Role.ACCEPTOR, State.STA13): [E.EVT5, E.EVT6, E.EVT8],
}

ARTIM_ONLY = Timeouts(associate=None, release=None, pdu=None, idle=None)


def happen(association: Association, event: Event, now: float = 0.0) -> None:
    """Make this event happen the way it happens in life."""
    if event in COMMANDS:
        COMMANDS[event](association, now)
    elif event in (Event.EVT2, Event.EVT5):
        association.transport_connected(now)
    elif event is Event.EVT17:
        association.receive_eof(now)
    elif event is Event.EVT18:
        association.handle_timeout(now + 1e6)
    else:
        association.receive_data(PEER_BYTES[event], now)


def drain(association: Association) -> list[object]:
    """All events that wait."""
    return list(iter(association.next_event, None))


def take(association: Association) -> bytes:
    """All bytes that wait."""
    return b"".join(association.data_to_send())


def reach(
    state: State, role: Role | None = None, *, timeouts: Timeouts = ARTIM_ONLY, transcript: Transcript | None = None
) -> Association:
    """A fresh association in this state, its output and events taken."""
    role = role or next(candidate for candidate, at in PATHS if at is state)
    association = Association(role, timeouts=timeouts, transcript=transcript)
    for event in PATHS[role, state]:
        happen(association, event)
        take(association)
    drain(association)
    assert association.state is state
    return association


@pytest.fixture(scope="session")
def ul() -> SimpleNamespace:
    """The helpers above, since test folders are no packages."""
    return SimpleNamespace(
        reach=reach,
        happen=happen,
        drain=drain,
        take=take,
        REQUEST=REQUEST,
        ACCEPTANCE=ACCEPTANCE,
        MESSAGE=MESSAGE,
        PEER_BYTES=PEER_BYTES,
        PATHS=PATHS,
    )
