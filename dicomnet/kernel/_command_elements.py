"""Elements of command sets by how their values are written (PS3.7 E.1); whatever is not named here is bytes.

Both bodies of the kernel share these tables; they hold no behaviour of a codec.
"""

from __future__ import annotations

from collections.abc import Mapping

from dicomnet.codes import CommandElement

__all__ = ["NUMBERS", "PADDING", "TAG_LISTS"]

PADDING: Mapping[int, bytes] = {
    CommandElement.AFFECTED_SOP_CLASS_UID: b"\0",
    CommandElement.REQUESTED_SOP_CLASS_UID: b"\0",
    CommandElement.AFFECTED_SOP_INSTANCE_UID: b"\0",
    CommandElement.REQUESTED_SOP_INSTANCE_UID: b"\0",
    CommandElement.MOVE_DESTINATION: b" ",
    CommandElement.MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE: b" ",
    CommandElement.ERROR_COMMENT: b" ",
}
"""Text elements with their padding (UI: NUL, AE and LO: space)."""

TAG_LISTS = frozenset({CommandElement.OFFENDING_ELEMENT, CommandElement.ATTRIBUTE_IDENTIFIER_LIST})

NUMBERS = frozenset(CommandElement) - PADDING.keys() - TAG_LISTS - {CommandElement.COMMAND_GROUP_LENGTH}
"""Elements of one number of 16 bits (US)."""
