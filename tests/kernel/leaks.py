"""Whether a function written in C keeps references that it took, or gives back some that it did not take."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress

from dicomnet.errors import CodecError

__all__ = ["assert_no_leak"]

_TIMES = 300


def assert_no_leak(function: Callable[..., object], *calls: Sequence[object], watched: Sequence[object] = ()) -> None:
    """Call ``function`` many times with each of these arguments; nothing must be left of it.

    The references that are counted are those to the bytes and tuples among the arguments, and to what is ``watched``.
    """

    def run() -> None:
        for arguments in calls:
            with suppress(CodecError):
                function(*arguments)

    counted = [one for arguments in calls for one in arguments if isinstance(one, bytes | tuple)]
    counted.extend(watched)
    run()
    # A leak is there each time; what the threads of the tests' runner take meanwhile is not.
    assert any(_growth(run, counted) < _TIMES * 8 for _ in range(3))


def _growth(run: Callable[[], None], counted: Sequence[object]) -> int:
    """Bytes that many calls leave behind."""
    tracemalloc.start()
    try:
        for _ in range(10):
            run()
        gc.collect()  # errors hold frames, and these the errors
        counts, before = [sys.getrefcount(one) for one in counted], tracemalloc.get_traced_memory()[0]
        for _ in range(_TIMES):
            run()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        assert [sys.getrefcount(one) for one in counted] == counts
        return after - before
    finally:
        tracemalloc.stop()
