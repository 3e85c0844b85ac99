"""Generators taken further, the reference body: the specification.

That one has ended Python tells by an exception, which the fast body does without: it would cost as much as all else
that is done to go on with a generator.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

__all__ = ["resume"]


def resume(generator: Generator[Any, Any, Any], value: object) -> tuple[bool, Any]:
    """Send a value into a generator: whether that has ended it, and what it returned then, or else has yielded.

    Raises:
        BaseException: whatever the generator raises.
    """
    try:
        return False, generator.send(value)
    except StopIteration as stop:
        return True, stop.value
