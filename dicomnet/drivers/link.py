"""What the links of all drivers have in common: the session underneath, and what it says of the association.

Knows no way of waiting: that is each driver's own. A driver whose methods block gives BlockingLink its clock and its
loop, and has everything else from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from dicomnet.drivers.session import Session
from dicomnet.errors import ConnectionLost, DicomNetError
from dicomnet.flows import Flow
from dicomnet.ul import Negotiated, Transcript

__all__ = ["BlockingLink", "SessionLink"]

T = TypeVar("T")


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


class BlockingLink(SessionLink):
    """A link whose methods return when they are done; leave it by ``with``: it releases, or aborts on an exception.

    A driver has ``_now``, ``_drive`` and ``_drive_to_close``. No ABC, which a compiled class cannot be.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._driving = False  # by a caller that has not returned

    def _now(self) -> float:
        """The time by which this link's deadlines run."""
        raise NotImplementedError

    def _drive(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        """Move bytes and flows until ``done``, the end of the connection, or for so many seconds."""
        raise NotImplementedError

    def _drive_to_close(self) -> None:
        """Let the last PDUs pass; the peer closes, or ARTIM ends the wait (PS3.8 9.1.5)."""
        raise NotImplementedError

    def establish(self) -> None:
        """Wait until there is an association; whoever made the link has done so.

        Raises:
            Rejected, Aborted, ConnectionLost, RemoteProtocolError, TimedOut: there will be none.
        """
        self._session.transport_connected(self._now())
        self._drive(lambda: self._session.established or self._session.ended)
        if not self._session.established:
            self._drive_to_close()
            raise self._why_none()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result.

        Raises:
            DicomNetError: what ended the flow; Aborted or ConnectionLost when the association did.
        """
        run = self._session.start(flow)
        try:
            self._drive(lambda: run.done)
        finally:
            self._session.cancel(run)  # also one that is over: it may have ended amid a message, and all else with it
        return run.result()

    def stream(self, flow: Flow[Any]) -> Iterator[Any]:
        """Run a flow and yield what it delivers, reading from the peer only as fast as the caller takes the items.

        Who leaves before the end abandons what the flow has asked for: a C-FIND, C-GET or C-MOVE is cancelled, and the
        next request waits for its final response, at most ``Waits.response``.

        Raises:
            DicomNetError: what ended the flow.
        """
        run = self._session.start(flow, streamed=True)
        try:
            while True:
                self._drive(lambda: bool(run.delivered) or run.done)
                while run.delivered:
                    yield self._session.take(run)
                if run.done:
                    run.result()
                    return
        finally:
            early = not run.done
            self._session.cancel(run)
            if early and not self._driving:  # not from within a flow, where the stream may happen to be closed
                self._drive(lambda: True)  # so that the peer hears of it now

    def listen(self, seconds: float | None = None) -> None:
        """Serve the peer's requests until the association ends, or for so many seconds.

        Raises:
            Aborted, ConnectionLost, TimedOut: the association ended other than by release.
        """
        self._drive(lambda: self._session.ended, seconds)
        if self._session.ended:
            self._drive_to_close()
        if self._session.error is not None:
            raise self._session.error

    def release(self) -> None:
        """End the association in order and close.

        Raises:
            TimedOut: the peer did not confirm within ``Waits.release``; the association was aborted.
            Aborted, ConnectionLost: the association ended before.
        """
        if not self._session.ended:
            self._session.release()
        self._drive_to_close()
        if self._session.error is not None:
            raise self._session.error

    def abort(self) -> None:
        """End the association at once and close; harmless when it is over already."""
        if not self._session.ended:
            self._session.abort(self._now())
        self._drive_to_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and not self._session.ended:
            self.release()
        else:
            self.abort()
