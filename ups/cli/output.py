"""Results for people: a block of lines for each match, each workitem, each event report.

Gives printable lines and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.errors import DicomNetError, EncodeError
from ups.cli.console import printable
from ups.cli.redacted import without_transaction
from ups.names import EVENT_NAMES

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["attribute_lines", "event_lines", "match_lines"]

_SOP_INSTANCE = 0x00080018


def attribute_lines(dataset: Dataset, indent: str = "") -> Iterator[str]:
    """One line per attribute."""
    from dicomnet.dataset import dump

    yield from dump.lines(without_transaction(dataset), indent)


def match_lines(dataset: Dataset) -> Iterator[str]:
    """A match of ``find``: its UID, then its attributes, then an empty line."""
    from dicomnet.dataset.values import text_value

    try:
        instance = text_value(dataset, _SOP_INSTANCE)
    except EncodeError:  # the attribute is shown below with what is wrong with it
        instance = ""
    yield printable(instance) or "(no SOP Instance UID)"
    yield from attribute_lines(dataset, "  ")
    yield ""


def event_lines(report: NEventReportRequest, sender: str, received: datetime) -> Iterator[str]:
    """An event report: what it is and about which workitem, from whom and when, then its attributes."""
    name = EVENT_NAMES.get(report.event_type, "unknown event type")
    yield f"event {report.event_type} {name}: {printable(report.instance)}"
    yield f"  from {printable(sender)} at {received.astimezone().isoformat(timespec='seconds')}"
    yield from _information_lines(report)
    yield ""


def _information_lines(report: NEventReportRequest) -> list[str]:
    try:
        dataset = report.dataset()
        return [] if dataset is None else list(attribute_lines(dataset, "  "))
    except DicomNetError as error:  # the event itself is known all the same, and it was received
        return [f"  (its attributes cannot be read: {printable(str(error))})"]
