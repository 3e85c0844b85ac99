"""The sheet of ``get``: names, values beside them, codes on one line, and whatever a peer sends."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import decode, encode
from dicomnet.errors import DecodeError
from dicomnet.testing.datasets import datasets
from dicomnet.testing.pdus import mutated
from ups.cli.console import is_harmless
from ups.cli.sheet import sheet_lines
from ups.cli.terminal import Terminal, width_of

from .answers import element, leaking


def code(value: str, meaning: str) -> Dataset:
    dataset = Dataset()
    dataset.CodeValue, dataset.CodingSchemeDesignator, dataset.CodeMeaning = value, "DCM", meaning
    return dataset


def workitem() -> Dataset:
    performed, step, dataset = Dataset(), Dataset(), Dataset()
    step.ProcedureStepProgress = "50"
    performed.PerformedWorkitemCodeSequence = [code("121726", "RT Treatment")]
    performed.OutputInformationSequence = []
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "山田^太郎"
    dataset.PatientBirthDate = ""
    dataset.PatientComments = "first line\r\nsecond line that is a little long"
    dataset.ScheduledProcedureStepStartDateTime = "203001020304"
    dataset.ScheduledWorkitemCodeSequence = [code("1", "One"), code("2", "Two")]
    dataset.ProcedureStepState = "IN PROGRESS"
    dataset.ProcedureStepProgressInformationSequence = [step, step]
    dataset.UnifiedProcedureStepPerformedProcedureSequence = [performed]
    dataset.add_new(0x00090010, "LO", "ACME")
    dataset.add_new(0x00091001, "OB", b"\1\2")
    return dataset


def sheet(dataset: Dataset, **paper: int | bool) -> list[str]:
    received = decode(encode(dataset, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE)
    return list(sheet_lines(received, Terminal(**paper)))  # type: ignore[arg-type]


def test_a_sheet() -> None:
    assert sheet(workitem(), width=66) == [
        "Specific Character Set      ISO_IR 192",
        "(0009,0010) private         ACME",
        "(0009,1001) ACME            01 02",
        "Patient's Name              山田^太郎",
        "Patient's Birth Date",
        "Patient Comments            first line",
        "                            second line that is a little long",
        "Scheduled Procedure Step Start DateTime",
        "                            2030-01-02 03:04",
        "Scheduled Workitem Code Sequence",
        "                            1 (DCM) One",
        "                            2 (DCM) Two",
        "Procedure Step State        IN PROGRESS",
        "Procedure Step Progress Information Sequence",
        "                            2 items",
        "  item 1",
        "    Procedure Step Progress",
        "                            50",
        "  item 2",
        "    Procedure Step Progress",
        "                            50",
        "Unified Procedure Step Performed Procedure Sequence",
        "  Performed Workitem Code Sequence",
        "                            121726 (DCM) RT Treatment",
        "  Output Information Sequence",
    ]


def test_a_wide_terminal_has_values_beside_all_names_and_a_narrow_one_wraps_them() -> None:
    lines = sheet(workitem(), width=200)
    assert "Scheduled Procedure Step Start DateTime       2030-01-02 03:04" in lines
    for width in (20, 33, 50):
        assert max(map(width_of, sheet(workitem(), width=width))) <= width


def test_names_and_states_are_coloured() -> None:
    lines = sheet(workitem(), width=200, coloured=True)
    (line,) = [line for line in lines if "IN PROGRESS" in line]
    assert line.startswith("\x1b[36mProcedure Step State\x1b[0m")
    assert line.endswith("\x1b[33mIN PROGRESS\x1b[0m")


def test_nothing_moves_the_cursor() -> None:
    lines = sheet(leaking())
    assert all(line.isprintable() for line in lines)


def test_bad_values_are_shown_as_they_can_be() -> None:
    bad = element(0x00080005, "CS", b"ISO_IR 192") + element(0x00100010, "PN", b"M\xfcller")
    bad += element(0x00741004, "FD", b"abc")
    assert list(sheet_lines(decode(bad, uids.EXPLICIT_VR_LE), Terminal()))[1:] == [
        "Patient's Name           M\ufffdller (?)",
        "Procedure Step Progress  61 62 63 (?)",
    ]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), width=st.integers(20, 100))
def test_never_fails(data: st.DataObject, width: int) -> None:
    hostile = data.draw(mutated(encode(data.draw(datasets()), uids.EXPLICIT_VR_LE)))
    try:
        dataset = decode(hostile, uids.EXPLICIT_VR_LE)
    except DecodeError:
        return
    for line in sheet_lines(dataset, Terminal(width=width)):
        assert width_of(line) <= width
        assert all(is_harmless(character) for character in line)
