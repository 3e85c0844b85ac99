"""Flows that send: whose turn it is, how many requests may be outstanding, when there is room for more.

On an association one message goes out after the other (PS3.8 E.1): while the data set of one is sent in parts, whatever
else is to be sent lines up behind it. Knows nothing of what flows wait for besides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from dicomnet import steps
from dicomnet.dimse.exchange import Exchange
from dicomnet.dimse.messages import Request, Response
from dicomnet.dimse.status import StatusClass
from dicomnet.drivers.alarms import Alarms
from dicomnet.drivers.runs import Run
from dicomnet.errors import Aborted, DicomNetError, LocalProtocolError

__all__ = ["Speaking"]

_PROMISING: Final = frozenset({StatusClass.SUCCESS, StatusClass.WARNING})
_ROOM: Final = 64 * 1024
"""Bytes that may wait to be flushed before who sends more has to wait for that."""

_Beginning: TypeAlias = steps.SendMessage | steps.TakeTurn | steps.BeginMessage


class Speaking:
    """What a stepper does with the steps that send."""

    def __init__(
        self,
        exchange: Exchange,
        response_timeout: float | None,
    ) -> None:
        self.window = 1
        """How many requests of ours may be outstanding at once; 0 is any number (PS3.7 D.3.3.3)."""
        self.over: DicomNetError | None = None
        """Why no message can pass any more; None as long as they can."""
        self.cut_short: DicomNetError | None = None
        """Set when a flow has ended amid a message of ours, of which the peer cannot make sense: abort, with this."""
        self._exchange = exchange
        self._response_timeout = response_timeout
        self._alarms = Alarms()
        # Where flows wait that send, each in one of them.
        self._outbox: deque[Run[Any]] = deque()  # for their turn
        self._windowed: deque[Run[Any]] = deque()  # for an answer to another request
        self._speaker: Run[Any] | None = None  # amid a message
        self._unflushed: list[Run[Any]] = []  # for what they sent to leave

    @property
    def speaking(self) -> bool:
        """Whether a message of ours is under way."""
        return self._speaker is not None

    @property
    def sending(self) -> bool:
        """Whether a flow waits for what it sent to leave."""
        return bool(self._unflushed)

    def flushed(self) -> None:
        """What was to be sent is sent."""
        self._exchange.queued = 0
        if self._unflushed:
            waiting, self._unflushed = self._unflushed, []
            for run in waiting:
                run.resume(run.outcome)

    def _attempt(self, run: Run[Any], begin: Callable[[Run[Any], Any, float], None], step: Any, now: float) -> None:
        try:
            begin(run, step, now)
        except Exception as error:  # noqa: BLE001 - raised again inside the flow, whose step it was
            run.resume(None, error)

    def _require_association(self) -> None:
        if self.over is not None:
            raise self.over.with_traceback(None)  # which would grow with each time it is raised

    def _wait_until(self, run: Run[Any], seconds: float | None, now: float) -> None:
        if seconds is not None:
            run.deadline = now + seconds
            self._alarms.set(run)

    def _window_full(self) -> bool:
        return 0 < self.window <= self._exchange.outstanding

    def _places_until(self) -> float | None:
        """When the first abandoned request loses its place in the window."""
        if self._response_timeout is None or not self._exchange.abandoned:
            return None
        return next(iter(self._exchange.abandoned.values())) + self._response_timeout

    def _reclaim_places(self, now: float) -> None:
        """Give the places of abandoned requests to others, when the peer was silent about them for too long."""
        while (until := self._places_until()) is not None and until <= now:
            self._exchange.forget(next(iter(self._exchange.abandoned)))
        self._send_waiting(now)

    def _begin_message(self, run: Run[Any], step: _Beginning, now: float) -> None:
        if self.over is not None:
            self._require_association()
        if self._speaker is run and not isinstance(step, steps.BeginMessage):  # it would wait for itself
            raise LocalProtocolError("this flow has its turn for a message: begin it, end it or give it up")
        if isinstance(step.message, Request) and self._window_full() and self._speaker is not run:
            self._windowed.append(run)
            self._wait_until(run, self._response_timeout, now)
        elif self._speaker is not None and self._speaker is not run:
            self._outbox.append(run)
        else:
            self._transmit(run, step, now)

    def _send_waiting(self, now: float) -> None:
        """Send what waited for a message to be out, or for an answer to come; in the order it was asked for."""
        if self.over is not None:  # who waits is about to be told
            return
        while self._outbox and self._speaker is None:
            run = self._outbox.popleft()
            step = run.waiting
            if isinstance(step, _Beginning):
                # A request that was before it in the line may have taken the last place in the window.
                self._attempt(run, self._begin_message, step, now)
        while self._windowed and self._speaker is None and not self._window_full():
            run = self._windowed.popleft()
            step = run.waiting
            if isinstance(step, _Beginning):
                run.deadline = None
                self._attempt(run, self._begin_message, step, now)

    def _transmit(self, run: Run[Any], step: _Beginning, now: float) -> None:
        message = step.message
        if isinstance(step, steps.TakeTurn):
            self._speaker = run
            run.resume(self._exchange.piece)
            return
        request = isinstance(message, Request)
        if not request and isinstance(message, Response):
            self._require_whole_request(message)
        if isinstance(step, steps.SendMessage):
            message_id = self._exchange.send(message, now, abstract_syntax=step.abstract_syntax)
            self._throttle(run, message_id)
        else:
            opened = self._exchange.begin(message, abstract_syntax=step.abstract_syntax)
            self._speaker = run
            message_id = opened.message_id
            run.resume(opened)
        if request:
            run.message_ids.append(message_id)

    def _require_whole_request(self, response: Response) -> None:
        """A failure may come early, success never: what was promised might still be cut (PS3.7 9.1.1.1.9)."""
        if self._exchange.still_arrives(response.responding_to) and response.status_class in _PROMISING:
            raise LocalProtocolError("success before the whole data set is here: read it, or flows.skip it")

    def _send_part(self, run: Run[Any], step: steps.SendPart, now: float) -> None:
        self._require_association()
        if self._speaker is not run:
            raise LocalProtocolError("this flow has no message that a part could belong to")
        wanted = self._exchange.send_part(step.data, now, last=step.last)
        if step.last:
            self._speaker = None
        self._throttle(run, wanted)

    def _give_up(self, run: Run[Any], step: steps.GiveUp, now: float) -> None:
        self._take_back(run, now)
        run.resume()

    def _throttle(self, run: Run[Any], value: object) -> None:
        """Go on at once, unless a lot waits to be flushed."""
        if self._exchange.queued < _ROOM:
            run.resume(value)
        else:
            run.outcome = value
            self._unflushed.append(run)

    def _take_back(self, run: Run[Any], now: float) -> None:
        if self._speaker is run:
            self._speaker = None
            if not self._exchange.give_up(now):
                text = "a flow ended amid a message that it was sending"
                self.over = self.cut_short = Aborted(text, source=0, reason=0)
