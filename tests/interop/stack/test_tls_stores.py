"""Key stores of every kind, with and without certificates of clients, between upsscp, dcmups, DCMTK and OpenSSL.

In every case the same two identities are in stores of one kind after the other; those of the kind ``keytool`` were made
by a JDK's. In DCMTK 3.6.7 echoscu and storescp speak TLS.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from dicomnet.keystores.jks import write_jks
from tests.certificates import Authority, Identity
from ups.cli.main import main

from ..processes import PATIENCE, Program, UpsScp, environment
from .peers import HOST, DcmtkServer, run_tool

pytestmark = pytest.mark.once

KINDS = ["pem", "pkcs12", "jks", "keytool"]
WAYS = ["mutual", "server only"]
PASSWORD = "changeit"


@dataclass(frozen=True)
class Side:
    """Stores of one kind: who we are and whom we believe, as options."""

    key_store: Path
    trust_store: Path

    def words(self, way: str, *, listens: bool = False) -> tuple[str, ...]:
        """``server only``: who calls shows nothing, who listens asks for nothing."""
        word = str(self.key_store.parent / "word")
        keys = ("-keystore", str(self.key_store), "--keystore-password-file", word)
        trust = (
            "-truststore",
            str(self.trust_store),
            "--truststore-password-file",
            str(self.key_store.parent / "word"),
        )
        if way == "mutual":
            return ("-tls", "AES", *keys, *trust)
        return ("-tls", "AES", "-noclientauth", *(keys if listens else trust))


@dataclass(frozen=True)
class Cast:
    """Everybody: ``ours`` and ``theirs`` are of one authority."""

    folder: Path
    authority: Authority
    ours: Identity
    theirs: Identity

    @property
    def trust(self) -> str:
        return str(self.authority.certificate)


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    folder = tmp_path_factory.mktemp("stores")
    authority = Authority(folder, "authority")
    (folder / "word").touch(mode=0o600)
    (folder / "word").write_text(f"{PASSWORD}\n")
    return Cast(folder, authority, authority.identity("ours"), authority.identity("theirs"))


@pytest.fixture(scope="module")
def made(cast: Cast, missing: Callable[[str], NoReturn]) -> Callable[[str], Side]:
    """Our stores of a kind, made when they are first wanted."""
    key = serialization.load_pem_private_key(cast.ours.key.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(cast.ours.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(cast.authority.certificate.read_bytes())
    encoding = serialization.Encoding.DER

    def write(name: str, content: bytes) -> Path:
        path = cast.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path

    def of(kind: str) -> Side:
        lock = serialization.BestAvailableEncryption(PASSWORD.encode())
        if kind == "pem":
            form = serialization.PrivateFormat.PKCS8
            text = key.private_bytes(serialization.Encoding.PEM, form, lock) + cast.ours.certificate.read_bytes()
            return Side(write("us.pem", text), cast.authority.certificate)
        if kind == "pkcs12":
            ours = pkcs12.serialize_key_and_certificates(b"us", key, certificate, None, lock)  # type: ignore[arg-type]
            theirs = pkcs12.serialize_key_and_certificates(None, None, None, [authority], lock)
            return Side(write("us.p12", ours), write("ca.p12", theirs))
        if kind == "jks":
            form = serialization.PrivateFormat.PKCS8
            plain = key.private_bytes(encoding, form, serialization.NoEncryption())
            ours = write_jks(PASSWORD, keys=[("us", plain, [certificate.public_bytes(encoding)])])
            return Side(
                write("us.jks", ours),
                write("ca.jks", write_jks(PASSWORD, trusted=[("ca", authority.public_bytes(encoding))])),
            )
        return by_keytool(of("pkcs12"))

    def by_keytool(source: Side) -> Side:
        path = shutil.which("keytool") or missing("there is no JDK's keytool on the path")
        side = Side(cast.folder / "us.keytool", cast.folder / "ca.keytool")
        common = [path, "-noprompt", "-storepass", PASSWORD, "-keystore"]
        keys = ["-importkeystore", "-srckeystore", str(source.key_store), "-srcstorepass", PASSWORD]
        trust = ["-importcert", "-alias", "ca", "-storetype", "JKS", "-file", cast.trust]
        for store, words in ((side.key_store, [*keys, "-deststoretype", "JKS"]), (side.trust_store, trust)):
            subprocess.run(
                [*common[:1], *words, *common[1:], str(store)],
                check=True,
                capture_output=True,
                timeout=PATIENCE,
                env={**os.environ, "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"},
            )
            store.chmod(0o600)
        return side

    sides: dict[str, Side] = {}
    return lambda kind: sides.get(kind) or sides.setdefault(kind, of(kind))


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def side(made: Callable[[str], Side], kind: str) -> Side:
    return made(kind)


# -- upsscp listens --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scp(side: Side, way: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpsScp]:
    """upsscp with stores of one kind."""
    server = UpsScp(tmp_path_factory.mktemp("upsscp") / "ups.db", *side.words(way, listens=True))
    try:
        yield server
        assert server.stop() == 0
        server.check_healthy()
        assert not [line for line in server.err if "warning" in line]
    finally:
        server.kill()


def test_dcmups_asks_upsscp(scp: UpsScp, side: Side, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", scp.address, *side.words(way)]) == 0
    assert capsys.readouterr().err == "dcmups: find: no match\n"
    others = "server only" if way == "mutual" else "mutual"
    assert main(["find", scp.address, *side.words(others)]) == (2 if way == "mutual" else 0)


def test_dcmtk_asks_upsscp(scp: UpsScp, way: str, cast: Cast, dcmtk: Callable[[str], str]) -> None:
    words = cast.theirs.words if way == "mutual" else ("+tla",)
    done = run_tool(dcmtk("echoscu"), "-v", *words, "+cf", cast.trust, "-aec", scp.title, HOST, str(scp.port))
    assert done.returncode == 0, done.stdout
    assert "Received Echo Response (Success)" in done.stdout
    if way == "mutual":
        done = run_tool(dcmtk("echoscu"), "+tla", "+cf", cast.trust, "-aec", scp.title, HOST, str(scp.port))
        assert done.returncode != 0


def test_openssl_asks_upsscp(scp: UpsScp, way: str, cast: Cast, openssl: str) -> None:
    shown = ["-cert", str(cast.theirs.certificate), "-key", str(cast.theirs.key)]
    command = [openssl, "s_client", "-connect", f"{HOST}:{scp.port}", "-CAfile", cast.trust, "-verify_return_error"]
    for version in ("-tls1_2", "-tls1_3"):
        words = [*command, version, *(shown if way == "mutual" else [])]
        done = subprocess.run(words, input="Q\n", capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        assert "Verify return code: 0 (ok)" in done.stdout
    if way == "mutual":  # in TLS 1.3 it would not wait to hear what we think of it
        words = [*command, "-tls1_2"]
        done = subprocess.run(words, input="Q\n", capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode != 0


# -- dcmups calls ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openssl(missing: Callable[[str], NoReturn]) -> str:
    return shutil.which("openssl") or missing("there is no openssl on the path")


@pytest.fixture(scope="module")
def storescp(way: str, cast: Cast, dcmtk: Callable[[str], str]) -> Iterator[DcmtkServer]:
    """DCMTK's storescp, which asks for a certificate or does not."""
    asks = "-rc" if way == "mutual" else "-ic"
    with DcmtkServer(dcmtk("storescp"), *cast.theirs.words, "+cf", cast.trust, asks) as server:
        yield server


@pytest.fixture(scope="module")
def s_server(way: str, cast: Cast, openssl: str) -> Iterator[int]:
    """OpenSSL's, on a port of its choice."""
    shown = ["-cert", str(cast.theirs.certificate), "-key", str(cast.theirs.key), "-CAfile", cast.trust]
    asks = ["-Verify", "1", "-verify_return_error"] if way == "mutual" else []
    with ExitStack() as stack:
        program = Program(openssl, "s_server", "-accept", f"{HOST}:0", "-www", *shown, *asks, env=environment())
        stack.callback(program.kill)
        yield int(program.wait_for(r"^ACCEPT .*:(\d+)$", "out")[1])


def test_dcmups_asks_dcmtk(storescp: DcmtkServer, side: Side, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It gets through TLS to an SCP that has no UPS."""
    address = f"DCMTK@{HOST}:{storescp.port}"
    assert main(["find", address, *side.words(way)]) == 2
    assert " accepts no presentation context for " in capsys.readouterr().err
    assert main(["tls-check", address, *side.words(way)]) == 0
    if way == "mutual":
        assert main(["find", address, *side.words("server only")]) == 2
        assert "the peer " in capsys.readouterr().err


def test_dcmups_asks_openssl(s_server: int, side: Side, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tls-check", f"{HOST}:{s_server}", "--tls-check-name", *side.words(way)]) == 0
    told = capsys.readouterr().out
    assert f"believed with {side.trust_store}" in told
    assert "-tls AES            works: TLSv1.3 " in told
    demand = "required" if way == "mutual" else "not asked for"
    assert f"our certificate     {demand}\n" in told
