"""A workitem comes back the same from each transfer syntax, from Native XML and from JSON."""

from __future__ import annotations

import warnings

from hypothesis import given
from hypothesis.strategies import SearchStrategy

from dicomnet import uids
from dicomnet.dataset import decode, encode, json, native_xml
from dicomnet.errors import DecodeError, EncodeError
from dicomnet.testing.datasets import workitems
from fuzz.targets.dataset import SYNTAXES

__all__ = ["examine", "inputs", "target"]


def inputs() -> SearchStrategy[bytes]:
    """Workitems in Explicit VR Little Endian."""
    return workitems().map(lambda workitem: encode(workitem, uids.EXPLICIT_VR_LE))


def examine(data: bytes) -> None:
    """Read, and take it through every form and back."""
    try:
        workitem = decode(data, uids.EXPLICIT_VR_LE)
        canonical = encode(workitem, uids.EXPLICIT_VR_LE)
    except (DecodeError, EncodeError):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for syntax in SYNTAXES:
            assert encode(decode(encode(workitem, syntax), syntax), uids.EXPLICIT_VR_LE) == canonical, syntax
        from_xml, _ = native_xml.read(native_xml.write(workitem))
        assert encode(from_xml, uids.EXPLICIT_VR_LE) == canonical, "Native XML"
        from_json = json.read(json.write(workitem).encode())
        assert encode(from_json, uids.EXPLICIT_VR_LE) == canonical, "JSON"


target = given(inputs())(examine)
