"""Stepping the flows of an association: each is resumed with what its last step brought, and begins the next.

Knows what every step asks of the exchange or the association underneath; that the association begins and ends, and
why, is the session's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from dicomnet import flows
from dicomnet.dimse.exchange import Exchange
from dicomnet.dimse.messages import Message, Request, Response
from dicomnet.drivers.runs import Mailbox, Run
from dicomnet.errors import DicomNetError, LocalProtocolError, TimedOut
from dicomnet.flows import Flow, Step
from dicomnet.ul import Association, State
from dicomnet.wire import Pdu

__all__ = ["Stepper"]

T = TypeVar("T")


class Stepper:
    """The flows in progress on one association, and the responses that none of them has taken yet.

    ``why_ended`` tells why no message can pass any more, None as long as they can.
    """

    def __init__(
        self,
        association: Association,
        exchange: Exchange,
        why_ended: Callable[[], DicomNetError | None],
        *,
        response_timeout: float | None = None,
    ) -> None:
        self._association = association
        self._exchange = exchange
        self._why_ended = why_ended
        self._response_timeout = response_timeout
        self._runs: list[Run[Any]] = []
        self._replies = Mailbox()

    @property
    def runnable(self) -> bool:
        """Whether a flow can go on without new input."""
        return any(run.ready is not None for run in self._runs)

    @property
    def congested(self) -> bool:
        """Whether so many responses wait to be taken that no more should be read."""
        return self._replies.full

    @property
    def expectant(self) -> bool:
        """Whether a flow waits for an answer within a time of its own."""
        waiting = (run for run in self._runs if run.deadline is not None)
        return any(isinstance(run.waiting, flows.AwaitReply) for run in waiting)

    def next_deadline(self) -> float | None:
        """When the first wait of a flow runs out."""
        return min((run.deadline for run in self._runs if run.deadline is not None), default=None)

    # -- what the user of a flow does --------------------------------------------------------------------------------

    def start(self, flow: Flow[T], on_progress: Callable[[], None] | None = None, *, streamed: bool = False) -> Run[T]:
        """Begin a flow; it moves at the next ``step``."""
        run = Run(flow, on_progress, streamed=streamed)
        self._runs.append(run)
        return run

    def cancel(self, run: Run[Any]) -> None:
        """End a flow from outside; answers still to come for it are dropped."""
        if run in self._runs:
            self._runs.remove(run)
            run.flow.close()
            self._forget(run)
            run.finish(None, LocalProtocolError("the flow was cancelled"))

    def take(self, run: Run[Any]) -> Any:
        """The next delivered item of a stream; makes room for another."""
        item = run.delivered.popleft()
        if isinstance(run.waiting, flows.Deliver):
            run.resume()
        return item

    def take_calls(self) -> list[tuple[Run[Any], Callable[[], object]]]:
        """The ``Call`` steps that wait to be run, each handed out once."""
        calls = []
        for run in self._runs:
            if isinstance(run.waiting, flows.Call):
                calls.append((run, run.waiting.function))
                run.waiting = None
        return calls

    # -- what has happened -------------------------------------------------------------------------------------------

    def flushed(self) -> None:
        """What was to be sent is sent."""
        for run in self._runs:
            if isinstance(run.waiting, flows.SendMessage | flows.Inject):
                run.resume(run.outcome)

    def answer(self, response: Response) -> None:
        """A response has come: for the flow that waits for it, or to be kept for one that will."""
        for run in self._runs:
            if isinstance(run.waiting, flows.AwaitReply) and run.waiting.message_id == response.responding_to:
                run.resume(response)
                return
        self._replies.put(response)

    def keep_pdu(self, pdu: Pdu) -> None:
        """A PDU has come, for every flow that may ask."""
        for run in self._runs:
            run.pdus.append(pdu)

    def offer_pdus(self, now: float) -> None:
        """Give the flows that wait for a PDU what there is: one, or the news that none will come any more."""
        for run in self._runs:
            if isinstance(run.waiting, flows.AwaitPdu):
                self._await_pdu(run, None if run.deadline is None else run.deadline - now, now)

    def end(self) -> None:
        """No message will pass any more: tell every flow that waits for one."""
        for run in self._runs:
            if isinstance(run.waiting, flows.AwaitReply | flows.SendMessage | flows.Pause):
                run.resume(error=self._why_ended())

    def expire(self, now: float) -> None:
        """Resume the flows whose wait has run out."""
        for run in self._runs:
            if run.deadline is None or now < run.deadline:
                continue
            if isinstance(run.waiting, flows.Pause):
                run.resume()
            elif isinstance(run.waiting, flows.AwaitReply):
                self._exchange.forget(run.waiting.message_id)
                run.resume(error=TimedOut("the peer did not answer in time", wait="response"))
            else:
                run.resume(error=TimedOut("no PDU came in time", wait="pdu"))

    # -- stepping ----------------------------------------------------------------------------------------------------

    def step(self, now: float) -> Iterator[tuple[Run[Any], BaseException | None]]:
        """Take every flow that can go on one step further; yields those that end, each with what it failed of."""
        for run in [run for run in self._runs if run.ready is not None]:
            if run.ready is None:  # cancelled by one before it
                continue
            value, failure = run.ready
            run.ready = None
            try:
                step = run.flow.send(value) if failure is None else run.flow.throw(failure)
            except StopIteration as stop:
                self._finish(run, stop.value, None)
                yield run, None
            except Exception as error:  # noqa: BLE001 - the flow's own error goes to whoever asks for its result
                self._finish(run, None, error)
                yield run, error
            else:
                run.waiting = step
                self._begin(run, step, now)

    def _finish(self, run: Run[Any], value: Any, error: BaseException | None) -> None:
        self._runs.remove(run)
        self._forget(run)
        run.finish(value, error)

    def _forget(self, run: Run[Any]) -> None:
        for message_id in run.message_ids:
            self._exchange.forget(message_id)
            self._replies.discard(message_id)

    def _begin(self, run: Run[Any], step: Step, now: float) -> None:
        try:
            match step:
                case flows.SendMessage(message, abstract_syntax):
                    run.outcome = self._send(message, abstract_syntax, now)
                    if isinstance(message, Request):
                        run.message_ids.add(run.outcome)
                case flows.AwaitReply(message_id, timeout):
                    self._await_reply(run, message_id, timeout, now)
                case flows.Deliver(item):
                    if run.deliver(item):
                        run.resume()
                case flows.Pause(seconds):
                    self._require_association()
                    run.deadline = now + seconds
                case flows.Inject(pdu):
                    run.outcome = None
                    self._association.inject(pdu, now)
                case flows.AwaitPdu(timeout):
                    self._await_pdu(run, timeout, now)
                case flows.PollCancel(message_id):
                    run.resume(self._why_ended() is not None or self._exchange.is_cancelled(message_id))
                case flows.Call():
                    pass  # handed out by take_calls
                case _:
                    raise LocalProtocolError(f"{step!r} is no step of a flow")
        except Exception as error:  # noqa: BLE001 - raised again inside the flow, whose step it was
            run.resume(error=error)

    def _require_association(self) -> None:
        error = self._why_ended()
        if error is not None:
            raise error

    def _send(self, message: Message, abstract_syntax: str | None, now: float) -> int:
        self._require_association()
        return self._exchange.send(message, now, abstract_syntax=abstract_syntax)

    def _await_reply(self, run: Run[Any], message_id: int, timeout: float | None, now: float) -> None:
        response = self._replies.take(message_id)
        if response is not None:
            run.resume(response)
        elif (error := self._why_ended()) is not None:
            run.resume(error=error)
        else:
            seconds = self._response_timeout if timeout is None else timeout
            run.deadline = None if seconds is None else now + seconds

    def _await_pdu(self, run: Run[Any], timeout: float | None, now: float) -> None:
        if self._association.on_pdu is None:
            raise LocalProtocolError("no PDUs are kept for flows: ask for it with record_pdus")
        if run.pdus:
            run.resume(run.pdus.popleft())
        elif self._association.close_wanted or self._association.state is State.STA1:
            run.resume(None)
        else:
            run.deadline = None if timeout is None else now + timeout
