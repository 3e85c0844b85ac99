"""Calling the peer: what is proposed, how long we wait, and the blocking way through one operation.

The association is opened only when all input is known to be good, and a result stands even if the release fails.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dicomnet.drivers import blocking
from dicomnet.drivers.common import Endpoint, SocketOptions, Waits
from dicomnet.errors import DicomNetError, TimedOut
from dicomnet.handlers import Handler
from dicomnet.records import dataclass
from dicomnet.ul import Negotiated, ProposedContext, RequestOptions, Transcript
from dicomnet.wire.items import ExtendedNegotiation, RoleSelection
from ups.cli.catalogue import CONTEXTS, OperationSpec
from ups.cli.console import Console
from ups.cli.exits import Exit
from ups.cli.identity import user_identity
from ups.cli.inputs import transfer_syntaxes
from ups.cli.operations import Operation, abstract_syntax, perform
from ups.cli.parser import CommandLine
from ups.names import CLASS_NAMES

if TYPE_CHECKING:
    import ssl

__all__ = ["Call", "call", "prepare", "release_warning", "socket_options"]

_FUZZY = b"\1\1\1"
"""Date and time matching, which is always on, and fuzzy matching of person names (PS3.4 K.5.1)."""

_log = logging.getLogger("ups.cli")


@dataclass(frozen=True, slots=True)
class Call:
    """Everything a driver needs to open the association; ``keywords`` are what both take under the same names."""

    endpoint: Endpoint
    options: RequestOptions
    keywords: dict[str, Any]

    @property
    def plain(self) -> bool:
        """Whether the connection is in the clear."""
        return self.keywords["tls"] is None

    def shortfalls(self, negotiated: Negotiated) -> Iterator[str]:
        """What the peer left out of what was asked of it, and is done without."""
        identity = self.options.user_identity
        if identity is not None and identity.response_requested and negotiated.identity_response is None:
            yield "the peer did not confirm the user (-uidnegrsp)"
        for asked in self.options.extended:
            if negotiated.extended.get(asked.sop_class, b"")[2:3] != b"\1":
                yield "the peer does not match person names fuzzily (-fuzzy)"


def prepare(
    line: CommandLine, spec: OperationSpec, transcript: Transcript | None = None, tls: ssl.SSLContext | None = None
) -> Call:
    """The association an operation needs: its own context, and the Event context beside it.

    The peer may send event reports on an association that the subscriber opened, so we are ready to receive them; its
    refusal of that context is harmless.

    Raises:
        ValueError: the command line names no peer.
        UsageError: the user identity cannot be read.
    """
    if line.called is None:
        raise ValueError("there is nobody to call")
    event = CONTEXTS["event"].abstract_syntax(trial=line.trial)
    syntaxes = transfer_syntaxes(line)
    abstract = abstract_syntax(line, spec)
    fuzzy = line.fuzzy and spec.has_use_for("fuzzy")
    options = RequestOptions(
        called_ae_title=line.called.ae_title,
        calling_ae_title=line.calling_ae_title,
        contexts=tuple(ProposedContext(uid, syntaxes) for uid in (abstract, event)),
        roles=(RoleSelection(event, 1, 0),),
        max_length=line.receive_pdu_length,
        extended=(ExtendedNegotiation(abstract, _FUZZY),) if fuzzy else (),
        user_identity=user_identity(line),
    )
    _log.info("calling as %s, for %s", line.calling_ae_title, CLASS_NAMES[abstract])
    waits = Waits(
        connect=line.connect_timeout,
        associate=line.accept_timeout,
        response=line.response_timeout,
        release=line.release_timeout,
        idle=None,  # -rspTO is the limit of our patience
        close=line.close_delay,
    )
    endpoint = Endpoint(line.called.ae_title, line.called.host, line.called.port)
    keywords = {
        "waits": waits,
        "source_host": line.local.host if line.local else None,
        "transcript": transcript,
        "one_pdv_per_pdu": line.single_pdv,
        "send_limit": line.send_pdu_length,
        "socket_options": socket_options(line),
        "tls": tls,
    }
    return Call(endpoint, options, keywords)


def socket_options(line: CommandLine) -> SocketOptions:
    """What the system is asked to do with the connections of both directions."""
    return SocketOptions(
        no_delay=not line.tcp_delay,
        receive_buffer=line.receive_buffer or None,
        send_buffer=line.send_buffer or None,
    )


def call(prepared: Call, operation: Operation, handler: Handler, console: Console) -> Exit:
    """Open the association, run the operation, release.

    Raises:
        DicomNetError: there was no association, or it failed before the result.
        OutputFailed: nobody reads what we print.
    """
    link = blocking.connect(prepared.endpoint, prepared.options, handler=handler, **prepared.keywords)
    try:
        console.warn(*prepared.shortfalls(link.negotiated))
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
