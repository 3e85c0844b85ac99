"""Completion of command lines in bash, zsh and fish: both spellings of every option, values where they are few, files,
and operations. shtab writes the scripts of bash and zsh from the parser that shows the options.

Loaded when somebody asks for it, and when the project is built.
"""

from __future__ import annotations

from typing import Any

from ups.cli.option import Option, Program
from ups.cli.options import PROGRAM
from ups.cli.usage import build_parser
from ups.cli.words import Taking

__all__ = ["completion"]


def completion(program: Program, shell: str) -> str:
    """The script that the shell loads."""
    if shell == "fish":
        return _fish(program)
    import shtab

    parser = build_parser(program, also=_mark)
    if program.operations:
        parser.add_argument("operation", choices=_operations(program))
        address: Any = parser.add_argument("address")
        if program is PROGRAM:
            address.complete = {"zsh": "_dcmups_aliases", "preamble": {"zsh": _ZSH_ALIASES}}
    script = shtab.complete(parser, shell) + "\n"
    return script + _BASH_ALIASES if shell == "bash" and program is PROGRAM else script


def _operations(program: Program) -> list[str]:
    return [name.split()[0] for name, _ in program.operations]


def _is_file(option: Option) -> bool:
    return option.taking is Taking.VALUE and "FILE" in (option.metavar or "").split("|")


def _mark(option: Option, action: Any) -> None:
    """Tell shtab what argparse does not know."""
    import shtab

    if _is_file(option):
        action.complete = shtab.FILE
    elif any(" " in choice for choice in option.choices):
        # shtab puts choices into lists of words as they are
        function = f"_shtab_words_of_{option.dest}"
        words = " ".join(choice.replace(" ", r"\\\ ") for choice in option.choices)
        body = f"{function}() {{\n  compgen -W '{words}' -- \"$1\"\n}}"
        action.complete = {
            "bash": function,
            "zsh": f"({' '.join(choice.replace(' ', chr(92) + ' ') for choice in option.choices)})",
            "preamble": {"bash": body},
        }


# An alias is asked of the program itself, and only when a word begins as one: it knows which files count. One
# that a shell would read otherwise than it stands is left out.

_ALIASES = r"config check 2>/dev/null | sed -n 's/^  \(@[[:alnum:]_.-]*\) is .*/\1/p'"

# Bash parts words at "@" in COMP_WORDS, which shtab goes by; $2 has all of it.
_BASH_ALIASES = f"""
_dcmups() {{
  [[ $2 == @* ]] || {{ _shtab_dcmups "$@"; return; }}
  COMPREPLY=()
  local name
  while IFS= read -r name; do [[ $name == "$2"* ]] && COMPREPLY+=("$name"); done < <("$1" {_ALIASES})
  return 0
}}

complete -o bashdefault -F _dcmups dcmups
"""

_ZSH_ALIASES = f"""
_dcmups_aliases() {{
  [[ $PREFIX == @* ]] && compadd -- ${{(f)"$($words[1] {_ALIASES})"}}
}}
"""

_FISH_ALIASES = (
    """complete -c dcmups -n 'string match -q "@*" -- (commandline -ct)' """
    """-a '(dcmups config check 2>/dev/null | string match -rg "^  (@[\\w.-]*) is ")'"""
)


# fish tells options of one dash and several letters from long ones, and shtab does not.


def _fish(program: Program) -> str:
    command = f"complete -c {program.name}"
    lines = [f"# Completion of {program.name} in fish", f"{command} -f"]
    names = " ".join(_operations(program))
    for name, summary in program.operations:
        word, _, second = name.partition(" ")
        text = f"{second}: {summary}" if second else summary
        lines.append(f"{command} -n 'not __fish_seen_subcommand_from {names}' -a {word} -d {_quoted(text)}")
        if second:
            lines.append(f"{command} -n '__fish_seen_subcommand_from {word}' -a {second} -d {_quoted(summary)}")
    for option in program.options:
        spellings = " ".join(_fish_spelling(name) for name in option.names)
        lines.append(f"{command} {spellings} {_fish_value(option)}-d {_quoted(option.help)}")
    if program is PROGRAM:
        lines.append(_FISH_ALIASES)
    return "\n".join(lines) + "\n"


def _fish_spelling(name: str) -> str:
    if name.startswith("--"):
        return f"-l {name[2:]}"
    return f"-{'s' if len(name) == 2 else 'o'} {name[1:]}"


def _fish_value(option: Option) -> str:
    if option.taking is Taking.NOTHING:
        return ""
    if _is_file(option):
        return "-r -F "
    words = " ".join(choice.replace(" ", "\\ ") for choice in option.choices)
    return f"-x -a {_quoted(words)} " if words else "-x "


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
