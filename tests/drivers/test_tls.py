"""TLS under both drivers: who gets in, who does not and what each side is told; profiles; ends amid an association."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import EncodedDataSet, NGetRequest, NGetResponse, Request
from dicomnet.drivers import aio, blocking
from dicomnet.drivers.aio_server import Server, ServerLimits, serve
from dicomnet.drivers.blocking_server import listen
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.drivers.tls import Profile, Recipe, TlsSetupFailed, client_context, server_context
from dicomnet.drivers.transport import TlsTransport
from dicomnet.errors import ConnectFailed, ConnectionLost, DicomNetError, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Peer, handle_by_type
from dicomnet.keystores import Identity, Trust, load_identity, load_trust
from dicomnet.ul import Applicant, PlainPolicy, build_request
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ, encode_pdu
from tests.certificates import Authority

LOOPBACK = "127.0.0.1"
GET = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1")


@dataclass(frozen=True)
class Pki:
    """Files of two authorities: one everybody here trusts, and another."""

    folder: Path

    def __getitem__(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def client(self, profile: str = Profile.BCP195, *, shows: str | None = "client", **more: Any) -> ssl.SSLContext:
        certificate = None if shows is None else self[shows]
        return client_context(profile, trust=more.pop("trust", self["ca"]), certificate=certificate, **more)

    def server(self, profile: str = Profile.BCP195, *, shows: str = "server", **more: Any) -> ssl.SSLContext:
        return server_context(profile, certificate=self[shows], trust=more.pop("trust", self["ca"]), **more)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    ours, theirs = (Authority.in_folder(folder / name, name) for name in ("ours", "theirs"))
    identities = {
        "server": ours.identity("server"),
        "client": ours.identity("client"),
        "expired": ours.identity("expired", days=(-9, -8)),
        "wrongname": ours.identity("wrongname", host="elsewhere.invalid"),
        "stranger": theirs.identity("stranger"),
    }
    files = {"ca": ours.certificate.read_bytes(), "other-ca": theirs.certificate.read_bytes()}
    files |= {name: identity.joined for name, identity in identities.items()}
    key = serialization.load_pem_private_key(identities["client"].key.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    files["locked"] = locked + identities["client"].certificate.read_bytes()
    for name, content in files.items():
        (folder / f"{name}.pem").touch(mode=0o600)
        (folder / f"{name}.pem").write_bytes(content)
    return Pki(folder)


class Witness:
    """A policy that remembers who applied."""

    def __init__(self, script: SimpleNamespace) -> None:
        self.policy: PlainPolicy = script.POLICY
        self.applicants: list[Applicant] = []

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        self.applicants.append(applicant)
        return self.policy.decide(request, applicant)


def big(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.send(reply(request, data_set=EncodedDataSet(bytes(range(250)) * 20_000, uids.IMPLICIT_VR_LE)))


HANDLER = handle_by_type({NGetRequest: big})


@contextlib.contextmanager
def asyncio_server(script: SimpleNamespace, policy: Any, tls: ssl.SSLContext | None, **more: Any) -> Iterator[Server]:
    """An asyncio server in a thread of its own."""
    started: list[Server] = []
    ready, done = threading.Event(), threading.Event()

    async def main() -> None:
        async with await serve(LOOPBACK, 0, policy, handler=HANDLER, tls=tls, **more) as server:
            started.append(server)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(script.PATIENCE)
    yield started[0]
    done.set()
    thread.join()
    assert started[0].associations == 0


@contextlib.contextmanager
def blocking_server(script: SimpleNamespace, policy: Any, tls: ssl.SSLContext | None, **more: Any) -> Iterator[Any]:
    """A listener that serves one connection, in a thread of its own."""
    errors: list[DicomNetError] = []
    with listen(LOOPBACK, 0, policy, handler=HANDLER, tls=tls, **more) as listener:

        def work() -> None:
            try:
                link = listener.accept(script.PATIENCE)
                link.listen()
                link.close()
            except DicomNetError as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        yield SimpleNamespace(port=listener.port, errors=errors, thread=thread)
        thread.join()


def by_blocking(port: int, flow: Callable[[], Flow[Any]], script: SimpleNamespace, **more: Any) -> Any:
    with blocking.connect(Endpoint("SCP", LOOPBACK, port), script.OPTIONS, **more) as link:
        return link.run(flow())


def by_asyncio(port: int, flow: Callable[[], Flow[Any]], script: SimpleNamespace, **more: Any) -> Any:
    async def main() -> Any:
        async with await aio.connect(Endpoint("SCP", LOOPBACK, port), script.OPTIONS, **more) as link:
            return await link.run(flow())

    return asyncio.run(main())


CLIENTS = [pytest.param(by_blocking, id="blocking client"), pytest.param(by_asyncio, id="asyncio client")]
SERVERS = [pytest.param(blocking_server, id="blocking server"), pytest.param(asyncio_server, id="asyncio server")]
CLIENT = pytest.mark.parametrize("client", CLIENTS)
SERVER = pytest.mark.parametrize("server", SERVERS)


@CLIENT
@SERVER
def test_both_sides_prove_who_they_are(pki: Pki, script: SimpleNamespace, client: Any, server: Any) -> None:
    """Also that megabytes pass, which take many records and do not fit the system's buffers."""
    witness = Witness(script)
    with server(script, witness, pki.server()) as serving:
        answer = client(serving.port, lambda: flows.ask(GET, expect=NGetResponse), script, tls=pki.client())
    assert bytes(answer.data_set.data) == bytes(range(250)) * 20_000
    (applicant,) = witness.applicants
    assert dict(pair[0] for pair in applicant.certificate["subject"])["commonName"] == "client"  # type: ignore[index, misc]


@CLIENT
@SERVER
def test_a_client_nobody_asks_for_a_certificate(pki: Pki, script: SimpleNamespace, client: Any, server: Any) -> None:
    witness = Witness(script)
    with server(script, witness, pki.server(client_certificates="none")) as serving:
        assert client(serving.port, flows.c_echo, script, tls=pki.client(shows=None)).status == 0
    assert witness.applicants[0].certificate == {}


def test_a_certificate_may_be_shown_where_it_is_not_required(pki: Pki, script: SimpleNamespace) -> None:
    witness = Witness(script)
    with asyncio_server(script, witness, pki.server(client_certificates="accept")) as serving:
        by_blocking(serving.port, flows.c_echo, script, tls=pki.client(shows=None))
        by_blocking(serving.port, flows.c_echo, script, tls=pki.client())
        with pytest.raises((ConnectFailed, ConnectionLost), match=r"unknown ca"):
            by_blocking(serving.port, flows.c_echo, script, tls=pki.client(shows="stranger"))
    assert [bool(applicant.certificate) for applicant in witness.applicants] == [False, True]


@CLIENT
@SERVER
@pytest.mark.parametrize(
    ("shows", "what"), [("stranger", "unknown ca"), ("expired", "certificate expired"), (None, "certificate required")]
)
def test_a_client_that_may_not_come_in(
    pki: Pki, script: SimpleNamespace, client: Any, server: Any, shows: str | None, what: str
) -> None:
    """With TLS 1.3 the client learns it only after the handshake, when it waits for its association."""
    with (
        server(script, script.POLICY, pki.server()) as serving,
        pytest.raises((ConnectFailed, ConnectionLost), match=what),
    ):
        client(serving.port, flows.c_echo, script, tls=pki.client(shows=shows))
    if server is blocking_server:
        (error,) = serving.errors
        assert isinstance(error, ConnectionLost)
        assert "TLS handshake failed" in str(error)


@CLIENT
@pytest.mark.parametrize(
    ("shows", "what"),
    [
        ("stranger", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("wrongname", "is not valid for '127.0.0.1'"),
    ],
)
def test_a_server_that_is_not_believed(pki: Pki, script: SimpleNamespace, client: Any, shows: str, what: str) -> None:
    tls = pki.server(shows=shows)
    with asyncio_server(script, script.POLICY, tls) as serving, pytest.raises(ConnectFailed, match=what):
        client(serving.port, flows.c_echo, script, tls=pki.client())


@CLIENT
def test_the_name_of_the_server_is_for_the_caller_to_say(pki: Pki, script: SimpleNamespace, client: Any) -> None:
    with asyncio_server(script, script.POLICY, pki.server(shows="wrongname")) as serving:
        client(serving.port, flows.c_echo, script, tls=pki.client(), server_name="elsewhere.invalid")
        client(serving.port, flows.c_echo, script, tls=pki.client(check_hostname=False))
        with pytest.raises(ConnectFailed, match="no TLS connection"):
            client(serving.port, flows.c_echo, script, tls=pki.client(), server_name=".no.name")


@CLIENT
@SERVER
def test_a_client_without_tls_at_a_port_with_it(pki: Pki, script: SimpleNamespace, client: Any, server: Any) -> None:
    with (
        server(script, script.POLICY, pki.server()) as serving,
        pytest.raises((ConnectionLost, DicomNetError)),
    ):
        client(serving.port, flows.c_echo, script)
    if server is blocking_server:
        assert "the peer does not speak TLS" in str(serving.errors)


@CLIENT
@SERVER
def test_a_client_with_tls_at_a_port_without(pki: Pki, script: SimpleNamespace, client: Any, server: Any) -> None:
    with (
        server(script, script.POLICY, None) as serving,
        pytest.raises(ConnectFailed, match="the peer does not speak TLS"),
    ):
        client(serving.port, flows.c_echo, script, tls=pki.client())


def test_a_context_for_the_other_side(pki: Pki, script: SimpleNamespace) -> None:
    with pytest.raises(ConnectFailed, match="no TLS server"):
        listen(LOOPBACK, 0, script.POLICY, tls=pki.client())
    with asyncio_server(script, script.POLICY, None) as serving, pytest.raises(ConnectFailed, match="no TLS conn"):
        by_blocking(serving.port, flows.c_echo, script, tls=pki.server())


def test_a_stalled_handshake_ends_in_time_and_costs_no_slot(pki: Pki, script: SimpleNamespace) -> None:
    limits = ServerLimits(associations=1, per_address=1)
    waits = Waits(request=0.3)
    with asyncio_server(script, script.POLICY, pki.server(), limits=limits, waits=waits) as serving:
        stalled = [socket.create_connection((LOOPBACK, serving.port), script.PATIENCE) for _ in range(3)]
        stalled[1].sendall(b"\x16\x03\x01")
        by_blocking(serving.port, flows.c_echo, script, tls=pki.client())
        for sock in stalled:
            assert sock.recv(100) == b""
            sock.close()
        assert serving.counters.connections == 4
        assert serving.counters.associations == serving.counters.released == 1


def test_a_stalled_handshake_of_a_blocking_server(pki: Pki, script: SimpleNamespace) -> None:
    with blocking_server(script, script.POLICY, pki.server(), waits=Waits(request=0.1)) as serving:
        with socket.create_connection((LOOPBACK, serving.port), script.PATIENCE) as sock:
            assert sock.recv(100) == b""
        serving.thread.join()
        assert isinstance(serving.errors[0], TimedOut)


@CLIENT
@pytest.mark.parametrize(
    "waits",
    [Waits(connect=0.1), Waits(request=0.1), Waits(connect=0.3, request=0.05)],
    ids=["connect", "artim", "connect first"],
)
def test_a_server_that_does_not_answer_the_handshake(
    pki: Pki, script: SimpleNamespace, client: Any, waits: Waits
) -> None:
    began = time.monotonic()
    with socket.create_server((LOOPBACK, 0)) as silent, pytest.raises(TimedOut) as caught:
        client(silent.getsockname()[1], flows.c_echo, script, tls=pki.client(), waits=waits)
    seconds = waits.connect or waits.request  # ARTIM is the acceptor's
    assert caught.value.wait == "connect"
    assert str(caught.value).endswith(f" within {seconds:g} s")
    assert time.monotonic() - began >= seconds


class Tamperer(threading.Thread):
    """A man in the middle who passes everything on, and spoils one record of the server's when told to."""

    def __init__(self, port: int, patience: float) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self._target = (LOOPBACK, port)
        self._patience = patience
        self.spoil = False
        self.start()

    def run(self) -> None:
        with self._listener, self._listener.accept()[0] as client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._pass_on, args=(server, client, True))
            back.start()
            self._pass_on(client, server, False)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket, spoiling: bool) -> None:
        source.settimeout(self._patience)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if spoiling and self.spoil:
                    data = data[:-1] + bytes([data[-1] ^ 1])
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@CLIENT
@SERVER
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_record_that_was_changed_ends_the_association(
    pki: Pki, script: SimpleNamespace, client: Any, server: Any, version: ssl.TLSVersion
) -> None:
    """PS3.15 B: the connection is dropped; for the state machine that is Evt17."""
    tls = pki.client()
    tls.maximum_version = version
    with server(script, script.POLICY, pki.server()) as serving:
        middle = Tamperer(serving.port, script.PATIENCE)

        def spoiled() -> Flow[Any]:
            yield from flows.c_echo()
            middle.spoil = True
            return (yield from flows.c_echo())

        with pytest.raises(ConnectionLost, match=r"TLS failed: .*(decrypt|bad record mac)"):
            client(middle.port, spoiled, script, tls=tls)
        middle.join()
    if server is blocking_server:
        assert "TLS failed" in str(serving.errors[0])


def test_what_a_client_says_with_its_last_handshake_message_is_heard(pki: Pki, script: SimpleNamespace) -> None:
    """The request may come in one packet with the end of the handshake, and be all that comes."""
    tls = pki.client()
    tls.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = tls.wrap_bio(incoming, outgoing)
    with (
        asyncio_server(script, script.POLICY, pki.server()) as serving,
        socket.create_connection((LOOPBACK, serving.port), script.PATIENCE) as sock,
    ):
        while True:
            try:
                peer.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        peer.write(encode_pdu(build_request(script.OPTIONS)))
        sock.sendall(outgoing.read())
        answer = b""
        while not answer:
            incoming.write(sock.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer = peer.read()
        assert answer[0] == 2


def test_who_the_peer_was_is_known_although_garbage_follows_its_last_handshake_message(pki: Pki) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    far = TlsTransport(ours, pki.server(), server_side=True)
    tls = pki.client()
    tls.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = tls.wrap_bio(incoming, outgoing)
    with theirs, contextlib.closing(far):
        with pytest.raises(ssl.SSLWantReadError):
            peer.do_handshake()
        theirs.sendall(outgoing.read())
        assert far.recv() is None
        incoming.write(theirs.recv(65536))
        peer.do_handshake()
        theirs.sendall(outgoing.read() + b"no record at all")
        assert far.recv() == b""
        assert far.established
        assert far.fault is not None
        assert far.certificate


def test_small_parts_share_records_and_large_ones_are_not_copied(pki: Pki) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    near = TlsTransport(ours, pki.client(), server_side=False, server_name="localhost")
    far = TlsTransport(theirs, pki.server(), server_side=True)
    parts: list[bytes | memoryview] = [b"a" * 10, memoryview(b"b" * 100_000), b"c" * 7, b"", b"d" * 40_000]
    wanted = b"".join(parts)
    near.send(parts)
    received = bytearray()
    assert not near.established
    assert near.unsent >= len(wanted)
    for _ in range(1000):
        received += far.recv() or b""
        near.recv()
        near.flush()
        if len(received) == len(wanted):
            break
    assert bytes(received) == wanted
    assert near.established
    assert near.version.startswith("TLSv1.3 ")
    assert far.certificate
    assert not near.blocked
    near.close()
    assert far.recv() == b""
    assert far.over
    assert far.fault is None
    far.close()


# Profiles.


def agreed(pki: Pki, client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    """The version and suite that both sides agree on."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    near = TlsTransport(ours, client, server_side=False, server_name="localhost")
    far = TlsTransport(theirs, server, server_side=True)
    near.send([b"hello"])
    heard = b""
    while not heard and not near.over and not far.over:
        heard = far.recv() or b""
        near.recv()
    version = near.version
    faults = [str(side.fault) for side in (near, far) if side.fault is not None]
    near.close()
    far.close()
    if faults:
        raise ConnectFailed("; ".join(faults))
    return version


@pytest.mark.parametrize(
    ("profile", "wanted"),
    [
        (Profile.BCP195, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (Profile.BCP195_MODIFIED, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (Profile.BCP195_RFC7525, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (Profile.BCP195_NON_DOWNGRADING, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (Profile.BCP195_EXTENDED, "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"),
        (Profile.AES, "TLSv1.2 AES128-SHA"),
        (Profile.NULL, "TLSv1.2 NULL-SHA"),
    ],
)
def test_what_two_of_a_profile_agree_on(pki: Pki, profile: Profile, wanted: str) -> None:
    assert agreed(pki, pki.client(profile), pki.server(profile)) == wanted


@pytest.mark.parametrize(
    ("client", "server"),
    [(Profile.NULL, Profile.AES), (Profile.BCP195, Profile.AES), (Profile.NULL, Profile.BCP195_RFC7525)],
)
def test_profiles_that_have_nothing_in_common(pki: Pki, client: Profile, server: Profile) -> None:
    with pytest.raises(ConnectFailed, match="handshake"):
        agreed(pki, pki.client(client), pki.server(server))


def test_the_aes_profile_meets_its_successor(pki: Pki) -> None:
    """PS3.15 B.9 interoperates with B.3."""
    assert agreed(pki, pki.client(Profile.AES), pki.server(Profile.BCP195_RFC7525)) == "TLSv1.2 AES128-SHA"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.parametrize("profile", [Profile.NULL, Profile.AES, Profile.BCP195_RFC7525])
def test_the_old_profiles_go_down_to_tls_1_0(pki: Pki, profile: Profile) -> None:
    client = pki.client(profile)
    client.maximum_version = ssl.TLSVersion.TLSv1
    assert agreed(pki, client, pki.server(profile)).startswith("TLSv1 ")
    with pytest.raises(ConnectFailed):
        agreed(pki, client, pki.server(Profile.BCP195))


def test_a_null_connection_serves(pki: Pki, script: SimpleNamespace) -> None:
    with asyncio_server(script, script.POLICY, pki.server("null")) as serving:
        assert by_blocking(serving.port, flows.c_echo, script, tls=pki.client("null")).status == 0


@pytest.mark.parametrize(
    ("profile", "nearest"),
    [("basic", "'aes'"), ("3des", "'aes'"), ("sslv3", "'aes'"), ("iscl", "'bcp195'"), ("best", "bcp195, bcp195-m")],
)
def test_what_cannot_be_had_names_what_can(pki: Pki, profile: str, nearest: str) -> None:
    with pytest.raises(TlsSetupFailed, match=nearest):
        client_context(profile)
    with pytest.raises(TlsSetupFailed, match=nearest):
        server_context(profile, certificate=pki["server"], trust=pki["ca"])


# Files.


def test_files_that_cannot_be_used(pki: Pki, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(TlsSetupFailed, match="No such file"):
        client_context(trust=tmp_path / "none.pem")
    with pytest.raises(TlsSetupFailed, match="no certificate"):
        client_context(trust=empty)
    with pytest.raises(TlsSetupFailed, match="cannot use the certificate"):
        client_context(trust=pki["ca"], certificate=empty)
    with pytest.raises(TlsSetupFailed, match="mismatch"):
        client_context(trust=pki["ca"], certificate=pki["client"], key=pki["server"])
    with pytest.raises(TlsSetupFailed, match="somebody to trust"):
        server_context(certificate=pki["server"])
    with pytest.raises(TlsSetupFailed, match="one of require, accept, none"):
        server_context(certificate=pki["server"], client_certificates="maybe")  # type: ignore[arg-type]
    client_context(trust=tmp_path)  # a folder, however empty


def test_a_key_that_is_encrypted(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    (pki.folder / "locked.pem").chmod(0o644)
    with pytest.raises(TlsSetupFailed, match="is encrypted, and there is no password"):
        client_context(trust=pki["ca"], certificate=pki["locked"])
    with pytest.raises(TlsSetupFailed, match="cannot use"):
        client_context(trust=pki["ca"], certificate=pki["locked"], password="wrong")
    with caplog.at_level(logging.WARNING, "dicomnet.tls"):
        client_context(trust=pki["ca"], certificate=pki["locked"], password="x")
    assert "others can read" in caplog.text


# Stores that have been read into memory.


@pytest.fixture
def ours(pki: Pki) -> Identity:
    return load_identity(Path(pki["client"]).read_bytes())


@pytest.fixture
def authority(pki: Pki) -> Trust:
    return load_trust(Path(pki["ca"]).read_bytes())


@pytest.mark.parametrize("memfd", [True, False], ids=["in memory", "in a file"])
def test_stores_in_memory(
    pki: Pki, ours: Identity, authority: Trust, memfd: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    used: list[str] = []
    load = ssl.SSLContext.load_cert_chain

    def watch(self: ssl.SSLContext, path: str, **more: Any) -> None:
        used.append(path)
        assert Path(path).stat().st_mode & 0o077 == 0 or memfd  # of a file in memory there is no name to open it by
        load(self, path, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if not memfd:
        monkeypatch.delattr("os.memfd_create", raising=False)
    client, server = (
        client_context(trust=authority, certificate=ours),
        server_context(trust=authority, certificate=ours),
    )
    assert agreed(pki, client, server).startswith("TLSv1.3")
    assert len(used) == 2
    assert all(path.startswith("/proc/self/fd/" if memfd else str(tmp_path)) for path in used)
    assert not list(tmp_path.iterdir())


def test_who_is_trusted_needs_no_authority(pki: Pki, ours: Identity) -> None:
    """As in Java, whose trust stores often hold the certificates of the peers themselves."""
    peer = load_identity(Path(pki["server"]).read_bytes())
    server = server_context(trust=Trust(ours.chain), certificate=peer)
    assert agreed(pki, client_context(trust=Trust(peer.chain), certificate=ours), server).startswith("TLSv1.3")
    with pytest.raises(ConnectFailed, match="unable to get local issuer"):
        agreed(pki, client_context(trust=Trust(ours.chain), certificate=ours), server)


def test_stores_that_cannot_be_used(ours: Identity, authority: Trust) -> None:
    with pytest.raises(TlsSetupFailed, match="cannot use the trusted certificates: not enough data"):
        client_context(trust=Trust((b"no certificate",)))
    for key in (b"", b"no key", ours.key[:100], ours.key.replace(b"BEGIN ", b"BEGIN ENCRYPTED ")):
        with pytest.raises(TlsSetupFailed, match="cannot use the private key and its certificates"):
            client_context(trust=authority, certificate=Identity(key, ours.chain))
    with pytest.raises(TlsSetupFailed, match="cannot use the private key and its certificates: key values mismatch"):
        client_context(trust=authority, certificate=Identity(ours.key, authority.certificates))


def test_recipes_of_ones_own(pki: Pki) -> None:
    version = ssl.TLSVersion.TLSv1_2
    recipe = Recipe("AES128-SHA256:@SECLEVEL=2", version, version)
    assert agreed(pki, pki.client(recipe), pki.server(recipe)) == "TLSv1.2 AES128-SHA256"
    with pytest.raises(TlsSetupFailed, match="this OpenSSL cannot do NO-SUCH-SUITE: no cipher can be selected"):
        client_context(Recipe("NO-SUCH-SUITE", version, version))
