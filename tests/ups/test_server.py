"""The SCP on the network: a search that goes on and on, and what others may expect meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.dataset import DataSetLimits
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.dimse.messages import CFindRequest, CFindResponse, NGetRequest, NGetResponse, Request, Response
from dicomnet.drivers import blocking
from dicomnet.errors import Aborted
from dicomnet.flows import Flow
from dicomnet.records import replace
from dicomnet.ul import ProposedContext, RequestOptions
from dicomnet.wire import ExtendedNegotiation, PDataTF, PduLimits, Pdv
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


def _nested(levels: int) -> Dataset:
    """An identifier of sequences in sequences."""
    result = Dataset()
    if levels:
        result.ScheduledStationNameCodeSequence = [_nested(levels - 1)]
    else:
        result.PatientID = "A"
    return result


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (DataSetLimits(max_depth=2), 0),
        (DataSetLimits(max_depth=1), 0xC000),
        (DataSetLimits(max_elements=5), 0),
        (DataSetLimits(max_elements=4), 0xC000),
        (DataSetLimits(max_bytes=42), 0),
        (DataSetLimits(max_bytes=41), 0xA700),
    ],
)
def test_what_a_data_set_may_cost_can_be_set(limits: DataSetLimits, status: int) -> None:
    find = CFindRequest(sop_class=uids.UPS_PULL, data_set=_nested(2))
    service = UpsService(MemoryStore(), ae_title="SCP")
    with (
        UpsServer(service, ae_title="SCP", message_limits=MessageLimits(data_set=limits)) as server,
        blocking.connect(server.endpoint, _OPTIONS) as link,
    ):
        assert link.run(flows.ask(find, expect=CFindResponse)).status == status


@pytest.mark.parametrize(("surplus", "refused"), [(0, False), (1, True)], ids=["at the limit", "beyond"])
def test_the_announced_length_of_a_pdu_can_be_set(surplus: int, refused: bool) -> None:
    body = Pdv(1, bytes(100 - 6 + surplus), 1)  # the beginning of a command
    with (
        UpsServer(
            UpsService(MemoryStore(), ae_title="SCP"), ae_title="SCP", pdu_limits=PduLimits(p_data=100)
        ) as server,
        blocking.connect(server.endpoint, _OPTIONS) as link,
    ):
        assert link.negotiated.peer_max_length == 100
        link.run(flows.inject(PDataTF((body,))))
        if refused:
            with pytest.raises(Aborted):
                link.run(flows.c_echo())
        else:
            link.abort()


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


@pytest.mark.parametrize(
    ("sop_class", "asked", "answer"),
    [
        (uids.UPS_PULL, b"\1\1\1", b"\1\1\1"),
        (uids.UPS_WATCH, b"\1\1\1\1", b"\1\1\1\0"),
        (uids.UPS_QUERY, b"\1\1\0", b"\1\1\0"),
        (uids.UPS_TRIAL_PULL, b"\1\1", b"\1\1\0"),
        (uids.UPS_PULL, b"\1\1\1\1\1\1\1", b"\1\1\1"),
        (uids.UPS_PULL, b"", b"\1\1\0"),
        (uids.UPS_PUSH, b"\1\1\1", None),
    ],
)
def test_fuzzy_matching_is_negotiated(sop_class: str, asked: bytes, answer: bytes | None) -> None:
    options = RequestOptions(
        "SCP", "PEER", (ProposedContext(sop_class),), extended=(ExtendedNegotiation(sop_class, asked),)
    )
    with (
        UpsServer(UpsService(MemoryStore(), ae_title="SCP"), ae_title="SCP") as server,
        blocking.connect(server.endpoint, options) as link,
    ):
        assert link.negotiated.extended.get(sop_class) == answer


def test_only_who_negotiated_it_searches_fuzzily() -> None:
    asked: list[bool] = []

    class Noting(UpsService):
        def handle(self, request: Request, caller: Caller, now: datetime) -> Outcome:
            asked.append(caller.fuzzy)
            return super().handle(request, caller, now)

    find = CFindRequest(sop_class=uids.UPS_PULL, data_set=_nested(0))
    with UpsServer(Noting(MemoryStore(), ae_title="SCP"), ae_title="SCP") as server:
        for info in (b"\1\1\1", b"\1\1\0", None):
            extended = () if info is None else (ExtendedNegotiation(uids.UPS_PULL, info),)
            with blocking.connect(server.endpoint, replace(_OPTIONS, extended=extended)) as link:
                assert link.run(flows.ask(find, expect=CFindResponse)).status == 0
    assert asked == [True, False, False]
