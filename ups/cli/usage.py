"""A program as an argparse parser, for what is made from one: the help, the man page, completion in a shell.

It shows the options and reads no words: argparse cannot say what these command lines promise (see ``words``). Loaded
only when somebody wants to see it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from ups.cli.option import Option, Program, Repeat
from ups.cli.words import Taking

__all__ = ["build_parser"]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """As argparse's, with the value named once per option, and made without loading shutil and textwrap."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=_width())

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        return f"{', '.join(action.option_strings)} {action.metavar}"

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines: list[str] = []
        for word in text.split():
            if lines and len(lines[-1]) + 1 + len(word) <= width:
                lines[-1] += f" {word}"
            else:  # one that is longer than a line is cut
                lines += [word[start : start + width] for start in range(0, len(word), width)]
        return lines


def _width() -> int:
    """Two columns less than the terminal has, as argparse counts it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns) - 2
    try:
        return (os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or 80) - 2
    except (OSError, ValueError):  # no terminal
        return 78


def build_parser(
    program: Program, *, also: Callable[[Option, argparse.Action], None] | None = None
) -> argparse.ArgumentParser:
    """The parser that shows all there is to say of the program; ``also`` may say more to each of its actions."""
    parser = argparse.ArgumentParser(
        prog=program.name,
        usage=program.usage,
        description=program.description,
        epilog="\n\n".join(filter(None, (_operations(program), program.epilog))),
        formatter_class=_Formatter,
        add_help=False,
        allow_abbrev=False,
    )
    for section in program.sections:
        group = parser.add_argument_group(section.title)
        for option in section.options:
            action = group.add_argument(*option.names, dest=option.dest, **_keywords(option))
            if also is not None:
                also(option, action)
    return parser


def _operations(program: Program) -> str:
    lines = [f"  {name:<12} {summary}" for name, summary in program.operations]
    return "\n".join(["operations:", *lines]) if lines else ""


def _keywords(option: Option) -> dict[str, Any]:
    text = option.help.replace("%", "%%")
    if option.taking is Taking.NOTHING:
        return {"action": "store_const", "const": option.const, "help": text}
    action = "store" if option.repeat is Repeat.LAST else "append"
    return {"action": action, "metavar": option.metavar, "choices": option.choices or None, "help": text}
