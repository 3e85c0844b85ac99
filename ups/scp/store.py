"""Where workitems and subscriptions live: the protocol a store follows, its errors, and the store in memory.

A store keeps records and gives them back; it knows nothing of DICOM. All reading and writing happens inside a
transaction that is done as a whole or not at all. A write is durable, as far as the store can make it, when the
``with`` block has been left, so an answer given afterwards can be relied on.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar, Protocol, TypeVar

from dicomnet.errors import DicomNetError
from dicomnet.records import dataclass, field, replace

__all__ = [
    "PAGE_BYTES",
    "Conflict",
    "GlobalSubscription",
    "MemoryStore",
    "Narrowing",
    "NewerSchema",
    "Store",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "Subscription",
    "Transaction",
    "Workitem",
    "page_of",
]

PAGE_BYTES = 16 * 1024 * 1024
"""What a page of workitems may weigh: whoever searches holds one at a time."""

_K = TypeVar("_K")
_V = TypeVar("_V")


class StoreError(DicomNetError):
    """The store failed; it is as it was before the transaction."""


class StoreFull(StoreError):
    """There is no room to write."""


class StoreBusy(StoreError):
    """Somebody else held the lock for too long."""


class StoreReadOnly(StoreError):
    """The store may not be written."""


class StoreDamaged(StoreError):
    """What was read is not what was written, or the medium failed."""


class NewerSchema(StoreError):
    """The store was made by a newer version of this program."""


class Conflict(StoreBusy):
    """Another writer changed the same workitem in between; a fresh attempt sees its work."""


@dataclass(frozen=True, slots=True)
class Workitem:
    """One workitem: its encoded data set, and beside it what a search can use and what must not leave.

    ``number`` counts the workitems in order of creation, ``version`` its changes; the store sets both. ``patient_id``
    None says that it is no single value, so that only the data set can tell. ``ended`` is the time of the final state
    in seconds.
    """

    uid: str
    state: str
    data: bytes = field(repr=False)
    transaction_uid: str = field(default="", repr=False)
    priority: str = ""
    readiness: str = ""
    patient_id: str | None = field(default=None, repr=False)
    ended: float | None = None
    number: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Subscription:
    """An AE is told what happens to a workitem; ``lock`` keeps the workitem from deletion."""

    ae_title: str
    uid: str
    lock: bool
    trial: bool = False


@dataclass(frozen=True, slots=True)
class GlobalSubscription:
    """An AE is subscribed to each workitem as it is created, or to each that matches the keys in ``filter``."""

    ae_title: str
    lock: bool
    filter: bytes | None = None
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Exact values a search may restrict columns to. A store may ignore it: it only saves work."""

    COLUMNS: ClassVar[Mapping[str, int]] = {
        "uid": 0x00080018,
        "state": 0x00741000,
        "priority": 0x00741200,
        "readiness": 0x00404041,
        "patient_id": 0x00100020,
    }

    wanted: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def admits(self, workitem: Workitem) -> bool:
        """Whether the workitem may match."""
        return all(
            (held := getattr(workitem, column)) is None or held in values for column, values in self.wanted.items()
        )


def page_of(workitems: Iterable[Workitem], limit: int, size: int) -> list[Workitem]:
    """The first of these: at most ``limit``, and no more once they have ``size`` bytes."""
    found: list[Workitem] = []
    weight = 0
    for workitem in workitems:
        found.append(workitem)
        weight += len(workitem.data)
        if len(found) >= limit or weight >= size:
            break
    return found


class Transaction(Protocol):
    """What can be done inside ``Store.read`` and ``Store.write``; any of it raises StoreError when the store fails."""

    def workitem(self, uid: str) -> Workitem | None:
        """The workitem with this UID."""

    def workitems(
        self, *, after: int = 0, limit: int = 100, size: int = PAGE_BYTES, narrowing: Narrowing | None = None
    ) -> list[Workitem]:
        """The next workitems in order of creation, those with a greater ``number`` than ``after``.

        At most ``limit`` of them, and no more once their data sets have ``size`` bytes; none when there are no more.
        """

    def add(self, workitem: Workitem) -> None:
        """Keep a new workitem; Conflict when its UID is taken."""

    def replace(self, workitem: Workitem) -> None:
        """Keep a changed workitem; Conflict when it is no longer the version that was read."""

    def purge(self, before: float) -> int:
        """Delete the workitems that ended before this time and that nobody locks; how many there were."""

    def subscribers(self, uid: str) -> list[Subscription]:
        """Who is subscribed to a workitem, in order of AE title."""

    def subscribe(self, subscription: Subscription) -> None:
        """Keep a subscription in place of any earlier one of this AE to this workitem."""

    def subscribe_all(self, ae_title: str, *, lock: bool, trial: bool) -> None:
        """Subscribe an AE to each workitem it is not subscribed to."""

    def is_subscribed(self, ae_title: str, uid: str | None = None) -> bool:
        """Whether the AE has a subscription to this workitem; with None, any subscription, global ones included."""

    def unsubscribe(self, ae_title: str, uid: str | None) -> None:
        """End the subscription to a workitem; with None, all of this AE."""

    def global_subscriptions(self) -> list[GlobalSubscription]:
        """Who has a global subscription, in order of AE title."""

    def subscribe_globally(self, subscription: GlobalSubscription) -> None:
        """Keep a global subscription in place of any earlier one of this AE."""

    def end_global(self, ae_title: str) -> None:
        """End the global subscription of this AE."""

    def subscriptions(self) -> list[Subscription]:
        """One subscription, that to the oldest workitem, of each AE that has any; in order of AE title."""


class Store(Protocol):
    """A place for workitems. ``kept_lists`` tells whether it was opened with what an earlier run left (warm start)."""

    @property
    def kept_lists(self) -> bool:
        """Whether the lists outlived the last end of the program."""

    def read(self) -> AbstractContextManager[Transaction]:
        """One consistent view."""

    def write(self) -> AbstractContextManager[Transaction]:
        """One change: kept as a whole when the block ends, forgotten as a whole when it raises."""

    def close(self) -> None:
        """Give back what the store holds; twice does no harm."""


class MemoryStore:
    """A store in memory, for tests and trials: safe between threads, gone with the process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tables = _Tables()

    @property
    def kept_lists(self) -> bool:
        """Never: nothing outlives the process."""
        return False

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Nobody writes meanwhile."""
        with self._lock:
            yield self._tables

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Nobody else reads or writes meanwhile."""
        with self._lock:
            undo = self._tables.undo
            undo.clear()
            try:
                yield self._tables
            except BaseException:
                while undo:
                    undo.pop()()
                raise
            undo.clear()

    def close(self) -> None:
        """Nothing to give back."""


class _Tables:
    """The transaction of a MemoryStore: plain dicts, and a journal of what undoes each change."""

    def __init__(self) -> None:
        self.undo: list[Callable[[], object]] = []
        self._last = 0
        self._order: list[int] = []
        self._workitems: dict[int, Workitem] = {}
        self._numbers: dict[str, int] = {}
        self._subscribers: dict[str, dict[str, Subscription]] = {}
        self._globals: dict[str, GlobalSubscription] = {}

    def _put(self, table: dict[_K, _V], key: _K, value: _V) -> None:
        if key in table:
            old = table[key]
            self.undo.append(lambda: table.__setitem__(key, old))
        else:
            self.undo.append(lambda: table.pop(key))
        table[key] = value

    def _drop(self, table: dict[_K, _V], key: _K) -> None:
        if key in table:
            old = table.pop(key)
            self.undo.append(lambda: table.__setitem__(key, old))

    def workitem(self, uid: str) -> Workitem | None:
        number = self._numbers.get(uid)
        return None if number is None else self._workitems[number]

    def workitems(
        self, *, after: int = 0, limit: int = 100, size: int = PAGE_BYTES, narrowing: Narrowing | None = None
    ) -> list[Workitem]:
        places = range(bisect_right(self._order, after), len(self._order))
        every = (self._workitems[self._order[place]] for place in places)
        return page_of((item for item in every if narrowing is None or narrowing.admits(item)), limit, size)

    def add(self, workitem: Workitem) -> None:
        if workitem.uid in self._numbers:
            raise Conflict("the SOP Instance UID is taken")
        self._last += 1
        self._put(self._workitems, self._last, replace(workitem, number=self._last, version=1))
        self._put(self._numbers, workitem.uid, self._last)
        self._order.append(self._last)
        self.undo.append(self._order.pop)

    def replace(self, workitem: Workitem) -> None:
        held = self._workitems.get(workitem.number)
        if held is None or held.version != workitem.version:
            raise Conflict("the workitem was changed meanwhile")
        self._put(self._workitems, workitem.number, replace(workitem, version=workitem.version + 1))

    def purge(self, before: float) -> int:
        gone = [
            workitem
            for workitem in self._workitems.values()
            if workitem.ended is not None
            and workitem.ended < before
            and not any(subscription.lock for subscription in self.subscribers(workitem.uid))
        ]
        for workitem in gone:
            self._drop(self._workitems, workitem.number)
            self._drop(self._numbers, workitem.uid)
            self._drop(self._subscribers, workitem.uid)
        order = self._order
        self.undo.append(lambda: setattr(self, "_order", order))
        self._order = [number for number in order if number in self._workitems]
        return len(gone)

    def subscribers(self, uid: str) -> list[Subscription]:
        held = self._subscribers.get(uid, {})
        return [held[ae_title] for ae_title in sorted(held)]

    def subscribe(self, subscription: Subscription) -> None:
        if subscription.uid not in self._subscribers:
            self._put(self._subscribers, subscription.uid, {})
        self._put(self._subscribers[subscription.uid], subscription.ae_title, subscription)

    def subscribe_all(self, ae_title: str, *, lock: bool, trial: bool) -> None:
        for uid in self._numbers:
            if not self.is_subscribed(ae_title, uid):
                self.subscribe(Subscription(ae_title, uid, lock, trial))

    def is_subscribed(self, ae_title: str, uid: str | None = None) -> bool:
        if uid is not None:
            return ae_title in self._subscribers.get(uid, {})
        return ae_title in self._globals or any(ae_title in held for held in self._subscribers.values())

    def unsubscribe(self, ae_title: str, uid: str | None) -> None:
        if uid is None:
            self.end_global(ae_title)
        for held in self._subscribers.values() if uid is None else [self._subscribers.get(uid, {})]:
            self._drop(held, ae_title)

    def global_subscriptions(self) -> list[GlobalSubscription]:
        return [self._globals[ae_title] for ae_title in sorted(self._globals)]

    def subscribe_globally(self, subscription: GlobalSubscription) -> None:
        self._put(self._globals, subscription.ae_title, subscription)

    def end_global(self, ae_title: str) -> None:
        self._drop(self._globals, ae_title)

    def subscriptions(self) -> list[Subscription]:
        found: dict[str, Subscription] = {}
        for uid in self._numbers:
            for ae_title, subscription in self._subscribers.get(uid, {}).items():
                found.setdefault(ae_title, subscription)
        return [found[ae_title] for ae_title in sorted(found)]
