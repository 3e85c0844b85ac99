"""Our side as requestor, on either driver, for tests that are written once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from dicomnet.drivers import aio, blocking
from dicomnet.drivers.common import Endpoint
from dicomnet.flows import Flow
from dicomnet.ul import Negotiated, ProposedContext, RequestOptions

from .peers import HOST

T = TypeVar("T")

DRIVERS = ("blocking", "asyncio")


class Conversation:
    """One association of ours: runs flows to their end, one after the other."""

    def __init__(self, link: Any, wait: Callable[[Any], Any]) -> None:
        self._link = link
        self._wait = wait

    @property
    def negotiated(self) -> Negotiated:
        return self._link.negotiated

    def run(self, flow: Flow[T]) -> T:
        """The result of the flow."""
        return self._wait(self._link.run(flow))

    def stream(self, flow: Flow[T], each: Callable[[Any], object] | None = None) -> tuple[list[Any], T]:
        """What the flow delivered, and its result."""
        results: list[T] = []
        items: list[Any] = []

        def kept() -> Flow[None]:
            results.append((yield from flow))

        self._wait(self._consume(kept(), items))
        return items, results[0]

    def _consume(self, flow: Flow[None], items: list[Any]) -> Any:
        streamed = self._link.stream(flow)
        if not hasattr(streamed, "__aiter__"):
            items.extend(streamed)
            return None

        async def take() -> None:
            async for item in streamed:
                items.append(item)

        return take()

    def gather(self, *flows: Flow[Any]) -> list[Any]:
        """The results of flows that run side by side; only asyncio has that."""

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(self._link.run(flow) for flow in flows))

        return self._wait(all_of_them())


@contextmanager
def conversation(driver: str, port: int, options: RequestOptions, **more: Any) -> Iterator[Conversation]:
    """An association to a peer on this machine, released at the end; ``more`` goes to the driver's ``connect``."""
    endpoint = Endpoint(options.called_ae_title, HOST, port)
    if driver == "blocking":
        with blocking.connect(endpoint, options, **more) as link:
            yield Conversation(link, lambda result: result)
        return
    with asyncio.Runner() as runner:
        link = runner.run(aio.connect(endpoint, options, **more))
        try:
            yield Conversation(link, lambda work: runner.run(_awaited(work)))
        except BaseException:
            runner.run(link.abort())
            raise
        runner.run(link.release())


async def _awaited(work: Any) -> Any:
    return await work


def options(*contexts: str | tuple[str, str | tuple[str, ...]], called: str = "DCMTK", **more: Any) -> RequestOptions:
    """A proposal: abstract syntaxes, alone or with their transfer syntaxes."""
    proposed = []
    for context in contexts:
        if isinstance(context, str):
            proposed.append(ProposedContext(context))
        else:
            syntaxes = (context[1],) if isinstance(context[1], str) else tuple(context[1])
            proposed.append(ProposedContext(context[0], syntaxes))
    return RequestOptions(called, "INTEROP", tuple(proposed), **more)
