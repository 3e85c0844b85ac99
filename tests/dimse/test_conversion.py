"""Messages and command sets: the fields of each message as PS3.7 9.3 and 10.3 list them, and what is incomplete."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest

from dicomnet.codes import CommandField, Priority
from dicomnet.dimse import status as statuses
from dicomnet.dimse.command import CommandElement, CommandSet, decode_command, encode_command
from dicomnet.dimse.conversion import (
    command_code,
    command_name,
    from_command,
    reply,
    response_type,
    to_command,
    with_data_set,
)
from dicomnet.dimse.messages import (
    CCancelRequest,
    CEchoRequest,
    CEchoResponse,
    CFindRequest,
    CFindResponse,
    CGetRequest,
    CGetResponse,
    CMoveRequest,
    CMoveResponse,
    CStoreRequest,
    CStoreResponse,
    EncodedDataSet,
    Message,
    NActionRequest,
    NActionResponse,
    NCreateRequest,
    NCreateResponse,
    NDeleteRequest,
    NDeleteResponse,
    NEventReportRequest,
    NEventReportResponse,
    NGetRequest,
    NGetResponse,
    NSetRequest,
    NSetResponse,
    OtherRequest,
    OtherResponse,
    Request,
    Response,
)
from dicomnet.errors import DecodeError, Fault, LocalProtocolError

CLASS, UID = "1.2.840.10008.5.1.4.34.6.1", "2.25.77"
ANSWER: dict[str, Any] = {"responding_to": 9, "status": 0xC307}
ANSWERED = {0x0120: 9, 0x0900: 0xC307}
COUNTS = {"remaining": 4, "completed": 3, "failed": 2, "warning": 1}
COUNTED: CommandSet = {0x1020: 4, 0x1021: 3, 0x1022: 2, 0x1023: 1}
TAGS = (0x00741000, 0x00080018)

# Class, its values, and the command set they make besides 0800. The tags are written out, not taken from the code.
MESSAGES: list[tuple[type[Message], Mapping[str, Any], CommandSet]] = [
    (CEchoRequest, {"message_id": 1}, {0x0002: "1.2.840.10008.1.1", 0x0100: 0x0030, 0x0110: 1}),
    (CEchoResponse, {**ANSWER, "sop_class": CLASS}, {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8030}),
    (
        CFindRequest,
        {"message_id": 2, "sop_class": CLASS, "priority": 1},
        {0x0002: CLASS, 0x0100: 0x0020, 0x0110: 2, 0x0700: 1},
    ),
    (CFindResponse, {**ANSWER, "sop_class": CLASS}, {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8020}),
    (
        CStoreRequest,
        {"message_id": 10, "sop_class": CLASS, "instance": UID, "priority": 2},
        {0x0002: CLASS, 0x0100: 0x0001, 0x0110: 10, 0x0700: 2, 0x1000: UID},
    ),
    (
        CStoreRequest,
        {
            "message_id": 10,
            "sop_class": CLASS,
            "instance": UID,
            "move_originator": "MOVER",
            "move_originator_message_id": 65535,
        },
        {0x0002: CLASS, 0x0100: 0x0001, 0x0110: 10, 0x0700: 0, 0x1000: UID, 0x1030: "MOVER", 0x1031: 65535},
    ),
    (
        CStoreResponse,
        {**ANSWER, "sop_class": CLASS, "instance": UID},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8001, 0x1000: UID},
    ),
    (
        CGetRequest,
        {"message_id": 11, "sop_class": CLASS},
        {0x0002: CLASS, 0x0100: 0x0010, 0x0110: 11, 0x0700: 0},
    ),
    (
        CGetResponse,
        {**ANSWER, "sop_class": CLASS, **COUNTS},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8010, **COUNTED},
    ),
    (
        CMoveRequest,
        {"message_id": 12, "sop_class": CLASS, "priority": 1, "destination": "STORE"},
        {0x0002: CLASS, 0x0100: 0x0021, 0x0110: 12, 0x0600: "STORE", 0x0700: 1},
    ),
    (
        CMoveResponse,
        {**ANSWER, "sop_class": CLASS, **COUNTS},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8021, **COUNTED},
    ),
    (CCancelRequest, {"responding_to": 2}, {0x0100: 0x0FFF, 0x0120: 2}),
    (
        NEventReportRequest,
        {"message_id": 3, "sop_class": CLASS, "instance": UID, "event_type": 4},
        {0x0002: CLASS, 0x0100: 0x0100, 0x0110: 3, 0x1000: UID, 0x1002: 4},
    ),
    (
        NEventReportResponse,
        {**ANSWER, "sop_class": CLASS, "instance": UID, "event_type": 4},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8100, 0x1000: UID, 0x1002: 4},
    ),
    (
        NGetRequest,
        {"message_id": 4, "sop_class": CLASS, "instance": UID, "attributes": TAGS},
        {0x0003: CLASS, 0x0100: 0x0110, 0x0110: 4, 0x1001: UID, 0x1005: TAGS},
    ),
    (
        NGetResponse,
        {**ANSWER, "sop_class": CLASS, "instance": UID},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8110, 0x1000: UID},
    ),
    (
        NSetRequest,
        {"message_id": 5, "sop_class": CLASS, "instance": UID},
        {0x0003: CLASS, 0x0100: 0x0120, 0x0110: 5, 0x1001: UID},
    ),
    (
        NSetResponse,
        {**ANSWER, "sop_class": CLASS, "instance": UID},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8120, 0x1000: UID},
    ),
    (
        NActionRequest,
        {"message_id": 6, "sop_class": CLASS, "instance": UID, "action_type": 3},
        {0x0003: CLASS, 0x0100: 0x0130, 0x0110: 6, 0x1001: UID, 0x1008: 3},
    ),
    (
        NActionResponse,
        {**ANSWER, "sop_class": CLASS, "instance": UID, "action_type": 3},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8130, 0x1000: UID, 0x1008: 3},
    ),
    (
        NCreateRequest,
        {"message_id": 7, "sop_class": CLASS, "instance": UID},
        {0x0002: CLASS, 0x0100: 0x0140, 0x0110: 7, 0x1000: UID},
    ),
    (
        NCreateResponse,
        {**ANSWER, "sop_class": CLASS, "instance": UID},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8140, 0x1000: UID},
    ),
    (
        NDeleteRequest,
        {"message_id": 8, "sop_class": CLASS, "instance": UID},
        {0x0003: CLASS, 0x0100: 0x0150, 0x0110: 8, 0x1001: UID},
    ),
    (
        NDeleteResponse,
        {**ANSWER, "sop_class": CLASS, "instance": UID},
        {**ANSWERED, 0x0002: CLASS, 0x0100: 0x8150, 0x1000: UID},
    ),
]
IDS = [kind.__name__ for kind, _, _ in MESSAGES]
REQUESTS = [(kind, values, command) for kind, values, command in MESSAGES if issubclass(kind, Request)]
MANDATORY = [
    (kind, command, element)
    for kind, _, command in REQUESTS
    for element in command
    if element not in (0x0100, 0x0110, 0x1005, 0x1030, 0x1031) and (kind, element) != (NCreateRequest, 0x1000)
]


def received(command: CommandSet, data_set: EncodedDataSet | None = None) -> Message:
    return from_command(decode_command(encode_command(command)), context_id=1, data_set=data_set)


@pytest.mark.parametrize(("kind", "values", "command"), MESSAGES, ids=IDS)
def test_each_message_has_the_fields_of_the_standard(
    kind: type[Message], values: Mapping[str, Any], command: CommandSet
) -> None:
    message = kind(**values)
    assert to_command(message, has_data_set=False) == {**command, 0x0800: 0x0101}
    assert to_command(message, has_data_set=True) == {**command, 0x0800: 0x0001}
    assert command_code(message) == command[0x0100] == kind.command_field


@pytest.mark.parametrize(("kind", "values", "command"), MESSAGES, ids=IDS)
def test_each_message_survives_the_wire(kind: type[Message], values: Mapping[str, Any], command: CommandSet) -> None:
    message = received({**command, 0x0800: 0x0101})
    assert type(message) is kind
    assert message == kind(**values)
    assert message.context_id == 1


@pytest.mark.parametrize(("kind", "values", "command"), MESSAGES, ids=IDS)
def test_a_received_message_is_like_one_of_our_own(
    kind: type[Message], values: Mapping[str, Any], command: CommandSet
) -> None:
    data_set = None if kind is CCancelRequest else EncodedDataSet(b"data", "1.2.840.10008.1.2")
    message, own = received(command, data_set), kind(**values, context_id=1, data_set=data_set)
    assert [getattr(message, item.name) for item in fields(kind)] == [getattr(own, item.name) for item in fields(kind)]
    assert hash(message) == hash(own)
    assert pickle.loads(pickle.dumps(message)) == replace(message, context_id=None) == own
    with pytest.raises(FrozenInstanceError):
        message.context_id = 2  # type: ignore[misc]


def test_unknown_elements_do_not_disturb() -> None:
    assert received({0x0002: CLASS, 0x0100: 0x0030, 0x0110: 1, 0x0001: b"\1\0\0\0", 0x5110: b"x"}) == CEchoRequest(
        message_id=1, sop_class=CLASS
    )


@pytest.mark.parametrize(("kind", "command", "element"), MANDATORY)
def test_a_request_without_a_mandatory_field_can_still_be_answered(
    kind: type[Message], command: CommandSet, element: int
) -> None:
    message = received({tag: value for tag, value in command.items() if tag != element})
    assert isinstance(message, OtherRequest)
    assert message.missing == (element,)
    assert message.message_id == command[0x0110]
    assert command_code(reply(message, statuses.MISTYPED_ARGUMENT)) == command_code(message) | 0x8000


@pytest.mark.parametrize(("kind", "values", "command"), REQUESTS)
def test_a_request_without_message_id_is_refused(
    kind: type[Message], values: Mapping[str, Any], command: CommandSet
) -> None:
    with pytest.raises(DecodeError) as caught:
        received({tag: value for tag, value in command.items() if tag != 0x0110})
    assert (caught.value.code, caught.value.path) == (Fault.MISSING, "(0000,0110)")


@pytest.mark.parametrize(("code", "element"), [(0x8030, 0x0120), (0x8030, 0x0900), (0x8ABC, 0x0900), (0x0FFF, 0x0120)])
def test_a_response_without_id_or_status_is_refused(code: int, element: int) -> None:
    command: CommandSet = {0x0100: code, 0x0120: 1, 0x0900: 0}
    del command[element]
    with pytest.raises(DecodeError) as caught:
        received(command)
    assert (caught.value.code, caught.value.path) == (Fault.MISSING, f"(0000,{element:04X})")
    what = "cancel" if code == 0x0FFF else "response"
    name = "Status" if element == 0x0900 else "Message Id Being Responded To"
    assert caught.value.message == f"the {what} has no {name}"


def test_a_cancel_has_no_data_set() -> None:
    message = received({0x0100: 0x0FFF, 0x0120: 2}, EncodedDataSet(b"data", "1.2.840.10008.1.2"))
    assert message == CCancelRequest(responding_to=2)


def test_a_message_without_command_field_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        received({0x0110: 1})
    assert caught.value.path == "(0000,0100)"
    assert caught.value.message == "the message has no Command Field"


@pytest.mark.parametrize("kind", [NGetRequest, NSetRequest, NActionRequest, NDeleteRequest])
def test_affected_is_taken_for_requested(kind: type[Message]) -> None:
    code = int(kind.command_field)
    message = received({0x0100: code, 0x0110: 1, 0x0002: CLASS, 0x1000: UID, 0x1008: 1})
    assert type(message) is kind
    assert isinstance(message, NGetRequest | NSetRequest | NActionRequest | NDeleteRequest)
    assert (message.sop_class, message.instance) == (CLASS, UID)


@pytest.mark.parametrize("code", [0x0002, 0x0022, 0x0160, 0x7FFF])
def test_other_services_are_kept_whole(code: int) -> None:
    data_set = EncodedDataSet(b"data", "1.2.840.10008.1.2")
    message = received({0x0100: code, 0x0110: 5, 0x0002: CLASS, 0x1000: UID}, data_set)
    assert isinstance(message, OtherRequest)
    assert (message.message_id, message.missing, message.data_set) == (5, (), data_set)
    assert message.context_class == CLASS
    assert to_command(message, has_data_set=True) == {**message.command, 0x0800: 1}
    answer = reply(message, 0x0211)
    assert isinstance(answer, OtherResponse)
    assert command_code(answer) == code | 0x8000
    assert received(to_command(answer, has_data_set=False)) == answer


@pytest.mark.parametrize(("kind", "values", "command"), REQUESTS)
def test_a_reply_copies_what_it_must(kind: type[Request], values: Mapping[str, Any], command: CommandSet) -> None:
    request = kind(context_id=5, **values)
    answer = reply(request, 0x0112)
    assert type(answer) is response_type(request)
    assert (answer.context_id, answer.responding_to, answer.status) == (5, request.message_id, 0x0112)
    sent = to_command(answer, has_data_set=False)
    for theirs, ours in ((0x0002, 0x0002), (0x0003, 0x0002), (0x1000, 0x1000), (0x1001, 0x1000)):
        if theirs in command:
            assert sent[ours] == command[theirs]
    for same in (0x1002, 0x1008):
        assert sent.get(same) == command.get(same)


class Own(CStoreRequest):
    """A class of an embedder's."""


@pytest.mark.parametrize(
    "message",
    [
        CStoreRequest(sop_class="1.2", instance="1.3", priority=Priority.HIGH, message_id=7, context_id=5),
        Own(sop_class="1.2", instance="1.3", message_id=9),
        OtherRequest(message_id=1, command={0x0100: 0x7000}, context_id=3),
        OtherResponse(responding_to=1, answers=0x7000),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_with_another_data_set_is_otherwise_the_same(message: Message) -> None:
    path = Path("a.dcm")
    other = with_data_set(message, path)
    assert other == replace(message, data_set=path)
    assert (type(other), other.context_id, message.data_set) == (type(message), message.context_id, None)


def test_values_given_to_a_reply_win() -> None:
    answer = reply(NCreateRequest(message_id=1, sop_class=CLASS), instance=UID, attribute_list=TAGS, error_comment="no")
    assert isinstance(answer, NCreateResponse)
    assert answer.instance == UID
    assert to_command(answer, has_data_set=False)[CommandElement.ATTRIBUTE_IDENTIFIER_LIST] == TAGS


def test_nothing_given_to_a_reply_wins_too() -> None:
    answer = reply(NSetRequest(message_id=1, sop_class=CLASS, instance=UID), sop_class=None)
    assert answer == NSetResponse(responding_to=1, instance=UID)


@pytest.mark.parametrize("name", ["responding_to", "context_id", "no_field"])
@pytest.mark.parametrize("request_", [CEchoRequest(message_id=1, context_id=3), OtherRequest(message_id=1)])
def test_a_reply_answers_what_was_asked_and_takes_no_other_field(request_: Request, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        reply(request_, **{name: 5})


def test_counts_ride_on_a_reply() -> None:
    request = CGetRequest(message_id=1, sop_class=CLASS, context_id=3)
    answer = reply(request, statuses.PENDING, remaining=2, completed=0, failed=0, warning=0)
    assert answer == CGetResponse(
        responding_to=1, sop_class=CLASS, status=0xFF00, remaining=2, completed=0, failed=0, warning=0
    )
    assert answer.status_class == "pending"


def test_the_fields_of_the_status_survive() -> None:
    answer = NSetResponse(
        responding_to=1,
        status=0x0110,
        offending_elements=TAGS,
        error_comment="said aloud",
        error_id=3,
        attribute_list=TAGS,
    )
    assert received(to_command(answer, has_data_set=False)) == answer


def test_every_code_has_a_name() -> None:
    assert command_name(CommandField.N_CREATE_RQ) == "N-CREATE-RQ"
    assert command_name(0x7ABC) == "7ABC"


def test_responses_are_known_by_type() -> None:
    assert all(issubclass(response_type(kind(**values)), Response) for kind, values, _ in REQUESTS)  # type: ignore[arg-type]


class MyEcho(CEchoRequest):
    """A message of somebody's own."""

    __slots__ = ()


def test_a_message_of_ones_own_goes_as_what_it_is_derived_from() -> None:
    plain, own = CEchoRequest(message_id=3), MyEcho(message_id=3)
    assert to_command(own, has_data_set=False) == to_command(plain, has_data_set=False)
    assert command_code(own) == command_code(plain)
    with pytest.raises(LocalProtocolError, match="Message is no DIMSE message"):
        to_command(Message(), has_data_set=False)


def test_a_reply_to_a_request_without_an_id_answers_0() -> None:
    request = CEchoRequest()
    assert reply(request) == CEchoResponse(responding_to=0, sop_class=request.sop_class)


def test_the_command_field_0_is_that_of_no_message() -> None:
    message = from_command({0x0100: 0, 0x0110: 1, 0x0120: 1, 0x0900: 0}, context_id=1, data_set=None)
    assert isinstance(message, OtherRequest)


def test_a_request_of_ones_own_is_answered_as_what_it_is_derived_from() -> None:
    own = MyEcho(message_id=3, context_id=5)
    assert reply(own, 0x0110) == reply(CEchoRequest(message_id=3, context_id=5), 0x0110)
    assert response_type(own) is CEchoResponse


def test_any_mapping_is_a_command_set() -> None:
    command = to_command(CEchoRequest(message_id=3), has_data_set=False)
    assert from_command(OrderedDict(command), context_id=1, data_set=None) == CEchoRequest(message_id=3)
