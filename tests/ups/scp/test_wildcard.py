"""Wild cards against a plain definition, and in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ups.scp.wildcard import wildcard_match


def _defined(pattern: str, text: str) -> bool:
    """Table of pattern prefixes against text prefixes."""
    row = [True] + [False] * len(text)
    for wanted in pattern:
        if wanted == "*":
            fresh, seen = [], False
            for before in row:
                seen = seen or before
                fresh.append(seen)
        else:
            fresh = [False] + [row[i] and wanted in ("?", text[i]) for i in range(len(text))]
        row = fresh
    return row[-1]


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=16))
def test_matches_by_the_definition(pattern, text):
    assert wildcard_match(pattern, text) is _defined(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "", True),
        ("?", "", False),
        ("Smi*", "Smith", True),
        ("*th", "Smith", True),
        ("S?ith", "Smith", True),
        ("smith", "Smith", False),
        ("100%", "1000", False),
        ("a_c", "abc", False),
        ("[a-z]*", "[a-z]x", True),
        ("a.c", "abc", False),
        ("*ab*ab*", "ab", False),
        ("a*a", "a", False),
        ("", "", True),
    ],
)
def test_nothing_else_is_special(pattern, text, fits):
    assert wildcard_match(pattern, text) is fits


@pytest.mark.parametrize(
    "pattern", ["*a" * 500 + "b", ("*" + "a?" * 25) * 20 + "b", "*" + "a?" * 500 + "*b*", "?" * 1000 + "*b"]
)
def test_hostile_patterns_take_no_longer_than_their_size(pattern):
    start = time.perf_counter()
    assert wildcard_match(pattern, "a" * 100_000) is False
    assert time.perf_counter() - start < 5
