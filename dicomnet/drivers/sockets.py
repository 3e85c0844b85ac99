"""Sockets as the blocking driver wants them: opened within a time, non-blocking, and failures as errors of our own."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from dicomnet.drivers.common import Endpoint, SocketOptions, Waits
from dicomnet.drivers.transport import PlainTransport, TlsTransport, Transport
from dicomnet.endpoint import host_port
from dicomnet.errors import ConnectFailed, TimedOut

if TYPE_CHECKING:
    import ssl

__all__ = [
    "LONGEST",
    "Address",
    "OpenSocket",
    "check_server_tls",
    "new_transport",
    "numeric_address",
    "open_connection",
    "open_listener",
    "peer_address",
    "prepare",
    "reason_of",
    "set_buffers",
    "timeout",
    "why_not",
]

_OPTIONS = SocketOptions()
LONGEST: Final = 2_000_000.0
"""Seconds that can be waited for something at a time: milliseconds are an int of C to the system."""
_MOST = 0x7FFFFFFF
"""Of what a socket option, an int of C, can hold."""

Address: TypeAlias = tuple[int, int, int, str, Any]
"""As getaddrinfo gives it."""

OpenSocket: TypeAlias = Callable[[Endpoint, float | None], socket.socket]
"""Makes a connected stream socket, within so many seconds if given; may raise OSError."""


def timeout(seconds: float | None) -> float | None:
    """So long as what a socket, or ``poll``, takes for a time in which something may happen."""
    return None if seconds is None else min(max(seconds, 0.001), LONGEST)


def open_connection(
    endpoint: Endpoint,
    waits: Waits,
    source_host: str | None,
    open_socket: OpenSocket | None = None,
    options: SocketOptions | None = None,
) -> socket.socket:
    """A connection to the endpoint, made by ``open_socket`` if that is given.

    Raises:
        ConnectFailed: there is none to be had.
        TimedOut: not within ``waits.connect``.
    """
    options = options or _OPTIONS
    try:
        if open_socket is not None:
            sock = open_socket(endpoint, waits.connect)
        else:
            sock = _connected(endpoint, waits.connect, source_host, options)
    except TimeoutError as error:
        where = endpoint.where
        if waits.connect is None:
            raise ConnectFailed(f"no connection to {where}: timed out") from error
        raise TimedOut(f"no connection to {where} within {waits.connect:g} s", wait="connect") from error
    except (OSError, ValueError, OverflowError) as error:  # a host name or port that no address can be made of
        raise ConnectFailed(why_not(endpoint, source_host, error)) from error
    prepare(sock, options)
    return sock


def _connected(
    endpoint: Endpoint, seconds: float | None, source_host: str | None, options: SocketOptions
) -> socket.socket:
    """As ``socket.create_connection``, with buffers set in time, and ``seconds`` for all addresses together.

    Raises:
        OSError, ValueError, OverflowError: there is no connection to be had.
    """
    until = None if seconds is None else time.monotonic() + seconds
    failure = OSError("the name has no address")
    for family, kind, protocol, _, address in _addresses(endpoint.host, endpoint.port):
        sock = socket.socket(family, kind, protocol)
        try:
            set_buffers(sock, options)
            sock.settimeout(timeout(None if until is None else until - time.monotonic()))
            if source_host is not None:
                _bind(sock, (source_host, 0))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _addresses(host: str, port: int) -> list[Address]:
    """Where a host is.

    Raises:
        OSError, ValueError, OverflowError: nowhere.
    """
    found = numeric_address(host, port)
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)) if found is None else [found]


def _bind(sock: socket.socket, address: tuple[str, int]) -> None:
    """As the method does it, which has a TypeError for some of the names that can be none.

    Raises:
        OSError, ValueError: it cannot be bound to that.
    """
    try:
        sock.bind(address)
    except TypeError as error:
        raise ValueError(str(error)) from error


def numeric_address(host: str, port: int) -> Address | None:
    """What getaddrinfo makes of an address in the usual notation, without the tables it looks at; None for a name.

    Raises:
        ValueError: there is a NUL in it.
    """
    family, more = (socket.AF_INET6, (0, 0)) if ":" in host else (socket.AF_INET, ())
    try:
        socket.inet_pton(family, host)
    except OSError:
        return None
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, *more)


def new_transport(
    sock: socket.socket, endpoint: Endpoint, tls: ssl.SSLContext | None, server_name: str | None
) -> Transport:
    """The transport of a requestor over a connected socket, which is closed if there can be none.

    Raises:
        ConnectFailed: the TLS context has no use for the name of the server.
    """
    if tls is None:
        return PlainTransport(sock)
    try:
        return TlsTransport(sock, tls, server_side=False, server_name=server_name or endpoint.host)
    except (OSError, ValueError) as error:
        sock.close()
        raise ConnectFailed(f"no TLS connection to {endpoint.where}: {error}") from error


def check_server_tls(tls: ssl.SSLContext | None) -> None:
    """Find out now, and not at the first connection, whether a context can serve.

    Raises:
        ConnectFailed: it cannot.
    """
    if tls is None:
        return
    import ssl

    try:
        tls.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    except (OSError, ValueError) as error:
        raise ConnectFailed(f"no TLS server can be made of this context: {error}") from error


def peer_address(address: object) -> str:
    """Who is at the other end, of what ``accept`` says; ``local`` for sockets that have no addresses."""
    return str(address[0]) if isinstance(address, tuple) else "local"


def open_listener(host: str, port: int, options: SocketOptions | None = None) -> socket.socket:
    """A socket that listens; port 0 picks a free one.

    Raises:
        ConnectFailed: the address cannot be used.
    """
    if not 0 <= port <= 0xFFFF:
        raise ConnectFailed(f"cannot listen on {host_port(host, port)}: no such address")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _listening(family, (host, port), options or SocketOptions())
    except (OSError, ValueError) as error:
        raise ConnectFailed(f"cannot listen on {host_port(host, port)}: {reason_of(error)}") from error


def _listening(family: socket.AddressFamily, address: tuple[str, int], options: SocketOptions) -> socket.socket:
    """As ``socket.create_server``, with buffers set in time."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        set_buffers(sock, options)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _bind(sock, address)
        sock.listen()
    except BaseException:
        sock.close()
        raise
    return sock


def why_not(endpoint: Endpoint, source_host: str | None, error: Exception) -> str:
    """What to say of a connection that failed: whose address is at fault, ours or the peer's."""
    if source_host is not None and (fault := _fault_of_source(source_host)) is not None:
        return f"no connection can be made from {source_host}: {reason_of(fault)}"
    return f"no connection to {endpoint.where}: {reason_of(error)}"


def _fault_of_source(host: str) -> Exception | None:
    """Why nothing can be bound to this host; None if something can."""
    fault: Exception | None = None
    try:
        for family, kind, protocol, _, address in _addresses(host, 0):
            try:
                with socket.socket(family, kind, protocol) as sock:
                    sock.bind(address)
                return None
            except OSError as error:
                fault = error
    except (OSError, ValueError) as error:  # no such name
        fault = error
    return fault


def reason_of(error: Exception) -> str:
    """Why there is no socket, in the system's words: asyncio puts its own, with the address, in their place."""
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)


def set_buffers(sock: socket.socket, options: SocketOptions) -> None:
    """Ask for the buffers; before a socket is connected or listens, since the window of TCP follows from them (tcp(7)).

    One that is larger than the system has is as large as it has.
    """
    for name, size in ((socket.SO_RCVBUF, options.receive_buffer), (socket.SO_SNDBUF, options.send_buffer)):
        if size is not None:
            sock.setsockopt(socket.SOL_SOCKET, name, min(size, _MOST))


def prepare(sock: socket.socket, options: SocketOptions) -> None:
    """What can be set on a connection that stands: non-blocking, and small messages at once unless they may wait."""
    sock.setblocking(False)
    if not options.no_delay:
        return
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:  # a socket of another family has no such thing, or the peer has reset the connection already
        return
