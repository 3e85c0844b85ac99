"""As much of DER (X.690) as key stores need: one level of elements, and how often a password would be hashed.

``iterations`` looks at a structure before a library works on it: the counts in a hostile file could keep it busy for
days. What lies under encryption cannot be seen. Knows no certificates.
"""

from __future__ import annotations

from dicomnet.records import dataclass, field

__all__ = ["INTEGER", "MAX_ELEMENTS", "MAX_ITERATIONS", "OBJECT", "OCTETS", "SEQUENCE", "elements", "iterations"]

INTEGER, OCTETS, OBJECT, SEQUENCE = 0x02, 0x04, 0x06, 0x30
MAX_ELEMENTS = 100_000
"""Elements looked at in one structure."""
MAX_ITERATIONS = 10_000_000
"""Of all derivations in one store together: a few seconds. Tools of today write up to some hundred thousand."""

_CONSTRUCTED = 0x20
_INDEFINITE = -1


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of the elements that follow each other in ``data``.

    Raises:
        ValueError: they are cut, or longer than what is there, or too many.
    """
    found: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data):
        tag, start, length = _header(data, position, len(data))
        if length == _INDEFINITE or len(found) >= MAX_ELEMENTS:
            raise ValueError("a structure that DER does not have")
        position = start + length
        found.append((tag, data[start:position]))
    return found


def _header(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """Tag, start of the content and its length, -1 if that is indefinite (BER); all of it before ``end``."""
    if end - position < 2:
        raise ValueError("an element is cut")
    tag, first = data[position], data[position + 1]
    position += 2
    if tag & 0x1F == 0x1F:
        raise ValueError("a tag of more than one byte")
    if first < 0x80:
        length = first
    elif first == 0x80 and tag & _CONSTRUCTED:
        return tag, position, _INDEFINITE
    else:
        count = first & 0x7F
        if not 1 <= count <= 4 or count > end - position:
            raise ValueError("a length that cannot be")
        length = int.from_bytes(data[position : position + count], "big")
        position += count
    if length > end - position:
        raise ValueError("an element is longer than what holds it")
    return tag, position, length


@dataclass(slots=True)
class _Frame:
    """An element whose content is being looked at.

    ``open`` is of indefinite length: a mark of its own ends it before ``end``. ``guess`` is an OCTET STRING that may
    hold a structure or may not. ``tags`` and ``numbers`` are those of its first children: of more there is no need.
    """

    end: int
    open: bool = False
    guess: bool = False
    tags: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


def iterations(data: bytes) -> int:
    """The iteration counts of all key derivations in plain view, added up; scrypt counts by its cost.

    These are ``SEQUENCE {salt OCTET STRING, count INTEGER, ...}`` of PBES1, PKCS#12 and PBKDF2 (RFC 8018 A.2, RFC 7292
    C), with more numbers of scrypt (RFC 7914 7), and the ``MacData`` of PKCS#12.

    Raises:
        ValueError: the structure has too many elements to be looked at.
    """
    total, position, seen = 0, 0, 0
    frames = [_Frame(len(data))]
    while frames:
        frame = frames[-1]
        if position >= frame.end:
            total += _cost(frames.pop())
            continue
        try:
            tag, start, length = _header(data, position, frame.end)
        except ValueError:
            while frames and not frames[-1].guess:
                total += _cost(frames.pop())
            if frames:
                position = frames.pop().end
            continue
        seen += 1
        if seen > MAX_ELEMENTS:
            raise ValueError(f"more than {MAX_ELEMENTS} elements")
        position = start
        if tag == 0 and length == 0 and frame.open:
            total += _cost(frames.pop())
            continue
        _note(frame, tag, data[start : start + min(max(length, 0), 9)])
        if length == _INDEFINITE:
            frames.append(_Frame(frame.end, open=True))
        elif tag & _CONSTRUCTED or (tag == OCTETS and data[start : start + 1] == b"\x30"):
            frames.append(_Frame(start + length, guess=not tag & _CONSTRUCTED))
        else:
            position = start + length
    return total


def _note(frame: _Frame, tag: int, content: bytes) -> None:
    if len(frame.tags) < 5:
        frame.tags.append(tag)
        frame.numbers.append(int.from_bytes(content, "big") if tag == INTEGER else 0)


def _cost(frame: _Frame) -> int:
    match frame.tags:
        case [0x04, 0x02, 0x02, 0x02, *_]:
            return frame.numbers[1] * frame.numbers[2] * frame.numbers[3]
        case [0x04, 0x02, *_]:
            return frame.numbers[1]
        case [0x30, 0x04, 0x02, *_]:
            return frame.numbers[2]
    return 0
