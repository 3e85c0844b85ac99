"""``upsscp`` is killed with SIGKILL amid changes, over and over: what it acknowledged is there, nothing is half there.

Each client keeps a ledger: what was acknowledged of each workitem, and the one change that may or may not have been
made. After each kill the store must agree, then the next ``upsscp`` on the same file. DICOMNET_TEST_SEED repeats a run,
as far as two processes and a scheduler can be repeated.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.drivers import blocking
from dicomnet.drivers.common import Endpoint
from dicomnet.errors import AssociationError, TransportError
from dicomnet.flows import Flow
from dicomnet.ul import ProposedContext, RequestOptions
from ups import scu
from ups.names import StepState
from ups.scp.store_sql import open_store

from ..interop.processes import PATIENCE, UpsScp
from ..interop.workitems import performed, progress, uid, workitem

pytestmark = pytest.mark.once

ROUNDS = 25
EVERYONE, SPECIFIC, TOGGLED = "EVERYONE", "SPECIFIC", "TOGGLED"
_CLASSES = (uids.UPS_PUSH, uids.UPS_PULL, uids.UPS_WATCH)


@dataclass(frozen=True)
class Fact:
    """What can be known of a workitem; ``lock`` is that of SPECIFIC's subscription, None without one."""

    state: str
    transaction: str = ""
    percent: str = ""
    performed: bool = False
    lock: bool | None = None


@dataclass
class Item:
    """A workitem in the ledger: ``fact`` None is not there, ``maybe`` is what an unanswered request would make it."""

    uid: str
    fact: Fact | None = None
    maybe: Fact | None = None
    asking: bool = False


@contextmanager
def connected(server: UpsScp) -> Iterator[blocking.Link]:
    """A link on all three classes."""
    options = RequestOptions("UPSSCP", "KILLER", tuple(ProposedContext(sop_class) for sop_class in _CLASSES))
    with blocking.connect(Endpoint("UPSSCP", "127.0.0.1", server.port), options) as link:
        yield link


class Client:
    """Changes workitems of its own in random ways until the server is gone."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.items: list[Item] = []
        self.toggled: set[bool] = {False}
        """Whether TOGGLED is subscribed globally: one value, or two while nobody knows."""

    def work(self, server: UpsScp, acknowledged: Callable[[], None]) -> None:
        try:
            with connected(server) as link:
                while True:
                    self._change(link)
                    acknowledged()
        except (AssociationError, TransportError):
            return

    def _change(self, link: blocking.Link) -> None:
        open_items = [item for item in self.items if item.fact and item.fact.state in ("SCHEDULED", "IN PROGRESS")]
        if self.random.random() < 0.1:
            self._toggle(link)
        elif not open_items or self.random.random() < 0.35:
            item = Item(uid())
            self.items.append(item)
            self._ask(link, item, Fact("SCHEDULED"), scu.create(workitem(), uid=item.uid))
        else:
            self._ask(link, *self._next(self.random.choice(open_items[-12:])))

    def _next(self, item: Item) -> tuple[Item, Fact, Flow]:
        """One of the changes that the workitem can take now."""
        fact = item.fact
        assert fact is not None
        choice = self.random.random()
        if choice < 0.25:
            lock = self.random.random() < 0.5
            return item, replace(fact, lock=lock), scu.subscribe(SPECIFIC, uid=item.uid, deletion_lock=lock)
        if choice < 0.35:
            return item, replace(fact, lock=None), scu.unsubscribe(SPECIFIC, uid=item.uid)
        if fact.state == "SCHEDULED":
            if choice < 0.5:
                return item, replace(fact, state="CANCELED"), scu.request_cancel(item.uid)
            lock_uid = uid()
            claim = scu.change_state(item.uid, StepState.IN_PROGRESS, transaction_uid=lock_uid)
            return item, replace(fact, state="IN PROGRESS", transaction=lock_uid), claim
        if fact.performed and choice < 0.8:
            done = scu.change_state(item.uid, StepState.COMPLETED, transaction_uid=fact.transaction)
            return item, replace(fact, state="COMPLETED"), done
        percent = self.random.randrange(100)
        changes = progress(percent, TransactionUID=fact.transaction)
        if choice < 0.7:
            changes.update(performed())
        after = replace(fact, percent=str(percent), performed=fact.performed or choice < 0.7)
        return item, after, scu.set_attributes(item.uid, changes)

    @staticmethod
    def _ask(link: blocking.Link, item: Item, after: Fact, flow: Flow) -> None:
        item.maybe, item.asking = after, True
        link.run(flow).raise_for_status()
        item.fact, item.maybe, item.asking = after, None, False

    def _toggle(self, link: blocking.Link) -> None:
        (now,) = self.toggled
        self.toggled = {True, False}
        link.run(scu.unsubscribe(TOGGLED) if now else scu.subscribe(TOGGLED)).raise_for_status()
        self.toggled = {not now}


@dataclass(frozen=True)
class Found:
    """What the store says."""

    facts: dict[str, Fact]
    everywhere: set[str]
    subscribers: dict[str, set[str]]


def look(database: Path) -> Found:
    """Read all of the store, in a process that did not write it."""
    store = open_store(str(database))
    try:
        with store.read() as transaction:
            held = []
            while more := transaction.workitems(after=held[-1].number if held else 0, limit=500):
                held += more
            facts, subscribers = {}, {}
            for workitem_ in held:
                subscriptions = {one.ae_title: one for one in transaction.subscribers(workitem_.uid)}
                subscribers[workitem_.uid] = set(subscriptions)
                data = stored(workitem_.data)
                # The column beside the data set and the data set itself were written as one.
                assert data.ProcedureStepState == workitem_.state
                lock = subscriptions[SPECIFIC].lock if SPECIFIC in subscriptions else None
                facts[workitem_.uid] = fact_of(data, workitem_.transaction_uid, lock)
            return Found(facts, {one.ae_title for one in transaction.global_subscriptions()}, subscribers)
    finally:
        store.close()


def stored(data: bytes) -> Dataset:
    from dicomnet import dataset as codec

    return codec.decode(data, uids.EXPLICIT_VR_LE)


def fact_of(data: Dataset, transaction: str, lock: bool | None) -> Fact:
    """A CANCELED workitem carries what the SCP wrote into it; the ledger does not follow that."""
    steps = data.get("ProcedureStepProgressInformationSequence") or [Dataset()]
    state = data.ProcedureStepState
    percent = "" if state == "CANCELED" else str(steps[0].get("ProcedureStepProgress", ""))
    done = bool(data.get("UnifiedProcedureStepPerformedProcedureSequence"))
    return Fact(state, "" if state == "CANCELED" else transaction, percent, done, lock)


def settle(clients: list[Client], found: Found) -> list[Item]:
    """Hold the ledgers to the store; the workitems whose last change is now decided."""
    known = {item.uid for client in clients for item in client.items}
    assert set(found.facts) <= known
    decided = []
    for client in clients:
        for item in client.items:
            actual = found.facts.get(item.uid)
            allowed = [item.fact, item.maybe] if item.asking else [item.fact]
            assert actual in allowed, f"{item.uid}: {actual} is none of {allowed}"
            if item.asking:
                decided.append(item)
            item.fact, item.maybe, item.asking = actual, None, False
        client.items = [item for item in client.items if item.fact is not None]
    settle_subscriptions(clients, found)
    return decided


def settle_subscriptions(clients: list[Client], found: Found) -> None:
    """A global subscription and what it did to each workitem were written as one."""
    toggled = TOGGLED in found.everywhere
    assert toggled in clients[0].toggled
    clients[0].toggled = {toggled}
    assert EVERYONE in found.everywhere
    for instance, titles in found.subscribers.items():
        assert EVERYONE in titles, instance
        assert (TOGGLED in titles) == toggled, instance


def ask_again(server: UpsScp, items: list[Item]) -> None:
    """The next process says the same of these workitems, its locks included."""
    with connected(server) as link:
        for item in items:
            reply = link.run(scu.get(item.uid))
            if item.fact is None:
                assert reply.status == 0xC307
                continue
            data = reply.raise_for_status().dataset()
            assert fact_of(data, item.fact.transaction, item.fact.lock) == item.fact
            if item.fact.state == "IN PROGRESS":
                claim = scu.change_state(item.uid, StepState.IN_PROGRESS, transaction_uid=item.fact.transaction)
                assert link.run(claim).status == 0xC302


class Moment:
    """Counts what was acknowledged, for somebody who waits for a number of it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def one_more(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._count >= count, PATIENCE)


@pytest.mark.parametrize("series", [1, 2])
def test_kill_amid_changes(tmp_path: Path, series: int) -> None:
    seed = f"{os.environ.get('DICOMNET_TEST_SEED') or random.randrange(1 << 32)}/{series}"
    print(f"DICOMNET_TEST_SEED={seed.partition('/')[0]}")
    chance = random.Random(seed)
    database = tmp_path / "ups.db"
    peers = {EVERYONE: 9, SPECIFIC: 9, TOGGLED: 9}
    clients = [Client(chance.randrange(1 << 32)) for _ in range(2)]
    # One client alone plays with the global subscription, so that its ledger is enough to know it.
    clients[1]._toggle = lambda link: None
    undecided: list[Item] = []
    for number in range(ROUNDS):
        server = UpsScp(database, peers=peers)
        try:
            if number == 0:
                with connected(server) as link:
                    link.run(scu.subscribe(EVERYONE)).raise_for_status()
            ask_again(server, undecided)
            moment = Moment()
            threads = [threading.Thread(target=client.work, args=(server, moment.one_more)) for client in clients]
            for thread in threads:
                thread.start()
            moment.wait(chance.randrange(25))
            # Somewhere in the few milliseconds that a change takes.
            threading.Event().wait(chance.uniform(0, 0.006))
            server.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join(PATIENCE)
                assert not thread.is_alive()
            assert server.wait() == -signal.SIGKILL
            server.check_healthy()
        finally:
            server.kill()
        undecided = settle(clients, look(database))
    changed = [item for client in clients for item in client.items]
    assert len({item.fact.state for item in changed}) == 4, "the clients did too little to show anything"
    last = UpsScp(database, peers=peers)
    try:
        ask_again(last, changed[-50:])
        assert last.stop() == 0
    finally:
        last.kill()
