"""DIMSE over one association (PS3.7 8 and Annex E of PS3.8), without IO: messages in and out, ids, limits, deadlines.

An ``Exchange`` wraps an ``Association``: it turns P-DATA indications into messages and messages into P-DATA, gives
message ids, matches responses to requests, and answers by itself what no service could: unknown operations, requests
with missing fields, duplicate ids, requests of the wrong role, data sets beyond the limit. All other upper layer events
pass through unchanged. Which requests are served, and how, is none of its business, nor how many there may be at once.

A message goes out in one piece (``send``), or its data set in parts (``begin``, ``send_part``): meanwhile no other may
(PS3.8 E.1), and the exchange's own answers wait. In the same way a request comes in one piece, or as soon as its
command is here (``streams``): then ``take`` has the parts of its data set as they arrive.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from dicomnet.codes import AbortReason
from dicomnet.dimse import status as statuses
from dicomnet.dimse.command import CommandElement, CommandSet
from dicomnet.dimse.conversion import command_code, command_name, from_command, reply
from dicomnet.dimse.incoming import Intake, MessageLimits, TooLong
from dicomnet.dimse.messages import (
    CCancelRequest,
    CFindRequest,
    CGetRequest,
    CMoveRequest,
    CStoreRequest,
    EncodedDataSet,
    Message,
    NEventReportRequest,
    OtherRequest,
    Request,
    Response,
)
from dicomnet.dimse.payloads import IncomingDataSet
from dicomnet.dimse.sending import SendingHalf
from dicomnet.dimse.status import StatusClass
from dicomnet.errors import (
    DecodeError,
    DicomNetError,
    Fault,
    RemoteProtocolError,
    TimedOut,
)
from dicomnet.records import dataclass
from dicomnet.ul import Association, Direction, PDataIndication, UlEvent
from dicomnet.ul.negotiated import roles_by_class
from dicomnet.wire import Pdv

__all__ = ["Exchange", "MessageLimits", "Received"]

_log = logging.getLogger("dicomnet.dimse")

_LIMITS: Final = MessageLimits()
_COMMAND_FIELD: Final = int(CommandElement.COMMAND_FIELD)
_RESPONSE: Final = 0x8000
_COMPOSITE: Final = 0x00FF
"""C- services have command fields up to here (PS3.7 E.1)."""
_WITH_OWN_STATUSES: Final = (CStoreRequest, CFindRequest, CGetRequest, CMoveRequest)
"""For these PS3.7 9.1.1 to 9.1.4 do not define the general codes 0110 and 0213; their services have codes for it."""


@dataclass(slots=True)
class Received:
    """A message from the peer; of one that is streamed the data set is still to come."""

    message: Message


class Exchange(SendingHalf):
    """Sends and receives DIMSE messages; ``next_event`` is the only way out for what the peer does."""

    def __init__(
        self,
        association: Association,
        *,
        limits: MessageLimits | None = None,
        one_pdv_per_pdu: bool = False,
        check_roles: bool = True,
        association_id: int = 0,
    ) -> None:
        super().__init__(association, one_pdv_per_pdu, association_id)
        self.limits = limits or _LIMITS
        self.check_roles = check_roles
        """Whether requests are refused whose sender has not the role for them (PS3.7 D.3.3.4). Event reports are if
        roles were negotiated for their class."""
        self.streams: Callable[[Request], bool] | None = None
        """Asked for each request with a data set: whether it is wanted before that is here."""
        self.received: dict[type[Message], int] = {}
        """Messages by class."""
        self.stray_responses = 0
        """Responses to requests we never sent, that were answered already or abandoned: counted and dropped."""
        self._intake = Intake(self.limits)
        self._streamed_id: int | None = None  # of the request whose data set is, or was last, passed on
        self._broken = False  # the peer broke a rule: nothing of it is read any more
        self._events: deque[Received] = deque()

    def next_event(self, now: float) -> Received | UlEvent | None:
        """The next message or upper layer event, or None; raises nothing for what the peer does."""
        while not self._events:
            event = self.association.next_event()
            if event is None or not isinstance(event, PDataIndication):
                return event
            if self._broken:
                continue
            intake = self._intake
            try:
                for pdv in event.pdvs:
                    if intake.incoming is not None:
                        intake.pass_on(pdv, now)
                    else:
                        self._receive(pdv, now)
            except DecodeError as error:
                self._abort(error, now)
        return self._events.popleft()

    def next_deadline(self) -> float | None:
        """When ``handle_timeout`` is due, in the caller's own time; None for never."""
        own, other = self._intake.deadline, self.association.next_deadline()
        if own is None or other is None:
            return other if own is None else own
        return own if own < other else other

    def handle_timeout(self, now: float) -> None:
        """Do what is due at ``now``; harmless when nothing is."""
        if self._intake.deadline is not None and now >= self._intake.deadline:
            error = TimedOut(f"a message was not complete after {self.limits.seconds:g} s", wait="message")
            self._break(AbortReason.NOT_SPECIFIED, error, now)
        self.association.handle_timeout(now)

    def postpone(self, now: float) -> None:
        """Give the peer its time anew: we ourselves are not reading what it sends."""
        self._intake.postpone(now)
        self.association.postpone(now)

    @property
    def congested(self) -> bool:
        """Whether so much waits that no more should be read from the peer: parts of streamed data sets to be taken, or
        requests to be answered with data sets that together are longer than one may be."""
        unread, held = self._intake.unread, self.held
        if not (unread or held):  # which is asked several times for each message
            return False
        return unread > self.limits.unread or held > self.limits.data_set.max_bytes

    @property
    def amid(self) -> bool:
        """Whether a message of the peer has begun and is not whole."""
        return self._intake.amid

    def owns(self, data_set: IncomingDataSet) -> bool:
        """Whether this data set is, or was, streamed here."""
        return data_set.owner is self._intake

    def is_arriving(self, data_set: IncomingDataSet) -> bool:
        """Whether more of this data set may still come."""
        return self._intake.incoming is data_set and not self._broken

    def still_arrives(self, message_id: int) -> bool:
        """Whether the data set of this request of the peer, which is streamed, is not whole yet."""
        return self._streamed_id == message_id and self._intake.incoming is not None

    def take(self, data_set: IncomingDataSet) -> list[bytes | memoryview]:
        """What has arrived of a streamed data set and was not taken yet; ``data_set.whole`` tells whether it is all."""
        return self._intake.take(data_set)

    def drop(self, data_set: IncomingDataSet) -> None:
        """Nobody will take the rest of this data set: drop what has come of it and what will."""
        self._intake.drop(data_set)

    def cut(self, error: DicomNetError) -> None:
        """The data set that is arriving will never be whole: its reader is told why."""
        if self._intake.incoming is not None:
            self._intake.incoming.error = error

    def _abort(self, error: DecodeError, now: float) -> None:
        reason = (
            AbortReason.UNEXPECTED_PDU_PARAMETER
            if error.code is Fault.ORDER
            else AbortReason.INVALID_PDU_PARAMETER_VALUE
        )
        broken = RemoteProtocolError(str(error), source=2, reason=reason)
        broken.__cause__ = error
        self._break(reason, broken, now)

    def _break(self, reason: AbortReason, error: DicomNetError, now: float) -> None:
        self._broken = True
        self._intake.deadline = None
        self.association.provider_abort(reason, now, error)

    def _receive(self, pdv: Pdv, now: float) -> None:
        try:
            whole = self._intake.add(pdv, now, self._offer)
        except TooLong as excess:
            self._refuse_data_set(excess, now)
            return
        if whole is None:
            return
        command, context_id, data = whole
        data_set = None
        if data:
            data_set = EncodedDataSet(data, self._transfer_syntax(context_id), self.limits.data_set)
        self._dispatch(from_command(command, context_id, data_set), now)

    def _transfer_syntax(self, context_id: int) -> str:
        negotiated = self.association.negotiated
        context = negotiated.contexts.get(context_id) if negotiated else None
        if context is None:  # the association lets no other context pass
            raise DecodeError(f"context {context_id} was not accepted", code=Fault.BAD_VALUE)
        return context.transfer_syntax

    def _offer(self, command: CommandSet, context_id: int, now: float) -> IncomingDataSet | None:
        """Where the data set behind this command goes: into memory (None), unless the request is to be streamed."""
        code = command.get(_COMMAND_FIELD)
        if self.streams is None or not isinstance(code, int) or code & _RESPONSE:
            return None
        incoming = IncomingDataSet(self._transfer_syntax(context_id), self.limits.data_set)
        message = from_command(command, context_id, incoming)
        if not isinstance(message, Request) or isinstance(message, OtherRequest) or not self.streams(message):
            return None
        incoming.wanted = self._receive_request(message, now)
        # a refused one may have the id of another request, whose answer does not depend on it
        self._streamed_id = message.message_id if incoming.wanted else None
        return incoming

    # -- received messages -------------------------------------------------------------------------------------------

    def _dispatch(self, message: Message, now: float) -> None:
        if isinstance(message, Response):
            self._receive_response(message, now)
        elif isinstance(message, Request):
            self._receive_request(message, now)
        elif isinstance(message, CCancelRequest):
            self._note_received(message)
            # A cancel for an operation that is unknown or over is ignored (PS3.7 9.3.2.3).
            if message.responding_to in self._asked_by_peer:
                self._cancelled.add(message.responding_to)

    def _note_received(self, message: Message) -> None:
        kind = type(message)
        self.received[kind] = self.received.get(kind, 0) + 1
        if self.on_message is not None:
            self.on_message(Direction.RECEIVED, message)

    def _receive_response(self, message: Response, now: float) -> None:
        self._note_received(message)
        message_id = message.responding_to
        asked = self._asked.get(message_id)
        if asked is None:
            self._drop_response(message_id, "not outstanding")
            return
        request = asked[0]
        # By the code and not by the class: a request that lacks a field is an OtherRequest, its answer is not.
        if command_code(message) != command_code(request) | _RESPONSE:
            text = f"a {command_name(command_code(message))} answers a {command_name(command_code(request))}"
            raise DecodeError(text, code=Fault.BAD_VALUE, path="(0000,0100)")
        pending = message.status in statuses.PENDING_CODES
        if self.abandoned.pop(message_id, None) is not None:
            self._drop_response(message_id, "abandoned")
            if pending:
                self.abandoned[message_id] = now
            else:
                self.forget(message_id)
            return
        if not pending:
            self.forget(message_id)
            begun = self._begun
            if begun is not None and begun.message is request and message.status_class is StatusClass.FAILURE:
                begun.refused = True
        self._events.append(Received(message))

    def _drop_response(self, message_id: int, why: str) -> None:
        self.stray_responses += 1
        _log.debug(
            "association %d: dropped a response to message id %d, which is %s", self.association_id, message_id, why
        )

    def _receive_request(self, message: Request, now: float) -> bool:
        """Have a request served, or answer it; whether it is to be served."""
        self._note_received(message)
        message_id = message.message_id or 0
        if message_id in self._asked_by_peer:
            self._refuse(message, statuses.DUPLICATE_INVOCATION, now, keep=True)
            return False
        if len(self._asked_by_peer) >= self.limits.requests:  # and more were not agreed on, whatever was proposed
            raise DecodeError(
                f"more than {self.limits.requests} requests wait for an answer", code=Fault.LIMIT, path="(0000,0110)"
            )
        refusal = self._refusal(message)
        if refusal is not None:
            self._refuse(message, refusal, now)
            return False
        size = len(message.data_set.data) if isinstance(message.data_set, EncodedDataSet) else 0
        self._asked_by_peer[message_id] = size
        self.held += size
        self._events.append(Received(message))
        return True

    def _refusal(self, message: Request) -> int | None:
        """The status that refuses a request which nobody could serve; None if it is in order."""
        if isinstance(message, OtherRequest):
            return statuses.MISTYPED_ARGUMENT if message.missing else statuses.UNRECOGNIZED_OPERATION
        negotiated = self.association.negotiated
        context = negotiated.contexts.get(message.context_id or 0) if negotiated is not None else None
        if negotiated is None or context is None or not self.check_roles:
            return None
        # Requests come from the SCU, event reports from the SCP (PS3.7 7.5).
        reports = isinstance(message, NEventReportRequest)
        if context.as_scu if reports else context.as_scp:
            return None
        # Peers report on associations of their own without a word about roles: storage commitment, old UPS servers.
        if reports and context.abstract_syntax not in roles_by_class(negotiated.request):
            return None
        _log.debug("association %d: a %s of the wrong role", self.association_id, type(message).__name__)
        if reports:  # for which PS3.7 10.1.1 has no better code: not one of the operations agreed on
            return statuses.UNRECOGNIZED_OPERATION
        composite = message.command_field <= _COMPOSITE
        return statuses.SOP_CLASS_NOT_SUPPORTED if composite else statuses.NOT_AUTHORIZED

    def _refuse(self, message: Request, status: int, now: float, *, keep: bool = False) -> None:
        if len(self._deferred) >= self.limits.requests:
            raise DecodeError(
                f"more than {self.limits.requests} requests wait for a refusal", code=Fault.LIMIT, path="(0000,0110)"
            )
        self.answer(reply(message, status), now, keep=keep)

    def _refuse_data_set(self, excess: TooLong, now: float) -> None:
        """Answer at once (PS3.7 lets a failure come early); the rest is dropped."""
        message = from_command(excess.command, excess.context_id, None)
        if not isinstance(message, Request):
            raise DecodeError(
                f"the data set is longer than {self.limits.data_set.max_bytes} bytes", code=Fault.LIMIT, path="data set"
            )
        self._note_received(message)
        has_own = isinstance(message, _WITH_OWN_STATUSES)
        self._refuse(message, statuses.OUT_OF_RESOURCES if has_own else statuses.RESOURCE_LIMITATION, now)

    def fail(self, request: Request, now: float) -> None:
        """Answer a request that should have been served, and was not."""
        has_own = isinstance(request, _WITH_OWN_STATUSES)
        self.answer(reply(request, statuses.CANNOT_UNDERSTAND if has_own else statuses.PROCESSING_FAILURE), now)
