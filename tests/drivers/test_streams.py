"""Data sets in parts: scenarios for every world, with every kind of payload, in and out."""

from __future__ import annotations

import errno
import io
import os
import tracemalloc
from collections.abc import Generator
from dataclasses import replace
from mmap import mmap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset, flows, uids
from dicomnet.dataset.part10 import header
from dicomnet.dimse import files
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import reply, to_command
from dicomnet.dimse.messages import (
    CGetRequest,
    CGetResponse,
    CStoreRequest,
    CStoreResponse,
    EncodedDataSet,
    Request,
)
from dicomnet.dimse.payloads import FileDataSet, StreamedDataSet
from dicomnet.drivers import memory
from dicomnet.drivers.common import Hooks
from dicomnet.errors import (
    Aborted,
    ConnectionLost,
    DecodeError,
    EncodeError,
    Fault,
    LocalProtocolError,
    RemoteProtocolError,
)
from dicomnet.flows import Flow
from dicomnet.handlers import Peer, handle_by_type, streaming
from dicomnet.ul import PDataRequest, PlainPolicy, ProposedContext, RequestOptions, SupportedContext, build_request
from dicomnet.wire import AReleaseRQ, PDataTF, Pdv, RoleSelection, encode_pdu

World = Any  # of the conftest, which cannot be imported by name
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
JPEG = "1.2.840.10008.1.2.4.50"
EXPLICIT, IMPLICIT = uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE

OPTIONS = RequestOptions(
    "SCP",
    "SCU",
    (
        ProposedContext(uids.VERIFICATION, (IMPLICIT,)),
        ProposedContext(CAPTURE, (EXPLICIT,)),
        ProposedContext(CAPTURE, (JPEG,)),
        ProposedContext(GET, (IMPLICIT,)),
    ),
    roles=(RoleSelection(CAPTURE, 1, 1),),
    max_length=16384,
)
POLICY = PlainPolicy(
    (
        SupportedContext(uids.VERIFICATION),
        SupportedContext(CAPTURE, (EXPLICIT, JPEG), scu=True),
        SupportedContext(GET, (IMPLICIT,)),
    ),
    max_length=16384,
)


def image(size: int) -> Dataset:
    content = Dataset()
    content.SOPClassUID = CAPTURE
    content.SOPInstanceUID = "2.25.1"
    content.add_new(0x7FE00010, "OW", bytes(range(256)) * (size // 256 or 1))
    return content


def frames() -> bytes:
    """A data set with pixel data in fragments, as every encapsulated transfer syntax has it."""
    start = dataset.encode(image(0), EXPLICIT)[: -256 - 12]
    fragment = b"\xfe\xff\x00\xe0" + (1000).to_bytes(4, "little") + bytes(1000)
    empty = b"\xfe\xff\x00\xe0" + bytes(4)
    return start + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + empty + fragment + b"\xfe\xff\xdd\xe0" + bytes(4)


def part10(data: bytes, transfer_syntax: str, path: Path) -> Path:
    path.write_bytes(header(CAPTURE, "2.25.1", transfer_syntax) + data)
    return path


def store(data_set: Any) -> CStoreRequest:
    return CStoreRequest(sop_class=CAPTURE, instance="2.25.1", data_set=data_set)


def storing(data_set: Any) -> Flow[CStoreResponse]:
    return flows.ask(store(data_set), expect=CStoreResponse)


def size_for(world: World) -> int:
    return 2000 if world.slow else 3_000_000


class Store:
    """Keeps what is stored, and how each instance ended."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, bytes]] = []
        self.failures: list[BaseException] = []

    def whole(self, request: Request, peer: Peer) -> Flow[None]:
        assert isinstance(request.data_set, EncodedDataSet)
        self.stored.append((request.data_set.transfer_syntax, bytes(request.data_set.data)))
        yield from flows.send(reply(request))

    def parts(self, request: Request, peer: Peer) -> Flow[None]:
        try:
            stream = io.BytesIO()
            size = yield from flows.save(request, stream)
        except BaseException as error:
            self.failures.append(error)
            raise
        assert size == len(stream.getvalue())
        self.stored.append((request.data_set.transfer_syntax, stream.getvalue()))  # type: ignore[union-attr]
        yield from flows.send(reply(request))

    def all(self, request: Request, peer: Peer) -> Flow[None]:
        found = yield from flows.read_all(request)
        assert found is not None
        self.stored.append((found.transfer_syntax, bytes(found.data)))
        yield from flows.send(reply(request))


def connect(world: World, handler: Any, **more: Any) -> Any:
    return world.connect(
        handler=handle_by_type({CStoreRequest: handler}), **{"options": OPTIONS, "policy": POLICY, **more}
    )


FORMS = [
    "data set",
    "bytes",
    "view",
    "other syntax",
    "path",
    "other path",
    "file",
    "stream",
    "pieces",
    "other stream",
    "jpeg",
    "jpeg file",
]


def payload(form: str, size: int, tmp_path: Path) -> tuple[Any, str, bytes]:
    """What to send, and what must arrive: transfer syntax and bytes."""
    plain, jpeg = dataset.encode(image(size), EXPLICIT), frames()
    implicit = dataset.encode(image(size), IMPLICIT)
    forms: dict[str, tuple[Any, str, bytes]] = {
        "data set": (image(size), EXPLICIT, plain),
        "bytes": (EncodedDataSet(plain, EXPLICIT), EXPLICIT, plain),
        "view": (EncodedDataSet(memoryview(plain), EXPLICIT), EXPLICIT, plain),
        "other syntax": (EncodedDataSet(implicit, IMPLICIT), EXPLICIT, plain),
        "path": (part10(plain, EXPLICIT, tmp_path / "a"), EXPLICIT, plain),
        "other path": (part10(implicit, IMPLICIT, tmp_path / "d"), EXPLICIT, plain),
        "file": (FileDataSet.of(part10(plain, EXPLICIT, tmp_path / "b")), EXPLICIT, plain),
        "stream": (StreamedDataSet(io.BytesIO(plain), EXPLICIT), EXPLICIT, plain),
        "pieces": (StreamedDataSet([plain[:7], b"", plain[7:]], EXPLICIT), EXPLICIT, plain),
        "other stream": (StreamedDataSet(io.BytesIO(implicit), IMPLICIT), EXPLICIT, plain),
        "jpeg": (EncodedDataSet(jpeg, JPEG), JPEG, jpeg),
        "jpeg file": (part10(jpeg, JPEG, tmp_path / "c"), JPEG, jpeg),
    }
    return forms[form]


@pytest.mark.parametrize("way", ["whole", "parts", "all"])
@pytest.mark.parametrize("form", FORMS)
def test_every_payload_arrives(world: World, form: str, way: str, tmp_path: Path) -> None:
    size = 500 if world.slow else 60_000
    data_set, syntax, data = payload(form, size, tmp_path)
    kept = Store()
    handler = getattr(kept, way)
    with connect(world, handler if way == "whole" else streaming(handler)) as link:
        for _ in range(1 if form in ("stream", "other stream") else 2):
            assert link.run(storing(data_set)).status == 0
        link.run(flows.c_echo())
    assert set(kept.stored) == {(syntax, data)}
    assert link.session.counters.sent["CStoreRequest"] == len(kept.stored)


def test_a_large_data_set_passes_in_parts(world: World, tmp_path: Path) -> None:
    data = dataset.encode(image(size_for(world)), EXPLICIT)
    kept = Store()
    with connect(world, streaming(kept.parts)) as link:
        assert link.run(storing(StreamedDataSet(io.BytesIO(data), EXPLICIT))).status == 0
        assert link.run(storing(StreamedDataSet(io.BytesIO(data), EXPLICIT))).status == 0
        assert link.run(storing(part10(data, EXPLICIT, tmp_path / "a"))).status == 0
    assert kept.stored == [(EXPLICIT, data)] * 3


@pytest.mark.parametrize("outcome", ["at hand", "opened", "not at hand", "nobody knows", "partly"])
def test_only_what_is_not_at_hand_of_a_file_takes_calls(world: World, outcome: str, tmp_path: Path) -> None:
    """Whatever the system says of what it has in memory, all of the file arrives."""

    def look(descriptor: int, buffers: tuple[bytearray], offset: int, flags: int) -> int:
        if outcome in ("opened", "not at hand"):
            raise BlockingIOError(errno.EAGAIN, "not now")
        if outcome == "nobody knows":
            raise OSError(errno.EOPNOTSUPP, "no idea")
        buffers[0][:] = os.pread(descriptor, len(buffers[0]), offset)
        return len(buffers[0]) if outcome == "at hand" else len(buffers[0]) // 2

    def counted(flow: Flow[CStoreResponse]) -> Flow[CStoreResponse]:
        value = None
        while True:
            try:
                step = flow.send(value)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            taken.append(type(step))
            value = yield step

    opens = outcome in ("at hand", "opened")
    taken: list[type] = []
    data = dataset.encode(image(size_for(world)), EXPLICIT)
    kept = Store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_AT_HAND", 8)
        patch.setattr(files, "_opener", lambda: lambda name: os.open(name, os.O_RDONLY) if opens else -1)
        patch.setattr(os, "preadv", look)
        with connect(world, streaming(kept.parts)) as link:
            assert link.run(counted(storing(part10(data, EXPLICIT, tmp_path / "a")))).status == 0
    assert kept.stored == [(EXPLICIT, data)]
    parts, calls = taken.count(flows.SendPart), taken.count(flows.Call)
    # The first part comes with the header of the file; two at a time where nobody knows.
    if outcome == "nobody knows":
        assert 0 < calls <= 1 + parts // 2
    else:
        assert calls == (0 if outcome == "at hand" else parts)


def test_the_parts_of_a_file_share_their_memory(world: World, tmp_path: Path) -> None:
    """Every driver lets go of a part that has left; what arrives is whole nevertheless."""
    places: list[bytearray] = []

    def look(descriptor: int, buffers: tuple[bytearray], offset: int, flags: int) -> int:
        places.append(buffers[0])
        buffers[0][:] = data = os.pread(descriptor, len(buffers[0]), offset)
        return len(data)

    data = dataset.encode(image(2000 if world.slow else 6_000_000), EXPLICIT)
    kept = Store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_AT_HAND", 8)
        patch.setattr(files, "_opener", lambda: lambda name: os.open(name, os.O_RDONLY))
        patch.setattr(os, "preadv", look)
        with connect(world, streaming(kept.parts)) as link:
            assert link.run(storing(part10(data, EXPLICIT, tmp_path / "a"))).status == 0
    assert kept.stored == [(EXPLICIT, data)]
    # The header; those between, and where little is left; the last, which is shorter.
    assert len({id(place) for place in places}) <= 4


@pytest.mark.parametrize("less", [1, 5_000, 900_000])
@pytest.mark.parametrize("watched", [False, True])
def test_a_file_that_shrinks_while_it_is_sent(world: World, less: int, watched: bool, tmp_path: Path) -> None:
    """Whether pages of it are gone or only the end of one, and whoever reads them: it is not sent, and the flow is told
    why."""
    if world.slow:
        pytest.skip("which would take long")
    kept = Store()

    def cutting(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.read_part(request)
        os.truncate(path, path.stat().st_size - less)
        yield from kept.parts(request, peer)

    data = dataset.encode(image(world.deep + 2_000_000), EXPLICIT)
    path = part10(data, EXPLICIT, tmp_path / "a")
    more = {} if watched else {"transcript": None}
    with pytest.raises(DecodeError) as caught, connect(world, streaming(cutting), **more) as link:
        link.run(storing(path))
    assert caught.value.code is Fault.TRUNCATED
    assert world.peer().error is not None
    assert kept.stored == []


@pytest.mark.parametrize("watched", [None, "octets", "primitives"])
def test_a_file_is_sent_where_it_lies_only_if_nobody_looks(world: World, watched: str | None, tmp_path: Path) -> None:
    viewed: list[int] = []
    view = files.FileStream.view_at_once

    def look(stream: files.FileStream, size: int) -> memoryview | None:
        viewed.append(size)
        return view(stream, size)

    more: dict[str, Any] = {} if watched == "octets" else {"transcript": None}
    if watched == "primitives":
        more["hooks"] = Hooks(primitive=lambda number, primitive: None)
    data = dataset.encode(image(2000 if world.slow else 1_500_000), EXPLICIT)
    kept = Store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.FileStream, "view_at_once", look)
        with connect(world, streaming(kept.parts), **more) as link:
            assert link.run(storing(part10(data, EXPLICIT, tmp_path / "a"))).status == 0
            assert bool(viewed) is (watched is None and world.unseeing and hasattr(os, "RWF_NOWAIT"))
    assert kept.stored == [(EXPLICIT, data)]


def test_who_begins_to_look_in_the_middle_is_shown_no_view(world: World, tmp_path: Path) -> None:
    """It would be kept, with its descriptor, and end the process once the file is cut."""
    shown: list[Any] = []

    def begin(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.read_part(request)
        link.session.association.on_primitive = shown.append
        yield from kept.parts(request, peer)

    data = dataset.encode(image(2000 if world.slow else world.deep + 4_000_000), EXPLICIT)
    kept = Store()
    with connect(world, streaming(begin), transcript=None) as link:
        assert link.run(storing(part10(data, EXPLICIT, tmp_path / "a"))).status == 0
        link.session.association.on_primitive = None
    parts = [primitive.detail.data for primitive in shown if isinstance(primitive.detail, PDataRequest)]
    assert any(part is not None for part in parts) or world.slow
    assert not any(isinstance(part, memoryview) and isinstance(part.obj, mmap) for part in parts)


def test_an_empty_source_is_no_data_set(world: World) -> None:
    seen = []

    def look(request: Request, peer: Peer) -> Flow[None]:
        seen.append((request.data_set, (yield from flows.read_all(request)), (yield from flows.skip(request))))
        yield from flows.send(reply(request))

    with connect(world, streaming(look)) as link:
        assert link.run(storing(StreamedDataSet(io.BytesIO(), EXPLICIT))).status == 0
    assert seen == [(None, None, 0)]


# What cannot be sent.


@pytest.mark.parametrize(
    ("data_set", "error"),
    [
        (EncodedDataSet(bytes(8), "1.2.840.10008.1.2.4.90"), EncodeError),
        (StreamedDataSet([bytes(8)], "1.2.840.10008.1.2.4.90"), EncodeError),
        (StreamedDataSet([b"no data set"], IMPLICIT), DecodeError),
        (Path("/nowhere/at all"), OSError),
        (Path(__file__), DecodeError),
    ],
    ids=["encapsulated", "encapsulated stream", "nothing to convert", "no such file", "no Part 10 file"],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(world: World, data_set: Any, error: type[Exception]) -> None:
    with connect(world, Store().whole) as link:
        with pytest.raises(error):
            link.run(storing(data_set))
        link.run(flows.c_echo())
    assert "CStoreRequest" not in link.session.counters.sent


def test_a_flow_that_fails_amid_its_data_set_ends_the_association(world: World) -> None:
    def dies() -> Flow[None]:
        yield flows.BeginMessage(store(None))
        yield flows.SendPart(bytes(4), last=False)
        yield from flows.call(lambda: 1 // 0)

    kept = Store()
    link = connect(world, streaming(kept.parts))
    with pytest.raises(ZeroDivisionError):
        link.run(dies())
    assert isinstance(link.session.error, Aborted)
    link.abort()
    assert isinstance(world.peer().error, Aborted)
    assert kept.stored == []
    # Who saw the abort together with the request never began to serve it.
    assert {type(error) for error in kept.failures} <= {Aborted, ConnectionLost}


# What the receiver may do.


@pytest.mark.parametrize("form", ["stream", "path"])
def test_a_failure_may_come_before_the_end(world: World, form: str, tmp_path: Path) -> None:
    def refuse(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request, 0xA700))

    data = bytes(4_000 if world.slow else 16_000_000)
    path = part10(data, EXPLICIT, tmp_path / "a")
    with connect(world, streaming(refuse)) as link:
        for _ in range(2):
            source = path if form == "path" else StreamedDataSet(io.BytesIO(data), EXPLICIT)
            assert link.run(storing(source)).status == 0xA700
        link.run(flows.c_echo())
    if not world.slow:
        assert link.session.counters.association.octets_out < 2 * len(data)


def test_success_may_not(world: World) -> None:
    def hasty(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request))

    data = bytes(40_000 if world.slow else 3_000_000)
    with connect(world, streaming(hasty)) as link:
        assert link.run(storing(StreamedDataSet(io.BytesIO(data), EXPLICIT))).status in (0xC000, 0)


def test_the_rest_can_be_skipped(world: World) -> None:
    sizes = []

    def glance(request: Request, peer: Peer) -> Flow[None]:
        first = yield from flows.read_part(request)
        sizes.append(sum(map(len, first)) + (yield from flows.skip(request)))
        yield from flows.send(reply(request))

    data = bytes(size_for(world))
    with connect(world, streaming(glance)) as link:
        assert link.run(storing(EncodedDataSet(data, EXPLICIT))).status == 0
    assert sizes == [len(data)]


def test_parts_need_a_streaming_handler(world: World) -> None:
    def read(request: Request, peer: Peer) -> Flow[None]:
        with pytest.raises(LocalProtocolError, match="not a streaming one"):
            yield from flows.read_part(request)
        assert (yield from flows.save(request, io.BytesIO())) == (yield from flows.skip(request))
        yield from flows.send(reply(request))

    with connect(world, read) as link:
        assert link.run(storing(image(256))).status == 0


def test_a_slow_reader_slows_the_sender(world: World) -> None:
    held = []

    def slow(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(0.02)
        while parts := (yield from flows.read_part(request)):
            held.append(sum(map(len, parts)))
            yield from flows.pause(0.001)
        yield from flows.send(reply(request))

    data = bytes(3000 if world.slow else 6_000_000)
    with connect(world, streaming(slow)) as link:
        assert link.run(storing(StreamedDataSet(io.BytesIO(data), EXPLICIT))).status == 0
    assert sum(held) == len(data)
    assert max(held) < 2_000_000


class Reluctant(io.RawIOBase):
    """Takes a few bytes at a time, as a raw file may."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = bytearray()

    def write(self, data: Any, /) -> int:
        self.taken += bytes(data[:1000])
        return min(1000, len(data))


@pytest.mark.parametrize("way", ["whole", "parts"])
def test_nothing_is_lost_in_a_raw_file(world: World, way: str) -> None:
    taken = Reluctant()

    def keep(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.save(request, taken)  # type: ignore[arg-type]
        yield from flows.send(reply(request))

    data = bytes(range(250)) * 20
    with connect(world, keep if way == "whole" else streaming(keep)) as link:
        link.run(storing(EncodedDataSet(data, EXPLICIT)))
    assert taken.taken == data


# Cut data is never success.


def half_a_store() -> bytes:
    command = encode_command({0x0002: CAPTURE, 0x0100: 0x0001, 0x0110: 1, 0x0700: 0, 0x1000: "2.25.1", 0x0800: 0x0001})
    return encode_pdu(PDataTF((Pdv(3, command, 3), Pdv(3, bytes(2000), 0))))


@pytest.mark.parametrize("end", ["close", "release", "abort"])
def test_an_association_that_ends_amid_a_data_set(world: World, script: SimpleNamespace, end: str) -> None:
    kept = Store()

    def client() -> Generator[Any, Any, None]:
        yield encode_pdu(build_request(OPTIONS))
        yield script.READ
        yield half_a_store()
        if end == "release":
            yield encode_pdu(AReleaseRQ())
            yield script.READ
            yield script.READ
        elif end == "abort":
            yield bytes.fromhex("07000000000400000000")

    world.play(client(), handler=handle_by_type({CStoreRequest: streaming(kept.parts)}), policy=POLICY)
    world.peer()
    assert kept.stored == []
    expected = {"close": ConnectionLost, "release": RemoteProtocolError, "abort": Aborted}
    # What comes together with the request may end the association before that is served at all.
    found = [type(error) for error in kept.failures]
    assert found == [expected[end]] or (found == [] and not world.single)


# C-GET: C-STOREs on the requestor's own association, both ways in parts.


def test_c_get_brings_its_instances_over_the_same_association(world: World) -> None:
    kept = Store()
    data = dataset.encode(image(size_for(world)), EXPLICIT)

    def get(request: Request, peer: Peer) -> Flow[None]:
        for left in (1, 0):
            stored = yield from storing(StreamedDataSet(io.BytesIO(data), EXPLICIT))
            assert stored.status == 0
            yield from flows.send(reply(request, 0xFF00, remaining=left, completed=2 - left, failed=0, warning=0))
        yield from flows.send(reply(request, completed=2, failed=0, warning=0))

    handler = handle_by_type({CGetRequest: get})
    client = handle_by_type({CStoreRequest: streaming(kept.parts)})
    with world.connect(handler=handler, client_handler=client, options=OPTIONS, policy=POLICY) as link:
        request = CGetRequest(sop_class=GET, data_set=EncodedDataSet(bytes(8), IMPLICIT))
        pending = [item.completed for item in link.stream(flows.ask_many(request, expect=CGetResponse))]
    assert pending == [1, 2]
    assert kept.stored == [(EXPLICIT, data)] * 2


def test_c_get_can_be_cancelled_between_two_instances(world: World) -> None:
    kept = Store()
    data = dataset.encode(image(256), EXPLICIT)

    def get(request: Request, peer: Peer) -> Flow[None]:
        completed = 0
        while not (yield from flows.cancelled(request.message_id or 0)):
            yield from storing(StreamedDataSet(io.BytesIO(data), EXPLICIT))
            completed += 1
            yield from flows.send(reply(request, 0xFF00, completed=completed))
        yield from flows.send(reply(request, 0xFE00, completed=completed))

    def impatient() -> Flow[tuple[int, int | None]]:
        request = CGetRequest(sop_class=GET, data_set=EncodedDataSet(bytes(8), IMPLICIT))
        final = yield from flows.ask_many(request, expect=CGetResponse, enough=lambda pending: pending.completed == 2)
        return final.status, final.completed

    handler = handle_by_type({CGetRequest: get})
    client = handle_by_type({CStoreRequest: streaming(kept.parts)})
    with world.connect(handler=handler, client_handler=client, options=OPTIONS, policy=POLICY) as link:
        status, completed = link.run(impatient())
    assert status == 0xFE00
    assert completed is not None
    assert 2 <= completed == len(kept.stored) < 20


# Several at once.


def test_data_sets_are_pipelined_and_answered_as_they_are_ready(world: World) -> None:
    seen: list[str] = []

    def store_one(request: Request, peer: Peer) -> Flow[None]:
        assert isinstance(request, CStoreRequest)
        seen.append(request.instance)
        yield from flows.skip(request)
        while request.instance == "2.25.0" and len(seen) < 4:  # the first is answered last
            yield from flows.pause(0.001)
        yield from flows.send(reply(request))

    def pipelined() -> Flow[list[int]]:
        ids = []
        for number in range(4):
            source = StreamedDataSet(io.BytesIO(bytes(2000)), EXPLICIT)
            request = CStoreRequest(sop_class=CAPTURE, instance=f"2.25.{number}", data_set=source)
            ids.append((yield from flows.send(request)))
        statuses = []
        for message_id in ids:
            statuses.append((yield from flows.await_reply(message_id)).status)
        return statuses

    options, policy = replace(OPTIONS, async_window=(4, 1)), replace(POLICY, async_window=(4, 4))
    with connect(world, streaming(store_one), options=options, policy=policy) as link:
        assert link.negotiated.max_invoked == 4
        assert link.run(pipelined()) == [0, 0, 0, 0]
    assert seen == ["2.25.0", "2.25.1", "2.25.2", "2.25.3"]


# Memory.


def test_memory_does_not_grow_with_the_data_set() -> None:
    def count(request: Request, peer: Peer) -> Flow[None]:
        assert (yield from flows.skip(request)) == 24 << 20
        yield from flows.send(reply(request))

    piece = bytes(1 << 16)
    with memory.connect(OPTIONS, POLICY, peer_handler=streaming(count)) as link:
        tracemalloc.start()
        try:
            assert link.run(storing(StreamedDataSet((piece for _ in range(384)), EXPLICIT))).status == 0
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 8 << 20


def test_small_fragments_weigh_no_more_than_their_bytes() -> None:
    """Whoever reads all of a data set holds its bytes, and not what each of them came with."""

    def count(request: Request, peer: Peer) -> Flow[None]:
        found = yield from flows.read_all(request)
        assert found is not None
        assert len(found.data) == 20_000
        yield from flows.send(reply(request))

    with memory.connect(OPTIONS, POLICY, peer_handler=streaming(count)) as link:
        (context,) = (one for one in link.negotiated.contexts.values() if one.transfer_syntax == EXPLICIT)
        command = encode_command(to_command(store(None), has_data_set=True) | {0x0000_0110: 1})
        fragments = encode_pdu(PDataTF((Pdv(context.context_id, b"\0\0", control=0),))) * 1000
        link.run(flows.inject(PDataTF((Pdv(context.context_id, command),))))
        tracemalloc.start()
        try:
            for _ in range(10):
                link.run(flows.inject(fragments))
            held = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert held < 500_000
        link.run(flows.inject(PDataTF((Pdv(context.context_id, b"", control=2),))))
        link.wire.settle()
        assert link.peer.session.counters.sent == {"CStoreResponse": 1}
