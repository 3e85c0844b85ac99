"""Which form the results of a command line take; nothing is loaded but the form that is taken."""

from __future__ import annotations

from ups.cli.console import Console
from ups.cli.parser import CommandLine
from ups.cli.results import Results

__all__ = ["results_for"]


def results_for(line: CommandLine, console: Console) -> Results:
    """The form that the options ask for, else that which suits standard output.

    Raises:
        UsageError: results cannot be written where the command line says.
    """
    if line.form == "json":
        from ups.cli.json_lines import JsonResults

        return JsonResults(console)
    from ups.cli.plain import PlainResults

    return PlainResults(console)
