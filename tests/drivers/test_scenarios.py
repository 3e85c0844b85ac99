"""One list of scenarios, run in memory, in memory byte by byte, on blocking sockets and on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.codes import AbortReason
from dicomnet.dimse import status
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    CEchoRequest,
    CEchoResponse,
    CFindRequest,
    CFindResponse,
    NActionRequest,
    NActionResponse,
    NCreateRequest,
    NCreateResponse,
    NEventReportRequest,
    NEventReportResponse,
    NGetRequest,
    NGetResponse,
    Request,
)
from dicomnet.errors import (
    Aborted,
    AssociationError,
    ConnectionLost,
    LocalProtocolError,
    NoPresentationContext,
    Rejected,
    RemoteProtocolError,
    TimedOut,
)
from dicomnet.flows import Flow
from dicomnet.handlers import Peer, handle_by_type
from dicomnet.ul import (
    Applicant,
    Direction,
    PlainPolicy,
    ProposedContext,
    RequestOptions,
    SupportedContext,
    build_request,
)
from dicomnet.wire import (
    AAbort,
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AReleaseRP,
    AReleaseRQ,
    PDataTF,
    Pdv,
    RoleSelection,
    decode_pdu,
    encode_pdu,
)

World = Any  # of the conftest, which cannot be imported by name
ECHO = encode_command({0x0002: uids.VERIFICATION, 0x0100: 0x0030, 0x0110: 1, 0x0800: 0x0101})
GET = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1")


def options(ids: Iterable[int | None], roles: tuple[RoleSelection, ...] = ()) -> RequestOptions:
    classes = (uids.VERIFICATION, uids.UPS_PUSH, uids.UPS_PULL)
    contexts = tuple(ProposedContext(uid, context_id=number) for uid, number in zip(classes, ids, strict=True))
    return RequestOptions("SCP", "SCU", contexts, roles)


REQUEST = build_request(options((1, 3, 5)))


def label(text: str) -> Dataset:
    data_set = Dataset()
    data_set.TextValue = text
    return data_set


def serving(kind: type[Request], handler: Any) -> Any:
    return handle_by_type({kind: handler})


def never(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(1000.0)


def echo_pdu() -> bytes:
    return encode_pdu(PDataTF((Pdv(1, ECHO, 3),)))


# Association and release.


def test_associate_and_release(world: World) -> None:
    with world.connect() as link:
        assert link.negotiated.called_ae_title == "SCP"
        assert [context.abstract_syntax for context in link.negotiated.contexts.values()] == [
            uids.VERIFICATION,
            uids.UPS_PUSH,
            uids.UPS_PULL,
        ]
        assert not link.closed
    assert link.closed
    assert link.session.released
    assert link.session.error is None
    peer = world.peer()
    assert peer.released
    assert peer.peer.ae_title == "SCU"


def test_release_and_abort_twice_are_harmless(world: World) -> None:
    link = world.connect()
    link.release()
    link.release()
    link.abort()
    with pytest.raises(LocalProtocolError):
        link.run(flows.c_echo())


@pytest.mark.parametrize(("source", "reason"), [(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)])
@pytest.mark.parametrize("result", [1, 2])
def test_reject(world: World, result: int, source: int, reason: int) -> None:
    class No:
        def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
            return AAssociateRJ(result, source, reason)

    with pytest.raises(Rejected) as caught:
        world.connect(policy=No())
    assert (caught.value.result, caught.value.source, caught.value.reason) == (result, source, reason)


def test_abort_by_us(world: World) -> None:
    link = world.connect()
    link.abort()
    assert link.closed
    error = world.peer().error
    assert isinstance(error, Aborted)
    assert error.source == 0
    with pytest.raises(Aborted):
        link.run(flows.c_echo())


def test_a_flow_runs_once(world: World) -> None:
    used = flows.c_echo()
    with world.connect() as link:
        assert link.run(used).status == status.SUCCESS
        with pytest.raises(LocalProtocolError, match="has run already"):
            link.run(used)
        assert link.run(flows.c_echo()).status == status.SUCCESS


def test_a_handler_that_gives_a_flow_again_fails(world: World) -> None:
    def answer(request: Request) -> Flow[None]:
        yield from flows.send(reply(request))

    made: list[Flow[None]] = []

    def handler(request: Request, peer: Peer) -> Flow[None]:
        made.append(made[0] if made else answer(request))
        return made[0]

    with world.connect(handler=serving(CEchoRequest, handler)) as link:
        assert [link.run(flows.c_echo()).status for _ in range(2)] == [status.SUCCESS, status.PROCESSING_FAILURE]
    assert len(made) == 2


def test_an_exception_aborts(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.connect():
        raise ZeroDivisionError
    assert isinstance(world.peer().error, Aborted)


@pytest.mark.parametrize(("source", "reason"), [(0, 0), (2, 0), (2, 6)])
def test_abort_by_the_peer_while_a_flow_waits(world: World, script: SimpleNamespace, source: int, reason: int) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield script.READ
        yield encode_pdu(AAbort(source, reason))

    link = world.connect_to(peer())
    with pytest.raises(Aborted) as caught:
        link.run(flows.c_echo())
    assert (caught.value.source, caught.value.reason) == (source, reason)
    link.abort()
    assert link.closed


def test_release_by_the_peer_while_a_flow_waits(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, Any]:
        yield from script.accept()
        yield script.READ
        yield encode_pdu(AReleaseRQ())
        assert decode_pdu((yield script.READ)) == AReleaseRP()

    link = world.connect_to(peer())
    with pytest.raises(AssociationError, match="the peer released"):
        link.run(flows.c_echo())
    link.release()


def test_release_collision(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, Any]:
        yield from script.accept()
        assert decode_pdu((yield script.READ)) == AReleaseRQ()
        yield encode_pdu(AReleaseRQ())
        assert decode_pdu((yield script.READ)) == AReleaseRP()
        yield encode_pdu(AReleaseRP())

    link = world.connect_to(peer())
    link.release()
    assert link.transcript.labels[-3:] == [
        "Sta7 + Evt12 -> AR-8 -> Sta9",
        "Sta9 + Evt14 -> AR-9 -> Sta11",
        "Sta11 + Evt13 -> AR-3 -> Sta1",
    ]


def test_listening_ends_with_the_release_of_the_peer(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, Any]:
        yield from script.accept()
        yield echo_pdu()
        assert isinstance(decode_pdu((yield script.READ)), PDataTF)
        yield encode_pdu(AReleaseRQ())
        assert decode_pdu((yield script.READ)) == AReleaseRP()

    link = world.connect_to(peer())
    link.listen()
    assert link.closed
    assert link.session.released


def test_listening_for_a_time(world: World) -> None:
    with world.connect() as link:
        link.listen(0.01)
        assert isinstance(link.run(flows.c_echo()), CEchoResponse)


def test_listening_ends_with_the_fault_of_the_peer(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, Any]:
        yield from script.accept()
        yield encode_pdu(PDataTF((Pdv(1, b"data", 2),)))
        assert decode_pdu((yield script.READ)) == AAbort(2, AbortReason.UNEXPECTED_PDU_PARAMETER)

    link = world.connect_to(peer())
    with pytest.raises(RemoteProtocolError):
        link.listen()
    assert link.closed


# Requests and responses.


def test_echo(world: World) -> None:
    with world.connect() as link:
        for _ in range(3):
            assert link.run(flows.c_echo()).status == 0


@pytest.mark.parametrize("one_pdv_per_pdu", [False, True])
def test_request_and_response(world: World, one_pdv_per_pdu: bool) -> None:
    text = "x" * (20_000 if world.slow else 60_000)

    def create(request: Request, peer: Peer) -> Flow[None]:
        assert peer.abstract_syntax(request) == uids.UPS_PUSH
        assert request.dataset() == label(text)
        yield from flows.send(reply(request, instance="2.25.9", data_set=label("made")))

    with world.connect(handler=serving(NCreateRequest, create), one_pdv_per_pdu=one_pdv_per_pdu) as link:
        request = NCreateRequest(sop_class=uids.UPS_PUSH, data_set=label(text))
        response = link.run(flows.ask(request, expect=NCreateResponse))
    assert (response.status, response.instance) == (0, "2.25.9")
    assert response.dataset() == label("made")


def test_no_pdu_is_longer_than_we_want_to_send(world: World) -> None:
    def create(request: Request, peer: Peer) -> Flow[None]:
        assert request.dataset() == label("x" * 5000)
        yield from flows.send(reply(request))

    with world.connect(handler=serving(NCreateRequest, create), send_limit=1000) as link:
        request = NCreateRequest(sop_class=uids.UPS_PUSH, data_set=label("x" * 5000))
        assert link.run(flows.ask(request, expect=NCreateResponse)).status == 0
        sent = [pdu for _, pdu in link.transcript.pdus(Direction.SENT) if isinstance(pdu, PDataTF)]
    lengths = [sum(6 + len(pdv.payload) for pdv in pdu.pdvs) for pdu in sent]
    assert max(lengths) == 1000
    assert len(lengths) == 7  # the command has one of its own


def test_a_response_of_a_class_that_was_not_expected(world: World) -> None:
    link = world.connect()
    with pytest.raises(RemoteProtocolError, match="N-GET-RSP where CEchoResponse was due"):
        link.run(flows.ask(GET, expect=CEchoResponse))
    link.abort()


def test_without_a_context_the_flow_fails_and_the_association_lives(world: World) -> None:
    with world.connect() as link:
        with pytest.raises(NoPresentationContext):
            link.run(flows.ask(GET, expect=NGetResponse, via=uids.UPS_WATCH))
        link.run(flows.c_echo())


def find(count: int, size: int, produced: list[int]) -> Any:
    def handle(request: Request, peer: Peer) -> Flow[None]:
        for number in range(count):
            yield from flows.send(reply(request, 0xFF00, data_set=label(f"{number:4}" + "." * size)))
            produced.append(number)
        yield from flows.send(reply(request))

    return serving(CFindRequest, handle)


FIND = CFindRequest(sop_class=uids.UPS_PULL, data_set=label(""))


def test_pending_responses_are_streamed_in_order(world: World) -> None:
    produced: list[int] = []
    count = 20 if world.slow else 400
    with world.connect(handler=find(count, 10, produced)) as link:
        items = list(link.stream(flows.ask_many(FIND, expect=CFindResponse)))
        assert [int(item.dataset().TextValue[:4]) for item in items] == list(range(count))
        link.run(flows.c_echo())


def test_a_run_drops_what_a_flow_delivers(world: World) -> None:
    count = 20 if world.slow else 200
    with world.connect(handler=find(count, 10, [])) as link:
        assert link.run(flows.ask_many(FIND, expect=CFindResponse)).status == 0


def test_a_stream_reads_no_faster_than_its_consumer(world: World) -> None:
    produced: list[int] = []
    count, size = (20, 10) if world.slow else (1500, 30_000)
    with world.connect(handler=find(count, size, produced)) as link:
        stream = link.stream(flows.ask_many(FIND, expect=CFindResponse))
        for _ in range(3):
            next(stream)
        ahead = len(produced)
        assert 3 + len(list(stream)) == count
    if not world.slow:
        assert ahead < 1200


def test_a_stream_that_is_left_drops_the_rest(world: World) -> None:
    with world.connect(handler=find(20, 10, [])) as link:
        stream = link.stream(flows.ask_many(FIND, expect=CFindResponse))
        next(stream)
        stream.close()
        link.run(flows.c_echo())
        assert link.session.ended is False


def test_cancel_in_mid_stream(world: World) -> None:
    def endless(request: Request, peer: Peer) -> Flow[None]:
        while not (yield from flows.cancelled(request.message_id or 0)):
            yield from flows.send(reply(request, 0xFF00, data_set=label("match" * 400)))  # soon fills every buffer
        yield from flows.send(reply(request, 0xFE00))

    def impatient() -> Flow[int]:
        message_id = yield from flows.send(FIND)
        yield from flows.await_reply(message_id)
        yield from flows.cancel(message_id, via=uids.UPS_PULL)
        while (response := (yield from flows.await_reply(message_id))).status == 0xFF00:
            pass
        return response.status

    with world.connect(handler=serving(CFindRequest, endless)) as link:
        assert link.run(impatient()) == 0xFE00
        link.run(flows.c_echo())


# Handlers.


def raises(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(0)
    raise ZeroDivisionError


def raises_at_once(request: Request, peer: Peer) -> Flow[None]:
    raise ZeroDivisionError


def forgets(request: Request, peer: Peer) -> Flow[None]:
    yield from ()


def meets_the_end_of_another_association(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(0)
    raise ConnectionLost("elsewhere")


def is_aborted_elsewhere(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(0)
    raise Aborted("elsewhere", source=0, reason=0)


def is_cancelled_inside(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(0)
    raise asyncio.CancelledError  # as a call of asyncio.run brings it


def sends_nonsense(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.send(reply(request, 0x10000))


def yields_nonsense(request: Request, peer: Peer) -> Flow[None]:
    yield "nonsense"  # type: ignore[misc]


@pytest.mark.parametrize(
    "handler",
    [
        raises,
        raises_at_once,
        meets_the_end_of_another_association,
        is_aborted_elsewhere,
        is_cancelled_inside,
        forgets,
        sends_nonsense,
        yields_nonsense,
    ],
)
def test_a_handler_that_fails_is_answered_for(world: World, handler: Any) -> None:
    with world.connect(handler=serving(NGetRequest, handler)) as link:
        for _ in range(2):
            assert link.run(flows.ask(GET, expect=NGetResponse)).status == 0x0110
        link.run(flows.c_echo())


def test_requests_nobody_handles_are_refused(world: World) -> None:
    with world.connect() as link:
        assert link.run(flows.ask(GET, expect=NGetResponse)).status == 0x0211


def test_a_call_is_made_for_the_flow(world: World) -> None:
    def divide() -> Flow[str]:
        two = yield from flows.call(lambda: 4 // 2)
        try:
            yield from flows.call(lambda: two // 0)
        except ZeroDivisionError:
            return f"{two} and an error"
        return "no error"

    with world.connect() as link:
        assert link.run(divide()) == "2 and an error"
        with pytest.raises(RuntimeError, match="StopIteration"):
            link.run(flows.call(lambda: next(iter(()))))


def test_requests_of_the_peer_are_served_while_a_flow_waits(world: World) -> None:
    heard = []

    def act(request: Request, peer: Peer) -> Flow[None]:
        for kind in (1, 2):
            event = NEventReportRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", event_type=kind)
            response = yield from flows.ask(event, expect=NEventReportResponse)
            assert response.event_type == kind
        yield from flows.send(reply(request))

    def receive(request: Request, peer: Peer) -> Flow[None]:
        assert isinstance(request, NEventReportRequest)
        heard.append((request.event_type, peer.ae_title))
        yield from flows.send(reply(request))

    action = NActionRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", action_type=1)
    with world.connect(
        handler=serving(NActionRequest, act), client_handler=serving(NEventReportRequest, receive)
    ) as link:
        assert link.run(flows.ask(action, expect=NActionResponse)).status == 0
    assert heard == [(1, "SCP"), (2, "SCP")]


def pdus_until_end(script: SimpleNamespace) -> Generator[Any, Any, list[Any]]:
    found: list[Any] = []
    while not (found and isinstance(found[-1], AAbort | AReleaseRP | AAssociateRJ)):
        raw = yield script.READ
        if raw is None:
            break
        found.append(decode_pdu(raw))
    return found


def test_a_request_being_served_is_answered_before_the_release(world: World, script: SimpleNamespace) -> None:
    def slow(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(0.01)
        yield from flows.send(reply(request))

    def client() -> Generator[Any, Any, list[Any]]:
        yield encode_pdu(REQUEST)
        yield script.READ
        get = encode_command({0x0003: uids.UPS_PUSH, 0x0100: 0x110, 0x0110: 1, 0x1001: "2.25.1", 0x0800: 0x101})
        yield encode_pdu(PDataTF((Pdv(3, get, 3),)))
        yield encode_pdu(AReleaseRQ())
        return (yield from pdus_until_end(script))

    first, last = world.play(client(), handler=serving(NGetRequest, slow))
    assert isinstance(first, PDataTF)
    assert last == AReleaseRP()
    assert world.peer().released


# What does not come in time.


def test_no_answer_in_time(world: World) -> None:
    with world.connect(handler=serving(NGetRequest, never), waits=world.waits(response=world.soon)) as link:
        with pytest.raises(TimedOut) as caught:
            link.run(flows.ask(GET, expect=NGetResponse))
        assert caught.value.wait == "response"
        assert not link.session.ended
        link.abort()


def test_the_flow_may_have_its_own_patience(world: World) -> None:
    with world.connect(handler=serving(NGetRequest, never)) as link:
        with pytest.raises(TimedOut):
            link.run(flows.ask(GET, expect=NGetResponse, timeout=world.soon))
        link.abort()


def test_a_late_answer_is_dropped(world: World, script: SimpleNamespace) -> None:
    answer = encode_command({0x0100: 0x8030, 0x0120: 1, 0x0900: 0, 0x0800: 0x0101})
    second = encode_command({0x0100: 0x8030, 0x0120: 2, 0x0900: 0, 0x0800: 0x0101})

    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield script.READ
        yield script.READ
        yield encode_pdu(PDataTF((Pdv(1, answer, 3), Pdv(1, second, 3))))
        yield script.READ
        yield encode_pdu(AReleaseRP())

    with world.connect_to(peer()) as link:
        with pytest.raises(TimedOut):
            link.run(flows.c_echo(timeout=0.01))
        assert link.run(flows.c_echo()).responding_to == 2
        assert link.session.exchange.stray_responses == 1


def test_no_association_in_time(world: World, script: SimpleNamespace) -> None:
    heard = []

    def peer() -> Generator[Any, Any, None]:
        yield script.READ
        heard.append(decode_pdu((yield script.READ)))

    with pytest.raises(TimedOut) as caught:
        world.connect_to(peer(), waits=world.waits(associate=world.soon))
    assert caught.value.wait == "associate"
    world.join()
    assert heard == [AAbort(0, 0)]


def test_no_release_in_time(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield script.READ
        assert decode_pdu((yield script.READ)) == AAbort(0, 0)

    link = world.connect_to(peer(), waits=world.waits(release=world.soon))
    with pytest.raises(TimedOut) as caught:
        link.release()
    assert caught.value.wait == "release"
    assert link.closed


def test_a_peer_that_does_not_close_is_closed_upon(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield script.HOLD

    link = world.connect_to(peer(), waits=world.waits(close=world.soon))
    link.abort()
    assert link.closed


def test_an_idle_association_is_aborted(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        assert decode_pdu((yield script.READ)) == AAbort(0, 0)

    link = world.connect_to(peer(), waits=world.waits(idle=world.soon))
    with pytest.raises(TimedOut) as caught:
        link.listen()
    assert caught.value.wait == "idle"


def test_an_unfinished_pdu_is_not_waited_for(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield script.READ
        yield echo_pdu()[:-1]
        assert decode_pdu((yield script.READ)) == AAbort(0, 0)

    link = world.connect_to(peer(), waits=world.waits(pdu=world.soon / 2))
    with pytest.raises(TimedOut) as caught:
        link.run(flows.c_echo())
    assert caught.value.wait == "pdu"
    link.abort()


def test_who_only_connects_is_closed(world: World, script: SimpleNamespace) -> None:
    def client() -> Generator[Any, Any, Any]:
        yield encode_pdu(REQUEST)[:50]
        return (yield script.READ)

    assert world.play(client(), waits=world.waits(request=world.soon)) is None


@pytest.mark.parametrize("cut", [1, 6, 20])
def test_the_peer_dies_in_mid_message(world: World, script: SimpleNamespace, cut: int) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield script.READ
        yield echo_pdu()[:cut]

    link = world.connect_to(peer())
    with pytest.raises(ConnectionLost):
        link.run(flows.c_echo())
    assert link.closed
    link.abort()


def test_the_peer_dies_before_it_answers(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield script.READ

    with pytest.raises(ConnectionLost):
        world.connect_to(peer())


def test_a_peer_that_never_reads(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield script.HOLD

    link = world.connect_to(peer(), waits=world.waits(send=world.soon))
    request = NCreateRequest(sop_class=uids.UPS_PUSH, data_set=label("x" * world.deep))
    with pytest.raises(TimedOut) as caught:
        link.run(flows.ask(request, expect=NCreateResponse))
    assert caught.value.wait == "send"
    assert link.closed
    link.abort()


# On purpose.


def test_a_lying_pdv_is_answered_with_an_abort(world: World) -> None:
    def lie() -> Flow[Any]:
        yield from flows.inject(PDataTF((Pdv(1, bytes(8), pdv_length=2000),)))
        return (yield from flows.await_pdu(timeout=world.long))

    link = world.connect(record_pdus=True)
    link.run(flows.c_echo())
    assert link.run(lie()) == AAbort(2, AbortReason.INVALID_PDU_PARAMETER_VALUE)
    assert link.transcript.labels[-1] == "Sta6 + Evt16 -> AA-3 -> Sta1"
    link.abort()


def test_awaiting_a_pdu_ends_with_the_connection_or_in_time(world: World, script: SimpleNamespace) -> None:
    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield encode_pdu(AReleaseRQ())
        yield script.READ

    def look() -> Flow[list[Any]]:
        found = [(yield from flows.await_pdu())]
        found.append((yield from flows.await_pdu()))
        return found

    link = world.connect_to(peer(), record_pdus=True)
    assert link.run(look()) in ([AReleaseRQ(), None], [None, None])
    link.abort()


def test_awaiting_a_pdu_in_vain(world: World) -> None:
    with world.connect(record_pdus=True) as link:
        with pytest.raises(TimedOut) as caught:
            link.run(flows.await_pdu(timeout=0.01))
        assert caught.value.wait == "pdu"


def test_awaiting_a_pdu_needs_a_record(world: World) -> None:
    with world.connect() as link, pytest.raises(LocalProtocolError):
        link.run(flows.await_pdu())


# Foreign and hostile peers.


@pytest.mark.parametrize(
    "hello",
    [
        b"GET / HTTP/1.1\r\nHost: scp\r\n\r\n",
        bytes.fromhex("16030100a5010000a10303") + bytes(160),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x01\x00\xff\xff\xff\xff",
        b"\x04\x00\x00\x00\x00\x08\x00\x00\x00\x04\x01\x03ab",
        encode_pdu(AReleaseRQ()),
    ],
)
def test_foreign_protocols_are_closed_upon(world: World, script: SimpleNamespace, hello: bytes) -> None:
    def client() -> Generator[Any, Any, list[Any]]:
        yield hello
        return (yield from pdus_until_end(script))

    heard = world.play(client())
    assert heard == [] or isinstance(heard[0], AAbort)


@pytest.mark.parametrize(
    "behind",
    [encode_pdu(AAbort()), b"GET / HTTP/1.1\r\n", encode_pdu(AReleaseRQ()), b"again"],
)
def test_who_does_not_wait_for_the_answer(world: World, script: SimpleNamespace, behind: bytes) -> None:
    request = encode_pdu(REQUEST)

    def client() -> Generator[Any, Any, list[Any]]:
        yield request + (request if behind == b"again" else behind)
        return (yield from pdus_until_end(script))

    assert all(isinstance(pdu, AAbort | AAssociateAC | AReleaseRP) for pdu in world.play(client()))


def test_a_foreign_protocol_is_closed_upon_at_once(world: World, script: SimpleNamespace) -> None:
    def client() -> Generator[Any, Any, list[Any]]:
        yield b"GET / HTTP/1.1\r\nHost: scp\r\n\r\n"
        first = yield script.READ
        return [first, (yield script.READ)]

    answer, end = world.play(client(), waits=world.waits(close=1000.0))
    assert answer is None or isinstance(decode_pdu(answer), AAbort)
    assert end is None


@pytest.mark.parametrize(
    "answer",
    [
        AAssociateRJ(9, 9, 9),
        AAssociateRJ("no", 1, 1),  # type: ignore[arg-type]
        AAssociateAC(),
        AAssociateAC(items=(1,)),  # type: ignore[arg-type]
        None,
        True,
        AAssociateRQ(),
    ],
)
def test_a_policy_that_answers_nonsense_rejects(world: World, answer: Any) -> None:
    class Odd:
        def decide(self, request: AAssociateRQ, applicant: Applicant) -> Any:
            return answer

    with pytest.raises(Rejected) as caught:
        world.connect(policy=Odd())
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 1)


def test_a_policy_that_fails_rejects(world: World) -> None:
    class Broken:
        def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
            raise ZeroDivisionError

    with pytest.raises(Rejected):
        world.connect(policy=Broken())


# Presentation contexts.


@pytest.mark.parametrize("ids", [(1, 3, 5), (5, 3, 1), (3, 5, 1), (255, 1, 127), (None, 1, None)])
@pytest.mark.parametrize("reverse", [False, True])
def test_contexts_come_in_any_order(world: World, ids: tuple[int | None, ...], reverse: bool) -> None:
    class Shuffling(PlainPolicy):
        def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
            answer = super().decide(request, applicant)
            assert isinstance(answer, AAssociateAC)
            first, *results, last = answer.items
            return (
                AAssociateAC(answer.called_ae_title, answer.calling_ae_title, (first, *reversed(results), last))
                if reverse
                else answer
            )

    supported = tuple(SupportedContext(uid) for uid in (uids.VERIFICATION, uids.UPS_PUSH, uids.UPS_PULL))
    with world.connect(policy=Shuffling(supported), options=options(ids)) as link:
        for syntax in (uids.UPS_PULL, uids.UPS_PUSH):
            assert link.run(flows.ask(GET, expect=NGetResponse, via=syntax)).status == 0x0211
        link.run(flows.c_echo())


def test_roles_can_be_turned_around(world: World) -> None:
    roles = (RoleSelection(uids.UPS_PUSH, 0, 1),)
    policy = PlainPolicy((SupportedContext(uids.VERIFICATION), SupportedContext(uids.UPS_PUSH, scu=True, scp=False)))

    def receive(request: Request, peer: Peer) -> Flow[None]:
        context = peer.negotiated.for_abstract_syntax(uids.UPS_PUSH)
        assert context is not None
        assert (context.as_scu, context.as_scp) == (True, False)
        yield from flows.send(reply(request))

    event = NEventReportRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", event_type=1)
    with world.connect(
        policy=policy, handler=serving(NEventReportRequest, receive), options=options((1, 3, 5), roles)
    ) as link:
        context = link.negotiated.for_abstract_syntax(uids.UPS_PUSH)
        assert (context.as_scu, context.as_scp) == (False, True)
        assert link.run(flows.ask(event, expect=NEventReportResponse)).status == 0
        assert link.negotiated.for_abstract_syntax(uids.UPS_PULL) is None
