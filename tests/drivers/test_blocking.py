"""The blocking driver: what only sockets have."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Generator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.messages import CFindRequest, CFindResponse, EncodedDataSet
from dicomnet.drivers import blocking
from dicomnet.drivers.blocking_server import Listener, listen
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import ConnectFailed, LocalProtocolError, TimedOut
from dicomnet.ul import RequestOptions, Transcript
from dicomnet.wire import AReleaseRP, PDataTF, Pdv, encode_pdu

World = Any
FIND = CFindRequest(sop_class=uids.UPS_PULL, data_set=EncodedDataSet(b"\x40\0\x60\xa1\0\0\0\0", uids.IMPLICIT_VR_LE))


@pytest.fixture
def listener(script: SimpleNamespace) -> Iterator[Listener]:
    with listen("127.0.0.1", 0, script.POLICY) as made:
        yield made


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(Endpoint("SCP", "127.0.0.1", closed_port()), id="refused"),
        pytest.param(Endpoint("SCP", "127.0.0.1", 99999), id="no such port"),
        pytest.param(Endpoint("SCP", "127.0.0.1", -1), id="negative port"),
        pytest.param(Endpoint("SCP", "a" * 70 + ".invalid", 104), id="no such name"),
        pytest.param(Endpoint("SCP", "a\0b", 104), id="no name"),
        pytest.param(Endpoint("SCP", "..", 104), id="empty labels"),
    ],
)
def test_no_connection(script: SimpleNamespace, endpoint: Endpoint) -> None:
    before = script.open_fds()
    with pytest.raises(ConnectFailed):
        blocking.connect(endpoint, script.OPTIONS)
    assert script.open_fds() == before


def test_a_wrong_request_is_not_even_connected_for(script: SimpleNamespace) -> None:
    with pytest.raises(LocalProtocolError):
        blocking.connect(Endpoint("SCP", "127.0.0.1", closed_port()), RequestOptions("SCP", "SCU", ()))


def test_the_called_title_comes_from_the_endpoint(world: World, script: SimpleNamespace) -> None:
    options = RequestOptions("", "SCU", script.OPTIONS.contexts)
    if type(world).__name__ != "MemoryWorld":
        with world.connect(options=options) as link:
            assert link.negotiated.called_ae_title == "SCP"


def test_a_source_address_can_be_chosen(listener: Listener, script: SimpleNamespace) -> None:
    endpoint = Endpoint("SCP", "127.0.0.1", listener.port)
    with pytest.raises(ConnectFailed, match=r"^no connection can be made from 192\.0\.2\.1: "):
        blocking.connect(endpoint, script.OPTIONS, source_host="192.0.2.1")
    found: list[str] = []

    def serve() -> None:
        link = listener.accept(script.PATIENCE)
        found.append(link.session.address)
        link.listen()

    thread = threading.Thread(target=serve)
    thread.start()
    blocking.connect(endpoint, script.OPTIONS, source_host="127.0.0.2").release()
    thread.join()
    assert found == ["127.0.0.2"]


def test_nobody_comes(listener: Listener) -> None:
    with pytest.raises(TimedOut) as caught:
        listener.accept(0.01)
    assert caught.value.wait == "accept"


def test_nobody_can_come(listener: Listener) -> None:
    listener.close()
    with pytest.raises(ConnectFailed):
        listener.accept(0.01)


def test_a_connection_that_cannot_be_served_is_closed(script: SimpleNamespace) -> None:
    def no_room() -> Transcript:
        raise MemoryError

    with (
        listen("127.0.0.1", 0, script.POLICY, transcript=no_room) as listener,
        socket.create_connection(("127.0.0.1", listener.port), script.PATIENCE) as peer,
    ):
        with pytest.raises(MemoryError) as caught:
            listener.accept(script.PATIENCE)
        peer.settimeout(1.0)
        assert peer.recv(1) == b""
        assert caught.value.__traceback__ is not None  # which keeps alive whatever was not closed


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 99999), ("no\0name", 0)])
def test_an_address_that_cannot_be_listened_on(script: SimpleNamespace, host: str, port: int) -> None:
    with pytest.raises(ConnectFailed):
        listen(host, port, script.POLICY)


def test_the_clock_stands_while_the_caller_works(script: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream with every deadline shorter than its consumer takes for one item, and a peer that is never late."""

    def find(status: int) -> bytes:
        command = {0x0100: 0x8020, 0x0120: 1, 0x0900: status, 0x0800: 0x0101}
        return encode_pdu(PDataTF((Pdv(5, encode_command(command), 3),)))

    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield script.READ
        yield find(0xFF00) + find(0xFF00)[:-5]
        yield script.HOLD
        yield find(0xFF00)[-5:] + find(0)
        yield script.READ
        yield encode_pdu(AReleaseRP())

    worked = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + worked)
    monkeypatch.setattr("dicomnet.drivers.blocking.time", clock)
    from_conftest = script.socket_world()
    link = from_conftest.connect_to(peer(), waits=Waits(response=60.0, idle=60.0, pdu=60.0))
    stream = link.stream(flows.ask_many(FIND, expect=CFindResponse))
    next(stream)
    worked += 100.0
    from_conftest.over.set()
    assert len(list(stream)) == 1
    link.release()
    from_conftest.close()


def test_bytes_that_leave_are_no_silence(script: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that takes far longer than ``Waits.idle`` for one message, but goes on taking it."""
    ahead = 0.0

    def peer() -> Generator[Any, Any, None]:
        nonlocal ahead
        yield from script.accept()
        for _ in range(480):  # of some 490 PDUs
            yield script.READ
            ahead += 1.0
        command = {0x0100: 0x8020, 0x0120: 1, 0x0900: 0, 0x0800: 0x0101}
        yield encode_pdu(PDataTF((Pdv(5, encode_command(command), 3),)))
        yield script.HOLD

    monkeypatch.setattr("dicomnet.drivers.blocking.time", SimpleNamespace(monotonic=lambda: time.monotonic() + ahead))
    world = script.socket_world()
    link = world.connect_to(peer(), waits=Waits(send=None, idle=20.0, response=9000.0))
    big = EncodedDataSet(bytes(8) * 1_000_000, uids.IMPLICIT_VR_LE)
    request = CFindRequest(sop_class=uids.UPS_PULL, data_set=big)
    assert link.run(flows.ask(request, expect=CFindResponse)).status == 0
    assert ahead == 480.0
    world.over.set()
    link.abort()
    world.close()


def test_what_the_peer_said_before_it_reset_is_heard(script: SimpleNamespace) -> None:
    world = script.socket_world()

    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        yield b"\x07\0\0\0\0\x04\0\0\x02\x01"

    link = world.connect_to(peer())
    world.join()
    big = EncodedDataSet(bytes(8) * 1_000_000, uids.IMPLICIT_VR_LE)
    request = CFindRequest(sop_class=uids.UPS_PULL, data_set=big)
    with pytest.raises(Exception, match="aborted") as caught:
        link.run(flows.ask(request, expect=CFindResponse))
    assert getattr(caught.value, "reason", None) == 1
    world.close()


def test_a_peer_that_floods_and_does_not_read_is_cut_off(script: SimpleNamespace) -> None:
    """Two writers that both do not read: ours reads ahead only so far, then gives up."""
    world = script.socket_world()
    echo = encode_command({0x0002: uids.VERIFICATION, 0x0100: 0x0030, 0x0110: 1, 0x0800: 0x0101})
    flood = encode_pdu(PDataTF((Pdv(1, echo, 3),))) * 1000

    def peer() -> Generator[Any, Any, None]:
        yield from script.accept()
        for _ in range(1000):
            if link_closed.is_set():
                break
            yield flood

    link_closed = threading.Event()
    link = world.connect_to(peer(), waits=Waits(send=0.2))
    big = EncodedDataSet(bytes(8) * 4_000_000, uids.IMPLICIT_VR_LE)
    with pytest.raises(Exception, match=r"read nothing|requests wait|reset|closed"):
        link.run(flows.ask(CFindRequest(sop_class=uids.UPS_PULL, data_set=big), expect=CFindResponse))
    link_closed.set()
    link.abort()
    assert link.closed
    world.close()
