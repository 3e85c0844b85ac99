"""A relay between TCP and TLS, for programs that do not speak TLS themselves: DCMTK 3.6.7 has it in four tools only."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from typing import Self

from ..processes import PATIENCE
from .peers import HOST


class Relay:
    """Listens while it is a context and hands every connection on, byte for byte.

    ``outer`` encrypts what comes in, ``inner`` what goes on to ``port``; each is None for plain TCP.
    """

    def __init__(self, port: int, *, outer: ssl.SSLContext | None = None, inner: ssl.SSLContext | None = None) -> None:
        self._target = port
        self._outer, self._inner = outer, inner
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a relayed connection has not ended"

    def _accept(self) -> None:
        while True:
            try:
                came, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(came,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, came: socket.socket) -> None:
        goes = socket.create_connection((HOST, self._target), timeout=PATIENCE)
        came.settimeout(PATIENCE)
        with came, goes:
            try:
                outer = self._outer.wrap_socket(came, server_side=True) if self._outer else came
                inner = self._inner.wrap_socket(goes, server_hostname=HOST) if self._inner else goes
                with outer, inner:
                    _pump(outer, inner)
            except OSError:
                return  # one of them has gone or would not have it; so does the other


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Hand on what either says until one of them ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while ready := selector.select(PATIENCE):
            for key, _ in ready:
                source, target = key.fileobj, key.data
                while True:
                    data = source.recv(65536)
                    if not data:
                        return
                    target.sendall(data)
                    if not (isinstance(source, ssl.SSLSocket) and source.pending()):
                        break
