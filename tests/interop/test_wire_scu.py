"""``dcmups``, and the blocking driver under it, before a peer that is legal but unusual: a script sends every byte."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset as codec
from dicomnet import flows, uids
from dicomnet.codes import CommandField
from dicomnet.dimse.command import NO_DATA_SET, CommandElement, encode_command
from dicomnet.drivers import blocking
from dicomnet.drivers.common import Endpoint
from dicomnet.ul import ProposedContext, RequestOptions
from dicomnet.wire import PresentationContextResult, RoleSelection
from ups import scu

from .parrot import FORMS, Message, Parrot, Wire, lay_out, response_command
from .processes import run
from .workitems import dataset, save_json, uid, workitem

E = CommandElement
ALL = (uids.UPS_PUSH, uids.UPS_PULL, uids.UPS_WATCH, uids.UPS_EVENT, uids.VERIFICATION)
IDS = (9, 3, 255, 1, 77)
_NAMES = dict(zip(ALL, ("Push", "Pull", "Watch", "Event", "Echo"), strict=True))

Make = Callable[..., Parrot]
Results = list[PresentationContextResult]


def in_turn(results: Results) -> Results:
    return results


def backwards(results: Results) -> Results:
    return results[::-1]


def encoded(data: Dataset, syntax: str = uids.EXPLICIT_VR_LE) -> bytes:
    return codec.encode(data, syntax)


def short(order: Iterable[str]) -> str:
    return "-".join(_NAMES[sop_class] for sop_class in order)


@pytest.mark.parametrize("order", list(itertools.permutations(ALL)), ids=short)
def test_contexts_in_any_order_with_ids_in_any_order(parrot: Make, order: tuple[str, ...]) -> None:
    def script(wire: Wire) -> None:
        request = wire.accept(order=backwards)
        proposed = [(context.context_id, context.abstract_syntax) for context in request.presentation_contexts]
        assert proposed == list(zip(IDS, order, strict=True))
        for sop_class in (uids.VERIFICATION, uids.UPS_PULL, uids.UPS_WATCH):
            message = wire.receive_message()
            assert message.context_id == wire.context_of(sop_class)
            wire.answer(message, 0xC307 if sop_class != uids.VERIFICATION else 0x0000)
        wire.confirm_release()

    peer = parrot(script)
    contexts = tuple(
        ProposedContext(sop_class, context_id=number) for number, sop_class in zip(IDS, order, strict=True)
    )
    options = RequestOptions("PARROT", "SCU", contexts)
    with blocking.connect(Endpoint("PARROT", "127.0.0.1", peer.port), options) as link:
        assert link.run(flows.c_echo()).status == 0x0000
        assert link.run(scu.get("1.2.3", via=uids.UPS_PULL)).status == 0xC307
        assert link.run(scu.get("1.2.3", via=uids.UPS_WATCH)).status == 0xC307
    peer.finish()


def get(peer: Parrot, *words: str, status: int = 0) -> str:
    """Run ``dcmups get`` and return what it printed."""
    done = run("get", peer.address, "-iuid", "1.2.3", *words)
    peer.finish()
    assert done.status == status, done
    return done.out if status == 0 else done.err


def answer_get(wire: Wire, form: str = "two PDUs", **values: object) -> None:
    message = wire.receive_message()
    assert message.command[E.COMMAND_FIELD] == CommandField.N_GET_RQ
    wire.answer(message, 0x0000, encoded(dataset(ProcedureStepState="SCHEDULED", **values)), form=form)


@pytest.mark.parametrize("order", [in_turn, backwards])
@pytest.mark.parametrize("form", FORMS)
def test_answers_in_any_layout(parrot: Make, form: str, order: Callable[[Results], Results]) -> None:
    def script(wire: Wire) -> None:
        wire.accept(order=order, syntax=uids.EXPLICIT_VR_LE)
        answer_get(wire, form)
        wire.confirm_release()

    assert "SCHEDULED" in get(parrot(script))


@pytest.mark.parametrize("form", FORMS)
def test_matches_in_any_layout(parrot: Make, form: str) -> None:
    instances = [uid() for _ in range(3)]

    def script(wire: Wire) -> None:
        wire.accept(syntax=uids.IMPLICIT_VR_LE)
        message = wire.receive_message()
        for instance in instances:
            match = dataset(SOPInstanceUID=instance, PatientName="X^" + "Y" * 50)
            wire.answer(message, 0xFF00, encoded(match, uids.IMPLICIT_VR_LE), form=form)
        wire.answer(message, 0x0000, form=form)
        wire.confirm_release()

    peer = parrot(script)
    done = run("find", peer.address)
    peer.finish()
    assert done.status == 0, done
    assert [line for line in done.out.splitlines() if line in instances] == instances


def test_several_responses_in_one_segment(parrot: Make) -> None:
    """Everything to the end of the search, and only then does anybody read."""
    instances = [uid() for _ in range(3)]

    def script(wire: Wire) -> None:
        wire.accept(syntax=uids.IMPLICIT_VR_LE)
        message = wire.receive_message()
        pdus: list = []
        for instance in instances:
            command = encode_command({**response_command(message, 0xFF00), E.COMMAND_DATA_SET_TYPE: 1})
            match = encoded(dataset(SOPInstanceUID=instance), uids.IMPLICIT_VR_LE)
            pdus += lay_out(message.context_id, [(3, command), (2, match)], "one PDU")
        last = encode_command({**response_command(message, 0x0000), E.COMMAND_DATA_SET_TYPE: NO_DATA_SET})
        wire.send(*pdus, *lay_out(message.context_id, [(3, last)], "one PDU"))
        wire.confirm_release()

    peer = parrot(script)
    done = run("find", peer.address)
    peer.finish()
    assert [line for line in done.out.splitlines() if line in instances] == instances


@pytest.mark.parametrize("form", ["one PDU", "two PDUs"])
def test_an_unannounced_empty_data_fragment_is_no_data_set(parrot: Make, form: str) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        message = wire.receive_message()
        command = encode_command({**response_command(message, 0x0000), E.COMMAND_DATA_SET_TYPE: NO_DATA_SET})
        wire.send(*lay_out(message.context_id, [(3, command), (2, b"")], form))
        wire.confirm_release()

    peer = parrot(script)
    done = run("set", peer.address, "-iuid", "1.2.3", "--set", "WorklistLabel=x")
    peer.finish()
    assert done.status == 0, done
    assert done.err == "dcmups: set: changed\n"


@pytest.mark.parametrize("form", FORMS)
def test_an_announced_data_set_of_no_bytes_is_an_empty_one(parrot: Make, form: str) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        wire.answer(wire.receive_message(), 0x0000, b"", form=form)
        wire.confirm_release()

    assert get(parrot(script)).strip() == ""


def test_a_response_without_optional_elements(parrot: Make) -> None:
    """Affected SOP Class and Instance UID are optional in responses (PS3.7 Table 10.3-5)."""

    def script(wire: Wire) -> None:
        wire.accept()
        message = wire.receive_message()
        command = {
            E.COMMAND_FIELD: message.command[E.COMMAND_FIELD] | 0x8000,
            E.MESSAGE_ID_BEING_RESPONDED_TO: message.command[E.MESSAGE_ID],
            E.STATUS: 0x0000,
        }
        wire.send_message(message.context_id, command)
        wire.confirm_release()

    peer = parrot(script)
    done = run("chstate", peer.address, "-iuid", "1.2.3", "-tuid", "1.2.4", "-state", "IN PROGRESS")
    peer.finish()
    assert done.status == 0, done


def test_a_create_whose_peer_tells_no_uid(parrot: Make, tmp_path) -> None:
    def script(wire: Wire) -> None:
        wire.accept()
        message = wire.receive_message()
        assert E.AFFECTED_SOP_INSTANCE_UID not in message.command
        wire.answer(message, 0x0000)
        wire.confirm_release()

    peer = parrot(script)
    done = run("create", peer.address, "-f", save_json(workitem(), tmp_path / "create.json"))
    peer.finish()
    assert done.status == 0, done
    assert not done.out
    assert done.error_lines[0].startswith("dcmups: warning: ")


def test_small_pdus_are_respected(parrot: Make, tmp_path) -> None:
    sizes = []

    def script(wire: Wire) -> None:
        receive = wire.receive

        def measured():
            pdu = receive()
            sizes.append(sum(6 + len(pdv.payload) for pdv in getattr(pdu, "pdvs", ())))
            return pdu

        wire.accept(max_length=128)
        wire.receive = measured
        message = wire.receive_message()
        assert len(message.data or b"") > 500
        wire.answer(message, 0x0000)
        wire.confirm_release()

    peer = parrot(script)
    done = run("create", peer.address, "-iuid", "1.2.3", "-f", save_json(workitem(), tmp_path / "create.json"))
    peer.finish()
    assert done.status == 0, done
    assert 64 < max(sizes) <= 128


# -- the Event context -----------------------------------------------------------------------------------------------

ROLE_ANSWERS = {"none": (), "agreed": ((1, 0),), "refused": ((0, 0),), "both": ((1, 1),), "twisted": ((0, 1),)}


@pytest.mark.parametrize("answer", ROLE_ANSWERS)
def test_role_selection_answers(parrot: Make, answer: str) -> None:
    """We propose to be SCU of Event, to receive reports; whatever the answer is, the operation itself works."""

    def script(wire: Wire) -> None:
        roles = [RoleSelection(uids.UPS_EVENT, *pair) for pair in ROLE_ANSWERS[answer]]
        request = wire.accept(roles=roles, syntax=uids.EXPLICIT_VR_LE)
        proposed = request.find(RoleSelection)
        assert proposed is not None
        assert (proposed.sop_class, proposed.scu, proposed.scp) == (uids.UPS_EVENT, 1, 0)
        answer_get(wire)
        wire.confirm_release()

    assert "SCHEDULED" in get(parrot(script))


@pytest.mark.parametrize("result", [1, 2, 3, 4])
def test_a_refused_event_context_is_harmless(parrot: Make, result: int) -> None:
    def script(wire: Wire) -> None:
        wire.accept(results={uids.UPS_EVENT: result}, order=backwards, syntax=uids.EXPLICIT_VR_LE)
        answer_get(wire)
        wire.confirm_release()

    assert "SCHEDULED" in get(parrot(script))


@pytest.mark.parametrize("roles", [(), (RoleSelection(uids.UPS_EVENT, 1, 0),)], ids=["no roles", "SCU"])
def test_an_event_report_on_the_same_association(parrot: Make, roles: tuple[RoleSelection, ...]) -> None:
    instance = uid()
    statuses = []

    def script(wire: Wire) -> None:
        wire.accept(roles=roles, syntax=uids.EXPLICIT_VR_LE)
        message = wire.receive_message()
        report = {
            E.COMMAND_FIELD: CommandField.N_EVENT_REPORT_RQ,
            E.MESSAGE_ID: message.command[E.MESSAGE_ID],  # each side counts for itself
            E.AFFECTED_SOP_CLASS_UID: uids.UPS_PUSH,
            E.AFFECTED_SOP_INSTANCE_UID: instance,
            E.EVENT_TYPE_ID: 1,
        }
        state = encoded(dataset(ProcedureStepState="SCHEDULED", InputReadinessState="READY"))
        reply: Message = wire.ask(wire.context_of(uids.UPS_EVENT), report, state)
        statuses.append((reply.command[E.COMMAND_FIELD], reply.status, reply.command[E.EVENT_TYPE_ID]))
        wire.answer(message, 0x0000)
        wire.confirm_release()

    peer = parrot(script)
    done = run("subscribe", peer.address, "-aet", "WATCHER", "-iuid", instance)
    peer.finish()
    assert done.status == 0, done
    assert done.out.startswith(f"event 1 UPS State Report: {instance}\n")
    assert statuses == [(CommandField.N_EVENT_REPORT_RSP, 0x0000, 1)]


# -- the listener ----------------------------------------------------------------------------------------------------

REPORTER_ROLES = {"SCP": ((0, 1),), "none": (), "both": ((1, 1),)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("roles", REPORTER_ROLES)
def test_the_listener_takes_reports_from_anyone(start_dcmups, roles: str, form: str) -> None:
    """The reporter opens the association and is the SCP; many say so, some do not."""
    program = start_dcmups("-L", "WATCHER@127.0.0.1:0")
    port = int(program.wait_for(r"listening on 127\.0\.0\.1:(\d+)$")[1])
    instance = uid()
    with Wire.connect(port) as wire:
        proposals = [RoleSelection(uids.UPS_EVENT, *pair) for pair in REPORTER_ROLES[roles]]
        contexts = [(5, uids.VERIFICATION), (3, uids.UPS_EVENT), (1, uids.UPS_PUSH)]
        answer = wire.associate(contexts, roles=proposals, called="WATCHER", syntaxes=(uids.EXPLICIT_VR_LE,))
        results = {result.context_id: result.result for result in answer.presentation_contexts}
        assert results[3] == 0
        agreed = [(role.scu, role.scp) for role in answer.find_all(RoleSelection)]
        assert agreed in ([], list(REPORTER_ROLES[roles]), [(0, 1)])
        if roles == "SCP":
            assert agreed == [(0, 1)]
        report = {
            E.COMMAND_FIELD: CommandField.N_EVENT_REPORT_RQ,
            E.MESSAGE_ID: 1,
            E.AFFECTED_SOP_CLASS_UID: uids.UPS_PUSH,
            E.AFFECTED_SOP_INSTANCE_UID: instance,
        }
        for number, status in ((1, 0x0000), (6, 0x0113), (2, 0x0000)):
            data = encoded(dataset(ProcedureStepState="SCHEDULED"))
            reply = wire.ask(3, {**report, E.EVENT_TYPE_ID: number}, data, form=form)
            assert reply.status == status
            assert reply.command[E.EVENT_TYPE_ID] == number
        wire.release()
    assert program.stop() == 0
    events = [line for line in program.out if line.startswith("event ")]
    assert [line.split()[1] for line in events] == ["1", "2"]
