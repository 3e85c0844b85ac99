"""Dates and times as spans, ranges, offsets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ups.scp.datetimes import dt_value, parse, parse_range


@pytest.mark.parametrize(
    ("text", "vr"),
    [
        ("2026", "DA"),
        ("20261301", "DA"),
        ("20260229", "DA"),
        ("00000101", "DA"),
        ("٢٠٢٦٠١٠١", "DA"),
        ("24", "TM"),
        ("1260", "TM"),
        ("120061", "TM"),
        ("12:00", "TM"),
        ("120000.1234567", "TM"),
        ("", "DT"),
        ("202600", "DT"),
        ("20260100", "DT"),
        ("2026+1500", "DT"),
        ("2026+0160", "DT"),
        ("2026010112.5", "DT"),
        ("x", "DT"),
    ],
)
def test_what_is_no_date_or_time(text, vr):
    assert parse(text, vr) is None


@pytest.mark.parametrize(
    ("key", "value", "vr", "fits"),
    [
        ("20260301", "20260301", "DA", True),
        ("20260301-", "20260302", "DA", True),
        ("-20260301", "20260301", "DA", True),
        ("-20260301", "20260302", "DA", False),
        ("20260101-20261231", "20270101", "DA", False),
        ("1200", "120059.999999", "TM", True),
        ("1200", "120100", "TM", False),
        ("08-1200", "120030", "TM", True),
        ("2026", "20261231235959.999999", "DT", True),
        ("202602", "20260301", "DT", False),
        ("20260301", "20260301123015", "DT", True),
        ("20260301123015", "20260301123015.5", "DT", True),
        ("202601-202602", "20260228235959", "DT", True),
        ("20260301100000+0100", "20260301090000+0000", "DT", True),
        ("20260301100000+0100", "20260301100000+0000", "DT", False),
        ("20260301000000-0500-20260301235959-0500", "20260302040000+0000", "DT", True),
        ("20260301000000-0500-", "20260301045959+0000", "DT", False),
        ("20260301000000-0500-", "20260301050000+0000", "DT", True),
        ("-20260301000000-0500", "20260301050000+0000", "DT", True),
        ("-20260301000000-0500", "20260301050001+0000", "DT", False),
        ("99991231-", "9999", "DT", False),
        ("9999-", "99991231235959-1200", "DT", True),
        ("-0001", "00010101+1400", "DT", True),
        ("20161231235960", "20161231235959", "DT", True),
    ],
)
def test_keys_against_values(key, value, vr, fits):
    span, held = parse_range(key, vr), parse(value, vr)
    assert span is not None
    assert held is not None
    assert span.holds(held) is fits


@pytest.mark.parametrize("key", ["-", "--", "20260102-20260101", "20260101-0500", "a-b", "20260101-20260102-20260103"])
def test_what_is_no_range(key):
    assert parse_range(key, "DT") is None


def test_an_offset_from_elsewhere_counts_for_values_without_one():
    assert parse("20260301100000", "DT", 60) == parse("20260301090000+0000", "DT")
    assert parse("20260301100000+0000", "DT", 60) == parse("20260301100000", "DT")


@given(
    st.datetimes(),
    st.sampled_from([None, UTC, timezone(timedelta(hours=-9, minutes=-30)), timezone(timedelta(hours=14))]),
)
def test_what_we_write_is_read_as_the_same_moment(moment, zone):
    text = dt_value(moment.replace(tzinfo=zone))
    span = parse(text, "DT")
    assert span is not None
    assert span.first == span.last
    offset = (zone.utcoffset(None) if zone else None) or timedelta()
    assert span.first == (moment - datetime(1, 1, 1) - offset) // timedelta(microseconds=1) + 86_400_000_000


@given(st.text("0123456789-+.", max_size=40), st.sampled_from(["DA", "TM", "DT"]))
def test_any_text_has_an_answer(text, vr):
    span = parse_range(text, vr)
    assert span is None or span.first <= span.last


@pytest.mark.parametrize(("spaces", "fits"), [(46, True), (47, False)])
def test_a_range_is_at_most_64_characters_long(spaces, fits):
    key = f"20260301-{' ' * spaces} 20260302"
    assert (parse_range(key, "DT") is not None) is fits
