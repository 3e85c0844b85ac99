"""The limit: two loops over a socket that exchange as many bytes as an association does, and know nothing else."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["client", "serve"]

_CHUNK = 256 * 1024
_PIECE = 1024 * 1024
_Steps = list[tuple[int, int]]


def serve(say: Callable[[int], None], steps: str) -> None:
    """For each of the steps receive so many bytes and send so many, over and over; 0 steps are a connection's end."""
    wanted = [(receive, bytes(send)) for receive, send in json.loads(steps)]
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        say(listener.getsockname()[1])
        buffer = bytearray(_CHUNK)
        while True:
            sock, _ = listener.accept()
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while _turn(sock, wanted, buffer):
                    pass


def _turn(sock: socket.socket, steps: Iterable[tuple[int, bytes]], buffer: bytearray) -> bool:
    for receive, answer in steps:
        if not _received(sock, receive, buffer):
            return False
        sock.sendall(answer)
    return True


def _received(sock: socket.socket, size: int, buffer: bytearray) -> bool:
    while size > 0:
        count = sock.recv_into(buffer, min(size, len(buffer)))
        if not count:
            return False
        size -= count
    return True


def client() -> Callable[..., Any]:
    """Answers what is to be measured with the seconds it took."""

    def answer(work: str, port: int, times: int, steps: _Steps, path: str = "") -> float:
        buffer = bytearray(_CHUNK)
        if work == "connect":
            begin = time.perf_counter()
            for _ in range(times):
                with _connected(port) as sock:
                    _exchange(sock, steps, buffer)
            return time.perf_counter() - begin
        with _connected(port) as sock:
            begin = time.perf_counter()
            for _ in range(times):
                if path:
                    _send_file(sock, path)
                    _received(sock, steps[0][1], buffer)
                else:
                    _exchange(sock, steps, buffer)
            return time.perf_counter() - begin

    return answer


def _connected(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _exchange(sock: socket.socket, steps: _Steps, buffer: bytearray) -> None:
    for send, receive in steps:
        sock.sendall(bytes(send))
        _received(sock, receive, buffer)


def _send_file(sock: socket.socket, path: str) -> None:
    piece = memoryview(bytearray(_PIECE))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(piece):
            sock.sendall(piece[:count])
