"""Any file content is a data set or a DecodeError: Native XML, attr XML, JSON, Part 10, bare."""

from __future__ import annotations

import warnings

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, json, native_xml
from dicomnet.dataset.files import load, part10
from dicomnet.errors import DecodeError
from dicomnet.testing.datasets import datasets
from dicomnet.testing.pdus import mutated

__all__ = ["examine", "inputs", "target"]

_LIMITS = DataSetLimits(max_bytes=100_000, max_inflated=100_000, max_depth=10, max_elements=1000)
_ODD = (
    b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "b">]><NativeDicomModel>&a;</NativeDicomModel>',
    b"<NativeDicomModel><DicomAttribute tag='00100010' vr='PN'><PersonName/></DicomAttribute></NativeDicomModel>",
    b"<dicom><attr tag='00100010' vr='PN'>A<!-- -->B</attr></dicom>",
    b'{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A"}]}}',
    b'{"00400270": {"vr": "SQ", "Value": [null, {}]}}',
)


def inputs() -> SearchStrategy[bytes]:
    """Files in every form, right and damaged."""
    right = st.one_of(
        datasets().map(native_xml.write),
        datasets().map(lambda dataset: json.write(dataset).encode()),
        datasets().map(lambda dataset: part10(dataset, uids.EXPLICIT_VR_LE)),
        st.sampled_from(_ODD),
    )
    return st.one_of(right, right.flatmap(mutated), st.binary(max_size=200))


def examine(data: bytes) -> None:
    """Load it, and say what is in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of odd values; here they are meant to be odd
        try:
            loaded = load(data, "fuzz", limits=_LIMITS)
        except DecodeError:
            return
        assert loaded.form
        assert not any(element.tag.group == 2 for element in loaded.dataset.values())


target = given(inputs())(examine)
