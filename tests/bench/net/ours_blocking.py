"""The blocking driver at both ends: ``blocking.connect`` and ``blocking_server.listen``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dicomnet.drivers import blocking, blocking_server
from dicomnet.ul import Transcript
from dicomnet.wire import PduLimits
from tests.bench.net import ours
from tests.bench.net.work import Work

__all__ = ["client", "serve"]


def serve(say: Callable[[int], None], max_length: str) -> None:
    """One association after the other."""
    size = int(max_length)
    limits = PduLimits(p_data=size)
    with blocking_server.listen(
        "127.0.0.1", 0, ours.policy(size), handler=ours.handler(), pdu_limits=limits
    ) as listener:
        say(listener.port)
        while True:
            listener.accept().listen()


def client(max_length: str) -> Callable[..., Any]:
    """Answers what is to be measured with the seconds it took, and ``sizes`` with how many bytes its turns had."""

    def connected(work: str, port: int, transcript: Transcript | None = None) -> blocking.Link:
        return blocking.connect(ours.endpoint(port), ours.options(work, int(max_length)), transcript=transcript)

    def answer(work: str, port: int, times: int, path: str = "", sizes: bool = False) -> Any:
        if sizes:
            transcript = Transcript()
            with connected(work, port, transcript) as link:
                if work != Work.ASSOCIATE:
                    link.run(ours.operation(work, path)())
            return ours.sizes(transcript)
        if work == Work.ASSOCIATE:
            begin = time.perf_counter()
            for _ in range(times):
                connected(work, port).release()
            return time.perf_counter() - begin
        operation = ours.operation(work, path)
        with connected(work, port) as link:
            link.run(operation())
            begin = time.perf_counter()
            if work == Work.STORE:
                for outcome in link.stream(ours.stores(path, times)):
                    ours.check_stored(outcome)
            else:
                for _ in range(times):
                    link.run(operation())
            return time.perf_counter() - begin

    return answer
