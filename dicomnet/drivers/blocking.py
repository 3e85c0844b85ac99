"""The blocking driver: one socket, no threads, ``select`` with the session's own deadlines.

``connect``, and ``blocking_server`` on the other side, give a ``Link``; ``Link.run`` runs a flow to its end, and while
it waits, requests of the peer go to the handler. Leave a link by ``with``: it releases, or aborts when an exception
passes.

The clock of a link stands still while its caller does something else, such as working on an item of a stream: what the
peer sends meanwhile waits unread in the system, and no deadline may hold that against it.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.drivers.link import BlockingLink
from dicomnet.drivers.requestor import requesting_session
from dicomnet.drivers.session import Session
from dicomnet.drivers.sockets import open_connection
from dicomnet.errors import TimedOut
from dicomnet.handlers import Handler
from dicomnet.ul import RequestOptions, Transcript

__all__ = ["Link", "connect"]

_RECEIVE_SIZE = 256 * 1024
_MAX_BUFFERS = 64
"""Buffers for one gathered write; every system takes at least 16 and Linux 1024."""
_READ_AHEAD = 1024 * 1024
"""Bytes taken from a peer that itself reads nothing of what we are writing."""


class Link(BlockingLink):
    """An association over a socket. Not thread-safe: one thread at a time."""

    def __init__(self, sock: socket.socket, session: Session, waits: Waits) -> None:
        super().__init__(session)
        self._socket: socket.socket | None = sock
        self._waits = waits
        self._unsent: list[memoryview] = []
        self._left = time.monotonic()
        self._away = 0.0  # seconds in which nobody drove this link

    def _now(self) -> float:
        """The time of this link."""
        return time.monotonic() - self._away

    @property
    def closed(self) -> bool:
        """Whether the socket is closed."""
        return self._socket is None

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
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _drive(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        """Move bytes and flows until ``done``, the end of the connection, or for so many seconds."""
        self._away += time.monotonic() - self._left
        until = None if seconds is None else self._now() + seconds
        try:
            self._loop(done, until)
        finally:
            self._left = time.monotonic()

    def _loop(self, done: Callable[[], bool], until: float | None) -> None:
        while True:
            now = self._now()
            self._session.advance(now)
            self._run_calls()
            self._send()
            if self._session.close_wanted:
                self._close_transport()
            over = self._socket is None or (until is not None and now >= until)
            if not self._session.runnable and (over or done()):
                return
            self._receive(until)

    def _drive_to_close(self) -> None:
        """Let the last PDUs pass; the peer closes, or ARTIM ends the wait (PS3.8 9.1.5)."""
        self._drive(lambda: self._socket is None)

    def _run_calls(self) -> None:
        for run, function in self._session.take_calls():
            began = time.monotonic()
            try:
                run.resume(function())
            except Exception as error:  # noqa: BLE001 - raised again inside the flow, which asked for the call
                run.resume(error=error)
            self._away += time.monotonic() - began

    def _send(self) -> None:
        """Write everything there is; while the peer does not read, go on reading, so that two writers cannot lock."""
        self._unsent += [memoryview(part) for part in self._session.data_to_send() if len(part)]
        patience = self._waits.send
        limit = None if patience is None else time.monotonic() + patience
        room = _READ_AHEAD
        while self._unsent and self._socket is not None:
            try:
                sent = self._socket.sendmsg(self._unsent[:_MAX_BUFFERS])
            except BlockingIOError:
                sent = 0
            except OSError:  # a reset and an end of file mean the same here (Evt17)
                self._read_rest()
                break
            if sent:
                self._drop(sent)
                limit = None if patience is None else time.monotonic() + patience
                continue
            if limit is not None and time.monotonic() >= limit:
                self._stalled()
                break
            remaining = None if limit is None else max(0.0, limit - time.monotonic())
            room -= self._wait(remaining, reading=room > 0, writing=True)
        if not self._unsent or self._socket is None:
            self._unsent.clear()
            self._session.flushed()

    def _drop(self, sent: int) -> None:
        while sent:
            first = self._unsent[0]
            if sent < len(first):
                self._unsent[0] = first[sent:]
                return
            sent -= len(first)
            del self._unsent[0]

    def _receive(self, until: float | None) -> None:
        """Wait for bytes until the next deadline; not at all when a flow can go on."""
        timeout: float | None = 0.0
        if not self._session.runnable:
            moments = [when for when in (until, self._session.next_deadline()) if when is not None]
            timeout = max(0.0, min(moments) - self._now()) if moments else None
        self._wait(timeout, reading=not self._session.congested)

    def _wait(self, timeout: float | None, *, reading: bool, writing: bool = False) -> int:
        """Wait for the socket; read what has come. The number of bytes read."""
        if self._socket is None:
            return 0
        # poll, not select: a process with more than 1,024 descriptors open still works.
        poller = select.poll()
        poller.register(self._socket, (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0))
        # Rounded up, so that a deadline has really passed when poll returns for it.
        events = poller.poll(None if timeout is None else int(timeout * 1000) + 1 if timeout else 0)
        return self._read() if any(event & ~select.POLLOUT for _, event in events) else 0

    def _read(self) -> int:
        if self._socket is None:
            return 0
        try:
            data = self._socket.recv(_RECEIVE_SIZE)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self._session.receive_data(data, self._now())
        else:
            self._close_transport()
        return len(data)

    def _read_rest(self) -> None:
        """The connection takes nothing more; what the peer said before, such as A-ABORT, may still be here."""
        room = _READ_AHEAD
        while room > 0 and (count := self._read()):
            room -= count
        self._close_transport()

    def _stalled(self) -> None:
        error = TimedOut(f"the peer read nothing for {self._waits.send:g} s", wait="send")
        self._session.abort(self._now(), error)
        self._session.data_to_send()  # nobody will read the A-ABORT either
        self._close_transport()

    def _close_transport(self) -> None:
        if self._socket is None:
            return
        self.close()
        now = self._now()
        self._session.receive_eof(now)
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
    record_pdus: bool = False,
) -> Link:
    """Open an association to ``endpoint``.

    An empty called title in ``options`` is taken from the endpoint. ``handler`` serves what the peer asks meanwhile,
    ``record_pdus`` keeps received PDUs for ``await_pdu``.

    Raises:
        ConnectFailed: no connection.
        TimedOut: ``waits.connect`` or ``waits.associate`` ran out.
        Rejected, Aborted, ConnectionLost: what the peer did instead of accepting.
        LocalProtocolError: the request itself breaks a rule; nothing was sent.
    """
    waits = waits or Waits()
    session = requesting_session(
        endpoint,
        options,
        waits,
        time.monotonic(),
        handler=handler,
        limits=limits,
        transcript=transcript,
        one_pdv_per_pdu=one_pdv_per_pdu,
        record_pdus=record_pdus,
    )
    sock = open_connection(endpoint, waits, source_host)
    link = Link(sock, session, waits)
    link.establish()
    return link
