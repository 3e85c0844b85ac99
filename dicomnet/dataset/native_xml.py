"""Native DICOM Model XML (PS3.19 A.1), both ways; reading also takes dcm4che2's ``<attr>`` form (see ``attr_xml``).

The only room that imports lxml. A document is untrusted: its size comes first, a document type is refused, nothing is
fetched, neither entities nor bulk data, and what the parser may build is bounded before it starts. Comments, CDATA and
processing instructions may split text. Unknown elements are ignored, unknown VRs and repeated tags are not.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet.dataset import DataSetLimits, attr_xml, private
from dicomnet.dataset.values import (
    BINARY,
    STANDARD,
    BadValueError,
    Field,
    binary_element,
    fields,
    fit_character_set,
    private_creator,
    text_element,
)
from dicomnet.dataset.xml_tree import Place, children, local_name, parse, text_of
from dicomnet.errors import EncodeError, Fault

__all__ = ["NAMESPACE", "read", "write"]

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(data: bytes, name: str = "", *, limits: DataSetLimits | None = None) -> tuple[Dataset, list[str]]:
    """The data set of a document in either form, with warnings for whoever shows them; ``name`` is for the messages.

    Raises:
        DecodeError: it is no such document, a value does not fit, or a limit is exceeded.
    """
    limits = limits or DataSetLimits()
    root = parse(data, name, limits)
    place = Place(name, root)
    if local_name(root) == "NativeDicomModel" or any(local_name(child) == "DicomAttribute" for child in root):
        reader = _Reader(name, limits)
        dataset = reader.dataset(root, 0)
        warnings = reader.warnings
    elif attr_xml.is_attr_xml(root):
        dataset, warnings = attr_xml.read(root, name, limits)
    else:
        place.fail(Fault.UNKNOWN_TYPE, f"<{local_name(root)[:40]}> is neither Native DICOM Model nor <attr> XML")
    if fit_character_set(dataset):
        warnings.append(f"{place.text}: Specific Character Set set to ISO_IR 192, the text needs it")
    return dataset, warnings


class _Reader:
    def __init__(self, name: str, limits: DataSetLimits) -> None:
        self.name = name
        self.limits = limits
        self.warnings: list[str] = []
        self.count = 0

    def dataset(self, parent: etree._Element, depth: int) -> Dataset:
        """The attributes below a root or an Item; recursion ends at the nesting limit."""
        blocks = private.Blocks()
        seen: set[tuple[int, str]] = set()
        found: list[tuple[int, str, DataElement, Place]] = []
        for node in children(parent, "DicomAttribute"):
            place = Place(self.name, node)
            self.count += 1
            if self.count > self.limits.max_elements:
                place.fail(Fault.LIMIT, f"more than {self.limits.max_elements} elements and items")
            tag, creator = self._tag(node, place)
            if tag >> 16 == 2 or not tag & 0xFFFF:
                continue  # file meta information and group lengths are no part of a data set
            if (tag, creator) in seen:
                place.fail(Fault.DUPLICATE, f"tag {tag:08X} is repeated")
            seen.add((tag, creator))
            if creator:
                tag &= 0xFFFF00FF
            element = self._element(node, tag, creator, depth, place)
            blocks.note(tag, creator, element)
            found.append((tag, creator, element, place))
        dataset = Dataset()
        for tag, creator, element, place in found:
            try:
                blocks.add(dataset, tag, creator, element)
            except BadValueError as error:
                place.fail(Fault.BAD_VALUE, str(error))
        return dataset

    def _tag(self, node: etree._Element, place: Place) -> tuple[int, str]:
        text = node.get("tag", "")
        if not re.fullmatch("[0-9A-Fa-f]{8}", text, re.ASCII):
            place.fail(Fault.BAD_VALUE, f"tag {text[:20]!a} is not eight hex digits")
        tag = int(text, 16)
        if tag >> 16 in (0x0000, 0xFFFE):
            place.fail(Fault.BAD_VALUE, f"tag {text} is no attribute of a data set")
        keyword, known = node.get("keyword"), keyword_for_tag(tag)
        if keyword and keyword != known and not tag >> 16 & 1:
            self.warnings.append(f"{place.text}: keyword {keyword[:64]!a} is not that of {text} ({known or 'none'})")
        creator = (node.get("privateCreator") or "").strip(" ")
        if creator and not tag >> 16 & 1:
            place.fail(Fault.BAD_VALUE, f"privateCreator on {text}, which is not private")
        if "\\" in creator or len(creator) > 64:
            place.fail(Fault.BAD_VALUE, "privateCreator is no value of VR LO")
        return tag, creator

    def _element(self, node: etree._Element, tag: int, creator: str, depth: int, place: Place) -> DataElement:
        vr = node.get("vr") or private.vr_for(tag, creator)
        kinds = [
            local_name(child) for child in children(node, "Value", "Item", "PersonName", "BulkData", "InlineBinary")
        ]
        if vr in ("US or SS", "US or OW", "US or SS or OW", "OB or OW"):
            vr = "OW" if "InlineBinary" in kinds or vr == "OB or OW" else "US"
        if vr not in STANDARD:
            place.fail(Fault.BAD_VR, f"vr {vr[:20]!a} is no value representation")
        if len(set(kinds)) > 1:
            place.fail(Fault.BAD_VALUE, f"tag {tag:08X} holds {' and '.join(sorted(set(kinds)))}")
        kind = kinds[0] if kinds else ""
        if kind == "BulkData":
            place.fail(Fault.UNSUPPORTED, f"tag {tag:08X} refers to bulk data elsewhere; references are never followed")
        fitting = {"SQ": "Item", "PN": "PersonName"}.get(vr, "InlineBinary" if vr in BINARY else "Value")
        if kind not in ("", fitting, "InlineBinary") or (kind == "InlineBinary" and vr == "SQ"):
            place.fail(Fault.BAD_VALUE, f"<{kind}> in tag {tag:08X} of VR {vr}")
        if vr == "SQ":
            return self._sequence(node, tag, depth, place)
        try:
            if kind == "InlineBinary":
                return binary_element(tag, vr, self._inline(node, place))
            if vr == "PN":
                return text_element(tag, vr, self._values(node, "PersonName", place, name=True))
            return text_element(tag, vr, self._values(node, "Value", place)) if kind else _empty(tag, vr)
        except BadValueError as error:
            place.fail(Fault.BAD_VALUE, f"tag {tag:08X}: {error}")

    def _sequence(self, node: etree._Element, tag: int, depth: int, place: Place) -> DataElement:
        if depth >= self.limits.max_depth:
            place.fail(Fault.LIMIT, f"sequences nest deeper than {self.limits.max_depth}")
        items = []
        for item in _in_order(list(children(node, "Item")), self.name):
            self.count += 1
            if self.count > self.limits.max_elements:
                place.fail(Fault.LIMIT, f"more than {self.limits.max_elements} elements and items")
            if item is not None:
                items.append(self.dataset(item, depth + 1))
        return DataElement(BaseTag(tag), "SQ", Sequence(items))

    def _inline(self, node: etree._Element, place: Place) -> bytes:
        inline = list(children(node, "InlineBinary"))
        if len(inline) > 1:
            place.fail(Fault.DUPLICATE, "more than one InlineBinary")
        try:
            return base64.b64decode("".join(text_of(inline[0]).split()), validate=True)
        except (binascii.Error, ValueError) as error:
            place.fail(Fault.BAD_VALUE, f"InlineBinary is not base64: {error}")

    def _values(self, node: etree._Element, kind: str, place: Place, *, name: bool = False) -> list[str]:
        nodes = _in_order(list(children(node, kind)), self.name)
        if len(nodes) > self.limits.max_elements:
            place.fail(Fault.LIMIT, f"more than {self.limits.max_elements} values")
        read_one = _name_of if name else text_of
        return ["" if one is None else read_one(one) for one in nodes]


def _empty(tag: int, vr: str) -> DataElement:
    return binary_element(tag, vr, b"") if vr in BINARY else text_element(tag, vr, [])


def _in_order(nodes: list[etree._Element], name: str) -> list[etree._Element | None]:
    """Children by their ``number``; without numbers in document order, a gap is None (an empty value)."""
    if not any(node.get("number") for node in nodes):
        return list(nodes)
    numbered: dict[int, etree._Element] = {}
    for position, node in enumerate(nodes, 1):
        text = node.get("number") or str(position)
        # a gap costs memory: no more of them than values
        if not re.fullmatch("[1-9][0-9]{0,6}", text, re.ASCII) or int(text) > 2 * len(nodes) + 16:
            Place(name, node).fail(Fault.BAD_VALUE, f"number {text[:20]!a} counts no value")
        if numbered.setdefault(int(text), node) is not node:
            Place(name, node).fail(Fault.DUPLICATE, f"number {text} is repeated")
    return [numbered.get(number) for number in range(1, max(numbered) + 1)]


def _name_of(node: etree._Element) -> str:
    groups = []
    for group_name in _NAME_GROUPS:
        group = next(children(node, group_name), None)
        parts = []
        for part_name in _NAME_PARTS if group is not None else ():
            part = next(children(group, part_name), None)
            parts.append("" if part is None else text_of(part))
        groups.append("^".join(parts).rstrip("^"))
    return "=".join(groups).rstrip("=")


# --- writing ---------------------------------------------------------------------------------------------------------


def write(dataset: Dataset, *, max_depth: int = 64) -> bytes:
    """The document, in UTF-8, on one line.

    Raises:
        EncodeError: a value cannot be read, has a character XML forbids, or sequences nest too deep.
    """
    default: Any = {None: NAMESPACE}  # the stubs know no default namespace
    root = etree.Element(f"{{{NAMESPACE}}}NativeDicomModel", nsmap=default)
    root.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    _write_fields(root, dataset, ("iso8859",), "", max_depth)
    content = bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8")).replace(b"\n", b"", 1)
    return content.replace(b"\n", b"&#10;")  # what is left of them is text


def _write_fields(
    parent: etree._Element, dataset: Dataset, encodings: tuple[str, ...], path: str, max_depth: int
) -> None:
    """One data set; recursion ends at the nesting limit."""
    creators = _named_creators(dataset)
    try:
        for field in fields(dataset, encodings):
            here = f"{path}{field.tag:08X}"
            if field.tag in creators:
                continue  # a private creator: the attribute privateCreator says it (PS3.19 A.1.5)
            node = _attribute(parent, dataset, field)
            if field.vr != "SQ":
                _write_value(node, field, here)
                continue
            if max_depth <= 0:
                raise EncodeError("sequences nest too deep", code=Fault.LIMIT, path=here)
            for number, item in enumerate(field.items, 1):
                child = _sub(node, "Item", number)
                _write_fields(child, item, field.encodings, f"{here}[{number - 1}]/", max_depth - 1)
    except EncodeError as error:
        if "/" not in error.path and path:
            raise EncodeError(error.message, code=error.code, path=path + error.path) from error
        raise


def _named_creators(dataset: Dataset) -> set[int]:
    """Private creators that some element will name (PS3.19 A.1.5); an idle one is written like any attribute."""
    blocks = {tag >> 8 for tag in dataset._dict if tag >> 16 & 1 and tag & 0xFFFF > 0xFF}
    return {
        tag
        for tag in dataset._dict
        if tag >> 16 & 1
        and ((tag >> 16) << 8 | tag & 0xFF) in blocks
        and 0x10 <= tag & 0xFFFF <= 0xFF
        and _creator(dataset, tag | (tag & 0xFF) << 8)
    }


def _creator(dataset: Dataset, tag: int) -> str:
    """The creator as it can stand in an attribute; empty when it cannot."""
    creator = private_creator(dataset, tag) if tag >> 16 & 1 else ""
    return "" if _FORBIDDEN.search(creator) or "\\" in creator or len(creator) > 64 else creator


def _attribute(parent: etree._Element, dataset: Dataset, field: Field) -> etree._Element:
    node = etree.SubElement(parent, f"{{{NAMESPACE}}}DicomAttribute")
    creator = _creator(dataset, field.tag)
    node.set("tag", f"{field.tag & 0xFFFF00FF if creator else field.tag:08X}")
    node.set("vr", field.vr)
    keyword = keyword_for_tag(field.tag)
    if keyword:
        node.set("keyword", keyword)
    if creator:
        node.set("privateCreator", creator)
    return node


def _sub(parent: etree._Element, name: str, number: int | None = None) -> etree._Element:
    node = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if number is not None:
        node.set("number", str(number))
    return node


def _write_value(node: etree._Element, field: Field, path: str) -> None:
    if field.undefined:
        raise EncodeError("fragments of encapsulated content have no form here", code=Fault.UNSUPPORTED, path=path)
    if field.vr in BINARY:
        if field.content:
            _sub(node, "InlineBinary").text = base64.b64encode(field.content).decode("ascii")
        return
    try:
        texts = field.texts()
    except EncodeError as error:
        raise EncodeError(error.message, code=error.code, path=path) from error
    for number, text in enumerate(texts, 1):
        if _FORBIDDEN.search(text):
            raise EncodeError("the value has a character that XML forbids", code=Fault.BAD_VALUE, path=path)
        if field.vr == "PN":
            _write_name(_sub(node, "PersonName", number), text)
        else:
            _sub(node, "Value", number).text = text or None


def _write_name(node: etree._Element, text: str) -> None:
    groups = text.split("=", 2)
    for group_name, group in zip(_NAME_GROUPS, groups, strict=False):
        if group:
            inner = _sub(node, group_name)
            for part_name, part in zip(_NAME_PARTS, _parts(group), strict=False):
                if part:
                    _sub(inner, part_name).text = part


def _parts(group: str) -> Iterator[str]:
    """At most five components; what is left over stays in the last (PS3.19 has no place for it)."""
    yield from group.split("^", len(_NAME_PARTS) - 1)
