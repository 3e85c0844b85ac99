"""Messages on their way out: ids, contexts, one message at a time (PS3.7 8, PS3.8 Annex E), without IO.

The sending half of an ``Exchange``: what it has asked and who has asked it are here, because answers end them. What
comes in is the other half's business.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from dicomnet.dimse.command import CommandElement, encode_command
from dicomnet.dimse.conversion import to_command
from dicomnet.dimse.messages import (
    CCancelRequest,
    CFindRequest,
    CGetRequest,
    CMoveRequest,
    Message,
    NEventReportRequest,
    Request,
    Response,
)
from dicomnet.dimse.outgoing import Opened, check_convertible, choose_context, encoded, own_syntax
from dicomnet.dimse.status import PENDING_CODES
from dicomnet.errors import DicomNetError, LocalProtocolError, NoPresentationContext
from dicomnet.records import dataclass, replace
from dicomnet.ul import AcceptedContext, Association, Direction
from dicomnet.wire.pdata import OWN_MAX_LENGTH, Buffer

__all__ = ["SendingHalf"]

_log = logging.getLogger("dicomnet.dimse")

_MESSAGE_ID: Final = int(CommandElement.MESSAGE_ID)
_PIECE: Final = 1024 * 1024
_PORTION: Final = 256 * 1024
_VIEW: Final = 4 * 1024 * 1024  # costs no memory but what the system has anyway, and takes a millisecond or two to send
_FRAGMENTS: Final = 1024
_CANCELLABLE: Final = (CFindRequest, CGetRequest, CMoveRequest)


@dataclass(slots=True)
class _Begun:
    """A message of ours whose data set goes out in parts."""

    message: Message
    message_id: int
    context: AcceptedContext
    command: bytes
    started: bool = False  # something of it has left
    refused: bool = False  # the peer has answered already, with a failure


class SendingHalf:
    """What an exchange does with messages of ours."""

    def __init__(self, association: Association, one_pdv_per_pdu: bool, association_id: int) -> None:
        self.association = association
        self.one_pdv_per_pdu = one_pdv_per_pdu
        self.association_id = association_id
        """For log lines."""
        self.unseen = False
        """Whether who drives this gives all that is sent to the system, and looks at none of it."""
        self.on_message: Callable[[Direction, Message], None] | None = None
        """Shown every message that passes, with its ids: one that is sent when the last of it is on its way."""
        self.sent: dict[type[Message], int] = {}
        """Messages by class."""
        self.queued = 0
        """Bytes sent since who drives this set it to 0."""
        self.held = 0
        """Bytes in the data sets of requests of the peer that have no answer yet."""
        self.abandoned: dict[int, float] = {}
        """Requests of ours that nobody waits for any more and that are not over for the peer, and when it last said
        something to each; who was silent longest is first."""
        self._next_id = 1
        self._asked: dict[int, tuple[Request, AcceptedContext]] = {}  # and on which context
        self._asked_by_peer: dict[int, int] = {}  # and how many bytes of data set came with each
        self._cancelled: set[int] = set()
        self._begun: _Begun | None = None
        self._told: set[int] = set()  # requests of ours that a C-CANCEL is sent for, or will be
        self._deferred: list[tuple[Response, bool]] = []  # answers of our own, until the message that has begun is out
        self._deferred_cancels: list[CCancelRequest] = []  # and after them
        self._contexts: dict[tuple[str, str | None, bool], AcceptedContext] = {}

    def send(self, message: Message, now: float, *, abstract_syntax: str | None = None) -> int:
        """Queue a message and return its message id (for a response or cancel, the id it answers).

        The context is ``message.context_id`` when set, else an accepted one for ``abstract_syntax``, else one for the
        message's SOP class: with the data set's own transfer syntax if there is one. A C-CANCEL goes where its request
        went, if that is outstanding and of this abstract syntax.

        Raises:
            NoPresentationContext: the peer accepted no such context.
            LocalProtocolError: the association is not open for data, or another message is under way.
            EncodeError: the data set cannot be written in the context's transfer syntax.
            DecodeError: it would have to be converted, and is no data set.
        """
        if self._begun is not None:
            self._require_turn()
        data_set = message.data_set
        context = self._context_for(message, abstract_syntax)
        data = None if data_set is None else encoded(data_set, context.transfer_syntax)
        message_id = self._register(message)
        command = _command(message, message_id, data is not None)
        self.association.send_p_data(context.context_id, command, data, now, one_pdv_per_pdu=self.one_pdv_per_pdu)
        self.queued += len(command) + (0 if data is None else len(data))
        if isinstance(message, Request):
            self._asked[message_id] = message, context
        elif isinstance(message, CCancelRequest) and message_id in self._asked:
            self._told.add(message_id)
        self._note_sent(message, message_id, context)
        return message_id

    def begin(self, message: Message, *, abstract_syntax: str | None = None) -> Opened:
        """Begin a message whose data set follows in parts; nothing is sent yet. See ``send`` for the context.

        Raises:
            NoPresentationContext, LocalProtocolError: as for ``send``.
            EncodeError: the source cannot be converted to the context's transfer syntax, or a field of the command
                cannot be written.
        """
        self._require_turn()
        context = self._context_for(message, abstract_syntax)
        syntax = own_syntax(message.data_set)
        if syntax is not None:
            check_convertible(syntax, context.transfer_syntax)
        message_id = self._register(message)
        self._begun = _Begun(message, message_id, context, _command(message, message_id, True))
        if isinstance(message, Request):
            self._asked[message_id] = message, context
        portion, view = self._whole_fragments(_PORTION), self._whole_fragments(_VIEW)
        return Opened(message_id, context.transfer_syntax, self.piece, portion, view, self.is_unseen)

    def is_unseen(self) -> bool:
        """Whether nobody but the system would look at what is sent now."""
        return self.unseen and not self.association.is_watched

    def send_part(self, data: Buffer, now: float, *, last: bool) -> bool:
        """Queue the next part of the message that has begun; whether the peer still wants the rest.

        It does not when it has answered with a failure already: then the message may end with any fragment (PS3.7
        9.1.1.2 and the like, early failure).

        Raises:
            LocalProtocolError: no message has begun, the association is not open for data, or the last part is empty
                and not the first.
        """
        begun = self._begun
        if begun is None:
            raise LocalProtocolError("no message has begun whose data set this could be a part of")
        if not len(data) and begun.started and last:
            raise LocalProtocolError("an empty fragment must not be sent (PS3.8 E.2)")
        if len(data) or last:
            command = None if begun.started else begun.command
            if not len(data):
                command = _command(begun.message, begun.message_id, False)
            self.association.send_p_data(
                begun.context.context_id,
                command,
                data if len(data) else None,
                now,
                one_pdv_per_pdu=self.one_pdv_per_pdu,
                last=last,
            )
            self.queued += len(data)
            begun.started = True
        if last:
            self._begun = None
            self._note_sent(begun.message, begun.message_id, begun.context)
            self._send_deferred(now)
        return not begun.refused

    def give_up(self, now: float) -> bool:
        """Take back the message that has begun; False when part of it is out, and only an abort can end it."""
        begun, self._begun = self._begun, None
        if begun is None:
            return True
        if isinstance(begun.message, Request):
            self.forget(begun.message_id)
        if begun.started:
            return False
        self._send_deferred(now)
        return True

    def _require_turn(self) -> None:
        if self._begun is not None:
            raise LocalProtocolError("another message is under way, and messages do not mix (PS3.8 E.1)")

    @property
    def piece(self) -> int:
        """A good number of bytes for a part: about 1 MiB in whole fragments (the most of an even length that fits into
        a PDU), but no great many of them."""
        return self._whole_fragments(_PIECE)

    def _whole_fragments(self, size: int) -> int:
        fragment = (min(self.association.send_limit or OWN_MAX_LENGTH, OWN_MAX_LENGTH) - 6) & ~1
        return fragment * min(max(1, size // fragment), _FRAGMENTS)

    def _note_sent(self, message: Message, message_id: int, context: AcceptedContext) -> None:
        if isinstance(message, Response) and message.status not in PENDING_CODES:
            self._answered(message_id)
            self._cancelled.discard(message_id)
        kind = type(message)
        self.sent[kind] = self.sent.get(kind, 0) + 1
        if self.on_message is not None:
            shown = replace(message, context_id=context.context_id)
            self.on_message(
                Direction.SENT, replace(shown, message_id=message_id) if isinstance(shown, Request) else shown
            )

    def _register(self, message: Message) -> int:
        if not isinstance(message, Request):
            if isinstance(message, Response | CCancelRequest):
                return message.responding_to
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
        context_id = message.context_id
        if context_id is not None:
            context = negotiated.contexts.get(context_id)
            wanted = f"id {context_id}"
        else:
            wanted = abstract_syntax or ""
            if isinstance(message, Request):
                wanted = wanted or message.context_class
            elif isinstance(message, CCancelRequest) and (asked := self._asked.get(message.responding_to)) is not None:
                context = asked[1]  # DCMTK reads it nowhere else
                if wanted in ("", context.abstract_syntax):
                    return context
            data_set = message.data_set
            key = wanted, None if data_set is None else own_syntax(data_set), isinstance(message, NEventReportRequest)
            context = self._contexts.get(key)
            if context is None and (context := choose_context(negotiated, *key)) is not None:
                self._contexts[key] = context
        if context is None:
            raise NoPresentationContext(
                f"the peer accepted no presentation context for {wanted}", abstract_syntax=wanted
            )
        return context

    @property
    def outstanding(self) -> int:
        """Requests of ours that are not answered for good, nor forgotten; abandoned ones count."""
        return len(self._asked)

    def abandon(self, message_id: int, now: float) -> None:
        """Nobody waits for the answers to a request of ours any more: they are dropped as stray, to the final one.

        Until that has come the peer is at work on it: the request stays outstanding and keeps its message id. Where the
        peer can be asked to stop it is (C-CANCEL), at once or when the message under way is out. Raises nothing: one
        that cannot be sent any more is no loss. Harmless for a request that is over.
        """
        asked = self._asked.get(message_id)
        if asked is None or message_id in self.abandoned:
            return
        self.abandoned[message_id] = now
        request, context = asked
        if isinstance(request, _CANCELLABLE) and message_id not in self._told:
            self._told.add(message_id)
            self._cancel(CCancelRequest(responding_to=message_id, context_id=context.context_id), now)

    def _cancel(self, cancel: CCancelRequest, now: float) -> None:
        if self._begun is not None:
            self._deferred_cancels.append(cancel)
            return
        try:
            self.send(cancel, now)
        except DicomNetError as error:
            _log.debug("association %d: could not cancel %d: %s", self.association_id, cancel.responding_to, error)

    def forget(self, message_id: int) -> None:
        """A request of ours is not outstanding any more, whatever the peer does: an answer to it is stray."""
        self._asked.pop(message_id, None)
        self.abandoned.pop(message_id, None)
        self._told.discard(message_id)

    def disregard(self, message_id: int) -> None:
        """A request of the peer came too late for any answer: it does not wait for one."""
        self._answered(message_id)

    def _answered(self, message_id: int) -> None:
        self.held -= self._asked_by_peer.pop(message_id, 0)

    def is_unanswered(self, message_id: int) -> bool:
        """Whether this request of the peer still waits for its final response."""
        return message_id in self._asked_by_peer

    def is_cancelled(self, message_id: int) -> bool:
        """Whether the peer asked to cancel this request of its own."""
        return message_id in self._cancelled

    def answer(self, response: Response, now: float, *, keep: bool = False) -> None:
        """Answer for whom there is no flow; while a message is under way, as soon as that is out. Raises nothing: an
        answer that cannot be sent any more (release, abort) is no loss.

        ``keep``: another request of the same message id still waits for its own answer.
        """
        if self._begun is not None:
            self._deferred.append((response, keep))
            return
        message_id = response.responding_to
        waiting = self._asked_by_peer.get(message_id) if keep else None
        cancelled = message_id in self._cancelled
        try:
            self.send(response, now)
        except DicomNetError as error:
            _log.debug(
                "association %d: could not answer message id %d: %s",
                self.association_id,
                message_id,
                error,
            )
        else:
            if waiting is not None:
                self._asked_by_peer[message_id] = waiting
                self.held += waiting
                if cancelled:
                    self._cancelled.add(message_id)

    def _send_deferred(self, now: float) -> None:
        deferred, self._deferred = self._deferred, []
        for response, keep in deferred:
            self.answer(response, now, keep=keep)
        cancels, self._deferred_cancels = self._deferred_cancels, []
        for cancel in cancels:
            self._cancel(cancel, now)


def _command(message: Message, message_id: int, has_data_set: bool) -> bytes:
    command = to_command(message, has_data_set)
    if isinstance(message, Request):
        command[_MESSAGE_ID] = message_id
    return encode_command(command)
