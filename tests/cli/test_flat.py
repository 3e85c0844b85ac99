"""What is written down without pydicom is what pydicom would have written, byte for byte."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnet import uids
from dicomnet.dataset import encode
from dicomnet.dimse.messages import EncodedDataSet
from ups.cli import flat, inputs
from ups.cli.inputs import Content
from ups.cli.parser import CommandLine, parse
from ups.cli.words import UsageError
from ups.vocabulary import ATTRIBUTES

pytestmark = pytest.mark.once


def line_of(words: list[str]) -> CommandLine:
    line = parse(words, is_attribute=inputs.is_attribute)
    assert isinstance(line, CommandLine)
    return line


def gathered(line: CommandLine) -> Content:
    assert line.operation is not None
    return inputs.gather(line, line.operation)


def with_pydicom(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Content:
    with monkeypatch.context() as patch:
        patch.setattr(inputs, "flat_values", lambda *_: None)
        content = gathered(line)
    assert not isinstance(content.data_set, EncodedDataSet)
    return content


FLAT = [
    "find S",
    "find S -state SCHEDULED",
    "find S -state 'IN PROGRESS' -iuid 1.2.3",
    "find S -r PatientName ProcedureStepState -r PatientID",
    "find S -r SpecificCharacterSet -iuid 1.2.34",
    "find S -q PatientName=DOE^J* PatientID=4711 -q StudyInstanceUID=1.2.3 PatientBirthDate=20000101 PatientSex=M",
    "find S -q WorklistLabel=X -q WorklistLabel=YY -r WorklistLabel",
    "find S -r ScheduledWorkitemCodeSequence MedicalAlerts",
    "get S -iuid 1.2.3",
    "get S -iuid 1.2.3 -r PatientName ScheduledWorkitemCodeSequence",
    "chstate S -iuid 1.2.3 -state 'IN PROGRESS' -tuid 1.2.345",
    "reqcancel S -iuid 1.2 -aet ME",
    "subscribe S -aet WATCHER",
    "subscribe S -aet 'A B' -iuid 1.2.3 -dellock",
    "unsubscribe S -aet WATCHER",
    "suspend S -aet WATCHER",
]


@pytest.mark.parametrize("text", FLAT)
@pytest.mark.parametrize("syntax", ["", " -ivrle"])
def test_the_bytes_are_those_of_pydicom(text: str, syntax: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of(shlex.split(text + syntax))
    quick, whole = gathered(line), with_pydicom(line, monkeypatch)
    assert isinstance(quick.data_set, EncodedDataSet)
    transfer_syntax = uids.IMPLICIT_VR_LE if syntax else uids.EXPLICIT_VR_LE
    if not text.startswith("get"):
        assert quick.data_set == EncodedDataSet(encode(whole.dataset, transfer_syntax), transfer_syntax)
        assert encode(quick.dataset, transfer_syntax) == encode(whole.dataset, transfer_syntax)  # decoded on demand
    assert (quick.tags, quick.attributes, quick.instance) == (whole.tags, whole.attributes, whole.instance)


@pytest.mark.parametrize(
    "text",
    [
        "find S -r 00100010",
        "find S -r ScheduledWorkitemCodeSequence/CodeValue",
        "find S -r Rows",
        "find S -q PatientName=Müller",
        "find S -q 'PatientID=A\\B'",
        "find S -q PatientBirthDate=20000101-",
        "find S -q PatientID= ",
        "find S -q PatientID=12345678901234567",
        "find S --set PatientID=1",
        "find S -q ScheduledProcedureStepStartDateTime=20300101-20300102",
        "create S --set PatientID=1",
        "subscribe S -aet ME --filter PatientID=1",
        "reqcancel S -iuid 1.2 -aet ME --reason why",
    ],
)
def test_what_is_not_certain_is_left_to_pydicom(text: str) -> None:
    assert not isinstance(gathered(line_of(shlex.split(text))).data_set, EncodedDataSet)


@pytest.mark.parametrize("text", ["find S -q PatientSex=x", "find S -q StudyInstanceUID=1..2", "find S -r Nonsense"])
def test_what_is_wrong_is_refused_as_ever(text: str) -> None:
    with pytest.raises(UsageError):
        gathered(line_of(shlex.split(text)))


@settings(max_examples=300, deadline=None)
@given(
    tag=st.sampled_from(sorted(tag for tag, (_, vr) in ATTRIBUTES.items() if vr in (*flat._CERTAIN, "UI"))),
    value=st.one_of(
        st.text(max_size=20), st.from_regex("|".join(f"({p})" for p in flat._CERTAIN.values()), fullmatch=True)
    ),
)
def test_a_value_that_counts_as_certain_is_one(tag: int, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        line = line_of(["find", "S", "-q", f"{ATTRIBUTES[tag][0]}={value}"])
        quick = gathered(line) if flat.flat_values(line, line.operation) is not None else None  # type: ignore[arg-type]
        if quick is not None:
            assert isinstance(quick.data_set, EncodedDataSet)
            assert quick.data_set.data == encode(with_pydicom(line, patch).dataset, uids.EXPLICIT_VR_LE)


@pytest.mark.parametrize(
    "text",
    [
        "find S",
        "find S --json",
        "find S -state SCHEDULED -r PatientName",
        "get S -iuid 1.2.3",
        "subscribe S -aet WATCHER",
    ],
)
def test_such_commands_need_no_pydicom(text: str, desk: Callable[..., object]) -> None:
    desk.done("create S -f create.xml -iuid 1.2.3")  # type: ignore[attr-defined]
    words = [desk.address if word == "S" else word for word in shlex.split(text)]  # type: ignore[attr-defined]
    code = (
        f"import sys; from ups.cli.main import main; status = main({words!r}); "
        "print([name for name in ('pydicom', 'dataclasses', 'csv') if name in sys.modules], status, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[] 0", done.stderr
    assert text.startswith("subscribe") or "DEMO" in done.stdout.upper()
