"""Serving with blocking calls: a listening socket, and one association at a time.

For tools and tests that expect one peer. To serve many use ``aio_server``.
"""

from __future__ import annotations

import socket
from typing import Self

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.blocking import Link
from dicomnet.drivers.common import Waits
from dicomnet.drivers.session import Session
from dicomnet.drivers.sockets import open_listener, peer_address, prepare
from dicomnet.drivers.transport import PlainTransport
from dicomnet.errors import ConnectFailed, TimedOut
from dicomnet.handlers import Handler
from dicomnet.ul import AcceptancePolicy, Association, Role
from dicomnet.wire import PduLimits

__all__ = ["Listener", "listen"]


class Listener:
    """A listening socket that gives one ``Link`` per association. For many at a time use the asyncio driver."""

    def __init__(
        self,
        sock: socket.socket,
        policy: AcceptancePolicy,
        handler: Handler | None,
        waits: Waits,
        pdu_limits: PduLimits,
        message_limits: MessageLimits | None,
    ) -> None:
        self._socket = sock
        self._policy = policy
        self._handler = handler
        self._waits = waits
        self._pdu_limits = pdu_limits
        self._message_limits = message_limits

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self._socket.getsockname()[1]
        return port

    def accept(self, seconds: float | None = None) -> Link:
        """Wait for a connection and its association request, and answer it by the policy.

        Raises:
            TimedOut: nobody came.
            ConnectFailed: nobody can come.
            Rejected: the policy said no (the peer was told).
            Aborted, ConnectionLost, RemoteProtocolError, TimedOut: the peer failed to become an association.
        """
        try:
            self._socket.settimeout(seconds)
            sock, address = self._socket.accept()
        except TimeoutError as error:
            raise TimedOut("nobody connected", wait="accept") from error
        except OSError as error:  # such as no descriptor left, or a listener that was closed
            raise ConnectFailed(f"cannot accept a connection: {error.strerror or error}") from error
        prepare(sock)
        association = Association(Role.ACCEPTOR, limits=self._pdu_limits, timeouts=self._waits.timeouts())
        session = Session(
            association,
            address=peer_address(address),
            handler=self._handler,
            policy=self._policy,
            response_timeout=self._waits.response,
            limits=self._message_limits,
        )
        link = Link(PlainTransport(sock), session, self._waits)
        link.establish()
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
    pdu_limits: PduLimits | None = None,
    message_limits: MessageLimits | None = None,
) -> Listener:
    """Listen on an address; port 0 picks a free one.

    Raises:
        ConnectFailed: the address cannot be used.
    """
    sock = open_listener(host, port)
    return Listener(sock, policy, handler, waits or Waits(), pdu_limits or PduLimits(), message_limits)
