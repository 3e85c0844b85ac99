"""From words to values: what every program does with its command line before it looks at its own rules.

Knows the records of a program, and no option but those two that it answers before anything else: help and version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from dicomnet.records import dataclass
from ups.cli.console import Console
from ups.cli.option import Option, Program, Repeat
from ups.cli.values import BadValue
from ups.cli.words import Taking, UsageError, group

__all__ = ["COMPLETION", "HELP", "VERSION", "Reading", "Wish", "grant", "read", "verbosity", "wished"]


class Wish(Enum):
    """What a user may want instead of work; it wins over what is wrong with the other words."""

    HELP = "help"
    VERSION = "version"
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SHELLS = {wish.value: wish for wish in (Wish.BASH, Wish.ZSH, Wish.FISH)}


def _shell(text: str) -> Wish:
    if text not in _SHELLS:
        raise BadValue(f"{text!r} is no shell that is known; there are {', '.join(_SHELLS)}")
    return _SHELLS[text]


HELP = Option(
    names=("-h", "--help"), dest="help", taking=Taking.NOTHING, settable=False, help="print this help and exit"
)
VERSION = Option(
    names=("-V", "--version"), dest="version", taking=Taking.NOTHING, settable=False, help="print the version and exit"
)
COMPLETION = Option(
    names=("--completion",),
    dest="completion",
    metavar="SHELL",
    convert=_shell,
    choices=tuple(_SHELLS),
    settable=False,
    help="print what bash, zsh or fish needs to complete command lines, and exit",
)

_INSTEAD = (HELP, VERSION, COMPLETION)
_WISHES = {name: wish for option, wish in ((HELP, Wish.HELP), (VERSION, Wish.VERSION)) for name in option.names}


@dataclass(frozen=True, slots=True)
class Reading:
    """``values`` has every place that options fill; ``given`` those that the user filled, and how that was written.

    ``settled`` are those of them that were not filled now, but in the environment or a configuration file.
    """

    values: dict[str, Any]
    given: Mapping[str, str]
    positionals: Sequence[str]
    settled: frozenset[str] = frozenset()


def wished(program: Program, words: Sequence[str]) -> Wish | None:
    """What the words want instead of work, if they do. To be asked first, before anything is loaded for work.

    Raises:
        UsageError: an unknown option, one without its value, or an unknown shell.
    """
    options = _options(program, words)
    wishes = {_WISHES[name] for name, _ in options if name in _WISHES}
    if wishes:
        return Wish.HELP if Wish.HELP in wishes else Wish.VERSION
    shells = [_converted(COMPLETION, name, text or "") for name, text in options if name in COMPLETION.names]
    return shells[-1] if shells else None


def verbosity(program: Program, words: Sequence[str]) -> int:
    """How much these words alone want logged; to be asked when the command line was not read to its end.

    Raises:
        UsageError: an unknown option, or one without its value.
    """
    levels = {name: option.const for option in program.options if option.dest == "verbose" for name in option.names}
    return sum(levels.get(name, 0) for name, _ in _options(program, words))


def _options(program: Program, words: Sequence[str]) -> list[tuple[str, str | None]]:
    takings = {name: option.taking for option in program.options for name in option.names}
    return group(words, takings, is_attribute=lambda _: False, complete=lambda _: True).options


def read(
    program: Program,
    words: Sequence[str],
    *,
    is_attribute: Callable[[str], bool] = lambda _: False,
    complete: Callable[[Sequence[str]], bool] = lambda _: True,
) -> Reading:
    """What the words say, each value converted; the last two arguments are those of ``words.group``.

    Raises:
        UsageError: an unknown option, a value that does not fit, or two options that exclude each other.
    """
    options = {name: option for option in program.options for name in option.names}
    takings = {name: option.taking for name, option in options.items()}
    grouped = group(words, takings, is_attribute=is_attribute, complete=complete)
    values = {option.dest: option.default for option in options.values() if option not in _INSTEAD}
    given: dict[str, str] = {}
    for name, text in grouped.options:
        _put(values, given, options, name, text)
    return Reading(values, given, grouped.positionals)


def _put(
    values: dict[str, Any], given: dict[str, str], options: Mapping[str, Option], name: str, text: str | None
) -> None:
    """Fill the place of an option."""
    option = options[name]
    value = option.const if text is None else _converted(option, name, text)
    before = given.get(option.dest)
    if option.repeat is Repeat.LAST:
        if before is not None and options[before] is not option:
            raise UsageError(f"{before} and {name} exclude each other")
        values[option.dest] = value
    elif option.repeat is Repeat.ALL:
        values[option.dest] = (*(values[option.dest] if before else ()), value)
    else:
        values[option.dest] = value + (values[option.dest] if before else 0)
    given.setdefault(option.dest, name)


def _converted(option: Option, name: str, text: str) -> Any:
    try:
        return option.convert(text)
    except BadValue as error:
        raise UsageError(f"{name}: {error}") from None


def grant(wish: Wish, program: Program, console: Console) -> None:
    """Print the help, the version or the completion.

    Raises:
        OutputFailed: nobody can read it.
    """
    if wish is Wish.HELP:
        from ups.cli.help import help_lines

        console.result(*"\n".join(help_lines(program)).splitlines())
    elif wish is not Wish.VERSION:
        from ups.cli.completion import completion

        console.result(*completion(program, wish.value).splitlines())
    else:
        from dicomnet import __version__

        console.result(f"{program.name} {__version__}")
