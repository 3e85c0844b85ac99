"""``upsscp``: the UPS SCP as a program. It serves until SIGTERM, then finishes what it has begun and exits 0.

Imports only what its grammar needs; the server, the store and asyncio come in once the command line is good.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ups.cli.console import Console
from ups.cli.exits import Exit
from ups.cli.main import guarded, quieten, version_line
from ups.cli.server_parser import PROGRAM, build_parser, parse

__all__ = ["main", "run"]


def run() -> int:
    """Entry point of the console script."""
    quieten()
    return main(sys.argv[1:])


def main(words: Sequence[str]) -> int:
    """Run ``upsscp`` with these words and return its exit status."""
    console = Console(PROGRAM)
    return guarded(console, lambda: _run(words, console))


def _run(words: Sequence[str], console: Console) -> int:
    line = parse(build_parser(), words)
    if line is None:
        console.result(version_line(PROGRAM))
        return Exit.DONE
    from ups.cli.serving import serve

    return serve(line, console)


if __name__ == "__main__":
    sys.exit(run())
