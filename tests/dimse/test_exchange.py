"""Exchange: ids, what it answers by itself, limits and deadlines, fragments of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import DataSetLimits
from dicomnet.dimse.command import CommandSet, encode_command
from dicomnet.dimse.conversion import command_code, reply
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.dimse.messages import (
    CCancelRequest,
    CEchoRequest,
    CEchoResponse,
    CFindRequest,
    CFindResponse,
    EncodedDataSet,
    Message,
    NActionRequest,
    NCreateRequest,
    NCreateResponse,
    NGetRequest,
    NGetResponse,
    OtherRequest,
    OtherResponse,
    Request,
)
from dicomnet.errors import (
    DecodeError,
    EncodeError,
    Fault,
    LocalProtocolError,
    NoPresentationContext,
    RemoteProtocolError,
    TimedOut,
)
from dicomnet.ul import ReleaseIndication, State
from dicomnet.wire import AAbort, AReleaseRQ, PDataTF, Pdv, decode_pdu

if TYPE_CHECKING:
    Wire = Any  # of the conftest, which cannot be imported by name

ECHO = encode_command({0x0002: uids.VERIFICATION, 0x0100: 0x0030, 0x0110: 1, 0x0800: 0x0101})
CREATE = {0x0002: uids.UPS_PUSH, 0x0100: 0x0140, 0x0110: 2, 0x1000: "2.25.1", 0x0800: 0x0001}
CREATE_BYTES = encode_command(CREATE)
ECHO_ID, PUSH_ID, PULL_ID = 1, 3, 5
COMMAND, DATA, MORE_COMMAND, MORE_DATA = 3, 2, 1, 0


def ups() -> Dataset:
    data_set = Dataset()
    data_set.ProcedureStepLabel = "label"
    return data_set


def sent_pdus(wire: Wire) -> list[PDataTF]:
    raw = b"".join(wire.scu.association.data_to_send())
    wire.scp.association.receive_data(raw, wire.now)
    pdus = []
    while raw:
        length = 6 + int.from_bytes(raw[2:6], "big")
        pdu = decode_pdu(raw[:length])
        assert isinstance(pdu, PDataTF)
        pdus.append(pdu)
        raw = raw[length:]
    return pdus


# Requests, responses, ids.


def test_a_request_arrives_and_is_answered(wire: Wire) -> None:
    message_id = wire.scu.send(NCreateRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", data_set=ups()), wire.now)
    request = wire.message(wire.scp)
    assert isinstance(request, NCreateRequest)
    assert (request.message_id, request.context_id, request.instance) == (message_id, PUSH_ID, "2.25.1")
    assert isinstance(request.data_set, EncodedDataSet)
    assert request.data_set.transfer_syntax == uids.EXPLICIT_VR_LE
    assert request.dataset() == ups()
    assert wire.scp.is_unanswered(message_id)
    wire.scp.send(reply(request), wire.now)
    assert not wire.scp.is_unanswered(message_id)
    response = wire.message(wire.scu)
    assert response == NCreateResponse(responding_to=message_id, sop_class=uids.UPS_PUSH, instance="2.25.1")


def test_message_ids_count_up_and_skip_those_in_use(wire: Wire) -> None:
    assert wire.scu.send(CEchoRequest(message_id=2), wire.now) == 2
    assert [wire.scu.send(CEchoRequest(), wire.now) for _ in range(3)] == [1, 3, 4]


def test_message_ids_start_again_after_65535(wire: Wire) -> None:
    wire.scu._next_id = 0xFFFF
    assert [wire.scu.send(CEchoRequest(), wire.now) for _ in range(2)] == [0xFFFF, 1]


def test_a_message_id_in_use_is_our_mistake(wire: Wire) -> None:
    wire.scu.send(CEchoRequest(message_id=7), wire.now)
    wire.deliver()
    with pytest.raises(LocalProtocolError):
        wire.scu.send(CEchoRequest(message_id=7), wire.now)
    assert wire.scu.association.data_to_send() == []


def test_when_all_ids_are_in_use_no_request_can_be_sent(wire: Wire) -> None:
    wire.awaits(*range(1, 0x10000), request=CEchoRequest())
    with pytest.raises(LocalProtocolError):
        wire.scu.send(CEchoRequest(), wire.now)


def test_an_id_may_be_used_again_after_the_final_response(wire: Wire) -> None:
    for _ in range(2):
        wire.scu.send(CEchoRequest(message_id=0), wire.now)
        wire.scp.send(reply(wire.message(wire.scp)), wire.now)
        assert wire.message(wire.scu) == CEchoResponse(responding_to=0, sop_class=uids.VERIFICATION)


def test_responses_nobody_asked_for_are_counted_and_dropped(wire: Wire) -> None:
    wire.scp.send(CEchoResponse(responding_to=9, context_id=ECHO_ID), wire.now)
    assert wire.events(wire.scu) == []
    assert wire.scu.stray_responses == 1


def test_a_second_final_response_is_dropped(wire: Wire) -> None:
    wire.scu.send(CEchoRequest(), wire.now)
    request = wire.message(wire.scp)
    for _ in range(2):
        wire.scp.send(reply(request), wire.now)
    assert len(wire.events(wire.scu)) == 1
    assert wire.scu.stray_responses == 1


def test_a_forgotten_request_gets_no_answer(wire: Wire) -> None:
    message_id = wire.scu.send(CEchoRequest(), wire.now)
    wire.scu.forget(message_id)
    wire.scp.send(reply(wire.message(wire.scp)), wire.now)
    assert wire.events(wire.scu) == []


def test_an_abandoned_request_is_cancelled_and_outstanding_to_its_final_response(wire: Wire) -> None:
    message_id = wire.scu.send(CFindRequest(sop_class=uids.UPS_PULL, data_set=ups()), wire.now)
    request = wire.message(wire.scp)
    for _ in range(2):
        wire.scu.abandon(message_id, wire.now)
    assert wire.events(wire.scp) == []
    assert wire.scp.is_cancelled(message_id)
    assert wire.scp.received == {CFindRequest: 1, CCancelRequest: 1}
    wire.scp.send(reply(request, 0xFF00, data_set=ups()), wire.now)
    assert wire.events(wire.scu) == []
    assert (wire.scu.outstanding, wire.scu.stray_responses) == (1, 1)
    with pytest.raises(LocalProtocolError, match="in use"):
        wire.scu.send(CEchoRequest(message_id=message_id), wire.now)
    wire.scp.send(reply(request, 0xFE00), wire.now)
    assert wire.events(wire.scu) == []
    assert (wire.scu.outstanding, wire.scu.stray_responses) == (0, 2)
    wire.scu.send(CEchoRequest(message_id=message_id), wire.now)
    wire.scp.send(reply(wire.message(wire.scp)), wire.now)
    assert wire.message(wire.scu).status == 0


def test_what_cannot_be_cancelled_is_abandoned_without_a_word(wire: Wire) -> None:
    message_id = wire.scu.send(CEchoRequest(), wire.now)
    request = wire.message(wire.scp)
    wire.scu.abandon(message_id, wire.now)
    wire.scu.abandon(message_id + 1, wire.now)
    assert wire.scu.association.data_to_send() == []
    assert wire.scu.outstanding == 1
    wire.scp.send(reply(request), wire.now)
    assert wire.events(wire.scu) == []
    assert wire.scu.outstanding == 0


def test_abandoning_raises_nothing_when_nothing_can_be_sent(wire: Wire) -> None:
    message_id = wire.scu.send(CFindRequest(sop_class=uids.UPS_PULL, data_set=ups()), wire.now)
    wire.scu.association.abort(wire.now)
    wire.scu.abandon(message_id, wire.now)
    assert wire.scu.sent == {CFindRequest: 1}


def test_a_response_of_another_service_ends_the_association(wire: Wire) -> None:
    message_id = wire.scu.send(CEchoRequest(), wire.now)
    wire.message(wire.scp)
    wire.scp.send(NGetResponse(responding_to=message_id, context_id=ECHO_ID), wire.now)
    fault = wire.fault(wire.scu)
    assert isinstance(fault.error, RemoteProtocolError)
    assert "N-GET-RSP answers a C-ECHO-RQ" in str(fault.error)


def test_a_request_that_lacks_a_field_on_purpose_may_be_answered(wire: Wire) -> None:
    command: CommandSet = {0x0003: uids.UPS_PUSH, 0x0100: 0x0110}
    message_id = wire.scu.send(OtherRequest(command=command), wire.now)
    assert wire.events(wire.scp) == []
    answer = wire.message(wire.scu)
    assert answer == NGetResponse(responding_to=message_id, status=0x0212) or isinstance(answer, OtherResponse)
    assert command_code(answer) == 0x8110


# What the exchange answers by itself.


def test_a_duplicate_id_is_refused_and_the_first_request_still_answered(wire: Wire) -> None:
    wire.fragments(Pdv(ECHO_ID, ECHO, COMMAND), Pdv(ECHO_ID, ECHO, COMMAND))
    request = wire.message(wire.scp)
    wire.awaits(1, request=CEchoRequest(message_id=1))
    refusal = wire.message(wire.scu)
    assert isinstance(refusal, CEchoResponse)
    assert refusal.status == 0x0210
    assert wire.scp.is_unanswered(1)
    wire.scp.send(reply(request), wire.now)
    assert not wire.scp.is_unanswered(1)


@pytest.mark.parametrize("code", [0x0002, 0x0022, 0x0160, 0x7FFF])
def test_an_unknown_operation_is_refused(wire: Wire, code: int) -> None:
    wire.scu.send(OtherRequest(command={0x0002: uids.VERIFICATION, 0x0100: code}), wire.now)
    assert wire.events(wire.scp) == []
    answer = wire.message(wire.scu)
    assert isinstance(answer, OtherResponse)
    assert (answer.status, answer.answers) == (0x0211, code)


@pytest.mark.parametrize("absent", [0x0002, 0x1000, 0x1002])
def test_a_request_that_lacks_something_is_refused(wire: Wire, absent: int) -> None:
    command: CommandSet = {0x0002: uids.UPS_PUSH, 0x0100: 0x0100, 0x1000: "2.25.1", 0x1002: 1}
    del command[absent]
    wire.scu.send(OtherRequest(context_id=PUSH_ID, command=command), wire.now)
    assert wire.events(wire.scp) == []
    answer = wire.message(wire.scu)
    assert answer.status == 0x0212
    assert not wire.scp.is_unanswered(answer.responding_to)


def test_more_open_requests_than_the_limit_end_the_association(join: Callable[..., Wire]) -> None:
    wire = join(scp=MessageLimits(requests=3))
    for _ in range(3):
        wire.scu.send(CEchoRequest(), wire.now)
    assert len(wire.events(wire.scp)) == 3
    wire.scu.send(CEchoRequest(), wire.now)
    assert isinstance(wire.fault(wire.scp).error, RemoteProtocolError)


def test_a_refusal_that_cannot_be_sent_is_no_loss(wire: Wire) -> None:
    bad = encode_command({0x0002: uids.VERIFICATION, 0x0100: 0x0021, 0x0110: 1, 0x0800: 0x0101})
    wire.scp.association.release_request(wire.now)
    wire.inject(PDataTF((Pdv(ECHO_ID, bad, COMMAND),)))
    assert wire.events(wire.scp) == []
    assert wire.scp.association.state is State.STA7


# C-CANCEL.


def test_a_cancel_reaches_the_running_operation_only(wire: Wire) -> None:
    message_id = wire.scu.send(CFindRequest(sop_class=uids.UPS_PULL, data_set=ups()), wire.now)
    request = wire.message(wire.scp)
    assert not wire.scp.is_cancelled(message_id)
    for other in (message_id, message_id + 1):
        wire.scu.send(CCancelRequest(responding_to=other, context_id=PULL_ID), wire.now)
    assert wire.events(wire.scp) == []
    assert wire.scp.is_cancelled(message_id)
    assert not wire.scp.is_cancelled(message_id + 1)
    wire.scp.send(reply(request, 0xFF00, data_set=ups()), wire.now)
    wire.scp.send(reply(request, 0xFE00), wire.now)
    assert [message.status for message in wire.events(wire.scu)] == [0xFF00, 0xFE00]
    assert not wire.scp.is_cancelled(message_id)


def test_the_refusal_of_a_duplicate_leaves_the_first_request_cancelled(wire: Wire) -> None:
    message_id = wire.scu.send(CFindRequest(sop_class=uids.UPS_PULL, data_set=ups()), wire.now)
    request = wire.message(wire.scp)
    wire.scu.send(CCancelRequest(responding_to=message_id), wire.now)
    wire.scu.forget(message_id)
    wire.scu.send(CFindRequest(sop_class=uids.UPS_PULL, data_set=ups(), message_id=message_id), wire.now)
    assert wire.events(wire.scp) == []
    assert wire.message(wire.scu).status == 0x0210
    assert wire.scp.is_cancelled(message_id)
    wire.scp.send(reply(request, 0xFE00), wire.now)
    assert not wire.scp.is_cancelled(message_id)


def test_a_cancel_for_a_finished_operation_is_ignored(wire: Wire) -> None:
    message_id = wire.scu.send(CFindRequest(sop_class=uids.UPS_PULL, data_set=ups()), wire.now)
    wire.scp.send(reply(wire.message(wire.scp)), wire.now)
    wire.scu.send(CCancelRequest(responding_to=message_id, context_id=PULL_ID), wire.now)
    assert wire.events(wire.scp) == []
    assert wire.scp._cancelled == set()
    assert wire.scp.association.state is State.STA6


# Contexts and encoding.


def test_a_context_can_be_named(wire: Wire) -> None:
    wire.scu.send(NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1"), wire.now, abstract_syntax=uids.UPS_PULL)
    assert wire.message(wire.scp).context_id == PULL_ID
    wire.scu.send(NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", context_id=PUSH_ID), wire.now)
    assert wire.message(wire.scp).context_id == PUSH_ID


@pytest.mark.parametrize(
    ("request_", "via", "named"),
    [
        (NGetRequest(sop_class="1.2.3", instance="2.25.1"), None, "1.2.3"),
        (NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1"), uids.UPS_WATCH, uids.UPS_WATCH),
        (CEchoRequest(context_id=99), None, "id 99"),
        (OtherRequest(command={0x0100: 0x21, 0x0002: "1.2.3"}), None, "1.2.3"),
    ],
)
def test_without_a_context_nothing_is_sent(wire: Wire, request_: Request, via: str | None, named: str) -> None:
    with pytest.raises(NoPresentationContext) as caught:
        wire.scu.send(request_, wire.now, abstract_syntax=via)
    assert caught.value.abstract_syntax == named
    assert wire.scu.association.data_to_send() == []
    assert wire.scu._asked == {}


def test_what_cannot_be_encoded_sends_nothing(wire: Wire) -> None:
    bad = ups()
    bad.add_new(0x00080018, "XX", "x")
    with pytest.raises(EncodeError):
        wire.scu.send(NCreateRequest(sop_class=uids.UPS_PUSH, data_set=bad), wire.now)
    with pytest.raises(EncodeError):
        wire.scu.send(NGetRequest(sop_class=uids.UPS_PUSH, instance="\u65e5"), wire.now)
    assert wire.scu.association.data_to_send() == []
    assert wire.scu._asked == {}
    wire.scu.send(CEchoRequest(), wire.now)
    assert isinstance(wire.message(wire.scp), CEchoRequest)


def test_an_encoded_data_set_is_translated_when_the_syntaxes_differ(wire: Wire) -> None:
    data_set = EncodedDataSet(b"\x74\x00\x04\x12\x06\0\0\0label ", uids.IMPLICIT_VR_LE)
    for context, changed in ((PULL_ID, False), (PUSH_ID, True)):
        wire.scu.send(NCreateRequest(sop_class=uids.UPS_PUSH, data_set=data_set, context_id=context), wire.now)
        request = wire.message(wire.scp)
        assert isinstance(request.data_set, EncodedDataSet)
        assert (request.data_set.data != data_set.data) is changed
        assert request.dataset().ProcedureStepLabel == "label"


def test_an_empty_data_set_is_no_data_set(wire: Wire) -> None:
    wire.scu.send(NCreateRequest(sop_class=uids.UPS_PUSH, data_set=Dataset()), wire.now)
    (pdu,) = sent_pdus(wire)
    assert len(pdu.pdvs) == 1
    assert wire.message(wire.scp).data_set is None


def test_what_is_no_message_is_our_mistake(wire: Wire) -> None:
    with pytest.raises(LocalProtocolError):
        wire.scu.send(Message(context_id=ECHO_ID), wire.now)


def test_without_an_association_nothing_is_sent(wire: Wire) -> None:
    wire.scu.association.abort(wire.now)
    with pytest.raises(LocalProtocolError):
        wire.scu.send(CEchoRequest(), wire.now)
    assert wire.scu._asked == {}


# Fragments, in one PDU or in many.


@pytest.mark.parametrize("one_pdv_per_pdu", [False, True])
def test_command_and_data_set_share_a_pdu_unless_told_otherwise(
    join: Callable[..., Wire], one_pdv_per_pdu: bool
) -> None:
    wire = join(one_pdv_per_pdu=one_pdv_per_pdu)
    wire.scu.send(NCreateRequest(sop_class=uids.UPS_PUSH, data_set=ups()), wire.now)
    pdus = sent_pdus(wire)
    assert [len(pdu.pdvs) for pdu in pdus] == ([1, 1] if one_pdv_per_pdu else [2])
    assert wire.message(wire.scp).dataset() == ups()


@pytest.mark.parametrize("max_length", [8, 9, 10, 64, 200])
def test_messages_are_cut_to_what_the_peer_can_take(join: Callable[..., Wire], max_length: int) -> None:
    wire = join(max_length=max_length)
    wire.scu.send(NCreateRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", data_set=ups()), wire.now)
    assert wire.message(wire.scp).dataset() == ups()


@pytest.mark.parametrize("sizes", [(1,), (2, 0, 3), (0, 0, 0, 50)])
@pytest.mark.parametrize("together", [False, True])
def test_fragments_of_any_size_make_the_message(wire: Wire, sizes: tuple[int, ...], together: bool) -> None:
    pdvs = []
    for payload, last in ((CREATE_BYTES, COMMAND), (b"\x74\0\x04\x12LO\x06\0label ", DATA)):
        place, turn = 0, 0
        while place < len(payload):
            size = sizes[turn % len(sizes)]
            pdvs.append(Pdv(PUSH_ID, payload[place : place + size], last & ~2))
            place, turn = place + size, turn + 1
        pdvs.append(Pdv(PUSH_ID, b"", last))
    if together:
        wire.inject(PDataTF(tuple(pdvs)))
    else:
        wire.fragments(*pdvs)
    assert wire.message(wire.scp).dataset() == ups()


def test_reserved_bits_of_the_control_header_do_not_matter(wire: Wire) -> None:
    wire.fragments(Pdv(ECHO_ID, ECHO, 0xFF))
    assert isinstance(wire.message(wire.scp), CEchoRequest)


@pytest.mark.parametrize("announced", [0x0000, 0x0001, 0x0102, 0xFFFF])
def test_any_other_data_set_type_announces_one(wire: Wire, announced: int) -> None:
    command = encode_command({**CREATE, 0x0800: announced})
    wire.fragments(Pdv(PUSH_ID, command, COMMAND))
    assert wire.events(wire.scp) == []
    wire.fragments(Pdv(PUSH_ID, b"\x74\0\x04\x12LO\x06\0label ", DATA))
    assert wire.message(wire.scp).dataset() == ups()


@pytest.mark.parametrize("payload", [(), (b"",), (b"", b"")])
def test_an_empty_last_fragment_is_an_announced_data_set_of_nothing(wire: Wire, payload: tuple[bytes, ...]) -> None:
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), *(Pdv(PUSH_ID, b"", MORE_DATA) for _ in payload))
    wire.fragments(Pdv(PUSH_ID, b"", DATA))
    message = wire.message(wire.scp)
    assert isinstance(message, NCreateRequest)
    assert message.data_set is None


@pytest.mark.parametrize("together", [False, True])
def test_an_empty_data_fragment_nobody_announced_is_ignored(wire: Wire, together: bool) -> None:
    pdvs = (Pdv(ECHO_ID, ECHO, COMMAND), Pdv(ECHO_ID, b"", DATA))
    if together:
        wire.inject(PDataTF(pdvs))
    else:
        wire.fragments(*pdvs)
    assert isinstance(wire.message(wire.scp), CEchoRequest)
    assert wire.scp.association.state is State.STA6


@pytest.mark.parametrize(
    ("pdvs", "reason"),
    [
        pytest.param([Pdv(PUSH_ID, b"data", DATA)], 5, id="data before command"),
        pytest.param([Pdv(ECHO_ID, ECHO, COMMAND), Pdv(ECHO_ID, b"data", DATA)], 5, id="data not announced"),
        pytest.param([Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(ECHO_ID, ECHO, COMMAND)], 5, id="command for data"),
        pytest.param([Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PULL_ID, b"data", DATA)], 5, id="wrong context"),
        pytest.param(
            [Pdv(PUSH_ID, CREATE_BYTES[:20], MORE_COMMAND), Pdv(PUSH_ID, b"data", DATA)], 5, id="data in a command"
        ),
        pytest.param(
            [Pdv(PUSH_ID, CREATE_BYTES[:20], MORE_COMMAND), Pdv(PULL_ID, CREATE_BYTES[20:], COMMAND)],
            5,
            id="context changes in a command",
        ),
        pytest.param(
            [Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, b"da", MORE_DATA), Pdv(PUSH_ID, ECHO, COMMAND)],
            5,
            id="command in a data set",
        ),
        pytest.param([Pdv(ECHO_ID, b"", COMMAND)], 6, id="empty command"),
        pytest.param([Pdv(ECHO_ID, ECHO[:-1], COMMAND)], 6, id="cut command"),
        pytest.param([Pdv(ECHO_ID, encode_command({0x0100: 0x30, 0x0110: 1}), COMMAND)], 6, id="no data set type"),
        pytest.param([Pdv(ECHO_ID, encode_command({0x0100: 0x30, 0x0800: 0x101}), COMMAND)], 6, id="no message id"),
        pytest.param([Pdv(7, ECHO, COMMAND)], 6, id="context not accepted"),
    ],
)
def test_what_makes_no_sense_ends_the_association(wire: Wire, pdvs: list[Pdv], reason: int) -> None:
    wire.fragments(*pdvs)
    heard = [event for event in wire.events(wire.scp) if not isinstance(event, CEchoRequest)]
    (fault,) = heard
    assert isinstance(fault.error, RemoteProtocolError)
    assert (fault.error.source, fault.error.reason) == (2, reason)
    assert wire.events(wire.scu)[-1].reason == reason
    assert wire.scp.next_deadline() is None or wire.scp.association.state is State.STA13


def test_nothing_is_read_after_a_fault(wire: Wire) -> None:
    wire.fragments(Pdv(PUSH_ID, b"data", DATA), Pdv(ECHO_ID, ECHO, COMMAND))
    wire.fault(wire.scp)


def test_what_came_before_a_fault_in_the_same_pdu_counts(wire: Wire) -> None:
    wire.inject(PDataTF((Pdv(ECHO_ID, ECHO, COMMAND), Pdv(PUSH_ID, b"data", DATA), Pdv(ECHO_ID, ECHO, COMMAND))))
    first, fault = wire.events(wire.scp)
    assert isinstance(first, CEchoRequest)
    assert isinstance(fault.error, RemoteProtocolError)


@pytest.mark.parametrize("then", [AReleaseRQ(), AAbort()])
def test_a_fault_with_the_end_close_behind(wire: Wire, then: AReleaseRQ | AAbort) -> None:
    raw = PDataTF((Pdv(PUSH_ID, b"data", DATA),))
    wire.scu.association.inject(raw, wire.now)
    wire.inject(then)
    wire.events(wire.scp)
    assert wire.scp.association.state in (State.STA13, State.STA1)


def test_other_events_pass_through(wire: Wire) -> None:
    wire.scu.association.release_request(wire.now)
    assert wire.events(wire.scp) == [ReleaseIndication(collision=False)]


# Limits and deadlines.


@pytest.mark.parametrize("excess", [0, 1])
def test_a_command_set_has_a_limit(wire: Wire, excess: int) -> None:
    filler = 64 * 1024 - len(ECHO) - 8 + excess
    command = encode_command({0x0002: uids.VERIFICATION, 0x0100: 0x30, 0x0110: 1, 0x0800: 0x101, 0x5110: bytes(filler)})
    assert len(command) == 64 * 1024 + excess
    wire.fragments(Pdv(ECHO_ID, command[:30000], MORE_COMMAND), Pdv(ECHO_ID, command[30000:], COMMAND))
    if excess:
        assert wire.fault(wire.scp).reason == 6
    else:
        assert isinstance(wire.message(wire.scp), CEchoRequest)


def test_endless_fragments_end_at_the_limit(wire: Wire) -> None:
    for _ in range(66):
        wire.fragments(Pdv(ECHO_ID, bytes(1000), MORE_COMMAND))
    assert wire.fault(wire.scp).reason == 6


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (NCreateRequest(sop_class=uids.UPS_PUSH, data_set=ups()), 0x0213),
        (NActionRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", action_type=1, data_set=ups()), 0x0213),
        (CFindRequest(sop_class=uids.UPS_PULL, data_set=ups()), 0xA700),
    ],
)
def test_a_data_set_over_the_limit_is_refused_and_dropped(
    join: Callable[..., Wire], request_: Request, status: int
) -> None:
    wire = join(scp=MessageLimits(data_set=DataSetLimits(6)), max_length=16)
    wire.scu.send(request_, wire.now)
    assert wire.events(wire.scp) == []
    answer = wire.message(wire.scu)
    assert answer.status == status
    assert wire.scp.next_deadline() is None
    wire.scu.send(CEchoRequest(), wire.now)
    assert isinstance(wire.message(wire.scp), CEchoRequest)


@pytest.mark.parametrize(("elements", "refused"), [(1, False), (0, True)], ids=["at the limit", "beyond"])
def test_a_data_set_keeps_the_limits_of_the_exchange_it_came_by(
    join: Callable[..., Wire], elements: int, refused: bool
) -> None:
    wire = join(scp=MessageLimits(data_set=DataSetLimits(max_elements=elements)))
    wire.scu.send(NCreateRequest(sop_class=uids.UPS_PUSH, data_set=ups()), wire.now)
    request = wire.message(wire.scp)
    if not refused:
        assert request.dataset() == ups()
        return
    with pytest.raises(DecodeError) as caught:
        request.dataset()
    assert caught.value.code is Fault.LIMIT


def test_the_refusal_comes_before_the_rest_of_the_data_set(join: Callable[..., Wire]) -> None:
    wire = join(scp=MessageLimits(data_set=DataSetLimits(10)))
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, bytes(11), MORE_DATA))
    wire.awaits(2, request=NCreateRequest(sop_class=uids.UPS_PUSH))
    assert wire.events(wire.scp) == []
    assert wire.message(wire.scu).status == 0x0213
    wire.fragments(*(Pdv(PUSH_ID, bytes(1000), MORE_DATA) for _ in range(100)))
    wire.fragments(Pdv(PUSH_ID, b"", DATA), Pdv(ECHO_ID, ECHO, COMMAND))
    assert isinstance(wire.message(wire.scp), CEchoRequest)


@pytest.mark.parametrize("pdv", [Pdv(ECHO_ID, ECHO, COMMAND), Pdv(PULL_ID, b"data", DATA)])
def test_another_message_amid_a_dropped_data_set_ends_the_association(join: Callable[..., Wire], pdv: Pdv) -> None:
    wire = join(scp=MessageLimits(data_set=DataSetLimits(10)))
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, bytes(11), MORE_DATA), pdv)
    assert wire.fault(wire.scp).reason == 5


def test_a_dropped_data_set_that_never_ends_runs_into_the_deadline(join: Callable[..., Wire]) -> None:
    wire = join(scp=MessageLimits(data_set=DataSetLimits(10)))
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, bytes(11), MORE_DATA))
    assert wire.events(wire.scp) == []
    wire.now = 45.0
    wire.scp.handle_timeout(wire.now)
    assert isinstance(wire.fault(wire.scp).error, TimedOut)


def test_a_response_over_the_limit_ends_the_association(join: Callable[..., Wire]) -> None:
    wire = join(scu=MessageLimits(data_set=DataSetLimits(6)))
    wire.scu.send(NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1"), wire.now)
    wire.scp.send(reply(wire.message(wire.scp), data_set=ups()), wire.now)
    assert wire.fault(wire.scu).reason == 6


@pytest.mark.parametrize(
    "pdvs",
    [
        pytest.param([Pdv(ECHO_ID, ECHO[:4], MORE_COMMAND)], id="command begun"),
        pytest.param([Pdv(PUSH_ID, CREATE_BYTES, COMMAND)], id="announced data never comes"),
        pytest.param([Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, b"da", MORE_DATA)], id="data set begun"),
    ],
)
def test_a_message_must_be_complete_in_time(wire: Wire, pdvs: list[Pdv]) -> None:
    wire.now = 100.0
    for pdv in pdvs:
        wire.fragments(pdv)
        assert wire.events(wire.scp) == []
    assert wire.scp.next_deadline() == 145.0
    wire.scp.handle_timeout(144.9)
    assert wire.events(wire.scp) == []
    wire.now = 145.0
    wire.scp.handle_timeout(wire.now)
    fault = wire.fault(wire.scp)
    assert isinstance(fault.error, TimedOut)
    assert fault.error.wait == "message"
    assert wire.events(wire.scu)[0].source == 2


def test_the_deadline_is_for_the_whole_message(wire: Wire) -> None:
    for second, byte in enumerate(ECHO[:44]):
        wire.now = float(second)
        wire.fragments(Pdv(ECHO_ID, bytes([byte]), MORE_COMMAND))
        assert wire.events(wire.scp) == []
    assert wire.scp.next_deadline() == 45.0


def test_the_deadline_waits_for_us(wire: Wire) -> None:
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND))
    wire.events(wire.scp)
    wire.scp.postpone(40.0)
    assert wire.scp.next_deadline() == 85.0


def test_a_complete_message_has_no_deadline(wire: Wire) -> None:
    wire.fragments(Pdv(ECHO_ID, ECHO, COMMAND))
    wire.message(wire.scp)
    assert wire.scp.next_deadline() is None


def test_pending_responses_keep_the_request_open(wire: Wire) -> None:
    message_id = wire.scu.send(CFindRequest(sop_class=uids.UPS_PULL, data_set=ups()), wire.now)
    request = wire.message(wire.scp)
    for status in (0xFF00, 0xFF01, 0x0000):
        assert wire.scp.is_unanswered(message_id)
        wire.scp.send(reply(request, status, data_set=ups() if status else None), wire.now)
    assert not wire.scp.is_unanswered(message_id)
    answers = wire.events(wire.scu)
    assert all(isinstance(answer, CFindResponse) for answer in answers)
    assert [answer.status for answer in answers] == [0xFF00, 0xFF01, 0x0000]
