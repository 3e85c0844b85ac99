"""Worlds: the same scenario in memory, over blocking sockets and on asyncio, with sessions or with scripted peers.

A script is a generator that plays a peer byte by byte: it yields bytes to send them, ``Script.READ`` for the next whole
PDU (None at the end of the stream) and ``Script.HOLD`` to do nothing until the scenario is over; when it ends, the
connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from dicomnet import uids
from dicomnet.drivers import aio, blocking, memory
from dicomnet.drivers.aio_server import Server, ServerLimits, serve
from dicomnet.drivers.blocking_server import listen
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.drivers.requestor import requesting_session
from dicomnet.drivers.session import Session
from dicomnet.errors import ConnectFailed, DicomNetError
from dicomnet.ul import (
    Applicant,
    Association,
    PlainPolicy,
    ProposedContext,
    RequestOptions,
    Role,
    SupportedContext,
    Transcript,
    build_request,
)
from dicomnet.wire import AAssociateRQ, decode_pdu, encode_pdu

CLASSES = (uids.VERIFICATION, uids.UPS_PUSH, uids.UPS_PULL)
OPTIONS = RequestOptions("SCP", "SCU", tuple(ProposedContext(uid) for uid in CLASSES))
POLICY = PlainPolicy(tuple(SupportedContext(uid) for uid in CLASSES))
READ, HOLD = object(), object()
PATIENCE = 20.0  # for what should take no time at all

ScriptFlow = Generator[Any, Any, Any]


def accept() -> Generator[Any, Any, None]:
    """The part of a script that accepts the association."""
    request = decode_pdu((yield READ))
    assert isinstance(request, AAssociateRQ)
    yield encode_pdu(POLICY.decide(request, Applicant("script")))


def open_fds() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


class ScriptEnd:
    """A script at the end of a wire in memory."""

    def __init__(self, script: ScriptFlow) -> None:
        self.script = script
        self.result: Any = None
        self.done = False
        self._data = bytearray()
        self._step: Any = None
        self._ended = False

    def turn(self, incoming: memory.Pipe, outgoing: memory.Pipe, now: float) -> bool:
        moved = False
        while not self.done:
            answer: Any = None
            if self._step is HOLD:
                break
            if self._step is READ:
                while not self._ended and not whole(self._data) and (data := incoming.read()) != b"":
                    self._ended = data is None
                    self._data += data or b""
                if not self._ended and not whole(self._data):
                    break
                answer = take(self._data)
            elif self._step is not None:
                outgoing.write(self._step)
            moved = True
            try:
                self._step = self.script.send(answer)
            except StopIteration as stop:
                self.done, self.result = True, stop.value
                outgoing.closed = True
        return moved

    def next_deadline(self) -> float | None:
        return None


def whole(data: bytearray) -> bool:
    return len(data) >= 6 and len(data) >= 6 + int.from_bytes(data[2:6], "big")


def take(data: bytearray) -> bytes | None:
    if not whole(data):
        return None
    length = 6 + int.from_bytes(data[2:6], "big")
    pdu = bytes(data[:length])
    del data[:length]
    return pdu


class ScriptThread(threading.Thread):
    """A script at a socket."""

    def __init__(self, script: ScriptFlow, connect: Callable[[], socket.socket], over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.script = script
        self.connect = connect
        self.over = over
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            with self.connect() as sock:
                sock.settimeout(PATIENCE)
                self._play(sock)
        except BaseException as error:  # noqa: BLE001 - raised again by join
            self.error = error

    def _play(self, sock: socket.socket) -> None:
        data, answer = bytearray(), None
        while True:
            try:
                step = self.script.send(answer)
            except StopIteration as stop:
                self.result = stop.value
                return
            answer = None
            if step is HOLD:
                self.over.wait(PATIENCE)
            elif step is READ:
                with contextlib.suppress(ConnectionError):
                    while not whole(data) and (more := sock.recv(65536)):
                        data += more
                answer = take(data)
            else:
                with contextlib.suppress(ConnectionError):
                    sock.sendall(step)


class World:
    """What the worlds share. ``soon`` is a short time here, ``long`` one that never runs out; ``slow`` ones are cut."""

    soon = 0.15
    long = 300.0
    slow = False
    single = False  # whether every byte comes alone
    unseeing = False  # whether nobody looks at what is sent, if nobody asked for that
    deep = 32_000_000  # bytes, more than any buffer between two ends has room for

    def waits(self, **changed: float | None) -> Waits:
        return Waits(**{"close": 5.0, **changed})  # type: ignore[arg-type]


class MemoryWorld(World):
    """Both ends in memory; ``chunk`` cuts what travels."""

    soon = 60.0
    deep = 1_000_000

    def __init__(self, chunk: int | tuple[int, ...] | None) -> None:
        self.chunk = chunk
        self.slow = chunk is not None
        self.single = chunk == 1
        self._peer: Session | None = None

    def connect(
        self,
        *,
        handler: Any = None,
        policy: Any = POLICY,
        client_handler: Any = None,
        options: RequestOptions = OPTIONS,
        waits: Waits | None = None,
        **more: Any,
    ) -> Any:
        link = memory.connect(
            options,
            policy,
            waits=waits or self.waits(),
            handler=client_handler,
            peer_handler=handler,
            chunk=self.chunk,
            **{"transcript": Transcript(), **more},
        )
        self._peer = link.peer.session
        return link

    def connect_to(self, script: ScriptFlow, *, waits: Waits | None = None, **more: Any) -> Any:
        waits = waits or self.waits()
        session = requesting_session(
            Endpoint("SCP", "memory"), build_request(OPTIONS), waits, 0.0, transcript=Transcript(), **more
        )
        end = memory.SessionEnd(session, waits)
        link = memory.Link(memory.Wire(end, ScriptEnd(script), chunk=self.chunk), end)
        link.establish()
        return link

    def play(self, script: ScriptFlow, *, handler: Any = None, waits: Waits | None = None, policy: Any = POLICY) -> Any:
        waits = waits or self.waits()
        association = Association(Role.ACCEPTOR, timeouts=waits.timeouts())
        session = self._peer = Session(association, address="memory", handler=handler, policy=policy)
        end, player = memory.SessionEnd(session, waits), ScriptEnd(script)
        session.transport_connected(0.0)
        wire = memory.Wire(player, end, chunk=self.chunk)
        wire.run_until(lambda: player.done)
        wire.run_until(lambda: not end.open)
        return player.result

    def peer(self) -> Session:
        assert self._peer is not None
        assert self._peer.ended
        return self._peer

    def join(self) -> None:
        pass

    def close(self) -> None:
        pass


class Trickle(socket.socket):
    """A socket of ours that gives and takes little at a time: single bytes first, then pieces of an odd size."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._passed = [0, 0]  # in and out

    @classmethod
    def connect_to(cls, endpoint: Endpoint, seconds: float | None) -> Trickle:
        with socket.create_connection((endpoint.host, endpoint.port), seconds) as plain:
            return cls(plain.family, plain.type, plain.proto, fileno=plain.detach())

    def accept(self) -> tuple[socket.socket, Any]:
        plain, address = super().accept()
        return Trickle(plain.family, plain.type, plain.proto, fileno=plain.detach()), address

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(min(size, self._room(0)), flags)
        self._passed[0] += len(data)
        return data

    def send(self, data: Any, flags: int = 0) -> int:
        sent = super().send(memoryview(data)[: self._room(1)], flags)
        self._passed[1] += sent
        return sent

    def sendmsg(self, buffers: Any, *more: Any) -> int:  # type: ignore[override]
        return self.send(b"".join(buffers)[: self._room(1)])

    def _room(self, direction: int) -> int:
        return 1 if self._passed[direction] < 2000 else 8191


class SocketWorld(World):
    """What needs sockets and threads; ``cut`` takes sockets of ours through which bytes trickle."""

    def __init__(self, cut: bool = False) -> None:
        self.cut = self.slow = cut
        self.unseeing = not cut
        self.over = threading.Event()
        self.threads: list[threading.Thread] = []
        self._descriptors = open_fds()

    def our_socket(self) -> dict[str, Any]:
        """How a client of ours connects."""
        return {"open_socket": Trickle.connect_to} if self.cut else {}

    def our_listener(self) -> dict[str, Any]:
        """What a server of ours listens on, if not on a socket of its own."""
        if not self.cut:
            return {}
        sock = Trickle(socket.AF_INET, socket.SOCK_STREAM)
        sock.bind(("127.0.0.1", 0))
        return {"sock": sock}

    def script_server(self, script: ScriptFlow) -> Endpoint:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def take_one() -> socket.socket:
            with listener:
                listener.settimeout(PATIENCE)
                return listener.accept()[0]

        self.threads.append(ScriptThread(script, take_one, self.over))
        return Endpoint("SCP", "127.0.0.1", port)

    def script_client(self, script: ScriptFlow, port: int) -> ScriptThread:
        thread = ScriptThread(script, lambda: socket.create_connection(("127.0.0.1", port), PATIENCE), self.over)
        self.threads.append(thread)
        return thread

    def join(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
            if isinstance(thread, ScriptThread) and thread.error is not None:
                raise thread.error

    def check_descriptors(self) -> None:
        assert open_fds() == self._descriptors


class BlockingWorld(SocketWorld):
    """A blocking client, and a listener in a thread."""

    def __init__(self, cut: bool = False) -> None:
        super().__init__(cut)
        self._links: list[blocking.Link] = []
        self._served: list[blocking.Link] = []
        self._listener: Any = None
        self._peer_over = threading.Event()

    def _serve(self, handler: Any, policy: Any, waits: Waits) -> int:
        listener = self._listener = listen("127.0.0.1", 0, policy, handler=handler, waits=waits, **self.our_listener())

        def work() -> None:
            while True:
                try:
                    link = listener.accept(PATIENCE)
                except ConnectFailed:
                    return
                except DicomNetError:
                    continue
                self._served.append(link)
                with contextlib.suppress(DicomNetError):
                    link.listen()
                link.close()
                self._peer_over.set()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.threads.append(thread)
        return listener.port  # type: ignore[no-any-return]

    def connect(
        self,
        *,
        handler: Any = None,
        policy: Any = POLICY,
        client_handler: Any = None,
        options: RequestOptions = OPTIONS,
        waits: Waits | None = None,
        **more: Any,
    ) -> Any:
        waits = waits or self.waits()
        port = self._serve(handler, policy, waits)
        link = blocking.connect(
            Endpoint("SCP", "127.0.0.1", port),
            options,
            waits=waits,
            handler=client_handler,
            **self.our_socket(),
            **{"transcript": Transcript(), **more},
        )
        self._links.append(link)
        return link

    def connect_to(self, script: ScriptFlow, *, waits: Waits | None = None, **more: Any) -> Any:
        endpoint = self.script_server(script)
        more |= self.our_socket()
        link = blocking.connect(endpoint, OPTIONS, waits=waits or self.waits(), transcript=Transcript(), **more)
        self._links.append(link)
        return link

    def play(self, script: ScriptFlow, *, handler: Any = None, waits: Waits | None = None, policy: Any = POLICY) -> Any:
        thread = self.script_client(script, self._serve(handler, policy, waits or self.waits()))
        thread.join(PATIENCE)
        return thread.result

    def peer(self) -> Session:
        assert self._peer_over.wait(PATIENCE)
        return self._served[-1].session

    def close(self) -> None:
        for link in self._links:
            link.close()
        if self._listener is not None:
            self._listener._socket.shutdown(socket.SHUT_RDWR)
        self.join()
        if self._listener is not None:
            self._listener.close()
        self.check_descriptors()


class AioClient:
    """An asyncio link with the manners of a blocking one."""

    def __init__(self, runner: asyncio.Runner, link: aio.Link) -> None:
        self._runner = runner
        self.link = link

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.link, name)
        if name in ("run", "release", "abort", "listen"):
            return lambda *arguments: self._runner.run(found(*arguments))
        return found

    def stream(self, flow: Any) -> Iterator[Any]:
        items = self.link.stream(flow)

        async def following() -> Any:
            return await anext(items)

        async def done() -> None:
            await items.aclose()  # type: ignore[attr-defined]

        try:
            while True:
                try:
                    yield self._runner.run(following())
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(done())

    def __enter__(self) -> AioClient:
        return self

    def __exit__(self, *error: Any) -> None:
        self._runner.run(self.link.__aexit__(*error))


class AioWorld(SocketWorld):
    """An asyncio client and an asyncio server in one loop, which turns while the client is asked for something."""

    def __init__(self, cut: bool = False) -> None:
        super().__init__(cut)
        self._runner = asyncio.Runner()
        self._runner.get_loop()
        self._server: Server | None = None
        self._links: list[aio.Link] = []
        self._peer: aio.Link | None = None

    def serve(self, handler: Any, policy: Any, waits: Waits, limits: ServerLimits | None = None) -> int:
        self._server = self._runner.run(
            serve("127.0.0.1", 0, policy, handler=handler, waits=waits, limits=limits, **self.our_listener())
        )
        opened = self._server._opened

        def remember(link: Any) -> None:
            self._peer = link
            opened(link)

        self._server._opened = remember  # type: ignore[method-assign]
        return self._server.port

    def connect(
        self,
        *,
        handler: Any = None,
        policy: Any = POLICY,
        client_handler: Any = None,
        options: RequestOptions = OPTIONS,
        waits: Waits | None = None,
        **more: Any,
    ) -> Any:
        waits = waits or self.waits()
        endpoint = Endpoint("SCP", "127.0.0.1", self.serve(handler, policy, waits))
        more = {"transcript": Transcript(), **more}
        return self._connect(endpoint, options, waits=waits, handler=client_handler, **more)

    def connect_to(self, script: ScriptFlow, *, waits: Waits | None = None, **more: Any) -> Any:
        endpoint = self.script_server(script)
        return self._connect(endpoint, OPTIONS, waits=waits or self.waits(), transcript=Transcript(), **more)

    def _connect(self, *arguments: Any, **more: Any) -> AioClient:
        link = self._runner.run(aio.connect(*arguments, **self.our_socket(), **more))
        self._links.append(link)
        return AioClient(self._runner, link)

    def play(self, script: ScriptFlow, *, handler: Any = None, waits: Waits | None = None, policy: Any = POLICY) -> Any:
        thread = self.script_client(script, self.serve(handler, policy, waits or self.waits()))
        self._runner.run(asyncio.to_thread(thread.join, PATIENCE))
        return thread.result

    def peer(self) -> Session:
        async def ended() -> None:
            async with asyncio.timeout(PATIENCE):
                while self._peer is None or not self._peer.closed:
                    await asyncio.sleep(0)

        self._runner.run(ended())
        assert self._peer is not None
        return self._peer.session

    def close(self) -> None:
        async def end() -> None:
            for link in self._links:
                link.drop()
            if self._server is not None:
                await self._server.close()
            await asyncio.to_thread(self.join)

        self._runner.run(end())
        self._runner.close()
        self._descriptors_after_loop()

    def _descriptors_after_loop(self) -> None:
        self.check_descriptors()


WORLDS: dict[str, Callable[[], Any]] = {
    "memory": lambda: MemoryWorld(None),
    "memory, byte by byte": lambda: MemoryWorld(1),
    "blocking": BlockingWorld,
    "blocking, trickling": lambda: BlockingWorld(cut=True),
    "asyncio": AioWorld,
    "asyncio, trickling": lambda: AioWorld(cut=True),
}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each world; at the end all of it must be gone."""
    made = WORLDS[request.param]()
    yield made
    made.close()


@pytest.fixture
def aio_world() -> Iterator[Any]:
    """The asyncio world alone."""
    made = AioWorld()
    yield made
    made.close()


WORDS = SimpleNamespace(
    READ=READ,
    HOLD=HOLD,
    PATIENCE=PATIENCE,
    OPTIONS=OPTIONS,
    POLICY=POLICY,
    accept=accept,
    open_fds=open_fds,
    socket_world=BlockingWorld,
)


@pytest.fixture(scope="session")
def script() -> SimpleNamespace:
    """What scripts and scenarios are made of, since test folders are no packages."""
    return WORDS
