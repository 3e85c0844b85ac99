"""From when to when a certificate is valid, beside what cryptography reads; and what is no certificate."""

from __future__ import annotations

import datetime
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.keystores import validity
from tests.keystores.conftest import Material, der

pytestmark = pytest.mark.once

UTC = datetime.UTC
YEARS = [
    (1950, 1999),  # both of two digits (RFC 5280 4.1.2.5.1)
    (2000, 2049),
    (2049, 2050),  # one of two, one of four
    (2050, 9999),
]


@pytest.mark.parametrize("years", YEARS)
def test_it_is_what_cryptography_reads(years: tuple[int, int], material: Material) -> None:
    begin = datetime.datetime(years[0], 1, 2, 3, 4, 5, tzinfo=UTC)
    end = datetime.datetime(years[1], 12, 31, 23, 59, 59, tzinfo=UTC)
    name = material.leaf.subject
    builder = x509.CertificateBuilder(name, name, material.key.public_key(), x509.random_serial_number(), begin, end)
    made = builder.sign(material.key, hashes.SHA256())
    assert validity(der(made)) == (made.not_valid_before_utc, made.not_valid_after_utc) == (begin, end)


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"\x30\x02\x30\x00", b"\x02\x01\x00", b"0", b"\x30\x80"])
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^no certificate: "):
        validity(data)


@given(st.data())
def test_bytes_that_were_changed_are_read_or_refused(material: Material, data: st.DataObject) -> None:
    octets = bytearray(der(material.leaf))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, min(250, len(octets) - 1)))] = data.draw(st.integers(0, 255))
    with suppress(ValueError):
        validity(bytes(octets[: data.draw(st.integers(0, len(octets)))]))
