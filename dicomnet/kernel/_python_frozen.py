"""Frozen dataclasses made in one go, the reference body: the specification.

Each message that arrives becomes one; a class's own __init__ sets the fields one by one, each with a call.
"""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["make_frozen"]

_T = TypeVar("_T")


def make_frozen(kind: type[_T], names: tuple[str, ...], values: tuple[Any, ...]) -> _T:
    """An instance of a frozen dataclass whose fields are ``names``, all of them, as its __init__ would make it.

    Raises:
        ValueError: there are not as many values as names.
    """
    made = kind.__new__(kind)
    for name, value in zip(names, values, strict=True):
        object.__setattr__(made, name, value)
    return made
