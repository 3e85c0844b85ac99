"""What an Association tells its user: the indications and confirmations of PS3.8 clause 7.

Each is a fact of the past and needs no answer to be true; its docstring names the call that may follow. Knows PDUs as
values, not their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dicomnet.errors import DicomNetError
from dicomnet.wire.pdata import Pdv
from dicomnet.wire.pdu import AAssociateAC, AAssociateRJ, AAssociateRQ

__all__ = [
    "AbortIndication",
    "AssociateConfirmation",
    "AssociateIndication",
    "PDataIndication",
    "ProviderAbortIndication",
    "ReleaseConfirmation",
    "ReleaseIndication",
    "UlEvent",
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
