"""Text that fits: measured as a terminal does, cut and wrapped without losing a column; and when there is colour."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ups.cli.console import Console, printable
from ups.cli.terminal import Terminal, cut, for_people, padded, terminal, width_of, wrapped

pytestmark = pytest.mark.once

TEXTS = st.text(st.sampled_from("ab ü山田ﾔ한e\u0301\u1112\u1161🩻\u20dd　") | st.characters()).map(
    lambda text: printable(text, 10_000)
)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("Müller", 6),
        ("Mu\u0308ller", 6),
        ("山田^太郎", 9),
        ("ﾔﾏﾀﾞ", 4),
        ("한국", 4),
        ("\u1112\u1161\u11ab", 2),
        ("🩻", 2),
        ("　", 2),
    ],
)
def test_characters_take_the_columns_that_they_take(text: str, columns: int) -> None:
    assert width_of(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("Doe", 3, "Doe"),
        ("Doe^Jane", 5, "Doe^…"),
        ("山田太郎", 8, "山田太郎"),
        ("山田太郎", 7, "山田太…"),
        ("山田太郎", 6, "山田…"),
        ("Mu\u0308ller", 3, "Mu\u0308…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_cut(text: str, columns: int, shown: str) -> None:
    assert cut(text, columns) == shown


@given(TEXTS, st.integers(0, 30))
def test_what_is_cut_and_padded_fills_its_column(text: str, columns: int) -> None:
    shown = cut(text, columns)
    assert width_of(shown) <= columns
    assert width_of(padded(shown, columns)) == columns
    assert shown == text or width_of(text) > columns


@given(TEXTS, st.integers(2, 30))
def test_what_is_wrapped_fits_and_is_whole(text: str, columns: int) -> None:
    lines = wrapped(text, columns)
    assert lines
    assert all(width_of(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_wrapped_breaks_at_spaces() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("onetwothree", 4) == ["onet", "woth", "ree"]
    assert wrapped("山田太郎", 5) == ["山田", "太郎"]


def test_what_a_terminal_does_not_have_is_escaped_before_it_is_measured() -> None:
    assert Terminal(encoding="latin-1").shown("Müller 山") == "Müller \\u5c71"
    assert (Terminal(encoding="latin-1").more, Terminal(encoding="UTF-8").more) == ("~", "…")


@pytest.mark.parametrize(
    ("is_terminal", "environment", "option", "coloured"),
    [
        (True, {}, "auto", True),
        (True, {"NO_COLOR": ""}, "auto", True),
        (True, {"NO_COLOR": "1"}, "auto", False),
        (True, {"TERM": "dumb"}, "auto", False),
        (True, {"NO_COLOR": "1"}, "always", True),
        (True, {}, "never", False),
        (False, {}, "auto", False),
        (False, {}, "always", True),
    ],
)
def test_colour_is_for_terminals_and_for_who_wants_it(
    is_terminal: bool, environment: dict[str, str], option: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    console = Console("dcmups")
    assert terminal(console, option).coloured == coloured
    assert ("\x1b[" in terminal(console, option).heading("x")) == coloured
    assert for_people(console, option) == (is_terminal or option == "always")


@pytest.mark.parametrize(("columns", "width"), [("132", 132), ("1", 20), ("0", 80), ("x", 80), ("", 80)])
def test_the_width_is_that_of_the_environment_or_80(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal(Console("dcmups"), "auto").width == width


def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 1)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((97, 30)))
    assert terminal(Console("dcmups"), "auto").width == 97
