"""Presentation data values: one PDV, a message cut into P-DATA-TF PDUs, and fragments put together (PS3.8 Annex E).

What a command or a data set means is not known here; that the command comes first is for DIMSE to see to.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TypeAlias

from dicomnet.codes import PduType
from dicomnet.errors import DecodeError, Fault
from dicomnet.kernel import pack_p_data_tf
from dicomnet.records import dataclass
from dicomnet.wire.writer import u8, u32

__all__ = ["MAX_PDVS", "OWN_MAX_LENGTH", "Assembled", "Buffer", "FragmentAssembler", "Pdv", "fragment_message"]

Buffer: TypeAlias = bytes | bytearray | memoryview

MAX_PDVS = 4096  # in one PDU; a peer that sends whole messages needs two
OWN_MAX_LENGTH = 1 << 20  # of the PDUs we send where the peer sets no limit, or a higher one: longer gains nothing

_COMMAND = 1
_LAST = 2
_P_DATA_TF = int(PduType.P_DATA_TF)
_HEADERS = struct.Struct(">BBIIBB")  # of a PDU and its first PDV
_U8 = range(256)
_PDV_HEADER = struct.Struct(">IBB")


@dataclass(frozen=True, slots=True)
class Pdv:
    """One presentation data value (PS3.8 9.3.5.1 and E.2); ``pdv_length`` is computed unless given.

    The payload of one that was received is a view of the bytes it came in, up to a whole chunk of the transport's: who
    keeps few of many should keep ``bytes(pdv.payload)``. A copy has bytes of its own.
    """

    context_id: int
    payload: bytes | memoryview = b""
    control: int = _COMMAND | _LAST
    pdv_length: int | None = None

    def __repr__(self) -> str:
        # A payload that was received is a view, which would show as an address.
        length = "" if self.pdv_length is None else f", pdv_length={self.pdv_length!r}"
        return f"Pdv({self.context_id!r}, {bytes(self.payload)!r}, control={self.control!r}{length})"

    def __reduce__(self) -> tuple[type[Pdv], tuple[int, bytes, int, int | None]]:
        return type(self), (self.context_id, bytes(self.payload), self.control, self.pdv_length)

    @property
    def is_command(self) -> bool:
        """Whether this is a fragment of a command; else of a data set."""
        return bool(self.control & _COMMAND)

    @property
    def is_last(self) -> bool:
        """Whether this is the last fragment of its command or data set."""
        return bool(self.control & _LAST)

    def header(self) -> bytes:
        """The six bytes before the payload.

        Raises:
            EncodeError: a field cannot hold its value.
        """
        length = len(self.payload) + 2 if self.pdv_length is None else self.pdv_length
        return u32(length, "pdv_length") + u8(self.context_id, "context_id") + u8(self.control, "control")


def fragment_message(
    context_id: int,
    command: Buffer | None,
    data: Buffer | None,
    max_length: int,
    *,
    one_pdv_per_pdu: bool = False,
    last: bool = True,
) -> list[bytes | memoryview]:
    """A message, or the part of it that is not None, as P-DATA-TF PDUs in buffers to be sent one after the other.

    ``max_length`` bounds their bodies: what the peer announced, or less; 0 for no limit. Command and data set share a
    PDU if both fit into one, unless ``one_pdv_per_pdu``. The payload is not copied: leave it alone until it is sent.
    Unless ``last``, more of the data set follows, with neither command nor another message in between (PS3.8 E.1).

    Raises:
        EncodeError: a field cannot hold its value, or the peer takes no fragment at all.
    """
    limit = min(max_length or OWN_MAX_LENGTH, OWN_MAX_LENGTH)
    # A command alone mostly fits, and needs no view of itself; all else, and what is wrong, is for the kernel.
    if (
        data is None
        and type(command) is bytes
        and 8 <= (length := 6 + len(command)) <= limit & ~1
        and context_id in _U8
    ):
        return [_HEADERS.pack(_P_DATA_TF, 0, length, length - 4, context_id, _COMMAND | _LAST), command]
    if command is not None and data is not None and not one_pdv_per_pdu:
        first = command if type(command) is bytes else _octets(command)
        second = data if type(data) is bytes else _octets(data)
        length = 12 + len(first) + len(second)
        if length <= limit:
            id_ = context_id if context_id in _U8 else u8(context_id, "context_id")[0]
            start = _HEADERS.pack(_P_DATA_TF, 0, length, 2 + len(first), id_, _COMMAND | _LAST)
            return [start, first, _PDV_HEADER.pack(2 + len(second), id_, _LAST if last else 0), second]
    buffers: list[bytes | memoryview] = []
    if command is not None:
        buffers += pack_p_data_tf(context_id, _COMMAND, command, limit)
    if data is not None:
        buffers += pack_p_data_tf(context_id, 0, data, limit, last)
    return buffers


def _octets(payload: Buffer) -> bytes | memoryview:
    """One item for each byte of it."""
    return payload if isinstance(payload, bytes) else memoryview(payload).cast("B")


@dataclass(frozen=True, slots=True)
class Assembled:
    """A whole command or data set, as the peer sent it."""

    context_id: int
    is_command: bool
    payload: bytes


class FragmentAssembler:
    """Puts fragments together, of one command or data set after the other. Useless after the first error.

    Every fragment is copied once, into the buffer that becomes the whole. Memory follows the bytes received: fragments
    are joined as they come, so many small ones weigh no more than one, and nothing else that came with them is kept.
    """

    def __init__(self, max_command: int, max_data: int) -> None:
        self._limits = (max_data, max_command)  # by the bit of the control header that tells a command
        self._current: tuple[int, int] | None = None
        self._size = 0
        self._joined = BytesIO()

    @property
    def in_progress(self) -> bool:
        """Whether the last fragment is still to come."""
        return self._current is not None

    def add(self, pdv: Pdv) -> Assembled | None:
        """Take the next fragment; what it completes is returned.

        Raises:
            DecodeError: ORDER if the fragment belongs to something else, LIMIT if it is too much.
        """
        control, payload = pdv.control, pdv.payload
        current = (pdv.context_id, control & _COMMAND)
        if current != self._current and self._current is not None:
            raise DecodeError(
                f"{_name(current)} amid the fragments of {_name(self._current)}",
                code=Fault.ORDER,
                path="P-DATA-TF",
                clause="PS3.8 E.1",
            )
        size = self._size + len(payload)
        if size > self._limits[control & _COMMAND]:
            limit = self._limits[control & _COMMAND]
            raise DecodeError(f"{_name(current)} exceeds {limit} bytes", code=Fault.LIMIT, path="P-DATA-TF")
        if not control & _LAST:
            self._current = current
            self._size = size
            self._joined.write(payload)
            return None
        if self._size:
            self._joined.write(payload)
            whole = self._joined.getvalue()  # the buffer itself and not a copy, since nobody else uses it any more
            self._joined = BytesIO()
            self._size = 0
        else:
            whole = bytes(payload)
        self._current = None
        return Assembled(pdv.context_id, bool(control & _COMMAND), whole)


def _name(current: tuple[int, int]) -> str:
    context_id, is_command = current
    return f"the {'command' if is_command else 'data set'} on context {context_id}"
