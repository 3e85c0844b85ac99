"""Values of options: text in, checked value out, or one line that says why not."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TypeVar

from dicomnet import uids
from dicomnet.codes import Priority
from dicomnet.records import dataclass
from ups.cli import addresses
from ups.names import StepState

__all__ = [
    "AUTO_UID",
    "COLOURS",
    "MAX_CREDENTIAL",
    "NEW_UID",
    "PRIORITIES",
    "BadValue",
    "Code",
    "assignment",
    "awaited_state",
    "code",
    "colour",
    "command",
    "credential",
    "delay",
    "host_and_port",
    "kilobytes",
    "local_address",
    "milliseconds",
    "one_line",
    "peer_address",
    "peer_entry",
    "priority",
    "state",
    "status",
    "text",
    "title",
    "transaction_uid",
    "uid",
]

T = TypeVar("T")


class BadValue(ValueError):
    """The text is no value of this option; says why, in one line that does not name the option."""


NEW_UID = "new"
"""What -tuid takes for a UID that is yet to be made."""
AUTO_UID = "auto"
"""What -tuid takes for the UID that --tuid-store remembers, or will."""

COLOURS = ("auto", "always", "never")

MAX_CREDENTIAL = 0xFFFF
"""Bytes that one field of a user identity holds (PS3.7 D.3.3.7.1)."""

_MAX_KILOBYTES = 2 * 1024 * 1024 - 1
"""So that bytes fit into a C int, as sockets want them, and into the maximum length of PDUs."""

PRIORITIES = {"NORMAL": Priority.MEDIUM, "HIGH": Priority.HIGH, "LOW": Priority.LOW}


def uid(text: str) -> str:
    """A UID by PS3.5 9.1.

    Raises:
        BadValue: it is none.
    """
    if not uids.is_uid(text):
        raise BadValue(f"{text!r} is no UID")
    return text


def transaction_uid(text: str) -> str:
    """A UID, or ``new`` or ``auto``.

    Raises:
        BadValue: it is none.
    """
    return text if text in (NEW_UID, AUTO_UID) else uid(text)


def state(text: str) -> StepState:
    """One of the four Procedure Step States.

    Raises:
        BadValue: it is none.
    """
    try:
        return StepState(text)
    except ValueError:
        choices = ", ".join(StepState)
        raise BadValue(f"{text!r} is no Procedure Step State; there are {choices}") from None


def awaited_state(text: str) -> StepState:
    """A state that a workitem can come into.

    Raises:
        BadValue: it is none.
    """
    awaited = state(text)
    if awaited is StepState.SCHEDULED:
        raise BadValue(f"no state leads to {text}; a workitem begins with it")
    return awaited


def priority(text: str) -> Priority:
    """NORMAL, HIGH or LOW.

    Raises:
        BadValue: it is none.
    """
    if text not in PRIORITIES:
        raise BadValue(f"{text!r} is no priority; there are {', '.join(PRIORITIES)}")
    return PRIORITIES[text]


def colour(text: str) -> str:
    """Auto, always or never.

    Raises:
        BadValue: it is none of them.
    """
    if text not in COLOURS:
        raise BadValue(f"{text!r} is none of {', '.join(COLOURS)}")
    return text


def milliseconds(text: str) -> float | None:
    """A time in whole milliseconds as seconds; 0 is no limit.

    Raises:
        BadValue: it is none.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise BadValue(f"{text!r} is no number of milliseconds")
    return int(text) / 1000 or None


def delay(text: str) -> float:
    """A time in whole milliseconds as seconds; 0 is none.

    Raises:
        BadValue: it is none.
    """
    return milliseconds(text) or 0.0


def kilobytes(text: str) -> int:
    """A size in KB as bytes; 0 is for the option to explain.

    Raises:
        BadValue: it is none.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= 7 and int(text) <= _MAX_KILOBYTES):
        raise BadValue(f"{text!r} is no number of KB (0 to {_MAX_KILOBYTES})")
    return int(text) * 1024


def credential(text: str) -> str:
    """The name or passcode of a user; what it is does not appear in the error.

    Raises:
        BadValue: it is empty, or longer than a user identity holds (PS3.7 D.3.3.7.1), or no text of one line.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # bytes of another character set than the locale's
        raise BadValue("the text is not in the character set of this terminal") from None
    if not 0 < size <= MAX_CREDENTIAL:
        raise BadValue("the text is empty" if not size else f"the text is longer than {MAX_CREDENTIAL} bytes")
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise BadValue("the text has a control character")
    return text


def assignment(text: str) -> tuple[str, str]:
    """``attribute=value`` as path and value; both are judged later, against the data dictionary.

    Raises:
        BadValue: it is none.
    """
    path, equals, value = text.partition("=")
    if not path or not equals:
        raise BadValue(f"{text!r} is not attribute=value")
    return path, value


def text(value: str) -> str:
    """A text that says something; the VR it has to fit is judged later.

    Raises:
        BadValue: it is empty.
    """
    if not value.strip():
        raise BadValue("the text is empty")
    return value


def one_line(value: str) -> str:
    """A text that is one value: a backslash would make two of it (PS3.5 6.2).

    Raises:
        BadValue: it is empty or has a backslash.
    """
    if "\\" in value:
        raise BadValue(f"{value!r} has a backslash, which separates values")
    return text(value)


def status(value: str) -> int:
    """A DIMSE status: four hex digits.

    Raises:
        BadValue: it is none.
    """
    if len(value) != 4 or not all(digit in "0123456789abcdefABCDEF" for digit in value):
        raise BadValue(f"{value!r} is no status of four hex digits")
    return int(value, 16)


def command(value: str) -> tuple[str, ...]:
    """A command as the words a shell would make of it, but without anything else that a shell does.

    Raises:
        BadValue: the quoting is wrong, or there are no words.
    """
    import shlex

    try:
        words = tuple(shlex.split(value))
    except ValueError as error:
        raise BadValue(f"{value!r} is no command: {error}") from None
    if not words or not words[0]:
        raise BadValue("the command is empty")
    return words


@dataclass(frozen=True, slots=True)
class Code:
    """A coded entry (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


def code(value: str) -> Code:
    """``VALUE,SCHEME,MEANING``; the meaning may have commas, and quotation marks around it.

    Raises:
        BadValue: it is none.
    """
    parts = [part.strip() for part in value.split(",", 2)]
    if len(parts) == 3 and len(parts[2]) > 1 and parts[2][0] == parts[2][-1] == '"':
        parts[2] = parts[2][1:-1].replace('""', '"').strip()
    if len(parts) != 3 or not all(parts):
        raise BadValue(f"{value!r} is not VALUE,SCHEME,MEANING")
    return Code(*map(one_line, parts))


def _address(parse: Callable[[str], T]) -> Callable[[str], T]:
    def convert(text: str) -> T:
        try:
            return parse(text)
        except addresses.AddressError as error:
            raise BadValue(str(error)) from None

    return convert


title = _address(addresses.ae_title)
peer_address = _address(addresses.peer)
local_address = _address(addresses.local)
peer_entry = _address(addresses.peer_entry)
host_and_port = _address(addresses.host_and_port)
