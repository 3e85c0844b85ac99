"""The blocking driver: one socket, no threads, ``poll`` with the session's own deadlines.

``connect``, and ``blocking_server`` on the other side, give a ``Link``; ``Link.run`` runs a flow to its end, and while
it waits, requests of the peer go to the handler. Leave a link by ``with``: it releases, or aborts when an exception
passes.

The clock of a link stands still while its caller does something else, such as working on an item of a stream: what the
peer sends meanwhile waits unread in the system, and no deadline may hold that against it.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Endpoint, Hooks, SocketOptions, Waits
from dicomnet.drivers.link import BlockingLink
from dicomnet.drivers.requestor import request_for, requesting_session
from dicomnet.drivers.session import Session
from dicomnet.drivers.sockets import LONGEST, OpenSocket, new_transport, open_connection
from dicomnet.drivers.transport import LAST_WORDS, QUEUED_ANSWERS, Transport
from dicomnet.errors import ConnectFailed, TimedOut
from dicomnet.handlers import Handler
from dicomnet.records import replace
from dicomnet.steps import Branch, Close, Open, RunOn
from dicomnet.ul import RequestOptions, Transcript

if TYPE_CHECKING:
    import ssl

__all__ = ["Link", "connect"]


_WAITS: Final = Waits()


class Link(BlockingLink):
    """An association over a socket. Not thread-safe: one thread at a time."""

    def __init__(
        self,
        transport: Transport,
        session: Session,
        waits: Waits,
        hooks: Hooks | None = None,
        socket_options: SocketOptions | None = None,
    ) -> None:
        super().__init__(session)
        self._hooks = hooks
        self._socket_options = socket_options
        self._transport: Transport | None = transport
        session.exchange.unseen = transport.unseeing
        self._waits = waits
        # poll, not select: a process with more than 1,024 descriptors open still works.
        self._poller = select.poll()
        self._awaited = select.POLLIN
        self._poller.register(transport, self._awaited)
        self._greeted = transport.established
        self._left = time.monotonic()
        self._away = 0.0  # seconds in which nobody drove this link

    def _now(self) -> float:
        """The time of this link."""
        return time.monotonic() - self._away

    @property
    def closed(self) -> bool:
        """Whether the socket is closed."""
        return self._is_closed()

    def establish(self) -> None:
        """Wait until there is an association; ``connect`` and ``Listener.accept`` have done so.

        Raises:
            Rejected, Aborted, ConnectionLost, RemoteProtocolError, TimedOut: there will be none; the link is closed.
        """
        try:
            super().establish()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket without a word to the peer. ``release`` and ``abort`` are the polite ways."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        for work in self._session.take_branches():
            if isinstance(work.step, Close):
                work.step.branch.link.close()

    def _shake_hands(self, endpoint: Endpoint, limit: float) -> None:
        """Wait until bytes of the user can pass: a TLS handshake is part of connecting (PS3.8 9.1.1)."""
        transport = self._transport
        if transport is None or transport.established:
            return
        where = endpoint.where
        try:
            while not self.closed and not transport.established:
                with contextlib.suppress(OSError):  # reading will tell
                    transport.flush()
                remaining = limit - time.monotonic()
                if remaining <= 0:
                    raise TimedOut(f"no TLS connection to {where} within {self._waits.shake_hands:g} s", wait="connect")
                self._wait(remaining, True, transport.blocked)
            if self.closed:
                raise ConnectFailed(f"no connection to {where}: {transport.fault or 'closed by the peer'}")
        except BaseException:
            self.close()
            raise

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _drive(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        """Move bytes and flows until ``done``, the end of the connection, or for so many seconds."""
        self._away += time.monotonic() - self._left
        until = None if seconds is None else self._now() + seconds
        self._driving = True
        try:
            self._loop(done, until)
        finally:
            self._driving = False
            self._left = time.monotonic()

    def _loop(self, done: Callable[[], bool], until: float | None) -> None:
        session = self._session
        while True:
            now = self._now()
            session.advance(now)
            if session.errands:
                self._run_calls()
                self._run_branches()
                session.advance(self._now())  # who waited for that may have something to send
            self._send()
            if session.close_wanted:
                self._close_transport()
            runnable = session.runnable or session.errands
            over = self._transport is None or (until is not None and now >= until)
            if not runnable and (over or done()):
                return
            self._receive(until, runnable)

    def _drive_to_close(self) -> None:
        """Let the last PDUs pass; the peer closes, or ARTIM ends the wait (PS3.8 9.1.5)."""
        self._drive(self._is_closed)

    def _is_closed(self) -> bool:
        return self._transport is None

    def _run_calls(self) -> None:
        for run, function in self._session.take_calls():
            began = time.monotonic()
            run.perform(function)
            self._away += time.monotonic() - began

    def _run_branches(self) -> None:
        """Do what flows want done on further associations; there is no other way here than to wait for it."""
        for work in self._session.take_branches():
            began = time.monotonic()
            work.perform(self._perform)
            self._away += time.monotonic() - began

    def _perform(self, step: Open | RunOn | Close) -> object:
        if isinstance(step, Open):
            limits = self._session.exchange.limits
            link = connect(
                step.endpoint,
                step.options,
                waits=self._waits,
                limits=limits,
                hooks=self._hooks,
                tls=step.tls,
                socket_options=self._socket_options,
            )
            return Branch(link.negotiated, link)
        other: Link = step.branch.link
        if isinstance(step, RunOn):
            return other.run(step.flow)
        if step.abort or other.session.ended:
            other.abort()
        else:
            other.release()
        return None

    def _send(self) -> None:
        """Write everything there is; while the peer does not read, go on reading, so that two writers cannot lock."""
        parts = self._session.data_to_send()
        some, lost = bool(parts), False
        transport = self._transport
        if transport is not None and (some or transport.blocked):
            try:
                transport.send(parts)
                parts = []  # which the frames of an error to come would keep
                if transport.blocked:
                    self._insist(transport)
            except OSError:
                parts, lost = [], True
            if lost:
                self._read_rest()
        if some:
            self._session.flushed()

    def _insist(self, transport: Transport) -> None:
        """Wait for a peer that reads slower than we write, as long as it takes something now and then."""
        patience = self._waits.send
        limit = None if patience is None else time.monotonic() + patience
        room = QUEUED_ANSWERS
        while transport.blocked and not self.closed:
            if transport.flush():
                limit = None if patience is None else time.monotonic() + patience
                self._session.association.not_idle(self._now())
                continue
            remaining = None if limit is None else limit - time.monotonic()
            if remaining is not None and remaining <= 0:
                self._stalled()
                return
            if self._wait(remaining, room > 0 and not self._session.congested, True):
                self._session.advance(self._now())
                self._run_calls()  # which may make room for more
                answers = self._session.data_to_send()
                room -= sum(map(len, answers))
                transport.send(answers)

    def _receive(self, until: float | None, runnable: bool) -> None:
        """Wait for bytes until the next deadline; not at all when a flow can go on, or waits for us."""
        session = self._session
        timeout: float | None = 0.0
        if not runnable:
            moment = session.next_deadline()
            if until is not None and (moment is None or until < moment):
                moment = until
            timeout = None if moment is None else max(0.0, moment - self._now())
        blocked = self._transport is not None and self._transport.blocked
        self._wait(timeout, not session.congested, blocked)

    def _wait(self, timeout: float | None, reading: bool, writing: bool) -> int:
        """Wait for the socket; read what has come. The number of bytes read."""
        transport = self._transport
        if transport is None:
            return 0
        awaited = (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0)
        if awaited != self._awaited:
            self._poller.modify(transport, awaited)
            self._awaited = awaited
        # Rounded up, so that a deadline has really passed when poll returns for it.
        events = self._poller.poll(None if timeout is None else int(min(timeout, LONGEST) * 1000) + 1 if timeout else 0)
        return self._read() if events and events[0][1] & ~select.POLLOUT else 0

    def _read(self) -> int:
        transport = self._transport
        if transport is None:
            return 0
        data = transport.recv()
        if not self._greeted and transport.established:
            self._greeted = True
            certificate = transport.certificate
            self._session.applicant = replace(self._session.applicant, certificate=certificate)
        if data is None:
            return 0
        if data:
            self._session.receive_data(data, self._now())
        if not data or transport.over:
            self._close_transport()
        return len(data)

    def _read_rest(self) -> None:
        """The connection takes nothing more; what the peer said before, such as A-ABORT, may still be here."""
        room = LAST_WORDS
        while room > 0 and (count := self._read()):
            room -= count
        self._close_transport()

    def _stalled(self) -> None:
        error = TimedOut(f"the peer read nothing for {self._waits.send:g} s", wait="send")
        self._session.abort(self._now(), error)
        self._session.data_to_send()  # nobody will read the A-ABORT either
        self._close_transport()

    def _close_transport(self) -> None:
        if self._transport is None:
            return
        fault = self._transport.fault
        self.close()
        now = self._now()
        self._session.receive_eof(now, fault)
        self._session.advance(now)


def connect(
    endpoint: Endpoint,
    options: RequestOptions,
    *,
    waits: Waits | None = None,
    handler: Handler | None = None,
    limits: MessageLimits | None = None,
    source_host: str | None = None,
    transcript: Transcript | None = None,
    one_pdv_per_pdu: bool = False,
    send_limit: int = 0,
    record_pdus: bool = False,
    check_roles: bool = True,
    hooks: Hooks | None = None,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    open_socket: OpenSocket | None = None,
    socket_options: SocketOptions | None = None,
) -> Link:
    """Open an association to ``endpoint``.

    An empty called title in ``options`` is taken from the endpoint. ``handler`` serves what the peer asks meanwhile.
    Every PDV goes in a PDU of its own if ``one_pdv_per_pdu``, and no PDU of data is longer than ``send_limit`` (its
    length field; 0 for what the peer takes). ``record_pdus`` keeps received PDUs for ``await_pdu``, ``hooks`` are shown
    what happens, and without ``check_roles`` the peer may ask for what its role does not allow.

    ``tls`` is a context as ``drivers.tls.client_context`` makes it, ``server_name`` whom its certificate must name if
    that is not the endpoint's host. ``open_socket`` makes the connection, through a proxy or to a Unix socket; it is
    given the endpoint and ``Waits.connect``, while ``source_host`` and the buffers of ``socket_options`` are for it to
    know.

    Raises:
        ConnectFailed: no connection, or no TLS on it.
        TimedOut: ``waits.connect`` or ``waits.associate`` ran out.
        Rejected, Aborted, ConnectionLost: what the peer did instead of accepting.
        LocalProtocolError: the request itself breaks a rule; nothing was sent.
    """
    waits = waits or _WAITS
    request, encoded = request_for(endpoint, options, limits, send_limit)
    until = None if waits.connect is None else time.monotonic() + waits.connect
    transport = new_transport(
        open_connection(endpoint, waits, source_host, open_socket, socket_options), endpoint, tls, server_name
    )
    try:
        session = requesting_session(
            endpoint,
            request,
            waits,
            time.monotonic(),
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
        link = Link(transport, session, waits, hooks, socket_options)
    except BaseException:
        transport.close()
        raise
    link._shake_hands(endpoint, time.monotonic() + waits.shake_hands if until is None else until)
    link.establish()
    return link
