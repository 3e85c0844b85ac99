"""A peer that does as it is told and remembers what it was asked, for what no well-behaved SCP would do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import Request
from dicomnet.drivers import blocking
from dicomnet.errors import DicomNetError
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.ul import AcceptancePolicy, PlainPolicy, SupportedContext
from dicomnet.wire import AAssociateRQ
from ups.cli.demo_files import write_files
from ups.names import CURRENT_CLASSES, TRIAL_CLASSES

SYNTAXES = (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE)


def accept_all() -> PlainPolicy:
    """Every UPS class, under any title."""
    return PlainPolicy(tuple(SupportedContext(uid, SYNTAXES) for uid in (*CURRENT_CLASSES, *TRIAL_CLASSES)))


def answer_success(request: Request, peer: Peer) -> Flow[None]:
    """Answer everything with 0000."""
    yield from flows.send(reply(request))


@dataclass
class ScriptedPeer:
    """Serves one association in a thread; ``request`` and ``messages`` are what came."""

    listener: blocking.Listener
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

            listener = blocking.listen("127.0.0.1", 0, policy or accept_all(), handler=remember)
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
