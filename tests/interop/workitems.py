"""Workitems and parts of them as pydicom data sets, written out from PS3.4 Table CC.2.5-3."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

STATION, SCHEME = "FX1", "99TEST"


def uid() -> str:
    """A fresh UID."""
    return str(generate_uid(prefix=None))


def dataset(**values: object) -> Dataset:
    """A data set with these values by keyword."""
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


def code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    """A code sequence with one item."""
    return [dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def workitem(*, station: str = STATION, **changes: object) -> Dataset:
    """What an N-CREATE has to carry, every value of type 1 filled."""
    values: dict[str, object] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "AdmittingDiagnosesDescription": "",
        "AdmittingDiagnosesCodeSequence": [],
        "TransactionUID": "",
        "PatientName": "Phantom^Peer",
        "PatientID": "PEER-1",
        "IssuerOfPatientID": "",
        "IssuerOfPatientIDQualifiersSequence": [],
        "PatientBirthDate": "",
        "PatientSex": "",
        "OtherPatientIDsSequence": [],
        "AdmissionID": "",
        "IssuerOfAdmissionIDSequence": [],
        "CommentsOnTheScheduledProcedureStep": "",
        "ScheduledProcedureStepStartDateTime": "20300101080000",
        "ScheduledWorkitemCodeSequence": code("121726", "DCM", "RT Treatment with Internal Verification"),
        "InputInformationSequence": [],
        "ScheduledStationNameCodeSequence": code(station, SCHEME, "Treatment machine"),
        "ScheduledStationClassCodeSequence": [],
        "ScheduledStationGeographicLocationCodeSequence": [],
        "InputReadinessState": "READY",
        "ReferencedRequestSequence": [],
        "ProcedureStepState": "SCHEDULED",
        "ProcedureStepProgressInformationSequence": [],
        "ScheduledProcedureStepPriority": "MEDIUM",
        "WorklistLabel": "peers",
        "ProcedureStepLabel": "Fraction 1",
        "ScheduledProcessingParametersSequence": [],
        "UnifiedProcedureStepPerformedProcedureSequence": [],
    }
    return dataset(**{**values, **changes})


def progress(percent: int = 50, **changes: object) -> Dataset:
    """How far it is."""
    item = dataset(ProcedureStepProgress=str(percent), ProcedureStepProgressDescription="under way")
    return dataset(ProcedureStepProgressInformationSequence=[item], **changes)


def performed(**changes: object) -> Dataset:
    """What COMPLETED asks for."""
    item = dataset(
        PerformedWorkitemCodeSequence=code("121726", "DCM", "RT Treatment with Internal Verification"),
        PerformedStationNameCodeSequence=code(STATION, SCHEME, "Treatment machine"),
        OutputInformationSequence=[],
        PerformedProcedureStepStartDateTime="20300101080000",
        PerformedProcedureStepEndDateTime="20300101081500",
    )
    return dataset(UnifiedProcedureStepPerformedProcedureSequence=[item], **changes)


def cancellation(**changes: object) -> Dataset:
    """What CANCELED asks for."""
    item = dataset(
        ProcedureStepCancellationDateTime="20300101081000",
        ReasonForCancellation="machine down",
        ProcedureStepDiscontinuationReasonCodeSequence=code("110513", "DCM", "Discontinued for unspecified reason"),
    )
    return dataset(ProcedureStepProgressInformationSequence=[item], **changes)


def to_state(state: str, transaction: str | None) -> Dataset:
    """The information of action type 1."""
    given = {} if transaction is None else {"TransactionUID": transaction}
    return dataset(ProcedureStepState=state, **given)


def save_json(data: Dataset, path: Path) -> str:
    """The data set as a DICOM JSON file for ``-f``; its name."""
    path.write_text(data.to_json(), encoding="utf-8")
    return str(path)
