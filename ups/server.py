"""The UPS SCP on the network: a UpsService behind the asyncio driver, and the delivery of its events.

The service decides, this room performs: it calls the service in a thread of its own (one, so that changes and their
events keep their order), streams the responses, and hands the effects to ``EventDelivery``. ``async with`` serves in
the caller's loop, ``with`` in a thread of the server's own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from dicomnet import flows, uids
from dicomnet.codes import CommandField
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.dimse.messages import CEchoRequest, CFindRequest, Request, Response
from dicomnet.drivers.aio_server import Server, ServerLimits, serve
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.flows import Flow
from dicomnet.handlers import Peer
from dicomnet.records import replace
from dicomnet.ul import Applicant, PlainPolicy, SupportedContext
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ, ExtendedNegotiation, PduLimits
from ups.delivery import DeliveryLimits, EventDelivery
from ups.names import CURRENT_CLASSES, TRIAL_CLASSES, serves
from ups.scp.service import Caller, DeliverEventReport, Outcome, UpsService
from ups.scp.store import StoreError

if TYPE_CHECKING:
    import ssl

__all__ = ["UpsServer", "acceptance_policy"]

_log = logging.getLogger("ups.server")

_TRANSFER_SYNTAXES = (
    uids.EXPLICIT_VR_LE,
    uids.IMPLICIT_VR_LE,
    uids.DEFLATED_EXPLICIT_VR_LE,
    uids.EXPLICIT_VR_BE,
)


def acceptance_policy(ae_title: str, *, max_length: int = PduLimits().p_data) -> PlainPolicy:
    """Who may associate with a UPS SCP: anyone who calls it by its title, for the UPS classes and verification."""
    classes = (uids.VERIFICATION, *sorted(CURRENT_CLASSES), *sorted(TRIAL_CLASSES))
    supported = tuple(SupportedContext(uid, _TRANSFER_SYNTAXES) for uid in classes)
    return PlainPolicy(supported, ae_titles=frozenset({ae_title}), max_length=max_length)


def _answer_extended(proposed: ExtendedNegotiation) -> bytes | None:
    """The answer to the extended negotiation of a class with C-FIND (PS3.4 K.5.1.2): date and time are matched
    together, names fuzzily if that is wanted, and values are not adjusted to a time zone."""
    if not serves(proposed.sop_class, CommandField.C_FIND_RQ):
        return None
    fuzzy = proposed.info[2:3] == b"\1"
    return bytes((1, 1, fuzzy, 0))[: 4 if len(proposed.info) == 4 else 3]


class _Policy:
    """The acceptance policy, apart for who negotiates more than others: the rest is answered from memory."""

    def __init__(self, plain: PlainPolicy) -> None:
        self._plain = plain
        self._extended = replace(plain, extended=_answer_extended)

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        """The answer to this request of this applicant."""
        policy = self._plain if request.find(ExtendedNegotiation) is None else self._extended
        return policy.decide(request, applicant)


class UpsServer:
    """Serves one UpsService under one AE title. ``peers`` is the AE table: where events for a title go.

    The limits are of four kinds: PDUs (``p_data`` is the maximum length we announce), messages, connections, and what
    is kept for subscribers. Both TLS contexts are made by ``dicomnet.drivers.tls``: ``tls`` is the server's, and
    ``delivery_tls`` that of the connections on which event reports go out; None is in the clear.
    """

    def __init__(
        self,
        service: UpsService,
        *,
        ae_title: str,
        host: str | None = "127.0.0.1",
        port: int = 0,
        peers: Mapping[str, Endpoint] | None = None,
        waits: Waits | None = None,
        pdu_limits: PduLimits | None = None,
        message_limits: MessageLimits | None = None,
        limits: ServerLimits | None = None,
        delivery: DeliveryLimits | None = None,
        tls: ssl.SSLContext | None = None,
        delivery_tls: ssl.SSLContext | None = None,
    ) -> None:
        self._service = service
        self._ae_title = ae_title
        self._host = host
        self._wanted_port = port
        self._peers = dict(peers or {})
        self._waits = waits or Waits()
        self._pdu_limits = pdu_limits or PduLimits()
        self._message_limits = message_limits
        self._limits = limits
        self._delivery_limits = delivery
        self._tls = tls
        self._delivery_tls = delivery_tls
        self._server: Server | None = None
        self._delivery: EventDelivery | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: _OwnLoop | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it can be reached."""
        port = self._server.port if self._server is not None else self._wanted_port
        return Endpoint(self._ae_title, self._host or "localhost", port)

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen, and tell the subscribers of an earlier life that we are back (event type 4).

        Raises:
            ConnectFailed: the address cannot be used.
            StoreError: the store cannot be read.
        """
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise

    async def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ups-service")
        self._delivery = EventDelivery(
            self._ae_title, self._peers.get, limits=self._delivery_limits, tls=self._delivery_tls
        )
        self._server = await serve(
            self._host,
            self._wanted_port,
            _Policy(acceptance_policy(self._ae_title, max_length=self._pdu_limits.p_data)),
            handler=self._handle,
            waits=self._waits,
            pdu_limits=self._pdu_limits,
            message_limits=self._message_limits,
            limits=self._limits,
            executor=self._executor,
            tls=self._tls,
        )
        effects = await self._loop.run_in_executor(self._executor, self._service.started, _now())
        self._perform(effects)

    async def drain(self, seconds: float = 10.0) -> None:
        """Finish what is being served, tell the subscribers (event type 4) and deliver what waits, then stop.

        Serving and delivering may each take so long at most.
        """
        if self._server is not None:
            await self._server.drain(seconds)
        if self._delivery is not None and self._loop is not None and self._executor is not None:
            try:
                self._perform(await self._loop.run_in_executor(self._executor, self._service.stopping, _now()))
            except StoreError as error:
                _log.warning("nobody is told that we go down: %s", error)
            await self._delivery.drain(seconds)
        await self.close()

    async def close(self) -> None:
        """Stop at once."""
        if self._server is not None:
            await self._server.close()
        if self._delivery is not None:
            await self._delivery.close()
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __enter__(self) -> Self:
        self._thread = _OwnLoop()
        try:
            self._thread.run(self.start())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            try:
                self._thread.run(self.close())
            finally:
                self._thread.stop()
                self._thread = None

    # -- requests ----------------------------------------------------------------------------------------------------

    def _handle(self, request: Request, peer: Peer) -> Flow[None]:
        if isinstance(request, CEchoRequest):
            yield from flows.send(reply(request))
            return
        context = peer.abstract_syntax(request)
        fuzzy = isinstance(request, CFindRequest) and peer.negotiated.extended.get(context, b"")[2:3] == b"\1"
        caller = Caller(ae_title=peer.ae_title, abstract_syntax=context, fuzzy=fuzzy)
        outcome = yield from flows.call(lambda: self._serve(request, caller))
        yield from _respond(request, outcome.batches)

    def _serve(self, request: Request, caller: Caller) -> Outcome:
        """In the service's thread: the effects are on their way even if the caller has gone before its answer."""
        outcome = self._service.handle(request, caller, _now())
        if outcome.effects and self._loop is not None:
            self._loop.call_soon_threadsafe(self._perform, outcome.effects)
        return outcome

    def _perform(self, effects: Iterable[DeliverEventReport]) -> None:
        if self._delivery is not None:
            for effect in effects:
                self._delivery.deliver(effect.receiving_ae, effect.request, effect.abstract_syntax)


def _respond(request: Request, batches: Iterable[Sequence[Response]]) -> Flow[None]:
    """Send the responses, looking for C-CANCEL before each and when a batch is empty.

    Between two batches other requests have their turn in the service's thread.
    """
    source = iter(batches)
    while (batch := (yield from flows.call(lambda: next(source, None)))) is not None:
        for response in batch or (None,):
            if isinstance(request, CFindRequest) and (yield from flows.cancelled(request.message_id or 0)):
                yield from flows.send(reply(request, statuses.CANCEL))
                return
            if response is not None:
                yield from flows.send(response)


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class _OwnLoop:
    """An event loop in a thread, for callers that have none."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ups-server", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine there and wait for it; raises what it raises."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
