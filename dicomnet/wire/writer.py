"""The few ways a field is written (PS3.8 9.3: big endian, unsigned), each refusing what does not fit.

Knows no PDU and no item type; ``path`` names the field in the error.
"""

from __future__ import annotations

from dicomnet.errors import EncodeError, Fault

__all__ = ["exactly", "latin1", "title", "u8", "u16", "u32", "within"]

_TITLE_LENGTH = 16


def u8(value: int, path: str) -> bytes:
    """One byte.

    Raises:
        EncodeError: it does not fit.
    """
    return _unsigned(value, 1, path)


def u16(value: int, path: str) -> bytes:
    """Two bytes.

    Raises:
        EncodeError: it does not fit.
    """
    return _unsigned(value, 2, path)


def u32(value: int, path: str) -> bytes:
    """Four bytes.

    Raises:
        EncodeError: it does not fit.
    """
    return _unsigned(value, 4, path)


def latin1(text: str, path: str) -> bytes:
    """Text, one byte a character.

    Raises:
        EncodeError: it does not fit.
    """
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise EncodeError(
            f"character {error.start + 1} has no place in one byte", code=Fault.BAD_VALUE, path=path
        ) from error


def title(text: str, path: str) -> bytes:
    """An AE title, padded with spaces to its 16 bytes (PS3.8 9.3.2).

    Raises:
        EncodeError: it does not fit.
    """
    encoded = latin1(text, path)
    if len(encoded) > _TITLE_LENGTH:
        raise EncodeError(
            f"{len(encoded)} characters, an AE title has at most {_TITLE_LENGTH}",
            code=Fault.BAD_LENGTH,
            path=path,
            clause="PS3.8 9.3.2",
        )
    return encoded.ljust(_TITLE_LENGTH)


def exactly(value: bytes, count: int, path: str) -> bytes:
    """``value``, provided that it has ``count`` bytes.

    Raises:
        EncodeError: it does not fit.
    """
    if len(value) != count:
        raise EncodeError(f"{len(value)} bytes, the field has {count}", code=Fault.BAD_LENGTH, path=path)
    return value


def within(error: EncodeError, name: str) -> EncodeError:
    """The same error, its path put inside ``name``."""
    path = f"{name}.{error.path}" if error.path else name
    return EncodeError(error.message, code=error.code, path=path, clause=error.clause)


def _unsigned(value: int, size: int, path: str) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError as error:
        raise EncodeError(f"{value} does not fit into {size} bytes", code=Fault.BAD_VALUE, path=path) from error
