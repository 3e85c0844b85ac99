"""The bounds-checked cursor: what it reads, and what it says when it cannot."""

from __future__ import annotations

import pytest

from dicomnet.errors import DecodeError, Fault
from dicomnet.wire.reader import Reader


def test_reads_big_endian_in_order() -> None:
    reader = Reader(bytes.fromhex("01 0203 04050607 41e9 ff"))
    assert reader.u8("a") == 1
    assert reader.u16("b") == 0x0203
    assert reader.u32("c") == 0x04050607
    assert reader.text(2, "d") == "A\xe9"
    assert reader.offset == 9
    assert reader.rest() == b"\xff"
    reader.finish()


def test_error_knows_offset_and_path() -> None:
    outer = Reader(bytes(10), 2, name="PDU", clause="PS3.8 9.3")
    outer.take(1, "skipped")
    inner = outer.sub(3, "items[0]", "PS3.8 D.1")
    inner.u16("value")
    with pytest.raises(DecodeError) as caught:
        inner.u16("next")
    error = caught.value
    assert (error.code, error.offset, error.path, error.clause) == (Fault.OVERRUN, 5, "PDU.items[0].next", "PS3.8 D.1")
    assert str(error) == "2 bytes needed, 1 left (at PDU.items[0].next, offset 5) [PS3.8 D.1]"


def test_end_of_input_is_truncated_and_end_of_parent_an_overrun() -> None:
    reader = Reader(bytes(4))
    with pytest.raises(DecodeError) as caught:
        reader.sub(2, "a").u32("b")
    assert caught.value.code == Fault.OVERRUN
    with pytest.raises(DecodeError) as caught:
        reader.u32("c")
    assert caught.value.code == Fault.TRUNCATED


def test_a_child_never_reaches_outside_its_parent() -> None:
    reader = Reader(bytes(8), 0, 4)
    with pytest.raises(DecodeError):
        reader.sub(5, "child")
    assert reader.offset == 0


def test_left_over_bytes_are_an_error() -> None:
    reader = Reader(b"ab", name="X")
    reader.u8("a")
    with pytest.raises(DecodeError, match="1 bytes left over") as caught:
        reader.finish()
    assert (caught.value.code, caught.value.offset) == (Fault.LEFTOVER, 1)
