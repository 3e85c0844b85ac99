"""Results for programs: one JSON object per line, data sets in the DICOM JSON model (PS3.18 F.2).

A line is safe to look at, too: no character in it moves a cursor, because JSON has an escape for each. A value that
cannot be read does not cost the others their line: it is UN with its bytes, and a warning says where.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dicomnet.dataset.json_model import model
from dicomnet.dimse.messages import NEventReportRequest
from dicomnet.errors import DicomNetError, EncodeError
from ups.cli.console import Console, is_harmless
from ups.cli.redacted import data_set_of
from ups.cli.results import GlancingResults
from ups.names import EVENT_NAMES

if TYPE_CHECKING:
    from datetime import datetime

    from pydicom.dataset import Dataset

    from dicomnet.dataset.glance import Glance

__all__ = ["JsonResults", "data_set_object", "event_object", "line"]

_STATE = 0x00741000


class JsonResults(GlancingResults):
    """Writes a line for each match, workitem and event report, and one for each operation that has neither."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        console.speak_utf8()

    def glance_match(self, seen: Glance) -> None:
        """A match of ``find``."""
        self.console.result(line(model(seen)))

    def glance_found(self, seen: Glance) -> None:
        """The workitem of ``get``."""
        self.glance_match(seen)

    def write_match(self, dataset: Dataset) -> None:
        """A match of ``find``."""
        found, errors = data_set_object(dataset)
        self.tell_opaque(errors)
        self.console.result(line(found))

    def write_found(self, dataset: Dataset) -> None:
        """The workitem of ``get``."""
        self.write_match(dataset)

    def event(self, report: NEventReportRequest, sender: str, received: datetime) -> None:
        """An event report."""
        self.console.result(line(event_object(report, sender, received)))

    def instance(self, uid: str) -> None:
        """Nothing: ``outcome`` has it."""

    def transaction(self, uid: str, operation: str, instance: str | None) -> None:
        """A line of its own, for it must be known whatever becomes of the operation."""
        self.console.result(line({"operation": operation, "uid": instance, "transaction_uid": uid}))

    def outcome(self, facts: Mapping[str, str | None]) -> None:
        """The facts, as they are."""
        self.console.result(line(dict(facts)))


def data_set_object(dataset: Dataset) -> tuple[dict[str, Any], Sequence[EncodeError]]:
    """The data set, and what is wrong with values that are given as bytes."""
    from dicomnet.dataset.opaque import write_lenient

    return write_lenient(dataset, model)


def event_object(report: NEventReportRequest, sender: str, received: datetime) -> dict[str, Any]:
    """An event report: which it is, of which workitem and in which state, when and from whom it came, its attributes.

    ``state`` is null when the report has none, ``attributes`` when it has no data set; ``error`` is there when the data
    set cannot be read, which does not make the event less of one.
    """
    found: dict[str, Any] = {
        "event": EVENT_NAMES.get(report.event_type, "unknown event type"),
        "event_type": report.event_type,
        "uid": report.instance,
        "state": None,
        "received": received.astimezone().isoformat(timespec="milliseconds"),
        "calling_ae": sender,
        "attributes": None,
    }
    try:
        dataset = data_set_of(report)
        if dataset is not None:
            found["attributes"], _ = data_set_object(dataset)
            found["state"] = _state(found["attributes"])
    except DicomNetError as error:
        found["error"] = str(error)
    return found


def _state(attributes: dict[str, Any]) -> str | None:
    values = attributes.get(f"{_STATE:08X}", {}).get("Value") or [None]
    return values[0] if isinstance(values[0], str) else None


def line(found: dict[str, Any]) -> str:
    """The object on one line, control and formatting characters escaped."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Python's escapes are of ASCII control characters only; beyond these nothing but a string has such characters
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if is_harmless(character) else json.dumps(character)[1:-1]
