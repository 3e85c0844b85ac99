"""What an option of a program is: a record that the reading of words, the help and the man page are made from.

Everything there is to say of an option is said in its record. Knows no option of any program, and not argparse.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from dicomnet.records import dataclass
from ups.cli.words import Taking

__all__ = ["Option", "Program", "Repeat", "Section", "flag"]


class Repeat(Enum):
    """What becomes of an option that is given more than once."""

    LAST = auto()  # the last one counts; different options with one place exclude each other
    ALL = auto()  # all of them, as a tuple
    SUM = auto()  # the sum of what each stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a program.

    ``names`` are its spellings: that of the original first, then the long one. ``dest`` is the field that it fills of
    ``CommandLine`` or ``ServerLine``, ``default`` what is there when nobody gives it, ``const`` what it stands for when
    it takes no value. ``convert`` raises ``values.BadValue`` for what it does not take. ``choices`` are the values for
    completion, where they are few. The value of a ``secret`` one is never shown.

    One that is ``settable`` can be set in a configuration file and by an environment variable, under its names.

    One that is ``bound`` says what an operation does; those that do not list it (``OperationSpec``) have no use for it.
    One that is ``calling`` is about the association we open, and has no effect without an operation.
    """

    names: tuple[str, ...]
    dest: str
    help: str
    taking: Taking = Taking.VALUE
    metavar: str | None = None
    convert: Callable[[str], Any] = str
    default: Any = None
    const: Any = None
    repeat: Repeat = Repeat.LAST
    choices: tuple[str, ...] = ()
    secret: bool = False
    settable: bool = True
    bound: bool = False
    calling: bool = False

    @property
    def name(self) -> str:
        """The spelling that messages use."""
        return self.names[0]


def flag(*names: str, dest: str, help: str, const: Any = True, default: Any = False, **more: Any) -> Option:  # noqa: A002
    """An option without a value."""
    return Option(names=names, dest=dest, help=help, taking=Taking.NOTHING, const=const, default=default, **more)


@dataclass(frozen=True, slots=True)
class Section:
    """Options that stand together in the help, under a title."""

    title: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program with its options, and the texts around them in the help. ``operations`` are its first words, with what
    each does."""

    name: str
    usage: str
    description: str
    epilog: str
    sections: tuple[Section, ...]
    operations: tuple[tuple[str, str], ...] = ()

    @property
    def options(self) -> tuple[Option, ...]:
        """All options, in the order of the help."""
        return tuple(option for section in self.sections for option in section.options)
