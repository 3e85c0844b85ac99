"""Items and user information sub-items of A-ASSOCIATE-RQ and -AC (PS3.8 9.3.2-3 and Annex D, PS3.7 D.3.3).

Every item reads its own body (``from_body``) and writes it (``encode_body``); the header of four bytes is common. An
item says what was on the wire, right or wrong: whether it may stand there, twice or at all, is for ``audit`` and for
negotiation. ``length`` is computed unless given, and what is given is sent. Where an item type has no meaning it
becomes an UnknownItem, so nesting ends after two levels whatever the peer sends. Knows no PDU.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import ClassVar, Self, TypeAlias

from dicomnet.codes import ContextResult, ItemType, known
from dicomnet.errors import EncodeError, Fault
from dicomnet.kernel import read_contexts, write_contexts
from dicomnet.records import dataclass
from dicomnet.wire.leaf_items import (
    AbstractSyntax,
    ApplicationContext,
    AsyncOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ImplementationClassUid,
    ImplementationVersionName,
    MaximumLength,
    ReservedByte,
    RoleSelection,
    TransferSyntax,
    UnknownItem,
    UserIdentity,
    UserIdentityResponse,
)
from dicomnet.wire.reader import Reader
from dicomnet.wire.writer import exactly, u8, u16, within

__all__ = [
    "ASSOCIATE_ITEMS",
    "MAX_CONTEXTS",
    "MAX_OTHER_ITEMS",
    "MAX_TRANSFER_SYNTAXES",
    "MAX_USER_ITEMS",
    "USER_ITEM_KINDS",
    "AbstractSyntax",
    "ApplicationContext",
    "AsyncOperationsWindow",
    "CommonExtendedNegotiation",
    "ExtendedNegotiation",
    "ImplementationClassUid",
    "ImplementationVersionName",
    "Item",
    "MaximumLength",
    "PresentationContext",
    "PresentationContextResult",
    "RoleSelection",
    "TransferSyntax",
    "UnknownItem",
    "UserIdentity",
    "UserIdentityResponse",
    "UserInformation",
    "encode_items",
    "read_items",
]

MAX_CONTEXTS = 128
MAX_TRANSFER_SYNTAXES = 128
MAX_USER_ITEMS = 256
MAX_OTHER_ITEMS = 256  # items at one place that none of the three above counts


@dataclass(frozen=True, slots=True)
class PresentationContext(ReservedByte):
    """Presentation Context item of an A-ASSOCIATE-RQ (PS3.8 9.3.2.2)."""

    item_type: ClassVar[int] = ItemType.PRESENTATION_CONTEXT_RQ

    context_id: int
    items: tuple[Item, ...] = ()
    reserved_bytes: bytes = b"\0\0\0"

    @classmethod
    def of(cls, context_id: int, abstract_syntax: str, transfer_syntaxes: Iterable[str]) -> Self:
        """The item that proposes this abstract syntax in any of these transfer syntaxes."""
        return cls(context_id, (AbstractSyntax(abstract_syntax), *map(TransferSyntax, transfer_syntaxes)))

    @property
    def abstract_syntax(self) -> str | None:
        """The first abstract syntax, None without one."""
        return next((item.uid for item in self.items if isinstance(item, AbstractSyntax)), None)

    @property
    def transfer_syntaxes(self) -> tuple[str, ...]:
        """The transfer syntaxes in the order proposed."""
        return tuple(item.uid for item in self.items if isinstance(item, TransferSyntax))

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        context_id = reader.u8("context_id")
        reserved_bytes = reader.take(3, "reserved_bytes")
        return cls(context_id, read_items(reader, _CONTEXT_ITEMS), reserved_bytes, reserved=reserved)

    def encode_body(self) -> bytes:
        head = u8(self.context_id, "context_id") + exactly(self.reserved_bytes, 3, "reserved_bytes")
        return head + encode_items(self.items)


@dataclass(frozen=True, slots=True)
class PresentationContextResult(ReservedByte):
    """Presentation Context item of an A-ASSOCIATE-AC (PS3.8 9.3.3.2); result 0 is the only acceptance."""

    item_type: ClassVar[int] = ItemType.PRESENTATION_CONTEXT_AC

    context_id: int
    result: int
    items: tuple[Item, ...] = ()
    reserved_byte_6: int = 0
    reserved_byte_8: int = 0

    @classmethod
    def of(cls, context_id: int, result: int, transfer_syntax: str) -> Self:
        """The item that gives this answer; the transfer syntax means something with acceptance only."""
        return cls(context_id, known(ContextResult, result), (TransferSyntax(transfer_syntax),))

    @property
    def transfer_syntax(self) -> str | None:
        """The first transfer syntax, None without one."""
        return next((item.uid for item in self.items if isinstance(item, TransferSyntax)), None)

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        context_id = reader.u8("context_id")
        byte_6 = reader.u8("reserved_byte_6")
        result = known(ContextResult, reader.u8("result"))
        byte_8 = reader.u8("reserved_byte_8")
        return cls(context_id, result, read_items(reader, _CONTEXT_ITEMS), byte_6, byte_8, reserved=reserved)

    def encode_body(self) -> bytes:
        return b"".join(
            (
                u8(self.context_id, "context_id"),
                u8(self.reserved_byte_6, "reserved_byte_6"),
                u8(self.result, "result"),
                u8(self.reserved_byte_8, "reserved_byte_8"),
                encode_items(self.items),
            )
        )


@dataclass(frozen=True, slots=True)
class UserInformation(ReservedByte):
    """User Information item, the envelope of the sub-items 51 to 59 (PS3.8 9.3.2.3)."""

    item_type: ClassVar[int] = ItemType.USER_INFORMATION

    items: tuple[Item, ...] = ()

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(read_items(reader, _USER_ITEMS), reserved=reserved)

    def encode_body(self) -> bytes:
        return encode_items(self.items)


Item: TypeAlias = (
    ApplicationContext
    | AbstractSyntax
    | TransferSyntax
    | ImplementationClassUid
    | PresentationContext
    | PresentationContextResult
    | UserInformation
    | MaximumLength
    | AsyncOperationsWindow
    | RoleSelection
    | ImplementationVersionName
    | ExtendedNegotiation
    | CommonExtendedNegotiation
    | UserIdentity
    | UserIdentityResponse
    | UnknownItem
)


@dataclass(frozen=True, slots=True)
class ItemPlace:
    """What may stand at one place: the items that are read there, and how many there may be."""

    kinds: Mapping[int, Callable[[Reader, int], Item]]
    counted: frozenset[int]
    limit: int


# Item types by the place where they mean something; anywhere else the same type is an UnknownItem.
_CONTEXT_ITEMS = ItemPlace(
    {kind.item_type: kind.from_body for kind in (AbstractSyntax, TransferSyntax)},
    frozenset({TransferSyntax.item_type}),
    MAX_TRANSFER_SYNTAXES,
)
USER_ITEM_KINDS = (
    MaximumLength,
    ImplementationClassUid,
    AsyncOperationsWindow,
    RoleSelection,
    ImplementationVersionName,
    ExtendedNegotiation,
    CommonExtendedNegotiation,
    UserIdentity,
    UserIdentityResponse,
)
"""The sub-items of User Information (PS3.8 Annex D, PS3.7 D.3.3)."""

_USER_ITEMS = ItemPlace(
    {kind.item_type: kind.from_body for kind in USER_ITEM_KINDS},
    frozenset(range(256)),
    MAX_USER_ITEMS,
)
ASSOCIATE_ITEMS = ItemPlace(
    {
        kind.item_type: kind.from_body
        for kind in (ApplicationContext, PresentationContext, PresentationContextResult, UserInformation)
    },
    frozenset({PresentationContext.item_type, PresentationContextResult.item_type}),
    MAX_CONTEXTS,
)

# Of what a request mostly consists the kernel reads and writes many at a time, as long as nothing about them is odd.
_CONTEXT_KINDS = (PresentationContext, AbstractSyntax, TransferSyntax)

_HEADER = struct.Struct(">BBH")

_CLAUSES: Mapping[int, str] = {
    ItemType.APPLICATION_CONTEXT: "PS3.8 9.3.2.1",
    ItemType.PRESENTATION_CONTEXT_RQ: "PS3.8 9.3.2.2",
    ItemType.PRESENTATION_CONTEXT_AC: "PS3.8 9.3.3.2",
    ItemType.USER_INFORMATION: "PS3.8 9.3.2.3",
    ItemType.MAXIMUM_LENGTH: "PS3.8 D.1",
    ItemType.IMPLEMENTATION_CLASS_UID: "PS3.7 D.3.3.2",
    ItemType.ASYNCHRONOUS_OPERATIONS_WINDOW: "PS3.7 D.3.3.3",
    ItemType.ROLE_SELECTION: "PS3.7 D.3.3.4",
    ItemType.IMPLEMENTATION_VERSION_NAME: "PS3.7 D.3.3.2",
    ItemType.EXTENDED_NEGOTIATION: "PS3.7 D.3.3.5",
    ItemType.COMMON_EXTENDED_NEGOTIATION: "PS3.7 D.3.3.6",
    ItemType.USER_IDENTITY: "PS3.7 D.3.3.7",
    ItemType.USER_IDENTITY_RESPONSE: "PS3.7 D.3.3.7",
}


def read_items(reader: Reader, place: ItemPlace) -> tuple[Item, ...]:
    """All that is left in ``reader`` as items.

    Raises:
        DecodeError: one of them cannot be read, or there are too many.
    """
    items: list[Item] = []
    counted = 0
    while reader.remaining:
        if place is ASSOCIATE_ITEMS:
            contexts = reader.ahead(partial(_read_contexts, MAX_CONTEXTS - counted))
            counted += len(contexts)
            items += contexts
            if not reader.remaining:
                break
        start = reader.offset
        name = f"items[{len(items)}]"
        if reader.remaining < 4:
            raise reader.error(Fault.LEFTOVER, f"{reader.remaining} bytes left over, too few for an item", name)
        item_type = reader.u8(name)
        counted += item_type in place.counted
        if counted > place.limit or len(items) - counted >= MAX_OTHER_ITEMS:
            limit = place.limit if counted > place.limit else MAX_OTHER_ITEMS
            raise reader.error(Fault.LIMIT, f"more than {limit} items of a kind", name, start)
        reserved = reader.u8(name)
        length = reader.u16(name)
        if length > reader.remaining:
            message = f"item 0x{item_type:02X} announces {length} bytes, {reader.remaining} left"
            raise reader.error(Fault.OVERRUN, message, name, start)
        body = reader.sub(length, name, _CLAUSES.get(item_type, ""))
        parse = place.kinds.get(item_type)
        items.append(parse(body, reserved) if parse else UnknownItem(item_type, body.rest(), reserved=reserved))
        body.finish()
    return tuple(items)


def encode_items(items: Iterable[Item]) -> bytes:
    """The items one after the other.

    Raises:
        EncodeError: a field cannot hold its value.
    """
    items = tuple(items)
    parts: list[bytes] = []
    index = 0
    while index < len(items):
        contexts, index = write_contexts(items, index, _CONTEXT_KINDS)
        parts.append(contexts)
        if index == len(items):
            break
        item = items[index]
        try:
            body = item.encode_body()
            length = len(body) if item.length is None else item.length
            parts += _header(item.item_type, item.reserved, length), body
        except EncodeError as error:
            raise within(error, f"items[{index}]") from None
        index += 1
    return b"".join(parts)


def _header(item_type: int, reserved: int, length: int) -> bytes:
    try:
        return _HEADER.pack(item_type, reserved, length)
    except struct.error:  # which does not say what is wrong
        last = u16(length, "length")
        return u8(item_type, "item_type") + u8(reserved, "reserved") + last


def _read_contexts(most: int, data: bytes, start: int, end: int) -> tuple[list[PresentationContext], int]:
    found: tuple[list[PresentationContext], int]
    found = read_contexts(data, start, end, (most, MAX_TRANSFER_SYNTAXES), _CONTEXT_KINDS)
    return found
