"""What a value of Specific Character Set may cost: a peer can send millions of defined terms."""

from __future__ import annotations

import pytest

from dicomnet.kernel._text import DEFAULT, encodings_for

pytestmark = pytest.mark.once


def test_the_first_64_terms_count() -> None:
    assert len(encodings_for("\\".join(["ISO_IR 100"] * 64))) == 64
    assert len(encodings_for("\\".join(["ISO_IR 100"] * 65))) == 64
    assert len(encodings_for(["ISO_IR 100"] * 65)) == 64
    assert encodings_for("\\" * 10_000_000) == DEFAULT * 64


def test_a_long_term_is_an_unknown_one_and_is_not_kept() -> None:
    assert encodings_for("ISO_IR 192" + " " * 54) == ["UTF8"]
    assert encodings_for("x" * 1_000_000) == DEFAULT
