"""The receive buffer: any chunking gives the same PDUs, headers are judged at once, cost is linear."""

from __future__ import annotations

import tracemalloc
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.errors import DecodeError, Fault
from dicomnet.testing import pdus as some
from dicomnet.wire import PDataTF, PduLimits, Pdv, ReceiveBuffer, decode_pdu, encode_pdu


def drain(stream: ReceiveBuffer) -> list[bytes]:
    found = []
    while (pdu := stream.next_pdu()) is not None:
        found.append(pdu)
    return found


def header(pdu_type: int, length: int) -> bytes:
    return bytes([pdu_type, 0]) + length.to_bytes(4, "big")


@given(st.data())
def test_any_chunking_gives_the_same_pdus(data: st.DataObject) -> None:
    pdus = [encode_pdu(pdu) for pdu in data.draw(st.lists(some.pdus(), max_size=5))]
    stream = ReceiveBuffer()
    found = []
    for chunk in data.draw(some.chunkings(b"".join(pdus))):
        stream.feed(chunk)
        found += drain(stream)
    assert found == pdus
    assert not stream.pending
    assert stream.take_rest() == b""


def test_every_split_of_a_real_stream(vectors) -> None:
    pdus = list(vectors("dcmtk-echoscu").values())
    data = b"".join(pdus)
    for place in range(len(data) + 1):
        stream = ReceiveBuffer()
        stream.feed(data[:place])
        found = drain(stream)
        assert stream.pending == (sum(map(len, found)) != place)
        stream.feed(memoryview(data)[place:])
        assert found + drain(stream) == pdus


@given(st.data())
def test_hostile_streams_end_the_same_way_in_any_chunking(data: st.DataObject) -> None:
    pdus = data.draw(st.lists(some.pdus(), min_size=1, max_size=3))
    stream_bytes = data.draw(some.mutated(b"".join(map(encode_pdu, pdus))))

    def outcome(chunks: list[bytes]) -> tuple[list[bytes], object]:
        stream = ReceiveBuffer()
        found: list[bytes] = []
        try:
            for chunk in chunks:
                stream.feed(chunk)
                while (pdu := stream.next_pdu()) is not None:
                    found.append(pdu)
        except DecodeError as error:
            return found, (error.code, error.offset, error.path)
        return found, stream.take_rest()

    assert outcome(data.draw(some.chunkings(stream_bytes))) == outcome([stream_bytes])


@pytest.mark.parametrize(
    ("limits", "pdu_type", "largest"),
    [
        (PduLimits(), 1, 1 << 20),
        (PduLimits(), 2, 1 << 20),
        (PduLimits(associate=100), 1, 100),
        (PduLimits(), 4, 16384),
        (PduLimits(p_data=0), 4, 1 << 24),
        (PduLimits(p_data=0, unlimited_cap=50), 4, 50),
    ],
)
def test_limits_are_held_at_the_header(limits: PduLimits, pdu_type: int, largest: int) -> None:
    stream = ReceiveBuffer(limits)
    stream.feed(header(pdu_type, largest))
    assert stream.next_pdu() is None
    assert stream.pending
    for excess in (largest + 1, 0xFFFF_FFFF):
        stream = ReceiveBuffer(limits)
        stream.feed(header(pdu_type, excess)[:5])
        assert stream.next_pdu() is None
        stream.feed(header(pdu_type, excess)[5:])
        for _ in range(2):
            with pytest.raises(DecodeError) as caught:
                stream.next_pdu()
            assert (caught.value.code, caught.value.offset) == (Fault.LIMIT, 2)


@pytest.mark.parametrize("pdu_type", [3, 5, 6, 7])
@pytest.mark.parametrize("length", [0, 3, 5, 0xFFFF_FFFF])
def test_control_pdus_have_four_bytes(pdu_type: int, length: int) -> None:
    stream = ReceiveBuffer()
    stream.feed(header(pdu_type, length))
    with pytest.raises(DecodeError) as caught:
        stream.next_pdu()
    assert caught.value.code == Fault.BAD_LENGTH
    stream = ReceiveBuffer()
    stream.feed(header(pdu_type, 4) + bytes(4))
    assert stream.next_pdu() == header(pdu_type, 4) + bytes(4)


@pytest.mark.parametrize("foreign", [b"GET / HTTP/1.1\r\n", bytes.fromhex("16030100fa01"), b"SSH-2.0-x", bytes(6)])
def test_foreign_protocols_are_refused_on_six_bytes(foreign: bytes) -> None:
    stream = ReceiveBuffer()
    stream.feed(foreign[:5])
    assert stream.next_pdu() is None
    stream.feed(foreign[5:6])
    with pytest.raises(DecodeError) as caught:
        stream.next_pdu()
    assert caught.value.code == Fault.UNKNOWN_TYPE
    assert f"no PDU has the type 0x{foreign[0]:02X}" in str(caught.value)


def test_good_pdus_before_a_bad_header_are_delivered() -> None:
    stream = ReceiveBuffer()
    stream.feed(header(5, 4) + bytes(4) + header(9, 4))
    assert stream.next_pdu() == header(5, 4) + bytes(4)
    with pytest.raises(DecodeError):
        stream.next_pdu()
    assert stream.take_rest() == header(9, 4)


def p_data(*fragments: bytes) -> bytes:
    return encode_pdu(PDataTF(tuple(Pdv(1, fragment, 0) for fragment in fragments)))


def test_data_comes_decoded_and_uncopied_as_far_as_it_is_whole() -> None:
    chunk = p_data(b"ab") + p_data(b"cd", bytes(5000)) + p_data(b"ef")[:-1]
    stream = ReceiveBuffer()
    assert stream.next_p_data() == []
    stream.feed(chunk)
    first, second = stream.next_p_data()
    assert encode_pdu(first) + encode_pdu(second) == chunk[: chunk.index(p_data(b"ef")[:-1])]
    assert all(isinstance(pdv.payload, memoryview) and pdv.payload.obj is chunk for pdv in first.pdvs + second.pdvs)
    assert stream.next_p_data() == []
    assert stream.pending
    assert stream.next_pdu() is None
    assert stream.next_p_data() == []
    stream.feed(b"f" + header(5, 4) + bytes(4))
    assert stream.next_p_data() == []
    assert [stream.next_pdu() for _ in range(3)] == [p_data(b"ef"), header(5, 4) + bytes(4), None]
    assert not stream.pending


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (header(4, 16385), Fault.LIMIT),
        (header(9, 4), Fault.UNKNOWN_TYPE),
        (header(5, 5), Fault.BAD_LENGTH),
    ],
)
def test_what_is_wrong_is_left_for_next_pdu(last: bytes, code: Fault) -> None:
    stream = ReceiveBuffer()
    stream.feed(p_data(bytes(5000)) + last)
    assert len(stream.next_p_data()) == 1
    assert stream.next_p_data() == []
    with pytest.raises(DecodeError) as caught:
        stream.next_pdu()
    assert caught.value.code == code
    assert stream.next_p_data() == []


def test_a_pdu_with_too_many_pdvs_is_left_for_next_pdu() -> None:
    stream = ReceiveBuffer(PduLimits(max_pdvs=2))
    stream.feed(p_data(bytes(5000)) + p_data(b"", b"", b""))
    assert len(stream.next_p_data()) == 1
    assert stream.next_p_data() == []
    assert stream.next_pdu() == p_data(b"", b"", b"")


@given(st.data())
def test_data_ahead_gives_the_same_pdus(data: st.DataObject) -> None:
    pdus = data.draw(st.lists(some.pdus() | st.just(PDataTF((Pdv(1, bytes(3000)),))), max_size=5))
    stream = ReceiveBuffer()
    found = []
    for chunk in data.draw(some.chunkings(b"".join(map(encode_pdu, pdus)))):
        stream.feed(chunk)
        while True:
            found += stream.next_p_data()
            raw = stream.next_pdu()
            if raw is None:
                break
            found.append(decode_pdu(raw))
    assert found == pdus
    assert stream.take_rest() == b""


def test_kept_chunks_and_small_ones_take_turns() -> None:
    stream_bytes = b"".join(p_data(bytes([number]) * 3000) for number in range(40))
    for sizes in ((5000, 7), (1, 5000), (4096, 4095), (9000, 1, 1, 5000)):
        stream, rest, found = ReceiveBuffer(), stream_bytes, b""
        while rest:
            for size in sizes:
                stream.feed(rest[:size])
                rest = rest[size:]
            found += b"".join(drain(stream))
        assert found == stream_bytes


def test_take_rest_gives_what_is_no_pdu_yet() -> None:
    stream = ReceiveBuffer()
    stream.feed(header(4, 100) + b"abc")
    assert stream.next_pdu() is None
    assert stream.pending
    assert stream.take_rest() == header(4, 100) + b"abc"
    assert not stream.pending
    stream.feed(header(5, 4) + bytes(4))
    assert not stream.pending  # a whole one waits
    assert stream.next_pdu() is not None


def test_memory_follows_the_bytes_received() -> None:
    tracemalloc.start()
    try:
        stream = ReceiveBuffer(PduLimits(p_data=0))
        stream.feed(header(4, 1 << 24))
        assert stream.next_pdu() is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000


class CountingBytes(bytearray):
    """Counts the bytes that removals from the front may have to move."""

    moved = 0

    def __delitem__(self, place) -> None:
        CountingBytes.moved += len(self) - place.stop
        super().__delitem__(place)


def test_many_pdus_in_one_chunk_are_not_moved_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = ReceiveBuffer()
    monkeypatch.setattr(stream, "_chunks", deque([CountingBytes()]))
    monkeypatch.setattr(CountingBytes, "moved", 0)
    pdu = header(4, 100) + bytes(100)
    stream.feed(bytearray(pdu * 10_000))
    assert len(drain(stream)) == 10_000
    assert CountingBytes.moved <= len(pdu) * 10_000


@pytest.mark.parametrize("size", [1 << 12, 1 << 16])
def test_a_large_pdu_in_pieces(size: int) -> None:
    body = bytes(1 << 24)
    stream = ReceiveBuffer(PduLimits(p_data=0))
    stream.feed(header(4, len(body)))
    for place in range(0, len(body), size):
        assert stream.next_pdu() is None
        stream.feed(memoryview(body)[place : place + size])
    assert stream.next_pdu() == header(4, len(body)) + body


def test_a_pdu_in_single_bytes_costs_the_same_for_each() -> None:
    stream = ReceiveBuffer(PduLimits(p_data=0))
    stream.feed(header(4, 300_000))
    for _ in range(300_000):
        assert stream.next_pdu() is None
        stream.feed(b"x")
    assert stream.next_pdu() is not None
