"""Command sets: each row of the tolerance table, both ways, and nothing but our own errors."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.dimse.command import CommandElement, CommandValue, decode_command, encode_command
from dicomnet.errors import DecodeError, EncodeError, Fault

E = CommandElement


def element(number: int, value: bytes, *, group: int = 0, length: int | None = None) -> bytes:
    return struct.pack("<HHI", group, number, len(value) if length is None else length) + value


ECHO = {E.AFFECTED_SOP_CLASS_UID: "1.2.840.10008.1.1", E.COMMAND_FIELD: 0x30, E.MESSAGE_ID: 7}


def test_elements_go_out_in_order_behind_their_length() -> None:
    encoded = encode_command({E.MESSAGE_ID: 7, E.COMMAND_FIELD: 0x30})
    assert encoded == (element(0, struct.pack("<I", 20)) + element(0x0100, b"\x30\0") + element(0x0110, b"\x07\0"))


@pytest.mark.parametrize(
    ("number", "value", "encoded"),
    [
        (E.AFFECTED_SOP_CLASS_UID, "1.2", b"1.2\0"),
        (E.AFFECTED_SOP_CLASS_UID, "1.22", b"1.22"),
        (E.MOVE_DESTINATION, "AE1", b"AE1 "),
        (E.ERROR_COMMENT, "odd", b"odd "),
        (E.STATUS, 0xC307, b"\x07\xc3"),
        (E.ATTRIBUTE_IDENTIFIER_LIST, (0x00741000, 0x00080018), b"\x74\0\x00\x10\x08\0\x18\0"),
        (E.ATTRIBUTE_IDENTIFIER_LIST, (), b""),
        (0x5110, b"raw", b"raw"),
    ],
)
def test_values_are_written_by_their_vr(number: int, value: CommandValue, encoded: bytes) -> None:
    assert encode_command({number: value})[12:] == element(number, encoded)


def test_a_given_group_length_goes_out_verbatim() -> None:
    assert encode_command({}, group_length=0xDEAD) == element(0, struct.pack("<I", 0xDEAD))


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (E.STATUS, 0x10000),
        (E.STATUS, -1),
        (E.STATUS, None),
        (E.ERROR_COMMENT, "\u65e5\u672c"),
        (E.ATTRIBUTE_IDENTIFIER_LIST, (1 << 32,)),
        (E.ATTRIBUTE_IDENTIFIER_LIST, ("PatientName",)),
        (0x10000, 1),
        (-1, 1),
    ],
)
def test_a_value_that_does_not_fit_is_an_encode_error(number: int, value: CommandValue) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_command({number: value})
    assert caught.value.code is Fault.BAD_VALUE


def test_a_group_length_that_does_not_fit_is_an_encode_error() -> None:
    with pytest.raises(EncodeError):
        encode_command(ECHO, group_length=1 << 32)


# What is tolerated, in the order of the table.


@pytest.mark.parametrize("length", [0, 1, 20, 0xFFFFFFFF])
def test_a_wrong_group_length_is_tolerated(length: int) -> None:
    assert decode_command(encode_command(ECHO, group_length=length)) == ECHO


@pytest.mark.parametrize("start", [b"", element(0, b""), element(0, b"\x01\x02")])
def test_an_absent_or_odd_group_length_is_tolerated(start: bytes) -> None:
    assert decode_command(start + encode_command(ECHO)[12:]) == ECHO


def test_disorder_is_tolerated() -> None:
    assert decode_command(element(0x0110, b"\x07\0") + element(0x0100, b"\x30\0")) == {0x0110: 7, 0x0100: 0x30}


@pytest.mark.parametrize("number", [0x0001, 0x0010, 0x4000, 0x5110, 0xFFFF])
def test_unknown_and_retired_elements_are_kept_as_bytes(number: int) -> None:
    assert decode_command(element(number, b"anything")) == {number: b"anything"}


@pytest.mark.parametrize("raw", [b"1.2", b"1.2\0", b"1.2 ", b"1.2\0\0\0"])
def test_padding_is_removed(raw: bytes) -> None:
    assert decode_command(element(0x0002, raw)) == {0x0002: "1.2"}


# What is not.


def test_a_repeated_element_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_command(element(0x0110, b"\x07\0") * 2)
    assert (caught.value.code, caught.value.offset, caught.value.path) == (Fault.DUPLICATE, 10, "(0000,0110)")


@pytest.mark.parametrize(
    ("number", "raw"),
    [
        (0x0110, b""),
        (0x0110, b"\x07"),
        (0x0110, b"\x07\0\0\0"),
        (0x0900, b"abc"),
        (0x1005, b"abc"),
        (0x0901, b"abcdef"),
    ],
)
def test_a_length_the_vr_cannot_have_is_refused(number: int, raw: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_command(element(number, raw))
    assert caught.value.code is Fault.BAD_LENGTH


def test_another_group_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_command(element(0x0100, b"\x30\0") + element(0x0010, b"", group=0x0008))
    assert (caught.value.code, caught.value.offset) == (Fault.BAD_VALUE, 10)


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_cut_set_is_refused(cut: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_command(element(0x0110, b"\x07\0")[:cut])
    assert caught.value.code is Fault.TRUNCATED


@pytest.mark.parametrize("length", [3, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_past_the_end_is_refused(length: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_command(element(0x0110, b"\x07\0", length=length))
    assert caught.value.code is Fault.TRUNCATED


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        values = decode_command(data)
    except DecodeError:
        return
    assert decode_command(encode_command(values)) == values
