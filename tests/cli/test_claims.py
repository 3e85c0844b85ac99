"""The store of claims: private, durable, locked, whole at every moment, and clear about what it cannot use."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dicomnet import uids
from ups.cli import claims
from ups.cli.claims import Claim, ClaimStore, ClaimStoreError

pytestmark = pytest.mark.once

PEER, U, T = "SCP@localhost:104", "1.2.3", "1.7"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "claims.json"


@pytest.fixture
def store(path: Path) -> ClaimStore:
    return ClaimStore(str(path))


def written(*entries: dict[str, Any], **changes: Any) -> str:
    """The text of a store."""
    return json.dumps({"format": "dcmups claims", "version": 1, "claims": list(entries), **changes})


ENTRY = {"peer": PEER, "workitem": U, "transaction": T, "tries": 1, "held": False}


def keep(path: Path, text: str | bytes, mode: int = 0o600) -> None:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)


def test_a_claim_is_remembered_by_workitem_and_peer(store: ClaimStore, path: Path) -> None:
    claim = store.take(PEER, U)
    assert claim == Claim(PEER, U, claim.transaction, tries=1, held=False)
    assert uids.is_uid(claim.transaction)
    other = store.take("OTHER@localhost:104", U)
    assert other.transaction != claim.transaction
    again = ClaimStore(str(path))
    assert again.find(PEER, U) == claim
    assert again.find("OTHER@localhost:104", U) == other
    assert again.find(PEER, "1.2.4") is None


def test_a_second_try_sends_the_same_uid_and_is_counted(store: ClaimStore) -> None:
    first, second = store.take(PEER, U), store.take(PEER, U)
    assert second == Claim(PEER, U, first.transaction, tries=2, held=False)
    assert store.find(PEER, U) == second


def test_a_refused_claim_is_forgotten_unless_another_try_may_have_got_the_lock(store: ClaimStore) -> None:
    claim = store.take(PEER, U)
    store.withdraw(claim)
    assert store.find(PEER, U) is None
    first = store.take(PEER, U)
    store.take(PEER, U)
    store.withdraw(first)
    assert store.find(PEER, U) is not None
    held = store.take(PEER, "1.2.4")
    store.hold(held)
    store.withdraw(held)
    assert store.find(PEER, "1.2.4") == Claim(PEER, "1.2.4", held.transaction, tries=1, held=True)


def test_what_is_forgotten_is_gone_and_a_newer_claim_is_not(store: ClaimStore) -> None:
    old = store.take(PEER, U)
    store.forget(old)
    new = store.take(PEER, U)
    assert new.transaction != old.transaction
    for late in (store.forget, store.withdraw, store.hold):
        late(old)
    assert store.find(PEER, U) == new


def test_the_file_is_private_whatever_the_umask(store: ClaimStore, path: Path) -> None:
    before = os.umask(0)
    try:
        claim = store.take(PEER, U)
        store.hold(claim)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_link_is_followed_and_stays_one(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    claim = ClaimStore(str(link)).take(PEER, U)
    assert link.is_symlink()
    assert ClaimStore(str(path)).find(PEER, U) == claim


def test_an_empty_file_is_a_store_without_claims(store: ClaimStore, path: Path) -> None:
    keep(path, b"")
    assert store.find(PEER, U) is None
    assert store.take(PEER, U).tries == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "damaged: it is no JSON text"),
        (b"\xff\xfe\x00", "damaged: it is no JSON text"),
        ("[" * 100_000, "damaged: it is no JSON text"),
        (written(ENTRY)[:-20], "damaged: it is no JSON text"),
        ("{}", "it is no store of claims"),
        ("[]", "it is no store of claims"),
        (written(version=2), "it has version 2 of its format; this program knows version 1"),
        (written(claims=None), "damaged: there is no list of claims"),
        (written(7), "damaged: claim 1 cannot be what was written"),  # type: ignore[arg-type]
        (written({**ENTRY, "transaction": "x"}), "damaged: claim 1 cannot be what was written"),
        (written({**ENTRY, "workitem": ""}), "damaged: claim 1 cannot be what was written"),
        (written({**ENTRY, "tries": True}), "damaged: claim 1 cannot be what was written"),
        (written({**ENTRY, "more": 1}), "damaged: claim 1 cannot be what was written"),
        (written({"peer": PEER}), "damaged: claim 1 cannot be what was written"),
        (written(ENTRY, ENTRY), "damaged: claim 2 cannot be what was written"),
        (b" " * (16 * 1024 * 1024 + 1), "larger than 16777216 bytes"),
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(
    store: ClaimStore, path: Path, text: str | bytes, message: str
) -> None:
    keep(path, text)
    before = path.read_bytes()
    for use in (lambda: store.take(PEER, U), lambda: store.find(PEER, U)):
        with pytest.raises(ClaimStoreError) as caught:
            use()
        assert str(caught.value) == message
    assert path.read_bytes() == before
    assert T not in message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_touch_is_refused(store: ClaimStore, path: Path, mode: int) -> None:
    keep(path, written(ENTRY), mode)
    with pytest.raises(ClaimStoreError, match=f"mode {mode:04o}"):
        store.take(PEER, U)


def test_a_file_of_another_user_is_refused(store: ClaimStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(path, written(ENTRY))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ClaimStoreError, match="belongs to another user"):
        store.find(PEER, U)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClaimStoreError, match="Is a directory"):
        ClaimStore(str(tmp_path)).take(PEER, U)
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(ClaimStoreError, match="no regular file"):
        ClaimStore(str(tmp_path / "fifo")).take(PEER, U)
    with pytest.raises(ClaimStoreError, match="No such file"):
        ClaimStore(str(tmp_path / "none")).find(PEER, U)
    assert not (tmp_path / "none").exists()
    with pytest.raises(ClaimStoreError, match="No such file"):
        ClaimStore(str(tmp_path / "none" / "x")).take(PEER, U)
    with pytest.raises(ClaimStoreError, match="embedded null"):
        ClaimStore(f"{tmp_path}/a\0b").take(PEER, U)


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_a_medium_that_fails_leaves_what_was_there(
    store: ClaimStore, path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    keep(path, written(ENTRY))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with pytest.raises(ClaimStoreError, match="No space left"):
            store.take(PEER, "1.2.4")
    assert path.read_text() == written(ENTRY)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_claim_is_on_the_medium_before_it_is_returned(
    store: ClaimStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def note_fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        done.append(f"{kind} of {os.fstat(descriptor).st_size > 0}")
        fsync(descriptor)

    def note_rename(old: str, new: str) -> None:
        done.append("rename")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "rename", note_rename)
    store.take(PEER, U)
    assert [step.partition(" ")[0] for step in done] == ["file", "rename", "folder"]
    assert done[0] == "file of True"


def test_a_lock_that_is_held_is_waited_for_but_not_for_ever(
    store: ClaimStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.take(PEER, U)
    monkeypatch.setattr(claims, "_LOCK_SECONDS", 0.05)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ClaimStoreError, match="another process has held its lock"):
            store.take(PEER, U)
        fcntl.flock(file, fcntl.LOCK_UN)
        assert store.take(PEER, U).tries == 2


def test_many_at_once_lose_nothing(path: Path) -> None:
    # flock excludes open files, so threads with a store each stand for processes
    def work(number: int) -> Claim:
        return ClaimStore(str(path)).take(PEER, f"1.2.{number % 20}")

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(work, range(100)))
    store = ClaimStore(str(path))
    for number in range(20):
        claim = store.find(PEER, f"1.2.{number}")
        assert claim is not None
        assert claim.tries == 5
        assert {one.transaction for one in taken if one.workitem == claim.workitem} == {claim.transaction}


KILLED = """
import os, signal, sys
from ups.cli import claims
from ups.cli.claims import ClaimStore

path, left = sys.argv[1], 0

def killer(frame, event, argument):
    global left
    if frame.f_code.co_filename != claims.__file__ and "contextlib" not in frame.f_code.co_filename:
        return None
    if event == "line":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return killer

def work():
    store = ClaimStore(path)
    for change in sys.argv[2:]:
        if change == "take":
            claim = store.take("SCP", "1.2.3")
            os.write(1, f"{claim.transaction}\\n".encode())
        else:
            getattr(store, change)(claim)
    os.write(1, b"done\\n")

step = 0
while True:
    for name in (path, path + ".new"):
        if os.path.exists(name):
            os.unlink(name)
    kept = ClaimStore(path).take("SCP", "1.9")
    child = os.fork()
    if child == 0:
        left = step
        sys.settrace(killer)
        work()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    after = ClaimStore(path)
    assert after.find("SCP", "1.9") == kept, step
    found = after.find("SCP", "1.2.3")
    os.write(1, f"after {found.transaction if found else None} {found.held if found else None}\\n".encode())
    assert os.stat(path).st_mode & 0o777 == 0o600, step
    if status == 0:
        break
    step += 1
"""


def killed(path: Path, *changes: str) -> Iterator[list[str]]:
    """What was said before the kill at each line of the module, and what the store says after it."""
    command = [sys.executable, "-c", KILLED, str(path), *changes]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    lines: list[str] = []
    for line in done.stdout.splitlines():
        lines.append(line)
        if line.startswith("after"):
            yield lines
            lines = []


def test_a_kill_between_any_two_steps_leaves_the_claim_that_was_told(path: Path) -> None:
    rounds = list(killed(path, "take", "hold"))
    assert len(rounds) > 100, "the kill came nowhere"
    told = [lines for lines in rounds if len(lines) > 1]
    assert len(told) > 50
    for lines in told:
        assert lines[-1].startswith(f"after {lines[0]} "), lines
    assert rounds[-1][1:] == ["done", f"after {rounds[-1][0]} True"]


def test_a_kill_while_it_is_forgotten_leaves_it_or_not(path: Path) -> None:
    rounds = list(killed(path, "take", "forget"))
    assert rounds[-1][1:] == ["done", "after None None"]
    for lines in rounds:
        if len(lines) > 1:
            assert lines[-1] in (f"after {lines[0]} False", "after None None")
