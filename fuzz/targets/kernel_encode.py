"""Both bodies of the kernel write the same bytes for any data set, or refuse it for the same reason at the same place.

The first byte of the input chooses encoding and depth; the rest is read as a data set by ``fuzz.kernel.soup``.
"""

from __future__ import annotations

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydicom.dataset import Dataset

from fuzz.kernel.outcomes import BODIES, ENCODINGS, MISSING, agreed, described, outcome, same, warnings_kept
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
        compare_encoded(datasets[0], datasets[1], implicit, little, depth, deep=thorough and selector >= 128)
        assert not log, f"encoding warns: {log[0].message}"


def compare_encoded(one: Dataset, other: Dataset, implicit: bool, little: bool, depth: int, *, deep: bool) -> None:
    """Both bodies write the same of two data sets that are the same; ``deep`` also in turn and in other encodings.

    Raises:
        AssertionError: they do not.
    """
    arguments = (implicit, little, depth)
    before = described(other) if deep else None
    first = outcome(_REFERENCE.encode_dataset, one, *arguments)
    second = outcome(_FAST.encode_dataset, other, *arguments)
    if agreed("encode", first, second):
        assert first[1] == second[1], f"encode: reference {first[1]!r:.600}, fast body {second[1]!r:.600}"
    else:
        assert first[0] == "codec error", f"encode raised {first}"
    if not deep:
        return
    same("the data set after encoding", one, other)
    assert described(other) == before, "encoding changed the data set"
    for other_encoding in ENCODINGS:
        first = outcome(_REFERENCE.encode_dataset, other, *other_encoding)
        second = outcome(_FAST.encode_dataset, one, *other_encoding)
        assert first == second, f"encode in turn: reference {first!r:.600}, fast body {second!r:.600}"


target = given(inputs())(examine)
