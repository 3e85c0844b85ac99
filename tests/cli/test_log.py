"""The log on standard error: lines that come in masses."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from dicomnet.ul.transcript import Direction
from dicomnet.wire import AAssociateAC, encode_pdu
from ups.cli.console import Console
from ups.cli.log import start_log
from ups.cli.repeats import Repeats

_log = logging.getLogger("dicomnet.test")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The time by which a log of three lines of a kind in ten seconds is kept."""
    made = Clock()
    loggers = [logging.getLogger(name) for name in ("dicomnet", "ups")]
    before = [(list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    start_log(Console("upsscp"), 0, quietest=logging.INFO, repeats=Repeats(3, 10.0, now=made))
    yield made
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.mark.parametrize(("count", "shown"), [(3, 3), (4, 3), (2000, 3)])
def test_what_repeats_is_shown_a_few_times(
    clock: Clock, capsys: pytest.CaptureFixture[str], count: int, shown: int
) -> None:
    for number in range(count):
        _log.info("request from %s", number)
    assert capsys.readouterr().err.splitlines() == [f"upsscp: request from {number}" for number in range(shown)]


def test_what_was_held_back_is_counted_in_one_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2000):
        _log.info("request from %s", number)
    capsys.readouterr()
    clock.now += 9.9
    _log.info("another kind")
    assert capsys.readouterr().err == "upsscp: another kind\n"
    clock.now += 0.1
    _log.info("request from %s", "late")
    expected = ["upsscp: 1997 more like this in 10 s: request from 1999", "upsscp: request from late"]
    assert capsys.readouterr().err.splitlines() == expected
    clock.now += 20
    _log.info("another kind")
    assert capsys.readouterr().err == "upsscp: another kind\n"


def test_what_is_held_back_at_the_end_is_told_then(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        _log.warning("request from %s", number)
    capsys.readouterr()
    handler = logging.getLogger("dicomnet").handlers[0]
    handler.flush()
    assert capsys.readouterr().err == "upsscp: 2 more like this in 0 s: request from 4\n"
    handler.flush()
    assert capsys.readouterr().err == ""


def test_what_is_for_researchers_is_not_limited(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("dicomnet").setLevel(logging.DEBUG)
    for number in range(10):
        _log.debug("PDU %d", number)
    assert len(capsys.readouterr().err.splitlines()) == 10


def test_a_line_of_a_peers_making_is_no_line_of_the_log(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    _log.warning("it says %s", "x\nupsscp: all is well\x85\x1b[2J")
    assert capsys.readouterr().err == "upsscp: it says x\\x0aupsscp: all is well\\x85\\x1b[2J\n"


def test_a_title_in_a_pdu_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    loggers = [logging.getLogger(name) for name in ("dicomnet", "ups")]
    before = [(list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    transcript = start_log(Console("dcmups"), 2)
    try:
        assert transcript is not None
        for title in ("\x1b[2J\x1b[31mX", "A\ndcmups: x", "\x9b31m\x85\x0b\x0c\x1cB", "\u00ad\x00\x7f"):
            transcript.note_octets(0.0, Direction.RECEIVED, encode_pdu(AAssociateAC(title, title)))
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.propagate = propagate
    lines = capsys.readouterr().err.split("\n")[:-1]
    assert [line for line in lines if "31mX" in line]
    assert [line for line in lines if not line.startswith("dcmups: ") or not line.isprintable()] == []
    assert "dcmups: dcmups: x" not in lines
    assert "dcmups: x" not in lines
