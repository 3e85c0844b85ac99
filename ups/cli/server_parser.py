"""The grammar of ``upsscp``: its options, its help text, and the command line they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dicomnet.records import dataclass
from ups.cli import values
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.option import Option, Program, Repeat, Section
from ups.cli.options import CONFIG, CONFIG_CHECK, PROFILE, VERBOSITY
from ups.cli.options_association import title_option
from ups.cli.reading import COMPLETION, HELP, VERSION, Reading, read
from ups.cli.settings import Settings
from ups.cli.tls_options import TlsWishes, tls_section, wishes
from ups.cli.words import UsageError

__all__ = ["PROGRAM", "ServerLine", "parse"]

_OPTIONS = (
    title_option("AET[@HOST]:PORT", "our AE title and where to listen; port 0 picks a free one"),
    Option(
        names=("--db",),
        dest="database",
        metavar="FILE|URL",
        help="SQLite file, or URL of a database (default: upsscp.db in the user's data directory)",
    ),
    Option(
        names=("--peer",),
        dest="peers",
        metavar="AET=HOST:PORT",
        convert=values.peer_entry,
        default=(),
        repeat=Repeat.ALL,
        help="where event reports for an AE go; may be repeated",
    ),
    PROFILE,
    VERBOSITY,
    COMPLETION,
    HELP,
    VERSION,
)

_TLS = tls_section("verify that the certificate of whom we send event reports to names its host")

PROGRAM = Program(
    name="upsscp",
    usage="upsscp -L <aet>[@<host>]:<port> [--db FILE|URL] [--peer AET=HOST:PORT ...]\n       upsscp config check",
    description="Manage Unified Procedure Steps (DICOM PS3.4 Annex CC) as SCP of the Push, Pull, Watch, Event and "
    "Query classes and of their trial forms.",
    epilog="Options can be set in config.toml and the environment, and the aliases there are peers: see "
    "dcmups.conf(5).\n"
    "SIGTERM finishes what has begun and exits 0.\n"
    "exit status: 0 done, 1 bad usage or input, 2 the port is in use, 130 interrupted",
    sections=(Section("options", _OPTIONS), _TLS),
    operations=(CONFIG_CHECK,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """What the user asked for."""

    local: LocalAddress
    database: str | None
    peers: tuple[PeerAddress, ...]
    profile: str | None
    tls: TlsWishes
    verbose: int
    warnings: tuple[str, ...] = ()
    settled: Mapping[str, str]
    """The places that environment or files filled, and where that stands."""


def parse(words: Sequence[str], *, load: Callable[[Program], Settings] = lambda _: Settings()) -> ServerLine | Reading:
    """The command line these words are, or what they want instead of work: a Reading is that of ``config check``.

    Raises:
        UsageError: the words are no usable command line.
    """
    reading = read(PROGRAM, words)
    if list(reading.positionals) == [CONFIG, "check"]:
        return reading
    if reading.positionals:
        raise UsageError(f"unexpected word {reading.positionals[0]!r}")
    settings = load(PROGRAM)
    reading = settings.lay(PROGRAM, reading)
    _check(**{place: reading.values[place] for place in ("local", "database", "peers")})
    aliases, warnings = settings.ae_table({peer.ae_title for peer in reading.values["peers"]})
    peers = (*reading.values["peers"], *aliases)
    tls, found, tls_warnings = wishes(reading)
    return ServerLine(
        **{**found, "peers": peers},
        tls=tls,
        warnings=(*settings.warnings, *warnings, *tls_warnings),
        settled={place: reading.given[place] for place in reading.settled},
    )


def _check(local: LocalAddress | None, database: str | None, peers: Sequence[PeerAddress]) -> None:
    if local is None or local.port is None:
        raise UsageError("-L AET[@HOST]:PORT is needed, with a port")
    titles = [peer.ae_title for peer in peers]
    for title in titles:
        if titles.count(title) > 1:
            raise UsageError(f"--peer: {title} has two addresses")
    if database == "":
        raise UsageError("--db: the name is empty")
