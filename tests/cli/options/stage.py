"""Where the rows of the option table play: ``dcmups`` in this process, and a peer that remembers what it saw.

A row shows that an option has its effect: on the wire, on our socket, or in the outcome. It is a function of the stage
and of one spelling of the option, and is called with each. ``bad`` says what the option does not take. Every option of
``dcmups`` needs its row, and every one with a value something bad; ``test_option_table`` fails for one that has none.
"""

from __future__ import annotations

import os
import queue
import re
import shlex
import signal
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import Request
from dicomnet.drivers import blocking, blocking_server
from dicomnet.drivers.transport import TlsTransport
from dicomnet.errors import DicomNetError
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.ul import (
    AcceptancePolicy,
    Direction,
    PlainPolicy,
    SupportedContext,
    Transcript,
)
from dicomnet.wire import AAssociateRQ, PDataTF
from ups.cli import listening
from ups.cli.main import main
from ups.names import CURRENT_CLASSES, TRIAL_CLASSES

__all__ = [
    "BAD",
    "PATIENCE",
    "ROWS",
    "SYNTAXES",
    "Bad",
    "Played",
    "Row",
    "SeenSocket",
    "Stage",
    "accept_all",
    "bad",
    "row",
    "sockets_at",
]

SYNTAXES = (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE)
PATIENCE = 20.0


@dataclass
class SeenSocket:
    """What the system says of a socket of ours while it is connected."""

    no_delay: bool
    receive_buffer: int
    send_buffer: int
    host: str


@dataclass
class Played:
    """What came of one command: its outcome, and what the peer saw. ``sent`` are the PDUs of data that reached it."""

    status: int
    out: str
    err: str
    request: AAssociateRQ | None = None
    messages: list[Request] = field(default_factory=list)
    sockets: list[SeenSocket] = field(default_factory=list)
    sent: list[PDataTF] = field(default_factory=list)
    secured: str = ""
    """Protocol and suite of TLS, if it was used."""
    shown: str | None = None
    """The common name of our certificate, empty if we showed none; None without TLS."""

    @property
    def asked(self) -> AAssociateRQ:
        """The association request."""
        assert self.request is not None, self.err
        return self.request

    @property
    def message(self) -> Any:
        """The one request that came."""
        (message,) = self.messages
        return message

    @property
    def lengths(self) -> list[int]:
        """The length fields of the PDUs of data."""
        return [sum(6 + len(pdv.payload) for pdv in pdu.pdvs) for pdu in self.sent]


@dataclass
class Stage:
    """Runs commands; in their words S is the peer."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    folder: Path

    def play(
        self,
        words: str,
        *,
        handler: Handler | None = None,
        policy: AcceptancePolicy | None = None,
        status: int = 0,
        listening: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> Played:
        """One command against a peer that answers everything with success, or as ``handler`` does.

        One that is ``listening`` as well, which is asyncio's way through, is ended by SIGTERM when it has released.
        """
        played = Played(-1, "", "")

        def remember(request: Request, peer: Peer) -> Flow[None]:
            played.messages.append(request)
            played.sockets += _sockets_to(listener.port)
            yield from (handler or _succeed)(request, peer)

        transcript = Transcript()
        listener = blocking_server.listen(
            "127.0.0.1", 0, policy or accept_all(), handler=remember, transcript=lambda: transcript, tls=tls
        )

        def serve() -> None:
            _serve_once(listener, played)
            if listening:
                _end_listening()

        with listener, _in_thread(serve):
            self.run(words, f"SCRIPTED@127.0.0.1:{listener.port}", played)
        assert played.status == status, played.err
        played.sent = [pdu for _, pdu in transcript.pdus(Direction.RECEIVED) if isinstance(pdu, PDataTF)]
        return played

    def run(self, words: str, address: str = "NOBODY@127.0.0.1:1", played: Played | None = None) -> Played:
        """One command, whoever it calls."""
        played = played or Played(-1, "", "")
        self.capsys.readouterr()
        played.status = main([address if word == "S" else word for word in shlex.split(words)])
        played.out, played.err = self.capsys.readouterr()
        return played

    def listen(self, words: str, visit: Callable[[int], None]) -> Played:
        """A listener whose port somebody visits; SIGTERM ends it when they are done."""
        ports: queue.Queue[int] = queue.Queue()
        ready = listening.readiness

        def tell(local: Any, port: int) -> str:
            ports.put(port)
            return ready(local, port)

        def guest() -> None:
            try:
                visit(ports.get(timeout=PATIENCE))
            finally:
                _end_listening()

        self.monkeypatch.setattr(listening, "readiness", tell)
        with _in_thread(guest):
            return self.run(words)

    def file(self, name: str, content: str | bytes) -> Path:
        """A file with this in it."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def accept_all(**more: Any) -> PlainPolicy:
    """Every UPS class, under any title."""
    classes = (*CURRENT_CLASSES, *TRIAL_CLASSES)
    return PlainPolicy(tuple(SupportedContext(uid, SYNTAXES) for uid in classes), **more)


def _end_listening() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _succeed(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.send(reply(request))


def _serve_once(listener: blocking_server.Listener, played: Played) -> None:
    try:
        link = listener.accept(PATIENCE)
        played.request = link.negotiated.request
        _note_security(link, played)
        link.listen()
    except DicomNetError:  # the command is the one to say so
        return


def _note_security(link: blocking.Link, played: Played) -> None:
    transport, certificate = link._transport, link.session.applicant.certificate
    if isinstance(transport, TlsTransport) and certificate is not None:
        subject: Any = certificate.get("subject", ())
        played.secured = transport.version
        played.shown = "".join(value for ((name, value),) in subject if name == "commonName")


@contextmanager
def _in_thread(work: Callable[[], None]) -> Iterator[None]:
    """Something that happens meanwhile; what it raises, the test does."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE)
    assert not thread.is_alive()
    for error in errors:
        raise error


def _sockets_to(port: int) -> list[SeenSocket]:
    """The sockets of this process that are connected to this port of the machine."""
    return list(_look_at(lambda sock: sock.getpeername()[1] == port))


def sockets_at(port: int) -> list[SeenSocket]:
    """The sockets of this process that were accepted on this port."""
    return list(_look_at(lambda sock: sock.getsockname()[1] == port and sock.getpeername()[1] > 0))


def _look_at(wanted: Callable[[socket.socket], bool]) -> Iterator[SeenSocket]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile, or not connected
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as sock:
                if sock.family == socket.AF_INET and wanted(sock):
                    yield SeenSocket(
                        bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
                        sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
                        sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
                        sock.getsockname()[0],
                    )


# -- the table -------------------------------------------------------------------------------------------------------

Row = Callable[[Stage, str], None]

ROWS: dict[str, Row] = {}
"""By the first spelling of the option."""


@dataclass(frozen=True)
class Bad:
    """Words that go wrong, with {} for a spelling of the option, and a pattern for what is said of it."""

    words: str
    says: str


BAD: dict[str, list[Bad]] = {}


def row(name: str) -> Callable[[Row], Row]:
    """This function shows the effect of the option of this name."""

    def register(function: Row) -> Row:
        assert name not in ROWS, name
        ROWS[name] = function
        return function

    return register


def bad(name: str, words: str, says: str) -> None:
    """The option of this name does not take this: ``says`` is what follows its name in the one line about it."""
    BAD.setdefault(name, []).append(Bad(words, re.escape(says)))
