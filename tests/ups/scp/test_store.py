"""One contract for every store, then what only a store on a medium can suffer."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from ups.scp.store import (
    Conflict,
    GlobalSubscription,
    MemoryStore,
    Narrowing,
    NewerSchema,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    Subscription,
    Workitem,
)
from ups.scp.store_sql import SCHEMA_VERSION, open_store


def _item(uid, state="SCHEDULED", **values):
    return Workitem(uid, state, b"data of " + uid.encode(), **values)


def _snapshot(store):
    with store.read() as transaction:
        items = transaction.workitems(limit=1000)
        return (
            items,
            [transaction.subscribers(item.uid) for item in items],
            transaction.global_subscriptions(),
        )


def _fill(store):
    with store.write() as transaction:
        for uid in ("1.1", "1.2", "1.3"):
            transaction.add(_item(uid))
        transaction.subscribe(Subscription("A", "1.1", True))
        transaction.subscribe(Subscription("B", "1.1", False, trial=True))
        transaction.subscribe_globally(GlobalSubscription("A", True, b"keys"))


# -- the contract ------------------------------------------------------------------------------------------------------


def test_what_is_kept_comes_back_as_it_was(store):
    item = _item("1.2", transaction_uid="1.9", priority="LOW", readiness="READY", patient_id=None, ended=3.25)
    with store.write() as transaction:
        transaction.add(item)
    with store.read() as transaction:
        held = transaction.workitem("1.2")
        assert transaction.workitem("1.3") is None
    assert (held.number, held.version) == (1, 1)
    assert (held.data, held.transaction_uid, held.patient_id, held.ended) == (item.data, "1.9", None, 3.25)


def test_a_uid_is_taken_once(store):
    _fill(store)
    before = _snapshot(store)
    with pytest.raises(Conflict):
        _run(store, [lambda t: t.add(_item("1.9")), lambda t: t.add(_item("1.2"))])
    assert _snapshot(store) == before


def test_only_the_version_that_was_read_is_replaced(store):
    _fill(store)
    with store.read() as transaction:
        held = transaction.workitem("1.2")
    with store.write() as transaction:
        transaction.replace(held)
    with pytest.raises(Conflict), store.write() as transaction:
        transaction.replace(held)


@pytest.mark.parametrize(("size", "found"), [(20, 2), (21, 3), (1, 1), (0, 1)])
def test_a_page_ends_with_the_workitem_that_fills_it(store, size, found):
    with store.write() as transaction:
        for number in range(5):
            transaction.add(replace(_item(f"1.{number}"), data=bytes(10)))
        transaction.subscribe_all("A", lock=False, trial=False)
    with store.read() as transaction:
        assert len(transaction.workitems(size=size)) == found
        assert len(transaction.workitems(size=50)) == 5
        assert len(transaction.subscribers("1.4")) == 1


def test_pages_follow_the_order_of_creation(store):
    with store.write() as transaction:
        for number in range(25):
            transaction.add(_item(f"1.{25 - number}", state="COMPLETED" if number % 2 else "SCHEDULED"))
    seen, after = [], 0
    with store.read() as transaction:
        while page := transaction.workitems(after=after, limit=10):
            seen += [item.uid for item in page]
            after = page[-1].number
        narrow = Narrowing({"state": frozenset({"COMPLETED"}), "uid": frozenset({"1.24", "1.25", "1.22"})})
        found = transaction.workitems(limit=10, narrowing=narrow)
    assert seen == [f"1.{25 - number}" for number in range(25)]
    assert [item.uid for item in found] == ["1.24", "1.22"]


def test_narrowing_leaves_what_only_the_data_can_tell(store):
    with store.write() as transaction:
        for uid, patient in (("1.1", "A"), ("1.2", "B"), ("1.3", None), ("1.4", "%")):
            transaction.add(_item(uid, patient_id=patient))
    with store.read() as transaction:
        found = transaction.workitems(narrowing=Narrowing({"patient_id": frozenset({"A"})}))
        many = transaction.workitems(narrowing=Narrowing({"uid": frozenset(f"1.{n}" for n in range(3, 9000))}))
    assert [item.uid for item in found] == ["1.1", "1.3"]
    assert {"1.3", "1.4"} <= {item.uid for item in many}


def test_subscriptions(store):
    _fill(store)
    with store.write() as transaction:
        assert transaction.subscribers("1.1") == [Subscription("A", "1.1", True), Subscription("B", "1.1", False, True)]
        transaction.subscribe(Subscription("A", "1.1", False))
        assert transaction.subscribers("1.1")[0] == Subscription("A", "1.1", False)
        transaction.subscribe_all("A", lock=True, trial=False)
        assert [transaction.subscribers(uid)[0].lock for uid in ("1.1", "1.2", "1.3")] == [False, True, True]
        assert transaction.subscriptions() == [Subscription("A", "1.1", False), Subscription("B", "1.1", False, True)]
        transaction.unsubscribe("A", "1.1")
        assert transaction.subscriptions()[0] == Subscription("A", "1.2", True)
        assert transaction.is_subscribed("A", "1.2")
        assert not transaction.is_subscribed("A", "1.1")
        assert transaction.global_subscriptions() == [GlobalSubscription("A", True, b"keys")]
        transaction.subscribe_globally(GlobalSubscription("A", False))
        assert transaction.global_subscriptions() == [GlobalSubscription("A", False)]
        transaction.unsubscribe("A", None)
        assert not transaction.is_subscribed("A")
        transaction.end_global("A")
        assert transaction.global_subscriptions() == []
        assert transaction.is_subscribed("B")


def test_purge_keeps_what_is_locked_or_not_ended(store):
    with store.write() as transaction:
        for uid, ended in (("1.1", 1.0), ("1.2", 1.0), ("1.3", 5.0), ("1.4", None)):
            transaction.add(_item(uid, ended=ended))
        transaction.subscribe(Subscription("A", "1.1", True))
        transaction.subscribe(Subscription("A", "1.2", False))
    with store.write() as transaction:
        assert transaction.purge(3.0) == 1
    with store.write() as transaction:
        assert [item.uid for item in transaction.workitems()] == ["1.1", "1.3", "1.4"]
        assert transaction.subscribers("1.2") == []
        transaction.add(_item("1.5"))
        assert [item.number for item in transaction.workitems()] == [1, 3, 4, 5]


_STEPS = [
    lambda t: t.add(_item("1.8")),
    lambda t: t.replace(t.workitem("1.2")),
    lambda t: t.subscribe(Subscription("A", "1.1", False)),
    lambda t: t.subscribe(Subscription("C", "1.2", True)),
    lambda t: t.subscribe_all("D", lock=True, trial=False),
    lambda t: t.subscribe_globally(GlobalSubscription("A", False)),
    lambda t: t.subscribe_globally(GlobalSubscription("E", False)),
    lambda t: t.unsubscribe("B", "1.1"),
    lambda t: t.unsubscribe("A", None),
    lambda t: t.end_global("E"),
    lambda t: t.purge(1e12),
]


def _run(store, steps):
    with store.write() as transaction:
        for step in steps:
            step(transaction)


def _interrupt(transaction):
    raise KeyboardInterrupt


@pytest.mark.parametrize("count", range(len(_STEPS) + 1))
def test_a_change_broken_off_after_any_step_never_was(store, count):
    _fill(store)
    with store.write() as transaction:
        transaction.add(_item("1.7", ended=1.0))
    before = _snapshot(store)
    with pytest.raises(KeyboardInterrupt):
        _run(store, [*_STEPS[:count], _interrupt])
    assert _snapshot(store) == before
    with store.write() as transaction:
        transaction.add(_item("1.9"))
    with store.read() as transaction:
        assert transaction.workitem("1.9") is not None


def test_of_many_claims_at_once_exactly_one_wins(make_desk, store, tmp_path):
    desk = make_desk(store)
    desk.create()
    statuses, start = [], threading.Barrier(8)

    def claim(number):
        own = make_desk(open_store(str(tmp_path / "ups.db"))) if isinstance(store, MemoryStore) is False else desk
        start.wait()
        statuses.append(own.change("IN PROGRESS", f"1.9.{number}").status)
        if own is not desk:
            own.store.close()

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [0] + [0xC301] * 7


# -- a database --------------------------------------------------------------------------------------------------------


def test_lists_survive_and_say_so(tmp_path):
    path = str(tmp_path / "ups.db")
    store = open_store(path)
    assert not store.kept_lists
    _fill(store)
    before = _snapshot(store)
    store.close()
    again = open_store(path)
    assert again.kept_lists
    assert _snapshot(again) == before
    again.close()


def test_the_file_is_for_its_owner_only_and_written_through(sql_store):
    assert os.stat(sql_store.path).st_mode & 0o777 == 0o600
    with sql_store.store.write() as transaction:
        pragma = transaction.connection.exec_driver_sql
        assert pragma("PRAGMA synchronous").scalar() == 2  # FULL
        assert pragma("PRAGMA journal_mode").scalar() == "wal"


def test_writers_take_the_lock_at_once(sql_store):
    said = []
    event.listen(sql_store.store.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    with sql_store.store.write() as transaction:
        transaction.workitem("1.2")
    with sql_store.store.read() as transaction:
        transaction.workitem("1.2")
    assert [text for text in said if text.startswith("BEGIN")] == ["BEGIN IMMEDIATE", "BEGIN"]


def test_values_never_become_sql(sql_store):
    said = []
    event.listen(sql_store.store.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    evil = "'; DROP TABLE ups_workitem; --"
    with sql_store.store.write() as transaction:
        transaction.add(_item(evil, patient_id=evil))
        transaction.subscribe(Subscription(evil, evil, True))
        assert transaction.workitems(narrowing=Narrowing({"patient_id": frozenset({evil})}))[0].uid == evil
    assert not any("DROP" in text for text in said)


class _Medium:
    """Fails at one statement, or at the commit, the way SQLite does when the medium goes."""

    def __init__(self, engine, monkeypatch):
        self.left = 0  # statements until it fails, 0 for never
        self._execute, self._commit = engine.dialect.do_execute, engine.dialect.do_commit
        monkeypatch.setattr(engine.dialect, "do_execute", self._do_execute)
        monkeypatch.setattr(engine.dialect, "do_commit", self._do_commit)

    def _do_execute(self, *arguments):
        self._count()
        return self._execute(*arguments)

    def _do_commit(self, connection):
        self._count()
        return self._commit(connection)

    def _count(self):
        if self.left:
            self.left -= 1
            if not self.left:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = 10 | 4 << 8  # SQLITE_IOERR_FSYNC
                raise error


def test_no_statement_and_no_commit_can_fail_half_way(make_desk, sql_store, monkeypatch):
    desk = make_desk(sql_store.store)
    desk.create("1.1")
    desk.subscribe(lock="TRUE")
    medium = _Medium(sql_store.store.engine, monkeypatch)
    requests = [
        lambda: desk.create("1.2"),
        lambda: desk.set("1.1", InputReadinessState="INCOMPLETE"),
        lambda: desk.cancel("1.1"),
        lambda: desk.unsubscribe(),
        lambda: desk.subscribe("1.1"),
        lambda: desk.subscribe(ae="B"),
    ]
    for request in requests:
        before = _snapshot(desk.store)
        for number in itertools.count(1):
            medium.left = number
            response = request()
            if medium.left:
                medium.left = 0
                break  # it needs fewer statements than this
            assert (response.status, desk.events()) == (0x0110, [])
            assert _snapshot(desk.store) == before
        assert number > 3
        assert response.status == 0
        assert _snapshot(desk.store) != before


def test_no_space_is_an_answer_and_leaves_the_store_whole(make_desk, sql_store):
    desk = make_desk(sql_store.store)
    desk.create("1.1")

    @event.listens_for(sql_store.store.engine, "begin")
    def limit(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    before = _snapshot(desk.store)
    large = desk.workitem(PatientComments="x" * 200_000)
    assert desk.create("1.2", data=large).status == 0x0213
    assert _snapshot(desk.store) == before
    with pytest.raises(StoreFull), desk.store.write() as transaction:
        transaction.add(Workitem("1.3", "SCHEDULED", bytes(300_000)))
    event.remove(sql_store.store.engine, "begin", limit)
    sql_store.store.engine.dispose()
    assert desk.create("1.2", data=large).status == 0


def test_a_store_that_may_not_be_written_can_be_read(make_desk, sql_store):
    desk = make_desk(sql_store.store)
    desk.create()
    store = open_store(f"sqlite:///file:{sql_store.path}?mode=ro&uri=true")
    reader = make_desk(store)
    assert reader.get().status == 0
    assert reader.found(PatientName="") == ["1.2.3"]
    assert reader.change("IN PROGRESS").status == 0x0110
    with pytest.raises(StoreReadOnly), store.write() as transaction:
        transaction.add(_item("1.9"))
    assert desk.state() == "SCHEDULED"
    store.close()


def test_a_held_lock_is_waited_for_and_then_said(make_desk, sql_store):
    desk = make_desk(sql_store.store)
    desk.create()
    other = sqlite3.connect(sql_store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert desk.change("IN PROGRESS").status == 0x0213
    assert desk.state() == "SCHEDULED"
    with pytest.raises(StoreBusy), sql_store.store.write():
        pass
    other.execute("ROLLBACK")
    other.close()
    assert desk.change("IN PROGRESS").status == 0


def test_a_damaged_file_is_refused_or_said(make_desk, sql_store):
    desk = make_desk(sql_store.store)
    for number in range(50):
        desk.create(f"1.2.{number}")
    sql_store.store.close()
    size = os.path.getsize(sql_store.path)
    with open(sql_store.path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StoreError):
        open_store(str(sql_store.path))
    sql_store.path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(StoreDamaged, match="no store"):
        open_store(str(sql_store.path))


def test_damage_within_the_lists_is_an_answer(make_desk, sql_store):
    desk = make_desk(sql_store.store)
    desk.create()
    with sql_store.store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE ups_workitem SET data = x'0800'")
    assert desk.get().status == 0x0110
    assert desk.set(ProcedureStepLabel="x").status == 0x0110
    assert desk.change("IN PROGRESS").status == 0x0110
    assert [response.status for response in desk.find(PatientName="")] == [0xC000]


def test_a_newer_store_is_left_alone(sql_store):
    with sql_store.store.write() as transaction:
        transaction.connection.exec_driver_sql(f"UPDATE ups_schema SET version = {SCHEMA_VERSION + 1}")
    with pytest.raises(NewerSchema, match=f"schema {SCHEMA_VERSION + 1}.*up to {SCHEMA_VERSION}"):
        open_store(str(sql_store.path))


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="something else"):
        open_store(str(path))


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("postgresql://u:p@h:1/db?sslmode=require", "postgresql+psycopg"),
        ("postgresql+psycopg://h/db", "postgresql+psycopg"),
        ("postgresql+psycopg2://h/db", "postgresql+psycopg2"),
        ("mysql://h/db", "mysql"),
    ],
)
def test_a_bare_postgresql_url_means_the_driver_we_depend_on(monkeypatch, name, driver):
    asked = []

    def create_engine(url, **_):
        asked.append(url)
        raise ImportError

    monkeypatch.setattr("ups.scp.store_sql.sa.create_engine", create_engine)
    with pytest.raises(StoreError, match="no driver"):
        open_store(name)
    assert asked == [make_url(name).set(drivername=driver)]


@pytest.mark.parametrize("name", ["nosuch/ups.db", "nosuch://x", "mysql+nosuch://x/y", "a\0b", "."])
def test_names_that_open_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError):
        open_store(name)


_WRITER = """
import sys
from datetime import datetime, UTC
from dicomnet.dimse.messages import NCreateRequest
from dicomnet import uids
from ups.scp.service import Caller, UpsService
from ups.scp.store_sql import open_store
from ups.scp.workitem import template
service = UpsService(open_store(sys.argv[1]), ae_title="X", knows_ae=lambda _: True)
now = datetime.now(UTC)
for number in range(100000):
    data = template(label="x", start=now)
    request = NCreateRequest(message_id=1, sop_class=uids.UPS_PUSH, instance=f"1.2.{number}", data_set=data)
    (response,) = service.handle(request, Caller("X", uids.UPS_PUSH), now).responses
    assert response.status in (0, 0xB300), response
    print(number, flush=True)
"""


def test_what_was_answered_survives_kill_9(tmp_path):
    path = str(tmp_path / "ups.db")
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(_WRITER), path], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    answered = [int(writer.stdout.readline()) for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    answered += [int(line) for line in writer.stdout.read().split("\n") if line]
    writer.stdout.close()
    writer.wait()
    store = open_store(path)
    with store.read() as transaction:
        assert all(transaction.workitem(f"1.2.{number}") for number in answered)
    store.close()
