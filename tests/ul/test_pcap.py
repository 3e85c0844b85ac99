"""A transcript as a capture file, read back by a reader of our own, which trusts nothing, and by tshark if there."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnet.errors import DicomNetError, EncodeError
from dicomnet.ul import Association, Direction, Event, Role, State, Transcript
from dicomnet.ul.pcap import write_pcap

FIN, SYN, PSH, ACK = 1, 2, 8, 16


@dataclass
class Segment:
    time: float
    source: tuple[str, int]
    target: tuple[str, int]
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes


def words(data: bytes) -> int:
    """The ones' complement sum of RFC 1071, done word by word; 0xFFFF over what includes a right checksum."""
    total = 0
    for (word,) in struct.iter_unpack(">H", data + b"\0" * (len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def read(data: bytes) -> list[Segment]:
    """Every segment; lengths, protocols and checksums are checked on the way."""
    magic, major, minor, zone, accuracy, snaplen, link = struct.unpack_from("<IHHiIII", data)
    assert (magic, major, minor, zone, accuracy, link) == (0xA1B2C3D4, 2, 4, 0, 0, 1)
    segments = []
    place = 24
    while place < len(data):
        seconds, microseconds, kept, length = struct.unpack_from("<IIII", data, place)
        frame = data[place + 16 : place + 16 + kept]
        place += 16 + kept
        assert kept == length == len(frame) <= snaplen
        assert microseconds < 1_000_000
        assert frame[12:14] == b"\x08\0"
        ip = frame[14:]
        assert ip[0] == 0x45
        assert int.from_bytes(ip[2:4], "big") == len(ip)
        assert ip[9] == 6
        assert words(ip[:20]) == 0xFFFF
        tcp = ip[20:]
        assert words(ip[12:20] + b"\0\6" + len(tcp).to_bytes(2, "big") + tcp) == 0xFFFF
        source, target, sequence, acknowledged, offset, flags = struct.unpack_from(">HHIIBB", tcp)
        assert offset == 0x50
        host, other = (".".join(map(str, ip[at : at + 4])) for at in (12, 16))
        moment = seconds + microseconds / 1e6
        segments.append(Segment(moment, (host, source), (other, target), sequence, acknowledged, flags, tcp[20:]))
    assert place == len(data)
    return segments


def streams(segments: list[Segment]) -> dict[tuple[str, int], bytes]:
    """What each end sent, put together as a receiver would: in sequence, without gaps, acknowledged, closed once."""
    expected: dict[tuple[str, int], int] = defaultdict(int)
    sent: dict[tuple[str, int], bytes] = defaultdict(bytes)
    for segment in segments:
        assert segment.sequence == expected[segment.source]
        if segment.flags & ACK:
            assert segment.acknowledged == expected[segment.target]
        else:
            assert segment.flags == SYN
        sent[segment.source] += segment.payload
        expected[segment.source] += len(segment.payload) + bool(segment.flags & (SYN | FIN))
    return sent


def captured(transcript: Transcript, role: Role, **more: object) -> list[Segment]:
    stream = io.BytesIO()
    write_pcap(stream, transcript, role, **more)  # type: ignore[arg-type]
    return read(stream.getvalue())


def whole_association(ul: SimpleNamespace) -> tuple[Association, Association]:
    """Two ends with transcripts, from request to release."""
    requestor = Association(Role.REQUESTOR, transcript=Transcript())
    acceptor = Association(Role.ACCEPTOR, transcript=Transcript())

    def pump(now: float) -> None:
        for here, there in ((requestor, acceptor), (acceptor, requestor)):
            for data in here.data_to_send():
                there.receive_data(data, now)

    requestor.associate_request(ul.REQUEST, 0.0)
    requestor.transport_connected(0.5)
    acceptor.transport_connected(0.5)
    pump(1.0)
    acceptor.associate_accept(ul.ACCEPTANCE, 1.0)
    pump(1.25)
    requestor.send_p_data(1, b"command!", bytes(200_001), 2.0)
    pump(2.0)
    requestor.release_request(3.0)
    pump(3.0)
    acceptor.release_response(3.0)
    pump(3.5)
    acceptor.receive_eof(4.0)
    return requestor, acceptor


@pytest.mark.parametrize("role", Role)
def test_either_end_gives_the_same_conversation(role: Role, ul: SimpleNamespace) -> None:
    ends = dict(zip(Role, whole_association(ul), strict=True))
    transcript = ends[role].transcript
    assert transcript is not None
    segments = captured(transcript, role, started=1_700_000_000.0)
    client, server = ("192.0.2.1", 49152), ("192.0.2.2", 104)
    assert [(s.source, s.flags) for s in segments[:3]] == [(client, SYN), (server, SYN | ACK), (client, ACK)]
    assert [(s.source, s.flags) for s in segments[-3:]] == [(client, FIN | ACK), (server, FIN | ACK), (client, ACK)]
    sent = streams(segments)
    for end, direction in ((role, Direction.SENT), (next(r for r in Role if r != role), Direction.RECEIVED)):
        octets = b"".join(octets.data for octets in transcript.octets if octets.direction is direction)
        assert sent[client if end is Role.REQUESTOR else server] == octets
        assert octets[0] == (1 if end is Role.REQUESTOR else 2)
    times = [segment.time for segment in segments]
    assert times == sorted(times)
    assert 1_700_000_000.5 <= times[0] <= 1_700_000_001.0
    assert max(len(segment.payload) for segment in segments) <= 65495


def test_an_association_that_goes_on_has_no_end_and_one_that_was_aborted_has(ul: SimpleNamespace) -> None:
    transcript = Transcript()
    association = ul.reach(State.STA6, Role.ACCEPTOR, transcript=transcript)
    assert not any(segment.flags & FIN for segment in captured(transcript, Role.ACCEPTOR))
    ul.happen(association, Event.EVT16)
    ends = [segment.source for segment in captured(transcript, Role.ACCEPTOR) if segment.flags & FIN]
    assert ends[0] == ("192.0.2.2", 104)  # who got the A-ABORT closes
    assert len(ends) == 2


def test_an_empty_transcript_is_a_connection_and_nothing_else() -> None:
    assert [segment.flags for segment in captured(Transcript(), Role.REQUESTOR)] == [SYN, SYN | ACK, ACK]


@given(
    st.lists(st.tuples(st.sampled_from(Direction), st.binary(min_size=1, max_size=80)), max_size=8),
    st.sampled_from(Role),
    st.sampled_from([("10.0.0.1", 1), ("255.255.255.255", 65535), ("127.0.0.1", 11112)]),
    st.floats(-1e6, 1e10),
)
@settings(max_examples=40)
def test_any_bytes_come_back_out(
    octets: list[tuple[Direction, bytes]], role: Role, place: tuple[str, int], started: float
) -> None:
    transcript = Transcript()
    for direction, data in octets:
        transcript.note_octets(0.0, direction, data)
    sent = streams(captured(transcript, role, requestor=place, started=started))
    ours = b"".join(data for direction, data in octets if direction is Direction.SENT)
    theirs = b"".join(data for direction, data in octets if direction is Direction.RECEIVED)
    assert sent[place] == (ours if role is Role.REQUESTOR else theirs)
    assert sent["192.0.2.2", 104] == (theirs if role is Role.REQUESTOR else ours)


@pytest.mark.parametrize(
    "place",
    [
        ("::1", 104),
        ("memory", 104),
        ("1.2.3", 104),
        ("1.2.3.256", 104),
        ("²1.1.1.1", 104),
        ("1.1.1.1", -1),
        ("1.1.1.1", 65536),
    ],
)
def test_what_is_no_address_is_refused(place: tuple[str, int]) -> None:
    with pytest.raises(EncodeError, match=r"no (IPv4 address|port)") as caught:
        captured(Transcript(), Role.REQUESTOR, acceptor=place)
    assert isinstance(caught.value, DicomNetError)


def test_wireshark_sees_dicom_in_it(ul: SimpleNamespace, tmp_path: Path, missing: Callable[[str], NoReturn]) -> None:
    if shutil.which("tshark") is None:
        missing("Wireshark's tshark is not on the path")
    requestor, _ = whole_association(ul)
    assert requestor.transcript is not None
    file = tmp_path / "association.pcap"
    with file.open("wb") as stream:
        write_pcap(stream, requestor.transcript, Role.REQUESTOR)
    command = ["tshark", "-r", str(file), "-Y", "dicom", "-T", "fields", "-e", "dicom.pdu.type"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    types = [int(value, 0) for line in done.stdout.split() for value in line.split(",")]
    assert {1, 2, 4, 5, 6} <= set(types)
