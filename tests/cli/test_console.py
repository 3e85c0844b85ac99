"""What reaches a terminal: prefixes, streams, and no character that could do harm."""

from __future__ import annotations

import sys

import pytest

from ups.cli.console import Console, OutputFailed, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Müller^Jörg", "Müller^Jörg"),
        ("山田^太郎", "山田^太郎"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\r\nb", r"a\x0d\x0ab"),
        ("a\x00b", r"a\x00b"),
        ("a\x9bb", r"a\x9bb"),
        ("a\u202eb", r"a\u202eb"),
        ("a\u2028b", r"a\u2028b"),
        ("a\ud800b", r"a\ud800b"),
        ("a\U000e0001b", r"a\U000e0001b"),
        ("x" * 501, "x" * 500 + "... (501 characters)"),
    ],
)
def test_what_could_move_or_hide_text_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_results_go_to_one_stream_and_the_rest_to_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console("dcmups")
    console.result("a", "b")
    console.say("first", "sec\nond")
    console.warn("third")
    out, err = capsys.readouterr()
    assert out == "a\nb\n"
    assert err == "dcmups: first\ndcmups: sec\\x0aond\ndcmups: warning: third\n"


def test_standard_output_that_was_closed_at_the_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputFailed, match="it is closed") as caught:
        Console("dcmups").result("a")
    assert not caught.value.closed


def test_standard_error_that_was_closed_at_the_start_stops_nobody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    console = Console("dcmups")
    console.say("nobody hears this")
    console.result("a")
    assert capsys.readouterr().out == "a\n"


# -- how far it is ---------------------------------------------------------------------------------------------------

CLEAR = "\r\x1b[K"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def at_work(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console whose standard error is a terminal, and which has been at work for a while."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    console = Console("dcmups", now=clock)
    clock.now = 2.0
    return console


def test_progress_is_one_line_that_gives_way_to_others(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console = at_work(clock, monkeypatch)
    console.progress("1 match")
    console.progress("2 matches")  # too soon after the first
    clock.now += 0.3
    console.progress("3\x1b matches")
    console.warn("a")
    console.progress("4 matches")
    console.say("b")
    out, err = capsys.readouterr()
    shown = f"\rdcmups: 1 match\x1b[K\rdcmups: 3\\x1b matches\x1b[K{CLEAR}dcmups: warning: a\ndcmups: b\n"
    assert (out, err) == ("", shown)


def test_progress_gives_way_to_results_and_to_the_end(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console = at_work(clock, monkeypatch)
    console.progress("1 match")
    console.result("a")
    assert capsys.readouterr().err.endswith(CLEAR)
    clock.now += 1.0
    console.progress("2 matches")
    console.end_progress()
    console.end_progress()
    assert capsys.readouterr().err == f"\rdcmups: 2 matches\x1b[K{CLEAR}"


def test_no_progress_of_what_is_quick_nor_when_nobody_looks(
    capsys: pytest.CaptureFixture[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console("dcmups", now=clock)
    clock.now = 60.0
    console.progress("standard error is no terminal")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    console.quiet = True
    console.progress("wanted to be quiet")
    quick = Console("dcmups", now=clock)
    clock.now += 0.5
    quick.progress("just begun")
    assert capsys.readouterr().err == ""


def test_a_quiet_console_says_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console("dcmups")
    console.quiet = True
    console.tell("a")
    console.warn("b")
    console.complain("c")
    console.say("d")
    assert capsys.readouterr().err == "dcmups: warning: c\ndcmups: d\n"
