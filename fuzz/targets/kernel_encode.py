"""Both bodies of the kernel write the same bytes for any data set, or refuse it for the same reason at the same place.

The first byte of the input chooses encoding and depth; the rest is read as a data set by ``fuzz.kernel.soup``.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydicom.dataset import Dataset

from fuzz.kernel.outcomes import BODIES, ENCODINGS, MISSING, agreed, described, drained, outcome, same, warnings_kept
from fuzz.kernel.soup import Reader, build

__all__ = ["MISSING", "compare_encoded", "examine", "glance", "inputs", "target"]

_REFERENCE, _FAST = BODIES


def inputs() -> SearchStrategy[bytes]:
    """Bytes, which mean data sets."""
    return st.one_of(st.binary(max_size=60), st.binary(min_size=30, max_size=250))


def examine(data: bytes) -> None:
    """Build the data set twice, once for each body, and encode it."""
    _examine(data, thorough=True)


def glance(data: bytes) -> None:
    """Examine one input in forty; of the others only the first encoding is compared."""
    _examine(data, thorough=crc32(data) % 40 == 0)


def _examine(data: bytes, *, thorough: bool) -> None:
    if not data:
        return
    selector = data[0]
    implicit, little = ENCODINGS[selector % 3]
    depth = (64, 64, 64, 64, 2, 1, 0)[selector // 3 % 7]
    with warnings_kept() as log:
        datasets = [build(Reader(data[1:]), body) for body in BODIES]
        log.clear()
        first = outcome(_REFERENCE.encode_dataset, datasets[0], implicit, little, depth)
        warned = drained(log)
        second = outcome(_FAST.encode_dataset, datasets[1], implicit, little, depth)
        _compare(first, second)
        assert warned == drained(log), f"encode: the reference warns {warned}, the fast body does not"
        if thorough and selector >= 128:
            compare_encoded(datasets[0], datasets[1], implicit, little, depth)


def compare_encoded(one: Dataset, other: Dataset, implicit: bool, little: bool, depth: int) -> None:
    """Both bodies write the same of two data sets that are the same, in every encoding, and leave them as they are.

    Raises:
        AssertionError: they do not.
    """
    before = described(other)
    first = outcome(_REFERENCE.encode_dataset, one, implicit, little, depth)
    _compare(first, outcome(_FAST.encode_dataset, other, implicit, little, depth))
    same("the data set after encoding", one, other)
    assert described(other) == before, "encoding changed the data set"
    for encoding in ENCODINGS:
        _compare(outcome(_REFERENCE.encode_dataset, other, *encoding), outcome(_FAST.encode_dataset, one, *encoding))


def _compare(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    if agreed("encode", first, second):
        assert first[1] == second[1], f"encode: reference {first[1]!r:.600}, fast body {second[1]!r:.600}"
    else:
        assert first[0] == "codec error", f"encode raised {first}"


target = given(inputs())(examine)
