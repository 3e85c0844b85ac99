"""Whole PDUs from a byte stream, however it is cut (PS3.8 9.1: TCP keeps no boundaries).

A PDU is judged by its six header bytes alone, before any of its body is waited for, so a foreign protocol or an endless
PDU is refused at once. Memory follows what has been fed. Knows no states and reads no bodies.
"""

from __future__ import annotations

from dataclasses import dataclass

from dicomnet.codes import PduType
from dicomnet.errors import DecodeError, Fault
from dicomnet.wire.pdata import MAX_PDVS, Buffer
from dicomnet.wire.pdu import HEADER_LENGTH, pdu_name

__all__ = ["PduLimits", "ReceiveBuffer"]

_CONTROL_LENGTH = 4
_COMPACT_AT = 1 << 16


@dataclass(frozen=True, slots=True)
class PduLimits:
    """The longest PDU bodies we take, and the most PDVs in one (for ``decode_pdu``).

    ``p_data`` is the maximum length we announced; 0 leaves ``unlimited_cap``.
    """

    associate: int = 1 << 20
    p_data: int = 16384
    unlimited_cap: int = 1 << 24
    max_pdvs: int = MAX_PDVS


class ReceiveBuffer:
    """Collects what the transport delivers. Feed it, then take PDUs until there is none: ``next_pdu() is None``."""

    def __init__(self, limits: PduLimits | None = None) -> None:
        self.limits = limits or PduLimits()
        self._data = bytearray()
        self._start = 0  # what is before it has been taken
        self._needed = 0  # bytes of the PDU at _start; 0 as long as its header is not checked

    def feed(self, data: Buffer) -> None:
        """Add what arrived."""
        self._data += data

    @property
    def pending(self) -> bool:
        """Whether a PDU has begun and is not complete."""
        left = len(self._data) - self._start
        return 0 < left < (self._needed or HEADER_LENGTH + self._announced())

    def next_pdu(self) -> bytes | None:
        """The next whole PDU with its header, None as long as there is none.

        Raises:
            DecodeError: its header is that of no PDU we take; every later call raises the same.
        """
        left = len(self._data) - self._start
        if left < (self._needed or HEADER_LENGTH):
            return None
        if not self._needed:
            self._check_header()
            self._needed = HEADER_LENGTH + self._announced()
            if left < self._needed:
                return None
        return self._take(self._needed)

    def take_rest(self) -> bytes:
        """All bytes that no PDU has been made of."""
        return self._take(len(self._data) - self._start)

    def _take(self, count: int) -> bytes:
        end = self._start + count
        with memoryview(self._data) as view:
            taken = bytes(view[self._start : end])
        self._needed = 0
        self._start = end
        # Each byte is moved at most once for each one taken: removing every PDU at once could move the rest each time.
        if end == len(self._data):
            self._data.clear()
            self._start = 0
        elif end >= _COMPACT_AT and end * 2 >= len(self._data):
            del self._data[:end]
            self._start = 0
        return taken

    def _announced(self) -> int:
        return int.from_bytes(self._data[self._start + 2 : self._start + HEADER_LENGTH], "big")

    def _check_header(self) -> None:
        pdu_type = self._data[self._start]
        length = self._announced()
        if pdu_type in (PduType.A_ASSOCIATE_RQ, PduType.A_ASSOCIATE_AC):
            limit = self.limits.associate
        elif pdu_type == PduType.P_DATA_TF:
            limit = self.limits.p_data or self.limits.unlimited_cap
        elif pdu_type not in PduType.__members__.values():
            raise DecodeError(
                f"no PDU has the type 0x{pdu_type:02X}",
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
                clause="PS3.8 D.1" if pdu_type == PduType.P_DATA_TF else "",
            )
