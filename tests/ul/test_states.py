"""The machine as data against the table of the standard, kept in tests/vectors/standard/ul-state-machine.csv."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dicomnet.ul.states import ACTIONS, GUARDS, LOCAL_EVENTS, NEXT_STATES, TRANSITIONS, Action, Effect, Event, State

TABLE = Path(__file__).parents[1] / "vectors" / "standard" / "ul-state-machine.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))


def test_the_table_of_the_standard_has_123_filled_cells() -> None:
    assert len(ROWS) == 123


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['state']}-{row['event']}")
def test_each_cell_of_the_standard_is_ours(row: dict[str, str]) -> None:
    transition = TRANSITIONS[State(row["state"]), Event(row["event"])]
    assert transition.action == row["action"]
    assert " or ".join(transition.next_states) == row["next_state"]


def test_no_cell_of_ours_is_missing_in_the_standard() -> None:
    assert set(TRANSITIONS) == {(State(row["state"]), Event(row["event"])) for row in ROWS}


def test_local_events_are_those_the_standard_calls_local_user() -> None:
    local = {row["event"] for row in ROWS if row["event_source"] == "local user"}
    assert local == LOCAL_EVENTS


def test_every_action_has_effects_and_next_states_and_is_used() -> None:
    assert set(ACTIONS) == set(NEXT_STATES) == set(Action)
    assert {transition.action for transition in TRANSITIONS.values()} == set(Action)


def test_only_three_actions_carry_a_guard() -> None:
    assert set(GUARDS) == {Action.AE_6, Action.AR_8, Action.AA_3}


def test_an_action_with_two_next_states_has_a_guard() -> None:
    assert {action for action, states in NEXT_STATES.items() if len(states) == 2} == {Action.AE_6, Action.AR_8}


def test_whoever_waits_in_sta13_has_started_the_timer() -> None:
    entering = {
        transition.action
        for (state, _), transition in TRANSITIONS.items()
        if State.STA13 in transition.next_states and state is not State.STA13
    }
    for action in entering:
        branches = GUARDS[action].no if action in GUARDS else ()
        assert Effect.START_CLOSE_TIMER in ACTIONS[action] + branches, action


def test_every_effect_is_used() -> None:
    used = {effect for effects in ACTIONS.values() for effect in effects}
    used |= {effect for guard in GUARDS.values() for effect in guard.yes + guard.no}
    assert used == set(Effect)


def test_states_and_events_speak_in_words() -> None:
    assert State.STA6.meaning == "association established"
    assert Event.EVT10.meaning == "P-DATA-TF received"
    assert all(member.meaning for member in [*State, *Event])
