"""Where both programs begin: an interrupt ends them without a traceback even while the rest is being loaded.

Imports next to nothing, so that the handler is in place early; the interpreter's own start is beyond its reach.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

__all__ = ["dcmups", "upsscp"]

_INTERRUPTED = 130
"""Exit.INTERRUPTED, which would have to be loaded."""


def dcmups() -> int:
    """Entry point of the console script and of ``python -m ups``."""

    def load() -> Callable[[Sequence[str]], int]:
        from ups.cli.main import main

        return main

    return _run(load)


def upsscp() -> int:
    """Entry point of the console script and of ``python -m ups.cli.upsscp``."""

    def load() -> Callable[[Sequence[str]], int]:
        from ups.cli.upsscp import main

        return main

    return _run(load)


def _run(load: Callable[[], Callable[[Sequence[str]], int]]) -> int:
    # Somebody who started us with SIGINT ignored, as shells do in the background, wants it ignored.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if ours:
            signal.signal(signal.SIGINT, _leave)
        main = load()
        _quieten()
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        status = main(sys.argv[1:])
        if ours:  # what is left is the interpreter's own end
            signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _leave(_: int, __: FrameType | None) -> None:
    """End at once: there is nothing to tidy up, and an exception could be lost in the machinery of imports."""
    os._exit(_INTERRUPTED)


def _quieten() -> None:
    """Keep Python's warnings off standard error: they quote values, which may be patient data."""
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")
