"""Cutting messages and putting fragments together."""

from __future__ import annotations

import copy
import pickle
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.wire import FragmentAssembler, PDataTF, Pdv, ReceiveBuffer, decode_pdu, fragment_message
from dicomnet.wire.buffer import PduLimits
from dicomnet.wire.pdata import OWN_MAX_LENGTH, Assembled, Buffer


def pdus_of(buffers: list[bytes | memoryview]) -> list[PDataTF]:
    stream = ReceiveBuffer(PduLimits(p_data=0))
    stream.feed(b"".join(buffers))
    found = []
    while (raw := stream.next_pdu()) is not None:
        pdu = decode_pdu(raw)
        assert isinstance(pdu, PDataTF)
        found.append(pdu)
    assert not stream.pending
    return found


def test_control_bits() -> None:
    assert [(pdv.is_command, pdv.is_last) for pdv in (Pdv(1, control=value) for value in (0, 1, 2, 3, 0xFC))] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
        (False, False),
    ]


def test_command_and_data_share_a_pdu_when_both_fit() -> None:
    (pdu,) = pdus_of(fragment_message(1, b"cmd!", b"data", 20))
    assert pdu == PDataTF((Pdv(1, b"cmd!", 3), Pdv(1, b"data", 2)))
    assert len(pdus_of(fragment_message(1, b"cmd!", b"data", 19))) == 2
    assert len(pdus_of(fragment_message(1, b"cmd!", b"data", 20, one_pdv_per_pdu=True))) == 2


def test_parts_that_are_none_are_not_sent() -> None:
    assert pdus_of(fragment_message(1, b"cmd!", None, 100)) == [PDataTF((Pdv(1, b"cmd!", 3),))]
    assert pdus_of(fragment_message(1, None, b"data", 100)) == [PDataTF((Pdv(1, b"data", 2),))]
    assert fragment_message(1, None, None, 100) == []


@given(st.binary(max_size=40), st.integers(-1, 50), st.sampled_from([-1, 0, 1, 255, 256]))
def test_a_command_alone_is_cut_as_any_payload(command: bytes, max_length: int, context_id: int) -> None:
    # The kernel cuts what is no bytes object, or does not fit; what does fit has a shorter way.
    def cut(payload: Buffer) -> object:
        try:
            return b"".join(fragment_message(context_id, payload, None, max_length))
        except EncodeError as error:
            return error.code, error.path

    assert cut(command) == cut(bytearray(command)) == cut(memoryview(command))


@pytest.mark.parametrize("more", [-2, -1, 0, 1, 2])
def test_a_command_is_at_most_as_long_as_our_pdus(more: int) -> None:
    command = bytes(OWN_MAX_LENGTH - 6 + more)
    parts = [b"".join(fragment_message(1, kind(command), None, 0)) for kind in (bytes, bytearray)]
    assert parts[0] == parts[1]
    assert len(pdus_of([parts[0]])) == 1 + (more > 0)


def test_a_data_set_in_parts_has_its_last_fragment_in_the_last() -> None:
    parts = [*fragment_message(1, b"cmd!", b"data", 20, last=False), *fragment_message(1, None, bytes(20), 20)]
    controls = [pdv.control for pdu in pdus_of(parts) for pdv in pdu.pdvs]
    assert controls == [3, 0, 0, 2]


def test_no_limit_of_the_peer_leaves_ours() -> None:
    for maximum in (0, 0xFFFF_FFFF):
        pdus = pdus_of(fragment_message(1, b"cmd!", bytes(3 << 20), maximum))
        assert max(sum(6 + len(pdv.payload) for pdv in pdu.pdvs) for pdu in pdus) == OWN_MAX_LENGTH
    assert len(pdus_of(fragment_message(1, b"cmd!", bytes(OWN_MAX_LENGTH - 16), 0))) == 1


@pytest.mark.parametrize("maximum", range(1, 8))
def test_a_maximum_that_holds_no_fragment_is_refused(maximum: int) -> None:
    with pytest.raises(EncodeError) as caught:
        fragment_message(1, b"cmd!", b"data", maximum)
    assert caught.value.code == Fault.LIMIT


def test_payload_is_not_copied() -> None:
    data = bytes(8 << 20)
    tracemalloc.start()
    try:
        buffers = fragment_message(1, b"cmd!", data, 1 << 16)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(len(one) for one in buffers) > len(data)
    assert peak < 1 << 18


@given(
    st.binary(min_size=1, max_size=60),
    st.none() | st.binary(max_size=200),
    st.integers(8, 300),
    st.booleans(),
)
def test_cut_and_put_together(command: bytes, data: bytes | None, maximum: int, alone: bool) -> None:
    pdus = pdus_of(fragment_message(7, command, data, maximum, one_pdv_per_pdu=alone))
    assert all(sum(6 + len(pdv.payload) for pdv in pdu.pdvs) <= maximum for pdu in pdus)
    assembler = FragmentAssembler(60, 200)
    whole = [one for pdu in pdus for pdv in pdu.pdvs if (one := assembler.add(pdv))]
    expected = [Assembled(7, True, command)]
    assert whole == expected + ([] if data is None else [Assembled(7, False, data)])
    assert not assembler.in_progress


def test_in_progress_until_the_last_fragment() -> None:
    assembler = FragmentAssembler(10, 10)
    assert not assembler.in_progress
    assert assembler.add(Pdv(1, b"", 1)) is None
    assert assembler.in_progress
    assert assembler.add(Pdv(1, b"ab", 1)) is None
    assert assembler.add(Pdv(1, memoryview(b"cd"), 3)) == Assembled(1, True, b"abcd")
    assert not assembler.in_progress
    assert assembler.add(Pdv(1, b"", 2)) == Assembled(1, False, b"")


@pytest.mark.parametrize("second", [Pdv(3, b"ab", 1), Pdv(1, b"ab", 0), Pdv(3, b"", 2)])
def test_interleaving_is_refused(second: Pdv) -> None:
    assembler = FragmentAssembler(10, 10)
    assembler.add(Pdv(1, b"ab", 1))
    with pytest.raises(DecodeError, match="amid the fragments of the command on context 1") as caught:
        assembler.add(second)
    assert caught.value.code == Fault.ORDER


@pytest.mark.parametrize(("control", "limit"), [(1, 4), (0, 6)])
def test_limits_on_both_sides(control: int, limit: int) -> None:
    for sizes in ([limit], [limit - 1, 1], [1] * limit + [0]):
        assembler = FragmentAssembler(4, 6)
        for size in sizes[:-1]:
            assert assembler.add(Pdv(1, bytes(size), control)) is None
        assert assembler.add(Pdv(1, bytes(sizes[-1]), control | 2)) == Assembled(1, control == 1, bytes(limit))
    for sizes in ([], [limit], [1] * limit):
        assembler = FragmentAssembler(4, 6)
        for size in sizes:
            assembler.add(Pdv(1, bytes(size), control))
        with pytest.raises(DecodeError) as caught:
            assembler.add(Pdv(1, bytes(limit + 1 - sum(sizes)), control))
        assert caught.value.code == Fault.LIMIT


def test_a_fragment_is_copied_once_into_the_message() -> None:
    assembler = FragmentAssembler(10, 8 << 20)
    fragments = [bytes(1 << 16)] * 128
    tracemalloc.start()
    try:
        for fragment in fragments[:-1]:
            assembler.add(Pdv(1, memoryview(fragment), 0))
        whole = assembler.add(Pdv(1, memoryview(fragments[-1]), 2))
        current, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert whole is not None
    assert len(whole.payload) == 8 << 20
    assert current < (8 << 20) + 100_000
    assert peak < 2 * (8 << 20) + (2 << 20)  # a buffer that moves when it grows is there twice for a moment


def test_a_received_pdv_shows_its_bytes() -> None:
    (pdv,) = pdus_of(fragment_message(1, b"cmd!", None, 100))[0].pdvs
    assert isinstance(pdv.payload, memoryview)
    assert repr(pdv) == repr(Pdv(1, b"cmd!", 3)) == "Pdv(1, b'cmd!', control=3)"
    assert repr(Pdv(1, b"", 2, 7)) == "Pdv(1, b'', control=2, pdv_length=7)"
    assert hash(pdv) == hash(Pdv(1, b"cmd!", 3))


def test_many_small_fragments_weigh_no_more_than_their_bytes() -> None:
    assembler = FragmentAssembler(10, 1 << 20)
    tracemalloc.start()
    try:
        for _ in range(100_000):
            assembler.add(Pdv(1, b"ab", 0))
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert current < 400_000
    whole = assembler.add(Pdv(1, b"", 2))
    assert whole is not None
    assert whole.payload == b"ab" * 100_000


def test_a_received_pdv_can_be_copied_and_pickled() -> None:
    received = decode_pdu(bytes.fromhex("04 00 0000000a 00000006 05 03 61626364"))
    assert isinstance(received, PDataTF)
    (pdv,) = received.pdvs
    assert isinstance(pdv.payload, memoryview)
    for again in (copy.deepcopy(pdv), pickle.loads(pickle.dumps(pdv))):
        assert again == pdv
        assert type(again.payload) is bytes
    assert copy.deepcopy(received) == received
