"""Fuzzy semantic matching of person names, for a search that negotiated it (PS3.4 C.2.2.2.1.1, K.5.1).

What it is the standard leaves to the SCP. Here a name falls into words, wherever its components begin. Letter case and
diacritics do not count, nor the order of the words; each word of the key has to be among those of the name, as it is,
by its wild cards, or by its sound (Soundex). Knows no data set.
"""

from __future__ import annotations

import re
import unicodedata

from ups.scp.wildcard import has_wildcard, wildcard_match

__all__ = ["FuzzyName", "name_words", "sound"]

_WORD = re.compile(r"[\w*?]+")
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "_": " "}
)
"""Letters that no diacritic can be taken from. (Case folding makes ss of ß.)"""

_CODES = {
    letter: code
    for code, letters in {"1": "bfpv", "2": "cgjkqsxz", "3": "dt", "4": "l", "5": "mn", "6": "r"}.items()
    for letter in letters
}


def name_words(group: str) -> tuple[str, ...]:
    """The words of a component group, in the form that is compared."""
    parted = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", group).casefold())
    plain = "".join(character for character in parted if not unicodedata.combining(character))
    return tuple(_WORD.findall(unicodedata.normalize("NFC", plain).translate(_LETTERS)))


def sound(word: str) -> str:
    """How a word of Latin letters sounds, by Soundex; empty for others, and for a single letter."""
    if len(word) < 2 or not (word.isascii() and word.isalpha()):
        return ""
    codes, last = word[0], _CODES.get(word[0])
    for letter in word[1:]:
        code = _CODES.get(letter)
        if code is not None and code != last:
            codes += code
        if letter not in "hw":  # which stand between two letters of one code as if they were not there
            last = code
    return (codes + "000")[:4]


class FuzzyName:
    """One value of a key for names, to be asked of many names."""

    def __init__(self, value: str) -> None:
        self._groups = tuple(_Words(name_words(group)) for group in value.split("="))

    def fits(self, name: str) -> bool:
        """Whether this name is meant: in any of its component groups if the key has but one, else group by group."""
        held = [name_words(group) for group in name.split("=")]
        if len(self._groups) == 1:
            return any(self._groups[0].among(words) for words in held)
        wanted = [(number, words) for number, words in enumerate(self._groups) if words]
        return bool(wanted) and all(number < len(held) and words.among(held[number]) for number, words in wanted)


class _Words:
    """The words of one group of a key."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._patterns = [word for word in words if has_wildcard(word)]
        self._plain = [(word, sound(word)) for word in words if not has_wildcard(word)]

    def __bool__(self) -> bool:
        return bool(self._patterns or self._plain)

    def among(self, held: tuple[str, ...]) -> bool:
        """Whether each of them, and at least one, is among these."""
        if not self or not held:
            return False
        exact, sounds = set(held), {sound(word) for word in held} - {""}
        return all(word in exact or code in sounds for word, code in self._plain) and all(
            any(wildcard_match(pattern, word) for word in held) for pattern in self._patterns
        )
