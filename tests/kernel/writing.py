"""Elements and data sets to be written, and what is written of them."""

from __future__ import annotations

import struct
from types import ModuleType

import pytest
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicomnet.errors import EncodeError, Fault
from dicomnet.kernel._vr import LONG

__all__ = ["ENCODINGS", "TAG", "content", "dataset_of", "element", "fails"]

TAG = 0x0012A000  # no dictionary has it
ENCODINGS = [(True, True), (False, True), (False, False)]


def element(vr: str, value: object, tag: int = TAG, *, undefined: bool = False) -> DataElement:
    return DataElement(BaseTag(tag), vr, value, is_undefined_length=undefined, already_converted=True)


def dataset_of(*elements: DataElement | RawDataElement, charset: str | None = None) -> Dataset:
    dataset = Dataset()
    if charset is not None:
        dataset.add(element("CS", charset, 0x00080005))
    for one in elements:
        dataset._dict[one.tag] = one
    return dataset


def content(kernel: ModuleType, vr: str, value: object, *, little: bool = True, charset: str | None = None) -> bytes:
    """The value field that is written."""
    written: bytes = kernel.encode_dataset(dataset_of(element(vr, value), charset=charset), False, little)
    at = written.index(struct.pack("<HH" if little else ">HH", 0x12, 0xA000))
    return written[at + (12 if vr in LONG else 8) :]


def fails(kernel: ModuleType, dataset: Dataset, code: Fault = Fault.BAD_VALUE, **limits: int) -> EncodeError:
    with pytest.raises(EncodeError) as caught:
        kernel.encode_dataset(dataset, False, True, **limits)
    assert caught.value.code == code, caught.value
    return caught.value
