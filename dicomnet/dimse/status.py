"""Status (0000,0900): its class, name and meaning (PS3.7 9.1, 10.1 and Annex C).

The general codes, and those of the Storage and Query/Retrieve service classes (PS3.4 B.2.3, C.4); any other service
class adds its own (``ups.names`` does for UPS) and passes them to ``describe``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

__all__ = [
    "ATTRIBUTE_LIST_ERROR",
    "ATTRIBUTE_VALUE_OUT_OF_RANGE",
    "CANCEL",
    "CANNOT_COUNT_MATCHES",
    "CANNOT_PERFORM_SUB_OPERATIONS",
    "CANNOT_UNDERSTAND",
    "CLASS_INSTANCE_CONFLICT",
    "COERCION",
    "DATA_SET_DIFFERS",
    "DATA_SET_DOES_NOT_MATCH",
    "DUPLICATE_INVOCATION",
    "DUPLICATE_SOP_INSTANCE",
    "ELEMENTS_DISCARDED",
    "GENERAL",
    "INVALID_ARGUMENT_VALUE",
    "INVALID_ATTRIBUTE_VALUE",
    "INVALID_SOP_INSTANCE",
    "MISSING_ATTRIBUTE",
    "MISSING_ATTRIBUTE_VALUE",
    "MISTYPED_ARGUMENT",
    "MOVE_DESTINATION_UNKNOWN",
    "NOT_AUTHORIZED",
    "NO_SUCH_ACTION_TYPE",
    "NO_SUCH_ARGUMENT",
    "NO_SUCH_ATTRIBUTE",
    "NO_SUCH_EVENT_TYPE",
    "NO_SUCH_SOP_CLASS",
    "NO_SUCH_SOP_INSTANCE",
    "OUT_OF_RESOURCES",
    "PENDING",
    "PENDING_CODES",
    "PENDING_WITH_WARNING",
    "PROCESSING_FAILURE",
    "QUERY_RETRIEVE",
    "RESOURCE_LIMITATION",
    "SOP_CLASS_NOT_SUPPORTED",
    "STORAGE",
    "SUB_OPERATIONS_INCOMPLETE",
    "SUCCESS",
    "UNRECOGNIZED_OPERATION",
    "StatusClass",
    "describe",
    "status_class",
]

SUCCESS = 0x0000
NO_SUCH_ATTRIBUTE = 0x0105
INVALID_ATTRIBUTE_VALUE = 0x0106
ATTRIBUTE_LIST_ERROR = 0x0107
PROCESSING_FAILURE = 0x0110
DUPLICATE_SOP_INSTANCE = 0x0111
NO_SUCH_SOP_INSTANCE = 0x0112
NO_SUCH_EVENT_TYPE = 0x0113
NO_SUCH_ARGUMENT = 0x0114
INVALID_ARGUMENT_VALUE = 0x0115
ATTRIBUTE_VALUE_OUT_OF_RANGE = 0x0116
INVALID_SOP_INSTANCE = 0x0117
NO_SUCH_SOP_CLASS = 0x0118
CLASS_INSTANCE_CONFLICT = 0x0119
MISSING_ATTRIBUTE = 0x0120
MISSING_ATTRIBUTE_VALUE = 0x0121
SOP_CLASS_NOT_SUPPORTED = 0x0122
NO_SUCH_ACTION_TYPE = 0x0123
NOT_AUTHORIZED = 0x0124
DUPLICATE_INVOCATION = 0x0210
UNRECOGNIZED_OPERATION = 0x0211
MISTYPED_ARGUMENT = 0x0212
RESOURCE_LIMITATION = 0x0213
CANCEL = 0xFE00
PENDING = 0xFF00
PENDING_WITH_WARNING = 0xFF01

GENERAL: Mapping[int, str] = {
    SUCCESS: "success",
    NO_SUCH_ATTRIBUTE: "no such attribute",
    INVALID_ATTRIBUTE_VALUE: "invalid attribute value",
    ATTRIBUTE_LIST_ERROR: "attribute list error",
    PROCESSING_FAILURE: "processing failure",
    DUPLICATE_SOP_INSTANCE: "duplicate SOP instance",
    NO_SUCH_SOP_INSTANCE: "no such SOP instance",
    NO_SUCH_EVENT_TYPE: "no such event type",
    NO_SUCH_ARGUMENT: "no such argument",
    INVALID_ARGUMENT_VALUE: "invalid argument value",
    ATTRIBUTE_VALUE_OUT_OF_RANGE: "attribute value out of range",
    INVALID_SOP_INSTANCE: "invalid SOP instance",
    NO_SUCH_SOP_CLASS: "no such SOP class",
    CLASS_INSTANCE_CONFLICT: "class-instance conflict",
    MISSING_ATTRIBUTE: "missing attribute",
    MISSING_ATTRIBUTE_VALUE: "missing attribute value",
    SOP_CLASS_NOT_SUPPORTED: "SOP class not supported",
    NO_SUCH_ACTION_TYPE: "no such action type",
    NOT_AUTHORIZED: "not authorized",
    DUPLICATE_INVOCATION: "duplicate invocation",
    UNRECOGNIZED_OPERATION: "unrecognized operation",
    MISTYPED_ARGUMENT: "mistyped argument",
    RESOURCE_LIMITATION: "resource limitation",
    CANCEL: "cancelled",
    PENDING: "pending",
    PENDING_WITH_WARNING: "pending, some optional keys not supported",
}
"""Names of the codes that mean the same in every service."""

COERCION = 0xB000
ELEMENTS_DISCARDED = 0xB006
DATA_SET_DIFFERS = 0xB007
SUB_OPERATIONS_INCOMPLETE = 0xB000
OUT_OF_RESOURCES = 0xA700
CANNOT_COUNT_MATCHES = 0xA701
CANNOT_PERFORM_SUB_OPERATIONS = 0xA702
MOVE_DESTINATION_UNKNOWN = 0xA801
DATA_SET_DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000

STORAGE: Mapping[int, str] = {
    COERCION: "coercion of data elements",
    ELEMENTS_DISCARDED: "elements discarded",
    DATA_SET_DIFFERS: "data set does not match SOP class, stored all the same",
    OUT_OF_RESOURCES: "out of resources",
    DATA_SET_DOES_NOT_MATCH: "data set does not match SOP class",
    CANNOT_UNDERSTAND: "cannot understand",
}
"""Names of the codes of C-STORE (PS3.4 B.2.3): the first of each range."""

QUERY_RETRIEVE: Mapping[int, str] = {
    SUB_OPERATIONS_INCOMPLETE: "sub-operations complete, one or more failures or warnings",
    OUT_OF_RESOURCES: "out of resources",
    CANNOT_COUNT_MATCHES: "out of resources, unable to calculate number of matches",
    CANNOT_PERFORM_SUB_OPERATIONS: "out of resources, unable to perform sub-operations",
    MOVE_DESTINATION_UNKNOWN: "move destination unknown",
    DATA_SET_DOES_NOT_MATCH: "identifier does not match SOP class",
    CANNOT_UNDERSTAND: "unable to process",
}
"""Names of the codes of C-FIND, C-GET and C-MOVE (PS3.4 C.4.1.1.4, C.4.2.1.5, C.4.3.1.4)."""


class StatusClass(StrEnum):
    """PS3.7 C.1 to C.5."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    CANCEL = "cancel"
    PENDING = "pending"


_CLASSES: Mapping[int, StatusClass] = {
    SUCCESS: StatusClass.SUCCESS,
    0x0001: StatusClass.WARNING,
    ATTRIBUTE_LIST_ERROR: StatusClass.WARNING,
    ATTRIBUTE_VALUE_OUT_OF_RANGE: StatusClass.WARNING,
    CANCEL: StatusClass.CANCEL,
    PENDING: StatusClass.PENDING,
    PENDING_WITH_WARNING: StatusClass.PENDING,
}

PENDING_CODES: Final = frozenset(code for code, kind in _CLASSES.items() if kind is StatusClass.PENDING)
"""The codes of that class, for who asks about nothing else."""


def status_class(status: int) -> StatusClass:
    """The class by the number alone; what no table names is a failure."""
    known = _CLASSES.get(status)
    if known is not None:
        return known
    return StatusClass.WARNING if status >> 12 == 0xB else StatusClass.FAILURE


def describe(status: int, service: Mapping[int, str] | None = None) -> str:
    """``C307 no such instance``: four hex digits and the name, the service's own names first."""
    name = (service or {}).get(status) or GENERAL.get(status)
    return f"{status:04X} {name}" if name else f"{status:04X} ({status_class(status)})"
