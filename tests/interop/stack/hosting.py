"""Our side as acceptor: an asyncio server in a thread of its own, for peers that are programs or block their caller."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from collections.abc import Mapping
from typing import Any, Self

from pydicom.dataset import Dataset

from dicomnet import flows, scu
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    CStoreRequest,
    EncodedDataSet,
    NActionRequest,
    NCreateRequest,
    NDeleteRequest,
    NEventReportRequest,
    NEventReportResponse,
    NGetRequest,
    NSetRequest,
    Request,
)
from dicomnet.drivers.aio_server import Server, serve
from dicomnet.drivers.blocking_server import listen
from dicomnet.errors import DicomNetError
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.uids import new_uid
from dicomnet.ul import AcceptancePolicy
from dicomnet.wire import PduLimits

from ..processes import PATIENCE
from .peers import HOST


class Hosted:
    """Serves associations while it is a context. What goes wrong in its thread is raised at the end."""

    def __init__(self, policy: AcceptancePolicy, handler: Handler, *, max_length: int = 16384, **more: Any) -> None:
        self._arguments = (HOST, 0, policy)
        self._more = {"handler": handler, "pdu_limits": PduLimits(p_data=max_length), **more}
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.server: Server | None = None
        self.port = 0

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - kept for the thread that waits
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with await serve(*self._arguments, **self._more) as self.server:
            self.port = self.server.port
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        self._raise()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)
        self._raise()
        assert not self._thread.is_alive(), "the server has not come to its end"

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure


class BlockingHost:
    """Serves one association after the other with the blocking driver, while it is a context."""

    def __init__(self, policy: AcceptancePolicy, handler: Handler, **more: Any) -> None:
        self._listener = listen(HOST, 0, policy, handler=handler, **more)
        self.port = self._listener.port
        self.ends: list[BaseException | None] = []
        """How each association ended: None for a release."""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while True:
            try:
                link = self._listener.accept(PATIENCE)
            except DicomNetError:
                return
            try:
                link.listen()
                self.ends.append(None)
            except DicomNetError as error:
                self.ends.append(error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A last visitor wakes up the listener, which closing it would not.
        socket.create_connection((HOST, self.port), timeout=PATIENCE).close()
        self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive(), "the server has not come to its end"


class NormalizedServices:
    """Serves the six N- services on instances that it keeps; ``asked`` are the requests as they came."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self.asked: list[Request] = []

    @property
    def handlers(self) -> Mapping[type[Request], Handler]:
        served = (NCreateRequest, NSetRequest, NGetRequest, NActionRequest, NEventReportRequest, NDeleteRequest)
        return dict.fromkeys(served, self.handle)

    @property
    def handler(self) -> Handler:
        return handle_by_type(self.handlers)

    def handle(self, request: Any, peer: Peer) -> Flow[None]:
        self.asked.append(request)
        if isinstance(request, NCreateRequest):
            instance = request.instance or new_uid()
            self.held[instance] = request.dataset()
            yield from flows.send(reply(request, instance=instance, data_set=self.held[instance]))
        elif request.instance not in self.held:
            yield from flows.send(reply(request, statuses.NO_SUCH_SOP_INSTANCE))
        elif isinstance(request, NSetRequest):
            self.held[request.instance].update(request.dataset())
            yield from flows.send(reply(request, data_set=self.held[request.instance]))
        elif isinstance(request, NGetRequest):
            held, found = self.held[request.instance], Dataset()
            for tag in request.attributes or tuple(held.keys()):
                if tag in held:
                    found[tag] = held[tag]
            yield from flows.send(reply(request, data_set=found))
        elif isinstance(request, NDeleteRequest):
            del self.held[request.instance]
            yield from flows.send(reply(request))
        else:  # N-ACTION and N-EVENT-REPORT: what came goes back
            yield from flows.send(reply(request, data_set=request.dataset()))


class Commitment:
    """Commits to whatever is asked of it, and reports it at once on the same association (PS3.4 J.3)."""

    def __init__(self) -> None:
        self.answers: queue.Queue[NEventReportResponse] = queue.Queue()

    @property
    def handler(self) -> Handler:
        return handle_by_type({NActionRequest: self.handle})

    def handle(self, request: Any, peer: Peer) -> Flow[None]:
        asked = request.dataset()
        yield from flows.send(reply(request))
        self.answers.put((yield from scu.n_event_report(request.sop_class, request.instance, 1, asked)))


class Recorder:
    """Takes whatever is stored: ``requests`` as they came, their data sets in memory."""

    def __init__(self) -> None:
        self.requests: list[CStoreRequest] = []

    @property
    def handler(self) -> Handler:
        return handle_by_type({CStoreRequest: self.store})

    def store(self, request: Any, peer: Peer) -> Flow[None]:
        self.requests.append(request)
        yield from flows.send(reply(request))

    @property
    def received(self) -> dict[str, tuple[bytes, str]]:
        """Data sets and their transfer syntaxes by instance."""
        found = {}
        for request in self.requests:
            assert isinstance(request.data_set, EncodedDataSet)
            found[request.instance] = bytes(request.data_set.data), request.data_set.transfer_syntax
        return found
