"""Association: one end of an association, without sockets, clocks or threads (PS3.8 clauses 7 and 9).

Theory of operation. Whatever happens is an Event for the Machine, which runs Table 9-10. Around it stand the
translations: bytes into PDUs into events (in the Receiver), commands into events, deadlines into events.

A driver feeds what the transport says (``transport_connected``, ``receive_data``, ``receive_eof``), calls
``handle_timeout`` when ``next_deadline()`` has come, and after each call takes what there is to do: ``next_event()``
until None, ``data_to_send()``, then ``connect_wanted`` and ``close_wanted``. ``now`` is in seconds from any origin and
never goes back.

Whatever the peer sends, nothing is raised: its mistakes become an A-ABORT and a ProviderAbortIndication. A command that
the state does not allow raises LocalProtocolError, sends nothing and changes nothing. An Association serves once: when
it is back in Sta1 it is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dicomnet.codes import AbortReason, AbortSource
from dicomnet.errors import (
    ConnectionLost,
    DicomNetError,
    LocalProtocolError,
    TimedOut,
)
from dicomnet.ul.counters import Counters
from dicomnet.ul.events import PDataRequest, Primitive, PrimitiveKind, ProviderAbortIndication, UlEvent
from dicomnet.ul.machine import Machine, Occasion, Role
from dicomnet.ul.negotiated import Negotiated
from dicomnet.ul.negotiation import checked, checked_limit
from dicomnet.ul.receiving import Receiver
from dicomnet.ul.recurring import once
from dicomnet.ul.states import Action, Event, State, Transition
from dicomnet.ul.timers import OVERDUE, Timeouts, Wait
from dicomnet.ul.transcript import Transcript
from dicomnet.wire.buffer import PduLimits
from dicomnet.wire.pdata import Buffer, fragment_message
from dicomnet.wire.pdu import (
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AReleaseRP,
    AReleaseRQ,
    Pdu,
    encode_pdu,
)

__all__ = ["Association", "Role"]

# Members that every association takes, looked up once: to Python 3.11 each time is a call.
_EVT1: Final = Event.EVT1
_EVT2: Final = Event.EVT2
_EVT5: Final = Event.EVT5
_EVT7: Final = Event.EVT7
_EVT9: Final = Event.EVT9
_EVT11: Final = Event.EVT11
_EVT14: Final = Event.EVT14
_EVT17: Final = Event.EVT17
_AR_5: Final = Action.AR_5
_REQUESTOR: Final = Role.REQUESTOR
_REQUEST: Final = PrimitiveKind.REQUEST
_RESPONSE: Final = PrimitiveKind.RESPONSE

_RELEASE_REQUEST: Final = encode_pdu(AReleaseRQ())
_RELEASE_RESPONSE: Final = encode_pdu(AReleaseRP())


class Association:
    """One end of one association. See the module for how to drive it."""

    def __init__(
        self,
        role: Role,
        *,
        limits: PduLimits | None = None,
        timeouts: Timeouts | None = None,
        transcript: Transcript | None = None,
        send_limit: int = 0,
    ) -> None:
        """``send_limit`` is the longest P-DATA-TF body we send, even if the peer takes longer ones; 0 sets no limit.

        Raises:
            LocalProtocolError: no message fits into so little.
        """
        self._send_limit = checked_limit(send_limit)
        self.transcript = transcript
        self._machine = Machine(role, timeouts or Timeouts(), transcript)
        self._receiver = Receiver(self._machine, limits, transcript)
        self._connected = False
        self._request = b""

    def __repr__(self) -> str:
        return f"<Association {self.role} in {self.state} ({self.state.meaning})>"

    # What the driver and the user look at and take.

    @property
    def role(self) -> Role:
        """Which end this is."""
        return self._machine.role

    @property
    def state(self) -> State:
        """Where the association stands."""
        return self._machine.state

    @property
    def is_over(self) -> bool:
        """Whether the association has ended, by whatever way, and serves no more."""
        return self._machine.over

    @property
    def negotiated(self) -> Negotiated | None:
        """What was agreed on, from the acceptance on."""
        return self._machine.negotiated

    @property
    def send_limit(self) -> int:
        """The longest P-DATA-TF body that goes out: what the peer takes, or less if we were told so; 0 is no limit."""
        negotiated = self._machine.negotiated
        theirs = 0 if negotiated is None else negotiated.peer_max_length
        return min(theirs, self._send_limit) if theirs and self._send_limit else theirs or self._send_limit

    @property
    def error(self) -> DicomNetError | None:
        """Why there is no association any more; None as long as all is well, or if only our own user ended it."""
        return self._machine.error

    @property
    def counters(self) -> Counters:
        """How much has gone over it so far."""
        machine = self._machine
        return Counters(machine.octets_in, machine.octets_out, machine.pdus_in, machine.pdus_out)

    @property
    def on_pdu(self) -> Callable[[Pdu], None] | None:
        """Shown every whole PDU that arrives, readable or not: for research, not for protocol."""
        return self._receiver.on_pdu

    @on_pdu.setter
    def on_pdu(self, hook: Callable[[Pdu], None] | None) -> None:
        self._receiver.on_pdu = hook

    @property
    def on_primitive(self) -> Callable[[Primitive], None] | None:
        """Shown every service primitive of PS3.8 clause 7, of the user and of the provider, in their order.

        A command that is refused was none. Indications and confirmations are shown when they come to be, before
        ``next_event`` gives them. It should only look: what it raises, the caller of the command or of ``receive_data``
        gets.
        """
        return self._machine.on_primitive

    @on_primitive.setter
    def on_primitive(self, hook: Callable[[Primitive], None] | None) -> None:
        self._machine.on_primitive = hook

    @property
    def is_watched(self) -> bool:
        """Whether somebody is shown what passes: a transcript, or ``on_primitive``."""
        return self._machine.is_watched

    @property
    def connect_wanted(self) -> bool:
        """Whether a transport connection is to be made."""
        return self._machine.connect_wanted

    @property
    def close_wanted(self) -> bool:
        """Whether the transport is to be closed, after ``data_to_send`` has gone out."""
        return self._machine.close_wanted

    def next_event(self) -> UlEvent | None:
        """The next indication or confirmation, None if there is none."""
        events = self._machine.events
        return events.popleft() if events else None

    def data_to_send(self) -> list[bytes | memoryview]:
        """The bytes to send, in order, up to the end of a PDU; each is handed out once."""
        output, self._machine.output = self._machine.output, []
        return output

    def next_deadline(self) -> float | None:
        """When to call ``handle_timeout`` at the latest, None if nothing is waited for."""
        return self._machine.timers.earliest

    # What the driver brings.

    def transport_connected(self, now: float) -> None:
        """The transport connection stands: the one we asked for, or one a peer opened."""
        event = _EVT2 if self.role is _REQUESTOR else _EVT5
        cell = self._machine.cell(event)
        if cell is not None:
            self._connected = True
            self._machine.connect_wanted = False
            self._machine.perform(cell, event, Occasion(now, output=(self._request,)))

    def receive_data(self, data: Buffer, now: float) -> None:
        """Bytes of the peer, cut anywhere. What comes after the end is ignored."""
        if data and self._connected and not self._machine.over:
            self._receiver.receive(data, now)

    def receive_eof(self, now: float, error: DicomNetError | None = None) -> None:
        """The transport is closed, or never came up; ``error`` may say more about it than ConnectionLost would."""
        cell = self._machine.cell(_EVT17)
        if cell is None:
            return
        self._receiver.end(now)
        self._connected = False
        self._machine.output.clear()
        if error is None and cell.action is not _AR_5:  # which is how each one ends, and tells nobody
            error = ConnectionLost(f"the transport closed in {self.state}, {self.state.meaning}")
        self._machine.perform(cell, _EVT17, Occasion(now, error=error))
        # There is no effect for it, the transport being closed already; but our half of it may still be open.
        self._machine.connect_wanted = False
        self._machine.close_wanted = True

    def handle_timeout(self, now: float) -> None:
        """Act on the deadlines that are due by now; harmless at any time."""
        machine = self._machine
        while (wait := machine.timers.expired(now)) is not None:
            machine.timers.stop(wait)
            if wait is Wait.CLOSE:  # the association had ended before; a peer that does not close is no news
                machine.fire(Event.EVT18, Occasion(now))
                continue
            error = TimedOut(f"{OVERDUE[wait]} ({self.state}, {self.state.meaning})", wait=wait.value)
            machine.fail(error)
            if wait is Wait.REQUEST:
                machine.fire(Event.EVT18, Occasion(now))
                continue
            # ARTIM is not for these (PS3.8 9.1.4): we act as a user who lost patience, and tell the real one.
            machine.tell("A-ABORT", _REQUEST)
            machine.fire(Event.EVT15, Occasion(now))
            machine.indicate(ProviderAbortIndication(AbortSource.SERVICE_USER, AbortReason.NOT_SPECIFIED, error))

    def postpone(self, now: float) -> None:
        """Give the peer its time anew to complete a PDU and to break its silence: it is us who do not read."""
        self._machine.timers.restart(Wait.PDU, now)
        self._machine.timers.not_idle(now)

    def not_idle(self, now: float) -> None:
        """Count silence from now on: somebody is at work, and with that nothing need be said."""
        self._machine.timers.not_idle(now)

    # Commands of the user.

    def associate_request(self, request: AAssociateRQ, now: float, encoded: bytes | None = None) -> None:
        """Ask for an association (Evt1); the request goes out when the transport is connected.

        ``encoded`` is for who has had it ``checked`` already, and has its bytes from there.

        Raises:
            LocalProtocolError: the state does not allow it, or the request is not in order.
        """
        self._require(_EVT1, self.role is _REQUESTOR)
        self._request = checked(request) if encoded is None else encoded
        self._machine.request = request
        self._receiver.announce(request.max_length)
        self._machine.tell("A-ASSOCIATE", _REQUEST, request)
        self._machine.fire(_EVT1, Occasion(now))

    def associate_accept(self, response: AAssociateAC, now: float) -> None:
        """Accept the association the peer asked for (Evt7).

        Raises:
            LocalProtocolError: the state does not allow it, or the answer does not fit the request.
        """
        self._require(_EVT7)
        request = self._machine.request
        if request is None:  # not in Sta3
            raise LocalProtocolError("there is no request to accept")
        output = checked(response, request)
        self._machine.negotiated = once(Negotiated, request, response, False)
        self._receiver.announce(response.max_length)
        self._machine.tell("A-ASSOCIATE", _RESPONSE, response)
        self._machine.fire(_EVT7, Occasion(now, output=(output,)))

    def associate_reject(self, result: int, source: int, reason: int, now: float) -> None:
        """Reject the association the peer asked for (Evt8).

        Raises:
            LocalProtocolError: the state does not allow it, or the codes are not those of PS3.8 9.3.4.
        """
        self._require(Event.EVT8)
        response = AAssociateRJ(result, source, reason)
        output = checked(response)
        self._machine.tell("A-ASSOCIATE", _RESPONSE, response)
        self._machine.fire(Event.EVT8, Occasion(now, output=(output,)))

    def send_p_data(
        self,
        context_id: int,
        command: Buffer | None,
        data: Buffer | None,
        now: float,
        *,
        one_pdv_per_pdu: bool = False,
        last: bool = True,
    ) -> None:
        """Send a message, or the part of it that is not None (Evt9), in PDUs within ``send_limit``.

        The buffers are not copied: leave them alone until ``data_to_send`` is sent. Unless ``last``, more of the data
        set follows.

        Raises:
            LocalProtocolError: the state does not allow it, the context is not accepted, or both parts are None.
        """
        machine = self._machine
        cell = machine.cell(_EVT9) or self._require(_EVT9)
        negotiated = machine.negotiated
        if negotiated is None or context_id not in negotiated.contexts:
            raise LocalProtocolError(f"presentation context {context_id} is not accepted")
        if command is None and data is None:
            raise LocalProtocolError("neither a command nor a data set to send")
        output = fragment_message(
            context_id, command, data, self.send_limit, one_pdv_per_pdu=one_pdv_per_pdu, last=last
        )
        if machine.on_primitive is not None:
            machine.tell("P-DATA", _REQUEST, PDataRequest(context_id, command, data, last))
            cell = self._require(_EVT9)  # whatever that did
        machine.timers.not_idle(now)
        # They go out in pairs of headers and payload, but for two PDVs in one PDU: there the second's are shorter.
        pdus = 1 if len(output) == 4 and len(output[2]) < len(output[0]) else len(output) // 2
        machine.perform(cell, _EVT9, Occasion(now, output=output, pdus=pdus))

    def release_request(self, now: float) -> None:
        """Ask for release (Evt11); ReleaseConfirmation follows.

        Raises:
            LocalProtocolError: outside Sta6.
        """
        self._require(_EVT11)
        self._machine.tell("A-RELEASE", _REQUEST)
        self._machine.fire(_EVT11, Occasion(now, output=(_RELEASE_REQUEST,)))

    def release_response(self, now: float) -> None:
        """Agree to the peer's release (Evt14).

        Raises:
            LocalProtocolError: it is not our turn to answer.
        """
        self._require(_EVT14)
        self._machine.tell("A-RELEASE", _RESPONSE)
        self._machine.fire(_EVT14, Occasion(now, output=(_RELEASE_RESPONSE,)))

    def abort(self, now: float) -> None:
        """End the association at once (Evt15), in any state; when it is ending or over, nothing happens.

        Raises nothing, so that clean-up code may call it blindly. Where Table 9-10 has no cell for Evt15 there is no
        one to send an A-ABORT to: in Sta1 and Sta13 nothing is left to do, and in Sta2, where the peer has not asked
        for anything yet, we stop waiting for it: Evt18 come early, which closes the transport (AA-2).
        """
        if self._machine.cell(Event.EVT15) is not None:
            self._machine.tell("A-ABORT", _REQUEST)
        self._machine.fire(Event.EVT18 if self.state is State.STA2 else Event.EVT15, Occasion(now))

    def provider_abort(self, reason: int, now: float, error: DicomNetError) -> None:
        """End the association because the peer broke the protocol above (PS3.7): A-ABORT, source service-provider.

        That is Evt19, found out one layer further up; a ProviderAbortIndication with ``error`` follows. When the
        association is ending or over, nothing happens.

        Raises:
            LocalProtocolError: there is none yet.
        """
        if self.is_over or self.state is State.STA13:
            return
        cell = self._machine.cell(Event.EVT19)
        if cell is None or cell.action is not Action.AA_8:
            raise LocalProtocolError(f"there is no association to abort: {self.state}, {self.state.meaning}")
        self._machine.fire(Event.EVT19, Occasion(now, reason=reason, error=error))

    def inject(self, data: Buffer | Pdu, now: float) -> None:
        """Send this as it is, past audit and state machine: for tests and research.

        Raises:
            LocalProtocolError: there is no transport.
            EncodeError: a PDU has no encoding at all.
        """
        if self.is_over or not self._connected:
            raise LocalProtocolError("there is no transport connection to send on")
        raw = bytes(data) if isinstance(data, bytes | bytearray | memoryview) else encode_pdu(data)
        self._machine.send((raw,), now)

    # Inside.

    def _require(self, event: Event, allowed: bool = True) -> Transition:
        cell = self._machine.cell(event)
        if cell is None or not allowed:
            where = "the association is over" if self.is_over else f"{self.state}, {self.state.meaning}"
            raise LocalProtocolError(f"{event.meaning} is not possible for the {self.role}: {where}")
        return cell
