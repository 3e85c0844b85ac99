"""Files where the system has them in memory: nothing is copied, and nobody waits for a disk.

Only where the system tells what it has (mincore(2)), and tells it truly: since Linux 5.2 who neither owns a file nor
may write to it is told that all of it is in memory.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["Mapper"]

_NO_COPY: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
"""Of the descriptor, which Python keeps for as long as the view lives, where it can be told not to."""
_THERE = bytes(range(1, 256, 2))  # what mincore says of a page that is in memory: one bit counts
_PAGE = os.sysconf("SC_PAGESIZE") if sys.platform == "linux" else 4096


class Mapper:
    """Views of one open file; they outlive it, and its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._able = sys.platform == "linux" and os.fstat(descriptor).st_uid == os.geteuid()

    def view(self, offset: int, size: int) -> memoryview | None:
        """So many bytes from there on; None if the system does not have all of them in memory, or cannot tell."""
        if not self._able:
            return None
        before = offset % _PAGE
        try:
            import mmap

            # Private and writable, though nobody writes: of what is for reading only ctypes does not give the address.
            protection = mmap.PROT_READ | mmap.PROT_WRITE
            place = mmap.mmap(
                self._descriptor, before + size, mmap.MAP_PRIVATE, protection, offset=offset - before, **_NO_COPY
            )
        # A file system that maps none, no address left, or a file that was cut; no descriptor left to load this by.
        except (OSError, ValueError, ImportError):
            self._able = False
            return None
        if not _resident()(place, before + size):
            return None
        return memoryview(place).toreadonly()[before:]


@functools.cache
def _resident() -> Callable[[object, int], bool]:
    """Tells whether the system has all of so many bytes of a mapping in memory."""
    mincore = None
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        mincore = ctypes.CDLL(None).mincore
    if mincore is None:
        return lambda place, size: False
    mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]

    def resident(place: object, size: int) -> bool:
        pages = -(-size // _PAGE)
        found = ctypes.create_string_buffer(pages)
        first = ctypes.c_char.from_buffer(place)  # type: ignore[arg-type]
        if mincore(ctypes.addressof(first), size, found):
            return False
        return not found.raw.translate(None, _THERE)

    return resident
