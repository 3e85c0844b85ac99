"""The beginning of every client: a session that will ask for an association, the same for each driver."""

from __future__ import annotations

from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.common import Endpoint, Hooks, Waits, proposal
from dicomnet.drivers.session import Session
from dicomnet.handlers import Handler
from dicomnet.records import replace
from dicomnet.ul import Association, RequestOptions, Role, Transcript
from dicomnet.ul.negotiated import smaller_window
from dicomnet.wire import PduLimits

__all__ = ["requesting_session"]


def requesting_session(
    endpoint: Endpoint,
    options: RequestOptions,
    waits: Waits,
    now: float,
    *,
    handler: Handler | None = None,
    limits: MessageLimits | None = None,
    transcript: Transcript | None = None,
    one_pdv_per_pdu: bool = False,
    send_limit: int = 0,
    record_pdus: bool = False,
    check_roles: bool = True,
    hooks: Hooks | None = None,
) -> Session:
    """A session that will ask ``endpoint`` for an association once its transport is connected.

    Of the operations window no more is proposed to perform at once than ``limits.requests``.

    Raises:
        LocalProtocolError: the request breaks a rule.
    """
    if options.async_window is not None:
        invoked, performed = options.async_window
        most = (limits or MessageLimits()).requests
        options = replace(options, async_window=(invoked, smaller_window(performed, most)))
    association = Association(
        Role.REQUESTOR,
        limits=PduLimits(p_data=options.max_length),
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
    association.associate_request(proposal(endpoint, options), now)  # which the hooks are to see
    return session
