"""Every fault after every step of every script, in memory: the documented end at the documented time, nothing kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from dicomnet.drivers.session import Session
from dicomnet.errors import TimedOut
from dicomnet.wire import AAbort, decode_pdu
from tests.faults.faults import WAITS, Cause, Outcome, expected
from tests.faults.memory_peers import Run, request, serve
from tests.faults.scripts import ACCEPTOR, REQUESTOR, Script, Send, While, split_pdus

CELLS: list[tuple[str, Script]] = [("requestor", script) for script in REQUESTOR]
CELLS += [("acceptor", script) for script in ACCEPTOR]
RUNS: dict[str, Callable[..., Run]] = {"requestor": request, "acceptor": serve}
EDGE = 48
"""A PDU is cut at every byte so near to one of its ends; what lies between is payload, or one item after the other."""


def check(run: Run, due: Outcome, script: Script, steps: int) -> None:
    assert type(run.error) is (due.error or type(None)), run.error
    if isinstance(run.error, TimedOut):
        assert run.error.wait == due.wait
    latest = due.after + due.slack + WAITS["close"]  # who connects, listens or releases waits for the close, too
    assert due.after <= run.at <= run.closed_at <= latest
    assert run.session.ended
    if due.abort is not None and script.after(steps) is not While.OPENING:
        last = decode_pdu(list(split_pdus(run.heard))[-1])
        assert isinstance(last, AAbort)
        assert (last.source, last.reason) == due.abort
        assert due.after <= run.heard_at <= due.after + due.slack


class Cells:
    """Runs cells of the matrix, and sees that nothing is left of them."""

    def __init__(self) -> None:
        self._sessions: list[weakref.ref[Session]] = []

    def run(self, role: str, script: Script, steps: int, cause: Cause, *, together: bool = False, **how: int) -> None:
        due = expected(script, steps, cause, together)
        if due is None:
            return
        try:
            run = RUNS[role](script, steps, cause, together=together, **how)
            check(run, due, script, steps)
        except Exception as error:
            where = f"after {steps} steps ({script.after(steps)})"
            error.add_note(f"{role}, {script}, {where}, the peer {cause}, {how}: {due}")
            raise
        self._sessions.append(weakref.ref(run.session))

    def left(self) -> list[Session]:
        gc.collect()
        return [session for reference in self._sessions if (session := reference()) is not None]


@pytest.fixture
def cells() -> Iterator[Cells]:
    made = Cells()
    yield made
    assert made._sessions
    assert made.left() == []


@pytest.mark.parametrize(("role", "script"), CELLS, ids=str)
def test_every_fault_after_every_step(cells: Cells, role: str, script: Script) -> None:
    for steps in range(len(script.steps) + 1):
        for cause in Cause:
            cells.run(role, script, steps, cause)


@pytest.mark.parametrize(("role", "script"), CELLS, ids=str)
def test_every_fault_together_with_every_step(cells: Cells, role: str, script: Script) -> None:
    for steps in range(len(script.steps) + 1):
        for cause in Cause:
            if not cause.floods:
                cells.run(role, script, steps, cause, together=True)


@pytest.mark.parametrize(("role", "script"), CELLS, ids=str)
def test_the_peer_dies_at_every_byte(cells: Cells, role: str, script: Script) -> None:
    for steps, step in enumerate(script.steps):
        if isinstance(step, Send):
            size = len(step.data) if isinstance(step.data, bytes) else EDGE
            for cut in range(1, size):
                if min(cut, size - cut) <= EDGE:
                    cells.run(role, script, steps, Cause.HALF_SILENCE if cut % 8 == 5 else Cause.HALF_CLOSE, cut=cut)
