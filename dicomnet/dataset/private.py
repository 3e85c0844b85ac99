"""Private blocks for forms that name the owner instead of the block (PS3.5 7.8.1; Native XML's privateCreator)."""

from __future__ import annotations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicomnet.dataset.values import BadValueError, text_element, vr_of
from dicomnet.kernel._vr import private_vr

__all__ = ["Blocks", "vr_for"]


def vr_for(tag: int, creator: str) -> str:
    """VR of a tag that comes without one."""
    if creator:
        return private_vr(tag | 0x1000, creator) or "UN"
    return vr_of(Dataset(), tag)


class Blocks:
    """The blocks of one data set: first ``note`` every element, then ``add`` every element."""

    def __init__(self) -> None:
        self._taken: dict[int, set[int]] = {}
        self._owned: dict[tuple[int, str], int] = {}

    def note(self, tag: int, creator: str, element: DataElement) -> None:
        """Remember which blocks are taken already: by a creator element, or by an element that names its block."""
        group, number = tag >> 16, tag & 0xFFFF
        if not group & 1 or creator:
            return
        if 0x10 <= number <= 0xFF:
            self._taken.setdefault(group, set()).add(number)
            self._owned.setdefault((group, str(element.value or "").strip(" ")), number)
        elif number > 0xFF:
            self._taken.setdefault(group, set()).add(number >> 8)

    def add(self, dataset: Dataset, tag: int, creator: str, element: DataElement) -> None:
        """Put the element into the data set, in the block of its creator, which is reserved when it is not yet.

        Raises:
            BadValueError: the group has no free block, or two elements meet on one tag.
        """
        if creator:
            group = tag >> 16
            block = self._block(dataset, group, creator)
            tag = group << 16 | block << 8 | tag & 0xFF
            element.tag = BaseTag(tag)
            element.private_creator = creator
        if BaseTag(tag) in dataset._dict and not 0x10 <= tag & 0xFFFF <= 0xFF:
            raise BadValueError(f"tag {tag:08X} is repeated")
        # not Dataset.__setitem__: it logs every private tag and looks up every creator again
        dataset._dict[BaseTag(tag)] = element

    def _block(self, dataset: Dataset, group: int, creator: str) -> int:
        block = self._owned.get((group, creator))
        if block is None:
            taken = self._taken.setdefault(group, set())
            block = next((number for number in range(0x10, 0x100) if number not in taken), None)
            if block is None:
                raise BadValueError(f"group {group:04X} has no block left for another private creator")
            taken.add(block)
            self._owned[group, creator] = block
            owner = text_element(group << 16 | block, "LO", [creator])
            dataset._dict[owner.tag] = owner
        return block
