"""The manual pages and the files for completion: ``python docs/man/pages.py FOLDER`` writes them there.

Names, options and keys come from the records of the options, by way of argparse-manpage and shtab; the sections around
them are beside this file, in a small part of Markdown. ``setup.py`` calls this when a distribution is built.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from argparse_manpage.manpage import Manpage

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from dicomnet import __version__  # noqa: E402 - the project beside this file, installed or not
from ups.cli.completion import completion  # noqa: E402
from ups.cli.option import Option, Program, Repeat  # noqa: E402
from ups.cli.options import PROGRAM as DCMUPS  # noqa: E402
from ups.cli.server_parser import PROGRAM as UPSSCP  # noqa: E402
from ups.cli.usage import build_parser  # noqa: E402
from ups.cli.words import Taking  # noqa: E402

__all__ = ["files", "sections", "write"]

_COMPLETION = {
    "bash": "share/bash-completion/completions/{}",
    "zsh": "share/zsh/site-functions/_{}",
    "fish": "share/fish/vendor_completions.d/{}.fish",
}
"""Where each shell looks, below the prefix of an installation."""


def files() -> dict[str, str]:
    """What is to be installed, by its place below the prefix."""
    made = {
        "share/man/man1/dcmups.1": _program_page(DCMUPS, "work with Unified Procedure Steps on another system"),
        "share/man/man1/upsscp.1": _program_page(UPSSCP, "manage Unified Procedure Steps as SCP"),
        "share/man/man5/dcmups.conf.5": _configuration_page(),
    }
    for program in (DCMUPS, UPSSCP):
        made |= {place.format(program.name): completion(program, shell) for shell, place in _COMPLETION.items()}
    return made


def sections(name: str) -> dict[str, list[str]]:
    """The sections of a page as they are written, by title."""
    found: dict[str, list[str]] = {}
    for line in (HERE / f"{name}.md").read_text("utf-8").splitlines():
        if line.startswith("# "):
            found[line[2:]] = []
        else:
            found[list(found)[-1]].append(line)
    return found


def _program_page(program: Program, summary: str) -> str:
    parser = build_parser(program)
    parser.epilog = None
    written = sections(program.name)
    operations = "\n".join(
        f".TP\n\\fB{_escaped(name)}\\fR\n{_escaped(summary)}" for name, summary in program.operations
    )
    extra = {"SYNOPSIS": _roff(written.pop("SYNOPSIS")), "OPERATIONS": operations}
    text = _page(parser, summary, 1, extra | {title: _roff(lines) for title, lines in written.items()})
    # Sections of options become parts of one; and argparse-manpage leaves out --help
    for section in program.sections:
        text = text.replace(f".SH {section.title.upper()}\n", f".SS {section.title}\n", 1)
    text = text.replace(".SS ", ".SH OPTIONS\n.SS ", 1)
    version = r".TP" "\n" r"\fB\-V\fR, \fB\-\-version\fR"
    entry = ".TP\n" r"\fB\-h\fR, \fB\-\-help\fR" "\nprint the help and exit\n\n"
    return text.replace(version, entry + version, 1)


def _configuration_page() -> str:
    written = sections("dcmups.conf")
    extra = {title: _roff(lines) for title, lines in written.items()}
    titles = list(extra)
    at = titles.index("EXAMPLES")
    ordered = {title: extra[title] for title in titles[:at]} | {"KEYS": _keys()}
    ordered |= {title: extra[title] for title in titles[at:]}
    parser = ArgumentParser(prog="dcmups.conf", add_help=False)
    return _page(parser, "configuration of dcmups and upsscp", 5, ordered)


def _page(parser: ArgumentParser, summary: str, section: int, extra: dict[str, str]) -> str:
    parser._manpage = [{"heading": title.lower(), "content": text} for title, text in extra.items()]  # type: ignore[attr-defined]
    page = Manpage(parser)
    page.description = summary
    page.section = section
    page.source = f"dicomnet {__version__}"
    page.manual = "dicomnet"
    return str(page)


# --- keys of the configuration ---------------------------------------------------------------------------------------


def _keys() -> str:
    """Every key with its other names, its variable, the kind of its value and its help."""
    lines = []
    known: set[tuple[str, ...]] = set()
    for program in (DCMUPS, UPSSCP):
        for option in program.options:
            if not option.settable or (program is UPSSCP and option.names in known):
                continue
            known.add(option.names)
            lines += [".TP", ", ".join(f"\\fB{_escaped(name.lstrip('-'))}\\fR" for name in _spellings(option))]
            variables = [f"{program.name}_{name[2:]}" for name in option.names if name.startswith("--")]
            told = [_kind(option), *(f"\\fB{v.upper().replace('-', '_')}\\fR" for v in variables)]
            if program is UPSSCP:
                told.append("upsscp only")
            lines += [f"({'; '.join(told)})", f"{_escaped(option.help)}"]
    return "\n".join(lines)


def _spellings(option: Option) -> list[str]:
    """The long name first; one word when both names differ in their dashes only."""
    return list(dict.fromkeys(reversed([name.lstrip("-") for name in option.names])))


def _kind(option: Option) -> str:
    if option.taking is Taking.NOTHING:
        return "true, false or how often" if option.repeat is Repeat.SUM else "true or false"
    return "list" if option.repeat is Repeat.ALL else option.metavar or "text"


# --- the small part of Markdown --------------------------------------------------------------------------------------


def _roff(lines: list[str]) -> str:
    """Paragraphs, ``- term: text`` and, deeper by four columns, text as it is."""
    return "\n".join(_roff_lines(lines))


def _roff_lines(lines: list[str]) -> Iterator[str]:
    literal = False
    for line in lines:
        bare = line.strip()
        indented = line.startswith("    ") and bool(bare)
        if literal and not indented and bare:
            yield from (".fi", ".RE")
            literal = False
        if not bare:
            yield "" if literal else ".PP"
        elif indented:
            if not literal:
                yield from (".RS 4", ".nf")
                literal = True
            yield _escaped(line[6 if line.startswith("      ") else 4 :])
        elif bare.startswith("- "):
            term, _, text = bare[2:].partition(": ")
            yield from (".TP", _marked(term), _marked(text))
        else:
            yield _marked(bare)
    if literal:
        yield from (".fi", ".RE")


def _marked(text: str) -> str:
    """Text with `code` and **strong** in bold, *names* in italics."""
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*|\*[^*]+\*)", text)
    return "".join(
        f"\\f{'I' if part[0] == '*' and part[1] != '*' else 'B'}{_escaped(part.strip('`*'))}\\fR"
        if part and part[0] in "`*" and len(part) > 2
        else _escaped(part)
        for part in parts
    )


def _escaped(text: str) -> str:
    """Text that groff shows as it is, and whose hyphens can be copied."""
    plain = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("~", "\\(ti").replace("^", "\\(ha")
    )
    return f"\\&{plain}" if plain.startswith((".", "\\(aq")) else plain


def write(folder: Path) -> None:
    """Write all files below a folder."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
