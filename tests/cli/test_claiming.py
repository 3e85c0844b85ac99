"""``-tuid auto``: a performer goes on where it was, whatever ended it, and gives away no Transaction UID."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import NActionRequest, NGetRequest, Request
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.ul import PlainPolicy
from ups.cli.claims import ClaimStore, ClaimStoreError
from ups.cli.main import main

from .conftest import answer_success

pytestmark = pytest.mark.once

U = "1.2.3"
CLAIM = f"chstate S -iuid {U} -state 'IN PROGRESS' -tuid auto --tuid-store"
SET = f"set S -iuid {U} --set ProcedureStepLabel=x -tuid auto --tuid-store"
COMPLETE = f"chstate S -iuid {U} -state COMPLETED -tuid auto --tuid-store"
CANCEL = f"chstate S -iuid {U} -state CANCELED -tuid auto --tuid-store"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "claims"


@dataclass
class Nobody:
    """A port where nobody answers, which remembers whether anybody came."""

    listener: socket.socket

    @property
    def address(self) -> str:
        return f"SCRIPTED@127.0.0.1:{self.listener.getsockname()[1]}"

    def was_left_alone(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return True
        return False


@pytest.fixture
def nobody() -> Iterator[Nobody]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Nobody(listener)


def dcmups(text: str, peer: Any, store: Path) -> int:
    return main([*(peer.address if word == "S" else word for word in shlex.split(text)), str(store)])


def answering(*statuses: int) -> Handler:
    rest = iter(statuses)

    def handle(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request, next(rest)))

    return handle


def remembered(store: Path) -> dict[str, str]:
    """Transaction UIDs by peer."""
    return {claim["peer"]: claim["transaction"] for claim in json.loads(store.read_text())["claims"]}


def keep(store: Path, peer: Any, *, tries: int = 1) -> str:
    """Remember a claim of U at this peer, sent so many times."""
    for _ in range(tries):
        claim = ClaimStore(str(store)).take(peer.address, U)
    return claim.transaction


def test_a_performer_needs_to_know_no_transaction_uid(desk: Any, store: Path) -> None:
    desk.done(f"create S -f create.xml -iuid {U}", f"{CLAIM} {store}")
    (transaction,) = remembered(store).values()
    assert desk.state() == "IN PROGRESS"
    assert desk.run(f"set S -iuid {U} --set ProcedureStepLabel=x -tuid 1.7") == 3
    desk.done(f"{SET} {store}", f"set S -iuid {U} -f performed.xml -tuid auto --tuid-store {store}")
    assert remembered(store) == {desk.address: transaction}
    desk.done(f"{COMPLETE} {store}")
    assert desk.state() == "COMPLETED"
    assert remembered(store) == {}


def test_the_claim_is_remembered_before_it_is_sent(scripted: Any, store: Path) -> None:
    seen: list[str] = []

    def handle(request: Request, peer: Peer) -> Flow[None]:
        seen.extend(remembered(store).values())
        yield from flows.send(reply(request))

    peer = scripted(handle)
    assert dcmups(CLAIM, peer, store) == 0
    assert seen == [peer.messages[0].dataset().TransactionUID]
    assert remembered(store) == {peer.address: seen[0]}


@pytest.mark.parametrize("words", [SET, COMPLETE, CANCEL])
def test_each_later_step_sends_what_is_remembered(scripted: Any, store: Path, words: str) -> None:
    peer = scripted()
    transaction = keep(store, peer)
    ClaimStore(str(store)).take("OTHER@127.0.0.1:104", U)
    assert dcmups(words, peer, store) == 0
    assert peer.messages[0].dataset().TransactionUID == transaction
    assert (peer.address in remembered(store)) == (words is SET)
    assert "OTHER@127.0.0.1:104" in remembered(store)


@pytest.mark.parametrize("verbose", ["", "-v", "-vv", "--json"])
def test_the_transaction_uid_is_never_shown(
    scripted: Any, store: Path, verbose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (CLAIM, SET, COMPLETE):
        peer = scripted(answering(0xC302 if words is CLAIM else 0))
        transaction = keep(store, peer)
        dcmups(f"{verbose} {words}", peer, store)
        out, err = capsys.readouterr()
        assert peer.messages[0].dataset().TransactionUID == transaction
        assert transaction not in out + err


@pytest.mark.parametrize(
    ("words", "tries", "status", "kept"),
    [
        # a claim that went out once and was refused is nobody's
        *((CLAIM, 0, status, False) for status in (0xC300, 0xC301, 0xC302, 0xC307)),
        # unless the peer says nothing of the lock
        *((CLAIM, 0, status, True) for status in (0x0110, 0x0213, 0x0124, 0xC9FF)),
        # one that went out before may have got the lock then
        *((CLAIM, 1, status, True) for status in (0xC301, 0xC302, 0xC307)),
        (CLAIM, 1, 0xC300, False),
        *((COMPLETE, 1, status, False) for status in (0x0000, 0xB306, 0xC300)),
        *((COMPLETE, 1, status, True) for status in (0xC301, 0xC304, 0xC307, 0xC310, 0x0110)),
        *((CANCEL, 1, status, False) for status in (0x0000, 0xB304, 0xC300)),
        *((SET, 1, status, True) for status in (0x0000, 0x0001, 0xB305, 0xC301, 0xC307, 0xC310)),
        (SET, 1, 0xC300, False),
    ],
)
def test_what_an_answer_proves(scripted: Any, store: Path, words: str, tries: int, status: int, kept: bool) -> None:
    peer = scripted(answering(status))
    transaction = keep(store, peer, tries=tries) if tries else None
    dcmups(words, peer, store)
    sent = peer.messages[0].dataset().TransactionUID
    assert transaction in (None, sent)
    assert remembered(store) == ({peer.address: sent} if kept else {})


def test_a_claim_whose_answer_was_lost_goes_out_again_as_it_was(
    scripted: Any, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def aborting(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.inject(bytes.fromhex("07000000000400000000"))
        yield from flows.pause(5.0)

    peer = scripted(aborting)
    assert dcmups(CLAIM, peer, store) == 2
    lost = peer.messages[0].dataset().TransactionUID
    assert remembered(store) == {peer.address: lost}
    capsys.readouterr()
    again = scripted(answering(0xC302))
    entry = json.loads(store.read_text())
    entry["claims"][0]["peer"] = again.address
    store.write_text(json.dumps(entry))
    assert dcmups(CLAIM, again, store) == 3
    assert again.messages[0].dataset().TransactionUID == lost
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "dcmups: C302 already IN PROGRESS"
    assert lines[-1] == "dcmups: A claim of ours is remembered, and may be the one: go on with it by 'set -tuid auto'."
    assert len(lines) == 3


def test_a_claim_that_never_left_is_not_remembered(scripted: Any, store: Path) -> None:
    assert dcmups(CLAIM, scripted(policy=PlainPolicy((), ae_titles=frozenset({"OTHER"}))), store) == 2
    assert remembered(store) == {}
    assert dcmups(CLAIM, scripted(policy=PlainPolicy(())), store) == 2
    assert remembered(store) == {}
    peer = scripted(policy=PlainPolicy(()))
    transaction = keep(store, peer)
    assert dcmups(CLAIM, peer, store) == 2
    assert remembered(store) == {peer.address: transaction}


def test_a_final_state_that_is_seen_while_waiting_ends_it(scripted: Any, store: Path) -> None:
    def handle(request: Request, peer: Peer) -> Flow[None]:
        found = Dataset()
        found.ProcedureStepState = "CANCELED"
        more = {"data_set": found} if isinstance(request, NGetRequest) else {}
        yield from flows.send(reply(request, **more))

    assert dcmups(f"--wait COMPLETED {CLAIM}", scripted(handle), store) == 3
    assert remembered(store) == {}


def test_nothing_remembered_is_bad_input_and_nothing_is_sent(
    nobody: Nobody, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, reason in ((SET, "No such file or directory"), (COMPLETE, "No such file or directory")):
        assert dcmups(words, nobody, store) == 1
        assert capsys.readouterr().err.splitlines()[0] == f"dcmups: --tuid-store {store}: {reason}"
    ClaimStore(str(store)).take("OTHER@127.0.0.1:104", U)
    assert dcmups(SET, nobody, store) == 1
    line = f"dcmups: -tuid auto: {store} (--tuid-store) remembers no claim of {U} at {nobody.address}"
    assert capsys.readouterr().err.splitlines()[0] == line
    assert nobody.was_left_alone()


@pytest.mark.parametrize("words", [CLAIM, SET, COMPLETE])
def test_a_store_that_cannot_be_used_is_bad_input_and_nothing_is_sent(
    nobody: Nobody, store: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for content, mode, reason in (("{", 0o600, "damaged: it is no JSON text"), ("", 0o644, "others may read or write")):
        store.write_text(content)
        store.chmod(mode)
        assert dcmups(words, nobody, store) == 1
        first, hint = capsys.readouterr().err.splitlines()
        assert first.startswith(f"dcmups: --tuid-store {store}: {reason}")
        assert hint.startswith("dcmups: Try ")
        assert store.read_text() == content
    assert nobody.was_left_alone()


def test_bad_input_beside_it_remembers_nothing(nobody: Nobody, store: Path) -> None:
    assert dcmups(f"--set Bogus=1 {CLAIM}", nobody, store) == 1
    assert not store.exists()


@pytest.mark.parametrize(("words", "method"), [(CLAIM, "hold"), (COMPLETE, "forget")])
def test_a_store_that_fails_after_the_answer_is_a_warning(
    scripted: Any,
    store: Path,
    words: str,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise ClaimStoreError("No space left on device")

    peer = scripted()
    transaction = keep(store, peer)
    monkeypatch.setattr(ClaimStore, method, fail)
    assert dcmups(words, peer, store) == 0
    warning = "dcmups: warning: --tuid-store: No space left on device; the claim stays remembered"
    assert warning in capsys.readouterr().err
    assert remembered(store) == {peer.address: transaction}


def test_a_claim_that_two_processes_send_is_kept_for_the_one_that_got_the_lock(scripted: Any, store: Path) -> None:
    """The other one's claim is sent, and answered, between ours and its answer."""
    winner = scripted(answer_success)

    def handle(request: Request, peer: Peer) -> Flow[None]:
        assert isinstance(request, NActionRequest)
        entry = json.loads(store.read_text())
        entry["claims"][0]["tries"] += 1  # what the other process writes before it sends
        store.write_text(json.dumps(entry))
        yield from flows.send(reply(request, 0xC302))

    loser = scripted(handle)
    assert dcmups(CLAIM, loser, store) == 3
    assert remembered(store) == {loser.address: loser.messages[0].dataset().TransactionUID}
    assert dcmups(CLAIM, winner, store) == 0


KILLED = """
import os, signal, sys
import ups.cli.main
from ups.cli import calling, claiming, operations

address, folder, store = sys.argv[1:]
traced = {module.__file__ for module in (calling, claiming, operations)}
names = {"call", "perform", "flow", "_request", "answered", "hold", "claiming", "take"}
left = 0

def killer(frame, event, argument):
    global left
    if frame.f_code.co_filename not in traced or frame.f_code.co_name not in names:
        return None
    if event == "line":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return killer

def dcmups(*words):
    return ups.cli.main.main([words[0], address, *words[1:]])

AUTO = ("-tuid", "auto", "--tuid-store", store)
step, states = 0, set()
while True:
    uid = f"1.2.{step + 1}"
    assert dcmups("create", "-f", folder + "/create.xml", "-iuid", uid) == 0
    child = os.fork()
    if child == 0:
        left = step
        sys.settrace(killer)
        status = dcmups("chstate", "-iuid", uid, "-state", "IN PROGRESS", *AUTO)
        sys.settrace(None)
        os._exit(status)
    ended = os.waitpid(child, 0)[1]
    again = dcmups("chstate", "-iuid", uid, "-state", "IN PROGRESS", *AUTO)
    states.add(again)
    assert again in (0, 3), (step, again)
    assert dcmups("set", "-iuid", uid, "--set", "ProcedureStepLabel=mine", *AUTO) == 0, step
    if ended == 0:
        break
    step += 1
assert states == {0, 3}, states
os.write(1, f"killed {step} times\\n".encode())
"""


def test_a_claim_that_is_killed_anywhere_can_be_gone_on_with(desk: Any, store: Path) -> None:
    command = [sys.executable, "-c", KILLED, desk.address, str(desk.files), str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-2]) > 30
