"""Faults amid data sets that are read while they are sent, or written while they arrive: a cut one never counts."""

from __future__ import annotations

import asyncio
import gc
import itertools
import socket
import struct
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse import messages as m
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import to_command
from dicomnet.dimse.messages import EncodedDataSet, Request
from dicomnet.dimse.payloads import FileDataSet
from dicomnet.drivers import aio, blocking
from dicomnet.drivers.aio_server import ServerLimits, serve
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import DicomNetError, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Peer, streaming
from dicomnet.services.storage import store_in
from dicomnet.ul import build_request
from dicomnet.wire import AAbort, AReleaseRQ, PDataTF, PduLimits, Pdv, encode_pdu
from tests.faults import memory_peers
from tests.faults.faults import GARBAGE, Cause, expected, limits, waits
from tests.faults.scripts import (
    ACCEPTOR,
    CT,
    CT_ID,
    IMAGE,
    OPTIONS,
    PDU,
    POLICY,
    REQUESTOR,
    STORE,
    Script,
    accept,
    one,
    pdus,
)
from tests.faults.socket_peers import PATIENCE, SCALE, Cell, Pairs, dial, open_fds, side_by_side
from tests.faults.test_asyncio import Watched
from tests.faults.test_floods import MIB, acceptor
from tests.faults.test_memory import EDGE, check

STORES = next(script for script in ACCEPTOR if script.name == "store")
GETS = next(script for script in REQUESTOR if script.name == "get")
SENDS = next(script for script in REQUESTOR if script.name == "store")


def taken(folder: Path) -> int:
    """How many whole instances are there; afterwards none is. Nothing else may be."""
    found = sorted(folder.iterdir())
    assert [path.suffix for path in found] == [".dcm"] * len(found)
    for path in found:
        assert path.read_bytes().endswith(bytes(len(IMAGE.data)))
        path.unlink()
    return len(found)


def whole_after(script: Script) -> int:
    """After how many steps the instance is here."""
    last = pdus(CT_ID, STORE)[-1]
    return next(number for number, step in enumerate(script.steps, 1) if getattr(step, "data", None) == last)


def cut(script: Script) -> Iterator[tuple[int, Cause, dict[str, Any]]]:
    """Every fault after every step, and an end in many places of every PDU."""
    for steps, cause in itertools.product(range(len(script.steps) + 1), Cause):
        yield steps, cause, {}
        if not cause.floods:
            yield steps, cause, {"together": True}
    for steps, step in enumerate(script.steps):
        data = getattr(step, "data", b"")
        for at in range(1, len(data) if isinstance(data, bytes) else 0, 5):
            if min(at, len(data) - at) <= EDGE:
                yield steps, Cause.HALF_CLOSE, {"cut": at}


@pytest.mark.parametrize("script", [STORES, GETS], ids=["acceptor", "requestor"])
def test_what_is_stored_is_whole(script: Script, tmp_path: Path) -> None:
    handler = store_in(tmp_path)
    played = replace(script, handler=handler)
    for steps, cause, how in cut(script):
        due = expected(script, steps, cause, how.get("together", False))
        if due is None:
            continue
        if script is STORES:
            run = memory_peers.serve(played, steps, cause, handler=handler, **how)
        else:
            run = memory_peers.request(played, steps, cause, **how)
        try:
            check(run, due, script, steps)
            whole = steps >= whole_after(script)
            # What ends the association together with the last of it may be faster than who would write it.
            assert taken(tmp_path) in ((0, 1) if whole and "together" in how else (whole,))
        except AssertionError as error:
            error.add_note(f"after {steps} steps ({script.after(steps)}), the peer {cause}, {how}: {due}")
            raise


def test_what_is_sent_from_a_file_ends_like_any_other(tmp_path: Path) -> None:
    """And the file is closed."""
    path = tmp_path / "data set"
    path.write_bytes(IMAGE.data)

    def store() -> Flow[Any]:
        source = FileDataSet(path, uids.IMPLICIT_VR_LE)
        return (
            yield from flows.ask(m.CStoreRequest(sop_class=CT, instance="1", data_set=source), expect=m.CStoreResponse)
        )

    before = open_fds()
    script = replace(SENDS, work=(store,))
    for steps, cause, how in cut(script):
        due = expected(script, steps, cause, how.get("together", False))
        if due is not None:
            check(memory_peers.request(script, steps, cause, **how), due, script, steps)
            assert open_fds() == before


def test_a_drip_of_a_data_set_is_not_waited_for() -> None:
    """Any length is allowed, any length of time is not: 16 KiB have the time of a message."""
    command = encode_command(to_command(STORE, has_data_set=True))
    drips = itertools.chain(
        [encode_pdu(PDataTF((Pdv(CT_ID, command, 3),)))],
        itertools.repeat(encode_pdu(PDataTF((Pdv(CT_ID, bytes(100), 0),)))),
    )
    flooded = acceptor(iter([]), streaming(skip), limits=limits())
    for _ in range(100):
        flooded.say(next(drips))
        flooded.wire.run_until(lambda: flooded.session.ended, 1.0)
        if flooded.session.ended:
            break
    error = flooded.session.error
    assert isinstance(error, TimedOut)
    assert error.wait == "message"
    assert flooded.wire.now == pytest.approx(4.0, abs=1.1)


BIG = replace(STORE, data_set=EncodedDataSet(bytes(3 * MIB), uids.IMPLICIT_VR_LE))
ENDINGS = {
    "closes": b"",
    "aborts": encode_pdu(AAbort()),
    "releases": encode_pdu(AReleaseRQ()),
    "garbage": GARBAGE,
    "another message": one(CT_ID, m.CStoreResponse(responding_to=1)),
}


@pytest.mark.parametrize("after", [300, 600, 768])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_begun_goes_with_the_association(ending: str, after: int, tmp_path: Path) -> None:
    """A data set of some length is in its file while it arrives: under another name, and never for long."""
    sent = pdus(CT_ID, BIG)
    assert len(sent) > after
    flooded = acceptor(iter(sent[:after]), store_in(tmp_path))
    flooded.wire.settle()
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    if ENDINGS[ending]:
        flooded.say(ENDINGS[ending])
    else:
        flooded.end._close(flooded.wire.now)
    flooded.wire.settle()
    assert flooded.session.ended
    assert list(tmp_path.iterdir()) == []


def test_an_asyncio_server_takes_away_what_was_begun(tmp_path: Path) -> None:
    sent = pdus(CT_ID, BIG)
    counts = range(560, 768, 23)

    async def begin(port: int, count: int) -> socket.socket:
        loop = asyncio.get_running_loop()
        sock = await dial(port)
        await loop.sock_sendall(sock, encode_pdu(build_request(OPTIONS)))
        await loop.sock_recv(sock, 4096)
        await loop.sock_sendall(sock, b"".join(sent[:count]))
        return sock

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0)

    async def main() -> None:
        async with await serve("127.0.0.1", 0, POLICY, handler=store_in(tmp_path)) as server:
            peers = await asyncio.gather(*(begin(server.port, count) for count in counts))
            await until(lambda: len(list(tmp_path.glob(".*.part"))) == len(peers))
            for sock, linger in zip(peers, itertools.cycle([0, 1]), strict=False):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", linger, 0))
                sock.close()
            await until(lambda: server.associations == 0)
            await until(lambda: not list(tmp_path.iterdir()))
            assert server.counters.aborted == len(peers)

    before = open_fds()
    asyncio.run(main())
    assert open_fds() == before


def skip(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.skip(request)


def test_a_data_set_that_nobody_reads_waits_outside() -> None:
    def sleep(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.read_part(request)
        yield from flows.pause(1000.0)

    command = encode_command(to_command(STORE, has_data_set=True))
    begin = [encode_pdu(PDataTF((Pdv(CT_ID, command, 3),)))]
    for size in (1, PDU - 6):
        endless = itertools.repeat(encode_pdu(PDataTF((Pdv(CT_ID, bytes(size), 0),))))
        flooded = acceptor(itertools.chain(begin, endless), streaming(sleep))
        flooded.pump.count = 40_000
        assert flooded.go_on(500.0) < 3 * MIB
        assert flooded.session.error is None
        assert not flooded.session.ended  # nothing is wrong but that our own handler is slow
        assert flooded.pump.sent < flooded.pump.count


# On sockets.


def test_an_asyncio_server_keeps_nothing_of_what_was_cut(tmp_path: Path) -> None:
    """Its writing is done in threads, which may be at it when the association ends."""
    chosen = [
        Cell(STORES, steps, cause, due)
        for steps in range(2, whole_after(STORES))
        for cause in Cause
        if (due := expected(STORES, steps, cause)) is not None and due == expected(STORES, steps, cause, together=True)
    ]
    assert len(chosen) > 40

    async def main() -> None:
        async with await serve(
            "127.0.0.1",
            0,
            POLICY,
            handler=store_in(tmp_path),
            waits=replace(waits(SCALE), request=PATIENCE),
            pdu_limits=PduLimits(p_data=PDU),
            message_limits=limits(SCALE),
            limits=ServerLimits(per_address=1000, half_open_per_address=1000),
        ) as server:
            watched = Watched(server)
            await side_by_side([watched.meet(cell) for cell in chosen])

    before = open_fds(), threading.active_count()
    asyncio.run(main())
    assert (open_fds(), threading.active_count()) == before
    assert taken(tmp_path) == 0


LARGE = 20 * MIB


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that no buffer between two ends has room for; it takes none of the disk."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


def send_large(path: Path) -> Flow[Any]:
    source = FileDataSet(path, uids.IMPLICIT_VR_LE)
    return (yield from flows.ask(m.CStoreRequest(sop_class=CT, instance="1", data_set=source), expect=m.CStoreResponse))


class Stopper(threading.Thread):
    """An acceptor that takes so many bytes of what it is sent, and then no more: the connection stays open."""

    def __init__(self, sock: socket.socket, takes: int) -> None:
        super().__init__()
        self.sock, self.takes = sock, takes
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        with self.sock as sock:
            sock.settimeout(PATIENCE)
            sock.sendall(accept(sock.recv(4096)))
            while self.takes > 0:
                self.takes -= len(sock.recv(min(self.takes, 65536)))
            self.over.wait(PATIENCE)


WAITS = Waits(send=0.2, response=PATIENCE, close=0.1)


def send_by_blocking(sock: socket.socket, path: Path) -> None:
    endpoint = Endpoint("SCP", "127.0.0.1", 104)
    with blocking.connect(endpoint, OPTIONS, waits=WAITS, open_socket=lambda *_: sock) as link:
        link.run(send_large(path))


def send_by_asyncio(sock: socket.socket, path: Path) -> None:
    async def main() -> None:
        endpoint = Endpoint("SCP", "127.0.0.1", 104)
        async with await aio.connect(endpoint, OPTIONS, waits=WAITS, open_socket=lambda *_: sock) as link:
            await link.run(send_large(path))

    asyncio.run(main())


@pytest.mark.parametrize("takes", [0, 8 * MIB])
@pytest.mark.parametrize("send", [send_by_blocking, send_by_asyncio])
def test_a_receiver_that_stops_reading(send: Any, takes: int, large: Path) -> None:
    before = open_fds(), threading.active_count()
    pairs = Pairs()
    ours, theirs = pairs.new()
    pairs.close()
    stopper = Stopper(theirs, takes)
    gc.collect()
    tracemalloc.start()
    with pytest.raises(TimedOut) as caught:
        send(ours, large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    stopper.over.set()
    stopper.join(PATIENCE)
    assert caught.value.wait == "send"
    assert peak < 6 * MIB
    assert (open_fds(), threading.active_count()) == before


@pytest.mark.parametrize("send", [send_by_blocking, send_by_asyncio])
def test_a_receiver_that_dies(send: Any, large: Path) -> None:
    before = open_fds(), threading.active_count()
    pairs = Pairs()
    ours, theirs = pairs.new()
    pairs.close()
    stopper = Stopper(theirs, 5 * MIB)
    stopper.over.set()
    with pytest.raises(DicomNetError, match="closed"):
        send(ours, large)
    stopper.join(PATIENCE)
    assert (open_fds(), threading.active_count()) == before
