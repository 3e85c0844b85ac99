"""PDUs and what they are made of, between bytes and plain values (PS3.8 9.3, PS3.7 D.3.3).

Build freely, judge separately: any PDU can be expressed, also a wrong one; ``audit`` tells what is wrong with it.
This room knows no sockets, no states and no data sets.
"""

from __future__ import annotations

from dicomnet.wire.audit import Finding, audit
from dicomnet.wire.buffer import PduLimits, ReceiveBuffer
from dicomnet.wire.describe import describe
from dicomnet.wire.items import (
    AbstractSyntax,
    ApplicationContext,
    AsyncOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ImplementationClassUid,
    ImplementationVersionName,
    Item,
    MaximumLength,
    PresentationContext,
    PresentationContextResult,
    RoleSelection,
    TransferSyntax,
    UnknownItem,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
)
from dicomnet.wire.pdata import Assembled, FragmentAssembler, Pdv, fragment_message
from dicomnet.wire.pdu import (
    AAbort,
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AReleaseRP,
    AReleaseRQ,
    PDataTF,
    Pdu,
    UnknownPdu,
    decode_pdu,
    encode_pdu,
)

__all__ = [
    "AAbort",
    "AAssociateAC",
    "AAssociateRJ",
    "AAssociateRQ",
    "AReleaseRP",
    "AReleaseRQ",
    "AbstractSyntax",
    "ApplicationContext",
    "Assembled",
    "AsyncOperationsWindow",
    "CommonExtendedNegotiation",
    "ExtendedNegotiation",
    "Finding",
    "FragmentAssembler",
    "ImplementationClassUid",
    "ImplementationVersionName",
    "Item",
    "MaximumLength",
    "PDataTF",
    "Pdu",
    "PduLimits",
    "Pdv",
    "PresentationContext",
    "PresentationContextResult",
    "ReceiveBuffer",
    "RoleSelection",
    "TransferSyntax",
    "UnknownItem",
    "UnknownPdu",
    "UserIdentity",
    "UserIdentityResponse",
    "UserInformation",
    "audit",
    "decode_pdu",
    "describe",
    "encode_pdu",
    "fragment_message",
]
