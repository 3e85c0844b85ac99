"""Passwords: written on the command line, in a variable or a configuration file, in a file of their own, or asked for.

What was given is looked up only when it is needed. A password is never part of a message.
"""

from __future__ import annotations

import os
import sys

from dicomnet.records import dataclass, field
from ups.cli.console import printable
from ups.cli.words import UsageError

__all__ = ["ASK", "Password", "ask", "in_file", "is_interactive", "written"]

ASK = "-"
"""What stands for a password that is to be asked for."""

_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Password:
    """A password as it was given: its ``text``, the ``file`` that has it in its first line, or neither: ask."""

    text: str | None = field(default=None, repr=False)
    file: str | None = None

    def reveal(self, what: str) -> tuple[str, tuple[str, ...]]:
        """The password of ``what``, and warnings about where it comes from.

        Raises:
            UsageError: the file cannot be read, or there is nobody to ask.
        """
        if self.text is not None:
            return self.text, ()
        return (ask(what), ()) if self.file is None else _first_line(self.file)


def written(text: str) -> Password:
    """What an option says that takes the password itself."""
    return Password() if text == ASK else Password(text)


def in_file(text: str) -> Password:
    """What an option says that takes the name of a file."""
    return Password(file=text)


def is_interactive() -> bool:
    """Whether somebody sits there who can be asked without having said so."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()


def ask(what: str) -> str:
    """Ask at the terminal, without showing what is typed.

    Raises:
        UsageError: there is no terminal, or no answer.
    """
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as error:  # getpass would read from standard input then, and show it
        raise UsageError(f"the password of {printable(what)} is to be asked for, but there is no terminal") from error
    try:
        return getpass.getpass(f"Password of {printable(what)}: ")
    except EOFError as error:
        raise UsageError(f"the password of {printable(what)} was not given") from error


def _first_line(name: str) -> tuple[str, tuple[str, ...]]:
    """The first line of a file, and a warning if others can read it.

    Raises:
        UsageError: there is none.
    """
    unreadable = f"cannot read a password from {name}"
    try:
        with open(name, "rb") as file:
            line = file.readline(_LONGEST + 1)
            shared = os.fstat(file.fileno()).st_mode & 0o077
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise UsageError(f"{unreadable}: {getattr(error, 'strerror', None) or error}") from error
    if len(line) > _LONGEST:
        raise UsageError(f"{unreadable}: its first line is longer than {_LONGEST} bytes")
    try:
        password = line.rstrip(b"\r\n").decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{unreadable}: its first line is no UTF-8") from error
    return password, ((f"others can read the password in {name}",) if shared else ())
