"""The real UPS data sets beside the project: identifiers of a treatment device, a workitem of a management system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset as codec
from dicomnet import uids
from dicomnet.dataset import files, json, native_xml
from ups.cli.main import main
from ups.cli.processes import Server

FILLED = (
    "OtherPatientIDsSequence/IssuerOfPatientIDQualifiersSequence=",
    *("TransactionUID=", "ProcedureStepLabel=Treat", "WorklistLabel=TMS", "ScheduledStationClassCodeSequence="),
    *("ScheduledStationGeographicLocationCodeSequence=", "CommentsOnTheScheduledProcedureStep=", "IssuerOfPatientID="),
    *("IssuerOfPatientIDQualifiersSequence=", "PatientBirthDate=", "PatientSex=", "AdmissionID="),
    *("IssuerOfAdmissionIDSequence=", "AdmittingDiagnosesDescription=", "AdmittingDiagnosesCodeSequence="),
    *("ReferencedRequestSequence=", "ProcedureStepProgressInformationSequence="),
    *("UnifiedProcedureStepPerformedProcedureSequence=", "ScheduledProcedureStepStartDateTime=20300101080000"),
)
NOT_MISSING = ["WorklistLabel=TMS"]
"""What is there, but empty or no reason for a refusal."""


@pytest.fixture
def received(real_data: Path) -> Path:
    """The workitem of a management system."""
    return real_data / "rsp000001.dcm"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with Server("ups.cli.upsscp", "-L", "SCP@127.0.0.1:0", "--db", str(tmp_path / "x.db")) as server:
        yield f"SCP@127.0.0.1:{server.port}"


def test_the_workitem_is_refused_by_name_and_created_once_it_is_filled(
    address: str, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["create", address, "-f", str(received)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dcmups: 0120 missing attribute")
    assert [path for path in FILLED if path.partition("=")[0].rpartition("/")[2] not in err] == NOT_MISSING
    assert main(["create", address, "-f", str(received), "--set", *FILLED]) == 0
    uid = capsys.readouterr().out.strip()
    assert uid.startswith("1.2.840.113854.19.4.")
    assert main(["get", address, "-iuid", uid, "-r", "ScheduledWorkitemCodeSequence", "PatientName"]) == 0
    out = capsys.readouterr().out
    assert "PatientName: head phantom^Hitachi" in out
    assert "121726" in out


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("UPSCFind_TDWII_FX1.dcm", True),
        ("UPSCFind_TDWII_SCHEDULED_FX1.dcm", True),
        ("UPSCFind_TDWII_IN_PROGRESS_FX1.dcm", False),
    ],
)
def test_the_identifiers_find_the_workitem(
    address: str, real_data: Path, received: Path, name: str, matches: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["create", address, "-f", str(received), "--set", *FILLED]) == 0
    uid = capsys.readouterr().out.strip()
    assert main(["find", address, "-f", str(real_data / name)]) == 0
    out, err = capsys.readouterr()
    assert (uid in out.splitlines()) == matches
    assert ("1 match" if matches else "no match") in err


FORMS: dict[str, Callable[[Dataset], bytes]] = {
    "Part 10": lambda dataset: files.part10(dataset, uids.EXPLICIT_VR_LE),
    "Part 10, implicit": lambda dataset: files.part10(dataset, uids.IMPLICIT_VR_LE),
    "Native XML": native_xml.write,
    "JSON": lambda dataset: json.write(dataset).encode(),
    "bare explicit": lambda dataset: codec.encode(dataset, uids.EXPLICIT_VR_LE),
    "bare implicit": lambda dataset: codec.encode(dataset, uids.IMPLICIT_VR_LE),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_workitem_survives_each_form(form: str, tmp_path: Path, received: Path, address: str) -> None:
    original = files.load(received.read_bytes(), received.name).dataset
    content = FORMS[form](original)
    back = files.load(content, "converted").dataset
    assert codec.encode(back, uids.EXPLICIT_VR_LE) == codec.encode(original, uids.EXPLICIT_VR_LE)
    path = tmp_path / "converted"
    path.write_bytes(content)
    assert main(["create", address, "-f", str(path), "--set", *FILLED]) == 0
