"""Scripts with faults at the other end of a wire in memory, on the wire's own clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dicomnet.drivers import memory
from dicomnet.drivers.common import Endpoint
from dicomnet.drivers.link import BlockingLink
from dicomnet.drivers.requestor import requesting_session
from dicomnet.drivers.session import Session
from dicomnet.errors import DicomNetError
from dicomnet.handlers import Handler, handle_by_type
from dicomnet.ul import Association, Role, build_request
from dicomnet.wire import PduLimits
from tests.faults.faults import BEAT, FLOOD, Cause, bytes_of, limits, waits, waves
from tests.faults.scripts import OPTIONS, PDU, POLICY, TICK, Read, Script, serving


class FaultyEnd:
    """A peer that plays some steps of a script and then a fault, ``together`` with what it sent before if told so."""

    def __init__(
        self, script: Script, steps: int, cause: Cause, *, together: bool = False, cut: int | None = None
    ) -> None:
        self._script, self._steps, self._cause, self._together = script, steps, cause, together
        self._cut = cut
        self._played = 0
        self._last = b""
        self._data = bytearray()
        self._flood: Iterator[bytes] | None = None
        self._next: float | None = None
        self._until = 0.0
        self._acted = False
        self._quiet: float | None = None  # since when there is nothing to read
        self.heard = bytearray()
        self.heard_at = 0.0

    def turn(self, incoming: memory.Pipe, outgoing: memory.Pipe, now: float) -> bool:
        data = incoming.read()
        if data:
            self.heard += data
            self.heard_at = now
            self._data += data
            self._quiet = None
        moved = bool(data)
        while not self._acted and self._go_on(outgoing, now):
            moved = True
        if self._next is not None and now >= self._next and not outgoing.closed:
            moved = self._wave(incoming, outgoing, now) or moved
        return moved

    def next_deadline(self) -> float | None:
        return self._next if self._quiet is None else self._quiet

    def _go_on(self, outgoing: memory.Pipe, now: float) -> bool:
        """The next step, or the fault if it is time for it; whether there was anything to do."""
        step = self._script.steps[self._played] if self._played < self._steps else None
        if isinstance(step, Read):
            length = 6 + int.from_bytes(self._data[2:6], "big")
            if len(self._data) < length or len(self._data) < 6:
                return False
            self._last = bytes(self._data[:length])
            del self._data[:length]
        elif self._quiet is None and not self._together:
            if not outgoing._data:
                self._quiet = now  # look again when our side has done all that it does on what it has
            return False
        elif step is not None:
            outgoing.write(step.data if isinstance(step.data, bytes) else step.data(self._last))
        else:
            self._act(outgoing, now)
        self._quiet = None
        self._played += 1
        return True

    def _act(self, outgoing: memory.Pipe, now: float) -> None:
        self._acted = True
        outgoing.write(bytes_of(self._script, self._steps, self._cause, self._last, self._cut))
        if self._cause.closes:
            outgoing.closed = True
        elif self._cause.floods:
            self._flood, self._next, self._until = waves(self._cause), now, now + FLOOD

    def _wave(self, incoming: memory.Pipe, outgoing: memory.Pipe, now: float) -> bool:
        if now >= self._until or incoming.closed or self._flood is None:
            outgoing.closed = True
            self._next = None
            return True
        self._next = now + BEAT
        if not outgoing.full:
            outgoing.write(next(self._flood))
        return True


@dataclass(slots=True)
class Run:
    """How our side came out of it."""

    error: DicomNetError | None
    at: float
    closed_at: float
    heard: bytes
    heard_at: float
    session: Session


def request(script: Script, steps: int, cause: Cause, **how: Any) -> Run:
    """Our side as requestor."""
    session = requesting_session(
        Endpoint("SCP", "memory"), build_request(OPTIONS), waits(), 0.0, handler=script.handler, limits=limits()
    )
    end, peer = memory.SessionEnd(session, waits()), FaultyEnd(script, steps, cause, **how)
    link = memory.Link(memory.Wire(end, peer), end)
    error = None
    try:
        link.establish()
        work(link, script)
    except DicomNetError as caught:
        error = caught
    at = link.wire.now
    link.abort()
    return Run(error, at, link.wire.now, bytes(peer.heard), peer.heard_at, session)


def work(link: BlockingLink, script: Script) -> None:
    """What a program does for this script, on any link that blocks."""
    for flow in script.work:
        for _ in link.stream(flow()):
            pass
    ends: dict[str, Callable[[], None]] = {"release": link.release, "abort": link.abort, "listen": link.listen}
    ends[script.end]()


def serve(script: Script, steps: int, cause: Cause, *, handler: Handler | None = None, **how: Any) -> Run:
    """Our side as acceptor; without a ``handler`` of its own it has one for every script."""
    association = Association(Role.ACCEPTOR, limits=PduLimits(p_data=PDU), timeouts=waits().timeouts())
    handler = handler or handle_by_type(serving(TICK))
    response = waits().response
    session = Session(
        association, address="memory", handler=handler, policy=POLICY, response_timeout=response, limits=limits()
    )
    end, peer = memory.SessionEnd(session, waits()), FaultyEnd(script, steps, cause, **how)
    wire = memory.Wire(peer, end)
    session.transport_connected(0.0)
    if script.end == "release":
        wire.run_until(lambda: session.established or session.ended)
        if session.established:
            session.release()
    wire.run_until(lambda: session.ended)
    at = wire.now
    wire.run_until(lambda: not end.open)
    wire.settle()
    return Run(session.error, at, wire.now, bytes(peer.heard), peer.heard_at, session)
