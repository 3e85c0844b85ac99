"""Calling the peer: what is proposed, how long we wait, and the blocking way through one operation.

The association is opened only when all input is known to be good, and a result stands even if the release fails.
"""

from __future__ import annotations

import logging

from dicomnet.drivers import blocking
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import DicomNetError, TimedOut
from dicomnet.handlers import Handler
from dicomnet.records import dataclass
from dicomnet.ul import ProposedContext, RequestOptions, Transcript
from dicomnet.wire.items import RoleSelection
from ups.cli.catalogue import CONTEXTS, OperationSpec
from ups.cli.console import Console
from ups.cli.exits import Exit
from ups.cli.inputs import transfer_syntaxes
from ups.cli.operations import Operation, abstract_syntax, perform
from ups.cli.parser import CommandLine
from ups.names import CLASS_NAMES

__all__ = ["Call", "call", "prepare", "release_warning"]

_log = logging.getLogger("ups.cli")


@dataclass(frozen=True, slots=True)
class Call:
    """Everything a driver needs to open the association."""

    endpoint: Endpoint
    options: RequestOptions
    waits: Waits
    source_host: str | None
    transcript: Transcript | None


def prepare(line: CommandLine, spec: OperationSpec, transcript: Transcript | None = None) -> Call:
    """The association an operation needs: its own context, and the Event context beside it.

    The peer may send event reports on an association that the subscriber opened, so we are ready to receive them; its
    refusal of that context is harmless.

    Raises:
        ValueError: the command line names no peer.
    """
    if line.called is None:
        raise ValueError("there is nobody to call")
    event = CONTEXTS["event"].abstract_syntax(trial=line.trial)
    syntaxes = transfer_syntaxes(line)
    options = RequestOptions(
        called_ae_title=line.called.ae_title,
        calling_ae_title=line.calling_ae_title,
        contexts=tuple(ProposedContext(uid, syntaxes) for uid in (abstract_syntax(line, spec), event)),
        roles=(RoleSelection(event, 1, 0),),
    )
    _log.info("calling as %s, for %s", line.calling_ae_title, CLASS_NAMES[options.contexts[0].abstract_syntax])
    waits = Waits(
        connect=line.connect_timeout,
        associate=line.accept_timeout,
        response=line.response_timeout,
        release=line.release_timeout,
        idle=None,  # -rspTO is the limit of our patience
        close=1.0,  # with a peer that does not even hang up there is nothing to win
    )
    endpoint = Endpoint(line.called.ae_title, line.called.host, line.called.port)
    return Call(endpoint, options, waits, line.local.host if line.local else None, transcript)


def call(prepared: Call, operation: Operation, handler: Handler, console: Console) -> Exit:
    """Open the association, run the operation, release.

    Raises:
        DicomNetError: there was no association, or it failed before the result.
        OutputFailed: nobody reads what we print.
    """
    link = blocking.connect(
        prepared.endpoint,
        prepared.options,
        waits=prepared.waits,
        handler=handler,
        source_host=prepared.source_host,
        transcript=prepared.transcript,
    )
    try:
        status = perform(link, operation)
    except BaseException:
        link.abort()
        raise
    try:
        link.release()
    except DicomNetError as error:
        console.warn(release_warning(error))
    return status


def release_warning(error: DicomNetError) -> str:
    """The line about a release that went wrong after a result."""
    reason = "not confirmed within -releaseTO" if isinstance(error, TimedOut) else str(error)
    return f"the release of the association failed ({reason}); the result stands"
