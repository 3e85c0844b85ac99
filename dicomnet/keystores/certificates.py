"""From when to when a certificate is valid (RFC 5280 4.1.2.5), read without a library for no more than that."""

from __future__ import annotations

import datetime

from dicomnet.keystores.der import SEQUENCE, elements

__all__ = ["validity"]

_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0xA0, 0x17, 0x18


def validity(certificate: bytes) -> tuple[datetime.datetime, datetime.datetime]:
    """The first and the last second, in UTC.

    Raises:
        ValueError: this is no certificate in DER.
    """
    try:
        fields = elements(_first_sequence(_first_sequence(certificate)))
        dates = fields[4 if fields and fields[0][0] == _VERSION else 3]  # behind serial number, algorithm and issuer
        begin, end = elements(dates[1])
        return _moment(*begin), _moment(*end)
    except (ValueError, IndexError) as error:
        raise ValueError(f"no certificate: {error}") from None


def _first_sequence(data: bytes) -> bytes:
    tag, content = elements(data)[0]
    if tag != SEQUENCE:
        raise ValueError("it does not begin with a SEQUENCE")
    return content


def _moment(tag: int, content: bytes) -> datetime.datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = f"{20 if text < '50' else 19}{text}"
    elif tag != _GENERALIZED_TIME:
        raise ValueError("it has no dates")
    if len(text) != 15 or not text.endswith("Z"):  # the one form that certificates may have
        raise ValueError("a date that is none")
    return datetime.datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
