"""Delivery of event reports (PS3.4 CC.2.4): our own associations to the subscribers, as SCP of the Event class.

Each receiving AE has a queue and, while it is not empty, one task with one association, so that events arrive in order
and a slow or absent subscriber holds up nobody else. What cannot be delivered is tried again, ever more slowly; the
queue is bounded in number, bytes and age, and what falls out of it is logged. Subscriptions are never changed here:
failing to deliver is no reason to (CC.2.4.3). Runs on asyncio; every method belongs in its loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from dicomnet import dataset, flows, uids
from dicomnet.dimse.messages import EncodedDataSet, NEventReportRequest, NEventReportResponse
from dicomnet.dimse.status import StatusClass, describe
from dicomnet.drivers import aio
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import CodecError, DicomNetError, EncodeError
from dicomnet.records import dataclass, replace
from dicomnet.ul import ProposedContext, RequestOptions
from dicomnet.wire import RoleSelection

if TYPE_CHECKING:
    import ssl

__all__ = ["DeliveryLimits", "EventDelivery"]

_log = logging.getLogger("ups.delivery")

_TRANSFER_SYNTAXES = (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """What is kept for a subscriber that is away, and how patiently: events, their bytes, seconds, seconds between two
    tries."""

    events: int = 20_000
    bytes: int = 64 * 1024 * 1024
    seconds: float = 3600.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    linger: float = 1.0
    """How long an association with nothing to deliver is kept open for the next event."""


class EventDelivery:
    """Takes events for AE titles and sees them delivered."""

    def __init__(
        self,
        ae_title: str,
        address_of: Callable[[str], Endpoint | None],
        *,
        waits: Waits | None = None,
        limits: DeliveryLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._ae_title = ae_title
        self._address_of = address_of
        self._waits = waits or Waits(connect=10.0, associate=10.0, response=30.0, release=5.0)
        self._limits = limits or DeliveryLimits()
        self._clock = clock
        self._outboxes: dict[str, _Outbox] = {}

    def deliver(self, receiving_ae: str, event: NEventReportRequest, abstract_syntax: str) -> None:
        """Queue one event for the context of this class; it goes out after all earlier ones for the same AE."""
        endpoint = self._address_of(receiving_ae)
        if endpoint is None:
            _log.warning("event type %d dropped: no address is known for the subscriber", event.event_type)
            return
        outbox = self._outboxes.get(receiving_ae)
        if outbox is None:
            outbox = _Outbox(self._ae_title, endpoint, self._waits, self._limits, self._clock, self._tls)
            self._outboxes[receiving_ae] = outbox
        outbox.add(event, abstract_syntax)

    async def drain(self, seconds: float) -> None:
        """Wait until everything is delivered, at most so long, then stop."""
        for outbox in self._outboxes.values():
            outbox.closing.set()
        tasks = [outbox.task for outbox in self._outboxes.values() if outbox.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        await self.close()

    async def close(self) -> None:
        """Stop at once; what is not delivered is lost."""
        tasks = [outbox.task for outbox in self._outboxes.values() if outbox.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An event in the queue, its data set encoded: what waits is as large as it looks."""

    since: float
    event: NEventReportRequest
    abstract_syntax: str
    size: int


class _Outbox:
    """The queue and the delivering task of one subscriber."""

    def __init__(
        self,
        ae_title: str,
        endpoint: Endpoint,
        waits: Waits,
        limits: DeliveryLimits,
        clock: Callable[[], float],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.closing = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._ae_title = ae_title
        self._endpoint = endpoint
        self._waits = waits
        self._limits = limits
        self._clock = clock
        self._tls = tls
        self._queue: deque[_Waiting] = deque()
        self._size = 0
        self._dropped = 0  # for want of room, since it was last logged
        self._more = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def add(self, event: NEventReportRequest, abstract_syntax: str) -> None:
        try:
            encoded, size = _encoded(event)
        except EncodeError as error:
            # It holds what a peer gave, such as reasons to cancel; no later try would write it either.
            _log.warning("%s: event type %d dropped: %s", self._endpoint, event.event_type, error.code)
            return
        self._queue.append(_Waiting(self._clock(), encoded, abstract_syntax, size))
        self._size += size
        while len(self._queue) > self._limits.events or self._size > self._limits.bytes:
            self._drop_oldest()
        self._more.set()
        if self.task is None or self.task.done():
            self.task = self._loop.create_task(self._work())

    def _take_oldest(self) -> None:
        self._size -= self._queue.popleft().size

    def _drop_oldest(self) -> None:
        """Make room. The first is logged as it goes, the others are counted: they may be very many."""
        self._take_oldest()
        if not self._dropped:
            limits = self._limits
            text = "%s: more than %d events or %d bytes wait; the oldest are dropped"
            _log.warning(text, self._endpoint, limits.events, limits.bytes)
        self._dropped += 1

    def _tell_dropped(self) -> None:
        if self._dropped > 1:
            _log.warning("%s: %d events were dropped for want of room", self._endpoint, self._dropped)
        self._dropped = 0

    async def _work(self) -> None:
        """Deliver until the queue is empty, pausing longer after each try that delivered nothing."""
        pause = self._limits.first_pause
        while self._some_wait():
            before = self._queue[0]
            try:
                await self._deliver_all()
            except DicomNetError as error:
                _log.warning("%s: %d event(s) wait, delivery failed: %s", self._endpoint, len(self._queue), error)
            self._tell_dropped()
            if not self._queue or self._queue[0] is not before:
                pause = self._limits.first_pause
                continue
            if self.closing.is_set():
                return
            await self._pause(pause)
            pause = min(2 * pause, self._limits.longest_pause)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return

    def _some_wait(self) -> bool:
        """Whether there is anything to deliver, once what has waited too long is given up."""
        before, oldest = len(self._queue), self._clock() - self._limits.seconds
        while self._queue and self._queue[0].since < oldest:
            self._take_oldest()
        if given_up := before - len(self._queue):
            _log.warning("%s: %d event(s) given up after %g s", self._endpoint, given_up, self._limits.seconds)
        return bool(self._queue)

    async def _deliver_all(self) -> None:
        """One association for all that waits, and for what comes while it lingers.

        Raises:
            DicomNetError: the association could not be made or ended; the event being sent stays in the queue.
        """
        async with await aio.connect(self._endpoint, self._options(), waits=self._waits, tls=self._tls) as link:
            while self._queue:
                next_one = self._queue[0]
                asked = flows.ask(next_one.event, expect=NEventReportResponse, via=next_one.abstract_syntax)
                try:
                    response = await link.run(asked)
                except CodecError as error:  # another transfer syntax cannot say it
                    event_type = next_one.event.event_type
                    _log.warning("%s: event type %d dropped: %s", self._endpoint, event_type, error.code)
                else:
                    if response.status_class is StatusClass.FAILURE:
                        _log.warning("%s answered an event with %s", self._endpoint, describe(response.status))
                if self._queue and self._queue[0] is next_one:  # it may have had to make room meanwhile
                    self._take_oldest()
                if not self._queue:
                    await self._linger()

    async def _linger(self) -> None:
        self._more.clear()
        if self.closing.is_set():
            return
        try:
            async with asyncio.timeout(self._limits.linger):
                await self._more.wait()
        except TimeoutError:
            return

    def _options(self) -> RequestOptions:
        events = (uids.UPS_EVENT, uids.UPS_TRIAL_EVENT)
        return RequestOptions(
            called_ae_title=self._endpoint.ae_title,
            calling_ae_title=self._ae_title,
            contexts=tuple(ProposedContext(uid, _TRANSFER_SYNTAXES) for uid in events),
            # We open the association, but are the SCP of Event (PS3.4 CC.3.2, PS3.7 D.3.3.4).
            roles=tuple(RoleSelection(uid, 0, 1) for uid in events),
        )


def _encoded(event: NEventReportRequest) -> tuple[NEventReportRequest, int]:
    """The event with its data set as bytes, and how many.

    Raises:
        EncodeError: a value cannot be written.
    """
    encoded = event.data_set
    if not isinstance(encoded, EncodedDataSet):
        data_set = event.dataset()
        if data_set is None:
            return event, 0
        encoded = EncodedDataSet(dataset.encode(data_set, _TRANSFER_SYNTAXES[0]), _TRANSFER_SYNTAXES[0])
    return replace(event, data_set=encoded), len(encoded.data)
