"""Both ends of an association in one process, without sockets and without waiting: for tests of flows and handlers.

``connect`` gives the requestor's ``Link``, and its ``peer`` the acceptor's. The clock is the wire's own: when nothing
moves it jumps to the next deadline, so a time-out of a minute takes no time. ``chunk`` cuts what travels into pieces of
so many bytes, or of several sizes in turn, of which the last goes on. Further associations that flows open
(``flows.branch``) go to the ``destinations`` given to ``connect``, by AE title; they too are in memory, and have a
clock of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Endpoint, Hooks, Waits
from dicomnet.drivers.link import BlockingLink
from dicomnet.drivers.requestor import request_for, requesting_session
from dicomnet.drivers.session import Session
from dicomnet.errors import ConnectFailed, LocalProtocolError, TimedOut
from dicomnet.handlers import Handler
from dicomnet.records import dataclass
from dicomnet.steps import Branch, Close, Open, RunOn
from dicomnet.ul import AcceptancePolicy, Association, RequestOptions, Role, Transcript
from dicomnet.wire import PduLimits

__all__ = ["Destination", "End", "Link", "Pipe", "SessionEnd", "Wire", "connect"]

_CAPACITY = 256 * 1024
_SLOW = 4 * 1024
"""Bytes a wire holds at least that carries little at a time: who writes is not to be far ahead."""

Chunk = int | Sequence[int] | None


class Pipe:
    """One direction of a wire: what was written and not yet read."""

    def __init__(self, chunk: Chunk = None) -> None:
        self.closed = False
        sizes = (chunk,) if isinstance(chunk, int) else tuple(chunk or ())
        self._chunk = sizes[-1] if sizes else None
        self._first = deque(sizes[:-1])
        self._data = bytearray()
        self._capacity = _CAPACITY if self._chunk is None else min(_CAPACITY, max(_SLOW, 64 * self._chunk))

    @property
    def full(self) -> bool:
        """Whether a writer should wait."""
        return len(self._data) >= self._capacity

    def write(self, data: bytes | memoryview) -> None:
        """Put bytes in."""
        self._data += data

    def read(self) -> bytes | None:
        """The next bytes; empty when there are none now, None when there will be none."""
        if not self._data:
            return None if self.closed else b""
        size = (self._first[0] if self._first else self._chunk) or len(self._data)
        data = bytes(self._data[:size])
        del self._data[:size]
        if self._first:
            self._first[0] -= len(data)
            if self._first[0] <= 0:
                self._first.popleft()
        return data


class End(Protocol):
    """What a wire drives: a session, or in tests anything else that speaks bytes."""

    def turn(self, incoming: Pipe, outgoing: Pipe, now: float) -> bool:
        """Read, work and write as far as it goes; whether anything moved."""

    def next_deadline(self) -> float | None:
        """When to come back although nothing came."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An acceptor that flows can open associations with."""

    policy: AcceptancePolicy
    handler: Handler | None = None


class SessionEnd:
    """A session at the end of a wire."""

    def __init__(self, session: Session, waits: Waits, destinations: Mapping[str, Destination] | None = None) -> None:
        self.session = session
        self.open = True
        self._waits = waits
        self._destinations = destinations or {}
        self._stalled: float | None = None  # until when the other end must have read something

    def turn(self, incoming: Pipe, outgoing: Pipe, now: float) -> bool:
        """Feed the session and take what it has."""
        session = self.session
        moved = self._read(incoming, now)
        session.advance(now)
        if session.errands:
            moved = True
            for run, function in session.take_calls():
                run.perform(function)
            for work in session.take_branches():
                work.perform(self._perform)
        moved = self._write(outgoing, now) or moved
        if session.close_wanted and self.open:
            self._close(now)
            moved = True
        if not self.open:
            outgoing.closed = True
        return moved or session.runnable

    def next_deadline(self) -> float | None:
        """The session's, while it is connected, or the end of our patience with a peer that does not read."""
        moments = (self.session.next_deadline(), self._stalled)
        return min((when for when in moments if when is not None), default=None)

    def _perform(self, step: Open | RunOn | Close) -> Any:
        match step:
            case Open(endpoint, options):
                destination = self._destinations.get(endpoint.ae_title)
                if destination is None:
                    raise ConnectFailed(f"no connection to {endpoint}: there is nobody of that title")
                link = connect(
                    options,
                    destination.policy,
                    waits=self._waits,
                    peer_handler=destination.handler,
                    destinations=self._destinations,
                )
                return Branch(link.negotiated, link)
            case RunOn(branch, flow):
                return branch.link.run(flow)
            case Close(branch, abort):
                if not branch.link.session.ended:
                    branch.link.abort() if abort else branch.link.release()
        return None

    def _read(self, incoming: Pipe, now: float) -> bool:
        if not self.open or self.session.congested:
            return False
        data = incoming.read()
        if data is None:
            self._close(now)
        elif data:
            self.session.receive_data(data, now)
        return data != b""

    def _write(self, outgoing: Pipe, now: float) -> bool:
        parts = self.session.data_to_send()
        if self.open:
            for part in parts:
                outgoing.write(part)
        if not outgoing.full or not self.open:
            self._stalled = None
            self.session.flushed()
        elif self._stalled is None:
            self._stalled = None if self._waits.send is None else now + self._waits.send
        elif now >= self._stalled:
            self.session.abort(now, TimedOut(f"the peer read nothing for {self._waits.send:g} s", wait="send"))
            self._close(now)
        return bool(parts)

    def _close(self, now: float) -> None:
        self.open = False
        self._stalled = None
        self.session.receive_eof(now)
        self.session.flushed()
        self.session.advance(now)


class Wire:
    """Two ends, the bytes between them, and the clock."""

    def __init__(self, first: End, second: End, *, chunk: Chunk = None) -> None:
        self.now = 0.0
        self._first, self._second = first, second
        self._forth, self._back = Pipe(chunk), Pipe(chunk)

    def turn(self) -> bool:
        """Let each end have its turn; whether anything moved."""
        moved = self._first.turn(self._back, self._forth, self.now)
        return self._second.turn(self._forth, self._back, self.now) or moved

    def settle(self) -> None:
        """Go on until nothing moves; the clock stands."""
        while self.turn():
            pass

    def run_until(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        """Go on until ``done``, or for so many seconds of the wire's own time.

        Raises:
            LocalProtocolError: it will never be done: nothing moves and neither end has a deadline.
        """
        until = None if seconds is None else self.now + seconds
        while True:
            moved = self.turn()
            if done() or (until is not None and self.now >= until):
                return
            if not moved:
                moments = (until, self._first.next_deadline(), self._second.next_deadline())
                deadline = min((when for when in moments if when is not None), default=None)
                if deadline is None:
                    raise LocalProtocolError("nothing moves, and neither end waits for a time")
                self.now = max(self.now, deadline)


class Link(BlockingLink):
    """One end of an association in memory; the methods are those of ``blocking.Link``."""

    def __init__(self, wire: Wire, end: SessionEnd) -> None:
        super().__init__(end.session)
        self.wire = wire
        self._end = end
        self._peer: Link | None = None

    @property
    def peer(self) -> Link:
        """The other end.

        Raises:
            LocalProtocolError: what is there has no link.
        """
        if self._peer is None:
            raise LocalProtocolError("the other end is no session")
        return self._peer

    @property
    def closed(self) -> bool:
        """Whether this end is closed."""
        return not self._end.open

    def _now(self) -> float:
        return self.wire.now

    def _drive(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        self._driving = True
        try:
            self.wire.run_until(done, seconds)
        finally:
            self._driving = False

    def _drive_to_close(self) -> None:
        self.wire.run_until(lambda: not self._end.open)
        self.wire.settle()


def connect(
    options: RequestOptions,
    policy: AcceptancePolicy,
    *,
    waits: Waits | None = None,
    handler: Handler | None = None,
    peer_handler: Handler | None = None,
    limits: MessageLimits | None = None,
    transcript: Transcript | None = None,
    one_pdv_per_pdu: bool = False,
    send_limit: int = 0,
    record_pdus: bool = False,
    check_roles: bool = True,
    chunk: Chunk = None,
    destinations: Mapping[str, Destination] | None = None,
    hooks: Hooks | None = None,
) -> Link:
    """Associate with an acceptor that answers by ``policy`` and serves with ``peer_handler``.

    ``destinations`` are whom flows of either end can open further associations with, by AE title; ``hooks`` are shown
    what passes at either end, and ``check_roles`` is for both. The other arguments are those of ``blocking.connect``.

    Raises:
        Rejected, Aborted, TimedOut: there is no association.
        LocalProtocolError: the request itself breaks a rule.
    """
    waits = waits or Waits()
    endpoint = Endpoint(options.called_ae_title, "memory", 0)
    request, encoded = request_for(endpoint, options, limits, send_limit)
    session = requesting_session(
        endpoint,
        request,
        waits,
        0.0,
        encoded=encoded,
        handler=handler,
        limits=limits,
        transcript=transcript,
        one_pdv_per_pdu=one_pdv_per_pdu,
        send_limit=send_limit,
        record_pdus=record_pdus,
        check_roles=check_roles,
        hooks=hooks,
    )
    acceptor = Session(
        Association(Role.ACCEPTOR, limits=PduLimits(), timeouts=waits.timeouts(), send_limit=send_limit),
        address="memory",
        handler=peer_handler,
        policy=policy,
        response_timeout=waits.response,
        limits=limits,
        one_pdv_per_pdu=one_pdv_per_pdu,
        check_roles=check_roles,
        hooks=hooks,
    )
    ends = SessionEnd(session, waits, destinations), SessionEnd(acceptor, waits, destinations)
    wire = Wire(*ends, chunk=chunk)
    link, link._peer = Link(wire, ends[0]), Link(wire, ends[1])
    link.peer._peer = link
    acceptor.transport_connected(wire.now)
    link.establish()
    wire.settle()
    return link
