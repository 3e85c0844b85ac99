"""The word grouping: which words belong to which option."""

from __future__ import annotations

import pytest

from ups.cli.words import Taking, UsageError, group

OPTIONS = {
    "-q": Taking.PAIRS,
    "--set": Taking.PAIRS,
    "-r": Taking.NAMES,
    "-iuid": Taking.VALUE,
    "-f": Taking.VALUE,
    "-dellock": Taking.NOTHING,
}
KEYWORDS = {"PatientName", "PatientID", "Modality"}


def grouped(text: str) -> str:
    words = group(
        text.split(), OPTIONS, is_attribute=KEYWORDS.__contains__, complete=lambda positionals: len(positionals) >= 2
    )
    options = (name if value is None else f"{name}={value}" for name, value in words.options)
    return " ".join([*options, "--", *words.positionals])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("find S", "-- find S"),
        ("find S -iuid 1.2", "-iuid=1.2 -- find S"),
        ("-iuid 1.2 find S", "-iuid=1.2 -- find S"),
        ("find -iuid 1.2 S", "-iuid=1.2 -- find S"),
        ("find S -iuid -5", "-iuid=-5 -- find S"),
        ("-q A=1 B=2 find S", "-q=A=1 -q=B=2 -- find S"),
        ("-q A=1 find S -q B=2 C=3=4", "-q=A=1 -q=B=2 -q=C=3=4 -- find S"),
        ("--set A=1 B= find S", "--set=A=1 --set=B= -- find S"),
        ("--set=A=1 B=2 find S", "--set=A=1 --set=B=2 -- find S"),
        ("-q A=1 -dellock B=2 find S", "-q=A=1 -dellock -- B=2 find S"),
        ("-r PatientName find S", "-r=PatientName -- find S"),
        ("-r PatientName PatientID find S", "-r=PatientName -r=PatientID -- find S"),
        ("-r 00100010 (0010,0020) 0010,0030 find S", "-r=00100010 -r=(0010,0020) -r=0010,0030 -- find S"),
        ("-r 00404018/CodeValue find S", "-r=00404018/CodeValue -- find S"),
        ("find -r PatientName SCP", "-r=PatientName -- find SCP"),
        ("find SCP -r PatientName Bogus", "-r=PatientName -r=Bogus -- find SCP"),
        ("find -r PatientName SCP@host:11112", "-r=PatientName -- find SCP@host:11112"),
        ("find S -- -iuid", "-- find S -iuid"),
        ("find -", "-- find -"),
        ("", "--"),
    ],
)
def test_words_go_to_the_options_they_follow(words: str, expected: str) -> None:
    assert grouped(words) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("find S -bogus", "unknown option -bogus"),
        ("find S -iui 1.2", "unknown option -iui"),
        ("find S -iuid=1.2", "unknown option -iuid=1.2"),
        ("find S --se A=1", "unknown option --se"),
        ("find S --bogus=1", "unknown option --bogus"),
        ("find S -fx.dcm", "unknown option -fx.dcm"),
        ("find S -iuid", "-iuid needs a value"),
        ("find S -iuid -dellock", "-iuid needs a value"),
        ("find S -q", "-q needs a value"),
        ("find S -q -r PatientName", "-q needs a value"),
        ("find S -q PatientName", "-q needs attribute=value, not 'PatientName'"),
        ("find S --set x", "--set needs attribute=value, not 'x'"),
        ("find S -r", "-r needs a value"),
    ],
)
def test_what_cannot_be_grouped_names_the_option(words: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        grouped(words)
    assert str(caught.value) == message


def test_the_dictionary_is_asked_only_when_the_positionals_fall_short() -> None:
    def never(word: str) -> bool:
        raise AssertionError(f"asked for {word}")

    words = ["find", "S", "-r", "PatientName", "PatientID"]
    found = group(words, OPTIONS, is_attribute=never, complete=lambda found: len(found) >= 2)
    assert found.positionals == ["find", "S"]
