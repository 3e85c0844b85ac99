"""A connected stream that never waits: bytes in, buffers out, in the clear or under TLS. Both drivers are built on it.

A driver waits until the socket is readable and calls ``recv``; it hands what is to go out to ``send`` and, as long as
``blocked``, waits until the socket is writable and calls ``flush``. Nothing else depends on which body is underneath:
``TlsTransport`` shakes hands inside these calls, and ``established`` tells when that is over.

Knows no events, no deadlines and no event loop.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from dicomnet.drivers.tls_reasons import reason_of_tls
from dicomnet.errors import ConnectionLost

if TYPE_CHECKING:
    import ssl

__all__ = ["LAST_WORDS", "QUEUED_ANSWERS", "PlainTransport", "TlsTransport", "Transport"]

QUEUED_ANSWERS = 1024 * 1024
"""Bytes that reading may add to what waits for a peer that takes nothing: not to read at all would make two sides that
both have much to say wait for each other for ever."""
LAST_WORDS = 1024 * 1024
"""Bytes read of a peer after the connection takes nothing more."""
_MAX_BUFFERS = 256
"""Buffers for one gathered write; Linux and macOS take 1,024 (IOV_MAX), and more than fit the system are in vain."""
_TURN = 4 * 1024 * 1024
"""Bytes to hand out before others get their turn, however fast the peer reads."""
_SMALL_CHUNK = 64 * 1024
_LARGE_CHUNK = 1024 * 1024
"""What one read asks for. Memory for the larger may come from the system at each call, which costs more than a message;
but of a large object every PDU that lies in two reads has to be joined, so there should be few of these."""
bytes(4 * _LARGE_CHUNK)  # glibc keeps what is freed of large objects for the next only once it has seen as much freed
_LITTLE = 8 * 1024
"""What the next read asks for when the last one gave others too long to wait; two in a row that brought less are of no
large object. One is not: between two objects a peer says what the next one is."""
_RECORD = 16 * 1024
"""The most plain text one TLS record holds (RFC 8446 5.1)."""
_SEALED = 128 * 1024
"""Cipher text that may wait for the system; more is made when that is gone."""
_FED = 32 * 1024
"""Cipher text OpenSSL is given at a time: its buffers keep the size they once had."""


class Transport:
    """A connected socket, and what waits to be written to it.

    ``over`` tells that nothing more will come, whatever the socket says; ``fault`` why, if it is known here. What is in
    the clear and what is under TLS have ``recv`` and ``flush`` of their own. No ABC, which a compiled class cannot be.
    """

    __slots__ = ("_queue", "_quiet", "_size", "_socket", "fault", "over")

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        # None as long as nothing waits, since an empty one weighs 0.7 KiB; what is in it is not empty.
        self._queue: deque[bytes | memoryview] | None = None
        self._size = _SMALL_CHUNK
        self._quiet = False  # the last read brought little
        self.over = False
        self.fault: ConnectionLost | None = None

    def fileno(self) -> int:
        """The descriptor to wait for; -1 when closed."""
        return self._socket.fileno()

    @property
    def established(self) -> bool:
        """Whether bytes of the user can pass."""
        return True

    @property
    def unseeing(self) -> bool:
        """Whether the system alone looks at the bytes that are sent."""
        return False

    @property
    def certificate(self) -> Mapping[str, object] | None:
        """What the peer proved to be (``getpeercert``), empty if nothing; None without TLS or before its handshake."""
        return None

    @property
    def blocked(self) -> bool:
        """Whether something waits for the socket to be writable."""
        return bool(self._queue)

    @property
    def unsent(self) -> int:
        """Bytes given to ``send`` that have not left yet."""
        return sum(map(len, self._queue or ()))

    def read_less(self) -> None:
        """What was read last took long to work off: ask for little the next time."""
        self._size = _LITTLE

    def recv(self) -> bytes | None:
        """What has come; None when there is nothing now, empty when there will be nothing more. Raises nothing."""
        raise NotImplementedError

    def send(self, parts: Sequence[bytes | memoryview]) -> int:
        """Write these behind what waits, as far as it goes now, and keep the rest: leave the buffers alone until then.

        Returns how many bytes the system took now, all told.

        Raises:
            OSError: the connection takes nothing any more; what the peer said before may still be there to be read.
        """
        self._keep(parts)
        return self.flush()

    def _keep(self, parts: Sequence[bytes | memoryview]) -> deque[bytes | memoryview]:
        if self._queue is None:
            self._queue = deque()
        self._queue += [part for part in parts if len(part)]
        return self._queue

    def flush(self) -> int:
        """Go on writing; how many bytes the system took.

        Raises:
            OSError: as for ``send``.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the socket; what waits is lost."""
        if self._queue:
            self._queue.clear()  # others may still look at it, such as the frames of an error
        self._queue = None
        self._socket.close()

    def _recv(self) -> bytes | None:
        try:
            data = self._socket.recv(self._size)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:  # a reset and an end of file mean the same here (Evt17)
            return b""
        little = len(data) < _LITTLE
        if len(data) == self._size:
            self._size = min(4 * self._size, _LARGE_CHUNK)
        elif little and self._quiet:
            self._size = _SMALL_CHUNK
        self._quiet = little
        return data

    def _note(self, error: OSError) -> None:
        """Remember what is no fault of the peer: views of a file that is shorter by now."""
        if error.errno == errno.EFAULT and self.fault is None:
            self.fault = ConnectionLost("the system cannot read what was to be sent")
            self.fault.__cause__ = error

    def _write(self, queue: deque[bytes | memoryview]) -> int:
        """Write from a queue by scatter/gather until it is empty, or the system or our turn is full."""
        total = 0
        while queue and total < _TURN:
            try:
                if len(queue) == 1:
                    sent = self._socket.send(queue[0])
                else:
                    sent = self._socket.sendmsg(tuple(islice(queue, _MAX_BUFFERS)))
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._note(error)
                raise
            total += sent
            if not _drop(queue, sent):
                break
        return total


def _drop(queue: deque[bytes | memoryview], count: int) -> bool:
    """Take so many bytes off a queue; whether that was a whole number of buffers: if not, the system is full."""
    while count:
        size = len(queue[0])
        if count < size:
            queue[0] = memoryview(queue[0])[count:]
            return False
        count -= size
        queue.popleft()
    return True


class PlainTransport(Transport):
    """A socket as it is. Takes a non-blocking one, and closes it in the end."""

    __slots__ = ()

    @property
    def unseeing(self) -> bool:
        """Yes, but for sockets of another class, which may do with them what they like."""
        return type(self._socket) is socket.socket

    def recv(self) -> bytes | None:
        """What has come."""
        return self._recv()

    def send(self, parts: Sequence[bytes | memoryview]) -> int:
        """Write these: mostly the system takes all of them at once, and nothing has to be kept."""
        if self._queue or not 0 < len(parts) <= _MAX_BUFFERS:
            return Transport.send(self, parts)
        try:
            sent = self._socket.send(parts[0]) if len(parts) == 1 else self._socket.sendmsg(parts)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._note(error)
            raise
        size = 0
        for part in parts:
            size += len(part)
        if sent != size:
            _drop(self._keep(parts), sent)
        return sent

    def flush(self) -> int:
        """Go on writing."""
        if self._queue is None:
            return 0
        sent = self._write(self._queue)
        if not self._queue:
            self._queue = None
        return sent


class TlsTransport(Transport):
    """A socket under TLS. OpenSSL sees buffers in memory only, so that one read may bring many records."""

    __slots__ = ("_certificate", "_established", "_held", "_incoming", "_outgoing", "_sealed", "_tls")

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, *, server_side: bool, server_name: str | None = None
    ) -> None:
        """``server_name`` is what a client asks for (SNI) and, if the context says so, what the certificate must name.

        Raises:
            ValueError, ssl.SSLError: there is no such name, or the context cannot be used for this side.
        """
        import ssl

        super().__init__(sock)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_name
        )
        self._sealed: deque[bytes | memoryview] = deque()
        self._established = False
        self._certificate: Mapping[str, object] | None = None
        self._held = False  # what waits can go out only when something has come in

    @property
    def established(self) -> bool:
        """Whether the handshake is over, with success."""
        return self._established

    @property
    def certificate(self) -> Mapping[str, object] | None:
        """The peer's certificate as ``getpeercert`` gives it."""
        return self._certificate

    @property
    def version(self) -> str:
        """The protocol and the cipher suite in use, for a log; empty before ``established``."""
        cipher = self._tls.cipher() if self._established else None
        return f"{self._tls.version()} {cipher[0]}" if cipher else ""

    @property
    def blocked(self) -> bool:
        """Whether something waits for the socket to be writable."""
        return bool(self._sealed) or (bool(self._queue) and not self._held)

    @property
    def unsent(self) -> int:
        """Bytes that have not left yet, in the clear or sealed."""
        return sum(map(len, self._queue or ())) + sum(map(len, self._sealed))

    def recv(self) -> bytes | None:
        """What has come, in the clear; shakes hands on the way."""
        if self.over:
            return b""
        raw = self._recv()
        if raw is None:
            return None
        found: list[bytes] = []
        if raw:
            for start in range(0, len(raw), _FED):
                self._incoming.write(memoryview(raw)[start : start + _FED])
                self._open(found)
        else:
            self._incoming.write_eof()
            self._open(found)
            self.over = True
        if self._outgoing.pending or self._queue:
            with contextlib.suppress(OSError):  # the next read will tell
                self.flush()
        return b"".join(found) or (b"" if self.over else None)

    def flush(self) -> int:
        """Go on writing; before ``established`` only the handshake."""
        total = 0
        while True:
            self._seal()
            if self._outgoing.pending:
                self._sealed.append(self._outgoing.read())
            sent = self._write(self._sealed) if self._sealed else 0
            total += sent
            if self._sealed or not sent or total >= _TURN:
                return total

    def close(self) -> None:
        """Tell the peer that nothing more comes (close_notify) if there is room for that, and close the socket."""
        if self._established and self.fault is None and not self.blocked:
            with contextlib.suppress(OSError):  # nobody waits for the peer's answer to it (RFC 8446 6.1)
                self._tls.unwrap()
            with contextlib.suppress(OSError):
                self._socket.send(self._outgoing.read())
        self._sealed.clear()
        Transport.close(self)

    def _shake_hands(self) -> None:
        if not self._established and not self.over:
            self._tls.do_handshake()
            self._established = True
            self._certificate = self._tls.getpeercert() or {}  # now: OpenSSL forgets it when what follows is no record

    def _open(self, found: list[bytes]) -> None:
        """Read all that can be read of what has been fed."""
        import ssl

        try:
            self._shake_hands()
            while not self.over:
                data = self._tls.read(_RECORD)
                if data:
                    found.append(data)
                else:
                    self.over = True
        except ssl.SSLWantReadError:
            pass
        except OSError as error:
            self._fail(error)

    def _seal(self) -> None:
        """Encrypt what waits, as much as may lie ready; in records that are full if there is enough."""
        import ssl

        self._held = False
        try:
            self._shake_hands()
            while self._queue and not self.over and self._outgoing.pending < _SEALED:
                piece = _next_record(self._queue)
                self._tls.write(piece)
                _drop(self._queue, len(piece))
        except ssl.SSLWantReadError:  # a handshake is under way: the same piece comes again
            self._held = True
        except OSError as error:
            self._fail(error)
            raise

    def _fail(self, error: OSError) -> None:
        """The end, which is nothing but the end of the stream if the peer just left."""
        import ssl

        self.over = True
        if self._established and isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return
        if self.fault is None:
            self.fault = ConnectionLost(reason_of_tls(error, established=self._established))
            if not isinstance(error, ssl.SSLEOFError):  # who only knocked is no failure of TLS
                self.fault.__cause__ = error


def _next_record(queue: deque[bytes | memoryview]) -> bytes | memoryview:
    """What the next record holds: without a copy, unless it is of several parts."""
    first = memoryview(queue[0])
    if len(first) >= _RECORD or len(queue) == 1:
        return first[:_RECORD]
    parts, room = [], _RECORD
    for part in queue:
        parts.append(part if len(part) <= room else memoryview(part)[:room])
        room -= len(parts[-1])
        if not room:
            break
    return b"".join(parts)
