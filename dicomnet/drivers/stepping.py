"""Stepping the flows of an association: each is resumed with what its last step brought, and begins the next.

Knows what every step asks of the exchange or the association underneath, and in which order the messages of several
flows leave; that the association begins and ends, and why, is the session's to say. No turn of it costs more for more
flows that wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from dicomnet import steps
from dicomnet.dimse.exchange import Exchange
from dicomnet.dimse.messages import Response
from dicomnet.drivers.runs import BranchWork, Mailbox, Run
from dicomnet.drivers.speaking import Speaking
from dicomnet.errors import DicomNetError, LocalProtocolError, TimedOut
from dicomnet.flows import Flow
from dicomnet.kernel import resume
from dicomnet.ul import Association, State
from dicomnet.wire import Pdu

__all__ = ["Stepper"]

T = TypeVar("T")

_TOLD_OF_THE_END: Final = frozenset(
    {
        steps.AwaitReply,
        steps.BeginMessage,
        steps.Pause,
        steps.ReadPart,
        steps.SendMessage,
        steps.SendPart,
        steps.TakeTurn,
    }
)


class Stepper(Speaking):
    """The flows in progress on one association, and the responses that none of them has taken yet."""

    def __init__(
        self,
        association: Association,
        exchange: Exchange,
        *,
        response_timeout: float | None = None,
    ) -> None:
        super().__init__(exchange, response_timeout)
        self.keep_pdus = False
        """Whether flows may ask for PDUs."""
        self.now = 0.0
        """When it was last looked for waits that have run out."""
        self.ready: deque[Run[Any]] = deque()
        """The flows that can go on without new input."""
        self.replies = Mailbox()
        """The responses that no flow has taken yet."""
        self._association = association
        self._runs: dict[Run[Any], None] = {}
        # Where flows wait that do not send, each in one of them.
        self._awaiting: dict[int, Run[Any]] = {}  # for a response
        self._expectant = 0  # those of them that do so within a time
        self._reader: Run[Any] | None = None  # for more of the data set that is arriving
        self._pdu_waiters: list[Run[Any]] = []
        self._calls: list[tuple[Run[Any], Callable[[], object]]] = []
        self._branch_work: list[BranchWork] = []

    @property
    def errands(self) -> bool:
        """Whether flows wait for what the driver is to do."""
        return bool(self._calls or self._branch_work)

    @property
    def expectant(self) -> bool:
        """Whether a flow waits for an answer within a time of its own."""
        return self._expectant > 0

    @property
    def attentive(self) -> bool:
        """Whether a flow waits for what events may have brought besides answers: see ``offer``."""
        return self._reader is not None or bool(self._outbox or self._windowed or self._pdu_waiters)

    def next_deadline(self) -> float | None:
        """When the first wait of a flow runs out, or what one has left behind is given up."""
        first, second = self._alarms.next(), self._places_until() if self._exchange.abandoned else None
        if first is None or second is None:
            return second if first is None else first
        return first if first < second else second

    # -- what the user of a flow does --------------------------------------------------------------------------------

    def start(self, flow: Flow[T], on_progress: Callable[[], None] | None = None, *, streamed: bool = False) -> Run[T]:
        """Begin a flow; it moves at the next ``step``."""
        run: Run[T] = Run(flow, on_progress, streamed=streamed, keep_pdus=self.keep_pdus, queue=self.ready)
        self._runs[run] = None
        if getattr(flow, "gi_frame", flow) is None:  # a generator that is used up would end at once, and well
            run.ready = None, LocalProtocolError("this flow has run already: make another")
        return run

    def cancel(self, run: Run[Any]) -> None:
        """End a flow from outside. What it has asked for is abandoned: answers are dropped, and the peer is asked to
        stop where that is possible (C-CANCEL)."""
        if run not in self._runs:
            return
        try:
            run.flow.close()
        finally:
            self._leave(run, self.now)
            run.finish(None, LocalProtocolError("the flow was cancelled"))

    def take(self, run: Run[Any]) -> Any:
        """The next delivered item of a stream; makes room for another."""
        item = run.take()
        if isinstance(run.waiting, steps.Deliver):
            run.resume()
        return item

    def take_calls(self) -> list[tuple[Run[Any], Callable[[], object]]]:
        """The ``Call`` steps that wait to be run, each handed out once."""
        calls, self._calls = self._calls, []
        return [(run, function) for run, function in calls if not run.done]

    def take_branches(self) -> list[BranchWork]:
        """The steps that wait for another association, each handed out once."""
        work = self._branch_work[:]
        self._branch_work.clear()  # which BranchWork refers to
        return [one for one in work if one.run is None or not one.run.done]

    # -- what has happened -------------------------------------------------------------------------------------------

    def answer(self, response: Response) -> None:
        """A response has come: for the flow that waits for it, or to be kept for one that will."""
        run = self._awaiting.pop(response.responding_to, None)
        if run is None:
            self.replies.put(response)
            return
        if run.deadline is not None:
            self._expectant -= 1
        run.resume(response)

    def keep_pdu(self, pdu: Pdu) -> None:
        """A PDU has come, for every flow that may ask."""
        for run in self._runs:
            run.pdus.append(pdu)

    def offer(self, now: float) -> None:
        """Events have been taken: who waits for what they may have brought looks again."""
        if self._reader is not None:
            run, self._reader = self._reader, None
            if isinstance(run.waiting, steps.ReadPart):
                self._attempt(run, self._read_part, run.waiting, now)
        if self._outbox or self._windowed:
            self._send_waiting(now)
        if self._pdu_waiters:
            self._pdu_waiters = [run for run in self._pdu_waiters if not self._give_pdu(run)]

    def end(self, why: DicomNetError) -> None:
        """No message will pass any more: tell every flow that waits for one, and those that want to exchange some."""
        self.over = why
        self._speaker = self._reader = None
        self._expectant = 0
        self._exchange.abandoned.clear()
        for waiting in (self._awaiting, self._outbox, self._windowed, self._unflushed):
            waiting.clear()
        for run in self._runs:
            if type(run.waiting) in _TOLD_OF_THE_END:
                run.resume(None, why)
            elif isinstance(run.waiting, steps.Inject):
                run.resume()

    def expire(self, now: float) -> None:
        """Resume the flows whose wait has run out.

        A request without an answer in time gives its place in the window back at once: who asked knows that the peer
        may still be at work on it, and a peer that never answers does not block the others. One that was abandoned
        keeps its place until the final response, or until the peer has said nothing for the response timeout.
        """
        self.now = now
        if self._exchange.abandoned:
            self._reclaim_places(now)
        if now < self._alarms.first:
            return
        for run in self._alarms.due(now):
            waiting = run.waiting
            if run.deadline is None:  # told already
                continue
            if isinstance(waiting, steps.Pause):
                run.resume()
            elif isinstance(waiting, steps.AwaitReply):
                del self._awaiting[waiting.message_id]
                self._expectant -= 1
                self._exchange.abandon(waiting.message_id, now)
                self._exchange.forget(waiting.message_id)
                self._association.not_idle(now)
                run.resume(None, TimedOut("the peer did not answer in time", wait="response"))
            elif isinstance(waiting, steps.AwaitPdu):
                self._pdu_waiters.remove(run)
                run.resume(None, TimedOut("no PDU came in time", wait="pdu"))
            elif self._window_full():
                self._windowed.remove(run)
                text = f"{self.window} requests are outstanding, and none was answered in time"
                run.resume(None, TimedOut(text, wait="window"))
            else:  # there is room, and it waits for a message that is under way, which has deadlines of its own
                run.deadline = None

    # -- stepping ----------------------------------------------------------------------------------------------------

    def step(self, now: float) -> list[tuple[Run[Any], BaseException | None]]:
        """Take every flow that can go on one step further; the runs that end, each with what it failed of."""
        ended: list[tuple[Run[Any], BaseException | None]] = []
        ready = self.ready
        for _ in range(len(ready)):
            run = ready.popleft()
            if run.ready is None:  # cancelled
                continue
            value, failure = run.ready
            run.ready = None
            try:
                if failure is None:
                    over, step = resume(run.flow, value)
                else:
                    over, step = False, run.flow.throw(failure)
            except StopIteration as stop:
                over, step = True, stop.value
            except BaseException as error:  # the flow's own error goes to whoever asks for its result
                self._finish(run, None, error)
                if isinstance(error, KeyboardInterrupt | SystemExit):  # meant for the whole program
                    raise
                ended.append((run, error))
                continue
            if over:
                self._finish(run, step, None)
                ended.append((run, None))
                continue
            run.waiting = step
            begin = _BEGIN.get(type(step))
            try:
                if begin is None:
                    raise LocalProtocolError(f"{step!r} is no step of a flow")
                begin(self, run, step, now)
            except Exception as error:  # noqa: BLE001 - raised again inside the flow, whose step it was
                run.resume(None, error)
        if self._outbox or self._windowed:
            self._send_waiting(now)
        return ended

    def _finish(self, run: Run[Any], value: Any, error: BaseException | None) -> None:
        self._leave(run, self.now)
        run.finish(value, error)

    def _leave(self, run: Run[Any], now: float) -> None:
        """A flow has ended: nothing of it stays behind."""
        del self._runs[run]
        if run.waiting is not None:  # cancelled
            self._stop_waiting(run, run.waiting)
        self._take_back(run, now)
        for message_id in run.message_ids:
            if self.over is not None:
                self._exchange.forget(message_id)
            else:
                self._exchange.abandon(message_id, now)
            self.replies.discard(message_id)
        for branch in run.branches:
            self._branch_work.append(BranchWork(None, steps.Close(branch, abort=True), self._branch_work))

    def _stop_waiting(self, run: Run[Any], waiting: steps.Step) -> None:
        if isinstance(waiting, steps.AwaitReply) and self._awaiting.get(waiting.message_id) is run:
            del self._awaiting[waiting.message_id]
            if run.deadline is not None:
                self._expectant -= 1
        elif isinstance(waiting, steps.ReadPart):
            self._reader = None
        else:
            for place in (self._outbox, self._windowed, self._unflushed, self._pdu_waiters):
                if run in place:
                    place.remove(run)

    # -- receiving ---------------------------------------------------------------------------------------------------

    def _await_reply(self, run: Run[Any], step: steps.AwaitReply, now: float) -> None:
        response = self.replies.take(step.message_id)
        if response is not None:
            run.resume(response)
            return
        if self.over is not None:
            self._require_association()
        if step.message_id in self._awaiting:
            raise LocalProtocolError(f"another flow waits for the answer to message id {step.message_id}")
        self._awaiting[step.message_id] = run
        self._wait_until(run, self._response_timeout if step.timeout is None else step.timeout, now)
        if run.deadline is not None:
            self._expectant += 1

    def _read_part(self, run: Run[Any], step: steps.ReadPart, now: float) -> None:
        data_set = step.data_set
        if not self._exchange.owns(data_set):
            raise LocalProtocolError("this data set does not arrive on this association")
        if data_set.parts or data_set.whole:
            run.resume(self._exchange.take(data_set))
            return
        if data_set.error is not None:
            raise data_set.error
        self._require_association()
        if self._reader is not None or not self._exchange.is_arriving(data_set):
            raise LocalProtocolError("another flow reads this data set, or nobody is to")
        self._reader = run

    def _await_pdu(self, run: Run[Any], step: steps.AwaitPdu, now: float) -> None:
        if not self.keep_pdus:
            raise LocalProtocolError("no PDUs are kept for flows: ask for it with record_pdus")
        if not self._give_pdu(run):
            self._pdu_waiters.append(run)
            self._wait_until(run, step.timeout, now)

    def _give_pdu(self, run: Run[Any]) -> bool:
        """Give the flow what it waits for, if there is any: a PDU, or the news that none will come any more."""
        if run.pdus:
            run.resume(run.pdus.popleft())
        elif self._association.close_wanted or self._association.state is State.STA1:
            run.resume(None)
        else:
            return False
        return True

    # -- the rest ----------------------------------------------------------------------------------------------------

    def _pause(self, run: Run[Any], step: steps.Pause, now: float) -> None:
        self._require_association()
        self._wait_until(run, step.seconds, now)

    def _inject(self, run: Run[Any], step: steps.Inject, now: float) -> None:
        self._association.inject(step.pdu, now)
        run.outcome = None
        self._unflushed.append(run)

    def _deliver(self, run: Run[Any], step: steps.Deliver, now: float) -> None:
        if run.deliver(step.item):
            run.resume()

    def _poll_cancel(self, run: Run[Any], step: steps.PollCancel, now: float) -> None:
        run.resume(self.over is not None or self._exchange.is_cancelled(step.message_id))

    def _call(self, run: Run[Any], step: steps.Call, now: float) -> None:
        self._calls.append((run, partial(_make, step.function)))

    def _branch(self, run: Run[Any], step: steps.Open | steps.RunOn | steps.Close, now: float) -> None:
        self._branch_work.append(BranchWork(run, step, self._branch_work))


def _make(function: Callable[[], T]) -> T:
    """Make a call. A StopIteration would seem to be the flow's own, and is more than a future takes (PEP 479)."""
    try:
        return function()
    except StopIteration as error:
        raise RuntimeError("a call raised StopIteration") from error


_BEGIN: Final[Mapping[type, Callable[[Stepper, Run[Any], Any, float], None]]] = {
    steps.SendMessage: Stepper._begin_message,
    steps.TakeTurn: Stepper._begin_message,
    steps.BeginMessage: Stepper._begin_message,
    steps.SendPart: Stepper._send_part,
    steps.GiveUp: Stepper._give_up,
    steps.ReadPart: Stepper._read_part,
    steps.AwaitReply: Stepper._await_reply,
    steps.Deliver: Stepper._deliver,
    steps.Pause: Stepper._pause,
    steps.Inject: Stepper._inject,
    steps.AwaitPdu: Stepper._await_pdu,
    steps.Call: Stepper._call,
    steps.PollCancel: Stepper._poll_cancel,
    steps.Open: Stepper._branch,
    steps.RunOn: Stepper._branch,
    steps.Close: Stepper._branch,
}
