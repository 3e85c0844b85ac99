"""Data sets on their way out: in which transfer syntax, whole or piece by piece.

Nothing is sent here and nothing decides about contexts; ``exchange`` does both. What cannot be converted is refused
before a byte of the message is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar, cast

from dicomnet import uids
from dicomnet.dataset import DataSetLimits, encode
from dicomnet.dimse.files import FileStream
from dicomnet.dimse.payloads import Buffer, DataSet, DataSetSource, EncodedDataSet, FileDataSet, is_dataset
from dicomnet.errors import DecodeError, EncodeError, Fault, LocalProtocolError
from dicomnet.records import dataclass
from dicomnet.ul import AcceptedContext, Negotiated

if TYPE_CHECKING:
    import os

    from pydicom.dataset import Dataset

__all__ = [
    "PLAIN",
    "Opened",
    "SourceReader",
    "check_convertible",
    "choose_context",
    "encoded",
    "own_syntax",
]

PLAIN: Final = frozenset(
    (uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.DEFLATED_EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE),
)
"""The transfer syntaxes that differ in how elements are written only: each can be made of each other."""

_T = TypeVar("_T")

_PIXEL_DATA: Final = 0x7FE0_0010

_WORTHWHILE: Final = 512 * 1024
"""Bytes of a file from which on to read them costs more than to have the system find them."""


@dataclass(slots=True)
class Opened:
    """A message that has begun.

    ``transfer_syntax`` is the one its data set must be in, which need not be that of the source; ``piece`` is a good
    number of bytes for a part, and so is ``portion`` where little is left and nobody has to wait for it: the peer then
    has something to do while the next is read. ``unseen`` tells whether nobody but the system would look at a part that
    is sent now, and ``view`` is a good number of bytes for that.
    """

    message_id: int
    transfer_syntax: str
    piece: int
    portion: int
    view: int
    unseen: Callable[[], bool]


def check_convertible(own: str, wanted: str) -> None:
    """See that a data set in transfer syntax ``own`` can go out in ``wanted``.

    Raises:
        EncodeError: pixel data would have to be compressed, decompressed or compressed anew.
    """
    if own != wanted and not (own in PLAIN and wanted in PLAIN):
        raise EncodeError(
            f"a data set in transfer syntax {own[:80]!a} is not converted to {wanted}, "
            "which is what the presentation context has",
            code=Fault.UNSUPPORTED,
            path="data set",
        )


def own_syntax(data_set: DataSet) -> str | None:
    """The transfer syntax of a data set that counts when a context is chosen for it; None for any plain one.

    A ``pydicom.Dataset`` is written in whatever the context has, unless it came from a file with encapsulated pixel
    data: that is not decompressed.
    """
    if isinstance(data_set, EncodedDataSet):
        return data_set.transfer_syntax
    if not is_dataset(data_set):
        return data_set.transfer_syntax if isinstance(data_set, DataSetSource) else None
    whole = cast("Dataset", data_set)
    meta = whole.__dict__.get("file_meta")  # which pydicom would take for a keyword where it is not
    if meta is None or not _has_pixel_data(whole):
        return None
    syntax = str(meta.get("TransferSyntaxUID", ""))
    return syntax if syntax and syntax not in PLAIN else None


def choose_context(
    negotiated: Negotiated, abstract_syntax: str, own: str | None, from_scp: bool
) -> AcceptedContext | None:
    """The context for a message whose data set is in transfer syntax ``own``, None if there is none for the class.

    That in which our side has the role for it (SCP for an event report, else SCU), with ``own``, or one that it can be
    converted to; else the first of the class, whatever comes of it.
    """
    known = [context for context in negotiated.contexts.values() if context.abstract_syntax == abstract_syntax]
    able = [context for context in known if (context.as_scp if from_scp else context.as_scu)]
    plain = own is None or own in PLAIN
    for context in able or known:
        if context.transfer_syntax == own:
            return context
    for context in able or known:
        if plain and context.transfer_syntax in PLAIN:
            return context
    return next(iter(able or known), None)


def encoded(data_set: DataSet, transfer_syntax: str) -> Buffer | None:
    """The bytes of a data set that is in memory, None for none: an empty fragment must not be sent (PS3.8 E.2).

    Raises:
        EncodeError: it cannot be written in the transfer syntax.
        DecodeError: it has to be converted and is none.
        LocalProtocolError: it is not in memory.
    """
    if data_set is None:
        return None
    if isinstance(data_set, EncodedDataSet):
        if data_set.transfer_syntax == transfer_syntax:
            return data_set.data if len(data_set.data) else None
        check_convertible(data_set.transfer_syntax, transfer_syntax)
        return encode(data_set.decode(), transfer_syntax) or None
    if not is_dataset(data_set):
        raise LocalProtocolError(f"a {type(data_set).__name__} is sent in parts: use flows.send")
    whole = cast("Dataset", data_set)
    _check_pixel_data(whole, transfer_syntax)
    return encode(whole, transfer_syntax) or None


def _has_pixel_data(data_set: Dataset) -> bool:
    """Whether it has pixel data; without opening one that was received, and for one of our own without pydicom's
    conversions of what may be a tag."""
    elements: Mapping[int, object] | None = data_set.__dict__.get("_dict")
    return _PIXEL_DATA in (data_set if elements is None else elements)


def _check_pixel_data(data_set: Dataset, wanted: str) -> None:
    """See that pixel data is as the transfer syntax has it: in fragments, or not, and of the compression it came in."""
    if not _has_pixel_data(data_set):
        return
    own = str(getattr(getattr(data_set, "file_meta", None), "TransferSyntaxUID", ""))  # when it was read from a file
    if own:
        check_convertible(own, wanted)
    elif data_set.get_item(_PIXEL_DATA).is_undefined_length is (wanted in PLAIN):
        raise EncodeError(
            f"pixel data {'as it is' if wanted not in PLAIN else 'in fragments'} does not go out in {wanted}",
            code=Fault.UNSUPPORTED,
            path="(7FE0,0010)",
            clause="PS3.5 A.4",
        )


class SourceReader:
    """The pieces of a source, or of the Part 10 file at a path, in the transfer syntax that is wanted.

    None wants its own. ``begin`` and ``read`` block, and may run in another thread.
    """

    def __init__(self, source: DataSetSource | os.PathLike[str], transfer_syntax: str | None, piece: int) -> None:
        self._source = source
        self._wanted = transfer_syntax
        self._piece = piece
        self._portion = piece
        self._most = piece  # of a view
        self._unseen: Callable[[], bool] | None = None
        self._viewed: FileStream | None = None  # that parts are views of
        self._stream: BinaryIO | None = None
        self._own: str | None = None  # the transfer syntax in which the stream gives its bytes
        self._ahead: bytes | None = None  # the next piece, to see whether there is one; files know that without
        self._lock = threading.Lock()  # held while the stream is read
        self._closed = False

    def begin(self) -> DataSetSource:
        """Open the source; the source itself, for a path the data set of the file there, whose first piece is read.

        Not needed before ``read``: for who has to know what is at a path before its data set is sent.

        Raises:
            OSError, DecodeError: as for ``FileDataSet.of``.
        """
        return self._alone(self._begin)

    def begin_at_once(self) -> DataSetSource | None:
        """What ``begin`` would return for a path, if that takes no waiting; else None. Not while another thread works.

        Raises:
            DecodeError: as for ``FileDataSet.of``.
        """
        if isinstance(self._source, DataSetSource) or (found := FileDataSet.opened_at_once(self._source)) is None:
            return None
        self._keep(*found)
        return found[0]

    def suit(self, opened: Opened) -> None:
        """Have the pieces as this message is to have them; none of them was taken yet."""
        self._wanted = opened.transfer_syntax
        self._piece = opened.piece
        self._portion = opened.portion
        self._most = opened.view
        self._unseen = opened.unseen

    def read_at_once(self) -> tuple[Buffer, bool] | None:
        """What ``read`` would return, if that takes no waiting; else None. Not while another thread reads."""
        stream = self._stream
        if not isinstance(stream, FileStream) or self._own != self._wanted:
            return None
        if self._unseen is not None and self._unseen() and (view := self._view(stream)) is not None:
            return view, False
        # Where less than a piece is left it goes in portions, but for a last one that would be small.
        little = self._portion + self._portion // 2 < stream.left <= self._piece
        piece = stream.piece_at_once(self._portion if little else self._piece)
        return None if piece is None else (piece, not stream.left)

    def why_lost(self) -> DecodeError | None:
        """What was wrong with what was read, if it was nobody who reads here that met it: see ``view_at_once``."""
        return None if self._viewed is None else self._viewed.missing()

    def read(self) -> tuple[Buffer, bool]:
        """The next piece, and whether it is the last; it is empty only when there are no bytes at all.

        Raises:
            OSError: the source cannot be read.
            EncodeError, DecodeError: it has to be converted, and cannot be.
        """
        return self._alone(self._read)

    def close(self) -> None:
        """Close the stream, or leave it to the thread that is reading: who closes must not wait for it."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                if self._stream is not None:
                    self._stream.close()
            finally:
                self._lock.release()

    def _alone(self, work: Callable[[], _T]) -> _T:
        """What ``work`` returns; whoever closes meanwhile leaves it to this thread."""
        try:
            with self._lock:
                if self._closed:
                    raise LocalProtocolError("nobody is to read this any more")
                return work()
        finally:
            if self._closed:
                self.close()

    def _view(self, stream: FileStream) -> memoryview | None:
        """The next piece where it lies; not the end of the data set, see ``view_at_once``."""
        size = min(self._most, stream.left - 1) // self._portion * self._portion
        view = stream.view_at_once(size) if size >= _WORTHWHILE else None
        if view is not None:
            self._viewed = stream
        return view

    def _begin(self) -> DataSetSource:
        self._open()
        return cast("DataSetSource", self._source)

    def _read(self) -> tuple[Buffer, bool]:
        stream = self._open() if self._stream is None else self._stream
        if self._own != self._wanted:
            stream = self._stream = self._converted(stream)
        if isinstance(stream, FileStream):
            return stream.piece(self._piece), not stream.left
        piece, self._ahead = self._fill(stream) if self._ahead is None else self._ahead, None
        if len(piece) == self._piece:
            self._ahead = self._fill(stream)
        return piece, not self._ahead

    def _open(self) -> BinaryIO:
        if isinstance(self._source, DataSetSource):
            return self._keep(self._source, self._source.open())
        return self._keep(*FileDataSet.opened(self._source, self._piece))

    def _keep(self, source: DataSetSource, stream: BinaryIO) -> BinaryIO:
        self._source, self._stream = source, stream
        self._own = source.transfer_syntax
        if self._wanted is None:
            self._wanted = self._own
        return stream

    def _fill(self, stream: BinaryIO) -> bytes:
        """As much as makes a piece: sources, ours and others', may give less at a time than they are asked for."""
        data = _read(stream, self._piece)
        if not data or len(data) == self._piece:
            return data
        parts, size = [data], len(data)
        while size < self._piece and (more := _read(stream, self._piece - size)):
            parts.append(more)
            size += len(more)
        return b"".join(parts) if len(parts) > 1 else data

    def _converted(self, stream: BinaryIO) -> BinaryIO:
        """The converted data set in the place of the stream, all of it; the default limits hold for it."""
        own, wanted = self._own or "", self._wanted or ""
        check_convertible(own, wanted)
        limits = DataSetLimits()
        parts: list[bytes] = []
        size = 0
        with stream:
            while size <= limits.max_bytes and (data := _read(stream, self._piece)):
                parts.append(data)
                size += len(data)
        if size > limits.max_bytes:
            message = f"a data set of more than {limits.max_bytes} bytes is not converted to {wanted}"
            raise EncodeError(message, code=Fault.LIMIT, path="data set")
        self._own = wanted
        return BytesIO(encoded(EncodedDataSet(b"".join(parts), own, limits), wanted) or b"")


def _read(stream: BinaryIO, size: int) -> bytes:
    data: bytes | None = stream.read(size)
    if data is None:  # which is not the end of it
        raise LocalProtocolError("the source has nothing to give now: one that blocks is needed")
    return data
