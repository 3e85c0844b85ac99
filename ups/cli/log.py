"""The log of -v and -vv: one escaped line per record on standard error; a data set only ever at -vv.

At -v who was called and what came of it, at -vv every PDU (without payload) and every transition as well. Without
either, warnings of the layers below still get the program's name before them. Lines of one kind that come in masses are
counted instead (see ``repeats``).
"""

from __future__ import annotations

import logging
from logging import ERROR, WARNING

from dicomnet.ul import Transcript
from dicomnet.ul.transcript import Direction, Octets, Step
from dicomnet.wire.describe import describe
from ups.cli.console import Console
from ups.cli.repeats import Repeats

__all__ = ["ERROR", "WARNING", "LoggingTranscript", "start_log"]

_log = logging.getLogger("dicomnet.wire")


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console, repeats: Repeats) -> None:
        super().__init__()
        self._console = console
        self._repeats = repeats

    def flush(self) -> None:
        """Called when the program ends: what was held back is told now or never."""
        self._console.say(*self._repeats.summaries(end=True))

    def emit(self, record: logging.LogRecord) -> None:
        self._console.say(*self._repeats.summaries())
        if not self._repeats.admits(record):
            return
        lines = [record.getMessage()]  # one line, whatever a peer's text in it has
        if record.exc_info is not None and record.exc_info[0] is not None:
            lines += logging.Formatter().formatException(record.exc_info).split("\n")
        self._console.say(*lines)


class LoggingTranscript(Transcript):
    """Writes what passes to the log and keeps nothing."""

    def __init__(self) -> None:
        super().__init__(max_bytes=0, max_transitions=0)

    def note_octets(self, now: float, direction: Direction, data: bytes) -> None:
        """Log the PDUs in these bytes."""
        for pdu in Octets(now, direction, data).pdus():
            for line in f"{direction} {describe(pdu)}".splitlines():
                _log.debug("%s", line)

    def note_step(self, step: Step) -> None:
        """Log a transition."""
        _log.debug("%s", step.label)


def start_log(
    console: Console, verbose: int, *, quietest: int = WARNING, repeats: Repeats | None = None
) -> Transcript | None:
    """Send the log of our packages to the console, ``quietest`` and up; at -vv make the transcript for the driver."""
    level = max(logging.DEBUG, quietest - 10 * verbose)
    handler = _ConsoleHandler(console, repeats or Repeats())
    for name in ("dicomnet", "ups"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
    return LoggingTranscript() if verbose >= 2 else None
