"""Who takes part in ``tests.bench.codec``, and what each of them does in a measure.

pydicom is used the fastest way it has for a bare data set: ``read_dataset`` and ``write_dataset`` on a buffer, without
the detection and the file meta information of ``dcmread`` and ``dcmwrite`` (which take 60 us more on a workitem).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from types import ModuleType

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from tests.bench.datasets import Sample
from tests.bench.dcmtk import Dcmtk
from tests.bench.reading import Plan, by_attributes, by_iteration
from tests.bench.timing import Measure, calls

__all__ = ["COLUMNS", "Case", "Work"]

COLUMNS = ("pydicom", "python", "cython", "DCMTK", "memcpy")
_MAX_DEPTH, _MAX_ELEMENTS = 64, 200_000


class Work(Enum):
    """What is measured, as the table calls it."""

    ENCODE = "encode from values"
    AGAIN = "encode what was received"
    DECODE = "decode, lazy"
    ATTRIBUTES = "decode, read by attribute"
    ITERATION = "decode, read by iteration"


# What DCMTK does for it; its data sets hold encoded values, so there is one way to write and one to read them.
_DCMTK = {Work.ENCODE: "write", Work.DECODE: "parse", Work.ATTRIBUTES: "read", Work.ITERATION: "read"}


@dataclass(frozen=True, slots=True)
class Codec:
    """A pair of functions, and what it is to encode a data set that came from the second."""

    encode: Callable[[Dataset], bytes]
    decode: Callable[[bytes], Dataset]


def _pydicom(implicit: bool) -> Codec:
    def encode(dataset: Dataset) -> bytes:
        buffer = DicomBytesIO()
        buffer.is_little_endian = True
        buffer.is_implicit_VR = implicit
        write_dataset(buffer, dataset)
        return buffer.getvalue()

    def decode(data: bytes) -> Dataset:
        return read_dataset(BytesIO(data), implicit, True)

    return Codec(encode, decode)


def _ours(body: ModuleType, implicit: bool) -> Codec:
    encode_dataset, decode_dataset = body.encode_dataset, body.decode_dataset

    def encode(dataset: Dataset) -> bytes:
        encoded: bytes = encode_dataset(dataset, implicit, True)
        return encoded

    def decode(data: bytes) -> Dataset:
        decoded: Dataset = decode_dataset(data, implicit, True, _MAX_DEPTH, _MAX_ELEMENTS)
        return decoded

    return Codec(encode, decode)


class Case:
    """A sample in one of the two encodings, and all candidates for it.

    Raises:
        AssertionError: a candidate does not give the same bytes or the same number of values as the others; a
            benchmark of something wrong is none.
    """

    def __init__(
        self, sample: Sample, dataset: Dataset, implicit: bool, kernels: dict[str, ModuleType], dcmtk: Dcmtk | None
    ) -> None:
        self.sample = sample
        self.implicit = implicit
        self._dcmtk = dcmtk
        self._codecs = {"pydicom": _pydicom(implicit)}
        self._codecs |= {name: _ours(body, implicit) for name, body in kernels.items()}
        encoded = {name: codec.encode(dataset) for name, codec in self._codecs.items()}
        self.data = encoded["pydicom"]
        for name, data in encoded.items():
            assert data == self.data, f"{sample.name}: {name} encodes something else than pydicom"
        self._plan = Plan.of(self._codecs["python"].decode(self.data))
        if dcmtk is not None:
            dcmtk.load(sample.name, implicit, self.data)

    def check(self) -> int:
        """How many values there are; every reader must find as many."""
        counts = set()
        for name, codec in self._codecs.items():
            received = codec.decode(self.data)
            again = codec.encode(received)
            counts |= {by_attributes(received, self._plan), by_iteration(received)}
            assert again == self.data, f"{self.sample.name}: {name} encodes what it has decoded as something else"
        assert len(counts) == 1, f"{self.sample.name}: the readers find {counts} values"
        return counts.pop()

    def take(self, name: str, data: bytes, read: bool) -> Dataset:
        """What candidate ``name`` decodes ``data`` to, with every value read by attribute if asked for."""
        dataset = self._codecs[name].decode(data)
        if read:
            by_attributes(dataset, self._plan)
        return dataset

    def measures(self, work: Work, dataset: Dataset | None) -> dict[str, Measure]:
        """The candidates by column; ``dataset`` is what Work.ENCODE encodes."""
        found = {name: calls(self._call(codec, work, dataset)) for name, codec in self._codecs.items()}
        if self._dcmtk is not None and work in _DCMTK:
            found["DCMTK"] = self._dcmtk.measure(_DCMTK[work], self.sample.name, self.implicit)
        source = memoryview(self.data)
        found["memcpy"] = calls(lambda: bytearray(source))
        return found

    def _call(self, codec: Codec, work: Work, dataset: Dataset | None) -> Callable[[], object]:
        encode, decode, data, plan = codec.encode, codec.decode, self.data, self._plan
        if work is Work.ENCODE:
            assert dataset is not None
            values = dataset
            return lambda: encode(values)
        if work is Work.AGAIN:
            received = decode(data)
            return lambda: encode(received)
        if work is Work.DECODE:
            return lambda: decode(data)
        if work is Work.ATTRIBUTES:
            return lambda: by_attributes(decode(data), plan)
        return lambda: by_iteration(decode(data))
