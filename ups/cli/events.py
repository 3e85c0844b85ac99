"""Showing event reports as they arrive, on whatever association: the handler for both drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.handlers import Handler, Peer
from ups import scu
from ups.cli.console import OutputFailed
from ups.cli.results import Results

__all__ = ["event_printer"]


def event_printer(
    results: Results,
    on_failure: Callable[[OutputFailed], None] | None = None,
    *,
    also: Iterable[Callable[[NEventReportRequest], None]] = (),
) -> Handler:
    """A handler that shows each event report and answers it; ``on_failure`` learns that nobody reads.

    ``also`` are told of each report before it is shown.
    """
    told = tuple(also)

    def show(report: NEventReportRequest, peer: Peer) -> None:
        received = datetime.now(UTC)
        for tell in told:
            tell(report)
        try:
            results.event(report, peer.ae_title, received)
        except OutputFailed as error:
            if on_failure is None:
                raise
            on_failure(error)

    return scu.event_receiver(show)
