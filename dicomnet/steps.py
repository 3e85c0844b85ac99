"""What a flow may ask for: the steps it yields, and what it is resumed with.

Data only; ``flows`` has the typed helpers around them, ``drivers.stepping`` performs them. A driver performs by itself
what blocks or needs a connection: Call, Open, RunOn and Close.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from dicomnet.dimse.messages import Message
from dicomnet.dimse.outgoing import Opened
from dicomnet.dimse.payloads import IncomingDataSet
from dicomnet.endpoint import Endpoint
from dicomnet.records import dataclass
from dicomnet.ul import Negotiated, RequestOptions

if TYPE_CHECKING:
    import ssl

    from dicomnet.wire import Pdu

__all__ = [
    "AwaitPdu",
    "AwaitReply",
    "BeginMessage",
    "Branch",
    "Call",
    "Close",
    "Deliver",
    "GiveUp",
    "Inject",
    "Open",
    "Opened",
    "Pause",
    "PollCancel",
    "ReadPart",
    "RunOn",
    "SendMessage",
    "SendPart",
    "Step",
    "TakeTurn",
]


@dataclass(slots=True)
class SendMessage:
    """Send a DIMSE message; resumed with its message id once there is room for more.

    ``abstract_syntax`` names the presentation context when it is not that of the message's SOP class.
    """

    message: Message
    abstract_syntax: str | None = None


@dataclass(slots=True)
class TakeTurn:
    """Wait until a message could leave; resumed with a good number of bytes for a part of its data set.

    For who must read something to begin a message, and should hold none of it while others have their turn.
    ``message`` is as far as it is known. The turn lasts to the end of the message that the flow begins next
    (``BeginMessage``), or until it gives up (``GiveUp``); until then this flow sends no other.
    """

    message: Message


@dataclass(slots=True)
class BeginMessage:
    """Begin a message whose data set follows in parts; resumed with ``Opened`` when it is this message's turn.

    ``message.data_set`` is the source of the parts, or None. Nothing is sent yet: the command goes out with the first
    part. From here to the last part no other message leaves on this association (PS3.8 E.1), and a flow that ends in
    between, once a part was sent, takes the association with it.
    """

    message: Message
    abstract_syntax: str | None = None


@dataclass(slots=True)
class SendPart:
    """Send the next part of the data set; resumed once there is room for more, with whether more is wanted.

    It is not when the peer has answered with a failure already: then the data set may end with any fragment. ``data``
    is not copied, and has an even length; of a file it may be a view where the system has it, to be neither kept nor
    looked at: that of a file that was cut ends the process. The ``last`` part ends the message; only a data set of no
    bytes at all may have an empty one (PS3.8 E.2).
    """

    data: bytes | bytearray | memoryview
    last: bool


@dataclass(slots=True)
class GiveUp:
    """Take back the message this flow has begun, if any; with part of it out that takes an abort. Resumed at once."""


@dataclass(slots=True)
class ReadPart:
    """Wait for more of a data set that is arriving; resumed with its bytes in a list, empty at the end of it."""

    data_set: IncomingDataSet


@dataclass(slots=True)
class AwaitReply:
    """Wait for the next response to a request; resumed with it.

    ``timeout`` in seconds counts from this step; None takes the link's own (``Waits.response``).
    """

    message_id: int
    timeout: float | None = None


@dataclass(slots=True)
class Deliver:
    """Hand an item to whoever runs the flow as a stream; resumed when there is room for the next."""

    item: object


@dataclass(slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(slots=True)
class Inject:
    """Send a PDU or bytes as they are: no audit, no state machine."""

    pdu: Pdu | bytes


@dataclass(slots=True)
class AwaitPdu:
    """Wait for the next PDU the peer sends, whatever it is; resumed with it, or None when the transport closed."""

    timeout: float | None = None


@dataclass(slots=True)
class Call:
    """Run a blocking function where it holds nobody up (the asyncio driver: a thread); resumed with its result."""

    function: Callable[[], object]


@dataclass(slots=True)
class PollCancel:
    """Resumed at once with whether the peer asked to cancel this request of its own (C-CANCEL), or has gone."""

    message_id: int


@dataclass(slots=True, eq=False)
class Branch:
    """A second association, opened by a flow and gone at the latest with it. ``link`` is its driver's own."""

    negotiated: Negotiated
    link: Any


@dataclass(slots=True)
class Open:
    """Open an association with another application entity; resumed with a ``Branch``.

    It has the waits and limits of the flow's own association, and its hooks; ``tls`` None is a plain connection.
    """

    endpoint: Endpoint
    options: RequestOptions
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class RunOn:
    """Run a flow on a branch; resumed with its result."""

    branch: Branch
    flow: Generator[Step, Any, Any]


@dataclass(slots=True)
class Close:
    """Release a branch, or abort it; resumed when it is closed. Harmless when it has ended already."""

    branch: Branch
    abort: bool = False


Step = (
    SendMessage
    | TakeTurn
    | BeginMessage
    | SendPart
    | GiveUp
    | ReadPart
    | AwaitReply
    | Deliver
    | Pause
    | Inject
    | AwaitPdu
    | Call
    | PollCancel
    | Open
    | RunOn
    | Close
)
