"""The class table against the standard's own, and that every status can be explained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dicomnet import uids
from dicomnet.codes import CommandField
from dicomnet.dimse.status import describe
from ups import names, status

_STANDARD = json.loads((Path(__file__).parents[1] / "vectors/standard/ups-sop-classes.json").read_text("utf-8"))
_ALL_REQUESTS = [field for field in CommandField if not field & 0x8000]


@pytest.mark.parametrize("entry", _STANDARD["sop_classes"], ids=lambda entry: entry["keyword"])
def test_each_class_serves_what_the_standard_lists(entry):
    listed = {CommandField[service["dimse"].replace("-", "_") + "_RQ"] for service in entry["services"]}
    actions = {action for service in entry["services"] for action in service["action_types"]}
    assert names.CLASS_NAMES[entry["uid"]] == entry["name"]
    assert {field for field in _ALL_REQUESTS if names.serves(entry["uid"], field)} == listed
    assert {action for action in range(10) if names.serves(entry["uid"], CommandField.N_ACTION_RQ, action)} == actions


def test_well_known_and_retired_uids_are_those_of_the_standard():
    assert {entry["uid"] for entry in _STANDARD["well_known_instances"]} == names.SUBSCRIPTION_INSTANCES
    retired = {entry["uid"]: entry["name"] for entry in _STANDARD["retired"] if entry["type"] == "SOP Class"}
    assert retired == {uid: names.CLASS_NAMES[uid] for uid in names.TRIAL_CLASSES}


def test_a_trial_class_serves_what_its_successor_serves():
    for trial, current in names.TRIAL_CLASSES.items():
        assert [names.serves(trial, field) for field in _ALL_REQUESTS] == [
            names.serves(current, field) for field in _ALL_REQUESTS
        ]
    assert names.instance_class(uids.UPS_TRIAL_WATCH) == uids.UPS_TRIAL_PUSH
    assert names.instance_class(uids.UPS_WATCH) == uids.UPS_PUSH


def test_a_foreign_class_serves_nothing():
    assert not names.serves(uids.VERIFICATION, CommandField.N_GET_RQ)
    assert not names.serves("", CommandField.N_ACTION_RQ, 1)


@pytest.mark.parametrize("code", sorted(status.STATUS_HELP))
def test_every_status_is_explained_in_three_short_lines(code):
    text = status.STATUS_HELP[code]
    assert describe(code, status.STATUSES) == f"{code:04X} {text.name}"
    for line in (text.meaning, text.advice):
        assert line.endswith(".")
        assert len(line) < 120


def test_gaps_of_the_numbering_stay_empty():
    assert not {0xB302, 0xB303, 0xC305, 0xC306} & set(status.STATUS_HELP)


def test_the_words_load_without_the_heavy_libraries():
    heavy = {"pydicom", "sqlalchemy", "lxml", "ssl", "asyncio"}
    modules = "ups.names, ups.tables, ups.scp.state, ups.scp.datetimes"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
