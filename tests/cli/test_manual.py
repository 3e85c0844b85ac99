"""The manual pages: nothing is missing, groff has nothing to say, and every example runs as it is written.

The examples of a page are typed into one shell. There the programs are those of this project, and the ports of the
examples are others, which are free now.
"""

from __future__ import annotations

import os
import queue
import re
import runpy
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest

from ups.cli import options, server_parser
from ups.cli.demo_files import write_files
from ups.cli.exits import Exit
from ups.cli.option import Program

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
PORTS = ("11112", "11113", "11114")
PAGES = ["dcmups.1", "upsscp.1", "dcmups.conf.5"]


@pytest.fixture(scope="module")
def pages() -> dict[str, Any]:
    """What ``docs/man/pages.py`` offers."""
    return runpy.run_path(str(ROOT / "docs" / "man" / "pages.py"))


@pytest.fixture(scope="module")
def made(pages: dict[str, Any]) -> dict[str, str]:
    """The pages and completions by name."""
    return {Path(name).name: text for name, text in pages["files"]().items()}


def bold(text: str) -> str:
    return "\\fB{}\\fR".format(text.replace("-", "\\-"))


@pytest.mark.parametrize("program", [options.PROGRAM, server_parser.PROGRAM], ids=lambda program: program.name)
def test_a_page_has_every_option_in_every_spelling(program: Program, made: dict[str, str]) -> None:
    text = made[f"{program.name}.1"]
    assert text.count(".SH OPTIONS\n") == 1
    for option in program.options:
        for name in option.names:
            assert bold(name) in text, name
    for name, _ in program.operations:
        assert bold(name) in text.partition(".SH OPERATIONS\n")[2]


def test_the_page_of_the_configuration_has_every_key_and_every_variable(made: dict[str, str]) -> None:
    keys = made["dcmups.conf.5"].partition(".SH KEYS\n")[2]
    for program in (options.PROGRAM, server_parser.PROGRAM):
        for option in program.options:
            if not option.settable:
                continue
            for name in option.names:
                assert bold(name.lstrip("-")) in keys, name
                if name.startswith("--") and program is options.PROGRAM:
                    assert f"DCMUPS_{name[2:].upper().replace('-', '_')}\\fR" in keys, name


def test_the_page_has_every_exit_status_with_an_example(pages: dict[str, Any]) -> None:
    written = "\n".join(pages["sections"]("dcmups")["EXIT STATUS"])
    entries = dict(re.findall(r"^- `(\d+)`: .*\n\n((?:      .*\n)+)", written, re.MULTILINE))
    assert set(map(int, entries)) == set(map(int, Exit))
    for status, lines in entries.items():
        assert expected(lines.splitlines()[-1]) == int(status)


@pytest.mark.parametrize("name", PAGES)
def test_groff_shows_a_page_without_a_warning(
    name: str, made: dict[str, str], tmp_path: Path, missing: Callable[[str], NoReturn]
) -> None:
    if shutil.which("groff") is None:
        missing("groff is not here")
    path = tmp_path / name
    path.write_text(made[name], "utf-8")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tascii", "-Kutf8", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert made[name].isascii()


# --- examples --------------------------------------------------------------------------------------------------------


def blocks(lines: list[str]) -> Iterator[list[str]]:
    """The indented parts of a section."""
    block: list[str] = []
    for line in [*lines, "end"]:
        if line.startswith("    "):
            block.append(line.strip())
        elif block and line:
            yield block
            block = []
        elif block:
            block.append("")


def expected(command: str) -> int:
    """The exit status that the example says it has."""
    found = re.search(r"# exit status (\d+)", command)
    return int(found[1]) if found else 0


class Shell:
    """A bash that gets one line after the other."""

    def __init__(self, folder: Path, ports: Mapping[str, str]) -> None:
        self.ports = ports
        self._statuses, statuses = os.pipe()
        environment = {name: value for name, value in os.environ.items() if name != "DICOMNET_CONFIG"}
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=environment
            | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
            | {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("CONFIG", "DATA")},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(statuses,),
            text=True,
        )
        os.close(statuses)
        self._number = statuses
        self._said: queue.Queue[str | None] = queue.Queue()
        self.log: list[str] = []
        self._thread = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._thread.start()

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            self.log.append(line)
            self._said.put(line)
        self._said.put(None)

    def run(self, command: str) -> int:
        """The exit status of a command; of one in the background when it is ready."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\necho $? >&{self._number}\n")
        self._process.stdin.flush()
        status = int(os.read(self._statuses, 16))
        while command.endswith("&") and " listening on " not in (line := self._said.get(timeout=PATIENCE) or "end"):
            assert line != "end", self.log
        return status

    def close(self) -> None:
        """End it and what still runs in it."""
        assert self._process.stdin is not None
        self._process.stdin.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._thread.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        os.close(self._statuses)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """With the programs of this project, the files of the examples, and free ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    free = {port: str(listener.getsockname()[1]) for port, listener in zip(PORTS, sockets, strict=True)}
    for listener in sockets:
        listener.close()
    (tmp_path / "bin").mkdir()
    mapped = '"${args[@]}"'
    for name, command in (
        ("dcmups", f"exec {sys.executable} -m ups"),
        ("upsscp", f"exec {sys.executable} -m ups.cli.upsscp"),
        ("echoscu", f"exec {shutil.which('echoscu')}"),
    ):
        script = tmp_path / "bin" / name
        changes = "\n".join(f'args=("${{args[@]//{port}/{other}}}")' for port, other in free.items())
        script.write_text(f'#!/bin/bash\nexport PYTHONPATH={ROOT}\nargs=("$@")\n{changes}\n{command} {mapped}\n')
        script.chmod(0o755)
    examples = tmp_path / "share" / "doc" / "dicomnet" / "examples"
    examples.mkdir(parents=True)
    write_files(examples)
    (tmp_path / "CONFIG" / "dicomnet").mkdir(parents=True)
    started = Shell(tmp_path, free)
    yield started
    started.close()


def play(shell: Shell, folder: Path, block: list[str]) -> None:
    """Run the commands of an example, or put the configuration that it is into its place."""
    if block[0].startswith("["):
        text = "\n".join(block)
        for port, other in shell.ports.items():
            text = text.replace(port, other)
        (folder / "CONFIG" / "dicomnet" / "config.toml").write_text(text)
        return
    for command in filter(None, block):
        before = len(shell.log)
        assert shell.run(command) == expected(command), (command, shell.log[before:])


@pytest.mark.parametrize("name", ["dcmups", "upsscp", "dcmups.conf"])
@pytest.mark.timeout(300)
def test_every_example_runs_as_it_is_written(
    name: str, pages: dict[str, Any], shell: Shell, tmp_path: Path, missing: Callable[[str], NoReturn]
) -> None:
    if name == "upsscp" and shutil.which("echoscu") is None:
        missing("echoscu of DCMTK is not here")
    written = pages["sections"](name)
    if name == "dcmups.conf":  # what it configures serves
        play(shell, tmp_path, next(blocks(written["EXAMPLES"])))
        play(shell, tmp_path, ["upsscp &"])
    for block in [*blocks(written["EXAMPLES"]), *blocks(written.get("EXIT STATUS", []))]:
        play(shell, tmp_path, block)
