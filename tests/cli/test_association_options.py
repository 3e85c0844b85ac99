"""The options about the association hold on asyncio's way through an operation, and for who listens, as well."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.codes import IdentityType
from dicomnet.dimse.messages import NEventReportRequest, NEventReportResponse, Request
from dicomnet.drivers import blocking
from dicomnet.drivers.common import Endpoint
from dicomnet.flows import Flow
from dicomnet.handlers import Peer
from dicomnet.ul import Direction, ProposedContext, RequestOptions, Transcript, build_request
from dicomnet.wire import ExtendedNegotiation, PDataTF, RoleSelection, UserIdentity, encode_pdu
from tests.cli.options.stage import PATIENCE, SeenSocket, Stage, accept_all, sockets_at

pytestmark = pytest.mark.once

LISTEN = "-L WATCHER@127.0.0.1:0"
SMALL = "-tcpdelay -sorcvbuf 20 -sosndbuf 30"
SEEN = SeenSocket(no_delay=False, receive_buffer=2 * 20 * 1024, send_buffer=2 * 30 * 1024, host="127.0.0.1")


@pytest.fixture
def stage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return Stage(capsys, monkeypatch, tmp_path)


def visitor(title: str = "WATCHER") -> RequestOptions:
    """The association of an SCP that sends event reports."""
    event = uids.UPS_EVENT
    contexts = (ProposedContext(event, (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE)),)
    return RequestOptions(title, "SCP", contexts, roles=(RoleSelection(event, 0, 1),), max_length=0)


def test_an_operation_beside_a_listener(stage: Stage) -> None:
    words = f"set S -iuid 1.2 --set CommentsOnTheScheduledProcedureStep={'x' * 5000} {LISTEN} {SMALL}"
    more = "-pdv1 -rcvpdulen 32 -sndpdulen 1 -username ops -passcode geheim -uidnegrsp"
    played = stage.play(f"{words} {more}", policy=accept_all(max_length=0), listening=True)
    assert played.sockets == [SEEN]
    assert {len(pdu.pdvs) for pdu in played.sent} == {1}
    assert max(played.lengths) == 1024
    assert played.asked.max_length == 32768
    identity = played.asked.find(UserIdentity)
    assert identity is not None
    assert (identity.identity_type, identity.secondary) == (IdentityType.USERNAME_PASSCODE, b"geheim")
    assert "warning: the peer did not confirm the user (-uidnegrsp)" in played.err
    assert "geheim" not in played.err


def mute(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(60.0)


def test_the_deadlines_of_an_operation_beside_a_listener(stage: Stage) -> None:
    assert "(-rspTO)" in stage.play(f"find S -rspTO 50 {LISTEN}", handler=mute, status=4).err
    with socket.create_server(("127.0.0.1", 0)) as silent:
        played = stage.run(f"find S -acceptTO 50 {LISTEN}", f"X@127.0.0.1:{silent.getsockname()[1]}")
    assert (played.status, "(-acceptTO)" in played.err) == (4, True)


def test_a_search_beside_a_listener(stage: Stage) -> None:
    played = stage.play(f"find S -fuzzy {LISTEN}", listening=True)
    assert played.asked.find(ExtendedNegotiation) is not None
    assert "fuzzily" in played.err


def test_what_a_listener_announces_and_sends(stage: Stage) -> None:
    transcript = Transcript()
    report = NEventReportRequest(sop_class=uids.UPS_PUSH, instance="1.2", event_type=1, data_set=Dataset())
    seen: list[object] = []

    def visit(port: int) -> None:
        endpoint = Endpoint("WATCHER", "127.0.0.1", port)
        with blocking.connect(endpoint, visitor(), transcript=transcript) as link:
            assert link.run(flows.ask(report, expect=NEventReportResponse, via=uids.UPS_EVENT)).status == 0
            seen.extend((link.negotiated.peer_max_length, *sockets_at(port)))
            syntaxes = {context.transfer_syntax for context in link.negotiated.contexts.values()}
            assert syntaxes == {uids.IMPLICIT_VR_LE}

    played = stage.listen(f"{LISTEN} {SMALL} -rcvpdulen 32 -sndpdulen 1 -pdv1 -ivrle", visit)
    assert (played.status, seen) == (0, [32768, SEEN])
    assert played.out.startswith("event 1 ")
    assert [len(pdu.pdvs) for _, pdu in transcript.pdus(Direction.RECEIVED) if isinstance(pdu, PDataTF)] == [1]


@pytest.mark.parametrize(("delay", "least", "most"), [(0, 0.0, 5.0), (1000, 0.5, 10.0)])
def test_a_listener_waits_for_who_was_rejected_to_leave(stage: Stage, delay: int, least: float, most: float) -> None:
    lasted: list[float] = []

    def visit(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
            peer.sendall(encode_pdu(build_request(visitor("SOMEBODY"))))
            assert peer.recv(65536)[:1] == b"\3"
            began = time.monotonic()
            assert peer.recv(1) == b""
            lasted.append(time.monotonic() - began)

    assert stage.listen(f"{LISTEN} -soclosedelay {delay}", visit).status == 0
    assert least <= lasted[0] < most


def test_fuzzy_finds_at_upsscp_what_exact_matching_does_not(desk: Any) -> None:
    desk.done("create S -iuid 1.2.3 -f create.xml --set 'PatientName=Müller^Jürgen'")
    desk.done("find S -q PatientName=mueller")
    assert desk.out == ""
    desk.done("find S -q PatientName=mueller -r PatientName -fuzzy")
    assert "Müller^Jürgen" in desk.out
