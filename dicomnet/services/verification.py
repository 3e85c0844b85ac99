"""The Verification service as an SCP (PS3.4 Annex A): whoever asks with C-ECHO learns that we are there."""

from __future__ import annotations

from dicomnet import flows, uids
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CEchoRequest, Request
from dicomnet.flows import Flow
from dicomnet.handlers import Peer
from dicomnet.ul import SupportedContext

__all__ = ["SUPPORTED", "handle"]

SUPPORTED = (SupportedContext(uids.VERIFICATION, (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE)),)
"""For an acceptance policy. The transfer syntax means nothing here, for no C-ECHO has a data set."""


def handle(request: Request, peer: Peer) -> Flow[None]:
    """Answer C-ECHO with success, and anything else with 0211."""
    status = statuses.SUCCESS if isinstance(request, CEchoRequest) else statuses.UNRECOGNIZED_OPERATION
    yield from flows.send(reply(request, status))
