"""Two exchanges joined in memory, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dicomnet import uids
from dicomnet.dimse.exchange import Exchange, MessageLimits, Received
from dicomnet.dimse.messages import Message, Request
from dicomnet.ul import (
    Applicant,
    AssociateConfirmation,
    AssociateIndication,
    Association,
    PlainPolicy,
    ProposedContext,
    ProviderAbortIndication,
    RequestOptions,
    Role,
    SupportedContext,
    Timeouts,
    Transcript,
    UlEvent,
    build_request,
)
from dicomnet.wire import AAssociateAC, PDataTF, Pdu, PduLimits, Pdv

SYNTAXES = {
    uids.VERIFICATION: uids.IMPLICIT_VR_LE,
    uids.UPS_PUSH: uids.EXPLICIT_VR_LE,
    uids.UPS_PULL: uids.IMPLICIT_VR_LE,
}
REQUEST = build_request(
    RequestOptions(
        "SCP", "SCU", tuple(ProposedContext(uid, (syntax,)) for uid, syntax in SYNTAXES.items()), max_length=0
    )
)
PATIENT = Timeouts(associate=None, release=None, pdu=None, idle=None)


class Wire:
    """``scu`` and ``scp`` with the bytes between them; ``deliver`` moves all, ``now`` is the time for both."""

    def __init__(
        self, scu_limits: MessageLimits, scp_limits: MessageLimits, one_pdv_per_pdu: bool, max_length: int
    ) -> None:
        self.now = 0.0
        policy = PlainPolicy(
            tuple(SupportedContext(uid, (syntax,)) for uid, syntax in SYNTAXES.items()), max_length=max_length
        )
        requestor = Association(Role.REQUESTOR, limits=PduLimits(p_data=0), timeouts=PATIENT, transcript=Transcript())
        acceptor = Association(
            Role.ACCEPTOR, limits=PduLimits(p_data=max_length), timeouts=PATIENT, transcript=Transcript()
        )
        self.scu = Exchange(requestor, limits=scu_limits, one_pdv_per_pdu=one_pdv_per_pdu)
        self.scp = Exchange(acceptor, limits=scp_limits, one_pdv_per_pdu=one_pdv_per_pdu)
        requestor.associate_request(REQUEST, 0.0)
        requestor.transport_connected(0.0)
        acceptor.transport_connected(0.0)
        self.deliver()
        indication = self.scp.next_event(0.0)
        assert isinstance(indication, AssociateIndication)
        answer = policy.decide(indication.request, Applicant("memory"))
        assert isinstance(answer, AAssociateAC)
        acceptor.associate_accept(answer, 0.0)
        self.deliver()
        assert isinstance(self.scu.next_event(0.0), AssociateConfirmation)

    def awaits(self, *message_ids: int, request: Request) -> None:
        """Have the SCU wait for the answer to a request, as if it had sent that."""
        assert self.scu.association.negotiated is not None
        context = next(iter(self.scu.association.negotiated.contexts.values()))
        self.scu._asked.update(dict.fromkeys(message_ids, (request, context)))

    def deliver(self) -> None:
        """Move all bytes, one way and the other, until there are none."""
        moved = True
        while moved:
            moved = False
            for here, there in ((self.scu, self.scp), (self.scp, self.scu)):
                data = b"".join(here.association.data_to_send())
                there.association.receive_data(data, self.now)
                moved = moved or bool(data)

    def events(self, exchange: Exchange) -> list[Message | UlEvent]:
        """What one side has heard."""
        self.deliver()
        found = list(iter(lambda: exchange.next_event(self.now), None))
        self.deliver()
        return [event.message if isinstance(event, Received) else event for event in found]

    def message(self, exchange: Exchange) -> Message:
        """The one message one side has heard."""
        (event,) = self.events(exchange)
        assert isinstance(event, Message), event
        return event

    def fault(self, exchange: Exchange) -> ProviderAbortIndication:
        """The end of the association one side has heard of, and nothing else."""
        (event,) = self.events(exchange)
        assert isinstance(event, ProviderAbortIndication), event
        return event

    def inject(self, *pdus: Pdu) -> None:
        """Have the SCU send these as they are."""
        for pdu in pdus:
            self.scu.association.inject(pdu, self.now)
        self.deliver()

    def fragments(self, *pdvs: Pdv) -> None:
        """Have the SCU send these, each in a PDU of its own."""
        self.inject(*(PDataTF((pdv,)) for pdv in pdvs))


@pytest.fixture
def join() -> Callable[..., Wire]:
    """Makes a Wire."""

    def joined(
        *,
        scu: MessageLimits | None = None,
        scp: MessageLimits | None = None,
        one_pdv_per_pdu: bool = False,
        max_length: int = 0,
    ) -> Wire:
        return Wire(scu or MessageLimits(), scp or MessageLimits(), one_pdv_per_pdu, max_length)

    return joined


@pytest.fixture
def wire(join: Callable[..., Wire]) -> Wire:
    """Two exchanges with the usual limits."""
    return join()
