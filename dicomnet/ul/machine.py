"""Machine: Table 9-10 at work. It holds the state of one association and performs the effects of each action.

Whatever happens reaches it as an Event with an Occasion, what comes along. ``fire`` looks up the cell of state and
event, performs the effects of its action one by one and enters the next state; nothing else changes the state. This
room decodes nothing and refuses nothing: what is to be called an event, and which commands are misuse, is Association's
to say, and Association takes what the effects leave behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from dicomnet.codes import AbortReason, AbortSource, RejectResult, RejectSource, reject_reason_text
from dicomnet.errors import DicomNetError, Rejected, RemoteProtocolError
from dicomnet.kernel import make_frozen
from dicomnet.records import fields
from dicomnet.ul.events import (
    AbortIndication,
    AssociateConfirmation,
    AssociateIndication,
    Detail,
    PDataIndication,
    Primitive,
    PrimitiveKind,
    ProviderAbortIndication,
    ReleaseConfirmation,
    ReleaseIndication,
    UlEvent,
    primitive_of,
)
from dicomnet.ul.negotiated import Negotiated
from dicomnet.ul.negotiation import speaks_version_1
from dicomnet.ul.recurring import once
from dicomnet.ul.states import ACTIONS, GUARDS, TRANSITIONS, Action, Effect, Event, State, Transition
from dicomnet.ul.timers import Timeouts, Timers, Wait
from dicomnet.ul.transcript import Direction, Step, Transcript
from dicomnet.wire.pdu import AAbort, AAssociateAC, AAssociateRJ, AAssociateRQ, PDataTF, Pdu, encode_pdu

__all__ = ["VERSION_REJECTION", "Machine", "Occasion", "Role", "objection"]


class Role(StrEnum):
    """Which end of an association this is."""

    REQUESTOR = "requestor"
    ACCEPTOR = "acceptor"


class Occasion:
    """What comes along with an event."""

    __slots__ = ("error", "now", "output", "pdu", "pdus", "reason", "source")

    def __init__(
        self,
        now: float,
        pdu: Pdu | None = None,
        output: Sequence[bytes | memoryview] = (),
        source: int = AbortSource.SERVICE_PROVIDER,
        reason: int = AbortReason.NOT_SPECIFIED,
        error: DicomNetError | None = None,
        pdus: int = 1,
    ) -> None:
        self.now = now
        self.pdu = pdu
        self.output = output
        """What Effect.SEND sends."""
        self.source = source
        self.reason = reason
        self.error = error
        self.pdus = pdus
        """How many are in ``output``, if there is any."""


def objection(
    action: Action, message: str, reason: AbortReason, now: float, cause: Exception | None = None
) -> Occasion:
    """What comes along when the peer is wrong; AA-1 aborts as the user and gives no reason, AA-7 and AA-8 do."""
    as_user = action is Action.AA_1
    source = AbortSource.SERVICE_USER if as_user else AbortSource.SERVICE_PROVIDER
    error = RemoteProtocolError(message, source=source, reason=AbortReason.NOT_SPECIFIED if as_user else reason)
    error.__cause__ = cause
    return Occasion(now, source=source, reason=error.reason, error=error)


# Members that every association takes, looked up once: to Python 3.11 each time is a call.
_STA1: Final = State.STA1
_REQUESTOR: Final = Role.REQUESTOR
_REQUEST: Final = Wait.REQUEST
_CLOSE: Final = Wait.CLOSE

_INDICATED: Final = tuple(item.name for item in fields(PDataIndication))
_CELLS: Final = dict(TRANSITIONS)  # a proxy of a dict is slower than a dict

VERSION_REJECTION: Final = encode_pdu(AAssociateRJ(RejectResult.PERMANENT, RejectSource.ACSE, 2))
"""What AE-6 sends when it does not like the protocol version (PS3.8 9.3.4)."""


class Machine:
    """The state of one association."""

    def __init__(self, role: Role, timeouts: Timeouts, transcript: Transcript | None) -> None:
        self.role = role
        self.state = _STA1
        self.over = False  # back in Sta1
        self.timers = Timers(timeouts)
        self.events: deque[UlEvent] = deque()
        self.output: list[bytes | memoryview] = []
        self.connect_wanted = False
        self.close_wanted = False
        self.request: AAssociateRQ | None = None
        self.negotiated: Negotiated | None = None
        self.error: DicomNetError | None = None
        self.octets_in = self.octets_out = self.pdus_in = self.pdus_out = 0  # see Counters
        self.on_primitive: Callable[[Primitive], None] | None = None
        self._transcript = transcript

    def cell(self, event: Event) -> Transition | None:
        """What Table 9-10 says about this event now; nothing at all once the association is over."""
        return None if self.over else _CELLS.get((self.state, event))

    def fire(self, event: Event, occasion: Occasion) -> None:
        """Perform the cell of state and event; an empty cell is nothing."""
        cell = self.cell(event)
        if cell is not None:
            self.perform(cell, event, occasion)

    def perform(self, cell: Transition, event: Event, occasion: Occasion) -> None:
        """The same for who has looked up the cell of this event already."""
        action = cell.action
        effects, after = _DEEDS[action], cell.next_states[0]
        if action in _GUARDED:
            holds, yes, no = _GUARDED[action]
            if holds(self, occasion):
                effects += yes
            else:
                effects += no
                after = cell.next_states[-1]
        before = self.state
        known = 0 if self.on_primitive is None else len(self.events)
        for effect in effects:
            effect(self, occasion)
        if after is not before:
            self.state = after
            self.timers.enter(before, after, occasion.now)
            self.over = after is _STA1
        if self._transcript is not None:
            self._transcript.note_step(Step(occasion.now, before, event, action, after))
        if self.on_primitive is not None:  # now that the state is the new one
            for happened in [self.events[place] for place in range(known, len(self.events))]:
                self.on_primitive(primitive_of(happened))

    @property
    def is_watched(self) -> bool:
        """Whether somebody is shown each step, or each primitive."""
        return self._transcript is not None or self.on_primitive is not None

    def take_data(self, pdus: Iterable[PDataTF]) -> None:
        """Indicate the data of PDUs that are in order: all that DT-2 and AR-6 do, when nobody watches."""
        self.events.extend([make_frozen(PDataIndication, _INDICATED, (pdu.pdvs,)) for pdu in pdus])

    def indicate(self, event: UlEvent) -> None:
        """Give the user an indication that is no effect of an action."""
        self.events.append(event)
        if self.on_primitive is not None:
            self.on_primitive(primitive_of(event))

    def tell(self, name: str, kind: PrimitiveKind, detail: Detail | None = None) -> None:
        """Show a request or response of the user to who wants to see it."""
        if self.on_primitive is not None:
            self.on_primitive(Primitive(name, kind, detail))

    def send(self, output: Sequence[bytes | memoryview], now: float, pdus: int = 1) -> None:
        """Queue whole PDUs."""
        self.output += output
        for part in output:
            self.octets_out += len(part)
        self.pdus_out += pdus
        if self._transcript is not None:
            self._transcript.note_octets(now, Direction.SENT, b"".join(output))

    def fail(self, error: DicomNetError | None) -> None:
        """Remember why the association ended; the first reason counts."""
        self.error = self.error or error

    def _connect(self, occasion: Occasion) -> None:
        self.connect_wanted = True

    def _close(self, occasion: Occasion) -> None:
        self.connect_wanted = False
        self.close_wanted = True

    def _send(self, occasion: Occasion) -> None:
        self.send(occasion.output, occasion.now, occasion.pdus)

    def _send_user_abort(self, occasion: Occasion) -> None:
        self.fail(occasion.error)
        self.send((encode_pdu(AAbort(AbortSource.SERVICE_USER)),), occasion.now)

    def _send_provider_abort(self, occasion: Occasion) -> None:
        self.fail(occasion.error)
        self.send((encode_pdu(AAbort(AbortSource.SERVICE_PROVIDER, occasion.reason)),), occasion.now)

    def _start_request_timer(self, occasion: Occasion) -> None:
        self.timers.start_artim(_REQUEST, occasion.now)

    def _start_close_timer(self, occasion: Occasion) -> None:
        self.timers.start_artim(_CLOSE, occasion.now)

    def _stop_timer(self, occasion: Occasion) -> None:
        self.timers.stop_artim()

    def _indicate_associate(self, occasion: Occasion) -> None:
        if isinstance(occasion.pdu, AAssociateRQ):
            self.request = occasion.pdu
            self.events.append(AssociateIndication(occasion.pdu))

    def _confirm_accept(self, occasion: Occasion) -> None:
        if isinstance(occasion.pdu, AAssociateAC) and self.request is not None:
            self.negotiated = once(Negotiated, self.request, occasion.pdu, True)
            self.events.append(AssociateConfirmation(True, occasion.pdu))

    def _confirm_reject(self, occasion: Occasion) -> None:
        if isinstance(pdu := occasion.pdu, AAssociateRJ):
            text = f"the peer rejected the association: {reject_reason_text(pdu.source, pdu.reason)}"
            self.fail(Rejected(text, result=pdu.result, source=pdu.source, reason=pdu.reason))
            self.events.append(AssociateConfirmation(False, pdu))

    def _indicate_data(self, occasion: Occasion) -> None:
        if isinstance(occasion.pdu, PDataTF):
            self.events.append(PDataIndication(occasion.pdu.pdvs))

    def _indicate_release(self, occasion: Occasion) -> None:
        self.events.append(ReleaseIndication(collision=False))

    def _indicate_collision(self, occasion: Occasion) -> None:
        self.events.append(ReleaseIndication(collision=True))

    def _confirm_release(self, occasion: Occasion) -> None:
        self.events.append(ReleaseConfirmation())

    def _indicate_abort(self, occasion: Occasion) -> None:
        self.fail(occasion.error)
        self.events.append(AbortIndication(occasion.source, occasion.reason))

    def _indicate_provider_abort(self, occasion: Occasion) -> None:
        self.fail(occasion.error)
        self.events.append(ProviderAbortIndication(occasion.source, occasion.reason, occasion.error))

    def _offers_our_version(self, occasion: Occasion) -> bool:
        return isinstance(occasion.pdu, AAssociateRQ) and speaks_version_1(occasion.pdu)

    def _is_requestor(self, occasion: Occasion) -> bool:
        return self.role is _REQUESTOR

    def _user_aborted(self, occasion: Occasion) -> bool:
        return occasion.source == AbortSource.SERVICE_USER


_EFFECTS: Final[Mapping[Effect, Callable[[Machine, Occasion], None]]] = MappingProxyType(
    {
        Effect.CONNECT: Machine._connect,
        Effect.CLOSE: Machine._close,
        Effect.SEND: Machine._send,
        Effect.SEND_USER_ABORT: Machine._send_user_abort,
        Effect.SEND_PROVIDER_ABORT: Machine._send_provider_abort,
        Effect.START_REQUEST_TIMER: Machine._start_request_timer,
        Effect.START_CLOSE_TIMER: Machine._start_close_timer,
        Effect.STOP_TIMER: Machine._stop_timer,
        Effect.INDICATE_ASSOCIATE: Machine._indicate_associate,
        Effect.CONFIRM_ACCEPT: Machine._confirm_accept,
        Effect.CONFIRM_REJECT: Machine._confirm_reject,
        Effect.INDICATE_DATA: Machine._indicate_data,
        Effect.INDICATE_RELEASE: Machine._indicate_release,
        Effect.INDICATE_COLLISION: Machine._indicate_collision,
        Effect.CONFIRM_RELEASE: Machine._confirm_release,
        Effect.INDICATE_ABORT: Machine._indicate_abort,
        Effect.INDICATE_PROVIDER_ABORT: Machine._indicate_provider_abort,
    }
)

_DEEDS: Final[Mapping[Action, tuple[Callable[[Machine, Occasion], None], ...]]] = {
    action: tuple(_EFFECTS[effect] for effect in effects) for action, effects in ACTIONS.items()
}
"""What performs the effects of each action, in order, those of its guard aside."""

_Deeds = tuple[Callable[[Machine, Occasion], None], ...]


def _guarded(
    action: Action, holds: Callable[[Machine, Occasion], bool]
) -> tuple[Callable[[Machine, Occasion], bool], _Deeds, _Deeds]:
    guard = GUARDS[action]
    return (
        holds,
        tuple(_EFFECTS[effect] for effect in guard.yes),
        tuple(_EFFECTS[effect] for effect in guard.no),
    )


_GUARDED: Final[Mapping[Action, tuple[Callable[[Machine, Occasion], bool], _Deeds, _Deeds]]] = {
    Action.AE_6: _guarded(Action.AE_6, Machine._offers_our_version),
    Action.AR_8: _guarded(Action.AR_8, Machine._is_requestor),
    Action.AA_3: _guarded(Action.AA_3, Machine._user_aborted),
}
"""The question that each of these actions asks, and what performs the further effects it then has, or else."""
