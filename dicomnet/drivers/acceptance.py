"""Answering an association request: the policy decides, this room sees that the peer gets an answer whatever happens.

Knows the association and the policy, but no flows and no sockets.
"""

from __future__ import annotations

import logging

from dicomnet.codes import RejectResult, RejectSource, reject_reason_text
from dicomnet.errors import LocalProtocolError, Rejected
from dicomnet.records import replace
from dicomnet.ul import AcceptancePolicy, Applicant, Association, State
from dicomnet.ul.negotiated import smaller_window
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ, AsyncOperationsWindow, UserInformation

__all__ = ["answer_request", "rejected"]

_log = logging.getLogger("dicomnet.session")

_NO_REASON = AAssociateRJ(RejectResult.PERMANENT, RejectSource.SERVICE_USER, 1)


def answer_request(
    association: Association,
    request: AAssociateRQ,
    policy: AcceptancePolicy,
    applicant: Applicant,
    now: float,
    *,
    most: int,
) -> Rejected | None:
    """Accept or reject as the policy says; the rejection, if it was one. Raises nothing for what the peer asks.

    ``most`` is how many requests without an answer are taken from one peer: no larger window is agreed to.
    """
    if association.state is not State.STA3:
        return None  # the peer did not wait for the answer: the association is over already, and an event says so
    answer = _decide(policy, request, applicant)
    try:
        if isinstance(answer, AAssociateAC):
            association.associate_accept(_within(answer, most), now)
            return None
        association.associate_reject(answer.result, answer.source, answer.reason, now)
    except Exception as fault:
        if association.state is not State.STA3:
            raise
        if isinstance(fault, LocalProtocolError):
            # Such as a title that PS3.5 does not allow, which the acceptance would have to repeat (PS3.8 9.3.3).
            _log.info("a request from %s cannot be answered as the policy says: %s", applicant.address, fault)
        else:
            _failed(f"answered what cannot be sent: {type(fault).__name__}", fault)
        answer = _NO_REASON
        association.associate_reject(answer.result, answer.source, answer.reason, now)
    error = rejected(answer, "this side rejected the association")
    _log.info("association request from %s: %s", applicant.address, error)
    return error


def _within(answer: AAssociateAC, most: int) -> AAssociateAC:
    """The same answer, letting the requestor invoke no more operations at once than ``most`` (PS3.7 D.3.3.3)."""
    window = answer.find(AsyncOperationsWindow)
    if window is None or 0 < window.invoked <= most:
        return answer
    lesser = replace(window, invoked=smaller_window(window.invoked, most))
    items = (
        replace(item, items=tuple(lesser if sub is window else sub for sub in item.items))
        if isinstance(item, UserInformation)
        else item
        for item in answer.items
    )
    return replace(answer, items=tuple(items))


def _decide(policy: AcceptancePolicy, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
    try:
        answer: object = policy.decide(request, applicant)
    except Exception as error:  # noqa: BLE001 - a policy is foreign code, and its failure must not reach other peers
        _failed(f"failed: {type(error).__name__}", error)
        return _NO_REASON
    if isinstance(answer, AAssociateAC | AAssociateRJ):
        return answer
    _failed(f"answered neither A-ASSOCIATE-AC nor -RJ: {type(answer).__name__}")
    return _NO_REASON


def _failed(how: str, error: Exception | None = None) -> None:
    _log.error("the acceptance policy %s", how)
    if error is not None:
        _log.debug("the failure", exc_info=error)


def rejected(pdu: AAssociateRJ, who: str) -> Rejected:
    """The error for a rejection that was received, or sent."""
    kind = {1: "permanently", 2: "for now"}.get(pdu.result, f"(result {pdu.result})")
    return Rejected(
        f"{who} {kind}: {reject_reason_text(pdu.source, pdu.reason)}",
        result=pdu.result,
        source=pdu.source,
        reason=pdu.reason,
    )
