"""P-DATA-TF framing: the contract of both bodies, and that they agree."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.errors import CodecError, DecodeError, EncodeError, Fault
from dicomnet.kernel import _python


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


def _outcome(function, *arguments: object) -> object:
    try:
        return function(*arguments)
    except CodecError as error:
        return type(error), error.code, error.offset, error.path, error.clause, error.message
