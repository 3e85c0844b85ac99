"""``upsscp``: the UPS SCP as a program. It serves until SIGTERM, then finishes what it has begun and exits 0.

Imports nothing of weight itself, for ``python -m ups.cli.upsscp`` begins here, and an interrupt may come at once. The
server, the store and asyncio come in when the command line is good.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ups.cli import start

__all__ = ["main"]


def main(words: Sequence[str]) -> int:
    """Run ``upsscp`` with these words and return its exit status."""
    from ups.cli.console import Console
    from ups.cli.exits import Exit
    from ups.cli.main import guarded
    from ups.cli.reading import Reading, grant, wished
    from ups.cli.server_parser import PROGRAM, parse
    from ups.cli.settings import blame, load
    from ups.cli.words import UsageError

    console = Console(PROGRAM.name)

    def work() -> int:
        wish = wished(PROGRAM, words)
        if wish is not None:
            grant(wish, PROGRAM, console)
            return Exit.DONE
        line = parse(words, load=load)
        if isinstance(line, Reading):
            from ups.cli.config_check import check

            return check(PROGRAM, line, None, console)
        console.warn(*line.warnings)
        from ups.cli.serving import serve

        try:
            return serve(line, console)
        except UsageError as error:
            raise blame(PROGRAM, error, line.settled) from error

    return guarded(console, work, words, PROGRAM, most=1)


if __name__ == "__main__":
    sys.exit(start.upsscp())
