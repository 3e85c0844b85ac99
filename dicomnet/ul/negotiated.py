"""Negotiated: what two ends have agreed on, read off the request and the acceptance, the same for either end.

It reads leniently where peers are known to be careless: UIDs padded, contexts in any order or never proposed, answers
to what nobody asked, more granted than was proposed. Each of these has one safe reading, the smaller one. Judges
nothing and knows no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dicomnet.codes import ContextResult
from dicomnet.records import dataclass
from dicomnet.wire.items import (
    AsyncOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ImplementationClassUid,
    ImplementationVersionName,
    PresentationContext,
    PresentationContextResult,
    RoleSelection,
    UserIdentity,
    UserIdentityResponse,
)
from dicomnet.wire.pdu import AAssociateAC, AAssociateRQ

__all__ = [
    "AcceptedContext",
    "Negotiated",
    "RefusedContext",
    "answers_with_proposed_syntax",
    "clean_title",
    "clean_uid",
    "common_extended_by_class",
    "extended_by_class",
    "granted_roles",
    "roles_by_class",
    "smaller_window",
]


def clean_uid(text: str) -> str:
    """A UID without the trailing NUL or space that some peers pad it with."""
    return text.rstrip("\0 ")


def clean_title(text: str) -> str:
    """An AE title without its insignificant spaces (PS3.8 9.3.2)."""
    return text.strip(" ")


def granted_roles(proposed: RoleSelection | None, answered: RoleSelection | None) -> tuple[bool, bool]:
    """Whether the requestor is SCU and whether it is SCP (PS3.7 D.3.3.4); the acceptor has the roles opposite.

    Without a proposal, or without an answer to it, the requestor is SCU and the acceptor SCP. A role answered with 1
    counts only if it was proposed with 1.
    """
    if proposed is None or answered is None:
        return True, False
    return proposed.scu == answered.scu == 1, proposed.scp == answered.scp == 1


def smaller_window(one: int, other: int) -> int:
    """The lesser of two numbers of operations, where 0 is any number (PS3.7 D.3.3.3)."""
    return min(one, other) if one and other else one or other


def roles_by_class(pdu: AAssociateRQ | AAssociateAC) -> dict[str, RoleSelection]:
    """The role selections of a PDU by SOP class; the first counts (PS3.7 D.3.3.4 allows one)."""
    roles: dict[str, RoleSelection] = {}
    for role in pdu.find_all(RoleSelection):
        roles.setdefault(clean_uid(role.sop_class), role)
    return roles


def extended_by_class(pdu: AAssociateRQ | AAssociateAC) -> dict[str, bytes]:
    """The application information of extended negotiation by SOP class; the first counts (PS3.7 D.3.3.5)."""
    found: dict[str, bytes] = {}
    for item in pdu.find_all(ExtendedNegotiation):
        found.setdefault(clean_uid(item.sop_class), item.info)
    return found


def common_extended_by_class(request: AAssociateRQ) -> dict[str, CommonExtendedNegotiation]:
    """The common extended negotiation of a request by SOP class; the first counts (PS3.7 D.3.3.6)."""
    found: dict[str, CommonExtendedNegotiation] = {}
    for item in request.find_all(CommonExtendedNegotiation):
        found.setdefault(clean_uid(item.sop_class), item)
    return found


def answers_with_proposed_syntax(context: PresentationContext, result: PresentationContextResult) -> bool:
    """Whether the transfer syntax of an answer is one of those proposed."""
    return clean_uid(result.transfer_syntax or "") in map(clean_uid, context.transfer_syntaxes)


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


@dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)
class Negotiated:
    """The outcome of negotiation as seen from one end, read off the request and the acceptance.

    ``max_invoked`` is how many operations our side may have outstanding at once, ``max_performed`` how many of the
    peer's it has to perform at once (PS3.7 D.3.3.3); 0 is any number, and without negotiation both are 1. Associations
    of the same two PDUs share one of these.
    """

    request: AAssociateRQ
    response: AAssociateAC
    is_requestor: bool
    called_ae_title: str
    calling_ae_title: str
    peer_max_length: int
    own_max_length: int
    peer_implementation_uid: str
    peer_implementation_version: str
    max_invoked: int
    max_performed: int
    contexts: Mapping[int, AcceptedContext]
    refused: Mapping[int, RefusedContext]
    _by_class: Mapping[str, list[AcceptedContext]]

    def __init__(self, request: AAssociateRQ, response: AAssociateAC, is_requestor: bool) -> None:
        ours, theirs = (request, response) if is_requestor else (response, request)
        uid = theirs.find(ImplementationClassUid)
        version = theirs.find(ImplementationVersionName)
        invoked, performed = _window(request, response)
        contexts, refused = _outcome(request, response, is_requestor)
        by_class: dict[str, list[AcceptedContext]] = {}
        for context in contexts.values():
            by_class.setdefault(context.abstract_syntax, []).append(context)
        found = {
            "request": request,
            "response": response,
            "is_requestor": is_requestor,
            # The titles of the acceptance are reserved and not tested (PS3.8 9.3.3): those of the request count.
            "called_ae_title": clean_title(request.called_ae_title),
            "calling_ae_title": clean_title(request.calling_ae_title),
            "peer_max_length": theirs.max_length,
            "own_max_length": ours.max_length,
            "peer_implementation_uid": clean_uid(uid.uid) if uid else "",
            "peer_implementation_version": version.name.strip("\0 ") if version else "",
            "max_invoked": invoked if is_requestor else performed,
            "max_performed": performed if is_requestor else invoked,
            "contexts": contexts,
            "refused": refused,
            "_by_class": by_class,
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return (
            f"Negotiated({self.calling_ae_title!r} -> {self.called_ae_title!r}, "
            f"contexts={list(self.contexts.values())}, peer_max_length={self.peer_max_length})"
        )

    def for_abstract_syntax(
        self,
        uid: str,
        transfer_syntax: str | None = None,
        *,
        as_scu: bool | None = None,
        as_scp: bool | None = None,
    ) -> AcceptedContext | None:
        """An accepted context for this abstract syntax in which our side has these roles, None if there is none.

        The one with ``transfer_syntax`` if it is among them, else the first in the order of the request: see what it
        has. A role that is not given may be either way.
        """
        first = None
        for context in self._by_class.get(uid, ()):
            if (as_scu in (None, context.as_scu)) and (as_scp in (None, context.as_scp)):
                if transfer_syntax in (None, context.transfer_syntax):
                    return context
                first = first or context
        return first

    @property
    def proposed_extended(self) -> Mapping[str, bytes]:
        """The requestor's SOP class extended negotiation (PS3.7 D.3.3.5): application information by SOP class."""
        return extended_by_class(self.request)

    @property
    def extended(self) -> Mapping[str, bytes]:
        """The acceptor's answers to it; what was not asked is not among them."""
        proposed = self.proposed_extended
        return {uid: info for uid, info in extended_by_class(self.response).items() if uid in proposed}

    @property
    def common_extended(self) -> Mapping[str, CommonExtendedNegotiation]:
        """The requestor's common extended negotiation (PS3.7 D.3.3.6) by SOP class; there is no answer to it."""
        return common_extended_by_class(self.request)

    @property
    def user_identity(self) -> UserIdentity | None:
        """Who the requestor says its user is (PS3.7 D.3.3.7); whether that is so, the acceptor's policy knows."""
        return self.request.find(UserIdentity)

    @property
    def identity_response(self) -> bytes | None:
        """The acceptor's answer to the user identity, empty for most types; None if it gave none that was asked for.

        An acceptor that knows nothing of user identities gives none either and accepts all the same: a requestor that
        must be authenticated asks for a response, and aborts without one.
        """
        identity, answer = self.user_identity, self.response.find(UserIdentityResponse)
        return answer.response if answer is not None and identity is not None and identity.response_requested else None


def _window(request: AAssociateRQ, response: AAssociateAC) -> tuple[int, int]:
    """Operations the requestor may have invoked, and has to be ready to perform, at once."""
    proposed = request.find(AsyncOperationsWindow)
    answered = response.find(AsyncOperationsWindow)
    if proposed is None or answered is None:
        return 1, 1
    # An acceptor may not answer with more than was proposed: then it is the proposal that counts.
    return (
        smaller_window(proposed.invoked, answered.invoked),
        smaller_window(proposed.performed, answered.performed),
    )


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
        if result.result != ContextResult.ACCEPTANCE or not answers_with_proposed_syntax(context, result):
            refused[context.context_id] = RefusedContext(context.context_id, abstract, result.result)
            continue
        chosen = clean_uid(result.transfer_syntax or "")
        scu, scp = granted_roles(proposed.get(abstract), answered.get(abstract))
        as_scu, as_scp = (scu, scp) if is_requestor else (scp, scu)
        accepted[context.context_id] = AcceptedContext(context.context_id, abstract, chosen, as_scu, as_scp)
    return MappingProxyType(accepted), MappingProxyType(refused)
