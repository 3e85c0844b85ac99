"""The grammar of ``dcmups``: words in, ``CommandLine`` out, or a UsageError of one line.

Everything that can be judged without a data dictionary, a file or a socket is judged here. Options belong to groups, so
that a later one finds its place; each names its ``Taking`` for the word grouping.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from dicomnet.codes import Priority
from ups.cli import values
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.catalogue import OPERATIONS, SWITCHES, OperationSpec
from ups.cli.console import Console
from ups.cli.words import Taking, UsageError, group
from ups.names import StepState

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

__all__ = ["DEMO", "CommandLine", "ExactParser", "build_parser", "parse"]

DEMO = "demo"
"""The one operation that calls nobody: it brings its own SCP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What the user asked for, checked; times are in seconds and None is no limit."""

    operation: OperationSpec | None
    demo: bool
    called: PeerAddress | None
    file: str | None
    edits: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    instance: str | None
    transaction: str | None
    state: StepState | None
    aet: str | None
    deletion_lock: bool
    priority: Priority
    context: str | None
    trial: bool
    implicit_only: bool
    local: LocalAddress | None
    device: str
    connect_timeout: float | None
    accept_timeout: float | None
    response_timeout: float | None
    release_timeout: float | None
    verbose: int
    warnings: tuple[str, ...]

    @property
    def calling_ae_title(self) -> str:
        """Our title: that of -L, else -device."""
        return self.local.ae_title if self.local else self.device

    @property
    def listens(self) -> bool:
        """Whether -L named a port."""
        return self.local is not None and self.local.port is not None


class ExactParser(argparse.ArgumentParser):
    """argparse behind the word grouping: errors are exceptions of one line, and nothing is abbreviated."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(allow_abbrev=False, add_help=False, **keywords)
        self.taking: dict[str, Taking] = {}

    def error(self, message: str) -> NoReturn:
        """Raise instead of writing and exiting.

        Raises:
            UsageError: always.
        """
        raise UsageError(message.removeprefix("argument ").removeprefix("called: "))

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print it as a result: argparse would not notice that nobody can read it.

        Raises:
            OutputFailed: standard output is closed or full.
        """
        Console(self.prog).result(*self.format_help().splitlines())

    def option(self, section: Any, name: str, taking: Taking, **keywords: Any) -> None:
        """Add an option to a section of the help and tell the word grouping what it takes."""
        self.taking[name] = taking
        section.add_argument(name, **keywords)


def build_parser() -> ExactParser:
    """The parser with its help text."""
    operations = "\n".join(f"  {spec.name:<12} {spec.summary}" for spec in OPERATIONS.values())
    parser = ExactParser(
        prog="dcmups",
        usage="dcmups <operation> <aet>[@<host>[:<port>]] [options]\n"
        "       dcmups -L <aet>[@<host>]:<port> [options]\n"
        "       dcmups demo",
        description="Work with Unified Procedure Steps (DICOM PS3.4 Annex CC) on another system, "
        "or listen for their event reports.",
        epilog=f"operations:\n{operations}\n  {DEMO:<12} show three workflows with an SCP of its own\n\n"
        "An attribute is a keyword or eight hex digits, inside a sequence seq/attribute.\n"
        "exit status: 0 done, 1 bad usage or input, 2 no association or lost, 3 failure status,\n"
        "  4 a deadline of ours ran out, 130 interrupted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("operation", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("called", nargs="?", type=values.peer_address, help=argparse.SUPPRESS)
    parser.add_argument("surplus", nargs="*", help=argparse.SUPPRESS)
    for add in (_add_content, _add_class, _add_local, _add_times, _add_others):
        add(parser)
    return parser


def _add_content(parser: ExactParser) -> None:
    section = parser.add_argument_group("what is sent")
    add = parser.option
    text = "data set: Native DICOM Model XML, <attr> XML, Part 10, bare data set or JSON"
    add(section, "-f", Taking.VALUE, dest="file", metavar="FILE", help=text)
    pairs: dict[str, Any] = {"action": "append", "default": [], "type": values.assignment, "metavar": "ATTR=VALUE"}
    add(section, "--set", Taking.PAIRS, dest="edits", help="value laid over the data set; several may follow", **pairs)
    add(section, "-q", Taking.PAIRS, dest="keys", help="matching key; several may follow", **pairs)
    text = "return key of find, attribute of get; several may follow"
    add(section, "-r", Taking.NAMES, dest="names", action="append", default=[], metavar="ATTR", help=text)
    add(section, "-iuid", Taking.VALUE, dest="instance", type=values.uid, metavar="UID", help="UID of the workitem")
    text = "Transaction UID that locks the workitem; 'new' makes one and prints it"
    add(section, "-tuid", Taking.VALUE, dest="transaction", type=values.transaction_uid, metavar="UID", help=text)
    text = "Procedure Step State: " + ", ".join(StepState)
    add(section, "-state", Taking.VALUE, dest="state", type=values.state, metavar="STATE", help=text)
    text = "AE that receives the event reports, or that requests the cancellation"
    add(section, "-aet", Taking.VALUE, dest="aet", type=values.title, metavar="AET", help=text)
    text = "subscribe with a deletion lock"
    add(section, "-dellock", Taking.NOTHING, dest="deletion_lock", action="store_true", help=text)
    text = "priority of find: NORMAL (default), HIGH or LOW"
    add(section, "-findprior", Taking.VALUE, dest="priority", type=values.priority, metavar="PRIORITY", help=text)


def _add_class(parser: ExactParser) -> None:
    section = parser.add_argument_group("SOP class and transfer syntax")
    for name in ("push", "pull", "watch"):
        users = ", ".join(spec.name for spec in OPERATIONS.values() if spec.context == name)
        parser.option(
            section,
            f"-ups{name}",
            Taking.NOTHING,
            dest="contexts",
            action="append_const",
            const=name,
            help=f"use the {name.capitalize()} class (default of {users})",
        )
    text = "speak the retired trial SOP classes"
    parser.option(section, "--trial", Taking.NOTHING, dest="trial", action="store_true", help=text)
    text = "propose Implicit VR Little Endian only"
    parser.option(section, "-ivrle", Taking.NOTHING, dest="implicit_only", action="store_true", help=text)


def _add_local(parser: ExactParser) -> None:
    section = parser.add_argument_group("local")
    text = "our AE title and address; with a port, listen for event reports (0: any free port)"
    metavar = "AET[@HOST][:PORT]"
    parser.option(section, "-L", Taking.VALUE, dest="local", type=values.local_address, metavar=metavar, help=text)
    text = "our AE title without -L (default DCMUPSSCU)"
    parser.option(
        section,
        "-device",
        Taking.VALUE,
        dest="device",
        type=values.title,
        default="DCMUPSSCU",
        metavar="NAME",
        help=text,
    )


def _add_times(parser: ExactParser) -> None:
    section = parser.add_argument_group("deadlines, in milliseconds (0: none)")
    for name, dest, default, what in (
        ("-connectTO", "connect_timeout", None, "to connect (default: the system's)"),
        ("-acceptTO", "accept_timeout", 5.0, "for the answer to the association request (default 5000)"),
        ("-rspTO", "response_timeout", 10.0, "for each response (default 10000)"),
        ("-releaseTO", "release_timeout", 5.0, "for the release to be confirmed (default 5000)"),
    ):
        keywords: dict[str, Any] = {"type": values.milliseconds, "default": default, "metavar": "MS", "help": what}
        parser.option(section, name, Taking.VALUE, dest=dest, **keywords)


def _add_others(parser: ExactParser) -> None:
    section = parser.add_argument_group("other")
    text = "log what happens; -vv: with every PDU"
    parser.option(section, "-v", Taking.NOTHING, dest="verbose", action="count", default=0, help=text)
    parser.option(section, "-vv", Taking.NOTHING, dest="verbose", action="store_const", const=2, help=argparse.SUPPRESS)
    parser.option(section, "-h", Taking.NOTHING, action="help", help="print this help and exit")
    parser.option(section, "-V", Taking.NOTHING, dest="version", action="store_true", help="print the version and exit")


def parse(parser: ExactParser, words: Sequence[str], *, is_attribute: Callable[[str], bool]) -> CommandLine | None:
    """The command line these words are, or None when they ask for the version; -h prints and exits.

    Raises:
        UsageError: the words are no usable command line.
    """
    grouped = group(words, parser.taking, is_attribute=is_attribute, complete=_complete)
    if "-h" in grouped[: grouped.index("--")]:
        grouped = ["-h"]  # before any other word can be found at fault
    elif "-V" in grouped[: grouped.index("--")]:
        return None
    found = vars(parser.parse_args(grouped))
    found.pop("version")
    return _checked(found)


def _complete(positionals: Sequence[str]) -> bool:
    return len(positionals) >= 2 or DEMO in positionals


def _checked(found: dict[str, Any]) -> CommandLine:
    name, surplus = found.pop("operation"), found.pop("surplus")
    if surplus:
        raise UsageError(f"unexpected word {surplus[0]!r}")
    spec = _operation(name)
    contexts = found.pop("contexts") or []
    if name == DEMO and (found["called"] or found["local"] or contexts or _given(found)):
        raise UsageError(f"{DEMO} takes no address and no options: it brings everything itself")
    if len(contexts) > 1:
        raise UsageError(f"-ups{contexts[0]} and -ups{contexts[1]} exclude each other")
    warnings = _check_use(spec, name, found) if name != DEMO else ()
    found["priority"] = Priority.MEDIUM if found["priority"] is None else found["priority"]
    for place in ("edits", "keys", "names"):
        found[place] = tuple(found[place])
    return CommandLine(
        operation=spec,
        demo=name == DEMO,
        context=contexts[0] if contexts else None,
        warnings=warnings,
        **found,
    )


def _operation(name: str | None) -> OperationSpec | None:
    if name is None or name == DEMO:
        return None
    if name not in OPERATIONS:
        raise UsageError(f"unknown operation {name!r}; there are {', '.join([*OPERATIONS, DEMO])}")
    return OPERATIONS[name]


def _given(found: Mapping[str, Any]) -> list[str]:
    return [place for place in SWITCHES if found[place] not in (None, False, [])]


def _check_use(spec: OperationSpec | None, name: str | None, found: Mapping[str, Any]) -> tuple[str, ...]:
    """What is missing is refused; what is there for nothing is worth a warning."""
    given = _given(found)
    if spec is None:
        local: LocalAddress | None = found["local"]
        if local is None:
            raise UsageError("what to do? There is no operation and no -L with a port")
        if local.port is None:
            raise UsageError("-L without an operation needs a port to listen on")
        return tuple(f"{SWITCHES[place]} has no effect without an operation" for place in given)
    if found["called"] is None:
        raise UsageError(f"{name} needs the address of the peer: <aet>[@<host>[:<port>]]")
    for place in spec.needs:
        if place not in given:
            raise UsageError(f"{name} needs {SWITCHES[place]}")
    if spec.needs_data and not any(found[place] for place in ("file", "edits", "keys", "names")):
        raise UsageError(f"{name} needs a data set: -f FILE or --set attribute=value")
    return tuple(f"{SWITCHES[place]} has no effect on {name}" for place in given if not spec.has_use_for(place))
