"""PDUs as text for logs and for people who look at a peer: what they say, but no payload and no credentials.

Text of the peer is escaped and capped, so that it cannot forge a log line.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from dicomnet.codes import ItemType, known, reject_reason_text
from dicomnet.errors import DecodeError
from dicomnet.records import MISSING, fields
from dicomnet.wire.items import Item, UnknownItem
from dicomnet.wire.pdata import Pdv
from dicomnet.wire.pdu import AAssociateRJ, Pdu, pdu_name

__all__ = ["describe"]

_CAP = 80


def describe(pdu: Pdu) -> str:
    """A PDU in lines: its name, then a line for each field and item. Reserved bytes and lengths only if unusual."""
    return "\n".join(_lines(pdu_name(pdu.pdu_type), pdu, ""))


def _lines(name: str, thing: Pdu | Item | Pdv, indent: str) -> Iterator[str]:
    yield indent + name
    indent += "  "
    for field in fields(thing):
        value = getattr(thing, field.name)
        if field.name in ("items", "pdvs"):
            for member in value:
                yield from _lines(_member_name(member), member, indent)
        elif _is_worth_a_line(field.name, value, field.default):
            is_hex = field.name.startswith("reserved") and isinstance(value, bytes)
            yield f"{indent}{field.name}: {value[:_CAP].hex(' ') if is_hex else _value(value)}"
    if isinstance(thing, AAssociateRJ):
        yield f"{indent}meaning: {reject_reason_text(thing.source, thing.reason)}"


def _member_name(member: Item | Pdv) -> str:
    if isinstance(member, Pdv):
        kind = "command" if member.is_command else "data set"
        return f"PDV of a {kind}{', last' if member.is_last else ''}"
    kind_of_item = known(ItemType, member.item_type)
    if isinstance(member, UnknownItem) or not isinstance(kind_of_item, ItemType):
        return f"item {member.item_type:02X}"
    return f"{kind_of_item.name.replace('_', ' ').lower()} ({member.item_type:02X})"


def _is_worth_a_line(name: str, value: object, default: object) -> bool:
    if name in ("pdu_type", "item_type"):
        return False
    quiet = name.startswith(("reserved", "length", "pdv_length", "error", "version", "trailing", "protocol", "body"))
    return not (quiet and default is not MISSING and value == default)


def _value(value: Any) -> str:
    if isinstance(value, IntEnum):
        return f"{int(value)} ({value.name.replace('_', ' ').lower()})"
    if isinstance(value, str | DecodeError):
        text = str(value)
        return ascii(text[:_CAP]) + ("..." if len(text) > _CAP else "")
    if isinstance(value, bytes | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, tuple):
        return f"{', '.join(_value(one) for one in value[:_CAP])}{', ...' if len(value) > _CAP else ''}" or "none"
    return str(value)
