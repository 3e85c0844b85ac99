"""The tables of faults in docs/limits.md are the ones that the tests hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.faults import FLOODED, Cause, Outcome, outcome
from tests.faults.scripts import While

TEXT = (Path(__file__).parents[2] / "docs" / "limits.md").read_text("utf-8").split("## Faults")[1]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| ")]
ENDS = [Cause.CLOSE, Cause.SILENCE, Cause.HALF_SILENCE, Cause.HALF_MESSAGE, Cause.RELEASE]
FLOODS = [Cause.REQUESTS, Cause.RESPONSES, Cause.FRAGMENTS, Cause.EMPTY]
LIVING = [situation for situation in While if situation not in (While.OVER, While.DONE)]
FLOODABLE = [s for s in LIVING if s not in (While.OPENING, While.ASSOCIATING, While.COLLIDING)]


def text(found: Outcome | None, cause: Cause) -> str:
    if found is None:
        return ""
    if found is FLOODED:
        return "served" if cause is Cause.REQUESTS else "dropped"
    if found.error is None:
        return "in order"
    return f"`{found.error.__name__}`" + (f": {found.wait}" if found.wait else "")


@pytest.mark.parametrize(("causes", "situations"), [(ENDS, LIVING), (FLOODS, FLOODABLE)])
def test_every_situation_has_the_row_that_is_tested(causes: list[Cause], situations: list[While]) -> None:
    tables = [row[1:] for row in ROWS if len(row) == len(causes) + 1 and row[0] in list(While)]
    assert tables == [[text(outcome(situation, cause), cause) for cause in causes] for situation in situations]


def test_floods_before_and_behind_an_association_are_out_of_turn() -> None:
    for situation in (While.OPENING, While.ASSOCIATING, While.COLLIDING):
        for cause in FLOODS:
            assert text(outcome(situation, cause), cause) == text(outcome(situation, Cause.UNEXPECTED), cause)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("aborts", Cause.ABORT),
        ("sends garbage, or speaks another protocol", Cause.GARBAGE),
        ("sends garbage, or speaks another protocol", Cause.FOREIGN),
        ("sends a PDU out of turn", Cause.UNEXPECTED),
    ],
)
def test_what_is_the_same_in_every_situation(name: str, cause: Cause) -> None:
    _, opening, later, abort = next(row for row in ROWS if row[0] == name)
    for situation in LIVING:
        found = outcome(situation, cause)
        assert found is not None
        assert (opening if situation is While.OPENING else later).startswith(text(found, cause))
        assert abort == (", ".join(map(str, map(int, found.abort))) if found.abort else "none")
