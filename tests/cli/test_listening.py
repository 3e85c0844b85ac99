"""``-L`` with a port: event reports are printed until a signal comes, with an operation or without."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.dimse.messages import NEventReportRequest, NEventReportResponse, NGetRequest, NGetResponse
from dicomnet.drivers import blocking
from dicomnet.drivers.common import Endpoint
from dicomnet.errors import Rejected
from dicomnet.ul import ProposedContext, RequestOptions
from dicomnet.wire import RoleSelection
from ups.cli.main import main
from ups.cli.processes import Server, StuckError, run
from ups.scp.service import UpsService
from ups.scp.store import MemoryStore
from ups.server import UpsServer


@contextmanager
def link_to(
    server: Server | int, title: str = "WATCHER", event: str = uids.UPS_EVENT, role: bool = True, calling: str = "SCP"
) -> Iterator[blocking.Link]:
    """An association of an SCP of the Event class to the listener, or to that port."""
    port = server if isinstance(server, int) else server.port
    options = RequestOptions(
        called_ae_title=title,
        calling_ae_title=calling,
        contexts=(ProposedContext(event, (uids.IMPLICIT_VR_LE,)),),
        roles=(RoleSelection(event, 0, 1),) if role else (),
    )
    with blocking.connect(Endpoint(title, "127.0.0.1", port), options) as link:
        yield link


def report(event_type: int, instance: str = "1.2.3") -> NEventReportRequest:
    information = Dataset()
    information.ProcedureStepState = "IN PROGRESS"
    information.ReasonForCancellation = "bell\x07"
    information.TransactionUID = "6.6.6"
    return NEventReportRequest(sop_class=uids.UPS_PUSH, instance=instance, event_type=event_type, data_set=information)


def send(link: blocking.Link, event_type: int, event: str = uids.UPS_EVENT) -> NEventReportResponse:
    return link.run(flows.ask(report(event_type), expect=NEventReportResponse, via=event))


def test_a_listener_prints_the_known_events_and_refuses_others() -> None:
    with Server("ups", "-L", "WATCHER@127.0.0.1:0") as listener:
        assert listener.said[-1] == f"dcmups: WATCHER listening on 127.0.0.1:{listener.port}"
        with link_to(listener) as link:
            answers = [send(link, event_type) for event_type in (1, 2, 3, 4, 5, 6, 0)]
        assert [answer.status for answer in answers] == [0, 0, 0, 0, 0, 0x0113, 0x0113]
        assert [answer.event_type for answer in answers] == [1, 2, 3, 4, 5, 6, 0]
        heads = [listener.block() for _ in range(5)]
        assert [head[0].partition(":")[0] for head in heads] == [
            "event 1 UPS State Report",
            "event 2 UPS Cancel Requested",
            "event 3 UPS Progress Report",
            "event 4 SCP Status Change",
            "event 5 UPS Assigned",
        ]
        first = "\n".join(heads[0])
        assert heads[0][1].startswith("  from SCP at ")
        assert "IN PROGRESS" in first
        assert r"bell\x07" in first
        assert "6.6.6" not in first
        assert listener.end() == 0
    assert listener.rest() == []


@pytest.mark.parametrize("event", [uids.UPS_EVENT, uids.UPS_TRIAL_EVENT])
@pytest.mark.parametrize("role", [True, False], ids=["with role", "without role"])
def test_a_listener_takes_both_generations_with_or_without_role_selection(event: str, role: bool) -> None:
    with Server("ups", "-L", "WATCHER@127.0.0.1:0") as listener, link_to(listener, event=event, role=role) as link:
        assert send(link, 1, event).status == 0
        assert listener.block()


def test_a_listener_rejects_another_title_and_serves_nothing_else() -> None:
    with Server("ups", "-L", "WATCHER@127.0.0.1:0") as listener:
        with pytest.raises(Rejected) as caught, link_to(listener, "OTHER"):
            pass
        assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)
        with link_to(listener, role=False) as link:
            question = NGetRequest(sop_class=uids.UPS_EVENT, instance="1.2")
            assert link.run(flows.ask(question, expect=NGetResponse)).status == 0x0211


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_a_listener(number: int, status: int) -> None:
    with Server("ups", "-L", "WATCHER@127.0.0.1:0") as listener, link_to(listener) as link:
        assert send(link, 1).status == 0
        assert listener.end(number) == status
        link.abort()


@pytest.mark.parametrize(
    "words", [("ups", "-L", "WATCHER@127.0.0.1:0"), ("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", "--db", "x.db")]
)
def test_an_interrupt_that_was_ignored_before_stays_ignored(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what runs in its background
    try:
        server = Server(*words)
    finally:
        signal.signal(signal.SIGINT, before)
    with server:
        server._process.send_signal(signal.SIGINT)
        with link_to(server, words[2].partition("@")[0]):  # it has had its turn since
            pass
        assert server.end() == 0


def test_a_port_in_use_is_exit_2() -> None:
    with Server("ups", "-L", "WATCHER@127.0.0.1:0") as listener:
        status, out, err = run("-L", f"OTHER@127.0.0.1:{listener.port}")
    assert (status, out) == (2, "")
    assert err.startswith("dcmups: ")
    assert err.count("\n") == 1
    assert str(listener.port) in err


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def watched() -> Iterator[tuple[UpsServer, int]]:
    """An SCP that knows where WATCHER will listen, and that port."""
    port = free_port()
    peers = {"WATCHER": Endpoint("WATCHER", "127.0.0.1", port)}
    service = UpsService(MemoryStore(), ae_title="UPSSCP", knows_ae=peers.__contains__)
    with UpsServer(service, ae_title="UPSSCP", peers=peers) as server:
        yield server, port


def test_an_operation_with_l_stays_and_prints_what_follows(watched: tuple[UpsServer, int], workitem_file: str) -> None:
    server, port = watched
    address = f"UPSSCP@127.0.0.1:{server.endpoint.port}"
    words = ("subscribe", address, "-aet", "WATCHER", "-L", f"WATCHER@127.0.0.1:{port}")
    with Server("ups", *words) as listener:
        assert listener.said == [f"dcmups: WATCHER listening on 127.0.0.1:{port}"]
        assert listener.hear("subscribe") == "dcmups: subscribe: WATCHER is subscribed to all workitems"
        assert main(["create", address, "-f", workitem_file, "-iuid", "1.2.1"]) == 0
        assert listener.block()[0] == "event 1 UPS State Report: 1.2.1"
        assert listener.end() == 0


def test_the_first_report_may_come_before_the_answer(watched: tuple[UpsServer, int], workitem_file: str) -> None:
    server, port = watched
    address = f"UPSSCP@127.0.0.1:{server.endpoint.port}"
    assert main(["create", address, "-f", workitem_file, "-iuid", "1.2.1"]) == 0
    words = ("subscribe", address, "-aet", "WATCHER", "-iuid", "1.2.1", "-L", f"WATCHER@127.0.0.1:{port}")
    with Server("ups", *words) as listener:
        assert listener.block()[0] == "event 1 UPS State Report: 1.2.1"


def test_an_operation_that_fails_ends_the_listener(watched: tuple[UpsServer, int]) -> None:
    server, port = watched
    address = f"UPSSCP@127.0.0.1:{server.endpoint.port}"
    status, out, err = run("subscribe", address, "-aet", "WATCHER", "-iuid", "9.9", "-L", f"WATCHER@127.0.0.1:{port}")
    assert (status, out) == (3, "")
    assert "C307" in err
    status, _, err = run("find", f"X@127.0.0.1:{free_port()}", "-L", "WATCHER@127.0.0.1:0")
    assert status == 2
    assert "Connection refused" in err


def test_a_new_transaction_uid_and_a_find_work_beside_listening(
    watched: tuple[UpsServer, int], workitem_file: str
) -> None:
    server, _ = watched
    address = f"UPSSCP@127.0.0.1:{server.endpoint.port}"
    assert main(["create", address, "-f", workitem_file, "-iuid", "1.2.1"]) == 0
    with Server("ups", "find", address, "-L", "WATCHER@127.0.0.1:0", "-r", "PatientID") as listener:
        assert listener.block()[0] == "1.2.1"
        listener.hear("1 match")
        assert listener.end() == 0


def test_a_listener_that_cannot_start_says_so() -> None:
    with pytest.raises(StuckError, match="-L without an operation needs a port"):
        Server("ups", "-L", "WATCHER")
