"""The older ``<attr>`` form that dcm4che2's dcm2xml, xml2dcm and dcmups speak; read only.

Only ``attr`` and ``item`` matter, whatever stands around them. A repeated tag: the last one wins, as it did there,
with a warning. Text is Unicode here; the original read it in the character set of its machine.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from lxml import etree
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet.dataset import DataSetLimits
from dicomnet.dataset.values import BINARY, STANDARD, BadValueError, binary_element, text_element, vr_of
from dicomnet.dataset.xml_tree import Place, children, local_name, text_of
from dicomnet.errors import Fault

__all__ = ["is_attr_xml", "read"]

_WORDS = {"OW": "H", "OF": "f", "OL": "I", "OD": "d", "OV": "Q"}
_UN = re.compile(r"\\\\|\\([0-9A-Fa-f]{2})|([^\\])", re.ASCII | re.DOTALL)


def is_attr_xml(root: etree._Element) -> bool:
    """Whether a document is of this form: by its root's name, or by any ``attr`` in it."""
    return local_name(root) == "dicom" or next(_members(root, "attr"), None) is not None


def read(root: etree._Element, name: str, limits: DataSetLimits) -> tuple[Dataset, list[str]]:
    """The data set of a parsed document, with warnings.

    Raises:
        DecodeError: a tag, a VR or a value is wrong, something outside is referred to, or a limit is exceeded.
    """
    reader = _Reader(name, limits)
    return reader.dataset(root, 0), reader.warnings


def _members(node: etree._Element, name: str) -> Iterator[etree._Element]:
    """The nearest elements of this name: unknown ones around them do not count."""
    todo = list(reversed(node))
    while todo:
        child = todo.pop()
        if local_name(child) == name:
            yield child
        elif local_name(child) not in ("attr", "item"):
            todo.extend(reversed(child))


class _Reader:
    def __init__(self, name: str, limits: DataSetLimits) -> None:
        self.name = name
        self.limits = limits
        self.warnings: list[str] = []
        self.count = 0

    def dataset(self, parent: etree._Element, depth: int) -> Dataset:
        """The attributes below the root or an item; recursion ends at the nesting limit."""
        dataset = Dataset()
        for node in _members(parent, "attr"):
            place = Place(self.name, node)
            self._count(place)
            text = node.get("tag", "")
            if not re.fullmatch("[0-9A-Fa-f]{8}", text, re.ASCII):
                place.fail(Fault.BAD_VALUE, f"tag {text[:20]!a} is not eight hex digits")
            tag = int(text, 16)
            if tag >> 16 == 2 or not tag & 0xFFFF:
                continue
            if tag >> 16 in (0x0000, 0xFFFE):
                place.fail(Fault.BAD_VALUE, f"tag {text} is no attribute of a data set")
            if node.get("src"):
                place.fail(Fault.UNSUPPORTED, f"tag {text} refers to a file by src; references are never followed")
            if BaseTag(tag) in dataset._dict:
                self.warnings.append(f"{place.text}: tag {text} is repeated; this last one counts")
            dataset._dict[BaseTag(tag)] = self._element(node, dataset, tag, depth, place)
        return dataset

    def _count(self, place: Place) -> None:
        self.count += 1
        if self.count > self.limits.max_elements:
            place.fail(Fault.LIMIT, f"more than {self.limits.max_elements} elements and items")

    def _element(self, node: etree._Element, dataset: Dataset, tag: int, depth: int, place: Place) -> DataElement:
        vr = node.get("vr") or {"OB or OW": "OW"}.get(vr_of(dataset, tag)) or vr_of(dataset, tag).split(" ")[0]
        if vr not in STANDARD:
            place.fail(Fault.BAD_VR, f"vr {vr[:20]!a} is no value representation")
        if vr == "SQ":
            return self._sequence(node, tag, depth, place)
        if next(children(node, "item"), None) is not None:
            place.fail(Fault.UNSUPPORTED, f"tag {tag:08X} of VR {vr} holds fragments")
        text = text_of(node)
        try:
            if vr in BINARY:
                return binary_element(tag, vr, _binary(vr, text))
            if not text:
                return text_element(tag, vr, [])
            return text_element(tag, vr, [text] if vr in ("LT", "ST", "UT", "UR") else text.split("\\"))
        except (BadValueError, ValueError, OverflowError, struct.error) as error:
            place.fail(Fault.BAD_VALUE, f"tag {tag:08X}: {error}")

    def _sequence(self, node: etree._Element, tag: int, depth: int, place: Place) -> DataElement:
        if depth >= self.limits.max_depth:
            place.fail(Fault.LIMIT, f"sequences nest deeper than {self.limits.max_depth}")
        items = []
        for item in _members(node, "item"):
            self._count(place)
            if item.get("src"):
                place.fail(Fault.UNSUPPORTED, "an item refers to a file by src; references are never followed")
            items.append(self.dataset(item, depth + 1))
        return DataElement(BaseTag(tag), "SQ", Sequence(items))


def _binary(vr: str, text: str) -> bytes:
    """Value field from text.

    Raises:
        BadValueError or ValueError: the text is not in the form of the VR.
    """
    if vr == "UN":
        return _unknown(text)
    parts = [part.strip() for part in text.split("\\")] if text.strip() else []
    if vr == "OB":
        if not all(re.fullmatch("[0-9A-Fa-f]{2}", part, re.ASCII) for part in parts):
            raise BadValueError("OB needs two hex digits for each byte, joined by backslashes")
        return bytes.fromhex("".join(parts))
    code = _WORDS[vr]
    if any(len(part) > 40 for part in parts):
        raise BadValueError(f"a number of VR {vr} is too long")
    numbers = [float(part) if code in "fd" else int(part) for part in parts]
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def _unknown(text: str) -> bytes:
    r"""UN: printable ASCII as it is, ``\\`` for a backslash, ``\HH`` for any other byte."""
    content, position = bytearray(), 0
    while position < len(text):
        match = _UN.match(text, position)
        if match is None or (match[2] and not " " <= match[2] <= "~"):
            raise BadValueError("UN allows printable ASCII and \\HH only")
        content += bytes.fromhex(match[1]) if match[1] else (match[2] or "\\").encode("ascii")
        position = match.end()
    return bytes(content)
