"""Requests whose flow is gone before the peer is done with them: cancelled, and in the window until it is."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, scu, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    CFindRequest,
    CFindResponse,
    Message,
    NCreateRequest,
    NGetRequest,
    NGetResponse,
    Request,
    Response,
)
from dicomnet.drivers import memory
from dicomnet.drivers.common import Waits
from dicomnet.errors import TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext

World = Any  # of the conftest, which cannot be imported by name
CLASSES = (uids.VERIFICATION, uids.UPS_PUSH, uids.UPS_PULL)


def match(size: int = 10) -> Dataset:
    made = Dataset()
    made.TextValue = "x" * size
    return made


def find(**more: Any) -> Flow[CFindResponse]:
    return scu.c_find(match(), uids.UPS_PULL, **more)


def get() -> Flow[NGetResponse]:
    return flows.ask(NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1"), expect=NGetResponse)


def joined(peer_handler: Handler, response: float | None = 30.0) -> memory.Link:
    options = RequestOptions("SCP", "SCU", tuple(ProposedContext(uid) for uid in CLASSES))
    policy = PlainPolicy(tuple(SupportedContext(uid) for uid in CLASSES))
    return memory.connect(options, policy, peer_handler=peer_handler, waits=Waits(response=response))


def passing(link: Any) -> list[str]:
    """What passes on a link from now on."""
    passed: list[str] = []

    def note(_: Any, message: Message) -> None:
        status = f" {message.status:04X}" if isinstance(message, Response) else ""
        passed.append(type(message).__name__ + status)

    link.session.exchange.on_message = note
    return passed


class Matches:
    """Answers a C-FIND with 20,000 matches, unless it is cancelled; every so many seconds, heedless if so wanted."""

    def __init__(self, size: int = 10, pause: float = 0.0, heedless: bool = False) -> None:
        self.produced = 0
        self._size, self._pause, self._heedless = size, pause, heedless

    def __call__(self, request: Request, peer: Peer) -> Flow[None]:
        for _ in range(20_000):
            if not self._heedless and (yield from flows.cancelled(request.message_id or 0)):
                yield from flows.send(reply(request, 0xFE00))
                return
            self.produced += 1
            yield from flows.send(reply(request, 0xFF00, data_set=match(self._size)))
            if self._pause:
                yield from flows.pause(self._pause)
        yield from flows.send(reply(request))


def test_a_stream_that_is_left_early_is_cancelled_and_the_next_request_waits_for_the_end_of_it(world: World) -> None:
    # More in all than any buffers have room for; where that would take too long to read, more than there is time for.
    matches = Matches(100, pause=0.001) if world.slow else Matches(4000)
    with world.connect(handler=handle_by_type({CFindRequest: matches})) as link:
        passed = passing(link)
        with contextlib.closing(link.stream(find())) as stream:
            for _ in range(5):
                assert next(stream).status == 0xFF00
        assert link.run(flows.c_echo()).status == 0
        assert link.session.exchange.outstanding == 0
    assert matches.produced < 20_000
    assert passed.count("CCancelRequest") == 1
    assert passed[-3:] == ["CFindResponse FE00", "CEchoRequest", "CEchoResponse 0000"]
    strays = passed[passed.index("CCancelRequest") + 1 : -2]
    assert set(strays) <= {"CFindResponse FF00", "CFindResponse FE00"}
    assert link.session.exchange.stray_responses >= len(strays)


def test_the_peer_hears_of_it_before_the_next_request() -> None:
    matches = Matches(pause=1.0)
    link = joined(handle_by_type({CFindRequest: matches}))
    with contextlib.closing(link.stream(find())) as stream:
        next(stream)
    assert link.peer.session.counters.received == {"CFindRequest": 1, "CCancelRequest": 1}
    link.release()
    assert matches.produced == 1


def test_a_stream_may_be_closed_within_a_flow() -> None:
    """Where nobody may drive the link a second time."""
    link = joined(handle_by_type({CFindRequest: Matches(pause=1.0)}))
    stream = link.stream(find())
    next(stream)

    def closing() -> Flow[int]:
        stream.close()  # type: ignore[attr-defined]
        return (yield from flows.c_echo()).status

    assert link.run(closing()) == 0
    assert link.peer.session.counters.received == {"CFindRequest": 1, "CCancelRequest": 1, "CEchoRequest": 1}
    link.release()


def test_what_ended_is_not_cancelled() -> None:
    link = joined(handle_by_type({CFindRequest: lambda request, peer: flows.send(reply(request))}))
    assert list(link.stream(find())) == []
    link.release()
    assert link.peer.session.counters.received == {"CFindRequest": 1}


def test_who_cancelled_already_does_not_cancel_again() -> None:
    link = joined(handle_by_type({CFindRequest: Matches(pause=1.0, heedless=True)}))
    with contextlib.closing(link.stream(find(enough=lambda _: True))) as stream:
        next(stream)
    link.wire.settle()
    assert link.peer.session.counters.received == {"CFindRequest": 1, "CCancelRequest": 1}
    link.abort()


def test_the_cancel_waits_for_the_message_under_way() -> None:
    def parts() -> Flow[None]:
        yield flows.BeginMessage(NCreateRequest(sop_class=uids.UPS_PUSH))
        yield flows.SendPart(bytes(8), last=False)
        yield from flows.pause(5.0)
        yield flows.SendPart(bytes(8), last=True)
        yield from flows.pause(5.0)

    link = joined(handle_by_type({CFindRequest: Matches(pause=1.0)}))
    link.session._flows.window = 2
    searching = link.session.start(find())
    link.wire.settle()
    link.session.start(parts())
    link.wire.settle()
    passed = passing(link)
    link.session.cancel(searching)
    link.wire.settle()
    assert passed == []
    link.wire.run_until(lambda: "CCancelRequest" in passed)
    sent = [name for name in passed if "Request" in name]
    assert sent == ["NCreateRequest", "CCancelRequest"]
    assert link.wire.now == 5.0
    link.abort()


def silent(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(1000.0)


def test_an_abandoned_request_without_an_answer_gives_its_place_back_in_time() -> None:
    link = joined(handle_by_type({NGetRequest: silent}))
    link.session.cancel(started(link, get()))
    passed = passing(link)
    run = link.session.start(flows.c_echo())
    link.wire.run_until(lambda: bool(passed))
    assert (passed, link.wire.now) == (["CEchoRequest"], 30.0)
    link.session.cancel(run)
    link.abort()
    assert link.session.next_deadline() is None


def test_as_long_as_the_peer_answers_it_the_place_is_taken() -> None:
    link = joined(handle_by_type({CFindRequest: Matches(pause=20.0, heedless=True)}))
    link.session.cancel(started(link, find()))
    with pytest.raises(TimedOut) as caught:
        link.run(flows.c_echo())
    assert (caught.value.wait, link.wire.now) == ("window", 30.0)
    assert link.session.exchange.outstanding == 1
    link.abort()


def test_without_a_time_for_responses_the_place_is_taken_for_ever() -> None:
    link = joined(handle_by_type({NGetRequest: silent}), response=None)
    link.session.cancel(started(link, get()))
    run = link.session.start(flows.c_echo())
    link.wire.run_until(lambda: False, 290.0)
    assert not run.done
    assert link.session.exchange.outstanding == 1
    link.abort()


def test_what_is_not_answered_in_time_is_cancelled_and_gives_its_place_back() -> None:
    link = joined(handle_by_type({CFindRequest: Matches(pause=20.0)}))
    with pytest.raises(TimedOut):
        link.run(find(timeout=5.0))
    assert link.session.exchange.outstanding == 0
    assert link.run(flows.c_echo()).status == 0
    assert link.peer.session.counters.received == {"CFindRequest": 1, "CCancelRequest": 1, "CEchoRequest": 1}
    assert link.session.exchange.stray_responses == 1
    link.release()


def started(link: memory.Link, flow: Flow[Any]) -> Any:
    run = link.session.start(flow)
    link.wire.settle()
    return run
