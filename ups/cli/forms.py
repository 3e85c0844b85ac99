"""Which form the results of a command line take; nothing is loaded but the form that is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ups.cli.console import Console
from ups.cli.parser import CommandLine
from ups.cli.results import Results

if TYPE_CHECKING:
    from ups.cli.inputs import Content

__all__ = ["results_for"]


def results_for(line: CommandLine, content: Content | None, console: Console) -> Results:
    """The form that the options ask for, else that which suits standard output.

    Raises:
        UsageError: results cannot be written where the command line says.
    """
    if line.form == "json":
        from ups.cli.json_lines import JsonResults

        return JsonResults(console)
    from ups.cli.terminal import for_people, terminal

    name = line.operation.name if line.operation is not None else ""
    if name in ("find", "get") and content is not None and for_people(console, line.colour):
        paper = terminal(console, line.colour)
        if name == "get":
            from ups.cli.sheet import SheetResults

            return SheetResults(console, paper)
        from ups.cli.table import TableResults, columns_for

        return TableResults(console, columns_for(line.names, content.dataset), paper)
    from ups.cli.plain import PlainResults

    return PlainResults(console)
