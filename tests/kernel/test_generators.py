"""Generators are taken further by either body as by ``send``, and their end is no exception."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from types import ModuleType
from typing import Any

import pytest

from .leaks import assert_no_leak


def conversation() -> Generator[str, str, tuple[str, str]]:
    first = yield "name?"
    second = yield f"{first}, and you?"
    return first, second


def test_values_go_in_and_come_out_to_the_end(kernel: ModuleType) -> None:
    one = conversation()
    assert kernel.resume(one, None) == (False, "name?")
    assert kernel.resume(one, "Ann") == (False, "Ann, and you?")
    assert kernel.resume(one, "Bob") == (True, ("Ann", "Bob"))
    assert kernel.resume(one, None) == (True, None)  # it stays over


def failing(error: BaseException) -> Generator[None, Any, None]:
    yield
    raise error


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (KeyError("x"), KeyError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (StopIteration(7), RuntimeError),  # which would else be taken for the end (PEP 479)
    ],
)
def test_what_it_raises_is_raised(kernel: ModuleType, error: BaseException, seen: type[BaseException]) -> None:
    one = failing(error)
    kernel.resume(one, None)
    with pytest.raises(seen) as raised:
        kernel.resume(one, None)
    assert error in (raised.value, raised.value.__cause__)


def test_a_value_for_what_has_not_begun_is_a_mistake(kernel: ModuleType) -> None:
    with pytest.raises(TypeError, match="just-started"):
        kernel.resume(conversation(), "too early")


def test_one_that_runs_cannot_be_resumed(kernel: ModuleType) -> None:
    def inside() -> Generator[None, Any, None]:
        kernel.resume(one, None)
        yield

    one = inside()
    with pytest.raises(ValueError, match="already executing"):
        kernel.resume(one, None)


class Counting(Generator[int, Any, str]):
    """No generator of Python's own, but all that one is; to iterate over it is not the same."""

    def __next__(self) -> int:
        raise AssertionError("a value was to be sent, be it None")

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, value: Any) -> int:
        self.sent.append(value)
        if len(self.sent) == 3:
            raise StopIteration("three")
        return len(self.sent)

    def throw(self, *_: Any) -> int:
        raise NotImplementedError


def test_whatever_is_like_a_generator_is_taken_for_one(kernel: ModuleType) -> None:
    one = Counting()
    assert [kernel.resume(one, value) for value in (None, "a", "b")] == [(False, 1), (False, 2), (True, "three")]
    assert one.sent == [None, "a", "b"]


async def asynchronous() -> AsyncGenerator[int, None]:
    yield 1


def test_nothing_else_is_begun(kernel: ModuleType) -> None:
    given = iter([1, 2])
    for wrong in (given, asynchronous(), 7, None):
        with pytest.raises(AttributeError, match="'send'"):
            kernel.resume(wrong, None)
    assert list(given) == [1, 2]


def test_no_reference_is_lost_or_kept(kernel: ModuleType) -> None:
    value, returned = {1: 2}, {3: 4}

    def endless() -> Generator[object, object, None]:
        got = None
        while True:
            got = yield got

    def once() -> object:
        def ending() -> Generator[None, Any, object]:
            return returned
            yield

        return kernel.resume(ending(), None)

    one = endless()
    kernel.resume(one, None)
    assert_no_leak(kernel.resume, (one, value), watched=[value])
    assert_no_leak(once, (), watched=[returned])
