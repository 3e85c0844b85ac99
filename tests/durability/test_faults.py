"""What ``upsscp`` does when its store cannot: locked, read-only, damaged, full; and how it ends and begins.

Each fault is a real one, made under a running or starting process: a clear line or the right status, nothing lost, and
the server lives.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from dicomnet import dataset as codec
from dicomnet import uids
from dicomnet.codes import CommandField
from dicomnet.dimse.command import CommandElement as E
from dicomnet.wire import AAbort, AAssociateAC, AReleaseRQ

from ..interop.parrot import Message, Wire
from ..interop.processes import PATIENCE, Ended, UpsScp, run, without_override
from ..interop.workitems import dataset, save_json, to_state, uid, workitem

pytestmark = pytest.mark.once

CONTEXTS = [(1, uids.UPS_PUSH), (3, uids.UPS_PULL), (5, uids.UPS_WATCH), (7, uids.VERIFICATION)]
SYNTAX = uids.IMPLICIT_VR_LE
CREATED = (0x0000, 0xB300)


@contextmanager
def associated(server: UpsScp) -> Iterator[Wire]:
    with Wire.connect(server.port) as wire:
        assert isinstance(wire.associate(CONTEXTS, syntaxes=(SYNTAX,)), AAssociateAC)
        yield wire


def create(instance: str, **changes: object) -> tuple[int, dict[int, object], bytes]:
    """The parts of a message: context, command, data set."""
    command = {
        E.COMMAND_FIELD: CommandField.N_CREATE_RQ,
        E.MESSAGE_ID: 1,
        E.AFFECTED_SOP_CLASS_UID: uids.UPS_PUSH,
        E.AFFECTED_SOP_INSTANCE_UID: instance,
    }
    return 1, command, codec.encode(workitem(**changes), SYNTAX)


def on_instance(field: int, instance: str) -> dict[int, object]:
    named = {E.REQUESTED_SOP_CLASS_UID: uids.UPS_PUSH, E.REQUESTED_SOP_INSTANCE_UID: instance}
    return {E.COMMAND_FIELD: field, E.MESSAGE_ID: 1, **named}


def get(instance: str) -> tuple[int, dict[int, object]]:
    return 3, on_instance(CommandField.N_GET_RQ, instance)


def claim(instance: str, transaction: str) -> tuple[int, dict[int, object], bytes]:
    command = {**on_instance(CommandField.N_ACTION_RQ, instance), E.ACTION_TYPE_ID: 1}
    return 3, command, codec.encode(to_state("IN PROGRESS", transaction), SYNTAX)


def find() -> tuple[int, dict[int, object], bytes]:
    named = {E.AFFECTED_SOP_CLASS_UID: uids.UPS_PULL, E.PRIORITY: 0}
    command = {E.COMMAND_FIELD: CommandField.C_FIND_RQ, E.MESSAGE_ID: 1, **named}
    return 3, command, codec.encode(dataset(PatientID="", SOPInstanceUID=""), SYNTAX)


def echo() -> tuple[int, dict[int, object]]:
    named = {E.AFFECTED_SOP_CLASS_UID: uids.VERIFICATION}
    return 7, {E.COMMAND_FIELD: CommandField.C_ECHO_RQ, E.MESSAGE_ID: 1, **named}


def find_all(wire: Wire) -> list[Message]:
    """Every response to a search for all."""
    found = [wire.ask(*find())]
    while found[-1].status in (0xFF00, 0xFF01):
        found.append(wire.receive_message())
    return found


def state(wire: Wire, instance: str) -> str:
    message = wire.ask(*get(instance))
    assert message.status == 0x0000
    return codec.decode(message.data, SYNTAX).ProcedureStepState


def refused(*words: str, preexec: Callable[[], object] | None = None) -> Ended:
    """Start ``upsscp`` with what it cannot use: one clear line and the hint, status 1."""
    done = run("-L", "UPSSCP@127.0.0.1:0", *words, module="ups.cli.upsscp", preexec=preexec)
    assert done.status == 1, done
    assert not done.out
    assert len(done.error_lines) == 2, done
    assert done.error_lines[1] == "upsscp: Try 'upsscp -h' for more information."
    assert done.error_lines[0].startswith("upsscp: --db ")
    return done


# -- the end and the beginning ---------------------------------------------------------------------------------------


def test_sigterm_answers_what_is_under_way(start_upsscp: Callable[..., UpsScp], tmp_path: Path) -> None:
    server = start_upsscp()
    instance = uid()
    lock = sqlite3.connect(tmp_path / "ups.db", isolation_level=None)
    with associated(server) as busy, associated(server) as idle:
        lock.execute("BEGIN IMMEDIATE")
        busy.send_message(*create(instance))
        # The request before it was read when this one is answered.
        assert idle.ask(*echo()).status == 0x0000
        server.send_signal(signal.SIGTERM)
        # Whoever has nothing to wait for is told at once: so the signal has been taken.
        assert isinstance(idle.receive(), AAbort)
        lock.execute("ROLLBACK")
        assert busy.receive_message().status in CREATED
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have begun to close
            busy.send(AReleaseRQ())
    lock.close()
    assert server.wait() == 0
    server.check_healthy()
    again = start_upsscp()
    with associated(again) as wire:
        assert state(wire, instance) == "SCHEDULED"


def test_sigterm_with_idle_half_open_and_unfinished_peers(start_upsscp: Callable[..., UpsScp]) -> None:
    server = start_upsscp()
    with ExitStack() as stack:
        stack.enter_context(Wire.connect(server.port))
        stack.enter_context(Wire.connect(server.port)).send(b"\x01\x00\x00\x00")
        stack.enter_context(associated(server))
        stack.enter_context(associated(server)).send(b"\x04\x00\x00\x00\x01\x00")
        with associated(server) as last:
            assert last.ask(*echo()).status == 0x0000
            assert server.stop() == 0
    server.check_healthy()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_to_an_idle_server(start_upsscp: Callable[..., UpsScp], number: int, status: int) -> None:
    server = start_upsscp()
    assert server.stop(number) == status
    assert server.err == [f"upsscp: UPSSCP listening on 127.0.0.1:{server.port}"]


def test_a_port_in_use(start_upsscp: Callable[..., UpsScp], tmp_path: Path) -> None:
    server = start_upsscp()
    words = ("-L", f"OTHER@127.0.0.1:{server.port}", "--db", str(tmp_path / "other.db"))
    done = run(*words, module="ups.cli.upsscp")
    assert done.status == 2
    assert len(done.error_lines) == 1
    assert str(server.port) in done.err


def test_two_servers_on_one_store_give_each_claim_to_one(start_upsscp: Callable[..., UpsScp]) -> None:
    servers = [start_upsscp(), start_upsscp()]
    instances = [uid() for _ in range(20)]
    with associated(servers[0]) as wire:
        for instance in instances:
            assert wire.ask(*create(instance)).status in CREATED
    outcomes: list[list[int]] = [[], []]

    def claim_all(server: UpsScp, found: list[int]) -> None:
        with associated(server) as wire:
            found += [wire.ask(*claim(instance, uid())).status for instance in instances]

    threads = [threading.Thread(target=claim_all, args=pair) for pair in zip(servers, outcomes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert {tuple(sorted(pair)) for pair in zip(*outcomes, strict=True)} == {(0x0000, 0xC301)}


# -- the store fails -------------------------------------------------------------------------------------------------


def test_a_store_locked_by_somebody_else(start_upsscp: Callable[..., UpsScp], tmp_path: Path) -> None:
    server = start_upsscp()
    before, during = uid(), uid()
    lock = sqlite3.connect(tmp_path / "ups.db", isolation_level=None)
    with associated(server) as wire, associated(server) as other:
        assert wire.ask(*create(before)).status in CREATED
        lock.execute("BEGIN IMMEDIATE")
        wire.send_message(*create(during))
        # Who has nothing to do with the store is served meanwhile.
        assert other.ask(*echo()).status == 0x0000
        assert wire.receive_message().status == 0x0213
        # Reading goes on beside a writer.
        assert state(wire, before) == "SCHEDULED"
        assert [message.status for message in find_all(wire)] == [0xFF00, 0x0000]
        lock.execute("ROLLBACK")
        lock.close()
        assert wire.ask(*get(during)).status == 0xC307
        assert wire.ask(*create(during)).status in CREATED
    assert server.stop() == 0
    server.check_healthy()


def test_a_store_that_may_only_be_read(start_upsscp: Callable[..., UpsScp], tmp_path: Path) -> None:
    instance = uid()
    server = start_upsscp()
    with associated(server) as wire:
        assert wire.ask(*create(instance)).status in CREATED
    assert server.stop() == 0
    folder = tmp_path / "folder"
    folder.mkdir()
    database = folder / "ups.db"
    (tmp_path / "ups.db").rename(database)
    database.chmod(0o444)
    folder.chmod(0o555)
    try:
        done = run(
            *("-L", "UPSSCP@127.0.0.1:0", "--db", str(database)), module="ups.cli.upsscp", preexec=without_override
        )
    finally:
        folder.chmod(0o755)
    # Nothing could ever be kept: it says so instead of beginning.
    assert done.status == 1, done
    assert len(done.error_lines) == 2
    assert str(database) in done.error_lines[0]
    assert database.read_bytes()[:6] == b"SQLite"


def test_writes_refused_under_a_running_server(start_upsscp: Callable[..., UpsScp], tmp_path: Path) -> None:
    instance, other = uid(), uid()
    first = start_upsscp()
    with associated(first) as wire:
        assert wire.ask(*create(instance)).status in CREATED
    reader = start_upsscp(database=f"sqlite:///file:{tmp_path / 'ups.db'}?mode=ro&uri=true")
    with associated(reader) as wire:
        assert wire.ask(*create(other)).status == 0x0110
        assert wire.ask(*claim(instance, uid())).status == 0x0110
        assert state(wire, instance) == "SCHEDULED"
        assert wire.ask(*get(other)).status == 0xC307
    assert reader.stop() == 0
    reader.check_healthy()


@pytest.mark.parametrize(
    "content",
    [b"not a database at all\n" * 200, b"SQLite format 3\0" + b"\xff" * 5000, bytes(5000)],
    ids=["text", "bad header", "zeros"],
)
def test_a_file_that_is_no_store(tmp_path: Path, content: bytes) -> None:
    database = tmp_path / "ups.db"
    database.write_bytes(content)
    done = refused("--db", str(database))
    assert str(database) in done.err
    assert database.read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE something (else_ INTEGER)", "UPDATE ups_schema SET version = 99", "DELETE FROM ups_schema"],
    ids=["foreign", "newer", "no version"],
)
def test_a_database_that_is_not_ours_to_change(
    start_upsscp: Callable[..., UpsScp], tmp_path: Path, statement: str
) -> None:
    database = tmp_path / "ups.db"
    if "ups_schema" in statement:
        assert start_upsscp().stop() == 0
    connection = sqlite3.connect(database)
    with connection:
        connection.execute(statement)
    connection.close()
    refused("--db", str(database))


@pytest.mark.parametrize("name", ["missing/ups.db", ".", "mysterious://host/db", "sqlite:///missing/ups.db"])
def test_a_store_that_cannot_be_opened(tmp_path: Path, name: str) -> None:
    refused("--db", name if "://" in name else str(tmp_path / name))


def test_damaged_pages(start_upsscp: Callable[..., UpsScp], tmp_path: Path) -> None:
    """The head of the file is sound, what is behind it is not: refused at the start, or failures on the wire."""
    server = start_upsscp()
    instances = [uid() for _ in range(30)]
    with associated(server) as wire:
        for instance in instances:
            assert wire.ask(*create(instance)).status in CREATED
    assert server.stop() == 0
    database = tmp_path / "ups.db"
    content = bytearray(database.read_bytes())
    assert len(content) > 3 * 4096
    content[3 * 4096 :] = os.urandom(len(content) - 3 * 4096)
    database.write_bytes(content)
    try:
        damaged = start_upsscp()
    except AssertionError:
        refused("--db", str(database))
        return
    with associated(damaged) as wire:
        statuses = {wire.ask(*get(instance)).status for instance in instances}
        assert statuses <= {0x0110, 0x0000, 0xC307}
        assert 0x0110 in statuses
        assert find_all(wire)[-1].status == 0xC000
        assert wire.ask(*create(uid())).status in (0x0110, *CREATED)
        assert wire.ask(*echo()).status == 0x0000
    assert damaged.stop() == 0
    damaged.check_healthy()


# -- no room ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB, where we may have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=PATIENCE)


def fill(server: UpsScp, statuses: set[int]) -> tuple[list[str], str]:
    """Create until it is refused with one of these: what was acknowledged, and what was not."""
    made = []
    with associated(server) as wire:
        for _ in range(1000):
            instance = uid()
            status = wire.ask(*create(instance, CommentsOnTheScheduledProcedureStep="x" * 8000)).status
            if status in statuses:
                assert wire.ask(*echo()).status == 0x0000
                return made, instance
            assert status in CREATED
            made.append(instance)
    raise AssertionError("it was never full")


def check_all_there(server: UpsScp, made: list[str], refused_one: str) -> None:
    with associated(server) as wire:
        assert {state(wire, instance) for instance in made} == {"SCHEDULED"}
        assert wire.ask(*get(refused_one)).status == 0xC307


def test_full_disk(start_upsscp: Callable[..., UpsScp], closing: ExitStack, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    server = start_upsscp(database=small_disk / "ups.db")
    made, last = fill(server, {0x0213})
    check_all_there(server, made, last)
    ballast.unlink()
    with associated(server) as wire:
        assert wire.ask(*create(last)).status in CREATED
    assert server.stop() == 0
    server.check_healthy()
    again = start_upsscp(database=small_disk / "ups.db")
    check_all_there(again, [*made, last], uid())
    assert again.stop() == 0


def test_a_file_that_may_not_grow(start_upsscp: Callable[..., UpsScp]) -> None:
    limit = 600_000
    server = start_upsscp(preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    made, last = fill(server, {0x0213, 0x0110})
    assert made
    check_all_there(server, made, last)
    assert server.stop() == 0
    server.check_healthy()
    again = start_upsscp()
    check_all_there(again, made, last)


def test_no_room_to_begin(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes((1 << 20) - 4096))
    refused("--db", str(small_disk / "ups.db"))


def test_dcmups_says_that_the_peer_has_no_room(
    start_upsscp: Callable[..., UpsScp], tmp_path: Path, small_disk: Path
) -> None:
    (small_disk / "ballast").write_bytes(bytes(800_000))
    server = start_upsscp(database=small_disk / "ups.db")
    fill(server, {0x0213})
    file = save_json(workitem(CommentsOnTheScheduledProcedureStep="x" * 9000), tmp_path / "create.json")
    done = server.dcmups("create", "-f", file, status=3)
    assert done.error_lines[0].startswith("dcmups: 0213 ")
    assert len(done.error_lines) <= 3
