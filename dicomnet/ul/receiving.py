"""Receiver: bytes of the peer, cut anywhere, into PDUs and those into events for the Machine.

What the peer does wrong becomes an event, too (PS3.8 9.2: Evt19, or a PDU in a state that does not expect it); nothing
is raised. Knows no commands and no transport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from dicomnet.codes import AbortReason, PduType
from dicomnet.errors import Aborted, DecodeError, Fault
from dicomnet.ul.machine import VERSION_REJECTION, Machine, Occasion, objection
from dicomnet.ul.negotiated import Negotiated
from dicomnet.ul.negotiation import pdu_fault
from dicomnet.ul.recurring import made
from dicomnet.ul.states import Action, Event
from dicomnet.ul.timers import SUPERVISED, Wait
from dicomnet.ul.transcript import Direction, Transcript
from dicomnet.wire.buffer import PduLimits, ReceiveBuffer
from dicomnet.wire.pdata import Buffer
from dicomnet.wire.pdu import (
    AAbort,
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AReleaseRP,
    AReleaseRQ,
    PDataTF,
    Pdu,
    decode_pdu,
)

__all__ = ["Receiver"]

_PDU_EVENTS: Final[Mapping[type[Pdu], Event]] = MappingProxyType(
    {
        AAssociateAC: Event.EVT3,
        AAssociateRJ: Event.EVT4,
        AAssociateRQ: Event.EVT6,
        PDataTF: Event.EVT10,
        AReleaseRQ: Event.EVT12,
        AReleaseRP: Event.EVT13,
        AAbort: Event.EVT16,
    }
)
# Members that every PDU takes, looked up once: to Python 3.11 that is a call.
_PDU: Final = Wait.PDU
_REQUESTED: Final = Event.EVT6
_P_DATA: Final = Event.EVT10

_ASSOCIATE: Final = (int(PduType.A_ASSOCIATE_RQ), int(PduType.A_ASSOCIATE_AC))
_TRUSTING: Final = frozenset({Action.AE_3, Action.AE_6, Action.DT_2, Action.AR_6})  # hand a PDU on for what it says
_TAKING_DATA: Final = frozenset({Action.DT_2, Action.AR_6})
_PROTESTING: Final = frozenset({Action.AA_1, Action.AA_7, Action.AA_8})  # the PDU should not have come


class Receiver:
    """The receiving half of an association."""

    def __init__(self, machine: Machine, limits: PduLimits | None, transcript: Transcript | None) -> None:
        self.on_pdu: Callable[[Pdu], None] | None = None
        self._machine = machine
        self._transcript = transcript
        self._buffer = ReceiveBuffer(limits)
        self._deaf = False  # the stream cannot be read any further

    def announce(self, max_length: int) -> None:
        """From now on take P-DATA-TF up to what the peer is told."""
        limits = self._buffer.limits
        if limits.p_data != max_length:
            self._buffer.limits = PduLimits(limits.associate, max_length, limits.unlimited_cap, limits.max_pdvs)

    def receive(self, data: Buffer, now: float) -> None:
        """Bytes of the peer."""
        if self._deaf:
            self._note(now, bytes(data))
            return
        machine, buffer = self._machine, self._buffer
        timers = machine.timers
        machine.octets_in += len(data)
        timers.not_idle(now)
        complete = False
        if self._transcript is not None or self.on_pdu is not None:  # somebody wants to see the bytes of each PDU
            buffer.feed(data)
        elif p_data := buffer.feed_p_data(data):
            complete = True
            self._receive_p_data(p_data, now)
        if not buffer.empty:
            complete = self._receive_pdus(now) or complete
        if self._deaf or not buffer.pending or _PDU not in SUPERVISED[machine.state]:
            timers.stop(_PDU)
        elif complete or not timers.is_running(_PDU):
            timers.start(_PDU, now)

    def end(self, now: float) -> None:
        """No more will come: what no PDU was made of is noted."""
        self._note(now, self._buffer.take_rest())

    def _note(self, now: float, data: bytes) -> None:
        if self._transcript is not None:
            self._transcript.note_octets(now, Direction.RECEIVED, data)

    def _receive_pdus(self, now: float) -> bool:
        """Every whole PDU as an event; whether there was one."""
        complete = False
        while not (self._buffer.empty or self._machine.over or self._deaf):
            try:
                raw = self._buffer.next_pdu()
                if raw is None:
                    break
                complete = True
                self._machine.pdus_in += 1
                if self._transcript is not None:
                    self._note(now, raw)
                if self.on_pdu is not None:
                    self.on_pdu(decode_pdu(raw, lenient=True))
                if raw[0] in _ASSOCIATE:
                    pdu = made(decode_pdu, raw)
                else:
                    pdu = decode_pdu(raw, max_pdvs=self._buffer.limits.max_pdvs)
            except DecodeError as error:
                unknown = error.code is Fault.UNKNOWN_TYPE
                reason = AbortReason.UNRECOGNIZED_PDU if unknown else AbortReason.INVALID_PDU_PARAMETER_VALUE
                self._invalid(str(error), reason, now, error)
            else:
                self._receive_pdu(pdu, now)
                watched = self._transcript is not None or self.on_pdu is not None
                if not (watched or self._buffer.empty or self._machine.over):
                    self._receive_p_data(self._buffer.next_p_data(), now)
        return complete

    def _receive_p_data(self, p_data: list[PDataTF], now: float) -> None:
        """P-DATA-TF PDUs one after the other; all is in order with nearly every one."""
        machine = self._machine
        machine.pdus_in += len(p_data)
        cell = machine.cell(_P_DATA)
        taken = cell is not None and cell.action in _TAKING_DATA and not machine.is_watched
        if taken and _in_order(p_data, machine.negotiated):
            machine.take_data(p_data)
            return
        for pdu in p_data:
            if machine.over or self._deaf:
                return
            self._receive_pdu(pdu, now)

    def _receive_pdu(self, pdu: Pdu, now: float) -> None:
        machine = self._machine
        event = _PDU_EVENTS[type(pdu)]
        cell = machine.cell(event)
        if cell is None:
            return
        if cell.action in _TRUSTING and (fault := pdu_fault(pdu, machine.negotiated)) is not None:
            self._invalid(fault, AbortReason.INVALID_PDU_PARAMETER_VALUE, now)
        elif cell.action in _PROTESTING:
            message = f"{event.meaning} in {machine.state}, {machine.state.meaning}"
            machine.perform(cell, event, objection(cell.action, message, AbortReason.UNEXPECTED_PDU, now))
        elif isinstance(pdu, AAbort):
            text = f"the peer aborted the association (source {int(pdu.source)}, reason {int(pdu.reason)})"
            error = Aborted(text, source=pdu.source, reason=pdu.reason)
            machine.perform(cell, event, Occasion(now, pdu, source=pdu.source, reason=pdu.reason, error=error))
        else:
            # A request brings along the rejection that AE-6 sends if it does not like the version.
            output = (VERSION_REJECTION,) if event is _REQUESTED else ()
            machine.perform(cell, event, Occasion(now, pdu, output))

    def _invalid(self, message: str, reason: AbortReason, now: float, cause: Exception | None = None) -> None:
        """Evt19. Nothing is read any more: where the next PDU would begin is anyone's guess."""
        cell = self._machine.cell(Event.EVT19)
        if cell is not None:
            self._machine.fire(Event.EVT19, objection(cell.action, message, reason, now, cause))
        self._deaf = True
        self.end(now)


def _in_order(p_data: list[PDataTF], negotiated: Negotiated | None) -> bool:
    """Whether ``pdu_fault`` finds nothing wrong with any of these, which is so nearly always."""
    accepted: Mapping[int, object] = negotiated.contexts if negotiated is not None else {}
    for pdu in p_data:
        pdvs = pdu.pdvs
        if not pdvs:
            return False
        for pdv in pdvs:
            if pdv.context_id not in accepted:
                return False
    return True
