"""Event reports against Table CC.2.4-1: nothing beside what it lists, everything it demands."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ups.names import EVENT_NAMES

_ROWS = list(
    csv.DictReader((Path(__file__).parents[2] / "vectors/standard/ups-events.csv").read_text("utf-8").splitlines())
)


def test_events_have_the_standards_names():
    assert {int(row["event_type_id"]): row["event"] for row in _ROWS} == EVENT_NAMES


def _listed(kind, depth):
    return {
        row["keyword"]: row["type_scu_scp"] for row in _ROWS if (row["event_type_id"], row["depth"]) == (kind, depth)
    }


@pytest.fixture
def reports(memory_desk):
    """One life of a workitem with every kind of report, and the restart."""
    desk, found = memory_desk, []
    performer = desk.dataset(
        HumanPerformerCodeSequence=[desk.code("1")], HumanPerformerName="A^B", HumanPerformerOrganization="ward"
    )
    progress = desk.dataset(
        ProcedureStepProgress="50",
        ProcedureStepProgressDescription="half",
        ProcedureStepCommunicationsURISequence=[desk.dataset(ContactURI="tel:1", ContactDisplayName="desk")],
        ReasonForCancellation="none",
    )
    steps = [
        lambda: desk.subscribe(),
        lambda: desk.create(
            ScheduledHumanPerformersSequence=[performer], ScheduledStationNameCodeSequence=[desk.code("FX1")]
        ),
        lambda: desk.change("IN PROGRESS"),
        lambda: desk.set(tx="1.9", ProcedureStepProgressInformationSequence=[progress]),
        lambda: desk.cancel(ReasonForCancellation="why", ContactURI="tel:2", ContactDisplayName="me"),
        lambda: desk.set(tx="1.9", **desk.cancel_data()),
        lambda: desk.change("CANCELED"),
        lambda: desk.create("1.2.4"),
        lambda: desk.cancel("1.2.4", ReasonForCancellation="why"),
    ]
    for step in steps:
        assert step().status == 0
        found.extend(desk.effects)
    return [*found, *desk.service.started(desk.now), *desk.service.stopping(desk.now)]


def test_each_report_says_what_the_table_lists(reports):
    assert {effect.request.event_type for effect in reports} == set(EVENT_NAMES)
    for effect in reports:
        kind, data = str(effect.request.event_type), effect.request.data_set
        listed = _listed(kind, "0")
        assert {element.keyword for element in data} <= set(listed)
        for keyword, code in listed.items():
            assert code != "-/1" or not data[keyword].is_empty
        for item in data.get("ProcedureStepProgressInformationSequence", ()):
            assert {element.keyword for element in item} <= set(_listed("3", "1"))
