"""What the links of all drivers have in common: the session underneath, and what it says of the association.

Knows no way of waiting: how a flow runs to its end is each driver's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from dicomnet.drivers.session import Session
from dicomnet.errors import ConnectionLost, DicomNetError
from dicomnet.ul import Negotiated, Transcript

__all__ = ["BlockingLink", "SessionLink"]


class SessionLink:
    """An association, seen from the program that uses it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def session(self) -> Session:
        """The session underneath."""
        return self._session

    @property
    def negotiated(self) -> Negotiated:
        """What both sides agreed on.

        Raises:
            ConnectionLost: no association was ever established.
        """
        if self._session.peer is None:
            raise ConnectionLost("there is no association")
        return self._session.peer.negotiated

    @property
    def transcript(self) -> Transcript | None:
        """The record given to ``connect``, if any."""
        return self._session.association.transcript

    def _why_none(self) -> DicomNetError:
        """Why an association that was waited for did not come about."""
        return self._session.error or ConnectionLost("the connection closed before there was an association")


class BlockingLink(SessionLink, ABC):
    """A link whose methods return when they are done; leave it by ``with``."""

    @abstractmethod
    def release(self) -> None:
        """End the association in order and close."""

    @abstractmethod
    def abort(self) -> None:
        """End the association at once and close; harmless when it is over already."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and not self._session.ended:
            self.release()
        else:
            self.abort()
