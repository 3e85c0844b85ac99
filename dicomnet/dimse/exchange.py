"""DIMSE over one association (PS3.7 8 and Annex E of PS3.8), without IO: messages in and out, ids, limits, deadlines.

An ``Exchange`` wraps an ``Association``: it turns P-DATA indications into messages and messages into P-DATA, gives
message ids, matches responses to requests, and answers by itself what no service could: unknown operations, requests
with missing fields, duplicate ids, data sets beyond the limit. All other upper layer events pass through unchanged.
Which requests are served, and how, is none of its business.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field

from dicomnet.codes import AbortReason
from dicomnet.dataset import DataSetLimits
from dicomnet.dimse import status as statuses
from dicomnet.dimse.command import NO_DATA_SET, CommandElement, CommandSet, decode_command, encode_command
from dicomnet.dimse.conversion import command_code, command_name, from_command, reply, to_command
from dicomnet.dimse.messages import (
    CCancelRequest,
    CFindRequest,
    CGetRequest,
    CMoveRequest,
    CStoreRequest,
    EncodedDataSet,
    Message,
    OtherRequest,
    Request,
    Response,
)
from dicomnet.dimse.outgoing import encoded
from dicomnet.dimse.status import StatusClass
from dicomnet.errors import (
    DecodeError,
    DicomNetError,
    Fault,
    LocalProtocolError,
    NoPresentationContext,
    RemoteProtocolError,
    TimedOut,
)
from dicomnet.ul import AcceptedContext, Association, PDataIndication, UlEvent
from dicomnet.wire import Assembled, FragmentAssembler, Pdv

__all__ = ["Exchange", "MessageLimits", "Received"]

_log = logging.getLogger("dicomnet.dimse")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLimits:
    """What one peer may make us hold: bytes per command set, what a data set may cost while it is received and when it
    is decoded, requests not yet answered, seconds for a whole message."""

    command: int = 64 * 1024
    data_set: DataSetLimits = field(default=DataSetLimits())
    requests: int = 64
    seconds: float | None = 45.0


@dataclass(frozen=True, slots=True)
class Received:
    """A whole message from the peer."""

    message: Message


class Exchange:
    """Sends and receives DIMSE messages; ``next_event`` is the only way out for what the peer does."""

    def __init__(
        self, association: Association, *, limits: MessageLimits | None = None, one_pdv_per_pdu: bool = False
    ) -> None:
        self.association = association
        self.limits = limits or MessageLimits()
        self.one_pdv_per_pdu = one_pdv_per_pdu
        self.stray_responses = 0
        """Responses to requests we never sent, or that were answered already: counted and dropped."""
        self._assembler = self._new_assembler()
        self._command: CommandSet | None = None  # a command whose data set is still to come
        self._context_id = 0  # of that command
        self._discarding = False  # the data set went over the limit; the rest of it is dropped
        self._deadline: float | None = None
        self._broken = False  # the peer broke a rule: nothing of it is read any more
        self._events: deque[Received] = deque()
        self._next_id = 1
        self._asked: dict[int, Request] = {}
        self._asked_by_peer: set[int] = set()
        self._cancelled: set[int] = set()

    # -- out ---------------------------------------------------------------------------------------------------------

    def send(self, message: Message, now: float, *, abstract_syntax: str | None = None) -> int:
        """Queue a message and return its message id (for a response or cancel, the id it answers).

        The context is ``message.context_id`` when set, else the accepted one for ``abstract_syntax``, else the one for
        the message's SOP class.

        Raises:
            NoPresentationContext: the peer accepted no such context.
            LocalProtocolError: the association is not open for data.
            EncodeError: the data set cannot be written in the context's transfer syntax.
        """
        context = self._context_for(message, abstract_syntax)
        data = encoded(message.data_set, context.transfer_syntax)
        message_id = self._register(message)
        command = to_command(message, has_data_set=data is not None)
        if isinstance(message, Request):
            command[CommandElement.MESSAGE_ID] = message_id
        self.association.send_p_data(
            context.context_id, encode_command(command), data, now, one_pdv_per_pdu=self.one_pdv_per_pdu
        )
        if isinstance(message, Request):
            self._asked[message_id] = message
        elif isinstance(message, Response) and message.status_class is not StatusClass.PENDING:
            self._asked_by_peer.discard(message_id)
            self._cancelled.discard(message_id)
        return message_id

    def _register(self, message: Message) -> int:
        if isinstance(message, (Response, CCancelRequest)):
            return message.responding_to
        if not isinstance(message, Request):
            raise LocalProtocolError(f"{type(message).__name__} is no DIMSE message")
        if message.message_id is not None:
            if message.message_id in self._asked:
                raise LocalProtocolError(f"message id {message.message_id} is still in use (PS3.7 10.1.2)")
            return message.message_id
        if len(self._asked) >= 0xFFFF:
            raise LocalProtocolError("every message id is in use (PS3.7 10.1.2)")
        while self._next_id in self._asked:
            self._next_id = self._next_id % 0xFFFF + 1
        message_id = self._next_id
        self._next_id = self._next_id % 0xFFFF + 1
        return message_id

    def _context_for(self, message: Message, abstract_syntax: str | None) -> AcceptedContext:
        negotiated = self.association.negotiated
        if negotiated is None:
            raise LocalProtocolError("there is no association to send on")
        if message.context_id is not None:
            context = negotiated.contexts.get(message.context_id)
            wanted = f"id {message.context_id}"
        else:
            wanted = abstract_syntax or (message.context_class if isinstance(message, Request) else "")
            context = negotiated.for_abstract_syntax(wanted)
        if context is None:
            raise NoPresentationContext(
                f"the peer accepted no presentation context for {wanted}", abstract_syntax=wanted
            )
        return context

    def forget(self, message_id: int) -> None:
        """Give up waiting for the answer to a request of ours: a later one is dropped as stray."""
        self._asked.pop(message_id, None)

    def is_unanswered(self, message_id: int) -> bool:
        """Whether this request of the peer still waits for its final response."""
        return message_id in self._asked_by_peer

    def is_cancelled(self, message_id: int) -> bool:
        """Whether the peer sent a C-CANCEL for this request of its own."""
        return message_id in self._cancelled

    # -- in ----------------------------------------------------------------------------------------------------------

    def next_event(self, now: float) -> Received | UlEvent | None:
        """The next whole message or upper layer event, or None; raises nothing for what the peer does."""
        while not self._events:
            event = self.association.next_event()
            if not isinstance(event, PDataIndication):
                return event
            if self._broken:
                continue
            try:
                for pdv in event.pdvs:
                    self._receive(pdv, now)
            except DecodeError as error:
                self._abort(error, now)
        return self._events.popleft()

    def next_deadline(self) -> float | None:
        """When ``handle_timeout`` is due, in the caller's own time; None for never."""
        deadlines = [when for when in (self._deadline, self.association.next_deadline()) if when is not None]
        return min(deadlines, default=None)

    def handle_timeout(self, now: float) -> None:
        """Do what is due at ``now``; harmless when nothing is."""
        if self._deadline is not None and now >= self._deadline:
            error = TimedOut(f"a message was not complete after {self.limits.seconds:g} s", wait="message")
            self._break(AbortReason.NOT_SPECIFIED, error, now)
        self.association.handle_timeout(now)

    def postpone(self, now: float) -> None:
        """Give the peer its time anew: we ourselves are not reading what it sends."""
        if self._deadline is not None and self.limits.seconds is not None:
            self._deadline = now + self.limits.seconds
        self.association.postpone(now)

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
        self._deadline = None
        self.association.provider_abort(reason, now, error)

    def _new_assembler(self) -> FragmentAssembler:
        return FragmentAssembler(self.limits.command, self.limits.data_set.max_bytes)

    def _receive(self, pdv: Pdv, now: float) -> None:
        if self._discarding:
            self._discard(pdv)
            return
        if self._command is None and not pdv.is_command and not self._assembler.in_progress:
            self._refuse_stray_data(pdv)
            return
        if self._command is not None and (pdv.is_command or pdv.context_id != self._context_id):
            what = "a command" if pdv.is_command else f"context {pdv.context_id}"
            raise DecodeError(f"{what} arrives while a data set is due on context {self._context_id}", code=Fault.ORDER)
        if self._deadline is None and self.limits.seconds is not None:
            self._deadline = now + self.limits.seconds
        try:
            whole = self._assembler.add(pdv)
        except DecodeError as error:
            if error.code is Fault.LIMIT and self._command is not None:
                self._refuse_data_set(pdv, now)
                return
            raise
        if whole is not None:
            self._assembled(whole, now)

    def _refuse_stray_data(self, pdv: Pdv) -> None:
        # Some peers end every message with an empty data fragment, announced or not; it carries nothing to misread.
        if len(pdv.payload):
            raise DecodeError("a data set arrives that no command announced", code=Fault.ORDER, clause="PS3.8 E.2")
        _log.debug("ignored an empty data fragment that no command announced")

    def _assembled(self, whole: Assembled, now: float) -> None:
        if not whole.is_command:
            command, self._command = self._command, None
            self._complete(command or {}, whole.context_id, whole.payload, now)
            return
        command = decode_command(whole.payload)
        if command.get(CommandElement.COMMAND_DATA_SET_TYPE) == NO_DATA_SET:
            self._complete(command, whole.context_id, None, now)
        elif CommandElement.COMMAND_DATA_SET_TYPE not in command:
            raise DecodeError("the message has no Command Data Set Type", code=Fault.MISSING, path="(0000,0800)")
        else:
            self._command, self._context_id = command, whole.context_id

    def _complete(self, command: CommandSet, context_id: int, data: bytes | None, now: float) -> None:
        self._deadline = None
        data_set = None
        if data:
            negotiated = self.association.negotiated
            context = negotiated.contexts.get(context_id) if negotiated else None
            if context is None:  # the association lets no other context pass
                raise DecodeError(f"context {context_id} was not accepted", code=Fault.BAD_VALUE)
            data_set = EncodedDataSet(data, context.transfer_syntax, self.limits.data_set)
        self._dispatch(from_command(command, context_id=context_id, data_set=data_set), now)

    # -- received messages -------------------------------------------------------------------------------------------

    def _dispatch(self, message: Message, now: float) -> None:
        if isinstance(message, Response):
            self._receive_response(message)
        elif isinstance(message, CCancelRequest):
            # A cancel for an operation that is unknown or over is ignored (PS3.7 9.3.2.3).
            if message.responding_to in self._asked_by_peer:
                self._cancelled.add(message.responding_to)
        elif isinstance(message, Request):
            self._receive_request(message, now)

    def _receive_response(self, message: Response) -> None:
        request = self._asked.get(message.responding_to)
        if request is None:
            self.stray_responses += 1
            _log.debug("dropped a response to message id %d, which is not outstanding", message.responding_to)
            return
        # By the code and not by the class: a request that lacks a field is an OtherRequest, its answer is not.
        if command_code(message) != command_code(request) | 0x8000:
            text = f"a {command_name(command_code(message))} answers a {command_name(command_code(request))}"
            raise DecodeError(text, code=Fault.BAD_VALUE, path="(0000,0100)")
        if message.status_class is not StatusClass.PENDING:
            del self._asked[message.responding_to]
        self._events.append(Received(message))

    def _receive_request(self, message: Request, now: float) -> None:
        message_id = message.message_id or 0
        if message_id in self._asked_by_peer:
            self._answer(reply(message, statuses.DUPLICATE_INVOCATION), now)
            return
        if len(self._asked_by_peer) >= self.limits.requests:
            raise DecodeError(
                f"more than {self.limits.requests} requests wait for an answer", code=Fault.LIMIT, path="(0000,0110)"
            )
        if isinstance(message, OtherRequest):
            status = statuses.MISTYPED_ARGUMENT if message.missing else statuses.UNRECOGNIZED_OPERATION
            self._answer(reply(message, status), now)
            return
        self._asked_by_peer.add(message_id)
        self._events.append(Received(message))

    def _answer(self, response: Response, now: float) -> None:
        """Answer out of our own head. A refusal that cannot be sent any more (release, abort) is no loss."""
        try:
            waiting = response.responding_to in self._asked_by_peer
            self.send(response, now)
            if waiting:  # the duplicate is refused, the first request of that id still gets its own answer
                self._asked_by_peer.add(response.responding_to)
        except DicomNetError as error:
            _log.debug("could not answer message id %d: %s", response.responding_to, error)

    # -- data sets beyond the limit ----------------------------------------------------------------------------------

    def _refuse_data_set(self, pdv: Pdv, now: float) -> None:
        """Answer at once (PS3.7 lets a failure come early) and drop the rest; the message deadline goes on."""
        command, self._command = self._command or {}, None
        message = from_command(command, context_id=pdv.context_id, data_set=None)
        if not isinstance(message, Request):
            raise DecodeError(
                f"the data set is longer than {self.limits.data_set.max_bytes} bytes", code=Fault.LIMIT, path="data set"
            )
        # the general code is not one of the C- services (PS3.7 9.1.1 to 9.1.4)
        composite = isinstance(message, CStoreRequest | CFindRequest | CGetRequest | CMoveRequest)
        status = statuses.OUT_OF_RESOURCES if composite else statuses.RESOURCE_LIMITATION
        self._answer(reply(message, status), now)
        self._assembler = self._new_assembler()
        self._discarding = True
        self._discard(pdv)

    def _discard(self, pdv: Pdv) -> None:
        if pdv.is_command or pdv.context_id != self._context_id:
            raise DecodeError("another message begins before the data set has ended", code=Fault.ORDER)
        if pdv.is_last:
            self._discarding = False
            self._deadline = None
