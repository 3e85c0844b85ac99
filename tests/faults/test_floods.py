"""What a peer that floods may make us hold: memory stays where it was, however much comes, whoever is to take it."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import count, cycle
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dataset import DataSetLimits
from dicomnet.dimse import messages as m
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.dimse.messages import EncodedDataSet, Request
from dicomnet.dimse.payloads import StreamedDataSet
from dicomnet.drivers import memory
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.drivers.requestor import requesting_session
from dicomnet.drivers.runs import Run
from dicomnet.drivers.session import Session
from dicomnet.errors import Aborted, RemoteProtocolError, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.ul import Association, Role, build_request
from dicomnet.wire import PDataTF, PduLimits, Pdv, encode_pdu
from tests.faults.scripts import (
    CT,
    CT_ID,
    ECHO_ID,
    FIND,
    FIND_ID,
    FOUND,
    OPTIONS,
    PDU,
    POLICY,
    UPS_ID,
    accept,
    answer,
    echo_request,
    find,
    one,
    pdus,
)

KIB = 1024
MIB = 1024 * KIB
COUNT = 1200
"""PDUs of a flood: what keeps a KiB of each is found out."""
CHUNK = 4 * KIB
"""What our side gets at a time: fewer requests than may wait for an answer."""
SHORT = Waits(send=5.0)
BOUND = MIB
"""For one peer, with the 256 KiB of the wire itself."""


class Pump:
    """A peer that sends PDUs as long as anybody takes them; ``reads`` tells whether it takes anything itself."""

    def __init__(self, start: bytes, flood: Iterator[bytes], *, reads: bool = True) -> None:
        self.sent = 0
        self.count = COUNT
        self.flowing = False
        self._start, self._flood, self._reads = start, flood, reads

    def turn(self, incoming: memory.Pipe, outgoing: memory.Pipe, now: float) -> bool:
        moved = False
        if self._reads and incoming.read():
            moved = True
        if self._start:
            outgoing.write(self._start)
            self._start, moved = b"", True
        while (
            self.flowing
            and not outgoing.full
            and not incoming.closed
            and self.sent < self.count
            and (pdu := next(self._flood, None))
        ):
            outgoing.write(pdu)
            self.sent += 1
            moved = True
        return moved

    def next_deadline(self) -> float | None:
        return None


@dataclass(slots=True)
class Flooded:
    """A session and the flood that it stands in."""

    session: Session
    pump: Pump
    wire: memory.Wire
    end: memory.SessionEnd

    def begin(self) -> Flooded:
        """Associate, and let the flood come at the next turn."""
        self.session.transport_connected(0.0)
        self.wire.settle()
        assert self.session.established
        self.pump.flowing = True
        return self

    def say(self, pdu: bytes) -> None:
        """One more PDU of the peer."""
        self.pump._start = pdu
        self.wire.settle()

    def go_on(self, seconds: float = 1.0) -> int:
        """Take all that comes; the peak of what is held meanwhile, in bytes beyond what there was."""
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        self.wire.run_until(lambda: self.session.ended, seconds)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - before


def acceptor(
    flood: Iterator[bytes],
    handler: Handler | None = None,
    *,
    reads: bool = True,
    limits: MessageLimits | None = None,
    **waits: Any,
) -> Flooded:
    waited = Waits(**waits)
    association = Association(Role.ACCEPTOR, limits=PduLimits(p_data=PDU), timeouts=waited.timeouts())
    session = Session(association, address="memory", handler=handler, policy=POLICY, limits=limits)
    end, pump = memory.SessionEnd(session, waited), Pump(encode_pdu(build_request(OPTIONS)), flood, reads=reads)
    return Flooded(session, pump, memory.Wire(pump, end, chunk=CHUNK), end).begin()


def requestor(flood: Iterator[bytes], *, reads: bool = True, **waits: Any) -> Flooded:
    waited = Waits(**waits)
    session = requesting_session(Endpoint("SCP", "memory"), build_request(OPTIONS), waited, 0.0)
    end = memory.SessionEnd(session, waited)
    pump = Pump(accept(encode_pdu(build_request(OPTIONS))), flood, reads=reads)
    return Flooded(session, pump, memory.Wire(pump, end, chunk=CHUNK), end).begin()


def echoes() -> Iterator[bytes]:
    return map(echo_request, cycle(range(1, 0xFFFF)))


def strange() -> Iterator[bytes]:
    return (one(UPS_ID, m.NDeleteRequest(message_id=n, sop_class=CT, instance="2.25.1")) for n in count(1))


def cancels() -> Iterator[bytes]:
    return (one(FIND_ID, m.CCancelRequest(responding_to=n)) for n in count(1))


def strays() -> Iterator[bytes]:
    return (one(UPS_ID, m.NGetResponse(responding_to=n, instance="2.25.1")) for n in count(1))


def nothings() -> Iterator[bytes]:
    return cycle([encode_pdu(PDataTF((Pdv(ECHO_ID, b"", 0),)))])


def pendings() -> Iterator[bytes]:
    return cycle([4 * one(FIND_ID, FOUND)])


@pytest.mark.parametrize("flood", [echoes, strange, cancels, strays, nothings])
def test_what_is_served_refused_or_dropped_is_not_kept(flood: Callable[[], Iterator[bytes]]) -> None:
    flooded = acceptor(flood())
    assert flooded.go_on() < BOUND
    assert flooded.pump.sent == COUNT
    assert not flooded.session.ended


@pytest.mark.parametrize("flood", [echoes, strange])
def test_answers_nobody_reads_are_few(flood: Callable[[], Iterator[bytes]]) -> None:
    flooded = acceptor((pdu * 4 for pdu in flood()), reads=False, send=5.0)
    assert flooded.go_on(10.0) < 2 * BOUND
    error = flooded.session.error
    assert isinstance(error, TimedOut | RemoteProtocolError)  # who sends one id again and again while nobody answers
    assert flooded.wire.now <= 5.0


def test_pending_responses_that_nobody_takes_are_few() -> None:
    flooded = requestor(pendings())
    run: Run[Any] = flooded.session.start(find(), streamed=True)
    assert flooded.go_on(1000.0) < BOUND
    assert not flooded.session.ended  # nothing is wrong but that our own consumer is slow
    assert flooded.pump.sent < COUNT
    taken = 0
    while run.delivered:
        flooded.session.take(run)
        taken += 1
        flooded.wire.settle()
    early = flooded.session.exchange.stray_responses  # before there was a request
    assert taken + early == 4 * flooded.pump.sent == 4 * COUNT


def test_pending_responses_that_nobody_wants_are_dropped() -> None:
    flooded = requestor(pendings())
    run = flooded.session.start(find())
    assert flooded.go_on(5.0) < BOUND
    assert flooded.pump.sent == COUNT
    assert not run.done


def test_pending_responses_after_the_flow_is_gone_are_dropped() -> None:
    flooded = requestor(pendings())
    run = flooded.session.start(find(), streamed=True)
    flooded.wire.settle()
    flooded.session.cancel(run)
    assert flooded.go_on(5.0) < BOUND
    assert flooded.pump.sent == COUNT
    assert flooded.session.exchange.stray_responses > 2 * COUNT


def busy(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(100.0)
    yield from answer(request, peer)


def test_requests_with_large_data_sets_wait_outside() -> None:
    """Of as many requests as may wait for an answer, each may have a data set as large as one may be: not all do."""
    data = EncodedDataSet(bytes(MIB // 2), uids.IMPLICIT_VR_LE)
    stores = (m.CStoreRequest(message_id=n, sop_class=CT, instance="2.25.1", data_set=data) for n in count(1))
    flooded = acceptor(
        (pdu for store in stores for pdu in pdus(CT_ID, store)),
        handle_by_type({m.CStoreRequest: busy}),
        limits=MessageLimits(data_set=DataSetLimits(max_bytes=MIB)),
    )
    assert flooded.go_on(250.0) < 4 * MIB
    assert not flooded.session.ended
    assert flooded.session.counters.sent["CStoreResponse"] == 2  # they are served all the same, one by one


def test_cancels_of_a_request_being_served_are_counted_once() -> None:
    request = one(FIND_ID, m.CFindRequest(message_id=1, sop_class=FIND))
    flood = iter([request])

    def all_of_it() -> Iterator[bytes]:
        yield from flood
        yield from cycle([one(FIND_ID, m.CCancelRequest(responding_to=1))])

    flooded = acceptor(all_of_it(), handle_by_type({m.CFindRequest: busy}))
    assert flooded.go_on(5.0) < BOUND
    assert flooded.pump.sent == COUNT


def test_pdus_kept_for_a_flow_are_bounded() -> None:
    flooded = acceptor(echoes())
    flooded.session._flows.keep_pdus = True
    flooded.session.association.on_pdu = flooded.session._flows.keep_pdu

    def look() -> Flow[None]:
        yield from flows.await_pdu()
        yield from flows.pause(100.0)

    flooded.session.start(look())
    assert flooded.go_on(5.0) < 2 * BOUND
    assert flooded.pump.sent == COUNT


class Result:
    """Something a flow returns."""


def test_what_a_flow_returned_is_not_kept() -> None:
    responses = (one(ECHO_ID, m.CEchoResponse(responding_to=n)) for n in range(1, 40))
    flooded = requestor(iter([]))

    def ask() -> Flow[Result]:
        yield from flows.c_echo()
        return Result()

    def wait() -> Flow[None]:
        with contextlib.suppress(TimedOut):
            yield from flows.await_reply(1000, timeout=5.0)  # before whatever else is waited for

    left = []
    flooded.session.start(wait())
    for response in responses:
        run = flooded.session.start(ask())
        flooded.wire.settle()
        flooded.say(response)
        left.append(weakref.ref(run.result()))
    del run
    gc.collect()
    assert not [found for found in left if found() is not None]


class Miser:
    """A peer that says its part and takes so many bytes of ours, then none, and stays."""

    def __init__(self, says: list[bytes], takes: int) -> None:
        self._says, self.takes = says, takes
        self.stopped = 0.0

    def turn(self, incoming: memory.Pipe, outgoing: memory.Pipe, now: float) -> bool:
        if self._says and not outgoing._data:
            outgoing.write(self._says.pop(0))
            return True
        if self.takes <= 0 or not (data := incoming.read()):
            return False
        self.takes -= len(data)
        self.stopped = now
        return True

    def next_deadline(self) -> float | None:
        return None


LARGE = EncodedDataSet(bytes(2 * MIB), uids.IMPLICIT_VR_LE)
TAKES = [1, 100 * KIB, 200 * KIB]


def store_whole() -> Flow[Any]:
    request = m.CStoreRequest(sop_class=CT, instance="2.25.1", data_set=LARGE)
    return (yield from flows.ask(request, expect=m.CStoreResponse))


def store_in_parts() -> Flow[Any]:
    source = StreamedDataSet(BytesIO(LARGE.data), LARGE.transfer_syntax)
    request = m.CStoreRequest(sop_class=CT, instance="2.25.1", data_set=source)
    return (yield from flows.ask(request, expect=m.CStoreResponse))


def many_echoes() -> Flow[Any]:
    for _ in range(10_000):
        yield from flows.send(m.CCancelRequest(responding_to=1, context_id=ECHO_ID))


@pytest.mark.parametrize("takes", TAKES)
@pytest.mark.parametrize("work", [store_whole, store_in_parts, many_echoes])
def test_a_requestor_whose_peer_reads_no_more(work: Callable[[], Flow[Any]], takes: int) -> None:
    session = requesting_session(Endpoint("SCP", "memory"), build_request(OPTIONS), SHORT, 0.0)
    end, miser = memory.SessionEnd(session, SHORT), Miser([accept(encode_pdu(build_request(OPTIONS)))], takes)
    link = memory.Link(memory.Wire(end, miser, chunk=8 * KIB), end)
    link.establish()
    with pytest.raises(TimedOut) as caught:
        link.run(work())
    assert caught.value.wait == "send"
    assert link.wire.now == miser.stopped + 5.0
    assert link.closed


def give_large(request: Request, peer: Peer) -> Flow[None]:
    yield from store_whole()


def give_parts(request: Request, peer: Peer) -> Flow[None]:
    yield from store_in_parts()


def find_many(request: Request, peer: Peer) -> Flow[None]:
    while True:
        yield from flows.send(reply(request, 0xFF00, data_set=LARGE))


@pytest.mark.parametrize("takes", TAKES)
@pytest.mark.parametrize("handler", [give_large, give_parts, find_many])
def test_an_acceptor_whose_peer_reads_no_more(handler: Handler, takes: int) -> None:
    association = Association(Role.ACCEPTOR, limits=PduLimits(p_data=PDU), timeouts=SHORT.timeouts())
    session = Session(association, address="memory", handler=handler, policy=POLICY)
    says = [encode_pdu(build_request(OPTIONS)), one(FIND_ID, m.CFindRequest(message_id=1, sop_class=FIND))]
    end, miser = memory.SessionEnd(session, SHORT), Miser(says, takes)
    session.transport_connected(0.0)
    wire = memory.Wire(miser, end, chunk=8 * KIB)
    wire.run_until(partial(closed, end))
    assert isinstance(session.error, TimedOut)
    assert session.error.wait == "send"
    assert wire.now == miser.stopped + 5.0


def closed(end: memory.SessionEnd) -> bool:
    return not end.open


def test_a_flood_that_is_cut_off_leaves_nothing() -> None:
    flooded = acceptor(echoes())
    flooded.go_on()
    flooded.session.abort(flooded.wire.now)
    flooded.wire.run_until(partial(closed, flooded.end))
    assert isinstance(flooded.session.error, Aborted)
    session = weakref.ref(flooded.session)
    del flooded
    gc.collect()
    assert session() is None
