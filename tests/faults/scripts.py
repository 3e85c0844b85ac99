"""What peers do, step by step: one list of conversations, and what our side is waiting for after each step of them.

A script belongs to the peer: it reads a PDU of ours or sends bytes of its own, and tells in which situation our side is
then. ``faults`` cuts a script after any step and goes on with a fault; what has to come of it follows from the
situation alone. Message ids are those our side gives: 1, 2, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dicomnet import flows, uids
from dicomnet.dimse import messages as m
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import reply, to_command
from dicomnet.dimse.messages import EncodedDataSet, Message, Request
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.ul import Applicant, PlainPolicy, ProposedContext, RequestOptions, SupportedContext, build_request
from dicomnet.wire import (
    AAssociateRJ,
    AReleaseRP,
    AReleaseRQ,
    RoleSelection,
    decode_pdu,
    encode_pdu,
    fragment_message,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
CLASSES = (uids.VERIFICATION, uids.UPS_PUSH, CT, FIND, GET)
ECHO_ID, UPS_ID, CT_ID, FIND_ID, GET_ID = 1, 3, 5, 7, 9
PDU = 4096
TICK = 0.25
"""How long the handler that waits for a cancel sleeps between two looks, in units of the clock of ``faults``."""

OPTIONS = RequestOptions(
    "SCP", "SCU", tuple(ProposedContext(uid) for uid in CLASSES), (RoleSelection(CT, 1, 1),), max_length=PDU
)
POLICY = PlainPolicy(
    tuple(SupportedContext(uid, scu=uid == CT) for uid in CLASSES), ae_titles=frozenset({"SCP"}), max_length=PDU
)
IMAGE = EncodedDataSet(bytes(10_000), uids.IMPLICIT_VR_LE)  # three PDUs of it
KEYS = EncodedDataSet(bytes.fromhex("0800520006000000") + b"STUDY ", uids.IMPLICIT_VR_LE)


class While(StrEnum):
    """What our side is doing: the first column of the table of faults in docs/limits.md."""

    OPENING = "no association request yet"
    ASSOCIATING = "association requested"
    IDLE = "nothing under way"
    CALLING = "a response is due"
    ASKING = "a handler waits for a response"
    SERVING = "a handler is at work"
    RECEIVING = "amid a message of the peer"
    RELEASING = "release requested"
    COLLIDING = "release requested by both"
    OVER = "over, the peer has to close"
    DONE = "closed"


@dataclass(frozen=True, slots=True)
class Read:
    """Read one PDU of ours."""

    then: While


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, or what it makes of the last PDU read."""

    data: bytes | Callable[[bytes], bytes]
    then: While


@dataclass(frozen=True, slots=True)
class Script:
    """A conversation: what the peer does, and what our side does meanwhile."""

    name: str
    steps: tuple[Read | Send, ...]
    first: While
    work: tuple[Callable[[], Flow[Any]], ...] = ()
    end: str = ""  # what our side does behind its flows: release, abort or listen; nothing if the peer does all
    handler: Handler | None = None
    rejected: bool = False

    def __str__(self) -> str:
        return self.name

    def after(self, steps: int) -> While:
        """The situation after so many steps."""
        return self.steps[steps - 1].then if steps else self.first


def pdus(context_id: int, message: Message, *, split: bool = False) -> list[bytes]:
    """A message as a peer sends it, in PDUs; ``split`` sends even a short data set in one of its own."""
    payload = message.data_set.data if isinstance(message.data_set, EncodedDataSet) else None
    command = encode_command(to_command(message, has_data_set=payload is not None))
    sent = b"".join(fragment_message(context_id, command, payload, PDU, one_pdv_per_pdu=split))
    return list(split_pdus(sent))


def split_pdus(data: bytes) -> Iterator[bytes]:
    """The PDUs in these bytes."""
    while data:
        length = 6 + int.from_bytes(data[2:6], "big")
        yield data[:length]
        data = data[length:]


def one(context_id: int, message: Message) -> bytes:
    (pdu,) = pdus(context_id, message)
    return pdu


def accept(request: bytes) -> bytes:
    return encode_pdu(POLICY.decide(decode_pdu(request), Applicant("script")))  # type: ignore[arg-type]


def echo_request(message_id: int) -> bytes:
    return one(ECHO_ID, m.CEchoRequest(message_id=message_id))


def accepted(*steps: Read | Send, then: While) -> tuple[Read | Send, ...]:
    return (Read(While.ASSOCIATING), Send(accept, then), *steps)


def asked(*steps: Read | Send) -> tuple[Read | Send, ...]:
    return (Send(encode_pdu(build_request(OPTIONS)), While.IDLE), Read(While.IDLE), *steps)


def receiving(sent: list[bytes], then: While) -> tuple[Send, ...]:
    """The PDUs of one message, of which only the last completes it."""
    return (*(Send(pdu, While.RECEIVING) for pdu in sent[:-1]), Send(sent[-1], then))


RELEASED = (Read(While.RELEASING), Send(encode_pdu(AReleaseRP()), While.DONE))  # our side has asked for it
RELEASE = (Send(encode_pdu(AReleaseRQ()), While.OVER), Read(While.OVER))
STORE = m.CStoreRequest(message_id=1, sop_class=CT, instance="2.25.1", data_set=IMAGE)
EVENT = m.NEventReportRequest(message_id=1, sop_class=uids.UPS_PUSH, instance="2.25.1", event_type=1)
FOUND = m.CFindResponse(responding_to=1, status=0xFF00, sop_class=FIND, data_set=KEYS)
GOT = m.CGetResponse(responding_to=1, status=0xFF00, sop_class=GET, remaining=0, completed=1, failed=0, warning=0)


# Our side as requestor: flows.


def store() -> Flow[Any]:
    request = m.CStoreRequest(sop_class=CT, instance="2.25.1", data_set=IMAGE)
    return (yield from flows.ask(request, expect=m.CStoreResponse))


def find() -> Flow[Any]:
    return (yield from flows.ask_many(m.CFindRequest(sop_class=FIND, data_set=KEYS), expect=m.CFindResponse))


def find_and_cancel() -> Flow[Any]:
    message_id = yield from flows.send(m.CFindRequest(sop_class=FIND, data_set=KEYS))
    yield from flows.await_reply(message_id)
    yield from flows.cancel(message_id, via=FIND)
    while (response := (yield from flows.await_reply(message_id))).status_class == "pending":
        pass
    return response


def get() -> Flow[Any]:
    return (yield from flows.ask_many(m.CGetRequest(sop_class=GET, data_set=KEYS), expect=m.CGetResponse))


def create() -> Flow[Any]:
    return (yield from flows.ask(m.NCreateRequest(sop_class=uids.UPS_PUSH, data_set=KEYS), expect=m.NCreateResponse))


def answer(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.send(reply(request))


REQUESTOR = (
    Script(
        "echo",
        accepted(
            Read(While.CALLING),
            Send(one(ECHO_ID, m.CEchoResponse(responding_to=1)), While.RELEASING),
            *RELEASED,
            then=While.CALLING,
        ),
        While.ASSOCIATING,
        (flows.c_echo,),
        "release",
    ),
    Script(
        "store",
        accepted(
            *(Read(While.CALLING),) * 4,
            Send(one(CT_ID, m.CStoreResponse(responding_to=1, sop_class=CT, instance="2.25.1")), While.RELEASING),
            *RELEASED,
            then=While.CALLING,
        ),
        While.ASSOCIATING,
        (store,),
        "release",
    ),
    Script(
        "find",
        accepted(
            Read(While.CALLING),
            Send(one(FIND_ID, FOUND), While.CALLING),
            *receiving(pdus(FIND_ID, FOUND, split=True), While.CALLING),
            Send(one(FIND_ID, m.CFindResponse(responding_to=1, sop_class=FIND)), While.RELEASING),
            *RELEASED,
            then=While.CALLING,
        ),
        While.ASSOCIATING,
        (find,),
        "release",
    ),
    Script(
        "find and cancel",
        accepted(
            Read(While.CALLING),
            Send(one(FIND_ID, FOUND), While.CALLING),
            Read(While.CALLING),
            Send(one(FIND_ID, FOUND), While.CALLING),
            Send(one(FIND_ID, m.CFindResponse(responding_to=1, status=0xFE00, sop_class=FIND)), While.RELEASING),
            *RELEASED,
            then=While.CALLING,
        ),
        While.ASSOCIATING,
        (find_and_cancel,),
        "release",
    ),
    Script(
        "get",
        accepted(
            Read(While.CALLING),
            *receiving(pdus(CT_ID, STORE), While.CALLING),
            Read(While.CALLING),
            Send(one(GET_ID, GOT), While.CALLING),
            Send(
                one(
                    GET_ID,
                    m.CGetResponse(responding_to=1, sop_class=GET, completed=1, failed=0, warning=0),
                ),
                While.RELEASING,
            ),
            *RELEASED,
            then=While.CALLING,
        ),
        While.ASSOCIATING,
        (get,),
        "release",
        handle_by_type({m.CStoreRequest: answer}),
    ),
    Script(
        "create",
        accepted(
            Read(While.CALLING),
            *receiving(
                pdus(
                    UPS_ID,
                    m.NCreateResponse(responding_to=1, sop_class=uids.UPS_PUSH, instance="2.25.1", data_set=KEYS),
                    split=True,
                ),
                While.RELEASING,
            ),
            *RELEASED,
            then=While.CALLING,
        ),
        While.ASSOCIATING,
        (create,),
        "release",
    ),
    Script(
        "release collision",
        accepted(
            Read(While.RELEASING),
            Send(encode_pdu(AReleaseRQ()), While.COLLIDING),
            Read(While.COLLIDING),
            Send(encode_pdu(AReleaseRP()), While.DONE),
            then=While.RELEASING,
        ),
        While.ASSOCIATING,
        (),
        "release",
    ),
    Script("abort", accepted(Read(While.OVER), then=While.OVER), While.ASSOCIATING, (), "abort"),
    Script(
        "listen",
        accepted(
            Send(one(UPS_ID, EVENT), While.IDLE),
            Read(While.IDLE),
            *RELEASE,
            then=While.IDLE,
        ),
        While.ASSOCIATING,
        (),
        "listen",
        handle_by_type({m.NEventReportRequest: answer}),
    ),
    Script(
        "rejected",
        (Read(While.ASSOCIATING), Send(encode_pdu(AAssociateRJ(1, 1, 7)), While.DONE)),
        While.ASSOCIATING,
        (),
        "release",
        rejected=True,
    ),
)


# Our side as acceptor: handlers. Whatever they do for the peer, they do it for every script.


def find_three(request: Request, peer: Peer) -> Flow[None]:
    for _ in range(3):
        yield from flows.send(reply(request, 0xFF00, data_set=KEYS))
    yield from flows.send(reply(request))


def find_until_cancelled(tick: float) -> Callable[[Request, Peer], Flow[None]]:
    def serve(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request, 0xFF00, data_set=KEYS))
        while not (yield from flows.cancelled(request.message_id or 0)):
            yield from flows.pause(tick)
        yield from flows.send(reply(request, 0xFE00))

    return serve


def act(request: Request, peer: Peer) -> Flow[None]:
    event = m.NEventReportRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", event_type=1)
    yield from flows.ask(event, expect=m.NEventReportResponse)
    yield from flows.send(reply(request))


def give(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.ask(
        m.CStoreRequest(sop_class=CT, instance="2.25.1", data_set=IMAGE), expect=m.CStoreResponse, via=CT
    )
    yield from flows.send(reply(request, 0xFF00, remaining=0, completed=1, failed=0, warning=0))
    yield from flows.send(reply(request, completed=1, failed=0, warning=0))


def serving(tick: float) -> dict[type[Request], Callable[[Request, Peer], Flow[None]]]:
    """A handler for every request of the scripts below; ``tick`` is ``TICK`` in seconds."""
    patient = find_until_cancelled(tick)

    def search(request: Request, peer: Peer) -> Flow[None]:
        yield from (patient if getattr(request, "priority", 0) else find_three)(request, peer)

    return {m.CStoreRequest: answer, m.CFindRequest: search, m.NActionRequest: act, m.CGetRequest: give}


ACTION = m.NActionRequest(message_id=1, sop_class=uids.UPS_PUSH, instance="2.25.1", action_type=1)
_FIND = {"message_id": 1, "sop_class": FIND, "data_set": KEYS}

ACCEPTOR = (
    Script(
        "echo",
        asked(Send(echo_request(1), While.IDLE), Read(While.IDLE), *RELEASE),
        While.OPENING,
    ),
    Script(
        "store",
        asked(*receiving(pdus(CT_ID, STORE), While.IDLE), Read(While.IDLE), *RELEASE),
        While.OPENING,
    ),
    Script(
        "find",
        asked(
            *receiving(pdus(FIND_ID, m.CFindRequest(**_FIND, priority=0), split=True), While.IDLE),  # type: ignore[arg-type]
            *(Read(While.IDLE),) * 4,
            *RELEASE,
        ),
        While.OPENING,
    ),
    Script(
        "find and cancel",
        asked(
            Send(one(FIND_ID, m.CFindRequest(**_FIND, priority=1)), While.SERVING),  # type: ignore[arg-type]
            Read(While.SERVING),
            Send(one(FIND_ID, m.CCancelRequest(responding_to=1)), While.IDLE),
            Read(While.IDLE),
            *RELEASE,
        ),
        While.OPENING,
    ),
    Script(
        "action with an event report",
        asked(
            Send(one(UPS_ID, ACTION), While.ASKING),
            Read(While.ASKING),
            Send(
                one(
                    UPS_ID,
                    m.NEventReportResponse(responding_to=1, sop_class=uids.UPS_PUSH, instance="2.25.1", event_type=1),
                ),
                While.IDLE,
            ),
            Read(While.IDLE),
            *RELEASE,
        ),
        While.OPENING,
    ),
    Script(
        "get",
        asked(
            Send(one(GET_ID, m.CGetRequest(message_id=1, sop_class=GET, data_set=KEYS)), While.ASKING),
            *(Read(While.ASKING),) * 4,
            Send(one(CT_ID, m.CStoreResponse(responding_to=1, sop_class=CT, instance="2.25.1")), While.IDLE),
            *(Read(While.IDLE),) * 2,
            *RELEASE,
        ),
        While.OPENING,
    ),
    Script(
        "release collision",
        (
            Send(encode_pdu(build_request(OPTIONS)), While.RELEASING),
            *(Read(While.RELEASING),) * 2,
            Send(encode_pdu(AReleaseRQ()), While.COLLIDING),
            Send(encode_pdu(AReleaseRP()), While.OVER),
            Read(While.OVER),
        ),
        While.OPENING,
        (),
        "release",
    ),
    Script(
        "rejected",
        (
            Send(encode_pdu(build_request(RequestOptions("NOBODY", "SCU", OPTIONS.contexts))), While.OVER),
            Read(While.OVER),
        ),
        While.OPENING,
        rejected=True,
    ),
)
