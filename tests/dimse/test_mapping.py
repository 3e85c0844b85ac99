"""Files where the system has them: views that nobody waits for, or none."""

from __future__ import annotations

import errno
import gc
import mmap
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomnet.dimse import mapping
from dicomnet.dimse.mapping import Mapper

pytestmark = [pytest.mark.once, pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it has")]

PAGE = mmap.PAGESIZE
CONTENT = bytes(range(251)) * 200


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


@pytest.fixture
def descriptor(path: Path) -> Iterator[int]:
    found = os.open(path, os.O_RDONLY)
    yield found
    os.close(found)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    mapping._resident.cache_clear()
    yield
    mapping._resident.cache_clear()
    gc.collect()  # what an error kept of a view has a descriptor, and other tests count them


@pytest.mark.parametrize("offset", [0, 1, PAGE - 1, PAGE, 3 * PAGE + 5])
@pytest.mark.parametrize("size", [1, PAGE, PAGE + 1, 2 * PAGE])
def test_a_view_is_of_any_place(descriptor: int, offset: int, size: int) -> None:
    view = Mapper(descriptor).view(offset, size)
    assert view is not None
    assert (view, view.readonly) == (CONTENT[offset : offset + size], True)


def test_views_outlive_their_maker_and_the_descriptor(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    mapper = Mapper(descriptor)
    views = [mapper.view(start, 1000) for start in range(0, 10_000, 1000)]
    del mapper
    os.close(descriptor)
    assert b"".join(view or b"" for view in views) == CONTENT[:10_000]
    del views
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_nobody_is_kept_waiting_for_what_the_system_has_not(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "_resident", lambda: lambda place, size: False)
    assert Mapper(descriptor).view(0, PAGE) is None


def test_a_hole_is_not_in_memory(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(len(CONTENT) + 100 * PAGE)
        mapper = Mapper(file.fileno())
        assert mapper.view(PAGE, PAGE) is not None
        assert mapper.view(len(CONTENT), 50 * PAGE) is None
        assert mapper.view(PAGE, PAGE) is not None


def test_of_the_files_of_others_the_system_tells_no_truth(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert Mapper(descriptor).view(0, PAGE) is None


def test_where_no_system_call_tells(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ctypes", None)
        assert Mapper(descriptor).view(0, PAGE) is None
    assert Mapper(descriptor).view(0, PAGE) is None  # nor is it asked for again


@pytest.mark.parametrize("error", [OSError(errno.ENODEV, "maps nothing"), ValueError("too much")])
def test_what_cannot_be_mapped_is_not_tried_twice(
    descriptor: int, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        tried.append(1)
        raise error

    tried: list[int] = []
    monkeypatch.setattr(mmap, "mmap", refuse)
    mapper = Mapper(descriptor)
    assert [mapper.view(0, PAGE), mapper.view(0, PAGE), len(tried)] == [None, None, 1]


def test_a_file_that_was_cut_has_no_view_and_one_of_it_is_an_error_to_the_system(path: Path, descriptor: int) -> None:
    mapper = Mapper(descriptor)
    view = mapper.view(2 * PAGE, 2 * PAGE)
    assert view is not None
    os.truncate(path, PAGE)
    first, second = socket.socketpair()
    with first, second, pytest.raises(OSError, match="address") as caught:
        first.send(view)
    assert caught.value.errno == errno.EFAULT
    assert mapper.view(2 * PAGE, PAGE) is None


def test_what_cannot_be_loaded_for_want_of_a_descriptor_is_done_without(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapper = Mapper(descriptor)
    monkeypatch.setitem(sys.modules, "mmap", None)
    assert mapper.view(0, PAGE) is None
