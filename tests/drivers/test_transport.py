"""Transports: bytes in and out of a socket pair without waiting, partial writes, ends."""

from __future__ import annotations

import contextlib
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from dicomnet.drivers.transport import PlainTransport

Pair = tuple[PlainTransport, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(10)
    transport = PlainTransport(ours)
    yield transport, theirs
    transport.close()
    theirs.close()


def test_nothing_has_come(pair: Pair) -> None:
    transport, _ = pair
    assert transport.recv() is None
    assert transport.established
    assert transport.certificate is None


def test_what_comes_and_then_the_end(pair: Pair) -> None:
    transport, theirs = pair
    theirs.sendall(b"one")
    assert transport.recv() == b"one"
    theirs.close()
    assert transport.recv() == b""
    assert transport.recv() == b""
    assert transport.fault is None


_SHORT_READS = """
import resource, socket
from dicomnet.drivers.transport import PlainTransport
ours, theirs = socket.socketpair()
theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
transport = PlainTransport(ours)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        transport._size = 1 << 20
        theirs.sendall(bytes(100_000))
        transport.recv()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how memory is kept is the C library's to say")
def test_memory_for_large_reads_is_not_had_anew_each_time() -> None:
    done = subprocess.run([sys.executable, "-c", _SHORT_READS], capture_output=True, text=True, check=True, timeout=100)
    assert int(done.stdout) < 100  # 20 reads of 25 pages


def test_a_reset_is_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    ours.sendall(b"unread")
    theirs.close()  # with a reset, since something was not read
    transport = PlainTransport(ours)
    assert transport.recv() == b""
    with pytest.raises(BrokenPipeError):
        transport.send([b"x"])
    transport.close()


def test_many_buffers_leave_in_order_whole_or_in_parts(pair: Pair) -> None:
    """More than one gathered write takes, of sizes that end anywhere, and none of them empty or copied."""
    transport, theirs = pair
    numbers = count()
    parts = [b"", *(memoryview(bytes([next(numbers) % 251]) * size) for size in (1, 0, 3, 70_000, 5) * 300)]
    wanted = b"".join(parts)
    sent = transport.send(parts)
    assert transport.blocked
    assert 0 < sent < len(wanted)
    assert transport.unsent == len(wanted) - sent
    received = bytearray()
    while transport.blocked:
        assert transport.flush() == 0
        received += theirs.recv(1 << 20)
        transport.flush()
        assert transport.unsent + sent <= len(wanted)
    transport.send([])
    transport.close()
    while data := theirs.recv(1 << 20):
        received += data
    assert received == wanted


def test_one_call_does_not_write_without_end(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader as fast as we are must not keep an event loop from everybody else."""
    monkeypatch.setattr("dicomnet.drivers.transport._TURN", 1000)
    transport, theirs = pair
    assert transport.send([bytes(600)] * 3 + [bytes(600)] * 300) < 600 * 303
    assert transport.blocked
    while transport.blocked:
        transport.flush()
        theirs.recv(1 << 20)


def test_what_waits_is_lost_when_it_closes(pair: Pair) -> None:
    transport, _ = pair
    transport.send([bytes(8_000_000)])
    assert transport.blocked
    transport.close()
    assert not transport.blocked
    assert transport.fileno() == -1


def test_reads_grow_with_what_comes(pair: Pair) -> None:
    transport, theirs = pair
    sizes = []
    for _ in range(3):
        theirs.setblocking(False)
        sent = 0
        while True:
            try:
                sent += theirs.send(bytes(65536))
            except BlockingIOError:
                break
        while data := transport.recv():
            sizes.append(len(data))
            sent -= len(data)
        assert sent == 0
    assert max(sizes) > 65536


def test_a_read_asks_for_more_when_there_is_more_and_for_little_when_told_to(pair: Pair) -> None:
    transport, theirs = pair
    theirs.settimeout(0)
    sizes = []
    for round_ in range(12):
        with contextlib.suppress(BlockingIOError):
            while True:
                theirs.send(bytes(4096))
        if round_ == 4:
            transport.read_less()
        sizes.append(len(transport.recv() or b""))
    assert sizes[0] == 64 * 1024
    assert max(sizes[1:4]) > 64 * 1024
    assert sizes[4] == 8 * 1024 < sizes[5] < sizes[6]


@pytest.mark.parametrize(("messages", "most"), [(1, 256 * 1024), (2, 64 * 1024)])
def test_one_small_message_between_large_objects_is_no_reason_to_ask_for_less(
    pair: Pair, messages: int, most: int
) -> None:
    transport, theirs = pair
    theirs.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            theirs.send(bytes(4096))
    while transport.recv():  # first 64 KiB, and then whatever there is
        pass
    for _ in range(messages):
        theirs.send(bytes(138))
        assert transport.recv() == bytes(138)
    assert transport._size == most
