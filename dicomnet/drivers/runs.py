"""Flows in progress, and the responses that wait for them: what a session keeps, with bounds on it.

Knows steps and messages, but neither associations nor time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from dicomnet.dimse.messages import EncodedDataSet, Message, Response
from dicomnet.errors import LocalProtocolError
from dicomnet.flows import Flow
from dicomnet.steps import Branch, Close, Open, RunOn, Step
from dicomnet.wire import Pdu

__all__ = ["BranchWork", "Mailbox", "Run"]

T = TypeVar("T")

_UNDELIVERED = 64
"""How much a stream may be ahead of its consumer."""

_BACKLOG = 256
"""How much may wait to be taken by a flow before the driver stops reading; also PDUs kept for a flow."""

_HEAVY = 64 * 1024
"""Bytes of data set that count as much as one more message."""

_NONE: Final[deque[Any]] = deque()


class Progress:
    """A flow in progress, whatever its result: which step it waits in and until when, or what to resume it with.

    ``queue`` is where it lines up when it can go on.
    """

    __slots__ = (
        "__weakref__",
        "_error",
        "_on_progress",
        "_queue",
        "_streamed",
        "_value",
        "_weight",
        "branches",
        "deadline",
        "delivered",
        "done",
        "flow",
        "message_ids",
        "outcome",
        "pdus",
        "ready",
        "waiting",
    )

    def __init__(
        self,
        flow: Flow[Any],
        on_progress: Callable[[], None] | None = None,
        *,
        streamed: bool = False,
        keep_pdus: bool = False,
        queue: deque[Any] | None = None,
    ) -> None:
        self.flow = flow
        self.delivered: deque[Any] = deque() if streamed else _NONE
        self.done = False
        self._on_progress = on_progress
        self._streamed = streamed
        self._weight = 0
        self._value: Any = None
        self._error: BaseException | None = None
        self._queue: deque[Any] = deque() if queue is None else queue
        # What the session keeps of it: the step it waits in and until when, or what to resume it with.
        self.waiting: Step | None = None
        self.deadline: float | None = None
        self.outcome: Any = None  # of a step that only waits for the bytes to leave
        self.ready: tuple[Any, BaseException | None] | None = (None, None)
        self.message_ids: list[int] = []
        self.branches: list[Branch] = []
        self.pdus: deque[Pdu] = deque(maxlen=_BACKLOG) if keep_pdus else _NONE
        self._queue.append(self)

    def finish(self, value: Any, error: BaseException | None) -> None:
        """Record the end of the flow and wake whoever waits for it."""
        self.done = True
        self.waiting = self.deadline = self.ready = None
        self._value, self._error = value, error
        self.progress()

    def progress(self) -> None:
        """Wake whoever waits for the result or the next item."""
        if self._on_progress is not None:
            self._on_progress()

    def resume(self, value: Any = None, error: BaseException | None = None) -> None:
        """Give the step's outcome; the flow goes on at the next ``advance``. After its end nothing happens."""
        if self.done:
            return
        self.waiting = self.deadline = None
        if self.ready is None:
            self._queue.append(self)
        self.ready = (value, error)

    def perform(self, function: Callable[[], object]) -> None:
        """Make a call here and now, and give its outcome."""
        try:
            self.resume(function())
        except Exception as error:  # noqa: BLE001 - raised again inside the flow, which asked for the call
            self.resume(None, error)

    def deliver(self, item: object) -> bool:
        """Keep an item for the consumer; whether there is room for more. Without a consumer it is dropped."""
        if not self._streamed:
            return True
        self.delivered.append(item)
        self._weight += _weight(item)
        self.progress()
        return self._weight < _UNDELIVERED

    def take(self) -> Any:
        """The next delivered item."""
        item = self.delivered.popleft()
        self._weight -= _weight(item)
        return item


class Run(Progress, Generic[T]):
    """A flow in progress. ``done`` tells when ``result`` may be asked; ``delivered`` holds what a stream handed out."""

    __slots__ = ()

    def result(self) -> T:
        """What the flow returned; raises what ended it."""
        if not self.done:
            raise LocalProtocolError("the flow is still running")
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value


class BranchWork:
    """A step of a flow that asks for another association: for the driver to perform, who tells its outcome here.

    ``leftovers`` is where associations are put that nobody will use any more.
    """

    def __init__(self, run: Run[Any] | None, step: Open | RunOn | Close, leftovers: list[BranchWork]) -> None:
        self.run = run
        """Whose step it is; None for the end of a branch that a flow left behind."""
        self.step = step
        self._leftovers = leftovers

    def perform(self, function: Callable[[Open | RunOn | Close], Any]) -> None:
        """Have it done here and now, by a function that waits for it."""
        try:
            self.done(function(self.step))
        except Exception as error:  # noqa: BLE001 - raised again inside the flow, which asked for it
            self.failed(error)

    def done(self, value: Any = None) -> None:
        """It is done: ``value`` is the Branch of an Open, the result of a RunOn."""
        run, step = self.run, self.step
        if run is None:
            return
        if isinstance(step, Open) and run.done:  # cancelled meanwhile
            self._leftovers.append(BranchWork(None, Close(value, abort=True), self._leftovers))
        elif isinstance(step, Open):
            run.branches.append(value)
        elif isinstance(step, Close) and step.branch in run.branches:
            run.branches.remove(step.branch)
        run.resume(value)

    def failed(self, error: BaseException) -> None:
        """It failed, and so does the step."""
        if self.run is not None:
            if isinstance(self.step, Close) and self.step.branch in self.run.branches:
                self.run.branches.remove(self.step.branch)
            self.run.resume(None, error)


class Mailbox:
    """Responses that no flow has taken yet."""

    def __init__(self) -> None:
        self.full = False
        """Whether so much waits that no more should be read from the peer."""
        self._waiting: dict[int, deque[Response]] = {}
        self._weight = 0

    def put(self, response: Response) -> None:
        """Keep a response."""
        self._waiting.setdefault(response.responding_to, deque()).append(response)
        self._weigh(_weight(response))

    def take(self, message_id: int) -> Response | None:
        """The oldest response to this request."""
        waiting = self._waiting.get(message_id)
        if waiting is None:
            return None
        response = waiting.popleft()
        self._weigh(-_weight(response))
        if not waiting:
            del self._waiting[message_id]
        return response

    def discard(self, message_id: int) -> None:
        """Drop what answers this request."""
        dropped = self._waiting.pop(message_id, None)
        if dropped is not None:
            self._weigh(-sum(map(_weight, dropped)))

    def _weigh(self, more: int) -> None:
        self._weight += more
        self.full = self._weight > _BACKLOG


def _weight(item: object) -> int:
    data_set = item.data_set if isinstance(item, Message) else None
    return 1 + len(data_set.data) // _HEAVY if isinstance(data_set, EncodedDataSet) else 1
