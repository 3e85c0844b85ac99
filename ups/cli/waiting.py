"""--wait: after the answer, until the workitem is in a state or never will be.

0000 to a request for cancel says that it was passed on, not that anybody follows it (PS3.4 CC.2.2.3). So the state is
asked for by N-GET, on the association there is and ever more seldom, and what event reports tell meanwhile counts too:
they also tell of a state that lasted for a moment only. Knows no driver and no clock but the one it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from dicomnet import flows
from dicomnet.dimse import status as general
from dicomnet.dimse.messages import NEventReportRequest, NGetResponse
from dicomnet.dimse.status import StatusClass
from dicomnet.errors import DicomNetError, EncodeError, TimedOut
from dicomnet.flows import Flow
from dicomnet.records import dataclass
from ups import scu
from ups.names import FINAL_STATES, EventType, StepState

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["Ending", "Wait", "Waited"]

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
_GROWTH = 1.5
_LAST_QUESTION = 1.0
"""Seconds that are left for the question at the very end: much may have changed since the one before."""
_STATE = 0x00741000
_NOT_NOW = frozenset({general.PROCESSING_FAILURE, general.RESOURCE_LIMITATION})
"""Failures that say nothing of the workitem: the next time may be better."""


class Ending(Enum):
    """How a wait ends."""

    REACHED = auto()
    MISSED = auto()  # it is in another final state
    REFUSED = auto()  # the peer does not answer the question
    UNTOLD = auto()  # the answer has no state
    TIMED_OUT = auto()


@dataclass(frozen=True, slots=True)
class Waited:
    """``state`` is the last one that is known, ``response`` the answer that refused."""

    ending: Ending
    state: str = ""
    response: NGetResponse | None = None


class Wait:
    """One wait for ``wanted``, at most ``seconds``; ``response_timeout`` is what a single question may take."""

    def __init__(
        self,
        instance: str,
        wanted: StepState,
        seconds: float | None,
        *,
        via: str,
        sop_class: str,
        response_timeout: float | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.instance = instance
        self.wanted = wanted
        self.seconds = seconds
        self._via = via
        self._sop_class = sop_class
        self._response_timeout = response_timeout
        self._now = now
        self._seen: list[str] = []

    def note(self, report: NEventReportRequest) -> None:
        """What an event report says of the workitem counts; one that cannot be read says nothing."""
        if report.instance != self.instance or report.event_type != EventType.STATE_REPORT:
            return
        try:
            self._saw(report.dataset())
        except DicomNetError:
            return

    def flow(self) -> Flow[Waited]:
        """Wait.

        Raises:
            DicomNetError: what ended the association, or an answer that cannot be read.
        """
        until = None if self.seconds is None else self._now() + self.seconds
        pause = _FIRST_PAUSE
        while True:
            response = yield from self._ask(None if until is None else until - self._now())
            if response is not None and (refusal := self._take(response)) is not None:
                return refusal
            if (ending := self._ending()) is not None:
                return Waited(ending, self._last)
            left = None if until is None else until - self._now()
            if left is not None and left <= 0:
                return Waited(Ending.TIMED_OUT, self._last)
            yield from flows.pause(pause if left is None else min(pause, left))
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)

    def _ask(self, left: float | None) -> Flow[NGetResponse | None]:
        """The answer to one question, None when it was our own deadline that came first."""
        limit = None if left is None else max(left, _LAST_QUESTION)
        own = limit is not None and (self._response_timeout is None or limit < self._response_timeout)
        question = scu.get(
            self.instance, (_STATE,), via=self._via, sop_class=self._sop_class, timeout=limit if own else None
        )
        try:
            return (yield from question)
        except TimedOut as error:
            if own and error.wait == "response":
                return None
            raise

    def _take(self, response: NGetResponse) -> Waited | None:
        if response.status_class is StatusClass.FAILURE:
            return None if response.status in _NOT_NOW else Waited(Ending.REFUSED, self._last, response)
        return None if self._saw(response.dataset()) else Waited(Ending.UNTOLD, self._last)

    def _saw(self, data_set: Dataset | None) -> bool:
        from dicomnet.dataset.values import text_value

        try:
            state = "" if data_set is None else text_value(data_set, _STATE).strip()
        except EncodeError:  # what is there is no text
            state = ""
        if state:
            self._seen.append(state)
        return bool(state)

    @property
    def _last(self) -> str:
        return self._seen[-1] if self._seen else ""

    def _ending(self) -> Ending | None:
        if self.wanted in self._seen:
            return Ending.REACHED
        return Ending.MISSED if FINAL_STATES.intersection(self._seen) else None
