"""Fuzzy names: words in any order, without diacritics, by wild cards and by sound; and never less than exact ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from ups.scp.fuzzy import FuzzyName, name_words, sound
from ups.scp.matching import MAX_TESTED, Query
from ups.scp.refusal import Refusal

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore:The (number of )?PN component:UserWarning")]

NAMES = st.text(alphabet="abcÀßøM^= -*?\\", max_size=12)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("robert", "r163"),  # the examples of the U.S. National Archives
        ("rupert", "r163"),
        ("ashcraft", "a261"),
        ("tymczak", "t522"),
        ("pfister", "p236"),
        ("honeyman", "h555"),
        ("lee", "l000"),
        ("a", ""),
        ("x1", ""),
        ("山田", ""),
        ("", ""),
    ],
)
def test_how_words_sound(word: str, code: str) -> None:
    assert sound(word) == code


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("Doe^Jane", ("doe", "jane")),
        ("van der Groß-O'Neill^J.", ("van", "der", "gross", "o", "neill", "j")),
        ("Müller^Ørjan", ("muller", "orjan")),
        ("D*^?", ("d*", "?")),
        ("山田^太郎", ("山田", "太郎")),
        ("^^", ()),
    ],
)
def test_the_words_of_a_name(group: str, words: tuple[str, ...]) -> None:
    assert name_words(group) == words


@pytest.mark.parametrize(
    ("held", "key", "fits"),
    [
        ("Doe^Jane", "jane doe", True),
        ("Doe^Jane", "Jane", True),
        ("Doe^Jane^M", "DOE^JANE", True),
        ("Müller^Jürgen", "mueller", True),
        ("Müller^Jürgen", "Muller^Jurgen", True),
        ("Maier^A", "Meyer", True),
        ("Maier^A", "M?ier", True),
        ("Maier^A", "Huber", False),
        ("Maier^A", "Meyer^B", False),
        ("Maier^A", "M* A", True),
        ("Maier", "^", False),
        ("", "Maier", False),
        ("Yamada^Tarou=山田^太郎", "太郎", True),
        ("Yamada^Tarou=山田^太郎", "Jamada", False),
        ("Yamada^Tarou=山田^太郎", "tarou=山田", True),
        ("Yamada^Tarou=山田^太郎", "=太郎", True),
        ("Yamada^Tarou", "=太郎", False),
        ("Yamada^Tarou", "=", False),
    ],
)
def test_which_names_are_meant(held: str, key: str, fits: bool) -> None:
    assert FuzzyName(key).fits(held) is fits


def dataset(name: str) -> Dataset:
    result = Dataset()
    result.PatientName = name
    return result


@given(NAMES, NAMES)
def test_what_matches_exactly_matches_fuzzily(held: str, key: str) -> None:
    identifier, workitem = dataset(key), dataset(held)
    if Query(identifier).matches(workitem):
        assert Query(identifier, fuzzy=True).matches(workitem)


def test_only_names_are_fuzzy() -> None:
    identifier, workitem = dataset("Meyer"), dataset("Maier")
    assert not Query(identifier).matches(workitem)
    assert Query(identifier, fuzzy=True).matches(workitem)
    identifier.PatientID, workitem.PatientID = "a", "A"
    assert not Query(identifier, fuzzy=True).matches(workitem)


def test_every_word_of_a_key_counts_against_the_limit() -> None:
    Query(dataset("a " * MAX_TESTED), fuzzy=True)
    with pytest.raises(Refusal, match="wild cards"):
        Query(dataset("a " * (MAX_TESTED + 1)), fuzzy=True)
