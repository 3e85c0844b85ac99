"""The Part 10 files that are stored: pixel data of a chosen size behind a few elements, Explicit VR Little Endian."""

from __future__ import annotations

import random
from pathlib import Path

from tests.bench.net.work import CT, EXPLICIT, INSTANCE

__all__ = ["write_object"]

_BLOCK = 1 << 16


def write_object(path: Path, size: int) -> None:
    """Write one of about ``size`` bytes, a multiple of 64 KiB; reading it back leaves it in the page cache."""
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    dataset, meta = Dataset(), FileMetaDataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID(CT), UID(INSTANCE)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 128, 256, size // _BLOCK
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(CT), UID(INSTANCE)
    meta.TransferSyntaxUID, meta.ImplementationClassUID = UID(EXPLICIT), UID("1.2.826.0.1.3680043.10.1451.1")
    dataset.file_meta = meta
    dcmwrite(path, dataset, enforce_file_format=True)
    block = random.Random(size).randbytes(_BLOCK)
    with path.open("ab") as file:
        # (7FE0,0010) OW, written by hand: a data set of this size need not lie in memory for it.
        file.write(b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little"))
        for _ in range(size // _BLOCK):
            file.write(block)
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass
