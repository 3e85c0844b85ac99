"""How a command ends: exit statuses, and the few lines that say why.

The one place that turns errors and DIMSE statuses into words for people; it prints nothing itself.
"""

from __future__ import annotations

from dicomnet.dimse.messages import CFindResponse, Response
from dicomnet.dimse.status import StatusClass
from dicomnet.errors import (
    Aborted,
    ConnectionLost,
    DecodeError,
    DicomNetError,
    EncodeError,
    LocalProtocolError,
    NoPresentationContext,
    RemoteProtocolError,
    TimedOut,
)
from dicomnet.ul import State
from ups.cli.console import printable
from ups.cli.exits import Exit
from ups.cli.redacted import comment_of
from ups.names import CLASS_NAMES
from ups.status import FIND_UNABLE_TO_PROCESS, STATUS_HELP, StatusHelp

__all__ = ["exit_of_error", "exit_of_status", "lines_of_error", "lines_of_status"]


_DEADLINES = {"connect": "-connectTO", "associate": "-acceptTO", "response": "-rspTO"}
"""The waits that are the user's to choose, and by which option."""

_MAX_NAMED = 64
"""Attributes named in one message: more than Table CC.2.5-3 has at its top level that could be missing."""

_UNKNOWN = {
    StatusClass.WARNING: StatusHelp(
        "warning", "It was done, with a reservation that the standard does not define.", "Look at the peer's manual."
    ),
    StatusClass.FAILURE: StatusHelp(
        "failure",
        "The peer refused, for a reason that the standard does not define.",
        "Look at the peer's log or manual.",
    ),
    StatusClass.PENDING: StatusHelp(
        "pending", "The peer says that it is not done, and says no more.", "Look at the peer's log or manual."
    ),
}


def exit_of_error(error: DicomNetError) -> Exit:
    """The exit status of an error between the first connection attempt and the last byte."""
    if isinstance(error, TimedOut) and error.wait in _DEADLINES:
        return Exit.DEADLINE
    if isinstance(error, EncodeError | LocalProtocolError):
        return Exit.BAD_INPUT
    return Exit.NO_ASSOCIATION


def lines_of_error(error: DicomNetError, peer: str, *, plain: bool = True) -> list[str]:
    """What went wrong with the association to ``peer``, in one line; ``plain`` is without TLS."""
    if isinstance(error, TimedOut) and error.wait in _DEADLINES:
        return [f"{peer}: {error} ({_DEADLINES[error.wait]})"]
    if isinstance(error, NoPresentationContext):
        name = CLASS_NAMES.get(error.abstract_syntax, error.abstract_syntax)
        return [f"{peer} accepts no presentation context for {name}"]
    if isinstance(error, DecodeError):
        return [f"{peer}: the answer cannot be read: {error}"]
    if isinstance(error, Aborted):
        return [f"{peer} ended the association: {error}"]
    if plain and _may_want_tls(error):
        return [f"{peer}: {error}; if it expects TLS, -tls or --tls-profile says so"]
    return [f"{peer}: {error}"]


def _may_want_tls(error: DicomNetError) -> bool:
    """Whether this is how a port with TLS answers an association request in the clear: not at all, or by an alert."""
    if isinstance(error, ConnectionLost):
        return State.STA5.meaning in str(error)
    return isinstance(error, RemoteProtocolError) and "TLS" in str(error)


def exit_of_status(status_class: StatusClass) -> Exit:
    """The exit status of the final response."""
    return Exit.DONE if status_class in (StatusClass.SUCCESS, StatusClass.WARNING) else Exit.FAILURE_STATUS


def lines_of_status(response: Response, workitem: str | None = None) -> list[str]:
    """Status and name with the peer's own words, what it means here, what to do next; ``workitem`` was asked about."""
    text = _help(response)
    first = f"{response.status:04X} {text.name}"
    if comment := comment_of(response, workitem):
        first = f"{first} ({printable(comment)})"
    return [first, text.meaning + _concerned(response), text.advice]


def _help(response: Response) -> StatusHelp:
    status = response.status
    # In C-FIND every Cxxx is "unable to process" (PS3.4 CC.2.8.4), whatever it means in N-ACTION.
    if isinstance(response, CFindResponse) and status >> 12 == 0xC:
        status = FIND_UNABLE_TO_PROCESS
    return STATUS_HELP.get(status) or _UNKNOWN[response.status_class]


def _concerned(response: Response) -> str:
    tags = dict.fromkeys((*(response.attribute_list or ()), *(response.offending_elements or ())))
    if not tags:
        return ""
    from dicomnet.dataset.paths import format_path

    named = [format_path((tag,)) for tag in list(tags)[:_MAX_NAMED]]
    if len(tags) > _MAX_NAMED:
        named.append(f"and {len(tags) - _MAX_NAMED} more")
    return f" It is about {', '.join(named)}."
