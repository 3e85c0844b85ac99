"""The beginning of every client: a session that will ask for an association, the same for each driver."""

from __future__ import annotations

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Endpoint, Hooks, Waits, proposal
from dicomnet.drivers.session import Session
from dicomnet.handlers import Handler
from dicomnet.records import replace
from dicomnet.ul import Association, RequestOptions, Role, Transcript
from dicomnet.ul.negotiated import smaller_window
from dicomnet.ul.negotiation import checked, checked_limit
from dicomnet.wire import AAssociateRQ

__all__ = ["request_for", "requesting_session"]


def request_for(
    endpoint: Endpoint, options: RequestOptions, limits: MessageLimits | None = None, send_limit: int = 0
) -> tuple[AAssociateRQ, bytes]:
    """The request to make of ``endpoint``, which is in order, and its bytes.

    Of the operations window no more is proposed to perform at once than ``limits.requests``.

    Raises:
        LocalProtocolError: it breaks a rule, or nothing could be sent within ``send_limit``.
    """
    checked_limit(send_limit)
    if options.async_window is not None:
        invoked, performed = options.async_window
        most = (limits or MessageLimits()).requests
        options = replace(options, async_window=(invoked, smaller_window(performed, most)))
    request = proposal(endpoint, options)
    return request, checked(request)


def requesting_session(
    endpoint: Endpoint,
    request: AAssociateRQ,
    waits: Waits,
    now: float,
    *,
    encoded: bytes | None = None,
    handler: Handler | None = None,
    limits: MessageLimits | None = None,
    transcript: Transcript | None = None,
    one_pdv_per_pdu: bool = False,
    send_limit: int = 0,
    record_pdus: bool = False,
    check_roles: bool = True,
    hooks: Hooks | None = None,
) -> Session:
    """A session that will make this request of ``endpoint`` once it is told that its transport is connected.

    To make one takes about as long as a peer nearby takes to accept a connection. So a driver works out the request,
    connects, and makes this while the peer is at work. ``encoded`` are the bytes of a request that is in order.

    Raises:
        LocalProtocolError: the request breaks a rule.
    """
    association = Association(
        Role.REQUESTOR,
        timeouts=waits.timeouts(),
        transcript=transcript,
        send_limit=send_limit,
    )
    session = Session(
        association,
        address=str(endpoint),
        handler=handler,
        response_timeout=waits.response,
        limits=limits,
        one_pdv_per_pdu=one_pdv_per_pdu,
        record_pdus=record_pdus,
        check_roles=check_roles,
        hooks=hooks,
    )
    association.associate_request(request, now, encoded)  # which the hooks are to see
    return session
