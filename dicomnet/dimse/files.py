"""Files that are read while they are sent: opened without waiting for anybody, read at places and not in order.

What lies in the page cache is had at once where the system can say so (Linux); only the rest has to be waited for, and
that is for another thread than one that serves many. Knows neither data sets nor messages.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import BinaryIO, Final

from dicomnet.errors import DecodeError, Fault

__all__ = ["FileStream", "open_file"]

_AT_HAND: Final[int] = getattr(os, "RWF_NOWAIT", 0)
"""Asks for no more than the system has in memory; 0 where it knows no such thing."""


def open_file(path: str | os.PathLike[str]) -> tuple[int, int]:
    """The descriptor and the size of a file, at once or not at all: to open a FIFO could wait for ever.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status.st_size


class FileStream(io.RawIOBase, BinaryIO):
    """An open file from ``offset`` to its end as it was when it was opened; closes the descriptor.

    ``ahead`` is what was read of it there already.
    """

    def __init__(self, descriptor: int, offset: int, size: int, ahead: memoryview | None = None) -> None:
        super().__init__()
        self.left = size - offset
        """How many bytes are still to come."""
        self._descriptor = descriptor
        self._size = size
        self._ahead = ahead
        self._tells = _AT_HAND != 0  # the system, what it has in memory

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, none at the end; all that are left for a negative number.

        Raises:
            DecodeError: the file was cut, and no byte is left of it.
            OSError: it cannot be read.
        """
        wanted = self.left if size < 0 else min(size, self.left)
        self._ahead = None
        data = self._read(wanted)
        if wanted and not data:
            raise self._cut(wanted)
        self.left -= len(data)
        return data

    def piece(self, size: int) -> bytes | bytearray | memoryview:
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

    def piece_at_once(self, size: int) -> bytes | bytearray | memoryview | None:
        """The same if nobody has to wait for it. None if ``piece`` is to be asked, also for what is wrong."""
        wanted = min(size, self.left)
        if (found := self._at_hand(wanted)) is not None:
            return found
        if not self._tells or self.closed:
            return None
        data = bytearray(wanted)
        try:
            count = os.preadv(self._descriptor, (data,), self._size - self.left, _AT_HAND)
        except BlockingIOError:
            return None
        except OSError:  # EOPNOTSUPP of a file system that cannot tell, and whatever ``piece`` will meet again
            self._tells = False
            return None
        if count < wanted:  # the rest is on the disk, or nowhere any more
            return None
        self.left -= wanted
        return data

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
        return DecodeError(f"the file ends {missing} bytes before its end", code=Fault.TRUNCATED)
