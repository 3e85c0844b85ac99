"""Both bodies of the kernel read the same from any bytes, and what they read behaves and encodes the same.

The input: a byte for encoding and limits, one for the length of a program of operations (47 at most; more means none),
the program, and what is decoded. Most inputs are refused by both, and that is cheap; a data set is encoded again as it
came, on every other input compared in all its raw parts, and, with a program, put through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from warnings import WarningMessage
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from fuzz.kernel.hostile import encoded, programs
from fuzz.kernel.operations import State, pick, run_one
from fuzz.kernel.outcomes import BODIES, ENCODINGS, MISSING, agreed, described, drained, outcome, same, warnings_kept

__all__ = ["MISSING", "compare_decoded", "examine", "glance", "inputs", "target"]

_LIMITS = ((64, 200_000), (64, 200_000), (2, 12), (1, 3), (0, 0), (5, 40))
_REFERENCE, _FAST = BODIES


@st.composite
def _inputs(draw: st.DrawFn) -> bytes:
    encoding = draw(st.integers(0, 2))
    limits = draw(st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5]))
    program = draw(programs())
    return bytes([encoding + 3 * limits, len(program)]) + program + draw(encoded(*ENCODINGS[encoding]))


def inputs() -> SearchStrategy[bytes]:
    """Data sets right and wrong, with programs."""
    return st.one_of(_inputs(), st.binary(max_size=80))


def examine(data: bytes) -> None:
    """Decode by both bodies and compare, as far as the input says."""
    _examine(data, thorough=True)


def glance(data: bytes) -> None:
    """Examine one input in forty; of the others only what is decoded and encoded is compared."""
    _examine(data, thorough=crc32(data) % 40 == 0)


def _examine(data: bytes, *, thorough: bool) -> None:
    if len(data) < 2:
        return
    selector, size = data[0], data[1]
    implicit, little = ENCODINGS[selector % 3]
    depth, count = _LIMITS[selector // 3 % len(_LIMITS)]
    program = data[2 : 2 + size] if size < 48 else b""
    content = data[2 + len(program) :]
    if not thorough:
        program, size = b"", 0
    compare_decoded(content, implicit, little, depth, count, program, deep=bool(size & 1), way=size >> 1)


def compare_decoded(
    content: bytes, implicit: bool, little: bool, depth: int, count: int, program: bytes, *, deep: bool, way: int = 0
) -> None:
    """Both bodies read the same, or refuse it the same way; then run the program on what they read.

    ``deep`` compares all parts of the data sets after that, before and after every value was read, in one of four ways.

    Raises:
        AssertionError: they differ.
    """
    arguments = (content, implicit, little, depth, count)
    first = outcome(_REFERENCE.decode_dataset, *arguments)
    second = outcome(_FAST.decode_dataset, *arguments)
    if not agreed("decode", first, second):
        assert first[0] == "codec error", f"decode raised {first}"
        return
    one, other = first[1], second[1]
    # first of all as they came: a body may write what nobody touched without looking into it
    left = outcome(_REFERENCE.encode_dataset, one, implicit, little)
    right = outcome(_FAST.encode_dataset, other, implicit, little)
    if agreed("encoding what was decoded", left, right):
        assert left[1] == right[1], f"encoding what was decoded: {left[1]!r} and {right[1]!r}"
    if not (deep or program):
        return
    with warnings_kept() as log:
        states = State(one, _REFERENCE, _REFERENCE), State(other, _FAST, _REFERENCE)
        for place in range(0, len(program) - 1, 2):
            _step(states, program[place], program[place + 1], log)
        if deep:
            _compare_all(states)
            _read_all(states[0].root, states[1].root, way, log)
            _compare_all(states)


def _step(states: tuple[State, State], code: int, argument: int, log: list[WarningMessage]) -> None:
    tag = pick(states[0].here, argument)
    log.clear()
    first = outcome(run_one, states[0], code, tag, argument)
    first_warnings = drained(log)
    second = outcome(run_one, states[1], code, tag, argument)
    what = f"operation {code} on {tag:08X} with {argument}"
    if agreed(what, first, second):
        same(what, first[1], second[1])
    second_warnings = drained(log)
    assert first_warnings == second_warnings, f"{what} warns {first_warnings} and {second_warnings}"


def _compare_all(states: tuple[State, State]) -> None:
    """The data sets in all their parts, and encoded in every way; encoding must leave them as they are."""
    one, other = states[0].root, states[1].root
    for implicit, little in ENCODINGS:
        left = outcome(_REFERENCE.encode_dataset, one, implicit, little)
        right = outcome(_FAST.encode_dataset, other, implicit, little)
        crossed = outcome(_FAST.encode_dataset, one, implicit, little)
        if agreed("encoding", left, right):
            assert left[1] == right[1], f"encoding, {implicit=} {little=}: {left[1]!r} and {right[1]!r}"
        assert left == crossed, f"encoding by the fast body what the reference read, {implicit=} {little=}"
    same("the data set", one, other)
    again = outcome(_REFERENCE.encode_dataset, other, *ENCODINGS[1])
    assert again == outcome(_REFERENCE.encode_dataset, one, *ENCODINGS[1]), "encoding by the reference"
    assert described(one) == described(other), "encoding changed the data set"


def _read_all(one: Dataset, other: Dataset, way: int, log: list[WarningMessage]) -> None:
    """Every value in turn, items included."""
    tags = list(one._dict)
    for tag in reversed(tags) if way & 4 else tags:
        log.clear()
        first = outcome(_READINGS[way % 4], one, tag)
        first_warnings = drained(log)
        second = outcome(_READINGS[way % 4], other, tag)
        second_warnings = drained(log)
        what = f"reading {tag:08X}"
        assert first_warnings == second_warnings, f"{what} warns {first_warnings} and {second_warnings}"
        if agreed(what, first, second):
            same(what, first[1], second[1])
            if isinstance(first[1][0], Sequence):
                for item, twin in zip(first[1][0], second[1][0], strict=True):
                    _read_all(item, twin, way, log)


def _shown(value: Any) -> Any:
    return value, str(value), repr(value)


_READINGS: tuple[Callable[[Dataset, BaseTag], Any], ...] = (
    lambda dataset, tag: _shown(getattr(dataset, keyword_for_tag(tag) or "NoSuchName")),
    lambda dataset, tag: _shown(dataset[int(tag)].value),
    lambda dataset, tag: _shown(dataset.get(tag).value),
    lambda dataset, tag: _shown(dataset[tag].value),
)


target = given(inputs())(examine)
