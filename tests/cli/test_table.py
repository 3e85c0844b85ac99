"""The table of ``find``: its columns, its widths, and that no peer breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import encode
from dicomnet.dataset.paths import parse_path
from dicomnet.dimse.messages import CFindResponse, EncodedDataSet
from ups.cli.console import Console
from ups.cli.table import Column, TableResults, columns_for, layout
from ups.cli.terminal import Terminal, width_of

from .answers import LOCK, element, encoded, leaking

NAME = Column("Patient", (0x00100010,))
STATE = Column("State", (0x00741000,))
LABEL = Column("Step", (0x00741204,))


def workitem(uid: str, **values: Any) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPInstanceUID = uid
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def matched(results: TableResults, *matches: Dataset | EncodedDataSet) -> None:
    for one in matches:
        sent = one
        if isinstance(one, Dataset):
            sent = EncodedDataSet(encode(one, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE)
        results.match(CFindResponse(responding_to=1, status=0xFF00, data_set=sent))


def table(
    capsys: pytest.CaptureFixture[str], matches: list[Dataset | EncodedDataSet], *columns: Column, **paper: Any
) -> list[str]:
    results = TableResults(Console("dcmups"), columns, Terminal(**paper))
    matched(results, *matches)
    results.close()
    return capsys.readouterr().out.splitlines()


# -- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "keys", "titles"),
    [
        ((), ("PatientName", "ProcedureStepState", "TransactionUID"), ["State", "Patient"]),
        ((), ("SOPInstanceUID", "SOPClassUID", "CodeMeaning"), ["CodeMeaning"]),
        (("PatientName", "00741000", "PatientName"), (), ["PatientName", "ProcedureStepState"]),
        (("ScheduledStationNameCodeSequence/CodeValue",), (), ["CodeValue"]),
        (
            ("ScheduledStationNameCodeSequence/CodeValue", "ScheduledWorkitemCodeSequence/CodeValue"),
            (),
            ["ScheduledStationNameCodeSequence/CodeValue", "ScheduledWorkitemCodeSequence/CodeValue"],
        ),
        (("TransactionUID", "SOPInstanceUID", "00091001"), (), ["00091001"]),
    ],
)  # fmt: skip
def test_columns_are_what_was_asked_for(names: tuple[str, ...], keys: tuple[str, ...], titles: list[str]) -> None:
    found = columns_for(names, [tag_for_keyword(key) or 0 for key in keys])
    assert [column.title for column in found] == titles
    if names and titles[-1] != "00091001":
        assert [column.path for column in found] == list(dict.fromkeys(map(parse_path, names)))


@pytest.mark.parametrize(
    ("natural", "width", "widths"),
    [
        ([5, 10, 10], 80, [5, 10, 10]),
        ([5, 10, 10], 29, [5, 10, 10]),
        ([5, 10, 10], 28, [5, 10, 9]),
        ([5, 10, 10], 27, [5, 9, 9]),
        ([5, 10, 10], 26, [5, 10]),
        ([5, 3, 40], 40, [5, 3, 28]),
        ([50, 3, 3], 40, [50]),
    ],
)
def test_layout(natural: list[int], width: int, widths: list[int]) -> None:
    found = layout([NAME] * 3, natural, width)
    assert found == widths
    assert len(found) == 1 or sum(found) + 2 * (len(found) - 1) <= width


def test_a_state_is_not_cut() -> None:
    assert layout([NAME, STATE, NAME], [5, 11, 30], 29) == [5, 11, 9]


# -- rows ------------------------------------------------------------------------------------------------------------


def test_wide_names_stand_in_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = table(
        capsys,
        [
            workitem("1.2.3", PatientName="山田^太郎", ProcedureStepState="SCHEDULED", ProcedureStepLabel="a"),
            workitem("1.2.34", PatientName="Doe^Jane", ProcedureStepState="IN PROGRESS", ProcedureStepLabel="b"),
            workitem("1.2.35", PatientName="", ProcedureStepState=""),
        ],
        NAME,
        STATE,
        LABEL,
    )
    assert lines == [
        "UID     Patient    State        Step",
        "1.2.3   山田^太郎  SCHEDULED    a",
        "1.2.34  Doe^Jane   IN PROGRESS  b",
        "1.2.35",
    ]


def test_a_narrow_terminal_gets_whole_uids_and_what_else_fits(capsys: pytest.CaptureFixture[str]) -> None:
    uid = "2.25." + "9" * 39
    results = TableResults(Console("dcmups"), [NAME, STATE, LABEL], Terminal(width=70))
    matched(results, workitem(uid, PatientName="山田^太郎と長い名前", ProcedureStepState="IN PROGRESS"))
    results.close()
    out, err = capsys.readouterr()
    assert out.splitlines()[1] == f"{uid}  山田^太郎…   IN PROGRESS"
    assert err == "dcmups: the terminal is too narrow for Step; -r chooses columns, 'get' shows all\n"


def test_later_rows_fit_into_the_first_and_come_as_they_arrive(capsys: pytest.CaptureFixture[str]) -> None:
    time = 0.0
    results = TableResults(Console("dcmups"), [NAME], Terminal(width=40), now=lambda: time)
    matched(results, workitem("1.2.3", PatientName="Doe"))
    assert not results.visible
    assert capsys.readouterr().out == ""
    time = 2.5
    matched(results, workitem("1.2.4", PatientName="Roe"))
    assert results.visible
    assert capsys.readouterr().out.splitlines() == ["UID    Patient", "1.2.3  Doe", "1.2.4  Roe"]
    matched(results, workitem("1.2.5.6.7", PatientName="Somebody^Else"))
    assert capsys.readouterr().out == "1.2.5.6.7  Somebo…\n"
    results.close()
    assert capsys.readouterr().out == ""


def test_many_rows_do_not_wait_for_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    results = TableResults(Console("dcmups"), [NAME], Terminal(width=40), now=lambda: 0.0)
    matched(results, *[workitem(f"1.2.{n}", PatientName="Doe") for n in range(200)])
    assert len(capsys.readouterr().out.splitlines()) == 201


def test_no_row_no_heading(capsys: pytest.CaptureFixture[str]) -> None:
    assert table(capsys, [], NAME) == []


def test_states_are_coloured_and_still_in_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [workitem("1.2.3", ProcedureStepState=state, PatientName="x") for state in ("COMPLETED", "SCHEDULED")]
    assert table(capsys, rows, STATE, NAME, coloured=True) == [
        "\x1b[1mUID    State      Patient\x1b[0m",
        "1.2.3  \x1b[32mCOMPLETED\x1b[0m  x",
        "1.2.3  SCHEDULED  x",
    ]


def test_values_of_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    code, dataset = Dataset(), workitem("1.2.3")
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121726", "DCM", "RT Treatment"
    dataset.ScheduledWorkitemCodeSequence = [code, code]
    dataset.ScheduledProcedureStepStartDateTime = "20300102030405+0100"
    dataset.PatientBirthDate = "19700102"
    dataset.OtherPatientIDsSequence = [workitem("1"), workitem("2")]
    dataset.EncapsulatedDocument = bytes(100)
    names = (
        "ScheduledWorkitemCodeSequence",
        "ScheduledWorkitemCodeSequence/CodeValue",
        "ScheduledProcedureStepStartDateTime",
        "PatientBirthDate",
        "OtherPatientIDsSequence",
        "EncapsulatedDocument",
        "OtherPatientIDsSequence/ScheduledWorkitemCodeSequence/CodeValue",
    )
    (_, row) = table(capsys, [dataset], *columns_for(names, ()), width=300)
    expected = [
        "RT Treatment; RT Treatment",
        "121726",
        "2030-01-02 03:04:05+0100",
        "1970-01-02",
        "2 items",
        "100 bytes",
    ]
    assert [cell.strip() for cell in row.split("  ") if cell] == ["1.2.3", *expected]


def test_what_a_peer_sends_cannot_break_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    odd = encoded(
        element(0x00080005, "CS", b"ISO_IR 192"),
        element(0x00080018, "UI", b"1.2\x1b[2J"),
        element(0x00100010, "PN", b"M\xfcl\nler"),
        element(0x00741000, "FD", b"abc"),
        element(0x00741204, "LO", "a\u202e\r\x9bb".encode()),
    )
    lines = table(capsys, [odd, leaking()], NAME, STATE, LABEL, Column("Lock", (0x00081195,)), width=200)
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert lines[1].split() == [r"1.2\x1b[2J", "M\ufffdl\\x0aler", "(?)", "61", "62", "63", "(?)", r"a\u202e\x0d\x9bb"]
    assert not any(LOCK in line for line in lines)


def test_a_match_without_uid_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert table(capsys, [encoded(element(0x00100010, "PN", b"Doe "))], NAME)[1] == "(no UID)  Doe"


def test_no_line_is_wider_than_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        workitem(f"1.2.{n}", PatientName="山" * n, ProcedureStepState="IN PROGRESS", ProcedureStepLabel="x" * n)
        for n in range(1, 60)
    ]
    for width in (20, 30, 40, 41, 50, 80):
        assert max(map(width_of, table(capsys, rows, NAME, STATE, LABEL, width=width))) <= width
