"""Whole PDUs from a byte stream, however it is cut (PS3.8 9.1: TCP keeps no boundaries).

A PDU is judged by its six header bytes alone, before any of its body is waited for, so a foreign protocol or an endless
PDU is refused at once. Memory follows what has been fed. Knows no states and reads no bodies.
"""

from __future__ import annotations

import struct
from collections import deque

from dicomnet.codes import PduType
from dicomnet.errors import DecodeError, Fault
from dicomnet.kernel import read_p_data
from dicomnet.records import dataclass
from dicomnet.wire.pdata import MAX_PDVS, Buffer
from dicomnet.wire.pdu import HEADER_LENGTH, P_DATA_KINDS, PDataTF, pdu_name

__all__ = ["PduLimits", "ReceiveBuffer"]

_HEADER = struct.Struct(">BxI")
_P_DATA_TF = int(PduType.P_DATA_TF)
_ASSOCIATE = frozenset({PduType.A_ASSOCIATE_RQ, PduType.A_ASSOCIATE_AC})
_TYPES = frozenset(PduType)
_CONTROL_LENGTH = 4
_FOREIGN = {
    0x15: "; this is an alert of TLS, which we do not speak here",
    0x16: "; this is TLS, which we do not speak here",
}
_COMPACT_AT = 1 << 16
_KEPT_FROM = 1 << 12  # shorter chunks are copied together: many of them would weigh more than their bytes


@dataclass(frozen=True, slots=True)
class PduLimits:
    """The longest PDU bodies we take, and the most PDVs in one (for ``decode_pdu``).

    ``p_data`` is the maximum length we announced; 0 leaves ``unlimited_cap``.
    """

    associate: int = 1 << 20
    p_data: int = 16384
    unlimited_cap: int = 1 << 24
    max_pdvs: int = MAX_PDVS


_LIMITS = PduLimits()


class ReceiveBuffer:
    """Collects what the transport delivers. Feed it, then take PDUs until there is none: ``next_pdu() is None``."""

    def __init__(self, limits: PduLimits | None = None) -> None:
        self.limits = limits or _LIMITS
        self._chunks: deque[bytes | bytearray] = deque()  # none is empty, and of the first _start bytes have been taken
        self._start = 0
        self._left = 0  # bytes in all chunks that have not been taken
        self._needed = 0  # bytes of the PDU at _start; 0 as long as its header is not checked

    def feed(self, data: Buffer) -> None:
        """Add what arrived. ``bytes`` are not copied, unless they are few and more of them wait."""
        chunks = self._chunks
        if type(data) is bytes and (len(data) >= _KEPT_FROM or (data and not chunks)):
            chunks.append(data)
            self._left += len(data)
        elif size := memoryview(data).nbytes:
            last = chunks[-1] if chunks else None
            if isinstance(last, bytes) and len(last) < _KEPT_FROM:  # the only one, and it came first
                last = chunks[0] = bytearray(last[self._start :])
                self._start = 0
            if isinstance(last, bytearray):
                last += data
            else:
                chunks.append(bytearray(data))
            self._left += size

    @property
    def empty(self) -> bool:
        """Whether all that came has been taken."""
        return not self._left

    @property
    def pending(self) -> bool:
        """Whether a PDU has begun and is not complete."""
        return 0 < self._left < (self._needed or HEADER_LENGTH + _announced(self._peek()))

    def next_pdu(self) -> bytes | None:
        """The next whole PDU with its header, None as long as there is none.

        Raises:
            DecodeError: its header is that of no PDU we take; every later call raises the same.
        """
        if self._left < (self._needed or HEADER_LENGTH):
            return None
        if not self._needed:
            chunk, start = self._chunks[0], self._start
            if len(chunk) - start < HEADER_LENGTH:
                chunk, start = self._peek(), 0
            pdu_type, length = _HEADER.unpack_from(chunk, start)
            self._check_header(pdu_type, length)
            self._needed = HEADER_LENGTH + length
            if self._left < self._needed:
                return None
        return self._take(self._needed)

    def next_p_data(self) -> list[PDataTF]:
        """The P-DATA-TF PDUs that come next, decoded: as many as are whole, without fault and easy to get.

        Often none, and then ``next_pdu`` has the next one. Their payloads are views of what was fed: nothing is copied.
        """
        if self._needed or not self._chunks or not isinstance(chunk := self._chunks[0], bytes):
            return []
        start = self._start
        found, end = self._read_p_data(chunk, start)
        self._left -= end - start
        self._start = end
        if end == len(chunk):
            self._chunks.popleft()
            self._start = 0
        return found

    def feed_p_data(self, data: Buffer) -> list[PDataTF]:
        """The same as ``feed`` and then ``next_p_data``; what is taken at once is not even kept."""
        if self._chunks or type(data) is not bytes or not data or data[0] != _P_DATA_TF:
            self.feed(data)
            return self.next_p_data()
        found, end = self._read_p_data(data, 0)
        if end < len(data):
            self._chunks.append(data)
            self._start = end
            self._left = len(data) - end
        return found

    def _read_p_data(self, data: bytes, start: int) -> tuple[list[PDataTF], int]:
        limits = self.limits
        max_length = limits.p_data or limits.unlimited_cap
        found: tuple[list[PDataTF], int] = read_p_data(data, start, max_length, limits.max_pdvs, P_DATA_KINDS)
        return found

    def take_rest(self) -> bytes:
        """All bytes that no PDU has been made of."""
        return self._take(self._left)

    def _peek(self) -> bytes:
        """The next six bytes, or as many as there are."""
        header = b""
        start = self._start
        for chunk in self._chunks:
            header += chunk[start : start + HEADER_LENGTH - len(header)]
            if len(header) == HEADER_LENGTH:
                break
            start = 0
        return header

    def _take(self, count: int) -> bytes:
        self._needed = 0
        self._left -= count
        if not self._start and self._chunks and len(chunk := self._chunks[0]) == count and isinstance(chunk, bytes):
            self._chunks.popleft()
            return chunk
        parts: list[bytes | memoryview] = []
        while count:
            chunk, start = self._chunks[0], self._start
            end = min(start + count, len(chunk))
            count -= end - start
            if not isinstance(chunk, bytes):
                with memoryview(chunk) as view:
                    parts.append(bytes(view[start:end]))
            elif start or end < len(chunk):
                parts.append(memoryview(chunk)[start:end])  # which is copied once, by the join
            else:
                parts.append(chunk)
            self._start = end
            if end == len(chunk):
                self._chunks.popleft()
                self._start = 0
            elif end >= _COMPACT_AT and end * 2 >= len(chunk) and isinstance(chunk, bytearray):
                # Each byte is moved at most once for each one taken: removing every PDU at once could move the rest
                # each time.
                del chunk[:end]
                self._start = 0
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def _check_header(self, pdu_type: int, length: int) -> None:
        if pdu_type == _P_DATA_TF:
            limit = self.limits.p_data or self.limits.unlimited_cap
        elif pdu_type in _ASSOCIATE:
            limit = self.limits.associate
        elif pdu_type not in _TYPES:
            raise DecodeError(
                f"no PDU has the type 0x{pdu_type:02X}{_FOREIGN.get(pdu_type, '')}",
                code=Fault.UNKNOWN_TYPE,
                offset=0,
                path="PDU",
                clause="PS3.8 9.3.1",
            )
        elif length != _CONTROL_LENGTH:
            raise DecodeError(
                f"length {length}, it is always {_CONTROL_LENGTH}",
                code=Fault.BAD_LENGTH,
                offset=2,
                path=pdu_name(pdu_type),
                clause="PS3.8 9.3",
            )
        else:
            return
        if length > limit:
            raise DecodeError(
                f"announces {length} bytes, the limit is {limit}",
                code=Fault.LIMIT,
                offset=2,
                path=pdu_name(pdu_type),
                clause="PS3.8 D.1" if pdu_type == _P_DATA_TF else "",
            )


def _announced(header: bytes) -> int:
    return int.from_bytes(header[2:HEADER_LENGTH], "big")
