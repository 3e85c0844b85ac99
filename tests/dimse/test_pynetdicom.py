"""Command sets beside pynetdicom's, which has the fields of PS3.7 9.3 and 10.3 in a table of its own."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from pydicom.tag import Tag
from pynetdicom import dimse_messages, dimse_primitives

from dicomnet.dimse import messages as m
from dicomnet.dimse.command import decode_command, encode_command
from dicomnet.dimse.conversion import from_command, to_command

NAMES = {
    "message_id": "MessageID",
    "responding_to": "MessageIDBeingRespondedTo",
    "status": "Status",
    "priority": "Priority",
    "destination": "MoveDestination",
    "move_originator": "MoveOriginatorApplicationEntityTitle",
    "move_originator_message_id": "MoveOriginatorMessageID",
    "remaining": "NumberOfRemainingSuboperations",
    "completed": "NumberOfCompletedSuboperations",
    "failed": "NumberOfFailedSuboperations",
    "warning": "NumberOfWarningSuboperations",
    "event_type": "EventTypeID",
    "action_type": "ActionTypeID",
    "attributes": "AttributeIdentifierList",
    "error_comment": "ErrorComment",
    "error_id": "ErrorID",
    "offending_elements": "OffendingElement",
    "sop_class": "AffectedSOPClassUID",
    "instance": "AffectedSOPInstanceUID",
}
CLASS, UID = "1.2.840.10008.5.1.4.1.1.7", "2.25.77"
ASK: dict[str, Any] = {"message_id": 7, "sop_class": CLASS}
ANSWER: dict[str, Any] = {"responding_to": 7, "status": 0, "sop_class": CLASS}
COUNTS = {"remaining": 4, "completed": 3, "failed": 2, "warning": 1}
INSTANCE = {"instance": UID}
MESSAGES: list[tuple[type[m.Message], str, Mapping[str, Any]]] = [
    (m.CEchoRequest, "C_ECHO", ASK),
    (m.CEchoResponse, "C_ECHO", ANSWER),
    (m.CStoreRequest, "C_STORE", {**ASK, **INSTANCE, "priority": 2}),
    (
        m.CStoreRequest,
        "C_STORE",
        {**ASK, **INSTANCE, "priority": 0, "move_originator": "MOVER", "move_originator_message_id": 9},
    ),
    (m.CStoreResponse, "C_STORE", {**ANSWER, **INSTANCE}),
    (m.CFindRequest, "C_FIND", {**ASK, "priority": 1}),
    (m.CFindResponse, "C_FIND", {**ANSWER, "status": 0xFF00}),
    (m.CGetRequest, "C_GET", {**ASK, "priority": 0}),
    (m.CGetResponse, "C_GET", {**ANSWER, **COUNTS, "status": 0xFF00}),
    (m.CGetResponse, "C_GET", {**ANSWER, "completed": 3, "failed": 0, "warning": 0, "status": 0xB000}),
    (m.CMoveRequest, "C_MOVE", {**ASK, "priority": 0, "destination": "STORE"}),
    (m.CMoveResponse, "C_MOVE", {**ANSWER, **COUNTS, "status": 0xFE00, "error_comment": "enough"}),
    (m.CCancelRequest, "C_CANCEL", {"responding_to": 7}),
    (m.NEventReportRequest, "N_EVENT_REPORT", {**ASK, **INSTANCE, "event_type": 3}),
    (m.NEventReportResponse, "N_EVENT_REPORT", {**ANSWER, **INSTANCE, "event_type": 3}),
    (m.NGetRequest, "N_GET", {**ASK, **INSTANCE, "attributes": (0x00100010, 0x00741000)}),
    (m.NGetResponse, "N_GET", {**ANSWER, **INSTANCE}),
    (m.NSetRequest, "N_SET", {**ASK, **INSTANCE}),
    (m.NSetResponse, "N_SET", {**ANSWER, **INSTANCE}),
    (m.NActionRequest, "N_ACTION", {**ASK, **INSTANCE, "action_type": 3}),
    (m.NActionResponse, "N_ACTION", {**ANSWER, **INSTANCE, "action_type": 3}),
    (m.NCreateRequest, "N_CREATE", {**ASK, **INSTANCE}),
    (m.NCreateRequest, "N_CREATE", ASK),
    (m.NCreateResponse, "N_CREATE", {**ANSWER, **INSTANCE}),
    (m.NDeleteRequest, "N_DELETE", {**ASK, **INSTANCE}),
    (m.NDeleteResponse, "N_DELETE", {**ANSWER, **INSTANCE, "status": 0x0112}),
]


def encoded_by_pynetdicom(kind: type[m.Message], service: str, values: Mapping[str, Any]) -> bytes:
    primitive = getattr(dimse_primitives, service)()
    for name, value in values.items():
        attribute = NAMES[name]
        if issubclass(kind, m.InstanceRequest):
            attribute = attribute.replace("Affected", "Requested")
        setattr(primitive, attribute, list(map(Tag, value)) if isinstance(value, tuple) else value)
    ending = "RSP" if issubclass(kind, m.Response) else "RQ"
    message = getattr(dimse_messages, f"{service}_{ending}")()
    message.primitive_to_message(primitive)
    command: bytes = message.encode_msg(1, 0).__next__().presentation_data_value_list[0][1]
    return command[1:]


@pytest.mark.parametrize(("kind", "service", "values"), MESSAGES)
def test_the_same_fields_in_the_same_bytes(kind: type[m.Message], service: str, values: Mapping[str, Any]) -> None:
    theirs = encoded_by_pynetdicom(kind, service, values)
    message = kind(**values)
    assert encode_command(to_command(message, has_data_set=False)) == theirs
    assert from_command(decode_command(theirs), context_id=1, data_set=None) == message


@pytest.mark.parametrize(("kind", "service", "values"), MESSAGES)
def test_pynetdicom_reads_what_we_write(kind: type[m.Message], service: str, values: Mapping[str, Any]) -> None:
    from pynetdicom.dsutils import decode

    command = decode(BytesIO(encode_command(to_command(kind(**values), has_data_set=False))), True, True)
    for name, value in values.items():
        attribute = NAMES[name]
        if issubclass(kind, m.InstanceRequest):
            attribute = attribute.replace("Affected", "Requested")
        found = getattr(command, attribute)
        assert (tuple(found) if isinstance(value, tuple) else found) == value
