"""``-tuid auto``: which Transaction UID an operation sends, and what its answer means to the store of claims.

A claim is remembered before it is sent; completing, canceling and setting look it up. What an answer proves decides
whether it is forgotten, and in doubt it is kept: one that is worth nothing does no harm, one that is lost leaves a
workitem that nobody can finish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomnet.dimse.status import StatusClass
from dicomnet.records import replace
from ups import status
from ups.cli.claims import ClaimStore, ClaimStoreError
from ups.cli.words import UsageError
from ups.names import FINAL_STATES, StepState

if TYPE_CHECKING:
    from dicomnet.dimse.messages import Response
    from ups.cli.addresses import PeerAddress
    from ups.cli.claims import Claim

__all__ = ["Claiming", "claiming"]

_NOT_OURS = frozenset(
    {
        status.NO_TRANSACTION_UID,
        status.ALREADY_IN_PROGRESS,
        status.SCHEDULED_ONLY_BY_CREATE,
        status.NO_SUCH_UPS,
        status.NOT_IN_PROGRESS,
    }
)
"""What says of a claim that went out once that it did not get the lock (Table CC.1.1-2)."""

_FINAL = frozenset(
    {
        status.ALREADY_CANCELED,
        status.ALREADY_COMPLETED,
        status.MAY_NO_LONGER_BE_UPDATED,
        status.COMPLETED_BEFORE_CANCEL,
    }
)
"""What says that the workitem is in a final state."""


class Claiming:
    """The claim that one operation sends or relies on; ``state`` is what it asks for, None for ``set``."""

    def __init__(self, store: ClaimStore, claim: Claim, state: StepState | None) -> None:
        self._store = store
        self._claim = claim
        self._state = state

    @property
    def transaction(self) -> str:
        """The Transaction UID to send."""
        return self._claim.transaction

    @property
    def may_be_ours(self) -> bool:
        """Whether a workitem that somebody has claimed may have been claimed by an earlier try of ours."""
        return self._state is StepState.IN_PROGRESS and (self._claim.held or self._claim.tries > 1)

    def answered(self, response: Response) -> str | None:
        """Take in what the answer proves; a warning when the store could not."""
        done = response.status_class in (StatusClass.SUCCESS, StatusClass.WARNING)
        try:
            if response.status in _FINAL or (done and self._state in FINAL_STATES):
                self._store.forget(self._claim)
            elif self._state is StepState.IN_PROGRESS and done:
                self._store.hold(self._claim)
            elif self._state is StepState.IN_PROGRESS and response.status in _NOT_OURS:
                self._store.withdraw(self._claim)
        except ClaimStoreError as error:
            return _kept(error)
        return None

    def unsent(self) -> str | None:
        """The request never left: nothing is lost with a claim that was made for it."""
        if self._state is not StepState.IN_PROGRESS:
            return None
        try:
            self._store.withdraw(self._claim)
        except ClaimStoreError as error:
            return _kept(error)
        return None

    def ended(self) -> str | None:
        """The workitem was seen in a final state."""
        try:
            self._store.forget(self._claim)
        except ClaimStoreError as error:
            return _kept(error)
        return None


def _kept(error: ClaimStoreError) -> str:
    return f"--tuid-store: {error}; the claim stays remembered"


def claiming(path: str, called: PeerAddress, workitem: str, state: StepState | None) -> Claiming:
    """The claim of this workitem at this peer; a new one, if it is a claim that is to be sent.

    Raises:
        UsageError: the store cannot be used, or remembers no claim to go on with.
    """
    store = ClaimStore(path)
    peer = str(replace(called, host=called.host.lower()))
    try:
        claim = store.take(peer, workitem) if state is StepState.IN_PROGRESS else store.find(peer, workitem)
    except ClaimStoreError as error:
        raise UsageError(f"--tuid-store {path}: {error}") from error
    if claim is None:
        raise UsageError(f"-tuid auto: {path} (--tuid-store) remembers no claim of {workitem} at {peer}")
    return Claiming(store, claim, state)
