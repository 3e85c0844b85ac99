"""The calls of many associations in few threads: who has much slow work delays itself, and not everybody else."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import Request
from dicomnet.drivers import aio
from dicomnet.drivers.aio_server import Server, ServerLimits, serve
from dicomnet.drivers.common import Endpoint
from dicomnet.flows import Flow
from dicomnet.handlers import Peer
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext

PATIENCE = 20.0
HERE, SLOW, OTHER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
OPTIONS = RequestOptions("SCP", "SCU", (ProposedContext(uids.VERIFICATION),))
POLICY = PlainPolicy((SupportedContext(uids.VERIFICATION),))


class Work:
    """Calls that last until they may end, for one address; those of others end at once."""

    def __init__(self, threads: int) -> None:
        self.executor = ThreadPoolExecutor(threads)
        self.may_end = threading.Event()
        self.asked: list[int] = []
        self.begun: list[int] = []
        self.failed: list[int] = []
        self.under_way = 0
        self.most = 0
        self._lock = threading.Lock()

    def handle(self, request: Request, peer: Peer) -> Flow[None]:
        self.asked.append(peer.association_id)
        try:
            yield from flows.call(lambda: self._call(peer))
        except BaseException:
            self.failed.append(peer.association_id)
            raise
        yield from flows.send(reply(request))

    def _call(self, peer: Peer) -> None:
        if peer.address != SLOW:
            return
        with self._lock:
            self.begun.append(peer.association_id)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        assert self.may_end.wait(PATIENCE)
        with self._lock:
            self.under_way -= 1

    @asynccontextmanager
    async def served(self, at_once: int) -> AsyncIterator[Server]:
        limits = ServerLimits(calls_per_address=at_once)
        try:
            async with (
                asyncio.timeout(PATIENCE),
                await serve(HERE, 0, POLICY, handler=self.handle, limits=limits, executor=self.executor) as server,
            ):
                yield server
        finally:
            self.may_end.set()
            await asyncio.to_thread(self.executor.shutdown)

    async def ask(self, server: Server, source: str) -> tuple[aio.Link, asyncio.Task[int]]:
        """An association that has asked for something, which the handler has seen."""
        link = await aio.connect(Endpoint("SCP", HERE, server.port), OPTIONS, source_host=source)
        before = len(self.asked)

        async def echo() -> int:
            return (await link.run(flows.c_echo())).status

        task = asyncio.create_task(echo())
        while len(self.asked) == before:
            await asyncio.sleep(0)
        return link, task


def test_an_address_with_much_slow_work_leaves_threads_to_others() -> None:
    work = Work(threads=3)

    async def main() -> None:
        async with work.served(at_once=2) as server:
            slow = [await work.ask(server, SLOW) for _ in range(5)]
            quick, answer = await work.ask(server, OTHER)
            assert await answer == 0
            assert not any(task.done() for _, task in slow)
            work.may_end.set()
            assert [await task for _, task in slow] == [0] * 5
            assert server._calls.idle
            for link in (quick, *(link for link, _ in slow)):
                await link.release()

    asyncio.run(main())
    assert work.most == 2
    assert sorted(work.begun[:2]) == sorted(work.asked[:2])
    assert len(work.begun) == 5


def test_calls_that_wait_begin_in_order_and_are_dropped_with_their_association() -> None:
    work = Work(threads=2)

    async def main() -> None:
        async with work.served(at_once=1) as server:
            asked = [await work.ask(server, SLOW) for _ in range(5)]
            for link, task in (asked[1], asked[3]):
                await link.abort()
                with pytest.raises(Exception, match="aborted by this side"):
                    await task
            while server.associations > 3:
                await asyncio.sleep(0)
            assert work.failed == [work.asked[1], work.asked[3]]
            assert server.associations == 3
            work.may_end.set()
            assert [await asked[number][1] for number in (0, 2, 4)] == [0] * 3
            assert server._calls.idle

    asyncio.run(main())
    assert work.begun == [work.asked[number] for number in (0, 2, 4)]


def test_the_end_of_an_association_frees_its_place_when_its_call_is_over() -> None:
    work = Work(threads=2)

    async def main() -> None:
        async with work.served(at_once=1) as server:
            gone, lost = await work.ask(server, SLOW)
            _, answer = await work.ask(server, SLOW)
            await gone.abort()
            with pytest.raises(Exception, match="aborted by this side"):
                await lost
            while server.associations > 1:
                await asyncio.sleep(0)
            assert work.most == 1
            work.may_end.set()
            assert await answer == 0

    asyncio.run(main())
    assert work.most == 1


def test_a_server_that_closes_drops_what_waits() -> None:
    work = Work(threads=1)

    async def main() -> None:
        async with work.served(at_once=1) as server:
            asked = [await work.ask(server, SLOW) for _ in range(3)]
            await server.close()
            for _, task in asked:
                with pytest.raises(Exception, match=r"abort|clos|lost"):
                    await task
            assert sorted(work.failed) == sorted(work.asked[1:])
            work.may_end.set()
            while not server._calls.idle:
                await asyncio.sleep(0)

    asyncio.run(main())
    assert work.begun == work.asked[:1]


def test_without_a_thread_the_call_fails_and_its_request_is_answered() -> None:
    work = Work(threads=1)

    async def main() -> None:
        async with work.served(at_once=1) as server:
            first, held = await work.ask(server, SLOW)
            _, waits = await work.ask(server, SLOW)
            work.executor.shutdown(wait=False)
            work.may_end.set()
            assert await held == 0
            assert await waits == 0x0110
            assert (await first.run(flows.c_echo())).status == 0x0110
            assert server._calls.idle

    asyncio.run(main())


def test_what_a_call_raises_for_a_flow_that_is_gone_is_nobodys_business(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio would log it, with the text of the exception, which may hold patient data."""
    work = Work(threads=1)

    async def main() -> None:
        async with work.served(at_once=1) as server:
            link = await aio.connect(Endpoint("SCP", HERE, server.port), OPTIONS)
            begun, may_end = threading.Event(), threading.Event()

            def fails() -> None:
                begun.set()
                assert may_end.wait(PATIENCE)
                raise FileNotFoundError("DOE^JOHN.dcm")

            task = asyncio.create_task(link.run(flows.call(fails)))
            while not begun.is_set():
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            may_end.set()
            await link.run(flows.call(gc.collect))  # behind it, and the end of its future
            await link.release()

    asyncio.run(main())
    gc.collect()
    assert not [record for record in caplog.records if "DOE" in record.getMessage() + str(record.exc_text)]
