"""The services and the building blocks for providers together over sockets: what one stores another finds and moves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset, scu, uids
from dicomnet.dimse import messages as m
from dicomnet.dimse.payloads import FileDataSet, StreamedDataSet
from dicomnet.drivers import blocking
from dicomnet.drivers.aio_server import serve
from dicomnet.drivers.blocking_server import listen
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import ConnectFailed
from dicomnet.handlers import Handler, handle_by_type
from dicomnet.scp import answer_find, answer_get, answer_move
from dicomnet.services import storage
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext
from dicomnet.wire import RoleSelection

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
MIB = 1 << 20
SUPPORTED = (
    *(SupportedContext(uid) for uid in (uids.STUDY_ROOT_FIND, uids.STUDY_ROOT_GET, uids.STUDY_ROOT_MOVE)),
    SupportedContext(CAPTURE, (uids.EXPLICIT_VR_LE,), scu=True),
)
OPTIONS = RequestOptions(
    "ARCHIVE",
    "SCU",
    (
        *(ProposedContext(context.abstract_syntax) for context in SUPPORTED[:3]),
        ProposedContext(CAPTURE, (uids.EXPLICIT_VR_LE,)),
    ),
    (RoleSelection(CAPTURE, 1, 1),),
)
WAITS = Waits(response=20.0)


class AioServer:
    """A server on asyncio, in a thread of its own."""

    def __init__(self, handler: Handler) -> None:
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(handler),))
        self._thread.start()
        assert self._ready.wait(20)

    async def _run(self, handler: Handler) -> None:
        async with await serve("127.0.0.1", 0, PlainPolicy(SUPPORTED), handler=handler, waits=WAITS) as server:
            self.port = server.port
            self._ready.set()
            await self._over.wait()
        await self._loop.shutdown_default_executor()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)
        self._loop.close()


class BlockingServer:
    """A server that serves one association after the other, in a thread."""

    def __init__(self, handler: Handler) -> None:
        self._listener = listen("127.0.0.1", 0, PlainPolicy(SUPPORTED), handler=handler, waits=WAITS)
        self.port = self._listener.port
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(ConnectFailed):  # which the closed socket is
            while True:
                with self._listener.accept(20.0) as link:
                    link.listen()

    def close(self) -> None:
        self._listener._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._listener.close()


def connect(port: int, **more: Any) -> blocking.Link:
    return blocking.connect(Endpoint("ARCHIVE", "127.0.0.1", port), OPTIONS, waits=WAITS, **more)


@pytest.fixture(params=[AioServer, BlockingServer], ids=["asyncio", "blocking"])
def servers(request: pytest.FixtureRequest) -> Iterator[Callable[[Handler], Any]]:
    """Makes servers of one kind."""
    made = []

    def make(handler: Handler) -> Any:
        made.append(request.param(handler))
        return made[-1]

    yield make
    for server in made:
        server.close()


def keys() -> Dataset:
    made = Dataset()
    made.QueryRetrieveLevel = "IMAGE"
    return made


def big(uid: str, megabytes: int) -> StreamedDataSet:
    head = Dataset()
    head.SOPClassUID = CAPTURE
    head.SOPInstanceUID = uid
    pixels = b"\xe0\x7f\x10\0OB\0\0" + (megabytes * MIB).to_bytes(4, "little")
    pieces = [dataset.encode(head, uids.EXPLICIT_VR_LE), pixels, *([b"\1" * MIB] * megabytes)]
    return StreamedDataSet(pieces, uids.EXPLICIT_VR_LE)


def test_what_is_stored_is_found_and_comes_back(servers: Callable[[Handler], Any], tmp_path: Path) -> None:
    archive, elsewhere, here = (tmp_path / name for name in ("archive", "elsewhere", "here"))
    for folder in (archive, elsewhere, here):
        folder.mkdir()
    other = servers(storage.store_in(elsewhere))

    def instances(*_: Any) -> list[Path]:
        return sorted(archive.glob("*.dcm"))

    def search(*_: Any) -> Iterable[Dataset]:
        for path in instances():
            found = keys()
            found.SOPInstanceUID = FileDataSet.of(path).sop_instance
            yield found

    server = servers(
        handle_by_type(
            {
                m.CStoreRequest: storage.store_in(archive),
                m.CFindRequest: answer_find(search),
                m.CGetRequest: answer_get(instances),
                m.CMoveRequest: answer_move(instances, {"OTHER": Endpoint("OTHER", "127.0.0.1", other.port)}),
            }
        )
    )
    stored = ["1.2.1.dcm", "1.2.2.dcm", "1.2.3.dcm"]
    with connect(server.port, handler=handle_by_type({m.CStoreRequest: storage.store_in(here)})) as link:
        for number, megabytes in ((1, 1), (2, 9), (3, 2)):
            storing = scu.c_store(big(f"1.2.{number}", megabytes), sop_class=CAPTURE, instance=f"1.2.{number}")
            assert link.run(storing).status == 0
        matches = link.stream(scu.c_find(keys(), uids.STUDY_ROOT_FIND))
        assert [match.dataset().SOPInstanceUID for match in matches] == ["1.2.1", "1.2.2", "1.2.3"]
        got = link.run(scu.c_get(keys(), uids.STUDY_ROOT_GET))
        assert (got.status, got.completed) == (0, 3)
        moved = list(link.stream(scu.everything(scu.c_move(keys(), uids.STUDY_ROOT_MOVE, "OTHER"))))
        assert [(response.status, response.completed) for response in moved] == [(0xFF00, 1), (0xFF00, 2), (0, 3)]
        assert link.run(scu.c_move(keys(), uids.STUDY_ROOT_MOVE, "NOBODY")).status == 0xA801
    for folder in (archive, elsewhere, here):
        assert sorted(path.name for path in folder.iterdir()) == stored
        assert pydicom.dcmread(folder / "1.2.2.dcm").PixelData == b"\1" * (9 * MIB)
    with (elsewhere / "1.2.2.dcm").open("rb") as file:
        assert pydicom.filereader.read_partial(file).file_meta.SourceApplicationEntityTitle == "ARCHIVE"
