"""Instances to send: one for each transfer syntax, from pydicom's files or with made-up fragments, and a large one.

They are written so that every correct sender puts the same bytes on the wire: no group lengths, no padding, sequences
of defined length. What is left to a sender's choice is how hard it deflates.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread, uid
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate

from dicomnet.dataset import decode
from dicomnet.uids import new_uid

PLAIN = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
REAL = {
    uid.ImplicitVRLittleEndian: "MR_small_implicit.dcm",
    uid.ExplicitVRLittleEndian: "MR_small.dcm",
    uid.ExplicitVRBigEndian: "MR_small_bigendian.dcm",
    uid.DeflatedExplicitVRLittleEndian: "image_dfl.dcm",
    uid.JPEGBaseline8Bit: "SC_rgb_jpeg_dcmtk.dcm",
    uid.JPEGExtended12Bit: "JPGExtended.dcm",
    uid.JPEGLosslessSV1: "SC_rgb_jpeg_gdcm.dcm",
    uid.JPEGLSLossless: "MR_small_jpeg_ls_lossless.dcm",
    uid.JPEGLSNearLossless: "JPEGLSNearLossless_08.dcm",
    uid.JPEG2000Lossless: "MR_small_jp2klossless.dcm",
    uid.JPEG2000: "JPEG2000.dcm",
    uid.RLELossless: "MR_small_RLE.dcm",
}
MADE_UP = (
    uid.JPEGLossless,
    uid.JPEG2000MCLossless,
    uid.JPEG2000MC,
    uid.MPEG2MPML,
    uid.MPEG2MPHL,
    uid.MPEG4HP41,
    uid.MPEG4HP41BD,
    uid.MPEG4HP422D,
    uid.MPEG4HP423D,
    uid.MPEG4HP42STEREO,
    uid.HEVCMP51,
    uid.HEVCM10P51,
)
DCMTK_SYNTAXES = tuple(str(syntax) for syntax in (*REAL, *MADE_UP))
"""What DCMTK 3.6.7 knows."""
PADDING = 0xFFFCFFFC
NEWER = (
    *(f"1.2.840.10008.1.2.4.{number}.1" for number in range(100, 107)),  # fragmentable video
    *(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112)),  # JPEG XL
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
    "1.2.840.10008.1.2.8.1",  # deflated image frames
)
"""What it does not know, and pynetdicom does."""
ALL_SYNTAXES = (*DCMTK_SYNTAXES, *(str(syntax) for syntax in NEWER))


@dataclass(frozen=True)
class Sample:
    """One instance in a Part 10 file; ``data`` is its data set as it stands there, ``dataset`` the same, decoded."""

    path: Path
    transfer_syntax: str
    sop_class: str
    instance: str
    data: bytes
    dataset: Dataset

    @property
    def plain(self) -> bytes:
        """What has to arrive: the data set's bytes, inflated where senders may deflate differently."""
        return inflated(self.data, self.transfer_syntax)


def inflated(data: bytes, transfer_syntax: str) -> bytes:
    """The bytes of a data set without the compression of the deflated transfer syntax."""
    return zlib.decompress(data, -15) if transfer_syntax == uid.DeflatedExplicitVRLittleEndian else data


def body(path: Path) -> tuple[bytes, str]:
    """The data set of a Part 10 file as it stands there, and its transfer syntax."""
    content = path.read_bytes()
    assert content[128:138] == b"DICM\x02\x00\x00\x00UL", path
    start = 144 + int.from_bytes(content[140:144], "little")
    return content[start:], str(dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)


def values(data: bytes, transfer_syntax: str) -> tuple[Dataset, bytes]:
    """What a data set says: without its pixel data, and that in little endian, since pydicom leaves it as it came."""
    dataset = decode(data, transfer_syntax)
    pixels = array("H" if dataset["PixelData"].VR == "OW" else "B", dataset.PixelData)
    if transfer_syntax == uid.ExplicitVRBigEndian:
        pixels.byteswap()
    del dataset.PixelData
    return dataset, pixels.tobytes()


def make_samples(folder: Path, syntaxes: Iterable[str] = ALL_SYNTAXES) -> dict[str, Sample]:
    """An instance for each transfer syntax, written to files in the folder; the UIDs are new."""
    return {syntax: make_sample(folder, syntax) for syntax in syntaxes}


def make_sample(folder: Path, syntax: str, **values: object) -> Sample:
    """One instance; ``values`` are attributes to set."""
    dataset = _read(REAL[uid.UID(syntax)]) if syntax in REAL else _made_up(syntax)
    dataset.PatientName, dataset.PatientID = "Made^Up", "IP-" + syntax[-8:]
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = new_uid(), new_uid()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return _write(folder, dataset, syntax)


def make_large(folder: Path, rows: int = 600) -> Sample:
    """An instance of so many KiB, its pixels unlike one another: what is lost or doubled on the way shows."""
    dataset = _read(REAL[uid.ExplicitVRLittleEndian])
    dataset.Rows, dataset.Columns = rows, 512
    dataset.PixelData = b"".join(number.to_bytes(4, "little") for number in range(rows * 256))
    return _write(folder, dataset, uid.ExplicitVRLittleEndian)


def _read(name: str) -> FileDataset:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str), f"pydicom comes without its {name}"
    dataset = dcmread(path)
    for element in _elements(dataset):
        if element.VR == "SQ":
            element.is_undefined_length = False
    return dataset


def _elements(dataset: Dataset) -> Iterator:
    for element in dataset:
        yield element
        for item in element.value if element.VR == "SQ" else ():
            item.is_undefined_length_sequence_item = False
            yield from _elements(item)


def _made_up(syntax: str) -> FileDataset:
    """An instance with fragments that no decoder would take: no node of a network has business to look."""
    dataset = _read(REAL[uid.RLELossless])
    frames = [bytes((index, *range(250))) * (index + 3) for index in range(3)]
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2) for frame in frames])
    dataset.NumberOfFrames = len(frames)
    dataset["PixelData"].is_undefined_length = True
    return dataset


def _write(folder: Path, dataset: FileDataset, syntax: str) -> Sample:
    for element in [element for element in dataset if element.tag.element == 0 or element.tag == PADDING]:
        del dataset[element.tag]
    if syntax not in PLAIN:
        dataset["PixelData"].VR = "OB"  # PS3.5 A.4; some of the files say OW
    dataset.SOPInstanceUID = new_uid()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    data, _ = body(path)
    return Sample(path, syntax, str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), data, dcmread(path))


def check_received(sent: Iterable[Sample], arrived: Mapping[str, tuple[bytes, str]]) -> None:
    """All of it is there: byte for byte, or the same values in another transfer syntax."""
    expected = {sample.instance: sample for sample in sent}
    assert arrived.keys() == expected.keys()
    for instance, (data, transfer_syntax) in arrived.items():
        sample = expected[instance]
        if transfer_syntax == sample.transfer_syntax:
            assert data == sample.data
        else:
            assert values(data, transfer_syntax) == values(sample.data, sample.transfer_syntax)
