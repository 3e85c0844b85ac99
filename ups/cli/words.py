"""Grouping of the words of a command line: options with their values, and what stands between them.

argparse cannot say what this command line promises: single-dash long options by their exact names only, several values
after one ``-q``, ``-r`` or ``--set``, and options before or after the positionals. Knows no operation and no meaning of
any option.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto

from dicomnet.records import dataclass, field

__all__ = ["Grouped", "Taking", "UsageError", "group"]


class UsageError(Exception):
    """The command line, or an input it names, cannot be used; the text is one line that names the culprit."""


class Taking(Enum):
    """What an option takes from the words behind it."""

    NOTHING = auto()
    VALUE = auto()  # the next word
    PAIRS = auto()  # the next word and all that follow with a "="
    NAMES = auto()  # the next word and all that follow and name an attribute


_HEX_TAG = r"(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{4},[0-9A-Fa-f]{4}|\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\))"
_STEP = rf"(?:[A-Z][A-Za-z0-9]*|{_HEX_TAG})"
_PATH = rf"{_STEP}(?:/{_STEP})*"
_CERTAIN_PATH = rf"{_STEP}(?:/{_STEP})*/{_STEP}|{_HEX_TAG}"


@dataclass(slots=True)
class Grouped:
    """``options`` are names as they were written, each with its value; one with two values is there twice."""

    options: list[tuple[str, str | None]] = field(default_factory=list)
    positionals: list[str] = field(default_factory=list)
    unsure: bool = False
    """A word was taken for an attribute by its looks alone."""


def group(
    words: Sequence[str],
    options: Mapping[str, Taking],
    *,
    is_attribute: Callable[[str], bool],
    complete: Callable[[Sequence[str]], bool],
) -> Grouped:
    """The options, whose names ``options`` has in every spelling, and the positionals.

    A word behind ``-r`` that looks like a keyword belongs to it. Only when that leaves the positionals short (judged by
    ``complete``) is ``is_attribute`` asked, since the answer costs the import of the data dictionary.

    Raises:
        UsageError: an unknown option, or one without its value.
    """
    grouped = _group(words, options, _looks_like_path)
    if grouped.unsure and not complete(grouped.positionals):
        grouped = _group(words, options, lambda word: _is_path_for_certain(word) or is_attribute(word))
    return grouped


def _group(words: Sequence[str], options: Mapping[str, Taking], belongs: Callable[[str], bool]) -> Grouped:
    grouped = Grouped()
    rest = iter(words)
    pushed: list[str] = []
    while (word := pushed.pop() if pushed else next(rest, None)) is not None:
        if word == "--":
            grouped.positionals.extend(rest)
        elif not _is_option(word):
            grouped.positionals.append(word)
        else:
            pushed.extend(_take(word, rest, options, belongs, grouped))
    return grouped


def _take(
    word: str, rest: Iterable[str], options: Mapping[str, Taking], belongs: Callable[[str], bool], grouped: Grouped
) -> list[str]:
    """Consume an option with its values; returns the word read too far, if any."""
    name, equals, attached = word.partition("=") if word.startswith("--") else (word, "", "")
    taking = options.get(name)
    if taking is None:
        raise UsageError(f"unknown option {name}")
    if taking is Taking.NOTHING:
        if equals:
            raise UsageError(f"{name} takes no value")
        grouped.options.append((name, None))
        return []
    words = iter(rest)
    value = attached if equals else next(words, None)
    if value is None or (not equals and value in options):
        raise UsageError(f"{name} needs a value")
    if taking is Taking.PAIRS and "=" not in value:
        raise UsageError(f"{name} needs attribute=value, not {value!r}")
    grouped.options.append((name, value))
    return [] if taking is Taking.VALUE else _take_more(name, taking, words, belongs, grouped)


def _take_more(
    name: str, taking: Taking, words: Iterable[str], belongs: Callable[[str], bool], grouped: Grouped
) -> list[str]:
    for value in words:
        if _is_option(value):
            return [value]
        if taking is Taking.NAMES and _looks_like_path(value) and not _is_path_for_certain(value):
            grouped.unsure = True
        if not ("=" in value if taking is Taking.PAIRS else belongs(value)):
            return [value]
        grouped.options.append((name, value))
    return []


def _looks_like_path(word: str) -> bool:
    return re.fullmatch(_PATH, word) is not None  # compiled when there is a -r, and kept by re


def _is_path_for_certain(word: str) -> bool:
    return re.fullmatch(_CERTAIN_PATH, word) is not None


def _is_option(word: str) -> bool:
    return len(word) > 1 and word.startswith("-")
