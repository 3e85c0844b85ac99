"""TLS between dcmups and upsscp: at once with the default stores, and one clear line on either side when it fails."""

from __future__ import annotations

import datetime
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dicomnet.keystores import load_identity, validity
from dicomnet.keystores.jks import write_jks
from tests.certificates import Authority
from tests.cli.options.tls import keys
from ups.cli import upsscp
from ups.cli.main import main
from ups.cli.processes import Server
from ups.cli.tls_options import SYSTEM

pytestmark = pytest.mark.once

Start = Callable[..., Server]


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Start]:
    """Starts ``upsscp`` or ``dcmups -L``, with a database of its own."""
    with ExitStack() as stack:

        def start(module: str, *words: str) -> Server:
            title = "SCP" if module == "ups.cli.upsscp" else "WATCHER"
            database = ("--db", str(tmp_path / "ups.db")) if title == "SCP" else ()
            server = Server(module, "-L", f"{title}@127.0.0.1:0", *database, *words)
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="module")
def scp(tmp_path_factory: pytest.TempPathFactory, data_home: Path) -> Iterator[Server]:
    """``upsscp -tls AES``, which looks at certificates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(data_home))
        words = ("--db", str(tmp_path_factory.mktemp("tls") / "ups.db"), "-tls", "AES", *ours())
        with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", *words) as server:
            yield server


def ours(name: str = "one") -> tuple[str, ...]:
    return "-keystore", str(keys().pem(name)), "-truststore", str(keys().authority)


def test_it_works_at_once_between_the_two(
    programs: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], files: Path
) -> None:
    """With the stores that are made on first use, events included."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "new"))
    announced = f"warning: these are test keys, which prove nothing to others: {tmp_path}/new/dicomnet/tls"
    watcher = programs("ups", "-tls", "AES")
    assert f"dcmups: {announced} (just made)" in watcher.said
    server = programs("ups.cli.upsscp", "-tls", "AES", "--peer", f"WATCHER=127.0.0.1:{watcher.port}")
    assert f"upsscp: {announced}" in server.said
    workitem_file = str(files / "create.xml")
    address = f"SCP@127.0.0.1:{server.port}"
    assert main(["subscribe", address, "-aet", "WATCHER", "-tls", "AES"]) == 0
    assert main(["create", address, "-f", workitem_file, "-iuid", "1.2.3", "-tls", "AES", "--tls-check-name"]) == 0
    assert capsys.readouterr().out == "1.2.3\n"
    assert "1.2.3" in watcher.block()[0]
    assert main(["find", address]) == 2


@pytest.mark.parametrize(
    ("words", "here", "there"),
    [
        pytest.param(
            ("-noclientauth", "-truststore", "CA"),
            "the peer wants a certificate, and none was shown (certificate required)",
            "the peer showed no certificate, and one is required",
            id="no client certificate",
        ),
        pytest.param(
            ("-keystore", "STRANGER", "-truststore", "CA"),
            "the peer does not trust who signed our certificate (unknown ca)",
            "the certificate of the peer was not accepted: unable to get local issuer certificate",
            id="wrong client certificate",
        ),
        pytest.param(
            ("-keystore", "EXPIRED", "-truststore", "CA"),
            "the peer says that our certificate has expired (certificate expired)",
            "the certificate of the peer was not accepted: certificate has expired",
            id="expired client certificate",
        ),
        pytest.param(
            ("-keystore", "ONE", "-truststore", "OTHER"),
            "the certificate of the peer was not accepted: self-signed certificate in certificate chain",
            "the peer does not trust who signed our certificate (unknown ca)",
            id="untrusted issuer",
        ),
        pytest.param(
            ("-keystore", "ONE", "-truststore", "CA", "-tls", "NULL"),
            "the peer found no suite that both allow, or misses our certificate (handshake failure)",
            "the peer offers no suite that we allow (no shared cipher)",
            id="nothing in common",
        ),
        pytest.param(
            ("--no-tls",),
            "the transport closed in Sta5, waiting for A-ASSOCIATE-AC or A-ASSOCIATE-RJ; if it expects TLS, -tls or "
            "--tls-profile says so",
            "the TLS handshake failed: the peer does not speak TLS here (wrong version number)",
            id="plain on a TLS port",
        ),
    ],
)
def test_both_sides_say_why(
    scp: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], here: str, there: str
) -> None:
    strangers = Authority(tmp_path, "strangers")
    files = {"CA": keys().authority, "OTHER": strangers.certificate, "ONE": keys().pem("one")}
    for name, content in (
        ("STRANGER", strangers.identity("stranger").joined),
        ("EXPIRED", keys().signer.identity("expired", days=(-9, -8)).joined),
    ):
        files[name] = tmp_path / name
        files[name].touch(mode=0o600)
        files[name].write_bytes(content)
    secured = () if "-tls" in words or "--no-tls" in words else ("-tls", "AES")
    said = [str(files.get(word, word)) for word in words]
    assert main(["find", f"SCP@127.0.0.1:{scp.port}", *secured, *said]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert [line.endswith(here) for line in lines] == [True], lines
    assert there in scp.hear("ended: ")


def test_a_name_that_does_not_fit(programs: Start, capsys: pytest.CaptureFixture[str]) -> None:
    server = programs("ups.cli.upsscp", "-tls", "AES", *ours("elsewhere"))
    command = ["find", f"SCP@127.0.0.1:{server.port}", "-tls", "AES", *ours()]
    assert main(command) == 0
    assert main([*command, "--tls-check-name"]) == 2
    assert "certificate is not valid for '127.0.0.1'" in capsys.readouterr().err
    server.hear("the peer does not accept our certificate (bad certificate)")


def test_tls_on_a_port_without(programs: Start, capsys: pytest.CaptureFixture[str]) -> None:
    server = programs("ups.cli.upsscp")
    assert main(["find", f"SCP@127.0.0.1:{server.port}", "-tls", "AES", *ours()]) == 2
    assert capsys.readouterr().err.endswith(
        "the TLS handshake failed: the peer does not speak TLS here (wrong version number)\n"
    )
    server.hear("no PDU has the type 0x16; this is TLS, which we do not speak here")


def test_a_listener_tells_of_peers_that_do_not_get_through(programs: Start, capsys: pytest.CaptureFixture[str]) -> None:
    watcher = programs("ups", "-tls", "AES", *ours())
    socket.create_connection(("127.0.0.1", watcher.port)).close()  # who only knocks is not worth a word
    assert main(["find", f"WATCHER@127.0.0.1:{watcher.port}"]) == 2
    assert watcher.hear("ended: ") == (
        "dcmups: connection 2 with 127.0.0.1 ended: the TLS handshake failed: the peer does not speak TLS here "
        "(wrong version number)"
    )
    plain = programs("ups")
    assert main(["find", f"WATCHER@127.0.0.1:{plain.port}", "-tls", "AES", *ours()]) == 2
    plain.hear("this is TLS, which we do not speak here")


def test_a_listener_asks_for_no_certificate_when_told_so(programs: Start) -> None:
    server = programs("ups.cli.upsscp", "-tls", "AES", "-noclientauth", *ours())
    assert "upsscp: warning: -truststore has no effect with -noclientauth" in server.said
    assert main(["find", f"SCP@127.0.0.1:{server.port}", "-tls", "AES", "-noclientauth", *ours()[2:]]) == 0


def test_a_listener_believes_the_system(programs: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(keys().authority))
    server = programs("ups.cli.upsscp", "-tls", "AES", *ours()[:2], "-truststore", SYSTEM)
    command = ["find", f"SCP@127.0.0.1:{server.port}", "-tls", "AES", *ours()]
    assert main(command) == 0
    assert main([*command, "-noclientauth"]) == 2


def test_event_reports_go_out_under_tls_only(
    programs: Start, workitem_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = programs("ups")
    server = programs("ups.cli.upsscp", "-tls", "AES", *ours(), "--peer", f"WATCHER=127.0.0.1:{plain.port}")
    for words in (["subscribe", "-aet", "WATCHER"], ["create", "-f", workitem_file, "-iuid", "1.2.4"]):
        assert main([words[0], f"SCP@127.0.0.1:{server.port}", *words[1:], "-tls", "AES", *ours()]) == 0
    server.hear("delivery failed: no connection to 127.0.0.1:")
    plain.hear("this is TLS, which we do not speak here")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("-tls", "BEST"), "-tls: 'BEST' is none of NULL, 3DES, AES"),
        (("-tls", "AES", "-ssl3"), "-ssl3: OpenSSL has no SSLv3 any more; the nearest is -tls1, from TLS 1.0 on"),
        (
            ("-tls", "AES", "-keystore", "/nonexistent"),
            "-keystore: cannot read /nonexistent: No such file or directory",
        ),
        (
            ("-tls", "AES", "-truststorepw", "x"),
            "-truststorepw: the password of resource:tls/mesa_certs.jks is wrong, or",
        ),
    ],
)
def test_upsscp_refuses_what_cannot_be_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], line: str
) -> None:
    assert upsscp.main(["-L", "SCP@127.0.0.1:0", "--db", str(tmp_path / "x.db"), *words]) == 1
    assert capsys.readouterr().err.startswith(f"upsscp: {line}")
    assert not (tmp_path / "x.db").exists()


@pytest.mark.parametrize(
    ("days", "words"), [((-9, -8), "expired on {end}"), ((3, 4), "is not valid before {begin}"), ((-1, 2), None)]
)
def test_a_certificate_of_ours_that_is_not_good_now_is_told_once(
    programs: Start, tmp_path: Path, days: tuple[int, int], words: str | None
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    path = tmp_path / "ours.pem"
    path.touch(mode=0o600)
    path.write_bytes(keys().signer.identity("dated", days=days).joined)
    begin, end = validity(load_identity(path.read_bytes()).chain[0])
    server = programs("ups.cli.upsscp", "-tls", "AES", "-keystore", str(path), "-truststore", str(keys().authority))
    found = [line for line in server.said if str(path) in line]
    if words is None:
        assert begin < now < end
        assert found == []
        return
    text = words.format(begin=f"{begin:%Y-%m-%d %H:%M} UTC", end=f"{end:%Y-%m-%d %H:%M} UTC")
    assert found == [f"upsscp: warning: our certificate in {path} {text}"]


def test_options_of_tls_without_tls_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", "X@127.0.0.1:1", "-keystore", "x", "--tls-check-name", "-tls1"]) == 2
    said = capsys.readouterr().err.splitlines()
    for name in ("-keystore", "--tls-check-name", "-tls1"):
        assert f"dcmups: warning: {name} has no effect without -tls or --tls-profile" in said


def test_a_source_of_a_setting_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DCMUPS_TLS", "AES")
    monkeypatch.setenv("DCMUPS_TRUSTSTORE_PASSWORD", "geheim")
    assert main(["find", "X@127.0.0.1:1"]) == 1
    (line, _) = capsys.readouterr().err.splitlines()
    assert line.endswith("changed the file (from the environment variable DCMUPS_TRUSTSTORE_PASSWORD)")
    assert "geheim" not in line


def test_a_certificate_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.jks"
    path.write_bytes(write_jks("secret", trusted=[("x", b"no certificate")]))
    assert main(["find", "X@127.0.0.1:1", "-tls", "AES", "-truststore", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"dcmups: -truststore {path}: cannot use the trusted certificates: ")
    name, key, _ = keys().key("one")
    path.write_bytes(write_jks("secret", keys=[(name, key, keys().key("two")[2])]))
    os.chmod(path, 0o600)
    assert main(["find", "X@127.0.0.1:1", "-tls", "AES", "-keystore", str(path)]) == 1
    reason = "cannot use the private key and its certificates: key values mismatch"
    assert capsys.readouterr().err.startswith(f"dcmups: -keystore {path}: {reason}\n")
