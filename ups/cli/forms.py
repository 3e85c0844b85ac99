"""Which form the results of a command line take; nothing is loaded but the form that is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ups.cli.catalogue import CONTEXTS
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
    if line.form == "xml":
        from ups.cli.xml_lines import XmlResults

        return XmlResults(console)
    if line.output is not None and content is not None:
        return _files(line, line.output, content, console)
    if line.operation is not None and content is not None:
        return _for_people(line, line.operation.name, content, console)
    return _plain(console)


def _files(line: CommandLine, name: str, content: Content, console: Console) -> Results:
    from ups.cli.saving import FileResults, FolderResults

    sop_class = CONTEXTS["push"].abstract_syntax(trial=line.trial)
    if line.operation is not None and line.operation.name == "find":
        return FolderResults(console, name, sop_class=sop_class)
    return FileResults(console, name, sop_class=sop_class, instance=content.instance or "")


def _for_people(line: CommandLine, operation: str, content: Content, console: Console) -> Results:
    from ups.cli.terminal import for_people, terminal

    if operation not in ("find", "get") or not for_people(console, line.colour):
        return _plain(console)
    paper = terminal(console, line.colour)
    if operation == "get":
        from ups.cli.sheet import SheetResults

        return SheetResults(console, paper)
    from ups.cli.table import TableResults, columns_for

    return TableResults(console, columns_for(line.names, content.tags), paper)


def _plain(console: Console) -> Results:
    from ups.cli.plain import QuickResults

    return QuickResults(console)
