"""PDUs as objects: the contract of both bodies, and that they agree.

That what they leave alone is read or refused by somebody else is tested with the PDUs, in tests/wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.kernel import _python
from dicomnet.testing import pdus as some
from dicomnet.wire import (
    AbstractSyntax,
    ApplicationContext,
    Item,
    PDataTF,
    Pdv,
    PresentationContext,
    TransferSyntax,
    encode_pdu,
)

from .leaks import assert_no_leak

pytestmark = pytest.mark.once

KINDS = (PresentationContext, AbstractSyntax, TransferSyntax)
CONTEXT = PresentationContext.of(3, "1.2.840", ["1.2", "1.3"])
CONTEXT_BYTES = bytes.fromhex("20 00 001d 03000000") + b"\x30\0\0\x071.2.840\x40\0\0\x031.2\x40\0\0\x031.3"


@pytest.fixture
def read(kernel: ModuleType) -> Callable[..., Any]:
    """``read_contexts`` with room for everything."""

    def read_all(data: bytes, start: int = 0, end: int | None = None, limits: tuple[int, int] = (128, 128)) -> Any:
        return kernel.read_contexts(data, start, len(data) if end is None else end, limits, KINDS)

    return read_all


def test_reads_contexts(read: Callable[..., Any]) -> None:
    found, end = read(CONTEXT_BYTES * 2 + b"rest")
    assert (found, end) == ([CONTEXT, CONTEXT], 2 * len(CONTEXT_BYTES))
    assert [type(item) for item in found[1].items] == [AbstractSyntax, TransferSyntax, TransferSyntax]
    assert {type(item.item_type) for item in found} == {type(CONTEXT.item_type)}
    assert hash(found[0]) == hash(CONTEXT)
    assert repr(found[0]) == repr(CONTEXT)


def test_reads_reserved_bytes(read: Callable[..., Any]) -> None:
    data = bytes.fromhex("20 07 000a ff 010203 40 08 0002 e931")
    expected = PresentationContext(255, (TransferSyntax("\xe91", reserved=8),), b"\1\2\3", reserved=7)
    assert read(data) == ([expected], len(data))
    assert read(bytes.fromhex("20 00 0004 00 000000")) == ([PresentationContext(0)], 8)


def test_reads_from_start_to_end(read: Callable[..., Any]) -> None:
    data = b"xyz" + CONTEXT_BYTES * 2
    whole = 3 + len(CONTEXT_BYTES)
    assert read(data, 3, whole) == ([CONTEXT], whole)
    assert read(data, 3, whole - 1) == ([], 3)
    assert read(data, 3, 3) == ([], 3)
    assert read(data, len(data)) == ([], len(data))
    for start, end in ((-1, 5), (5, 4), (0, len(data) + 1), (len(data) + 1, len(data) + 1)):
        with pytest.raises(ValueError, match="no part of the data"):
            read(data, start, end)


def test_the_fields_cannot_be_set(read: Callable[..., Any]) -> None:
    ((found,), _) = read(CONTEXT_BYTES)
    with pytest.raises(AttributeError):
        found.context_id = 5
    with pytest.raises(AttributeError):
        found.items[0].uid = ""


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "20",
        "20 00 0004 01 0000",  # cut
        "20 00 0003 01 0000",  # too short for its own fields
        "20 00 0005 01 000000",  # past the end
        "20 00 ffff 01 000000",
        "21 00 0004 01 000000",  # an answer
        "20 00 0005 01 000000 40",  # sub-items that do not fill it
        "20 00 0007 01 000000 400000",
        "20 00 0008 01 000000 400000 01",  # or reach out of it
        "20 00 0009 01 000000 400000 02 31",
        "20 00 0008 01 000000 400000 ff",
        "20 00 0008 01 000000 500000 00",  # of another kind
    ],
)
def test_stops_before_what_is_not_plain(read: Callable[..., Any], digits: str) -> None:
    odd = bytes.fromhex(digits)
    assert read(odd) == ([], 0)
    assert read(CONTEXT_BYTES + odd) == ([CONTEXT], len(CONTEXT_BYTES))


def test_limits_of_contexts_and_sub_items(read: Callable[..., Any]) -> None:
    data = CONTEXT_BYTES * 3
    for most in (-1, 0, 1, 2, 3, 4):
        count = min(max(most, 0), 3)
        assert read(data, limits=(most, 3)) == ([CONTEXT] * count, count * len(CONTEXT_BYTES))
    assert read(data, limits=(9, 2)) == ([], 0)
    for most in (1.5, inf, 1 << 32, 1 << 63, 1 << 70):
        assert len(read(data, limits=(most, most * 2))[0]) == (2 if most == 1.5 else 3)
    assert read(data, limits=(9, -1)) == ([], 0)


def test_sub_items_that_look_alike_are_told_apart(read: Callable[..., Any]) -> None:
    syntaxes = ["1.2", "1.3", "1.2.3", "", "1.2", "1"]
    contexts = [
        PresentationContext.of(1, first, [second, third])
        for first in syntaxes
        for second in syntaxes
        for third in ("", "1.2")
    ]
    contexts.append(PresentationContext(1, (TransferSyntax("1.2"), AbstractSyntax("1.3"))))
    contexts.append(PresentationContext(1, (AbstractSyntax("1.2", reserved=1), TransferSyntax("1.3", reserved=2))))
    contexts.append(PresentationContext(1, ()))
    contexts.append(CONTEXT)
    data, index = _python.write_contexts(tuple(contexts), 0, KINDS)
    assert index == len(contexts)
    assert read(data) == (contexts, len(data))


def test_writes_contexts(kernel: ModuleType) -> None:
    assert kernel.write_contexts((CONTEXT, CONTEXT), 0, KINDS) == (CONTEXT_BYTES * 2, 2)
    assert kernel.write_contexts((CONTEXT, CONTEXT), 1, KINDS) == (CONTEXT_BYTES, 2)
    assert kernel.write_contexts((CONTEXT,), 1, KINDS) == (b"", 1)
    assert kernel.write_contexts((), 0, KINDS) == (b"", 0)
    odd = PresentationContext(255, (TransferSyntax("\xe91", reserved=8),), b"\1\2\3", reserved=7)
    assert kernel.write_contexts((odd,), 0, KINDS) == (bytes.fromhex("20 07 000a ff 010203 40 08 0002 e931"), 1)


class Uid(str):
    __slots__ = ()


class Syntax(TransferSyntax):
    __slots__ = ()


ODD_CONTEXTS: list[Any] = [
    ApplicationContext("1.2"),
    None,
    replace(CONTEXT, length=4),
    replace(CONTEXT, context_id=256),
    replace(CONTEXT, context_id=-1),
    replace(CONTEXT, context_id=1 << 80),
    replace(CONTEXT, context_id=True),
    replace(CONTEXT, context_id=1.0),  # type: ignore[arg-type]
    replace(CONTEXT, reserved=256),
    replace(CONTEXT, reserved_bytes=b"\0\0"),
    replace(CONTEXT, reserved_bytes=bytearray(3)),  # type: ignore[arg-type]
    replace(CONTEXT, items=list(CONTEXT.items)),  # type: ignore[arg-type]
    *(
        replace(CONTEXT, items=(AbstractSyntax("1.2"), sub))
        for sub in (
            ApplicationContext("1"),
            Syntax("1"),
            None,
            TransferSyntax("1", length=1),
            TransferSyntax("1", reserved=-1),
            TransferSyntax("1", reserved=256),
            TransferSyntax(Uid("1")),
            TransferSyntax("\u0100"),
            TransferSyntax("\U0001f600"),
            TransferSyntax(b"1"),  # type: ignore[arg-type]
            TransferSyntax("1" * 0x10000),
            TransferSyntax("1" * (0xFFFF - 4 - 4 - 3 - 3)),
        )
    ),
]


@pytest.mark.parametrize("odd", ODD_CONTEXTS)
def test_stops_writing_before_what_is_not_plain(kernel: ModuleType, odd: Any) -> None:
    assert kernel.write_contexts((odd,), 0, KINDS) == (b"", 0)
    assert kernel.write_contexts((CONTEXT, odd, CONTEXT), 0, KINDS) == (CONTEXT_BYTES, 1)


def test_the_longest_context(kernel: ModuleType, read: Callable[..., Any]) -> None:
    longest = PresentationContext(1, (AbstractSyntax("1.2"), TransferSyntax("1" * (0xFFFF - 4 - 4 - 3 - 4))))
    data, index = kernel.write_contexts((longest,), 0, KINDS)
    assert (index, data[:4]) == (1, b"\x20\0\xff\xff")
    assert read(data) == ([longest], len(data))


P_DATA = PDataTF((Pdv(1, b"ab", 3), Pdv(255, b"", 0), Pdv(0, b"c", 0xFE)), reserved=9)
P_DATA_KINDS = (PDataTF, Pdv)


def test_reads_p_data(kernel: ModuleType) -> None:
    data = encode_pdu(P_DATA)
    found, end = kernel.read_p_data(data * 2 + data[:-1], 0, 999, 3, P_DATA_KINDS)
    assert (found, end) == ([P_DATA, P_DATA], 2 * len(data))
    assert repr(found[0]) == repr(P_DATA)
    assert hash(found[0]) == hash(P_DATA)
    assert all(isinstance(pdv.payload, memoryview) and pdv.payload.readonly for pdv in found[0].pdvs)
    assert kernel.read_p_data(data * 2, len(data), 999, 3, P_DATA_KINDS) == ([P_DATA], 2 * len(data))
    assert kernel.read_p_data(b"\4\0\0\0\0\0", 0, 0, 0, P_DATA_KINDS) == ([PDataTF()], 6)
    assert kernel.read_p_data(b"\4\0\0\0\0\0", 0, -1, -1, P_DATA_KINDS) == ([], 0)
    assert kernel.read_p_data(b"", 0, 0, 0, P_DATA_KINDS) == ([], 0)


def test_a_payload_outlives_everything_else(kernel: ModuleType) -> None:
    (pdu,), _ = kernel.read_p_data(encode_pdu(P_DATA), 0, 999, 3, P_DATA_KINDS)
    payload = pdu.pdvs[0].payload
    del pdu
    assert payload == b"ab"


def test_limits_of_p_data(kernel: ModuleType) -> None:
    data = encode_pdu(P_DATA)
    length = len(data) - 6
    for most, pdvs, count in (
        (length, 3, 1),
        (length - 1, 3, 0),
        (length, 2, 0),
        (-1, 3, 0),
        (length, -(1 << 70), 0),
        (1 << 70, 1 << 70, 1),
        (1 << 63, 1 << 31, 1),
        (inf, inf, 1),
        (length + 0.5, 2.5, 1),
        (length - 0.5, 3, 0),
        (length, 1.5, 0),
        (length, True, 0),
    ):
        assert len(kernel.read_p_data(data, 0, most, pdvs, P_DATA_KINDS)[0]) == count
    for start in (-1, len(data) + 1):
        with pytest.raises(ValueError, match="no part of the data"):
            kernel.read_p_data(data, start, 999, 3, P_DATA_KINDS)


@pytest.mark.parametrize(
    "digits",
    [
        "04 00 000000",
        "05 00 00000000",
        "04 00 00000001",
        "04 00 ffffffff",
        "04 00 00000005 00000001 01",
        "04 00 00000006 00000001 0103",
        "04 00 00000006 00000003 0103",
        "04 00 00000006 ffffffff 0103",
        "04 00 00000006 fffffffe 0103",
        "04 00 00000007 00000002 0103 00",
    ],
)
def test_stops_before_p_data_with_a_fault(kernel: ModuleType, digits: str) -> None:
    data = encode_pdu(P_DATA) + bytes.fromhex(digits)
    assert kernel.read_p_data(data, 0, 1 << 32, 9, P_DATA_KINDS) == ([P_DATA], len(encode_pdu(P_DATA)))


def test_no_reference_is_lost_or_kept(kernel: ModuleType) -> None:
    contexts = CONTEXT_BYTES * 3 + b"\x20\7\0\4\1\2\3\4"
    assert_no_leak(
        kernel.read_contexts, (contexts, 0, len(contexts), (9, 9), KINDS), (contexts[:-1], 0, 90, (9, 9), KINDS)
    )
    assert_no_leak(kernel.write_contexts, ((CONTEXT,) * 3, 0, KINDS), ((CONTEXT, *ODD_CONTEXTS[2:]), 0, KINDS))
    data = encode_pdu(P_DATA)
    assert_no_leak(kernel.read_p_data, (data * 3, 0, 99, 9, P_DATA_KINDS), (data + b"\4", 0, 99, 9, P_DATA_KINDS))


@st.composite
def _context_bytes(draw: st.DrawFn) -> bytes:
    """Presentation contexts, many of which share sub-items; some go astray."""
    uids = st.sampled_from(["1.2", "1.3", "1.2.840.10008", ""]) | some.uids()
    kinds = st.sampled_from([AbstractSyntax, TransferSyntax])
    subs = st.lists(st.builds(lambda kind, uid: kind(uid), kinds, uids), max_size=4).map(tuple)
    contexts = draw(st.lists(st.builds(PresentationContext, st.integers(0, 255), subs), max_size=6))
    data, _ = _python.write_contexts(tuple(contexts), 0, KINDS)
    return draw(some.mutated(data)) if draw(st.booleans()) else data


@given(_context_bytes() | st.binary(max_size=40), st.integers(0, 5), st.integers(-1, 8), st.integers(-1, 5))
def test_both_bodies_read_the_same_contexts(
    cython: ModuleType, data: bytes, start: int, most: int, most_subs: int
) -> None:
    arguments = (data, min(start, len(data)), len(data), (most, most_subs), KINDS)
    assert cython.read_contexts(*arguments) == _python.read_contexts(*arguments)


@given(st.lists(some.presentation_contexts() | some.wrong_items(), max_size=5).map(tuple), st.integers(0, 5))
def test_both_bodies_write_the_same_contexts(cython: ModuleType, items: tuple[Item, ...], start: int) -> None:
    assert cython.write_contexts(items, start, KINDS) == _python.write_contexts(items, start, KINDS)


@given(st.data(), st.integers(-2, 80), st.integers(-2, 5))
def test_both_bodies_read_the_same_p_data(cython: ModuleType, data: st.DataObject, most: int, most_pdvs: int) -> None:
    stream = b"".join(map(encode_pdu, data.draw(st.lists(some.p_data_tfs(), max_size=4))))
    if data.draw(st.booleans()):
        stream = data.draw(some.mutated(stream))
    arguments = (stream, 0, most, most_pdvs, P_DATA_KINDS)
    assert cython.read_p_data(*arguments) == _python.read_p_data(*arguments)
