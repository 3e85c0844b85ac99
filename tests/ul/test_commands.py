"""Each command of the user in each state: it does its work where it may, and is refused without a trace where not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dicomnet import uids
from dicomnet.errors import LocalProtocolError, RemoteProtocolError
from dicomnet.ul import (
    Applicant,
    Association,
    Event,
    PlainPolicy,
    Primitive,
    ProposedContext,
    RequestOptions,
    Role,
    State,
    SupportedContext,
    Transcript,
    build_request,
)
from dicomnet.wire import AAssociateAC, PDataTF, decode_pdu, encode_pdu

ERROR = RemoteProtocolError("a message that is none")

# What sends each command, and the states in which PS3.8 Table 9-10 has a cell for it (Evt1, 7, 8, 9, 11, 14, 15); for
# the two of ours, that of provider_abort (Evt19 with AA-8), and where there is a transport for inject.
COMMANDS: dict[str, tuple[Callable[[Association, SimpleNamespace], None], str]] = {
    "associate_request": (lambda end, ul: end.associate_request(ul.REQUEST, 0.0), "Sta1"),
    "associate_accept": (lambda end, ul: end.associate_accept(ul.ACCEPTANCE, 0.0), "Sta3"),
    "associate_reject": (lambda end, _: end.associate_reject(1, 1, 1, 0.0), "Sta3"),
    "send_p_data": (lambda end, _: end.send_p_data(1, b"command!", b"data", 0.0), "Sta6 Sta8"),
    "release_request": (lambda end, _: end.release_request(0.0), "Sta6"),
    "release_response": (lambda end, _: end.release_response(0.0), "Sta8 Sta9 Sta12"),
    "abort": (lambda end, _: end.abort(0.0), "Sta3 Sta4 Sta5 Sta6 Sta7 Sta8 Sta9 Sta10 Sta11 Sta12"),
    "provider_abort": (
        lambda end, _: end.provider_abort(6, 0.0, ERROR),
        "Sta3 Sta5 Sta6 Sta7 Sta8 Sta9 Sta10 Sta11 Sta12",
    ),
    "inject": (
        lambda end, _: end.inject(b"anything", 0.0),
        "Sta2 Sta3 Sta5 Sta6 Sta7 Sta8 Sta9 Sta10 Sta11 Sta12 Sta13",
    ),
}
# Clean-up code calls these blindly: where there is nothing left to end they do nothing, and raise nothing either.
SILENT = {
    "abort": {"Sta1", "Sta13", "over"},  # in Sta2 it closes the transport: test_association.py
    "provider_abort": {"Sta13", "over"},
}
PLACES = [
    (Role.REQUESTOR, "Sta1 Sta4 Sta5 Sta6 Sta7 Sta8 Sta9 Sta11 Sta13 over"),
    (Role.ACCEPTOR, "Sta1 Sta2 Sta3 Sta6 Sta7 Sta8 Sta10 Sta12 Sta13 over"),
]
CASES = [
    (command, role, place)
    for command in COMMANDS
    for role, places in PLACES
    for place in places.split()
    if (command, place) != ("abort", "Sta2")
]
IDS = [f"{command}-{role}-{place}" for command, role, place in CASES]


def placed(role: Role, place: str, ul: SimpleNamespace) -> Association:
    """An association there; ``over`` is Sta1 once more, after the transport was lost."""
    transcript = Transcript()
    if place != "over":
        association: Association = ul.reach(State(place), role, transcript=transcript)
        return association
    association = ul.reach(State.STA6, role, transcript=transcript)
    ul.happen(association, Event.EVT17)
    ul.drain(association)
    assert association.is_over
    return association


def appearance(association: Association) -> list[object]:
    """All that can be seen of it."""
    assert association.transcript is not None
    return [
        association.state,
        association.is_over,
        association.negotiated,
        association.error,
        association.connect_wanted,
        association.close_wanted,
        association.next_deadline(),
        association.counters.octets_out,
        association.counters.pdus_out,
        len(association.transcript.transitions),
        len(association.transcript.octets),
    ]


def test_every_state_of_every_role_is_tried(ul: SimpleNamespace) -> None:
    tried = {(role, State(place)) for role, places in PLACES for place in places.split() if place != "over"}
    assert tried == set(ul.PATHS)
    public = {name for name in vars(Association) if not name.startswith("_")}
    driver = {"transport_connected", "receive_data", "receive_eof", "handle_timeout", "postpone", "not_idle"}
    looks = {"next_event", "data_to_send", "next_deadline"}
    properties = {name for name in public if not callable(getattr(Association, name))}
    assert public - driver - looks - properties == set(COMMANDS)


@pytest.mark.parametrize(("command", "role", "place"), CASES, ids=IDS)
def test_a_command_works_where_it_may_and_is_refused_elsewhere(
    command: str, role: Role, place: str, ul: SimpleNamespace
) -> None:
    call, states = COMMANDS[command]
    allowed = place in states.split() and not (command == "associate_request" and role is Role.ACCEPTOR)
    association = placed(role, place, ul)
    primitives: list[Primitive] = []
    association.on_primitive = primitives.append
    before = appearance(association)
    if allowed:
        call(association, ul)
        assert appearance(association) != before
        return
    if place in SILENT.get(command, ()):
        call(association, ul)
    else:
        with pytest.raises(LocalProtocolError):
            call(association, ul)
    assert appearance(association) == before
    assert ul.take(association) == b""
    assert ul.drain(association) == []
    assert primitives == []


@pytest.mark.parametrize(
    ("theirs", "ours", "longest"),
    [(0, 0, 50_012), (0, 1000, 1000), (1000, 0, 1000), (1000, 700, 700), (700, 1000, 700), (0, 8, 8)],
)
@pytest.mark.parametrize("role", [Role.REQUESTOR, Role.ACCEPTOR])
def test_no_pdu_of_data_is_longer_than_peer_or_user_want(
    ul: SimpleNamespace, role: Role, theirs: int, ours: int, longest: int
) -> None:
    association = Association(role, send_limit=ours)
    assert association.send_limit == ours
    if role is Role.REQUESTOR:
        association.associate_request(ul.REQUEST, 0.0)
        association.transport_connected(0.0)
        policy = PlainPolicy((SupportedContext(uids.UPS_PUSH),), max_length=theirs)
        association.receive_data(encode_pdu(policy.decide(ul.REQUEST, Applicant(""))), 0.0)
    else:
        options = RequestOptions("WORKLIST", "MODALITY", (ProposedContext(uids.UPS_PUSH),), max_length=theirs)
        association.transport_connected(0.0)
        request = build_request(options)
        association.receive_data(encode_pdu(request), 0.0)
        response = PlainPolicy((SupportedContext(uids.UPS_PUSH),)).decide(request, Applicant(""))
        assert isinstance(response, AAssociateAC)
        association.associate_accept(response, 0.0)
    association.data_to_send()
    assert association.send_limit == (longest if theirs or ours else 0)
    association.send_p_data(1, bytes(100), bytes(49_900), 0.0)
    sent, lengths, payload = b"".join(association.data_to_send()), [], 0
    while sent:
        end = 6 + int.from_bytes(sent[2:6], "big")
        pdu = decode_pdu(sent[:end])
        assert isinstance(pdu, PDataTF)
        lengths.append(end - 6)
        payload += sum(len(pdv.payload) for pdv in pdu.pdvs)
        sent = sent[end:]
    assert (max(lengths), payload) == (longest, 50_000)


@pytest.mark.parametrize("limit", [7, 1, -1])
def test_a_limit_that_no_message_fits_into_is_our_mistake(limit: int) -> None:
    with pytest.raises(LocalProtocolError, match="cannot carry a message"):
        Association(Role.REQUESTOR, send_limit=limit)
