"""Several flows on one association: turns to send, the operations window, serving at once, branches, what is shown."""

from __future__ import annotations

import io
import logging
from collections import Counter
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.dimse.messages import (
    CEchoRequest,
    CMoveRequest,
    CMoveResponse,
    CStoreRequest,
    CStoreResponse,
    EncodedDataSet,
    NActionRequest,
    NActionResponse,
    NCreateRequest,
    NCreateResponse,
    NGetRequest,
    NGetResponse,
    Request,
)
from dicomnet.dimse.payloads import IncomingDataSet, StreamedDataSet
from dicomnet.drivers import memory
from dicomnet.drivers.alarms import Alarms
from dicomnet.drivers.common import Endpoint, Hooks, Waits
from dicomnet.drivers.memory import Destination
from dicomnet.drivers.runs import Run
from dicomnet.errors import Aborted, ConnectFailed, EncodeError, LocalProtocolError, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type, streaming
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
CLASSES = (uids.VERIFICATION, uids.UPS_PUSH, CAPTURE, MOVE)
GET = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1")


def joined(window: tuple[int, int] | None = None, **more: Any) -> memory.Link:
    options = RequestOptions("SCP", "SCU", tuple(ProposedContext(uid) for uid in CLASSES), async_window=window)
    policy = PlainPolicy(tuple(SupportedContext(uid) for uid in CLASSES), async_window=(0, 0))
    return memory.connect(options, policy, **more)


def get(instance: str) -> Flow[NGetResponse]:
    return flows.ask(NGetRequest(sop_class=uids.UPS_PUSH, instance=instance), expect=NGetResponse)


def create(size: int) -> Flow[NCreateResponse]:
    source = StreamedDataSet(io.BytesIO(bytes(size)), uids.IMPLICIT_VR_LE)
    return flows.ask(NCreateRequest(sop_class=uids.UPS_PUSH, data_set=source), expect=NCreateResponse)


def answer(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.send(reply(request))


class Slow:
    """Answers each N-GET after as many seconds as the last component of its instance, and notes when."""

    def __init__(self) -> None:
        self.at_once = 0
        self.most = 0
        self.answered: list[str] = []

    def __call__(self, request: Request, peer: Peer) -> Flow[None]:
        assert isinstance(request, NGetRequest)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        yield from flows.pause(float(request.instance.rpartition(".")[2]))
        self.at_once -= 1
        self.answered.append(request.instance)
        yield from flows.send(reply(request))


# The window.


@pytest.mark.parametrize(
    ("window", "most", "order"),
    [
        (None, 1, ["2.25.3", "2.25.2", "2.25.1"]),
        ((2, 1), 2, ["2.25.2", "2.25.3", "2.25.1"]),
        ((0, 1), 3, ["2.25.1", "2.25.2", "2.25.3"]),
    ],
    ids=["one", "two", "any number"],
)
def test_as_many_requests_are_outstanding_as_was_agreed(
    window: tuple[int, int] | None, most: int, order: list[str]
) -> None:
    slow = Slow()
    link = joined(window, peer_handler=handle_by_type({NGetRequest: slow}))
    runs = [link.session.start(get(f"2.25.{seconds}")) for seconds in (3, 2, 1)]
    link.wire.run_until(lambda: all(run.done for run in runs))
    assert [run.result().instance for run in runs] == ["2.25.3", "2.25.2", "2.25.1"]
    assert slow.most == most
    assert slow.answered == order


def test_a_flow_may_send_ahead_within_the_window() -> None:
    def pipelined() -> Flow[list[int]]:
        ids = []
        for _ in range(5):
            ids.append((yield from flows.send(GET)))
        assert link.session.exchange.outstanding == 5
        found = []
        for message_id in reversed(ids):
            found.append((yield from flows.await_reply(message_id)).responding_to)
        return found

    link = joined((5, 1), peer_handler=handle_by_type({NGetRequest: answer}))
    assert link.run(pipelined()) == [5, 4, 3, 2, 1]


def test_the_wait_for_the_window_ends_in_time() -> None:
    link = joined(peer_handler=handle_by_type({NGetRequest: Slow()}), waits=Waits(response=1000.0))
    first = link.session.start(get("2.25.2000"))
    link.wire.settle()
    link.session._flows._response_timeout = 30.0
    with pytest.raises(TimedOut) as caught:
        link.run(get("2.25.1"))
    assert caught.value.wait == "window"
    assert link.wire.now == 30.0
    link.session.cancel(first)
    link.abort()


def test_a_flow_that_is_cancelled_makes_room_in_the_window_when_the_peer_is_done() -> None:
    link = joined(peer_handler=handle_by_type({NGetRequest: Slow()}))
    first, second = (link.session.start(get(instance)) for instance in ("2.25.50", "2.25.1"))
    link.wire.settle()
    assert link.session.exchange.outstanding == 1
    link.session.cancel(first)
    link.wire.run_until(lambda: second.done)
    assert second.result().instance == "2.25.1"
    assert link.wire.now == 51.0


def test_who_waits_for_the_window_can_be_cancelled_and_is_told_of_the_end() -> None:
    link = joined(peer_handler=handle_by_type({NGetRequest: Slow()}))
    runs = [link.session.start(get("2.25.50")) for _ in range(3)]
    link.wire.settle()
    link.session.cancel(runs[1])
    link.abort()
    for run, error in zip(runs, (Aborted, LocalProtocolError, Aborted), strict=True):
        with pytest.raises(error):
            run.result()


def test_who_asks_for_any_number_of_requests_gets_our_limit_and_is_not_aborted() -> None:
    def flood() -> Flow[list[int]]:
        ids = []
        for _ in range(200):
            ids.append((yield from flows.send(GET)))
        statuses = []
        for message_id in ids:
            statuses.append((yield from flows.await_reply(message_id)).status)
        return statuses

    most = []

    def slow(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(1.0)
        most.append(len(link.peer.session.exchange._asked_by_peer))
        yield from flows.send(reply(request))

    link = joined(
        (0, 1), peer_handler=handle_by_type({NGetRequest: slow}), limits=MessageLimits(requests=20), chunk=2000
    )
    assert (link.negotiated.max_invoked, link.peer.negotiated.max_performed) == (20, 20)
    assert link.run(flood()) == [0] * 200
    assert max(most) == 20


@pytest.mark.parametrize(
    ("proposed", "agreed"), [((0, 0), (64, 64)), ((0, 7), (64, 7)), ((3, 0), (3, 64)), ((65, 65), (64, 64))]
)
def test_no_more_is_agreed_on_than_either_side_would_take(proposed: tuple[int, int], agreed: tuple[int, int]) -> None:
    link = joined(proposed)
    assert (link.negotiated.max_invoked, link.negotiated.max_performed) == agreed
    assert (link.peer.negotiated.max_performed, link.peer.negotiated.max_invoked) == agreed
    link.release()


def test_who_exceeds_the_window_beyond_our_limit_is_aborted() -> None:
    link = joined((0, 1), peer_handler=handle_by_type({NGetRequest: Slow()}), limits=MessageLimits(requests=20))
    link.session._flows.window = 0  # more than was agreed
    for _ in range(21):
        link.session.start(get("2.25.50"))
    link.wire.settle()
    assert isinstance(link.session.error, Aborted)


# Turns.


def test_messages_wait_until_the_one_under_way_is_out() -> None:
    """Amid a data set in parts neither requests nor answers nor the exchange's own refusals go out (PS3.8 E.1)."""
    passed: list[tuple[str, str]] = []

    def parts() -> Flow[int]:
        begun = yield flows.BeginMessage(NCreateRequest(sop_class=uids.UPS_PUSH))
        yield flows.SendPart(bytes(8), last=False)
        yield from flows.pause(5.0)
        yield flows.SendPart(bytes(8), last=True)
        return (yield from flows.await_reply(begun.message_id)).status

    link = joined(
        (0, 0),
        handler=handle_by_type({NGetRequest: answer}),
        peer_handler=handle_by_type({NCreateRequest: answer}),
        check_roles=False,
    )
    link.session.exchange.on_message = lambda direction, message: passed.append(
        (str(direction), type(message).__name__)
    )
    run = link.session.start(parts())
    link.wire.settle()
    echo = link.session.start(flows.c_echo())
    asked = [
        link.peer.session.start(get("2.25.1")),
        link.peer.session.start(
            flows.ask(NActionRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", action_type=1), expect=NActionResponse)
        ),
    ]
    refused = link.peer.session.start(flows.send(CMoveRequest(sop_class=MOVE, destination="X")))
    link.wire.settle()
    sent = [name for direction, name in passed if direction == "sent"]
    assert sent == []
    link.wire.run_until(lambda: all(one.done for one in (run, echo, refused, *asked)))
    sent = [name for direction, name in passed if direction == "sent"]
    assert sent[0] == "NCreateRequest"
    assert Counter(sent) == Counter(
        ["NCreateRequest", "CEchoRequest", "NGetResponse", "NActionResponse", "CMoveResponse"]
    )
    assert (run.result(), echo.result().status, asked[0].result().status, asked[1].result().status) == (0, 0, 0, 0x0211)


def test_two_data_sets_in_parts_go_one_after_the_other() -> None:
    sizes = []

    def count(request: Request, peer: Peer) -> Flow[None]:
        sizes.append((yield from flows.skip(request)))
        yield from flows.send(reply(request))

    link = joined((0, 0), peer_handler=handle_by_type({NCreateRequest: streaming(count)}))
    runs = [link.session.start(create(size)) for size in (3_000_000, 2_000_002, 4)]
    link.wire.run_until(lambda: all(run.done for run in runs))
    assert [run.result().status for run in runs] == [0, 0, 0]
    assert sizes == [3_000_000, 2_000_002, 4]


def test_who_has_the_turn_has_it_alone_to_the_end_of_its_message() -> None:
    """In the order they asked for it; another one that has it already is not read at the same time."""
    under_way, done = [], []

    def creates(number: int) -> Flow[int]:
        request = NCreateRequest(sop_class=uids.UPS_PUSH)
        piece = yield flows.TakeTurn(request)
        assert 1_000_000 < piece <= 1 << 20
        under_way.append(number)
        yield from flows.pause(5.0)
        assert under_way == [number]
        if number == 1:
            under_way.clear()
            yield flows.GiveUp()
            return 1
        begun = yield flows.BeginMessage(request)
        yield flows.SendPart(bytes(8), last=False)
        under_way.clear()
        yield flows.SendPart(bytes(8), last=True)
        done.append(number)
        return (yield from flows.await_reply(begun.message_id)).status

    link = joined((0, 0), peer_handler=handle_by_type({NCreateRequest: answer}))
    runs = [link.session.start(creates(number)) for number in range(4)]
    echo = link.session.start(flows.c_echo())
    link.wire.run_until(lambda: all(run.done for run in (*runs, echo)))
    assert [run.result() for run in runs] == [0, 1, 0, 0]
    assert done == [0, 2, 3]
    assert link.peer.session.counters.received == {"NCreateRequest": 3, "CEchoRequest": 1}
    link.release()


def test_a_turn_for_a_request_is_a_place_in_the_window() -> None:
    def takes(message: Any) -> Flow[float]:
        yield flows.TakeTurn(message)
        return link.wire.now

    link = joined(peer_handler=handle_by_type({NGetRequest: Slow()}))
    asked = link.session.start(get("2.25.7"))
    link.wire.settle()
    turn = link.session.start(takes(GET))
    other = link.session.start(takes(reply(CEchoRequest(message_id=1))))
    link.wire.settle()
    assert other.done
    assert not turn.done
    link.wire.run_until(lambda: turn.done)
    assert asked.done
    link.release()


def test_who_waits_for_the_turn_is_told_of_the_end() -> None:
    def takes() -> Flow[None]:
        yield flows.TakeTurn(GET)
        yield from flows.pause(50.0)

    link = joined((0, 0))
    runs = [link.session.start(takes()) for _ in range(2)]
    link.wire.settle()
    link.abort()
    for run in runs:
        with pytest.raises(Aborted):
            run.result()


def test_a_flow_that_is_cancelled_amid_a_message_takes_the_association_with_it() -> None:
    link = joined(peer_handler=handle_by_type({NCreateRequest: streaming(answer)}))

    def halting() -> Flow[None]:
        yield flows.BeginMessage(NCreateRequest(sop_class=uids.UPS_PUSH))
        yield flows.SendPart(bytes(8), last=False)
        yield from flows.pause(50.0)

    run = link.session.start(halting())
    link.wire.settle()
    link.session.cancel(run)
    assert isinstance(link.session.error, Aborted)
    link.wire.settle()
    assert isinstance(link.peer.session.error, Aborted)


@pytest.mark.parametrize("step", [flows.BeginMessage, flows.TakeTurn])
@pytest.mark.parametrize("how", ["returns", "fails", "is cancelled"])
def test_a_message_of_which_nothing_is_out_is_taken_back(how: str, step: Any) -> None:
    def begins() -> Flow[None]:
        yield step(NCreateRequest(sop_class=uids.UPS_PUSH))
        if how == "fails":
            raise ZeroDivisionError
        if how == "is cancelled":
            yield from flows.pause(50.0)

    link = joined(peer_handler=handle_by_type({}))
    run = link.session.start(begins())
    link.wire.settle()
    link.session.cancel(run)
    assert link.session.exchange.outstanding == 0
    assert link.run(flows.c_echo()).status == 0
    link.release()


@pytest.mark.parametrize("step", [flows.SendMessage(GET), flows.TakeTurn(GET)])
@pytest.mark.parametrize("first", [flows.TakeTurn(GET), flows.BeginMessage(GET)])
def test_who_has_the_turn_does_not_wait_for_itself(first: Any, step: Any) -> None:
    def wrong() -> Flow[None]:
        yield first
        yield step

    link = joined()
    with pytest.raises(LocalProtocolError, match="its turn"):
        link.run(wrong())
    assert link.run(flows.c_echo()).status == 0


def test_a_release_waits_for_the_message_under_way() -> None:
    def halting() -> Flow[None]:
        yield flows.BeginMessage(NCreateRequest(sop_class=uids.UPS_PUSH))
        yield flows.SendPart(bytes(8), last=False)
        yield from flows.pause(5.0)
        yield flows.SendPart(bytes(8), last=True)

    link = joined(peer_handler=handle_by_type({NCreateRequest: answer}))
    run = link.session.start(halting())
    link.wire.settle()
    link.release()
    assert run.result() is None
    assert link.peer.session.counters.received == {"NCreateRequest": 1}


@pytest.mark.parametrize(
    "step",
    [
        flows.SendPart(b"data", last=True),
        flows.ReadPart(IncomingDataSet(uids.IMPLICIT_VR_LE)),
    ],
)
def test_parts_of_nothing_are_our_mistake(step: Any) -> None:
    def wrong() -> Flow[None]:
        yield step

    link = joined()
    with pytest.raises(LocalProtocolError):
        link.run(wrong())
    link.release()


def test_two_flows_cannot_wait_for_one_answer() -> None:
    link = joined((0, 0), peer_handler=handle_by_type({NGetRequest: Slow()}))
    first = link.session.start(flows.await_reply(1))
    second = link.session.start(flows.await_reply(1))
    link.wire.settle()
    with pytest.raises(LocalProtocolError, match="another flow"):
        second.result()
    assert not first.done


# What waits for the reader.


def test_what_is_not_read_stops_the_reading_and_is_bounded() -> None:
    most = []

    def slow(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(5.0)
        most.append(link.peer.session.exchange._intake.unread)
        assert link.peer.session.congested
        while (yield from flows.read_part(request)):
            most.append(link.peer.session.exchange._intake.unread)
            yield from flows.pause(1.0)
        yield from flows.send(reply(request))

    link = joined(peer_handler=handle_by_type({NCreateRequest: streaming(slow)}), waits=Waits(send=100.0))
    assert link.run(create(8_000_000)).status == 0
    assert 1_000_000 < max(most) < 2_000_000
    assert link.peer.session.exchange._intake.unread == 0
    assert not link.peer.session.congested


def test_a_request_that_waits_to_be_served_is_not_read_ahead_without_bounds() -> None:
    served = []

    def first(request: Request, peer: Peer) -> Flow[None]:
        size = yield from flows.skip(request)
        yield from flows.pause(10.0)
        served.append(size)
        yield from flows.send(reply(request))

    link = joined(peer_handler=handle_by_type({NCreateRequest: streaming(first)}), waits=Waits(send=100.0))
    link.session._flows.window = 0  # more than was agreed
    runs = [link.session.start(create(3_000_000)) for _ in range(2)]
    link.wire.run_until(lambda: bool(served))
    assert link.peer.session.exchange._intake.unread < 2_000_000
    link.wire.run_until(lambda: all(run.done for run in runs))
    assert served == [3_000_000, 3_000_000]


def test_what_is_left_unread_is_dropped() -> None:
    def refuse(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(5.0)
        yield from flows.send(reply(request, 0x0110))

    link = joined(peer_handler=handle_by_type({NCreateRequest: streaming(refuse)}))
    assert link.run(create(3_000_000)).status == 0x0110
    link.wire.settle()
    assert link.peer.session.exchange._intake.unread == 0
    link.release()


def test_a_handler_whose_word_on_streaming_fails_gets_whole_requests(caplog: pytest.LogCaptureFixture) -> None:
    class Odd:
        def __call__(self, request: Request, peer: Peer) -> Flow[None]:
            assert isinstance(request.data_set, EncodedDataSet)
            yield from flows.send(reply(request))

        def streams(self, request: Request) -> bool:
            raise ZeroDivisionError

    link = joined(peer_handler=Odd())
    assert link.run(create(100)).status == 0
    assert "streams failed: ZeroDivisionError" in caplog.text


def test_a_stream_that_takes_nothing_fails() -> None:
    class Full(io.RawIOBase):
        def write(self, data: Any, /) -> None:
            return None

    def keep(request: Request, peer: Peer) -> Flow[None]:
        with pytest.raises(BlockingIOError):
            yield from flows.save(request, Full())  # type: ignore[arg-type]
        yield from flows.send(reply(request, 0x0110))

    link = joined(peer_handler=handle_by_type({NCreateRequest: streaming(keep)}))
    assert link.run(create(100)).status == 0x0110


def test_a_data_set_is_read_where_it_arrives() -> None:
    other = joined()

    def elsewhere(request: Request, peer: Peer) -> Flow[None]:
        run = other.session.start(flows.read_part(request))
        other.wire.settle()
        with pytest.raises(LocalProtocolError, match="on this association"):
            run.result()
        yield from flows.skip(request)
        yield from flows.send(reply(request))

    link = joined(peer_handler=handle_by_type({NCreateRequest: streaming(elsewhere)}))
    assert link.run(create(100)).status == 0


# Branches.


class Archive:
    """A provider of C-MOVE: sends one instance to the destination on an association of its own."""

    def __init__(self, flow: Any = None) -> None:
        self.flow = flow or self.to

    def __call__(self, request: Request, peer: Peer) -> Flow[None]:
        assert isinstance(request, CMoveRequest)
        options = RequestOptions(request.destination, "SCP", (ProposedContext(CAPTURE),))

        def work(branch: flows.Branch) -> Flow[int]:
            assert branch.negotiated.called_ae_title == request.destination
            return (yield from self.flow(branch, request))

        status = yield from flows.branch(Endpoint(request.destination), options, work)
        yield from flows.send(reply(request, status))

    def to(self, branch: flows.Branch, request: Request) -> Flow[int]:
        yield from flows.send(reply(request, 0xFF00))
        source = StreamedDataSet(io.BytesIO(bytes(3_000_000)), uids.IMPLICIT_VR_LE)
        store = CStoreRequest(sop_class=CAPTURE, instance="2.25.1", data_set=source, move_originator="SCU")
        return (yield from flows.run_on(branch, flows.ask(store, expect=CStoreResponse))).status


def moving(archive: Handler, store: Handler = answer) -> memory.Link:
    destination = Destination(PlainPolicy((SupportedContext(CAPTURE),)), handle_by_type({CStoreRequest: store}))
    return joined(peer_handler=handle_by_type({CMoveRequest: archive}), destinations={"STORE": destination})


def move(link: memory.Link, destination: str = "STORE") -> list[int]:
    request = CMoveRequest(
        sop_class=MOVE, destination=destination, data_set=EncodedDataSet(bytes(8), uids.IMPLICIT_VR_LE)
    )
    statuses: list[int] = []

    def work() -> Flow[None]:
        message_id = yield from flows.send(request)
        statuses.append((yield from flows.await_reply(message_id)).status)
        while statuses[-1] == 0xFF00:
            response = yield from flows.await_reply(message_id)
            assert isinstance(response, CMoveResponse)
            statuses.append(response.status)

    link.run(work())
    return statuses


def test_c_move_opens_an_association_of_its_own() -> None:
    kept = []

    def store(request: Request, peer: Peer) -> Flow[None]:
        assert isinstance(request, CStoreRequest)
        kept.append((peer.ae_title, request.move_originator, (yield from flows.skip(request))))
        yield from flows.send(reply(request))

    link = moving(Archive(), streaming(store))
    assert move(link) == [0xFF00, 0]
    assert kept == [("SCP", "SCU", 3_000_000)]
    link.release()


def test_a_branch_to_nobody_fails_in_the_flow() -> None:
    def tell(request: Request, peer: Peer) -> Flow[None]:
        with pytest.raises(ConnectFailed):
            yield from Archive()(request, peer)
        yield from flows.send(reply(request, 0xA801))

    assert move(moving(tell), "NOBODY") == [0xA801]


@pytest.mark.parametrize("how", ["fails", "is left open"])
def test_a_branch_ends_with_its_flow(how: str, caplog: pytest.LogCaptureFixture) -> None:
    branches = []

    def archive(request: Request, peer: Peer) -> Flow[None]:
        options = RequestOptions("STORE", "SCP", (ProposedContext(CAPTURE),))

        def work(branch: flows.Branch) -> Flow[int]:
            branches.append(branch)
            raise ZeroDivisionError

        if how == "fails":
            yield from flows.branch(Endpoint("STORE"), options, work)
        branches.append((yield flows.Open(Endpoint("STORE"), options)))

    assert move(moving(archive)) == [0xC000]
    (branch,) = branches
    assert isinstance(branch.link.session.error, Aborted)


def test_a_branch_that_comes_too_late_is_closed() -> None:
    link = joined(destinations={"STORE": Destination(PlainPolicy((SupportedContext(CAPTURE),)))})
    session = link.session

    def opening() -> Flow[None]:
        yield flows.Open(Endpoint("STORE"), RequestOptions("STORE", "SCU", (ProposedContext(CAPTURE),)))

    run = session.start(opening())
    session.advance(0.0)
    (work,) = session.take_branches()
    session.cancel(run)
    late = flows.Branch(link.negotiated, object())
    work.done(late)
    (end,) = session.take_branches()
    assert end.run is None
    assert isinstance(end.step, flows.Close)
    assert (end.step.branch, end.step.abort) == (late, True)
    end.done()
    end.failed(ZeroDivisionError())


def test_work_of_a_flow_that_is_gone_is_not_handed_out() -> None:
    link = joined()
    options = RequestOptions("STORE", "SCU", (ProposedContext(CAPTURE),))

    def opening() -> Flow[None]:
        yield flows.Open(Endpoint("STORE"), options)

    for flow in (opening(), flows.call(lambda: None)):
        run = link.session.start(flow)
        link.session.advance(0.0)
        link.session.cancel(run)
        assert link.session.take_branches() == []
        assert link.session.take_calls() == []


# What is shown.


def test_hooks_see_what_passes_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    shown: dict[str, list[Any]] = {"pdu": [], "primitive": [], "message": []}

    def fail(number: int, *what: Any) -> None:
        raise ZeroDivisionError

    hooks = Hooks(
        pdu=lambda number, pdu: shown["pdu"].append((number, type(pdu).__name__)),
        primitive=lambda number, primitive: shown["primitive"].append((number, str(primitive))),
        message=lambda number, direction, message: shown["message"].append((number, direction, type(message).__name__)),
    )
    link = joined(hooks=hooks, record_pdus=True)
    ours, theirs = link.session.id, link.peer.session.id
    link.run(flows.c_echo())
    link.release()
    assert [what for number, what in shown["pdu"] if number == ours] == ["AAssociateAC", "PDataTF", "AReleaseRP"]
    for number, words in ((ours, ("request", "confirmation")), (theirs, ("indication", "response"))):
        seen = [what for who, what in shown["primitive"] if who == number]
        assert seen[:2] == [f"A-ASSOCIATE {word}" for word in words]
    assert [what[1:] for what in shown["message"] if what[0] == theirs] == [
        ("received", "CEchoRequest"),
        ("sent", "CEchoResponse"),
    ]
    link = joined(hooks=Hooks(pdu=fail, primitive=fail, message=fail))
    assert link.run(flows.c_echo()).status == 0
    link.release()
    assert f"association {link.session.id}: a hook failed: ZeroDivisionError" in caplog.text


def test_counters_count_messages_by_class() -> None:
    link = joined()
    for _ in range(3):
        link.run(flows.c_echo())
    link.release()
    counters = link.session.counters
    assert (counters.sent, counters.received) == ({"CEchoRequest": 3}, {"CEchoResponse": 3})
    assert counters.stray_responses == 0
    assert counters.association.pdus_out == 5
    assert link.peer.session.counters.received == {"CEchoRequest": 3}


def test_log_lines_have_the_association_in_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dicomnet")
    link = joined()
    link.peer.session.exchange.answer(reply(CEchoRequest(message_id=9, context_id=1)), 0.0)
    link.wire.settle()
    assert f"association {link.session.id}: dropped a response" in caplog.text
    link.release()
    link.session.exchange.answer(reply(CEchoRequest(message_id=9, context_id=1)), 0.0)
    assert f"association {link.session.id}: could not answer" in caplog.text


# Alarms.


def test_alarms_in_vain_are_swept_out() -> None:
    alarms = Alarms()
    runs = [Run(flows.pause(1.0)) for _ in range(1000)]
    for number, run in enumerate(runs):
        run.deadline = 1000.0 - number
        alarms.set(run)
        if number % 100:
            run.deadline = None
    assert len(alarms._heap) < 200
    assert alarms.next() == 100.0
    assert alarms.due(150.0) == [runs[900]]
    assert alarms.next() == 200.0


def test_converting_is_refused_before_it_is_our_turn() -> None:
    link = joined()
    with pytest.raises(EncodeError):
        link.run(
            flows.send(NCreateRequest(sop_class=uids.UPS_PUSH, data_set=EncodedDataSet(b"ab", "1.2.840.10008.1.2.5")))
        )
    link.release()
