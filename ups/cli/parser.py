"""The grammar of ``dcmups``: words in, ``CommandLine`` out, or a UsageError of one line.

Everything that can be judged without a data dictionary, a file or a socket is judged here. The options themselves are
in ``options``; what they mean together, and for which operation, is here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dicomnet.codes import Priority
from dicomnet.records import dataclass
from dicomnet.uids import UPS_FILTERED_GLOBAL_SUBSCRIPTION
from ups.cli import values
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.catalogue import OPERATIONS, OperationSpec
from ups.cli.options import BOUND, DEMO, PROGRAM
from ups.cli.reading import Reading, Wish, read
from ups.cli.values import Code
from ups.cli.words import UsageError
from ups.names import StepState

__all__ = ["CommandLine", "parse"]


_TOGETHER = {"wait_timeout": "wait"}
"""Options that only say more of another one."""


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
    filters: tuple[tuple[str, str], ...]
    filtered: bool
    reason: str | None
    reason_code: Code | None
    contact: str | None
    contact_uri: str | None
    wait: StepState | None
    wait_timeout: float | None
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
    form: str | None
    quiet: bool
    strict: bool
    no_match_error: bool
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


def parse(words: Sequence[str], *, is_attribute: Callable[[str], bool]) -> CommandLine | Wish:
    """The command line these words are, or the wish they have instead of work.

    Raises:
        UsageError: the words are no usable command line.
    """
    reading = read(PROGRAM, words, is_attribute=is_attribute, complete=_complete)
    return reading if isinstance(reading, Wish) else _checked(reading)


def _complete(positionals: Sequence[str]) -> bool:
    return len(positionals) >= 2 or DEMO in positionals


def _checked(reading: Reading) -> CommandLine:
    words = reading.positionals
    if len(words) > 2:
        raise UsageError(f"unexpected word {words[2]!r}")
    name, called = words[0] if words else None, words[1] if len(words) > 1 else None
    spec = _operation(name)
    if name == DEMO and (called is not None or reading.given):
        raise UsageError(f"{DEMO} takes no address and no options: it brings everything itself")
    peer = None if called is None else _peer(called)
    return CommandLine(
        operation=spec,
        demo=name == DEMO,
        called=peer,
        warnings=() if name == DEMO else _check_use(spec, peer, reading),
        **reading.values,
    )


def _operation(name: str | None) -> OperationSpec | None:
    if name is None or name == DEMO:
        return None
    if name not in OPERATIONS:
        raise UsageError(f"unknown operation {name!r}; there are {', '.join([*OPERATIONS, DEMO])}")
    return OPERATIONS[name]


def _peer(text: str) -> PeerAddress:
    try:
        return values.peer_address(text)
    except values.BadValue as error:
        raise UsageError(str(error)) from None


def _check_use(spec: OperationSpec | None, peer: PeerAddress | None, reading: Reading) -> tuple[str, ...]:
    """What is missing is refused; what is there for nothing is worth a warning."""
    found, given = reading.values, reading.given
    if spec is None:
        _check_listening(found["local"])
        idle = [option.dest for option in PROGRAM.options if option.bound or option.calling]
        return tuple(
            f"{given[place]} has no effect without an operation" for place in dict.fromkeys(idle) if place in given
        )
    if peer is None:
        raise UsageError(f"{spec.name} needs the address of the peer: <aet>[@<host>[:<port>]]")
    for place in spec.needs:
        if place not in given:
            raise UsageError(f"{spec.name} needs {BOUND[place].name}")
    _check_filter(reading)
    if spec.needs_data and not any(found[place] for place in ("file", "edits", "keys", "names")):
        raise UsageError(f"{spec.name} needs a data set: -f FILE or --set attribute=value")
    useless = [
        f"{given[place]} has no effect on {spec.name}"
        for place in BOUND
        if place in given and not spec.has_use_for(place)
    ]
    alone = [
        f"{given[place]} has no effect without {BOUND[other].name}"
        for place, other in _TOGETHER.items()
        if place in given and other not in given and spec.has_use_for(place)
    ]
    return (*useless, *alone)


def _check_filter(reading: Reading) -> None:
    """A filtered subscription has an instance of its own (PS3.4 CC.2.3.1)."""
    for place in ("filters", "filtered"):
        if place in reading.given and reading.values["instance"] not in (None, UPS_FILTERED_GLOBAL_SUBSCRIPTION):
            raise UsageError(f"{reading.given[place]} and {reading.given['instance']} exclude each other")


def _check_listening(local: LocalAddress | None) -> None:
    if local is None:
        raise UsageError("what to do? There is no operation and no -L with a port")
    if local.port is None:
        raise UsageError("-L without an operation needs a port to listen on")
