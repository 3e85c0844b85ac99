"""The plain form: a block of lines for each match, each workitem, each event report.

It is what there is when standard output is no terminal, and it stays as it is, for scripts: a match is its UID in the
first column, its attributes indented behind it, an empty line. Values of more than 500 characters are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dicomnet.dataset import dump
from dicomnet.dataset.glance import field_at
from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.errors import DicomNetError, EncodeError
from ups.cli.console import printable
from ups.cli.redacted import data_set_of
from ups.cli.results import GlancingResults, Results
from ups.names import EVENT_NAMES

if TYPE_CHECKING:
    from datetime import datetime

    from pydicom.dataset import Dataset

    from dicomnet.dataset.glance import Glance

__all__ = ["PlainResults", "QuickResults", "attribute_lines", "event_lines", "match_lines"]

_SOP_INSTANCE = 0x00080018
_WIDTH = 500


class PlainResults(Results):
    """Writes blocks of lines."""

    def write_match(self, dataset: Dataset) -> None:
        """A match of ``find``."""
        self.console.result(*match_lines(dataset))

    def write_found(self, dataset: Dataset) -> None:
        """The workitem of ``get``."""
        self.console.result(*attribute_lines(dataset))

    def instance(self, uid: str) -> None:
        """The UID of a workitem that was created."""
        self.console.result(printable(uid))

    def transaction(self, uid: str, operation: str, instance: str | None) -> None:
        """A Transaction UID that was made."""
        self.console.result(uid)

    def outcome(self, facts: Mapping[str, str | None]) -> None:
        """Nothing: a line on standard error has it."""

    def event(self, report: NEventReportRequest, sender: str, received: datetime) -> None:
        """An event report."""
        self.console.result(*event_lines(report, sender, received))


class QuickResults(GlancingResults, PlainResults):
    """Writes the same blocks, and of a data set that shows all at a glance without pydicom."""

    def glance_match(self, seen: Glance) -> None:
        """A match of ``find``."""
        self.console.result(*match_lines(seen))

    def glance_found(self, seen: Glance) -> None:
        """The workitem of ``get``."""
        self.console.result(*attribute_lines(seen))


def attribute_lines(dataset: Dataset | Glance, indent: str = "") -> Iterator[str]:
    """One line per attribute."""
    yield from dump.lines(dataset, indent, width=_WIDTH)


def match_lines(dataset: Dataset | Glance) -> Iterator[str]:
    """A match of ``find``: its UID, then its attributes, then an empty line."""
    try:
        field = field_at(dataset, (_SOP_INSTANCE,))
        instance = "" if field is None else "\\".join(field.texts())
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
        dataset = data_set_of(report)
        return [] if dataset is None else list(attribute_lines(dataset, "  "))
    except DicomNetError as error:  # the event itself is known all the same, and it was received
        return [f"  (its attributes cannot be read: {printable(str(error))})"]
