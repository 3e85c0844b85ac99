"""Frozen objects made in one go are those that their classes make."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from types import ModuleType

import pytest

from .leaks import assert_no_leak


@dataclass(frozen=True, slots=True)
class Plain:
    one: int
    other: object = None


@dataclass(frozen=True)
class Spacious(Plain):
    pass


NAMES = ("one", "other")


@pytest.mark.parametrize("kind", [Plain, Spacious])
def test_frozen_objects_are_as_if_they_had_been_made_by_themselves(kernel: ModuleType, kind: type[Plain]) -> None:
    made = kernel.make_frozen(kind, NAMES, (1, "x"))
    assert type(made) is kind
    assert (made, hash(made), repr(made)) == (kind(1, "x"), hash(kind(1, "x")), repr(kind(1, "x")))
    with pytest.raises(FrozenInstanceError):
        made.one = 2


def test_frozen_objects_are_not_made_of_just_anything(kernel: ModuleType) -> None:
    for values in ((), (1,), (1, 2, 3)):
        with pytest.raises(ValueError):
            kernel.make_frozen(Plain, NAMES, values)
    for kind, names in ((Plain, ("one", "third")), (int, NAMES), (object, NAMES)):
        with pytest.raises(AttributeError):
            kernel.make_frozen(kind, names, (1, 2))
    for kind, names in ((Plain, (1, 2)), (type, NAMES), (bool, NAMES)):
        with pytest.raises((TypeError, AttributeError)):
            kernel.make_frozen(kind, names, (1, 2))


@pytest.mark.parametrize("kind", [Plain, Spacious])
def test_who_fills_one_need_not_make_it(kernel: ModuleType, kind: type[Plain]) -> None:
    made = kind.__new__(kind)
    assert kernel.fill_frozen(made, NAMES, (1, "x")) is None
    assert made == kind(1, "x")
    with pytest.raises(ValueError):
        kernel.fill_frozen(made, (*NAMES, "third"), (1, 2))
    with pytest.raises(AttributeError):
        kernel.fill_frozen(Plain.__new__(Plain), ("one", "third"), (1, 2))
    for nothing in ((None, NAMES, (1, 2)), (made, None, (1, 2)), (made, NAMES, None)):
        with pytest.raises((TypeError, AttributeError)):
            kernel.fill_frozen(*nothing)


def test_no_reference_is_lost_or_kept(kernel: ModuleType) -> None:
    values = {1: "some", 2: "values"}
    made = Plain(1, 2)
    assert_no_leak(kernel.make_frozen, (Plain, NAMES, (1 << 40, values)), watched=[Plain, values])
    assert_no_leak(kernel.fill_frozen, (made, NAMES, (1 << 40, values)), watched=[made, values])
