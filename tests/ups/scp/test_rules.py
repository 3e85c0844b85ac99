"""What N-CREATE and N-SET are refused for, one class of rule at a time, and the final states."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pydicom.datadict import tag_for_keyword

import ups
from ups import tables
from ups.scp.rules import ENUMERATED, check_create, well_formed

_ROWS = [
    row
    for row in csv.DictReader(
        (Path(ups.__file__).parent / "standard/ups-attributes.csv").read_text("utf-8").splitlines()
    )
    if row["tag_path"]
]
_TOP = [row for row in _ROWS if row["depth"] == "0"]


def test_the_table_is_read_whole():
    found = [item for top in tables.attributes().values() for item in top.walk()]
    assert len(found) == len({row["tag_path"] for row in _ROWS})
    assert tables.keyword(0x00741000) == "ProcedureStepState"
    assert tables.keyword(0x00091001) == "(0009,1001)"
    assert tables.tag_of("TransactionUID") == 0x00081195
    assert 0x00080018 in tables.return_keys("1")


def test_the_smallest_workitem_is_accepted(memory_desk):
    check_create(memory_desk.workitem())


@pytest.mark.parametrize("keyword", [row["keyword"] for row in _TOP if row["ncreate"].split("/")[0] in ("1", "2")])
def test_each_mandatory_attribute_is_missed(memory_desk, keyword):
    response = memory_desk.create(**{keyword: None})
    assert (response.status, response.attribute_list) == (0x0120, (tag_for_keyword(keyword),))
    assert response.error_comment == f"missing {keyword}"


@pytest.mark.parametrize("keyword", [row["keyword"] for row in _TOP if row["ncreate"] == "1/1"])
def test_each_mandatory_value_is_missed(memory_desk, keyword):
    response = memory_desk.create(**{keyword: ""})
    assert response.status == 0x0121
    assert keyword in response.error_comment


@pytest.mark.parametrize("keyword", [row["keyword"] for row in _TOP if row["ncreate"] == "2/2" and row["vr"] != "SQ"])
def test_type_2_may_be_empty_and_is_kept_so(memory_desk, keyword):
    assert memory_desk.create(**{keyword: ""}).status == 0
    if keyword != "TransactionUID":
        assert keyword in memory_desk.get().data_set


def test_an_optional_value_the_scp_must_support_may_not_be_empty(memory_desk):
    assert memory_desk.create(ExpectedCompletionDateTime="").status == 0x0121
    assert memory_desk.create(ScheduledProcedureStepExpirationDateTime="").status == 0


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("TransactionUID", "1.9"),
        ("ProcedureStepProgressInformationSequence", ["item"]),
        ("UnifiedProcedureStepPerformedProcedureSequence", ["item"]),
    ],
)
def test_what_must_be_empty_at_creation(memory_desk, keyword, value):
    value = [memory_desk.dataset(ProcedureStepProgress="1")] if isinstance(value, list) else value
    response = memory_desk.create(**{keyword: value})
    assert response.status in (0x0106, 0x0120)
    assert memory_desk.get().status == 0xC307


@pytest.mark.parametrize("value", ["IN PROGRESS", "COMPLETED", "CANCELED", "scheduled", "X"])
def test_only_scheduled_workitems_are_created(memory_desk, value):
    response = memory_desk.create(ProcedureStepState=value)
    assert (response.status, response.offending_elements) == (0xC309, (0x00741000,))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ScheduledProcedureStepPriority", "URGENT"),
        ("ScheduledProcedureStepPriority", "HIGH\\LOW"),
        ("InputReadinessState", "ready"),
        ("ScheduledProcedureStepStartDateTime", "tomorrow"),
        ("ScheduledProcedureStepStartDateTime", "20260230"),
        ("ScheduledProcedureStepStartDateTime", "20260101-20260102"),
        ("PatientBirthDate", "2026"),
        ("StudyInstanceUID", "1.02"),
        ("StudyInstanceUID", "x"),
    ],
)
def test_values_that_mean_nothing(memory_desk, keyword, value):
    response = memory_desk.create(**{keyword: value})
    assert response.status == 0x0106
    assert response.error_comment == f"invalid {keyword}"
    assert memory_desk.get().status == 0xC307


def test_every_enumerated_value_is_accepted(memory_desk):
    for value in sorted(ENUMERATED["ScheduledProcedureStepPriority"]):
        assert memory_desk.create(f"1.2.{len(value)}", ScheduledProcedureStepPriority=value).status == 0
    for value in sorted(ENUMERATED["InputReadinessState"]):
        assert memory_desk.create(f"1.3.{len(value)}", InputReadinessState=value).status == 0


def test_the_most_urgent_fault_is_answered_and_the_rest_counted(memory_desk):
    response = memory_desk.create(PatientName=None, PatientSex=None, ProcedureStepLabel="", InputReadinessState="x")
    assert response.status == 0x0120
    assert response.error_comment == "missing PatientName +1 more"
    assert response.attribute_list == (0x00100010, 0x00100040)


def _station(desk, **values):
    return {"ScheduledStationNameCodeSequence": [desk.dataset(**values)]}


@pytest.mark.parametrize(
    ("values", "status", "comment"),
    [
        (
            {"CodeValue": "1", "CodingSchemeDesignator": "DCM"},
            0x0120,
            "missing CodeMeaning in ScheduledStationNameCodeSequence",
        ),
        ({"CodeValue": "1", "CodeMeaning": "m"}, 0x0120, "CodingSchemeDesignator"),
        ({"CodingSchemeDesignator": "DCM", "CodeMeaning": "m"}, 0x0120, "CodeValue"),
        ({"CodeValue": "", "CodingSchemeDesignator": "DCM", "CodeMeaning": "m"}, 0x0121, "CodeValue"),
        ({"CodeValue": "1", "CodingSchemeDesignator": "DCM", "CodeMeaning": ""}, 0x0121, "CodeMeaning"),
        ({"LongCodeValue": "1" * 20, "CodingSchemeDesignator": "DCM", "CodeMeaning": "m"}, 0, ""),
        ({"URNCodeValue": "urn:x", "CodeMeaning": "m"}, 0, ""),
        (
            {"CodeValue": "1", "CodingSchemeDesignator": "DCM", "CodeMeaning": "m", "ContextGroupVersion": "x"},
            0x0106,
            "ContextGroupVersion",
        ),
    ],
)
def test_codes_inside_sequences(memory_desk, values, status, comment):
    response = memory_desk.create(**_station(memory_desk, **values))
    assert response.status == status
    assert comment in (response.error_comment or "")


@pytest.mark.parametrize(
    ("kind", "keyword", "value"),
    [
        ("DATETIME", "DateTime", "2026"),
        ("DATE", "Date", "20260101"),
        ("TIME", "Time", "12"),
        ("PNAME", "PersonName", "A^B"),
        ("UIDREF", "UID", "1.2"),
        ("TEXT", "TextValue", "text"),
        ("NUMERIC", "NumericValue", "3"),
    ],
)
def test_a_parameter_has_the_value_its_type_names(memory_desk, kind, keyword, value):
    desk = memory_desk

    def parameter(**values):
        name = [desk.code("1")]
        units = {"MeasurementUnitsCodeSequence": [desk.code("1", "UCUM")]} if kind == "NUMERIC" else {}
        item = desk.dataset(ValueType=kind, ConceptNameCodeSequence=name, **units, **values)
        return {"ScheduledProcessingParametersSequence": [item]}

    response = desk.create(**parameter())
    assert (response.status, response.attribute_list) == (0x0120, (tag_for_keyword(keyword),))
    assert desk.create(**parameter(**{keyword: value})).status == 0
    assert desk.set(**parameter(**{keyword: value})).status == 0
    assert desk.set(**parameter()).status == 0x0121


def _input(desk, kind="DICOM", reference=None, **retrieval):
    reference = {"ReferencedSOPClassUID": "1.2", "ReferencedSOPInstanceUID": "1.3", **(reference or {})}
    item = desk.dataset(TypeOfInstances=kind, ReferencedSOPSequence=[desk.dataset(**reference)], **retrieval)
    return {"InputInformationSequence": [item]}


def test_inputs_say_where_they_are(memory_desk):
    desk = memory_desk
    assert desk.create(**_input(desk)).error_comment.startswith("missing DICOMRetrievalSequence")
    where = {"WADORSRetrievalSequence": [desk.dataset(RetrieveURL="https://x")]}
    assert desk.create("1.1", **_input(desk, **where)).status == 0
    assert desk.create("1.2", **_input(desk, kind="HL7", **where)).status == 0x0106
    assert "HL7InstanceIdentifier" in desk.create("1.2", **_input(desk, kind="CDA", **where)).error_comment
    known = {"HL7InstanceIdentifier": "1.2.3^4"}
    assert desk.create("1.2", **_input(desk, kind="CDA", reference=known, **where)).status == 0
    empty = {"DICOMRetrievalSequence": [desk.dataset(RetrieveAETitle="A" * 17)]}
    assert desk.create("1.3", **_input(desk, **empty)).status == 0x0106


def test_an_issuer_needs_a_name_or_an_id_with_its_type(memory_desk):
    desk = memory_desk

    def issuer(**values):
        return {"IssuerOfAdmissionIDSequence": [desk.dataset(**values)]}

    assert desk.create("1.1", **issuer(LocalNamespaceEntityID="X")).status == 0
    assert desk.create("1.2", **issuer(UniversalEntityID="1.2", UniversalEntityIDType="ISO")).status == 0
    assert "LocalNamespaceEntityID" in desk.create("1.3", **issuer()).error_comment
    assert "UniversalEntityIDType" in desk.create("1.3", **issuer(UniversalEntityID="1.2")).error_comment


def test_a_sequence_is_no_text_and_text_no_sequence(memory_desk):
    data = memory_desk.workitem()
    data.add_new(0x00404025, "LO", "FX1")
    assert memory_desk.create(data=data).status == 0x0106
    data = memory_desk.workitem()
    data.add_new(0x00741204, "SQ", [memory_desk.code("1")])
    assert memory_desk.create(data=data).status == 0x0106


# -- N-SET --


_NOT_SETTABLE = [row["keyword"] for row in _TOP if row["nset"] in ("Not allowed", "-/-")]
_TOLERATED = {"SOPClassUID", "SOPInstanceUID"}


@pytest.mark.parametrize("keyword", [name for name in _NOT_SETTABLE if name not in _TOLERATED])
def test_each_attribute_that_may_not_be_set(memory_desk, keyword):
    memory_desk.create()
    before = memory_desk.get().data_set
    data = memory_desk.dataset(ProcedureStepLabel="new")
    row = next(row for row in _TOP if row["keyword"] == keyword)
    tag = int(row["tag_path"], 16)
    data.add_new(tag, row["vr"], None)
    response = memory_desk.one(memory_desk.set_request("1.2.3", data), "1.2.840.10008.5.1.4.34.6.3")
    assert (response.status, response.attribute_list) == (0x0105, (tag,))
    assert memory_desk.get().data_set == before


@pytest.mark.parametrize("keyword", [row["keyword"] for row in _TOP if row["nset"] == "3/1" and row["vr"] != "SQ"])
def test_a_value_cannot_be_taken_away(memory_desk, keyword):
    memory_desk.create()
    assert memory_desk.set(**{keyword: ""}).status == 0x0121


@pytest.mark.parametrize("value", ["-1", "101", "abc", "1e400", "nan"])
def test_progress_is_a_percentage(memory_desk, value):
    memory_desk.create()
    item = memory_desk.dataset(ProcedureStepProgress=value)
    assert memory_desk.set(ProcedureStepProgressInformationSequence=[item]).status == 0x0106


def test_there_is_one_progress_item(memory_desk):
    memory_desk.create()
    items = [memory_desk.dataset(ProcedureStepProgress=value) for value in ("1", "2")]
    assert memory_desk.set(ProcedureStepProgressInformationSequence=items[:1]).status == 0
    assert memory_desk.set(ProcedureStepProgressInformationSequence=items).status == 0x0106


def test_a_set_replaces_whole_sequences_and_is_all_or_nothing(desk):
    desk.create(**_station(desk, CodeValue="1", CodingSchemeDesignator="DCM", CodeMeaning="m"))
    desk.set(ScheduledStationNameCodeSequence=[desk.code("2"), desk.code("3")])
    codes = desk.get().data_set.ScheduledStationNameCodeSequence
    assert [code.CodeValue for code in codes] == ["2", "3"]
    assert desk.set(ProcedureStepLabel="new", ScheduledProcedureStepPriority="X").status == 0x0106
    assert desk.get().data_set.ProcedureStepLabel == "step"


# -- final states --


def _performed(desk, **changes):
    (item,) = desk.finish_data()["UnifiedProcedureStepPerformedProcedureSequence"]
    for name, value in changes.items():
        if value is None:
            delattr(item, name)
        else:
            setattr(item, name, value)
    return {"UnifiedProcedureStepPerformedProcedureSequence": [item]}


@pytest.mark.parametrize(
    "keyword", [row["keyword"] for row in _ROWS if row["final_state"] == "P" and row["depth"] == "1"]
)
def test_each_attribute_completed_needs(desk, keyword):
    desk.bring_to("IN PROGRESS")
    if keyword == "OutputInformationSequence":
        assert desk.set(tx="1.9", **_performed(desk, **{keyword: None})).status == 0x0121
        return
    assert desk.set(tx="1.9", **_performed(desk, **{keyword: None})).status == 0
    response = desk.change("COMPLETED")
    assert (response.status, response.offending_elements) == (0xC304, (tag_for_keyword(keyword),))
    assert keyword in response.error_comment
    assert desk.set(tx="1.9", **_performed(desk)).status == 0
    assert desk.change("COMPLETED").status == 0


def test_canceled_needs_a_reason_code_and_gets_its_time(desk):
    desk.bring_to("IN PROGRESS")
    response = desk.change("CANCELED")
    assert (response.status, response.offending_elements) == (0xC304, (0x00741002,))
    desk.set(tx="1.9", ProcedureStepProgressInformationSequence=[desk.dataset(ReasonForCancellation="x")])
    response = desk.change("CANCELED")
    assert (response.status, response.offending_elements) == (0xC304, (0x0074100E,))
    own = desk.cancel_data()["ProcedureStepProgressInformationSequence"]
    own[0].ProcedureStepCancellationDateTime = "2025"
    desk.set(tx="1.9", ProcedureStepProgressInformationSequence=own)
    assert desk.change("CANCELED").status == 0
    (progress,) = desk.get().data_set.ProcedureStepProgressInformationSequence
    assert progress.ProcedureStepCancellationDateTime == "2025"


@pytest.mark.parametrize(
    ("value", "vr", "fits"),
    [
        ("", "UI", True),
        ("1.2.840", "UI", True),
        ("1.2.840.", "UI", False),
        ("1_0", "DS", False),
        ("-1.5e3", "DS", True),
        ("inf", "DS", False),
        ("9" * 5000, "IS", False),
        ("+12", "IS", True),
        ("1.5", "IS", False),
        ("A" * 16, "AE", True),
        ("A" * 17, "AE", False),
        ("ä", "AE", False),
        ("anything", "LO", True),
    ],
)
def test_forms(value, vr, fits):
    assert well_formed(value, vr) is fits


@pytest.mark.parametrize(
    ("progress", "status"),
    [
        ("0", 0),
        ("100", 0),
        ("50\\", 0),
        ("-1", 0x0106),
        ("101", 0x0106),
        ("+", 0x0106),
        ("nan", 0x0106),
        ("1e999", 0x0106),
    ],
)
def test_progress_is_a_number_from_0_to_100(memory_desk, progress, status):
    memory_desk.bring_to("IN PROGRESS")
    item = memory_desk.dataset(ProcedureStepProgress=progress)
    assert memory_desk.set(tx="1.9", ProcedureStepProgressInformationSequence=[item]).status == status
