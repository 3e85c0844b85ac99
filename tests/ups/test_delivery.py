"""Delivery of event reports to a subscriber: what is kept for it, and what must not hold up the rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicomnet import uids
from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.drivers.aio_server import serve
from dicomnet.drivers.common import Endpoint
from dicomnet.ul import Applicant, PlainPolicy, SupportedContext
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ
from ups import scu
from ups.delivery import DeliveryLimits, EventDelivery

_POLICY = PlainPolicy((SupportedContext(uids.UPS_EVENT, (uids.EXPLICIT_VR_LE,), scu=True),))


def _event(number: int, information: Dataset | None = None) -> NEventReportRequest:
    return NEventReportRequest(sop_class=uids.UPS_PUSH, instance=f"1.2.{number}", event_type=1, data_set=information)


def _not_to_be_written() -> Dataset:
    """As it comes from a big endian peer: three bytes of US have no order to put them in."""
    result = Dataset()
    result._dict[BaseTag(0x00280010)] = RawDataElement(BaseTag(0x00280010), "US", 3, b"abc", 0, False, False)
    return result


async def _delivered(
    events: list[NEventReportRequest], limits: DeliveryLimits, times: Sequence[float] = ()
) -> list[str]:
    """The instances a subscriber hears of, when all events wait for it before the first is sent.

    ``times`` is what the clock says when each event comes, and when the first try is made.
    """
    now = iter(times)
    heard: list[str] = []
    receiver = scu.event_receiver(lambda report, _: heard.append(report.instance))
    async with await serve("127.0.0.1", 0, _POLICY, handler=receiver) as server:
        endpoint = Endpoint("WATCHER", "127.0.0.1", server.port)
        delivery = EventDelivery("SCP", lambda _: endpoint, limits=limits, clock=lambda: next(now, 0.0))
        for event in events:
            delivery.deliver("WATCHER", event, uids.UPS_EVENT)
        await delivery.drain(20.0)
    return heard


def test_an_event_that_cannot_be_written_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    events = [_event(1), _event(2, _not_to_be_written()), _event(3)]
    with caplog.at_level(logging.WARNING, "ups.delivery"):
        assert asyncio.run(_delivered(events, DeliveryLimits())) == ["1.2.1", "1.2.3"]
    assert "event type 1 dropped: bad-value" in caplog.text


@pytest.mark.parametrize(("count", "first"), [(3, 1), (4, 2)])
def test_the_oldest_event_makes_room(count: int, first: int) -> None:
    events = [_event(number) for number in range(1, count + 1)]
    heard = asyncio.run(_delivered(events, DeliveryLimits(events=3)))
    assert heard == [f"1.2.{number}" for number in range(first, count + 1)]


@pytest.mark.parametrize(("limit", "first"), [(66, 1), (65, 2), (22, 3), (21, None)])
def test_the_oldest_events_make_room_for_the_bytes_of_a_new_one(limit: int, first: int | None) -> None:
    information = Dataset()
    information.ReasonForCancellation = "fourteen bytes"  # 8 bytes of header
    events = [_event(number, information) for number in range(1, 4)]
    heard = asyncio.run(_delivered(events, DeliveryLimits(bytes=limit)))
    assert heard == ([] if first is None else [f"1.2.{number}" for number in range(first, 4)])


@pytest.mark.parametrize(("wait", "first"), [(100.0, 1), (100.5, 2)], ids=["at the limit", "beyond"])
def test_an_event_that_is_too_old_is_given_up(wait: float, first: int, caplog: pytest.LogCaptureFixture) -> None:
    events = [_event(1), _event(2)]
    limits = DeliveryLimits(seconds=100.0)
    heard = asyncio.run(_delivered(events, limits, (1000.0, 1050.0, 1000.0 + wait)))
    assert heard == [f"1.2.{number}" for number in range(first, 3)]
    assert ("1 event(s) given up after 100 s" in caplog.text) == (first == 2)


def test_events_that_make_room_are_counted_and_not_logged_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    events = [_event(number) for number in range(103)]
    asyncio.run(_delivered(events, DeliveryLimits(events=3)))
    assert len([line for line in caplog.messages if "the oldest are dropped" in line]) == 1
    assert "100 events were dropped for want of room" in caplog.text


def test_an_event_that_makes_room_while_it_is_sent_takes_no_other_with_it() -> None:
    async def heard() -> list[str]:
        received: list[str] = []

        def note(report: NEventReportRequest, _: object) -> None:
            received.append(report.instance)
            if len(received) == 1:
                delivery.deliver("WATCHER", _event(2), uids.UPS_EVENT)

        async with await serve("127.0.0.1", 0, _POLICY, handler=scu.event_receiver(note)) as server:
            endpoint = Endpoint("WATCHER", "127.0.0.1", server.port)
            delivery = EventDelivery("SCP", lambda _: endpoint, limits=DeliveryLimits(events=1))
            delivery.deliver("WATCHER", _event(1), uids.UPS_EVENT)
            await delivery.drain(20.0)
        return received

    assert asyncio.run(heard()) == ["1.2.1", "1.2.2"]


class _Late:
    """A subscriber that is ready for the third association only."""

    def __init__(self) -> None:
        self.asked = 0

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        self.asked += 1
        return _POLICY.decide(request, applicant) if self.asked == 3 else AAssociateRJ(2, 1, 1)


def test_what_cannot_be_delivered_is_tried_again() -> None:
    async def heard() -> str:
        received: asyncio.Queue[str] = asyncio.Queue()
        receiver = scu.event_receiver(lambda report, _: received.put_nowait(report.instance))
        async with await serve("127.0.0.1", 0, _Late(), handler=receiver) as server:
            endpoint = Endpoint("WATCHER", "127.0.0.1", server.port)
            delivery = EventDelivery("SCP", lambda _: endpoint, limits=DeliveryLimits(first_pause=0.01))
            delivery.deliver("WATCHER", _event(1), uids.UPS_EVENT)
            async with asyncio.timeout(20.0):
                first = await received.get()
            await delivery.close()
            return first

    assert asyncio.run(heard()) == "1.2.1"
