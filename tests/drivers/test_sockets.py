"""Where connections come from: sockets of the caller's own, Unix sockets, IPv6; accepting when something is amiss."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import os
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    EncodedDataSet,
    NActionRequest,
    NActionResponse,
    NEventReportRequest,
    NEventReportResponse,
    Request,
)
from dicomnet.drivers import aio, blocking
from dicomnet.drivers.aio_server import Server, ServerLimits, serve
from dicomnet.drivers.blocking_server import listen
from dicomnet.drivers.common import Endpoint, Hooks, SocketOptions, Waits
from dicomnet.drivers.requestor import requesting_session
from dicomnet.drivers.sockets import numeric_address
from dicomnet.drivers.transport import PlainTransport
from dicomnet.errors import (
    Aborted,
    ConnectFailed,
    DicomNetError,
    LocalProtocolError,
    Rejected,
    TimedOut,
)
from dicomnet.flows import Flow
from dicomnet.handlers import Peer, handle_by_type
from dicomnet.records import replace
from dicomnet.ul import Transcript, build_request
from dicomnet.wire import AAbort, decode_pdu, encode_pdu

NOWHERE = Endpoint("SCP", "no.such.name.invalid", 104)


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


@pytest.fixture(autouse=True)
def nothing_left(script: SimpleNamespace) -> Iterator[None]:
    before = script.open_fds()
    yield
    assert script.open_fds() == before


def unix_socket(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    return sock


def opener(path: Path, asked: list[Any]) -> Callable[[Endpoint, float | None], socket.socket]:
    def open_socket(endpoint: Endpoint, seconds: float | None) -> socket.socket:
        asked.append((endpoint, seconds, threading.current_thread() is threading.main_thread()))
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(path))
        except OSError:
            sock.close()
            raise
        return sock

    return open_socket


def echo_once(listener: Any, script: SimpleNamespace, seen: list[Any]) -> threading.Thread:
    def work() -> None:
        with listener, listener.accept(script.PATIENCE) as link:
            seen.append(link)
            link.listen()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_unix_socket_under_the_blocking_driver(script: SimpleNamespace, tmp_path: Path) -> None:
    sock = unix_socket(tmp_path / "dicom")
    listener = listen("ignored", 104, script.POLICY, sock=sock, transcript=Transcript)
    assert listener.port == 0
    seen: list[Any] = []
    asked: list[Any] = []
    thread = echo_once(listener, script, seen)
    open_socket = opener(tmp_path / "dicom", asked)
    with blocking.connect(NOWHERE, script.OPTIONS, waits=Waits(connect=9.0), open_socket=open_socket) as link:
        assert link.run(flows.c_echo()).status == 0
    thread.join()
    assert asked == [(NOWHERE, 9.0, True)]
    assert seen[0].session.address == "local"
    assert seen[0].transcript.labels[-1] == "Sta13 + Evt17 -> AR-5 -> Sta1"


def test_a_unix_socket_under_the_asyncio_driver(script: SimpleNamespace, tmp_path: Path) -> None:
    transcripts: list[Transcript] = []

    def transcript() -> Transcript:
        transcripts.append(Transcript())
        return transcripts[-1]

    async def main() -> None:
        asked: list[Any] = []
        sock = unix_socket(tmp_path / "dicom")
        async with await serve(None, 0, script.POLICY, sock=sock, transcript=transcript) as server:
            assert server.port == 0
            open_socket = opener(tmp_path / "dicom", asked)
            async with await aio.connect(NOWHERE, script.OPTIONS, open_socket=open_socket) as link:
                assert (await link.run(flows.c_echo())).status == 0
                assert next(iter(server._links)).session.address == "local"
        assert asked == [(NOWHERE, None, False)]

    asyncio.run(main())
    (record,) = transcripts
    assert "Sta3 + Evt7 -> AE-7 -> Sta6" in record.labels


def test_a_socket_that_cannot_be_opened(script: SimpleNamespace, tmp_path: Path) -> None:
    open_socket = opener(tmp_path / "nothing", [])
    with pytest.raises(ConnectFailed, match="No such file"):
        blocking.connect(NOWHERE, script.OPTIONS, open_socket=open_socket)
    with pytest.raises(ConnectFailed, match="No such file"):
        asyncio.run(aio.connect(NOWHERE, script.OPTIONS, open_socket=open_socket))  # type: ignore[arg-type]


def test_a_socket_that_comes_too_late_is_closed(script: SimpleNamespace) -> None:
    late = threading.Event()
    ours, theirs = socket.socketpair()

    def open_socket(endpoint: Endpoint, seconds: float | None) -> socket.socket:
        assert late.wait(script.PATIENCE)
        return ours

    async def main() -> None:
        with pytest.raises(TimedOut) as caught:
            await aio.connect(NOWHERE, script.OPTIONS, open_socket=open_socket, waits=Waits(connect=0.05))
        assert caught.value.wait == "connect"
        late.set()
        theirs.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(theirs, 1) == b""
        theirs.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "make",
    [
        lambda policy, **more: listen("", 0, policy, **more),
        lambda policy, **more: asyncio.run(serve(None, 0, policy, **more)),  # type: ignore[arg-type]
    ],
    ids=["blocking", "asyncio"],
)
def test_a_socket_that_cannot_be_served_is_closed(script: SimpleNamespace, tmp_path: Path, make: Any) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(ConnectFailed):
            make(script.POLICY, sock=ours)
        assert ours.fileno() == -1
    with unix_socket(tmp_path / "dicom") as sock:
        with pytest.raises(ConnectFailed):
            make(script.POLICY, sock=sock, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        assert sock.fileno() == -1
    with unix_socket(tmp_path / "other") as sock:
        with pytest.raises(AttributeError):
            make(script.POLICY, sock=sock, tls="no context")
        assert sock.fileno() == -1


@IPV6
def test_ipv6_under_both_drivers(script: SimpleNamespace) -> None:
    seen: list[Any] = []
    listener = listen("::1", 0, script.POLICY)
    thread = echo_once(listener, script, seen)
    with blocking.connect(Endpoint("SCP", "::1", listener.port), script.OPTIONS) as link:
        assert link.run(flows.c_echo()).status == 0
    thread.join()
    assert seen[0].session.address == "::1"

    async def main() -> None:
        async with await serve("::1", 0, script.POLICY) as server:
            endpoint = Endpoint("SCP", "::1", server.port)
            async with await aio.connect(endpoint, script.OPTIONS, source_host="::1") as link:
                assert (await link.run(flows.c_echo())).status == 0
                assert next(iter(server._links)).session.address == "::1"
            with pytest.raises(ConnectFailed, match="Address family"):
                await aio.connect(endpoint, script.OPTIONS, source_host="127.0.0.1")

    asyncio.run(main())


@IPV6
@pytest.mark.parametrize("source_host", [None, "::1"])
def test_an_ipv6_address_stands_in_brackets_before_its_port(script: SimpleNamespace, source_host: str | None) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        place = rf"\[::1\]:{port}"
        with pytest.raises(ConnectFailed, match=f"^cannot listen on {place}: "):
            listen("::1", port, script.POLICY)
        with pytest.raises(ConnectFailed, match=f"^cannot listen on {place}: "):
            asyncio.run(serve("::1", port, script.POLICY))
    endpoint = Endpoint("SCP", "::1", port)
    with pytest.raises(ConnectFailed, match=f"^no connection to {place}: Connection refused"):
        blocking.connect(endpoint, script.OPTIONS, source_host=source_host)
    with pytest.raises(ConnectFailed, match=f"^no connection to {place}: Connection refused"):
        asyncio.run(aio.connect(endpoint, script.OPTIONS, source_host=source_host))


@pytest.mark.parametrize(
    "host", ["127.0.0.1\0", "\udcff", "\xe9" * 70, ".."], ids=["NUL", "surrogate", "long", "empty labels"]
)
def test_what_can_be_no_name_of_ours_is_told(script: SimpleNamespace, host: str) -> None:
    endpoint = Endpoint("SCP", "127.0.0.1", 104)
    with pytest.raises(ConnectFailed, match=f"^no connection can be made from {host}: "):
        blocking.connect(endpoint, script.OPTIONS, source_host=host)
    with pytest.raises(ConnectFailed, match=f"^no connection can be made from {host}: "):
        asyncio.run(aio.connect(endpoint, script.OPTIONS, source_host=host))
    with pytest.raises(ConnectFailed, match=f"^cannot listen on {host}:0: "):
        listen(host, 0, script.POLICY)
    with pytest.raises(ConnectFailed, match=f"^cannot listen on {host}:0: "):
        asyncio.run(serve(host, 0, script.POLICY))


def test_a_time_that_runs_out_is_told_with_the_address(script: SimpleNamespace) -> None:
    def never(endpoint: Endpoint, _: float | None) -> socket.socket:
        raise TimeoutError

    endpoint, waits = Endpoint("SCP", "::1", 104), Waits(connect=0.5)
    text = r"^no connection to \[::1\]:104 within 0.5 s$"
    with pytest.raises(TimedOut, match=text):
        blocking.connect(endpoint, script.OPTIONS, waits=waits, open_socket=never)
    with pytest.raises(TimedOut, match=text):
        asyncio.run(aio.connect(endpoint, script.OPTIONS, waits=waits, open_socket=never))


@IPV6
def test_every_interface_is_ipv4_and_ipv6_on_one_port(script: SimpleNamespace) -> None:
    async def main() -> None:
        async with await serve(None, 0, script.POLICY) as server:
            for host in ("127.0.0.1", "::1"):
                async with await aio.connect(Endpoint("SCP", host, server.port), script.OPTIONS) as link:
                    assert (await link.run(flows.c_echo())).status == 0

    asyncio.run(main())


def addresses(*hosts: str) -> Any:
    async def look_up(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]

    return look_up


def test_each_address_of_a_name_is_tried(script: SimpleNamespace) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with await serve("127.0.0.1", 0, script.POLICY) as server:
            endpoint = Endpoint("SCP", "many.invalid", server.port)
            loop.getaddrinfo = addresses("127.0.0.9", "127.0.0.1")  # type: ignore[method-assign]
            async with await aio.connect(endpoint, script.OPTIONS) as link:
                assert (await link.run(flows.c_echo())).status == 0
            loop.getaddrinfo = addresses("127.0.0.8", "127.0.0.9")  # type: ignore[method-assign]
            with pytest.raises(ConnectFailed, match=r"127\.0\.0\.8.*; .*127\.0\.0\.9"):
                await aio.connect(endpoint, script.OPTIONS)
            loop.getaddrinfo = addresses()  # type: ignore[method-assign]
            with pytest.raises(ConnectFailed, match="no address"):
                await aio.connect(endpoint, script.OPTIONS)

    asyncio.run(main())


class _Hesitant(socket.socket):
    """A socket whose connection is under way for longer than it takes to ask, as to another machine."""

    def connect_ex(self, address: Any) -> int:
        return errno.EINPROGRESS


class _LateWord(socket.socket):
    """A socket that was connected between two questions."""

    def connect_ex(self, address: Any) -> int:
        while super().connect_ex(address) not in (errno.EISCONN, errno.ECONNREFUSED):
            pass
        return errno.EALREADY


@pytest.mark.parametrize("kind", [_Hesitant, _LateWord])
def test_a_connection_that_is_not_there_at_once(
    script: SimpleNamespace, kind: type[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with await serve("127.0.0.1", 0, script.POLICY) as server:
            monkeypatch.setattr(socket, "socket", kind)
            async with await aio.connect(Endpoint("SCP", "127.0.0.1", server.port), script.OPTIONS) as link:
                assert (await link.run(flows.c_echo())).status == 0
            monkeypatch.undo()

    asyncio.run(main())


# The server's door.


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


def full_house() -> Callable[[], None]:
    """No descriptor is left, until what is returned is called."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("rest", [0.01, 1000.0], ids=["after a while", "when another ends"])
def test_accepting_goes_on_when_there_are_descriptors_again(
    script: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, rest: float
) -> None:
    monkeypatch.setattr("dicomnet.drivers.aio_server._REST", rest)

    async def main() -> None:
        async with await serve("127.0.0.1", 0, script.POLICY) as server:
            endpoint = Endpoint("SCP", "127.0.0.1", server.port)
            first = await aio.connect(endpoint, script.OPTIONS)
            with socket.create_connection(("127.0.0.1", server.port)) as waiting:
                restore = full_house()
                try:
                    await until(lambda: "cannot be accepted" in caplog.text or "no connection can" in caplog.text)
                    assert (await first.run(flows.c_echo())).status == 0
                    assert server.associations == 1
                finally:
                    restore()
                await first.release()
                await until(lambda: server.counters.connections == 2)
                waiting.close()
            async with await aio.connect(endpoint, script.OPTIONS) as link:
                assert (await link.run(flows.c_echo())).status == 0

    asyncio.run(main())
    assert caplog.text.count("no connection can be accepted") < 1000


def test_a_server_that_rests_can_be_closed(script: SimpleNamespace) -> None:
    async def main() -> None:
        async with await serve("127.0.0.1", 0, script.POLICY) as server:
            server._rest()
            server._rest()

    asyncio.run(main())


def test_a_connection_that_was_reset_in_the_queue_harms_nobody(script: SimpleNamespace) -> None:
    """Which Linux does not tell of, and others do as ECONNABORTED."""

    async def main() -> None:
        async with await serve("127.0.0.1", 0, script.POLICY) as server:
            (listener,) = server._listeners
            answers: list[OSError] = [OSError(errno.ECONNABORTED, "gone"), OSError(errno.EPROTO, "gone")]

            def accept() -> Any:
                if answers:
                    raise answers.pop()
                return listener.accept()

            endpoint = Endpoint("SCP", "127.0.0.1", server.port)
            asyncio.get_running_loop().remove_reader(listener)
            connecting = asyncio.create_task(aio.connect(endpoint, script.OPTIONS))
            while not server.counters.connections:
                server._accept(SimpleNamespace(accept=accept))  # type: ignore[arg-type]
                await asyncio.sleep(0)
            await (await connecting).release()
            assert answers == []

    asyncio.run(main())


def test_a_connection_that_cannot_be_served_harms_nobody(
    script: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    records = iter([ZeroDivisionError])

    def transcript() -> Transcript:
        for error in records:
            raise error
        return Transcript()

    async def main() -> None:
        async with await serve("127.0.0.1", 0, script.POLICY, transcript=transcript) as server:
            endpoint = Endpoint("SCP", "127.0.0.1", server.port)
            with pytest.raises(DicomNetError):
                await aio.connect(endpoint, script.OPTIONS)
            await (await aio.connect(endpoint, script.OPTIONS)).release()

    asyncio.run(main())
    assert "a connection could not be served: ZeroDivisionError" in caplog.text


def test_what_a_server_counts(script: SimpleNamespace) -> None:
    async def main() -> Server:
        async with await serve("127.0.0.1", 0, script.POLICY, limits=ServerLimits(associations=1)) as server:
            endpoint = Endpoint("SCP", "127.0.0.1", server.port)
            first = await aio.connect(endpoint, script.OPTIONS)
            with pytest.raises(Rejected):
                await aio.connect(endpoint, script.OPTIONS)
            await first.release()
            await (await aio.connect(endpoint, script.OPTIONS)).abort()
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            await until(lambda: server.counters.connections == 4)
            writer.close()
            await writer.wait_closed()
            await until(lambda: server.associations == 0)
            return server

    counters = asyncio.run(main()).counters
    assert (counters.connections, counters.associations, counters.rejected) == (4, 2, 1)
    assert (counters.released, counters.aborted) == (1, 1)


# Both at once.


MUCH = EncodedDataSet(bytes(24 * 1024 * 1024), uids.IMPLICIT_VR_LE)
ACTION = NActionRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", action_type=1, data_set=MUCH)
EVENT = NEventReportRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", event_type=1, data_set=MUCH)


def take(request: Request, peer: Peer) -> Flow[None]:
    assert isinstance(request.data_set, EncodedDataSet)
    yield from flows.send(reply(request, 0 if len(request.data_set.data) == len(MUCH.data) else 0x0110))


TAKER = handle_by_type({NActionRequest: take, NEventReportRequest: take})


@pytest.mark.parametrize("driver", ["asyncio", "blocking"])
def test_two_sides_that_both_write_much_at_once(script: SimpleNamespace, driver: str) -> None:
    """More than the system buffers, in both directions: each reads while it writes."""

    async def main() -> None:
        async with await serve("127.0.0.1", 0, script.POLICY, handler=TAKER) as server:
            endpoint = Endpoint("SCP", "127.0.0.1", server.port)
            ask = flows.ask(ACTION, expect=NActionResponse)

            def blocking_side() -> int:
                with blocking.connect(endpoint, script.OPTIONS, handler=TAKER, waits=waits) as link:
                    connected.set()
                    assert begun.wait(script.PATIENCE)
                    return link.run(ask).status or 0

            async def asyncio_side() -> int:
                async with await aio.connect(endpoint, script.OPTIONS, handler=TAKER, waits=waits) as link:
                    connected.set()
                    await asyncio.to_thread(begun.wait)
                    return (await link.run(ask)).status or 0

            waits = Waits(send=10.0)
            connected, begun = threading.Event(), threading.Event()
            side = asyncio_side() if driver == "asyncio" else asyncio.to_thread(blocking_side)
            asking = asyncio.create_task(side)  # type: ignore[arg-type]
            await asyncio.to_thread(connected.wait)
            (link,) = server._links
            telling = asyncio.create_task(link.run(flows.ask(EVENT, expect=NEventReportResponse)))
            await until(lambda: link._transport.blocked)
            begun.set()
            assert (await telling).status == 0
            assert await asking == 0

    asyncio.run(main())


SMALL = SocketOptions(no_delay=False, receive_buffer=40_960, send_buffer=20_480)


def kinds_of(link: Any) -> tuple[bool, int, int]:
    """TCP_NODELAY and the buffers of a link, of which Linux tells twice as much as was asked."""
    sock = link._transport._socket
    receive, send = (sock.getsockopt(socket.SOL_SOCKET, name) for name in (socket.SO_RCVBUF, socket.SO_SNDBUF))
    return bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)), receive, send


def test_socket_options_under_the_blocking_driver(script: SimpleNamespace) -> None:
    seen: list[Any] = []
    kinds: list[tuple[bool, int, int]] = []

    def handler(request: Request, peer: Peer) -> Flow[None]:
        kinds.append(kinds_of(seen[0]))
        yield from flows.send(reply(request))

    for given in (SMALL, None):
        listener = listen("127.0.0.1", 0, script.POLICY, handler=handler, socket_options=given)
        thread = echo_once(listener, script, seen)
        endpoint = Endpoint("SCP", "127.0.0.1", listener.port)
        with blocking.connect(endpoint, script.OPTIONS, socket_options=given) as link:
            assert link.run(flows.c_echo()).status == 0
            kinds.append(kinds_of(link))
        thread.join()
        seen.clear()
    assert kinds[:2] == [(False, 81_920, 40_960)] * 2
    assert [no_delay for no_delay, _, _ in kinds[2:]] == [True, True]
    assert kinds[2] != (True, 81_920, 40_960)


def test_socket_options_under_the_asyncio_driver(script: SimpleNamespace) -> None:
    async def kinds(options: SocketOptions | None) -> list[tuple[bool, int, int]]:
        async with await serve("127.0.0.1", 0, script.POLICY, socket_options=options) as server:
            endpoint = Endpoint("SCP", "127.0.0.1", server.port)
            async with await aio.connect(endpoint, script.OPTIONS, socket_options=options) as link:
                assert (await link.run(flows.c_echo())).status == 0
                return [kinds_of(link), kinds_of(next(iter(server._links)))]

    assert asyncio.run(kinds(SMALL)) == [(False, 81_920, 40_960)] * 2
    assert [no_delay for no_delay, _, _ in asyncio.run(kinds(None))] == [True, True]


def test_a_socket_to_listen_on_gets_its_buffers(script: SimpleNamespace) -> None:
    def tcp_socket() -> socket.socket:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        return sock

    def sizes(sock: socket.socket) -> list[int]:
        return [sock.getsockopt(socket.SOL_SOCKET, name) for name in (socket.SO_RCVBUF, socket.SO_SNDBUF)]

    with listen("ignored", 104, script.POLICY, sock=tcp_socket(), socket_options=SMALL) as listener:
        assert sizes(listener._socket) == [81_920, 40_960]

    async def main() -> None:
        async with await serve(None, 0, script.POLICY, sock=tcp_socket(), socket_options=SMALL) as server:
            assert sizes(server._listeners[0]) == [81_920, 40_960]

    asyncio.run(main())


def test_a_limit_that_nothing_fits_into_is_told_at_once(script: SimpleNamespace) -> None:
    nowhere = Endpoint("SCP", "127.0.0.1", 1)
    with pytest.raises(LocalProtocolError):
        blocking.connect(nowhere, script.OPTIONS, send_limit=3)
    with pytest.raises(LocalProtocolError):
        asyncio.run(aio.connect(nowhere, script.OPTIONS, send_limit=3))  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError):
        listen("127.0.0.1", 0, script.POLICY, send_limit=3)
    with pytest.raises(LocalProtocolError):
        asyncio.run(serve("127.0.0.1", 0, script.POLICY, send_limit=3))


def test_more_buffer_than_there_can_be_is_as_much_as_there_can_be(script: SimpleNamespace) -> None:
    huge = SocketOptions(receive_buffer=1 << 40, send_buffer=1 << 40)
    with listen("127.0.0.1", 0, script.POLICY, socket_options=huge) as listener:
        sizes = [listener._socket.getsockopt(socket.SOL_SOCKET, name) for name in (socket.SO_RCVBUF, socket.SO_SNDBUF)]
    assert min(sizes) >= 200_000  # net.core.rmem_max and wmem_max


def test_the_time_to_connect_is_for_all_addresses_together(
    script: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is a queue that is full, so that the system answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        address = silent.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address)] * 20
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        began = time.monotonic()
        with pytest.raises(TimedOut, match=r"within 0\.2 s"):
            blocking.connect(Endpoint("SCP", "name", 1), script.OPTIONS, waits=Waits(connect=0.2))
        assert time.monotonic() - began < 2.0  # each alone would have had as much
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "255.255.255.255", "fe80::1"])
def test_an_address_is_what_getaddrinfo_makes_of_it(host: str) -> None:
    (found,) = socket.getaddrinfo(host, 104, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    assert numeric_address(host, 104) == found


@pytest.mark.parametrize("host", ["", "localhost", "127.1", "1", "fe80::1%1", "::1 ", "[::1]", "\u0661.2.3.4"])
def test_what_may_be_a_name_is_none(host: str) -> None:
    assert numeric_address(host, 104) is None


class Counting(socket.socket):
    """Counts how often somebody was to be accepted."""

    accepts = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.accepts += 1
        return super().accept()


def test_who_comes_alone_is_accepted_without_a_look_for_others(script: SimpleNamespace) -> None:
    async def test() -> None:
        with Counting() as sock:
            sock.bind(("127.0.0.1", 0))
            async with await serve(None, 0, script.POLICY, sock=sock) as server:
                endpoint = Endpoint("SCP", "127.0.0.1", server.port)
                for count in (1, 2):
                    link = await aio.connect(endpoint, script.OPTIONS)
                    assert sock.accepts == count
                    await link.release()
                silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
                async with await aio.connect(endpoint, script.OPTIONS):
                    assert server.counters.connections == 8
                for one in silent:
                    one.close()

    asyncio.run(asyncio.wait_for(test(), 10))


def test_who_has_spoken_by_the_time_it_is_accepted_is_answered_at_once(script: SimpleNamespace) -> None:
    async def test() -> None:
        async with await serve("127.0.0.1", 0, script.POLICY) as server:
            with socket.create_connection(("127.0.0.1", server.port)) as early:
                early.sendall(encode_pdu(build_request(script.OPTIONS)))
                await asyncio.sleep(0)  # the loop finds the connection, and accepts it in that turn
                await asyncio.sleep(0)
                assert early.recv(1, socket.MSG_DONTWAIT) == b"\2"

    asyncio.run(asyncio.wait_for(test(), 10))


CONNECT: list[Callable[..., Any]] = [
    blocking.connect,
    lambda *words, **more: asyncio.run(aio.connect(*words, **more)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("connect", CONNECT, ids=["blocking", "asyncio"])
def test_nobody_is_connected_to_for_a_request_that_is_not_in_order(
    script: SimpleNamespace, connect: Callable[..., Any]
) -> None:
    def open_socket(endpoint: Endpoint, seconds: float | None) -> socket.socket:
        raise AssertionError("somebody was to be connected to")

    for options in (replace(script.OPTIONS, calling_ae_title="\n"), replace(script.OPTIONS, contexts=())):
        with pytest.raises(LocalProtocolError):
            connect(NOWHERE, options, open_socket=open_socket)


@pytest.mark.parametrize("connect", CONNECT, ids=["blocking", "asyncio"])
def test_a_request_is_made_once_there_is_a_connection_for_it(
    script: SimpleNamespace, connect: Callable[..., Any]
) -> None:
    shown: list[str] = []
    hooks = Hooks(primitive=lambda _, primitive: shown.append(primitive.name))
    with pytest.raises(ConnectFailed):
        connect(Endpoint("SCP", "127.0.0.1", 1), script.OPTIONS, hooks=hooks)
    assert shown == []
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(encode_pdu(AAbort()))
        with pytest.raises(Aborted):
            connect(NOWHERE, script.OPTIONS, hooks=hooks, open_socket=lambda *_: ours)
        assert decode_pdu(theirs.recv(1 << 16)) == build_request(script.OPTIONS)
    assert shown == ["A-ASSOCIATE", "A-ABORT"]


@pytest.mark.parametrize("connect", CONNECT, ids=["blocking", "asyncio"])
def test_a_connection_that_nothing_can_be_made_of_is_closed(
    script: SimpleNamespace, connect: Callable[..., Any]
) -> None:
    ours, theirs = socket.socketpair()
    no_hooks: Any = object()
    with theirs:
        with pytest.raises(AttributeError):
            connect(NOWHERE, script.OPTIONS, hooks=no_hooks, open_socket=lambda *_: ours)
        assert ours.fileno() == -1
        assert theirs.recv(1) == b""


class FullDisk(Transcript):
    """A record of somebody's own, which fails."""

    def note_step(self, step: Any) -> None:
        raise OSError(errno.ENOSPC, "no room for a step")


@pytest.mark.parametrize("connect", CONNECT, ids=["blocking", "asyncio"])
def test_what_a_record_raises_is_no_failure_to_connect(script: SimpleNamespace, connect: Callable[..., Any]) -> None:
    ours, theirs = socket.socketpair()
    with theirs, pytest.raises(OSError, match="no room for a step"):
        connect(NOWHERE, script.OPTIONS, transcript=FullDisk(), open_socket=lambda *_: ours)
    assert ours.fileno() == -1


def test_a_server_counts_no_connection_whose_record_fails(script: SimpleNamespace) -> None:
    async def test() -> None:
        server = await serve("127.0.0.1", 0, script.POLICY, transcript=FullDisk)
        with socket.create_connection(("127.0.0.1", server.port)) as peer:
            peer.sendall(encode_pdu(build_request(script.OPTIONS)))
            while not server.counters.connections:
                await asyncio.sleep(0)
            await server.close()
            assert server.associations == 0
            assert not server._room.half_open_addresses

    asyncio.run(asyncio.wait_for(test(), 10))


class Trickling(PlainTransport):
    """Writes to a peer that reads so slowly that the loop is not told of it; in the end it reads no more."""

    left = 4  # times that it reads something
    flushes = 0

    @property
    def blocked(self) -> bool:
        return True

    def flush(self) -> int:
        self.flushes += 1
        return self.flushes % 2 if self.flushes < 2 * self.left else 0


def test_a_peer_that_reads_slowly_is_no_peer_that_reads_nothing(script: SimpleNamespace) -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            with contextlib.suppress(BlockingIOError):
                while True:
                    ours.send(bytes(1 << 16))  # until the loop has no reason to tell that more can be written
            transport, waits = Trickling(ours), Waits(send=0.02, close=0.02)
            session = requesting_session(NOWHERE, build_request(script.OPTIONS), waits, 0.0)
            link = aio.Link(session, transport, waits)
            began = time.monotonic()
            link.begin()
            await link._until(lambda: link.closed)
            assert time.monotonic() - began > 0.02 * transport.left
            assert transport.flushes == 2 * transport.left + 1
            assert str(session.error) == "the peer read nothing for 0.02 s"

    asyncio.run(asyncio.wait_for(test(), 10))


@pytest.mark.parametrize("seconds", [3e6, math.inf])
def test_waits_may_be_longer_than_the_system_can_wait(script: SimpleNamespace, seconds: float) -> None:
    waits = Waits(connect=seconds, associate=seconds, release=seconds, response=seconds, idle=seconds, close=seconds)
    with listen("127.0.0.1", 0, script.POLICY, waits=waits) as listener:
        with ThreadPoolExecutor(1) as pool:
            served = pool.submit(lambda: listener.accept(seconds).listen())
            with blocking.connect(Endpoint("SCP", "127.0.0.1", listener.port), script.OPTIONS, waits=waits) as link:
                assert link.run(flows.c_echo()).status == 0
            served.result()
        with pytest.raises(TimedOut, match="nobody connected"):
            listener.accept(0)


def test_a_server_has_what_its_first_call_needs_while_there_are_descriptors() -> None:
    program = "import sys, dicomnet.drivers.aio_server; print('concurrent.futures.thread' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "True\n"
    )
