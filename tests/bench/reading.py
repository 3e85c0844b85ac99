"""What "read every value" means to the benchmarks: two walks over a data set, both through pydicom's public access.

Both go into every item of every sequence, and through every single value of an element that has several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

__all__ = ["Plan", "by_attributes", "by_iteration"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The keywords of a data set, as a program knows them that was written for it; plans for the items of sequences."""

    leaves: tuple[str, ...]
    sequences: tuple[tuple[str, tuple[Plan, ...]], ...]

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        leaves = [element.keyword for element in dataset if element.VR != "SQ"]
        sequences = [(element.keyword, tuple(map(cls.of, element.value))) for element in dataset if element.VR == "SQ"]
        return cls(tuple(leaves), tuple(sequences))


def by_attributes(dataset: Dataset, plan: Plan) -> int:
    """``getattr(dataset, keyword)`` for each keyword; how many values that were."""
    count = 0
    for keyword in plan.leaves:
        value = getattr(dataset, keyword)
        if type(value) is MultiValue:
            for _ in value:
                count += 1
        else:
            count += 1
    for keyword, plans in plan.sequences:
        for item, inner in zip(getattr(dataset, keyword), plans, strict=True):
            count += by_attributes(item, inner)
    return count


def by_iteration(dataset: Dataset) -> int:
    """``element.value`` for each element the data set gives when iterated; how many values that were."""
    count = 0
    for element in dataset:
        value = element.value
        if element.VR == "SQ":
            for item in value:
                count += by_iteration(item)
        elif type(value) is MultiValue:
            for _ in value:
                count += 1
        else:
            count += 1
    return count
