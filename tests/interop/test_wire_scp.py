"""``upsscp`` and what is legal but unusual on the wire: orders, ids, layouts of messages, roles. Bytes made by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset as codec
from dicomnet import uids
from dicomnet.codes import CommandField
from dicomnet.dimse.command import NO_DATA_SET, CommandElement, encode_command
from dicomnet.wire import AAbort, AAssociateAC, AAssociateRJ, PDataTF, Pdv, RoleSelection

from .parrot import FORMS, Message, Wire, lay_out
from .processes import UpsScp
from .workitems import dataset, to_state, uid, workitem

E = CommandElement
ALL = (uids.UPS_PUSH, uids.UPS_PULL, uids.UPS_WATCH, uids.UPS_EVENT, uids.VERIFICATION)
IDS = (9, 3, 255, 1, 77)
"""Any odd numbers will do, in any order (PS3.8 9.3.2.2)."""
_NAMES = {uids.UPS_PUSH: "Push", uids.UPS_PULL: "Pull", uids.UPS_WATCH: "Watch", uids.UPS_EVENT: "Event"}
_SYNTAX = uids.IMPLICIT_VR_LE


def encoded(data: Dataset) -> bytes:
    return codec.encode(data, _SYNTAX)


def decoded(message: Message) -> Dataset:
    assert message.data is not None
    return codec.decode(message.data, _SYNTAX)


class Peer:
    """An association with all five classes, by context ids of the caller's choice."""

    def __init__(self, wire: Wire, contexts: list[tuple[int, str]], roles: list[RoleSelection] | None = None) -> None:
        self.wire = wire
        self.id_of = {sop_class: number for number, sop_class in contexts}
        answer = wire.associate(contexts, roles=roles or (), syntaxes=(_SYNTAX,))
        assert isinstance(answer, AAssociateAC), answer
        self.answer = answer

    def send(self, request: dict[int, object], via: str, data: bytes | None = None, *, form: str = "two PDUs") -> None:
        self.wire.send_message(self.id_of[via], {E.MESSAGE_ID: 1, **request}, data, form=form)

    def ask(
        self, request: dict[int, object], via: str, data: bytes | None = None, *, form: str = "two PDUs"
    ) -> Message:
        """Send a request and check that its response comes on the same context."""
        self.send(request, via, data, form=form)
        message = self.wire.receive_message()
        assert message.context_id == self.id_of[via]
        assert message.command[E.COMMAND_FIELD] == request[E.COMMAND_FIELD] | 0x8000
        return message


def echo() -> dict[int, object]:
    return {E.COMMAND_FIELD: CommandField.C_ECHO_RQ, E.AFFECTED_SOP_CLASS_UID: uids.VERIFICATION}


def create(instance: str) -> dict[int, object]:
    return {
        E.COMMAND_FIELD: CommandField.N_CREATE_RQ,
        E.AFFECTED_SOP_CLASS_UID: uids.UPS_PUSH,
        E.AFFECTED_SOP_INSTANCE_UID: instance,
    }


def on_instance(field: int, instance: str, **more: object) -> dict[int, object]:
    return {
        E.COMMAND_FIELD: field,
        E.REQUESTED_SOP_CLASS_UID: uids.UPS_PUSH,
        E.REQUESTED_SOP_INSTANCE_UID: instance,
        **{E[name]: value for name, value in more.items()},
    }


def get(instance: str) -> dict[int, object]:
    return on_instance(CommandField.N_GET_RQ, instance)


def action(number: int, instance: str) -> dict[int, object]:
    return on_instance(CommandField.N_ACTION_RQ, instance, ACTION_TYPE_ID=number)


@pytest.fixture
def wire(upsscp: UpsScp) -> Iterator[Wire]:
    with Wire.connect(upsscp.port) as connected:
        yield connected


@pytest.fixture
def peer(wire: Wire) -> Peer:
    return Peer(wire, list(zip(IDS, ALL, strict=True)))


def short(order: tuple[str, ...]) -> str:
    return "-".join(_NAMES.get(sop_class, "Echo") for sop_class in order)


@pytest.mark.parametrize("order", list(itertools.permutations(ALL)), ids=short)
def test_contexts_in_any_order_with_ids_in_any_order(wire: Wire, order: tuple[str, ...]) -> None:
    peer = Peer(wire, list(zip(IDS, order, strict=True)))
    results = peer.answer.presentation_contexts
    assert [(result.context_id, result.result) for result in results] == [(number, 0) for number in IDS]
    assert {result.transfer_syntax for result in results} == {_SYNTAX}
    unknown = uid()
    assert peer.ask(echo(), uids.VERIFICATION).status == 0x0000
    assert peer.ask(get(unknown), uids.UPS_PUSH).status == 0xC307
    assert peer.ask(get(unknown), uids.UPS_WATCH).status == 0xC307
    assert peer.ask(action(1, unknown), uids.UPS_PULL, encoded(to_state("IN PROGRESS", uid()))).status == 0xC307
    # Serving the Event class means to send reports, not to take them.
    assert peer.ask(get(unknown), uids.UPS_EVENT).status == 0x0211
    wire.release()


def test_contexts_that_are_not_served_do_not_harm_the_others(wire: Wire) -> None:
    foreign = "1.2.840.10008.5.1.4.1.1.2"
    answer = wire.associate([(7, foreign), (5, uids.UPS_PULL), (3, "1.2.3"), (1, uids.VERIFICATION)])
    assert isinstance(answer, AAssociateAC)
    results = {result.context_id: result.result for result in answer.presentation_contexts}
    assert results == {7: 3, 5: 0, 3: 3, 1: 0}
    wire.release()


def test_a_class_in_two_contexts_with_different_transfer_syntaxes(wire: Wire) -> None:
    peer = Peer(wire, [(5, uids.UPS_PULL), (3, uids.UPS_PUSH), (1, uids.UPS_PUSH)])
    instance = uid()
    peer.id_of[uids.UPS_PUSH] = 3
    assert peer.ask(create(instance), uids.UPS_PUSH, encoded(workitem())).status in (0x0000, 0xB300)
    peer.id_of[uids.UPS_PUSH] = 1
    assert peer.ask(get(instance), uids.UPS_PUSH).status == 0x0000
    wire.release()


@pytest.mark.parametrize("form", FORMS)
def test_command_and_data_in_any_layout(peer: Peer, form: str) -> None:
    instance, transaction = uid(), uid()
    assert peer.ask(create(instance), uids.UPS_PUSH, encoded(workitem()), form=form).status in (0x0000, 0xB300)
    claim = encoded(to_state("IN PROGRESS", transaction))
    assert peer.ask(action(1, instance), uids.UPS_PULL, claim, form=form).status == 0x0000
    message = peer.ask(get(instance), uids.UPS_PULL, form=form)
    assert message.status == 0x0000
    assert decoded(message).ProcedureStepState == "IN PROGRESS"
    peer.wire.release()


def test_two_messages_in_one_pdu_are_answered_in_order(peer: Peer) -> None:
    unknown = uid()
    pdvs = []
    for number, (request, via) in enumerate([(echo(), uids.VERIFICATION), (get(unknown), uids.UPS_PULL)], 1):
        command = {**request, E.MESSAGE_ID: number, E.COMMAND_DATA_SET_TYPE: NO_DATA_SET}
        pdvs.append(Pdv(peer.id_of[via], encode_command(command), 3))
    peer.wire.send(PDataTF(tuple(pdvs)))
    statuses = [peer.wire.receive_message().status for _ in range(2)]
    assert statuses == [0x0000, 0xC307]
    peer.wire.release()


def test_an_unannounced_empty_data_fragment_is_no_data_set(peer: Peer) -> None:
    unknown = uid()
    for separately in (False, True):
        for request, via, status in (
            (echo(), uids.VERIFICATION, 0x0000),
            (get(unknown), uids.UPS_PULL, 0xC307),
            (action(2, unknown), uids.UPS_PUSH, 0xC307),
        ):
            number = peer.id_of[via]
            command = encode_command({**request, E.MESSAGE_ID: 4, E.COMMAND_DATA_SET_TYPE: NO_DATA_SET})
            peer.wire.send(*lay_out(number, [(3, command), (2, b"")], "two PDUs" if separately else "one PDU"))
            assert peer.wire.receive_message().status == status
    peer.wire.release()


@pytest.mark.parametrize("form", FORMS)
def test_an_announced_data_set_of_no_bytes_is_an_empty_one(peer: Peer, form: str) -> None:
    instance = uid()
    assert peer.ask(create(instance), uids.UPS_PUSH, encoded(workitem())).status in (0x0000, 0xB300)
    assert peer.ask(action(2, instance), uids.UPS_PUSH, b"", form=form).status == 0x0000
    assert decoded(peer.ask(get(instance), uids.UPS_PUSH)).ProcedureStepState == "CANCELED"
    # Of an N-CREATE everything is missing then; it is answered, not aborted.
    assert peer.ask(create(uid()), uids.UPS_PUSH, b"", form=form).status == 0x0120
    peer.wire.release()


def test_a_request_without_the_data_set_it_needs(peer: Peer) -> None:
    instance = uid()
    assert peer.ask(create(instance), uids.UPS_PUSH).status == 0x0120
    assert peer.ask(create(instance), uids.UPS_PUSH, encoded(workitem())).status in (0x0000, 0xB300)
    assert peer.ask(action(1, instance), uids.UPS_PULL).status in (0x0115, 0x0120, 0xC301)
    peer.wire.release()


def test_a_message_id_is_used_again_at_once(peer: Peer) -> None:
    """As pynetdicom does: the id is free as soon as its response is there, whatever the server still has to tidy."""
    instance, transaction = uid(), uid()
    assert peer.ask(create(instance), uids.UPS_PUSH, encoded(workitem())).status in (0x0000, 0xB300)
    claim = encoded(to_state("IN PROGRESS", transaction))
    assert peer.ask(action(1, instance), uids.UPS_PULL, claim).status == 0x0000
    for _ in range(50):
        assert peer.ask(action(1, instance), uids.UPS_PULL, claim).status == 0xC302
        assert peer.ask(get(instance), uids.UPS_PULL).status == 0x0000
    peer.wire.release()


def test_a_message_id_in_use_is_refused(peer: Peer) -> None:
    command = encode_command({**echo(), E.MESSAGE_ID: 5, E.COMMAND_DATA_SET_TYPE: NO_DATA_SET})
    number = peer.id_of[uids.VERIFICATION]
    peer.wire.send(PDataTF((Pdv(number, command), Pdv(number, command))))
    assert sorted(peer.wire.receive_message().status for _ in range(2)) == [0x0000, 0x0210]
    peer.wire.release()


@pytest.mark.parametrize("roles", list(itertools.product((0, 1), repeat=2)))
def test_role_selection_on_the_event_context(wire: Wire, roles: tuple[int, int]) -> None:
    """Whatever is proposed there, the other contexts work and nobody is promised what we are not (PS3.7 D.3.3.4)."""
    scu, scp = roles
    peer = Peer(wire, list(zip(IDS, ALL, strict=True)), [RoleSelection(uids.UPS_EVENT, scu, scp)])
    for answer in peer.answer.find_all(RoleSelection):
        assert answer.sop_class == uids.UPS_EVENT
        assert answer.scu <= scu
        assert answer.scp <= scp
    assert peer.ask(get(uid()), uids.UPS_PULL).status == 0xC307
    assert peer.ask(echo(), uids.VERIFICATION).status == 0x0000
    wire.release()


def test_the_requestor_of_every_role_of_every_class_is_still_served(wire: Wire) -> None:
    roles = [RoleSelection(sop_class, 1, 1) for sop_class in ALL]
    peer = Peer(wire, list(zip(IDS, ALL, strict=True)), roles)
    answers = {role.sop_class: (role.scu, role.scp) for role in peer.answer.find_all(RoleSelection)}
    for sop_class in (uids.UPS_PUSH, uids.UPS_PULL, uids.UPS_WATCH):
        assert answers.get(sop_class, (1, 0))[0] == 1
    assert peer.ask(get(uid()), uids.UPS_PULL).status == 0xC307
    wire.release()


def test_an_event_report_to_the_scp_is_refused(peer: Peer) -> None:
    report = {
        E.COMMAND_FIELD: CommandField.N_EVENT_REPORT_RQ,
        E.AFFECTED_SOP_CLASS_UID: uids.UPS_PUSH,
        E.AFFECTED_SOP_INSTANCE_UID: uid(),
        E.EVENT_TYPE_ID: 1,
    }
    message = peer.ask(report, uids.UPS_EVENT, encoded(dataset(ProcedureStepState="SCHEDULED")))
    assert message.status == 0x0211
    peer.wire.release()


def test_called_titles(upsscp: UpsScp) -> None:
    with Wire.connect(upsscp.port) as wire:
        answer = wire.associate([(1, uids.UPS_PULL)], called="SOMEBODY")
        assert isinstance(answer, AAssociateRJ)
        assert (answer.result, answer.source, answer.reason) == (1, 1, 7)


@pytest.mark.parametrize("numbers", [(2,), (1, 1), (0,)])
def test_context_ids_that_no_peer_may_use(upsscp: UpsScp, numbers: tuple[int, ...]) -> None:
    with Wire.connect(upsscp.port) as wire:
        answer = wire.associate([(number, uids.UPS_PULL) for number in numbers])
        assert isinstance(answer, AAbort)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
        b"\x01\x00\xff\xff\xff\xff" + bytes(100),
        bytes(64),
        b"\x04\x00\x00\x00\x00\x08\x00\x00\x00\x04\x01\x03\x00\x00",
    ],
    ids=["HTTP", "TLS", "huge", "zeros", "data first"],
)
def test_a_foreign_protocol_is_shown_the_door(upsscp: UpsScp, data: bytes) -> None:
    with Wire.connect(upsscp.port) as wire:
        wire.send(data)
        answer = wire.receive()
        assert answer is None or isinstance(answer, AAbort)
    with Wire.connect(upsscp.port) as wire:
        assert Peer(wire, [(1, uids.VERIFICATION)]).ask(echo(), uids.VERIFICATION).status == 0x0000


def test_vanishing_peers_leave_the_server_as_it_was(upsscp: UpsScp) -> None:
    """Gone at every stage: before the request, after it, in mid-message, with an answer under way."""
    instance = uid()
    message = encode_command({**get(instance), E.MESSAGE_ID: 1, E.COMMAND_DATA_SET_TYPE: NO_DATA_SET})
    endings: list[Callable[[Wire], object]] = [
        lambda wire: None,
        lambda wire: wire.associate([(1, uids.UPS_PULL)]),
        lambda wire: (wire.associate([(1, uids.UPS_PULL)]), wire.send(PDataTF((Pdv(1, message[:20], 1),)))),
        lambda wire: (wire.associate([(1, uids.UPS_PULL)]), wire.send(b"\x04\0\0\0\0\x10")),
        lambda wire: (wire.associate([(1, uids.UPS_PULL)]), wire.send(PDataTF((Pdv(1, message),)))),
        lambda wire: (wire.associate([(1, uids.UPS_PULL)]), wire.send(PDataTF((Pdv(1, message),)), AAbort())),
    ]
    for ending in endings * 5:
        with Wire.connect(upsscp.port) as wire:
            ending(wire)
    with Wire.connect(upsscp.port) as wire:
        peer = Peer(wire, list(zip(IDS, ALL, strict=True)))
        assert peer.ask(create(instance), uids.UPS_PUSH, encoded(workitem())).status in (0x0000, 0xB300)
        wire.release()


def test_a_claim_under_way_is_kept_although_its_asker_has_gone(upsscp: UpsScp) -> None:
    """What an abort finds half done is done wholly or not at all; a second look tells which."""
    instance, transaction = uid(), uid()
    with Wire.connect(upsscp.port) as wire:
        peer = Peer(wire, list(zip(IDS, ALL, strict=True)))
        assert peer.ask(create(instance), uids.UPS_PUSH, encoded(workitem())).status in (0x0000, 0xB300)
        peer.send(action(1, instance), uids.UPS_PULL, encoded(to_state("IN PROGRESS", transaction)))
        wire.send(AAbort())
        wire.wait_closed()
    with Wire.connect(upsscp.port) as wire:
        peer = Peer(wire, list(zip(IDS, ALL, strict=True)))
        state = decoded(peer.ask(get(instance), uids.UPS_PULL)).ProcedureStepState
        again = peer.ask(action(1, instance), uids.UPS_PULL, encoded(to_state("IN PROGRESS", transaction)))
        assert (state, again.status) in {("IN PROGRESS", 0xC302), ("SCHEDULED", 0x0000), ("SCHEDULED", 0xC302)}
        wire.release()
