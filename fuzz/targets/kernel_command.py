"""Both bodies of the kernel read and write command sets, and make frozen objects, the same.

The first byte of the input chooses the function; what follows is read, or is what the mapping or object is made of.
"""

from __future__ import annotations

from array import array
from collections import UserDict
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.codes import CommandElement, CommandField
from dicomnet.dimse.messages import CCancelRequest, CEchoResponse, Message, NGetRequest
from dicomnet.kernel import _python
from dicomnet.testing.command_sets import command_sets, hostile_command_sets
from fuzz.kernel.outcomes import BODIES, MISSING, agreed, outcome, same
from fuzz.kernel.soup import Reader

__all__ = ["MISSING", "examine", "inputs", "same_elements", "same_written", "target"]

_BUFFERS: tuple[Callable[[bytes], Any], ...] = (
    *(bytes,) * 10,
    bytearray,
    memoryview,
    lambda data: memoryview(data)[::2],
    lambda data: array("H", data[: len(data) & ~1]),
    lambda data: data.decode("latin-1"),
    lambda data: None,
)
_ELEMENTS = tuple(CommandElement)
_ODD_KEYS: tuple[Any, ...] = (-1, 0x10000, 1 << 70, 0, True, 1.0)
_LENGTHS: tuple[Any, ...] = (*(None,) * 12, 0, 7, 0xFFFF_FFFF, 1 << 32, -1, True, 1.0)


class _Text(str):
    __slots__ = ()

    def encode(self, encoding: str = "utf8", errors: str = "strict") -> bytes:
        return b"odd"


class _Octets(bytes):
    __slots__ = ()


class _Tags(tuple[Any, ...]):
    __slots__ = ()


class _Number(int):
    def __rshift__(self, other: int) -> int:
        return 1


_VALUES: tuple[Any, ...] = (
    *(0, 1, 0xFFFF, 0x10000, -1, 1 << 70, True, CommandField.C_ECHO_RQ, _Number(5), 1.0, None),
    *("", "1.2", "1.2.840", "\xe9", "\u0100", "\U0001f600", "\ud800", "a" * 0xFFFE, "a" * 0xFFFF),
    *(_Text("1.2"), _Text("\u0100")),
    *(b"", b"a", b"ab", _Octets(b"abc"), bytes(0xFFFF), bytes(0x10000), bytearray(b"ab"), memoryview(b"ab")),
    *((), (0,), (0x00100010, 0xFFFF_FFFF), (1 << 32,), (-1,), (1 << 70,), (True,), (None,), ("a",), (_Number(9),)),
    *(_Tags((1, 2)), (0,) * 0x3FFF, (0,) * 0x4000, [0], {}),
)
_PLAIN: tuple[Any, ...] = (0, 1, 0x101, 0xFFFF, "1.2.840.10008.1.1", "AE", "", (0x00741000, 0x00080018), b"xyz")


def inputs() -> SearchStrategy[bytes]:
    """Command sets to be read, right and wrong, and anything else."""
    read = st.builds(
        lambda start, data: bytes((2 * start,)) + data,
        st.integers(0, 127),
        command_sets().map(_python.encode_command) | hostile_command_sets(),
    )
    return read | st.binary(max_size=120)


def examine(data: bytes) -> None:
    """Call one of the functions, of both bodies."""
    if not data:
        return
    choice, rest = data[0], data[1:]
    if choice % 2 == 0:
        same_elements(_BUFFERS[choice // 2 % len(_BUFFERS)](rest))
    elif choice % 16 == 15:
        _same_made(Reader(rest))
    else:
        reader = Reader(rest)
        values: dict[Any, Any] = {}
        length = reader.one_of(_LENGTHS)
        for _ in range(reader.byte() % 40):
            values[_key(reader)] = _value(reader)
        same_written(UserDict(values) if choice % 16 == 13 else values, length)


def same_elements(data: Any) -> None:
    """Both bodies read the same of it.

    Raises:
        AssertionError: they do not.
    """
    found = [outcome(kernel.decode_command, data) for kernel in BODIES]
    if agreed("reading", found[0], found[1]):
        same("reading", found[0], found[1])


def same_written(values: Any, group_length: Any) -> None:
    """Both bodies write the same of it.

    Raises:
        AssertionError: they do not.
    """
    found = [outcome(partial(kernel.encode_command, group_length=group_length), values) for kernel in BODIES]
    assert found[0] == found[1], f"writing: reference {found[0]!r:.600}, fast body {found[1]!r:.600}"


def _key(reader: Reader) -> Any:
    choice = reader.byte()
    if choice < 160:
        element: CommandElement = reader.one_of(_ELEMENTS)
        return element if choice % 2 else int(element)
    return reader.number(2) if choice < 250 else reader.one_of(_ODD_KEYS)


def _value(reader: Reader) -> Any:
    return reader.one_of(_VALUES if reader.byte() >= 230 else _PLAIN)


def _same_made(reader: Reader) -> None:
    kind: type[Message] = reader.one_of((CEchoResponse, NGetRequest, CCancelRequest))
    names = tuple(field.name for field in fields(kind))
    values = tuple(reader.byte() for _ in range(len(names) + reader.one_of((0, 0, 0, 1, -1))))
    found = [outcome(kernel.make_frozen, kind, names, values) for kernel in BODIES]
    assert found[0] == found[1], f"making: {found}"


target = given(inputs())(examine)
