"""``dcmups tls-check``: what is told of peers of every kind, and how the command ends."""

from __future__ import annotations

import datetime
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import Authority
from tests.cli.options.tls import keys, old_peer, peer
from ups.cli.main import main
from ups.cli.tls_certificate import certificate_lines
from ups.cli.tls_options import SYSTEM
from ups.scp.service import UpsService
from ups.scp.store import MemoryStore
from ups.server import UpsServer

pytestmark = pytest.mark.once

Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A UPS SCP under this TLS context; its port."""
    with ExitStack() as stack:

        def start(tls: ssl.SSLContext | None) -> int:
            service = UpsService(MemoryStore(), ae_title="SCP", knows_ae=lambda _: False)
            return stack.enter_context(UpsServer(service, ae_title="SCP", tls=tls)).endpoint.port

        yield start


class Checked:
    """One run of the command."""

    def __init__(self, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
        capsys.readouterr()
        self.status = main(["tls-check", *words])
        self.out, said = capsys.readouterr()
        # The server is in this process, and what it says of our offers is not the command's.
        self.err = "".join(line for line in said.splitlines(True) if not line.startswith("dcmups: connection "))
        self.lines: dict[str, list[str]] = {}
        label = ""
        for line in self.out.splitlines():
            label = line[:20].strip() or label
            self.lines.setdefault(label, []).append(line[20:])

    def __getitem__(self, label: str) -> str:
        (text,) = self.lines[label]
        return text


Check = Callable[..., Checked]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """``tls-check`` of a port, with our keys."""

    def run(port: int, *words: str, host: str = "127.0.0.1", ours: bool = True) -> Checked:
        stores = ["-truststore", str(keys().authority), "-keystore", str(keys().pem("one"))] if ours else []
        return Checked(capsys, [f"{host}:{port}", *words, *stores])

    return run


def test_all_is_well(serve: Serve, check: Check) -> None:
    told = check(serve(peer()))
    assert told.status == 0
    assert told.err == ""
    assert told.lines["TLS 1.3"][0] == "TLS_AES_256_GCM_SHA384"
    assert told.lines["TLS 1.2"] == [
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ]
    assert [told[version] for version in ("TLS 1.1", "TLS 1.0", "SSL 3.0")] == ["no"] * 3
    assert told["would do"].startswith("-tls AES; --tls-profile bcp195, bcp195-modified, ")
    assert "null" not in told["would do"]
    assert told["our certificate"] == "asked for, not required"
    assert (told["subject"], told["issuer"]) == ("CN=peer", "CN=authority")
    assert told["valid"].endswith(" UTC: 1 day left")
    assert told["names"] == "DNS localhost, IP 127.0.0.1"
    assert told["key"] == "RSA, 2048 bits; signed by sha256WithRSAEncryption"
    der = x509.load_pem_x509_certificate(keys().pem("peer").read_bytes()).public_bytes(Encoding.DER)
    assert told["SHA-256"].replace(":", "").lower() == hashlib.sha256(der).hexdigest()
    assert told["trust"] == f"believed with {keys().authority}"
    assert told["host name"] == "fits 127.0.0.1"
    assert told["-tls AES"] == "works: TLSv1.3 TLS_AES_256_GCM_SHA384"


@pytest.mark.parametrize(
    ("asks", "words", "status", "demand", "end"),
    [
        ("require", (), 0, "required", "works: "),
        ("require", ("-noclientauth",), 2, "required", "does not work: TLS failed: the peer wants a certificate"),
        ("none", ("-noclientauth",), 0, "not asked for", "works: "),
    ],
)
def test_certificates_of_ours(
    serve: Serve, check: Check, asks: str, words: tuple[str, ...], status: int, demand: str, end: str
) -> None:
    told = check(serve(peer(asks=asks)), *words)
    assert (told.status, told["our certificate"]) == (status, demand)
    assert told["-tls AES"].startswith(end)
    assert told["trust"].startswith("believed with ")


def test_a_certificate_of_ours_that_the_peer_does_not_take(serve: Serve, check: Check, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(Authority(tmp_path, "strangers").identity("stranger").joined)
    words = ("-keystore", str(stranger), "-truststore", str(keys().authority))
    told = check(serve(peer(asks="require")), *words, ours=False)
    assert told.status == 2
    assert (
        told["-tls AES"] == "does not work: TLS failed: the peer does not trust who signed our certificate (unknown ca)"
    )
    assert told["trust"].startswith("believed with ")


def test_an_issuer_that_is_not_believed(
    serve: Serve, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority(tmp_path, "other").certificate
    port = serve(peer())
    told = check(port, "-truststore", str(other), "-noclientauth", ours=False)
    assert told.status == 2
    assert told["trust"] == f"not believed with {other}: self-signed certificate in certificate chain"
    assert told["host name"] == "fits 127.0.0.1"
    assert told["-tls AES"].startswith(
        "does not work: the TLS handshake failed: the certificate of the peer was not acc"
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(keys().authority))
    told = check(port, "-truststore", SYSTEM, "-noclientauth", ours=False)
    assert (told.status, told["trust"]) == (0, "believed with what the system trusts")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    told = check(port, "-truststore", SYSTEM, "-noclientauth", ours=False)
    assert told.status == 2
    assert told["trust"].startswith("not believed with what the system trusts: ")


def test_who_is_trusted_without_an_authority(serve: Serve, check: Check, tmp_path: Path) -> None:
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes((keys().folder / "peer.pem").read_bytes())
    told = check(serve(peer()), "-truststore", str(leaf), "-noclientauth", ours=False)
    assert (told.status, told["trust"]) == (0, f"believed with {leaf}")


def test_an_expired_certificate_with_another_name(serve: Serve, check: Check, tmp_path: Path) -> None:
    expired = keys().signer.identity("gone", host="elsewhere.invalid", days=(-9, -8))
    (keys().folder / "gone.joined").write_bytes(expired.joined)
    told = check(serve(peer(shows="gone")), "-noclientauth")
    assert told.status == 2
    assert told["valid"].endswith(": expired 8 days ago")
    assert told["trust"].endswith(": certificate has expired")
    assert told["host name"].startswith("does not fit: IP address mismatch, certificate is not valid for '127.0.0.1'")


def test_a_name_counts_when_it_is_asked_for(serve: Serve, check: Check) -> None:
    port = serve(peer(shows="elsewhere"))
    told = check(port)
    assert told.status == 0
    assert told["host name"].startswith("does not fit: ")
    assert check(port, "--tls-check-name").status == 2
    assert check(port, host="localhost")["host name"].startswith("does not fit: Hostname mismatch, ")


def test_old_devices(serve: Serve, check: Check) -> None:
    told = check(serve(old_peer()))
    assert told.status == 2
    assert [told[version] for version in ("TLS 1.3", "TLS 1.2")] == ["no", "no"]
    assert told["TLS 1.1"] == told["TLS 1.0"] == "TLS_RSA_WITH_AES_128_CBC_SHA"
    assert told["would do"] == "--tls-profile bcp195-rfc7525, aes"
    assert told["trust"].startswith("believed with ")
    assert told["-tls AES"].startswith("does not work: the TLS handshake failed: ")
    told = check(serve(peer("null")), "-tls", "NULL")
    assert told.status == 0
    assert told["would do"] == "-tls NULL; --tls-profile null"
    assert told["-tls NULL"] == "works: TLSv1.2 NULL-SHA"
    assert "warning: -tls NULL: nothing is secret" in told.err


def test_a_port_without_tls(serve: Serve, check: Check) -> None:
    port = serve(None)
    told = check(port)
    assert (told.status, told.out, told.err) == (2, "", f"dcmups: 127.0.0.1:{port} does not speak TLS\n")


def test_nobody_there(check: Check) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        told = check(port)
    text = f"dcmups: 127.0.0.1:{port}: no connection to 127.0.0.1:{port}: Connection refused\n"
    assert (told.status, told.out, told.err) == (2, "", text)


def test_somebody_silent(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        told = check(port, "-acceptTO", "100")
    text = f"127.0.0.1:{port} did not finish its answer within 0.1 s (-acceptTO)"
    assert (told.status, told.out, told.err) == (4, "", f"dcmups: 127.0.0.1:{port}: {text}\n")


def test_a_port_is_behind_the_brackets_of_an_ipv6_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tls-check", "[::1]:1"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("dcmups: [::1]:1: no connection to [::1]:1: ")


def test_somebody_who_takes_nothing(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        port = rude.getsockname()[1]

        def hang_up() -> None:
            for _ in range(5):
                with rude.accept()[0] as sock:
                    sock.recv(1000)

        thread = threading.Thread(target=hang_up)
        thread.start()
        told = check(port)
        thread.join()
    text = f"dcmups: 127.0.0.1:{port} accepts no version and no suite of TLS that was offered\n"
    assert (told.status, told.out, told.err) == (2, "", text)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "tls-check needs the address of the peer: HOST:PORT"),
        (["h:1", "x"], "unexpected word 'x'"),
        (["h"], "tls-check: 'h' needs a port from 1 to 65535"),
        (["h:0"], "tls-check: 'h:0' needs a port from 1 to 65535"),
        (["h:x"], "tls-check: 'x' in 'h:x' is no port number (0 to 65535)"),
        (["@nobody"], "@nobody: there is no [ae.nobody] in a configuration file, for there is none"),
        (["h:1", "-keystore", "/nonexistent"], "-keystore: cannot read /nonexistent: No such file or directory"),
    ],
)
def test_bad_input(words: list[str], line: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("DICOMNET_CONFIG", "")
    told = Checked(capsys, words)
    assert (told.status, told.out) == (1, "")
    assert told.err == f"dcmups: {line}\ndcmups: Try 'dcmups -h' for more information.\n"


def test_an_alias_with_its_settings(
    serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[ae.ris]\naddress = "RIS@127.0.0.1:{serve(peer("null"))}"\ntls = "NULL"\nnoclientauth = true\n'
        f'truststore = "{keys().authority}"\naet = "X"\n'
    )
    monkeypatch.setenv("DICOMNET_CONFIG", str(path))
    told = Checked(capsys, ["@ris", "-iuid", "1.2", "-findprior", "LOW", "-rspTO", "1", "--color", "never"])
    assert told.status == 0
    assert told["-tls NULL"].startswith("works: ")
    for name in ("-iuid", "-findprior", "-rspTO", "--color"):
        assert f"warning: {name} has no effect on tls-check\n" in told.err
    assert "-aet" not in told.err


def test_certificates_that_are_odd() -> None:
    assert next(certificate_lines(b"no certificate"))[1].startswith("it cannot be read: ")
    authority = x509.load_pem_x509_certificate(keys().authority.read_bytes())
    lines = dict(certificate_lines(authority.public_bytes(Encoding.DER)))
    assert lines["issuer"] == "CN=authority (itself)"
    assert lines["names"] == "none"
    early = authority.not_valid_before_utc - datetime.timedelta(days=3)
    assert dict(certificate_lines(authority.public_bytes(Encoding.DER), early))["valid"].endswith(": not yet")
