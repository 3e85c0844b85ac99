"""``config check``: which files were read, which value of which option came from where, and what is wrong.

Shows everything that was found, not only the first mistake. The value of a secret option is never shown, nor is the
password in a URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from ups.cli.console import Console, printable, without_password
from ups.cli.exits import Exit
from ups.cli.option import Option, Program
from ups.cli.reading import Reading
from ups.cli.settings import Setting, Settings, config_paths, load
from ups.cli.words import UsageError

__all__ = ["check"]


def check(program: Program, reading: Reading, alias: str | None, console: Console) -> Exit:
    """Print what counts for this program, for a call to the alias if there is one; 1 if something is wrong.

    Raises:
        OutputFailed: nobody reads it.
    """
    settings = load(program)
    problems = list(settings.problems)
    settings.problems.clear()  # what is right is shown all the same
    try:
        profile = settings.profile(program, reading)
        address = None if alias is None else settings.address(alias)
    except UsageError as error:
        problems.append(str(error))
        profile = address = None
    console.result(*map(printable, _file_lines(settings)))
    if address is not None:
        console.result(printable(f"for a call to {address}"))
    if profile is not None:
        console.result(printable(f"with the profile {profile}"))
    layers = settings.layers(program, profile, alias)
    console.result(*map(printable, _option_lines(program, reading, layers, told=bool(reading.values["verbose"]))))
    console.warn(*settings.warnings)
    console.say(*problems)
    return Exit.BAD_INPUT if problems else Exit.DONE


def _file_lines(settings: Settings) -> Iterator[str]:
    read = {file.path: file for file in settings.files}
    paths = config_paths(os.environ)
    if not paths:
        yield "no configuration file is read: DICOMNET_CONFIG is empty"
    for path in paths:
        file = read.get(path)
        if file is None:
            yield f"{path}: not there"
            continue
        yield f"{path}: {'with mistakes' if file.problems else 'read'}"
        yield from (f"  @{alias} is {address}" for alias, address in sorted(file.addresses.items()))
        profiles = ", ".join(sorted(file.names("profile")))
        if profiles:
            yield f"  profiles: {profiles}"


def _option_lines(
    program: Program, reading: Reading, layers: Sequence[Mapping[str, Setting]], *, told: bool
) -> Iterator[str]:
    """A line for each place that has a value from somewhere; ``told``: for each one, and what lost against it."""
    places = {option.dest: option for option in reversed(program.options) if option.settable}
    for place, option in reversed(places.items()):
        found = [layer[place] for layer in reversed(layers) if place in layer]
        if place in reading.given:
            yield f"{_name(option)}: the command line ({reading.given[place]})"
        elif found:
            first = found.pop(0)
            yield f"{_name(first.option)} = {without_password(first.text)} ({first.source})"
        elif told:
            yield f"{_name(option)}: built in ({option.help})"
            continue
        if told:
            for setting in found:
                yield f"  over {without_password(setting.text)} ({setting.source})"


def _name(option: Option) -> str:
    return option.names[-1].lstrip("-")
