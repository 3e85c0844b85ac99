"""Items and user information sub-items of A-ASSOCIATE-RQ and -AC (PS3.8 9.3.2-3 and Annex D, PS3.7 D.3.3).

Every item reads its own body (``from_body``) and writes it (``encode_body``); the header of four bytes is common. An
item says what was on the wire, right or wrong: whether it may stand there, twice or at all, is for ``audit`` and for
negotiation.
``length`` is computed unless given, and what is given is sent. Where an item type has no meaning it becomes an
UnknownItem, so nesting ends after two levels whatever the peer sends. Knows no PDU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, TypeAlias

from dicomnet.codes import ContextResult, IdentityType, ItemType, known
from dicomnet.errors import EncodeError, Fault
from dicomnet.wire.reader import Reader
from dicomnet.wire.writer import exactly, latin1, u8, u16, u32, within

__all__ = [
    "ASSOCIATE_ITEMS",
    "MAX_CONTEXTS",
    "MAX_OTHER_ITEMS",
    "MAX_TRANSFER_SYNTAXES",
    "MAX_USER_ITEMS",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sized:
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reserved(_Sized):
    reserved: int = 0  # byte 2 of the header


@dataclass(frozen=True, slots=True)
class _UidItem(_Reserved):
    uid: str

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(reader.text(reader.remaining, "uid"), reserved=reserved)

    def encode_body(self) -> bytes:
        return latin1(self.uid, "uid")


class ApplicationContext(_UidItem):
    """Application Context item (PS3.8 9.3.2.1)."""

    __slots__ = ()
    item_type: ClassVar[int] = ItemType.APPLICATION_CONTEXT


class AbstractSyntax(_UidItem):
    """Abstract Syntax sub-item of a proposed presentation context (PS3.8 9.3.2.2.1)."""

    __slots__ = ()
    item_type: ClassVar[int] = ItemType.ABSTRACT_SYNTAX


class TransferSyntax(_UidItem):
    """Transfer Syntax sub-item of a presentation context (PS3.8 9.3.2.2.2, 9.3.3.2.1)."""

    __slots__ = ()
    item_type: ClassVar[int] = ItemType.TRANSFER_SYNTAX


class ImplementationClassUid(_UidItem):
    """Implementation Class UID sub-item (PS3.7 D.3.3.2)."""

    __slots__ = ()
    item_type: ClassVar[int] = ItemType.IMPLEMENTATION_CLASS_UID


@dataclass(frozen=True, slots=True)
class PresentationContext(_Reserved):
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
class PresentationContextResult(_Reserved):
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
class UserInformation(_Reserved):
    """User Information item, the envelope of the sub-items 51 to 59 (PS3.8 9.3.2.3)."""

    item_type: ClassVar[int] = ItemType.USER_INFORMATION

    items: tuple[Item, ...] = ()

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(read_items(reader, _USER_ITEMS), reserved=reserved)

    def encode_body(self) -> bytes:
        return encode_items(self.items)


@dataclass(frozen=True, slots=True)
class MaximumLength(_Reserved):
    """Maximum Length Received sub-item: the longest P-DATA-TF its sender takes, 0 for no limit (PS3.8 D.1)."""

    item_type: ClassVar[int] = ItemType.MAXIMUM_LENGTH

    value: int

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(reader.u32("value"), reserved=reserved)

    def encode_body(self) -> bytes:
        return u32(self.value, "value")


@dataclass(frozen=True, slots=True)
class AsyncOperationsWindow(_Reserved):
    """Asynchronous Operations Window sub-item; 0 is unlimited (PS3.7 D.3.3.3)."""

    item_type: ClassVar[int] = ItemType.ASYNCHRONOUS_OPERATIONS_WINDOW

    invoked: int
    performed: int

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(reader.u16("invoked"), reader.u16("performed"), reserved=reserved)

    def encode_body(self) -> bytes:
        return u16(self.invoked, "invoked") + u16(self.performed, "performed")


@dataclass(frozen=True, slots=True)
class RoleSelection(_Reserved):
    """SCP/SCU Role Selection sub-item (PS3.7 D.3.3.4); a role is 0 or 1, any other value is a mistake of its sender."""

    item_type: ClassVar[int] = ItemType.ROLE_SELECTION

    sop_class: str
    scu: int
    scp: int

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(_read_uid(reader, "sop_class"), reader.u8("scu"), reader.u8("scp"), reserved=reserved)

    def encode_body(self) -> bytes:
        return _uid(self.sop_class, "sop_class") + u8(self.scu, "scu") + u8(self.scp, "scp")


@dataclass(frozen=True, slots=True)
class ImplementationVersionName(_Reserved):
    """Implementation Version Name sub-item, 1 to 16 characters (PS3.7 D.3.3.2)."""

    item_type: ClassVar[int] = ItemType.IMPLEMENTATION_VERSION_NAME

    name: str

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(reader.text(reader.remaining, "name"), reserved=reserved)

    def encode_body(self) -> bytes:
        return latin1(self.name, "name")


@dataclass(frozen=True, slots=True)
class ExtendedNegotiation(_Reserved):
    """SOP Class Extended Negotiation sub-item; the service class defines ``info`` (PS3.7 D.3.3.5)."""

    item_type: ClassVar[int] = ItemType.EXTENDED_NEGOTIATION

    sop_class: str
    info: bytes

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(_read_uid(reader, "sop_class"), reader.rest(), reserved=reserved)

    def encode_body(self) -> bytes:
        return _uid(self.sop_class, "sop_class") + self.info


@dataclass(frozen=True, slots=True)
class CommonExtendedNegotiation(_Sized):
    """SOP Class Common Extended Negotiation sub-item (PS3.7 D.3.3.6); ``version`` is byte 2 of its header."""

    item_type: ClassVar[int] = ItemType.COMMON_EXTENDED_NEGOTIATION

    sop_class: str
    service_class: str
    related: tuple[str, ...] = ()
    version: int = 0
    trailing: bytes = b""

    @property
    def reserved(self) -> int:
        """Byte 2 of the header, which here is the version."""
        return self.version

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        sop_class = _read_uid(reader, "sop_class")
        service_class = _read_uid(reader, "service_class")
        related = reader.sub(reader.u16("related"), "related")
        uids: list[str] = []
        while related.remaining:
            uids.append(_read_uid(related, f"[{len(uids)}]"))
        return cls(sop_class, service_class, tuple(uids), reserved, reader.rest())

    def encode_body(self) -> bytes:
        related = b"".join(_uid(uid, f"related[{index}]") for index, uid in enumerate(self.related))
        return b"".join(
            (
                _uid(self.sop_class, "sop_class"),
                _uid(self.service_class, "service_class"),
                u16(len(related), "related"),
                related,
                self.trailing,
            )
        )


@dataclass(frozen=True, slots=True)
class UserIdentity(_Reserved):
    """User Identity sub-item (PS3.7 D.3.3.7.1). ``secondary`` is the passcode of type 2 and kept out of ``repr``."""

    item_type: ClassVar[int] = ItemType.USER_IDENTITY

    identity_type: int
    response_requested: int
    primary: bytes
    secondary: bytes = b""

    def __repr__(self) -> str:
        # Passwords, tickets and tokens never reach a log by way of a PDU that is printed.
        return (
            f"UserIdentity(identity_type={self.identity_type!r}, response_requested={self.response_requested!r}, "
            f"primary=<{len(self.primary)} bytes>, secondary=<{len(self.secondary)} bytes>)"
        )

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        identity_type = known(IdentityType, reader.u8("identity_type"))
        response_requested = reader.u8("response_requested")
        primary = reader.take(reader.u16("primary"), "primary")
        secondary = reader.take(reader.u16("secondary"), "secondary")
        return cls(identity_type, response_requested, primary, secondary, reserved=reserved)

    def encode_body(self) -> bytes:
        return b"".join(
            (
                u8(self.identity_type, "identity_type"),
                u8(self.response_requested, "response_requested"),
                u16(len(self.primary), "primary"),
                self.primary,
                u16(len(self.secondary), "secondary"),
                self.secondary,
            )
        )


@dataclass(frozen=True, slots=True)
class UserIdentityResponse(_Reserved):
    """User Identity sub-item of an A-ASSOCIATE-AC (PS3.7 D.3.3.7.2)."""

    item_type: ClassVar[int] = ItemType.USER_IDENTITY_RESPONSE

    response: bytes = b""

    def __repr__(self) -> str:
        # The answer to a Kerberos ticket or a SAML assertion is a credential, too.
        return f"UserIdentityResponse(response=<{len(self.response)} bytes>)"

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(reader.take(reader.u16("response"), "response"), reserved=reserved)

    def encode_body(self) -> bytes:
        return u16(len(self.response), "response") + self.response


@dataclass(frozen=True, slots=True)
class UnknownItem(_Reserved):
    """An item without meaning where it stands. Also the way to send any body under any item type."""

    item_type: int
    body: bytes = b""

    def encode_body(self) -> bytes:
        return self.body


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
_USER_ITEMS = ItemPlace(
    {
        kind.item_type: kind.from_body
        for kind in (
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
    },
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
    """All that is left in ``reader`` as items. Raises: DecodeError."""
    items: list[Item] = []
    counted = 0
    while reader.remaining:
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
            message = f"item {item_type:02X} announces {length} bytes, {reader.remaining} left"
            raise reader.error(Fault.OVERRUN, message, name, start)
        body = reader.sub(length, name, _CLAUSES.get(item_type, ""))
        parse = place.kinds.get(item_type)
        items.append(parse(body, reserved) if parse else UnknownItem(item_type, body.rest(), reserved=reserved))
        body.finish()
    return tuple(items)


def encode_items(items: Iterable[Item]) -> bytes:
    """The items one after the other. Raises: EncodeError."""
    parts: list[bytes] = []
    for index, item in enumerate(items):
        try:
            body = item.encode_body()
            length = u16(len(body) if item.length is None else item.length, "length")
            parts += u8(item.item_type, "item_type"), u8(item.reserved, "reserved"), length, body
        except EncodeError as error:
            raise within(error, f"items[{index}]") from None
    return b"".join(parts)


def _read_uid(reader: Reader, field: str) -> str:
    return reader.text(reader.u16(field), field)


def _uid(uid: str, path: str) -> bytes:
    encoded = latin1(uid, path)
    return u16(len(encoded), path) + encoded
