"""Payloads: sources that can be sent again, ends that come too early, and what is written anew in another syntax."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from dicomnet import dataset, flows, steps, uids
from dicomnet.dataset.files import part10
from dicomnet.dimse import files, outgoing
from dicomnet.dimse.files import FileStream
from dicomnet.dimse.messages import CStoreRequest
from dicomnet.dimse.outgoing import Opened, SourceReader, encoded
from dicomnet.dimse.payloads import (
    Buffer,
    EncodedDataSet,
    FileDataSet,
    IncomingDataSet,
    StreamedDataSet,
    identity,
)
from dicomnet.errors import ConnectionLost, DecodeError, EncodeError, Fault, LocalProtocolError

PLAIN = [uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE, uids.DEFLATED_EXPLICIT_VR_LE, uids.EXPLICIT_VR_BE]
JPEG = "1.2.840.10008.1.2.4.50"


def sample() -> Dataset:
    content = Dataset()
    content.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    content.SOPInstanceUID = "2.25.77"
    content.PatientID = "x"
    return content


def with_pixels(fragments: bool) -> Dataset:
    content = sample()
    content.add_new("PixelData", "OB", encapsulate([b"pixels"]) if fragments else b"pixels")
    content["PixelData"].is_undefined_length = fragments
    return content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "image.dcm"
    file.write_bytes(part10(sample(), uids.EXPLICIT_VR_LE))
    return file


# Files.


def test_a_part_10_file_is_known_without_decoding(path: Path) -> None:
    source = FileDataSet.of(path)
    assert (source.transfer_syntax, source.sop_class, source.sop_instance) == (
        uids.EXPLICIT_VR_LE,
        "1.2.840.10008.5.1.4.1.1.7",
        "2.25.77",
    )
    for _ in range(2):
        with source.open() as stream:
            assert stream.read(1 << 20) == dataset.encode(sample(), uids.EXPLICIT_VR_LE)
            assert stream.read(1) == b""


def test_a_bare_file_can_be_described(tmp_path: Path) -> None:
    file = tmp_path / "bare"
    file.write_bytes(b"----" + dataset.encode(sample(), uids.IMPLICIT_VR_LE))
    with FileDataSet(file, uids.IMPLICIT_VR_LE, 4).open() as stream:
        assert dataset.decode(stream.read(), uids.IMPLICIT_VR_LE) == sample()


@pytest.mark.parametrize("content", [b"", b"nothing", part10(sample(), uids.IMPLICIT_VR_LE)[:150]])
def test_a_file_that_is_no_part_10_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad"
    file.write_bytes(content)
    with pytest.raises(DecodeError):
        FileDataSet.of(file)


def test_a_file_without_transfer_syntax_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bad"
    file.write_bytes(bytes(128) + b"DICM\x02\0\x03\0UI\x04\x001.2\0" + dataset.encode(sample(), uids.IMPLICIT_VR_LE))
    with pytest.raises(DecodeError) as caught:
        FileDataSet.of(file)
    assert caught.value.code is Fault.MISSING


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileDataSet.of(tmp_path / "no")


def test_a_file_that_shrinks_while_it_is_read_is_no_whole_data_set(path: Path) -> None:
    source = FileDataSet.of(path)
    with source.open() as stream:
        stream.read(4)
        with path.open("r+b") as other:
            other.truncate(source.offset + 10)
        assert len(stream.read(1 << 20)) == 6
        with pytest.raises(DecodeError) as caught:
            stream.read(1 << 20)
    assert caught.value.code is Fault.TRUNCATED
    with path.open("r+b") as other:
        other.truncate(source.offset - 1)
    with pytest.raises(DecodeError):
        source.open()


def test_a_file_that_grows_while_it_is_read_is_what_it_was(path: Path) -> None:
    source = FileDataSet.of(path)
    whole = dataset.encode(sample(), uids.EXPLICIT_VR_LE)
    reader = SourceReader(source, source.transfer_syntax, 10)
    found, last = reader.read()
    with path.open("ab") as other:
        other.write(bytes(100))
    while not last:
        part, last = reader.read()
        found = bytes(found) + part
    assert found == whole
    reader.close()


def test_a_file_is_known_by_its_path_with_its_first_piece(path: Path) -> None:
    whole = dataset.encode(sample(), uids.EXPLICIT_VR_LE)
    for wanted in (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE):
        reader = SourceReader(path, None, 10)
        assert reader.begin() == FileDataSet.of(path)
        reader.suit(Opened(1, wanted, 10, 10, 10, lambda: False))
        found, last = b"", False
        while not last:
            piece = reader.read_at_once()
            assert (piece is not None) is (wanted == uids.EXPLICIT_VR_LE)
            piece, last = piece or reader.read()
            found += piece
        reader.close()
        assert found == dataset.encode(dataset.decode(whole, uids.EXPLICIT_VR_LE), wanted)
    with pytest.raises(FileNotFoundError):
        SourceReader(path.with_name("none"), None, 10).begin()


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has all in memory, and says so."""

    def read(descriptor: int, buffers: tuple[bytearray], offset: int, flags: int) -> int:
        buffers[0][:] = data = os.pread(descriptor, len(buffers[0]), offset)
        return len(data)

    monkeypatch.setattr(files, "_AT_HAND", 8)
    monkeypatch.setattr(files, "_opener", lambda: lambda name: os.open(name, os.O_RDONLY))
    monkeypatch.setattr(os, "preadv", read)


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize("piece", [10, 1 << 20])
def test_a_file_at_hand_is_begun_at_once(path: Path, piece: int) -> None:
    whole = dataset.encode(sample(), uids.EXPLICIT_VR_LE)
    reader = SourceReader(path, None, piece)
    assert reader.begin_at_once() == FileDataSet.of(path)
    found, last = b"", False
    while not last:
        read = reader.read_at_once()
        assert read is not None
        found, last = found + read[0], read[1]
    assert found == whole
    reader.close()


def all_of(reader: SourceReader) -> list[Buffer]:
    """Copies of what a reader gives at once."""
    found: list[Buffer] = []
    last = False
    while not last:
        read = reader.read_at_once()
        assert read is not None
        found.append(bytes(read[0]))
        last = read[1]
    return found


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize(
    ("size", "expected"),
    [(5, [5]), (40, [40]), (60, [60]), (61, [40, 21]), (100, [40, 60]), (101, [100, 1]), (161, [100, 40, 21])],
)
def test_the_rest_of_a_file_comes_in_portions_of_which_none_is_small(
    path: Path, size: int, expected: list[int]
) -> None:
    path.write_bytes(path.read_bytes()[: FileDataSet.of(path).offset] + bytes(size))
    reader = SourceReader(path, None, 100)
    assert reader.begin_at_once() is not None
    reader.suit(Opened(1, uids.EXPLICIT_VR_LE, 100, 40, 100, lambda: False))
    assert [len(piece) for piece in all_of(reader)] == expected
    reader.close()


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize(
    ("unseen", "most", "sizes"), [(False, 200, []), (True, 200, [200]), (True, 1000, [240]), (True, 120, [120, 120])]
)
def test_what_nobody_looks_at_are_views_but_for_the_end(
    path: Path, unseen: bool, most: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def view(stream: FileStream, size: int) -> memoryview | None:
        asked.append(size)
        return stream.piece_at_once(size)

    monkeypatch.setattr(outgoing, "_WORTHWHILE", 80)
    monkeypatch.setattr(FileStream, "view_at_once", view)
    content = bytes(range(250))
    path.write_bytes(path.read_bytes()[: FileDataSet.of(path).offset] + content)
    reader = SourceReader(path, None, 120)
    assert reader.begin_at_once() is not None
    reader.suit(Opened(1, uids.EXPLICIT_VR_LE, 120, 40, most, lambda: unseen))
    assert reader.why_lost() is None
    assert b"".join(all_of(reader)) == content
    assert asked == sizes
    assert reader.why_lost() is None
    os.truncate(path, 100)
    assert (reader.why_lost() is not None) is unseen
    reader.close()
    assert reader.why_lost() is None


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize("cause", [None, OSError(errno.ECONNRESET, "reset"), OSError(errno.EFAULT, "bad address")])
def test_a_cut_file_is_to_blame_only_if_the_system_could_not_read_it(
    path: Path, cause: OSError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "_WORTHWHILE", 80)
    monkeypatch.setattr(FileStream, "view_at_once", FileStream.piece_at_once)
    path.write_bytes(path.read_bytes()[: FileDataSet.of(path).offset] + bytes(250))
    flow = flows.send(CStoreRequest(sop_class="1.2", instance="1.3", data_set=path))
    assert isinstance(flow.send(None), steps.TakeTurn)
    assert isinstance(flow.send(120), steps.BeginMessage)
    assert isinstance(flow.send(Opened(1, uids.EXPLICIT_VR_LE, 120, 40, 120, lambda: True)), steps.SendPart)
    os.truncate(path, 100)
    lost = ConnectionLost("gone")
    lost.__cause__ = cause
    assert isinstance(flow.throw(lost), steps.GiveUp)
    with pytest.raises(DecodeError if cause is not None and cause.errno == errno.EFAULT else ConnectionLost):
        flow.send(None)


@pytest.mark.usefixtures("at_hand")
def test_what_is_no_part_10_file_is_told_at_once_and_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    close = os.close
    monkeypatch.setattr(os, "close", lambda descriptor: (closed.append(descriptor), close(descriptor)))
    for content in (b"no such thing", bytes(128) + b"DICM\x02\0\x03\0UI\x04\x001.2\0" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(DecodeError):
            SourceReader(path, None, 10).begin_at_once()
    assert len(closed) == 2


@pytest.mark.usefixtures("at_hand")
def test_a_header_that_is_uncommonly_long_is_left_to_who_may_wait(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(
        content[:144] + b"\x02\0\x00\x01UT\0\0" + (5000).to_bytes(4, "little") + bytes(5000) + content[144:]
    )
    reader = SourceReader(path, None, 10)
    assert reader.begin_at_once() is None
    assert reader.begin() == FileDataSet.of(path)
    reader.close()
    assert SourceReader(FileDataSet.of(path), None, 10).begin_at_once() is None  # which is no path


def test_what_is_no_file_is_never_read_at_once() -> None:
    reader = SourceReader(StreamedDataSet([b"abcd", b"ef"], uids.IMPLICIT_VR_LE), uids.IMPLICIT_VR_LE, 4)
    assert reader.read_at_once() is None
    assert reader.read() == (b"abcd", False)
    assert reader.read_at_once() is None
    reader.close()


@pytest.mark.parametrize(
    ("act", "cut"), [(SourceReader.begin, False), *((SourceReader.read, c) for c in (False, True))]
)
def test_who_closes_while_a_file_is_opened_has_it_closed(
    path: Path, act: Callable[[SourceReader], object], cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a flow is cancelled while a thread is at the file; also when that fails."""
    open_it = FileDataSet.opened

    def closing(name: Path, piece: int) -> tuple[FileDataSet, BinaryIO]:
        source, stream = open_it(name)
        opened.append(stream)
        reader.close()  # as from another thread, in the middle of this
        assert not stream.closed
        if cut:
            with path.open("r+b") as other:
                other.truncate(source.offset)
        return source, stream

    opened: list[BinaryIO] = []
    monkeypatch.setattr(FileDataSet, "opened", closing)
    with path.open("ab") as file:
        file.write(bytes(10_000))  # more than is read with the header
    reader = SourceReader(path, None, 10_000)
    with pytest.raises(DecodeError) if cut else contextlib.nullcontext():
        act(reader)
    assert [stream.closed for stream in opened] == [True]


def test_nobody_opens_a_file_for_a_reader_that_is_closed(path: Path) -> None:
    reader = SourceReader(path, None, 10)
    reader.close()
    with pytest.raises(LocalProtocolError):
        reader.begin()


@pytest.mark.parametrize("wanted", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE])
def test_what_is_sent_is_of_one_file_although_another_takes_its_name(path: Path, wanted: str) -> None:
    whole = path.read_bytes()[FileDataSet.of(path).offset :]
    reader = SourceReader(path, None, 10)
    reader.begin()
    other = path.with_name("other")
    other.write_bytes(b"another one altogether")
    other.replace(path)
    reader.suit(Opened(1, wanted, 10, 10, 10, lambda: False))
    found, last = b"", False
    while not last:
        piece, last = reader.read()
        found += piece
    reader.close()
    assert found == dataset.encode(dataset.decode(whole, uids.EXPLICIT_VR_LE), wanted)


def test_what_could_keep_us_waiting_is_not_opened(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for act in (partial(FileDataSet.of, fifo), FileDataSet(fifo, uids.EXPLICIT_VR_LE).open):
        with pytest.raises(OSError, match="not a regular file"):
            act()


def test_what_is_no_data_set_is_told_so() -> None:
    for nothing in ("file.dcm", b"bytes"):
        with pytest.raises(LocalProtocolError, match=r"pathlib\.Path"):
            identity(nothing)  # type: ignore[arg-type]


def test_the_file_is_closed_with_the_stream(path: Path) -> None:
    stream = FileDataSet.of(path).open()
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)


# Streams.


class Slow(io.RawIOBase):
    """Gives one byte at a time, and cannot seek."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        part, self.data = self.data[:1], self.data[1:]
        return part


def test_sending_joins_what_comes_in_pieces() -> None:
    for source in (Slow(b"abcdef"), [b"", b"a", bytearray(b"bc"), memoryview(b"def"), b""]):
        streamed = StreamedDataSet(cast(BinaryIO, source), uids.IMPLICIT_VR_LE)
        reader = SourceReader(streamed, uids.IMPLICIT_VR_LE, 4)
        assert [reader.read(), reader.read()] == [(b"abcd", False), (b"ef", True)]
        reader.close()


def test_a_stream_gives_no_more_than_was_asked_for_and_nothing_at_its_end_only() -> None:
    source = StreamedDataSet([b"", b"a", bytearray(b"bc"), b"", memoryview(b"def")], uids.IMPLICIT_VR_LE)
    with source.open() as stream:
        assert [stream.read(2) for _ in range(5)] == [b"a", b"bc", b"de", b"f", b""]


@pytest.mark.parametrize("piece", [1, 5])
def test_a_file_that_was_cut_is_never_sent_as_whole(path: Path, piece: int) -> None:
    source = FileDataSet.of(path)
    reader = SourceReader(source, source.transfer_syntax, piece)
    assert not reader.read()[1]
    with path.open("r+b") as other:
        other.truncate(path.stat().st_size - 1)
    with pytest.raises(DecodeError) as caught:
        list(iter(lambda: reader.read()[1], True))
    assert caught.value.code is Fault.TRUNCATED
    reader.close()


def test_a_stream_is_read_again_from_where_it_was() -> None:
    stream = io.BytesIO(b"head" + b"body")
    stream.seek(4)
    source = StreamedDataSet(stream, uids.IMPLICIT_VR_LE)
    for _ in range(2):
        with source.open() as opened:
            assert opened.read() == b"body"
    assert not stream.closed


def test_any_object_that_reads_will_do() -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"body")
        file.seek(0)
        with StreamedDataSet(cast(BinaryIO, file), uids.IMPLICIT_VR_LE).open() as opened:
            assert opened.read(100) == b"body"


def test_pieces_in_a_list_are_given_again() -> None:
    source = StreamedDataSet([b"ab", b"c"], uids.IMPLICIT_VR_LE)
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == b"abc"


@pytest.mark.parametrize("once", [Slow(b"abc"), iter([b"abc"])])
def test_what_can_be_read_once_is_sent_once(once: object) -> None:
    source = StreamedDataSet(cast(BinaryIO, once), uids.IMPLICIT_VR_LE)
    with source.open() as stream:
        assert stream.read() == b"abc"
    with pytest.raises(LocalProtocolError):
        source.open()


def test_a_stream_that_has_nothing_now_is_not_at_its_end() -> None:
    class Empty(Slow):
        def read(self, size: int = -1, /) -> bytes:
            return None  # type: ignore[return-value]

    with (
        StreamedDataSet(cast(BinaryIO, Empty(b"")), uids.IMPLICIT_VR_LE).open() as stream,
        pytest.raises(LocalProtocolError),
    ):
        stream.read(1)


# Transfer syntaxes.


def read_from(source: FileDataSet, wanted: str) -> bytes:
    reader = SourceReader(source, wanted, 1 << 20)
    data, last = reader.read()
    reader.close()
    assert last
    return bytes(data)


@pytest.mark.parametrize("wanted", PLAIN)
@pytest.mark.parametrize("given", PLAIN)
def test_plain_ones_are_written_anew(given: str, wanted: str, tmp_path: Path) -> None:
    data = dataset.encode(sample(), given)
    for form in (sample(), EncodedDataSet(data, given), EncodedDataSet(memoryview(data), given)):
        assert dataset.decode(bytes(encoded(form, wanted) or b""), wanted) == sample()
    file = tmp_path / "file"
    file.write_bytes(part10(sample(), given))
    assert dataset.decode(read_from(FileDataSet.of(file), wanted), wanted) == sample()


def test_bytes_in_the_right_syntax_are_not_looked_at() -> None:
    data = bytearray(b"no data set")
    assert encoded(EncodedDataSet(data, JPEG), JPEG) is data


def test_no_data_set_and_an_empty_one_are_the_same() -> None:
    assert encoded(None, JPEG) is None
    assert encoded(Dataset(), uids.IMPLICIT_VR_LE) is None
    assert encoded(EncodedDataSet(b"", uids.EXPLICIT_VR_LE), uids.IMPLICIT_VR_LE) is None
    assert encoded(EncodedDataSet(b"", JPEG), JPEG) is None


@pytest.mark.parametrize(
    ("given", "wanted"), [(JPEG, uids.EXPLICIT_VR_LE), (uids.EXPLICIT_VR_LE, JPEG), (JPEG, "1.2.840.10008.1.2.5")]
)
def test_pixel_data_is_never_converted(given: str, wanted: str, tmp_path: Path) -> None:
    content = with_pixels(given == JPEG)
    data = dataset.encode(content, given)
    file = tmp_path / "file"
    file.write_bytes(part10(content, given))
    with pytest.raises(EncodeError) as caught:
        encoded(EncodedDataSet(data, given), wanted)
    assert caught.value.code is Fault.UNSUPPORTED
    with pytest.raises(EncodeError):
        read_from(FileDataSet.of(file), wanted)
    with pytest.raises(EncodeError):
        encoded(pydicom.dcmread(file), wanted)
    assert encoded(pydicom.dcmread(file), given) == data


@pytest.mark.parametrize("fragments", [True, False])
def test_a_data_set_made_here_goes_where_its_pixels_fit(fragments: bool) -> None:
    fits, other = (JPEG, uids.EXPLICIT_VR_LE) if fragments else (uids.EXPLICIT_VR_LE, JPEG)
    assert encoded(with_pixels(fragments), fits)
    with pytest.raises(EncodeError):
        encoded(with_pixels(fragments), other)


def test_the_limits_hold_when_a_data_set_is_written_anew() -> None:
    data = dataset.encode(sample(), uids.EXPLICIT_VR_LE)
    for most in (len(data), len(data) - 1):
        form = EncodedDataSet(data, uids.EXPLICIT_VR_LE, dataset.DataSetLimits(max_bytes=most))
        if most == len(data):
            assert encoded(form, uids.IMPLICIT_VR_LE)
        else:
            with pytest.raises(DecodeError):
                encoded(form, uids.IMPLICIT_VR_LE)


# What is not in memory.


def test_what_is_not_in_memory_is_neither_encoded_nor_read_by_the_way(path: Path) -> None:
    for away in (path, FileDataSet.of(path), IncomingDataSet(uids.IMPLICIT_VR_LE)):
        with pytest.raises(LocalProtocolError):
            encoded(away, uids.IMPLICIT_VR_LE)
        with pytest.raises(LocalProtocolError):
            CStoreRequest(sop_class="1.2", instance="1.2", data_set=away).dataset()


def test_two_arriving_data_sets_are_never_the_same() -> None:
    one, other = IncomingDataSet(uids.IMPLICIT_VR_LE), IncomingDataSet(uids.IMPLICIT_VR_LE)
    assert one != other
    assert len({one, other}) == 2
