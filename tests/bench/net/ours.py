"""Our own candidates, what they have in common: what is proposed and accepted, and both sides of each work as flows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

from dicomnet import flows, scu
from dicomnet.dimse import status
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    CFindRequest,
    CFindResponse,
    CStoreRequest,
    NCreateRequest,
    NCreateResponse,
    NGetRequest,
    NGetResponse,
    Request,
)
from dicomnet.drivers.common import Endpoint
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type, streaming
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext, Transcript, build_request
from dicomnet.wire import AAssociateRQ
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

__all__ = ["check_stored", "endpoint", "handler", "operation", "options", "policy", "request", "sizes", "stores"]


def endpoint(port: int) -> Endpoint:
    """Where the server is."""
    return Endpoint(TITLE, "127.0.0.1", port)


@cache
def options(work: str, max_length: int) -> RequestOptions:
    """What a client proposes; worked out once, as pynetdicom's client does."""
    classes = CLASSES[:1] if work == Work.ASSOCIATE else CLASSES
    contexts = tuple(ProposedContext(uid, SYNTAXES) for uid in classes)
    return RequestOptions(TITLE, TITLE, contexts, max_length=max_length)


def request(work: str, max_length: int) -> AAssociateRQ:
    """The PDU of these options."""
    return build_request(options(work, max_length))


def policy(max_length: int) -> PlainPolicy:
    """What a server accepts."""
    return PlainPolicy(tuple(SupportedContext(uid, SYNTAXES) for uid in CLASSES), max_length=max_length)


def handler() -> Handler:
    """What a server answers."""
    held, match = workitem(), identifier()

    def create(request: Request, _: Peer) -> Flow[None]:
        yield from flows.send(reply(request))

    def get(request: Request, _: Peer) -> Flow[None]:
        yield from flows.send(reply(request, data_set=held))

    def find(request: Request, _: Peer) -> Flow[None]:
        for _match in range(MATCHES):
            yield from flows.send(reply(request, status.PENDING, data_set=match))
        yield from flows.send(reply(request))

    def store(request: Request, _: Peer) -> Flow[None]:
        yield from flows.skip(request)
        yield from flows.send(reply(request))

    return handle_by_type(
        {NCreateRequest: create, NGetRequest: get, CFindRequest: find, CStoreRequest: streaming(store)}
    )


def operation(work: str, path: str) -> Callable[[], Flow[None]]:
    """One operation of a client, its response looked at."""
    held, match = workitem(), identifier()

    def echo() -> Flow[None]:
        (yield from flows.c_echo()).raise_for_status()

    def create() -> Flow[None]:
        request = NCreateRequest(sop_class=UPS_PUSH, instance=INSTANCE, data_set=held)
        (yield from flows.ask(request, expect=NCreateResponse)).raise_for_status()

    def get() -> Flow[None]:
        request = NGetRequest(sop_class=UPS_PUSH, instance=INSTANCE)
        response = (yield from flows.ask(request, expect=NGetResponse)).raise_for_status()
        assert response.dataset() is not None

    def find() -> Flow[None]:
        message_id = yield from flows.send(CFindRequest(sop_class=UPS_PULL, data_set=match))
        for _ in range(MATCHES):
            response = yield from flows.await_reply(message_id)
            assert isinstance(response, CFindResponse)
            assert response.dataset() is not None
        (yield from flows.await_reply(message_id)).raise_for_status()

    def store() -> Flow[None]:
        (yield from scu.c_store(Path(path))).raise_for_status()

    return {Work.ECHO: echo, Work.CREATE: create, Work.GET: get, Work.FIND: find, Work.STORE: store}[Work(work)]


def stores(path: str, times: int) -> Flow[None]:
    """A file stored so many times, as storescu does with what its command line names."""
    return scu.c_store_all([Path(path)] * times)


def check_stored(outcome: scu.Stored) -> None:
    """Look at the response."""
    assert outcome.response is not None
    outcome.response.raise_for_status()


def sizes(transcript: Transcript) -> list[tuple[int, int]]:
    """How many bytes were sent, and then received, in each of the turns of an association: request, ..., release."""
    turns: list[list[int]] = []
    seen = [(str(entry.direction), len(entry.data)) for entry in transcript.octets]
    for (before, _), (direction, size) in pairwise([("", 0), *seen]):
        if direction == "sent" != before:
            turns.append([0, 0])
        turns[-1][direction != "sent"] += size
    return [(sent, received) for sent, received in turns]
