"""What decodes as a data set encodes again, to bytes that are stable; all else is a DecodeError."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, decode, encode
from dicomnet.errors import DecodeError, EncodeError
from dicomnet.testing.datasets import datasets
from dicomnet.testing.pdus import mutated

__all__ = ["SYNTAXES", "examine", "inputs", "target"]

SYNTAXES = (uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE, uids.DEFLATED_EXPLICIT_VR_LE)
_LIMITS = DataSetLimits(max_bytes=100_000, max_inflated=100_000, max_depth=10, max_elements=1000)


@st.composite
def _encoded(draw: st.DrawFn) -> bytes:
    number = draw(st.integers(0, 3))
    return bytes([number]) + encode(draw(datasets()), SYNTAXES[number])


def inputs() -> SearchStrategy[bytes]:
    """A byte for the transfer syntax, and a data set: right, damaged, or random."""
    return st.one_of(_encoded(), _encoded().flatmap(mutated), st.binary(max_size=120))


def examine(data: bytes) -> None:
    """Decode, encode, decode and encode."""
    syntax = SYNTAXES[(data[0] if data else 0) % 4]
    try:
        first = encode(decode(data[1:], syntax, limits=_LIMITS), syntax)
    except (DecodeError, EncodeError):
        return
    try:
        again = decode(first, syntax, limits=_LIMITS)
    except DecodeError as error:
        raise AssertionError("what we encoded cannot be decoded") from error
    assert encode(again, syntax) == first


target = given(inputs())(examine)
