"""Specific Character Set (0008,0005) and text, without the warnings and losses of pydicom's own functions (PS3.5 6.1).

pydicom warns about an unknown defined term or an undecodable value and goes on with replacement characters. Here an
unknown term means the default repertoire (as there, silently), and text that does not fit raises UnicodeError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from pydicom import charset
from pydicom.multival import MultiValue
from pydicom.valuerep import TEXT_VR_DELIMS

__all__ = ["DEFAULT", "declared_encodings", "decode_text", "encode_name", "encode_text", "encodings_for", "is_plain"]

DEFAULT = [charset.default_encoding]
"""The default repertoire, as pydicom names it (Latin-1, so that reading never fails)."""

_ESCAPE = 0x1B
_MAX_TERMS = 64
_MAX_TERM = 64
"""Of the value of (0008,0005): what is beyond has no meaning, and a peer could send millions of it."""
_UTF8_MISNOMERS = {"utf-8", "utf8", "iso-ir 192", "iso ir 192", "iso_ir_192", "iso_ir192"}


def encodings_for(value: str | Iterable[str] | None) -> list[str]:
    """Python's names of the encodings that a value of (0008,0005) stands for, never empty."""
    if not value:
        return list(DEFAULT)
    terms = islice(value.split("\\", _MAX_TERMS) if isinstance(value, str) else value, _MAX_TERMS)
    return list(_encodings(tuple(str(term)[:_MAX_TERM].strip(" \0") for term in terms)))


def declared_encodings(value: object, inherited: list[str]) -> list[str]:
    """What the value of an element (0008,0005), converted or raw, declares; ``inherited`` when it declares nothing."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    # What else a program or a peer has put there (numbers, data sets) is no character set, and is not asked for text.
    if not isinstance(value, str):
        if not isinstance(value, list | tuple | MultiValue):
            return inherited
        value = list(islice(value, _MAX_TERMS))
        if not all(isinstance(term, str) for term in value):
            return inherited
    return encodings_for(value) if value else inherited


@lru_cache(maxsize=64)
def _encodings(terms: tuple[str, ...]) -> tuple[str, ...]:
    found = [_encoding(term) for term in terms]
    if len(terms) > 1:
        # PS3.3 C.12.1.1.2: these terms stand alone, without code extensions
        if terms[0] in charset.STAND_ALONE_ENCODINGS:
            return (found[0],)
        extensions = zip(terms[1:], found[1:], strict=True)
        found[1:] = [name for term, name in extensions if term not in charset.STAND_ALONE_ENCODINGS]
    return tuple(found)


def _encoding(term: str) -> str:
    known = charset.python_encoding.get(term)
    if known is None and term.lower() in _UTF8_MISNOMERS:
        known = "UTF8"
    if known is None and re.match("ISO[^_]IR", term):
        known = charset.python_encoding.get("ISO_IR" + term[6:])
    if known is None and re.match("ISO.2022.IR.", term):
        known = charset.python_encoding.get("ISO 2022 IR " + term[12:])
    return known or charset.default_encoding


def is_plain(value: bytes) -> bool:
    """Whether these bytes mean the same in every character set of DICOM: ASCII without escape sequences."""
    return value.isascii() and _ESCAPE not in value


def decode_text(value: bytes, encodings: list[str], *, replace: bool = False) -> str:
    """Text of a value field; with ``replace``, U+FFFD stands for what cannot be read.

    Raises:
        UnicodeError: the bytes are no text in these encodings.
    """
    errors = "replace" if replace else "strict"
    if _ESCAPE not in value:
        return value.decode(encodings[0], errors)
    head, *escaped = value.split(b"\x1b")
    parts = [head.decode(encodings[0], errors)]
    for part in escaped:
        try:
            parts.append(_decode_escaped(b"\x1b" + part, encodings))
        except UnicodeError:
            if not replace:
                raise
            parts.append((b"\x1b" + part).decode(encodings[0], errors))
    return "".join(parts)


def _decode_escaped(part: bytes, encodings: list[str]) -> str:
    """Text that begins with an escape sequence (PS3.5 6.1.2.5.3): up to a delimiter in its character set."""
    size = 4 if part.startswith((b"\x1b$(", b"\x1b$)")) else 3
    encoding = charset.CODES_TO_ENCODINGS.get(part[:size], "")
    if encoding not in encodings and encoding != charset.default_encoding:
        raise UnicodeDecodeError(encodings[0], part, 0, size, "an escape sequence of no declared character set")
    if encoding in charset.handled_encodings:
        return part.decode(encoding)  # Python's codec knows the sequences
    content = part[size:]
    end = next((place for place, byte in enumerate(content) if byte in TEXT_VR_DELIMS), len(content))
    return content[:end].decode(encoding) + content[end:].decode(encodings[0])


def encode_text(text: str, encodings: list[str]) -> bytes:
    """Value field of one value, with escape sequences where code extensions need them (PS3.5 6.1.2.5).

    Raises:
        UnicodeError: a character is in none of these encodings.
    """
    if text.isascii() and "\x1b" not in text:
        return text.encode("ascii")
    if len(encodings) == 1:
        return _strict(text, encodings[0])
    # pydicom replaces what it cannot encode, so ask first; then it cannot happen
    if not any(_fits(text, encoding) for encoding in encodings):
        for character in set(text):
            if not any(_fits(character, encoding) for encoding in encodings):
                raise UnicodeEncodeError(encodings[0], character, 0, 1, "not in the specific character set")
    return charset.encode_string(text, encodings)


def encode_name(text: str, encodings: list[str]) -> bytes:
    """Value field of one person name: ``^`` and ``=`` return to the first character set (PS3.5 6.2.1.2).

    Raises:
        UnicodeError: a character is in none of these encodings.
    """
    if len(encodings) == 1:
        return encode_text(text, encodings)
    groups = (b"^".join(encode_text(part, encodings) for part in group.split("^")) for group in text.split("="))
    return b"=".join(groups)


def _strict(text: str, encoding: str) -> bytes:
    custom = charset.custom_encoders.get(encoding)
    return custom(text, errors="strict") if custom else text.encode(encoding)


def _fits(text: str, encoding: str) -> bool:
    try:
        _strict(text, encoding)
    except UnicodeError:
        return False
    return True
