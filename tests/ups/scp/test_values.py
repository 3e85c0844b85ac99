"""Values read without converting them, and how many of them are told apart."""

from __future__ import annotations

import struct

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from ups.scp.values import texts

_MOST = 20_000


def _held(tag: int, vr: str, value: bytes) -> Dataset:
    result = Dataset()
    result._dict[BaseTag(tag)] = RawDataElement(BaseTag(tag), vr, len(value), value, 0, False, True)
    return result


@pytest.mark.parametrize(("count", "last"), [(_MOST + 1, "1"), (_MOST + 2, "1\\1")])
def test_the_rest_of_very_many_texts_is_one_value(count: int, last: str) -> None:
    found = texts(_held(0x00101000, "LO", b"\\".join([b"1"] * count)), 0x00101000)
    assert len(found) == _MOST + 1
    assert found[-1] == last


@pytest.mark.parametrize(("count", "left"), [(_MOST, _MOST), (_MOST + 1, _MOST)])
def test_the_rest_of_very_many_numbers_is_left_out(count: int, left: int) -> None:
    assert len(texts(_held(0x00280010, "US", struct.pack("<H", 7) * count), 0x00280010)) == left
    assert len(texts(_held(0x00209165, "AT", struct.pack("<HH", 8, 5) * count), 0x00209165)) == left
