"""The storage SCP: names that are safe, files that are whole or not there, and failures that are answered."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from dicomnet import flows, scu, uids
from dicomnet.dataset.part10 import read_meta
from dicomnet.dimse import messages as m
from dicomnet.dimse.payloads import DataSetSource, EncodedDataSet, IncomingDataSet, StreamedDataSet
from dicomnet.drivers import memory
from dicomnet.errors import Aborted
from dicomnet.flows import Flow
from dicomnet.handlers import handle_by_type
from dicomnet.services import storage
from dicomnet.services.sop_classes import STORAGE_CLASSES, TRANSFER_SYNTAXES
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext

CT, CAPTURE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7"
POLICY = PlainPolicy((SupportedContext(uids.VERIFICATION), *storage.supported()))
DATA = b"\x10\0\x20\0\x02\0\0\0x " + b"\xe0\x7f\x10\0" + (1 << 20).to_bytes(4, "little")  # before a MiB of pixels


def connect(handler: Any, title: str = "SENDER") -> memory.Link:
    proposed = tuple(ProposedContext(uid) for uid in (uids.VERIFICATION, CT, CAPTURE))
    return memory.connect(
        RequestOptions("STORE", title, proposed), POLICY, peer_handler=handle_by_type({m.CStoreRequest: handler})
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "store"
    made.mkdir()
    return made


def files(folder: Path) -> list[str]:
    """All that is in it, hidden files too."""
    return sorted(os.listdir(folder))


def source(megabytes: int = 4, before_last: Callable[[], object] | None = None, mark: bytes = b"\0") -> DataSetSource:
    """A data set that comes a MiB at a time; something may happen before the last one comes."""

    def pieces() -> Iterator[bytes]:
        yield DATA[:-4] + (megabytes << 20).to_bytes(4, "little")
        for number in range(megabytes):
            if number == megabytes - 1 and before_last is not None:
                before_last()
            yield mark * (1 << 20)

    return StreamedDataSet(pieces(), uids.IMPLICIT_VR_LE)


def store(data_set: Any, instance: str = "2.25.1", sop_class: str = CT) -> Flow[m.CStoreResponse]:
    return scu.c_store(data_set, sop_class=sop_class, instance=instance)


# What is stored.


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"])
def test_an_instance_is_stored_as_it_was(folder: Path, name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    sent = pydicom.dcmread(path)
    meta = sent.file_meta
    uid, syntax = str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)
    link = memory.connect(
        RequestOptions("STORE", "SENDER", (ProposedContext(uid, (syntax,)),)),
        POLICY,
        peer_handler=storage.store_in(folder),
    )
    assert link.run(scu.c_store(path)).status == 0
    assert files(folder) == [f"{meta.MediaStorageSOPInstanceUID}.dcm"]
    stored = folder / files(folder)[0]
    with path.open("rb") as before, stored.open("rb") as after:
        read_meta(before)
        kept = read_meta(after)
        assert after.read() == before.read()
    assert (kept.transfer_syntax, kept.sop_class) == (syntax, uid)
    assert (kept.sop_instance, kept.source_ae_title) == (meta.MediaStorageSOPInstanceUID, "SENDER")
    assert pydicom.dcmread(stored) == sent
    assert stored.stat().st_mode & 0o077 == ~_umask() & 0o066


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("megabytes", [1, 9])
def test_a_stream_is_stored_part_by_part(folder: Path, megabytes: int) -> None:
    seen: list[int] = []
    link = connect(storage.store_in(folder))
    watched = source(megabytes, lambda: seen.extend((folder / name).stat().st_size for name in files(folder)))
    assert link.run(store(watched)).status == 0
    assert files(folder) == ["2.25.1.dcm"]
    stored = pydicom.dcmread(folder / "2.25.1.dcm")
    assert stored.PatientID == "x"
    assert len(stored.PixelData) == megabytes << 20
    assert megabytes == 1 or seen[0] > (megabytes - 6) << 20  # not kept until the end


@pytest.mark.parametrize("form", ["whole", "in parts"])
def test_the_same_instance_again_takes_the_place_of_the_first(folder: Path, form: str) -> None:
    link = connect(storage.store_in(folder))
    for patient in (b"a ", b"b "):
        data = b"\x10\0\x20\0\x02\0\0\0" + patient
        sent = EncodedDataSet(data, uids.IMPLICIT_VR_LE)
        assert link.run(store(sent if form == "whole" else StreamedDataSet([data], uids.IMPLICIT_VR_LE))).status == 0
    assert files(folder) == ["2.25.1.dcm"]
    assert pydicom.dcmread(folder / "2.25.1.dcm").PatientID == "b"


def test_of_two_peers_at_a_time_the_later_to_end_wins(folder: Path) -> None:
    first, second = (connect(storage.store_in(folder), title) for title in ("FIRST", "SECOND"))
    between: list[list[str]] = []

    def overtake() -> None:
        assert second.run(store(source(3, mark=b"\2"))).status == 0
        between.append(files(folder))

    assert first.run(store(source(4, overtake, mark=b"\1"))).status == 0
    ((part, name),) = between
    assert part.endswith(".part")
    assert files(folder) == [name] == ["2.25.1.dcm"]
    stored = pydicom.dcmread(folder / name)
    assert stored.PixelData == b"\1" * (4 << 20)
    assert stored.file_meta.SourceApplicationEntityTitle == "FIRST"


@pytest.mark.parametrize(("wanted", "synced"), [(False, 0), (True, 2)])
def test_a_file_is_synced_on_request(folder: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, synced: int) -> None:
    seen: list[bool] = []

    def fsync(file: int) -> None:
        seen.append(os.path.isdir(f"/proc/self/fd/{file}"))

    monkeypatch.setattr(os, "fsync", fsync)
    assert connect(storage.store_in(folder, fsync=wanted)).run(store(source())).status == 0
    assert seen == [False, True][:synced]  # the file, and then the folder with its name


def test_nothing_is_kept_on_request(folder: Path) -> None:
    link = connect(storage.discard())
    assert link.run(store(source())).status == 0
    assert link.run(store(EncodedDataSet(DATA, uids.IMPLICIT_VR_LE))).status == 0
    assert files(folder) == []


# What is refused.

UNSAFE = [
    "",
    ".",
    "..",
    "../1.2",
    "1/2",
    "/1.2",
    "1..2",
    "1.2.",
    ".1.2",
    "1.2 3",
    "x",
    "1" * 65,
    "1.2\n",
    "\u00b2",
]


@pytest.mark.parametrize("instance", UNSAFE)
def test_only_a_uid_becomes_a_name(folder: Path, instance: str) -> None:
    link = connect(storage.store_in(folder))
    for data_set in (source(), EncodedDataSet(DATA, uids.IMPLICIT_VR_LE)):
        asked = m.CStoreRequest(sop_class=CT, instance=instance, data_set=data_set)
        assert link.run(flows.ask(asked, expect=m.CStoreResponse)).status == 0x0117
    assert files(folder) == []
    assert files(folder.parent) == ["store"]
    assert link.run(scu.c_echo()).status == 0


def test_a_uid_that_only_its_leading_zeros_forbid_is_stored(folder: Path) -> None:
    link = connect(storage.store_in(folder))
    assert link.run(store(source(), "1.02.003")).status == 0
    assert link.run(store(source(), "1" * 64)).status == 0
    assert files(folder) == ["1.02.003.dcm", "1" * 64 + ".dcm"]
    with (folder / "1.02.003.dcm").open("rb") as file:
        assert read_meta(file).sop_instance == "1.02.003"


def test_the_class_must_be_that_of_the_context(folder: Path) -> None:
    link = connect(storage.store_in(folder))
    asked = m.CStoreRequest(sop_class=CAPTURE, instance="1.2", data_set=source())
    assert link.run(flows.ask(asked, expect=m.CStoreResponse, via=CT)).status == 0x0122
    assert files(folder) == []


@pytest.mark.parametrize("nothing", [None, Dataset(), StreamedDataSet([], uids.IMPLICIT_VR_LE)])
def test_a_data_set_must_be_there(folder: Path, nothing: Any) -> None:
    link = connect(storage.store_in(folder))
    assert link.run(store(nothing)).status == 0xC000
    assert files(folder) == []


def test_nothing_but_c_store_is_served(folder: Path) -> None:
    for handler in (storage.store_in(folder), storage.discard()):
        link = memory.connect(RequestOptions("STORE", "ME", (ProposedContext(CT),)), POLICY, peer_handler=handler)
        assert link.run(scu.n_delete(CT, "1.2")).status == 0x0211


# What fails.


class Faulty:
    """System calls of which one fails; a write that fails takes a little before it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int, after: int = 0) -> None:
        self.failed = 0
        self._real = getattr(os, name)
        self._after = after
        self._number = number
        self._name = name
        monkeypatch.setattr(os, name, self)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        concerned = self._name in ("writev", "fsync") or str(arguments[0]).endswith(".part")
        if not concerned:
            return self._real(*arguments, **named)
        if self._after > 0:
            self._after -= 1
            if self._name == "writev":
                file, parts = arguments
                return self._real(file, [bytes(parts[0])[:1000]])
            return self._real(*arguments, **named)
        self.failed += 1
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize(
    ("name", "number", "after"),
    [
        ("open", errno.EROFS, 0),
        ("open", errno.EACCES, 0),
        ("writev", errno.ENOSPC, 0),
        ("writev", errno.ENOSPC, 5),
        ("writev", errno.EIO, 1000),
        ("fsync", errno.EIO, 0),
        ("replace", errno.ENOSPC, 0),
    ],
)
def test_a_fault_of_the_folder_is_answered_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int, after: int
) -> None:
    descriptors = files(Path("/proc/self/fd"))
    link = connect(storage.store_in(folder, fsync=True))
    with monkeypatch.context() as patch:
        faulty = Faulty(patch, name, number, after)
        response = link.run(store(source(8)))
        assert faulty.failed == 1
    assert response.status == 0xA700
    assert response.error_comment == os.strerror(number)[:64]
    assert files(folder) == []
    assert link.run(store(source(1))).status == 0  # and when there is room again
    assert files(folder) == ["2.25.1.dcm"]
    assert files(Path("/proc/self/fd")) == descriptors


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for nowhere in (tmp_path / "missing", tmp_path / "file"):
        assert connect(storage.store_in(nowhere)).run(store(source())).status == 0xA700
    assert files(tmp_path) == ["file"]


def test_a_failure_is_told_before_the_data_set_has_ended(folder: Path) -> None:
    link = connect(storage.store_in(folder))
    pieces: list[bytes] = []

    def content() -> Iterator[bytes]:
        for _ in range(1000):
            pieces.append(bytes(1 << 20))
            yield pieces[-1]

    asked = m.CStoreRequest(sop_class=CT, instance="..", data_set=StreamedDataSet(content(), uids.IMPLICIT_VR_LE))
    assert link.run(flows.ask(asked, expect=m.CStoreResponse)).status == 0x0117
    assert len(pieces) < 20
    assert link.run(scu.c_echo()).status == 0


def test_a_data_set_that_is_cut_is_not_stored(folder: Path) -> None:
    def cut() -> None:
        assert len(files(folder)) == 1
        raise OSError("the other disk")

    link = connect(storage.store_in(folder))
    with pytest.raises(OSError, match="other disk"):
        link.run(store(source(8, cut)))
    assert isinstance(link.session.error, Aborted)
    link.wire.settle()
    assert files(folder) == []


def test_a_file_that_a_thread_is_writing_is_taken_away_by_it(folder: Path) -> None:
    part = storage._PartFile(folder, b"head")
    part.writelines([b"one", b"", b"two"])
    (name,) = files(folder)
    assert (folder / name).read_bytes() == b"headonetwo"
    with part._lock:  # as if in another thread, amid a write
        part.discard()
        assert files(folder) == [name]
    part.writelines([b"three"])
    assert files(folder) == []
    part.keep("1.2.dcm", fsync=False)
    part.discard()
    assert files(folder) == []


def test_what_small_parts_keep_alive_is_not_held_for_long(folder: Path) -> None:
    """Two bytes are a view of all that was received with them, which is nothing but empty fragments."""
    request = m.CStoreRequest(sop_class=CT, instance="1.2", data_set=IncomingDataSet(uids.IMPLICIT_VR_LE))
    part = storage._PartFile(folder, b"head")
    receiving = storage._receive(request, part)
    step = next(receiving)
    for _ in range(8):
        step = receiving.send([memoryview(bytes(1 << 18))[2 * number :][:2] for number in range(3)])
        if not isinstance(step, flows.ReadPart):
            break
    assert isinstance(step, flows.Call)
    step.function()
    assert isinstance(receiving.send(None), flows.ReadPart)
    receiving.close()
    part.discard()
    assert files(folder) == []


# What is supported.


def test_every_storage_class_is_supported() -> None:
    from pydicom._uid_dict import UID_dictionary

    apart = {
        "1.2.840.10008.1.3.10": "a DICOMDIR is a file and never sent",
        "1.2.840.10008.1.20.1": "storage commitment",
        "1.2.840.10008.1.20.2": "storage commitment",
        "1.2.840.10008.5.1.1.27": "stored print, which C-STORE does not carry",
    }
    known = {
        uid: name.removesuffix(" SOP Class")
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and uid not in apart
    }
    assert known.items() <= dict(STORAGE_CLASSES).items()
    assert len(STORAGE_CLASSES) >= 203
    assert [context.abstract_syntax for context in storage.supported()] == list(STORAGE_CLASSES)


def test_every_transfer_syntax_is_supported() -> None:
    from pydicom._uid_dict import UID_dictionary

    apart = {"1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2", "1.2.840.10008.1.20"}  # MIME, XML, Papyrus
    known = {uid: name for uid, (name, kind, *_) in UID_dictionary.items() if kind == "Transfer Syntax"}
    assert {item for item in known.items() if item[0] not in apart} <= set(TRANSFER_SYNTAXES.items())
    assert apart.isdisjoint(TRANSFER_SYNTAXES)
    assert list(TRANSFER_SYNTAXES)[:2] == [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE]
