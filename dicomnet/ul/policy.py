"""How an acceptor answers a request: the AcceptancePolicy protocol and PlainPolicy, one made of lists.

A policy decides as the service-user of PS3.8 7.1.1: titles, application context, contexts and roles. Requests that are
malformed, or of another protocol version, never reach it. Knows no state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from dicomnet import uids
from dicomnet.codes import ContextResult, IdentityType, RejectResult, RejectSource
from dicomnet.records import dataclass, field
from dicomnet.ul.negotiated import (
    clean_title,
    clean_uid,
    common_extended_by_class,
    granted_roles,
    roles_by_class,
    smaller_window,
)
from dicomnet.ul.negotiation import DEFAULT_MAX_LENGTH, user_information
from dicomnet.ul.recurring import once
from dicomnet.wire.items import (
    ApplicationContext,
    AsyncOperationsWindow,
    ExtendedNegotiation,
    Item,
    PresentationContext,
    PresentationContextResult,
    RoleSelection,
    UserIdentity,
    UserIdentityResponse,
)
from dicomnet.wire.pdu import AAssociateAC, AAssociateRJ, AAssociateRQ

__all__ = ["AcceptancePolicy", "Applicant", "IdentityAnswer", "PlainPolicy", "SupportedContext"]


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks for an association, as far as the request itself does not say; the driver knows.

    The counts are of associations that are open in this server now, without the one that is asked for: in all, from
    this address, and under this calling AE title. ``certificate`` is what ``ssl.SSLSocket.getpeercert`` gives: None
    without TLS, empty if the peer showed none or it was not verified.
    """

    address: str
    associations: int = 0
    of_address: int = 0
    of_title: int = 0
    certificate: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class IdentityAnswer:
    """Whether a user is let in, and what the peer is told if it wants a response (PS3.7 D.3.3.7.2).

    ``response`` is the server ticket of Kerberos (type 3) or the SAML response (4). For a user name or passcode (1, 2)
    it is left out, and for a JSON Web Token (5) the standard names none.
    """

    accepted: bool
    response: bytes = b""


class AcceptancePolicy(Protocol):
    """Decides about an association request.

    ``decide`` is called where the server reads and writes, so it must not wait for anything. If it raises, the request
    is rejected without a reason.
    """

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        """The answer to this request of this applicant."""


@dataclass(frozen=True, slots=True)
class SupportedContext:
    """An abstract syntax we accept: transfer syntaxes with the preferred first, and the roles we are ready to take.

    The default suits an ordinary SCP. A receiver of UPS events is an SCU that does not open the association:
    ``scu=True`` makes the answer to a proposal of (SCU 0, SCP 1) the same (PS3.4 CC.3.2). ``specialized`` takes classes
    we do not know, too, whose common extended negotiation names this one as a related general class (PS3.7 D.3.3.6).
    """

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...] = (uids.IMPLICIT_VR_LE,)
    scu: bool = False
    scp: bool = True
    specialized: bool = False


@dataclass(frozen=True, slots=True)
class PlainPolicy:
    """Accepts what the lists allow; None for a list of titles, or for a number of associations, allows any.

    - ``async_window``: how many operations at once we want to invoke, and can perform; 0 is any number. The peer gets
      no more than it proposes, and nothing if it proposes nothing: then it is one each. Nor does it get more than
      ``MessageLimits.requests`` of the session that asks the policy, where that is the lesser number.
    - ``extended`` answers one SOP Class Extended Negotiation sub-item, None to leave it unanswered.
    - ``identity`` judges the user identity, or that there is none; who is refused gets no association. Without it an
      identity is ignored, and the peer is told nothing that sounds like a yes (PS3.7 D.3.3.7).
    - ``associations``, ``per_address`` and ``per_title`` (the calling one) are how many the server may hold at once;
      one more is rejected for now. They count in servers that count: see ``Applicant``.
    """

    supported: tuple[SupportedContext, ...]
    ae_titles: frozenset[str] | None = None
    calling: frozenset[str] | None = None
    max_length: int = DEFAULT_MAX_LENGTH
    async_window: tuple[int, int] = (1, 1)
    answer_roles: bool = True
    extended: Callable[[ExtendedNegotiation], bytes | None] | None = None
    identity: Callable[[UserIdentity | None, Applicant], IdentityAnswer] | None = None
    associations: int | None = None
    per_address: int | None = None
    per_title: int | None = None
    implementation_class_uid: str = uids.IMPLEMENTATION_CLASS_UID
    implementation_version_name: str = uids.IMPLEMENTATION_VERSION_NAME

    _listed: Mapping[str, SupportedContext] = field(init=False, repr=False, compare=False)  # by UID; the first counts
    _steady: bool = field(init=False, repr=False, compare=False)  # whether equal requests get equal acceptances

    def __post_init__(self) -> None:
        listed: dict[str, SupportedContext] = {}
        for entry in self.supported:
            listed.setdefault(entry.abstract_syntax, entry)
        object.__setattr__(self, "_listed", listed)
        # Not so if a subclass may have its own mind, a function may say something else, or a list may change.
        fixed = all(type(e) is SupportedContext and type(e.transfer_syntaxes) is tuple for e in listed.values())
        titles = all(t is None or type(t) is frozenset for t in (self.ae_titles, self.calling))
        fixed = fixed and titles and type(self.async_window) is tuple
        steady = type(self) is PlainPolicy and self.extended is None and fixed
        object.__setattr__(self, "_steady", steady)

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        """Reject for a wrong application context, title or user or for too many, else answer each proposed context.

        The codes are those of PS3.8 9.3.4. A user is looked at last: who asks whether a passcode is right has passed
        everything else.
        """
        judge = PlainPolicy._objection
        objection = once(judge, request, self) if self._steady else judge(request, self)
        if objection is not None:
            return objection
        if self._is_full(applicant):
            return AAssociateRJ(RejectResult.TRANSIENT, RejectSource.PRESENTATION, 2)  # local limit exceeded
        if self.identity is None:
            accept = PlainPolicy._plain_acceptance
            return once(accept, request, self) if self._steady else accept(request, self)
        user = request.find(UserIdentity)
        answer = self.identity(user, applicant)
        if not answer.accepted:
            return AAssociateRJ(RejectResult.PERMANENT, RejectSource.ACSE, 1)  # PS3.7 D.3.3.7.3
        return self._acceptance(request, _confirmation(user, answer))

    @staticmethod
    def _objection(request: AAssociateRQ, policy: PlainPolicy) -> AAssociateRJ | None:
        """What is wrong with a request whoever it comes from, and whenever."""
        if clean_uid(request.application_context or "") != uids.APPLICATION_CONTEXT:
            return _rejection(2)
        called, calling = clean_title(request.called_ae_title), clean_title(request.calling_ae_title)
        if policy.ae_titles is not None and called not in map(clean_title, policy.ae_titles):
            return _rejection(7)
        if policy.calling is not None and calling not in map(clean_title, policy.calling):
            return _rejection(3)
        return None

    def _is_full(self, applicant: Applicant) -> bool:
        return (
            (self.associations is not None and applicant.associations >= self.associations)
            or (self.per_address is not None and applicant.of_address >= self.per_address)
            or (self.per_title is not None and applicant.of_title >= self.per_title)
        )

    @staticmethod
    def _plain_acceptance(request: AAssociateRQ, policy: PlainPolicy) -> AAssociateAC:
        return policy._acceptance(request, None)

    def _acceptance(self, request: AAssociateRQ, identity: UserIdentityResponse | None) -> AAssociateAC:
        supported = self._supported(request)
        proposed = roles_by_class(request)
        roles = self._answer_roles(proposed, supported)
        results = tuple(
            _answer(context, supported.get(uid), granted_roles(proposed.get(uid), roles.get(uid)))
            for context in request.presentation_contexts
            for uid in (clean_uid(context.abstract_syntax or ""),)
        )
        information = user_information(
            self.max_length,
            self.implementation_class_uid,
            self.implementation_version_name,
            (
                *self._answer_window(request),
                *roles.values(),
                *self._answer_extended(request, supported),
                *((identity,) if identity is not None else ()),
            ),
        )
        # The titles and the reserved block go back as they came (PS3.8 9.3.3).
        return AAssociateAC(
            called_ae_title=request.called_ae_title,
            calling_ae_title=request.calling_ae_title,
            items=(ApplicationContext(uids.APPLICATION_CONTEXT), *results, information),
            reserved_block=request.reserved_block,
        )

    def _supported(self, request: AAssociateRQ) -> Mapping[str, SupportedContext]:
        """What we accept by its UID; among it, what is known by a related general class only."""
        listed = self._listed
        specialized: dict[str, SupportedContext] = {}
        for uid, item in common_extended_by_class(request).items():
            entries = (listed.get(clean_uid(related)) for related in item.related)
            general = next((entry for entry in entries if entry is not None and entry.specialized), None)
            if general is not None:
                specialized[uid] = general
        return {**specialized, **listed} if specialized else listed

    def _answer_window(self, request: AAssociateRQ) -> list[Item]:
        """The window in the requestor's terms, in which what it invokes is what we perform (PS3.7 D.3.3.3)."""
        window = request.find(AsyncOperationsWindow)
        if window is None:
            return []
        invoked, performed = self.async_window
        return [
            AsyncOperationsWindow(
                smaller_window(window.invoked, performed),
                smaller_window(window.performed, invoked),
            )
        ]

    def _answer_roles(
        self, proposed: Mapping[str, RoleSelection], supported: Mapping[str, SupportedContext]
    ) -> dict[str, RoleSelection]:
        """A role is granted if proposed and if we take the opposite one (PS3.7 D.3.3.4)."""
        if not self.answer_roles:
            return {}
        return {
            uid: RoleSelection(uid, int(role.scu == 1 and entry.scp), int(role.scp == 1 and entry.scu))
            for uid, role in proposed.items()
            if (entry := supported.get(uid)) is not None
        }

    def _answer_extended(self, request: AAssociateRQ, supported: Mapping[str, SupportedContext]) -> list[Item]:
        answers: dict[str, Item] = {}
        for item in request.find_all(ExtendedNegotiation) if self.extended else ():
            uid = clean_uid(item.sop_class)
            if self.extended and uid in supported and uid not in answers:
                info = self.extended(item)
                if info is not None:
                    answers[uid] = ExtendedNegotiation(uid, info)
        return list(answers.values())


def _confirmation(user: UserIdentity | None, answer: IdentityAnswer) -> UserIdentityResponse | None:
    """What tells the peer that its user is accepted, if it wants to be told."""
    if user is None or not user.response_requested:
        return None
    named = user.identity_type in (IdentityType.USERNAME, IdentityType.USERNAME_PASSCODE)
    return UserIdentityResponse(b"" if named else answer.response)


def _answer(
    context: PresentationContext, entry: SupportedContext | None, requestor_roles: tuple[bool, bool]
) -> PresentationContextResult:
    offered = [clean_uid(uid) for uid in context.transfer_syntaxes]
    if entry is None:
        return _refusal(context, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED)
    scu, scp = requestor_roles
    if not ((scu and entry.scp) or (scp and entry.scu)):
        return _refusal(context, ContextResult.USER_REJECTION)  # neither end would have a part to play
    chosen = next((uid for uid in entry.transfer_syntaxes if uid in offered), None)
    if chosen is None:
        return _refusal(context, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED)
    return PresentationContextResult.of(context.context_id, ContextResult.ACCEPTANCE, chosen)


def _refusal(context: PresentationContext, result: ContextResult) -> PresentationContextResult:
    # One transfer syntax has to stand there, though it means nothing (PS3.8 9.3.3.2). The peer's may be any text.
    return PresentationContextResult.of(context.context_id, result, uids.IMPLICIT_VR_LE)


def _rejection(reason: int) -> AAssociateRJ:
    return AAssociateRJ(RejectResult.PERMANENT, RejectSource.SERVICE_USER, reason)
