"""Reference body of the data set pair of the kernel (PS3.5 7 and Annex A).

The work is in ``_python_decode`` and ``_python_encode``, imported at the first call: they need pydicom, and the kernel
must load without it. Knows nothing of transfer syntax UIDs, compression or files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["decode_dataset", "encode_dataset"]


def encode_dataset(dataset: Dataset, implicit: bool, little_endian: bool, max_depth: int = 64) -> bytes:
    """The data set as bytes, tags ascending, without group 0002 and without group lengths.

    Raises:
        EncodeError: a value does not fit its VR or its character set, or sequences nest deeper than ``max_depth``.
    """
    from dicomnet.kernel._python_encode import Encoder

    return Encoder(implicit, little_endian, max_depth).run(dataset)


def decode_dataset(data: bytes, implicit: bool, little_endian: bool, max_depth: int, max_elements: int) -> Dataset:
    """The data set in ``data``: leaves as RawDataElement, converted by pydicom when read; sequences as such.

    Raises:
        DecodeError: the bytes are no data set in this encoding, or one of the two limits is exceeded.
    """
    from dicomnet.kernel._python_decode import Decoder

    return Decoder(bytes(data), implicit, little_endian, max_depth, max_elements).run()
