"""The ways a data set can travel behind a command set.

In memory a data set stays what it is: a ``pydicom.Dataset`` or bytes from our own side, an ``EncodedDataSet`` from the
peer, decoded only when somebody asks. One that need not lie in memory is a ``DataSetSource`` to be sent (a path stands
for the Part 10 file there), or an ``IncomingDataSet`` while it arrives. Sources are read part by part by whoever sends
them; that blocks, so flows do it in a ``Call``. Knows neither messages nor associations.
"""

from __future__ import annotations

import contextlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self, TypeAlias, cast

from dicomnet.dataset import DataSetLimits, decode
from dicomnet.dataset.part10 import FIRST_READ, FileMeta, find_meta, meta_in
from dicomnet.dimse.files import FileStream, open_at_once, open_file, read_at_once
from dicomnet.errors import DecodeError, Fault, LocalProtocolError
from dicomnet.records import dataclass, field
from dicomnet.wire.pdata import Buffer

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "Buffer",
    "DataSet",
    "DataSetSource",
    "EncodedDataSet",
    "FileDataSet",
    "IncomingDataSet",
    "SourceStream",
    "StreamedDataSet",
    "cost",
    "identity",
    "is_dataset",
]

_OBJECT: Final = 256
"""What a part costs besides its bytes, so that many small ones cannot be free."""


@dataclass(frozen=True, slots=True)
class EncodedDataSet:
    """A data set in its bytes, with their transfer syntax and what decoding them may cost.

    From the peer the bytes are ``bytes``; from our own side anything like bytes, which is to be left alone until sent.
    """

    data: Buffer = field(repr=False)
    transfer_syntax: str
    limits: DataSetLimits = field(default=DataSetLimits(), repr=False, compare=False)

    def decode(self) -> Dataset:
        """The data set, its values converted as they are read.

        Raises:
            DecodeError: the bytes are no data set of this transfer syntax, or go beyond a limit.
        """
        return decode(bytes(self.data), self.transfer_syntax, limits=self.limits)


class DataSetSource(ABC):
    """A data set that is somewhere else than in memory, to be read while it is sent."""

    @property
    @abstractmethod
    def transfer_syntax(self) -> str:
        """The transfer syntax of its bytes."""

    @abstractmethod
    def open(self) -> BinaryIO:
        """A stream that stands at the data set and ends with it; opened anew for each time the data set is sent.

        ``read(size)`` is the only thing besides ``close`` that is called. It may give fewer bytes, as a raw stream
        does, and none at the end. Blocks, as reading does. A data set that turns out to be incomplete raises, and
        never just ends.

        Raises:
            OSError: it cannot be read.
            DicomNetError: it is not what it was.
        """


@dataclass(frozen=True, slots=True)
class FileDataSet(DataSetSource):
    """The data set in a file, from ``offset`` to where the file ends when it is opened."""

    path: Path
    transfer_syntax: str
    offset: int = 0
    sop_class: str = field(default="", kw_only=True)
    """Of the file meta information (0002,0002); empty when nobody told."""
    sop_instance: str = field(default="", kw_only=True)
    """Of the file meta information (0002,0003); empty when nobody told."""

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """The data set of a Part 10 file; only the file meta information is read. Blocks.

        Raises:
            OSError: the file cannot be read.
            DecodeError: this is no Part 10 file, or its file meta information is damaged or names no transfer syntax.
        """
        found, stream = cls.opened(path)
        stream.close()
        return found

    @classmethod
    def opened(cls, path: str | os.PathLike[str], piece: int = 0) -> tuple[Self, FileStream]:
        """The data set of a Part 10 file, and the stream that ``open`` would give. Blocks.

        Both are of one file, even if another takes its name meanwhile. So many bytes of the data set are read at once.

        Raises:
            OSError, DecodeError: as for ``of``.
        """
        descriptor, size = open_file(path)
        try:
            first = os.pread(descriptor, min(size, FIRST_READ + piece), 0)
            meta = find_meta(first, size, lambda most: os.pread(descriptor, most, 0))
            return cls._described(path, meta), FileStream(descriptor, meta.offset, size, first)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def opened_at_once(cls, path: str | os.PathLike[str]) -> tuple[Self, FileStream] | None:
        """The same if nobody has to wait for it; None if ``opened`` is to be asked, also for a file that is not there.

        No more is read than the file meta information takes.

        Raises:
            DecodeError: as for ``of``.
        """
        found = open_at_once(path)
        if found is None:
            return None
        descriptor, size = found
        stream: FileStream | None = None
        try:
            with contextlib.suppress(OSError):  # which ``opened`` will meet again, if it is one
                first = bytearray(min(size, FIRST_READ))
                at_hand = read_at_once(descriptor, first, 0)
                if at_hand and (meta := meta_in(bytes(first), size)) is not None:
                    source = cls._described(path, meta)
                    stream = FileStream(descriptor, meta.offset, size, first)
                    return source, stream
        finally:
            if stream is None:
                os.close(descriptor)
        return None

    @classmethod
    def _described(cls, path: str | os.PathLike[str], meta: FileMeta) -> Self:
        if not meta.transfer_syntax:
            text = "the file meta information names no transfer syntax"
            raise DecodeError(text, code=Fault.MISSING, path="(0002,0010)", clause="PS3.10 7.1")
        where = path if isinstance(path, Path) else Path(path)
        uids = {"sop_class": meta.sop_class, "sop_instance": meta.sop_instance}
        return cls(where, meta.transfer_syntax, meta.offset, **uids)

    def open(self) -> BinaryIO:
        """The file at its data set; one that ends earlier than it did now is a DecodeError when that is read."""
        descriptor, size = open_file(self.path)
        if size < self.offset:
            os.close(descriptor)
            raise DecodeError("the file ends before its data set", code=Fault.TRUNCATED, offset=self.offset)
        return FileStream(descriptor, self.offset, size)


class StreamedDataSet(DataSetSource):
    """A data set that a stream or an iterable of bytes gives; the stream stays open, its owner closes it.

    Sent a second time it is read again from where it was at first. A stream that cannot seek, or an iterator, can be
    sent once.
    """

    def __init__(self, source: BinaryIO | Iterable[Buffer], transfer_syntax: str) -> None:
        self._source = source
        self._transfer_syntax = transfer_syntax
        self._start: int | None = None
        self._used = False

    def __repr__(self) -> str:
        return f"StreamedDataSet({type(self._source).__name__}, {self._transfer_syntax!r})"

    @property
    def transfer_syntax(self) -> str:
        """The transfer syntax of its bytes."""
        return self._transfer_syntax

    def open(self) -> BinaryIO:
        """The stream from where it was at first.

        Raises:
            LocalProtocolError: it was read already and cannot be read again.
            OSError: the stream cannot be read.
        """
        read = self._begin_stream() if hasattr(self._source, "read") else self._begin_pieces()
        self._used = True
        return SourceStream(read)

    def _begin_stream(self) -> Callable[[int], Buffer | None]:
        stream = cast(BinaryIO, self._source)
        if not self._used:
            self._start = stream.tell() if stream.seekable() else None
        elif self._start is None:
            raise _once()
        else:
            stream.seek(self._start)
        return stream.read

    def _begin_pieces(self) -> Callable[[int], Buffer]:
        pieces = iter(self._source)
        if self._used and pieces is self._source:
            raise _once()
        return _Pieces(pieces).read


def _once() -> LocalProtocolError:
    return LocalProtocolError("the stream was read already, and gives its data set only once")


class _Pieces:
    """``read`` for pieces of any size, the empty ones left out."""

    def __init__(self, pieces: Iterator[Buffer]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> Buffer:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece).cast("B")
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


class SourceStream(io.RawIOBase, BinaryIO):
    """A raw stream over whatever reads: it may give less than asked for, and does not close what is underneath."""

    def __init__(self, read: Callable[[int], Buffer | None]) -> None:
        super().__init__()
        self._read = read

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, none at the end; all that are left for a negative number."""
        if size < 0:
            return self.readall()
        part = self._read(size)
        if part is None:
            raise LocalProtocolError("the stream has nothing to give now: one that blocks is needed")
        return part if isinstance(part, bytes) else bytes(part)


class IncomingDataSet:
    """A data set of the peer that is still arriving: only a handle. Read it with the helpers of ``flows``."""

    __slots__ = ("error", "limits", "owner", "parts", "transfer_syntax", "unread", "wanted", "whole")

    def __init__(self, transfer_syntax: str, limits: DataSetLimits | None = None) -> None:
        self.transfer_syntax = transfer_syntax
        self.limits = limits or DataSetLimits()
        """For who reads all of it into memory; what is read in parts has no limit."""
        # What the exchange puts in and the reader takes out; only its own flows can read it.
        self.owner: object = None
        self.parts: list[bytes | memoryview] = []
        self.unread = 0
        self.whole = False
        self.wanted = True
        self.error: Exception | None = None

    def __repr__(self) -> str:
        return f"<IncomingDataSet in {self.transfer_syntax}, {'whole' if self.whole else 'arriving'}>"


def cost(part: bytes | memoryview, before: bytes | memoryview | None) -> int:
    """The bytes that keeping a part of a data set costs, when the one before it is kept as well.

    A view keeps alive all that it was received with: that is what counts, and once for several views of it.
    """
    whole: Any = part.obj if isinstance(part, memoryview) else part
    last = before.obj if isinstance(before, memoryview) else before
    return _OBJECT if last is whole else _OBJECT + len(whole)


DataSet: TypeAlias = "Dataset | EncodedDataSet | DataSetSource | os.PathLike[str] | IncomingDataSet | None"
"""What a message carries behind its command set; a string at run time, so that pydicom stays unimported."""


def is_dataset(value: object) -> bool:
    """Whether this is a data set of pydicom's, which is not to be imported for the question."""
    return hasattr(value, "private_block")


def identity(data_set: DataSet) -> tuple[str, str]:
    """SOP class and SOP instance UID as the data set, or file meta information, tells them; empty when it does not.

    Blocks for an encoded one, which is decoded.

    Raises:
        DecodeError: an encoded one is none.
        LocalProtocolError: this is no kind of data set.
    """
    if isinstance(data_set, FileDataSet):
        return data_set.sop_class, data_set.sop_instance
    if data_set is None or isinstance(data_set, DataSetSource | IncomingDataSet | os.PathLike):
        return "", ""
    if not isinstance(data_set, EncodedDataSet) and not is_dataset(data_set):
        raise LocalProtocolError(f"a {type(data_set).__name__} is no data set: a file is given by a pathlib.Path")
    content = data_set.decode() if isinstance(data_set, EncodedDataSet) else data_set
    return str(content.get("SOPClassUID") or ""), str(content.get("SOPInstanceUID") or "")
