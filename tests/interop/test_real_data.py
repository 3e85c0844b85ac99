"""The data sets of others' systems (README beside them) against ``upsscp``: by ``dcmups -f`` and by pynetdicom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import UnifiedProcedureStepPull, UnifiedProcedureStepWatch

from .associations import leave_responses
from .processes import Ended, UpsScp
from .workitems import save_json, uid, workitem

IDENTIFIERS = {
    "UPSCFind_TDWII_FX1.dcm": {"scheduled", "claimed"},
    "UPSCFind_TDWII_SCHEDULED_FX1.dcm": {"scheduled"},
    "UPSCFind_TDWII_IN_PROGRESS_FX1.dcm": {"claimed"},
}
"""Each C-FIND identifier of the treatment device with the workitems of ``filled`` that it is for."""

ADDED = {"ProcedureStepLabel": "Fraction 1 of 2", "ScheduledProcedureStepStartDateTime": "20230605080000"}
"""What the real workitem lacks and cannot be empty; all else that it lacks can."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[UpsScp, dict[str, str]]]:
    """A worklist with two that are for the device, and two that are not; it is only searched."""
    tmp_path = tmp_path_factory.mktemp("worklist")
    server = UpsScp(tmp_path / "ups.db")
    try:
        yield server, fill(server, tmp_path)
    finally:
        server.kill()


def fill(server: UpsScp, tmp_path: Path) -> dict[str, str]:
    """The workitems, and their UIDs."""
    made = {name: uid() for name in ("scheduled", "claimed", "elsewhere", "other work")}
    file = save_json(workitem(), tmp_path / "create.json")
    for name, instance in made.items():
        server.dcmups(
            "create",
            *("-f", file, "-iuid", instance, "--set", f"PatientID={name}"),
            *(["ScheduledStationNameCodeSequence/CodeValue=FX2"] if name == "elsewhere" else []),
            *(["ScheduledWorkitemCodeSequence/CodeValue=121722"] if name == "other work" else []),
        )
    server.dcmups("chstate", "-iuid", made["claimed"], "-tuid", uid(), "-state", "IN PROGRESS")
    return made


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_identifiers_by_dcmups(real_data: Path, filled: tuple[UpsScp, dict[str, str]], name: str) -> None:
    server, made = filled
    done = server.dcmups("find", "-f", str(real_data / name))
    assert {who for who, instance in made.items() if instance in done.out} == IDENTIFIERS[name]
    for who in IDENTIFIERS[name]:
        assert who in done.out
    matches = "2 matches" if len(IDENTIFIERS[name]) == 2 else "1 match"
    assert done.error_lines[-1] == f"dcmups: find: {matches}"


@pytest.mark.parametrize("context", [UnifiedProcedureStepPull, UnifiedProcedureStepWatch])
@pytest.mark.parametrize("name", IDENTIFIERS)
def test_identifiers_by_pynetdicom(
    real_data: Path, filled: tuple[UpsScp, dict[str, str]], name: str, context: str
) -> None:
    server, made = filled
    identifier = dcmread(real_data / name)
    ae = AE()
    ae.add_requested_context(context)
    assoc = leave_responses(ae.associate("127.0.0.1", server.port, ae_title="UPSSCP"))
    assert assoc.is_established
    responses = list(assoc.send_c_find(identifier, context))
    assoc.release()
    assert [status.Status for status, _ in responses][-1] == 0x0000
    assert {status.Status for status, _ in responses[:-1]} <= {0xFF00, 0xFF01}
    matches = {str(match.PatientID): match for _, match in responses[:-1]}
    assert set(matches) == IDENTIFIERS[name]
    for who, match in matches.items():
        assert match.SOPInstanceUID == made[who]
        assert match.ProcedureStepState == {"scheduled": "SCHEDULED", "claimed": "IN PROGRESS"}[who]
        station = match.ScheduledStationNameCodeSequence[0]
        assert (station.CodeValue, station.CodingSchemeDesignator) == ("FX1", "99TEST")
        # Everything that was asked for is there, be it empty.
        assert {element.tag for element in identifier} <= {element.tag for element in match}


def named(done: Ended) -> list[str]:
    """The attributes that a refusal is about."""
    assert done.error_lines[0].startswith("dcmups: 0120 ")
    assert not done.out
    about = re.search(r"It is about ([\w, ]+)\.", done.error_lines[1])
    assert about is not None
    return about[1].split(", ")


def test_the_real_workitem_is_refused_and_created_once_it_is_filled(
    real_data: Path, start_upsscp: Callable[..., UpsScp]
) -> None:
    server = start_upsscp()
    file = real_data / "rsp000001.dcm"
    original = dcmread(file)
    refused = server.dcmups("create", "-f", str(file), status=3)
    names = named(refused)
    assert set(ADDED) <= set(names)
    assert len(refused.error_lines) == 3
    unknown = server.dcmups("get", "-iuid", original.SOPInstanceUID, status=3)
    assert unknown.error_lines[0].startswith("dcmups: C307 ")
    given = [f"{name}={ADDED.get(name, '')}" for name in names]
    # What lacks inside of an item is told with its place.
    nested = server.dcmups("create", "-f", str(file), "--set", *given, status=3)
    assert "(missing IssuerOfPatientIDQualifiersSequence in (0010,1002))" in nested.error_lines[0]
    assert named(nested) == ["IssuerOfPatientIDQualifiersSequence"]
    given.append("00101002/IssuerOfPatientIDQualifiersSequence=")
    done = server.dcmups("create", "-f", str(file), "--set", *given)
    # The workitem brings its own UID, and it is kept.
    assert done.out.split() == [original.SOPInstanceUID]
    shown = server.dcmups("get", "-iuid", original.SOPInstanceUID).out
    for text in ("head phantom^Hitachi", "202304061", "Fraction 1 of 2", "TargetNameRxSite", "IMS_IHERO_TMS1"):
        assert text in shown
    found = server.dcmups("find", "-f", str(real_data / "UPSCFind_TDWII_SCHEDULED_FX1.dcm")).out
    assert original.SOPInstanceUID in found
