"""The SCP on the network: a search that goes on and on, and what others may expect meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.messages import CFindRequest, NGetRequest, NGetResponse, Request, Response
from dicomnet.drivers import blocking
from dicomnet.flows import Flow
from dicomnet.ul import ProposedContext, RequestOptions
from ups.scp.service import Caller, Outcome, UpsService
from ups.scp.store import MemoryStore
from ups.server import UpsServer

_OPTIONS = RequestOptions("SCP", "PEER", (ProposedContext(uids.UPS_PULL), ProposedContext(uids.VERIFICATION)))
_FIND = CFindRequest(sop_class=uids.UPS_PULL)


class _Endless(UpsService):
    """A worklist so long that no search comes to its end."""

    turns = 0

    def handle(self, request: Request, caller: Caller, now: datetime) -> Outcome:
        return Outcome(self._forever()) if isinstance(request, CFindRequest) else super().handle(request, caller, now)

    def _forever(self) -> Iterator[Sequence[Response]]:
        while True:
            self.turns += 1
            yield []


@pytest.fixture
def endless() -> Iterator[tuple[_Endless, UpsServer]]:
    service = _Endless(MemoryStore(), ae_title="SCP")
    with UpsServer(service, ae_title="SCP") as server:
        yield service, server


def test_a_search_holds_up_no_other_peer(endless: tuple[_Endless, UpsServer]) -> None:
    _, server = endless
    get = NGetRequest(sop_class=uids.UPS_PUSH, instance="1.2.3")
    with blocking.connect(server.endpoint, _OPTIONS) as searching:
        searching.run(flows.send(_FIND))
        with blocking.connect(server.endpoint, _OPTIONS) as other:
            assert other.run(flows.ask(get, expect=NGetResponse, via=uids.UPS_PULL)).status == 0xC307
        searching.abort()


def test_a_search_without_matches_can_be_cancelled(endless: tuple[_Endless, UpsServer]) -> None:
    def cancelled() -> Flow[Response]:
        message_id = yield from flows.send(_FIND)
        yield from flows.cancel(message_id, via=uids.UPS_PULL)
        return (yield from flows.await_reply(message_id))

    _, server = endless
    with blocking.connect(server.endpoint, _OPTIONS) as link:
        assert link.run(cancelled()).status == 0xFE00


def test_a_search_ends_with_its_association(endless: tuple[_Endless, UpsServer]) -> None:
    service, server = endless
    with blocking.connect(server.endpoint, _OPTIONS) as link:
        link.run(flows.send(_FIND))
        link.abort()
    with blocking.connect(server.endpoint, _OPTIONS) as link:
        for _ in range(100):
            before = service.turns
            for _ in range(20):
                link.run(flows.c_echo())
            if before == service.turns:
                return
    pytest.fail("the search goes on for nobody")
