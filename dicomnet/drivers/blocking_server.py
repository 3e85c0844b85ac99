"""Serving with blocking calls: a listening socket, and one association at a time.

For tools and tests that expect one peer. To serve many use ``aio_server``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.blocking import Link
from dicomnet.drivers.common import Hooks, SocketOptions, Waits
from dicomnet.drivers.serving_options import ServingOptions
from dicomnet.drivers.sockets import (
    check_server_tls,
    open_listener,
    peer_address,
    prepare,
    reason_of,
    set_buffers,
    timeout,
)
from dicomnet.errors import ConnectFailed, TimedOut
from dicomnet.handlers import Handler
from dicomnet.ul import AcceptancePolicy, Transcript
from dicomnet.wire import PduLimits

if TYPE_CHECKING:
    import ssl

__all__ = ["Listener", "listen"]


class Listener:
    """A listening socket that gives one ``Link`` per association. For many at a time use the asyncio driver."""

    def __init__(self, sock: socket.socket, options: ServingOptions) -> None:
        self._socket = sock
        self._options = options

    @property
    def port(self) -> int:
        """The port it listens on; 0 for a socket that has none."""
        address = self._socket.getsockname()
        return address[1] if isinstance(address, tuple) else 0

    def accept(self, seconds: float | None = None) -> Link:
        """Wait for a connection and its association request, and answer it by the policy.

        Raises:
            TimedOut: nobody came.
            ConnectFailed: nobody can come.
            Rejected: the policy said no (the peer was told).
            Aborted, ConnectionLost, RemoteProtocolError, TimedOut: the peer failed to become an association.
        """
        try:
            if self._socket.gettimeout() != (limit := timeout(seconds)):
                self._socket.settimeout(limit)
            sock, address = self._socket.accept()
        except TimeoutError as error:
            raise TimedOut("nobody connected", wait="accept") from error
        except OSError as error:  # such as no descriptor left, or a listener that was closed
            raise ConnectFailed(f"cannot accept a connection: {error.strerror or error}") from error
        try:
            link = self._link(sock, peer_address(address))
        except BaseException:
            sock.close()
            raise
        link.establish()
        return link

    def _link(self, sock: socket.socket, address: str) -> Link:
        options = self._options
        prepare(sock, options.socket_options)
        return Link(
            options.transport(sock), options.session(address), options.waits, options.hooks, options.socket_options
        )

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
    pdu_limits: PduLimits | None = None,
    message_limits: MessageLimits | None = None,
    tls: ssl.SSLContext | None = None,
    sock: socket.socket | None = None,
    transcript: Callable[[], Transcript] | None = None,
    check_roles: bool = True,
    hooks: Hooks | None = None,
    one_pdv_per_pdu: bool = False,
    send_limit: int = 0,
    socket_options: SocketOptions | None = None,
) -> Listener:
    """Listen on an address; port 0 picks a free one.

    ``tls`` is a context as ``drivers.tls.server_context`` makes it. ``sock`` is a bound socket to listen on, such as a
    Unix one, in place of host and port; the listener closes it, and so does a failure. ``transcript`` makes the record
    for each association; ``check_roles``, ``hooks``, ``one_pdv_per_pdu``, ``send_limit`` and ``socket_options`` are
    those of ``connect``.

    Raises:
        ConnectFailed: the address cannot be used, or ``tls`` is not for servers.
        LocalProtocolError: nothing can be sent within ``send_limit``.
    """
    socket_options = socket_options or SocketOptions()
    try:
        options = ServingOptions(
            policy=policy,
            handler=handler,
            waits=waits or Waits(),
            pdu_limits=pdu_limits or PduLimits(),
            message_limits=message_limits,
            tls=tls,
            transcript=transcript,
            check_roles=check_roles,
            hooks=hooks,
            one_pdv_per_pdu=one_pdv_per_pdu,
            send_limit=send_limit,
            socket_options=socket_options,
        )
        check_server_tls(tls)
        if sock is not None:
            set_buffers(sock, socket_options)
            sock.listen()
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, OSError):
            raise ConnectFailed(f"cannot listen on the socket given: {reason_of(error)}") from error
        raise
    if sock is None:
        sock = open_listener(host, port, socket_options)
    return Listener(sock, options)
