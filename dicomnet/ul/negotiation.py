"""Proposals, and what makes a proposal or its answer wrong (PS3.8 7.1.1 and Annex D, PS3.7 D.3.3).

``build_request`` makes a proposal and an AcceptancePolicy answers one. What of the peer's would leave the outcome in
doubt is a fault, and the Association aborts; what Negotiated can read safely is none, however careless. Our own PDUs
are held to more. Knows no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dicomnet import uids
from dicomnet.codes import ContextResult, IdentityType
from dicomnet.errors import EncodeError, LocalProtocolError
from dicomnet.records import dataclass
from dicomnet.ul.negotiated import (
    Negotiated,
    answers_with_proposed_syntax,
    extended_by_class,
    roles_by_class,
    smaller_window,
)
from dicomnet.ul.recurring import made, once
from dicomnet.wire.audit import Finding, audit, audit_encoded
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
    RoleSelection,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
)
from dicomnet.wire.pdu import AAssociateAC, AAssociateRJ, AAssociateRQ, PDataTF, Pdu, encode_pdu

__all__ = [
    "DEFAULT_MAX_LENGTH",
    "SMALLEST_P_DATA",
    "ProposedContext",
    "RequestOptions",
    "acceptance_fault",
    "associate_fault",
    "build_request",
    "checked",
    "checked_limit",
    "pdu_fault",
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
    UserIdentity,
    UserIdentityResponse,
)
SMALLEST_P_DATA = 8  # a PDV header and two bytes of fragment: the least that can carry a message (PS3.8 9.3.5)


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """One SOP class (or other abstract syntax) to propose; without an id it gets the next free one."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...] = (uids.IMPLICIT_VR_LE,)
    context_id: int | None = None


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """Everything that goes into an A-ASSOCIATE-RQ.

    ``async_window`` are the operations we want to have outstanding at once, and those of the acceptor we could perform
    at once; 0 is any number, and None leaves it at one each; a session proposes to perform no more than its
    ``MessageLimits.requests``. ``extra`` are further user information sub-items, right or wrong. What comes of it all
    is in ``Negotiated``.
    """

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ProposedContext, ...]
    roles: tuple[RoleSelection, ...] = ()
    max_length: int = DEFAULT_MAX_LENGTH
    async_window: tuple[int, int] | None = None
    extended: tuple[ExtendedNegotiation, ...] = ()
    common_extended: tuple[CommonExtendedNegotiation, ...] = ()
    user_identity: UserIdentity | None = None
    extra: tuple[Item, ...] = ()
    implementation_class_uid: str = uids.IMPLEMENTATION_CLASS_UID
    implementation_version_name: str = uids.IMPLEMENTATION_VERSION_NAME
    application_context: str = uids.APPLICATION_CONTEXT


def build_request(options: RequestOptions) -> AAssociateRQ:
    """The request PDU for these options; pass it to ``Association.associate_request``.

    Raises:
        LocalProtocolError: there are more contexts than odd numbers from 1 to 255.
    """
    return made(_build, options)


def _build(options: RequestOptions) -> AAssociateRQ:
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
        _further_information(options),
    )
    return AAssociateRQ(
        called_ae_title=options.called_ae_title,
        calling_ae_title=options.calling_ae_title,
        items=(ApplicationContext(options.application_context), *contexts, information),
    )


def _further_information(options: RequestOptions) -> Iterator[Item]:
    if options.async_window is not None:
        yield AsyncOperationsWindow(*options.async_window)
    yield from options.roles
    yield from options.extended
    yield from options.common_extended
    if options.user_identity is not None:
        yield options.user_identity
    yield from options.extra


def user_information(
    max_length: int, implementation_class_uid: str, implementation_version_name: str, extra: Iterable[Item]
) -> UserInformation:
    """The user information item with these sub-items in the order of their types (PS3.8 9.3.2)."""
    items: list[Item] = [MaximumLength(max_length), ImplementationClassUid(implementation_class_uid), *extra]
    if implementation_version_name:
        items.append(ImplementationVersionName(implementation_version_name))
    return UserInformation(tuple(sorted(items, key=lambda item: item.item_type)))


def associate_fault(pdu: AAssociateRQ | AAssociateAC) -> str | None:
    """Why this request or acceptance cannot be worked with, None if it can.

    Only what leaves its meaning in doubt: no context at all, a context id that is even or used twice, a context without
    an abstract syntax or a transfer syntax, a sub-item twice that may occur once (of two user identities, which was
    checked?), a maximum length too small for any message. Of the contexts only those of a request count: in a response
    the requestor knows what it has proposed.
    """
    kinds = [type(item) for item in (*pdu.items, *pdu.user_information)]
    for kind in _AT_MOST_ONCE:
        if kinds.count(kind) > 1:
            return f"{kind.__name__} occurs {kinds.count(kind)} times (PS3.8 9.3.2)"
    if 0 < pdu.max_length < SMALLEST_P_DATA:
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
            return once(associate_fault, pdu) if speaks_version_1(pdu) else None
        case AAssociateAC():
            return once(associate_fault, pdu)
        case PDataTF():
            return _p_data_fault(pdu, negotiated)
        case _:
            return None


def _p_data_fault(pdu: PDataTF, negotiated: Negotiated | None) -> str | None:
    accepted: Mapping[int, object] = negotiated.contexts if negotiated is not None else {}
    for pdv in pdu.pdvs:
        if pdv.context_id not in accepted:
            return f"a PDV on presentation context {pdv.context_id}, which is not accepted (PS3.8 9.3.5.1)"
    return None if pdu.pdvs else "P-DATA-TF without a PDV (PS3.8 9.3.5)"


def acceptance_fault(request: AAssociateRQ, response: AAssociateAC) -> str | None:
    """Why this acceptance of ours is no answer to the request, None if it is one.

    Beside contexts nobody proposed, that is everything that grants or tells more than was asked: an operations window
    that was not proposed or is larger, a role that was not proposed (PS3.7 D.3.3.4), an extended negotiation of a class
    that has none in the request, an identity response that nobody wants, or one with a content where there is none to
    give. A peer may answer like that: all of it has a safe reading, which is Negotiated's, and to abort over it would
    help nobody.
    """
    proposed = {context.context_id: context for context in request.presentation_contexts}
    for result in response.presentation_contexts:
        context = proposed.get(result.context_id)
        if context is None:
            return f"presentation context {result.context_id} was not proposed (PS3.8 9.3.3.2)"
        if result.result == ContextResult.ACCEPTANCE and not answers_with_proposed_syntax(context, result):
            return f"presentation context {result.context_id} is accepted with a transfer syntax that was not proposed"
    return (
        _window_fault(request.find(AsyncOperationsWindow), response.find(AsyncOperationsWindow))
        or _roles_fault(roles_by_class(request), roles_by_class(response))
        or _extended_fault(extended_by_class(request), extended_by_class(response))
        or _identity_fault(request.find(UserIdentity), response.find(UserIdentityResponse))
    )


def _window_fault(proposed: AsyncOperationsWindow | None, answered: AsyncOperationsWindow | None) -> str | None:
    if answered is None:
        return None
    if proposed is None:
        return "an asynchronous operations window that was not proposed (PS3.7 D.3.3.3)"
    for ours, theirs in ((answered.invoked, proposed.invoked), (answered.performed, proposed.performed)):
        if smaller_window(ours, theirs) != ours:
            return f"an asynchronous operations window of {ours or 'any number'}, proposed was {theirs} (PS3.7 D.3.3.3)"
    return None


def _roles_fault(proposed: Mapping[str, RoleSelection], answered: Mapping[str, RoleSelection]) -> str | None:
    for uid, role in answered.items():
        if (wanted := proposed.get(uid)) is None:
            return f"roles for {uid}, which were not proposed (PS3.7 D.3.3.4)"
        if (role.scu == 1 and wanted.scu != 1) or (role.scp == 1 and wanted.scp != 1):
            return f"a role for {uid} that was not proposed (PS3.7 D.3.3.4)"
    return None


def _extended_fault(proposed: Mapping[str, bytes], answered: Mapping[str, bytes]) -> str | None:
    unasked = next((uid for uid in answered if uid not in proposed), None)
    return None if unasked is None else f"extended negotiation of {unasked}, which was not proposed (PS3.7 D.3.3.5)"


def _identity_fault(identity: UserIdentity | None, answer: UserIdentityResponse | None) -> str | None:
    if answer is None:
        return None
    if identity is None or not identity.response_requested:
        return "a user identity response that was not requested (PS3.7 D.3.3.7)"
    if answer.response and identity.identity_type in (IdentityType.USERNAME, IdentityType.USERNAME_PASSCODE):
        return f"a user identity response with a content, for identity type {identity.identity_type} (PS3.7 D.3.3.7.2)"
    return None


def checked(pdu: AAssociateRQ | AAssociateAC | AAssociateRJ, request: AAssociateRQ | None = None) -> bytes:
    """The bytes of a PDU of ours, which is in order; an acceptance also as an answer to ``request``.

    Raises:
        LocalProtocolError: it is not; the text names every fault.
    """
    encoded, errors = once(_examined, pdu, request)
    if errors:
        raise LocalProtocolError("; ".join(errors))
    return encoded


def checked_limit(send_limit: int) -> int:
    """The longest P-DATA-TF body that we shall send, if there can be such; 0 sets no limit.

    Raises:
        LocalProtocolError: no message fits into so little.
    """
    if 0 < send_limit < SMALLEST_P_DATA or send_limit < 0:
        raise LocalProtocolError(f"a P-DATA-TF of {send_limit} bytes cannot carry a message (PS3.8 9.3.5)")
    return send_limit


def _examined(
    pdu: AAssociateRQ | AAssociateAC | AAssociateRJ, request: AAssociateRQ | None
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes, and all that is wrong."""
    encoded = b""
    try:
        encoded = encode_pdu(pdu)
    except EncodeError:
        errors = _errors(audit(pdu))
    else:
        # An answer that a policy makes anew each time need not be looked at each time either.
        errors = made(_errors_in, encoded, pdu)
    fault = None if isinstance(pdu, AAssociateRJ) else associate_fault(pdu)
    if fault is None and request is not None and isinstance(pdu, AAssociateAC):
        fault = acceptance_fault(request, pdu)
    return encoded, errors if fault is None else (*errors, fault)


def _errors(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(f"{finding.path}: {finding.message}" for finding in findings if finding.severity == "error")


def _errors_in(encoded: bytes) -> tuple[str, ...]:
    return _errors(audit_encoded(encoded))
