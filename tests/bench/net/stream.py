"""One large object sent and received as a stream: how much memory each side takes for it.

The object is made as it is sent, zeros piece by piece, so that no disk of that size is needed. The receiver reads it
part by part and drops it. ``VmHWM`` is the peak of the resident size of the whole process, interpreter and imports
included; the growth is what it has risen by since the process had exchanged one C-ECHO.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from dicomnet.dimse.messages import CStoreRequest, CStoreResponse
from dicomnet.dimse.payloads import StreamedDataSet
from dicomnet.drivers import aio, blocking
from dicomnet.flows import Flow, ask
from tests.bench.net import ours
from tests.bench.net.children import Client, Server
from tests.bench.net.work import CT, EXPLICIT, INSTANCE, Work
from tests.bench.timing import Goal, short_time, told

__all__ = ["client", "measured"]

_MOST = 64 << 20
_MAX_LENGTH = 131072
_PIECE = bytes(1 << 20)


def measured(size: int, judged: bool) -> Iterator[str]:
    """The lines of the table."""
    yield f"one object of {size / (1 << 30):.3g} GiB as a stream"
    for driver in ("blocking", "asyncio"):
        with Server(driver, "server", str(_MAX_LENGTH)) as server, Client("stream", "client") as sender:
            sender.ask(driver=driver, port=server.port, size=0)
            idle = [child.memory()["VmHWM"] for child in (sender, server)]
            seconds = sender.ask(driver=driver, port=server.port, size=size)
            peaks = [child.memory()["VmHWM"] for child in (sender, server)]
        for name, before, peak in zip(("sender", "receiver"), idle, peaks, strict=True):
            text = f"{driver} {name}: {peak / (1 << 20):.1f} MiB in all, {(peak - before) / (1 << 20):.1f} MiB more"
            yield told(Goal(f"{text} than before (goal: under 64 MiB)", peak < _MOST), judged)
        yield f"    {driver}: {short_time(seconds)}"


def client() -> Callable[..., Any]:
    """Sends an object of this size, or with 0 one C-ECHO, and answers with the seconds it took."""

    def answer(driver: str, port: int, size: int) -> float:
        flow = ours.operation(Work.ECHO, "")() if not size else _store(size)
        begin = time.perf_counter()
        if driver == "blocking":
            with blocking.connect(ours.endpoint(port), ours.options(Work.STORE, _MAX_LENGTH)) as link:
                link.run(flow)
        else:
            import asyncio

            asyncio.run(_run(port, flow))
        return time.perf_counter() - begin

    return answer


async def _run(port: int, flow: Flow[None]) -> None:
    async with await aio.connect(ours.endpoint(port), ours.options(Work.STORE, _MAX_LENGTH)) as link:
        await link.run(flow)


def _store(size: int) -> Flow[None]:
    data_set = StreamedDataSet(_pieces(size), EXPLICIT)
    request = CStoreRequest(sop_class=CT, instance=INSTANCE, data_set=data_set)
    (yield from ask(request, expect=CStoreResponse)).raise_for_status()


def _pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // len(_PIECE)):
        yield _PIECE
