"""Hypothesis strategies for data sets (PS3.5 6.2): every VR, several values, nesting, character sets, and workitems.

Everything drawn here can be encoded in every transfer syntax and in XML and JSON; what cannot is for ``mutated`` bytes.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet.testing._reused import reused

__all__ = [
    "CHARACTER_SETS",
    "VRS",
    "datasets",
    "elements",
    "person_names",
    "texts",
    "uid_values",
    "values",
    "workitems",
]

VRS = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW"),
    *("PN", "SH", "SL", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV"),
)

CHARACTER_SETS = {
    "": "",
    "ISO_IR 100": "äöüßé",
    "ISO_IR 144": "ЖФЯджю",
    "ISO_IR 192": "日本語 한국어 ë €",
    "GB18030": "王小东",
}
"""(0008,0005) and some characters beyond ASCII that it has."""

_ASCII = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "\\")
_LINES = _ASCII + "\\\r\n\t"
_INTEGERS = {
    "US": (0, 0xFFFF),
    "SS": (-0x8000, 0x7FFF),
    "UL": (0, 0xFFFFFFFF),
    "SL": (-(1 << 31), (1 << 31) - 1),
    "UV": (0, (1 << 64) - 1),
    "SV": (-(1 << 63), (1 << 63) - 1),
}
_BYTES = {"OB": 1, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "UN": 1}
_SINGLE = ("LT", "ST", "UT", "UR", *_BYTES)
_LONGEST = {"LO": 64, "SH": 16, "UC": 80, "LT": 200, "ST": 200, "UT": 200}
_PRINTED = {
    "AS": r"[0-9]{3}[DWMY]",
    "CS": r"[A-Z0-9_]([A-Z0-9 _]{0,14}[A-Z0-9_])?",
    "DA": r"20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])",
    "TM": r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?",
    "DT": r"20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])([01][0-9]|2[0-3])[0-5][0-9]([+-]0[0-9]00)?",
    "DS": r"-?[0-9]{1,6}(\.[0-9]{1,6})?",
    "IS": r"-?[0-9]{1,9}",
    "AE": r"[A-Z0-9_]{1,16}",
    "UR": r"https?://[a-z0-9.]{1,20}/[A-Za-z0-9/_-]{0,20}",
}


@reused
def uid_values() -> st.SearchStrategy[str]:
    """UIDs by PS3.5 9.1."""
    return st.from_regex(r"\A[12]\.(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,4}\Z")


@reused
def texts(vr: str, extra: str = "") -> st.SearchStrategy[str]:
    """One value of a text VR from ASCII and ``extra``; spaces at its ends would be lost as padding (PS3.5 6.2)."""
    alphabet = (_LINES if vr in ("LT", "ST", "UT") else _ASCII) + extra
    return st.text(alphabet, max_size=_LONGEST[vr]).map(lambda text: text.strip(" "))


@reused
def person_names(extra: str = "") -> st.SearchStrategy[str]:
    """One value of PN, up to three groups of up to five components."""
    parts = st.text("".join(set(_ASCII) - set("^= ")) + extra.replace(" ", ""), max_size=8)
    groups = st.lists(parts, min_size=1, max_size=5).map(lambda found: "^".join(found).rstrip("^"))
    return st.lists(groups, min_size=1, max_size=3).map(lambda found: "=".join(found).rstrip("="))


@reused
def _one(vr: str, extra: str) -> st.SearchStrategy[Any]:
    if vr in _INTEGERS:
        return st.integers(*_INTEGERS[vr])
    if vr in ("FL", "FD"):
        return st.floats(allow_nan=False, width=32 if vr == "FL" else 64)
    if vr in _BYTES:
        return st.binary(min_size=1, max_size=8).map(lambda data: data * _BYTES[vr] * (1 + len(data) % 2))
    if vr == "AT":
        return st.integers(0, 0xFFFFFFFF).map(BaseTag)
    if vr == "UI":
        return uid_values()
    if vr == "PN":
        return person_names(extra)
    if vr in _LONGEST:
        return texts(vr, extra)
    return st.from_regex(rf"\A{_PRINTED[vr]}\Z")


@reused
def values(vr: str, extra: str = "") -> st.SearchStrategy[Any]:
    """The value of an element: none, one, or (where the VR allows it) several."""
    one = _one(vr, extra)
    if vr in _SINGLE:
        return st.none() | one
    # the last of several values must not be empty: a reader cannot tell it from padding in every form
    several = st.lists(one, min_size=2, max_size=4).filter(lambda found: found[-1] != "" and found[0] != "")
    return st.none() | one | several


@st.composite
def elements(draw: st.DrawFn, extra: str = "", vrs: tuple[str, ...] = VRS) -> DataElement:
    """An element of any VR under a tag that no dictionary has, so that explicit VR encodings keep the VR as drawn."""
    vr = draw(st.sampled_from(vrs))
    tag = 0x00120000 | draw(st.integers(0xA000, 0xAFFF))
    return _element(tag, vr, draw(values(vr, extra)))


@reused
def _several(extra: str, vrs: tuple[str, ...]) -> st.SearchStrategy[list[DataElement]]:
    return st.lists(elements(extra, vrs), max_size=6)


def _element(tag: int, vr: str, value: Any) -> DataElement:
    return DataElement(BaseTag(tag), vr, value, validation_mode=config.IGNORE)


@st.composite
def datasets(
    draw: st.DrawFn, *, max_depth: int = 3, vrs: tuple[str, ...] = VRS, character_set: str | None = None
) -> Dataset:
    """A data set of up to six elements and two sequences, nested up to ``max_depth``, in one of the character sets.

    ``character_set`` is what an enclosing data set has declared; an item may declare its own.
    """
    dataset = Dataset()
    declared = character_set
    if character_set is None or draw(st.integers(0, 4)) == 0:
        declared = draw(st.sampled_from(list(CHARACTER_SETS)))
        # an item without a character set has that of its data set: absence cannot undo it
        if declared:
            dataset.add(_element(0x00080005, "CS", declared))
        else:
            declared = character_set or ""
    extra = CHARACTER_SETS[declared or ""]
    for element in draw(_several(extra, vrs)):
        dataset.add(element)
    if max_depth > 0:
        items = _items(max_depth - 1, vrs, declared or "")
        for tag in draw(_SEQUENCES):
            sequence = Sequence(draw(items))
            undefined = draw(st.booleans())
            for item in sequence:
                item.is_undefined_length_sequence_item = draw(st.booleans())
            dataset.add(DataElement(BaseTag(tag), "SQ", sequence, is_undefined_length=undefined))
    return dataset


_SEQUENCES = st.sets(st.sampled_from([0x00404018, 0x00404021, 0x00741216, 0x0040A730]), max_size=2)


@reused
def _items(max_depth: int, vrs: tuple[str, ...], character_set: str) -> st.SearchStrategy[list[Dataset]]:
    return st.lists(datasets(max_depth=max_depth, vrs=vrs, character_set=character_set), max_size=2)


@st.composite
def _code(draw: st.DrawFn) -> Dataset:
    code = Dataset()
    code.add(_element(0x00080100, "SH", draw(_SHORT)))
    code.add(_element(0x00080102, "SH", draw(st.sampled_from(["DCM", "99TEST", "SCT"]))))
    code.add(_element(0x00080104, "LO", draw(_LONG)))
    return code


_SHORT, _LONG = texts("SH").filter(bool), texts("LO").filter(bool)
_CODES = st.lists(_code(), max_size=2)


@reused
def _attributes(extra: str) -> list[tuple[int, str, st.SearchStrategy[Any]]]:
    """What a workitem has beside sequences: tag, VR, values."""
    return [
        (0x00100010, "PN", person_names(extra)),
        (0x00100020, "LO", texts("LO", extra)),
        (0x00100030, "DA", st.just("") | _one("DA", "")),
        (0x00100040, "CS", st.sampled_from(["", "M", "F", "O"])),
        (0x0020000D, "UI", st.just("") | uid_values()),
        (0x00404005, "DT", _one("DT", "")),
        (0x00404041, "CS", st.sampled_from(["READY", "UNAVAILABLE", "INCOMPLETE"])),
        (0x00741000, "CS", st.just("SCHEDULED")),
        (0x00741200, "CS", st.sampled_from(["HIGH", "MEDIUM", "LOW"])),
        (0x00741202, "LO", texts("LO", extra)),
        (0x00741204, "LO", texts("LO", extra)),
    ]


@st.composite
def workitems(draw: st.DrawFn) -> Dataset:
    """A UPS such as an N-CREATE request carries (PS3.4 CC.2.5.1.3): standard attributes, so any encoding keeps it."""
    character_set = draw(st.sampled_from([name for name in CHARACTER_SETS if name]))
    dataset = Dataset()
    dataset.add(_element(0x00080005, "CS", character_set))
    for tag, vr, strategy in _attributes(CHARACTER_SETS[character_set]):
        dataset.add(_element(tag, vr, draw(strategy)))
    for tag in (0x00321064, 0x00404018, 0x00404025, 0x00404034):
        dataset.add(DataElement(BaseTag(tag), "SQ", Sequence(draw(_CODES))))
    return dataset
