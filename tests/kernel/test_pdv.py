"""P-DATA-TF framing: the contract of both bodies, and that they agree."""

from __future__ import annotations

import struct
from enum import IntEnum
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.errors import CodecError, DecodeError, EncodeError, Fault
from dicomnet.kernel import _python

from .leaks import assert_no_leak

pytestmark = pytest.mark.once


def test_pack_one_fragment(kernel: ModuleType) -> None:
    buffers = kernel.pack_p_data_tf(5, 1, b"abcd", 16384)
    assert b"".join(buffers) == bytes.fromhex("04 00 0000000a 00000006 05 03 61626364")


def test_pack_cuts_at_the_maximum_rounded_down_to_even(kernel: ModuleType) -> None:
    for maximum in (10, 11):
        buffers = kernel.pack_p_data_tf(1, 0, b"abcdefghi", maximum)
        assert [bytes(one).hex() for one in buffers] == [
            "04000000000a000000060100",
            b"abcd".hex(),
            "04000000000a000000060100",
            b"efgh".hex(),
            "040000000007000000030102",
            b"i".hex(),
        ]


def test_pack_fills_the_last_fragment(kernel: ModuleType) -> None:
    buffers = kernel.pack_p_data_tf(1, 0, b"abcdefgh", 10)
    assert [bytes(one)[-1] for one in buffers[::2]] == [0, 2]


def test_pack_without_last_never_ends_the_message(kernel: ModuleType) -> None:
    assert [bytes(one)[-1] for one in kernel.pack_p_data_tf(1, 1, b"abcd", 8, last=False)[::2]] == [1, 1]
    assert kernel.pack_p_data_tf(1, 1, b"", 8, last=False) == []


def test_pack_nothing_is_one_empty_last_fragment(kernel: ModuleType) -> None:
    assert b"".join(kernel.pack_p_data_tf(255, 0, b"", 8)) == bytes.fromhex("04 00 00000006 00000002 ff 02")


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda data: memoryview(data)[::1]])
def test_pack_takes_any_buffer_and_does_not_copy(kernel: ModuleType, make) -> None:
    payload = make(b"abcdef")
    (_, fragment) = kernel.pack_p_data_tf(1, 0, payload, 100)
    assert fragment.tobytes() == b"abcdef"
    assert memoryview(payload).nbytes == fragment.nbytes


@pytest.mark.parametrize(
    ("arguments", "code", "path"),
    [
        ((1, 0, b"ab", 7), Fault.LIMIT, "max_length"),
        ((1, 0, b"", 0), Fault.LIMIT, "max_length"),
        ((1, 0, b"ab", 1 << 32), Fault.LIMIT, "max_length"),
        ((256, 0, b"ab", 8), Fault.BAD_VALUE, "context_id"),
        ((-1, 0, b"ab", 8), Fault.BAD_VALUE, "context_id"),
        ((1, 2, b"ab", 8), Fault.BAD_VALUE, "control"),
        ((256, 2, b"ab", 7), Fault.BAD_VALUE, "context_id"),
    ],
)
def test_pack_refuses(kernel: ModuleType, arguments, code: Fault, path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        kernel.pack_p_data_tf(*arguments)
    assert (caught.value.code, caught.value.path) == (code, path)


@pytest.mark.parametrize("maximum", [8, 0xFFFF_FFFF])
def test_pack_takes_maximum_lengths_at_the_edge(kernel: ModuleType, maximum: int) -> None:
    assert b"".join(kernel.pack_p_data_tf(1, 0, b"ab", maximum)) == bytes.fromhex("04 00 00000008 00000004 01 02 6162")


def test_scan(kernel: ModuleType) -> None:
    body = bytes.fromhex("00000004 01 03 6162 00000002 ff 00 00000003 00 fe 63")
    for buffer in (body, memoryview(body)):
        assert kernel.scan_pdvs(buffer, 3) == [(1, 3, 6, 8), (255, 0, 14, 14), (0, 0xFE, 20, 21)]
    assert kernel.scan_pdvs(b"", 0) == []


@pytest.mark.parametrize(
    ("digits", "code", "offset"),
    [
        ("00", Fault.TRUNCATED, 0),
        ("000000", Fault.TRUNCATED, 0),
        ("00000000", Fault.BAD_LENGTH, 0),
        ("00000001 01", Fault.BAD_LENGTH, 0),
        ("00000002 01", Fault.OVERRUN, 0),
        ("00000002", Fault.OVERRUN, 0),
        ("ffffffff 0103", Fault.OVERRUN, 0),
        ("fffffffc 0103", Fault.OVERRUN, 0),
        ("7fffffff 0103", Fault.OVERRUN, 0),
        ("80000000 0103", Fault.OVERRUN, 0),
        ("00000002 0100 00", Fault.TRUNCATED, 6),
        ("00000002 0100 00000003 0100", Fault.OVERRUN, 6),
        ("00000002 0100 00000002 0100 00", Fault.LIMIT, 12),
    ],
)
def test_scan_refuses(kernel: ModuleType, digits: str, code: Fault, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        kernel.scan_pdvs(bytes.fromhex(digits), 2)
    assert (caught.value.code, caught.value.offset) == (code, offset)


@pytest.mark.parametrize("body", [b"", bytes.fromhex("00000002 0100") * 3])
def test_scan_counts_pdvs(kernel: ModuleType, body: bytes) -> None:
    assert len(kernel.scan_pdvs(body, len(body) // 6)) == len(body) // 6


@given(st.binary(max_size=200), st.integers(8, 60), st.integers(0, 1), st.booleans())
def test_packed_fragments_join_to_the_payload(payload: bytes, maximum: int, control: int, last: bool) -> None:
    buffers = _python.pack_p_data_tf(3, control, payload, maximum, last)
    assert len(buffers) % 2 == 0
    joined = b""
    for header, fragment in zip(buffers[::2], buffers[1::2], strict=True):
        pdu = bytes(header) + bytes(fragment)
        assert len(pdu) - 6 <= maximum
        assert int.from_bytes(pdu[2:6], "big") == len(pdu) - 6
        ((context_id, flags, start, end),) = _python.scan_pdvs(pdu[6:], 1)
        joined += pdu[6:][start:end]
        is_final = last and len(joined) == len(payload)
        assert (context_id, flags) == (3, control | (2 if is_final else 0))
        assert (end - start) % 2 == 0 or len(joined) == len(payload)
    assert joined == payload


def test_pack_gives_every_fragment_but_the_last_the_same_headers(kernel: ModuleType) -> None:
    buffers = kernel.pack_p_data_tf(1, 1, bytes(100), 30, last=False)
    assert {bytes(one) for one in buffers[:-2:2]} == {bytes.fromhex("04 00 0000001e 0000001a 01 01")}
    assert bytes(buffers[-2]) == bytes.fromhex("04 00 0000000a 00000006 01 01")


def test_pack_holds_the_payload_in_place(kernel: ModuleType) -> None:
    payload = bytearray(b"abcdef")
    buffers = kernel.pack_p_data_tf(1, 0, payload, 10)
    with pytest.raises(BufferError):
        payload.append(0)
    payload[5] = 0x67
    assert b"".join(buffers[1::2]) == b"abcdeg"
    del buffers
    payload.append(0)


@pytest.mark.parametrize("make", [lambda: memoryview(b"abcdef")[::2], lambda: "abcdef", lambda: None, lambda: 6])
def test_pack_takes_only_bytes_one_after_the_other(kernel: ModuleType, make) -> None:
    with pytest.raises(TypeError):
        kernel.pack_p_data_tf(1, 0, make(), 100)


def test_pack_takes_wider_items_as_bytes(kernel: ModuleType) -> None:
    payload = memoryview(b"abcdefgh").cast("I")
    assert b"".join(kernel.pack_p_data_tf(1, 0, payload, 10)[1::2]) == b"abcdefgh"


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        ((1.0, 0, b"ab", 8), struct.error),
        ((1, 0.0, b"ab", 8), TypeError),
        ((1, 0, b"ab", 8.5), TypeError),
        (("1", 0, b"ab", 8), TypeError),
        ((1, None, b"ab", 8), EncodeError),
        ((1, -1, b"ab", 8), EncodeError),
        ((1, 1 << 70, b"ab", 8), EncodeError),
        ((1 << 70, 0, b"ab", 8), EncodeError),
        ((1, 0, b"ab", 1 << 70), EncodeError),
        ((1, 0, b"ab", -8), EncodeError),
        ((1, 0, None, -8), EncodeError),
    ],
)
def test_pack_judges_odd_arguments_like_the_reference(
    kernel: ModuleType, arguments: tuple[object, ...], outcome: type[Exception]
) -> None:
    with pytest.raises(outcome):
        kernel.pack_p_data_tf(*arguments)


def test_pack_takes_what_counts_as_a_number_or_a_truth(kernel: ModuleType) -> None:
    whole = bytes.fromhex("04 00 00000008 00000004 01 03 6162")
    assert b"".join(kernel.pack_p_data_tf(True, True, b"ab", PduLength.LEAST)) == whole
    assert b"".join(kernel.pack_p_data_tf(1, 1, b"ab", 8, 7)) == whole
    assert b"".join(kernel.pack_p_data_tf(1, 1, b"ab", 8, "")) == bytes.fromhex("04 00 00000008 00000004 01 01 6162")
    assert kernel.pack_p_data_tf(1, 1, b"", 8, 0) == []


class PduLength(IntEnum):
    LEAST = 8


BUFFERS = [
    bytes,
    bytearray,
    memoryview,
    lambda data: memoryview(bytearray(data)),
    lambda data: memoryview(data).cast("c"),
    lambda data: memoryview(data).cast("b"),
    lambda data: memoryview(data + data)[: len(data)],
    lambda data: memoryview(b"".join(bytes((byte, 0)) for byte in data))[::2],
    lambda data: memoryview(data[::-1])[::-1],
]


@pytest.mark.parametrize("make", BUFFERS)
@pytest.mark.parametrize(
    "digits", ["00000002 0100 00000003 0303 61", "00000002 0100 00", "00000003 0100 00000009 0100"]
)
def test_scan_takes_any_buffer_like_the_reference(kernel: ModuleType, make, digits: str) -> None:
    data = bytes.fromhex(digits)
    assert _outcome(kernel.scan_pdvs, make(data), 9) == _outcome(_python.scan_pdvs, make(data), 9)


@pytest.mark.parametrize("most", [-(1 << 70), -1, 0, 1, 2, 3, 1 << 31, 1 << 63, 1 << 70, True, 1.5])
def test_scan_takes_any_limit(kernel: ModuleType, most) -> None:
    for data in (b"", bytes.fromhex("00000002 0100") * 2, bytes.fromhex("00000002 0100") * 2 + b"\0"):
        assert _outcome(kernel.scan_pdvs, data, most) == _outcome(_python.scan_pdvs, data, most)


@pytest.mark.parametrize("body", [None, "text", 5])
def test_scan_takes_only_buffers(kernel: ModuleType, body: object) -> None:
    with pytest.raises(TypeError):
        kernel.scan_pdvs(body, 3)


def test_scan_of_what_was_released(kernel: ModuleType) -> None:
    view = memoryview(bytes.fromhex("00000002 0100"))
    view.release()
    with pytest.raises(ValueError, match="released"):
        kernel.scan_pdvs(view, 3)


def test_scan_lets_go_of_the_buffer(kernel: ModuleType) -> None:
    body = bytearray.fromhex("00000002 0100 00")
    with pytest.raises(DecodeError):
        kernel.scan_pdvs(body, 3)
    body.pop()
    assert kernel.scan_pdvs(body, 3) == [(1, 0, 6, 6)]
    body.append(0)


@pytest.mark.parametrize("function", ["pack_p_data_tf", "scan_pdvs"])
def test_no_reference_is_lost_or_kept(kernel: ModuleType, function: str) -> None:
    data = bytes.fromhex("00000002 0100 00000003 0303 61") * 40
    arguments = (1, 0, data, 16) if function == "pack_p_data_tf" else (data, 99)
    wrong = (1, 0, data, 7) if function == "pack_p_data_tf" else (data, 3)
    assert_no_leak(getattr(kernel, function), arguments, wrong)


_NUMBERS = st.integers(-2, 300) | st.sampled_from([0, 1, 3, 255, 1 << 32, (1 << 32) - 1, 1 << 63, -(1 << 63), 1 << 64])


@given(
    st.integers(0, 255) | _NUMBERS,
    st.integers(0, 1) | _NUMBERS,
    st.binary(max_size=300),
    st.integers(8, 60) | _NUMBERS,
    st.booleans(),
    st.sampled_from(BUFFERS),
)
def test_both_bodies_pack_the_same(
    cython: ModuleType, context_id: int, control: int, payload: bytes, most: int, last: bool, make
) -> None:
    arguments = (context_id, control, make(payload), most, last)
    assert _outcome(cython.pack_p_data_tf, *arguments) == _outcome(_python.pack_p_data_tf, *arguments)


@st.composite
def _bodies(draw: st.DrawFn) -> bytes:
    """PDVs, mostly right."""
    parts = []
    for fragment in draw(st.lists(st.binary(max_size=12), max_size=6)):
        length = draw(st.just(len(fragment) + 2) | st.integers(0, 20) | st.sampled_from([0xFFFF_FFFF, 0x8000_0000]))
        parts.append(length.to_bytes(4, "big") + draw(st.binary(min_size=2, max_size=2)) + fragment)
    data = b"".join(parts)
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@given(_bodies() | st.binary(max_size=60), st.integers(0, 8) | _NUMBERS, st.sampled_from(BUFFERS))
def test_both_bodies_scan_the_same(cython: ModuleType, body: bytes, most: int, make) -> None:
    assert _outcome(cython.scan_pdvs, make(body), most) == _outcome(_python.scan_pdvs, make(body), most)


def _outcome(function, *arguments: object) -> object:
    try:
        return function(*arguments)
    except CodecError as error:
        return type(error), error.code, error.offset, error.path, error.clause, error.message
    except Exception as error:  # noqa: BLE001 -- what a wrong argument raises is compared, too
        return type(error)
