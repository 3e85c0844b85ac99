"""Messages into command sets and back (PS3.7 E.1): which element carries which field is read off the message classes.

``from_command`` decides what becomes of an incomplete message: a request that can be answered is an OtherRequest with
its ``missing`` elements, one that cannot is a DecodeError, and so is a response without status or message id.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, TypeAlias, TypeVar

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
    DataSet,
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
from dicomnet.errors import DecodeError, Fault, LocalProtocolError
from dicomnet.kernel import make_frozen
from dicomnet.records import MISSING, fields, replace

__all__ = ["command_code", "command_name", "from_command", "reply", "response_type", "to_command", "with_data_set"]

_KINDS: tuple[type[Message], ...] = (
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

_COMMAND_FIELD: Final = int(CommandElement.COMMAND_FIELD)
_DATA_SET_TYPE: Final = int(CommandElement.COMMAND_DATA_SET_TYPE)
_MESSAGE_ID: Final = int(CommandElement.MESSAGE_ID)
_RESPONSE: Final = 0x8000


_VITAL: dict[str, tuple[CommandElement, ...]] = {
    "request": (CommandElement.MESSAGE_ID,),
    "response": (CommandElement.MESSAGE_ID_BEING_RESPONDED_TO, CommandElement.STATUS),
    "cancel": (CommandElement.MESSAGE_ID_BEING_RESPONDED_TO,),
}
"""What ends the association when it is missing: nobody could answer such a request, or say what a response answers."""

_TAKEN_FOR = (
    (int(CommandElement.REQUESTED_SOP_CLASS_UID), int(CommandElement.AFFECTED_SOP_CLASS_UID)),
    (int(CommandElement.REQUESTED_SOP_INSTANCE_UID), int(CommandElement.AFFECTED_SOP_INSTANCE_UID)),
)
"""In requests on an instance: CC.2.7.2 itself mixes the affected and the requested ones up for N-GET."""


class _Layout:
    """How a class and its command sets go together."""

    def __init__(self, kind: type[Message]) -> None:
        items = [item for item in fields(kind) if "element" in item.metadata]
        names = tuple(item.name for item in items)
        is_request = issubclass(kind, Request)
        self.kind = kind
        self.what = "request" if is_request else "response" if issubclass(kind, Response) else "cancel"
        self.code = int(getattr(kind, "command_field", 0))
        """The command field; 0 when it is not that of the class."""
        self.names = ("context_id", "data_set", *names)
        """Of all fields: ``context_id`` and ``data_set``, which no element carries, and then those of ``elements``."""
        self.elements = tuple(int(item.metadata["element"]) for item in items)
        self.carried: Callable[[Message], tuple[Any, ...]] = _getter(names)
        """The values of a message's fields, one for each of ``elements``."""
        mandatory = [item.metadata["element"] for item in items if not item.metadata["conditional"]]
        self.mandatory: tuple[CommandElement, ...] = tuple(mandatory) if is_request else ()
        """What a received request must have, or it is an OtherRequest."""
        self.taken_for = _TAKEN_FOR if issubclass(kind, InstanceRequest) else ()
        """What is due, and what is taken in its place."""


def _getter(names: tuple[str, ...]) -> Callable[[Message], tuple[Any, ...]]:
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda message: (get(message),)


_LAYOUTS: dict[type[Message], _Layout] = {kind: _Layout(kind) for kind in (*_KINDS, OtherResponse)}
_BY_CODE: dict[int, _Layout] = {layout.code: layout for layout in _LAYOUTS.values() if layout.code}

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


class _Answer:
    """How a request is answered."""

    def __init__(self, request: type[Request], response: type[Response]) -> None:
        asked = _LAYOUTS[request].names
        items = fields(response)
        self.kind = response
        self.names = tuple(item.name for item in items)
        """Of all fields of the response."""
        self.fields = frozenset(self.names)
        self.defaults = [None if item.default is MISSING else item.default for item in items]
        """Their values as far as they have one, in the same order."""
        self.responding_to, self.context_id, self.status = map(
            self.names.index, ("responding_to", "context_id", "status")
        )
        """Where those stand."""
        self.copied = tuple(
            (self.names.index(name), name)
            for name in ("sop_class", "instance", "event_type", "action_type")
            if name in asked and name in self.names
        )
        """The fields that the response repeats, and where they stand in it."""


_ANSWERS: dict[type[Message], _Answer] = {
    request: _Answer(request, response) for request, response in _RESPONSES.items()
}

_SETTLED: Final = frozenset({"responding_to", "context_id"})
"""Fields of a response that are for nobody to choose: by them the peer finds out what is answered."""

M = TypeVar("M", bound=Message)

Arriving: TypeAlias = EncodedDataSet | IncomingDataSet | None
"""What a received message may carry."""


def response_type(request: Request) -> type[Response]:
    """The class of the answer to ``request``."""
    answer = _answer_to(request)
    return OtherResponse if answer is None else answer.kind


def _answer_to(request: Request) -> _Answer | None:
    found = _ANSWERS.get(type(request))
    if found is None:  # a class of somebody's own is answered as what it is derived from, and sent as that
        found = next((_ANSWERS[kind] for kind in type(request).__mro__ if kind in _ANSWERS), None)
    return found


def reply(request: Request, status: int = statuses.SUCCESS, **values: Any) -> Response:
    """The response to a received request: ids, context, class, instance and type copied from it (PS3.7 9.3, 10.3).

    ``values`` are further fields of the response and win over what is copied.
    """
    answer = _answer_to(request)
    message_id, context_id = request.message_id or 0, request.context_id
    if answer is None:
        if isinstance(request, OtherRequest):
            values.setdefault("answers", command_code(request))
        return OtherResponse(responding_to=message_id, context_id=context_id, status=status, **values)
    for name in values:
        if name in _SETTLED:
            raise TypeError(f"reply() takes no {name}: it is that of the request")
    if not values.keys() <= answer.fields:  # which the class says
        return answer.kind(responding_to=message_id, context_id=context_id, status=status, **values)
    return _answered(answer, request, status, values)


def _answered(answer: _Answer, request: Request, status: int, values: dict[str, Any]) -> Response:
    found = answer.defaults.copy()
    found[answer.responding_to] = request.message_id or 0
    found[answer.context_id] = request.context_id
    found[answer.status] = status
    for place, name in answer.copied:
        found[place] = getattr(request, name)
    for given, value in values.items():
        found[answer.names.index(given)] = value
    response: Response = make_frozen(answer.kind, answer.names, tuple(found))
    return response


def with_data_set(message: M, data_set: DataSet) -> M:
    """The same message with another data set."""
    layout = _LAYOUTS.get(type(message))
    if layout is None or not layout.code:
        return replace(message, data_set=data_set)
    made: M = make_frozen(type(message), layout.names, (message.context_id, data_set, *layout.carried(message)))
    return made


def command_code(message: Message) -> int:
    """The Command Field of a message, also of those that have no class of their own."""
    layout = _LAYOUTS.get(type(message))
    if layout is not None and layout.code:
        return layout.code
    if isinstance(message, OtherRequest):
        code = message.command.get(_COMMAND_FIELD)
        return code if isinstance(code, int) else 0
    return message.answers | _RESPONSE if isinstance(message, OtherResponse) else message.command_field


def to_command(message: Message, has_data_set: bool) -> CommandSet:
    """The command set of a message, group length aside."""
    data_set_type = 0x0001 if has_data_set else NO_DATA_SET
    layout = _LAYOUTS.get(type(message))
    if layout is None:
        if isinstance(message, OtherRequest):
            return {**message.command, _DATA_SET_TYPE: data_set_type}
        layout = _inherited_layout(message)
    command: CommandSet = {_COMMAND_FIELD: layout.code or command_code(message), _DATA_SET_TYPE: data_set_type}
    values = layout.carried(message)
    for place, element in enumerate(layout.elements):
        value = values[place]
        if value is not None:
            command[element] = value
    return command


def _inherited_layout(message: Message) -> _Layout:
    """Of a message whose class is somebody's own: it is sent as what it is derived from."""
    for kind in type(message).__mro__:
        if kind in _LAYOUTS:
            return _LAYOUTS[kind]
    raise LocalProtocolError(f"{type(message).__name__} is no DIMSE message")


def from_command(command: CommandSet, context_id: int, data_set: Arriving) -> Message:
    """The message a received command set stands for; a request that lacks something becomes an OtherRequest.

    Raises:
        DecodeError: there is no command field, or a message that nobody could answer.
    """
    return _message(command if type(command) is dict else dict(command), context_id, data_set)


def _message(command: CommandSet, context_id: int, data_set: Arriving) -> Message:
    code = command.get(_COMMAND_FIELD)
    if not isinstance(code, int):
        raise _missing("message", CommandElement.COMMAND_FIELD)
    layout = _BY_CODE.get(code)
    what = layout.what if layout is not None else "response" if code & _RESPONSE else "request"
    for vital in _VITAL[what]:
        if not isinstance(command.get(vital), int):
            raise _missing(what, vital)
    if layout is None:
        return _other(command, code, context_id, data_set)
    if layout.kind is CCancelRequest:
        data_set = None  # it has none: what came behind it is dropped
    for due, used in layout.taken_for:
        if due not in command and used in command:
            command = {**command, due: command[used]}
    for element in layout.mandatory:
        if element not in command:
            return _other(command, code, context_id, data_set, layout.mandatory)
    values: list[Any] = [context_id, data_set]
    for number in layout.elements:
        values.append(command.get(number))
    message: Message = make_frozen(layout.kind, layout.names, tuple(values))
    return message


def _other(
    command: CommandSet, code: int, context_id: int, data_set: Arriving, mandatory: tuple[CommandElement, ...] = ()
) -> Message:
    if code & _RESPONSE:
        layout = _LAYOUTS[OtherResponse]
        values: dict[str, Any] = dict(zip(layout.names[2:], map(command.get, layout.elements), strict=True))
        return OtherResponse(context_id=context_id, data_set=data_set, answers=code & 0x7FFF, **values)
    message_id: Any = command[_MESSAGE_ID]
    missing = tuple(element for element in mandatory if element not in command)
    return OtherRequest(
        context_id=context_id, message_id=message_id, command=command, missing=missing, data_set=data_set
    )


def _missing(what: str, element: CommandElement) -> DecodeError:
    name = element.name.replace("_", " ").title()
    return DecodeError(
        f"the {what} has no {name}", code=Fault.MISSING, path=f"(0000,{element:04X})", clause="PS3.7 E.1"
    )


def command_name(code: int) -> str:
    """``N-CREATE-RQ`` for 0x0140; four hex digits for a code nobody defined."""
    field_ = known(CommandField, code)
    return field_.name.replace("_", "-") if isinstance(field_, CommandField) else f"{code:04X}"
