"""What both drivers take: where to go, how long to wait, what sockets are like, and whom to show what happens."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from dicomnet.dimse.messages import Message
from dicomnet.endpoint import Endpoint
from dicomnet.records import dataclass, replace
from dicomnet.ul import Direction, Primitive, RequestOptions, Timeouts, build_request
from dicomnet.wire import AAssociateRQ, Pdu

__all__ = ["Endpoint", "Hooks", "SocketOptions", "Waits", "proposal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Functions that are shown what happens in an association; the first argument is its id, as in the log.

    ``pdu`` sees every PDU that arrives, readable or not, ``primitive`` every service primitive of PS3.8 clause 7, and
    ``message`` every DIMSE message, sent or received. Our own request for an association is shown once there is a
    connection for it. They should look and return; what one raises is logged and goes no further. One that is None
    costs nothing.
    """

    pdu: Callable[[int, Pdu], None] | None = None
    primitive: Callable[[int, Primitive], None] | None = None
    message: Callable[[int, Direction, Message], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds we are ready to wait for the peer; None for as long as it takes.

    ``connect`` None leaves it to the system. ``send`` bounds how long the peer may read nothing of what we have for it,
    ``request`` how long an acceptor waits for the association request (ARTIM), ``close`` how long either side waits for
    the transport to close at the end, ``pdu`` how long a PDU that has begun may take. A TLS handshake is part of
    ``connect`` for the requestor (if that is None, ``request`` bounds it) and of ``request`` for the acceptor.
    """

    connect: float | None = None
    associate: float | None = 30.0
    response: float | None = 60.0
    release: float | None = 30.0
    send: float | None = 30.0
    idle: float | None = 300.0
    pdu: float | None = 30.0
    request: float = 10.0
    close: float = 5.0

    @property
    def shake_hands(self) -> float:
        """Seconds in which the TLS handshake of a requestor has to be over; connecting may have used some of them."""
        return self.request if self.connect is None else self.connect

    def timeouts(self) -> Timeouts:
        """Those of them that the association core keeps."""
        return _timeouts(self)


@lru_cache(maxsize=16)
def _timeouts(waits: Waits) -> Timeouts:
    return Timeouts(
        artim=waits.request,
        close=waits.close,
        associate=waits.associate,
        release=waits.release,
        pdu=waits.pdu,
        idle=waits.idle,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOptions:
    """What the system is asked to do with our connections.

    ``no_delay`` sends small messages at once (TCP_NODELAY): DIMSE is request and response, where waiting for more to
    send only costs time. The buffers are bytes asked of the system (SO_RCVBUF, SO_SNDBUF), which has limits of its own,
    and of which Linux tells twice as many; None leaves them to it.
    """

    no_delay: bool = True
    receive_buffer: int | None = None
    send_buffer: int | None = None


def proposal(endpoint: Endpoint, options: RequestOptions) -> AAssociateRQ:
    """The association request for these options; an empty called title is the endpoint's.

    Raises:
        LocalProtocolError: too many contexts.
    """
    return build_request(options if options.called_ae_title else replace(options, called_ae_title=endpoint.ae_title))
