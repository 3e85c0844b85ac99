"""``upsscp``: its grammar, its readiness line, its database, its end."""

from __future__ import annotations

import signal
import socket
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from dicomnet import uids
from dicomnet.ul import ProposedContext, RequestOptions, build_request
from dicomnet.wire import encode_pdu
from ups.cli import server_parser, serving, upsscp
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.main import main
from ups.cli.processes import Server, StuckError
from ups.cli.words import UsageError

pytestmark = pytest.mark.once


def parsed(*words: str) -> server_parser.ServerLine:
    line = server_parser.parse(words)
    assert isinstance(line, server_parser.ServerLine)
    return line


def test_the_command_line_names_title_address_database_and_peers() -> None:
    words = ("-L", "SCP@localhost:0", "--db", "x.db", "--peer", "A=h1:1", "--peer=B=[::1]:2", "-v")
    line = parsed(*words)
    assert line.local == LocalAddress("SCP", "localhost", 0)
    assert line.database == "x.db"
    assert line.peers == (PeerAddress("A", "h1", 1), PeerAddress("B", "::1", 2))
    assert line.verbose == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "-L AET[@HOST]:PORT is needed, with a port"),
        (("-L", "SCP"), "-L AET[@HOST]:PORT is needed, with a port"),
        (("-L", "SCP:x"), "-L: 'x' in 'SCP:x' is no port number"),
        (("-L", "SCP:0", "word"), "unexpected word 'word'"),
        (("-L", "SCP:0", "--peer", "A"), "--peer: 'A' is not AET=host:port"),
        (("-L", "SCP:0", "--peer", "A=h:1", "--peer", "A=h:2"), "--peer: A has two addresses"),
        (("-L", "SCP:0", "--db", ""), "--db: the name is empty"),
        (("-L", "SCP:0", "--pee", "A=h:1"), "unknown option --pee"),
    ],
)
def test_bad_usage_names_the_option(words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(*words)
    assert str(caught.value).startswith(message)
    assert upsscp.main(words) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"upsscp: {message}")
    assert lines[1:] == ["upsscp: Try 'upsscp -h' for more information."]


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert upsscp.main(["-h"]) == 0
    assert capsys.readouterr().out.startswith("usage: upsscp -L")
    assert upsscp.main(["-V"]) == 0
    assert capsys.readouterr().out.startswith("upsscp ")


def test_the_default_database_is_in_the_users_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert serving.default_database() == tmp_path / "dicomnet" / "upsscp.db"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert serving.default_database() == tmp_path / "home" / ".local" / "share" / "dicomnet" / "upsscp.db"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_says_where_it_listens_and_ends_at_a_signal(tmp_path: Path, number: int, status: int) -> None:
    with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", "--db", str(tmp_path / "x.db")) as server:
        assert server.said[-1] == f"upsscp: SCP listening on 127.0.0.1:{server.port}"
        assert server.port > 0
        assert main(["find", f"SCP@127.0.0.1:{server.port}"]) == 0
        assert server.end(number) == status
    assert server.rest() == []
    assert all(line.startswith("upsscp: ") for line in server.said)


def test_workitems_outlive_the_program(tmp_path: Path, workitem_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0") as server:
        assert main(["create", f"SCP@127.0.0.1:{server.port}", "-f", workitem_file, "-iuid", "1.2.3"]) == 0
        assert server.end() == 0
    database = tmp_path / "data" / "dicomnet" / "upsscp.db"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0") as server:
        assert main(["get", f"SCP@127.0.0.1:{server.port}", "-iuid", "1.2.3"]) == 0


def test_a_database_url_is_taken(tmp_path: Path) -> None:
    with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", "--db", f"sqlite:///{tmp_path}/x.db"):
        assert (tmp_path / "x.db").exists()


def test_a_database_that_cannot_be_used_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "noise").write_bytes(b"not a database" * 100)
    for name in (tmp_path / "none" / "x.db", tmp_path, tmp_path / "noise"):
        assert upsscp.main(["-L", "SCP@127.0.0.1:0", "--db", str(name)]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith(f"upsscp: --db {name}: ")
        assert len(lines) == 2


@pytest.mark.parametrize(
    "name",
    [
        ":memory:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite+pysqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:x?mode=memory&uri=true",
    ],
)
def test_a_database_in_memory_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert upsscp.main(["-L", "SCP@127.0.0.1:0", "--db", name]) == 1
    reason = "a database in memory would lose the workitems when the program ends"
    assert capsys.readouterr().err.splitlines()[0] == f"upsscp: --db {name}: {reason}"
    assert not list(tmp_path.iterdir())


def test_a_database_url_with_a_port_that_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert upsscp.main(["-L", "SCP@127.0.0.1:0", "--db", "postgresql://host:port/db"]) == 1
    assert capsys.readouterr().err.startswith("upsscp: --db postgresql://host:port/db: not a database URL\n")


def test_a_password_in_a_database_url_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert upsscp.main(["-L", "SCP@127.0.0.1:0", "--db", "nosuch://user:hidden@host/db"]) == 1
    err = capsys.readouterr().err
    assert "hidden" not in err
    assert "nosuch://user:***@host/db" in err


def test_a_port_in_use_is_exit_2(tmp_path: Path) -> None:
    database = str(tmp_path / "x.db")
    with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", "--db", database) as server:
        with pytest.raises(StuckError, match=f"upsscp: cannot listen on 127.0.0.1:{server.port}"):
            Server("ups.cli.upsscp", "-L", f"SCP@127.0.0.1:{server.port}", "--db", database)
        assert upsscp.main(["-L", f"SCP@127.0.0.1:{server.port}", "--db", database]) == 2


def test_another_title_is_rejected_and_the_log_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", "--db", str(tmp_path / "x.db")) as server:
        assert main(["find", f"OTHER@127.0.0.1:{server.port}"]) == 2
        assert "called AE title not recognized" in capsys.readouterr().err
        server.hear("called AE title not recognized")


def test_the_log_holds_no_patient_data(tmp_path: Path, workitem_file: str) -> None:
    with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", "--db", str(tmp_path / "x.db")) as server:
        address = f"SCP@127.0.0.1:{server.port}"
        assert main(["create", address, "-f", workitem_file, "-iuid", "1.2.3"]) == 0
        assert main(["create", address, "-f", workitem_file, "-iuid", "1.2.3"]) == 3
        assert main(["find", address, "-q", "PatientName=Demo*"]) == 0
        assert server.end() == 0
    assert not [line for line in server.said if "Demo" in line or "DEMO-1" in line]
    with sqlite3.connect(tmp_path / "x.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


HOSTILE = ("\x1b[2J\x1b[31mX", "A\nupsscp: x", "A\rB\x08\x08\x07", "\x9b31m\x85\x0b\x0c\x1cB", "\u00ad\x00\x7f" * 5)


@pytest.mark.parametrize("title", HOSTILE)
@pytest.mark.parametrize("program", ["upsscp", "dcmups"])
def test_a_hostile_title_never_reaches_the_terminal(program: str, title: str, tmp_path: Path) -> None:
    if program == "upsscp":
        server = Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", "--db", str(tmp_path / "x.db"), "-v", "-v")
        sop_class = uids.UPS_PULL
    else:
        server = Server("ups", "-L", "SCP@127.0.0.1:0", "-vv")
        sop_class = uids.UPS_EVENT
    contexts = (ProposedContext(sop_class, (uids.IMPLICIT_VR_LE,)),)
    with server:
        for called in ("SCP", title):
            request = replace(build_request(RequestOptions(called, "X", contexts)), calling_ae_title=title)
            with socket.create_connection(("127.0.0.1", server.port), 20) as peer:
                peer.sendall(encode_pdu(request) + b"\x07\0\0\0\0\x04\0\0\0\0")
                while peer.recv(4096):
                    pass
        server.end()
    for line in server.said:
        assert line.startswith(f"{program}: ")
        assert line.isprintable(), line
        assert not line.startswith("upsscp: x"), "a line of the peer's making"
