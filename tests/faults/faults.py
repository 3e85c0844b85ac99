"""What may go wrong with a peer, and what has to come of it: the table of faults in docs/limits.md, in words of code.

``expected`` says for every situation and every fault how the association ends, when, and what the peer is told. It is
written from the documents and the standard, not from what the code does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count

from dicomnet.codes import AbortReason
from dicomnet.dimse import messages as m
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Waits
from dicomnet.errors import (
    Aborted,
    AssociationError,
    ConnectionLost,
    DicomNetError,
    Rejected,
    RemoteProtocolError,
    TimedOut,
)
from dicomnet.wire import (
    AAbort,
    AAssociateRQ,
    AReleaseRP,
    AReleaseRQ,
    PDataTF,
    Pdv,
    encode_pdu,
)
from tests.faults.scripts import ECHO_ID, TICK, UPS_ID, Read, Script, Send, While, echo_request, one

WAITS = {
    "close": 1.0,
    "request": 2.0,
    "pdu": 3.0,
    "message": 4.0,
    "release": 5.0,
    "associate": 7.0,
    "response": 11.0,
    "send": 13.0,
    "idle": 17.0,
}
"""Seconds on a clock of our own; for sockets they are scaled. All are different, so that none can stand for another."""

FLOOD = 40.0
"""A flood that nothing ends is over after so long: longer than every wait, so that none of them was left running."""
BEAT = 1.0
"""Between two waves of a flood."""
WAVES = (60, 5)
"""PDUs in the first wave and in each that follows: after two, more requests than we let wait for an answer."""
HANDLER = WAITS["response"] + WAITS["idle"]


def waits(scale: float = 1.0) -> Waits:
    """The waits of the matrix."""
    seconds = {name: wait * scale for name, wait in WAITS.items() if name != "message"}
    return Waits(connect=20.0, **seconds)


def limits(scale: float = 1.0) -> MessageLimits:
    """Its limits."""
    return MessageLimits(seconds=WAITS["message"] * scale)


class Cause(StrEnum):
    """What the peer does instead of its next step: the second column of the table in docs/limits.md."""

    CLOSE = "closes"
    RESET = "resets"
    HALF_CLOSE = "closes amid a PDU"
    HALF_RESET = "resets amid a PDU"
    SILENCE = "says nothing more"
    HALF_SILENCE = "stops amid a PDU"
    HALF_MESSAGE = "stops amid a message"
    GARBAGE = "sends garbage"
    FOREIGN = "speaks another protocol"
    UNEXPECTED = "sends a PDU out of turn"
    ABORT = "aborts"
    RELEASE = "releases"
    REQUESTS = "floods with requests"
    RESPONSES = "floods with responses nobody asked for"
    FRAGMENTS = "floods with fragments of a command"
    EMPTY = "floods with empty fragments"

    @property
    def closes(self) -> bool:
        """Whether the peer is gone with it."""
        return self in (Cause.CLOSE, Cause.RESET, Cause.HALF_CLOSE, Cause.HALF_RESET)

    @property
    def resets(self) -> bool:
        """Whether it goes with a reset."""
        return self in (Cause.RESET, Cause.HALF_RESET)

    @property
    def floods(self) -> bool:
        """Whether it goes on for ever."""
        return self in _FLOODS


_FLOODS = frozenset((Cause.REQUESTS, Cause.RESPONSES, Cause.FRAGMENTS, Cause.EMPTY))
_HALVES = frozenset((Cause.HALF_CLOSE, Cause.HALF_RESET, Cause.HALF_SILENCE))
GARBAGE = b"\xff" * 64
FOREIGN = b"GET / HTTP/1.1\r\nHost: scp\r\n\r\n"


def bytes_of(script: Script, steps: int, cause: Cause, heard: bytes, cut: int | None = None) -> bytes:
    """What the peer sends at once for this fault after so many steps; ``heard`` is the last PDU it read.

    ``cut`` is how many bytes half a PDU has.
    """
    if cause in _HALVES:
        pdu = next_pdu(script, steps, heard)
        return pdu[: len(pdu) // 2 if cut is None else cut]
    if cause is Cause.UNEXPECTED:
        opening = script.after(steps) is While.OPENING
        return encode_pdu(AReleaseRP() if opening else AAssociateRQ("SCP", "SCU"))
    return {
        Cause.HALF_MESSAGE: encode_pdu(PDataTF((Pdv(ECHO_ID, bytes(20), 1),))),
        Cause.GARBAGE: GARBAGE,
        Cause.FOREIGN: FOREIGN,
        Cause.ABORT: encode_pdu(AAbort(2, 6)),
        Cause.RELEASE: encode_pdu(AReleaseRQ()),
    }.get(cause, b"")


def next_pdu(script: Script, steps: int, heard: bytes) -> bytes:
    """What the peer would send next; something of its own where it would read."""
    step = script.steps[steps] if steps < len(script.steps) else Read(While.DONE)
    if isinstance(step, Send):
        return step.data if isinstance(step.data, bytes) else step.data(heard)
    return echo_request(900)


def waves(cause: Cause) -> Iterator[bytes]:
    """The flood, a wave at a time."""
    numbers = count(100)
    first, other = WAVES
    yield b"".join(_drop(cause, next(numbers)) for _ in range(first))
    while True:
        yield b"".join(_drop(cause, next(numbers) % 0x10000) for _ in range(other))


def _drop(cause: Cause, number: int) -> bytes:
    if cause is Cause.REQUESTS:
        return echo_request(number)
    if cause is Cause.RESPONSES:
        return one(UPS_ID, m.NGetResponse(responding_to=number, instance="2.25.1"))
    return encode_pdu(PDataTF((Pdv(ECHO_ID, bytes(2048 if cause is Cause.FRAGMENTS else 0), 1),)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ends: the error (None for an orderly end), after how long, and the A-ABORT that the peer hears."""

    error: type[DicomNetError] | None
    wait: str | None = None  # of a TimedOut
    after: float = 0.0
    abort: tuple[int, int] | None = None
    slack: float = 0.0
    """So much later it may end: what is found out at the second wave of a flood, or at a tick of a handler."""


LOST = Outcome(ConnectionLost)
FLOODED = Outcome(ConnectionLost, after=FLOOD, slack=2 * BEAT)
PROTOCOL = Outcome(RemoteProtocolError, abort=(2, AbortReason.UNEXPECTED_PDU))


def timed_out(wait: str, after: float | None = None, source: int = 0) -> Outcome:
    """One of our own waits ran out: by default the one whose name it is."""
    name = {"artim": "request"}.get(wait, wait)
    return Outcome(TimedOut, wait, WAITS[name] if after is None else after, (source, 0))


MESSAGE = timed_out("message", source=2)
BEYOND = Outcome(RemoteProtocolError, abort=(2, AbortReason.INVALID_PDU_PARAMETER_VALUE), slack=BEAT)
ORDER = Outcome(RemoteProtocolError, abort=(2, AbortReason.UNEXPECTED_PDU_PARAMETER), slack=BEAT)
GIBBERISH = Outcome(RemoteProtocolError, abort=(2, AbortReason.UNRECOGNIZED_PDU))

_SILENT = {
    While.OPENING: timed_out("artim"),
    While.ASSOCIATING: timed_out("associate"),
    While.IDLE: timed_out("idle"),
    While.CALLING: timed_out("response"),
    While.ASKING: timed_out("idle", HANDLER),
    While.RECEIVING: MESSAGE,
    While.RELEASING: timed_out("release"),
    While.COLLIDING: timed_out("release"),
}

_HALF_SILENT = {
    **dict.fromkeys(_SILENT, timed_out("pdu")),
    While.OPENING: timed_out("artim"),
    While.SERVING: timed_out("pdu"),
}

_MESSAGES = frozenset((While.IDLE, While.CALLING, While.ASKING, While.SERVING, While.RELEASING))
"""Where a message of the peer may begin."""

_FLOODED = {
    Cause.REQUESTS: {
        While.IDLE: FLOODED,
        While.CALLING: timed_out("response"),
        While.ASKING: BEYOND,
        While.SERVING: BEYOND,
        While.RELEASING: timed_out("release"),
    },
    Cause.RESPONSES: {
        While.IDLE: FLOODED,
        While.CALLING: timed_out("response"),
        While.ASKING: FLOODED,
        While.SERVING: FLOODED,
        While.RELEASING: timed_out("release"),
    },
    Cause.FRAGMENTS: dict.fromkeys(_MESSAGES, BEYOND),
    Cause.EMPTY: dict.fromkeys(_MESSAGES, MESSAGE),
}

_RELEASED = {
    While.ASSOCIATING: PROTOCOL,
    While.OPENING: PROTOCOL,
    While.IDLE: Outcome(None),
    While.CALLING: Outcome(AssociationError),
    While.RECEIVING: Outcome(AssociationError),
    While.ASKING: Outcome(None, after=WAITS["response"]),
    While.RELEASING: timed_out("release"),
    While.COLLIDING: PROTOCOL,
}


def expected(script: Script, steps: int, cause: Cause, together: bool = False) -> Outcome | None:
    """What has to come of this fault after so many steps; None if there is nothing to be said of it.

    ``together`` with the last step means before our side could do anything on it.
    """
    situation = script.after(steps)
    slack = TICK if any(step.then is While.SERVING for step in script.steps) else 0.0
    if together and (untold := _too_early(script, steps, cause)):
        return untold[0]
    if situation in (While.OVER, While.DONE):
        return Outcome(Rejected if script.rejected else None, slack=slack)
    if script.first is While.OPENING and cause is Cause.RELEASE and situation is While.RECEIVING:
        return Outcome(None)  # no flow of ours asked for anything
    found = outcome(situation, cause)
    if found is not None and cause.floods:
        slack = max(slack, BEAT)
    return replace(found, slack=max(found.slack, slack)) if found is not None else None


def _too_early(script: Script, steps: int, cause: Cause) -> tuple[Outcome | None] | None:
    """What comes of a fault that our side meets before it could act on the last step, if that makes a difference."""
    situation = script.after(steps)
    behind = steps > 0 and isinstance(script.steps[steps - 1], Send)
    if behind and situation in (While.OVER, While.DONE):
        return (None,)  # it is not over as long as our side has not seen why
    if behind and steps == 1 and not (cause.closes or cause in (Cause.SILENCE, Cause.HALF_SILENCE)):
        return (None,)  # nor accepted
    ours = behind or (script.first is While.OPENING and steps < 3)  # our release request has not gone out yet
    if situation is not While.RELEASING or not ours or cause not in (Cause.RELEASE, Cause.REQUESTS):
        return None
    return (Outcome(None) if cause is Cause.RELEASE else None,)  # some of the requests are served, and others not


def outcome(situation: While, cause: Cause) -> Outcome | None:
    """What comes of a fault in a situation of a living association, or before there is one."""
    if cause.closes:
        return LOST
    if cause is Cause.ABORT:
        return LOST if situation is While.OPENING else Outcome(Aborted)
    if cause is Cause.SILENCE:
        return _SILENT.get(situation)
    if cause is Cause.HALF_SILENCE:
        return _HALF_SILENT.get(situation)
    if cause is Cause.HALF_MESSAGE:
        return MESSAGE if situation in _MESSAGES else None
    if cause in (Cause.GARBAGE, Cause.FOREIGN):
        return GIBBERISH
    if cause is Cause.RELEASE:
        return _RELEASED.get(situation)
    if cause is Cause.UNEXPECTED:
        return PROTOCOL
    if situation is While.RECEIVING:
        return ORDER
    if situation in _MESSAGES:
        return _FLOODED[cause].get(situation)
    return replace(PROTOCOL, slack=BEAT)
