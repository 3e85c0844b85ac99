"""The asyncio driver at both ends: ``aio.connect`` and ``aio_server.serve``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from dicomnet.drivers import aio, aio_server
from dicomnet.wire import PduLimits
from tests.bench.net import ours
from tests.bench.net.work import Work

__all__ = ["client", "serve"]

_MANY = 100_000


def serve(say: Callable[[int], None], max_length: str) -> None:
    """As many associations as come."""
    asyncio.run(_serve(say, int(max_length)))


async def _serve(say: Callable[[int], None], size: int) -> None:
    limits = aio_server.ServerLimits(
        associations=_MANY, per_address=_MANY, half_open=_MANY, half_open_per_address=_MANY
    )
    server = await aio_server.serve(
        "127.0.0.1",
        0,
        ours.policy(size),
        handler=ours.handler(),
        pdu_limits=PduLimits(p_data=size),
        limits=limits,
    )
    say(server.port)
    await asyncio.Event().wait()


def client(max_length: str) -> Callable[..., Any]:
    """Answers what is to be measured with the seconds it took."""
    runner = asyncio.Runner()

    async def connected(work: str, port: int) -> aio.Link:
        return await aio.connect(ours.endpoint(port), ours.options(work, int(max_length)))

    async def measured(work: str, port: int, times: int, path: str) -> float:
        if work == Work.ASSOCIATE:
            begin = time.perf_counter()
            for _ in range(times):
                await (await connected(work, port)).release()
            return time.perf_counter() - begin
        operation = ours.operation(work, path)
        async with await connected(work, port) as link:
            await link.run(operation())
            begin = time.perf_counter()
            if work == Work.STORE:
                async for outcome in link.stream(ours.stores(path, times)):
                    ours.check_stored(outcome)
            else:
                for _ in range(times):
                    await link.run(operation())
            return time.perf_counter() - begin

    def answer(work: str, port: int, times: int, path: str = "") -> float:
        return runner.run(measured(work, port, times, path))

    return answer
