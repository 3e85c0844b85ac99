"""Both bodies of the kernel pack and scan P-DATA-TF, and read and write PDUs as objects, the same.

The first byte of the input chooses the function; what follows are arguments, right and wrong, and payload, the bytes
that are read, or what the presentation contexts are made of that are written.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from math import inf
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.testing import pdus as some
from dicomnet.wire import (
    AbstractSyntax,
    ApplicationContext,
    PDataTF,
    Pdv,
    PresentationContext,
    TransferSyntax,
    encode_pdu,
)
from fuzz.kernel.outcomes import BODIES, MISSING, agreed, outcome
from fuzz.kernel.soup import Reader

__all__ = ["MISSING", "examine", "inputs", "target"]

_KINDS = (PresentationContext, AbstractSyntax, TransferSyntax)
_CONTEXT_IDS: tuple[Any, ...] = (1, 0, 255, 256, -1, 3, 1 << 40, True, 3.0, None, "1")
_CONTROLS: tuple[Any, ...] = (0, 1, 2, -1, 256, True, 1.0, None)
_MAXIMA: tuple[Any, ...] = (7, 8, 9, 10, 0, 0xFFFF_FFFF, 1 << 32, -1, 16384, 1 << 70, 16.0, None)
_COUNTS: tuple[Any, ...] = (0, 1, 2, 3, 64, -1, 1 << 70, 2.0, None)
_LIMITS: tuple[Any, ...] = (64, 64, 1 << 32, 1 << 70, 0, 1, 2, -1, -(1 << 70), 0xFFFF_FFFF, 2.5, inf, True, None)
_PAYLOADS: tuple[Callable[[bytes], Any], ...] = (
    bytes,
    bytes,
    bytearray,
    memoryview,
    lambda data: memoryview(data)[1:],
    lambda data: memoryview(data)[::2],
    lambda data: memoryview(data)[::-1],
    lambda data: array("H", data[: len(data) & ~1]),
    lambda data: memoryview(data[: len(data) & ~3]).cast("I"),
    lambda data: memoryview(data[:6].ljust(6)).cast("B", (2, 3)),
    lambda data: memoryview(data).cast("b"),
    lambda data: list(data),
    lambda data: data.decode("latin-1"),
    lambda data: None,
)
# Fields of what is written; the plain ones are likely.
_LENGTHS: tuple[Any, ...] = (*(None,) * 14, 0, 4)
_BYTES: tuple[Any, ...] = (*(0,) * 10, 1, 255, 256, -1, 1 << 70, True, 1.0)
_RESERVED: tuple[Any, ...] = (*(b"\0\0\0",) * 10, b"\1\2\3", b"", b"\0\0", b"\0" * 4, bytearray(3), None)


class _Uid(str):
    __slots__ = ()


class _Syntax(TransferSyntax):
    __slots__ = ()


_UIDS: tuple[Any, ...] = (
    *("1.2", "1.2.840.10008.1.2", "1.3", "1.2", "", "1.2.840.10008.1.2.1", "\xe91", "1" * 64),
    *("1" * 0x7FF0, "1" * 0xFFF0, "1" * (0xFFFF - 12), "1" * 0x10000, "\u0100", "\U0001f600", b"1", None, _Uid("1")),
)
_OTHERS: tuple[Any, ...] = (ApplicationContext("1.2"), None, _Syntax("1"), AbstractSyntax("1"), b"\x20\0\0\4\1\0\0\0")


def _pdvs() -> SearchStrategy[bytes]:
    pdv = st.builds(
        lambda payload, off, header: (len(payload) + 2 + off).to_bytes(4, "big") + header + payload,
        st.binary(max_size=12),
        st.sampled_from([0, 0, 0, 0, 1, -1, -2]),
        st.binary(min_size=2, max_size=2),
    )
    return st.lists(pdv, max_size=6).map(b"".join)


def _p_data() -> SearchStrategy[bytes]:
    pdu = st.builds(
        lambda body, reserved, off: bytes((4, reserved)) + max(0, len(body) + off).to_bytes(4, "big") + body,
        _pdvs(),
        st.integers(0, 255),
        st.sampled_from([0, 0, 0, 0, 1, -1]),
    )
    return st.lists(pdu, max_size=3).map(b"".join) | st.lists(some.p_data_tfs().map(encode_pdu), max_size=3).map(
        b"".join
    )


def _contexts() -> SearchStrategy[bytes]:
    uid = st.sampled_from([b"1.2", b"1.3", b"1.2.840.10008", b""]) | st.binary(max_size=6)
    sub = st.builds(
        lambda kind, uid, reserved, off: bytes((kind, reserved)) + max(0, len(uid) + off).to_bytes(2, "big") + uid,
        st.sampled_from([0x30, 0x40, 0x40, 0x40, 0x50]),
        uid,
        st.sampled_from([0, 0, 0, 7]),
        st.sampled_from([0] * 15 + [1, -1]),
    )
    context = st.builds(
        lambda subs, start, off: (
            b"\x20" + start[:1] + max(0, len(subs) + 4 + off).to_bytes(2, "big") + start[1:] + subs
        ),
        st.lists(sub, max_size=4).map(b"".join),
        st.sampled_from([b"\0\1\0\0\0", b"\0\3\0\0\0"]) | st.binary(min_size=5, max_size=5),
        st.sampled_from([0] * 15 + [1, -1]),
    )
    return st.lists(context, max_size=5).map(b"".join)


def inputs() -> SearchStrategy[bytes]:
    """Arguments of any of the functions."""
    start = st.binary(min_size=5, max_size=5)
    rest = st.one_of(st.binary(max_size=80), _pdvs(), _p_data(), _contexts())
    fitting = (
        st.builds(lambda head, data: head[:1] + b"\0\0\0\0" + data, start, _p_data() | _contexts())  # with wide limits
    )
    return st.builds(lambda head, data: head + data, start, rest) | fitting


def examine(data: bytes) -> None:
    """Call one of the functions, of both bodies."""
    if len(data) < 5:
        return
    _FUNCTIONS[data[0] % len(_FUNCTIONS)](data[0] // len(_FUNCTIONS), data[1:5], data[5:])


def _same_packing(choice: int, numbers: bytes, data: bytes) -> None:
    first, second, third, fourth = numbers
    make = _PAYLOADS[third % len(_PAYLOADS)]
    context_id = first if first < 200 else _CONTEXT_IDS[first % len(_CONTEXT_IDS)]
    control = second & 1 if second < 200 else _CONTROLS[second % len(_CONTROLS)]
    maximum = fourth + 8 if fourth < 200 else _MAXIMA[fourth % len(_MAXIMA)]
    last = ((), (True,), (False,), (1,), (None,))[choice % 5]
    found = [outcome(body.pack_p_data_tf, context_id, control, make(data), maximum, *last) for body in BODIES]
    if _both_gave("packing", found):
        packed, other = found[0][1], found[1][1]
        assert [bytes(one) for one in packed] == [bytes(one) for one in other], "packing gives other bytes"
        assert [one.nbytes for one in packed[1::2]] == [one.nbytes for one in other[1::2]], "fragments are no views"
        assert [len(one) for one in packed] == [len(one) for one in other]


def _same_scan(_: int, numbers: bytes, data: bytes) -> None:
    make = _PAYLOADS[numbers[1] % len(_PAYLOADS)]
    count = _COUNTS[numbers[0] % len(_COUNTS)] if numbers[0] >= 128 else numbers[0]
    found = [outcome(kernel.scan_pdvs, make(data), count) for kernel in BODIES]
    if _both_gave("scanning", found):
        assert found[0][1] == found[1][1], f"scanning: {found}"


def _same_p_data(_: int, numbers: bytes, data: bytes) -> None:
    first, second, third, _fourth = numbers
    most, most_pdvs = _limit(first), _limit(second)
    _same_objects("read_p_data", data, _place(third, data), most, most_pdvs, (PDataTF, Pdv))


def _same_contexts_read(_: int, numbers: bytes, data: bytes) -> None:
    first, second, third, fourth = numbers
    end = len(data) - _place(fourth, data)
    _same_objects("read_contexts", data, _place(third, data), end, (_limit(first), _limit(second)), _KINDS)


def _same_contexts_written(_: int, numbers: bytes, data: bytes) -> None:
    reader = Reader(data)
    items: list[Any] = []
    while len(items) < 6 and reader.another():
        items.append(_context(reader))
    _same_objects("write_contexts", tuple(items), numbers[0] if numbers[0] < 9 else 0, _KINDS)


_FUNCTIONS = (_same_packing, _same_scan, _same_p_data, _same_contexts_read, _same_contexts_written)


def _limit(number: int) -> Any:
    return _LIMITS[number % len(_LIMITS)] if number < 128 else number - 128


def _place(number: int, data: bytes) -> int:
    """Mostly 0, else anywhere in the data or beside it."""
    return 0 if number < 160 else (number - 160) % (len(data) + 5) - 2


def _context(reader: Reader) -> Any:
    """A presentation context by the next bytes, plain or not; or something else."""
    choice = reader.byte()
    if choice >= 240:
        return _OTHERS[choice % len(_OTHERS)]
    subs = []
    for _ in range(choice % 5):
        kind = reader.byte()
        if kind >= 240:
            subs.append(_OTHERS[kind % len(_OTHERS)])
        else:
            uid, reserved, length = reader.one_of(_UIDS), reader.one_of(_BYTES), reader.one_of(_LENGTHS)
            subs.append((AbstractSyntax, TransferSyntax)[kind % 2](uid, reserved=reserved, length=length))
    items: Any = subs if choice >= 230 else tuple(subs)
    context_id: Any = choice if choice < 200 else reader.one_of(_CONTEXT_IDS)
    reserved_bytes, reserved = reader.one_of(_RESERVED), reader.one_of(_BYTES)
    return PresentationContext(context_id, items, reserved_bytes, reserved=reserved, length=reader.one_of(_LENGTHS))


def _same_objects(name: str, *arguments: Any) -> None:
    found = [outcome(getattr(kernel, name), *arguments) for kernel in BODIES]
    if _both_gave(name, found):
        one, other = (_taken_apart(result) for _, result in found)
        assert one == other, f"{name}: reference {one!r:.600}, fast body {other!r:.600}"


def _both_gave(what: str, found: list[tuple[Any, ...]]) -> bool:
    """Whether both outcomes are values; an error outside the contract is the same, but the words are the body's own."""
    if found[0][0] == "raised":
        assert found[1][:2] == found[0][:2], f"{what}: {found}"
        return False
    return agreed(what, found[0], found[1])


def _taken_apart(thing: Any) -> Any:
    """An object as nested tuples of types and values; a view by its bytes."""
    if isinstance(thing, list | tuple):
        return type(thing), *map(_taken_apart, thing)
    if isinstance(thing, memoryview):
        return memoryview, thing.format, thing.readonly, bytes(thing)
    if is_dataclass(thing):
        return type(thing), *((field.name, _taken_apart(getattr(thing, field.name))) for field in fields(thing))
    return type(thing), thing


target = given(inputs())(examine)
