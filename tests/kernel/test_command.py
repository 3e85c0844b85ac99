"""Command sets: each row of the tolerance table, both ways, nothing but our own errors.

What is beyond the plain is here for the fast body, which must see that it is and leave it to the reference.
"""

from __future__ import annotations

import struct
from collections import UserDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from dicomnet.codes import CommandElement, CommandField, Priority
from dicomnet.dimse import command
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.kernel import _python, _python_command
from dicomnet.kernel._python_command import CommandValue
from dicomnet.testing.command_sets import command_sets, hostile_command_sets
from fuzz.kernel.outcomes import described, outcome
from fuzz.targets import kernel_command

from .leaks import assert_no_leak

E = CommandElement


def element(number: int, value: bytes, *, group: int = 0, length: int | None = None) -> bytes:
    return struct.pack("<HHI", group, number, len(value) if length is None else length) + value


ECHO = {E.AFFECTED_SOP_CLASS_UID: "1.2.840.10008.1.1", E.COMMAND_FIELD: 0x30, E.MESSAGE_ID: 7}


def test_elements_go_out_in_order_behind_their_length(kernel: ModuleType) -> None:
    encoded = kernel.encode_command({E.MESSAGE_ID: 7, E.COMMAND_FIELD: 0x30})
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
def test_values_are_written_by_their_vr(kernel: ModuleType, number: int, value: CommandValue, encoded: bytes) -> None:
    assert kernel.encode_command({number: value})[12:] == element(number, encoded)


def test_a_given_group_length_goes_out_verbatim(kernel: ModuleType) -> None:
    assert kernel.encode_command({}, group_length=0xDEAD) == element(0, struct.pack("<I", 0xDEAD))


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
def test_a_value_that_does_not_fit_is_an_encode_error(kernel: ModuleType, number: int, value: CommandValue) -> None:
    with pytest.raises(EncodeError) as caught:
        kernel.encode_command({number: value})
    assert caught.value.code is Fault.BAD_VALUE


def test_a_group_length_that_does_not_fit_is_an_encode_error(kernel: ModuleType) -> None:
    with pytest.raises(EncodeError):
        kernel.encode_command(ECHO, group_length=1 << 32)


# What is tolerated, in the order of the table.


@pytest.mark.parametrize("length", [0, 1, 20, 0xFFFFFFFF])
def test_a_wrong_group_length_is_tolerated(kernel: ModuleType, length: int) -> None:
    assert kernel.decode_command(kernel.encode_command(ECHO, group_length=length)) == ECHO


@pytest.mark.parametrize("start", [b"", element(0, b""), element(0, b"\x01\x02")])
def test_an_absent_or_odd_group_length_is_tolerated(kernel: ModuleType, start: bytes) -> None:
    assert kernel.decode_command(start + kernel.encode_command(ECHO)[12:]) == ECHO


def test_disorder_is_tolerated(kernel: ModuleType) -> None:
    assert kernel.decode_command(element(0x0110, b"\x07\0") + element(0x0100, b"\x30\0")) == {0x0110: 7, 0x0100: 0x30}


@pytest.mark.parametrize("number", [0x0001, 0x0010, 0x4000, 0x5110, 0xFFFF])
def test_unknown_and_retired_elements_are_kept_as_bytes(kernel: ModuleType, number: int) -> None:
    assert kernel.decode_command(element(number, b"anything")) == {number: b"anything"}


@pytest.mark.parametrize("raw", [b"1.2", b"1.2\0", b"1.2 ", b"1.2\0\0\0"])
def test_padding_is_removed(kernel: ModuleType, raw: bytes) -> None:
    assert kernel.decode_command(element(0x0002, raw)) == {0x0002: "1.2"}


# What is not.


def test_a_repeated_element_is_refused(kernel: ModuleType) -> None:
    with pytest.raises(DecodeError) as caught:
        kernel.decode_command(element(0x0110, b"\x07\0") * 2)
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
def test_a_length_the_vr_cannot_have_is_refused(kernel: ModuleType, number: int, raw: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        kernel.decode_command(element(number, raw))
    assert caught.value.code is Fault.BAD_LENGTH


def test_another_group_is_refused(kernel: ModuleType) -> None:
    with pytest.raises(DecodeError) as caught:
        kernel.decode_command(element(0x0100, b"\x30\0") + element(0x0010, b"", group=0x0008))
    assert (caught.value.code, caught.value.offset) == (Fault.BAD_VALUE, 10)


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_cut_set_is_refused(kernel: ModuleType, cut: int) -> None:
    with pytest.raises(DecodeError) as caught:
        kernel.decode_command(element(0x0110, b"\x07\0")[:cut])
    assert caught.value.code is Fault.TRUNCATED


@pytest.mark.parametrize("length", [3, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_past_the_end_is_refused(kernel: ModuleType, length: int) -> None:
    with pytest.raises(DecodeError) as caught:
        kernel.decode_command(element(0x0110, b"\x07\0", length=length))
    assert caught.value.code is Fault.TRUNCATED


def test_the_elements_come_in_their_order_under_plain_numbers(kernel: ModuleType) -> None:
    values = kernel.decode_command(element(0x1005, bytes(8)) + kernel.encode_command(ECHO) + element(0x0001, b""))
    assert list(values) == [0x1005, 0x0002, 0x0100, 0x0110, 0x0001]
    assert {type(number) for number in values} == {int}
    assert values[0x1005] == (0, 0)


def test_every_number_that_an_element_can_have(kernel: ModuleType) -> None:
    numbers = {number: struct.pack("<H", number) for number in range(1, 0x10000)}
    numbers |= dict.fromkeys((0x0901, 0x1005), b"")
    data = b"".join(element(number, value) for number, value in numbers.items())
    values = kernel.decode_command(data)
    assert list(values) == list(numbers)
    expected = {CommandElement.AFFECTED_SOP_CLASS_UID: "\x02", CommandElement.STATUS: 0x0900}
    assert {number: values[number] for number in expected} == expected
    assert kernel.encode_command(numbers)[12:] == data


def test_only_one_group_length_is_tolerated(kernel: ModuleType) -> None:
    assert kernel.decode_command(element(0x0110, b"\x07\0") + element(0, b"abcd")) == {0x0110: 7}
    with pytest.raises(DecodeError) as caught:
        kernel.decode_command(element(0, bytes(4)) + element(0, b""))
    assert (caught.value.code, caught.value.offset, caught.value.path) == (Fault.DUPLICATE, 12, "(0000,0000)")


class Number(int):
    def __index__(self) -> int:
        return 9

    def __lt__(self, other: int) -> bool:
        return int(self) > other


class Text(str):
    __slots__ = ()

    def encode(self, encoding: str = "utf8", errors: str = "strict") -> bytes:
        return b"own text"


class Octets(bytes):
    __slots__ = ()


class Tags(tuple[int, ...]):
    __slots__ = ()


@pytest.mark.parametrize(
    ("values", "encoded"),
    [
        ({}, b""),
        ({0x0900: True}, element(0x0900, b"\1\0")),
        ({0x0900: Number(5)}, element(0x0900, b"\5\0")),
        ({0x0100: CommandField.C_ECHO_RSP}, element(0x0100, b"\x30\x80")),
        ({0x0002: Text("1.2")}, element(0x0002, b"1.2\0")),
        ({0x0902: Text("\xe4")}, element(0x0902, b"\xe4 ")),
        ({0x0002: UID("1.2.840.10008.1.1")}, element(0x0002, b"1.2.840.10008.1.1\0")),
        ({0x0700: Priority.MEDIUM}, element(0x0700, b"\0\0")),
        ({0x5110: Octets(b"odd")}, element(0x5110, b"odd")),
        ({0x1005: Tags((0x00100020,))}, element(0x1005, b"\x10\0\x20\0")),
        ({0x1005: (True,)}, element(0x1005, b"\0\0\1\0")),
        ({0x0002: "1.2", E.STATUS: 1}, element(2, b"1.2\0") + element(0x0900, b"\1\0")),
        ({True: b"x"}, element(1, b"x")),
        ({0: 5, 0x0110: 1}, element(0x0110, b"\1\0")),
        ({0: "of any kind" * 7000, 0x0110: 1}, element(0x0110, b"\1\0")),
        ({E.COMMAND_GROUP_LENGTH: 5}, b""),
        ({0x0902: "\xe4"}, element(0x0902, b"\xe4 ")),
        ({0x0900: "text"}, element(0x0900, b"text")),
        ({0x0900: "odd"}, element(0x0900, b"odd ")),
        ({0x0002: b"1.2"}, element(0x0002, b"1.2")),
        ({0x0002: 5}, element(0x0002, b"\5\0")),
        ({0x0002: ""}, element(0x0002, b"")),
        *(({0x5110: bytes(size)}, element(0x5110, bytes(size))) for size in (0xFFFE, 0xFFFF, 0x10000, 0x10001)),
        *(({0x0902: "a" * size}, element(0x0902, b"a" * size)) for size in (0xFFFE, 0x10000)),
        ({0x0002: "1" * 0xFFFF}, element(0x0002, b"1" * 0xFFFF + b"\0")),
        *(({0x1005: (0,) * size}, element(0x1005, bytes(4 * size))) for size in (0x3FFF, 0x4000)),
        *(
            (dict.fromkeys(range(most, 0, -1), 1), b"".join(element(one, b"\1\0") for one in range(1, most + 1)))
            for most in (31, 32, 33, 200)
        ),
        ({**dict.fromkeys(range(32), 1)}, b"".join(element(one, b"\1\0") for one in range(1, 32))),
    ],
)
def test_whatever_fits_is_written(kernel: ModuleType, values: dict[int, CommandValue], encoded: bytes) -> None:
    whole = element(0, struct.pack("<I", len(encoded))) + encoded
    assert kernel.encode_command(values) == whole
    assert kernel.encode_command(values, group_length=None) == whole
    assert kernel.encode_command(UserDict(values)) == whole
    assert kernel.encode_command(values, group_length=1)[12:] == encoded


@pytest.mark.parametrize(
    "values",
    [
        {0x0900: 1 << 80},
        {0x0900: -(1 << 80)},
        {0x0900: 1.0},
        {0x0110: 1, 0x0900: []},
        {0x1005: (-1,)},
        {0x1005: (1 << 80,)},
        {0x1005: (0, None)},
        {0x1005: [0]},
        {0x0902: "\U0001f600"},
        {0x0902: Text("\u0100")},
        {0x0902: "\u0100" * 70000},
        {1 << 80: 1},
        {-(1 << 80): 1},
        {0x10000: b""},
        {0x5110: bytearray(2)},
    ],
)
def test_whatever_does_not_fit_is_an_encode_error(kernel: ModuleType, values: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        kernel.encode_command(values)
    assert caught.value.code is Fault.BAD_VALUE


@pytest.mark.parametrize("value", [UID("1.2.840.10008.1.1"), Priority.MEDIUM, Text("odd"), True])
def test_subclasses_of_text_and_numbers_are_plain(
    cython: ModuleType, value: CommandValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast body writes them by itself."""
    expected = _python.encode_command({0x0002: value})
    monkeypatch.setattr(_python_command, "encode_command", None)
    assert cython.encode_command({0x0002: value}) == expected


@pytest.mark.parametrize("make", [bytearray, memoryview, Octets])
def test_other_buffers_are_read_as_the_reference_does(kernel: ModuleType, make: Callable[[bytes], Any]) -> None:
    for data in (element(0x0900, b"\1\0") + element(0x5110, b"ab"), b"\1", element(0x0002, b"1.2")):
        found, expected = outcome(kernel.decode_command, make(data)), outcome(_python.decode_command, make(data))
        assert described(found) == described(expected)


def test_no_reference_is_lost_or_kept(kernel: ModuleType) -> None:
    values = {
        **ECHO,
        0x1005: (1 << 30, 1 << 31),
        0x5110: b"some bytes",
        0x0902: "some text",
        0x1000: "\xe4",
        0x0002: UID("1.2.3"),
    }
    data = kernel.encode_command(values)
    watched = [one for one in values.values() if not isinstance(one, int)]  # small numbers are everybody's
    assert_no_leak(kernel.encode_command, (values,), ({**values, 0x0900: -1},), ({1: 1, -1: 1},), watched=watched)
    assert_no_leak(kernel.decode_command, (data,), (data[:-1],), (data * 2,), (data + element(0x1005, b"abc"),))


def test_the_public_names_are_those_of_the_live_body() -> None:
    assert command.decode_command(command.encode_command(ECHO)) == ECHO
    assert command.CommandElement is CommandElement


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        values = _python.decode_command(data)
    except DecodeError:
        return
    assert _python.decode_command(_python.encode_command(values)) == values


@given(hostile_command_sets() | command_sets().map(_python.encode_command))
def test_both_bodies_read_the_same(cython: ModuleType, data: bytes) -> None:
    kernel_command.same_elements(data)


@given(command_sets(), st.none() | st.integers(-2, 1 << 33))
def test_both_bodies_write_the_same(cython: ModuleType, values: dict[int, CommandValue], length: int | None) -> None:
    kernel_command.same_written(values, length)
