"""What a workitem must have before COMPLETED or CANCELED (PS3.4 CC.2.5.1.3, final state codes of Table CC.2.5-3).

R holds for both ends, P for COMPLETED, X for CANCELED, each also in every item of a sequence that exists. RC asks for
what "is known" and no data set can tell what is known, so it never refuses. Output Information is met by its presence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ups import status
from ups.names import StepState
from ups.scp.refusal import Refusal, naming
from ups.scp.values import is_empty, items
from ups.tables import Attribute, attributes

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["check_final"]

_SCP_KEEPS = frozenset({"SOPClassUID", "SOPInstanceUID"})  # beside the data set, so always there
_LETTER = {StepState.COMPLETED: "P", StepState.CANCELED: "X"}


def check_final(dataset: Dataset, target: StepState) -> None:
    """Check that the workitem may end in ``target``.

    Raises:
        Refusal: C304, naming what has no value.
    """
    lacking = list(_lacking(dataset, attributes(), (), {"R", _LETTER[target]}))
    if lacking:
        tags = [path[-1] for path in lacking]
        raise Refusal(status.FINAL_STATE_REQUIREMENTS_NOT_MET, naming("no value in", lacking), elements=tags)


def _lacking(
    dataset: Dataset, level: Mapping[int, Attribute], path: tuple[int, ...], letters: set[str]
) -> Iterator[tuple[int, ...]]:
    for tag, attribute in level.items():
        if attribute.keyword in _SCP_KEEPS:
            continue
        if attribute.final in letters:
            present = attribute.keyword == "OutputInformationSequence" and tag in dataset
            if not present and is_empty(dataset, tag):
                yield (*path, tag)
                continue
        if attribute.children:
            for item in items(dataset, tag):
                yield from _lacking(item, attribute.children, (*path, tag), letters)
