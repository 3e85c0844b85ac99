"""N-GET (PS3.4 CC.2.7): all attributes of a workitem, or those asked for; never the Transaction UID."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from ups.scp.values import SPECIFIC_CHARACTER_SET
from ups.scp.workitem import pick
from ups.tables import attributes

__all__ = ["asked_attributes"]


def asked_attributes(workitem: Dataset, tags: Iterable[int]) -> tuple[Dataset, tuple[int, ...]]:
    """What an attribute list names, and which of it we cannot return (0001).

    An attribute the table lets be empty is returned so when it has no value. What is outside the table is supported
    when the creator sent it, because it was kept; nested attributes come with their sequence only.
    """
    table = attributes()
    shown: list[int] = []
    unsupported: list[int] = []
    result_empty: list[DataElement] = []
    for tag in dict.fromkeys(tags):
        attribute = table.get(tag)
        if attribute is not None and attribute.get == "Not allowed":
            unsupported.append(tag)
        elif tag in workitem:
            shown.append(tag)
        elif attribute is None:
            unsupported.append(tag)
        elif attribute.get.endswith("/2") and tag != SPECIFIC_CHARACTER_SET:
            empty = Sequence() if attribute.vr == "SQ" else None
            result_empty.append(DataElement(BaseTag(tag), attribute.vr, empty))
    result = pick(workitem, shown)
    for element in result_empty:
        result._dict[element.tag] = element
    return result, tuple(unsupported)
