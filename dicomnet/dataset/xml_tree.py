"""Untrusted XML to a tree that is bounded before it is built, and what both forms need to walk it.

Parsed with lxml from bytes, never from a path. Entities are off, but that alone would drop them silently: a document
type is refused as such. Knows no DICOM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

from lxml import etree

from dicomnet.dataset import DataSetLimits
from dicomnet.errors import DecodeError, Fault

__all__ = ["Place", "children", "local_name", "parse", "text_of"]

_ENCODING = re.compile(rb"""^<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
# All of them have '<' and '=' as these bytes, which the counting before parsing relies on
_ENCODINGS = re.compile("utf-?8|utf-?16(le|be)?|(us-)?ascii|iso-8859-[0-9]{1,2}|windows-125[0-9]|latin-?1")
_NODES_PER_ELEMENT = 8
_ATTRIBUTES_PER_ELEMENT = 12


class Place:
    """Where something is: file and line."""

    __slots__ = ("text",)

    def __init__(self, name: str, node: etree._Element | None = None, line: int | None = None) -> None:
        if node is not None:
            found: Any = node.sourceline
            line = found
        self.text = (name or "XML") + (f", line {line}" if line else "")

    def fail(self, code: Fault, message: str) -> NoReturn:
        """Raise DecodeError with this place."""
        raise DecodeError(f"{self.text}: {message}", code=code)


def parse(data: bytes, name: str, limits: DataSetLimits) -> etree._Element:
    """The root of the document.

    Raises:
        DecodeError: it is not well-formed, too large, too deep, or has a document type.
    """
    place = Place(name)
    if len(data) > limits.max_bytes:
        place.fail(Fault.LIMIT, f"the file is longer than {limits.max_bytes} bytes")
    data = bytes(data)
    squeezed = data.replace(b"\0", b"")  # UTF-16 then reads like ASCII; elsewhere XML has no NUL
    _check_encoding(squeezed, place)
    if squeezed.count(b"<") > _NODES_PER_ELEMENT * limits.max_elements + 100:
        place.fail(Fault.LIMIT, f"more markup than {limits.max_elements} elements need")
    if squeezed.count(b"=") > _ATTRIBUTES_PER_ELEMENT * limits.max_elements + 100:
        place.fail(Fault.LIMIT, f"more attributes than {limits.max_elements} elements need")
    if b"<!DOCTYPE" in squeezed:
        line = squeezed[: squeezed.index(b"<!DOCTYPE")].count(b"\n") + 1
        Place(name, line=line).fail(Fault.UNSUPPORTED, "a document type is not allowed")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        message = _printable(getattr(error, "msg", None) or str(error))
        Place(name, line=getattr(error, "lineno", None)).fail(Fault.BAD_VALUE, f"no well-formed XML: {message}")
    if root is None:
        place.fail(Fault.BAD_VALUE, "no well-formed XML: the document is empty")
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        place.fail(Fault.UNSUPPORTED, "a document type is not allowed")
    return root


def _check_encoding(squeezed: bytes, place: Place) -> None:
    start = squeezed.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip()
    if not start.startswith(b"<"):
        place.fail(Fault.BAD_VALUE, "no well-formed XML: it does not begin with '<'")
    match = _ENCODING.match(start)
    if match and not _ENCODINGS.fullmatch(match[1].decode("ascii").lower()):
        place.fail(Fault.UNSUPPORTED, f"XML in {match[1].decode('ascii')} is not supported")


def _printable(message: str) -> str:
    return message.encode("ascii", "backslashreplace").decode("ascii").replace("\n", " ")[:200]


def local_name(node: etree._Element) -> str:
    """The name without its namespace: documents come with and without one."""
    return str(node.tag).rpartition("}")[2] if isinstance(node.tag, str) else ""


def children(node: etree._Element | None, *names: str) -> Iterator[etree._Element]:
    """Child elements with one of these names; all others are ignored."""
    for child in node if node is not None else ():
        if local_name(child) in names:
            yield child


def text_of(node: etree._Element) -> str:
    """All character data directly in the element, whatever splits it."""
    return (node.text or "") + "".join(child.tail or "" for child in node)
