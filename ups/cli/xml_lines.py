"""Results for programs that read XML: one whole Native DICOM Model document (PS3.19 A.1) per line.

An event report is a document, too: its attributes, and as its command set has them the UID of the workitem and the
event type. Characters that could move a cursor are references, which say the same to any XML reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.errors import DicomNetError, EncodeError
from ups.cli.console import Console, is_harmless
from ups.cli.plain import PlainResults
from ups.cli.redacted import data_set_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["XmlResults", "document"]

_AFFECTED_INSTANCE, _EVENT_TYPE = 0x00001000, 0x00001002


class XmlResults(PlainResults):
    """Writes a document for each match, workitem and event report; what else there may be is written as it is."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        console.speak_utf8()

    def write_match(self, dataset: Dataset) -> None:
        """A match of ``find``."""
        text, errors = document(dataset)
        self.tell_opaque(errors)
        self.console.result(text)

    def write_found(self, dataset: Dataset) -> None:
        """The workitem of ``get``."""
        self.write_match(dataset)

    def event(self, report: NEventReportRequest, sender: str, received: datetime) -> None:
        """An event report."""
        from pydicom.dataset import Dataset

        from dicomnet.dataset.values import BadValueError, text_element

        try:
            dataset = data_set_of(report) or Dataset()
        except DicomNetError as error:
            self.console.warn(f"the attributes of an event report cannot be read: {error}")
            dataset = Dataset()
        for tag, vr, text in ((_AFFECTED_INSTANCE, "UI", report.instance), (_EVENT_TYPE, "US", str(report.event_type))):
            try:
                dataset.add(text_element(tag, vr, [text]))
            except BadValueError as error:
                self.console.warn(f"an event report: {error}")
        self.write_match(dataset)


def document(dataset: Dataset) -> tuple[str, Sequence[EncodeError]]:
    """The data set, and what is wrong with values that are given as bytes."""
    from dicomnet.dataset.native_xml import write
    from dicomnet.dataset.opaque import write_lenient

    content, errors = write_lenient(dataset, write)
    text = content.decode("utf-8")
    # All characters that are not ASCII are in values, where a reference can stand for any of them
    return text if text.isprintable() else "".join(map(_escaped, text)), errors


def _escaped(character: str) -> str:
    return character if is_harmless(character) else f"&#{ord(character)};"
