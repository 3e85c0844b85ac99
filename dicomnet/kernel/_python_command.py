"""Command sets (PS3.7 6.3.1), the reference body: the specification.

What is tolerated on receipt is decided here, once:

==============================================  ===========================================================
group length wrong or absent                    tolerated: the end of the fragments is the end of the set
elements out of order                           tolerated
unknown or retired elements of group 0000       kept as bytes, ignored by the messages
text or UID with trailing NUL or space, or odd  tolerated, padding removed
an element repeated                             DecodeError (DUPLICATE): which one counts is anybody's guess
a length that the VR cannot have                DecodeError (BAD_LENGTH)
another group, or cut short                     DecodeError
==============================================  ===========================================================
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.kernel._command_elements import NUMBERS, PADDING, TAG_LISTS

__all__ = ["CommandSet", "CommandValue", "decode_command", "encode_command"]

CommandValue = int | str | tuple[int, ...] | bytes
CommandSet = dict[int, CommandValue]

_HEADER = struct.Struct("<HHI")
_NUMBER = struct.Struct("<HHIH")


def encode_command(values: Mapping[int, CommandValue], *, group_length: int | None = None) -> bytes:
    """The bytes of a command set; ``bytes`` values go out as they are, a given ``group_length`` verbatim.

    Raises:
        EncodeError: a value does not fit its element.
    """
    body = b"".join([_encode_element(element, values[element]) for element in sorted(values) if element != 0])
    length = len(body) if group_length is None else group_length
    if not 0 <= length <= 0xFFFF_FFFF:
        raise EncodeError(f"{length} does not fit", code=Fault.BAD_VALUE, path=_name(0))
    return _HEADER.pack(0, 0, 4) + length.to_bytes(4, "little") + body


def _encode_element(element: int, value: CommandValue) -> bytes:
    try:
        if isinstance(value, int):
            return _NUMBER.pack(0, element, 2, value)
        encoded = _encode_value(element, value)
        return _HEADER.pack(0, element, len(encoded)) + encoded
    except (struct.error, UnicodeEncodeError, TypeError) as error:
        raise EncodeError(f"{value!r} does not fit", code=Fault.BAD_VALUE, path=_name(element)) from error


def _encode_value(element: int, value: str | tuple[int, ...] | bytes) -> bytes:
    if isinstance(value, str):
        encoded = str.encode(value, "latin-1")  # a subclass, such as pydicom's UID, counts for the text it is
        return encoded + PADDING.get(element, b" ") if len(encoded) % 2 else encoded
    if isinstance(value, bytes):
        return value
    if not isinstance(value, tuple):
        raise TypeError(type(value).__name__)
    return b"".join([struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in value])


def decode_command(data: bytes) -> CommandSet:
    """The elements of a command set, group length aside.

    Raises:
        DecodeError: the bytes are not a command set.
    """
    values: CommandSet = {}
    offset, size = 0, len(data)
    while offset < size:
        start = offset + 8
        if start > size:
            raise _fault("the command set ends inside an element header", Fault.TRUNCATED, offset)
        group, element, length = _HEADER.unpack_from(data, offset)
        if group != 0:
            raise _fault(f"({group:04X},{element:04X}) is not of group 0000", Fault.BAD_VALUE, offset)
        if length > size - start:
            message = f"length {length} reaches past the end of the command set"
            raise _fault(message, Fault.TRUNCATED, offset, element)
        if element in values:
            raise _fault("the element is repeated", Fault.DUPLICATE, offset, element)
        end = start + length
        if length == 2 and element in NUMBERS:
            values[element] = data[start] | data[start + 1] << 8
        elif element in PADDING:
            values[element] = data[start:end].decode("latin-1").rstrip("\0 ")
        else:
            values[element] = _decode_value(element, data[start:end], offset)
        offset = end
    values.pop(0, None)  # the group length
    return values


def _decode_value(element: int, raw: bytes, offset: int) -> CommandValue:
    if element in TAG_LISTS:
        if len(raw) % 4:
            raise _fault(f"length {len(raw)} is not a multiple of 4", Fault.BAD_LENGTH, offset, element)
        return tuple(group << 16 | number for group, number in struct.iter_unpack("<HH", raw))
    if element in NUMBERS:
        raise _fault(f"length {len(raw)} where 2 is due", Fault.BAD_LENGTH, offset, element)
    return raw


def _name(element: int) -> str:
    return f"(0000,{element:04X})"


def _fault(message: str, code: Fault, offset: int, element: int | None = None) -> DecodeError:
    path = "" if element is None else _name(element)
    return DecodeError(message, code=code, offset=offset, path=path, clause="PS3.7 6.3.1")
