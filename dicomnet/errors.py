"""Every exception this package raises: one family, so that one ``except DicomNetError`` holds.

Decoders raise DecodeError and nothing else; ``Association.receive_data`` raises nothing for what a peer does. Blame is
part of the type: LocalProtocolError is our caller's mistake (nothing was sent), RemoteProtocolError the peer's.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "Aborted",
    "AssociationError",
    "CodecError",
    "ConnectFailed",
    "ConnectionLost",
    "DecodeError",
    "DicomNetError",
    "EncodeError",
    "Fault",
    "LocalProtocolError",
    "NoPresentationContext",
    "ProtocolError",
    "Rejected",
    "RemoteProtocolError",
    "StatusError",
    "TimedOut",
    "TransportError",
]


class Fault(StrEnum):
    """What is wrong with the bytes or the value: the part of a codec error that programs compare."""

    TRUNCATED = "truncated"  # the input ends before the thing it announces
    OVERRUN = "overrun"  # a length reaches past the end of what encloses it
    LEFTOVER = "leftover"  # bytes remain in an enclosing item after its last member
    BAD_LENGTH = "bad-length"  # a length that this field can never have
    BAD_VALUE = "bad-value"  # the value does not fit its type, VR or range
    BAD_VR = "bad-vr"  # no such value representation, or not allowed here
    BAD_DELIMITER = "bad-delimiter"  # an item or sequence delimiter astray
    UNKNOWN_TYPE = "unknown-type"  # a PDU, item or value type that cannot be skipped
    MISSING = "missing"  # something mandatory is absent
    DUPLICATE = "duplicate"  # something that occurs at most once is repeated
    ORDER = "order"  # out of the prescribed order
    LIMIT = "limit"  # one of our own limits
    UNSUPPORTED = "unsupported"  # well-formed, but this library does not do it


class DicomNetError(Exception):
    """Base of all errors of this package."""


class ProtocolError(DicomNetError):
    """A rule of PS3.7 or PS3.8 was broken."""


class LocalProtocolError(ProtocolError):
    """Our side asked for something the state does not allow. Nothing was sent and the state is unchanged."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule; ``source`` and ``reason`` are those of the A-ABORT we answered with (PS3.8 9.3.8)."""

    def __init__(self, message: str, *, source: int = 2, reason: int = 0) -> None:
        super().__init__(message)
        self.source = source
        self.reason = reason


class CodecError(DicomNetError):
    """Bytes that cannot be read, or a value that cannot be written.

    ``code`` says what is wrong, ``offset`` where (bytes from the start of the input, None when there is no input),
    ``path`` in which field, ``clause`` by which rule.
    """

    def __init__(
        self, message: str, *, code: Fault, offset: int | None = None, path: str = "", clause: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.offset = offset
        self.path = path
        self.clause = clause

    def __str__(self) -> str:
        where = [self.path] if self.path else []
        if self.offset is not None:
            where.append(f"offset {self.offset}")
        text = f"{self.message} (at {', '.join(where)})" if where else self.message
        return f"{text} [{self.clause}]" if self.clause else text


class DecodeError(CodecError):
    """The input is not what it claims to be."""


class EncodeError(CodecError):
    """The value cannot be expressed in the encoding asked for."""


class AssociationError(DicomNetError):
    """There is no association, or it ended other than by release."""


class Rejected(AssociationError):
    """The peer answered A-ASSOCIATE-RJ (PS3.8 9.3.4)."""

    def __init__(self, message: str, *, result: int, source: int, reason: int) -> None:
        super().__init__(message)
        self.result = result
        self.source = source
        self.reason = reason


class Aborted(AssociationError):
    """The association was aborted (PS3.8 9.3.8); ``source`` 0 is the peer's user, 2 a service provider."""

    def __init__(self, message: str, *, source: int, reason: int) -> None:
        super().__init__(message)
        self.source = source
        self.reason = reason


class NoPresentationContext(AssociationError):
    """The peer accepted no presentation context for this abstract syntax."""

    def __init__(self, message: str, *, abstract_syntax: str) -> None:
        super().__init__(message)
        self.abstract_syntax = abstract_syntax


class TransportError(DicomNetError):
    """The transport below the association failed."""


class ConnectFailed(TransportError):
    """No transport connection could be made."""


class ConnectionLost(TransportError):
    """The transport connection ended without a release or an abort."""


class TimedOut(TransportError):
    """One of our own deadlines ran out.

    ``wait`` names it: connect, accept, associate, artim, response, release, message, pdu, idle, send.
    """

    def __init__(self, message: str, *, wait: str) -> None:
        super().__init__(message)
        self.wait = wait


class StatusError(DicomNetError):
    """A response carried a failure status and the caller asked for an exception (``raise_for_status``)."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status
