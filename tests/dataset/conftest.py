"""Real data sets: those beside the project, and those that pydicom brings along."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset


@pytest.fixture
def real(real_data: Path) -> Callable[[str], bytes]:
    """Content of a file of the real data sets."""

    def read(name: str) -> bytes:
        return (real_data / name).read_bytes()

    return read


@pytest.fixture
def same() -> Callable[[Dataset, Dataset], None]:
    """Assert that two data sets have the same tags, VRs and values at every level."""

    def compare(left: Dataset, right: Dataset, path: str = "") -> None:
        assert sorted(left.keys()) == sorted(right.keys()), path
        for tag in left.keys():  # noqa: SIM118 - iterating a Dataset gives elements
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom's words about the values it reads
                a, b = left[tag], right[tag]
            assert (a.VR, a.tag) == (b.VR, b.tag), f"{path}{tag}"
            if a.VR == "SQ":
                assert len(a.value) == len(b.value), f"{path}{tag}"
                for index, (one, two) in enumerate(zip(a.value, b.value, strict=True)):
                    compare(one, two, f"{path}{tag}[{index}]/")
            else:
                assert a.value == b.value or repr(a.value) == repr(b.value), f"{path}{tag}"

    return compare


@pytest.fixture
def bundled() -> list[Path]:
    """The DICOM files in pydicom's package that are there without downloading."""
    root = Path(pydicom.__file__).parent / "data"
    found = [path for path in root.rglob("*") if path.is_file() and _is_dicom(path)]
    assert len(found) > 80
    return sorted(found)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
