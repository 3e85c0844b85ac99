"""A session driven by an event loop: callbacks on a socket of our own, one timer, no tasks and no polling.

What the user of an association calls is in ``aio``. Every method here must be called in the event loop.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

from dicomnet.drivers.aio_clock import clock_of
from dicomnet.drivers.aio_waiter import Waiter
from dicomnet.drivers.common import Hooks, SocketOptions, Waits
from dicomnet.drivers.link import SessionLink
from dicomnet.drivers.runs import BranchWork, Run
from dicomnet.drivers.session import Session
from dicomnet.drivers.transport import LAST_WORDS, QUEUED_ANSWERS, Transport
from dicomnet.errors import ConnectionLost, DicomNetError, TimedOut
from dicomnet.records import replace
from dicomnet.ul import Role

__all__ = ["DrivenLink"]

_log = logging.getLogger("dicomnet.aio")

_ACCEPTOR: Final = Role.ACCEPTOR  # looked up once: to Python 3.11 each time is a call

_TURNS = 16
"""How often the flows of a link may go on before others get their turn."""
_MUCH = 1024 * 1024
"""Bytes that the flows of a link may send before others get their turn."""
_LONG = 0.005
"""Seconds that what was read at once may keep others waiting: a MiB of the smallest PDUs takes most of a second."""


class DrivenLink(SessionLink):
    """An association over a socket, driven by an event loop."""

    def __init__(
        self,
        session: Session,
        transport: Transport,
        waits: Waits,
        *,
        executor: Executor | None = None,
        hooks: Hooks | None = None,
        socket_options: SocketOptions | None = None,
    ) -> None:
        super().__init__(session)
        self.waits = waits
        self.executor = executor
        self.hooks = hooks
        self.socket_options = socket_options
        self._loop = asyncio.get_running_loop()
        self._clock = clock_of(self._loop)
        self._clock.enter()
        self._turn = self._clock.turn
        self._transport = transport
        session.exchange.unseen = transport.unseeing
        self._fd = transport.fileno()
        self.deadline: float | None = None
        """When the clock wakes us."""
        self._soon: asyncio.Handle | None = None
        self._reading = self._writing = False  # what the loop watches for
        self._patience: float | None = None  # until when the peer must have read something, or we close
        self._room = QUEUED_ANSWERS
        self._waiters: list[Waiter] = []  # who waits for anything to happen
        self._work: frozenset[asyncio.Future[Any]] = (
            frozenset()
        )  # calls in a thread, and what is done on further associations
        self._greeted = False
        self._advancing = False
        self._closing = False
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the socket is closed."""
        return self._closed

    def abort_now(self, error: DicomNetError | None = None) -> None:
        """Send A-ABORT without waiting for the transport to close; ``error`` is what waiting flows are told."""
        if not self._session.ended:
            self._session.abort(self._clock.time(), error)
            self._advance()

    def drop(self) -> None:
        """Close the transport without a word to the peer and without sending what waits to be sent."""
        if self._advancing:  # by a flow of ours, which cannot go on inside itself
            self._loop.call_soon(self._end)
        else:
            self._end()

    # -- what the loop calls -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The socket is connected; whoever made the link calls this once."""
        if self._session.association.role is _ACCEPTOR:  # ARTIM runs from here, a TLS handshake included
            self._session.transport_connected(self._clock.time())
            self._read()  # who connects speaks first, and mostly has done so by the time its connection is accepted
        else:
            self._advance()

    def _greet(self) -> None:
        """Bytes of the user can pass: for the requestor, the connection is made now and not before (PS3.8 9.1.1)."""
        self._greeted = True
        if (certificate := self._transport.certificate) is not None:
            self._session.applicant = replace(self._session.applicant, certificate=certificate)
        if self._session.association.role is not _ACCEPTOR:
            self._session.transport_connected(self._clock.time())

    def _readable(self) -> None:
        self._turn.begin()
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - a fault of ours or of a hook must not be met again for ever
            self._fail(error)
        finally:
            self._turn.end()

    def _read(self) -> None:
        began = self._clock.time()
        data = self._transport.recv()
        if not self._greeted and self._transport.established:
            self._greet()
        if data:
            self._session.receive_data(data, began)
        if data == b"" or self._transport.over:
            self._end()
        elif self._writing:
            waiting = self._transport.unsent
            self._advance()
            self._room -= self._transport.unsent - waiting
            self._watch()
        else:
            self._advance()
        if self._clock.time() - began > _LONG:
            self._transport.read_less()

    def _writable(self) -> None:
        try:
            if self._transport.flush():
                self._taken()
            self._advance()
        except OSError:
            self._read_rest()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)

    def _taken(self) -> None:
        """The system took something, for the peer reads."""
        self._patience = None
        self._session.association.not_idle(self._clock.time())

    def on_time(self) -> None:
        """The clock wakes us."""
        self.deadline = None
        try:
            overdue = self._patience is not None and self._clock.time() >= self._patience
            if overdue:
                # Of a peer that reads slowly the loop tells late: a third of what the system holds has to be gone.
                while self._transport.flush():
                    self._taken()
            if overdue and self._patience is not None:
                self._give_in()
            else:
                self._advance()
        except OSError:
            self._read_rest()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)

    # -- moving on ---------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.settle()

    def _advance_soon(self) -> None:
        """Go on at the next turn of the loop, so that bytes that have arrived are seen between two steps."""
        if self._soon is None:
            self._soon = self._loop.call_soon(self._advance)

    def _advance(self) -> None:
        """Move the session as far as it goes, send what it has, and see to what it waits for."""
        self._soon = None
        if self._advancing:  # a flow of ours has aborted its own association
            return
        self._advancing = True
        try:
            taken = self._move()
        finally:
            self._advancing = False
        if self._closed:
            self._wake()
            return
        if not taken:
            self._read_rest()
            return
        if self._closing and not self._transport.blocked:
            self._end()
            return
        self._watch()
        self._set_timer()
        if self._waiters:
            self._wake()

    def _move(self) -> bool:
        """Steps and bytes; False if the connection takes nothing more."""
        session, transport = self._session, self._transport
        if not self._greeted and transport.established:
            self._greet()
        sent = 0
        for _ in range(_TURNS):
            session.advance(self._clock.time())
            if session.errands:
                self._start_calls(session.take_calls())
                self._start_branches(session.take_branches())
            parts = session.data_to_send()
            if not self._closed and (parts or not self._greeted):
                try:
                    sent += transport.send(parts)
                except OSError:
                    return False
            del parts  # whose memory may be wanted again
            if self._closed or not transport.blocked:
                session.flushed()
            if not session.runnable:
                break
            if sent >= _MUCH:  # the peer may have something to say to it
                self._advance_soon()
                break
        else:
            self._advance_soon()
        if session.close_wanted and not self._closing:
            self._closing = True
            self._patience = None
        return True

    def _watch(self) -> None:
        """Tell the loop what to watch for."""
        if self._closed:
            return
        blocked = self._transport.blocked
        if not blocked:
            self._patience = None
            self._room = QUEUED_ANSWERS
        elif self._patience is None:
            seconds = self.waits.close if self._closing else self.waits.send
            self._patience = None if seconds is None else self._clock.time() + seconds
        reading = not self._closing and self._room > 0 and not self._session.congested
        if reading != self._reading:
            self._reading = reading
            if reading:
                self._loop.add_reader(self._fd, self._readable)
            else:
                self._loop.remove_reader(self._fd)
        if blocked != self._writing:
            self._writing = blocked
            if blocked:
                self._loop.add_writer(self._fd, self._writable)
            else:
                self._loop.remove_writer(self._fd)

    def _set_timer(self) -> None:
        """Have the clock wake us at the next deadline. One that has become too early stays: it costs one look then."""
        deadline = self._session.next_deadline()
        if self._patience is not None and (deadline is None or self._patience < deadline):
            deadline = self._patience
        if deadline is not None and (self.deadline is None or deadline < self.deadline):
            self.deadline = deadline
            self._clock.set(self)

    def _start_calls(self, calls: list[tuple[Run[Any], Callable[[], object]]]) -> None:
        for run, function in calls:
            self.call(run, function)

    def call(self, run: Run[Any], function: Callable[[], object]) -> bool:
        """Have a thread make this call for a flow. False if none will, which the flow has been told."""
        try:
            future = self._loop.run_in_executor(self.executor, function)
        except RuntimeError as error:  # the executor is shut down
            run.resume(error=error)
            self._advance_soon()
            return False
        self._work = self._work | {future}
        future.add_done_callback(functools.partial(self._called, run))
        return True

    def _called(self, run: Run[Any], future: asyncio.Future[object]) -> None:
        if future.cancelled():
            run.resume(error=ConnectionLost("the call was cancelled"))
        elif (error := future.exception()) is not None:  # asked for a flow that is gone, too: asyncio would log it
            run.resume(error=error)
        else:
            run.resume(future.result())
        self.finished(future)

    def _start_branches(self, works: list[BranchWork]) -> None:
        if not works:
            return
        from dicomnet.drivers.aio_branches import start

        for work in works:
            task = start(self, work)
            if task is not None:
                self._work = self._work | {task}

    def finished(self, future: asyncio.Future[Any]) -> None:
        """What somebody else did for a flow is done, and the flow has been told."""
        self._work = self._work - {future}
        self._advance()

    # -- the end -----------------------------------------------------------------------------------------------------

    def _give_in(self) -> None:
        """The peer has read nothing for too long."""
        if not self._closing:
            error = TimedOut(f"the peer read nothing for {self.waits.send:g} s", wait="send")
            if not self._session.ended:
                self._session.abort(self._clock.time(), error)
        self._end()

    def _read_rest(self) -> None:
        """The connection takes nothing more; what the peer said before, such as A-ABORT, may still be here."""
        room = LAST_WORDS
        while not self._closed and room > 0 and (data := self._transport.recv()):
            room -= len(data)
            self._session.receive_data(data, self._clock.time())
        self._end()

    def _fail(self, error: Exception) -> None:
        """Nobody else is harmed by what should not have happened here."""
        _log.error("association %d: the driver failed: %s", self._session.id, type(error).__name__)
        _log.debug("association %d: the failure", self._session.id, exc_info=error)
        self._end()

    def _end(self) -> None:
        """Close the socket, and let everybody know."""
        if self._closed:
            return
        self._closed = True
        if self._reading:
            self._loop.remove_reader(self._fd)
        if self._writing:
            self._loop.remove_writer(self._fd)
        self._reading = self._writing = False
        self.deadline = None
        self._clock.leave()
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        for work in self._work:
            if isinstance(work, asyncio.Task):  # what runs in a thread runs on, and nobody else is waited for
                work.cancel()
        fault = self._transport.fault
        self._transport.close()
        try:
            self._session.receive_eof(self._clock.time(), fault)
            self._advance()
        finally:
            self._gone()

    def _gone(self) -> None:
        """The socket is closed: for who counts."""
