"""Completion, as the shells themselves have it: what each offers for a command line."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from ups.cli import options, server_parser, upsscp
from ups.cli.main import main
from ups.cli.words import Taking

pytestmark = pytest.mark.once

MAINS = {"dcmups": main, "upsscp": upsscp.main}
PROGRAMS = {"dcmups": options.PROGRAM, "upsscp": server_parser.PROGRAM}

Offer = Callable[[str], list[str]]


@pytest.fixture(params=["bash", "zsh", "fish"])
def offer(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    missing: Callable[[str], NoReturn],
) -> Offer:
    """What a shell would put in place of the last word of a line."""
    shell = request.param
    if shutil.which(shell) is None:
        missing(f"no {shell} is here")
    for program, run_main in MAINS.items():
        assert run_main(["--completion", shell]) == 0
        (tmp_path / f"_{program}").write_text(capsys.readouterr().out)
    (tmp_path / "data.xml").touch()

    def ask(line: str) -> list[str]:
        program = line.split()[0]
        if shell == "bash":
            words = shlex.split(line) + ([""] if line.endswith(" ") else [])
            code = (
                f"source ./_{program}; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; "
                f'_shtab_{program}; printf "%s\\n" "${{COMPREPLY[@]}}"'
            )
            command = ["bash", "--norc", "-c", code]
        elif shell == "zsh":
            command = ["zsh", "-f", str(Path(__file__).with_name("capture.zsh")), str(tmp_path), line]
        else:
            command = ["fish", "--no-config", "-c", f"source _{program}; complete -C {shlex.quote(line)}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert done.stderr == ""
        offered = [entry.split("\t")[0] for entry in done.stdout.splitlines() if entry]
        return sorted({entry.replace("\\ ", " ") for entry in offered})

    return ask


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dcmups fi", ["find"]),
        ("dcmups s", ["set", "subscribe", "suspend"]),
        ("upsscp con", ["config"]),
        ("dcmups find S -findprior ", ["HIGH", "LOW", "NORMAL"]),
        ("dcmups find S --find-priority N", ["NORMAL"]),
        ("dcmups find S -state I", ["IN PROGRESS"]),
        ("dcmups find --state SC", ["SCHEDULED"]),
        ("dcmups create S -iuid 1.2 -f da", ["data.xml"]),
        ("dcmups create S --file da", ["data.xml"]),
        ("upsscp --db da", ["data.xml"]),
        ("dcmups --completion z", ["zsh"]),
    ],
)
def test_a_shell_offers_operations_values_and_files(line: str, offered: list[str], offer: Offer) -> None:
    assert offer(line) == offered


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_shell_offers_every_spelling_of_every_option(program: str, offer: Offer) -> None:
    names = {name for option in PROGRAMS[program].options for name in option.names}
    found = {name for start in ("-", "--") for name in offer(f"{program} {start}")}
    assert names - found == set()
    assert found - names == set()


def test_a_spelling_can_be_completed_behind_other_words(offer: Offer) -> None:
    assert offer("dcmups find S -iuid 1.2 -conn") == ["-connectTO"]
    assert offer("dcmups find S --response-t") == ["--response-timeout"]


def test_a_shell_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", "tcsh"]) == 1
    assert capsys.readouterr().err.startswith(
        "dcmups: --completion: 'tcsh' is no shell that is known; there are bash, zsh, fish\n"
    )


def test_options_that_take_a_file_are_known_by_their_metavar() -> None:
    takes = [
        option.name
        for program in PROGRAMS.values()
        for option in program.options
        if option.taking is Taking.VALUE and option.metavar and "FILE" in option.metavar
    ]
    assert {"-f", "--db"} <= set(takes)
