"""``-L`` with a port: event reports are received from before an operation begins until a signal ends it.

Needs the asyncio driver, because the SCP opens associations of its own while ours is still at work.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from dicomnet.drivers import aio, aio_server
from dicomnet.drivers.common import Hooks, Waits
from dicomnet.errors import ConnectFailed, DicomNetError
from dicomnet.handlers import Handler
from dicomnet.ul import PlainPolicy, SupportedContext
from dicomnet.wire import PduLimits
from ups.cli.addresses import LocalAddress, readiness
from ups.cli.calling import Call, release_warning, socket_options
from ups.cli.catalogue import CONTEXTS
from ups.cli.console import Console
from ups.cli.events import Event, event_handler, pass_on
from ups.cli.exits import Exit
from ups.cli.inputs import transfer_syntaxes
from ups.cli.operations import Operation
from ups.cli.outcome import exit_of_error, lines_of_error
from ups.cli.parser import CommandLine
from ups.cli.results import Results
from ups.cli.running import EventRunner
from ups.cli.signals import Signals
from ups.cli.watching import LostAssociation, unsubscription
from ups.cli.words import UsageError

if TYPE_CHECKING:
    import ssl

__all__ = ["listen"]

_log = logging.getLogger("ups.cli")

_DRAIN_SECONDS = 2.0
"""How long an event report under way may take to be answered after SIGTERM."""


def listen(
    line: CommandLine,
    local: LocalAddress,
    results: Results,
    prepared: Call | None,
    operation: Operation | None,
    tls: ssl.SSLContext | None = None,
) -> Exit:
    """Listen, run the operation if there is one, and stay until a signal comes or the operation has failed.

    ``tls`` is for those who connect to us; the connection of the operation has its own in ``prepared``.

    Raises:
        UsageError: there is no such command as --exec names.
        DicomNetError: the association of the operation failed.
        OutputFailed: nobody reads what we print.
    """
    if line.command is not None and shutil.which(line.command[0]) is None:
        raise UsageError(f"--exec: there is no command {line.command[0]!r}")
    return asyncio.run(_Listener(line, local, results, tls).run(prepared, operation))


class _Listener:
    """One listener, and what becomes of the event reports it hears."""

    def __init__(self, line: CommandLine, local: LocalAddress, results: Results, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._line = line
        self._local = local
        self._results = results
        self._console: Console = results.console

    async def run(self, prepared: Call | None, operation: Operation | None) -> Exit:
        """From the first moment to the last."""
        line = self._line
        watching = prepared is not None and line.watch
        self._signals = signals = Signals(hangup=watching)
        runner = None if line.command is None else EventRunner(line.command, line.command_timeout, self._console)
        hooks = None
        if prepared is not None and watching:
            hooks = Hooks(primitive=LostAssociation(prepared.endpoint.ae_title, signals.fail).note)
        handler = self._handler(runner, operation)
        try:
            server = await self._serve(handler, hooks)
        except ConnectFailed as error:  # our address is at fault, whoever is to be called
            self._console.say(*lines_of_error(error, self._local.ae_title))
            return exit_of_error(error)
        try:
            self._console.tell(readiness(self._local, server.port))
            if prepared is None or operation is None:
                return await signals.stopped
            if not watching:
                return await self._stay(prepared, operation, handler)
            return await self._watch(prepared, operation, handler)
        finally:
            await server.drain(_DRAIN_SECONDS)
            if runner is not None:
                await runner.finish(signals.again)

    async def _serve(self, handler: Handler, hooks: Hooks | None) -> aio_server.Server:
        """Begin to listen."""
        line = self._line
        return await aio_server.serve(
            self._local.bind_host,
            self._local.port or 0,
            _policy(line, self._local),
            handler=handler,
            hooks=hooks,
            waits=Waits(close=line.close_delay),
            pdu_limits=PduLimits(p_data=line.receive_pdu_length),
            one_pdv_per_pdu=line.single_pdv,
            send_limit=line.send_pdu_length,
            socket_options=socket_options(line),
            tls=self._tls,
        )

    def _handler(self, runner: EventRunner | None, operation: Operation | None) -> Handler:
        also: list[Callable[[Event], None]] = [] if operation is None else [operation.note]
        if runner is not None:
            also.append(pass_on(runner))
        return event_handler(
            self._results,
            self._signals.fail,
            also=also,
            status=self._line.event_status,
            room=None if runner is None else runner.room,
        )

    async def _stay(self, prepared: Call, operation: Operation, handler: Handler) -> Exit:
        """Run the operation, then wait for the end unless it failed."""
        stopped = self._signals.stopped
        work = asyncio.ensure_future(_operate(prepared, operation, handler, self._console))
        await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        elif (status := work.result()) is not Exit.DONE:
            return status
        return await stopped

    async def _watch(self, prepared: Call, operation: Operation, handler: Handler) -> Exit:
        """The same for a subscription that lasts as long as we do."""
        ended = Exit.DONE
        try:
            status = await self._stay(prepared, operation, handler)
        except DicomNetError as error:
            self._console.say(*lines_of_error(error, str(prepared.endpoint), plain=prepared.plain))
            status = exit_of_error(error)
        finally:  # also when nobody reads what we print
            if operation.may_have_worked:
                ended = await self._unsubscribe(prepared, operation, handler)
        return status or ended

    async def _unsubscribe(self, prepared: Call, operation: Operation, handler: Handler) -> Exit:
        """End the subscription, unless somebody is out of patience."""
        _log.info("unsubscribing %s", self._line.aet)
        again = asyncio.ensure_future(self._signals.again.wait())
        end = unsubscription(self._line, operation.instance, self._results)
        work = asyncio.ensure_future(_operate(prepared, end, handler, self._console))
        await asyncio.wait((work, again), return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        status = Exit.INTERRUPTED
        if work.done():
            try:
                status = work.result()
            except DicomNetError as error:
                self._console.say(*lines_of_error(error, str(prepared.endpoint), plain=prepared.plain))
                status = exit_of_error(error)
        else:
            work.cancel()
        await asyncio.gather(work, again, return_exceptions=True)
        if status not in (Exit.DONE, Exit.WARNING_STATUS):
            self._console.warn(f"{self._line.aet} may still be subscribed")
        return status


def _policy(line: CommandLine, local: LocalAddress) -> PlainPolicy:
    """Our title only. The roles are those of an event receiver, and those of a peer that negotiates none."""
    event = CONTEXTS["event"]
    syntaxes = transfer_syntaxes(line)
    return PlainPolicy(
        supported=tuple(SupportedContext(uid, syntaxes, scu=True, scp=True) for uid in (event.current, event.trial)),
        ae_titles=frozenset({local.ae_title}),
        max_length=line.receive_pdu_length,
    )


async def _operate(prepared: Call, operation: Operation, handler: Handler, console: Console) -> Exit:
    link = await aio.connect(prepared.endpoint, prepared.options, handler=handler, **prepared.keywords)
    try:
        console.warn(*prepared.shortfalls(link.negotiated))
        try:
            async for item in link.stream(operation.flow()):
                operation.item(item)
        finally:
            operation.close()
        status = operation.settle()
    except BaseException:
        await link.abort()
        raise
    try:
        await link.release()
    except DicomNetError as error:
        console.warn(release_warning(error))
    return status
