"""The grammar of ``dcmups``: words in, ``CommandLine`` out, or a UsageError of one line.

Everything that can be judged without a data dictionary, a file or a socket is judged here. The options themselves are
in ``options``; what they mean together, and for which operation, is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dicomnet.codes import Priority
from dicomnet.records import dataclass, field
from dicomnet.uids import UPS_FILTERED_GLOBAL_SUBSCRIPTION
from ups.cli import values
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.catalogue import OPERATIONS, OperationSpec
from ups.cli.option import Program
from ups.cli.options import BOUND, CONFIG, DEMO, PROGRAM, TLS_CHECK
from ups.cli.reading import Reading, read
from ups.cli.settings import Settings
from ups.cli.tls_options import TlsWishes, wishes
from ups.cli.values import AUTO_UID, NEW_UID, Code
from ups.cli.words import UsageError
from ups.names import ActionType, StepState

if TYPE_CHECKING:
    from ups.cli.tls_inquiry import TlsInquiry

__all__ = ["CommandLine", "Inquiry", "parse"]


_USERS = ("username", "jwt", "saml", "kerberos")
"""The ways to say who the user is, which exclude each other."""

_TOGETHER = {"wait_timeout": ("wait", "wait", "--wait"), "command_timeout": ("listening", "command", "--exec")}
"""Options that only say more of another one: who uses it, its place, and how it is written."""

_EXCLUSIVE = (("output", "form"), ("quiet", "verbose"))
"""Options that contradict each other; what is given now goes before what was set before."""

_DATA_SETS = frozenset({"find", "get", "subscribe"})
"""Operations that data sets or event reports follow."""


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
    claim_store: str | None
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
    watch: bool
    command: tuple[str, ...] | None
    command_timeout: float | None
    event_status: int
    priority: Priority
    context: str | None
    trial: bool
    fuzzy: bool
    username: str | None
    passcode: str | None = field(repr=False)
    jwt: str | None
    saml: str | None
    kerberos: str | None
    identity_response: bool
    implicit_only: bool
    single_pdv: bool
    receive_pdu_length: int
    send_pdu_length: int
    tcp_delay: bool
    receive_buffer: int
    send_buffer: int
    close_delay: float
    local: LocalAddress | None
    device: str
    connect_timeout: float | None
    accept_timeout: float | None
    response_timeout: float | None
    release_timeout: float | None
    reaper_period: float | None
    tls: TlsWishes
    form: str | None
    output: str | None
    colour: str
    quiet: bool
    strict: bool
    no_match_error: bool
    profile: str | None
    verbose: int
    warnings: tuple[str, ...]
    settled: Mapping[str, str]
    """The places that environment or files filled, and where that stands."""

    @property
    def calling_ae_title(self) -> str:
        """Our title: that of -L, else -device."""
        return self.local.ae_title if self.local else self.device

    @property
    def listens(self) -> bool:
        """Whether -L named a port."""
        return self.local is not None and self.local.port is not None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """``config check``: the question what would count, for a call to an alias when one is named."""

    reading: Reading
    alias: str | None


def parse(
    words: Sequence[str],
    *,
    is_attribute: Callable[[str], bool],
    load: Callable[[Program], Settings] = lambda _: Settings(),
) -> CommandLine | Inquiry | TlsInquiry:
    """The command line these words are, or what they want instead of work; ``load`` gives what was set before.

    Raises:
        UsageError: the words are no usable command line.
    """
    reading = read(PROGRAM, words, is_attribute=is_attribute, complete=_complete)
    if list(reading.positionals[:1]) == [CONFIG]:
        return _inquiry(reading)
    if list(reading.positionals[:1]) == [TLS_CHECK]:
        from ups.cli.tls_inquiry import tls_inquiry

        return tls_inquiry(reading, load)
    return _checked(reading, load)


def _complete(positionals: Sequence[str]) -> bool:
    return len(positionals) >= 2 or DEMO in positionals


def _inquiry(reading: Reading) -> Inquiry:
    words = reading.positionals[1:]
    if list(words[:1]) != ["check"]:
        raise UsageError(f"{CONFIG} what? There is {CONFIG} check")
    if len(words) > 2 or (len(words) == 2 and _alias(words[1]) is None):
        raise UsageError(f"unexpected word {words[-1]!r}; {CONFIG} check takes an alias: @NAME")
    return Inquiry(reading, _alias(words[1]) if len(words) > 1 else None)


def _alias(called: str | None) -> str | None:
    """The alias that the word for the peer names, if it does."""
    return called[1:] if called is not None and len(called) > 1 and called.startswith("@") else None


def _checked(reading: Reading, load: Callable[[Program], Settings]) -> CommandLine:
    words = reading.positionals
    if len(words) > 2:
        raise UsageError(f"unexpected word {words[2]!r}")
    name, called = words[0] if words else None, words[1] if len(words) > 1 else None
    spec = _operation(name)
    if name == DEMO and (called is not None or reading.given):
        raise UsageError(f"{DEMO} takes no address and no options: it brings everything itself")
    settings = Settings() if name == DEMO else load(PROGRAM)
    alias = _alias(called)
    reading = _useful(settings.lay(PROGRAM, reading, alias), spec)
    peer = settings.address(alias) if alias is not None else _peer(called) if called is not None else None
    tls, found, tls_warnings = wishes(reading)
    return CommandLine(
        operation=spec,
        demo=name == DEMO,
        called=peer,
        warnings=() if name == DEMO else (*settings.warnings, *_check_use(spec, peer, reading), *tls_warnings),
        settled={place: reading.given[place] for place in reading.settled},
        tls=tls,
        **found,
    )


def _useful(reading: Reading, spec: OperationSpec | None) -> Reading:
    """Without what was set before and not for this: of no use, of another user, or against what is asked for now."""
    idle = {place for place in reading.settled if place in BOUND and (spec is None or not spec.has_use_for(place))}
    if any(place in reading.given and place not in reading.settled for place in _USERS):
        idle |= reading.settled & {*_USERS, "passcode"}
    idle |= _contradicted(reading)
    if not idle:
        return reading
    return Reading(
        reading.values | {option.dest: option.default for option in PROGRAM.options if option.dest in idle},
        {place: name for place, name in reading.given.items() if place not in idle},
        reading.positionals,
        reading.settled - idle,
    )


def _contradicted(reading: Reading) -> set[str]:
    """What was set before and does not go with what is asked for now.

    Raises:
        UsageError: both were asked for at a time.
    """
    found: set[str] = set()
    for pair in _EXCLUSIVE:
        if all(reading.values[place] for place in pair):
            before = reading.settled.intersection(pair)
            if len(before) != 1:
                raise UsageError(f"{reading.given[pair[0]]} and {reading.given[pair[1]]} exclude each other")
            found |= before
    return found


def _operation(name: str | None) -> OperationSpec | None:
    if name is None or name == DEMO:
        return None
    if name not in OPERATIONS:
        raise UsageError(f"unknown operation {name!r}; there are {', '.join([*OPERATIONS, TLS_CHECK, CONFIG, DEMO])}")
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
        useless = [
            f"{given[place]} has no effect without an operation"
            for place in dict.fromkeys(idle)
            if place in given and place not in reading.settled
        ]
        return (*useless, *_alone(reading, "listening"))
    if peer is None:
        raise UsageError(f"{spec.name} needs the address of the peer: <aet>[@<host>[:<port>]]")
    for place in spec.needs:
        if place not in given:
            raise UsageError(f"{spec.name} needs {BOUND[place].name}")
    _check_filter(reading)
    _check_claim(spec, reading)
    _check_watch(spec, reading)
    if spec.needs_data and not any(found[place] for place in ("file", "edits", "keys", "names")):
        raise UsageError(f"{spec.name} needs a data set: -f FILE or --set attribute=value")
    useless = [
        f"{given[place]} has no effect on {spec.name}"
        for place in BOUND
        if place in given and not spec.has_use_for(place)
    ]
    alone = _alone(reading, *(place for place in BOUND if spec.has_use_for(place)), "listening")
    if spec.action is ActionType.SUBSCRIBE and not _is_filtered(reading):
        said = [place for place in ("keys", "state") if place in given.keys() - reading.settled]
        alone += [f"{given[place]} selects nothing without --filter" for place in said]
    unused = spec.has_use_for("claim_store") and found["transaction"] != AUTO_UID
    if unused and "claim_store" in given.keys() - reading.settled:
        alone.append(f"{given['claim_store']} has no effect without -tuid {AUTO_UID}")
    return (*useless, *_idle_form(spec, reading), *alone, *_check_identity(reading))


def _check_identity(reading: Reading) -> Iterator[str]:
    """One user at most; what belongs to a user that is not there is worth a warning."""
    given = reading.given
    users = [given[place] for place in _USERS if place in given]
    if len(users) > 1:
        raise UsageError(f"{users[0]} and {users[1]} exclude each other")
    said = given.keys() - reading.settled
    if "passcode" in said:
        name = given["passcode"]
        if "username" not in given:
            yield f"{name} has no effect without -username"
        else:
            hidden = "the environment variable DCMUPS_PASSCODE does not show it"
            yield f"others can see what is behind {name} in the list of processes; {hidden}"
    if "identity_response" in said and not users:
        yield f"{given['identity_response']} has no effect without -username or a token"


def _idle_form(spec: OperationSpec, reading: Reading) -> Iterator[str]:
    """What has no data set and no event reports has no form in XML."""
    local: LocalAddress | None = reading.values["local"]
    listens = local is not None and local.port is not None
    wanted = reading.values["form"] == "xml" and "form" not in reading.settled
    if wanted and not listens and spec.name not in _DATA_SETS:
        yield f"{reading.given['form']} has no effect on {spec.name}"


def _alone(reading: Reading, *uses: str) -> list[str]:
    """Warnings about options that say more of another one, which is not there."""
    given = reading.given
    return [
        f"{given[place]} has no effect without {other}"
        for place, (where, needed, other) in _TOGETHER.items()
        if where in uses and place in given.keys() - reading.settled and needed not in given
    ]


def _check_filter(reading: Reading) -> None:
    """A filtered subscription has an instance of its own (PS3.4 CC.2.3.1)."""
    for place in ("filters", "filtered"):
        if place in reading.given and reading.values["instance"] not in (None, UPS_FILTERED_GLOBAL_SUBSCRIPTION):
            raise UsageError(f"{reading.given[place]} and {reading.given['instance']} exclude each other")


def _is_filtered(reading: Reading) -> bool:
    return bool(reading.values["filters"]) or reading.values["instance"] == UPS_FILTERED_GLOBAL_SUBSCRIPTION


def _check_claim(spec: OperationSpec, reading: Reading) -> None:
    """``-tuid auto`` and the store that remembers belong together; ``new`` is for who claims."""
    if spec.name == "set" and reading.values["transaction"] == NEW_UID:
        raise UsageError(f"{reading.given['transaction']} {NEW_UID}: no claim has a UID that is made now")
    if reading.values["transaction"] != AUTO_UID or not spec.has_use_for("transaction"):
        return
    option = f"{reading.given['transaction']} {AUTO_UID}"
    if not spec.has_use_for("claim_store"):
        raise UsageError(f"{option} is for chstate and set, not for {spec.name}")
    if reading.values["claim_store"] is None:
        raise UsageError(f"{option} needs --tuid-store FILE")


def _check_watch(spec: OperationSpec, reading: Reading) -> None:
    """--watch listens for what it subscribes to; so does who wants something done with event reports."""
    local: LocalAddress | None = reading.values["local"]
    listens = local is not None and local.port is not None
    wanted = ["command", "event_status"]
    if spec.has_use_for("watch"):
        wanted.append("watch")
    for place in wanted:
        if place in reading.given.keys() - reading.settled and not listens:
            raise UsageError(f"{reading.given[place]} needs -L with a port to listen on")
    if reading.values["watch"] and spec.has_use_for("watch") and local is not None:
        receiver = reading.values["aet"]
        if local.ae_title != receiver:
            option = f"{reading.given['watch']}: event reports for {receiver} ({reading.given['aet']})"
            raise UsageError(f"{option} do not come to {local.ae_title} (-L)")


def _check_listening(local: LocalAddress | None) -> None:
    if local is None:
        raise UsageError("what to do? There is no operation and no -L with a port")
    if local.port is None:
        raise UsageError("-L without an operation needs a port to listen on")
