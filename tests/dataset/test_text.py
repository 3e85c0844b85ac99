"""Text that is read without being judged: as pydicom reads it, but for its warnings."""

from __future__ import annotations

import contextlib
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import CODES_TO_ENCODINGS, decode_bytes
from pydicom.valuerep import TEXT_VR_DELIMS

from dicomnet.dataset.text import DEFAULT, decode_text, encodings_for, legible

_SETS = ["", "ISO_IR 100", "ISO_IR 192", "\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87", "\\ISO 2022 IR 149"]
_PIECES = st.sampled_from([*CODES_TO_ENCODINGS, b"\x1b", b"\x1b$", b"\\", b"^", b"\r\n", b"\xb1\xe8", b"\xff"])


@given(st.lists(_PIECES | st.binary(max_size=6)).map(b"".join), st.sampled_from(_SETS))
def test_text_reads_as_pydicom_reads_it(value: bytes, term: str) -> None:
    encodings = encodings_for(term)
    found = legible(value, encodings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found == decode_bytes(value, encodings, TEXT_VR_DELIMS)
    with contextlib.suppress(UnicodeError):  # of what is replaced, or an escape sequence that nobody declared
        assert decode_text(value, encodings) == found


def test_what_cannot_be_read_is_visible() -> None:
    assert legible(b"a\xffb", ["utf8"]) == "a\ufffdb"
    assert legible(b"a\xff\x1b$B\x30", ["utf8", "iso2022_jp"]) == "a\ufffd\x1b$B0"
    with pytest.raises(UnicodeError):
        decode_text(b"a\xffb", ["utf8"])


def test_encodings_that_do_not_exist() -> None:
    assert legible(b"\xe4\x1b(B", ["nosuch"]) == "\xe4\x1b(B"
    assert legible(b"\xe4", DEFAULT) == "\xe4"
