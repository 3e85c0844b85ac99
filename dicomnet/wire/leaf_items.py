"""The items that hold no other items, each reading and writing its own body (PS3.8 9.3.2-3 and D.1, PS3.7 D.3.3).

``from_body`` gets what follows the header of four bytes and its reserved byte; ``encode_body`` gives what follows it.
Knows no places: any item can stand anywhere.
"""

from __future__ import annotations

from typing import ClassVar, Self

from dicomnet.codes import IdentityType, ItemType, known
from dicomnet.errors import Fault
from dicomnet.records import dataclass
from dicomnet.wire.reader import Reader
from dicomnet.wire.writer import latin1, u8, u16, u32

__all__ = [
    "MAX_RELATED",
    "AbstractSyntax",
    "ApplicationContext",
    "AsyncOperationsWindow",
    "CommonExtendedNegotiation",
    "ExtendedNegotiation",
    "ImplementationClassUid",
    "ImplementationVersionName",
    "MaximumLength",
    "ReservedByte",
    "RoleSelection",
    "TransferSyntax",
    "UnknownItem",
    "UserIdentity",
    "UserIdentityResponse",
]


MAX_RELATED = 256  # related general SOP classes in one sub-item


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sized:
    """An item; ``length`` is computed unless given."""

    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedByte(_Sized):
    """An item with a reserved byte in its header, as all but one have."""

    reserved: int = 0


@dataclass(frozen=True, slots=True)
class _UidItem(ReservedByte):
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
class MaximumLength(ReservedByte):
    """Maximum Length Received sub-item: the longest P-DATA-TF its sender takes, 0 for no limit (PS3.8 D.1)."""

    item_type: ClassVar[int] = ItemType.MAXIMUM_LENGTH

    value: int

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(reader.u32("value"), reserved=reserved)

    def encode_body(self) -> bytes:
        return u32(self.value, "value")


@dataclass(frozen=True, slots=True)
class AsyncOperationsWindow(ReservedByte):
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
class RoleSelection(ReservedByte):
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
class ImplementationVersionName(ReservedByte):
    """Implementation Version Name sub-item, 1 to 16 characters (PS3.7 D.3.3.2)."""

    item_type: ClassVar[int] = ItemType.IMPLEMENTATION_VERSION_NAME

    name: str

    @classmethod
    def from_body(cls, reader: Reader, reserved: int) -> Self:
        return cls(reader.text(reader.remaining, "name"), reserved=reserved)

    def encode_body(self) -> bytes:
        return latin1(self.name, "name")


@dataclass(frozen=True, slots=True)
class ExtendedNegotiation(ReservedByte):
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
            if len(uids) >= MAX_RELATED:
                raise related.error(Fault.LIMIT, f"more than {MAX_RELATED} related general SOP classes")
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
class UserIdentity(ReservedByte):
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
class UserIdentityResponse(ReservedByte):
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
class UnknownItem(ReservedByte):
    """An item without meaning where it stands. Also the way to send any body under any item type."""

    item_type: int
    body: bytes = b""

    def encode_body(self) -> bytes:
        return self.body


def _read_uid(reader: Reader, field: str) -> str:
    return reader.text(reader.u16(field), field)


def _uid(uid: str, path: str) -> bytes:
    encoded = latin1(uid, path)
    return u16(len(encoded), path) + encoded
