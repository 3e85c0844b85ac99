"""What every association that is served has from who serves it: the same for the servers of both drivers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Hooks, SocketOptions, Waits
from dicomnet.drivers.session import Session
from dicomnet.drivers.transport import PlainTransport, TlsTransport, Transport
from dicomnet.handlers import Handler
from dicomnet.records import dataclass
from dicomnet.ul import AcceptancePolicy, Association, Role, Transcript
from dicomnet.ul.negotiation import checked_limit
from dicomnet.wire import PduLimits

if TYPE_CHECKING:
    import ssl

__all__ = ["ServingOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """The arguments that ``aio_server.serve`` and ``blocking_server.listen`` have in common.

    Raises:
        LocalProtocolError: nothing can be sent within ``send_limit``.
    """

    policy: AcceptancePolicy
    handler: Handler | None
    waits: Waits
    pdu_limits: PduLimits
    message_limits: MessageLimits | None
    tls: ssl.SSLContext | None
    transcript: Callable[[], Transcript] | None
    check_roles: bool
    hooks: Hooks | None
    one_pdv_per_pdu: bool
    send_limit: int
    socket_options: SocketOptions

    def __post_init__(self) -> None:
        checked_limit(self.send_limit)  # now, and not when the first peer has come

    def transport(self, sock: socket.socket) -> Transport:
        """What a connection of a peer passes through."""
        return PlainTransport(sock) if self.tls is None else TlsTransport(sock, self.tls, server_side=True)

    def session(self, address: str) -> Session:
        """An acceptor for the peer at this address."""
        association = Association(
            Role.ACCEPTOR,
            limits=self.pdu_limits,
            timeouts=self.waits.timeouts(),
            transcript=self.transcript() if self.transcript is not None else None,
            send_limit=self.send_limit,
        )
        return Session(
            association,
            address=address,
            handler=self.handler,
            policy=self.policy,
            response_timeout=self.waits.response,
            limits=self.message_limits,
            one_pdv_per_pdu=self.one_pdv_per_pdu,
            check_roles=self.check_roles,
            hooks=self.hooks,
        )
