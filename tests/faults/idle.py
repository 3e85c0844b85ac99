"""Thousands of associations that say nothing, in one asyncio server, and what each costs.

``python -m tests.faults.idle COUNT`` tells it in JSON: in a process of its own, so that no memory somebody left behind
can hide what they take.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import socket
import sys
import time
from statistics import median
from typing import Any

from dicomnet import flows
from dicomnet.drivers import aio
from dicomnet.drivers.aio_clock import clock_of
from dicomnet.drivers.aio_server import Server, ServerLimits, serve
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.drivers.session import Session
from dicomnet.ul import build_request
from dicomnet.wire import encode_pdu
from tests.faults.scripts import OPTIONS, POLICY

__all__ = ["main", "needed"]

_BATCH = 50
_WARM = 200
"""Associations before the first look at the memory, so that what is made once is not counted."""
_QUIET = 0.5
_ECHOES = 50
REQUEST = encode_pdu(build_request(OPTIONS))


def needed(count: int) -> int:
    """How many descriptors the process needs."""
    return 2 * (count + _WARM) + 100


class Looks:
    """How often the loop woke up."""

    def __init__(self, loop: Any) -> None:
        self.count = 0
        select = loop._selector.select

        def counted(timeout: float | None = None) -> Any:
            self.count += 1
            return select(timeout)

        loop._selector.select = counted


async def associate(port: int, count: int, held: list[socket.socket]) -> None:
    """So many associations more, by peers that are nothing but a socket each."""
    loop = asyncio.get_running_loop()
    for start in range(0, count, _BATCH):
        new = [socket.create_connection(("127.0.0.1", port)) for _ in range(min(_BATCH, count - start))]
        for sock in new:
            sock.setblocking(False)
            sock.sendall(REQUEST)
        for sock in new:
            assert (await loop.sock_recv(sock, 4096))[:1] == b"\x02"  # A-ASSOCIATE-AC
        held += new


def resident() -> int:
    """Bytes of memory that are really there."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def emptied(server: Server) -> None:
    """Wait until nobody is connected any more."""
    async with asyncio.timeout(60):
        while server.associations:
            await asyncio.sleep(0)


async def measure(count: int) -> dict[str, float]:
    """What the table of the test wants to know."""
    loop: Any = asyncio.get_running_loop()
    looks = Looks(loop)
    held: list[socket.socket] = []
    room = ServerLimits(associations=2 * count, per_address=2 * count, half_open=count, half_open_per_address=count)
    async with await serve("127.0.0.1", 0, POLICY, waits=Waits(request=3600.0, idle=3600.0), limits=room) as server:
        await associate(server.port, _WARM, held)
        gc.collect()
        before = resident()
        await associate(server.port, count, held)
        gc.collect()
        each = (resident() - before) / count
        seen, used = looks.count, time.process_time()
        await asyncio.sleep(_QUIET)
        quiet, busy = looks.count - seen, time.process_time() - used
        timers = sum(not timer.cancelled() for timer in loop._scheduled)
        taken: list[float] = []
        async with await aio.connect(Endpoint("SCP", "127.0.0.1", server.port), OPTIONS) as link:
            seen = looks.count
            for _ in range(_ECHOES):
                began = time.perf_counter()
                await link.run(flows.c_echo())
                taken.append(time.perf_counter() - began)
            echoes = looks.count - seen
        open_at_once = server.associations
        for sock in held:
            sock.close()
        await emptied(server)
        async with await aio.connect(Endpoint("SCP", "127.0.0.1", server.port), OPTIONS) as link:
            await link.run(flows.c_echo())
        await emptied(server)
        gc.collect()
        left = sum(isinstance(found, Session) for found in gc.get_objects()) - 1  # of the link above
        return {
            "each": each,
            "open": open_at_once,
            "looks while quiet": quiet,
            "processor seconds while quiet": busy,
            "timers": timers,
            "looks per echo": echoes / _ECHOES,
            "seconds per echo": median(taken),
            "sessions left": left,
            "timers left": sum(
                not timer.cancelled() and timer._callback != clock_of(loop)._on_time for timer in loop._scheduled
            ),
        }


def main() -> None:
    """Raise the limit of descriptors, measure, print."""
    count = int(sys.argv[1])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed(count), hard))
    print(json.dumps(asyncio.run(measure(count))))


if __name__ == "__main__":
    main()
