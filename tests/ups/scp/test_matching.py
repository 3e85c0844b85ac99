"""C-FIND keys, kind by kind (PS3.4 C.2.2.2), their limits, and what the answers show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from ups.scp import changes
from ups.scp.matching import MAX_KEYS, MAX_PATTERN, MAX_TESTED, MAX_UIDS, Query, utc_offset, with_uids
from ups.scp.refusal import Refusal
from ups.scp.store import Narrowing, Workitem


def _fits(desk, workitem, offset=0, **keys):
    return Query(desk.dataset(**keys), offset=offset).matches(with_uids(desk.dataset(**workitem), "1.2.3"))


@pytest.mark.parametrize(
    ("name", "held", "key", "fits"),
    [
        ("ProcedureStepState", "SCHEDULED", "SCHEDULED", True),
        ("ProcedureStepState", "IN PROGRESS", "SCHEDULED\\IN PROGRESS", True),
        ("ProcedureStepState", "SCHEDULED", "scheduled", False),
        ("ProcedureStepState", "SCHEDULED", "", True),
        ("ProcedureStepState", "SCHEDULED", "*", True),
        ("ProcedureStepState", "SCHEDULED", "SCHED*", True),
        ("PatientID", "4711 ", "4711", True),
        ("PatientID", "4711", " 4711", True),
        ("PatientID", "", "4711", False),
        ("PatientID", "", "?*", False),
        ("PatientID", "", "*", True),
        ("PatientID", None, "", True),
        ("PatientID", None, "4711", False),
        ("PatientID", "47%1", "47_1", False),
        ("PatientID", "4711", "47%", False),
        ("PatientID", "4711", "4?1?", True),
        ("MedicalAlerts", "LATEX\\NICKEL", "NICKEL", True),
        ("MedicalAlerts", "LATEX\\NICKEL", "NI*", True),
        ("MedicalAlerts", "LATEX\\NICKEL", "LATEX\\OTHER", True),
        ("MedicalAlerts", "LATEX\\NICKEL", "GOLD", False),
        ("CommentsOnTheScheduledProcedureStep", "a\\b", "a\\b", True),
        ("CommentsOnTheScheduledProcedureStep", "a\\b", "a", False),
        ("CommentsOnTheScheduledProcedureStep", " lead", "lead", False),
        ("StudyInstanceUID", "1.2.3", "1.2.3", True),
        ("StudyInstanceUID", "1.2.3", "1.2.4\\1.2.3", True),
        ("StudyInstanceUID", "1.2.3", "1.2.*", False),
        ("StudyInstanceUID", "1.2.3\0", "1.2.3", True),
        ("SOPInstanceUID", None, "1.2.3", True),
        ("SOPInstanceUID", None, "1.2.4", False),
        ("SOPClassUID", None, "1.2.840.10008.5.1.4.34.6.1", True),
        ("SOPClassUID", None, "1.2.840.10008.5.1.4.34.4.1", True),
        ("SOPClassUID", None, "1.2.840.10008.5.1.4.34.6.3", False),
        ("PatientBirthDate", "19700101", "19700101", True),
        ("PatientBirthDate", "19700101", "19690101-19701231", True),
        ("PatientBirthDate", "", "19690101-", False),
        ("PatientBirthDate", "garbage", "19690101-", False),
        ("ScheduledProcedureStepStartDateTime", "20260301123000", "20260301", True),
        ("ScheduledProcedureStepStartDateTime", "20260301123000", "20260301-20260302", True),
        ("ScheduledProcedureStepStartDateTime", "20260301123000", "20260301123001-", False),
        ("PatientName", "Doe^Jane", "doe^jane", True),
        ("PatientName", "Doe^Jane", "DOE*", True),
        ("PatientName", "Doe^Jane^^^", "Doe^Jane", True),
        ("PatientName", "Doe^Jane", "Jane", False),
        ("PatientName", "Doe^Jane", "*^j?ne", True),
        ("PatientName", "Yamada^Tarou=山田^太郎", "山田*", True),
        ("PatientName", "Yamada^Tarou=山田^太郎", "yamada^tarou=山田^太郎", True),
        ("PatientName", "Yamada^Tarou=山田^太郎", "=山田*", True),
        ("PatientName", "Yamada^Tarou", "=山田*", False),
        ("PatientName", "", "?*", False),
        ("PatientName", "Strasse^A", "STRASSE^a", True),
        ("PatientWeight", "70.50", "70.5", True),
        ("PatientWeight", "71", "70.5", False),
    ],
)
def test_single_values_wild_cards_lists_ranges_names(memory_desk, name, held, key, fits):
    values = {} if held is None else {name: held}
    if held and not held.isascii():
        values["SpecificCharacterSet"] = "ISO_IR 192"
    workitem = memory_desk.dataset(**values)
    workitem.set_original_encoding(False, True, ["utf8"])
    keys = memory_desk.dataset(**{name: key})
    keys.set_original_encoding(False, True, ["utf8"])
    assert Query(keys).matches(with_uids(workitem, "1.2.3")) is fits


def test_binary_numbers_match_by_value(memory_desk):
    held = Dataset()
    held.PregnancyStatus = 4
    for value, fits in ((4, True), (3, False)):
        key = Dataset()
        key.PregnancyStatus = value
        assert Query(key).matches(with_uids(held, "1.2")) is fits


def test_all_keys_must_fit(memory_desk):
    workitem = {"PatientID": "1", "PatientName": "A"}
    assert _fits(memory_desk, workitem, PatientID="1", PatientName="a")
    assert not _fits(memory_desk, workitem, PatientID="1", PatientName="b")


def test_date_times_know_their_offset(memory_desk):
    start = "ScheduledProcedureStepStartDateTime"
    assert _fits(memory_desk, {start: "20260301120000+0100"}, **{start: "20260301110000+0000"})
    assert _fits(memory_desk, {start: "20260301120000"}, offset=60, **{start: "20260301110000+0000"})
    held = {start: "20260301120000", "TimezoneOffsetFromUTC": "-0500"}
    assert _fits(memory_desk, held, offset=60, **{start: "20260301170000+0000"})
    assert _fits(memory_desk, held, **{start: "20260301180000", "TimezoneOffsetFromUTC": "+0100"})


@pytest.mark.parametrize(
    ("text", "minutes"), [("+0100", 60), ("-0530", -330), ("", None), ("+1", None), ("+\u0660\u0661\u0660\u0660", None)]
)
def test_offsets(text, minutes):
    assert utc_offset(text) == minutes


def _stations(desk, *codes):
    return {"ScheduledStationNameCodeSequence": [desk.code(value, scheme) for value, scheme in codes]}


def test_one_item_must_fit_all_keys_of_a_sequence(memory_desk):
    desk = memory_desk
    held = _stations(desk, ("FX1", "A"), ("FX2", "B"))

    def key(**values):
        return {"ScheduledStationNameCodeSequence": [desk.dataset(**values)]}

    assert _fits(desk, held, **key(CodeValue="FX1", CodingSchemeDesignator="A"))
    assert not _fits(desk, held, **key(CodeValue="FX1", CodingSchemeDesignator="B"))
    assert _fits(desk, held, **key(CodeValue="FX1", CodeMeaning="another meaning"))
    assert _fits(desk, held, **key())
    assert _fits(desk, {}, **key(CodeValue=""))
    assert not _fits(desk, {}, **key(CodeValue="FX1"))
    assert _fits(desk, held, ScheduledStationNameCodeSequence=[])


def test_answers_show_what_was_asked_and_what_is_always_shown(memory_desk):
    desk = memory_desk
    data = desk.workitem(PatientID="1", AdmissionID="9", **_stations(desk, ("FX1", "A"), ("FX2", "B")))
    keys = desk.dataset(
        PatientName="",
        ReasonForCancellation="",
        ScheduledStationNameCodeSequence=[desk.dataset(CodeValue="FX?", CodingSchemeDesignator="A")],
    )
    shown = Query(keys).answer(with_uids(data, "1.2.3"))
    assert [element.keyword for element in shown] == [
        "SOPClassUID",
        "SOPInstanceUID",
        "PatientName",
        "ScheduledProcedureStepStartDateTime",
        "ScheduledStationNameCodeSequence",
        "InputReadinessState",
        "ProcedureStepState",
        "ScheduledProcedureStepPriority",
        "WorklistLabel",
        "ProcedureStepLabel",
    ]
    (station,) = shown.ScheduledStationNameCodeSequence
    assert [(element.keyword, element.value) for element in station] == [
        ("CodeValue", "FX1"),
        ("CodingSchemeDesignator", "A"),
    ]


def test_universal_sequences_are_shown_whole(memory_desk):
    desk = memory_desk
    data = desk.workitem(**_stations(desk, ("FX1", "A"), ("FX2", "B")))
    for items in ([], [Dataset()]):
        shown = Query(desk.dataset(ScheduledStationNameCodeSequence=items)).answer(with_uids(data, "1.2"))
        assert [len(item) for item in shown.ScheduledStationNameCodeSequence] == [3, 3]


def test_a_known_attribute_without_value_is_shown_empty(memory_desk):
    keys = memory_desk.dataset(PatientID="", MedicalAlerts="", ScheduledHumanPerformersSequence=[])
    shown = Query(keys).answer(with_uids(Dataset(), "1.2"))
    assert [(element.keyword, element.is_empty) for element in shown if element.VR != "UI"] == [
        ("PatientID", True),
        ("MedicalAlerts", True),
        ("ScheduledHumanPerformersSequence", True),
    ]


def test_never_the_transaction_uid(memory_desk):
    desk = memory_desk
    query = Query(desk.dataset(TransactionUID="1.9"))
    assert query.is_empty
    assert not query.all_supported
    item = desk.dataset(TransactionUID="1.9")
    query = Query(desk.dataset(ScheduledStationNameCodeSequence=[item]))
    assert not query.all_supported


def test_character_set_and_time_zone_are_no_keys(memory_desk):
    assert Query(memory_desk.dataset(SpecificCharacterSet="ISO_IR 100", TimezoneOffsetFromUTC="+0100")).is_empty


@pytest.mark.parametrize(
    ("length", "refused"), [(MAX_PATTERN, False), (MAX_PATTERN + 1, True)], ids=["at the limit", "beyond"]
)
def test_length_of_a_pattern(memory_desk, length, refused):
    keys = memory_desk.dataset(PatientID="*" + "x" * (length - 1))
    if refused:
        with pytest.raises(Refusal) as caught:
            Query(keys)
        assert caught.value.status == 0xA700
    else:
        Query(keys)


@pytest.mark.parametrize(
    ("count", "refused"), [(MAX_UIDS, False), (MAX_UIDS + 1, True)], ids=["at the limit", "beyond"]
)
def test_number_of_uids(memory_desk, count, refused):
    keys = memory_desk.dataset(SOPInstanceUID="\\".join(f"1.2.{n}" for n in range(count)))
    if refused:
        with pytest.raises(Refusal) as caught:
            Query(keys)
        assert caught.value.status == 0xA700
    else:
        assert Query(keys).matches(with_uids(Dataset(), "1.2.7"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("PatientID", "A{}*"), ("PatientName", "A{}^B"), ("ScheduledProcedureStepStartDateTime", "2026{}-")],
)
@pytest.mark.parametrize("surplus", [0, 1], ids=["at the limit", "beyond"])
def test_number_of_values_to_try_one_by_one(memory_desk, name, value, surplus):
    half = MAX_TESTED // 2
    first = "\\".join(value.format("01") for _ in range(half))
    second = "\\".join("?" for _ in range(MAX_TESTED - half + surplus))
    keys = memory_desk.dataset(**{name: first, "WorklistLabel": second})
    if surplus:
        with pytest.raises(Refusal) as caught:
            Query(keys)
        assert caught.value.status == 0xA700
    else:
        Query(keys)


def test_plain_values_beside_a_wild_card_are_only_looked_up(memory_desk):
    plain = [f"P{number}" for number in range(MAX_TESTED + 1)]
    query = Query(memory_desk.dataset(PatientID="\\".join([*plain, "Q*"])))
    held = ["P0", f"P{MAX_TESTED}", "Q1", "P", "R1"]
    assert [query.matches(memory_desk.dataset(PatientID=value)) for value in held] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("count", "refused"), [(MAX_KEYS, False), (MAX_KEYS + 1, True)], ids=["at the limit", "beyond"]
)
def test_number_of_keys(count, refused):
    keys = Dataset()
    for number in range(count):
        keys.add_new(0x00991000 + number, "LO", "")
    if refused:
        with pytest.raises(Refusal):
            Query(keys)
    else:
        Query(keys)


_ENUMERATED = ("ProcedureStepState", "ScheduledProcedureStepPriority", "InputReadinessState")
_KEYS = st.sampled_from(["", "A", "B", "A\\B", "A*", "?", "1.2"])
_IDENTIFIERS = st.dictionaries(st.sampled_from((*_ENUMERATED, "PatientID", "SOPInstanceUID")), _KEYS)
# the rules see to it that the enumerated ones have one value; a patient id may have any number
_HELD = st.fixed_dictionaries(
    {name: st.sampled_from(["A", "B", "1.2"]) for name in _ENUMERATED},
    optional={"PatientID": st.sampled_from(["", "A", "A\\B", " A "])},
)


@given(_IDENTIFIERS, _HELD)
def test_narrowing_never_hides_a_match(as_received, keys, held):
    workitem = as_received(**held)
    record = changes.record(Workitem("1.2", "", b""), workitem)
    query = Query(as_received(**keys))
    if query.covers("1.2", workitem):
        assert query.narrowing().admits(record)


def test_narrowing_names_columns(memory_desk):
    query = Query(memory_desk.dataset(ProcedureStepState="SCHEDULED", PatientID="1*", SOPInstanceUID="1.2\\1.3"))
    assert query.narrowing() == Narrowing({"state": frozenset({"SCHEDULED"}), "uid": frozenset({"1.2", "1.3"})})
