"""Files that are read while they are sent: opened without waiting for anybody, read at places and not in order.

What the system has in memory is opened and read at once where it can say so (Linux); only for the rest somebody has to
wait, and that is for another thread than one that serves many. Nor need it be copied, for who gives it to the system
again (``dimse.mapping``). Knows neither data sets nor messages.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import stat
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

from dicomnet.dimse.mapping import Mapper
from dicomnet.errors import DecodeError, Fault

__all__ = ["FileStream", "open_at_once", "open_file", "read_at_once"]

_AT_HAND: Final[int] = getattr(os, "RWF_NOWAIT", 0)
"""Asks for no more than the system has in memory; 0 where it knows no such thing."""
_OPENAT2: Final = 437  # the same on nearly all of Linux; elsewhere, as on MIPS, there is no such call and it fails
_AT_FDCWD: Final = -100
_RESOLVE_CACHED: Final = 0x20
_MUCH: Final = 16 * 1024 * 1024
"""Bytes that one read asks for when all are wanted."""


def open_file(path: str | os.PathLike[str]) -> tuple[int, int]:
    """The descriptor and the size of a file, at once or not at all: to open a FIFO could wait for ever.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError as error:  # a NUL, which no name has
        raise OSError(errno.ENOENT, str(error), os.fspath(path)) from error
    return _regular(descriptor, path)


def open_at_once(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """The same if the system need not look for it on a disk (Linux); else None, also for what is wrong."""
    name = os.fsencode(path)
    descriptor = -1 if b"\0" in name else _opener()(name)
    if descriptor < 0:
        return None
    try:
        return _regular(descriptor, path)
    except OSError:
        return None


def _regular(descriptor: int, path: str | os.PathLike[str]) -> tuple[int, int]:
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status.st_size


@functools.cache
def _opener() -> Callable[[bytes], int]:
    """openat2(2) with RESOLVE_CACHED (Linux 5.12), which the standard library does not have; -1 where it fails."""
    try:
        import ctypes

        call = ctypes.CDLL(None).syscall if sys.platform == "linux" else None
    except (ImportError, OSError, AttributeError):
        call = None
    if call is None:
        return lambda name: -1
    call.restype = ctypes.c_long
    call.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    how = (ctypes.c_uint64 * 3)(flags, 0, _RESOLVE_CACHED)

    def open_it(name: bytes) -> int:
        sys.audit("open", name, None, flags)
        return int(call(_OPENAT2, _AT_FDCWD, name, how, 24))

    return open_it


def read_at_once(descriptor: int, buffer: bytearray, offset: int) -> bool:
    """Fill a buffer from a file; whether the system had all of that in memory.

    Raises:
        OSError: it cannot tell, or they cannot be read.
    """
    try:
        count = os.preadv(descriptor, (buffer,), offset, _AT_HAND) if _AT_HAND else -1
    except BlockingIOError:
        return False
    return count == len(buffer)  # the rest is on the disk, or nowhere any more


class FileStream(io.RawIOBase, BinaryIO):
    """An open file from ``offset`` to its end as it was when it was opened; closes the descriptor.

    ``first`` is what was read from its beginning already.
    """

    def __init__(self, descriptor: int, offset: int, size: int, first: bytes | bytearray = b"") -> None:
        super().__init__()
        self.left = size - offset
        """How many bytes are still to come."""
        self._descriptor = descriptor
        self._size = size
        self._ahead = memoryview(first)[offset:] if len(first) > offset else None  # what comes next, if it is here
        self._buffer = bytearray()
        self._tells = _AT_HAND != 0  # the system, what it has in memory
        self._mapper: Mapper | None = None  # made when it is asked for

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, none at the end; all that are left for a negative number.

        Raises:
            DecodeError: the file was cut, and no byte is left of it.
            OSError: it cannot be read.
        """
        if size < 0:  # one read may give less, and no system more than 2 GiB
            return b"".join(iter(functools.partial(self.read, _MUCH), b""))
        wanted = min(size, self.left)
        self._ahead = None
        data = self._read(wanted)
        if wanted and not data:
            raise self._cut(wanted)
        self.left -= len(data)
        return data

    def piece(self, size: int) -> bytes | memoryview:
        """So many bytes, or as many as are left.

        Raises:
            DecodeError: the file was cut.
            OSError: it cannot be read.
        """
        wanted = min(size, self.left)
        if (found := self._at_hand(wanted)) is not None:
            return found
        # Where nobody can tell what is at hand, the next piece comes along: each may have a long way to a thread.
        data = self._read(wanted if self._tells else min(2 * wanted, self.left))
        while len(data) < wanted:  # some file systems give less at a time
            more = self._read(wanted - len(data), len(data))
            if not more:
                raise self._cut(wanted - len(data))
            data += more
        self._ahead = memoryview(data)
        return self._at_hand(wanted) or b""

    def piece_at_once(self, size: int) -> memoryview | None:
        """The same if nobody has to wait for it. None if ``piece`` is to be asked, also for what is wrong.

        Who lets go of a piece before the next one has that in the same memory, which then need not be made.
        """
        wanted = min(size, self.left)
        if (found := self._at_hand(wanted)) is not None:
            return found
        if not self._tells or self.closed:
            return None
        buffer = self._buffer_of(wanted)
        try:
            if not read_at_once(self._descriptor, buffer, self._size - self.left):
                return None
        except OSError:  # EOPNOTSUPP of a file system that cannot tell, and whatever ``piece`` will meet again
            self._tells = False
            return None
        self.left -= wanted
        return memoryview(buffer)

    def view_at_once(self, size: int) -> memoryview | None:
        """So many bytes, fewer than are left, where the system has them, to be given back to it and nobody else.

        None if nobody can have them so, or would have to wait. They are read when the system reads them: of a file that
        was cut meanwhile it is told EFAULT, and zeros where the last page of it went on, while a program that looks at
        them ends with SIGBUS. Who reads what comes behind them, to the end, will know of either.
        """
        if self.closed or size >= self.left:
            return None
        if self._mapper is None:
            self._mapper = Mapper(self._descriptor)
        view = self._mapper.view(self._size - self.left, size)
        if view is not None:
            self._ahead = None
            self.left -= size
        return view

    def missing(self) -> DecodeError | None:
        """What is wrong with a file that is shorter than it was; None if it is not."""
        missing = 0
        with contextlib.suppress(OSError):  # of a file that is gone altogether
            missing = 0 if self.closed else self._size - os.fstat(self._descriptor).st_size
        return self._cut(missing) if missing > 0 else None

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            super().close()
            self._ahead = None
            os.close(self._descriptor)

    def _read(self, size: int, beyond: int = 0) -> bytes:
        if self.closed:
            raise ValueError("the file is closed")
        return os.pread(self._descriptor, size, self._size - self.left + beyond)

    def _buffer_of(self, size: int) -> bytearray:
        """The buffer of the piece before, if it fits and nobody has a view of it any more; else a new one."""
        buffer = self._buffer
        if len(buffer) == size:
            try:
                buffer.append(0)  # which a buffer does not let be done that is looked at
            except BufferError:
                pass
            else:
                del buffer[size:]
                return buffer
        self._buffer = buffer = bytearray(size)
        return buffer

    def _at_hand(self, wanted: int) -> memoryview | None:
        """The piece, if all of it was read ahead."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or len(ahead) < wanted:
            return None
        if len(ahead) > wanted:
            self._ahead = ahead[wanted:]
        self.left -= wanted
        return ahead[:wanted]

    def _cut(self, missing: int) -> DecodeError:
        return DecodeError(f"the file is {missing} bytes shorter than when it was opened", code=Fault.TRUNCATED)
