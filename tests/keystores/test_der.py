"""How often a password would be hashed, counted before anything is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.keystores.der import MAX_ELEMENTS, elements, iterations
from tests.keystores.conftest import Material, Tool, pem

pytestmark = pytest.mark.once


def element(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return bytes([tag, 0x84]) + len(content).to_bytes(4, "big") + content


def integer(value: int) -> bytes:
    return element(2, value.to_bytes(9, "big"))


SALT = element(4, b"salt")
COUNTED = element(0x30, SALT, integer(1000))
IN_OCTETS = element(4, COUNTED)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"", 0),
        (COUNTED, 1000),
        (COUNTED * 3, 3000),
        (element(0x30, SALT, integer(7), integer(32), element(0x30)), 7),
        (element(0x30, SALT, integer(2**14), integer(8), integer(2)), 2**18),
        (element(0x30, element(0x30), SALT, integer(2048)), 2048),
        (IN_OCTETS, 1000),
        (element(0xA0, IN_OCTETS, element(0x30, IN_OCTETS)), 2000),
        (b"\x30\x80" + IN_OCTETS + b"\x24\x80" + IN_OCTETS + b"\0\0\0\0" + COUNTED, 3000),
        (element(4, b"\x30\x84\xff\xff\xff\xff") + COUNTED, 1000),
        (element(4, b"\x30\x80\x30\x82") + COUNTED, 1000),
        (COUNTED + b"\x30", 1000),
        (element(0x30, SALT, integer(5), b"\x1f"), 5),
        (element(0x30, integer(1), SALT), 0),
    ],
)
def test_counts_in_plain_view(data: bytes, count: int) -> None:
    assert iterations(data) == count


def test_too_many_elements_are_refused() -> None:
    assert iterations(b"\x05\x00" * MAX_ELEMENTS) == 0
    with pytest.raises(ValueError, match="elements"):
        iterations(b"\x05\x00" * (MAX_ELEMENTS + 1))
    assert len(elements(b"\x05\x00" * MAX_ELEMENTS)) == MAX_ELEMENTS
    with pytest.raises(ValueError, match="DER"):
        elements(b"\x05\x00" * (MAX_ELEMENTS + 1))


def test_deep_nesting_is_no_trouble() -> None:
    assert iterations(b"\x30\x80" * 50_000) == 0


def test_counts_of_a_real_store(openssl: Tool, material: Material) -> None:
    parts = material.key_pem() + pem(material.leaf)
    store = openssl("pkcs12", "-export", "-passout", "pass:x", "-iter", "4321", given=parts)
    assert iterations(store) == 3 * 4321  # of certificates and key, and of the MAC


@given(st.binary(max_size=60) | st.lists(st.sampled_from([COUNTED, SALT, b"\x30\x80", b"\0\0", b"\x30"])).map(b"".join))
def test_any_bytes_are_counted(data: bytes) -> None:
    assert iterations(data) >= 0
