"""Looking at a TLS server from outside: what it allows, and how handshakes with it end.

``survey`` finds the versions and suites by offering them and hanging up once the server has chosen; ``shake_hands``
goes through with a handshake under a context, says goodbye, and so learns also what a server of TLS 1.3 thinks of our
certificate. Each connection has a deadline of its own, and there are at most ``MAX_CONNECTIONS``.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from dicomnet.drivers.sockets import reason_of
from dicomnet.drivers.tls_hello import SSL_3_0, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, Answer, Reading, client_hello
from dicomnet.drivers.tls_reasons import reason_of_tls
from dicomnet.drivers.tls_suites import TLS13_SUITES, TLS_SUITES
from dicomnet.endpoint import host_port
from dicomnet.errors import ConnectFailed, TimedOut
from dicomnet.records import dataclass, field

__all__ = ["MAX_CONNECTIONS", "VERSIONS", "Handshake", "Survey", "Target", "shake_hands", "survey"]

MAX_CONNECTIONS = 200
"""For one survey. A server that allows every suite of every version takes some more."""
VERSIONS: Mapping[int, str] = {
    TLS_1_3: "TLS 1.3",
    TLS_1_2: "TLS 1.2",
    TLS_1_1: "TLS 1.1",
    TLS_1_0: "TLS 1.0",
    SSL_3_0: "SSL 3.0",
}
_CHUNK = 16 * 1024
_FAREWELL = 2.0
"""Seconds for a server to object after a handshake; one that keeps silent is content."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server is, and how many seconds a connection and each answer may take; None is the system's limit."""

    host: str
    port: int
    connect: float | None = None
    answer: float | None = 10.0

    @property
    def where(self) -> str:
        """The address, for messages."""
        return host_port(self.host, self.port)

    def open(self) -> socket.socket:
        """A connection.

        Raises:
            ConnectFailed, TimedOut: there is none.
        """
        where = self.where
        try:
            return socket.create_connection((self.host, self.port), self.connect)
        except TimeoutError as error:
            if self.connect is None:
                raise ConnectFailed(f"no connection to {where}: timed out") from error
            raise TimedOut(f"no connection to {where} within {self.connect:g} s", wait="connect") from error
        except (OSError, ValueError, OverflowError) as error:
            raise ConnectFailed(f"no connection to {where}: {reason_of(error)}") from error

    def deadline(self) -> float | None:
        """When an answer that is asked for now has to be there."""
        return None if self.answer is None else time.monotonic() + self.answer


@dataclass(slots=True)
class Survey:
    """What a server allows: its suites by version, in its own order of preference.

    ``certificates`` are its own, as far as they were shown in the clear, and ``asks`` whether it then asked for ours
    (None: TLS 1.3 does not show it). ``foreign`` tells that it does not speak TLS; ``cut`` that there was more to ask.
    """

    suites: dict[int, list[int]] = field(default_factory=dict)
    certificates: tuple[bytes, ...] = ()
    asks: bool | None = None
    foreign: bool = False
    cut: bool = False


def survey(target: Target) -> Survey:
    """Offer every version with every suite that is worth it.

    Raises:
        ConnectFailed, TimedOut: there was no connection, or no answer in time.
    """
    found = Survey()
    room = MAX_CONNECTIONS
    for version in VERSIONS:
        left = list(TLS13_SUITES if version == TLS_1_3 else TLS_SUITES)
        while left:
            if not room:
                found.cut = True
                return found
            room -= 1
            answer = _ask(target, version, left, found)
            if answer is None or answer.version != version or answer.suite not in left:
                break
            left.remove(answer.suite)
            found.suites.setdefault(version, []).append(answer.suite)
            if version < TLS_1_3:
                found.certificates = found.certificates or answer.certificates
                found.asks = bool(found.asks) or answer.asks
        if found.foreign:
            break
    return found


def _ask(target: Target, version: int, suites: list[int], found: Survey) -> Answer | None:
    """One offer; None if there was no answer to make anything of."""
    reading = Reading()
    with target.open() as sock:
        until = target.deadline()
        try:
            sock.sendall(client_hello(version, suites, target.host))
            while not reading.complete:
                reading.feed(_receive(sock, until, target))
        except TimedOut:
            raise
        except (OSError, ValueError):  # it hung up, or said what no server says
            return None
    found.foreign = found.foreign or reading.foreign
    return None if reading.foreign or reading.answer.alert is not None else reading.answer


def _receive(sock: socket.socket, until: float | None, target: Target) -> bytes:
    """What comes next before the deadline.

    Raises:
        TimedOut: nothing did.
        OSError: the connection failed.
    """
    remaining = None if until is None else until - time.monotonic()
    try:
        if remaining is not None and remaining <= 0:
            raise TimeoutError
        sock.settimeout(remaining)
        return sock.recv(_CHUNK)
    except TimeoutError as error:
        text = f"{target.where} did not finish its answer within {target.answer:g} s"
        raise TimedOut(text, wait="associate") from error


@dataclass(frozen=True, slots=True)
class Handshake:
    """How one ended: what was agreed on and the server's certificate (DER), or the ``fault`` and its ``reason``.

    A fault may come after the agreement: in TLS 1.3 the server judges our certificate when we are done.
    """

    agreed: str = ""
    certificate: bytes = b""
    fault: OSError | None = None
    reason: str = ""

    @property
    def refusal(self) -> ssl.SSLCertVerificationError | None:
        """What was wrong with the server's certificate, if that was it."""
        return self.fault if isinstance(self.fault, ssl.SSLCertVerificationError) else None


def shake_hands(target: Target, context: ssl.SSLContext) -> Handshake:
    """Go through with a handshake, and part in peace.

    Raises:
        ConnectFailed, TimedOut: there was no connection, or no answer in time.
    """
    with target.open() as sock:
        visit = _Visit(target, sock, target.deadline())
        agreed, certificate = "", b""
        try:
            tls = context.wrap_bio(visit.incoming, visit.outgoing, server_hostname=target.host)
            visit.drive(tls.do_handshake)
            agreed = f"{tls.version()} {(tls.cipher() or ('',))[0]}"
            certificate = tls.getpeercert(binary_form=True) or b""
            visit.until = min(visit.until or math.inf, time.monotonic() + _FAREWELL)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()  # which says goodbye; the answer is what the server says last
            visit.leave()
            while visit.drive(lambda: tls.read(_CHUNK)):
                pass
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            if not agreed:
                return Handshake(fault=error, reason=reason_of_tls(error, established=False))
        except ssl.SSLError as error:
            return Handshake(agreed, certificate, error, reason_of_tls(error, established=bool(agreed)))
        except TimedOut:
            if not agreed:
                raise
        except (ValueError, OSError) as error:  # of a reset behind a handshake there is seldom a good reason
            fault = error if isinstance(error, OSError) else OSError(str(error))
            what = "the connection failed behind the TLS handshake" if agreed else "the TLS handshake failed"
            return Handshake(agreed, certificate, fault, f"{what}: {reason_of(error)}")
    return Handshake(agreed, certificate)


@dataclass(slots=True)
class _Visit:
    """A connection, and what passes between it and OpenSSL."""

    target: Target
    sock: socket.socket
    until: float | None
    incoming: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    outgoing: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)

    def drive(self, step: Callable[[], T]) -> T:
        """Do a step of OpenSSL's, with bytes from and to the socket."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                pass
            finally:
                self._flush()  # also an alert: the peer may know why
            data = _receive(self.sock, self.until, self.target)
            if data:
                self.incoming.write(data)
            else:
                self.incoming.write_eof()

    def leave(self) -> None:
        """Say no more: some look only at the connection, and not at what TLS says of its end."""
        self._flush()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def _flush(self) -> None:
        if self.outgoing.pending:
            with contextlib.suppress(OSError):  # reading tells why, if the peer has said so
                self.sock.sendall(self.outgoing.read())
