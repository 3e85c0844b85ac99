"""The upper layer of PS3.8 without sockets, clocks or threads: Table 9-10, negotiation and the Association.

Imports go down to the wire only; nothing here knows DIMSE or what a SOP class is for.
"""

from __future__ import annotations

from dicomnet.ul.association import Association, Role
from dicomnet.ul.counters import Counters
from dicomnet.ul.events import (
    AbortIndication,
    AssociateConfirmation,
    AssociateIndication,
    PDataIndication,
    PDataRequest,
    Primitive,
    PrimitiveKind,
    ProviderAbortIndication,
    ReleaseConfirmation,
    ReleaseIndication,
    UlEvent,
)
from dicomnet.ul.negotiated import AcceptedContext, Negotiated, RefusedContext
from dicomnet.ul.negotiation import ProposedContext, RequestOptions, build_request
from dicomnet.ul.policy import AcceptancePolicy, Applicant, IdentityAnswer, PlainPolicy, SupportedContext
from dicomnet.ul.states import ACTIONS, TRANSITIONS, Action, Effect, Event, State, Transition
from dicomnet.ul.timers import Timeouts, Wait
from dicomnet.ul.transcript import Direction, Octets, Step, Transcript

__all__ = [
    "ACTIONS",
    "TRANSITIONS",
    "AbortIndication",
    "AcceptancePolicy",
    "AcceptedContext",
    "Action",
    "Applicant",
    "AssociateConfirmation",
    "AssociateIndication",
    "Association",
    "Counters",
    "Direction",
    "Effect",
    "Event",
    "IdentityAnswer",
    "Negotiated",
    "Octets",
    "PDataIndication",
    "PDataRequest",
    "PlainPolicy",
    "Primitive",
    "PrimitiveKind",
    "ProposedContext",
    "ProviderAbortIndication",
    "RefusedContext",
    "ReleaseConfirmation",
    "ReleaseIndication",
    "RequestOptions",
    "Role",
    "State",
    "Step",
    "SupportedContext",
    "Timeouts",
    "Transcript",
    "Transition",
    "UlEvent",
    "Wait",
    "build_request",
]
