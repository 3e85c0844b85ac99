"""What an Association tells its user: the indications and confirmations of PS3.8 clause 7.

Each is a fact of the past and needs no answer to be true; its docstring names the call that may follow. A Primitive is
one of them, or a request or response of the user, for who wants to see both. Knows PDUs as values, not their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from dicomnet.errors import DicomNetError
from dicomnet.records import dataclass
from dicomnet.wire.pdata import Buffer, Pdv
from dicomnet.wire.pdu import AAssociateAC, AAssociateRJ, AAssociateRQ

__all__ = [
    "AbortIndication",
    "AssociateConfirmation",
    "AssociateIndication",
    "Detail",
    "PDataIndication",
    "PDataRequest",
    "Primitive",
    "PrimitiveKind",
    "ProviderAbortIndication",
    "ReleaseConfirmation",
    "ReleaseIndication",
    "UlEvent",
    "primitive_of",
]


@dataclass(frozen=True, slots=True)
class AssociateIndication:
    """The peer asks for an association; answer with ``associate_accept`` or ``associate_reject``."""

    request: AAssociateRQ


@dataclass(frozen=True, slots=True)
class AssociateConfirmation:
    """The peer answered our request; after a rejection the association is over."""

    accepted: bool
    response: AAssociateAC | AAssociateRJ


@dataclass(frozen=True, slots=True)
class PDataIndication:
    """The PDVs of one P-DATA-TF, all on accepted presentation contexts."""

    pdvs: tuple[Pdv, ...]


@dataclass(frozen=True, slots=True)
class ReleaseIndication:
    """The peer asks for release; answer with ``release_response``.

    With ``collision`` our own request is still open: the requestor answers now, the acceptor after ReleaseConfirmation
    (PS3.8 7.2.3).
    """

    collision: bool


@dataclass(frozen=True, slots=True)
class ReleaseConfirmation:
    """The peer agreed to our release. Nothing is left to do but for the acceptor in a collision, who answers now."""


@dataclass(frozen=True, slots=True)
class AbortIndication:
    """The peer's user aborted (PS3.8 7.3)."""

    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class ProviderAbortIndication:
    """The association ended by a fault, here, there or between (PS3.8 7.4).

    ``source`` and ``reason`` are those of the A-ABORT that was received or sent, 2 and 0 if there was none. ``error``
    says what happened: Aborted (the peer's provider did it), RemoteProtocolError, ConnectionLost or TimedOut.
    """

    source: int
    reason: int
    error: DicomNetError | None = None


UlEvent: TypeAlias = (
    AssociateIndication
    | AssociateConfirmation
    | PDataIndication
    | ReleaseIndication
    | ReleaseConfirmation
    | AbortIndication
    | ProviderAbortIndication
)


@dataclass(frozen=True, slots=True)
class PDataRequest:
    """A message, or the part of it that is not None; unless ``last``, more of its data set follows."""

    context_id: int
    command: Buffer | None
    data: Buffer | None
    last: bool = True


Detail: TypeAlias = UlEvent | AAssociateRQ | AAssociateAC | AAssociateRJ | PDataRequest


class PrimitiveKind(StrEnum):
    """The kinds of service primitives; requests and responses are the user's, the others the provider's."""

    REQUEST = "request"
    INDICATION = "indication"
    RESPONSE = "response"
    CONFIRMATION = "confirmation"


@dataclass(frozen=True, slots=True)
class Primitive:
    """A service primitive of PS3.8 clause 7, such as A-ASSOCIATE indication.

    ``detail`` is the event, the PDU or the data; None for those without parameters of the user's.
    """

    name: str
    kind: PrimitiveKind
    detail: Detail | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.kind}"


_PRIMITIVES: Final[Mapping[type[UlEvent], tuple[str, PrimitiveKind]]] = MappingProxyType(
    {
        AssociateIndication: ("A-ASSOCIATE", PrimitiveKind.INDICATION),
        AssociateConfirmation: ("A-ASSOCIATE", PrimitiveKind.CONFIRMATION),
        PDataIndication: ("P-DATA", PrimitiveKind.INDICATION),
        ReleaseIndication: ("A-RELEASE", PrimitiveKind.INDICATION),
        ReleaseConfirmation: ("A-RELEASE", PrimitiveKind.CONFIRMATION),
        AbortIndication: ("A-ABORT", PrimitiveKind.INDICATION),
        ProviderAbortIndication: ("A-P-ABORT", PrimitiveKind.INDICATION),
    }
)


def primitive_of(event: UlEvent) -> Primitive:
    """The primitive that an event is."""
    return Primitive(*_PRIMITIVES[type(event)], event)
