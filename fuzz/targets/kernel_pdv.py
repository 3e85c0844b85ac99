"""Both bodies of the kernel pack and scan P-DATA-TF the same, with arguments right and wrong.

The first byte of the input chooses; what follows are arguments and payload, or the body that is scanned.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fuzz.kernel.outcomes import BODIES, MISSING, agreed, outcome

__all__ = ["MISSING", "examine", "inputs", "target"]

_REFERENCE, _FAST = BODIES
_CONTEXT_IDS: tuple[Any, ...] = (1, 0, 255, 256, -1, 3, 1 << 40, True, 3.0, None, "1")
_CONTROLS: tuple[Any, ...] = (0, 1, 2, -1, 256, True, 1.0, None)
_MAXIMA: tuple[Any, ...] = (7, 8, 9, 10, 0, 0xFFFF_FFFF, 1 << 32, -1, 16384, 1 << 70, 16.0, None)
_COUNTS: tuple[Any, ...] = (0, 1, 2, 3, 64, -1, 1 << 70, 2.0, None)
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


def _pdvs() -> SearchStrategy[bytes]:
    pdv = st.builds(
        lambda payload, off, header: (len(payload) + 2 + off).to_bytes(4, "big") + header + payload,
        st.binary(max_size=12),
        st.sampled_from([0, 0, 0, 0, 1, -1, -2]),
        st.binary(min_size=2, max_size=2),
    )
    return st.lists(pdv, max_size=6).map(b"".join)


def inputs() -> SearchStrategy[bytes]:
    """Arguments of either function."""
    start = st.binary(min_size=5, max_size=5)
    return st.builds(lambda head, data: head + data, start, st.one_of(st.binary(max_size=80), _pdvs()))


def examine(data: bytes) -> None:
    """Pack or scan, by both bodies."""
    if len(data) < 5:
        return
    choice, first, second, third, fourth = data[:5]
    make = _PAYLOADS[third % len(_PAYLOADS)]
    payload = data[5:]
    if choice & 1:
        count = _COUNTS[first % len(_COUNTS)] if first >= 128 else first
        _same_scan(make, payload, count)
        return
    context_id = first if first < 200 else _CONTEXT_IDS[first % len(_CONTEXT_IDS)]
    control = second & 1 if second < 200 else _CONTROLS[second % len(_CONTROLS)]
    maximum = fourth + 8 if fourth < 200 else _MAXIMA[fourth % len(_MAXIMA)]
    last = ((), (True,), (False,), (1,), (None,))[choice // 2 % 5]
    found = [outcome(body.pack_p_data_tf, context_id, control, make(payload), maximum, *last) for body in BODIES]
    if found[0][0] == "raised":
        # outside the contract: the words are the body's own
        assert found[1][:2] == found[0][:2], f"packing: {found}"
    elif agreed("packing", found[0], found[1]):
        packed, other = found[0][1], found[1][1]
        assert [bytes(one) for one in packed] == [bytes(one) for one in other], "packing gives other bytes"
        assert [one.nbytes for one in packed[1::2]] == [one.nbytes for one in other[1::2]], "fragments are no views"
        assert [len(one) for one in packed] == [len(one) for one in other]


def _same_scan(make: Callable[[bytes], Any], body: bytes, count: Any) -> None:
    found = [outcome(kernel.scan_pdvs, make(body), count) for kernel in BODIES]
    if found[0][0] == "raised":
        assert found[1][:2] == found[0][:2], f"scanning: {found}"
    elif agreed("scanning", found[0], found[1]):
        assert found[0][1] == found[1][1], f"scanning: {found}"


target = given(inputs())(examine)
