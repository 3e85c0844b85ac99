"""P-DATA-TF framing, the reference body (PS3.8 9.3.5 and Annex E): this file is the specification of the two functions.

A P-DATA-TF body is a row of PDVs: 4 bytes of length (of what follows), context id, message control header, fragment.
"""

from __future__ import annotations

import struct

from dicomnet.errors import DecodeError, EncodeError, Fault

__all__ = ["pack_p_data_tf", "scan_pdvs"]

_HEADERS = struct.Struct(">BBIIBB")  # PDU type, reserved, PDU length; PDV length, context id, message control header
_PDV_HEADER = struct.Struct(">IBB")

_P_DATA_TF = 4
_LAST = 2
_PDV_OVERHEAD = 6


def pack_p_data_tf(
    context_id: int, control: int, payload: bytes | bytearray | memoryview, max_length: int, last: bool = True
) -> list[bytes | memoryview]:
    """``payload`` as P-DATA-TF PDUs of one PDV each, in turn 12 bytes of headers and a view of the payload.

    ``control`` is 0 for a data set and 1 for a command; the last fragment is marked if ``last``. Fragments have an even
    length, but for the end of an odd payload. An empty payload makes one empty last fragment, or nothing without
    ``last``. The arguments are judged in their order, ``max_length`` after ``control``.

    Raises:
        EncodeError: an argument is out of its range.
    """
    if not 0 <= context_id <= 255:
        raise EncodeError(f"{context_id} is no presentation context id", code=Fault.BAD_VALUE, path="context_id")
    if control not in (0, 1):
        raise EncodeError(f"{control} is neither data (0) nor command (1)", code=Fault.BAD_VALUE, path="control")
    if not 8 <= max_length <= 0xFFFF_FFFF:
        raise EncodeError(
            f"no fragment fits into P-DATA-TF PDUs of at most {max_length} bytes",
            code=Fault.LIMIT,
            path="max_length",
            clause="PS3.8 D.1",
        )
    view = memoryview(payload).cast("B")
    if not view and not last:
        return []
    size = (max_length - _PDV_OVERHEAD) & ~1
    buffers: list[bytes | memoryview] = []
    start = 0
    if len(view) > size:  # every fragment but the last has the same headers
        headers = _headers(size, context_id, control)
        while len(view) - start > size:
            buffers += headers, view[start : start + size]
            start += size
    fragment = view[start:]
    buffers += _headers(len(fragment), context_id, control | _LAST if last else control), fragment
    return buffers


def _headers(fragment: int, context_id: int, flags: int) -> bytes:
    return _HEADERS.pack(_P_DATA_TF, 0, fragment + 6, fragment + 2, context_id, flags)


def scan_pdvs(body: bytes | memoryview, max_pdvs: int) -> list[tuple[int, int, int, int]]:
    """Context id, message control header, and start and end of the fragment of each PDV of a P-DATA-TF body.

    Raises:
        DecodeError: a PDV is wrong; offsets count from the start of ``body``. Of several things wrong with one PDV the
            first counts: one PDV too many, no room for the length, a length below 2, a length past the end.
    """
    pdvs: list[tuple[int, int, int, int]] = []
    position = 0
    end = len(body)
    while position < end:
        if len(pdvs) >= max_pdvs:
            raise _error(Fault.LIMIT, f"more than {max_pdvs} PDVs in one PDU", position, len(pdvs))
        left = end - position
        if left < 4:
            raise _error(Fault.TRUNCATED, f"{left} bytes left, too few for a PDV", position, len(pdvs))
        length = int.from_bytes(body[position : position + 4], "big")
        if length < 2:
            raise _error(Fault.BAD_LENGTH, f"PDV length {length}, the least is 2", position, len(pdvs))
        if length > left - 4:
            raise _error(Fault.OVERRUN, f"PDV announces {length} bytes, {left - 4} left", position, len(pdvs))
        _, context_id, control = _PDV_HEADER.unpack_from(body, position)
        next_position = position + 4 + length
        pdvs.append((context_id, control, position + _PDV_OVERHEAD, next_position))
        position = next_position
    return pdvs


def _error(code: Fault, message: str, offset: int, index: int) -> DecodeError:
    return DecodeError(message, code=code, offset=offset, path=f"pdvs[{index}]", clause="PS3.8 9.3.5.1")
