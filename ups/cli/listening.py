"""``-L`` with a port: event reports are received from before an operation begins until a signal ends it.

Needs the asyncio driver, because the SCP opens associations of its own while ours is still at work.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal

from dicomnet.drivers import aio, aio_server
from dicomnet.drivers.common import Waits
from dicomnet.errors import DicomNetError
from dicomnet.handlers import Handler
from dicomnet.ul import PlainPolicy, SupportedContext
from dicomnet.wire import PduLimits
from ups.cli.addresses import LocalAddress, readiness
from ups.cli.calling import Call, release_warning, socket_options
from ups.cli.catalogue import CONTEXTS
from ups.cli.console import Console, OutputFailed
from ups.cli.events import event_printer
from ups.cli.exits import Exit
from ups.cli.inputs import transfer_syntaxes
from ups.cli.operations import Operation
from ups.cli.parser import CommandLine
from ups.cli.results import Results

__all__ = ["listen"]

_DRAIN_SECONDS = 2.0
"""How long an event report under way may take to be answered after SIGTERM."""


def listen(
    line: CommandLine, local: LocalAddress, results: Results, prepared: Call | None, operation: Operation | None
) -> Exit:
    """Listen, run the operation if there is one, and stay until a signal comes or the operation has failed.

    Raises:
        DicomNetError: the port cannot be used, or the association of the operation failed.
        OutputFailed: nobody reads what we print.
    """
    return asyncio.run(_listen(line, local, results, prepared, operation))


async def _listen(
    line: CommandLine, local: LocalAddress, results: Results, prepared: Call | None, operation: Operation | None
) -> Exit:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[Exit] = loop.create_future()

    def stop(status: Exit) -> None:
        if not stopped.done():
            stopped.set_result(status)

    def fail(error: OutputFailed) -> None:
        if not stopped.done():
            stopped.set_exception(error)

    with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread: whoever runs us there stops us
        loop.add_signal_handler(signal.SIGTERM, stop, Exit.DONE)
        loop.add_signal_handler(signal.SIGINT, stop, Exit.INTERRUPTED)
    handler = event_printer(results, fail, also=[operation.note] if operation is not None else [])
    server = await aio_server.serve(
        local.bind_host,
        local.port or 0,
        _policy(line, local),
        handler=handler,
        waits=Waits(close=line.close_delay),
        pdu_limits=PduLimits(p_data=line.receive_pdu_length),
        one_pdv_per_pdu=line.single_pdv,
        send_limit=line.send_pdu_length,
        socket_options=socket_options(line),
    )
    try:
        results.console.tell(readiness(local, server.port))
        if prepared is not None and operation is not None:
            work = asyncio.ensure_future(_operate(prepared, operation, handler, results.console))
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
            elif (status := work.result()) is not Exit.DONE:
                return status
        return await stopped
    finally:
        await server.drain(_DRAIN_SECONDS)


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
