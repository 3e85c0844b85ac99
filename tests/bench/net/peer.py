"""pynetdicom at both ends, with TCP_NODELAY on every socket and identifiers not logged."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association

from tests.bench.net.work import (
    CLASSES,
    INSTANCE,
    MATCHES,
    SYNTAXES,
    TITLE,
    UPS_PULL,
    UPS_PUSH,
    Work,
    identifier,
    workitem,
)

__all__ = ["client", "serve"]

_SUCCESS, _PENDING = 0x0000, 0xFF00


def _tune() -> None:
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.STORE_SEND_CHUNKED_DATASET = True


def _at_once(event: evt.Event) -> None:
    transport = event.assoc.dul.socket
    assert transport is not None
    assert transport.socket is not None
    transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def serve(say: Callable[[int], None], max_length: str) -> None:
    """As pynetdicom does it: a thread for each association."""
    _tune()
    held, match = workitem(), identifier()

    def find(_: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        for _match in range(MATCHES):
            yield _PENDING, match
        yield _SUCCESS, None

    entity = _entity(max_length)
    for uid in CLASSES:
        entity.add_supported_context(uid, list(SYNTAXES))
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_CONN_OPEN, _at_once),
            (evt.EVT_C_ECHO, lambda _: _SUCCESS),
            (evt.EVT_N_CREATE, lambda _: (_SUCCESS, None)),
            (evt.EVT_N_GET, lambda _: (_SUCCESS, held)),
            (evt.EVT_C_FIND, find),
            (evt.EVT_C_STORE, lambda _: _SUCCESS),
        ],
    )
    assert server is not None
    say(server.server_address[1])
    server.serve_forever()


def _entity(max_length: str) -> AE:
    entity = AE(TITLE)
    entity.maximum_pdu_size = int(max_length)
    return entity


def client(max_length: str) -> Callable[..., Any]:
    """Answers what is to be measured with the seconds it took."""
    _tune()

    @cache
    def entity(work: str) -> AE:
        made = _entity(max_length)
        for uid in CLASSES[:1] if work == Work.ASSOCIATE else CLASSES:
            made.add_requested_context(uid, list(SYNTAXES))
        return made

    def connected(work: str, port: int) -> Association:
        handlers: list[Any] = [(evt.EVT_CONN_OPEN, _at_once)]
        made = entity(work).associate("127.0.0.1", port, ae_title=TITLE, max_pdu=int(max_length), evt_handlers=handlers)
        assert made.is_established
        return made

    def answer(work: str, port: int, times: int, path: str = "") -> float:
        if work == Work.ASSOCIATE:
            begin = time.perf_counter()
            for _ in range(times):
                connected(work, port).release()
            return time.perf_counter() - begin
        made = connected(work, port)
        operation = _operation(made, work, path)
        operation()
        begin = time.perf_counter()
        for _ in range(times):
            operation()
        taken = time.perf_counter() - begin
        made.release()
        return taken

    return answer


def _operation(made: Association, work: str, path: str) -> Callable[[], None]:
    held, match = workitem(), identifier()

    def echo() -> None:
        assert made.send_c_echo().Status == _SUCCESS

    def create() -> None:
        assert made.send_n_create(held, UPS_PUSH, INSTANCE)[0].Status == _SUCCESS

    def get() -> None:
        status, found = made.send_n_get([], UPS_PUSH, INSTANCE)
        assert status.Status == _SUCCESS
        assert found is not None

    def find() -> None:
        *pending, (status, _) = made.send_c_find(match, UPS_PULL)
        assert len(pending) == MATCHES
        assert all(found is not None for _, found in pending)
        assert status.Status == _SUCCESS

    def store() -> None:
        assert made.send_c_store(path).Status == _SUCCESS

    return {Work.ECHO: echo, Work.CREATE: create, Work.GET: get, Work.FIND: find, Work.STORE: store}[Work(work)]
