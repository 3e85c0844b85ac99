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
    from ups.cli.main import guarded, version_line
    from ups.cli.server_parser import PROGRAM, build_parser, parse

    console = Console(PROGRAM)

    def work() -> int:
        line = parse(build_parser(), words)
        if line is None:
            console.result(version_line(PROGRAM))
            return Exit.DONE
        from ups.cli.serving import serve

        return serve(line, console)

    return guarded(console, work)


if __name__ == "__main__":
    sys.exit(start.upsscp())
