"""The attributes of a UPS by name are those of the table, and of PS3.6."""

from __future__ import annotations

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag

from ups import tables, vocabulary

pytestmark = pytest.mark.once


NEWER = {*range(0x00100011, 0x00100017), *range(0x00100041, 0x00100048), 0x0040A034, 0x0040A035}
"""Attributes of the table that pydicom 3.0 does not know."""


def test_the_attributes_are_those_of_the_table() -> None:
    items = [item for top in tables.attributes().values() for item in top.walk()]
    known = {item.tag: (item.keyword, item.vr) for item in items}
    assert set(known) >= NEWER
    assert {tag: entry for tag, entry in known.items() if tag not in NEWER} == vocabulary.ATTRIBUTES
    assert {keyword: tag for tag, (keyword, _) in vocabulary.ATTRIBUTES.items()} == vocabulary.TAGS
    assert tables.return_keys("1", "1C", "2", "2C") == vocabulary.FIND_KEYS


def test_the_attributes_are_those_of_the_dictionary() -> None:
    for tag, (keyword, vr) in vocabulary.ATTRIBUTES.items():
        assert (keyword_for_tag(tag), dictionary_VR(tag)) == (keyword, vr)
        assert vocabulary.keyword(tag) == keyword
    assert vocabulary.keyword(0x00100011) is None
