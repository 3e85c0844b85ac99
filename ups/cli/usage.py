"""A program as an argparse parser, for what is made from one: the manual page, and completion in a shell.

It shows the options and reads no words: argparse cannot say what these command lines promise (see ``words``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ups.cli.help import operation_lines
from ups.cli.option import Option, Program, Repeat
from ups.cli.words import Taking

__all__ = ["build_parser"]


def build_parser(
    program: Program, *, also: Callable[[Option, argparse.Action], None] | None = None
) -> argparse.ArgumentParser:
    """The parser that shows all there is to say of the program; ``also`` may say more to each of its actions."""
    parser = argparse.ArgumentParser(
        prog=program.name,
        usage=program.usage,
        description=program.description,
        epilog="\n".join([*operation_lines(program), "", program.epilog]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
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


def _keywords(option: Option) -> dict[str, Any]:
    text = option.help.replace("%", "%%")
    if option.taking is Taking.NOTHING:
        return {"action": "store_const", "const": option.const, "help": text}
    action = "store" if option.repeat is Repeat.LAST else "append"
    return {"action": action, "metavar": option.metavar, "choices": option.choices or None, "help": text}
