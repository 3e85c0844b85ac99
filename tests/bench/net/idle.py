"""Many associations that say nothing, in one asyncio server, while C-ECHO on one more answers.

The memory of each is the growth of the server's resident size divided by their number; the client holds bare sockets.
The share of a CPU is what the server has used while ten C-ECHO a second came on one more association; that begins when
the time for requests (ARTIM, ``Waits.request``) is over, when every association once looks for its next deadline.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from dicomnet.drivers import blocking
from dicomnet.wire import encode_pdu
from tests.bench.net import ours
from tests.bench.net.children import Client, Server
from tests.bench.net.work import Work
from tests.bench.timing import Goal, short_time, told

__all__ = ["client", "measured"]

_MOST_EACH, _MOST_SHARE = 64 * 1024, 0.02
_MAX_LENGTH = 16384
_PULSE = 0.1


def measured(count: int, seconds: float, settling: float, judged: bool) -> Iterator[str]:
    """The lines of the table."""
    with Server("asyncio", "server", str(_MAX_LENGTH)) as server, Client("idle", "client") as holder:
        alone = holder.ask(work="pulse", port=server.port, times=1, seconds=seconds / 2)
        empty = server.memory()["VmRSS"]
        holder.ask(work="open", port=server.port, times=count, seconds=0)
        each = (server.memory()["VmRSS"] - empty) / count
        time.sleep(settling)
        begin, used = time.perf_counter(), server.processor_seconds()
        beside = holder.ask(work="pulse", port=server.port, times=1, seconds=seconds)
        share = (server.processor_seconds() - used) / (time.perf_counter() - begin)
    yield f"{count:,} idle associations in one asyncio server"
    yield told(Goal(f"{each / 1024:.1f} KiB each (goal: at most 64 KiB)", each <= _MOST_EACH), judged)
    yield told(Goal(f"{100 * share:.2g} % of a CPU (goal: under 2 %)", share < _MOST_SHARE), judged)
    yield f"    C-ECHO on one more: median {short_time(beside)}, with no other {short_time(alone)}"


def client() -> Callable[..., Any]:
    """``open`` holds so many associations until the process ends; ``pulse`` gives the median seconds of a C-ECHO."""
    held: list[socket.socket] = []

    def answer(work: str, port: int, times: int, seconds: float) -> float:
        if work == "pulse":
            return _pulse(port, seconds)
        request = encode_pdu(ours.request(Work.ASSOCIATE, _MAX_LENGTH))
        for _ in range(times):
            sock = socket.create_connection(("127.0.0.1", port))
            held.append(sock)
            sock.sendall(request)
            assert sock.recv(4096)[:1] == b"\x02"  # A-ASSOCIATE-AC
        return 0.0

    return answer


def _pulse(port: int, seconds: float) -> float:
    operation = ours.operation(Work.ECHO, "")
    taken: list[float] = []
    until = time.perf_counter() + seconds
    with blocking.connect(ours.endpoint(port), ours.options(Work.ASSOCIATE, _MAX_LENGTH)) as link:
        while not taken or time.perf_counter() < until:
            begin = time.perf_counter()
            link.run(operation())
            taken.append(time.perf_counter() - begin)
            time.sleep(_PULSE)
    return median(taken)
