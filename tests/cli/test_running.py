"""--exec: every event gets its command, in order, within bounds, whatever the commands do."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dicomnet.steps import Pause
from ups.cli import running
from ups.cli.console import Console
from ups.cli.processes import PATIENCE, Server
from ups.cli.running import CommandLimits, EventRunner

from .test_listening import link_to, send

pytestmark = pytest.mark.once

U = "1.2.3"


def run(
    command: list[str], events: list[tuple[str, str]], seconds: float | None = 30.0, limits: CommandLimits | None = None
) -> None:
    """Pass these events, each a workitem and a text, and wait for the end."""

    async def work() -> None:
        runner = EventRunner(command, seconds, Console("dcmups"), limits)
        for workitem, text in events:
            runner.submit(workitem, f"event 1 of {workitem}", text)
        await runner.finish(asyncio.Event())

    asyncio.run(work())


def test_each_event_is_the_whole_input_of_one_command_in_order(tmp_path: Path) -> None:
    told = tmp_path / "told"
    run(["sh", "-c", 'cat >> "$0"', str(told)], [(U, f"event {number}") for number in range(10)])
    assert told.read_text().splitlines() == [f"event {number}" for number in range(10)]


def test_the_words_are_no_shells_and_what_is_printed_is_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    run(["echo", "$HOME; *", "`x`"], [(U, "")])
    out, err = capfd.readouterr()
    assert (out, err) == ("", "$HOME; * `x`\n")


def test_the_environment_is_ours_and_the_session_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEN_BY_COMMAND", "yes")
    told = tmp_path / "told"
    run(["sh", "-c", 'echo "$SEEN_BY_COMMAND $(cut -d" " -f6 /proc/$$/stat) $$" > "$0"', str(told)], [(U, "")])
    seen, session, process = told.read_text().split()
    assert (seen, session) == ("yes", process)


@pytest.mark.parametrize(
    ("command", "warning"),
    [
        (["sh", "-c", "exit 3"], "ended with status 3"),
        (["sh", "-c", "kill -9 $$"], "was ended by signal 9"),
        (["/no/such/command"], "cannot be started: No such file or directory"),
        (["/"], "cannot be started: Permission denied"),
        (["sh", "\0"], "cannot be started: embedded null byte"),
    ],
)
def test_a_failure_is_a_warning_for_each_event(
    command: list[str], warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(command, [(U, "a"), (U, "b")])
    line = f"dcmups: warning: the command of --exec for event 1 of {U} {warning}\n"
    assert capsys.readouterr().err == line * 2


def test_who_does_not_read_its_input_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    run(["true"], [(U, "x" * 1_000_000)])
    assert capsys.readouterr().err == ""


def is_gone(pid: int) -> bool:
    """Whether this process has ended, or does so soon."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE)[0])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("trap", ["", 'trap "" TERM; '], ids=["", "deaf"])
def test_one_that_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, trap: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "_GRACE", 0.2)
    pids = tmp_path / "pids"
    run(["sh", "-c", f'{trap}sleep 1000 & echo $$ $! > "$0"; wait; wait', str(pids)], [(U, "a")], seconds=1.5)
    line = f"the command of --exec for event 1 of {U} took longer than 1.5 s (--exec-timeout) and was ended\n"
    assert capsys.readouterr().err == f"dcmups: warning: {line}"
    for pid in map(int, pids.read_text().split()):
        assert is_gone(pid)


class Paced(EventRunner):
    """Runs nothing: each event ends when the test says so."""

    def __init__(self, limits: CommandLimits | None = None) -> None:
        super().__init__(["x"], None, Console("dcmups"), limits)
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    async def _run(self, waiting: running._Waiting) -> None:
        self.begun.append(waiting.name)
        gate = self.gates[waiting.name] = asyncio.Event()
        await gate.wait()

    async def end(self, *names: str) -> None:
        for name in names:
            self.gates[name].set()
        await settled()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def paced(test: Callable[[Paced], Awaitable[None]], limits: CommandLimits | None = None) -> None:
    async def work() -> None:
        await test(Paced(limits))

    asyncio.run(work())


def test_workitems_have_their_commands_side_by_side_within_the_bound_and_each_in_order() -> None:
    async def test(runner: Paced) -> None:
        for number in (1, 2, 3):
            for workitem in "abc":
                runner.submit(workitem, f"{workitem}{number}", "")
        await settled()
        assert runner.begun == ["a1", "b1"]
        await runner.end("a1")
        assert runner.begun == ["a1", "b1", "c1"]  # a2 has its turn behind those who had none
        await runner.end("b1", "c1")
        assert runner.begun[3:] == ["a2", "b2"]
        await runner.end("b2", "a2")
        await runner.end("c2", runner.begun[-1])
        await runner.end(*(name for name in runner.begun if not runner.gates[name].is_set()))
        await runner.end(*(name for name in runner.begun if not runner.gates[name].is_set()))
        for workitem in "abc":
            assert [name for name in runner.begun if name[0] == workitem] == [f"{workitem}{n}" for n in (1, 2, 3)]
        await runner.finish(asyncio.Event())

    paced(test, CommandLimits(at_once=2))


@pytest.mark.parametrize("limits", [CommandLimits(events=2), CommandLimits(bytes=12)])
def test_the_peer_waits_when_there_is_no_room(limits: CommandLimits) -> None:
    async def test(runner: Paced) -> None:
        assert list(runner.room()) == []
        runner.submit("a", "a1", "12345")
        assert list(runner.room()) == []
        runner.submit("b", "b1", "12345")
        waiting = runner.room()
        assert isinstance(next(waiting), Pause)
        assert isinstance(waiting.send(None), Pause)
        await settled()
        await runner.end("a1")
        with pytest.raises(StopIteration):
            waiting.send(None)
        await runner.end("b1")

    paced(test, limits)


def test_who_gives_up_is_told_how_many_were_left(capsys: pytest.CaptureFixture[str]) -> None:
    async def test(runner: Paced) -> None:
        for number in range(7):
            runner.submit(f"{number}", f"e{number}", "")
        give_up = asyncio.Event()
        end = asyncio.ensure_future(runner.finish(give_up))
        await settled()
        await runner.end("e0")
        assert not end.done()
        give_up.set()
        await end
        assert runner.begun == ["e0", "e1", "e2", "e3", "e4"]

    paced(test)
    assert capsys.readouterr().err == "dcmups: warning: 6 event(s) were not, or not wholly, passed to --exec\n"


def test_a_listener_passes_each_event_as_json_and_answers_as_it_is_told(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = shlex.join(["sh", "-c", 'cat >> "$0"; echo heard; exit 3', str(told)])
    words = ("-L", "WATCHER@127.0.0.1:0", "--exec", command, "--status", "0110")
    with Server("ups", *words) as listener:
        with link_to(listener) as link:
            assert [send(link, event_type).status for event_type in (1, 3, 6)] == [0x0110, 0x0110, 0x0113]
        assert listener.end() == 0
    first, second = map(json.loads, told.read_text().splitlines())
    assert (first["event"], first["event_type"], first["uid"]) == ("UPS State Report", 1, U)
    assert (first["state"], first["calling_ae"]) == ("IN PROGRESS", "SCP")
    assert first["attributes"]["00741000"]["Value"] == ["IN PROGRESS"]
    assert second["event_type"] == 3
    assert "6.6.6" not in told.read_text()  # the Transaction UID that the peer sent
    assert [line for line in listener.said if line == "heard"] == ["heard"] * 2
    warning = f"dcmups: warning: the command of --exec for event 1 of {U} ended with status 3"
    assert warning in listener.said
    heads = [line for line in listener.rest() if line.startswith("event ")]
    assert heads == [f"event 1 UPS State Report: {U}", f"event 3 UPS Progress Report: {U}"]


def test_a_command_that_is_not_there_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    from ups.cli.main import main

    assert main(["-L", "WATCHER@127.0.0.1:0", "--exec", "no-such-command 1"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert err == [
        "dcmups: --exec: there is no command 'no-such-command'",
        "dcmups: Try 'dcmups -h' for more information.",
    ]
