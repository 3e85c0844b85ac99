"""Sockets as the asyncio driver wants them: names looked up and connections made while the loop turns."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable
from typing import Any

from dicomnet.drivers.common import Endpoint, SocketOptions
from dicomnet.drivers.sockets import Address, OpenSocket, numeric_address, prepare, set_buffers

__all__ = ["connect_socket", "listening_sockets"]

_ATTEMPTS = 32
"""To find a port that is free at every address of a name."""
_BACKLOG = 1024
"""Connections that may wait to be accepted; the system has a limit of its own (somaxconn)."""


async def connect_socket(
    endpoint: Endpoint,
    seconds: float | None,
    source_host: str | None,
    open_socket: OpenSocket | None,
    options: SocketOptions,
) -> socket.socket:
    """A connected socket, from the first address of the name that answers; ``open_socket`` runs in a thread.

    Raises:
        OSError, ValueError, OverflowError: there is none.
    """
    if open_socket is not None:
        sock = await _from_thread(open_socket, endpoint, seconds)
        prepare(sock, options)
        return sock
    numeric = numeric_address(endpoint.host, endpoint.port)
    addresses = await _look_up(endpoint.host, endpoint.port) if numeric is None else [numeric]
    sources = None if source_host is None else await _look_up(source_host, 0)
    errors: list[OSError] = []
    for address in addresses:
        try:
            return await _connect_to(address, sources, options)
        except OSError as error:
            errors.append(error)
    if len({str(error) for error in errors}) == 1:
        raise errors[0]
    raise OSError("; ".join(map(str, errors)) or "the name has no address")


async def _connect_to(address: Address, sources: Iterable[Address] | None, options: SocketOptions) -> socket.socket:
    family, kind, protocol, _, peer = address
    sock = socket.socket(family, kind, protocol)
    try:
        prepare(sock, options)
        set_buffers(sock, options)
        if sources is not None:
            _bind_to_one(sock, [source[4] for source in sources if source[0] == family])
        if not _connects_at_once(sock, peer):
            await _connected(sock, peer)
    except BaseException:
        sock.close()
        raise
    return sock


def _connects_at_once(sock: socket.socket, peer: Any) -> bool:
    """Whether no turn of the loop is needed to connect: within one machine, who asks again is told how it went."""
    state = sock.connect_ex(peer)
    if state == errno.EINPROGRESS:
        state = sock.connect_ex(peer)
    if state not in (0, errno.EISCONN, errno.EINPROGRESS, errno.EALREADY, errno.EINTR):
        raise OSError(state, f"connecting to {peer} failed")
    return state in (0, errno.EISCONN)


async def _connected(sock: socket.socket, peer: Any) -> None:
    try:
        await asyncio.get_running_loop().sock_connect(sock, peer)
    except OSError as error:
        if error.errno != errno.EISCONN:  # as some systems say when it went through a moment ago
            raise


def _bind_to_one(sock: socket.socket, sources: list[Any]) -> None:
    failure = OSError(errno.EAFNOSUPPORT, "the local host has no address of the peer's kind")
    for source in sources:
        try:
            sock.bind(source)
            return
        except OSError as error:
            failure = error
    raise failure


async def _from_thread(open_socket: OpenSocket, endpoint: Endpoint, seconds: float | None) -> socket.socket:
    """Run it where it holds nobody up; if nobody waits any more when it is done, close what it made."""
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, open_socket, endpoint, seconds)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(_close_late)
        raise


def _close_late(future: asyncio.Future[socket.socket]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()


async def _look_up(host: str | None, port: int, flags: int = 0) -> list[Address]:
    """The addresses of a host; a thread is asked only for names."""
    if host is not None:
        if (found := numeric_address(host, port)) is not None:
            return [found]
        try:
            return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags | socket.AI_NUMERICHOST))
        except socket.gaierror:
            pass
    loop = asyncio.get_running_loop()
    return list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags))


async def listening_sockets(host: str | None, port: int, options: SocketOptions | None = None) -> list[socket.socket]:
    """Sockets that listen on every address of a host (None: every interface), on one port; 0 is a free one.

    Raises:
        OSError, ValueError, OverflowError: an address cannot be used.
    """
    addresses = list(dict.fromkeys(await _look_up(host or None, port, socket.AI_PASSIVE)))
    for _ in range(_ATTEMPTS):
        try:
            return _listen_at(addresses, port, options or SocketOptions())
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free at all of its addresses")


def _listen_at(addresses: Iterable[Address], port: int, options: SocketOptions) -> list[socket.socket]:
    opened: list[socket.socket] = []
    unusable: OSError | None = None
    try:
        for family, kind, protocol, _, (host, _, *rest) in addresses:
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:  # such as IPv6 on a machine without it
                unusable = error
                continue
            opened.append(sock)
            sock.setblocking(False)
            set_buffers(sock, options)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # IPv4 has a socket of its own, and addresses that look like IPv4
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind((host, port, *rest))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL or family != socket.AF_INET6:
                    raise
                unusable = error  # a name may have an IPv6 address that this machine does not
                opened.pop().close()
                continue
            sock.listen(_BACKLOG)
            port = sock.getsockname()[1]
        if not opened:
            raise unusable or OSError(errno.EADDRNOTAVAIL, "the name has no address")
    except BaseException:
        for sock in opened:
            sock.close()
        raise
    return opened
