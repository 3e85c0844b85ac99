"""The store in a database, by SQLAlchemy Core: an SQLite file by default, another database by its URL.

Portable SQL with bound parameters only. What SQLite needs to keep a promise is set on each connection: write-ahead log
with ``synchronous=FULL``, so that a commit is on the medium before it returns, and ``BEGIN IMMEDIATE`` for writers, so
that of two claims one waits for the other. Elsewhere the ``version`` column makes the loser of a race a Conflict.
The encoded data set is kept as it is; the columns beside it only save a search from reading it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from ups.scp.store import (
    PAGE_BYTES,
    Conflict,
    GlobalSubscription,
    Narrowing,
    NewerSchema,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    Subscription,
    Workitem,
    page_of,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine, Row

__all__ = ["SCHEMA_VERSION", "SqlStore", "open_store"]

SCHEMA_VERSION = 1

_VOLATILE = "a database in memory would lose the workitems when the program ends"

_metadata = sa.MetaData()
_schema = sa.Table("ups_schema", _metadata, sa.Column("version", sa.Integer, nullable=False))
_workitem = sa.Table(
    "ups_workitem",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(64), nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("priority", sa.String(16), nullable=False),
    sa.Column("readiness", sa.String(16), nullable=False),
    sa.Column("patient_id", sa.Text, index=True),
    sa.Column("transaction_uid", sa.String(64), nullable=False),
    sa.Column("ended", sa.Float(53), index=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # numbers are never used twice, so that paging by number misses nothing
)
_subscription = sa.Table(
    "ups_subscription",
    _metadata,
    sa.Column("uid", sa.String(64), primary_key=True),
    sa.Column("ae_title", sa.String(16), primary_key=True, index=True),
    sa.Column("deletion_lock", sa.Boolean, nullable=False),
    sa.Column("trial", sa.Boolean, nullable=False),
)
_global = sa.Table(
    "ups_global_subscription",
    _metadata,
    sa.Column("ae_title", sa.String(16), primary_key=True),
    sa.Column("deletion_lock", sa.Boolean, nullable=False),
    sa.Column("filter_keys", sa.LargeBinary),
    sa.Column("trial", sa.Boolean, nullable=False),
)


def open_store(name: str, *, busy_seconds: float = 5.0) -> SqlStore:
    """The store in an SQLite file, made when there is none (readable by its owner only), or at a database URL.

    Raises:
        StoreError: it cannot be opened; NewerSchema when a newer version of this program made it.
    """
    return SqlStore(_url(name), busy_seconds=busy_seconds)


def _url(name: str) -> URL:
    if "://" in name:
        try:
            url = make_url(name)
        except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
            raise StoreError("not a database URL") from error
        if url.get_backend_name() == "sqlite" and _is_in_memory(url.database, url.query.get("mode")):
            raise StoreError(_VOLATILE)
        # To SQLAlchemy the bare name means psycopg2; what we depend on is its successor.
        return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
    if _is_in_memory(name, None):
        raise StoreError(_VOLATILE)
    try:
        os.close(os.open(name, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        if not isinstance(error, PermissionError) or not os.path.isfile(name):
            raise StoreError(f"cannot open the store: {error.strerror}") from error
    except ValueError as error:
        raise StoreError("not a file name") from error
    return URL.create("sqlite", database=os.path.abspath(name))


def _is_in_memory(database: str | None, mode: object) -> bool:
    return not database or database in (":memory:", "file::memory:") or mode == "memory"


class SqlStore:
    """A store behind a SQLAlchemy engine; safe between threads and between processes."""

    def __init__(self, url: URL, *, busy_seconds: float = 5.0) -> None:
        self._engine = _engine(url, busy_seconds)
        try:
            self._kept = self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def kept_lists(self) -> bool:
        """Whether there was something to open."""
        return self._kept

    @property
    def engine(self) -> Engine:
        """The engine, for whoever has to look after the database."""
        return self._engine

    @contextmanager
    def read(self) -> Iterator[_SqlTransaction]:
        """One snapshot; writers go on meanwhile."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield _SqlTransaction(connection)

    @contextmanager
    def write(self) -> Iterator[_SqlTransaction]:
        """One change, on the medium when the block has been left."""
        with _translated(), self._engine.connect() as connection:
            connection = connection.execution_options(ups_write=True)
            with connection.begin():
                yield _SqlTransaction(connection)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _prepare(self) -> bool:
        """Make the tables where there are none; whether there were."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            tables = set(sa.inspect(connection).get_table_names())
            if _schema.name in tables:
                _check_version(connection)
                return True
        with self.write() as transaction:
            connection = transaction.connection
            tables = set(sa.inspect(connection).get_table_names())
            if _schema.name in tables:  # another process was quicker
                _check_version(connection)
                return True
            if tables:
                raise StoreError("the database holds something else than a UPS store")
            _metadata.create_all(connection)
            connection.execute(sa.insert(_schema).values(version=SCHEMA_VERSION))
        return False


def _check_version(connection: Connection) -> None:
    version = connection.execute(sa.select(sa.func.max(_schema.c.version))).scalar()
    if not isinstance(version, int):
        raise StoreDamaged("the store does not say which version made it")
    if version > SCHEMA_VERSION:
        raise NewerSchema(f"the store has schema {version}; this program knows up to {SCHEMA_VERSION}: use a newer one")


def _engine(url: URL, busy_seconds: float) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    arguments: dict[str, Any] = {"timeout": busy_seconds, "check_same_thread": False} if sqlite else {}
    try:
        engine = sa.create_engine(url, connect_args=arguments)
    except (SQLAlchemyError, ImportError) as error:
        raise StoreError(f"no driver for this database: {type(error).__name__}") from error
    if sqlite:
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours to say, see _sqlite_begin
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA synchronous=FULL")
        if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            cursor.execute("PRAGMA journal_mode=WAL")
    finally:
        cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("ups_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_SQLITE_ERRORS: dict[int, tuple[type[StoreError], str]] = {
    5: (StoreBusy, "somebody else holds the store's lock"),
    6: (StoreBusy, "somebody else holds the store's lock"),
    8: (StoreReadOnly, "the store may not be written"),
    10: (StoreDamaged, "the store's medium failed"),
    11: (StoreDamaged, "the store is damaged"),
    13: (StoreFull, "there is no room for the store"),
    14: (StoreError, "the store cannot be opened"),
    26: (StoreDamaged, "the file is no store"),
}
"""By primary result code of SQLite."""


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what SQLAlchemy raises into StoreErrors; its texts may hold values, so they stay inside."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict("another writer came first") from error
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        kind, text = _SQLITE_ERRORS.get(code, (StoreError, f"the database failed: {type(error.orig).__name__}"))
        raise kind(text) from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database failed: {type(error).__name__}") from error


class _SqlTransaction:
    """The statements of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def workitem(self, uid: str) -> Workitem | None:
        row = self.connection.execute(sa.select(_workitem).where(_workitem.c.uid == uid)).one_or_none()
        return None if row is None else _to_workitem(row)

    def workitems(
        self, *, after: int = 0, limit: int = 100, size: int = PAGE_BYTES, narrowing: Narrowing | None = None
    ) -> list[Workitem]:
        query = sa.select(_workitem).where(_workitem.c.number > after).order_by(_workitem.c.number).limit(limit)
        for name, values in (narrowing.wanted if narrowing else {}).items():
            if len(values) > 500:
                continue  # databases limit the number of parameters, and narrowing is optional
            column = _workitem.c[name]
            admitted = column.in_(sorted(values))
            query = query.where(sa.or_(admitted, column.is_(None)) if column.nullable else admitted)
        with self.connection.execute(query) as rows:
            return page_of(map(_to_workitem, rows), limit, size)

    def add(self, workitem: Workitem) -> None:
        self.connection.execute(sa.insert(_workitem).values(uid=workitem.uid, version=1, **_columns(workitem)))

    def replace(self, workitem: Workitem) -> None:
        change = sa.update(_workitem).where(
            _workitem.c.number == workitem.number, _workitem.c.version == workitem.version
        )
        done = self.connection.execute(change.values(version=workitem.version + 1, **_columns(workitem)))
        if done.rowcount != 1:
            raise Conflict("the workitem was changed meanwhile")

    def purge(self, before: float) -> int:
        locked = sa.exists().where(_subscription.c.uid == _workitem.c.uid, _subscription.c.deletion_lock.is_(True))
        done = self.connection.execute(sa.delete(_workitem).where(_workitem.c.ended < before, ~locked))
        left = sa.select(_workitem.c.uid)
        self.connection.execute(sa.delete(_subscription).where(_subscription.c.uid.not_in(left)))
        return done.rowcount

    def subscribers(self, uid: str) -> list[Subscription]:
        query = sa.select(_subscription).where(_subscription.c.uid == uid).order_by(_subscription.c.ae_title)
        return [_to_subscription(row) for row in self.connection.execute(query)]

    def subscribe(self, subscription: Subscription) -> None:
        self.unsubscribe(subscription.ae_title, subscription.uid)
        self.connection.execute(
            sa.insert(_subscription).values(
                uid=subscription.uid,
                ae_title=subscription.ae_title,
                deletion_lock=subscription.lock,
                trial=subscription.trial,
            )
        )

    def subscribe_all(self, ae_title: str, *, lock: bool, trial: bool) -> None:
        already = sa.exists().where(_subscription.c.uid == _workitem.c.uid, _subscription.c.ae_title == ae_title)
        missing = sa.select(
            _workitem.c.uid, sa.literal(ae_title), sa.literal(lock, sa.Boolean), sa.literal(trial, sa.Boolean)
        ).where(~already)
        names = ["uid", "ae_title", "deletion_lock", "trial"]
        self.connection.execute(sa.insert(_subscription).from_select(names, missing))

    def is_subscribed(self, ae_title: str, uid: str | None = None) -> bool:
        query = sa.select(_subscription.c.uid).where(_subscription.c.ae_title == ae_title)
        if uid is not None:
            query = query.where(_subscription.c.uid == uid)
        if self.connection.execute(query.limit(1)).first() is not None:
            return True
        everywhere = sa.select(_global.c.ae_title).where(_global.c.ae_title == ae_title)
        return uid is None and self.connection.execute(everywhere).first() is not None

    def unsubscribe(self, ae_title: str, uid: str | None) -> None:
        end = sa.delete(_subscription).where(_subscription.c.ae_title == ae_title)
        if uid is None:
            self.end_global(ae_title)
        else:
            end = end.where(_subscription.c.uid == uid)
        self.connection.execute(end)

    def global_subscriptions(self) -> list[GlobalSubscription]:
        rows = self.connection.execute(sa.select(_global).order_by(_global.c.ae_title))
        return [GlobalSubscription(row.ae_title, row.deletion_lock, row.filter_keys, row.trial) for row in rows]

    def subscribe_globally(self, subscription: GlobalSubscription) -> None:
        self.end_global(subscription.ae_title)
        self.connection.execute(
            sa.insert(_global).values(
                ae_title=subscription.ae_title,
                deletion_lock=subscription.lock,
                filter_keys=subscription.filter,
                trial=subscription.trial,
            )
        )

    def end_global(self, ae_title: str) -> None:
        self.connection.execute(sa.delete(_global).where(_global.c.ae_title == ae_title))

    def subscriptions(self) -> list[Subscription]:
        oldest = (
            sa.select(_subscription.c.ae_title, sa.func.min(_workitem.c.number).label("number"))
            .join(_workitem, _workitem.c.uid == _subscription.c.uid)
            .group_by(_subscription.c.ae_title)
            .subquery()
        )
        query = (
            sa.select(_subscription)
            .join(_workitem, _workitem.c.uid == _subscription.c.uid)
            .join(oldest, sa.and_(oldest.c.ae_title == _subscription.c.ae_title, oldest.c.number == _workitem.c.number))
            .order_by(_subscription.c.ae_title)
        )
        return [_to_subscription(row) for row in self.connection.execute(query)]


def _columns(workitem: Workitem) -> dict[str, object]:
    return {
        "state": str(workitem.state),
        "priority": workitem.priority,
        "readiness": workitem.readiness,
        "patient_id": workitem.patient_id,
        "transaction_uid": workitem.transaction_uid,
        "ended": workitem.ended,
        "data": workitem.data,
    }


def _to_workitem(row: Row[Any]) -> Workitem:
    return Workitem(
        uid=row.uid,
        state=row.state,
        data=row.data,
        transaction_uid=row.transaction_uid,
        priority=row.priority,
        readiness=row.readiness,
        patient_id=row.patient_id,
        ended=row.ended,
        number=row.number,
        version=row.version,
    )


def _to_subscription(row: Row[Any]) -> Subscription:
    return Subscription(row.ae_title, row.uid, row.deletion_lock, row.trial)
