"""What both drivers take: where to go, and how long to wait."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dicomnet.endpoint import Endpoint
from dicomnet.ul import RequestOptions, Timeouts, build_request
from dicomnet.wire import AAssociateRQ

__all__ = ["Endpoint", "Waits", "proposal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds we are ready to wait for the peer; None for as long as it takes.

    ``connect`` None leaves it to the system. ``send`` bounds how long the peer may read nothing of what we have for it,
    ``request`` how long an acceptor waits for the association request (ARTIM), ``close`` how long either side waits for
    the transport to close at the end, ``pdu`` how long a PDU that has begun may take.
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

    def timeouts(self) -> Timeouts:
        """Those of them that the association core keeps."""
        return Timeouts(
            artim=self.request,
            close=self.close,
            associate=self.associate,
            release=self.release,
            pdu=self.pdu,
            idle=self.idle,
        )


def proposal(endpoint: Endpoint, options: RequestOptions) -> AAssociateRQ:
    """The association request for these options; an empty called title is the endpoint's.

    Raises:
        LocalProtocolError: too many contexts.
    """
    return build_request(options if options.called_ae_title else replace(options, called_ae_title=endpoint.ae_title))
