"""Further associations that a flow opens, as a C-MOVE provider does, under both drivers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CEchoRequest, CEchoResponse, NGetRequest, NGetResponse, Request
from dicomnet.drivers import aio
from dicomnet.drivers.aio_server import Server, serve
from dicomnet.drivers.blocking_server import listen
from dicomnet.drivers.common import Endpoint, Hooks, Waits
from dicomnet.errors import Aborted, ConnectFailed, DicomNetError, Rejected, TransportError
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.ul import PlainPolicy, Primitive, SupportedContext

GET = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1")
NOBODY = Endpoint("SCP", "127.0.0.1", 9)

Moving = Callable[..., Any]


@contextlib.asynccontextmanager
async def by_asyncio(script: SimpleNamespace, handler: Handler, **more: Any) -> AsyncIterator[Endpoint]:
    async with await serve("127.0.0.1", 0, script.POLICY, handler=handler, **more) as server:
        yield Endpoint("SCP", "127.0.0.1", server.port)


@contextlib.asynccontextmanager
async def by_blocking(script: SimpleNamespace, handler: Handler, **more: Any) -> AsyncIterator[Endpoint]:
    """One connection, in a thread."""
    with listen("127.0.0.1", 0, script.POLICY, handler=handler, **more) as listener:

        def work() -> None:
            with contextlib.suppress(DicomNetError), listener.accept(script.PATIENCE) as link:
                link.listen()

        thread = threading.Thread(target=work)
        thread.start()
        yield Endpoint("SCP", "127.0.0.1", listener.port)
        await asyncio.to_thread(thread.join)


DRIVERS = pytest.mark.parametrize(
    "moving", [pytest.param(by_asyncio, id="asyncio"), pytest.param(by_blocking, id="blocking")]
)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def destination(
    script: SimpleNamespace, handler: Handler | None = None
) -> AsyncIterator[tuple[Server, Endpoint]]:
    async with await serve("127.0.0.1", 0, script.POLICY, handler=handler) as server:
        yield server, Endpoint("DEST", "127.0.0.1", server.port)


def run(script: SimpleNamespace, test: Callable[[], Awaitable[None]]) -> None:
    before = script.open_fds()
    asyncio.run(test())  # type: ignore[arg-type]
    assert script.open_fds() == before


def mover(
    script: SimpleNamespace, where: Callable[[], Endpoint], seen: list[Any], work: Callable[[Any], Flow[int]]
) -> Handler:
    """Answers N-GET with what ``work`` returns, having done it on an association of its own."""

    def move(request: Request, peer: Peer) -> Flow[None]:
        try:
            status = yield from flows.branch(where(), script.OPTIONS, work)
        except TransportError as error:
            seen.append(error)
            status = 0xA801
        except Rejected as error:
            seen.append(error)
            status = 0xA802
        yield from flows.send(reply(request, status))

    return handle_by_type({NGetRequest: move})


def two_echoes(branch: Any) -> Flow[int]:
    assert branch.negotiated.is_requestor
    for _ in range(2):
        response = yield from flows.run_on(branch, flows.c_echo())
        assert isinstance(response, CEchoResponse)
    return 0xB000


@DRIVERS
def test_a_flow_uses_an_association_of_its_own(script: SimpleNamespace, moving: Moving) -> None:
    shown: list[tuple[int, Primitive]] = []
    hooks = Hooks(primitive=lambda number, primitive: shown.append((number, primitive)))

    async def test() -> None:
        async with destination(script) as (server, endpoint):
            handler = mover(script, lambda: endpoint, [], two_echoes)
            async with moving(script, handler, hooks=hooks) as there, await aio.connect(there, script.OPTIONS) as link:
                for _ in range(2):
                    assert (await link.run(flows.ask(GET, expect=NGetResponse))).status == 0xB000
            assert (server.counters.associations, server.counters.released) == (2, 2)

    run(script, test)
    assert len({number for number, _ in shown}) == 3


@DRIVERS
def test_there_is_nobody_to_go_to(script: SimpleNamespace, moving: Moving) -> None:
    seen: list[Any] = []

    async def test() -> None:
        handler = mover(script, lambda: NOBODY, seen, two_echoes)
        async with moving(script, handler) as there, await aio.connect(there, script.OPTIONS) as link:
            assert (await link.run(flows.ask(GET, expect=NGetResponse))).status == 0xA801

    run(script, test)
    assert isinstance(seen[0], ConnectFailed)


@DRIVERS
def test_the_destination_does_not_want_it(script: SimpleNamespace, moving: Moving) -> None:
    seen: list[Any] = []

    async def test() -> None:
        policy = PlainPolicy((SupportedContext(uids.VERIFICATION),), ae_titles=frozenset({"SOMEBODY"}))
        async with await serve("127.0.0.1", 0, policy) as server:
            endpoint = Endpoint("DEST", "127.0.0.1", server.port)
            handler = mover(script, lambda: endpoint, seen, two_echoes)
            async with moving(script, handler) as there, await aio.connect(there, script.OPTIONS) as link:
                assert (await link.run(flows.ask(GET, expect=NGetResponse))).status == 0xA802

    run(script, test)
    assert seen[0].reason == 7


@DRIVERS
def test_a_flow_that_fails_aborts_what_it_opened(script: SimpleNamespace, moving: Moving) -> None:
    def fails(branch: Any) -> Flow[int]:
        yield from flows.run_on(branch, flows.c_echo())
        raise ZeroDivisionError

    async def test() -> None:
        async with destination(script) as (server, endpoint):
            handler = mover(script, lambda: endpoint, [], fails)
            async with moving(script, handler) as there, await aio.connect(there, script.OPTIONS) as link:
                assert (await link.run(flows.ask(GET, expect=NGetResponse))).status == 0x0110
                await until(lambda: server.associations == 0)
            assert (server.counters.aborted, server.counters.released) == (1, 0)

    run(script, test)


@DRIVERS
def test_a_flow_that_forgets_what_it_opened(script: SimpleNamespace, moving: Moving) -> None:
    def forgets(request: Request, peer: Peer) -> Flow[None]:
        yield flows.Open(endpoints[0], script.OPTIONS)
        yield from flows.send(reply(request))

    endpoints: list[Endpoint] = []

    async def test() -> None:
        async with destination(script) as (server, endpoint):
            endpoints.append(endpoint)
            handler = handle_by_type({NGetRequest: forgets})
            async with moving(script, handler) as there, await aio.connect(there, script.OPTIONS) as link:
                assert (await link.run(flows.ask(GET, expect=NGetResponse))).status == 0
                await until(lambda: server.counters.aborted == 1)

    run(script, test)


@DRIVERS
def test_the_destination_ends_it(script: SimpleNamespace, moving: Moving) -> None:
    seen: list[Any] = []

    def hang_up(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.inject(b"\x07\0\0\0\0\x04\0\0\0\0")

    def echo(branch: Any) -> Flow[int]:
        try:
            yield from flows.run_on(branch, flows.c_echo())
        except Aborted as error:
            seen.append(error)
        return 0xB000

    async def test() -> None:
        async with destination(script, handle_by_type({CEchoRequest: hang_up})) as (_, endpoint):
            handler = mover(script, lambda: endpoint, seen, echo)
            async with moving(script, handler) as there, await aio.connect(there, script.OPTIONS) as link:
                assert (await link.run(flows.ask(GET, expect=NGetResponse))).status == 0xB000

    run(script, test)
    assert isinstance(seen[0], Aborted)


@pytest.mark.parametrize("stage", ["connecting", "running"])
def test_with_the_association_go_its_branches(script: SimpleNamespace, stage: str) -> None:
    """Whoever asked has gone: nobody waits for a destination that says nothing."""
    asked = 0

    def never(request: Request, peer: Peer) -> Flow[None]:
        nonlocal asked
        asked += 1
        yield from flows.pause(1000.0)

    def echo(branch: Any) -> Flow[int]:
        yield from flows.run_on(branch, flows.c_echo())
        return 0

    async def test() -> None:
        silent = socket.create_server(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        async with destination(script, handle_by_type({CEchoRequest: never})) as (server, endpoint):
            target = endpoint if stage == "running" else Endpoint("DEST", "127.0.0.1", port)
            handler = mover(script, lambda: target, [], echo)
            async with await serve("127.0.0.1", 0, script.POLICY, handler=handler) as moving:
                link = await aio.connect(Endpoint("SCP", "127.0.0.1", moving.port), script.OPTIONS)
                asking = asyncio.create_task(link.run(flows.ask(GET, expect=NGetResponse)))
                await until(lambda: bool(moving._links and next(iter(moving._links))._work))
                if stage == "running":
                    await until(lambda: asked == 1)
                await link.abort()
                with pytest.raises(Aborted):
                    await asking
                await until(lambda: server.associations == 0)
                assert server.counters.aborted == (stage == "running")
        silent.close()

    run(script, test)


def test_a_cancelled_task_takes_its_branches_along(script: SimpleNamespace) -> None:
    def waits(branch: Any) -> Flow[None]:
        yield from flows.run_on(branch, flows.pause(1000.0))

    async def test() -> None:
        async with (
            destination(script) as (there, target),
            destination(script) as (_, endpoint),
            await aio.connect(endpoint, script.OPTIONS) as link,
        ):
            task = asyncio.create_task(link.run(flows.branch(target, script.OPTIONS, waits)))
            await until(lambda: there.counters.associations == 1)
            for _ in range(10):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: there.counters.aborted == 1)
            assert (await link.run(flows.c_echo())).status == 0

    run(script, test)


def test_a_slow_destination_does_not_use_up_the_time_of_others(script: SimpleNamespace) -> None:
    """While the blocking driver waits for the destination, the clock of the first association stands."""

    def slow(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(0.3)
        yield from flows.send(reply(request))

    async def test() -> None:
        async with destination(script, handle_by_type({CEchoRequest: slow})) as (_, endpoint):
            handler = mover(script, lambda: endpoint, [], two_echoes)
            async with (
                by_blocking(script, handler, waits=Waits(idle=0.2, response=10.0)) as there,
                await aio.connect(there, script.OPTIONS) as link,
            ):
                assert (await link.run(flows.ask(GET, expect=NGetResponse))).status == 0xB000

    run(script, test)
