"""Every scenario with every byte boundary split, and otherwise as much in one piece as there is between two of them.

``memory, byte by byte`` has the bytes come alone, so that no two PDUs ever come together, nor the end of one with the
beginning of the next. Here the pieces are long, and begin everywhere: run for run one byte later, in both directions.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dicomnet import flows
from dicomnet.drivers import memory
from tests.drivers import conftest, test_scenarios, test_streams

PERIOD = 23
"""No divisor of anything that has a length of its own."""
MANY = 5


def cases(function: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """The arguments of every case of a scenario, as its marks tell them."""
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    choices = []
    for mark in marks:
        names = [name.strip() for name in mark.args[0].split(",")] if isinstance(mark.args[0], str) else mark.args[0]
        rows = mark.args[1] if len(names) > 1 else [(value,) for value in mark.args[1]]
        choices.append([dict(zip(names, row, strict=True)) for row in rows])
    for chosen in itertools.product(*choices):
        yield {name: value for part in chosen for name, value in part.items()}


def scenarios() -> Iterator[Any]:
    for module in (test_scenarios, test_streams):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and "world" in inspect.signature(function).parameters:
                yield pytest.param(function, id=name)


@pytest.mark.parametrize("scenario", list(scenarios()))
def test_every_boundary_of_every_scenario(scenario: Callable[..., None], tmp_path: Path) -> None:
    wanted = inspect.signature(scenario).parameters
    found = list(cases(scenario))
    count = len(found) * PERIOD if len(found) < MANY else max(len(found), PERIOD)
    for number in range(count):  # all with all, but where many cases differ in a value or two they share the runs
        case = found[number % len(found)]
        phase = 1 + (number // len(found) if len(found) < MANY else number) % PERIOD
        given = {"world": conftest.MemoryWorld((phase, PERIOD)), **case}
        if "script" in wanted:
            given["script"] = conftest.WORDS
        if "tmp_path" in wanted:
            given["tmp_path"] = tmp_path / str(number)
            given["tmp_path"].mkdir()
        assert set(given) == set(wanted), "a scenario takes the world, the script and what it is parametrized with"
        try:
            scenario(**given)
        except BaseException as error:
            error.add_note(f"the first piece has {phase} bytes, each other {PERIOD}: {case}")
            raise


def test_one_split_at_every_byte(script: SimpleNamespace) -> None:
    """And with nothing else split at all: each direction falls into two pieces."""
    whole = 1_000_000
    for size in itertools.count(1):
        with memory.connect(script.OPTIONS, script.POLICY, chunk=(size, whole)) as link:
            assert link.run(flows.c_echo()).status == 0
        passed = link.session.counters.association
        if size > max(passed.octets_in, passed.octets_out):
            break
    assert size > 400
