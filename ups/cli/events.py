"""Event reports as they arrive, on whatever association: the handler for both drivers, and who is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dicomnet.dimse import status as statuses
from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.records import dataclass
from ups import scu
from ups.cli.console import OutputFailed
from ups.cli.results import Results

if TYPE_CHECKING:
    from datetime import datetime

    from ups.cli.running import EventRunner

__all__ = ["Event", "event_handler", "pass_on"]


@dataclass(frozen=True, slots=True)
class Event:
    """An event report, the title of who sent it, and when it came."""

    report: NEventReportRequest
    sender: str
    received: datetime


def event_handler(
    results: Results,
    on_failure: Callable[[OutputFailed], None] | None = None,
    *,
    also: Iterable[Callable[[Event], None]] = (),
    status: int = statuses.SUCCESS,
    room: Callable[[], Flow[None]] | None = None,
) -> Handler:
    """A handler that shows each event report and answers it; ``on_failure`` learns that nobody reads.

    ``also`` are told of each event before it is shown; ``status`` and ``room`` are those of ``scu.event_receiver``.
    """
    told = tuple(also)

    def show(report: NEventReportRequest, peer: Peer) -> None:
        from datetime import UTC, datetime  # most commands never see one

        event = Event(report, peer.ae_title, datetime.now(UTC))
        for tell in told:
            tell(event)
        try:
            results.event(event.report, event.sender, event.received)
        except OutputFailed as error:
            if on_failure is None:
                raise
            on_failure(error)

    return scu.event_receiver(show, status=status, room=room)


def pass_on(runner: EventRunner) -> Callable[[Event], None]:
    """What tells a command of an event: the JSON object that --json would print, without any Transaction UID."""
    from ups.cli.json_lines import event_object, line

    def tell(event: Event) -> None:
        report = event.report
        text = line(event_object(report, event.sender, event.received))
        runner.submit(report.instance, f"event {report.event_type} of {report.instance}", text)

    return tell
