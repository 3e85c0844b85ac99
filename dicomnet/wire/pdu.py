"""The seven PDUs of PS3.8 9.3, and UnknownPdu for everything else.

A PDU says what was on the wire, right or wrong, reserved bytes included: ``encode_pdu(decode_pdu(x)) == x`` for every x
that decodes. ``length`` is computed unless given, and what is given is sent. Structure is judged here, meaning is not:
that is for ``audit`` and for negotiation. Knows no sockets and no states.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar, Final, Self, TypeAlias, TypeVar

from dicomnet.codes import AbortReason, AbortSource, PduType, RejectResult, RejectSource, known
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.kernel import read_p_data, scan_pdvs
from dicomnet.records import dataclass, field
from dicomnet.wire.items import (
    ASSOCIATE_ITEMS,
    MAX_USER_ITEMS,
    ApplicationContext,
    Item,
    MaximumLength,
    PresentationContext,
    PresentationContextResult,
    UserInformation,
    encode_items,
    read_items,
)
from dicomnet.wire.pdata import MAX_PDVS, Pdv
from dicomnet.wire.reader import Reader
from dicomnet.wire.writer import exactly, title, u8, u16, u32, within

__all__ = [
    "HEADER_LENGTH",
    "P_DATA_KINDS",
    "AAbort",
    "AAssociateAC",
    "AAssociateRJ",
    "AAssociateRQ",
    "AReleaseRP",
    "AReleaseRQ",
    "PDataTF",
    "Pdu",
    "UnknownPdu",
    "decode_pdu",
    "encode_pdu",
    "pdu_name",
]

HEADER_LENGTH = 6
_HEADER = struct.Struct(">BBI")
_CONTROL_LENGTH = 4

_T = TypeVar("_T", bound=Item)


class _Opened:
    """Room for what is looked at again and again, beside the fields: no part of the value, nor of its copies."""

    __slots__ = ("_sub_items",)
    _sub_items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Associate(_Opened):
    """The common layout of A-ASSOCIATE-RQ and -AC."""

    called_ae_title: str = ""
    calling_ae_title: str = ""
    items: tuple[Item, ...] = ()
    protocol_version: int = 1
    reserved: int = 0  # byte 2
    reserved_word: int = 0  # bytes 9-10
    reserved_block: bytes = bytes(32)  # bytes 43-74
    length: int | None = None

    @property
    def application_context(self) -> str | None:
        """The application context name, None without one."""
        return next((item.uid for item in self.items if isinstance(item, ApplicationContext)), None)

    @property
    def user_information(self) -> tuple[Item, ...]:
        """The user information sub-items; should there be several envelopes, those of all."""
        try:
            return self._sub_items
        except AttributeError:
            envelopes = [item.items for item in self.items if isinstance(item, UserInformation)]
            found = envelopes[0] if len(envelopes) == 1 else tuple(sub for items in envelopes for sub in items)
            object.__setattr__(self, "_sub_items", found)
            return found

    @property
    def max_length(self) -> int:
        """The longest P-DATA-TF the sender takes; 0, no limit, also when it does not say."""
        item = self.find(MaximumLength)
        return item.value if item else 0

    def find(self, kind: type[_T]) -> _T | None:
        """The first user information sub-item of this class."""
        for item in self.user_information:
            if isinstance(item, kind):
                return item
        return None

    def find_all(self, kind: type[_T]) -> tuple[_T, ...]:
        """All user information sub-items of this class."""
        return tuple([item for item in self.user_information if isinstance(item, kind)])

    @classmethod
    def from_body(cls, reader: Reader, reserved: int, length: int | None) -> Self:
        protocol_version = reader.u16("protocol_version")
        reserved_word = reader.u16("reserved_word")
        # Padding is spaces only: a NUL stays, so that what is written again is what was read.
        called = reader.text(16, "called_ae_title").rstrip(" ")
        calling = reader.text(16, "calling_ae_title").rstrip(" ")
        block = reader.take(32, "reserved_block")
        items = read_items(reader, ASSOCIATE_ITEMS)
        pdu = cls(called, calling, items, protocol_version, reserved, reserved_word, block, length)
        if len(pdu.user_information) > MAX_USER_ITEMS:
            message = f"more than {MAX_USER_ITEMS} user information sub-items in all"
            raise reader.error(Fault.LIMIT, message, "user_information")
        return pdu

    def encode_body(self) -> bytes:
        return b"".join(
            (
                u16(self.protocol_version, "protocol_version"),
                u16(self.reserved_word, "reserved_word"),
                title(self.called_ae_title, "called_ae_title"),
                title(self.calling_ae_title, "calling_ae_title"),
                exactly(self.reserved_block, 32, "reserved_block"),
                encode_items(self.items),
            )
        )


class AAssociateRQ(_Associate):
    """A-ASSOCIATE-RQ PDU (PS3.8 9.3.2)."""

    __slots__ = ()
    pdu_type: ClassVar[int] = PduType.A_ASSOCIATE_RQ

    @property
    def presentation_contexts(self) -> tuple[PresentationContext, ...]:
        """What is proposed."""
        return tuple([item for item in self.items if isinstance(item, PresentationContext)])


class AAssociateAC(_Associate):
    """A-ASSOCIATE-AC PDU (PS3.8 9.3.3); the titles repeat the request and say nothing."""

    __slots__ = ()
    pdu_type: ClassVar[int] = PduType.A_ASSOCIATE_AC

    @property
    def presentation_contexts(self) -> tuple[PresentationContextResult, ...]:
        """The answers to what was proposed."""
        return tuple([item for item in self.items if isinstance(item, PresentationContextResult)])


@dataclass(frozen=True, slots=True)
class AAssociateRJ:
    """A-ASSOCIATE-RJ PDU (PS3.8 9.3.4)."""

    pdu_type: ClassVar[int] = PduType.A_ASSOCIATE_RJ

    result: int
    source: int
    reason: int
    reserved: int = 0
    reserved_byte: int = 0  # byte 7
    length: int | None = None

    @classmethod
    def from_body(cls, reader: Reader, reserved: int, length: int | None) -> Self:
        reserved_byte = reader.u8("reserved_byte")
        result = known(RejectResult, reader.u8("result"))
        source = known(RejectSource, reader.u8("source"))
        return cls(result, source, reader.u8("reason"), reserved, reserved_byte, length)

    def encode_body(self) -> bytes:
        head = u8(self.reserved_byte, "reserved_byte") + u8(self.result, "result")
        return head + u8(self.source, "source") + u8(self.reason, "reason")


@dataclass(frozen=True, slots=True)
class PDataTF:
    """P-DATA-TF PDU (PS3.8 9.3.5)."""

    pdu_type: ClassVar[int] = PduType.P_DATA_TF

    pdvs: tuple[Pdv, ...] = ()
    reserved: int = 0
    length: int | None = None

    @classmethod
    def from_body(cls, reader: Reader, reserved: int, length: int | None, max_pdvs: int = MAX_PDVS) -> Self:
        start = reader.offset
        body = memoryview(reader.rest())
        try:
            places = scan_pdvs(body, max_pdvs)
        except DecodeError as error:
            offset = start + (error.offset or 0)
            raise reader.error(error.code, error.message, error.path, offset) from None
        return cls(
            tuple(Pdv(context_id, body[first:end], control) for context_id, control, first, end in places),
            reserved,
            length,
        )

    def encode_body(self) -> bytes:
        parts: list[bytes | memoryview] = []
        for index, pdv in enumerate(self.pdvs):
            try:
                parts += pdv.header(), pdv.payload
            except EncodeError as error:
                raise within(error, f"pdvs[{index}]") from None
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Release:
    """The common layout of A-RELEASE-RQ and -RP: four reserved bytes."""

    reserved: int = 0
    body: bytes = bytes(_CONTROL_LENGTH)
    length: int | None = None

    @classmethod
    def from_body(cls, reader: Reader, reserved: int, length: int | None) -> Self:
        return cls(reserved, reader.take(_CONTROL_LENGTH, "body"), length)

    def encode_body(self) -> bytes:
        return self.body


class AReleaseRQ(_Release):
    """A-RELEASE-RQ PDU (PS3.8 9.3.6)."""

    __slots__ = ()
    pdu_type: ClassVar[int] = PduType.A_RELEASE_RQ


class AReleaseRP(_Release):
    """A-RELEASE-RP PDU (PS3.8 9.3.7)."""

    __slots__ = ()
    pdu_type: ClassVar[int] = PduType.A_RELEASE_RP


@dataclass(frozen=True, slots=True)
class AAbort:
    """A-ABORT PDU (PS3.8 9.3.8); the reason means something with source 2 only."""

    pdu_type: ClassVar[int] = PduType.A_ABORT

    source: int = 0
    reason: int = 0
    reserved: int = 0
    reserved_bytes: bytes = b"\0\0"  # bytes 7-8
    length: int | None = None

    @classmethod
    def from_body(cls, reader: Reader, reserved: int, length: int | None) -> Self:
        reserved_bytes = reader.take(2, "reserved_bytes")
        source = known(AbortSource, reader.u8("source"))
        reason = reader.u8("reason")
        if source == AbortSource.SERVICE_PROVIDER:
            reason = known(AbortReason, reason)
        return cls(source, reason, reserved, reserved_bytes, length)

    def encode_body(self) -> bytes:
        head = exactly(self.reserved_bytes, 2, "reserved_bytes")
        return head + u8(self.source, "source") + u8(self.reason, "reason")


@dataclass(frozen=True, slots=True)
class UnknownPdu:
    """A PDU of unknown type, or one that cannot be read; ``error`` then says why. Sends any body under any type."""

    pdu_type: int
    body: bytes = b""
    reserved: int = 0
    length: int | None = None
    error: DecodeError | None = field(default=None, compare=False)

    def encode_body(self) -> bytes:
        return self.body


Pdu: TypeAlias = AAssociateRQ | AAssociateAC | AAssociateRJ | PDataTF | AReleaseRQ | AReleaseRP | AAbort | UnknownPdu

_PDUS: Mapping[int, tuple[str, str, Callable[[Reader, int, int | None], Pdu]]] = {
    PduType.A_ASSOCIATE_RQ: ("A-ASSOCIATE-RQ", "PS3.8 9.3.2", AAssociateRQ.from_body),
    PduType.A_ASSOCIATE_AC: ("A-ASSOCIATE-AC", "PS3.8 9.3.3", AAssociateAC.from_body),
    PduType.A_ASSOCIATE_RJ: ("A-ASSOCIATE-RJ", "PS3.8 9.3.4", AAssociateRJ.from_body),
    PduType.P_DATA_TF: ("P-DATA-TF", "PS3.8 9.3.5", PDataTF.from_body),
    PduType.A_RELEASE_RQ: ("A-RELEASE-RQ", "PS3.8 9.3.6", AReleaseRQ.from_body),
    PduType.A_RELEASE_RP: ("A-RELEASE-RP", "PS3.8 9.3.7", AReleaseRP.from_body),
    PduType.A_ABORT: ("A-ABORT", "PS3.8 9.3.8", AAbort.from_body),
}


def pdu_name(pdu_type: int) -> str:
    """The name of a PDU type as PS3.8 writes it."""
    return _PDUS[pdu_type][0] if pdu_type in _PDUS else f"PDU of unknown type 0x{pdu_type:02X}"


def encode_pdu(pdu: Pdu) -> bytes:
    """The bytes of a PDU, right or wrong.

    Raises:
        EncodeError: a field cannot hold its value.
    """
    try:
        body = pdu.encode_body()
        length = len(body) if pdu.length is None else pdu.length
        try:
            return _HEADER.pack(pdu.pdu_type, pdu.reserved, length) + body
        except struct.error:  # which does not say what is wrong
            last = u32(length, "length")
            return u8(pdu.pdu_type, "pdu_type") + u8(pdu.reserved, "reserved") + last + body
    except EncodeError as error:
        raise within(error, pdu_name(pdu.pdu_type)) from None


_RELEASES: Mapping[bytes, Pdu] = {encode_pdu(pdu): pdu for pdu in (AReleaseRQ(), AReleaseRP())}
"""What ends nearly every association, and has the same bytes in nearly all of them."""


P_DATA_KINDS: Final = (PDataTF, Pdv)
"""What the kernel makes of P-DATA-TF PDUs."""


def decode_pdu(data: bytes, *, lenient: bool = False, max_pdvs: int = MAX_PDVS) -> Pdu:
    """The one PDU that ``data`` is, from its header to its last byte.

    With ``lenient`` a wrong PDU length is kept in ``length`` and what cannot be read becomes an UnknownPdu.

    Raises:
        DecodeError: it is none; with ``lenient`` only if there are not even the six bytes of the header.
    """
    data = bytes(data)
    if len(data) == HEADER_LENGTH + _CONTROL_LENGTH and data in _RELEASES:
        return _RELEASES[data]
    p_data: list[PDataTF]
    p_data, end = read_p_data(data, 0, 0xFFFF_FFFF, max_pdvs, P_DATA_KINDS)
    if len(p_data) == 1 and end == len(data):
        return p_data[0]
    header = Reader(data, name="PDU", clause="PS3.8 9.3.1")
    pdu_type = header.u8("type")
    reserved = header.u8("reserved")
    length = header.u32("length")
    disagrees = None if length == header.remaining else length
    try:
        if disagrees is not None and not lenient:
            code = Fault.TRUNCATED if length > header.remaining else Fault.LEFTOVER
            raise header.error(code, f"announces {length} bytes, {header.remaining} follow", "length", 2)
        return _decode_body(data, pdu_type, reserved, disagrees, max_pdvs)
    except DecodeError as error:
        if lenient:
            # Without its traceback, which would keep the decoder's frames alive as long as the PDU.
            return UnknownPdu(pdu_type, data[HEADER_LENGTH:], reserved, disagrees, error.with_traceback(None))
        raise


def _decode_body(data: bytes, pdu_type: int, reserved: int, length: int | None, max_pdvs: int) -> Pdu:
    if pdu_type not in _PDUS:
        raise DecodeError(
            f"no PDU has the type 0x{pdu_type:02X}", code=Fault.UNKNOWN_TYPE, offset=0, path="PDU", clause="PS3.8 9.3.1"
        )
    name, clause, parse = _PDUS[pdu_type]
    reader = Reader(data, HEADER_LENGTH, name=name, clause=clause)
    if pdu_type == PduType.P_DATA_TF:
        parse = partial(PDataTF.from_body, max_pdvs=max_pdvs)
    pdu = parse(reader, reserved, length)
    reader.finish()
    return pdu
