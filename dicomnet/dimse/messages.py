"""The DIMSE messages (PS3.7 9.3, 10.3): one frozen class each, with the standard's fields by name.

A message knows its fields and nothing of contexts, fragments or sockets; ``conversion`` turns it into a command set and
back, ``exchange`` moves it over an association. Data sets stay what they are: a ``pydicom.Dataset`` from our own side,
an ``EncodedDataSet`` from the peer, decoded only when somebody asks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final, Self

from dicomnet import uids
from dicomnet.codes import CommandField, Priority
from dicomnet.dimse import status as statuses
from dicomnet.dimse.command import CommandElement, CommandValue
from dicomnet.dimse.payloads import DataSet, DataSetSource, EncodedDataSet, IncomingDataSet
from dicomnet.dimse.status import StatusClass, status_class
from dicomnet.errors import LocalProtocolError, StatusError
from dicomnet.records import dataclass, field

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "CCancelRequest",
    "CEchoRequest",
    "CEchoResponse",
    "CFindRequest",
    "CFindResponse",
    "CGetRequest",
    "CGetResponse",
    "CMoveRequest",
    "CMoveResponse",
    "CStoreRequest",
    "CStoreResponse",
    "DataSet",
    "EncodedDataSet",
    "InstanceRequest",
    "Message",
    "NActionRequest",
    "NActionResponse",
    "NCreateRequest",
    "NCreateResponse",
    "NDeleteRequest",
    "NDeleteResponse",
    "NEventReportRequest",
    "NEventReportResponse",
    "NGetRequest",
    "NGetResponse",
    "NSetRequest",
    "NSetResponse",
    "OtherRequest",
    "OtherResponse",
    "Request",
    "Response",
]


_FAILED: Final = (StatusClass.FAILURE, StatusClass.CANCEL)  # looked up once: to Python 3.11 that is a call


def _element(element: CommandElement, *, conditional: bool = False) -> dict[str, object]:
    """Field metadata: which element carries the field, and whether a received message may lack it."""
    return {"element": element, "conditional": conditional}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What every message has. ``context_id`` is where it came from, or the context it must go out on."""

    command_field: ClassVar[int]

    context_id: int | None = field(default=None, compare=False)
    data_set: DataSet = field(default=None, repr=False)

    def dataset(self) -> Dataset | None:
        """The data set, decoded when it came from the peer; None when the message has none.

        Raises:
            DecodeError: the peer's bytes are no data set.
            LocalProtocolError: it is not in memory, but read while it travels.
        """
        data_set = self.data_set
        if isinstance(data_set, EncodedDataSet):
            return data_set.decode()
        if isinstance(data_set, DataSetSource | IncomingDataSet | os.PathLike):
            raise LocalProtocolError(f"a {type(data_set).__name__} is not in memory: dicomnet.flows reads it")
        return data_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Message):
    """``message_id`` None: the exchange gives the next free one."""

    message_id: int | None = field(default=None, metadata=_element(CommandElement.MESSAGE_ID, conditional=True))

    @property
    def context_class(self) -> str:
        """The SOP class that chooses the presentation context when the sender names none."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Message):
    """An answer; ``status`` is data. The fields of PS3.7 Annex C ride along when the status has them."""

    responding_to: int = field(metadata=_element(CommandElement.MESSAGE_ID_BEING_RESPONDED_TO))
    status: int = field(default=statuses.SUCCESS, metadata=_element(CommandElement.STATUS))
    offending_elements: tuple[int, ...] | None = field(
        default=None, metadata=_element(CommandElement.OFFENDING_ELEMENT, conditional=True)
    )
    error_comment: str | None = field(
        default=None, repr=False, metadata=_element(CommandElement.ERROR_COMMENT, conditional=True)
    )
    error_id: int | None = field(default=None, metadata=_element(CommandElement.ERROR_ID, conditional=True))
    attribute_list: tuple[int, ...] | None = field(
        default=None, metadata=_element(CommandElement.ATTRIBUTE_IDENTIFIER_LIST, conditional=True)
    )

    @property
    def status_class(self) -> StatusClass:
        """Success, warning, failure, cancel or pending."""
        return status_class(self.status)

    def raise_for_status(self) -> Self:
        """This response, unless its status is a failure.

        Raises:
            StatusError: the status is a failure or a cancel.
        """
        if self.status != statuses.SUCCESS and self.status_class in _FAILED:
            raise StatusError(statuses.describe(self.status), status=self.status)
        return self


_CLASS_AFFECTED = _element(CommandElement.AFFECTED_SOP_CLASS_UID)
_CLASS_REQUESTED = _element(CommandElement.REQUESTED_SOP_CLASS_UID)
_CLASS_ANSWERED = _element(CommandElement.AFFECTED_SOP_CLASS_UID, conditional=True)
_INSTANCE_REQUESTED = _element(CommandElement.REQUESTED_SOP_INSTANCE_UID)
_INSTANCE_ANSWERED = _element(CommandElement.AFFECTED_SOP_INSTANCE_UID, conditional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClassRequest(Request):
    """A request that names its SOP class as affected (C- services, N-EVENT-REPORT, N-CREATE)."""

    sop_class: str = field(metadata=_CLASS_AFFECTED)

    @property
    def context_class(self) -> str:
        return self.sop_class


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRequest(Request):
    """A request on an existing instance: class and instance are the requested ones."""

    sop_class: str = field(metadata=_CLASS_REQUESTED)
    instance: str = field(metadata=_INSTANCE_REQUESTED)

    @property
    def context_class(self) -> str:
        return self.sop_class


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClassResponse(Response):
    sop_class: str | None = field(default=None, metadata=_CLASS_ANSWERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _InstanceResponse(_ClassResponse):
    instance: str | None = field(default=None, metadata=_INSTANCE_ANSWERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CEchoRequest(_ClassRequest):
    """PS3.7 9.3.5."""

    command_field = CommandField.C_ECHO_RQ
    sop_class: str = field(default=uids.VERIFICATION, metadata=_CLASS_AFFECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CEchoResponse(_ClassResponse):
    """PS3.7 9.3.5."""

    command_field = CommandField.C_ECHO_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class _PriorityRequest(_ClassRequest):
    priority: int = field(default=Priority.MEDIUM, metadata=_element(CommandElement.PRIORITY))


@dataclass(frozen=True, slots=True, kw_only=True)
class CStoreRequest(_PriorityRequest):
    """PS3.7 9.3.1; the data set is the instance. As a sub-operation of a C-MOVE it names who asked for that and how."""

    command_field = CommandField.C_STORE_RQ
    instance: str = field(metadata=_element(CommandElement.AFFECTED_SOP_INSTANCE_UID))
    move_originator: str | None = field(
        default=None, metadata=_element(CommandElement.MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE, conditional=True)
    )
    move_originator_message_id: int | None = field(
        default=None, metadata=_element(CommandElement.MOVE_ORIGINATOR_MESSAGE_ID, conditional=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CStoreResponse(_InstanceResponse):
    """PS3.7 9.3.1; never with a data set."""

    command_field = CommandField.C_STORE_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class CFindRequest(_PriorityRequest):
    """PS3.7 9.3.2; the data set is the Identifier."""

    command_field = CommandField.C_FIND_RQ


@dataclass(frozen=True, slots=True, kw_only=True)
class CFindResponse(_ClassResponse):
    """PS3.7 9.3.2; a data set with a pending status only."""

    command_field = CommandField.C_FIND_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class _RetrieveResponse(_ClassResponse):
    """The counts of C-STORE sub-operations: ``remaining`` while the status is pending, or when it is cancel."""

    remaining: int | None = field(
        default=None, metadata=_element(CommandElement.NUMBER_OF_REMAINING_SUBOPERATIONS, conditional=True)
    )
    completed: int | None = field(
        default=None, metadata=_element(CommandElement.NUMBER_OF_COMPLETED_SUBOPERATIONS, conditional=True)
    )
    failed: int | None = field(
        default=None, metadata=_element(CommandElement.NUMBER_OF_FAILED_SUBOPERATIONS, conditional=True)
    )
    warning: int | None = field(
        default=None, metadata=_element(CommandElement.NUMBER_OF_WARNING_SUBOPERATIONS, conditional=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CGetRequest(_PriorityRequest):
    """PS3.7 9.3.3; the data set is the Identifier. The instances come as C-STORE requests on the same association."""

    command_field = CommandField.C_GET_RQ


@dataclass(frozen=True, slots=True, kw_only=True)
class CGetResponse(_RetrieveResponse):
    """PS3.7 9.3.3; the data set, when there is one, lists the instances that failed."""

    command_field = CommandField.C_GET_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class CMoveRequest(_PriorityRequest):
    """PS3.7 9.3.4; the data set is the Identifier. The instances go to the AE titled ``destination``."""

    command_field = CommandField.C_MOVE_RQ
    destination: str = field(metadata=_element(CommandElement.MOVE_DESTINATION))


@dataclass(frozen=True, slots=True, kw_only=True)
class CMoveResponse(_RetrieveResponse):
    """PS3.7 9.3.4; the data set, when there is one, lists the instances that failed."""

    command_field = CommandField.C_MOVE_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class CCancelRequest(Message):
    """PS3.7 9.3.2.3: asks to end C-FIND, C-GET or C-MOVE; it has no message id and no response of its own."""

    command_field = CommandField.C_CANCEL_RQ
    responding_to: int = field(metadata=_element(CommandElement.MESSAGE_ID_BEING_RESPONDED_TO))


@dataclass(frozen=True, slots=True, kw_only=True)
class NEventReportRequest(_ClassRequest):
    """PS3.7 10.3.1; the data set is the Event Information."""

    command_field = CommandField.N_EVENT_REPORT_RQ
    instance: str = field(metadata=_element(CommandElement.AFFECTED_SOP_INSTANCE_UID))
    event_type: int = field(metadata=_element(CommandElement.EVENT_TYPE_ID))


@dataclass(frozen=True, slots=True, kw_only=True)
class NEventReportResponse(_InstanceResponse):
    """PS3.7 10.3.1; the data set is the Event Reply."""

    command_field = CommandField.N_EVENT_REPORT_RSP
    event_type: int | None = field(default=None, metadata=_element(CommandElement.EVENT_TYPE_ID, conditional=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class NGetRequest(InstanceRequest):
    """PS3.7 10.3.2; no ``attributes`` means all."""

    command_field = CommandField.N_GET_RQ
    attributes: tuple[int, ...] | None = field(
        default=None, metadata=_element(CommandElement.ATTRIBUTE_IDENTIFIER_LIST, conditional=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NGetResponse(_InstanceResponse):
    """PS3.7 10.3.2; the data set is the Attribute List."""

    command_field = CommandField.N_GET_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class NSetRequest(InstanceRequest):
    """PS3.7 10.3.3; the data set is the Modification List."""

    command_field = CommandField.N_SET_RQ


@dataclass(frozen=True, slots=True, kw_only=True)
class NSetResponse(_InstanceResponse):
    """PS3.7 10.3.3."""

    command_field = CommandField.N_SET_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class NActionRequest(InstanceRequest):
    """PS3.7 10.3.4; the data set is the Action Information."""

    command_field = CommandField.N_ACTION_RQ
    action_type: int = field(metadata=_element(CommandElement.ACTION_TYPE_ID))


@dataclass(frozen=True, slots=True, kw_only=True)
class NActionResponse(_InstanceResponse):
    """PS3.7 10.3.4; the data set is the Action Reply."""

    command_field = CommandField.N_ACTION_RSP
    action_type: int | None = field(default=None, metadata=_element(CommandElement.ACTION_TYPE_ID, conditional=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class NCreateRequest(_ClassRequest):
    """PS3.7 10.3.5; without ``instance`` the SCP makes the UID. The data set is the Attribute List."""

    command_field = CommandField.N_CREATE_RQ
    instance: str | None = field(
        default=None, metadata=_element(CommandElement.AFFECTED_SOP_INSTANCE_UID, conditional=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NCreateResponse(_InstanceResponse):
    """PS3.7 10.3.5."""

    command_field = CommandField.N_CREATE_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class NDeleteRequest(InstanceRequest):
    """PS3.7 10.3.6."""

    command_field = CommandField.N_DELETE_RQ


@dataclass(frozen=True, slots=True, kw_only=True)
class NDeleteResponse(_InstanceResponse):
    """PS3.7 10.3.6."""

    command_field = CommandField.N_DELETE_RSP


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRequest(Request):
    """A request of a service this package has no class for, or one that lacks a mandatory field.

    ``missing`` names the absent elements of a known service; ``command`` is the set as it came.
    """

    command: Mapping[int, CommandValue] = field(default_factory=dict)
    missing: tuple[int, ...] = ()

    @property
    def context_class(self) -> str:
        named = (CommandElement.AFFECTED_SOP_CLASS_UID, CommandElement.REQUESTED_SOP_CLASS_UID)
        return next((str(self.command[element]) for element in named if element in self.command), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherResponse(Response):
    """The response to an OtherRequest; ``answers`` is the request's command field."""

    answers: int
