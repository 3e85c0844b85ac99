"""Every option, by every spelling, has its effect; and what is bad about one is one line, exit 1, and nothing sent.

The rows are in ``tests/cli/options``, a module for each kind of option; ``stage`` there says how to write one.
"""

from __future__ import annotations

import importlib
import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.options.stage import BAD, ROWS, Stage
from ups.cli.main import main
from ups.cli.option import Option
from ups.cli.options import PROGRAM
from ups.cli.words import Taking

pytestmark = pytest.mark.once

for module in sorted((Path(__file__).parent / "options").glob("*.py")):
    importlib.import_module(f"tests.cli.options.{module.stem}")

OPTIONS = {name: option for option in PROGRAM.options for name in option.names}
WORKING = "find S"
"""A command that an option can be added to."""


def bad_words(name: str) -> Iterator[tuple[str, str]]:
    """Words that are wrong because of this spelling, and a pattern for what is said."""
    option = OPTIONS[name]
    spelled = "|".join(map(re.escape, option.names))  # the line may name the option by its first spelling
    if option.taking is not Taking.NOTHING:
        for words in (f"{WORKING} {name}", f"{WORKING} {name} -dellock"):
            yield words, f"{re.escape(name)} needs a value"
        for one in BAD.get(option.name, ()):
            yield one.words.replace("{}", name), f"(?:.* and )?(?:{spelled}){one.says}"
    elif name.startswith("--"):
        yield f"{WORKING} {name}=x", f"{re.escape(name)} takes no value"
    for inexact in (f"{name}x", name[:-1]):
        if inexact not in (*OPTIONS, "-", "--"):
            yield f"{WORKING} {inexact}", f"unknown option {re.escape(inexact)}$"


@pytest.fixture
def stage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return Stage(capsys, monkeypatch, tmp_path)


@pytest.mark.parametrize("option", PROGRAM.options, ids=lambda option: option.name)
def test_every_option_has_a_row(option: Option) -> None:
    assert option.name in ROWS, f"{option.name} has no row in tests/cli/options that shows its effect"
    if option.taking is not Taking.NOTHING:
        assert option.name in BAD, f"{option.name} takes a value, and no row says which are bad"


def test_every_row_is_of_an_option() -> None:
    assert {*ROWS, *BAD} <= {option.name for option in PROGRAM.options}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_option_has_its_effect(name: str, stage: Stage) -> None:
    ROWS[OPTIONS[name].name](stage, name)


@pytest.mark.parametrize("name", OPTIONS)
def test_bad_input_is_one_line_and_nothing_is_sent(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        address = f"X@127.0.0.1:{silent.getsockname()[1]}"
        for words, says in bad_words(name):
            assert main([address if word == "S" else word for word in shlex.split(words)]) == 1, words
            out, err = capsys.readouterr()
            line, hint = err.splitlines()
            assert re.match(f"dcmups: {says}", line), words
            assert (out, hint) == ("", "dcmups: Try 'dcmups -h' for more information."), words
        with pytest.raises(BlockingIOError):
            silent.accept()
