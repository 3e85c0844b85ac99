"""Looking at TLS servers from outside: what they allow, how handshakes end, and servers that mean no good."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.drivers.tls import Recipe, client_context, server_context
from dicomnet.drivers.tls_hello import (
    MAX_ANSWER,
    SSL_3_0,
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    Reading,
    client_hello,
)
from dicomnet.drivers.tls_probe import MAX_CONNECTIONS, Target, shake_hands, survey
from dicomnet.drivers.tls_suites import TLS13_SUITES, TLS_SUITES, suite_name
from dicomnet.errors import ConnectFailed, TimedOut
from dicomnet.testing.pdus import mutated
from tests.certificates import Authority, Identity

pytestmark = pytest.mark.once

NUMBERS = {name: number for number, name in (TLS_SUITES | TLS13_SUITES).items()}
Serve = Callable[[Callable[[socket.socket], Any]], Target]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), "authority")


@pytest.fixture(scope="module")
def identity(authority: Authority) -> Identity:
    return authority.identity("server")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves each connection by a function, one after the other."""
    with ExitStack() as stack:

        def start(answer: Callable[[socket.socket], Any]) -> Target:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def work() -> None:
                with suppress(OSError):
                    while True:
                        with listener.accept()[0] as sock, suppress(OSError):
                            sock.settimeout(20)
                            answer(sock)

            thread = threading.Thread(target=work, daemon=True)
            stack.callback(thread.join, 20)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            thread.start()
            return Target("127.0.0.1", listener.getsockname()[1], connect=20.0, answer=20.0)

        yield start


def shaking(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """Shakes hands, and takes what the peer says until it says goodbye."""

    def answer(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as tls:
            while tls.recv(1000):
                pass

    return answer


def server(identity: Identity, authority: Authority, recipe: Recipe | str, asks: Any = "none") -> ssl.SSLContext:
    return server_context(
        recipe,
        certificate=identity.certificate,
        key=identity.key,
        trust=authority.certificate,
        client_certificates=asks,
    )


def test_the_numbers_of_the_suites_are_those_of_openssl(missing: Callable[[str], NoReturn]) -> None:
    path = shutil.which("openssl") or missing("there is no openssl on the path")
    command = [path, "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    theirs = {
        int(words[0].replace("0x", "").replace(",", ""), 16): words[2] for words in map(str.split, listed.splitlines())
    }
    ours = TLS_SUITES | TLS13_SUITES
    both = theirs.keys() & ours.keys()
    assert {number: theirs[number] for number in both} == {number: ours[number] for number in both}
    assert len(both) > 50
    assert len(NUMBERS) == len(TLS_SUITES) + len(TLS13_SUITES)
    assert suite_name(0x0002) == "TLS_RSA_WITH_NULL_SHA"
    assert suite_name(0xFFFE) == "suite 0xFFFE"


def test_what_a_server_allows_in_its_order(serve: Serve, identity: Identity, authority: Authority) -> None:
    recipe = Recipe(
        "AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:NULL-SHA:@SECLEVEL=0", ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_3
    )
    found = survey(serve(shaking(server(identity, authority, recipe))))
    old = [NUMBERS["TLS_RSA_WITH_AES_128_CBC_SHA"], NUMBERS["TLS_RSA_WITH_NULL_SHA"]]
    assert found.suites[TLS_1_2] == [old[0], NUMBERS["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"], old[1]]
    assert found.suites[TLS_1_1] == found.suites[TLS_1_0] == old
    assert found.suites[TLS_1_3][0] == NUMBERS["TLS_AES_256_GCM_SHA384"]
    assert SSL_3_0 not in found.suites
    assert ssl.DER_cert_to_PEM_cert(found.certificates[0]) == identity.certificate.read_text()
    assert (found.asks, found.foreign, found.cut) == (False, False, False)


@pytest.mark.parametrize("asks", ["require", "accept", "none"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_whether_it_asks_for_a_certificate(
    serve: Serve, identity: Identity, authority: Authority, asks: str, version: ssl.TLSVersion
) -> None:
    context = server(identity, authority, "bcp195", asks)
    context.minimum_version = context.maximum_version = version
    target = serve(shaking(context))
    found = survey(target)
    assert list(found.suites) == [int(version)]
    assert found.asks is (None if version == ssl.TLSVersion.TLSv1_3 else asks != "none")
    outcome = shake_hands(target, client_context(trust=authority.certificate))
    assert (outcome.fault is None) is (asks != "require")
    if asks == "require":
        assert "certificate" in outcome.reason
    showing = client_context(trust=authority.certificate, certificate=identity.certificate, key=identity.key)
    outcome = shake_hands(target, showing)
    assert outcome.fault is None
    assert outcome.agreed.startswith(context.minimum_version.name.replace("_", "."))
    assert ssl.DER_cert_to_PEM_cert(outcome.certificate) == identity.certificate.read_text()


def test_a_certificate_that_is_not_believed(
    serve: Serve, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    target = serve(shaking(server(identity, authority, "bcp195")))
    outcome = shake_hands(target, client_context(trust=Authority(tmp_path, "other").certificate))
    assert outcome.refusal is not None
    assert outcome.refusal.verify_message == "self-signed certificate in certificate chain"
    assert "was not accepted" in outcome.reason
    assert outcome.agreed == ""


def test_nothing_in_common(serve: Serve, identity: Identity, authority: Authority) -> None:
    target = serve(shaking(server(identity, authority, "null")))
    outcome = shake_hands(target, client_context("bcp195", trust=authority.certificate))
    assert outcome.refusal is None
    assert "no suite that both allow" in outcome.reason or "no TLS version" in outcome.reason


@pytest.mark.parametrize(
    "said", [b"\x07\0\0\0\0\x04\0\0\2\1", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail\r\n", b"SS"]
)
def test_who_does_not_speak_tls(serve: Serve, authority: Authority, said: bytes) -> None:
    target = serve(lambda sock: (sock.recv(1000), sock.sendall(said)))
    assert survey(target).foreign
    assert shake_hands(target, client_context(trust=authority.certificate)).fault is not None


def test_who_hangs_up(serve: Serve, authority: Authority) -> None:
    count: list[int] = []
    target = serve(lambda sock: count.append(len(sock.recv(1000))))
    found = survey(target)
    assert (found.suites, found.foreign) == ({}, False)
    assert len(count) == 5  # once for each version
    outcome = shake_hands(target, client_context(trust=authority.certificate))
    assert outcome.reason == "the TLS handshake failed: the peer closed the connection"


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x03"])
def test_who_says_no_more(serve: Serve, authority: Authority, said: bytes) -> None:
    over = threading.Event()
    full = serve(lambda sock: (sock.sendall(said), over.wait(20)))
    target = Target(full.host, full.port, connect=5.0, answer=0.2)
    try:
        for ask in (lambda: survey(target), lambda: shake_hands(target, client_context(trust=authority.certificate))):
            with pytest.raises(TimedOut, match=r"did not finish its answer within 0\.2 s") as caught:
                ask()
            assert caught.value.wait == "associate"
    finally:
        over.set()


def test_who_drips(serve: Serve) -> None:
    over = threading.Event()

    def answer(sock: socket.socket) -> None:
        while not over.wait(0.01):
            sock.sendall(b"\x16\x03\x03\0\1\x0e")

    full = serve(answer)
    began = time.monotonic()
    try:
        with pytest.raises(TimedOut):
            survey(Target(full.host, full.port, answer=0.3))
    finally:
        over.set()
    assert time.monotonic() - began < 10


def test_who_floods(serve: Serve) -> None:
    def answer(sock: socket.socket) -> None:
        sock.recv(1000)
        for _ in range(100):
            sock.sendall((b"\x16\x03\x03\x3f\xff" + bytes(0x3FFF)) * 10)

    assert survey(serve(answer)).suites == {}


def test_who_takes_everything_is_asked_no_more_than_enough(serve: Serve) -> None:
    """A server that picks the first suite of whatever it is offered, and another that picks what nobody offered."""
    connections = 0

    def picking(first: bool) -> Callable[[socket.socket], None]:
        def answer(sock: socket.socket) -> None:
            nonlocal connections
            connections += 1
            hello = sock.recv(4000)
            session = hello[43]
            suite = hello[46 + session : 48 + session] if first else b"\xff\xfe"
            version = hello[9:11] if b"\x00\x2b\x00\x03\x02\x03\x04" not in hello else b"\x03\x04"
            body = version + bytes(32) + b"\0" + suite + b"\0"
            messages = b"\x02" + struct.pack(">I", len(body))[1:] + body + b"\x0e\0\0\0"
            sock.sendall(b"\x16\x03\x03" + struct.pack(">H", len(messages)) + messages)

        return answer

    found = survey(serve(picking(True)))
    assert found.cut
    assert connections == MAX_CONNECTIONS
    assert len(found.suites[TLS_1_2]) == len(TLS_SUITES)
    assert survey(serve(picking(False))).suites == {}


def test_a_silent_farewell_is_content(serve: Serve, identity: Identity, authority: Authority) -> None:
    over = threading.Event()
    context = server(identity, authority, "bcp195")

    def answer(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True):
            over.wait(20)

    full = serve(answer)
    try:
        outcome = shake_hands(Target(full.host, full.port, answer=0.3), client_context(trust=authority.certificate))
    finally:
        over.set()
    assert outcome.fault is None
    assert outcome.agreed.startswith("TLSv1.3 ")


def test_where_nobody_is() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        target = Target("127.0.0.1", sock.getsockname()[1])
        with pytest.raises(ConnectFailed, match="Connection refused"):
            survey(target)
    with pytest.raises(ConnectFailed, match=r"no connection to a\.\.b:1"):
        survey(Target("a..b", 1))
    with pytest.raises(ConnectFailed, match="no connection"):
        survey(Target("127.0.0.1", 70000))


# What a server says, in any form.


def flight(identity: Identity, authority: Authority, version: int) -> bytes:
    """The first words of a real server, to an offer of ours."""
    context = server(identity, authority, "bcp195-rfc7525", "accept")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(client_hello(version, list(TLS_SUITES if version < TLS_1_3 else TLS13_SUITES), "localhost"))
    with warnings.catch_warnings(), suppress(ssl.SSLWantReadError):
        warnings.simplefilter("ignore")
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    return outgoing.read()


@pytest.fixture(scope="module")
def flights(identity: Identity, authority: Authority) -> dict[int, bytes]:
    return {version: flight(identity, authority, version) for version in (TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3)}


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_an_answer_comes_in_any_pieces(flights: dict[int, bytes], size: int) -> None:
    for version, data in flights.items():
        reading = Reading()
        for start in range(0, len(data), size):
            reading.feed(data[start : start + size])
        assert reading.complete
        assert reading.answer.version == version
        assert reading.answer.suite in (TLS13_SUITES if version == TLS_1_3 else TLS_SUITES)
        assert reading.answer.asks is (version < TLS_1_3)


def test_an_answer_that_was_cut_is_none(flights: dict[int, bytes]) -> None:
    data = flights[TLS_1_2]
    for end in range(1, len(data), 37):
        reading = Reading()
        reading.feed(data[:end])
        reading.feed(b"")
        assert reading.complete
        assert not reading.foreign


def test_too_much_is_refused() -> None:
    reading = Reading()
    for _ in range(MAX_ANSWER // 1024):
        reading.feed(b"\x16\x03\x03\x03\xfb" + bytes(1019))
    with pytest.raises(ValueError, match="more than a handshake can need"):
        reading.feed(b"\x16")


def test_warnings_are_no_refusal() -> None:
    reading = Reading()
    reading.feed(b"\x15\x03\x03\0\2\1\x70")
    assert reading.answer.alert is None
    reading.feed(b"\x15\x03\x03\0\2\2\x28")
    assert (reading.complete, reading.answer.alert) == (True, 40)


def test_any_bytes_are_an_answer_or_a_value_error(flights: dict[int, bytes]) -> None:
    @given(
        st.sampled_from([*flights.values(), b"\x16\x03\x03\0\6\x02\0\0\x02\3\3"]).flatmap(mutated)
        | st.binary(max_size=80)
    )
    def examine(data: bytes) -> None:
        reading = Reading()
        with suppress(ValueError):
            reading.feed(data)
            reading.feed(b"")
            assert reading.complete

    examine()


def test_an_address_is_not_named(identity: Identity, authority: Authority) -> None:
    assert b"localhost" in client_hello(TLS_1_2, [1], "localhost.")
    assert b"127.0.0.1" not in client_hello(TLS_1_2, [1], "127.0.0.1")
    assert client_hello(SSL_3_0, [1], "localhost")[9:11] == b"\x03\0"
