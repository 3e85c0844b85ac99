"""``config.toml``: tables of options by name, the AE aliases and the profiles.

Everything in it is judged when it is read, also what this call has no use for. ``tomllib`` is loaded when there is a
file, and not before.

Knows the tables, and of the options only what their records say. Never shows the value of a secret one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dicomnet.records import dataclass, field
from ups.cli import values
from ups.cli.addresses import PeerAddress
from ups.cli.option import Option, Program
from ups.cli.settings import Entry, Setting, nearest, settle

__all__ = ["ConfigFile", "read_all"]

_LONGEST = 1 << 20
_ADDRESS = "address"

_NAMED = ("ae", "profile")
"""The tables that hold tables with names of their own."""


@dataclass(slots=True)
class ConfigFile:
    """What one file says. ``tables`` are by program and name, as in ``("dcmups", "ae.ris")``."""

    path: str
    tables: dict[tuple[str, str], Mapping[str, Setting]] = field(default_factory=dict)
    addresses: dict[str, PeerAddress] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def names(self, kind: str) -> Iterator[str]:
        """The names of the aliases (``ae``) or of the profiles."""
        found = dict.fromkeys(table.partition(".") for _, table in self.tables)
        yield from (name for known, _, name in found if known == kind)


def read_all(paths: Iterable[str]) -> list[ConfigFile]:
    """The files; an alias that has no address in any of them is wrong, too."""
    files = [_read(path) for path in paths]
    known = {alias for file in files for alias in file.addresses}
    for file in files:
        for alias in file.names("ae"):
            place = f"{file.path}: [ae.{alias}]"
            if alias not in known and not any(problem.startswith(f"{place} {_ADDRESS}") for problem in file.problems):
                file.problems.append(f"{place} has no {_ADDRESS}; it is AET@HOST:PORT")
    return files


def _read(path: str) -> ConfigFile:
    """The file, with what is wrong with it."""
    made = ConfigFile(path)
    content, mode = _load(made)
    if content is None:
        return made
    programs = _programs()
    holders = {"defaults": programs, **{program.name: [program] for program in programs}}
    holders |= {"ae": programs[:1], "profile": programs}
    secrets = False
    for table, entries, known in _tables(content, holders, made):
        secrets = _read_table(made, table, entries, known) or secrets
    if secrets and mode & (stat.S_IRGRP | stat.S_IROTH):
        text = f"holds a password and can be read by others (mode {mode & 0o777:04o}): chmod 600 {path}"
        made.warnings.append(f"{path} {text}")
    return made


def _programs() -> list[Program]:
    from ups.cli import options, server_parser

    return [options.PROGRAM, server_parser.PROGRAM]


def _load(made: ConfigFile) -> tuple[Mapping[str, Any] | None, int]:
    import tomllib

    try:
        # O_NONBLOCK: what is no file, such as a FIFO, must not keep us waiting
        descriptor = os.open(made.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise OSError(None, "this is no file")
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise OSError(None, f"larger than {_LONGEST} bytes")
        return tomllib.loads(data.decode("utf-8")), mode
    except OSError as error:
        made.problems.append(f"{made.path}: {error.strerror or error}")
    except UnicodeDecodeError as error:
        made.problems.append(f"{made.path}:{data.count(10, 0, error.start) + 1}: this is no UTF-8")
    except tomllib.TOMLDecodeError as error:
        made.problems.append(_syntax_problem(made.path, str(error)))
    except RecursionError:
        made.problems.append(f"{made.path}: it nests too deeply")
    return None, 0


def _syntax_problem(path: str, text: str) -> str:
    """With the line in front, where tomllib tells it behind."""
    reason, _, place = text.partition(" (at ")
    words = place.rstrip(")").replace(",", "").split()  # line 3, column 5
    return f"{path}:{words[1]}: {reason}" if words[:1] == ["line"] else f"{path}: {text}"


def _tables(
    content: Mapping[str, Any], holders: Mapping[str, list[Program]], made: ConfigFile
) -> Iterator[tuple[str, Mapping[str, Any], list[Program]]]:
    """The tables by their full names, with the programs whose options are their keys."""
    for name, value in content.items():
        if name not in holders:
            kind = "table" if isinstance(value, dict) else "key"
            shown = f"[{name}]" if isinstance(value, dict) else f"{name!r}"
            made.problems.append(f"{made.path}: unknown {kind} {shown}{nearest(name, holders, '[{}]')}")
        elif not isinstance(value, dict):
            made.problems.append(f"{made.path}: {name!r} is a table: [{name}]")
        elif name not in _NAMED:
            yield name, value, holders[name]
        else:
            for inner, entries in value.items():
                if isinstance(entries, dict):
                    yield f"{name}.{inner}", entries, holders[name]
                else:
                    made.problems.append(f"{made.path}: [{name}] {inner}: it belongs in a table [{name}.NAME]")


def _read_table(made: ConfigFile, table: str, entries: Mapping[str, Any], programs: Iterable[Program]) -> bool:
    """Take the entries of a table; whether a password is among them."""
    place = f"{made.path}: [{table}]"
    known = {program.name: _keys(program, table) for program in programs}
    every = {key: option for keys in known.values() for key, option in keys.items()}
    if table.startswith("ae."):
        _read_address(made, table, entries)
        entries = {key: raw for key, raw in entries.items() if key != _ADDRESS}
    for key in entries:
        if key not in every:
            made.problems.append(f"{place} unknown key {key!r}{nearest(key, every, repr('{}'))}")
    for program, keys in known.items():
        there = [
            Entry(keys[key], raw, _shown(keys[key], raw), f"{place} {key}")
            for key, raw in entries.items()
            if key in keys
        ]
        problems: list[str] = []
        made.tables[program, table] = settle(there, problems)
        made.problems += [problem for problem in problems if problem not in made.problems]  # two programs, one mistake
    return any(every[key].secret for key in entries if key in every)


def _keys(program: Program, table: str) -> dict[str, Option]:
    """The options that a table can have, by every name without its dashes."""
    named = table.startswith(_NAMED)
    return {
        name.lstrip("-"): option
        for option in program.options
        for name in option.names
        if option.settable and not (named and option.dest == "profile")  # one profile does not lead to another
    }


def _read_address(made: ConfigFile, table: str, entries: Mapping[str, Any]) -> None:
    raw = entries.get(_ADDRESS)
    if raw is None:
        return
    try:
        if not isinstance(raw, str):
            raise values.BadValue(f"{raw!r} is no text")
        made.addresses[table.removeprefix("ae.")] = values.peer_address(raw)
    except values.BadValue as error:
        made.problems.append(f"{made.path}: [{table}] {_ADDRESS}: {error}")


def _shown(option: Option, raw: object) -> str:
    """A value for people."""
    if option.secret:
        return "***"
    if isinstance(raw, bool):
        return str(raw).lower()
    return " ".join(map(str, raw)) if isinstance(raw, list) else str(raw)
