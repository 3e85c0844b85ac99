"""A peer that does as it is told and remembers what it was asked, for what no well-behaved SCP would do."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import Request, Response
from dicomnet.drivers import blocking, blocking_server
from dicomnet.drivers.common import Endpoint
from dicomnet.errors import DicomNetError
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.ul import AcceptancePolicy, PlainPolicy, ProposedContext, RequestOptions, SupportedContext
from dicomnet.wire import AAssociateRQ
from ups.cli import settings
from ups.cli.demo_files import write_files
from ups.cli.main import main
from ups.cli.processes import Server
from ups.names import CURRENT_CLASSES, TRIAL_CLASSES
from ups.scp.service import UpsService
from ups.scp.store import MemoryStore
from ups.server import UpsServer

pytest.register_assert_rewrite("tests.cli.options")  # its rows say what was wrong

SYNTAXES = (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE)


@pytest.fixture(scope="session")
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's data directory, where the test keys are made once for all tests of a process."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def own_data_home(monkeypatch: pytest.MonkeyPatch, data_home: Path) -> None:
    """Nothing is kept in the home of whoever runs the tests."""
    monkeypatch.setenv("XDG_DATA_HOME", str(data_home))


WriteFiles = Callable[..., Path]


@pytest.fixture
def config_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteFiles:
    """Writes the user's file, and perhaps that of the system; gives the path of the former."""
    monkeypatch.delenv("DICOMNET_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(settings, "SYSTEM_FILE", str(tmp_path / "etc" / "config.toml"))

    def write(user: str | bytes | None = None, system: str | None = None) -> Path:
        path = tmp_path / "home" / "dicomnet" / "config.toml"
        for place, text in ((path, user), (tmp_path / "etc" / "config.toml", system)):
            if text is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(text if isinstance(text, bytes) else text.encode())
                place.chmod(0o600)
        return path

    return write


def accept_all() -> PlainPolicy:
    """Every UPS class, under any title."""
    return PlainPolicy(tuple(SupportedContext(uid, SYNTAXES) for uid in (*CURRENT_CLASSES, *TRIAL_CLASSES)))


def answer_success(request: Request, peer: Peer) -> Flow[None]:
    """Answer everything with 0000."""
    yield from flows.send(reply(request))


@dataclass
class ScriptedPeer:
    """Serves one association in a thread; ``request`` and ``messages`` are what came."""

    listener: blocking_server.Listener
    request: AAssociateRQ | None = None
    messages: list[Request] = field(default_factory=list)
    released: bool = False
    thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """What the command line calls it."""
        return f"SCRIPTED@127.0.0.1:{self.listener.port}"

    def ended_in_order(self) -> bool:
        """Whether the association came to its end by release."""
        if self.thread is not None:
            self.thread.join()
        return self.released

    def serve(self) -> None:
        """Wait for one association and serve it to its end."""
        try:
            link = self.listener.accept(20.0)
        except DicomNetError:
            return
        self.request = link.negotiated.request
        try:
            link.listen()
            self.released = link.session.released
        except DicomNetError:
            pass
        finally:
            link.close()


PeerFactory = Callable[..., ScriptedPeer]


@pytest.fixture
def scripted() -> Iterator[PeerFactory]:
    """Makes peers: ``scripted(handler, policy=...)``."""
    with ExitStack() as stack:

        def make(handler: Handler = answer_success, policy: AcceptancePolicy | None = None) -> ScriptedPeer:
            def remember(request: Request, peer: Peer) -> Flow[None]:
                made.messages.append(request)
                yield from handler(request, peer)

            listener = blocking_server.listen("127.0.0.1", 0, policy or accept_all(), handler=remember)
            made = ScriptedPeer(listener)
            made.thread = thread = threading.Thread(target=made.serve, daemon=True)
            stack.callback(listener.close)
            stack.callback(thread.join)
            thread.start()
            return made

        yield make


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder with create.xml, started.xml, progress.xml, performed.xml and cancel.xml."""
    write_files(tmp_path)
    return tmp_path


@pytest.fixture
def workitem_file(files: Path) -> str:
    """A workitem that every SCP accepts."""
    return str(files / "create.xml")


@dataclass
class Desk:
    """An SCP, a command line, and what the command line printed last."""

    server: UpsServer
    service: UpsService
    files: Path
    capsys: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    @property
    def address(self) -> str:
        return f"UPSSCP@127.0.0.1:{self.server.endpoint.port}"

    def run(self, text: str) -> int:
        """One command; S is the SCP, and a name that ends in .xml is one of the files."""
        words = [
            self.address if word == "S" else str(self.files / word) if word.endswith(".xml") else word
            for word in shlex.split(text)
        ]
        self.capsys.readouterr()
        status = main(words)
        self.out, self.err = self.capsys.readouterr()
        return status

    def done(self, *commands: str) -> None:
        """Commands that succeed, without so much as a warning."""
        for command in commands:
            assert self.run(command) == 0, (command, self.err)
            assert "warning" not in self.err, (command, self.err)

    def refused(self, status: str, command: str) -> None:
        """A command that the SCP answers with this failure."""
        assert self.run(command) == 3, (command, self.err)
        assert self.err.startswith(f"dcmups: {status} "), (command, self.err)
        assert self.out == ""
        assert len(self.err.splitlines()) <= 3

    def warned(self, status: str, command: str) -> None:
        """A command that the SCP answers with this warning."""
        assert self.run(command) == 0, (command, self.err)
        assert f"dcmups: warning: {status} " in self.err, (command, self.err)

    def state(self, uid: str = "1.2.3") -> str:
        self.done(f"get S -iuid {uid} -r ProcedureStepState")
        return self.out.rpartition(": ")[2].strip()

    def found(self, state: str) -> list[str]:
        self.done(f"find S -state {shlex.quote(state)} -r ProcedureStepState")
        return [line for line in self.out.splitlines() if line and not line.startswith(" ")]

    def ask(self, flow: Flow[Any], via: str) -> int:
        """The status of what the command line cannot say."""
        options = RequestOptions("", "API", (ProposedContext(via, (uids.IMPLICIT_VR_LE,)),))
        with blocking.connect(self.server.endpoint, options) as link:
            response: Response = link.run(flow)
            return response.status


@pytest.fixture
def desk(files: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """An SCP that knows WATCHER, where nobody listens."""
    yield from _desks(files, capsys, grant_locks=True)


@pytest.fixture
def lockless(files: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """An SCP that grants no deletion lock."""
    yield from _desks(files, capsys, grant_locks=False)


def _desks(files: Path, capsys: pytest.CaptureFixture[str], *, grant_locks: bool) -> Iterator[Desk]:
    service = UpsService(MemoryStore(), ae_title="UPSSCP", knows_ae={"WATCHER"}.__contains__, grant_locks=grant_locks)
    with UpsServer(service, ae_title="UPSSCP") as server:
        yield Desk(server, service, files, capsys)


@dataclass
class Watched(Desk):
    """With two listeners, which the SCP knows."""

    watcher: Server | None = None
    performer: Server | None = None

    def event(self, event_type: int, uid: str, *texts: str, at: Server | None = None) -> None:
        """The next event report of WATCHER, or of another."""
        listener = at or self.watcher
        assert listener is not None
        block = listener.block()
        assert block[0].startswith(f"event {event_type} "), block
        assert block[0].endswith(f": {uid}"), block
        for text in texts:
            assert [line for line in block if text in line], (text, block)


@pytest.fixture
def watched(files: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Watched]:
    """An SCP that knows two listeners; at the end neither may have heard more than was asked for."""
    with ExitStack() as stack:
        listeners = {
            title: stack.enter_context(Server("ups", "-L", f"{title}@127.0.0.1:0")) for title in ("WATCHER", "PERF")
        }
        peers = {title: Endpoint(title, "127.0.0.1", listener.port) for title, listener in listeners.items()}
        service = UpsService(MemoryStore(), ae_title="UPSSCP", knows_ae=peers.__contains__)
        server = stack.enter_context(UpsServer(service, ae_title="UPSSCP", peers=peers))
        yield Watched(server, service, files, capsys, watcher=listeners["WATCHER"], performer=listeners["PERF"])
        for listener in listeners.values():
            assert listener.end() == 0
            listener.close()
            assert listener.rest() == [], "an event report that no step expected"
