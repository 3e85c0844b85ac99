"""DA, TM and DT values as points and spans of time, and the ranges a query makes of them (PS3.5 6.2, PS3.4 C.2.2.2.5).

A partial value is a span: ``202601`` is all of January. Everything is counted in microseconds, so that year 1 and year
9999 need no special care whatever their offset from UTC. No data sets here.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import datetime, timedelta

from dicomnet.records import dataclass

__all__ = ["Span", "dt_value", "parse", "parse_range"]

_DAY = 86_400_000_000
_MINUTE = 60_000_000

_DA = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_TM = re.compile(r"(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_DT = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)
_EVER = 10**24
_LONGEST = 64  # of a range: two date-times of 26 characters, a hyphen and room for spaces


@dataclass(frozen=True, slots=True)
class Span:
    """From the first to the last microsecond, both included."""

    first: int
    last: int

    def holds(self, value: Span) -> bool:
        """Whether a value lies in here; a partial value counts by its beginning."""
        return self.first <= value.first <= self.last


def parse(text: str, vr: str, offset: int = 0) -> Span | None:
    """The span of a DA, TM or DT value, None if it is none; ``offset`` (minutes) is for a DT without one of its own."""
    if vr == "DA":
        found = _DA.fullmatch(text)
        return _span(found.groups(), (), 0) if found else None
    if vr == "TM":
        found = _TM.fullmatch(text)
        return _span((), found.groups(), 0) if found else None
    found = _DT.fullmatch(text)
    if found is None:
        return None
    *parts, zone = found.groups()
    if zone:
        sign = -1 if zone[0] == "-" else 1
        hours, minutes = int(zone[1:3]), int(zone[3:5])
        offset = sign * (hours * 60 + minutes)
        if minutes > 59 or not -720 <= offset <= 840:
            return None
    return _span(tuple(parts[:3]), tuple(parts[3:]), offset)


def _span(date: tuple[str | None, ...], time: tuple[str | None, ...], offset: int) -> Span | None:
    first = last = 0
    if date:
        year, month, day = (int(part) if part else None for part in date)
        if not year or month == 0 or day == 0 or (month or 1) > 12:
            return None
        if (day or 1) > monthrange(year, month or 1)[1]:
            return None
        last_month = month or 12
        start = datetime(year, month or 1, day or 1)
        end = datetime(year, last_month, day or monthrange(year, last_month)[1])
        first, last = start.toordinal() * _DAY, end.toordinal() * _DAY
    clock = _clock(time)
    if clock is None:
        return None
    return Span(first + clock[0] - offset * _MINUTE, last + clock[1] - offset * _MINUTE)


def _clock(time: tuple[str | None, ...]) -> tuple[int, int] | None:
    hour, minute, second, fraction = (*time, None, None, None, None)[:4]
    if hour is None:
        return 0, _DAY - 1
    # a leap second (60) counts as the one before it, so that the day keeps its length
    values = int(hour), int(minute or 0), min(int(second or 0), 59)
    if values[0] > 23 or values[1] > 59 or int(second or 0) > 60:
        return None
    start = ((values[0] * 60 + values[1]) * 60 + values[2]) * 1_000_000 + int((fraction or "").ljust(6, "0") or 0)
    if minute is None:
        return start, start + 3600 * 1_000_000 - 1
    if second is None:
        return start, start + _MINUTE - 1
    width = 10 ** (6 - len(fraction)) if fraction else 1_000_000
    return start, start + width - 1


def parse_range(text: str, vr: str, offset: int = 0) -> Span | None:
    """A query key: one value, ``a-b``, ``a-`` or ``-b``, ends included. None when it is none of these.

    A hyphen in a DT may also belong to an offset; the first reading that makes an ordered range is taken, and a range
    before a single value: a DT with a negative offset cannot be asked for alone (C.2.2.2.5).
    """
    if len(text) > _LONGEST:
        return None
    place = text.find("-")
    if place < 0:
        return parse(text, vr, offset)
    while place >= 0:
        left, right = text[:place].strip(), text[place + 1 :].strip()
        first = parse(left, vr, offset) if left else Span(-_EVER, -_EVER)
        last = parse(right, vr, offset) if right else Span(_EVER, _EVER)
        if first and last and (left or right) and first.first <= last.last:
            return Span(first.first, last.last)
        place = text.find("-", place + 1)
    return None


def dt_value(moment: datetime) -> str:
    """A DT value to the microsecond; with its offset from UTC when the moment knows it."""
    text = moment.strftime("%Y%m%d%H%M%S").rjust(14, "0") + f".{moment.microsecond:06d}"
    offset = moment.utcoffset()
    if offset is None:
        return text
    minutes = offset // timedelta(minutes=1)
    return f"{text}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
