"""--watch: subscribe, listen, and unsubscribe whatever ends it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dicomnet import flows
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import Request
from dicomnet.drivers.common import Endpoint
from dicomnet.errors import ConnectionLost, DicomNetError, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.ul import (
    AbortIndication,
    AssociateIndication,
    Primitive,
    PrimitiveKind,
    ProviderAbortIndication,
    ReleaseIndication,
)
from dicomnet.wire import AAssociateRJ, AAssociateRQ
from ups.cli.main import main
from ups.cli.processes import Server, start
from ups.cli.watching import LostAssociation
from ups.scp.service import UpsService
from ups.scp.store import MemoryStore
from ups.server import UpsServer

from .conftest import accept_all
from .test_listening import free_port, link_to, send

pytestmark = pytest.mark.once

U = "1.2.3"


class Scp:
    """An SCP that knows WATCHER, and what it keeps of subscriptions."""

    def __init__(self, port: int) -> None:
        self.watcher_port = port
        self.store = MemoryStore()
        peers = {"WATCHER": Endpoint("WATCHER", "127.0.0.1", port)}
        service = UpsService(self.store, ae_title="UPSSCP", knows_ae=peers.__contains__)
        self.server = UpsServer(service, ae_title="UPSSCP", peers=peers)

    @property
    def address(self) -> str:
        return f"UPSSCP@127.0.0.1:{self.server.endpoint.port}"

    def words(self, *more: str) -> tuple[str, ...]:
        local = f"WATCHER@127.0.0.1:{self.watcher_port}"
        return ("subscribe", self.address, "-aet", "WATCHER", "-L", local, "--watch", *more)

    def subscribed(self) -> tuple[int, int]:
        """Global subscriptions, and those of single workitems."""
        with self.store.read() as transaction:
            return len(list(transaction.global_subscriptions())), len(list(transaction.subscriptions()))


@pytest.fixture
def scp() -> Iterator[Scp]:
    made = Scp(free_port())
    with made.server:
        yield made


@pytest.fixture
def hangups() -> Iterator[None]:
    """Not ignored, as they are where the tests run under nohup: who is started there goes on ignoring them."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangups")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 0)])
def test_a_signal_ends_the_subscription(scp: Scp, workitem_file: str, number: int, status: int) -> None:
    with Server("ups", *scp.words()) as watcher:
        watcher.hear("WATCHER is subscribed to all workitems")
        assert scp.subscribed() == (1, 0)
        assert main(["create", scp.address, "-f", workitem_file, "-iuid", U]) == 0
        assert watcher.block()[0] == f"event 1 UPS State Report: {U}"
        assert watcher.end(number) == status
    assert scp.subscribed() == (0, 0)
    assert watcher.said[-1] == "dcmups: unsubscribe: WATCHER is unsubscribed from all workitems"


@pytest.mark.parametrize(
    ("more", "kept"),
    [(["-iuid", U], (0, 1)), (["--filter", "PatientID=DEMO-1", "-dellock"], (1, 1))],
    ids=["one", "filtered"],
)
def test_what_was_subscribed_to_is_unsubscribed_from(
    scp: Scp, workitem_file: str, more: list[str], kept: tuple[int, int]
) -> None:
    assert main(["create", scp.address, "-f", workitem_file, "-iuid", U]) == 0
    with Server("ups", *scp.words("--json", *more)) as watcher:
        watcher.hear("is subscribed to")
        assert scp.subscribed() == kept
        assert watcher.end() == 0
    assert scp.subscribed() == (0, 0)
    operations = [json.loads(line) for line in watcher.rest()]
    assert [found["operation"] for found in operations if "operation" in found] == ["subscribe", "unsubscribe"]
    assert [found["event_type"] for found in operations if "event_type" in found] == [1]


def test_a_subscription_that_is_refused_is_exit_3_and_nothing_is_undone(scp: Scp) -> None:
    process = start("ups", *scp.words("-iuid", "9.9"))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert "C307" in err
    assert "unsubscribe" not in err


def test_an_output_that_nobody_reads_ends_the_subscription(scp: Scp, workitem_file: str) -> None:
    process = start("ups", *scp.words())
    assert process.stdout is not None
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert any("is subscribed" in line for line in lines)
    process.stdout.close()
    assert main(["create", scp.address, "-f", workitem_file, "-iuid", U]) == 0
    rest = "".join(lines)
    assert process.wait(60) == 1
    process.stderr.close()
    assert "unsubscribed from all workitems" in rest
    assert scp.subscribed() == (0, 0)


@pytest.mark.parametrize("how", ["abort", "loss"])
def test_an_association_of_the_scp_that_fails_ends_the_subscription(scp: Scp, how: str) -> None:
    with Server("ups", *scp.words()) as watcher:
        watcher.hear("is subscribed")
        with link_to(watcher, calling="SOMEBODY") as link:
            assert send(link, 1).status == 0
            link.abort()
        with link_to(watcher, calling="UPSSCP") as link:
            assert send(link, 1).status == 0
        assert scp.subscribed() == (1, 0)  # neither a stranger nor a release ends it
        with link_to(watcher, calling="UPSSCP") as link:
            assert send(link, 1).status == 0
            link.abort() if how == "abort" else link.close()
        watcher.hear(f"{scp.address}: the association of its event reports")
        watcher.hear("WATCHER is unsubscribed")
        assert watcher.end(0) == 2
    assert scp.subscribed() == (0, 0)


def test_an_scp_that_is_gone_is_exit_2_and_says_what_may_be_left(scp: Scp) -> None:
    with Server("ups", *scp.words("-connectTO", "2000")) as watcher:
        watcher.hear("is subscribed")
        scp.server.__exit__()
        assert watcher.end() == 2
    assert watcher.said[-1] == "dcmups: warning: WATCHER may still be subscribed"


@contextmanager
def scripted_watch(scripted: Any, handler: Handler, *more: str) -> Iterator[tuple[Any, subprocess.Popen[str]]]:
    """A watch of a scripted peer, which serves one association only."""
    peer = scripted(handler, policy=accept_all())
    local = f"WATCHER@127.0.0.1:{free_port()}"
    process = start("ups", "subscribe", peer.address, "-aet", "WATCHER", "-L", local, "--watch", *more)
    try:
        yield peer, process
    finally:
        process.kill()
        process.communicate()


def test_a_subscription_without_an_answer_is_undone(scripted: Any) -> None:
    """It may have been made. The scripted peer serves nobody twice, so the undoing runs into -acceptTO."""

    def handle(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(100.0)
        yield from flows.send(reply(request))

    with scripted_watch(scripted, handle, "-rspTO", "100", "-acceptTO", "2000") as (_, process):
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (4, "")
    lines = err.splitlines()
    assert "(-rspTO)" in lines[1]
    assert "(-acceptTO)" in lines[2]
    assert lines[3] == "dcmups: warning: WATCHER may still be subscribed"


def test_a_second_signal_ends_the_patience(scripted: Any) -> None:
    """The scripted peer serves nobody twice: without a deadline the undoing would wait for ever."""

    def handle(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request))

    with scripted_watch(scripted, handle, "-acceptTO", "0", "-v") as (_, process):
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("is subscribed" in line for line in lines)
        process.send_signal(signal.SIGTERM)
        assert any("unsubscribing" in line for line in lines)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
        assert "WATCHER may still be subscribed" in "".join(lines)


# -- which associations count ----------------------------------------------------------------------------------------


def indication(title: str) -> Primitive:
    request = AAssociateRQ(called_ae_title="WATCHER", calling_ae_title=title.ljust(16), items=())
    return Primitive("A-ASSOCIATE", PrimitiveKind.INDICATION, AssociateIndication(request))


LOST = ProviderAbortIndication(2, 0, ConnectionLost("gone"))
IDLE = ProviderAbortIndication(2, 0, TimedOut("idle", wait="idle"))
STUCK = ProviderAbortIndication(2, 0, TimedOut("stuck", wait="pdu"))


@pytest.mark.parametrize(
    ("title", "then", "counts"),
    [
        ("SCP", [Primitive("A-P-ABORT", PrimitiveKind.INDICATION, LOST)], True),
        ("SCP", [Primitive("A-P-ABORT", PrimitiveKind.INDICATION, STUCK)], True),
        ("SCP", [Primitive("A-ABORT", PrimitiveKind.INDICATION, AbortIndication(0, 0))], True),
        ("OTHER", [Primitive("A-P-ABORT", PrimitiveKind.INDICATION, LOST)], False),
        ("SCP", [Primitive("A-P-ABORT", PrimitiveKind.INDICATION, IDLE)], False),
        (
            "SCP",
            [
                Primitive("A-RELEASE", PrimitiveKind.INDICATION, ReleaseIndication(collision=False)),
                Primitive("A-P-ABORT", PrimitiveKind.INDICATION, LOST),
            ],
            False,
        ),
        (
            "SCP",
            [
                Primitive("A-ABORT", PrimitiveKind.REQUEST),
                Primitive("A-P-ABORT", PrimitiveKind.INDICATION, LOST),
            ],
            False,
        ),
        (
            "SCP",
            [
                Primitive("A-ASSOCIATE", PrimitiveKind.RESPONSE, AAssociateRJ(1, 1, 7)),
                Primitive("A-P-ABORT", PrimitiveKind.INDICATION, LOST),
            ],
            False,
        ),
    ],
)
def test_only_a_failure_of_the_scp_counts(title: str, then: list[Primitive], counts: bool) -> None:
    lost: list[DicomNetError] = []
    watch = LostAssociation("SCP", lost.append)
    watch.note(1, indication(title))
    watch.note(2, Primitive("A-P-ABORT", PrimitiveKind.INDICATION, LOST))  # never an association
    for primitive in then:
        watch.note(1, primitive)
    assert len(lost) == counts
    assert watch._theirs == set()
