"""One association with its flows and its handler, still without IO: what both drivers, and tests in memory, drive.

A driver feeds bytes and the time, then calls ``advance``; it sends what ``data_to_send`` returns, reports it with
``flushed``, runs the ``Call`` steps handed out by ``take_calls``, and comes back at ``next_deadline``. Everything else,
from negotiation to the order of responses, is decided here, once.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from dicomnet import flows
from dicomnet.codes import reject_reason_text
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.exchange import Exchange, MessageLimits, Received
from dicomnet.dimse.messages import Message, Request, Response
from dicomnet.errors import (
    Aborted,
    ConnectionLost,
    DicomNetError,
    LocalProtocolError,
    Rejected,
    TimedOut,
)
from dicomnet.flows import Flow, Step
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.ul import (
    AbortIndication,
    AcceptancePolicy,
    AssociateConfirmation,
    AssociateIndication,
    Association,
    ProviderAbortIndication,
    ReleaseConfirmation,
    ReleaseIndication,
    State,
    UlEvent,
)
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ, Pdu

__all__ = ["Run", "Session"]

_log = logging.getLogger("dicomnet.session")
_ids = itertools.count(1)

T = TypeVar("T")

_UNDELIVERED = 64
"""Items a stream may be ahead of its consumer."""

_BACKLOG = 256
"""Responses not yet taken by a flow before the driver stops reading."""


class Run(Generic[T]):
    """A flow in progress. ``done`` tells when ``result`` may be asked; ``delivered`` holds what a stream handed out."""

    def __init__(self, flow: Flow[T], on_progress: Callable[[], None] | None = None) -> None:
        self.flow = flow
        self.delivered: deque[Any] = deque()
        self.done = False
        self._on_progress = on_progress
        self._value: T | None = None
        self._error: BaseException | None = None
        # What the session keeps of it: the step it waits in and until when, or what to resume it with.
        self.waiting: Step | None = None
        self.deadline: float | None = None
        self.outcome: Any = None  # of a step that only waits for the bytes to leave
        self.ready: tuple[Any, BaseException | None] | None = (None, None)
        self.message_ids: set[int] = set()

    def result(self) -> T:
        """What the flow returned; raises what ended it."""
        if not self.done:
            raise LocalProtocolError("the flow is still running")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def finish(self, value: T | None, error: BaseException | None) -> None:
        """Record the end of the flow and wake whoever waits for it."""
        self.done = True
        self.waiting = self.deadline = self.ready = None
        self._value, self._error = value, error
        self.progress()

    def progress(self) -> None:
        """Wake whoever waits for the result or the next item."""
        if self._on_progress is not None:
            self._on_progress()

    def resume(self, value: Any = None, error: BaseException | None = None) -> None:
        """Give the step's outcome; the flow goes on at the next ``advance``."""
        self.waiting = self.deadline = None
        self.ready = (value, error)


class Session:
    """An association, the flows that use it, and the handler that serves the peer's requests."""

    def __init__(
        self,
        association: Association,
        *,
        address: str,
        handler: Handler | None = None,
        policy: AcceptancePolicy | None = None,
        response_timeout: float | None = None,
        limits: MessageLimits | None = None,
        one_pdv_per_pdu: bool = False,
    ) -> None:
        self.association = association
        self.exchange = Exchange(association, limits=limits, one_pdv_per_pdu=one_pdv_per_pdu)
        self.address = address
        self.id = next(_ids)
        self.peer: Peer | None = None
        self.error: DicomNetError | None = None
        """Why there is no association (any more); None while it lives and after an orderly release."""
        self.released = False
        self._handler = handler or handle_by_type({})
        self._policy = policy
        self._response_timeout = response_timeout
        self._runs: list[Run[Any]] = []
        self._requests: deque[Request] = deque()
        self._serving: tuple[Request, Run[None]] | None = None
        self._replies: dict[int, deque[Response]] = {}
        self._pdus: deque[Pdu] | None = None
        self._release_due = False

    # -- state -------------------------------------------------------------------------------------------------------

    @property
    def established(self) -> bool:
        """Whether the association was accepted, by either side; stays true to its end."""
        return self.peer is not None

    @property
    def ended(self) -> bool:
        """Whether no message can pass any more."""
        return self.released or self.error is not None

    @property
    def busy(self) -> bool:
        """Whether a request of the peer is being served or waits to be."""
        return self._serving is not None or bool(self._requests)

    @property
    def congested(self) -> bool:
        """Whether so many responses wait to be taken that the driver should stop reading."""
        return sum(map(len, self._replies.values())) > _BACKLOG

    @property
    def runnable(self) -> bool:
        """Whether ``advance`` has something to do without new input."""
        return any(run.ready is not None for run in self._runs)

    # -- flows -------------------------------------------------------------------------------------------------------

    def start(self, flow: Flow[T], on_progress: Callable[[], None] | None = None) -> Run[T]:
        """Begin a flow; it moves at the next ``advance``. ``on_progress`` is called when it ends or delivers."""
        run = Run(flow, on_progress)
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
        """The ``Call`` steps that wait to be run; give each outcome to ``run.resume``."""
        calls = []
        for run in self._runs:
            if isinstance(run.waiting, flows.Call):
                calls.append((run, run.waiting.function))
                run.waiting = None
        return calls

    # -- what the driver reports -------------------------------------------------------------------------------------

    def transport_connected(self, now: float) -> None:
        """The transport connection is there."""
        self.association.transport_connected(now)

    def receive_data(self, data: bytes | memoryview, now: float) -> None:
        """Bytes from the peer; raises nothing for what they are."""
        self.association.receive_data(data, now)

    def receive_eof(self, now: float) -> None:
        """The transport connection is closed, by the peer or by us."""
        self.association.receive_eof(now)

    def flushed(self) -> None:
        """All of ``data_to_send`` has been handed to the transport: whoever waited for that goes on."""
        for run in self._runs:
            if isinstance(run.waiting, flows.SendMessage | flows.Inject):
                run.resume(run.outcome)

    def next_deadline(self) -> float | None:
        """When to come back although nothing happened."""
        deadlines = [run.deadline for run in self._runs if run.deadline is not None]
        exchange = self.exchange.next_deadline()
        if exchange is not None:
            deadlines.append(exchange)
        return min(deadlines, default=None)

    def data_to_send(self) -> list[bytes | memoryview]:
        """The bytes for the transport, in order."""
        return self.association.data_to_send()

    def abort(self, now: float, error: DicomNetError | None = None) -> None:
        """End the association at once (A-ABORT); ``error`` is what waiting flows are told."""
        self.association.abort(now)
        self._end(error or Aborted("the association was aborted by this side", source=0, reason=0))

    def release(self, now: float) -> None:
        """Ask for the orderly end (A-RELEASE); ``ended`` becomes true when the peer confirms or the wait runs out."""
        self.association.release_request(now)

    # -- moving on ---------------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Handle deadlines and events, then run every flow as far as it goes without waiting."""
        self.exchange.handle_timeout(now)
        self._expire(now)
        while True:
            self._take_events(now)
            self._serve_next()
            ready = [run for run in self._runs if run.ready is not None]
            if not ready:
                break
            for run in ready:
                self._step(run, now)
        if self.association.is_over and not self.ended:  # ARTIM in Sta2 ends it without an indication
            self._end(self.association.error or ConnectionLost("the connection closed before there was an association"))
        if self._release_due and not self.busy and not self.ended:
            self._release_due = False
            if self.association.state is State.STA8:  # unless the peer has aborted or gone meanwhile
                self.association.release_response(now)
            self.released = True
            self._end(None)

    def _expire(self, now: float) -> None:
        for run in self._runs:
            if run.deadline is None or now < run.deadline:
                continue
            if isinstance(run.waiting, flows.Pause):
                run.resume()
            elif isinstance(run.waiting, flows.AwaitReply):
                self.exchange.forget(run.waiting.message_id)
                run.resume(error=TimedOut("the peer did not answer in time", wait="response"))
            else:
                run.resume(error=TimedOut("no PDU came in time", wait="pdu"))

    def _step(self, run: Run[Any], now: float) -> None:
        """Resume one flow and begin the step it yields; its end, by return or exception, is recorded."""
        value, error = run.ready or (None, None)
        run.ready = None
        try:
            step = run.flow.send(value) if error is None else run.flow.throw(error)
        except StopIteration as stop:
            self._finish(run, stop.value, None, now)
        except Exception as failure:  # noqa: BLE001 - the flow's own error goes to whoever asks for its result
            self._finish(run, None, failure, now)
        else:
            run.waiting = step
            self._begin(run, step, now)

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
                    run.delivered.append(item)
                    if len(run.delivered) < _UNDELIVERED:
                        run.resume()
                    run.progress()
                case flows.Pause(seconds):
                    run.deadline = now + seconds
                case flows.Inject(pdu):
                    run.outcome = None
                    self.association.inject(pdu, now)
                case flows.AwaitPdu(timeout):
                    self._await_pdu(run, timeout, now)
                case flows.PollCancel(message_id):
                    run.resume(self.exchange.is_cancelled(message_id))
                case flows.Call():
                    pass  # handed out by take_calls
                case _:
                    raise LocalProtocolError(f"{step!r} is no step of a flow")
        except DicomNetError as error:
            run.resume(error=error)

    def _send(self, message: Message, abstract_syntax: str | None, now: float) -> int:
        if self.ended:
            raise self._why_ended()
        return self.exchange.send(message, now, abstract_syntax=abstract_syntax)

    def _why_ended(self) -> DicomNetError:
        return self.error or LocalProtocolError("the association was released")

    def _await_reply(self, run: Run[Any], message_id: int, timeout: float | None, now: float) -> None:
        waiting = self._replies.get(message_id)
        if waiting:
            run.resume(waiting.popleft())
        elif self.ended:
            run.resume(error=self._why_ended())
        else:
            seconds = self._response_timeout if timeout is None else timeout
            run.deadline = None if seconds is None else now + seconds

    def _await_pdu(self, run: Run[Any], timeout: float | None, now: float) -> None:
        if self._pdus:
            run.resume(self._pdus.popleft())
        elif self.association.close_wanted or self.association.state is State.STA1:
            run.resume(None)
        else:
            run.deadline = None if timeout is None else now + timeout

    def record_pdus(self) -> None:
        """Keep every PDU received from now on for ``AwaitPdu``; without this call none is kept."""
        self._pdus = deque(maxlen=_BACKLOG)
        self.association.on_pdu = self._pdus.append

    # -- events ------------------------------------------------------------------------------------------------------

    def _take_events(self, now: float) -> None:
        while (event := self.exchange.next_event(now)) is not None:
            if isinstance(event, Received):
                self._receive(event.message)
            else:
                self._upper_layer(event, now)
        if self._pdus is not None:
            for run in self._runs:
                if isinstance(run.waiting, flows.AwaitPdu):
                    self._await_pdu(run, None if run.deadline is None else run.deadline - now, now)

    def _receive(self, message: Message) -> None:
        if isinstance(message, Request):
            self._requests.append(message)
        elif isinstance(message, Response):
            for run in self._runs:
                if isinstance(run.waiting, flows.AwaitReply) and run.waiting.message_id == message.responding_to:
                    run.resume(message)
                    return
            self._replies.setdefault(message.responding_to, deque()).append(message)

    def _upper_layer(self, event: UlEvent, now: float) -> None:
        match event:
            case AssociateIndication(request):
                self._answer_request(request, now)
            case AssociateConfirmation(accepted, response):
                self._confirmed(accepted, response)
            case ReleaseIndication(collision):
                # Requests still being served get their answers first: data may be sent before the release response.
                # In a collision the requestor answers at once, the acceptor after the confirmation (PS3.8 7.2.3).
                self._release_due = not collision
                if self.association.state is State.STA9:
                    self.association.release_response(now)
            case ReleaseConfirmation():
                self._confirm_release(now)
            case AbortIndication(source, reason):
                self._end(Aborted("the peer aborted the association", source=source, reason=reason))
            case ProviderAbortIndication(source, reason, error):
                aborted = Aborted("the association was aborted by a provider", source=source, reason=reason)
                self._end(error or aborted)
            case _:
                _log.debug("association %d: nothing to do for %s", self.id, type(event).__name__)

    def _answer_request(self, request: AAssociateRQ, now: float) -> None:
        if self._policy is None:
            raise LocalProtocolError("an acceptor needs an acceptance policy")
        if self.association.state is not State.STA3:  # the peer has aborted or gone in the same breath
            return
        answer = self._policy.decide(request, self.address)
        if isinstance(answer, AAssociateRJ):
            reason = reject_reason_text(answer.source, answer.reason)
            _log.info("association %d from %s rejected: %s", self.id, self.address, reason)
            self.association.associate_reject(answer.result, answer.source, answer.reason, now)
            self._end(_rejected(answer, "this side rejected the association"))
            return
        self.association.associate_accept(answer, now)
        self._establish()

    def _confirmed(self, accepted: bool, response: AAssociateAC | AAssociateRJ) -> None:
        if accepted:
            self._establish()
        elif isinstance(response, AAssociateRJ):
            self._end(_rejected(response, "the peer rejected the association"))

    def _establish(self) -> None:
        negotiated = self.association.negotiated
        if negotiated is not None:
            self.peer = Peer(negotiated, self.address, self.id)
            _log.info("association %d with %s established", self.id, self.address)

    def _confirm_release(self, now: float) -> None:
        if self.association.state is State.STA12:  # release collision, and we are its acceptor: our answer is due
            self.association.release_response(now)
        self.released = True
        self._end(None)

    def _end(self, error: DicomNetError | None) -> None:
        """No message will pass any more: tell every flow that waits for one."""
        if self.error is None:
            self.error = error
        self._requests.clear()
        for run in self._runs:
            if isinstance(run.waiting, flows.AwaitReply | flows.SendMessage):
                run.resume(error=self._why_ended())

    # -- requests of the peer ----------------------------------------------------------------------------------------

    def _serve_next(self) -> None:
        if self._serving is None and self._requests and self.peer is not None:
            request = self._requests.popleft()
            self._serving = (request, self.start(self._handler(request, self.peer)))

    def _finish(self, run: Run[Any], value: Any, error: BaseException | None, now: float) -> None:
        self._runs.remove(run)
        self._forget(run)
        if self._serving is not None and self._serving[1] is run:
            request, self._serving = self._serving[0], None
            self._served(request, error, now)
        run.finish(value, error)

    def _served(self, request: Request, error: BaseException | None, now: float) -> None:
        """A handler that fails, or forgets to answer, must not leave the peer waiting."""
        if error is not None and (self.ended or isinstance(error, Aborted | ConnectionLost)):
            _log.debug("association %d: a request was not answered: %s", self.id, error)
            return
        if error is not None:
            # The text of an exception may hold patient data, so only its class is logged above DEBUG.
            _log.error("association %d: a %s failed: %s", self.id, type(request).__name__, type(error).__name__)
            _log.debug("association %d: the failure", self.id, exc_info=error)
        if self.exchange.is_unanswered(request.message_id or 0):
            try:
                self.exchange.send(reply(request, statuses.PROCESSING_FAILURE), now)
            except DicomNetError as failure:
                _log.debug("association %d: could not answer: %s", self.id, failure)

    def _forget(self, run: Run[Any]) -> None:
        for message_id in run.message_ids:
            self.exchange.forget(message_id)
            self._replies.pop(message_id, None)


def _rejected(pdu: AAssociateRJ, who: str) -> Rejected:
    kind = {1: "permanently", 2: "for now"}.get(pdu.result, f"(result {pdu.result})")
    return Rejected(
        f"{who} {kind}: {reject_reason_text(pdu.source, pdu.reason)}",
        result=pdu.result,
        source=pdu.source,
        reason=pdu.reason,
    )
