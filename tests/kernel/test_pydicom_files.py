"""Both bodies of the kernel against pydicom's own reader and writer, on every DICOM file that comes with pydicom.

Reading: every value of every element equals pydicom's, with its type. Writing a data set that pydicom read: the bytes
are those of pydicom's writer, in all three encodings. Where they are not, the tables below say why (docs/codec.md says
it at length); a difference that is not listed fails, and so does one that is listed and gone.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.kernel import _python
from dicomnet.kernel._values import swapped
from dicomnet.kernel._vr import UNITS
from fuzz.kernel.outcomes import ENCODINGS, described, difference, outcome

DATA = Path(pydicom.__file__).parent / "data"
DEFLATED = "1.2.840.10008.1.2.1.99"

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # pydicom warns about many of its files


@cache
def raw(name: str) -> bytes:
    return (DATA / name).read_bytes()


def is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM" or path.suffix == ".dcm"


FILES = sorted(str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.is_file() and is_dicom(path))

REFUSED = {
    "palettes/winter.dcm": (Fault.DUPLICATE, "a tag is repeated; pydicom keeps the last one"),
    "test_files/MR_truncated.dcm": (Fault.TRUNCATED, "the pixel data end early; pydicom warns and keeps what is there"),
    "test_files/SC_rgb_jpeg.dcm": (Fault.BAD_VR, "implicit VR under an explicit transfer syntax; pydicom guesses"),
    "test_files/dicomdirtests/DICOMDIR-nooffset": (Fault.TRUNCATED, "the last item ends early; pydicom keeps the part"),
    "test_files/no_meta.dcm": (Fault.TRUNCATED, "begins with a stray byte; pydicom keeps all as one unknown element"),
    "test_files/rtplan_truncated.dcm": (Fault.TRUNCATED, "a sequence ends early; pydicom keeps the part"),
}
"""Files that pydicom reads and we do not."""

WRITTEN_OTHERWISE = {
    "test_files/meta_missing_tsyntax.dcm": {"odd"},
    "test_files/nested_priv_SQ.dcm": {"odd"},
    "test_files/rtdose_rle.dcm": {"un"},
    "test_files/rtdose_rle_1frame.dcm": {"un"},
    "test_files/no_meta.dcm": {"odd"},
    "test_files/rtplan_truncated.dcm": {"damaged: truncated"},
    "test_files/SC_rgb_jpeg.dcm": {"pydicom fails"},
}
"""Files whose bytes pydicom's writer gives otherwise, in the encoding they came in."""

CONVERTED_OTHERWISE = {
    "words": 61,
    "verbatim": 12,
    "odd": 6,
    "un": 3,
    "OB, not OW": 2,
    "refused: truncated": 4,
}
"""How many conversions, of a file into an encoding that it did not come in, differ for each reason.

odd: pydicom writes an odd length that it read; we pad (PS3.5 7.1.1)
words: pydicom does not swap OW and its like between byte orders; we do (PS3.5 7.3)
verbatim: pydicom writes text anew, without trailing spaces, an empty last group of a name, or an escape sequence back
    to ASCII; we write what came, as long as the character set is the same
un: pydicom takes the VR of the dictionary in place of UN; we keep UN
OB, not OW: pydicom writes OW for uncompressed pixel data of 8 bits that came in implicit VR; both are right (PS3.5 A.2)
refused: a sequence that ends early is read by pydicom as far as it goes; we do not write a part as the whole
"""


def read_by_pydicom(name: str) -> Dataset:
    return pydicom.dcmread(io.BytesIO(raw(name)), force=True)


@cache
def content(name: str) -> bytes:
    """The bytes of the data set, without preamble and file meta information."""
    data = raw(name)
    if data[128:132] != b"DICM":
        return data
    meta = read_by_pydicom(name).file_meta
    end = 132
    while data[end : end + 2] == b"\2\0":  # explicit VR little endian always (PS3.10 7.1)
        long_form = data[end + 4 : end + 6] in (b"OB", b"UN", b"UT")
        size = int.from_bytes(data[end + 8 : end + 12] if long_form else data[end + 6 : end + 8], "little")
        end += (12 if long_form else 8) + size
    if meta.get("TransferSyntaxUID") == DEFLATED:
        return zlib.decompress(data[end:], -15)
    return data[end:]


def unequal(one: Dataset, other: Dataset, path: str = "") -> Iterator[str]:
    """Where two data sets differ when all is read."""
    if sorted(one._dict) != sorted(other._dict):
        yield f"{path}: other tags: {sorted(set(one._dict) ^ set(other._dict))}"
    for tag in sorted(set(one._dict) & set(other._dict)):
        first, second = outcome(one.__getitem__, tag), outcome(other.__getitem__, tag)
        if first[0] != "value" or second[0] != "value":
            if first != second:
                yield f"{path}{tag}: {first} {second}"
            continue
        left, right = first[1], second[1]
        if left.VR != right.VR:
            yield f"{path}{tag}: VR {left.VR} {right.VR}"
        elif isinstance(left.value, Sequence):
            if len(left.value) != len(right.value):
                yield f"{path}{tag}: {len(left.value)} and {len(right.value)} items"
            for number, (item, twin) in enumerate(zip(left.value, right.value, strict=False)):
                yield from unequal(item, twin, f"{path}{tag}[{number}]")
        elif described(left.value) != described(right.value):
            yield f"{path}{tag}: {difference(described(left.value), described(right.value))}"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """pydicom says again in its log what it warns about."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def test_there_are_files() -> None:
    assert len(FILES) > 150


@pytest.mark.parametrize("name", FILES)
def test_every_value_is_read_as_pydicom_reads_it(kernel: ModuleType, name: str) -> None:
    theirs = read_by_pydicom(name)
    arguments = (content(name), *theirs.original_encoding, 64, 200_000)
    if name in REFUSED:
        with pytest.raises(DecodeError) as caught:
            kernel.decode_dataset(*arguments)
        assert caught.value.code == REFUSED[name][0]
        return
    assert list(unequal(theirs, kernel.decode_dataset(*arguments))) == []


def written_by_pydicom(name: str, implicit: bool, little: bool) -> tuple[Any, ...]:
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = implicit, little
    found = outcome(write_dataset, file, read_by_pydicom(name))
    return ("value", file.parent.getvalue()) if found[0] == "value" else found


def reasons(source: Dataset, ours: Dataset, theirs: Dataset) -> Iterator[str]:
    """Why two encodings of ``source`` differ, by what they decode to."""
    assert list(ours._dict) == list(theirs._dict)
    for tag, one in ours._dict.items():
        other = theirs._dict[tag]
        if one.VR == other.VR == "SQ" and not isinstance(one.value, bytes):
            for item, ours_item, theirs_item in zip(source[tag].value, one.value, other.value, strict=True):
                yield from reasons(item, ours_item, theirs_item)
            continue
        left, right = one.value or b"", other.value or b""
        if one.VR != other.VR:
            yield "un" if one.VR == "UN" else f"{one.VR}, not {other.VR}"
        elif left != right:
            yield _reason(source.get_item(tag).value, one.VR, left, right)


def _reason(came: bytes, vr: str, ours: bytes, theirs: bytes) -> str:
    if len(theirs) % 2 and ours[:-1] == theirs:
        return "odd"
    if vr in UNITS and len(theirs) % UNITS[vr] == 0 and swapped(theirs, UNITS[vr]) == ours:
        return "words"
    if ours == came:
        return "verbatim"
    return f"unknown: {vr} {ours!r:.60} {theirs!r:.60}"


def compared(kernel: ModuleType, name: str, implicit: bool, little: bool) -> set[str]:
    """Why the bytes differ from those of pydicom's writer; empty when they do not."""
    theirs = written_by_pydicom(name, implicit, little)
    ours = outcome(kernel.encode_dataset, read_by_pydicom(name), implicit, little)
    if ours[0] != "value" and theirs[0] != "value":
        return set()  # neither can, each with its own words
    if ours[0] != "value":
        assert ours[1] is EncodeError
        return {f"refused: {ours[2]}"}
    if theirs[0] != "value":
        return {"pydicom fails"}
    if ours[1] == theirs[1]:
        return set()
    try:
        decoded = [_python.decode_dataset(data, implicit, little, 64, 200_000) for data in (ours[1], theirs[1])]
    except DecodeError as error:
        return {f"damaged: {error.code}"}
    found = set(reasons(read_by_pydicom(name), *decoded))
    assert found, "the values are the same, what is around them is not"
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_bytes_are_those_of_pydicoms_writer(kernel: ModuleType, name: str) -> None:
    implicit, little = read_by_pydicom(name).original_encoding
    assert compared(kernel, name, implicit, little) == WRITTEN_OTHERWISE.get(name, set())


def test_conversions_are_those_of_pydicoms_writer(kernel: ModuleType) -> None:
    found: dict[str, int] = {}
    for name in FILES:
        own = read_by_pydicom(name).original_encoding
        for implicit, little in ENCODINGS:
            if (implicit, little) != own:
                for reason in compared(kernel, name, implicit, little):
                    found[reason] = found.get(reason, 0) + 1
    assert found == CONVERTED_OTHERWISE


def test_the_lists_are_those_of_the_documentation() -> None:
    assert set(REFUSED) | set(WRITTEN_OTHERWISE) <= set(FILES)
    text = (Path(__file__).parents[2] / "docs" / "codec.md").read_text()
    assert f"{len(FILES)} DICOM files" in text
    assert [name for name in REFUSED if Path(name).name not in text] == []
    kinds = [reason for found in WRITTEN_OTHERWISE.values() for reason in found]
    counts = {
        "words": (0, CONVERTED_OTHERWISE["words"]),
        "verbatim": (0, CONVERTED_OTHERWISE["verbatim"]),
        "odd": (kinds.count("odd"), CONVERTED_OTHERWISE["odd"]),
        "un": (kinds.count("un"), CONVERTED_OTHERWISE["un"]),
        "OB, not OW": (0, CONVERTED_OTHERWISE["OB, not OW"]),
        "cut": (kinds.count("damaged: truncated"), CONVERTED_OTHERWISE["refused: truncated"]),
        "fails": (kinds.count("pydicom fails"), 0),
    }
    rows = [
        line.split("|")[-2].strip() for line in text.partition("## Writing")[2].splitlines() if line.startswith("|")
    ]
    assert rows[2 : 2 + len(counts)] == [f"{files}, {conversions}" for files, conversions in counts.values()]
