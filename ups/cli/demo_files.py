"""The files of the demo's workflows, as Native DICOM Model documents (PS3.19 A.1): what a user would write by hand."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_files"]

_Attribute = tuple[str, str, str, "str | list[_Item]"]
_Item = tuple[_Attribute, ...]


def _code(value: str, scheme: str, meaning: str) -> list[_Item]:
    return [
        (
            ("00080100", "SH", "CodeValue", value),
            ("00080102", "SH", "CodingSchemeDesignator", scheme),
            ("00080104", "LO", "CodeMeaning", meaning),
        )
    ]


def _workitem(state: str) -> _Item:
    return (
        ("00080005", "CS", "SpecificCharacterSet", "ISO_IR 192"),
        ("00081080", "LO", "AdmittingDiagnosesDescription", ""),
        ("00081084", "SQ", "AdmittingDiagnosesCodeSequence", ""),
        ("00081195", "UI", "TransactionUID", ""),
        ("00100010", "PN", "PatientName", "Demo^Patient"),
        ("00100020", "LO", "PatientID", "DEMO-1"),
        ("00100021", "LO", "IssuerOfPatientID", ""),
        ("00100024", "SQ", "IssuerOfPatientIDQualifiersSequence", ""),
        ("00100030", "DA", "PatientBirthDate", ""),
        ("00100040", "CS", "PatientSex", ""),
        ("00101002", "SQ", "OtherPatientIDsSequence", ""),
        ("00380010", "LO", "AdmissionID", ""),
        ("00380014", "SQ", "IssuerOfAdmissionIDSequence", ""),
        ("00400400", "LT", "CommentsOnTheScheduledProcedureStep", ""),
        ("00404005", "DT", "ScheduledProcedureStepStartDateTime", "20300101080000"),
        ("00404018", "SQ", "ScheduledWorkitemCodeSequence", _code("121726", "DCM", "RT Treatment")),
        ("00404021", "SQ", "InputInformationSequence", ""),
        ("00404025", "SQ", "ScheduledStationNameCodeSequence", _code("FX1", "99DEMO", "Treatment machine 1")),
        ("00404026", "SQ", "ScheduledStationClassCodeSequence", ""),
        ("00404027", "SQ", "ScheduledStationGeographicLocationCodeSequence", ""),
        ("00404041", "CS", "InputReadinessState", "READY"),
        ("0040A370", "SQ", "ReferencedRequestSequence", ""),
        ("00741000", "CS", "ProcedureStepState", state),
        ("00741002", "SQ", "ProcedureStepProgressInformationSequence", ""),
        ("00741200", "CS", "ScheduledProcedureStepPriority", "MEDIUM"),
        ("00741202", "LO", "WorklistLabel", "demo"),
        ("00741204", "LO", "ProcedureStepLabel", "Treat, fraction 1"),
        ("00741210", "SQ", "ScheduledProcessingParametersSequence", ""),
        ("00741216", "SQ", "UnifiedProcedureStepPerformedProcedureSequence", ""),
    )


_PROGRESS: _Item = (
    (
        "00741002",
        "SQ",
        "ProcedureStepProgressInformationSequence",
        [
            (
                ("00741004", "DS", "ProcedureStepProgress", "50"),
                ("00741006", "ST", "ProcedureStepProgressDescription", "half way"),
            )
        ],
    ),
)

_PERFORMED: _Item = (
    (
        "00741216",
        "SQ",
        "UnifiedProcedureStepPerformedProcedureSequence",
        [
            (
                ("00404019", "SQ", "PerformedWorkitemCodeSequence", _code("121726", "DCM", "RT Treatment")),
                ("00404028", "SQ", "PerformedStationNameCodeSequence", _code("FX1", "99DEMO", "Treatment machine 1")),
                ("00404033", "SQ", "OutputInformationSequence", ""),
                ("00404050", "DT", "PerformedProcedureStepStartDateTime", "20300101080000"),
                ("00404051", "DT", "PerformedProcedureStepEndDateTime", "20300101081500"),
            )
        ],
    ),
)

_CANCELLATION: _Item = (
    (
        "00741002",
        "SQ",
        "ProcedureStepProgressInformationSequence",
        [
            (
                ("00404052", "DT", "ProcedureStepCancellationDateTime", "20300101081000"),
                (
                    "0074100E",
                    "SQ",
                    "ProcedureStepDiscontinuationReasonCodeSequence",
                    _code("110513", "DCM", "Unspecified"),
                ),
                ("00741238", "LT", "ReasonForCancellation", "asked to stop"),
            )
        ],
    ),
)


def write_files(folder: Path) -> None:
    """Write create.xml, started.xml, progress.xml, performed.xml and cancel.xml."""
    for name, item in (
        ("create.xml", _workitem("SCHEDULED")),
        ("started.xml", _workitem("IN PROGRESS")),
        ("progress.xml", _PROGRESS),
        ("performed.xml", _PERFORMED),
        ("cancel.xml", _CANCELLATION),
    ):
        (folder / name).write_text("\n".join(_document(item)) + "\n", encoding="utf-8")


def _document(item: _Item) -> list[str]:
    namespace = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
    return [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<NativeDicomModel xmlns="{namespace}" xml:space="preserve">',
        *_lines(item),
        "</NativeDicomModel>",
    ]


def _lines(item: _Item) -> list[str]:
    """The demo's values need no escaping."""
    lines: list[str] = []
    for tag, vr, keyword, value in item:
        head = f'<DicomAttribute tag="{tag}" vr="{vr}" keyword="{keyword}"'
        if not value:
            lines.append(f"{head}/>")
        elif isinstance(value, list):
            lines.append(f"{head}>")
            for number, inner in enumerate(value, 1):
                lines += [f'<Item number="{number}">', *_lines(inner), "</Item>"]
            lines.append("</DicomAttribute>")
        elif vr == "PN":
            family, _, given = value.partition("^")
            name = f"<FamilyName>{family}</FamilyName><GivenName>{given}</GivenName>"
            person = f'<PersonName number="1"><Alphabetic>{name}</Alphabetic></PersonName>'
            lines.append(f"{head}>{person}</DicomAttribute>")
        else:
            lines.append(f'{head}><Value number="1">{value}</Value></DicomAttribute>')
    return lines
