"""``dcmups``: from the words of the command line to the exit status.

Imports only what the grammar needs; everything that waits, decodes or draws in a library comes in once the command
line is known to be good.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ups.cli.console import Console, OutputFailed
from ups.cli.exits import Exit
from ups.cli.options import PROGRAM
from ups.cli.reading import grant, verbosity, wished
from ups.cli.words import UsageError

if TYPE_CHECKING:
    from ups.cli.option import Program
    from ups.cli.parser import CommandLine

__all__ = ["guarded", "main"]


def main(words: Sequence[str]) -> int:
    """Run ``dcmups`` with these words and return its exit status."""
    console = Console(PROGRAM.name)
    return guarded(console, lambda: _run(words, console), words)


def guarded(
    console: Console, work: Callable[[], int], words: Sequence[str] = (), program: Program = PROGRAM, most: int = 2
) -> int:
    """Run ``work`` and turn whatever ends it into an exit status and a line; the outermost boundary of a program.

    ``words`` are the command line of the ``program``, whose log shows everything when it is asked ``most`` times to.
    """
    try:
        return work()
    except UsageError as error:
        console.say(str(error), f"Try '{console.program} -h' for more information.")
        return Exit.BAD_INPUT
    except OutputFailed as error:
        if not error.closed:
            console.say(str(error))
        return Exit.BAD_INPUT
    except KeyboardInterrupt:
        console.end_progress()
        return Exit.INTERRUPTED
    except SystemExit as end:  # the demo, when it is told to end
        return end.code if isinstance(end.code, int) else Exit.DONE
    except Exception as error:  # noqa: BLE001 - a defect of ours must not reach the user as a traceback
        _log_defect(console, lambda: verbosity(program, words) >= most)
        console.say(  # the text of any exception may quote what a peer or a file said, or a secret
            f"internal error: {type(error).__name__}",
            f"Please report this; -{'v' * most} shows what and where, perhaps with patient data in it.",
        )
        return Exit.NO_ASSOCIATION


def _log_defect(console: Console, asked: Callable[[], bool]) -> None:
    import logging

    if logging.getLogger("ups").handlers:
        logging.getLogger("ups.cli").debug("internal error", exc_info=True)
        return
    with contextlib.suppress(Exception):  # the reading of words may be what is broken
        if asked():  # the log had not begun
            import traceback

            console.say(*traceback.format_exc().splitlines())


def _is_attribute(word: str) -> bool:
    from ups.cli.inputs import is_attribute

    return is_attribute(word)


def _run(words: Sequence[str], console: Console) -> int:
    wish = wished(PROGRAM, words)
    if wish is not None:
        grant(wish, PROGRAM, console)
        return Exit.DONE
    from ups.cli import settings
    from ups.cli.parser import Inquiry, parse
    from ups.cli.tls_inquiry import TlsInquiry

    line = parse(words, is_attribute=_is_attribute, load=settings.load)
    if isinstance(line, Inquiry):
        from ups.cli.config_check import check

        return check(PROGRAM, line.reading, line.alias, console)
    console.quiet = line.quiet
    console.warn(*line.warnings)
    if isinstance(line, TlsInquiry):
        from ups.cli.tls_check import tls_check

        try:
            return tls_check(line, console)
        except UsageError as error:
            raise settings.blame(PROGRAM, error, line.settled) from error
    if line.demo:
        from ups.cli.demo import demo

        return demo(console)
    try:
        return _work(line, console)
    except UsageError as error:
        raise settings.blame(PROGRAM, error, line.settled) from error


def _work(line: CommandLine, console: Console) -> int:
    """Inputs first, all of them; then the association."""
    from dicomnet.errors import DicomNetError
    from ups.cli import calling, inputs, log
    from ups.cli.events import event_handler
    from ups.cli.forms import results_for
    from ups.cli.operations import Operation
    from ups.cli.outcome import exit_of_error, lines_of_error
    from ups.cli.tls import secure

    transcript = log.start_log(console, line.verbose, quietest=log.ERROR if line.quiet else log.WARNING)
    content = None if line.operation is None else inputs.gather(line, line.operation)
    tls = secure(line.tls, console, calls=line.operation is not None, listens=line.listens)
    results = results_for(line, content, console)
    prepared, operation = None, None
    if line.operation is not None and content is not None:
        console.warn(*content.warnings)
        prepared = calling.prepare(line, line.operation, transcript, tls.client)
        inputs.take_claim(content, line, line.operation)
        if content.made_transaction is not None:
            results.transaction(content.made_transaction, line.operation.name, content.instance)
        operation = Operation(line, line.operation, content, results)
    try:
        if line.local is not None and line.listens:
            from ups.cli.listening import listen

            return listen(line, line.local, results, prepared, operation, tls.server)
        if prepared is None or operation is None:
            raise UsageError("there is nothing to do")
        return calling.call(prepared, operation, event_handler(results, also=[operation.note]), console)
    except DicomNetError as error:
        peer = str(prepared.endpoint) if prepared else str(line.calling_ae_title)
        console.say(*lines_of_error(error, peer, plain=prepared is None or prepared.plain))
        return exit_of_error(error)
    finally:
        if operation is not None:
            operation.end()
