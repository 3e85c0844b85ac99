"""What becomes of results: each form of output is a ``Results``, and who has a result gives it here.

Here is what all forms share: what of a peer cannot be read costs a warning and nothing else. A form gets data sets
without a Transaction UID and writes what it is given as soon as it can; ``close`` is called at the end in any case, for
what it may have kept back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dicomnet.dimse.messages import CFindResponse, NEventReportRequest, NGetResponse
from dicomnet.errors import DecodeError, EncodeError
from ups.cli.console import Console
from ups.cli.redacted import data_set_of, glance_of

if TYPE_CHECKING:
    from datetime import datetime

    from pydicom.dataset import Dataset

    from dicomnet.dataset.glance import Glance

__all__ = ["GlancingResults", "Results"]

_MAX_COMPLAINTS = 10


class Results(ABC):
    """One form of output. Every method that writes raises OutputFailed when nobody can read it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.matches = 0
        self.unreadable = 0
        self._complaints = 0

    @property
    def visible(self) -> bool:
        """Whether the user sees matches come, so that nothing need be said of them."""
        return self.console.is_terminal

    # -- what others call --------------------------------------------------------------------------------------------

    def match(self, response: CFindResponse) -> None:
        """A match of ``find``; one that cannot be read is counted."""
        self.matches += 1
        try:
            dataset = data_set_of(response)
            if dataset is not None:
                self.write_match(dataset)
        except (DecodeError, EncodeError) as error:
            self.lose(f"cannot be read: {error}")

    def found(self, response: NGetResponse) -> None:
        """What ``get`` found.

        Raises:
            DecodeError: the peer's data set cannot be read.
        """
        dataset = data_set_of(response)
        if dataset is not None:
            self.write_found(dataset)

    def close(self) -> None:
        """Write what was kept back."""
        if self._complaints > _MAX_COMPLAINTS:
            self.console.warn(f"{self._complaints - _MAX_COMPLAINTS} more warnings like these")
            self._complaints = 0

    # -- what a form does --------------------------------------------------------------------------------------------

    @abstractmethod
    def write_match(self, dataset: Dataset) -> None:
        """A match of ``find``."""

    @abstractmethod
    def write_found(self, dataset: Dataset) -> None:
        """The workitem of ``get``."""

    @abstractmethod
    def instance(self, uid: str) -> None:
        """The UID of a workitem that was created."""

    @abstractmethod
    def transaction(self, uid: str, operation: str, instance: str | None) -> None:
        """A Transaction UID that was made for an operation that is yet to begin."""

    @abstractmethod
    def outcome(self, facts: Mapping[str, str | None]) -> None:
        """What there is to say of an operation that gives no data set, once it is done."""

    @abstractmethod
    def event(self, report: NEventReportRequest, sender: str, received: datetime) -> None:
        """An event report."""

    # -- what forms share --------------------------------------------------------------------------------------------

    def tell_opaque(self, errors: Sequence[EncodeError]) -> None:
        """Say which values are given as bytes."""
        where = f"match {self.matches}: " if self.matches else ""
        for error in errors:
            self.complain(f"{where}{error}; it is given as its bytes")

    def lose(self, reason: str) -> None:
        """Say why there is nothing of the match that came."""
        self.unreadable += 1
        self.complain(f"match {self.matches} {reason}")

    def complain(self, text: str) -> None:
        """Warn of what a peer did, which may be often."""
        self._complaints += 1
        if self._complaints <= _MAX_COMPLAINTS:
            self.console.warn(text)


class GlancingResults(Results):
    """A form that can do with what a data set shows at a glance, for which pydicom is not loaded."""

    def match(self, response: CFindResponse) -> None:
        """A match of ``find``; one that cannot be read is counted."""
        seen = glance_of(response)
        if seen is None:
            super().match(response)
            return
        self.matches += 1
        self.glance_match(seen)

    def found(self, response: NGetResponse) -> None:
        """What ``get`` found.

        Raises:
            DecodeError: the peer's data set cannot be read.
        """
        seen = glance_of(response)
        if seen is None:
            super().found(response)
        else:
            self.glance_found(seen)

    @abstractmethod
    def glance_match(self, seen: Glance) -> None:
        """A match of ``find`` that could be read at a glance."""

    @abstractmethod
    def glance_found(self, seen: Glance) -> None:
        """The workitem of ``get`` that could be read at a glance."""
