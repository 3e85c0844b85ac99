"""What ``upsscp`` does once its command line is good: open the store, serve, and end in order at a signal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicomnet.drivers.common import Endpoint
from dicomnet.errors import DicomNetError
from ups.cli.addresses import readiness
from ups.cli.console import Console, without_password
from ups.cli.exits import Exit
from ups.cli.folders import data_folder
from ups.cli.log import start_log
from ups.cli.signals import Signals
from ups.cli.tls import Contexts, secure
from ups.cli.words import UsageError
from ups.scp.service import UpsService
from ups.scp.store import Store, StoreError
from ups.scp.store_sql import open_store
from ups.server import UpsServer

if TYPE_CHECKING:
    from ups.cli.server_parser import ServerLine

__all__ = ["default_database", "serve"]


def serve(line: ServerLine, console: Console) -> Exit:
    """Serve until a signal comes.

    Raises:
        UsageError: the database cannot be used.
    """
    start_log(console, line.verbose, quietest=logging.INFO)
    tls = secure(line.tls, console, calls=bool(line.peers), listens=True)
    store = _open(line.database)
    try:
        return asyncio.run(_serve(line, store, console, tls))
    except StoreError as error:  # it could be opened, but not read
        raise _unusable(line.database, error) from error
    except DicomNetError as error:
        console.say(str(error))
        return Exit.NO_ASSOCIATION
    finally:
        store.close()


def default_database() -> Path:
    """``upsscp.db`` in the user's data directory."""
    return data_folder() / "upsscp.db"


def _name(database: str | None) -> str:
    return str(default_database()) if database is None else database


def _open(database: str | None) -> Store:
    name = _name(database)
    try:
        if database is None:
            Path(name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open_store(name)
    except (StoreError, OSError) as error:
        raise _unusable(database, error) from error


def _unusable(database: str | None, error: StoreError | OSError) -> UsageError:
    return UsageError(f"--db {without_password(_name(database))}: {getattr(error, 'strerror', None) or error}")


async def _serve(line: ServerLine, store: Store, console: Console, tls: Contexts) -> Exit:
    signals = Signals()
    peers = {peer.ae_title: Endpoint(peer.ae_title, peer.host, peer.port) for peer in line.peers}
    title = line.local.ae_title
    service = UpsService(store, ae_title=title, knows_ae=peers.__contains__)
    host, port = line.local.bind_host, line.local.port or 0
    async with UpsServer(
        service, ae_title=title, host=host, port=port, peers=peers, tls=tls.server, delivery_tls=tls.client
    ) as server:
        console.say(readiness(line.local, server.endpoint.port))
        status = await signals.stopped
        # A second signal ends the patience: leaving the block drops what is left.
        await _first(server.drain(), signals.again.wait())
    return status


async def _first(*works: Coroutine[Any, Any, object]) -> None:
    """Wait for whichever ends first and drop the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
