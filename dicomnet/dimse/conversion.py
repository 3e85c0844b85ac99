"""Messages into command sets and back (PS3.7 E.1): which element carries which field is read off the message classes.

``from_command`` decides what becomes of an incomplete message: a request that can be answered is an OtherRequest with
its ``missing`` elements, one that cannot is a DecodeError, and so is a response without status or message id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from dicomnet.codes import CommandField, known
from dicomnet.dimse import status as statuses
from dicomnet.dimse.command import NO_DATA_SET, CommandElement, CommandSet
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
    InstanceRequest,
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
from dicomnet.dimse.payloads import IncomingDataSet
from dicomnet.errors import DecodeError, Fault

__all__ = ["command_code", "command_name", "from_command", "reply", "response_type", "to_command"]

_KINDS: Mapping[int, type[Message]] = {
    kind.command_field: kind
    for kind in (
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
        CCancelRequest,
        NEventReportRequest,
        NEventReportResponse,
        NGetRequest,
        NGetResponse,
        NSetRequest,
        NSetResponse,
        NActionRequest,
        NActionResponse,
        NCreateRequest,
        NCreateResponse,
        NDeleteRequest,
        NDeleteResponse,
    )
}

_LAYOUT: dict[type[Message], tuple[tuple[str, CommandElement, bool], ...]] = {
    kind: tuple(
        (item.name, item.metadata["element"], item.metadata["conditional"])
        for item in fields(kind)
        if "element" in item.metadata
    )
    for kind in (*_KINDS.values(), OtherRequest, OtherResponse)
}
"""For each class: attribute, the element that carries it, whether it may be absent."""


_RESPONSES: dict[type[Request], type[Response]] = {
    CEchoRequest: CEchoResponse,
    CFindRequest: CFindResponse,
    CGetRequest: CGetResponse,
    CMoveRequest: CMoveResponse,
    CStoreRequest: CStoreResponse,
    NEventReportRequest: NEventReportResponse,
    NGetRequest: NGetResponse,
    NSetRequest: NSetResponse,
    NActionRequest: NActionResponse,
    NCreateRequest: NCreateResponse,
    NDeleteRequest: NDeleteResponse,
}

_COPIED: dict[type[Response], tuple[str, ...]] = {
    kind: tuple(name for name, _, _ in _LAYOUT[kind] if name in ("sop_class", "instance", "event_type", "action_type"))
    for kind in (*_RESPONSES.values(), OtherResponse)
}
"""For each response: the fields it repeats of its request."""


Arriving: TypeAlias = EncodedDataSet | IncomingDataSet | None
"""What a received message may carry."""


def response_type(request: Request) -> type[Response]:
    """The class of the answer to ``request``."""
    return _RESPONSES.get(type(request), OtherResponse)


def reply(request: Request, status: int = statuses.SUCCESS, **values: Any) -> Response:
    """The response to a received request: ids, context, class, instance and type copied from it (PS3.7 9.3, 10.3).

    ``values`` are further fields of the response and win over what is copied.
    """
    kind = response_type(request)
    copied: dict[str, Any] = {
        name: value for name in _COPIED[kind] if (value := getattr(request, name, None)) is not None
    }
    if isinstance(request, OtherRequest):
        copied["answers"] = command_code(request)
    copied.update(values)
    return kind(responding_to=request.message_id or 0, context_id=request.context_id, status=status, **copied)


def command_code(message: Message) -> int:
    """The Command Field of a message, also of those that have no class of their own."""
    if isinstance(message, OtherRequest):
        code = message.command.get(CommandElement.COMMAND_FIELD)
        return code if isinstance(code, int) else 0
    return message.answers | 0x8000 if isinstance(message, OtherResponse) else message.command_field


def to_command(message: Message, *, has_data_set: bool) -> CommandSet:
    """The command set of a message, group length aside."""
    if isinstance(message, OtherRequest):
        return {**message.command, CommandElement.COMMAND_DATA_SET_TYPE: 0x0001 if has_data_set else NO_DATA_SET}
    command: CommandSet = {
        element: value for name, element, _ in _LAYOUT[type(message)] if (value := getattr(message, name)) is not None
    }
    command[CommandElement.COMMAND_FIELD] = command_code(message)
    command[CommandElement.COMMAND_DATA_SET_TYPE] = 0x0001 if has_data_set else NO_DATA_SET
    return command


def from_command(command: CommandSet, *, context_id: int, data_set: Arriving) -> Message:
    """The message a received command set stands for; a request that lacks something becomes an OtherRequest.

    Raises:
        DecodeError: there is no command field, or a message that nobody could answer.
    """
    code = command.get(CommandElement.COMMAND_FIELD)
    if not isinstance(code, int):
        raise _missing("the message has no Command Field", CommandElement.COMMAND_FIELD)
    kind = _KINDS.get(code)
    if code & 0x8000:
        return _response(kind or OtherResponse, command, code, context_id, data_set)
    if kind is CCancelRequest:
        return CCancelRequest(context_id=context_id, responding_to=_number(command, "cancel", _RESPONDING_TO))
    return _request(kind, command, context_id, data_set)


_RESPONDING_TO = CommandElement.MESSAGE_ID_BEING_RESPONDED_TO


def _request(kind: type[Message] | None, command: CommandSet, context_id: int, data_set: Arriving) -> Message:
    # A request without a message id cannot be answered, so it ends the association.
    message_id = _number(command, "request", CommandElement.MESSAGE_ID)
    command = _tolerant(command, kind)
    layout = _LAYOUT[kind] if kind else ()
    missing = tuple(element for _, element, optional in layout if not optional and element not in command)
    if kind is None or missing:
        return OtherRequest(
            context_id=context_id, message_id=message_id, command=command, missing=missing, data_set=data_set
        )
    values: dict[str, Any] = {name: command[element] for name, element, _ in layout if element in command}
    return kind(context_id=context_id, data_set=data_set, **values)


def _tolerant(command: CommandSet, kind: type[Message] | None) -> CommandSet:
    """Affected class and instance taken where the requested ones are due: CC.2.7.2 itself mixes them up for N-GET."""
    if kind is None or not issubclass(kind, InstanceRequest):
        return command
    swapped = {
        CommandElement.REQUESTED_SOP_CLASS_UID: CommandElement.AFFECTED_SOP_CLASS_UID,
        CommandElement.REQUESTED_SOP_INSTANCE_UID: CommandElement.AFFECTED_SOP_INSTANCE_UID,
    }
    found: CommandSet = {due: command[used] for due, used in swapped.items() if due not in command and used in command}
    return {**command, **found}


def _response(kind: type[Message], command: CommandSet, code: int, context_id: int, data_set: Arriving) -> Message:
    for element in (_RESPONDING_TO, CommandElement.STATUS):
        _number(command, "response", element)
    values: dict[str, Any] = {name: command[element] for name, element, _ in _LAYOUT[kind] if element in command}
    if kind is OtherResponse:
        values["answers"] = code & 0x7FFF
    return kind(context_id=context_id, data_set=data_set, **values)


def _number(command: CommandSet, what: str, element: CommandElement) -> int:
    value = command.get(element)
    if not isinstance(value, int):
        raise _missing(f"the {what} has no {element.name.replace('_', ' ').title()}", element)
    return value


def _missing(message: str, element: CommandElement) -> DecodeError:
    return DecodeError(message, code=Fault.MISSING, path=f"(0000,{element:04X})", clause="PS3.7 E.1")


def command_name(code: int) -> str:
    """``N-CREATE-RQ`` for 0x0140; four hex digits for a code nobody defined."""
    field_ = known(CommandField, code)
    return field_.name.replace("_", "-") if isinstance(field_, CommandField) else f"{code:04X}"
