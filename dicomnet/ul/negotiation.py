"""What two ends agree on: presentation contexts, roles, maximum length (PS3.8 7.1.1 and Annex D, PS3.7 D.3.3).

``build_request`` makes a proposal, an AcceptancePolicy answers one, and Negotiated reads the outcome off both PDUs, the
same for either end. It reads leniently where peers are known to be careless (padded UIDs, contexts in any order or
never proposed); what would leave the outcome in doubt is a fault, and the Association aborts. Knows no state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dicomnet import uids
from dicomnet.codes import ContextResult
from dicomnet.errors import EncodeError, LocalProtocolError
from dicomnet.wire.audit import audit
from dicomnet.wire.items import (
    AbstractSyntax,
    ApplicationContext,
    AsyncOperationsWindow,
    ImplementationClassUid,
    ImplementationVersionName,
    Item,
    MaximumLength,
    PresentationContext,
    PresentationContextResult,
    RoleSelection,
    UserInformation,
)
from dicomnet.wire.pdu import AAssociateAC, AAssociateRJ, AAssociateRQ, PDataTF, Pdu, encode_pdu

__all__ = [
    "DEFAULT_MAX_LENGTH",
    "AcceptedContext",
    "Negotiated",
    "ProposedContext",
    "RefusedContext",
    "RequestOptions",
    "acceptance_fault",
    "associate_fault",
    "build_request",
    "checked",
    "clean_title",
    "clean_uid",
    "granted_roles",
    "pdu_fault",
    "roles_by_class",
    "speaks_version_1",
    "user_information",
]

DEFAULT_MAX_LENGTH = 16384

_AT_MOST_ONCE: tuple[type[Item], ...] = (
    ApplicationContext,
    UserInformation,
    MaximumLength,
    ImplementationClassUid,
    AsyncOperationsWindow,
)
_SMALLEST_P_DATA = 8  # a PDV header and two bytes of fragment: the least that can carry a message (PS3.8 9.3.5)


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """One SOP class (or other abstract syntax) to propose; without an id it gets the next free one."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...] = (uids.IMPLICIT_VR_LE,)
    context_id: int | None = None


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """Everything that goes into an A-ASSOCIATE-RQ; ``extra`` are further user information sub-items."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ProposedContext, ...]
    roles: tuple[RoleSelection, ...] = ()
    max_length: int = DEFAULT_MAX_LENGTH
    extra: tuple[Item, ...] = ()
    implementation_class_uid: str = uids.IMPLEMENTATION_CLASS_UID
    implementation_version_name: str = uids.IMPLEMENTATION_VERSION_NAME
    application_context: str = uids.APPLICATION_CONTEXT


def build_request(options: RequestOptions) -> AAssociateRQ:
    """The request PDU for these options; pass it to ``Association.associate_request``.

    Raises:
        LocalProtocolError: there are more contexts than odd numbers from 1 to 255.
    """
    taken = {context.context_id for context in options.contexts}
    free = (number for number in range(1, 256, 2) if number not in taken)
    contexts = []
    for context in options.contexts:
        context_id = next(free, None) if context.context_id is None else context.context_id
        if context_id is None:
            raise LocalProtocolError("at most 128 presentation contexts fit into one association (PS3.8 9.3.2.2)")
        contexts.append(PresentationContext.of(context_id, context.abstract_syntax, context.transfer_syntaxes))
    information = user_information(
        options.max_length,
        options.implementation_class_uid,
        options.implementation_version_name,
        (*options.roles, *options.extra),
    )
    return AAssociateRQ(
        called_ae_title=options.called_ae_title,
        calling_ae_title=options.calling_ae_title,
        items=(ApplicationContext(options.application_context), *contexts, information),
    )


def user_information(
    max_length: int, implementation_class_uid: str, implementation_version_name: str, extra: Iterable[Item]
) -> UserInformation:
    """The user information item with these sub-items in the order of their types (PS3.8 9.3.2)."""
    items: list[Item] = [MaximumLength(max_length), ImplementationClassUid(implementation_class_uid), *extra]
    if implementation_version_name:
        items.append(ImplementationVersionName(implementation_version_name))
    return UserInformation(tuple(sorted(items, key=lambda item: item.item_type)))


def clean_uid(text: str) -> str:
    """A UID without the trailing NUL or space that some peers pad it with."""
    return text.rstrip("\0 ")


def clean_title(text: str) -> str:
    """An AE title without its insignificant spaces (PS3.8 9.3.2)."""
    return text.strip(" ")


def associate_fault(pdu: AAssociateRQ | AAssociateAC) -> str | None:
    """Why this request or acceptance cannot be worked with, None if it can.

    Only what leaves its meaning in doubt: no context at all, a context id that is even or used twice, a context without
    an abstract syntax or a transfer syntax, a sub-item twice that may occur once, a maximum length too small for any
    message. Of the contexts only those of a request count: in a response the requestor knows what it has proposed.
    """
    occurrences = Counter(type(item) for item in (*pdu.items, *pdu.user_information))
    for kind in _AT_MOST_ONCE:
        if occurrences[kind] > 1:
            return f"{kind.__name__} occurs {occurrences[kind]} times (PS3.8 9.3.2)"
    if 0 < pdu.max_length < _SMALLEST_P_DATA:
        return f"a maximum length of {pdu.max_length} is too small for any P-DATA-TF (PS3.8 D.1)"
    return _contexts_fault(pdu.presentation_contexts) if isinstance(pdu, AAssociateRQ) else None


def _contexts_fault(contexts: tuple[PresentationContext, ...]) -> str | None:
    if not contexts:
        return "no presentation context is proposed (PS3.8 9.3.2.2)"
    seen: set[int] = set()
    for context in contexts:
        if context.context_id % 2 == 0:
            return f"presentation context id {context.context_id} is even (PS3.8 9.3.2.2)"
        if context.context_id in seen:
            return f"presentation context id {context.context_id} is used twice (PS3.8 9.3.2.2)"
        seen.add(context.context_id)
        if sum(isinstance(item, AbstractSyntax) for item in context.items) != 1:
            return f"presentation context {context.context_id} does not name one abstract syntax (PS3.8 9.3.2.2)"
        if not context.transfer_syntaxes:
            return f"presentation context {context.context_id} names no transfer syntax (PS3.8 9.3.2.2)"
    return None


def speaks_version_1(request: AAssociateRQ) -> bool:
    """Whether bit 0 of the protocol version is set, which is all a receiver may test (PS3.8 9.3.2)."""
    return bool(request.protocol_version & 1)


def pdu_fault(pdu: Pdu, negotiated: Negotiated | None) -> str | None:
    """What makes a PDU that came at the right time invalid (Evt19), None if nothing does."""
    match pdu:
        case AAssociateRQ():
            # Another protocol version may have other rules: AE-6 rejects it without looking further.
            return associate_fault(pdu) if speaks_version_1(pdu) else None
        case AAssociateAC():
            return associate_fault(pdu)
        case PDataTF():
            accepted: Mapping[int, object] = negotiated.contexts if negotiated else {}
            for pdv in pdu.pdvs:
                if pdv.context_id not in accepted:
                    return f"a PDV on presentation context {pdv.context_id}, which is not accepted (PS3.8 9.3.5.1)"
            return None if pdu.pdvs else "P-DATA-TF without a PDV (PS3.8 9.3.5)"
        case _:
            return None


def acceptance_fault(request: AAssociateRQ, response: AAssociateAC) -> str | None:
    """Why this acceptance is no answer to the request, None if it is one."""
    proposed = {context.context_id: context for context in request.presentation_contexts}
    for result in response.presentation_contexts:
        context = proposed.get(result.context_id)
        if context is None:
            return f"presentation context {result.context_id} was not proposed (PS3.8 9.3.3.2)"
        if result.result == ContextResult.ACCEPTANCE and not _is_proposed(context, result.transfer_syntax):
            return f"presentation context {result.context_id} is accepted with a transfer syntax that was not proposed"
    return None


def _is_proposed(context: PresentationContext, transfer_syntax: str | None) -> bool:
    return clean_uid(transfer_syntax or "") in map(clean_uid, context.transfer_syntaxes)


def granted_roles(proposed: RoleSelection | None, answered: RoleSelection | None) -> tuple[bool, bool]:
    """Whether the requestor is SCU and whether it is SCP (PS3.7 D.3.3.4); the acceptor has the roles opposite.

    Without a proposal, or without an answer to it, the requestor is SCU and the acceptor SCP. A role answered with 1
    counts only if it was proposed with 1.
    """
    if proposed is None or answered is None:
        return True, False
    return proposed.scu == answered.scu == 1, proposed.scp == answered.scp == 1


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """A presentation context both ends agreed on; the roles are those of our side."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str
    as_scu: bool
    as_scp: bool


@dataclass(frozen=True, slots=True)
class RefusedContext:
    """A proposed context that cannot be used. ``result`` is the peer's answer: 0 if it accepted a transfer syntax that
    was not proposed, None if it did not answer.
    """

    context_id: int
    abstract_syntax: str
    result: int | None


class Negotiated:
    """The outcome of negotiation as seen from one end, read off the request and the acceptance."""

    __slots__ = (
        "async_window",
        "called_ae_title",
        "calling_ae_title",
        "contexts",
        "is_requestor",
        "own_max_length",
        "peer_implementation_uid",
        "peer_implementation_version",
        "peer_max_length",
        "refused",
        "request",
        "response",
    )

    def __init__(self, request: AAssociateRQ, response: AAssociateAC, is_requestor: bool) -> None:
        ours, theirs = (request, response) if is_requestor else (response, request)
        uid = theirs.find(ImplementationClassUid)
        version = theirs.find(ImplementationVersionName)
        self.request = request
        self.response = response
        self.is_requestor = is_requestor
        # The titles of the acceptance are reserved and not tested (PS3.8 9.3.3): those of the request count.
        self.called_ae_title = clean_title(request.called_ae_title)
        self.calling_ae_title = clean_title(request.calling_ae_title)
        self.peer_max_length = theirs.max_length
        self.own_max_length = ours.max_length
        self.peer_implementation_uid = clean_uid(uid.uid) if uid else ""
        self.peer_implementation_version = version.name.strip("\0 ") if version else ""
        self.async_window = _async_window(request, response)
        self.contexts, self.refused = _outcome(request, response, is_requestor)

    def __repr__(self) -> str:
        return (
            f"Negotiated({self.calling_ae_title!r} -> {self.called_ae_title!r}, "
            f"contexts={list(self.contexts.values())}, peer_max_length={self.peer_max_length})"
        )

    def for_abstract_syntax(self, uid: str) -> AcceptedContext | None:
        """The first accepted context for this abstract syntax, in the order of the request."""
        return next((context for context in self.contexts.values() if context.abstract_syntax == uid), None)


def _async_window(request: AAssociateRQ, response: AAssociateAC) -> tuple[int, int]:
    """Operations the requestor may have invoked and must be ready to perform at once; (1, 1) unless both ends spoke."""
    proposed = request.find(AsyncOperationsWindow)
    answered = response.find(AsyncOperationsWindow)
    if proposed is None or answered is None:
        return 1, 1
    return answered.invoked, answered.performed


def roles_by_class(pdu: AAssociateRQ | AAssociateAC) -> dict[str, RoleSelection]:
    """The role selections of a PDU by SOP class; the first counts (PS3.7 D.3.3.4 allows one)."""
    roles: dict[str, RoleSelection] = {}
    for role in pdu.find_all(RoleSelection):
        roles.setdefault(clean_uid(role.sop_class), role)
    return roles


def _outcome(
    request: AAssociateRQ, response: AAssociateAC, is_requestor: bool
) -> tuple[Mapping[int, AcceptedContext], Mapping[int, RefusedContext]]:
    answers: dict[int, PresentationContextResult] = {}
    for answer in response.presentation_contexts:
        answers.setdefault(answer.context_id, answer)
    proposed, answered = roles_by_class(request), roles_by_class(response)
    accepted: dict[int, AcceptedContext] = {}
    refused: dict[int, RefusedContext] = {}
    for context in request.presentation_contexts:
        abstract = clean_uid(context.abstract_syntax or "")
        result = answers.get(context.context_id)
        if result is None:
            refused[context.context_id] = RefusedContext(context.context_id, abstract, None)
            continue
        if result.result != ContextResult.ACCEPTANCE or not _is_proposed(context, result.transfer_syntax):
            refused[context.context_id] = RefusedContext(context.context_id, abstract, result.result)
            continue
        chosen = clean_uid(result.transfer_syntax or "")
        scu, scp = granted_roles(proposed.get(abstract), answered.get(abstract))
        as_scu, as_scp = (scu, scp) if is_requestor else (scp, scu)
        accepted[context.context_id] = AcceptedContext(context.context_id, abstract, chosen, as_scu, as_scp)
    return MappingProxyType(accepted), MappingProxyType(refused)


def checked(pdu: AAssociateRQ | AAssociateAC | AAssociateRJ, fault: str | None = None) -> bytes:
    """The bytes of a PDU of ours, which is in order.

    Raises:
        LocalProtocolError: it is not; the text names every fault.
    """
    errors = [f"{finding.path}: {finding.message}" for finding in audit(pdu) if finding.severity == "error"]
    if fault is not None:
        errors.append(fault)
    try:
        if not errors:
            return encode_pdu(pdu)
    except EncodeError as error:
        raise LocalProtocolError(str(error)) from error
    raise LocalProtocolError("; ".join(errors))
