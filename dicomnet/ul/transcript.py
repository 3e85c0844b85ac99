"""An optional record of an association: bytes, PDUs and transitions, for tests, research and reports.

It keeps what went over the wire, passwords of user identity negotiation and patient data included: keep it to yourself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import StrEnum

from dicomnet.records import dataclass
from dicomnet.ul.states import Action, Event, State
from dicomnet.wire.pdu import HEADER_LENGTH, Pdu, decode_pdu

__all__ = ["Direction", "Octets", "Step", "Transcript"]


class Direction(StrEnum):
    """Which way bytes went, seen from our side."""

    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes that went one way. They begin with a PDU; several may follow, and the last may be cut."""

    now: float
    direction: Direction
    data: bytes

    def pdus(self) -> Iterator[Pdu]:
        """The PDUs in them; one that cannot be read is an UnknownPdu, less than a header is nothing."""
        start = 0
        while len(self.data) - start >= HEADER_LENGTH:
            length = int.from_bytes(self.data[start + 2 : start + HEADER_LENGTH], "big")
            end = min(start + HEADER_LENGTH + length, len(self.data))
            yield decode_pdu(self.data[start:end], lenient=True)
            start = end


@dataclass(frozen=True, slots=True)
class Step:
    """A transition that was made."""

    now: float
    before: State
    event: Event
    action: Action
    after: State

    @property
    def label(self) -> str:
        """Like ``Sta6 + Evt10 -> DT-2 -> Sta6``."""
        return f"{self.before} + {self.event} -> {self.action} -> {self.after}"


class Transcript:
    """Pass one to an Association. With a limit the oldest go first; ``dropped`` counts them.

    What is received is noted when a PDU is complete, or when it is clear that it never will be.
    """

    def __init__(self, max_bytes: int | None = None, max_transitions: int | None = None) -> None:
        self.transitions: deque[Step] = deque(maxlen=max_transitions)
        self.octets: deque[Octets] = deque()
        self.dropped = 0
        self._max_bytes = max_bytes
        self._bytes = 0

    def note_octets(self, now: float, direction: Direction, data: bytes) -> None:
        """Add bytes; the association calls this."""
        if not data:
            return
        self.octets.append(Octets(now, direction, data))
        self._bytes += len(data)
        while self._max_bytes is not None and self._bytes > self._max_bytes:
            self._bytes -= len(self.octets.popleft().data)
            self.dropped += 1

    def note_step(self, step: Step) -> None:
        """Add a transition; the association calls this."""
        if len(self.transitions) == self.transitions.maxlen:
            self.dropped += 1
        self.transitions.append(step)

    @property
    def labels(self) -> list[str]:
        """The transitions as text."""
        return [step.label for step in self.transitions]

    def pdus(self, direction: Direction | None = None) -> Iterator[tuple[Octets, Pdu]]:
        """Each PDU with the bytes it was part of, in order; of one direction if given. Read on demand."""
        for octets in self.octets:
            if direction in (None, octets.direction):
                for pdu in octets.pdus():
                    yield octets, pdu
