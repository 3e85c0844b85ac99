"""The options of ``dcmups``, each described in one record, here or in a module named after its sections.

To add one, add its record to a section and its ``dest`` to ``CommandLine``. Help, man page, completion and the reading
of words follow. The names with one dash are those of the tool this one takes the place of.
"""

from __future__ import annotations

from collections.abc import Mapping

from dicomnet.codes import Priority
from ups.cli import values
from ups.cli.catalogue import OPERATIONS
from ups.cli.option import Option, Program, Repeat, Section, flag
from ups.cli.options_association import IDENTITY, LOCAL, SOCKET, TIMES, TRANSFER
from ups.cli.reading import COMPLETION, HELP, VERSION
from ups.cli.tls_options import tls_section
from ups.cli.words import Taking
from ups.names import StepState

__all__ = ["BOUND", "CONFIG", "CONFIG_CHECK", "DEMO", "PROFILE", "PROGRAM", "TLS_CHECK", "VERBOSITY"]

DEMO = "demo"
"""The one operation that calls nobody: it brings its own SCP."""

TLS_CHECK = "tls-check"
"""The one that looks at the security of a port and associates with nobody."""

CONFIG = "config"
"""The one that tells what it would do: ``config check``."""


def _pairs(*names: str, dest: str, help: str) -> Option:  # noqa: A002
    return Option(
        names=names,
        dest=dest,
        taking=Taking.PAIRS,
        metavar="ATTR=VALUE",
        convert=values.assignment,
        default=(),
        repeat=Repeat.ALL,
        help=help,
        bound=True,
    )


_CONTENT = Section(
    "what is sent",
    (
        Option(
            names=("-f", "--file"),
            dest="file",
            metavar="FILE",
            help="data set: Native DICOM Model XML, <attr> XML, Part 10, bare data set or JSON",
            bound=True,
        ),
        _pairs("--set", dest="edits", help="value laid over the data set; several may follow"),
        _pairs("-q", "--match", dest="keys", help="matching key; several may follow"),
        Option(
            names=("-r", "--return"),
            dest="names",
            taking=Taking.NAMES,
            metavar="ATTR",
            default=(),
            repeat=Repeat.ALL,
            help="return key of find, attribute of get; several may follow",
            bound=True,
        ),
        Option(
            names=("-iuid", "--instance-uid"),
            dest="instance",
            metavar="UID",
            convert=values.uid,
            help="UID of the workitem",
            bound=True,
        ),
        Option(
            names=("-tuid", "--transaction-uid"),
            dest="transaction",
            metavar="UID",
            convert=values.transaction_uid,
            choices=(values.NEW_UID, values.AUTO_UID),
            help="Transaction UID that locks the workitem; 'new' makes one and prints it, 'auto' takes that of "
            "--tuid-store",
            bound=True,
        ),
        Option(
            names=("--tuid-store",),
            dest="claim_store",
            metavar="FILE",
            help="with -tuid auto: where claims and their Transaction UIDs are remembered (mode 0600)",
            bound=True,
        ),
        Option(
            names=("-state", "--state"),
            dest="state",
            metavar="STATE",
            convert=values.state,
            choices=tuple(StepState),
            help="Procedure Step State: " + ", ".join(StepState),
            bound=True,
        ),
        Option(
            names=("-aet", "--ae-title"),
            dest="aet",
            metavar="AET",
            convert=values.title,
            help="AE that receives the event reports, or that requests the cancellation",
            bound=True,
        ),
        flag("-dellock", "--deletion-lock", dest="deletion_lock", help="subscribe with a deletion lock", bound=True),
        _pairs("--filter", dest="filters", help="subscribe only to what matches these keys; several may follow"),
        flag(
            "--filtered",
            dest="filtered",
            help="unsubscribe from, or suspend, the subscription that was made with --filter",
            bound=True,
        ),
        Option(
            names=("--reason",),
            dest="reason",
            metavar="TEXT",
            convert=values.text,
            help="why to cancel, in words",
            bound=True,
        ),
        Option(
            names=("--reason-code",),
            dest="reason_code",
            metavar="VALUE,SCHEME,MEANING",
            convert=values.code,
            help='why to cancel, as a code such as 110513,DCM,"Discontinued for unspecified reason"',
            bound=True,
        ),
        Option(
            names=("--contact",),
            dest="contact",
            metavar="NAME",
            convert=values.one_line,
            help="who can be asked about the cancellation",
            bound=True,
        ),
        Option(
            names=("--contact-uri",),
            dest="contact_uri",
            metavar="URI",
            convert=values.one_line,
            help="how to reach them, such as tel:+31201234567",
            bound=True,
        ),
        Option(
            names=("-findprior", "--find-priority"),
            dest="priority",
            metavar="PRIORITY",
            convert=values.priority,
            choices=tuple(values.PRIORITIES),
            default=Priority.MEDIUM,
            help="priority of find: NORMAL (default), HIGH or LOW",
            bound=True,
        ),
        flag("-fuzzy", "--fuzzy", dest="fuzzy", help="ask that find matches person names fuzzily", bound=True),
    ),
)


_FOLLOWING = Section(
    "after the answer",
    (
        Option(
            names=("--wait",),
            dest="wait",
            metavar="STATE",
            convert=values.awaited_state,
            choices=tuple(state for state in StepState if state is not StepState.SCHEDULED),
            help="chstate, reqcancel: wait until the workitem is in this state",
            bound=True,
        ),
        Option(
            names=("--wait-timeout",),
            dest="wait_timeout",
            metavar="MS",
            convert=values.milliseconds,
            default=60.0,
            help="how long, in milliseconds (default 60000, 0: without end)",
            bound=True,
        ),
        flag(
            "--watch",
            dest="watch",
            help="subscribe, listen at -L, and unsubscribe when told to end",
            bound=True,
        ),
    ),
)


_LISTENING = Section(
    "listening, with a port at -L",
    (
        Option(
            names=("--exec",),
            dest="command",
            metavar="COMMAND",
            convert=values.command,
            help="run this for each event report, which it gets as a JSON object on its standard input",
        ),
        Option(
            names=("--exec-timeout",),
            dest="command_timeout",
            metavar="MS",
            convert=values.milliseconds,
            default=30.0,
            help="how long it may take, in milliseconds (default 30000, 0: without end)",
        ),
        Option(
            names=("--status",),
            dest="event_status",
            metavar="HHHH",
            convert=values.status,
            default=0,
            help="answer event reports with this status, to see what the peer makes of it",
        ),
    ),
)


def _class(name: str) -> Option:
    users = ", ".join(spec.name for spec in OPERATIONS.values() if spec.context == name)
    text = f"use the {name.capitalize()} class (default of {users})"
    return flag(f"-ups{name}", f"--ups-{name}", dest="context", const=name, default=None, help=text, calling=True)


_CLASS = Section(
    "SOP class",
    (
        *(_class(name) for name in ("push", "pull", "watch")),
        flag("--trial", dest="trial", help="speak the retired trial SOP classes"),
    ),
)

_TLS = tls_section("verify that the certificate of whom we call names its host")

_OUTPUT = Section(
    "output",
    (
        flag(
            "--json",
            dest="form",
            const="json",
            default=None,
            help="results as one JSON object per line (data sets in the DICOM JSON model)",
        ),
        flag(
            "--xml",
            dest="form",
            const="xml",
            default=None,
            help="data sets and event reports as one whole Native DICOM Model document per line",
        ),
        Option(
            names=("-o", "--output"),
            dest="output",
            metavar="FILE|FOLDER",
            settable=False,
            bound=True,
            help="get: write a Part 10 file; find: a folder, for a file per match, named by its UID",
        ),
        Option(
            names=("--color",),
            dest="colour",
            metavar="WHEN",
            convert=values.colour,
            choices=values.COLOURS,
            default="auto",
            help="auto (default: on a terminal, unless NO_COLOR is set), always (and write as for a terminal) or never",
        ),
        flag(
            "--strict",
            dest="strict",
            help="a warning status is exit status 5",
            calling=True,
        ),
        flag("--no-match-error", dest="no_match_error", help="a find without a match is exit status 6", bound=True),
        flag("--quiet", dest="quiet", help="results and errors only"),
    ),
)

VERBOSITY = flag("-v", "--verbose", dest="verbose", const=1, default=0, repeat=Repeat.SUM, help="log what happens")

PROFILE = Option(
    names=("--profile",), dest="profile", metavar="NAME", help="take the options of [profile.NAME] in config.toml"
)

_OTHER = Section(
    "other",
    (
        PROFILE,
        VERBOSITY,
        flag("-vv", dest="verbose", const=2, default=0, repeat=Repeat.SUM, help="log every PDU as well"),
        COMPLETION,
        HELP,
        VERSION,
    ),
)

CONFIG_CHECK = (f"{CONFIG} check", "tell which configuration counts, and what is wrong with it")

_OPERATIONS = (
    *((spec.name, spec.summary) for spec in OPERATIONS.values()),
    (TLS_CHECK, "tell what a peer offers of TLS, whose certificate it has, and whether we would get along"),
    CONFIG_CHECK,
    (DEMO, "show three workflows with an SCP of its own"),
)

PROGRAM = Program(
    name="dcmups",
    usage="dcmups <operation> <aet>[@<host>[:<port>]] [options]\n"
    "       dcmups <operation> @<alias> [options]\n"
    "       dcmups -L <aet>[@<host>]:<port> [options]\n"
    "       dcmups tls-check <host>:<port> [options]\n"
    "       dcmups config check [@<alias>] [options]\n"
    "       dcmups demo",
    description="Work with Unified Procedure Steps (DICOM PS3.4 Annex CC) on another system, "
    "or listen for their event reports.",
    operations=_OPERATIONS,
    epilog="An attribute is a keyword or eight hex digits, inside a sequence seq/attribute. Options can be set\n"
    "in config.toml and the environment, and an alias stands for an address there: see dcmups.conf(5).\n"
    "exit status: 0 done, 1 bad usage or input, 2 no association or lost, 3 failure status,\n"
    "  4 a deadline of ours ran out, 5 a warning status (--strict), 6 no match (--no-match-error),\n"
    "  130 interrupted",
    sections=(
        _CONTENT,
        _FOLLOWING,
        _CLASS,
        LOCAL,
        _LISTENING,
        IDENTITY,
        TRANSFER,
        SOCKET,
        TIMES,
        _TLS,
        _OUTPUT,
        _OTHER,
    ),
)

BOUND: Mapping[str, Option] = {option.dest: option for option in PROGRAM.options if option.bound}
"""The options that say what an operation does, by their place."""
