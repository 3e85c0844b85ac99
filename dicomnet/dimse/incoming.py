"""Messages on their way in (PS3.8 Annex E): fragments into command sets and data sets, with limits and a deadline.

A data set is put together in memory, or passed on part by part while it arrives, or dropped: which of them is decided
when its command is whole. What a message means and who is to have it is for ``exchange``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from dicomnet.dataset import DataSetLimits
from dicomnet.dimse.command import NO_DATA_SET, CommandElement, CommandSet, decode_command
from dicomnet.dimse.payloads import IncomingDataSet, cost
from dicomnet.errors import DecodeError, Fault
from dicomnet.records import dataclass, field
from dicomnet.wire import FragmentAssembler, Pdv

__all__ = ["Intake", "MessageLimits", "TooLong", "Whole"]

_log = logging.getLogger("dicomnet.dimse")

_COMMAND: Final = 1
_LAST: Final = 2
_TYPE: Final = int(CommandElement.COMMAND_DATA_SET_TYPE)
_PROGRESS: Final = 16 * 1024
"""Bytes of a data set that is not kept as a whole for which the peer has the time of a message."""

Whole = tuple[CommandSet, int, bytes | None]
"""A message: its command set, the context it came on, the bytes of its data set if it has one."""

Offer = Callable[[CommandSet, int, float], IncomingDataSet | None]
"""Where the data set behind a command goes: into the IncomingDataSet it returns, or for None into memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLimits:
    """What one peer may make us hold: bytes per command set, what a data set may cost while it is received and when it
    is decoded, requests not yet answered, seconds for a whole message.

    A data set that is read while it arrives may have any length, and the peer has ``seconds`` for each 16 KiB of it;
    beyond ``unread`` bytes that wait to be taken nothing more is read from the peer.
    """

    command: int = 64 * 1024
    data_set: DataSetLimits = field(default=DataSetLimits())
    requests: int = 64
    seconds: float | None = 45.0
    unread: int = 1024 * 1024


class TooLong(Exception):
    """A data set exceeds the limit; the rest of it is dropped from here on."""

    def __init__(self, command: CommandSet, context_id: int) -> None:
        super().__init__("data set")
        self.command = command
        self.context_id = context_id


class Intake:
    """One message after the other."""

    def __init__(self, limits: MessageLimits) -> None:
        self.deadline: float | None = None
        self.unread = 0
        """Bytes held for all data sets that are read while they arrive."""
        self.incoming: IncomingDataSet | None = None
        """The data set that is arriving, if it is not put together in memory."""
        self._limits = limits
        self._assembler = self._new_assembler()
        self._command: CommandSet | None = None  # one whose data set is still to come, into memory
        self._context_id = 0  # of the message that has begun
        self._progress = 0  # bytes of it until the deadline is put off again

    @property
    def amid(self) -> bool:
        """Whether a message has begun and is not whole."""
        return self.incoming is not None or self._command is not None or self._assembler.in_progress

    def postpone(self, now: float) -> None:
        """Give the peer its time anew."""
        if self.deadline is not None and self._limits.seconds is not None:
            self.deadline = now + self._limits.seconds

    def add(self, pdv: Pdv, now: float, offer: Offer) -> Whole | None:
        """Take the next fragment; what it completes is returned. ``offer`` is asked where the data set goes that a
        command announces.

        Raises:
            DecodeError: it belongs to no message, or is too much.
            TooLong: the data set is too long for the memory; the rest of it will be dropped.
        """
        if self.incoming is not None:
            self.pass_on(pdv, now)
            return None
        control = pdv.control & (_COMMAND | _LAST)
        if self._command is None and not self._assembler.in_progress:
            if control == _COMMAND | _LAST and len(pdv.payload) <= self._limits.command:
                return self._begin(bytes(pdv.payload), pdv.context_id, now, offer)
            if not control & _COMMAND:
                self._refuse_stray_data(pdv)
                return None
        elif self._command is not None and (control & _COMMAND or pdv.context_id != self._context_id):
            what = "a command" if control & _COMMAND else f"context {pdv.context_id}"
            raise DecodeError(f"{what} arrives while a data set is due on context {self._context_id}", code=Fault.ORDER)
        self._start(now)
        return self._assemble(pdv, now, offer)

    def take(self, data_set: IncomingDataSet) -> list[bytes | memoryview]:
        """What has arrived of a data set and was not taken yet."""
        parts, data_set.parts = data_set.parts, []
        self.unread -= data_set.unread
        data_set.unread = 0
        return parts

    def drop(self, data_set: IncomingDataSet) -> None:
        """Nobody reads this data set any further."""
        data_set.wanted = False
        self.take(data_set)

    def _new_assembler(self) -> FragmentAssembler:
        return FragmentAssembler(self._limits.command, self._limits.data_set.max_bytes)

    def _start(self, now: float) -> None:
        if self.deadline is None and self._limits.seconds is not None:
            self.deadline = now + self._limits.seconds

    def _refuse_stray_data(self, pdv: Pdv) -> None:
        # Some peers end every message with an empty data fragment, announced or not; it carries nothing to misread.
        if len(pdv.payload):
            raise DecodeError("a data set arrives that no command announced", code=Fault.ORDER, clause="PS3.8 E.2")
        _log.debug("ignored an empty data fragment that no command announced")

    def _assemble(self, pdv: Pdv, now: float, offer: Offer) -> Whole | None:
        try:
            whole = self._assembler.add(pdv)
        except DecodeError as error:
            if error.code is Fault.LIMIT and self._command is not None:
                self._drop_rest(pdv, now)
            raise
        if whole is None:
            return None
        if whole.is_command:
            return self._begin(whole.payload, whole.context_id, now, offer)
        command, self._command = self._command or {}, None
        self.deadline = None
        return command, self._context_id, whole.payload

    def _begin(self, raw: bytes, context_id: int, now: float, offer: Offer) -> Whole | None:
        """A command set is whole; without a data set the message is."""
        command = decode_command(raw)
        announced = command.get(_TYPE)
        if announced == NO_DATA_SET:
            self.deadline = None
            return command, context_id, None
        if announced is None:
            raise DecodeError("the message has no Command Data Set Type", code=Fault.MISSING, path="(0000,0800)")
        self._context_id = context_id
        self._start(now)
        self.incoming = offer(command, context_id, now)
        self._progress = _PROGRESS
        if self.incoming is None:
            self._command = command
        else:
            self.incoming.owner = self
        return None

    def _drop_rest(self, pdv: Pdv, now: float) -> None:
        command, self._command = self._command or {}, None
        self._assembler = self._new_assembler()
        self.incoming = dropped = IncomingDataSet("")
        dropped.wanted = False
        self._progress = _PROGRESS
        self.pass_on(pdv, now)
        raise TooLong(command, self._context_id)

    def pass_on(self, pdv: Pdv, now: float) -> None:
        """Take the next fragment of the data set that is ``incoming``; large ones come in thousands of them.

        Raises:
            DecodeError: it belongs to something else.
        """
        data_set = self.incoming
        control, payload = pdv.control, pdv.payload
        if data_set is None or control & _COMMAND or pdv.context_id != self._context_id:
            raise DecodeError("another message begins before the data set has ended", code=Fault.ORDER)
        size = len(payload)
        if size and data_set.wanted:
            parts = data_set.parts
            more = cost(payload, parts[-1] if parts else None)
            parts.append(payload)
            data_set.unread += more
            self.unread += more
        if control & _LAST:
            data_set.whole = True
            self.incoming = self.deadline = None
            return
        self._progress -= size
        if self._progress <= 0:
            self._progress = _PROGRESS
            if self.deadline is not None:
                self.postpone(now)
