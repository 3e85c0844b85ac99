"""``python -m tests.bench.pdu``: PDUs beside pynetdicom and memcpy, on the same data in one run.

Both bodies of the kernel run in this one process: a measured call is of the public functions of ``dicomnet.wire``, for
the time of which the names that those import from the kernel are bound to one body or to the other. The work is

- pack, joined: 10 MiB as P-DATA-TF PDUs of 16 KiB, as bytes. pynetdicom: the fragments of ``DIMSEMessage``, P_DATA
  primitives and ``P_DATA_TF.encode``, one after the other as it sends them (it never joins them);
- pack, scatter/gather: the same in the buffers that ``sendmsg`` takes. pynetdicom has no such thing: the same again;
- unpack: the same PDUs, each in bytes of its own, to the message: ``decode_pdu`` and ``FragmentAssembler``. pynetdicom:
  ``P_DATA_TF.decode``, ``to_primitive`` and ``DIMSEMessage.decode_msg``;
- receive: what a transport delivers, 256 KiB at a time, to the message: ``ReceiveBuffer`` and the above. pynetdicom:
  ``AssociationSocket.recv`` on a socket without a network, as its DUL calls it, and the above, without its queues;
- A-ASSOCIATE-RQ, decode and encode: from bytes to objects and from objects to bytes, ``decode_pdu`` and ``encode_pdu``
  beside ``A_ASSOCIATE_RQ.decode`` and ``.encode``, items included: 128 storage classes with pynetdicom's four default
  transfer syntaxes each, and the usual user information;
- command set, decode and encode: a C-STORE-RQ, beside pynetdicom's ``dsutils`` (pydicom). No part of the kernel.

memcpy is one copy of the 10 MiB. What a large fresh buffer costs depends on the allocator, for everybody alike.
"""

from __future__ import annotations

import argparse
import os
import platform
import struct
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from math import ceil
from types import ModuleType
from typing import Any

import pynetdicom
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dsutils import decode as pynetdicom_decode
from pynetdicom.dsutils import encode as pynetdicom_encode
from pynetdicom.pdu import A_ASSOCIATE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

import dicomnet
import dicomnet.wire.buffer
import dicomnet.wire.items
import dicomnet.wire.pdata
import dicomnet.wire.pdu
from dicomnet import uids
from dicomnet.dimse.command import CommandElement, decode_command, encode_command
from dicomnet.wire import (
    AAssociateRQ,
    ApplicationContext,
    Assembled,
    AsyncOperationsWindow,
    FragmentAssembler,
    ImplementationClassUid,
    ImplementationVersionName,
    MaximumLength,
    PDataTF,
    PresentationContext,
    ReceiveBuffer,
    RoleSelection,
    UserInformation,
    decode_pdu,
    encode_pdu,
    fragment_message,
)
from fuzz.kernel.bodies import all_bodies
from tests.bench.timing import Goal, Measure, Row, at_least, calls, interleaved, lines

__all__ = ["main"]

_COLUMNS = ("pynetdicom", "python", "cython", "memcpy")
_MAX_LENGTH = 16384
_CHUNK = 256 * 1024  # what the blocking driver asks a socket for
_TRANSFER_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")
_BOUND = {  # where the names of the kernel are bound
    dicomnet.wire.pdata: ("pack_p_data_tf",),
    dicomnet.wire.buffer: ("read_p_data",),
    dicomnet.wire.pdu: ("read_p_data", "scan_pdvs"),
    dicomnet.wire.items: ("read_contexts", "write_contexts"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 0, also when goals are missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pdu", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (default 9)")
    parser.add_argument("--seconds", type=float, default=0.02, help="how long a candidate works in a round")
    parser.add_argument(
        "--quick", action="store_true", help="one round on little data: shows that it runs, measures nothing"
    )
    options = parser.parse_args(arguments)
    rounds, seconds, size = (1, 0.0, 1 << 16) if options.quick else (options.rounds, options.seconds, 10 << 20)
    bodies, missing = all_bodies()
    print(f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}")
    print(f"pynetdicom {pynetdicom.__version__}, dicomnet {dicomnet.__version__}; medians of {rounds} rounds")
    if missing:
        print(f"cython is not measured: {missing}")
    rows = [
        *_p_data_rows(bytes(range(256)) * (size // 256), bodies, rounds, seconds),
        *_associate_rows(bodies, rounds, seconds),
        *_command_rows(rounds, seconds),
    ]
    print("\n".join(lines(rows, _COLUMNS, base="pynetdicom", judged=not options.quick)))
    return 0


def _bound(function: Callable[[], object], body: ModuleType) -> Measure:
    """The function as a candidate, with this body of the kernel for as long as it is measured."""

    def measure(times: int, /) -> float:
        before = {module: [getattr(module, name) for name in names] for module, names in _BOUND.items()}
        try:
            for module, names in _BOUND.items():
                for name in names:
                    setattr(module, name, getattr(body, name))
            begin = time.perf_counter()
            for _ in range(times):
                function()
            return time.perf_counter() - begin
        finally:
            for module, names in _BOUND.items():
                for name, value in zip(names, before[module], strict=True):
                    setattr(module, name, value)

    return measure


def _row(
    name: str,
    peer: Callable[[], object],
    ours: Callable[[], object],
    bodies: Mapping[str, ModuleType],
    goal: float | None,
    rounds: int,
    seconds: float,
    memcpy: Callable[[], object] | None = None,
) -> Row:
    candidates: dict[str, Measure] = {"pynetdicom": calls(peer)}
    candidates |= {body: _bound(ours, module) for body, module in bodies.items()}
    if memcpy is not None:
        candidates["memcpy"] = calls(memcpy)
    found = interleaved(candidates, rounds=rounds, seconds=seconds)
    goals: list[Goal] = []
    if goal is not None and "cython" in found:
        goals.append(at_least(goal, found["pynetdicom"], found["cython"], "pynetdicom"))
    return Row(name, found, goals)


def _p_data_rows(data: bytes, bodies: Mapping[str, ModuleType], rounds: int, seconds: float) -> Iterable[Row]:
    pdus = _peer_pdus(data)
    stream = b"".join(pdus)
    chunks = [stream[start : start + _CHUNK] for start in range(0, len(stream), _CHUNK)]

    def pack() -> list[bytes]:
        return _peer_pdus(data)

    def scatter() -> list[bytes | memoryview]:
        return fragment_message(1, None, data, _MAX_LENGTH)

    def join() -> bytes:
        return b"".join(scatter())

    def copy() -> bytes:
        return bytes(memoryview(data))

    def unpack() -> bytes:
        return _unpacked(pdus)

    def receive() -> bytes:
        return _received(chunks)

    def peer_unpack() -> bytes:
        return _peer_unpacked(pdus)

    def peer_receive() -> bytes:
        return _peer_received(stream)

    assert join() == stream
    assert unpack() == receive() == peer_unpack() == peer_receive() == data
    mebibytes = f"{len(data) / (1 << 20):g} MiB"
    yield _row(f"pack {mebibytes}, joined", pack, join, bodies, 8, rounds, seconds, copy)
    yield _row(f"pack {mebibytes}, scatter/gather", pack, scatter, bodies, 20, rounds, seconds)
    yield _row(f"unpack {mebibytes}", peer_unpack, unpack, bodies, 8, rounds, seconds, copy)
    yield _row(f"receive {mebibytes}", peer_receive, receive, bodies, 8, rounds, seconds, copy)


def _unpacked(pdus: Iterable[bytes]) -> bytes:
    assembler = FragmentAssembler(1 << 16, 64 << 20)
    for raw in pdus:
        if whole := _added(assembler, decode_pdu(raw)):
            return whole.payload
    return b""


def _received(chunks: Iterable[bytes]) -> bytes:
    buffer, assembler = ReceiveBuffer(), FragmentAssembler(1 << 16, 64 << 20)
    for chunk in chunks:
        buffer.feed(chunk)
        while True:
            for pdu in buffer.next_p_data():
                if whole := _added(assembler, pdu):
                    return whole.payload
            raw = buffer.next_pdu()
            if raw is None:
                break
            if whole := _added(assembler, decode_pdu(raw)):
                return whole.payload
    return b""


def _added(assembler: FragmentAssembler, pdu: Any) -> Assembled | None:
    assert type(pdu) is PDataTF
    for pdv in pdu.pdvs:
        if whole := assembler.add(pdv):
            return whole
    return None


def _peer_pdus(data: bytes) -> list[bytes]:
    pdus = []
    count = ceil(len(data) / (_MAX_LENGTH - 6))
    for index, fragment in enumerate(DIMSEMessage._generate_pdv_fragments(data, _MAX_LENGTH)):
        primitive = P_DATA()
        header = b"\x02" if index == count - 1 else b"\x00"
        primitive.presentation_data_value_list.append((1, header + fragment))
        pdus.append(P_DATA_TF(primitive).encode())
    return pdus


def _peer_unpacked(pdus: Iterable[bytes]) -> bytes:
    message = DIMSEMessage()
    for raw in pdus:
        pdu = P_DATA_TF()
        pdu.decode(raw)
        if message.decode_msg(pdu.to_primitive()):
            break
    assert isinstance(message.data_set, BytesIO)
    return message.data_set.getvalue()


class _Socket:
    """Gives what is asked for, as a socket whose data is all there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def recv(self, count: int) -> bytes:
        self._place += count
        return self._data[self._place - count : self._place]


def _peer_received(stream: bytes) -> bytes:
    socket = AssociationSocket.__new__(AssociationSocket)
    socket.socket = _Socket(stream)  # type: ignore[assignment]

    def raw_pdus() -> Iterable[bytes]:
        while True:
            raw = bytearray()
            raw.extend(socket.recv(6))
            _, _, length = struct.unpack(">BBL", raw)
            raw += socket.recv(length)
            yield bytes(raw)

    return _peer_unpacked(raw_pdus())


def _associate_rows(bodies: Mapping[str, ModuleType], rounds: int, seconds: float) -> Iterable[Row]:
    data = encode_pdu(_request())
    ours, peer = decode_pdu(data), A_ASSOCIATE_RQ()
    peer.decode(data)
    assert encode_pdu(ours) == data == peer.encode()
    built = _request()  # no two of its items are the same object

    def decode() -> object:
        return decode_pdu(data)

    def encode() -> bytes:
        return encode_pdu(built)

    def peer_decode() -> object:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(data)
        return pdu

    yield _row("A-ASSOCIATE-RQ, decode", peer_decode, decode, bodies, 20, rounds, seconds)
    yield _row("A-ASSOCIATE-RQ, encode", peer.encode, encode, bodies, 20, rounds, seconds)


def _request() -> AAssociateRQ:
    classes = [context.abstract_syntax for context in pynetdicom.AllStoragePresentationContexts][:128]
    assert len(classes) == 128
    contexts = [
        PresentationContext.of(2 * index + 1, str(uid), _TRANSFER_SYNTAXES) for index, uid in enumerate(classes)
    ]
    user = UserInformation(
        (
            MaximumLength(_MAX_LENGTH),
            ImplementationClassUid("1.2.826.0.1.3680043.9.3811.3.0.4"),
            AsyncOperationsWindow(1, 1),
            RoleSelection(str(classes[0]), 1, 1),
            ImplementationVersionName("PYNETDICOM_304"),
        )
    )
    return AAssociateRQ("STORE_SCP", "STORE_SCU", (ApplicationContext(uids.APPLICATION_CONTEXT), *contexts, user))


def _command_rows(rounds: int, seconds: float) -> Iterable[Row]:
    values: dict[int, int | str | tuple[int, ...] | bytes] = {
        int(CommandElement.AFFECTED_SOP_CLASS_UID): "1.2.840.10008.5.1.4.1.1.2",
        int(CommandElement.COMMAND_FIELD): 1,
        int(CommandElement.MESSAGE_ID): 7,
        int(CommandElement.PRIORITY): 0,
        int(CommandElement.COMMAND_DATA_SET_TYPE): 1,
        int(CommandElement.AFFECTED_SOP_INSTANCE_UID): "1.2.826.0.1.3680043.8.498.1234567890",
    }
    data = encode_command(values)
    peer = pynetdicom_decode(BytesIO(data), True, True)
    read = [element.value for element in peer]
    assert len(read) == len(values) + 1
    assert pynetdicom_encode(peer, True, True) == data

    def peer_decode() -> object:
        return [element.value for element in pynetdicom_decode(BytesIO(data), True, True)]

    for name, theirs, ours in (
        ("command set, decode", peer_decode, lambda: decode_command(data)),
        ("command set, encode", lambda: pynetdicom_encode(peer, True, True), lambda: encode_command(values)),
    ):
        found = interleaved({"pynetdicom": calls(theirs), "python": calls(ours)}, rounds=rounds, seconds=seconds)
        yield Row(name, found)


if __name__ == "__main__":
    sys.exit(main())
