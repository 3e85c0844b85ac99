"""Strategies that are made once: Hypothesis looks into each new one for longer than it draws from it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar, cast

__all__ = ["reused"]

_Arguments = ParamSpec("_Arguments")
_Made = TypeVar("_Made")


def reused(make: Callable[_Arguments, _Made]) -> Callable[_Arguments, _Made]:
    """A function that gives the same strategy for the same arguments; they must be hashable."""
    kept = cast("Callable[_Arguments, _Made]", cache(make))

    @wraps(make)
    def again(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Made:  # a function, for the documentation
        return kept(*arguments, **named)

    return again
