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
