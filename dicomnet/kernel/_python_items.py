"""PDUs as objects, the reference body: this file is the specification of the functions.

The classes are the caller's, frozen dataclasses with the fields named here; the kernel only knows what stands where.
All functions do the plain and well-formed, as received and sent a million times, and say how far they came; what is
anything else is for the caller to look into, who then also finds the error.
"""

from __future__ import annotations

from typing import Any

from dicomnet.errors import DecodeError
from dicomnet.kernel._python_pdv import scan_pdvs

__all__ = ["read_contexts", "read_p_data", "write_contexts"]

_P_DATA_TF = 4
_HEADER_LENGTH = 6

_CONTEXT = 0x20
_ABSTRACT_SYNTAX = 0x30
_TRANSFER_SYNTAX = 0x40


def read_p_data(
    data: bytes, start: int, max_length: int, max_pdvs: int, kinds: tuple[Any, Any]
) -> tuple[list[Any], int]:
    """The P-DATA-TF PDUs (PS3.8 9.3.5) that begin at ``start``, and where they end.

    It reads as long as they are plain: there as a whole, without fault, with no more than ``max_length`` bytes after
    the header and ``max_pdvs`` PDVs. A PDU becomes ``kinds[0](pdvs, reserved)``, a PDV ``kinds[1](context_id, payload,
    control)`` with a view of the data as its payload.

    Raises:
        ValueError: ``start`` is no part of the data.
    """
    if not 0 <= start <= len(data):
        raise ValueError("start is no part of the data")
    pdu, pdv = kinds
    view = memoryview(data)
    found: list[Any] = []
    while len(data) - start >= _HEADER_LENGTH and data[start] == _P_DATA_TF:
        length = int.from_bytes(data[start + 2 : start + _HEADER_LENGTH], "big")
        if length > max_length or length > len(data) - start - _HEADER_LENGTH:
            break
        stop = start + _HEADER_LENGTH + length
        body = view[start + _HEADER_LENGTH : stop]
        try:
            places = scan_pdvs(body, max_pdvs)
        except DecodeError:
            break
        pdvs = tuple(pdv(context_id, body[first:end], control) for context_id, control, first, end in places)
        found.append(pdu(pdvs, data[start + 1]))
        start = stop
    return found, start


def read_contexts(
    data: bytes, start: int, end: int, limits: tuple[int, int], kinds: tuple[Any, Any, Any]
) -> tuple[list[Any], int]:
    """The Presentation Context items of an A-ASSOCIATE-RQ (PS3.8 9.3.2.2) that begin at ``start``, and where they end.

    It reads as long as the items are plain: inside ``end``, exactly filled with Abstract and Transfer Syntax sub-items.
    ``limits`` are the items to read at most and the sub-items in one that are still plain. An item becomes
    ``kinds[0](context_id, items, reserved_bytes, reserved=...)``, its sub-items ``kinds[1](uid, reserved=...)`` for an
    abstract syntax and ``kinds[2](uid, reserved=...)`` for a transfer syntax. Equal sub-items may be the same object.

    Raises:
        ValueError: ``start`` and ``end`` are no part of the data.
    """
    if not 0 <= start <= end <= len(data):
        raise ValueError("start and end are no part of the data")
    max_items, max_sub_items = limits
    context = kinds[0]
    makers = {_ABSTRACT_SYNTAX: kinds[1], _TRANSFER_SYNTAX: kinds[2]}
    known: dict[bytes, Any] = {}
    found: list[Any] = []
    while len(found) < max_items and end - start >= 8 and data[start] == _CONTEXT:
        stop = start + 4 + int.from_bytes(data[start + 2 : start + 4], "big")
        if stop > end or stop < start + 8:
            break
        position = start + 8
        items: list[Any] = []
        while stop - position >= 4 and len(items) < max_sub_items and data[position] in makers:
            body = position + 4
            position = body + int.from_bytes(data[position + 2 : body], "big")
            raw = data[body - 4 : position]
            if raw not in known:
                known[raw] = makers[raw[0]](str(raw[4:], "latin-1"), reserved=raw[1])
            items.append(known[raw])
        if position != stop:
            break
        found.append(context(data[start + 4], tuple(items), data[start + 5 : start + 8], reserved=data[start + 1]))
        start = stop
    return found, start


def write_contexts(items: tuple[Any, ...], start: int, kinds: tuple[Any, Any, Any]) -> tuple[bytes, int]:
    """The bytes of the Presentation Context items from ``items[start]`` on, and the index of the first not written.

    It writes as long as the items are plain: of exactly these ``kinds`` (see ``read_contexts``), with fields that fit
    and no length given.
    """
    parts: list[bytes] = []
    index = start
    while index < len(items) and type(items[index]) is kinds[0]:
        body = _context_body(items[index], kinds)
        if body is None:
            break
        parts += bytes((_CONTEXT, items[index].reserved)), len(body).to_bytes(2, "big"), body
        index += 1
    return b"".join(parts), index


def _context_body(item: Any, kinds: tuple[Any, Any, Any]) -> bytes | None:
    if item.length is not None or not (_is_u8(item.reserved) and _is_u8(item.context_id)):
        return None
    if type(item.reserved_bytes) is not bytes or len(item.reserved_bytes) != 3 or type(item.items) is not tuple:
        return None
    body = bytearray((item.context_id,)) + item.reserved_bytes
    for sub in item.items:
        if type(sub) is kinds[1]:
            item_type = _ABSTRACT_SYNTAX
        elif type(sub) is kinds[2]:
            item_type = _TRANSFER_SYNTAX
        else:
            return None
        if sub.length is not None or not _is_u8(sub.reserved) or type(sub.uid) is not str:
            return None
        try:
            uid = sub.uid.encode("latin-1")
        except UnicodeEncodeError:
            return None
        if len(uid) > 0xFFFF - 4 - len(body):
            return None
        body += bytes((item_type, sub.reserved)) + len(uid).to_bytes(2, "big") + uid
    return bytes(body)


def _is_u8(value: object) -> bool:
    return type(value) is int and 0 <= value <= 0xFF
