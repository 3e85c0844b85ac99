"""One association with its flows and its handler, still without IO: what both drivers, and tests in memory, drive.

A driver feeds bytes and the time, then calls ``advance``; it sends what ``data_to_send`` returns, reports it with
``flushed``, and comes back at ``next_deadline``. While the session is ``congested`` it reads nothing from the peer.
Everything else, from negotiation to the order of responses, is decided here, once.

Two kinds of work are the driver's own, handed out once each, after an ``advance`` or ``cancel``:

- ``take_calls``: blocking functions; run each where it holds nobody up, then ``run.resume(result)`` or
  ``run.resume(error=...)``.
- ``take_branches``: further associations, as ``BranchWork``. For an ``Open`` step make a link to its endpoint, report
  ``done(Branch(link.negotiated, link))``, for a ``RunOn`` run its flow on ``step.branch.link`` and report the result,
  for a ``Close`` release or abort that link and report ``done()``; or ``failed(error)``. The driver must not wait for
  them, unless it has no other way. After a report call ``advance`` and take again: who reports a branch to a flow that
  is gone is handed its end, which has no ``run`` and needs no report.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from dicomnet.dimse.exchange import Exchange, MessageLimits, Received
from dicomnet.dimse.messages import Message, Request, Response
from dicomnet.drivers.acceptance import answer_request, rejected
from dicomnet.drivers.common import Hooks
from dicomnet.drivers.observing import SessionCounters, attach
from dicomnet.drivers.runs import BranchWork, Run
from dicomnet.drivers.serving import Desk
from dicomnet.drivers.stepping import Stepper
from dicomnet.errors import (
    Aborted,
    AssociationError,
    ConnectionLost,
    DicomNetError,
    LocalProtocolError,
    Rejected,
    RemoteProtocolError,
)
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.ul import (
    AbortIndication,
    AcceptancePolicy,
    Applicant,
    AssociateConfirmation,
    AssociateIndication,
    Association,
    ProviderAbortIndication,
    ReleaseConfirmation,
    ReleaseIndication,
    Role,
    State,
    UlEvent,
)
from dicomnet.wire import AAssociateRJ

__all__ = ["Run", "Session"]

_log = logging.getLogger("dicomnet.session")
_ids = itertools.count(1)
_NO_HANDLER: Final = handle_by_type({})

# Members that every association takes, looked up once: to Python 3.11 each time is a call.
_ACCEPTOR: Final = Role.ACCEPTOR
_STA6: Final = State.STA6
_STA8: Final = State.STA8
_STA12: Final = State.STA12

T = TypeVar("T")


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
        record_pdus: bool = False,
        check_roles: bool = True,
        hooks: Hooks | None = None,
    ) -> None:
        if policy is None and association.role is _ACCEPTOR:
            raise LocalProtocolError("an acceptor needs an acceptance policy")
        self.association = association
        self.id = next(_ids)
        self.exchange = Exchange(
            association,
            limits=limits,
            one_pdv_per_pdu=one_pdv_per_pdu,
            check_roles=check_roles,
            association_id=self.id,
        )
        self.applicant = Applicant(address)
        """Who is at the other end; a server that knows more replaces it before the request arrives."""
        self.peer: Peer | None = None
        self.error: DicomNetError | None = None
        """Why there is no association (any more); None while it lives and after an orderly release."""
        self.released = False
        self._released_by_peer = False
        self._lost: DicomNetError | None = None  # why the transport failed, if it said so
        self._desk = Desk(handler or _NO_HANDLER, self.exchange, self.id)
        self._policy = policy
        self._flows = Stepper(association, self.exchange, response_timeout=response_timeout)
        self._release_due = False  # the peer wants to release
        self._release_wanted = False  # our user does
        if record_pdus:
            self._flows.keep_pdus = True
            association.on_pdu = self._flows.keep_pdu
        if hooks is not None:
            attach(hooks, association, self.exchange, self.id, association.on_pdu)

    # -- state -------------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where the peer is."""
        return self.applicant.address

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
        return self._desk.busy

    @property
    def _at_work(self) -> bool:
        """Whether a request is being served, or a flow sends or waits for an answer, within a time of its own."""
        return self.busy or self._flows.expectant or self._flows.sending

    @property
    def close_wanted(self) -> bool:
        """Whether the transport is to be closed, once what there is to send is sent."""
        # Who never spoke DICOM will not wait for our A-ABORT either: ARTIM is a courtesy to peers (PS3.8 9.1.5).
        foreign = (
            self.peer is None
            and self.association.role is _ACCEPTOR
            and isinstance(self.association.error, RemoteProtocolError)
        )
        return foreign or self.association.close_wanted

    @property
    def congested(self) -> bool:
        """Whether so much waits to be taken, responses or parts of data sets, that the driver should stop reading."""
        return self._flows.replies.full or self.exchange.congested

    @property
    def counters(self) -> SessionCounters:
        """What has gone over the association so far."""
        return SessionCounters.of(self.exchange)

    @property
    def runnable(self) -> bool:
        """Whether ``advance`` has something to do without new input."""
        return bool(self._flows.ready)

    @property
    def errands(self) -> bool:
        """Whether there is work of the driver's own: something to be had from ``take_calls`` or ``take_branches``."""
        return self._flows.errands

    # -- flows -------------------------------------------------------------------------------------------------------

    def start(self, flow: Flow[T], on_progress: Callable[[], None] | None = None, *, streamed: bool = False) -> Run[T]:
        """Begin a flow; it moves at the next ``advance``. ``on_progress`` is called when it ends or delivers.

        Unless ``streamed``, where ``take`` is to be called for each item, what the flow delivers is dropped.
        """
        return self._flows.start(flow, on_progress, streamed=streamed)

    def cancel(self, run: Run[Any]) -> None:
        """End a flow from outside; answers still to come for it are dropped, and the peer is asked to stop."""
        try:
            self._flows.cancel(run)
        finally:  # whatever the flow's own clean-up raises
            if self._flows.cut_short is not None:
                self._abort_cut_short(self._flows.now)

    def take(self, run: Run[Any]) -> Any:
        """The next delivered item of a stream; makes room for another."""
        return self._flows.take(run)

    def take_calls(self) -> list[tuple[Run[Any], Callable[[], object]]]:
        """The ``Call`` steps that wait to be run; give each outcome to ``run.resume``."""
        return self._flows.take_calls()

    def take_branches(self) -> list[BranchWork]:
        """The steps that wait for a further association, and those associations that are left over; see the module."""
        return self._flows.take_branches()

    # -- what the driver reports -------------------------------------------------------------------------------------

    def transport_connected(self, now: float) -> None:
        """The transport connection is there."""
        self.association.transport_connected(now)

    def receive_data(self, data: bytes | memoryview, now: float) -> None:
        """Bytes from the peer; raises nothing for what they are."""
        self.association.receive_data(data, now)

    def receive_eof(self, now: float, error: DicomNetError | None = None) -> None:
        """The transport connection is closed, by the peer or by us; ``error`` may say more about it (such as TLS)."""
        self._lost = error
        self.association.receive_eof(now, error)

    def flushed(self) -> None:
        """All of ``data_to_send`` has been handed to the transport: whoever waited for that goes on."""
        self._flows.flushed()

    def next_deadline(self) -> float | None:
        """When to come back although nothing happened."""
        first, second = self._flows.next_deadline(), self.exchange.next_deadline()
        if first is None or second is None:
            return second if first is None else first
        return first if first < second else second

    def data_to_send(self) -> list[bytes | memoryview]:
        """The bytes for the transport, in order."""
        return self.association.data_to_send()

    def abort(self, now: float, error: DicomNetError | None = None) -> None:
        """End the association at once (A-ABORT); ``error`` is what waiting flows are told."""
        self.association.abort(now)
        self._end(error or Aborted("the association was aborted by this side", source=0, reason=0))

    def release(self) -> None:
        """Ask for the orderly end (A-RELEASE); ``ended`` becomes true when the peer confirms or the wait runs out.

        The request goes out at an ``advance``, once the requests of the peer that are here already are answered.
        When the peer has asked for the same, or we have already, there is nothing more to do.

        Raises:
            LocalProtocolError: there is no association yet.
        """
        if not self.established:
            raise LocalProtocolError("there is no association to release")
        self._release_wanted = True

    # -- moving on ---------------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Handle deadlines and events, then run every flow as far as it goes without waiting."""
        flows = self._flows
        if flows.replies.full or self.exchange.congested:
            self.exchange.postpone(now)
        if flows.cut_short is not None:  # by a flow that threw the whole program out of the last step
            self._abort_cut_short(now)
        self._take_events(now)  # before the deadlines: what is here is not late
        deadline = self.exchange.next_deadline()
        if deadline is not None and now >= deadline:
            if self._at_work:
                self.association.not_idle(now)
            self.exchange.handle_timeout(now)
            self._take_events(now)
        flows.expire(now)
        if self._desk.waiting:
            self._serve_next()
        while flows.ready:
            done = flows.step(now)
            if flows.cut_short is not None:  # before anything else can be sent
                self._abort_cut_short(now)
            for run, error in done:
                self._desk.end(run, error, now, over=self.ended)
            if self._desk.waiting:
                self._serve_next()
        if self._release_wanted or self._release_due or self.association.is_over:
            self._settle(now)

    def _abort_cut_short(self, now: float) -> None:
        error, self._flows.cut_short = self._flows.cut_short, None
        self.abort(now, error)

    def _settle(self, now: float) -> None:
        """What is left to do when every flow waits: notice the end, or bring it about."""
        if self.association.is_over and not self.ended:  # ARTIM in Sta2 ends it without an indication
            lost = self._lost or ConnectionLost("the connection closed before there was an association")
            self._end(self.association.error or lost)
        if self.busy or self.ended or self._flows.speaking:
            return
        if self._release_wanted and self.association.state is _STA6:
            self.association.release_request(now)
        if self._release_due:
            self._release_due = False
            if self.association.state is _STA8:  # unless the peer has aborted or gone meanwhile
                self.association.release_response(now)
            self.released = self._released_by_peer = True
            self._end(None)

    # -- events ------------------------------------------------------------------------------------------------------

    def _take_events(self, now: float) -> None:
        while (event := self.exchange.next_event(now)) is not None:
            if isinstance(event, Received):
                self._receive(event.message)
            else:
                self._upper_layer(event, now)
        if self._flows.attentive:
            self._flows.offer(now)

    def _receive(self, message: Message) -> None:
        if isinstance(message, Request):
            if self.ended or self._release_wanted:  # it crossed our release request, behind which nothing can be sent
                _log.debug("association %d: a request came too late to be served", self.id)
                self._desk.refuse(message)
                self.exchange.disregard(message.message_id or 0)
            else:
                self._desk.put(message)
        elif isinstance(message, Response):
            self._flows.answer(message)

    def _upper_layer(self, event: UlEvent, now: float) -> None:
        match event:
            case AssociateIndication(request):
                if self._policy is not None:
                    most = self.exchange.limits.requests
                    rejection = answer_request(self.association, request, self._policy, self.applicant, now, most=most)
                    self._establish() if rejection is None else self._end(rejection)
            case AssociateConfirmation(True):
                self._establish()
            case AssociateConfirmation(False, AAssociateRJ() as answer):
                self._end(rejected(answer, "the peer rejected the association"))
            case ReleaseIndication(collision):
                # Requests still being served get their answers first: data may be sent before the release response.
                # In a collision the requestor answers at once, the acceptor after the confirmation (PS3.8 7.2.3).
                self._release_due = not collision
                if self.exchange.amid:
                    self.exchange.cut(RemoteProtocolError("the peer released the association amid a data set"))
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

    def _establish(self) -> None:
        negotiated = self.association.negotiated
        if negotiated is not None:
            self.peer = Peer(negotiated, self.address, self.id)
            self._flows.window = negotiated.max_invoked
            self._desk.window = negotiated.max_performed
            _log.info("association %d with %s established", self.id, self.address)

    def _confirm_release(self, now: float) -> None:
        if self.association.state is _STA12:  # release collision, and we are its acceptor: our answer is due
            self.association.release_response(now)
        self.released = True
        self._end(None)

    def _end(self, error: DicomNetError | None) -> None:
        """No message will pass any more: tell every flow that waits for one."""
        if self.error is None and error is not None:
            self.error = error
            if not isinstance(error, Rejected):  # which has its line already, or is the caller's to tell
                what = "association" if self.peer is not None else "connection"
                level = logging.WARNING if self._misled(error) else logging.INFO
                _log.log(level, "%s %d with %s ended: %s", what, self.id, self.address, str(error))
        self._desk.clear()
        self.exchange.streams = None  # which would keep all of this alive until the next garbage collection
        self._flows.end(self._why_ended())

    def _misled(self, error: DicomNetError) -> bool:
        """Whether somebody came who was meant for another port, or did not get through TLS: nobody else will tell."""
        if self.peer is not None or self.association.role is not _ACCEPTOR:
            return False
        return isinstance(error, RemoteProtocolError) or error.__cause__ is not None

    def _why_ended(self) -> DicomNetError:
        """What flows that want to exchange messages are told, once none can pass any more."""
        if self._released_by_peer:
            return AssociationError("the peer released the association")
        return self.error or LocalProtocolError("the association was released")

    def _serve_next(self) -> None:
        while self.peer is not None and (request := self._desk.next()) is not None:
            self._desk.began(self.start(self._desk.flow(request, self.peer)), request)
