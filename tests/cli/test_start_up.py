"""Start-up is quick: help, version and usage errors load none of the heavy libraries. And the last boundary holds."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from ups.cli import main as main_module
from ups.cli import upsscp
from ups.cli.console import Console, OutputFailed
from ups.cli.main import guarded, main
from ups.cli.processes import start

pytestmark = pytest.mark.once

HEAVY = ("pydicom", "lxml", "sqlalchemy", "cryptography", "ssl", "asyncio")
ROOT = Path(main_module.__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("program", "words", "status"),
    [
        ("main", ["-h"], 0),
        ("main", ["-V"], 0),
        ("main", [], 1),
        ("main", ["frobnicate", "S"], 1),
        ("main", ["find"], 1),
        ("main", ["find", "S", "-bogus"], 1),
        ("main", ["find", "S", "-iuid", "x"], 1),
        ("main", ["find", "S", "-r", "PatientName", "PatientID", "-state", "x"], 1),
        ("main", ["get", "S"], 1),
        ("main", ["-L", "ME"], 1),
        ("upsscp", ["-h"], 0),
        ("upsscp", ["-V"], 0),
        ("upsscp", [], 1),
        ("upsscp", ["-L", "ME:0", "--peer", "x"], 1),
    ],
)
def test_help_version_and_usage_errors_import_nothing_heavy(program: str, words: list[str], status: int) -> None:
    code = (
        f"import sys; from ups.cli.{program} import main; status = main({words!r}); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], status, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == f"[] {status}"


def test_a_find_that_ends_early_imports_nothing_heavy() -> None:
    code = (
        "import sys; from ups.cli.main import main; status = main(['find', 'X@127.0.0.1:1', '-connectTO', '1000']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], status, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[] 2"


def test_python_m_ups_is_dcmups() -> None:
    process = start("ups", "-V")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out.startswith("dcmups ")


def test_sigint_is_130() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start("ups", "find", f"X@127.0.0.1:{silent.getsockname()[1]}", "-acceptTO", "60000")
        connection, _ = silent.accept()
        with connection:
            connection.recv(10)  # the association request: it waits for the answer now
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "")


INTERRUPT = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, {handler})
class Interrupting:
    def find_spec(self, name, *_):
        if name == {when!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["program", "-V"]
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("module", "when"),
    [
        *(
            ("ups", name)
            for name in ("ups.cli.main", "dicomnet.records", "ups.cli.console", "dicomnet.codes", "ups.cli.options")
        ),
        *(("ups.cli.upsscp", name) for name in ("ups.cli.main", "dicomnet.records", "ups.cli.server_parser")),
    ],
)
def test_an_interrupt_while_the_program_is_loaded_is_no_traceback(module: str, when: str) -> None:
    def interrupted(handler: str) -> subprocess.CompletedProcess[str]:
        code = INTERRUPT.format(module=module, when=when, handler=handler)
        return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    done = interrupted("signal.default_int_handler")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    # What is started with SIGINT ignored goes on ignoring it.
    assert interrupted("signal.SIG_IGN").returncode == 0


@pytest.mark.parametrize("word", ["-V", "-h"])
@pytest.mark.parametrize(("module", "program"), [("ups", "dcmups"), ("ups.cli.upsscp", "upsscp")])
@pytest.mark.parametrize("path", ["/dev/full", None], ids=["full", "closed"])
def test_an_output_that_cannot_be_written_is_no_traceback(
    path: str | None, module: str, program: str, word: str
) -> None:
    if path is None:
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(path, os.O_WRONLY)
    done = subprocess.run(
        [sys.executable, "-m", module, word], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == (
        "" if path is None else f"{program}: cannot write to standard output: No space left on device\n"
    )


def test_a_terminal_that_cannot_show_a_name_gets_it_escaped() -> None:
    code = "from ups.cli.console import Console; Console('dcmups').result('M\\xfcller')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"M\\xfcller\n"


@pytest.mark.parametrize(("run", "program", "option"), [(main, "dcmups", "-vv"), (upsscp.main, "upsscp", "-v")])
@pytest.mark.parametrize("place", ["ups.cli.settings.load", "ups.cli.tls.secure"], ids=["no log yet", "log"])
def test_a_defect_is_two_lines_without_its_text_which_is_for_debugging(
    run: Callable[[Sequence[str]], int],
    program: str,
    option: str,
    place: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError("Doe^\nJane")

    monkeypatch.setattr(place, broken)
    if place == "ups.cli.tls.secure":
        monkeypatch.setattr("ups.cli.serving.secure", broken)
    monkeypatch.setattr(logging.getLogger("ups"), "handlers", [])  # a test with -vv leaves its log behind
    words = ["find", "S"] if program == "dcmups" else ["-L", "S:0", "--db", str(tmp_path / "x.db")]
    lines = [
        f"{program}: internal error: ZeroDivisionError",
        f"{program}: Please report this; {option} shows what and where, perhaps with patient data in it.",
    ]
    assert run(words) == 2
    assert capsys.readouterr().err.splitlines() == lines
    assert run([*words, option]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-2:] == lines
    assert said.count(f"{program}: Traceback (most recent call last):") == 1
    assert f"{program}: ZeroDivisionError: Doe^" in said


@pytest.mark.parametrize(
    ("run", "words", "shown"),
    [
        (main, "find S", False),
        (main, "find S -v", False),
        (main, "find S --verbose", False),
        (main, "find S -vv", True),
        (main, "-v find S -v", True),
        (main, "find S --verbose --verbose", True),
        (main, "find S --set WorklistLabel=x -v --verbose", True),
        (main, "find S --profile=-vv", False),
        (main, "find -- -vv", False),
        (upsscp.main, "-L S:0", False),
        (upsscp.main, "-L S:0 -v", True),
        (upsscp.main, "-L S:0 --verbose", True),
        (upsscp.main, "-L S:0 -v -v", True),
        (upsscp.main, "-L S:0 --db=-v", False),
    ],
)
def test_a_defect_before_the_log_begins_is_shown_to_who_asks_for_all_of_the_log(
    run: Callable[[Sequence[str]], int],
    words: str,
    shown: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr("ups.cli.settings.load", broken)
    monkeypatch.setattr(logging.getLogger("ups"), "handlers", [])
    assert run(words.split()) == 2
    said = capsys.readouterr().err
    assert "internal error: ZeroDivisionError" in said
    assert ("Traceback" in said) is shown


def test_a_defect_in_reading_the_words_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr("ups.cli.reading.group", broken)
    monkeypatch.setattr(logging.getLogger("ups"), "handlers", [])
    assert main(["find", "S", "-vv"]) == 2
    assert capsys.readouterr().err.startswith("dcmups: internal error: ZeroDivisionError\ndcmups: Please")


def test_an_interrupt_and_a_closed_output_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    def closed() -> int:
        raise OutputFailed("x", closed=True)

    assert guarded(Console("dcmups"), interrupted) == 130
    assert guarded(Console("dcmups"), closed) == 1
    assert capsys.readouterr().err == ""


def test_a_usage_error_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", "S", "-bogus"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "dcmups: unknown option -bogus\ndcmups: Try 'dcmups -h' for more information.\n"
