"""Frozen dataclasses made in one go, the reference body: the specification.

Each message that arrives becomes one. A class's own __init__ has no other way than to set the fields one by one, each
with a call, unless it has them set by this.
"""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["fill_frozen", "make_frozen"]

_T = TypeVar("_T")


def make_frozen(kind: type[_T], names: tuple[str, ...], values: tuple[Any, ...]) -> _T:
    """An instance of a frozen dataclass whose fields are ``names``, all of them, as its __init__ would make it.

    Raises:
        ValueError: there are not as many values as names.
        AttributeError: it has no such field.
    """
    made = kind.__new__(kind)
    fill_frozen(made, names, values)
    return made


def fill_frozen(one: object, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
    """Set the fields of a new instance of a frozen dataclass, for its __init__.

    Raises:
        ValueError, AttributeError: as for ``make_frozen``.
    """
    for name, value in zip(names, values, strict=True):
        object.__setattr__(one, name, value)
