"""Where options have their values from when the command line does not give them: environment and configuration files.

What comes later wins: the files' ``[defaults]``, the program's own table, ``[profile.NAME]``, ``[ae.NAME]`` of the AE
that is called, the environment; and in each table the user's file over that of the system. The keys are the names of
the options, which are described in one place only (``option``). Nothing is read unless it is there, so that a program
that nobody configured starts no slower.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dicomnet.records import dataclass, field
from ups.cli.addresses import PeerAddress
from ups.cli.option import Option, Program, Repeat
from ups.cli.reading import Reading
from ups.cli.values import BadValue
from ups.cli.words import Taking, UsageError

if TYPE_CHECKING:
    from ups.cli.config_file import ConfigFile

__all__ = ["SYSTEM_FILE", "Entry", "Setting", "Settings", "blame", "config_paths", "load", "nearest", "settle"]

SYSTEM_FILE = "/etc/dicomnet/config.toml"

_ONLY_FILE = "DICOMNET_CONFIG"
"""Names the one file to read instead of the two; empty: none."""

_NEAR = 0.66
"""How much of two names has to be the same (difflib) for one to be meant by the other: of three letters, two may have
changed places."""

_SWITCH = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of an option that somebody wrote down before; ``text`` is how, ``source`` where."""

    option: Option
    value: Any
    text: str
    source: str


@dataclass(slots=True)
class Settings:
    """What environment and files say to one program. ``problems`` are refused when it is used, ``warnings`` are not."""

    files: Sequence[ConfigFile] = ()
    environment: Mapping[str, Setting] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def layers(self, program: Program, profile: str | None, alias: str | None) -> list[Mapping[str, Setting]]:
        """What there is for each place, the weakest layer first."""
        tables = ["defaults", program.name]
        tables += [f"{kind}.{name}" for kind, name in (("profile", profile), ("ae", alias)) if name is not None]
        found = [file.tables.get((program.name, table), {}) for table in tables for file in reversed(self.files)]
        return [*found, self.environment]

    def profile(self, program: Program, reading: Reading) -> str | None:
        """The name of the profile that counts.

        Raises:
            UsageError: there is none of this name.
        """
        chosen: str | None = reading.values.get("profile")
        source = reading.given.get("profile")
        for layer in () if source else self.layers(program, None, None):
            if "profile" in layer:
                chosen, source = layer["profile"].value, layer["profile"].source
        if chosen is not None:
            self._find(chosen, "profile", str(source))
        return chosen

    def address(self, alias: str) -> PeerAddress:
        """The address that ``@alias`` stands for.

        Raises:
            UsageError: there is no such alias, or something is wrong.
        """
        self.refuse()
        self._find(alias, "ae", f"@{alias}")
        return next(file.addresses[alias] for file in self.files if alias in file.addresses)

    def ae_table(self, known: Iterable[str]) -> tuple[list[PeerAddress], list[str]]:
        """The addresses of the aliases by AE title, those ``known`` otherwise left out; and a line for each title that
        two aliases have at two addresses: nobody knows which one counts."""
        found: dict[str, dict[PeerAddress, str]] = {}
        for file in reversed(self.files):
            for alias, peer in file.addresses.items():
                if peer.ae_title not in known and peer == self.address(alias):
                    found.setdefault(peer.ae_title, {})[peer] = alias
        warnings = [
            f"{title} has different addresses in {' and '.join(f'[ae.{alias}]' for alias in sorted(peers.values()))}: "
            "no event reports go there"
            for title, peers in found.items()
            if len(peers) > 1
        ]
        return [peer for peers in found.values() if len(peers) == 1 for peer in peers], warnings

    def _find(self, name: str, kind: str, source: str) -> None:
        known = {name: None for file in self.files for name in file.names(kind)}
        if name not in known:
            where = " or ".join(file.path for file in self.files) or "a configuration file, for there is none"
            shown = "@{}" if kind == "ae" else "{}"
            raise UsageError(f"{source}: there is no [{kind}.{name}] in {where}{nearest(name, known, shown)}")

    def refuse(self) -> None:
        """Go on only if nothing is wrong.

        Raises:
            UsageError: something is.
        """
        if self.problems:
            raise UsageError(self.problems[0])

    def lay(self, program: Program, reading: Reading, alias: str | None = None) -> Reading:
        """The reading, with values for what the command line does not say.

        Raises:
            UsageError: something is wrong with a file or a variable, or there is no such profile.
        """
        self.refuse()
        found: dict[str, Setting] = {}
        for layer in self.layers(program, self.profile(program, reading), alias):
            found |= layer
        laid = {place: setting for place, setting in found.items() if place not in reading.given}
        return Reading(
            reading.values | {place: setting.value for place, setting in laid.items()},
            {**reading.given, **{place: setting.source for place, setting in laid.items()}},
            reading.positionals,
            frozenset(laid),
        )


def blame(program: Program, error: UsageError, settled: Mapping[str, str]) -> UsageError:
    """The error, with the source of the option it begins with when that was set before; ``settled`` has the sources."""
    text = str(error)
    word = text.replace(":", " ").split(" ", 1)[0]
    for option in program.options:
        if word in option.names and option.dest in settled:
            return UsageError(f"{text} (from {settled[option.dest]})")
    return error


def load(program: Program, environ: Mapping[str, str] | None = None) -> Settings:
    """What environment and files say, right or wrong."""
    environ = os.environ if environ is None else environ
    made = Settings()
    made.environment = settle(_variables(program, environ, made), made.problems)
    paths = [path for path in config_paths(environ) if os.path.lexists(path)]
    if not paths and environ.get(_ONLY_FILE):  # whoever names a file counts on what is in it
        made.problems.append(f"{_ONLY_FILE}: {environ[_ONLY_FILE]} is not there")
    if paths:
        from ups.cli import config_file

        made.files = config_file.read_all(paths)
        for file in made.files:
            made.problems += file.problems
            made.warnings += file.warnings
    return made


def config_paths(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The files that count, the user's first (XDG Base Directory Specification; a relative path is ignored)."""
    only = environ.get(_ONLY_FILE)
    if only is not None:
        return (only,) if only else ()
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "dicomnet", "config.toml"), SYSTEM_FILE


def _variables(program: Program, environ: Mapping[str, str], made: Settings) -> Iterator[Entry]:
    """The variables that stand for options: ``DCMUPS_ACCEPT_TIMEOUT`` for ``--accept-timeout``."""
    prefix = f"{program.name.upper()}_"
    named = {name: text for name, text in environ.items() if name.startswith(prefix) and text}
    if not named:
        return
    known = {
        prefix + name.removeprefix("--").replace("-", "_").upper(): option
        for option in program.options
        for name in option.names
        if option.settable and name.startswith("--")
    }
    for name, text in sorted(named.items()):
        source = f"the environment variable {name}"
        if name not in known:
            # without the prefix: that all begin alike says nothing
            guess = nearest(name.removeprefix(prefix), (one.removeprefix(prefix) for one in known), f"{prefix}{{}}")
            made.warnings.append(f"{source} is no option's{guess}")
            continue
        try:
            yield Entry(known[name], _raw(known[name], text), "***" if known[name].secret else text, source)
        except BadValue as error:
            made.problems.append(f"{source}: {error}")


def nearest(name: str, known: Iterable[str], shown: str = "{}") -> str:
    """The end of a message about a name that nobody knows: which one may be meant, if one is near enough."""
    import difflib

    by_lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), by_lower, 1, _NEAR)
    return f"; did you mean {shown.format(by_lower[found[0]])}?" if found else ""


# --- from what is written to values ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written somewhere about an option: ``raw`` is a value of TOML."""

    option: Option
    raw: object
    text: str
    source: str


def settle(entries: Iterable[Entry], problems: list[str]) -> dict[str, Setting]:
    """The settings of one table or of the environment, by place; what is wrong goes to ``problems``.

    A switch that is off gives its place the default, unless another one with the same place is on.
    """
    found: dict[str, Setting] = {}
    off: set[str] = set()
    for entry in entries:
        option, place = entry.option, entry.option.dest
        if place in found and entry.raw is False:
            continue
        if place in found and place not in off:
            problems.append(f"{found[place].source} and {entry.source} exclude each other")
            continue
        try:
            found[place] = Setting(option, _value(option, entry.raw), entry.text, entry.source)
        except BadValue as error:
            problems.append(f"{entry.source}: {'this cannot be its value' if option.secret else error}")
            continue
        (off.add if entry.raw is False else off.discard)(place)
    return found


def _value(option: Option, raw: object) -> Any:
    if option.taking is Taking.NOTHING:
        if isinstance(raw, bool):
            return option.const if raw else option.default
        if option.repeat is Repeat.SUM and isinstance(raw, int) and 0 <= raw < 10:
            return option.const * raw
        raise BadValue(f"{raw!r} is neither true nor false")
    if option.repeat is Repeat.ALL:
        return tuple(option.convert(_text(one)) for one in (raw if isinstance(raw, list) else [raw]))
    return option.convert(_text(raw))


def _text(raw: object) -> str:
    if isinstance(raw, str):
        if "\0" in raw:  # which no command line and no variable can have
            raise BadValue("the text has a NUL")
        return raw
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    raise BadValue(f"{raw!r} is neither a text nor a whole number")


def _raw(option: Option, text: str) -> object:
    """The text of a variable as a file would have it."""
    if option.taking is Taking.NOTHING:
        if option.repeat is Repeat.SUM and text.isascii() and text.isdecimal():
            return int(text[:4])
        if text.lower() not in _SWITCH:
            raise BadValue(f"{text!r} is neither yes nor no")
        return _SWITCH[text.lower()]
    if option.repeat is not Repeat.ALL:
        return text
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadValue(f"the words cannot be told apart: {error}") from None
