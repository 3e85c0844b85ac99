"""Files that are read while they are sent: at once where nobody has to wait for it, and never more than they were."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dicomnet.dimse import files
from dicomnet.dimse.files import FileStream, open_at_once, open_file, read_at_once
from dicomnet.errors import DecodeError, Fault

pytestmark = pytest.mark.once

CONTENT = bytes(range(250)) * 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


def opened(path: Path, offset: int = 0, ahead: int = 0) -> FileStream:
    descriptor, size = open_file(path)
    return FileStream(descriptor, offset, size, os.pread(descriptor, offset + ahead, 0))


def test_pieces_are_what_the_file_has_from_an_offset_on(path: Path) -> None:
    for size in (1, 7, 4096, 9990, 20000):
        for ahead in (0, 5, 5000, 9990):
            for way in (FileStream.piece, FileStream.piece_at_once):
                with opened(path, 10, ahead) as stream:
                    found = []
                    while stream.left and len(found) < 3000:
                        found.append(bytes(way(stream, size) or b""))
                    assert b"".join(found) == CONTENT[10 : 10 + size * 3000]
                    assert {len(piece) for piece in found[:-1]} <= {size}


def test_reading_follows_on_pieces(path: Path) -> None:
    with opened(path, 4, 100) as stream:
        assert stream.piece(6) == CONTENT[4:10]
        assert stream.read(10) == CONTENT[10:20]
        assert stream.piece(10) == CONTENT[20:30]
        assert stream.read() == CONTENT[30:]
        assert (stream.read(), stream.read(5), stream.piece(5), stream.piece_at_once(5)) == (b"", b"", b"", b"")


def test_all_that_is_left_is_read_where_a_read_gives_less(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pread = os.pread
    with opened(path, 10) as stream:
        monkeypatch.setattr(os, "pread", lambda descriptor, size, offset: pread(descriptor, min(size, 999), offset))
        assert stream.read() == CONTENT[10:]
        assert (stream.left, stream.read()) == (0, b"")
    with opened(path) as stream:
        os.truncate(path, 5000)
        with pytest.raises(DecodeError):
            stream.read()


class System:
    """What the system does when it is asked for no more than it has at hand; reads are counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, outcome: int | OSError) -> None:
        self.outcome = outcome
        self.asked = 0
        self.read: list[int] = []
        self._pread = os.pread
        monkeypatch.setattr(files, "_AT_HAND", 8)
        monkeypatch.setattr(os, "preadv", self.preadv)
        monkeypatch.setattr(os, "pread", self.pread)

    def preadv(self, descriptor: int, buffers: Sequence[bytearray], offset: int, flags: int) -> int:
        assert flags == 8
        self.asked += 1
        if isinstance(self.outcome, OSError):
            raise self.outcome
        return self.outcome

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        self.read.append(size)
        return self._pread(descriptor, size, offset)


@pytest.mark.parametrize("outcome", [BlockingIOError(errno.EAGAIN, "not now"), 0, 99])
def test_what_is_not_at_hand_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Any) -> None:
    with opened(path) as stream:
        system = System(monkeypatch, outcome)
        assert stream.piece_at_once(100) is None
        assert stream.piece(100) == CONTENT[:100]
        assert stream.piece_at_once(100) is None
        assert stream.piece(100) == CONTENT[100:200]
        assert (system.asked, system.read) == (2, [100, 100])


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL, errno.EIO])
def test_who_cannot_tell_is_asked_once_and_read_twice_as_much_of(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with opened(path) as stream:
        system = System(monkeypatch, OSError(code, "no"))
        found = []
        for _ in range(4):
            found.append(stream.piece_at_once(100))
            if found[-1] is None:
                found.append(stream.piece(100))
        assert found == [None, CONTENT[:100], CONTENT[100:200], None, CONTENT[200:300], CONTENT[300:400]]
        assert (system.asked, system.read) == (1, [200, 200])


def test_a_system_that_knows_no_such_question_is_not_asked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(monkeypatch, 100)
    monkeypatch.setattr(files, "_AT_HAND", 0)
    with opened(path) as stream:
        assert stream.piece_at_once(100) is None
    assert system.asked == 0


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="this system cannot tell")
def test_what_was_just_written_is_at_hand(path: Path) -> None:
    with opened(path) as stream:
        assert stream.piece_at_once(100) == CONTENT[:100]


def test_what_the_system_has_at_hand_is_opened_at_once(path: Path) -> None:
    """And what it has not, or cannot say, is left to who may wait; here, mostly the former."""
    found = open_at_once(path)
    if found is not None:
        descriptor, size = found
        assert (os.read(descriptor, 4), size) == (CONTENT[:4], len(CONTENT))
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)


def test_what_is_wrong_is_for_others_to_say(path: Path) -> None:
    os.mkfifo(path.with_name("fifo"))
    for wrong in (path.parent, path.with_name("none"), path.with_name("fifo"), f"{path}\0more"):
        assert open_at_once(wrong) is None


@pytest.mark.parametrize("system", ["other", "old"])
def test_where_nobody_can_open_at_once(path: Path, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(files, "_opener", files._opener.__wrapped__)
    if system == "other":
        monkeypatch.setattr("sys.platform", "darwin")
    else:
        monkeypatch.setattr(files, "_OPENAT2", 100_000)  # which is no system call
    assert open_at_once(path) is None


def test_opening_is_audited_like_any_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(sys, "audit", lambda event, *arguments: seen.append((event, arguments[0])))
    found = open_at_once(path)
    if found is not None:
        os.close(found[0])
    if sys.platform == "linux":
        assert seen == [("open", os.fsencode(path))]


def test_a_descriptor_whose_file_is_gone_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_: list[int] = []

    def opener(name: bytes) -> int:
        opened_.append(os.open(name, os.O_RDONLY))
        return opened_[-1]

    def stale(descriptor: int) -> os.stat_result:
        raise OSError(errno.ESTALE, "gone")

    monkeypatch.setattr(files, "_opener", lambda: opener)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", stale)
        assert open_at_once(path) is None
    with pytest.raises(OSError, match="descriptor"):
        os.close(opened_[0])


@pytest.mark.parametrize("size", [0, 100, len(CONTENT)])
def test_so_many_bytes_or_none(path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    with path.open("rb") as file:
        for outcome, whole in ((size, True), (size - 1, False), (BlockingIOError(errno.EAGAIN, "no"), False)):
            with monkeypatch.context() as patch:
                System(patch, outcome)
                assert read_at_once(file.fileno(), bytearray(size), 0) is whole
        monkeypatch.setattr(files, "_AT_HAND", 0)
        assert not read_at_once(file.fileno(), bytearray(size), 0)


def at_hand(monkeypatch: pytest.MonkeyPatch) -> list[bytearray]:
    """A system that has all in memory; where it was asked to put it."""
    places: list[bytearray] = []

    def read(descriptor: int, buffers: tuple[bytearray], offset: int, flags: int) -> int:
        places.append(buffers[0])
        buffers[0][:] = data = os.pread(descriptor, len(buffers[0]), offset)
        return len(data)

    monkeypatch.setattr(files, "_AT_HAND", 8)
    monkeypatch.setattr(os, "preadv", read)
    return places


def test_a_piece_that_somebody_keeps_stays_what_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_hand(monkeypatch)
    with opened(path) as stream:
        kept = [stream.piece_at_once(100), (stream.piece_at_once(100) or b"")[10:20], stream.piece_at_once(100)]
        assert stream.piece_at_once(100) == CONTENT[300:400]
        assert kept == [CONTENT[:100], CONTENT[110:120], CONTENT[200:300]]


def test_pieces_that_nobody_keeps_share_their_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = at_hand(monkeypatch)
    with opened(path) as stream:
        for start in range(0, 1000, 100):
            assert stream.piece_at_once(100) == CONTENT[start : start + 100]
    assert len({id(place) for place in places}) == 1


def test_a_system_that_gives_little_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as stream:
        pread = os.pread
        monkeypatch.setattr(os, "pread", lambda descriptor, size, offset: pread(descriptor, min(size, 30), offset))
        assert stream.piece(100) == CONTENT[:100]
        assert stream.piece(100) == CONTENT[100:200]


def test_a_file_that_was_cut_has_no_piece(path: Path) -> None:
    with opened(path) as stream:
        stream.piece(100)
        os.truncate(path, 150)
        assert stream.piece_at_once(100) is None
        with pytest.raises(DecodeError) as caught:
            stream.piece(100)
        assert caught.value.code is Fault.TRUNCATED
        assert stream.read(100) == CONTENT[100:150]
        with pytest.raises(DecodeError):
            stream.read(100)


def test_views_are_of_all_but_the_end(path: Path) -> None:
    with opened(path, 10, 100) as stream:
        view = stream.view_at_once(5000)
        if view is None:  # this system cannot tell what it has
            assert stream.left == len(CONTENT) - 10
            return
        assert (view, view.readonly, stream.left) == (CONTENT[10:5010], True, len(CONTENT) - 5010)
        for size in (stream.left, stream.left + 1):
            assert stream.view_at_once(size) is None
        assert stream.view_at_once(stream.left - 1) == CONTENT[5010:-1]
        assert stream.missing() is None
        assert stream.read() == CONTENT[-1:]
    assert stream.view_at_once(0) is None
    assert view == CONTENT[10:5010]


@pytest.mark.parametrize("left", [9000, 4096, 11, 0])
def test_who_views_a_file_that_is_cut_hears_of_it_at_its_end(path: Path, left: int) -> None:
    with opened(path, 10) as stream:
        viewed = stream.view_at_once(len(CONTENT) - 20) is not None
        os.truncate(path, left)
        missing = stream.missing()
        assert missing is not None
        assert (missing.code, str(len(CONTENT) - left) in str(missing)) == (Fault.TRUNCATED, True)
        assert stream.view_at_once(5) is None or not viewed
        with pytest.raises(DecodeError):
            stream.piece(stream.left)
    assert stream.missing() is None


def test_a_file_is_closed_once_and_gives_nothing_then(path: Path) -> None:
    stream = opened(path)
    stream.close()
    other = os.open(path, os.O_RDONLY)  # which has the number of the closed one
    stream.close()
    assert os.read(other, 4) == CONTENT[:4]
    os.close(other)
    assert stream.piece_at_once(1) is None
    for act in (FileStream.piece, FileStream.read):
        with pytest.raises(ValueError, match="closed"):
            act(stream, 1)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").exists() else []
    with pytest.raises(OSError, match="not a regular file"):
        open_file(tmp_path)
    after = os.listdir("/proc/self/fd") if before else []
    assert len(after) == len(before)


def test_a_name_with_a_nul_is_the_name_of_no_file(path: Path) -> None:
    name = f"{path}\0more"
    assert open_at_once(name) is None
    with pytest.raises(OSError, match="null"):
        open_file(name)
