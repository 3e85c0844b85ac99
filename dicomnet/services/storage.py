"""The Storage service as an SCP (PS3.4 Annex B): instances into a folder as Part 10 files, one file for each.

Data sets are written as they arrive, neither decoded nor held: an instance of any size takes a megabyte or two. A file
has a temporary name (``.*.part``) until it is whole; then it is renamed to ``<SOP Instance UID>.dcm``. An instance that
comes again takes the place of the one before it, and of two that come at a time the later to end.

=====================================================  ========================================================
no room, no permission, any other fault of the folder  A700, at once: the rest of the data set is not waited for
a SOP Instance UID that is no file name of ours        0117
another SOP class than the presentation context has    0122
no data set                                            C000
=====================================================  ========================================================

Whatever fails leaves no file behind; what is killed leaves its ``.part``.
"""

from __future__ import annotations

import io
import logging
import os
import re
import secrets
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from dicomnet import flows
from dicomnet.dataset.part10 import header
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CStoreRequest, Request
from dicomnet.dimse.payloads import Buffer, EncodedDataSet, IncomingDataSet, cost
from dicomnet.errors import EncodeError
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, streaming
from dicomnet.services.sop_classes import STORAGE_CLASSES, TRANSFER_SYNTAXES
from dicomnet.ul import SupportedContext

__all__ = ["discard", "store_in", "supported"]

_log = logging.getLogger("dicomnet.storage")

_NAME = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)  # leading zeros, which PS3.5 9.1 forbids, do no harm
_AT_ONCE = 1 << 20
_IOV_MAX = 1024


def supported(
    sop_classes: Iterable[str] = STORAGE_CLASSES, transfer_syntaxes: Iterable[str] = TRANSFER_SYNTAXES
) -> tuple[SupportedContext, ...]:
    """For an acceptance policy: every storage SOP class in every transfer syntax, unless told otherwise."""
    syntaxes = tuple(transfer_syntaxes)
    return tuple(SupportedContext(uid, syntaxes) for uid in sop_classes)


def store_in(folder: str | os.PathLike[str], *, fsync: bool = False) -> Handler:
    """A handler for C-STORE that writes into a folder, which must be there.

    With ``fsync`` success means that file and name survive a power cut; without it, that they survive us.
    """
    where = Path(folder)

    def handle(request: Request, peer: Peer) -> Flow[None]:
        refusal = _refusal(request, peer)
        if refusal is not None or not isinstance(request, CStoreRequest):
            yield from flows.send(reply(request, refusal or statuses.UNRECOGNIZED_OPERATION))
            return
        file = _PartFile(where, _header(request, peer))
        try:
            last = yield from _receive(request, file)
            if not last:
                yield from flows.send(reply(request, statuses.CANNOT_UNDERSTAND))
                return
            yield from flows.call(partial(file.keep, f"{request.instance}.dcm", last, fsync=fsync))
        except OSError as error:
            _log.error("association %d: cannot store in %s: %s", peer.association_id, where, error.strerror)
            yield from flows.send(
                reply(request, statuses.OUT_OF_RESOURCES, error_comment=(error.strerror or "cannot be written")[:64])
            )
            return
        finally:
            file.discard()
        _log.info("association %d: stored %s", peer.association_id, request.instance)
        yield from flows.send(reply(request))

    return streaming(handle)


def discard() -> Handler:
    """A handler for C-STORE that says success and keeps nothing, to measure everything but a disk."""

    def handle(request: Request, peer: Peer) -> Flow[None]:
        if not isinstance(request, CStoreRequest):
            yield from flows.send(reply(request, statuses.UNRECOGNIZED_OPERATION))
            return
        yield from flows.skip(request)
        yield from flows.send(reply(request))

    return streaming(handle)


def _refusal(request: Request, peer: Peer) -> int | None:
    """Why a request is not even begun with, None when it is."""
    if not isinstance(request, CStoreRequest):
        return statuses.UNRECOGNIZED_OPERATION
    if request.sop_class != peer.abstract_syntax(request):
        return statuses.SOP_CLASS_NOT_SUPPORTED
    if len(request.instance) > 64 or _NAME.fullmatch(request.instance) is None:
        return statuses.INVALID_SOP_INSTANCE
    if request.data_set is None:
        return statuses.CANNOT_UNDERSTAND
    return None


def _receive(request: CStoreRequest, file: _PartFile) -> Flow[list[Buffer]]:
    """Write the data set as it arrives, a good deal at a time; what is left for the end, nothing of no data set.

    An instance that is not large is written at once, at its end: each turn to another thread costs more than a write.
    """
    gathered: list[Buffer] = []
    if not isinstance(request.data_set, IncomingDataSet):
        return [request.data_set.data] if isinstance(request.data_set, EncodedDataSet) else gathered
    size = 0
    while parts := (yield from flows.read_part(request)):
        if size >= _AT_ONCE:
            yield from flows.call(partial(file.writelines, gathered))
            gathered, size = [], 0
        gathered += parts
        size += sum(map(cost, parts, (None, *parts)))
    return gathered


def _header(request: CStoreRequest, peer: Peer) -> bytes:
    data_set = request.data_set
    syntax = data_set.transfer_syntax if isinstance(data_set, IncomingDataSet | EncodedDataSet) else ""
    try:
        return header(request.sop_class, request.instance, syntax, source_ae_title=peer.ae_title)
    except EncodeError:  # a title that is none, which the association let pass
        return header(request.sop_class, request.instance, syntax)


class _PartFile(io.RawIOBase, BinaryIO):
    """A file that comes to be under a temporary name: kept, or discarded whenever and in whichever thread.

    Nothing is made before the first write. ``discard`` waits for no thread that is writing; that one then clears up.
    """

    def __init__(self, folder: Path, head: bytes) -> None:
        super().__init__()
        self._folder = folder
        self._path = folder / f".{secrets.token_hex(8)}.part"
        self._head = head
        self._file: int | None = None
        self._unwanted = False
        self._lock = threading.Lock()  # held while the descriptor is in use

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Buffer, /) -> int:  # type: ignore[override]
        """Write all of it."""
        self.writelines((data,))
        return len(data)

    def writelines(self, parts: Iterable[Buffer], /) -> None:  # type: ignore[override]
        """Write all of them."""
        with self._lock:
            if not self._unwanted:
                if self._file is None:
                    self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
                    parts = (self._head, *parts)
                _write_all(self._file, list(parts))
        if self._unwanted:
            self.discard()

    def keep(self, name: str, last: Iterable[Buffer] = (), *, fsync: bool) -> None:
        """Write the last of it and give it its name."""
        self.writelines(last)
        with self._lock:
            if self._file is not None and not self._unwanted:
                if fsync:
                    os.fsync(self._file)
                file, self._file = self._file, None
                try:
                    os.close(file)  # where NFS and quotas may have something to say
                    os.replace(self._path, self._folder / name)
                except OSError:
                    self._path.unlink(missing_ok=True)
                    raise
                if fsync:
                    _sync_folder(self._folder)
        if self._unwanted:
            self.discard()

    def discard(self) -> None:
        """Close it and take it away, unless it was kept."""
        self._unwanted = True
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._file is not None:
                file, self._file = self._file, None
                os.close(file)
                self._path.unlink(missing_ok=True)
        except OSError as error:
            _log.error("a temporary file stays behind: %s", error.strerror)
        finally:
            self._lock.release()


def _write_all(file: int, parts: list[Buffer]) -> None:
    """Write the parts without joining them; a disk that is nearly full takes some of what it is given."""
    views = [memoryview(part) for part in parts if len(part)]
    first = 0
    while first < len(views):
        done = os.writev(file, views[first : first + _IOV_MAX])
        while first < len(views) and done >= len(views[first]):
            done -= len(views[first])
            first += 1
        if done:
            views[first] = views[first][done:]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
