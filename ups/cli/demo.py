"""``dcmups demo``: three workflows with an SCP of its own, through the real command line, over TCP.

Every command is a process: the SCP (on a free loopback port, with a temporary database), two listeners, and each step.
Nothing waits by sleeping: servers are up when they say so, events have come when a listener prints them.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
import tempfile
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import NoReturn

from dicomnet import uids
from ups.cli.console import Console, printable
from ups.cli.demo_files import write_files
from ups.cli.demo_script import LISTENERS, RESTART, UIDS, Expected, Step, workflows
from ups.cli.exits import Exit
from ups.cli.processes import Server, StuckError, run

__all__ = ["demo"]

_SHOWN_LINES = 8
_GOES_DOWN = "event 4 "


def demo(console: Console) -> int:
    """Run the workflows; 0 only if every outcome was the expected one."""
    steps = differences = 0
    with contextlib.suppress(ValueError):  # not in the main thread: whoever runs us there ends us
        signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="dcmups-demo-") as folder, ExitStack() as stack:
        try:
            stage = _Stage(Path(folder), stack)
            for workflow in workflows():
                console.result("", workflow.title, "=" * len(workflow.title))
                for step in workflow.steps:
                    steps += 1
                    differences += _play(console, stage, step)
        except StuckError as error:
            console.say(str(error))
            return Exit.BAD_INPUT
        differences += _leftovers(console, stage)
    if differences:
        console.result("", f"{differences} of {steps} outcomes not as expected")
        return Exit.BAD_INPUT
    console.result("", f"{steps} outcomes, all as expected")
    return Exit.DONE


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End by way of the stack: the SCP and the listeners are processes that would outlive us, the folder files."""
    raise SystemExit(128 + number)


def _play(console: Console, stage: _Stage, step: Step) -> bool:
    """Run one step and show it; whether its outcome differs from the expected one."""
    console.result("", f"{step.number}  {step.story}")
    if step.command == RESTART:
        console.result("$ upsscp is stopped by SIGTERM and started again")
        status, printed = stage.restart(), ""
    else:
        words = shlex.split(stage.fill(step.command))
        console.result(printable(f"$ dcmups {shlex.join(words)}"))
        status, out, err = run(*words)
        printed = out + err
        for line in _shortened(printed.splitlines()):
            console.result(f"  {printable(line)}")
    wrong = [] if status == step.exit else [f"exit status {step.exit}"]
    wrong += [f"{text!r} in the output" for text in map(stage.fill, step.says) if text not in printed]
    wrong += [f"no {text!r} in the output" for text in map(stage.fill, step.hides) if text in printed]
    for event in step.events:
        block = stage.listeners[event.listener].block()
        for line in block:
            console.result(f"  {event.listener}: {printable(line)}")
        if not _is_event(block, event, stage):
            wrong.append(f"event {event.event_type} of {stage.fill(event.instance)} {event.text} at {event.listener}")
    expected = ", ".join([f"exit status {step.exit}", *map(stage.fill, step.says)])
    console.result(f"  -> exit status {status}; expected: {expected}: {'NOT AS EXPECTED' if wrong else 'ok'}")
    for text in wrong:
        console.result(f"     missing: {text}")
    return bool(wrong)


def _leftovers(console: Console, stage: _Stage) -> int:
    """End the SCP, which delivers what waits, and then the listeners; an event report that no step expected is a
    difference, unless it says that the SCP goes down."""
    stage.end()
    surplus = 0
    for title, listener in stage.listeners.items():
        listener.close()
        for is_block, lines in groupby(listener.rest(), bool):
            block = list(lines)
            if not is_block or block[0].startswith(_GOES_DOWN):
                continue
            surplus += block[0].startswith("event ")
            for line in block:
                console.result(f"  {title}, not expected: {printable(line)}")
    return surplus


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= _SHOWN_LINES:
        return lines
    half = _SHOWN_LINES // 2
    return [*lines[:half], f"... ({len(lines) - 2 * half} lines)", *lines[-half:]]


def _is_event(block: list[str], event: Expected, stage: _Stage) -> bool:
    head = block[0] if block else ""
    instance = stage.fill(event.instance)
    return (
        head.startswith(f"event {event.event_type} ")
        and (not instance or head.endswith(f": {instance}"))
        and (not event.text or any(event.text in line for line in block))
    )


class _Stage:
    """The SCP, the listeners, and the names that steps use."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        write_files(folder)
        self.listeners = {
            title: stack.enter_context(Server("ups", "-L", f"{title}@127.0.0.1:0")) for title in LISTENERS
        }
        self._names = {name: uids.new_uid() for name in UIDS} | {"files": str(folder)}
        self._scp = self._start_scp()

    def _start_scp(self) -> Server:
        peers = [f"--peer={title}=127.0.0.1:{server.port}" for title, server in self.listeners.items()]
        words = ("-L", "UPSSCP@127.0.0.1:0", "--db", str(self._folder / "demo.db"), *peers)
        scp = self._stack.enter_context(Server("ups.cli.upsscp", *words))
        self._names["S"] = f"UPSSCP@127.0.0.1:{scp.port}"
        return scp

    def fill(self, text: str) -> str:
        """The text with its names replaced."""
        return text.format_map(self._names)

    def end(self) -> None:
        """End the SCP in order."""
        self._scp.end()

    def restart(self) -> int:
        """End the SCP in order and start another on its database; the exit status of the first."""
        status = self._scp.end()
        self._scp = self._start_scp()
        return status
