"""Completion, as the shells themselves have it: what each offers for a command line."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
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
                f"function=$(complete -p {program}); function=${{function##*-F }}; "
                f"${{function% *}} {program} {shlex.join(words[-1:])} {shlex.join(words[-2:-1])}; "
                f'printf "%s\\n" "${{COMPREPLY[@]}}"'
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


@pytest.fixture
def aliases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with aliases, for a ``dcmups`` that the shells find."""
    config = tmp_path / "config.toml"
    names = ("ris", "ris2", "pacs", "'$(touch${IFS}x)'")
    config.write_text("".join(f"[ae.{name}]\naddress = 'S@h:1'\n" for name in names))
    monkeypatch.setenv("DICOMNET_CONFIG", str(config))
    stub = tmp_path / "bin" / "dcmups"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/started\nexec {sys.executable} -m ups "$@"\n')
    stub.chmod(0o700)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return config


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dcmups find @r", ["@ris", "@ris2"]),
        ("dcmups find @", ["@pacs", "@ris", "@ris2"]),
        ("dcmups find -v @p", ["@pacs"]),
        ("dcmups tls-check @p", ["@pacs"]),
        ("dcmups find @ris -conn", ["-connectTO"]),
        ("dcmups fi", ["find"]),
    ],
)
def test_a_shell_offers_the_aliases_of_the_configuration(
    line: str, offered: list[str], aliases: Path, offer: Offer
) -> None:
    assert offer(line) == offered
    assert (aliases.parent / "started").exists() == line.split()[-1].startswith("@")
    assert not (aliases.parent / "x").exists()


def test_a_configuration_that_is_wrong_or_not_there_is_no_matter(aliases: Path, offer: Offer) -> None:
    aliases.write_text("[ae.ris]\naddress = 'S@h:1'\nnonsense = 1\n")
    assert offer("dcmups find @") == ["@ris"]
    aliases.write_text("[ae.ris")
    assert offer("dcmups find @") == []
    aliases.unlink()
    assert offer("dcmups find @") == []


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
