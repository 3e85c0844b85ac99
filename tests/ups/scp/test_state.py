"""Table CC.1.1-2, written down a second time and asked of the table and of the service."""

from __future__ import annotations

import pytest

from ups.names import StepState
from ups.scp import state

S, P, D, X = StepState
STATES = (None, S, P, D, X)

# event -> status in: unknown, SCHEDULED, IN PROGRESS, COMPLETED, CANCELED
TABLE = {
    state.StepEvent.CREATE: (0x0000, 0x0111, 0x0111, 0x0111, 0x0111),
    state.StepEvent.TO_IN_PROGRESS: (0xC307, 0x0000, 0xC302, 0xC300, 0xC300),
    state.StepEvent.TO_IN_PROGRESS_WRONG: (0xC307, 0xC301, 0xC301, 0xC301, 0xC301),
    state.StepEvent.TO_SCHEDULED: (0xC307, 0xC303, 0xC303, 0xC303, 0xC303),
    state.StepEvent.TO_COMPLETED: (0xC307, 0xC310, 0x0000, 0xB306, 0xC300),
    state.StepEvent.TO_COMPLETED_WRONG: (0xC307, 0xC301, 0xC301, 0xC301, 0xC301),
    state.StepEvent.REQUEST_CANCEL: (0xC307, 0x0000, 0x0000, 0xC311, 0xB304),
    state.StepEvent.TO_CANCELED: (0xC307, 0xC310, 0x0000, 0xC300, 0xB304),
    state.StepEvent.TO_CANCELED_WRONG: (0xC307, 0xC301, 0xC301, 0xC301, 0xC301),
}
MOVES = {
    (state.StepEvent.CREATE, None): [S],
    (state.StepEvent.TO_IN_PROGRESS, S): [P],
    (state.StepEvent.TO_COMPLETED, P): [D],
    (state.StepEvent.TO_CANCELED, P): [X],
    (state.StepEvent.REQUEST_CANCEL, S): [P, X],
}
CELLS = [(event, at, status) for event, row in TABLE.items() for at, status in zip(STATES, row, strict=True)]


def _name(value):
    return (
        value.value if isinstance(value, state.StepEvent) else f"{value:04X}" if isinstance(value, int) else str(value)
    )


@pytest.mark.parametrize(("event", "at", "status"), CELLS, ids=_name)
def test_each_cell_of_the_table(event, at, status):
    cell = state.decide(event, at)
    assert cell.status == status
    assert list(cell.states) == MOVES.get((event, at), [])
    assert cell.requires_final is (at is P and event in (state.StepEvent.TO_COMPLETED, state.StepEvent.TO_CANCELED))
    assert cell.asks_performer is (at is P and event is state.StepEvent.REQUEST_CANCEL)


@pytest.mark.parametrize(("event", "at", "status"), CELLS, ids=_name)
def test_each_cell_as_a_peer_meets_it(desk, event, at, status):
    desk.subscribe(ae="PERFORMER")
    if at is not None:
        desk.bring_to(at)
    if at is P and event is state.StepEvent.TO_COMPLETED:
        desk.set(tx="1.9", **desk.finish_data())
    if at is P and event is state.StepEvent.TO_CANCELED:
        desk.set(tx="1.9", **desk.cancel_data())
    response = _ask(desk, event, at)
    assert response.status == status
    moves = MOVES.get((event, at), [])
    reports = [(1, str(step), "PERFORMER") for step in moves]
    if at is P and event is state.StepEvent.REQUEST_CANCEL:
        reports = [(2, "", "PERFORMER")]
    assert desk.events() == reports
    if at is None and event is not state.StepEvent.CREATE:
        assert desk.get().status == 0xC307
    else:
        assert desk.state() == (moves[-1] if moves else at)


def _ask(desk, event, at):
    if event is state.StepEvent.CREATE:
        return desk.create()
    if event is state.StepEvent.REQUEST_CANCEL:
        return desk.cancel()
    target = event.value.removeprefix("to ").split(",")[0]
    # while nothing is stored each well-formed UID is correct, so only none or a malformed one is wrong
    wrong = "" if at in (None, S) else "1.8"
    return desk.change(target, wrong if event.value.endswith("no correct UID") else "1.9")


@pytest.mark.parametrize("given", ["", "1.2.", "01.2", "1.9\\1.9", "x"])
def test_no_malformed_uid_ever_claims(memory_desk, given):
    memory_desk.create()
    assert memory_desk.change("IN PROGRESS", given).status == 0xC301
    assert memory_desk.state() == "SCHEDULED"


def test_final_state_without_its_attributes_changes_nothing(desk):
    desk.subscribe()
    desk.bring_to("IN PROGRESS")
    for target in ("COMPLETED", "CANCELED"):
        response = desk.change(target)
        assert response.status == 0xC304
        assert response.offending_elements
        assert "no value in" in response.error_comment
        assert desk.events() == []
        assert desk.state() == "IN PROGRESS"


def test_final_state_keeps_the_transaction_uid_to_judge_by(desk):
    desk.bring_to("COMPLETED")
    assert desk.change("COMPLETED", "1.9").status == 0xB306
    assert desk.change("COMPLETED", "1.8").status == 0xC301


def test_second_claimer_and_second_claim(desk):
    desk.bring_to("IN PROGRESS")
    assert desk.change("IN PROGRESS", "1.8").status == 0xC301
    assert desk.change("IN PROGRESS", "1.9").status == 0xC302


@pytest.mark.parametrize("value", [None, "", "DONE", "CANCELLED", "in progress"])
def test_a_state_that_does_not_exist_is_an_invalid_argument(memory_desk, value):
    memory_desk.create()
    assert (
        memory_desk.action(1, via="1.2.840.10008.5.1.4.34.6.3", ProcedureStepState=value, TransactionUID="1.9").status
        == 0x0115
    )
