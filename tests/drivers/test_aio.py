"""The asyncio driver and its server: cancelling, limits, draining, hostile peers, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from types import SimpleNamespace
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CFindRequest, CFindResponse, EncodedDataSet, NGetRequest, NGetResponse, Request
from dicomnet.drivers import aio
from dicomnet.drivers.aio_server import Server, ServerLimits, serve
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import Aborted, ConnectFailed, DicomNetError, Rejected, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext, build_request
from dicomnet.wire import PDataTF, Pdv, encode_pdu

GET = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1")
ECHO = encode_command({0x0002: uids.VERIFICATION, 0x0100: 0x0030, 0x0110: 1, 0x0800: 0x0101})
FLOOD = encode_pdu(PDataTF((Pdv(1, ECHO, 3),)))
KIB = 1024
MIB = 1024 * KIB


class Gate:
    """A handler that answers N-GET when told to."""

    def __init__(self) -> None:
        self.open = False
        self.busy = 0

    def handle(self, request: Request, peer: Peer) -> Flow[None]:
        self.busy += 1
        while not self.open:
            yield from flows.pause(0.01)
        yield from flows.send(reply(request))

    @property
    def handler(self) -> Handler:
        return handle_by_type({NGetRequest: self.handle})


Serve = Callable[..., Awaitable[tuple[Server, Endpoint]]]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


def advance_clock() -> Callable[[float], None]:
    """Makes the running loop's clock go on by so many seconds at a call, besides its own pace."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0

    def advance(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    loop.time = lambda: real() + ahead  # type: ignore[method-assign]
    return advance


@pytest.fixture
def run(script: SimpleNamespace) -> Any:
    """Runs a test's coroutine function with ``start``, which makes a server; nothing may be left behind."""

    @contextlib.asynccontextmanager
    async def serving(**more: Any) -> AsyncIterator[tuple[Server, Endpoint]]:
        async with await serve("127.0.0.1", 0, script.POLICY, **more) as server:
            yield server, Endpoint("SCP", "127.0.0.1", server.port)
        assert server.associations == 0
        assert not server._room.addresses
        assert not server._room.half_open_addresses

    def runs(test: Callable[[Any], Awaitable[None]]) -> None:
        before = script.open_fds()
        asyncio.run(test(serving))  # type: ignore[arg-type]
        assert script.open_fds() == before

    return runs


def test_a_cancelled_task_aborts_the_association(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        gate = Gate()
        async with serving(handler=gate.handler) as (_, endpoint):
            link = await aio.connect(endpoint, script.OPTIONS)
            task = asyncio.create_task(link.run(flows.ask(GET, expect=NGetResponse)))
            await until(lambda: gate.busy == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert isinstance(link.session.error, Aborted)
            await link.abort()
            assert link.closed

    run(test)


def test_a_task_cancelled_before_it_sent_anything_harms_nobody(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        async with serving() as (_, endpoint), await aio.connect(endpoint, script.OPTIONS) as link:
            task = asyncio.create_task(link.run(flows.pause(1000.0)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await link.run(flows.c_echo())).status == 0

    run(test)


def test_flows_run_side_by_side(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        async with serving() as (_, endpoint), await aio.connect(endpoint, script.OPTIONS) as link:
            answers = await asyncio.gather(*(link.run(flows.c_echo()) for _ in range(10)))
            assert sorted(answer.responding_to for answer in answers) == list(range(1, 11))

    run(test)


@pytest.mark.parametrize("where", [("127.0.0.1", 99999), ("a\0b", 104), ("..", 104), ("127.0.0.1", None)])
def test_no_connection(run: Any, script: SimpleNamespace, where: tuple[str, int | None]) -> None:
    async def test(serving: Any) -> None:
        async with serving() as (server, _):
            gone = server.port
        endpoint = Endpoint("SCP", where[0], gone if where[1] is None else where[1])
        with pytest.raises(ConnectFailed):
            await aio.connect(endpoint, script.OPTIONS)

    run(test)


def test_a_consumer_that_comes_back_after_the_end_gets_the_rest(run: Any, script: SimpleNamespace) -> None:
    def many(request: Request, peer: Peer) -> Flow[None]:
        for _ in range(150):
            yield from flows.send(reply(request, 0xFF00))
        yield from flows.send(reply(request))
        yield from flows.inject(b"\x07\0\0\0\0\x04\0\0\0\0")

    find = CFindRequest(
        sop_class=uids.UPS_PULL, data_set=EncodedDataSet(b"\x40\0\x60\xa1\0\0\0\0", uids.IMPLICIT_VR_LE)
    )

    async def test(serving: Any) -> None:
        async with serving(handler=handle_by_type({CFindRequest: many})) as (_, endpoint):
            link = await aio.connect(endpoint, script.OPTIONS)
            stream = link.stream(flows.ask_many(find, expect=CFindResponse))
            await anext(stream)
            await until(lambda: link.closed)
            assert len([item async for item in stream]) == 149

    run(test)


# The server.


@pytest.mark.parametrize("limits", [ServerLimits(associations=2), ServerLimits(per_address=2)])
def test_more_associations_than_the_limit_are_rejected_for_now(
    run: Any, script: SimpleNamespace, limits: ServerLimits
) -> None:
    async def test(serving: Any) -> None:
        async with serving(limits=limits) as (_, endpoint):
            links = [await aio.connect(endpoint, script.OPTIONS) for _ in range(2)]
            with pytest.raises(Rejected) as caught:
                await aio.connect(endpoint, script.OPTIONS)
            assert (caught.value.result, caught.value.source, caught.value.reason) == (2, 3, 2)
            await links[0].release()
            links[0] = await aio.connect(endpoint, script.OPTIONS)
            for link in links:
                assert (await link.run(flows.c_echo())).status == 0
                await link.release()

    run(test)


def test_a_local_address_that_is_not_ours_is_named(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        async with serving() as (_, endpoint):
            with pytest.raises(ConnectFailed, match=r"^no connection can be made from 192\.0\.2\.1: "):
                await aio.connect(endpoint, script.OPTIONS, source_host="192.0.2.1")

    run(test)


def test_a_name_with_two_addresses_is_served_at_both_on_one_port(
    run: Any, script: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look_up(_: str, port: int, **__: object) -> list[tuple[Any, ...]]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    async def test(_: Any) -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
        async with await serve("both", 0, PlainPolicy((SupportedContext(uids.VERIFICATION),))) as server:
            monkeypatch.undo()
            for host in ("127.0.0.1", "127.0.0.2"):
                with contextlib.suppress(Rejected):
                    await (await aio.connect(Endpoint("SCP", host, server.port), script.OPTIONS)).release()

    run(test)


def test_the_limit_of_an_address_is_its_own(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        async with serving(limits=ServerLimits(per_address=1)) as (_, endpoint):
            for source in ("127.0.0.2", "127.0.0.3"):
                await aio.connect(endpoint, script.OPTIONS, source_host=source)
            with pytest.raises(Rejected):
                await aio.connect(endpoint, script.OPTIONS, source_host="127.0.0.2")

    run(test)


@pytest.mark.parametrize("limits", [ServerLimits(associations=3, half_open=3), ServerLimits(half_open_per_address=3)])
def test_who_only_connects_keeps_nobody_out(run: Any, script: SimpleNamespace, limits: ServerLimits) -> None:
    async def test(serving: Any) -> None:
        async with serving(limits=limits) as (server, endpoint):
            idlers = [await asyncio.open_connection(endpoint.host, endpoint.port) for _ in range(10)]
            await until(lambda: server.associations <= 3)
            link = await aio.connect(endpoint, script.OPTIONS)
            assert (await link.run(flows.c_echo())).status == 0
            await link.release()
            for _, writer in idlers:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    run(test)


@pytest.mark.parametrize("limits", [ServerLimits(half_open=3), ServerLimits(half_open_per_address=3)])
def test_who_connects_many_times_at_once_keeps_nobody_out(run: Any, limits: ServerLimits) -> None:
    async def test(serving: Any) -> None:
        async with serving(limits=limits) as (server, endpoint):
            idlers = [socket.create_connection((endpoint.host, endpoint.port)) for _ in range(30)]
            await until(lambda: server.counters.connections == 30)
            assert server.associations == 3
            for idler in idlers:
                idler.close()

    run(test)


@pytest.mark.parametrize("limits", [ServerLimits(half_open=3), ServerLimits(half_open_per_address=3)])
def test_of_many_that_ask_at_once_each_is_heard(run: Any, script: SimpleNamespace, limits: ServerLimits) -> None:
    """All wait in the backlog with their requests: the limits of who only connects are not for them."""

    async def test(serving: Any) -> None:
        async with serving(limits=limits) as (server, endpoint):
            askers = [socket.create_connection((endpoint.host, endpoint.port)) for _ in range(30)]
            for asker in askers:
                asker.sendall(encode_pdu(build_request(script.OPTIONS)))
            await until(lambda: server.counters.associations == 30)
            for asker in askers:
                asker.close()

    run(test)


def test_draining_lets_requests_finish_and_idle_associations_go(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        gate = Gate()
        async with serving(handler=gate.handler) as (server, endpoint):
            idle = await aio.connect(endpoint, script.OPTIONS)
            busy = await aio.connect(endpoint, script.OPTIONS)
            answer = asyncio.create_task(busy.run(flows.ask(GET, expect=NGetResponse)))
            await until(lambda: gate.busy == 1)
            draining = asyncio.create_task(server.drain(20.0))
            with pytest.raises(Aborted):
                await idle.listen()
            with pytest.raises(ConnectFailed):
                await aio.connect(endpoint, script.OPTIONS)
            assert not draining.done()
            gate.open = True
            assert (await answer).status == 0
            await draining
            assert server.associations == 0

    run(test)


def test_draining_ends_in_time(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        gate = Gate()
        async with serving(handler=gate.handler) as (server, endpoint):
            link = await aio.connect(endpoint, script.OPTIONS)
            answer = asyncio.create_task(link.run(flows.ask(GET, expect=NGetResponse)))
            await until(lambda: gate.busy == 1)
            await server.drain(0.05)
            with pytest.raises(DicomNetError):
                await answer

    run(test)


def test_an_address_that_cannot_be_listened_on(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        for host, port in (("192.0.2.1", 0), ("127.0.0.1", 99999)):
            with pytest.raises(ConnectFailed):
                await serve(host, port, script.POLICY)

    run(test)


def test_idle_associations_cost_little_and_wake_nobody(run: Any, script: SimpleNamespace) -> None:
    count = 60

    async def test(serving: Any) -> None:
        async with serving() as (server, endpoint):
            (await aio.connect(endpoint, script.OPTIONS)).drop()  # what is made once and kept
            await until(lambda: server.associations == 0)
            peers = []
            tracemalloc.start()
            for _ in range(count):
                peer = socket.create_connection((endpoint.host, endpoint.port))
                peer.setblocking(False)
                peer.sendall(encode_pdu(build_request(script.OPTIONS)))
                assert (await asyncio.get_running_loop().sock_recv(peer, 1000))[0] == 2
                peers.append(peer)
            size, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert size / count < 32 * 1024
            now = asyncio.get_running_loop().time()
            timers = [link.deadline - now for link in server._links if link.deadline is not None]
            assert len(timers) == count
            assert min(timers) > 5.0  # those of ARTIM are looked at once more, the others are for the idle time
            for peer in peers:
                peer.close()
            await until(lambda: server.associations == 0)

    run(test)


# Peers that mean harm: each costs its own association and nothing else.


async def associated(endpoint: Endpoint, script: SimpleNamespace) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    writer.write(encode_pdu(build_request(script.OPTIONS)))
    header = await reader.readexactly(6)
    await reader.readexactly(int.from_bytes(header[2:], "big"))
    return reader, writer


async def ended(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def test_endless_requests_without_reading(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        async with serving(waits=Waits(send=0.3)) as (server, endpoint):
            _, writer = await associated(endpoint, script)
            writer.transport.pause_reading()
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await until(lambda: server.associations == 1)
            (link,) = server._links
            well = await aio.connect(endpoint, script.OPTIONS)

            async def flood() -> None:
                while not link.closed:
                    writer.write(FLOOD * 500)
                    await writer.drain()

            flooding = asyncio.create_task(flood())
            while not link.closed:
                assert (await well.run(flows.c_echo())).status == 0
            assert isinstance(link.session.error, DicomNetError)
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)
            await ended(writer)
            await well.release()

    run(test)


UNKNOWN = encode_command({0x0002: uids.VERIFICATION, 0x0100: 0x0002, 0x0110: 1, 0x0800: 0x0101})


@pytest.mark.parametrize("command", [ECHO, UNKNOWN], ids=["served", "refused unseen"])
def test_a_peer_that_reads_nothing_has_little_queued_for_it(run: Any, script: SimpleNamespace, command: bytes) -> None:
    """Back-pressure is the bound: what is queued beyond one message answers one read, and no more is read then."""

    async def test(serving: Any) -> None:
        async with serving(waits=Waits(send=0.3)) as (server, endpoint):
            _, writer = await associated(endpoint, script)
            writer.transport.pause_reading()
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            (link,) = server._links
            transport = link._transport
            transport._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # or the system takes megabytes

            async def flood() -> None:
                while not link.closed:
                    writer.write(encode_pdu(PDataTF((Pdv(1, command, 3),))) * 500)
                    await writer.drain()

            flooding = asyncio.create_task(flood())
            most = 0
            while not link.closed:
                most = max(most, transport.unsent)
                await asyncio.sleep(0)
            assert 0 < most < 4 * 1024 * 1024
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)
            await ended(writer)

    run(test)


def test_many_answers_are_not_queued_for_a_peer_that_reads_nothing(run: Any, script: SimpleNamespace) -> None:
    size = 100_000

    def many(request: Request, peer: Peer) -> Flow[None]:
        while True:
            data = EncodedDataSet(bytes(size), uids.IMPLICIT_VR_LE)
            yield from flows.send(reply(request, 0xFF00, data_set=data))

    async def test(serving: Any) -> None:
        async with serving(handler=handle_by_type({NGetRequest: many}), waits=Waits(send=0.3)) as (server, endpoint):
            _, writer = await associated(endpoint, script)
            writer.transport.pause_reading()
            (link,) = server._links
            transport = link._transport
            command = {0x0003: uids.UPS_PUSH, 0x0100: 0x110, 0x0110: 1, 0x1001: "2.25.1", 0x0800: 0x101}
            writer.write(encode_pdu(PDataTF((Pdv(3, encode_command(command), 3),))))
            most = 0
            while not link.closed:
                most = max(most, transport.unsent)
                await asyncio.sleep(0)
            assert isinstance(link.session.error, TimedOut)
            assert 0 < most < 4 * 1024 * 1024
            await ended(writer)

    run(test)


def test_an_endless_command(run: Any, script: SimpleNamespace) -> None:
    async def test(serving: Any) -> None:
        async with serving() as (_, endpoint):
            reader, writer = await associated(endpoint, script)
            part = encode_pdu(PDataTF((Pdv(1, bytes(8000), 1),)))
            for _ in range(20):
                writer.write(part)
            assert (await reader.readexactly(10))[0] == 7
            await ended(writer)

    run(test)


def test_many_foreigners(run: Any, script: SimpleNamespace) -> None:
    async def foreigner(endpoint: Endpoint, hello: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        writer.write(hello)
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            await ended(writer)

    async def test(serving: Any) -> None:
        async with serving() as (server, endpoint):
            hellos = (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100)
            async with asyncio.timeout(4):  # less than ARTIM
                await asyncio.gather(*(foreigner(endpoint, hello) for hello in hellos * 10))
            await until(lambda: server.associations == 0)
            async with await aio.connect(endpoint, script.OPTIONS) as link:
                assert (await link.run(flows.c_echo())).status == 0

    run(test)


def test_a_peer_that_takes_long_but_takes_something_is_served(run: Any, script: SimpleNamespace) -> None:
    """The patience of ``Waits.send`` begins anew with every byte the peer takes, and bytes that move are no silence."""

    def big(request: Request, peer: Peer) -> Flow[None]:
        data = EncodedDataSet(bytes(8) * 4_000_000, uids.IMPLICIT_VR_LE)
        yield from flows.send(reply(request, data_set=data))

    async def test(serving: Any) -> None:
        ahead = advance_clock()
        async with serving(handler=handle_by_type({NGetRequest: big}), waits=Waits(send=60.0, idle=150.0)) as (
            server,
            endpoint,
        ):
            reader, writer = await associated(endpoint, script)
            (link,) = server._links
            command = {0x0003: uids.UPS_PUSH, 0x0100: 0x110, 0x0110: 1, 0x1001: "2.25.1", 0x0800: 0x101}
            writer.write(encode_pdu(PDataTF((Pdv(3, encode_command(command), 3),))))
            transport = link._transport
            await until(lambda: transport.unsent > 0)
            received = jumps = 0
            while received < 32_000_000:
                left = transport.unsent
                while received < 32_000_000 and transport.unsent >= left:
                    received += len(piece := await reader.read(400_000))
                    assert piece
                ahead(50.0)
                jumps += 1
                await asyncio.sleep(0)  # what is due by now happens
            assert jumps > 5
            assert link.session.error is None
            await ended(writer)

    run(test)


def test_bytes_that_leave_are_no_silence(aio_world: Any, script: SimpleNamespace) -> None:
    """A peer that takes far longer than ``Waits.idle`` for one message, but goes on taking it."""
    loop = aio_world._runner.get_loop()
    real, ahead = loop.time, 0.0
    loop.time = lambda: real() + ahead

    def peer() -> Generator[Any, Any, None]:
        nonlocal ahead
        yield from script.accept()
        for _ in range(1900):  # of some 1960 PDUs
            yield script.READ
            ahead += 0.5
        command = {0x0100: 0x8020, 0x0120: 1, 0x0900: 0, 0x0800: 0x0101}
        yield encode_pdu(PDataTF((Pdv(5, encode_command(command), 3),)))
        yield script.HOLD

    link = aio_world.connect_to(peer(), waits=Waits(send=None, idle=300.0, response=None))
    request = CFindRequest(sop_class=uids.UPS_PULL, data_set=EncodedDataSet(bytes(8) * 4_000_000, uids.IMPLICIT_VR_LE))
    assert link.run(flows.ask(request, expect=CFindResponse)).status == 0
    assert ahead == 950.0
    aio_world.over.set()
    link.abort()


def test_a_peer_that_reads_nothing_is_given_up(run: Any, script: SimpleNamespace) -> None:
    def big(request: Request, peer: Peer) -> Flow[None]:
        data = EncodedDataSet(bytes(8) * 4_000_000, uids.IMPLICIT_VR_LE)
        yield from flows.send(reply(request, data_set=data))

    async def test(serving: Any) -> None:
        async with serving(handler=handle_by_type({NGetRequest: big}), waits=Waits(send=0.1)) as (server, endpoint):
            _, writer = await associated(endpoint, script)
            writer.transport.pause_reading()
            (link,) = server._links
            command = {0x0003: uids.UPS_PUSH, 0x0100: 0x110, 0x0110: 1, 0x1001: "2.25.1", 0x0800: 0x101}
            writer.write(encode_pdu(PDataTF((Pdv(3, encode_command(command), 3),))))
            await until(lambda: link.closed)
            assert isinstance(link.session.error, TimedOut)
            await ended(writer)

    run(test)


def test_a_flood_of_the_smallest_pdus_is_read_in_little_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of them takes most of a second, in which nobody else would be served."""
    sizes: list[int] = []
    receive = socket.socket.recv

    def watched(sock: socket.socket, size: int, flags: int = 0) -> bytes:
        data = receive(sock, size, flags)
        sizes.append(len(data))  # of both ends, of which one is sent next to nothing
        return data

    monkeypatch.setattr(socket.socket, "recv", watched)
    flood = encode_pdu(PDataTF(pdvs=(Pdv(1, control=2),))) * (4 * MIB // 12)

    async def run() -> None:
        options = RequestOptions("SCP", "SCU", (ProposedContext(uids.VERIFICATION),))
        async with await serve("127.0.0.1", 0, PlainPolicy((SupportedContext(uids.VERIFICATION),))) as server:
            link = await aio.connect(Endpoint("SCP", "127.0.0.1", server.port), options)
            await link.run(flows.inject(flood))
            assert (await link.run(flows.c_echo())).status == 0
            await link.release()

    asyncio.run(asyncio.wait_for(run(), 60))
    assert sum(sizes) > len(flood)
    assert max(sizes) <= 128 * KIB
