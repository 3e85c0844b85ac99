"""Rows of the options about event reports: what is done with each, how it is answered, and watching."""

from __future__ import annotations

import json
import queue

from dicomnet.dimse.messages import Request
from ups.names import ActionType
from ups.scp.service import Caller, Outcome, UpsService
from ups.scp.store import MemoryStore
from ups.server import UpsServer

from ..test_listening import link_to, send
from .stage import PATIENCE, Stage, bad, row

LISTEN = "-L WATCHER@127.0.0.1:0"


@row("--watch")
def watch(stage: Stage, name: str) -> None:
    asked: queue.Queue[int] = queue.Queue()

    class Remembering(UpsService):
        def handle(self, request: Request, caller: Caller, *more: object) -> Outcome:
            outcome = super().handle(request, caller, *more)  # type: ignore[arg-type]
            asked.put(getattr(request, "action_type", 0))
            return outcome

    def visit(_: int) -> None:
        assert asked.get(timeout=PATIENCE) == ActionType.SUBSCRIBE

    service = Remembering(MemoryStore(), ae_title="UPSSCP", knows_ae={"WATCHER"}.__contains__)
    with UpsServer(service, ae_title="UPSSCP") as server:
        address = f"UPSSCP@127.0.0.1:{server.endpoint.port}"
        played = stage.listen(f"subscribe {address} -aet WATCHER {LISTEN} {name}", visit)
    assert played.status == 0
    assert "WATCHER is unsubscribed from all workitems" in played.err
    assert asked.get_nowait() == ActionType.UNSUBSCRIBE


def visited(stage: Stage, words: str) -> tuple[int, str]:
    """What a listener answers to one event report, and what it says."""
    answers: list[int] = []

    def visit(port: int) -> None:
        with link_to(port) as link:
            answers.append(send(link, 1).status)

    played = stage.listen(f"{LISTEN} {words}", visit)
    assert played.status == 0
    assert "event 1 UPS State Report: 1.2.3" in played.out
    return answers[0], played.err


@row("--exec")
def command(stage: Stage, name: str) -> None:
    told = stage.folder / f"told{name}"
    visited(stage, f"{name} 'tee {told}'")
    assert json.loads(told.read_text())["uid"] == "1.2.3"


bad("--exec", f"{LISTEN} {{}} 'a \"b'", ": 'a \"b' is no command: ")
bad("--exec", f"{LISTEN} {{}} ''", ": the command is empty")
bad("--exec", f"{LISTEN} {{}} no-such-command", ": there is no command 'no-such-command'")
bad("--exec", "find S {} true", " needs -L with a port to listen on")


@row("--exec-timeout")
def command_timeout(stage: Stage, name: str) -> None:
    _, err = visited(stage, f"--exec 'sleep 1000' {name} 50")
    assert "took longer than 0.05 s (--exec-timeout) and was ended" in err


bad("--exec-timeout", f"{LISTEN} --exec true {{}} 1s", ": '1s' is no number of milliseconds")


@row("--status")
def event_status(stage: Stage, name: str) -> None:
    assert visited(stage, "")[0] == 0x0000
    assert visited(stage, f"{name} 0110")[0] == 0x0110


bad("--status", f"{LISTEN} {{}} 011", ": '011' is no status of four hex digits")
bad("--status", "find S {} 0110", " needs -L with a port to listen on")
