"""Delivery of event reports to a subscriber: what is kept for it, and what must not hold up the rest."""

from __future__ import annotations

import asyncio
import logging

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicomnet import uids
from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.drivers.aio_server import serve
from dicomnet.drivers.common import Endpoint
from dicomnet.ul import PlainPolicy, SupportedContext
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


async def _delivered(events: list[NEventReportRequest], limits: DeliveryLimits, *, away: bool = False) -> list[str]:
    """The instances a subscriber hears of; with ``away`` it comes up only when all events wait for it."""
    heard: list[str] = []
    receiver = scu.event_receiver(lambda report, _: heard.append(report.instance))
    server = await serve("127.0.0.1", 0, _POLICY, handler=receiver)
    port = server.port
    if away:
        await server.close()
    delivery = EventDelivery("SCP", lambda _: Endpoint("WATCHER", "127.0.0.1", port), limits=limits)
    for event in events:
        delivery.deliver("WATCHER", event, uids.UPS_EVENT)
    if away:
        server = await serve("127.0.0.1", port, _POLICY, handler=receiver)
    async with server:
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
    heard = asyncio.run(_delivered(events, DeliveryLimits(events=3), away=True))
    assert heard == [f"1.2.{number}" for number in range(first, count + 1)]
