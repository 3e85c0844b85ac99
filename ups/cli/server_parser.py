"""The grammar of ``upsscp``: its options, its help text, and the command line they make."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ups.cli import values
from ups.cli.addresses import LocalAddress, PeerAddress
from ups.cli.parser import ExactParser
from ups.cli.words import Taking, UsageError, group

__all__ = ["PROGRAM", "ServerLine", "build_parser", "parse"]

PROGRAM = "upsscp"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """What the user asked for."""

    local: LocalAddress
    database: str | None
    peers: tuple[PeerAddress, ...]
    verbose: int


def build_parser() -> ExactParser:
    """The parser with its help text."""
    parser = ExactParser(
        prog=PROGRAM,
        usage="upsscp -L <aet>[@<host>]:<port> [--db FILE|URL] [--peer AET=HOST:PORT ...]",
        description="Manage Unified Procedure Steps (DICOM PS3.4 Annex CC) as SCP of the Push, Pull, Watch, Event and "
        "Query classes and of their trial forms.",
        epilog="SIGTERM finishes what has begun and exits 0.\n"
        "exit status: 0 done, 1 bad usage or input, 2 the port is in use, 130 interrupted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("surplus", nargs="*", help=argparse.SUPPRESS)
    section = parser.add_argument_group("options")
    add = parser.option
    text = "our AE title and where to listen; port 0 picks a free one"
    local: dict[str, Any] = {"type": values.local_address, "metavar": "AET[@HOST]:PORT"}
    add(section, "-L", Taking.VALUE, dest="local", help=text, **local)
    text = "SQLite file, or URL of a database (default: upsscp.db in the user's data directory)"
    add(section, "--db", Taking.VALUE, dest="database", metavar="FILE|URL", help=text)
    peer: dict[str, Any] = {"action": "append", "default": [], "type": values.peer_entry, "metavar": "AET=HOST:PORT"}
    add(section, "--peer", Taking.VALUE, dest="peers", help="where event reports for an AE go; may be repeated", **peer)
    add(section, "-v", Taking.NOTHING, dest="verbose", action="count", default=0, help="log more")
    add(section, "-h", Taking.NOTHING, action="help", help="print this help and exit")
    add(section, "-V", Taking.NOTHING, dest="version", action="store_true", help="print the version and exit")
    return parser


def parse(parser: ExactParser, words: Sequence[str]) -> ServerLine | None:
    """The command line these words are, or None when they ask for the version; -h prints and exits.

    Raises:
        UsageError: the words are no usable command line.
    """
    grouped = group(words, parser.taking, is_attribute=lambda _: False, complete=lambda _: True)
    if "-h" in grouped[: grouped.index("--")]:
        grouped = ["-h"]
    elif "-V" in grouped[: grouped.index("--")]:
        return None
    found = parser.parse_args(grouped)
    if found.surplus:
        raise UsageError(f"unexpected word {found.surplus[0]!r}")
    if found.local is None or found.local.port is None:
        raise UsageError("-L AET[@HOST]:PORT is needed, with a port")
    titles = [peer.ae_title for peer in found.peers]
    for title in titles:
        if titles.count(title) > 1:
            raise UsageError(f"--peer: {title} has two addresses")
    if found.database == "":
        raise UsageError("--db: the name is empty")
    return ServerLine(local=found.local, database=found.database, peers=tuple(found.peers), verbose=found.verbose)
