"""Printing event reports as they arrive, on whatever association: the handler for both drivers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.handlers import Handler, Peer
from ups import scu
from ups.cli import output
from ups.cli.console import Console, OutputFailed

__all__ = ["event_printer"]


def event_printer(console: Console, on_failure: Callable[[OutputFailed], None] | None = None) -> Handler:
    """A handler that prints each event report as one block and answers it; ``on_failure`` learns that nobody reads."""

    def show(report: NEventReportRequest, peer: Peer) -> None:
        received = datetime.now(UTC)
        try:
            console.result(*output.event_lines(report, peer.ae_title, received))
        except OutputFailed as error:
            if on_failure is None:
                raise
            on_failure(error)

    return scu.event_receiver(show)
