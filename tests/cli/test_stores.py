"""Key stores and trust stores of the command line: passwords from everywhere, and stores from servers."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shlex
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dicomnet.keystores.jks import write_jks
from tests.cli.options.tls import keys
from ups.cli import passwords, stores
from ups.cli.options import PROGRAM
from ups.cli.reading import Reading, read
from ups.cli.stores import Stores
from ups.cli.tls_options import TlsWishes, wishes
from ups.cli.words import UsageError

pytestmark = pytest.mark.once


def wished(text: str) -> TlsWishes:
    reading = read(PROGRAM, shlex.split(text))
    assert isinstance(reading, Reading)
    return wishes(reading)[0]


def opened(text: str) -> Stores:
    return Stores(wished(f"-tls AES {text}"))


@pytest.fixture
def jks(tmp_path: Path) -> Path:
    """A store under ``outer``, with a key under ``inner``."""
    path = tmp_path / "us.jks"
    path.write_bytes(write_jks("outer", keys=[keys().key("one")], key_password="inner"))
    path.chmod(0o600)
    return path


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Puts somebody at the terminal who gives these answers; what they were asked."""
    asked: list[str] = []

    def sit(*given: str) -> list[str]:
        waiting = iter(given)

        def answer(what: str) -> str:
            asked.append(what)
            return next(waiting)

        monkeypatch.setattr(stores, "ask", answer)
        monkeypatch.setattr(passwords, "ask", answer)
        monkeypatch.setattr(stores, "is_interactive", lambda: True)
        return asked

    return sit


def test_who_sits_at_the_terminal_is_asked_for_what_is_missing(jks: Path, answers: Callable[..., list[str]]) -> None:
    asked = answers("outer", "inner")
    assert opened(f"-keystore {jks}").identity().alias == "one"
    assert asked == [str(jks), f"the key in {jks}"]


def test_nobody_is_asked_for_what_is_known(jks: Path, answers: Callable[..., list[str]]) -> None:
    asked = answers("inner")
    assert opened(f"-keystore {jks} -keystorepw outer").identity().alias == "one"
    assert asked == [f"the key in {jks}"]
    assert opened(f"-keystore {jks} -keystorepw outer -keypw inner").identity().alias == "one"
    assert opened("").identity().alias == "test_sys_1"
    assert opened("").trust().certificates
    assert len(asked) == 1


def test_a_dash_asks_before_anything_is_tried(jks: Path, answers: Callable[..., list[str]]) -> None:
    asked = answers("outer", "inner", "secret")
    assert opened(f"-keystore {jks} -keystorepw - -keypw -").identity().alias == "one"
    assert opened("-truststorepw -").trust().certificates
    assert asked == [str(jks), f"the key in {jks}", "resource:tls/mesa_certs.jks"]


def test_a_wrong_answer_is_the_end(jks: Path, answers: Callable[..., list[str]]) -> None:
    answers("wrong")
    with pytest.raises(UsageError, match=f"^-keystore: the password of {jks} is wrong, or somebody has changed the"):
        opened(f"-keystore {jks}").identity()
    answers("wrong")
    with pytest.raises(UsageError, match=f"^-keystorepw: the password of {jks} is wrong"):
        opened(f"-keystore {jks} -keystorepw -").identity()


def test_a_password_is_never_shown() -> None:
    assert "geheim" not in repr(wished("-keystorepw geheim -keypw geheim -truststorepw geheim"))


ASKING = """
import sys
from ups.cli.passwords import ask, is_interactive
from ups.cli.words import UsageError
try:
    print("got", ask("the \\x1bstore"), is_interactive())
except UsageError as error:
    print(error)
"""


def test_asking_at_a_terminal() -> None:
    master, slave = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", ASKING],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    heard = b""

    def hear(text: bytes) -> None:
        nonlocal heard
        while text not in heard:
            assert select.select([master], [], [], 60)[0], heard
            heard += os.read(master, 1000)

    try:
        hear(b"Password of the \\x1bstore: ")
        os.write(master, b"geheim\n")
        hear(b"got geheim True")
        assert program.wait(60) == 0
    finally:
        program.kill()
        program.wait()
        os.close(master)
    assert heard.count(b"geheim") == 1  # what the program printed, and no echo


def test_without_a_terminal_nobody_is_asked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASKING],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "the password of the \\x1bstore is to be asked for, but there is no terminal\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xff\n", "its first line is no UTF-8"),
        (b"x" * 5000, "its first line is longer than 4096 bytes"),
        (None, "Is a"),
    ],
)
def test_files_that_hold_no_password(tmp_path: Path, content: bytes | None, text: str) -> None:
    path = tmp_path / "word"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UsageError, match=f"^--truststore-password-file: cannot read a password from {path}: {text}"):
        opened(f"--truststore-password-file {path}").trust()


def test_test_keys_are_announced_once() -> None:
    both = opened("")
    both.identity()
    both.trust()
    assert [warning.partition(",")[0] for warning in both.warnings] == ["these are test keys"]


def test_test_keys_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null")
    with pytest.raises(UsageError, match=r"^-keystore: no test keys can be made in /dev/null/dicomnet/tls: Not a dir"):
        opened("").identity()


class Shelf(BaseHTTPRequestHandler):
    """Hands out the files of the tests' authority."""

    def do_GET(self) -> None:
        path = keys().folder / self.path.strip("/")
        self.send_response(200 if path.is_file() else 404)
        self.end_headers()
        self.wfile.write(path.read_bytes() if path.is_file() else b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    with HTTPServer(("127.0.0.1", 0), Shelf) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_stores_of_a_server(shelf: str) -> None:
    fetched = opened(f"-keystore {shelf}/one.joined -truststore {shelf}/authority.pem")
    assert fetched.identity() == keys().identity("one")
    assert fetched.trust().pem() == keys().authority.read_bytes()
    assert fetched.warnings == [
        f"-keystore {shelf}/one.joined: anybody on its way can change what comes",
        f"-truststore {shelf}/authority.pem: anybody on its way can change what comes",
    ]
    with pytest.raises(UsageError, match=f"^-truststore: cannot read {shelf}/none: the server answered 404 Not Found$"):
        opened(f"-truststore {shelf}/none").trust()
