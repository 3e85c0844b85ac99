"""A workitem's data set as the SCP keeps it: made by N-CREATE, changed by N-SET, ended by a cancel (PS3.4 CC.2).

Kept as Explicit VR Little Endian bytes without what lives beside it: SOP Class and Instance UID, Transaction UID. The
character set of the creator stays as long as it suffices; text in two different ones is rewritten as UTF-8 (CC.2.6.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet import dataset as codec
from dicomnet.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from ups.names import StepState
from ups.scp.datetimes import dt_value
from ups.scp.values import SPECIFIC_CHARACTER_SET, canonical, is_empty, is_plain, items, to_utf8
from ups.tables import attributes

if TYPE_CHECKING:
    from ups.scp.store import Workitem

__all__ = [
    "apply_set",
    "cancel_by_scp",
    "check_writable",
    "complete_cancellation",
    "decode",
    "encode",
    "pick",
    "prepare",
    "same_content",
    "set_state",
    "template",
]

_STATE = 0x00741000
_MODIFIED = 0x00404010
_TRANSACTION_UID = 0x00081195
_WORKLIST_LABEL = 0x00741202
_PROGRESS = 0x00741002
_CANCELLED_AT = 0x00404052
_REASON = 0x00741238
_REASON_CODE = 0x0074100E

_KEPT_BESIDE = (0x00080016, 0x00080018, _TRANSACTION_UID)
_NOT_FROM_SCU = (0x00080016, 0x00080018, _MODIFIED)


def decode(workitem: Workitem) -> Dataset:
    """The data set of a stored workitem; a fresh one at each call.

    Raises:
        DecodeError: the stored bytes are damaged.
    """
    return codec.decode(workitem.data, EXPLICIT_VR_LE)


def encode(dataset: Dataset) -> bytes:
    """The bytes the store keeps.

    Raises:
        EncodeError: a value cannot be written.
    """
    return codec.encode(dataset, EXPLICIT_VR_LE)


def check_writable(dataset: Dataset) -> None:
    """Make sure that what one peer gives can be told to all others, whatever their transfer syntax.

    A length that is no whole number of values has no form in the other byte order, a VR that is not the dictionary's
    may have none in implicit VR: kept, such a value would fail every search that comes upon it.

    Raises:
        EncodeError: it has a value that cannot be written.
    """
    for transfer_syntax in (IMPLICIT_VR_LE, EXPLICIT_VR_BE):
        codec.encode(dataset, transfer_syntax)


def prepare(dataset: Dataset, now: datetime, worklist_label: str) -> list[int]:
    """Turn a checked N-CREATE attribute list into a workitem, in place; the tags of what came otherwise (B300)."""
    changed = _drop(dataset)
    if is_empty(dataset, _WORKLIST_LABEL):
        dataset.add_new(_WORKLIST_LABEL, "LO", worklist_label)
        changed.append(_WORKLIST_LABEL)
    dataset._dict.pop(BaseTag(_TRANSACTION_UID), None)
    dataset.add_new(_MODIFIED, "DT", dt_value(now))
    return changed


def apply_set(dataset: Dataset, changes: Dataset, now: datetime) -> list[int]:
    """Lay a checked N-SET over a workitem, in place; the tags that were ignored because the SCP writes them (B305)."""
    ignored = _drop(changes)
    changes._dict.pop(BaseTag(_TRANSACTION_UID), None)
    _agree_on_characters(dataset, changes)
    dataset._dict.update(changes._dict)
    dataset.add_new(_MODIFIED, "DT", dt_value(now))
    return ignored


def _drop(dataset: Dataset) -> list[int]:
    """Take out what is the SCP's, and what belongs to no data set: groups below 0008 and group lengths."""
    strange = [tag for tag in dataset._dict if tag >> 16 < 8 or not tag & 0xFFFF]
    found = [tag for tag in (*_NOT_FROM_SCU, *map(int, strange)) if tag in dataset]
    for tag in found:
        del dataset._dict[BaseTag(tag)]
    return found


def _agree_on_characters(dataset: Dataset, changes: Dataset) -> None:
    ours, theirs = canonical(dataset, SPECIFIC_CHARACTER_SET), canonical(changes, SPECIFIC_CHARACTER_SET)
    if ours != theirs and not is_plain(changes):
        if is_plain(dataset) and theirs is not None:
            dataset.set_original_encoding(False, True, changes.original_character_set or "iso8859")
            return  # the element itself comes with the changes
        to_utf8(dataset)
        to_utf8(changes)
        return
    changes._dict.pop(BaseTag(SPECIFIC_CHARACTER_SET), None)


def complete_cancellation(dataset: Dataset, now: datetime) -> None:
    """Fill the cancellation date-time where the performer gave none (CC.2.1.3), in place."""
    for item in items(dataset, _PROGRESS):
        if is_empty(item, _CANCELLED_AT):
            item.add_new(_CANCELLED_AT, "DT", dt_value(now))


def cancel_by_scp(dataset: Dataset, reasons: Dataset, now: datetime) -> None:
    """Give a workitem nobody claimed what a CANCELED one needs (CC.2.2.3), in place; ``reasons`` is the request's."""
    _agree_on_characters(dataset, reasons)
    if SPECIFIC_CHARACTER_SET in reasons:
        dataset._dict[BaseTag(SPECIFIC_CHARACTER_SET)] = reasons._dict[BaseTag(SPECIFIC_CHARACTER_SET)]
    existing = items(dataset, _PROGRESS)
    item = existing[0] if existing else Dataset()
    item.add_new(_CANCELLED_AT, "DT", dt_value(now))
    for tag in (_REASON, _REASON_CODE):
        if not is_empty(reasons, tag):
            item._dict[BaseTag(tag)] = reasons._dict[BaseTag(tag)]
    if is_empty(item, _REASON_CODE):
        item.add_new(_REASON_CODE, "SQ", Sequence([_unspecified_reason()]))
    if not existing:
        item.set_original_encoding(False, True, reasons.original_character_set or "iso8859")
        dataset.add_new(_PROGRESS, "SQ", Sequence([item]))
    dataset.add_new(_MODIFIED, "DT", dt_value(now))


def _unspecified_reason() -> Dataset:
    """The code of CID 9300 for a cancel without one: the final state asks for some code (X), the request for none."""
    code = Dataset()
    code.CodeValue = "110513"
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = "Discontinued for unspecified reason"
    return code


def pick(dataset: Dataset, tags: Iterable[int]) -> Dataset:
    """A new data set with these elements of ``dataset`` and, if there is any, its character set."""
    result = Dataset()
    for tag in (SPECIFIC_CHARACTER_SET, *tags):
        element = dataset._dict.get(BaseTag(tag))
        if element is not None:
            result._dict[BaseTag(tag)] = element
    result.set_original_encoding(False, True, dataset.original_character_set or "iso8859")
    return result


def same_content(before: Dataset, after: Dataset, tag: int) -> bool:
    """Whether the attribute says the same in both, encodings aside."""
    return canonical(before, tag) == canonical(after, tag)


def set_state(dataset: Dataset, state: StepState) -> None:
    """Write Procedure Step State, in place."""
    dataset.add_new(_STATE, "CS", str(state))


def template(*, label: str, start: datetime, priority: str = "MEDIUM", readiness: str = "READY") -> Dataset:
    """The smallest attribute list an N-CREATE may have: all of types 1 and 2, the latter empty."""
    result = Dataset()
    for tag, attribute in attributes().items():
        if attribute.create.startswith(("1/", "2/")):
            result.add_new(tag, attribute.vr, [] if attribute.vr == "SQ" else "")
    result.ProcedureStepLabel = label
    result.ScheduledProcedureStepStartDateTime = dt_value(start)
    result.ScheduledProcedureStepPriority = priority
    result.InputReadinessState = readiness
    result.ProcedureStepState = str(StepState.SCHEDULED)
    return result
