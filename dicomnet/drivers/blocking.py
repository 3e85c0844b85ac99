"""The blocking driver: one socket, no threads, ``select`` with the session's own deadlines.

``connect`` and ``Listener.accept`` give a ``Link``; ``Link.run`` runs a flow to its end, and while it waits, requests
of the peer go to the handler. Leave a link by ``with``: it releases, or aborts when an exception passes.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Endpoint, Waits, proposal
from dicomnet.drivers.session import Session
from dicomnet.errors import ConnectFailed, ConnectionLost, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler
from dicomnet.ul import AcceptancePolicy, Association, Negotiated, RequestOptions, Role, Transcript
from dicomnet.wire import PduLimits

__all__ = ["Link", "Listener", "connect", "listen"]

T = TypeVar("T")

_RECEIVE_SIZE = 256 * 1024
_MAX_BUFFERS = 64
"""Buffers for one gathered write; every system takes at least 16 and Linux 1024."""


class Link:
    """An association over a socket. Not thread-safe: one thread at a time."""

    def __init__(self, sock: socket.socket, session: Session, waits: Waits) -> None:
        self._socket: socket.socket | None = sock
        self._session = session
        self._waits = waits
        self._unsent: list[memoryview] = []

    @property
    def session(self) -> Session:
        """The session underneath."""
        return self._session

    @property
    def negotiated(self) -> Negotiated:
        """What both sides agreed on.

        Raises:
            ConnectionLost: no association was ever established.
        """
        if self._session.peer is None:
            raise ConnectionLost("there is no association")
        return self._session.peer.negotiated

    @property
    def transcript(self) -> Transcript | None:
        """The record given to ``connect``, if any."""
        return self._session.association.transcript

    @property
    def closed(self) -> bool:
        """Whether the socket is closed."""
        return self._socket is None

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result.

        Raises:
            DicomNetError: what ended the flow; Aborted or ConnectionLost when the association did.
        """
        run = self._session.start(flow)
        try:
            self._drive(lambda: run.done)
        finally:
            self._session.cancel(run)
        return run.result()

    def stream(self, flow: Flow[Any]) -> Iterator[Any]:
        """Run a flow and yield what it delivers, reading from the peer only as fast as the caller takes the items.

        Raises:
            DicomNetError: what ended the flow.
        """
        run = self._session.start(flow)
        try:
            while True:
                self._drive(lambda: bool(run.delivered) or run.done)
                while run.delivered:
                    yield self._session.take(run)
                if run.done:
                    run.result()
                    return
        finally:
            self._session.cancel(run)

    def listen(self, seconds: float | None = None) -> None:
        """Serve the peer's requests until the association ends, or for so many seconds.

        Raises:
            Aborted, ConnectionLost, TimedOut: the association ended other than by release.
        """
        until = None if seconds is None else time.monotonic() + seconds
        self._drive(lambda: self._session.ended, until)
        if self._session.error is not None and self.closed:
            raise self._session.error

    def release(self) -> None:
        """End the association in order and close.

        Raises:
            TimedOut: the peer did not confirm within ``Waits.release``; the association was aborted.
            Aborted, ConnectionLost: the association ended before.
        """
        if not self._session.ended:
            self._session.release(time.monotonic())
        self._drive_to_close()
        if self._session.error is not None:
            raise self._session.error

    def abort(self) -> None:
        """End the association at once and close; harmless when it is over already."""
        if not self._session.ended:
            self._session.abort(time.monotonic())
        self._drive_to_close()

    def close(self) -> None:
        """Close the socket without a word to the peer. ``release`` and ``abort`` are the polite ways."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and not self._session.ended:
            self.release()
        else:
            self.abort()

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _drive(self, done: Callable[[], bool], until: float | None = None) -> None:
        """Move bytes and flows until ``done``, the end of the connection, or the time ``until``."""
        while True:
            now = time.monotonic()
            self._session.advance(now)
            self._run_calls()
            self._send()
            if self._session.association.close_wanted:
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
            try:
                run.resume(function())
            except Exception as error:  # noqa: BLE001 - raised again inside the flow, which asked for the call
                run.resume(error=error)

    def _send(self) -> None:
        """Write everything there is; while the peer does not read, go on reading, so that two writers cannot lock."""
        self._unsent += [memoryview(part) for part in self._session.data_to_send() if len(part)]
        limit = None if self._waits.send is None else time.monotonic() + self._waits.send
        while self._unsent and self._socket is not None:
            try:
                sent = self._socket.sendmsg(self._unsent[:_MAX_BUFFERS])
            except BlockingIOError:
                sent = 0
            except OSError:  # a reset and an end of file mean the same here (Evt17)
                self._close_transport()
                break
            if sent:
                self._drop(sent)
                continue
            if limit is not None and time.monotonic() >= limit:
                self._stalled()
                break
            remaining = None if limit is None else max(0.0, limit - time.monotonic())
            self._wait(remaining, writing=True)
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
        if self._socket is None:
            return
        timeout: float | None = 0.0
        if not self._session.runnable:
            moments = [when for when in (until, self._session.next_deadline()) if when is not None]
            timeout = max(0.0, min(moments) - time.monotonic()) if moments else None
        self._wait(timeout, writing=False)

    def _wait(self, timeout: float | None, *, writing: bool) -> None:
        if self._socket is None:
            return
        # poll, not select: a process with more than 1,024 descriptors open still works.
        poller = select.poll()
        mask = 0 if self._session.congested else select.POLLIN
        poller.register(self._socket, mask | (select.POLLOUT if writing else 0))
        # Rounded up, so that a deadline has really passed when poll returns for it.
        events = poller.poll(None if timeout is None else int(timeout * 1000) + 1 if timeout else 0)
        if any(event & ~select.POLLOUT for _, event in events):
            self._read()

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_RECEIVE_SIZE)
        except BlockingIOError:
            return
        except OSError:
            self._close_transport()
            return
        now = time.monotonic()
        if data:
            self._session.receive_data(data, now)
        else:
            self._close_transport()

    def _stalled(self) -> None:
        now = time.monotonic()
        error = TimedOut(f"the peer read nothing for {self._waits.send:g} s", wait="send")
        self._session.abort(now, error)
        self._session.data_to_send()  # nobody will read the A-ABORT either
        self._close_transport()

    def _close_transport(self) -> None:
        self.close()
        now = time.monotonic()
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
    request = proposal(endpoint, options)
    association = Association(
        Role.REQUESTOR,
        limits=PduLimits(p_data=options.max_length),
        timeouts=waits.timeouts(),
        transcript=transcript,
    )
    association.associate_request(request, time.monotonic())
    sock = _open(endpoint, waits, source_host)
    session = Session(
        association,
        address=str(endpoint),
        handler=handler,
        response_timeout=waits.response,
        limits=limits,
        one_pdv_per_pdu=one_pdv_per_pdu,
    )
    if record_pdus:
        session.record_pdus()
    link = Link(sock, session, waits)
    try:
        session.transport_connected(time.monotonic())
        link._drive(lambda: session.established or session.ended)
        if not session.established:
            link._drive_to_close()
            raise session.error or ConnectionLost("the peer closed the connection instead of answering")
    except BaseException:
        link.close()
        raise
    return link


def _open(endpoint: Endpoint, waits: Waits, source_host: str | None) -> socket.socket:
    source = None if source_host is None else (source_host, 0)
    try:
        sock = socket.create_connection((endpoint.host, endpoint.port), waits.connect, source)
    except TimeoutError as error:
        if waits.connect is None:
            raise ConnectFailed(f"no connection to {endpoint.host}:{endpoint.port}: timed out") from error
        raise TimedOut(
            f"no connection to {endpoint.host}:{endpoint.port} within {waits.connect:g} s", wait="connect"
        ) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot express
        reason = getattr(error, "strerror", None) or str(error)
        raise ConnectFailed(f"no connection to {endpoint.host}:{endpoint.port}: {reason}") from error
    _prepare(sock)
    return sock


def _prepare(sock: socket.socket) -> None:
    """Non-blocking, and small messages at once: DIMSE is request and response, where Nagle only delays."""
    sock.setblocking(False)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):  # the peer may have reset the connection already
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Listener:
    """A listening socket that gives one ``Link`` per association. For many at a time use the asyncio driver."""

    def __init__(
        self,
        sock: socket.socket,
        policy: AcceptancePolicy,
        handler: Handler | None,
        waits: Waits,
        limits: PduLimits,
    ) -> None:
        self._socket = sock
        self._policy = policy
        self._handler = handler
        self._waits = waits
        self._limits = limits

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self._socket.getsockname()[1]
        return port

    def accept(self, seconds: float | None = None) -> Link:
        """Wait for a connection and its association request, and answer it by the policy.

        Raises:
            TimedOut: nobody came.
            Rejected: the policy said no (the peer was told).
            Aborted, ConnectionLost, RemoteProtocolError, TimedOut: the peer failed to become an association.
        """
        self._socket.settimeout(seconds)
        try:
            sock, address = self._socket.accept()
        except TimeoutError as error:
            raise TimedOut("nobody connected", wait="accept") from error
        _prepare(sock)
        association = Association(Role.ACCEPTOR, limits=self._limits, timeouts=self._waits.timeouts())
        session = Session(
            association,
            address=str(address[0]),
            handler=self._handler,
            policy=self._policy,
            response_timeout=self._waits.response,
        )
        link = Link(sock, session, self._waits)
        try:
            session.transport_connected(time.monotonic())
            link._drive(lambda: session.established or session.ended)
            if not session.established:
                link._drive_to_close()
                raise session.error or ConnectionLost("the connection closed before an association request came")
        except BaseException:
            link.close()
            raise
        return link

    def close(self) -> None:
        """Stop listening; links that exist live on."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def listen(
    host: str,
    port: int,
    policy: AcceptancePolicy,
    *,
    handler: Handler | None = None,
    waits: Waits | None = None,
    limits: PduLimits | None = None,
) -> Listener:
    """Listen on an address; port 0 picks a free one.

    Raises:
        ConnectFailed: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConnectFailed(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return Listener(sock, policy, handler, waits or Waits(), limits or PduLimits())
