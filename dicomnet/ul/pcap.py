"""A Transcript as a capture file, for Wireshark and the tools around it: the bytes in TCP segments that never were.

Made up are the frames around the bytes (Ethernet, IPv4, TCP with its handshake, acknowledgements and end); true are the
bytes, their order and the time at which each was noted. Under TLS the transcript holds what was inside of it, and so
does the file. As the transcript itself it has passwords and patient data in it.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from dicomnet.errors import EncodeError, Fault
from dicomnet.records import dataclass, field
from dicomnet.ul.machine import Role
from dicomnet.ul.states import State
from dicomnet.ul.transcript import Direction, Transcript

__all__ = ["ACCEPTOR", "REQUESTOR", "write_pcap"]

REQUESTOR: Final = ("192.0.2.1", 49152)
"""Where the requestor is, unless given: an address for documentation (RFC 5737)."""
ACCEPTOR: Final = ("192.0.2.2", 104)
"""Likewise; at port 104 Wireshark looks for DICOM."""

_FILE_HEADER: Final = struct.Struct("<IHHiIII")
_RECORD_HEADER: Final = struct.Struct("<IIII")
_IP_HEADER: Final = struct.Struct(">BBHHHBBH4s4s")
_TCP_HEADER: Final = struct.Struct(">HHIIBBHHH")
_MAGIC: Final = 0xA1B2C3D4  # microseconds, in the byte order it stands in
_ETHERNET: Final = 1
_SNAPLEN: Final = 262144
_IPV4: Final = 0x0800
_TCP: Final = 6
_SEGMENT: Final = 0xFFFF - 40  # the most that fits into an IPv4 packet, which is what one on loopback may have
_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10


def write_pcap(
    stream: BinaryIO,
    transcript: Transcript,
    role: Role,
    *,
    requestor: tuple[str, int] = REQUESTOR,
    acceptor: tuple[str, int] = ACCEPTOR,
    started: float = 0.0,
) -> None:
    """Write what an association of this role has noted; ``requestor`` and ``acceptor`` are IPv4 addresses and ports.

    ``started`` is the time of day, in seconds since 1970, at which the clock of the association stood at 0. The file
    has an end of the connection if the association has one. What a transcript with a limit has dropped is not in it.

    Raises:
        EncodeError: an address is no IPv4 address, or a port none.
        OSError: the stream cannot be written.
    """
    ends = _End(*_packed(*requestor), 1), _End(*_packed(*acceptor), 2)
    us, peer = ends if role is Role.REQUESTOR else ends[::-1]
    stream.write(_FILE_HEADER.pack(_MAGIC, 2, 4, 0, 0, _SNAPLEN, _ETHERNET))
    wire = _Wire(stream, started)
    wire.now = transcript.octets[0].now if transcript.octets else 0.0
    wire.handshake(*ends)
    last = us
    for octets in transcript.octets:
        wire.now = octets.now
        here, there = (us, peer) if octets.direction is Direction.SENT else (peer, us)
        last = here
        for start in range(0, len(octets.data), _SEGMENT):
            wire.segment(here, there, _PSH | _ACK, octets.data[start : start + _SEGMENT])
            wire.segment(there, here, _ACK)
    if transcript.transitions and transcript.transitions[-1].after is State.STA1:
        wire.now = max(wire.now, transcript.transitions[-1].now)
        wire.finish(*((peer, us) if last is us else (us, peer)))


@dataclass(slots=True)
class _End:
    """One end of the connection, and the sequence number of its next byte."""

    address: bytes
    port: int
    station: int
    sequence: int = field(default=0)

    @property
    def mac(self) -> bytes:
        """A locally administered address."""
        return b"\x02\0\0\0\0" + bytes([self.station])


class _Wire:
    """Writes segments as they would have gone over it."""

    def __init__(self, stream: BinaryIO, started: float) -> None:
        self.now = 0.0
        self._stream = stream
        self._started = started

    def handshake(self, client: _End, server: _End) -> None:
        self.segment(client, server, _SYN)
        self.segment(server, client, _SYN | _ACK)
        self.segment(client, server, _ACK)

    def finish(self, first: _End, second: _End) -> None:
        """Who got the last bytes closes: that is what PS3.8 wants of the receiver of an A-RELEASE-RP or A-ABORT."""
        self.segment(first, second, _FIN | _ACK)
        self.segment(second, first, _FIN | _ACK)
        self.segment(first, second, _ACK)

    def segment(self, here: _End, there: _End, flags: int, payload: bytes = b"") -> None:
        acknowledged = there.sequence if flags & _ACK else 0
        tcp = _TCP_HEADER.pack(here.port, there.port, here.sequence, acknowledged, 5 << 4, flags, 0xFFFF, 0, 0)
        pseudo = here.address + there.address + struct.pack(">BBH", 0, _TCP, len(tcp) + len(payload))
        checksum = _checksum(pseudo + tcp + payload)
        tcp = tcp[:16] + checksum.to_bytes(2, "big") + tcp[18:]
        total = _IP_HEADER.size + len(tcp) + len(payload)
        header = _IP_HEADER.pack(0x45, 0, total, 0, 0x4000, 64, _TCP, 0, here.address, there.address)
        header = header[:10] + _checksum(header).to_bytes(2, "big") + header[12:]
        self._record(b"".join((there.mac, here.mac, _IPV4.to_bytes(2, "big"), header, tcp, payload)))
        here.sequence = (here.sequence + len(payload) + bool(flags & (_SYN | _FIN))) & 0xFFFF_FFFF

    def _record(self, frame: bytes) -> None:
        moment = max(0, round((self._started + self.now) * 1_000_000))
        seconds, microseconds = divmod(moment, 1_000_000)
        self._stream.write(_RECORD_HEADER.pack(seconds & 0xFFFF_FFFF, microseconds, len(frame), len(frame)) + frame)


def _checksum(data: bytes) -> int:
    """That of the Internet (RFC 1071): a sum of 16-bit words with the carries put back is a remainder by 0xFFFF."""
    return 0xFFFF - int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF


def _packed(host: str, port: int) -> tuple[bytes, int]:
    parts = host.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and int(part) < 256 for part in parts):
        raise EncodeError(f"{ascii(host)[:80]} is no IPv4 address", code=Fault.BAD_VALUE, path="pcap")
    if not 0 <= port <= 0xFFFF:
        raise EncodeError(f"{port} is no port", code=Fault.BAD_VALUE, path="pcap")
    return bytes(map(int, parts)), port
