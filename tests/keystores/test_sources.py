"""Where stores come from: paths, ``file:``, and servers that answer, refuse, mislead, flood or say nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dicomnet.drivers.tls import server_context
from dicomnet.keystores import KeyStoreError, sources
from tests.certificates import Authority

pytestmark = pytest.mark.once

Serve = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the machine's stands between us and loopback."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serves GET by a function; the URL of its root."""
    with ExitStack() as stack:

        def start(answer: Serve, *, tls: bool = False) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    answer(self)

                def log_message(self, *_: object) -> None:
                    pass

            server = HTTPServer(("127.0.0.1", 0), Handler)
            server.handle_error = lambda *_: None  # type: ignore[method-assign]
            if tls:
                authority = Authority.in_folder(tmp_path / "pki", "authority")
                identity = authority.identity("server")
                context = server_context(certificate=identity.certificate, key=identity.key, client_certificates="none")
                server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            stack.callback(server.server_close)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            thread.start()
            return f"http{'s' * tls}://127.0.0.1:{server.server_port}"

        yield start


def giving(content: bytes, status: int = 200, **headers: str) -> Serve:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@pytest.mark.parametrize("name", ["store.p12", "a:b c.p12", "ü%41.p12", "-"])
def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes(b"content")
    monkeypatch.chdir(tmp_path)
    for where in (name, str(tmp_path / name), (tmp_path / name).as_uri(), f"FILE:{(tmp_path / name).as_uri()[7:]}"):
        assert sources.read(where) == b"content"
        assert not sources.is_remote(where)
    assert sources.read(f"file://localhost{(tmp_path / name).as_uri()[7:]}") == b"content"


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("none.p12", "cannot read none.p12: No such file or directory"),
        ("/", "cannot read /: Is a directory"),
        ("a\0b", "cannot read a\0b: embedded null byte"),
        ("file:", "file: names no file of this machine"),
        ("file://elsewhere/x", "file://elsewhere/x names no file of this machine"),
        ("file:/x?y", "names no file"),
        ("file://[x/y", "is no URL"),
        ("ftp://host/x", "only file:, http: and https: URLs"),
        ("resource://x", "only file:, http: and https: URLs"),
        ("http://", "cannot read http://: no host given"),
        ("http://[x/y", "cannot read http://.x/y: Invalid IPv6 URL"),
        ("http://127.0.0.1:x/", "cannot read http://127.0.0.1:x/"),
        ("http://a b/", "cannot read http://a b/: InvalidURL"),
        ("http://127.0.0.1/\r\nx", "cannot read"),
        ("http://" + 70 * "x" + "/", "cannot read"),
        ("http://user:word@127.0.0.1/x", r"^a URL with credentials is not read: http://\.\.\.@\.\.\.$"),
        ("https://user:word@[x/y", r"^a URL with credentials is not read: https://\.\.\.@\.\.\.$"),
        ("http:user:word@host/x", r"^a URL with credentials is not read: http://\.\.\.@\.\.\.$"),
        ("ftp://user:word@host/x", r"^a URL with credentials is not read: ftp://\.\.\.@\.\.\.$"),
        ("file://user:word@host/x", r"^a URL with credentials is not read: file://\.\.\.@\.\.\.$"),
        ("file:///a@b", "cannot read file:///a@b: No such file"),
        ("http://127.0.0.1:x/a@b", "cannot read http://127.0.0.1:x/a@b"),
    ],
)
def test_what_cannot_be_read(where: str, text: str) -> None:
    with pytest.raises(KeyStoreError, match=text):
        sources.read(where)


def test_the_limit_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(100))
    assert len(sources.read(str(tmp_path / "x"), limit=100)) == 100
    with pytest.raises(KeyStoreError, match="larger than 99 bytes"):
        sources.read(str(tmp_path / "x"), limit=99)
    with pytest.raises(KeyStoreError, match=f"larger than {sources.MAX_BYTES} bytes"):
        sources.read("/dev/zero")


def test_a_server(serve: Callable[..., str]) -> None:
    url = serve(giving(bytes(100)))
    assert sources.is_remote(url)
    assert sources.read(f"{url}/x", limit=100) == bytes(100)
    with pytest.raises(KeyStoreError, match="larger than 99 bytes"):
        sources.read(f"{url}/x", limit=99)


def test_a_server_that_refuses(serve: Callable[..., str]) -> None:
    with pytest.raises(KeyStoreError, match="the server answered 404 Not Found"):
        sources.read(serve(giving(b"", 404)))


def test_nobody_there() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(KeyStoreError, match="Connection refused"):
            sources.read(f"http://127.0.0.1:{sock.getsockname()[1]}/")


def test_no_server_of_http(serve: Callable[..., str]) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\x15\3\1\0\2\2\x46\r\n")

    with pytest.raises(KeyStoreError, match=r"cannot read .*: BadStatusLine"):
        sources.read(serve(answer))


def test_an_answer_that_was_cut(serve: Callable[..., str]) -> None:
    with pytest.raises(KeyStoreError, match=r"cannot read .*: it is cut, 7 bytes are missing"):
        sources.read(serve(giving(b"abc", **{"Content-Length": "10"})))


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_server_that_leads_elsewhere(serve: Callable[..., str], target: str) -> None:
    with pytest.raises(KeyStoreError, match=f"leads to {target}, which is not followed|answered 302"):
        sources.read(serve(giving(b"", 302, Location=target)))


def test_a_server_that_leads_in_a_circle(serve: Callable[..., str]) -> None:
    with pytest.raises(KeyStoreError, match="the server answered 302"):
        sources.read(serve(giving(b"", 302, Location="/x")))


def test_a_redirection(serve: Callable[..., str]) -> None:
    other = serve(giving(b"content"))
    assert sources.read(serve(giving(b"", 302, Location=f"{other}/x"))) == b"content"


@pytest.mark.parametrize("drips", [False, True])
def test_a_server_that_takes_its_time(serve: Callable[..., str], drips: bool) -> None:
    over = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        while not over.wait(0.02):
            if drips:
                handler.wfile.write(b"H")
                handler.wfile.flush()

    began = time.monotonic()
    url = serve(answer)
    try:
        with pytest.raises(KeyStoreError, match=r"not all of it came within 0.3 s|timed out"):
            sources.read(url, seconds=0.3)
    finally:
        over.set()
    assert time.monotonic() - began < 20


def test_a_server_that_nobody_vouches_for(serve: Callable[..., str]) -> None:
    with pytest.raises(KeyStoreError, match="CERTIFICATE_VERIFY_FAILED"):
        sources.read(serve(giving(b"content"), tls=True))


def test_a_server_under_tls_does_not_lead_out_of_it(
    serve: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = serve(giving(b"content"))
    url = serve(giving(b"", 302, Location=plain), tls=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pki" / "authority.pem"))
    with pytest.raises(KeyStoreError, match=f"leads to {plain}/, which is not followed"):
        sources.read(url)
