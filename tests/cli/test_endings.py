"""How a command ends that gets no answer, or sends nothing at all: exit statuses 1, 2 and 4, one line each."""

from __future__ import annotations

import shlex
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import EncodedDataSet, Request
from dicomnet.flows import Flow
from dicomnet.handlers import Peer
from dicomnet.ul import PlainPolicy, SupportedContext
from ups.cli.main import main

from .answers import answering

U = "1.2.3"


def dcmups(text: str, peer: Any) -> int:
    return main([peer.address if word == "S" else word for word in shlex.split(text)])


# -- no association, and lost ones -----------------------------------------------------------------------------------


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dcmups: ")
    assert err.count("\n") == 1
    return err


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert main(["find", f"X@127.0.0.1:{port}"]) == 2
    assert "Connection refused" in one_line(capsys)


def test_a_host_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", "X@no-such-host.invalid"]) == 2
    assert "no-such-host.invalid" in one_line(capsys)


@pytest.mark.parametrize("local", ["192.0.2.1", "no-such-host.invalid"])
def test_a_local_address_that_is_not_ours_is_named(
    local: str, silent: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    peer = f"X@127.0.0.1:{silent.getsockname()[1]}"
    assert main(["find", peer, "-L", f"ME@{local}"]) == 2
    assert f"no connection can be made from {local}: " in one_line(capsys)


def test_a_peer_that_is_at_fault_is_named_even_with_a_local_address(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert main(["find", f"X@127.0.0.1:{port}", "-L", "ME@127.0.0.1"]) == 2
    assert f"no connection to 127.0.0.1:{port}: Connection refused" in one_line(capsys)


def test_a_rejected_association(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    policy = PlainPolicy((), ae_titles=frozenset({"OTHER"}))
    assert dcmups("find S", scripted(policy=policy)) == 2
    assert "called AE title not recognized" in one_line(capsys)


def test_no_presentation_context(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    policy = PlainPolicy((SupportedContext(uids.UPS_PUSH, (uids.IMPLICIT_VR_LE,)),))
    assert dcmups("find S", scripted(policy=policy)) == 2
    assert "no presentation context for Unified Procedure Step - Pull" in one_line(capsys)


def aborting(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.inject(bytes.fromhex("07000000000400000000"))
    yield from flows.pause(5.0)


def test_an_abort_instead_of_an_answer(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups("find S", scripted(aborting)) == 2
    assert "abort" in one_line(capsys)


def test_an_answer_that_is_no_data_set(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    broken = EncodedDataSet(b"\x08\x00\x18\x00UI\xff\xff", uids.EXPLICIT_VR_LE)
    assert dcmups(f"get S -iuid {U}", scripted(answering(0, data_set=broken))) == 2
    assert "cannot be read" in one_line(capsys)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Somebody who listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_connection_that_is_closed_at_once(silent: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    thread = threading.Thread(target=lambda: silent.accept()[0].close())
    thread.start()
    assert main(["find", f"X@127.0.0.1:{silent.getsockname()[1]}"]) == 2
    thread.join()
    one_line(capsys)


def test_accept_to_is_a_deadline(silent: socket.socket, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", f"X@127.0.0.1:{silent.getsockname()[1]}", "-acceptTO", "50"]) == 4
    assert "-acceptTO" in one_line(capsys)


def test_connect_to_is_a_deadline(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        crowd = [socket.socket() for _ in range(3)]  # the queue of connections not yet accepted is full
        for client in crowd:
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        assert main(["find", f"X@127.0.0.1:{server.getsockname()[1]}", "-connectTO", "50"]) == 4
        for client in crowd:
            client.close()
    assert "-connectTO" in one_line(capsys)


def mute(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(60.0)


def test_rsp_to_is_a_deadline(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups("find S -rspTO 50", scripted(mute)) == 4
    assert "-rspTO" in one_line(capsys)


def dawdling(request: Request, peer: Peer) -> Flow[None]:
    for status in (0xFF00, 0xFF00, 0xFF00, 0xFF00, 0x0000):
        yield from flows.pause(0.5)
        yield from flows.send(reply(request, status))


def test_rsp_to_counts_anew_from_each_pending_response(scripted: Any) -> None:
    assert dcmups("find S -rspTO 1500", scripted(dawdling)) == 0


def test_a_release_that_is_not_confirmed_costs_a_warning(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def handle(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request))
        yield from flows.pause(60.0)  # an unfinished handler holds back our A-RELEASE-RP

    assert dcmups(f"set S -iuid {U} --set ProcedureStepLabel=x -releaseTO 50", scripted(handle)) == 0
    err = capsys.readouterr().err
    assert err.splitlines()[-1] == (
        "dcmups: warning: the release of the association failed (not confirmed within -releaseTO); the result stands"
    )


# -- input first -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["find S -q Bogus=1", "create S -f /nonexistent", "get S -iuid 1.2.x", "find S -state X", "get S -iuid 1 -r Bogus"],
)
def test_bad_input_is_exit_1_and_nothing_is_sent(
    silent: socket.socket, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    silent.setblocking(False)
    address = f"X@127.0.0.1:{silent.getsockname()[1]}"
    assert main([address if word == "S" else word for word in words.split()]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1] == "dcmups: Try 'dcmups -h' for more information."
    with pytest.raises(BlockingIOError):
        silent.accept()


# -- what a peer says in its own words ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0xC301, 0xB300])
def test_a_peer_that_names_the_lock_of_a_workitem_does_not_tell_it_us(
    status: int, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request, status, error_comment="1.2.3 is locked by 2.25.98765432109"))

    dcmups(f"set S -iuid {U} -tuid 2.25.98765432109 --set PatientID=1", scripted(answer))
    out, err = capsys.readouterr()
    assert "(1.2.3 is locked by (UID withheld))" in err
    assert "98765432109" not in out + err


def test_a_port_in_use_is_not_the_fault_of_the_peer(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = f"subscribe SCP@127.0.0.1:{port} -aet ME -L ME@127.0.0.1:{port} --watch"
        assert main(words.split()) == 2
        taken.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called
            taken.accept()
    assert one_line(capsys).startswith(f"dcmups: ME: cannot listen on 127.0.0.1:{port}: ")
