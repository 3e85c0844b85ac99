"""What N-CREATE and N-SET may carry (PS3.4 CC.2.5, CC.2.6, Table CC.2.5-3): one walk over data set and table.

All faults are gathered before one is answered, so that the answer can say how many there are. Decided here:
- a missing attribute (0120) goes before an empty one (0121), that before a wrong value (0106);
- conditions are checked where the data set itself can decide them, otherwise the attribute is optional;
- empty values of types 3/2 and 3/3 are taken, and what is "not allowed" inside an item too: a sequence is replaced as
  a whole, and the table contradicts itself there (OtherPatientIDsSequence may be set, the issuer in it may not);
- attributes outside the table are optional (3/3) and kept as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dicomnet.dimse import status as general
from dicomnet.records import dataclass, field
from dicomnet.uids import is_uid
from ups import status
from ups.names import InputReadiness, StepPriority, StepState
from ups.scp.datetimes import parse
from ups.scp.refusal import Refusal, naming
from ups.scp.values import first, is_empty, items, raw, texts, vr_of
from ups.tables import Attribute, attributes, tag_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["ENUMERATED", "check_create", "check_set", "well_formed"]

ENUMERATED: Mapping[str, frozenset[str]] = {
    "ProcedureStepState": frozenset(StepState),
    "ScheduledProcedureStepPriority": frozenset(StepPriority),
    "InputReadinessState": frozenset(InputReadiness),
    "TypeOfInstances": frozenset({"DICOM", "CDA"}),
    "ValueType": frozenset({"DATETIME", "DATE", "TIME", "PNAME", "UIDREF", "TEXT", "CODE", "NUMERIC"}),
}
"""Attributes with a closed list of values."""

_EMPTY_AT_CREATION = (
    "TransactionUID",
    "ProcedureStepProgressInformationSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
)
_SCP_OWN = frozenset({"SOPClassUID", "SOPInstanceUID", "ScheduledProcedureStepModificationDateTime"})
_ONE_ITEM = frozenset({"ProcedureStepProgressInformationSequence"})


@dataclass(slots=True)
class _Faults:
    missing: list[tuple[int, ...]] = field(default_factory=list)
    empty: list[tuple[int, ...]] = field(default_factory=list)
    wrong: list[tuple[int, ...]] = field(default_factory=list)

    def answer(self, missing: int = general.MISSING_ATTRIBUTE) -> None:
        """Raise the refusal that the faults call for, if any; ``missing`` is the status for an absent attribute."""
        if self.missing:
            tags = [path[-1] for path in self.missing]
            raise Refusal(missing, naming("missing", self.missing), attributes=tags)
        if self.empty:
            raise Refusal(general.MISSING_ATTRIBUTE_VALUE, naming("no value in", self.empty))
        if self.wrong:
            raise Refusal(general.INVALID_ATTRIBUTE_VALUE, naming("invalid", self.wrong))


def check_create(dataset: Dataset) -> None:
    """Check the attribute list of an N-CREATE.

    Raises:
        Refusal: C309, 0120, 0121 or 0106.
    """
    state = first(dataset, tag_of("ProcedureStepState"))
    if state and state != StepState.SCHEDULED:
        tag = tag_of("ProcedureStepState")
        raise Refusal(status.STATE_NOT_SCHEDULED, "ProcedureStepState must be SCHEDULED", elements=[tag])
    faults = _Faults()
    _walk(dataset, attributes(), (), _create_code, faults)
    for name in _EMPTY_AT_CREATION:
        if not is_empty(dataset, tag_of(name)):
            faults.wrong.append((tag_of(name),))
    faults.answer()


def check_set(dataset: Dataset) -> None:
    """Check the modification list of an N-SET, Transaction UID aside.

    Raises:
        Refusal: 0105 for what may not be set, 0121 or 0106.
    """
    refused = [
        attribute.tag
        for attribute in attributes().values()
        if attribute.set == "-" and attribute.tag in dataset and attribute.keyword not in _SCP_OWN
    ]
    refused = [tag for tag in refused if tag != tag_of("TransactionUID")]
    if refused:
        text = naming("not to be set:", [(tag,) for tag in refused])
        raise Refusal(general.NO_SUCH_ATTRIBUTE, text, attributes=refused)
    faults = _Faults()
    _walk(dataset, attributes(), (), _set_code, faults)
    # what an item lacks; 0120 is no status of N-SET (PS3.7 10.1.3)
    faults.answer(general.MISSING_ATTRIBUTE_VALUE)


def _create_code(attribute: Attribute) -> str:
    return attribute.create


def _set_code(attribute: Attribute) -> str:
    # The content item macro says 1/1 where N-CREATE says 1C/1C, which no item with one value can meet: a misprint.
    return attribute.create if attribute.macro == "b" else attribute.set


def _walk(
    dataset: Dataset,
    level: Mapping[int, Attribute],
    path: tuple[int, ...],
    code_of: Callable[[Attribute], str],
    faults: _Faults,
    parent: Dataset | None = None,
) -> None:
    # recursion is bounded by the depth of the table, not by that of the data set
    for tag, attribute in level.items():
        if not path and attribute.keyword in _SCP_OWN:
            continue  # the SCP writes these itself, whatever came
        place = (*path, tag)
        scu, _, scp = code_of(attribute).partition("/")
        required = scu in ("1", "2") or (scu.endswith("C") and _condition_holds(attribute, dataset, parent))
        if tag not in dataset:
            if required:
                faults.missing.append(place)
        elif is_empty(dataset, tag):
            if _wrong_kind(dataset, attribute):
                faults.wrong.append(place)
            elif (required and scu[0] == "1") or (scu == "3" and scp == "1"):
                faults.empty.append(place)
        elif not _value_fits(dataset, attribute):
            faults.wrong.append(place)
        elif attribute.children:
            for item in items(dataset, tag):
                _walk(item, attribute.children, place, code_of, faults, dataset)


def _wrong_kind(dataset: Dataset, attribute: Attribute) -> bool:
    element = raw(dataset, attribute.tag)
    if element is None or vr_of(element) == "UN" or (vr_of(element) == "SQ") == (attribute.vr == "SQ"):
        return False  # UN: newer than our dictionary, and without a VR on the wire
    return bool(element.value)


def _value_fits(dataset: Dataset, attribute: Attribute) -> bool:
    if _wrong_kind(dataset, attribute):
        return False
    if attribute.vr == "SQ":
        return attribute.keyword not in _ONE_ITEM or len(items(dataset, attribute.tag)) == 1
    values = texts(dataset, attribute.tag)
    allowed = ENUMERATED.get(attribute.keyword)
    if allowed is not None:
        return len(values) == 1 and values[0] in allowed
    if attribute.keyword == "ProcedureStepProgress":
        return all(well_formed(value, "DS") and 0 <= float(value or 0) <= 100 for value in values)
    return all(well_formed(value, attribute.vr) for value in values)


def well_formed(value: str, vr: str) -> bool:
    """Whether one value has the form of its VR, where the form decides what it means; "" is no value and fits."""
    if not value:
        return True
    if vr in ("DA", "TM", "DT"):
        return parse(value, vr) is not None
    if vr == "UI":
        return is_uid(value)
    if vr in ("DS", "IS"):
        digits = value.lstrip("+-")
        plain = value.isascii() and len(value) <= 16 and digits[:1] in "0123456789." and "_" not in value
        return plain and _is_number(value, integer=vr == "IS")
    if vr == "AE":
        return len(value) <= 16 and value.isascii() and value.isprintable()
    return True


def _is_number(value: str, *, integer: bool) -> bool:
    try:
        number = int(value) if integer else float(value)
    except ValueError:
        return False
    return abs(number) < 1e308


def _holds(tag: str) -> Callable[[Dataset], bool]:
    return lambda item: not is_empty(item, tag_of(tag))


def _none_of(*names: str) -> Callable[[Dataset], bool]:
    return lambda item: all(is_empty(item, tag_of(name)) for name in names)


def _is(name: str, value: str) -> Callable[[Dataset], bool]:
    return lambda item: first(item, tag_of(name)) == value


_CONTENT = {
    "DateTime": "DATETIME",
    "Date": "DATE",
    "Time": "TIME",
    "PersonName": "PNAME",
    "UID": "UIDREF",
    "TextValue": "TEXT",
    "ConceptCodeSequence": "CODE",
    "NumericValue": "NUMERIC",
    "MeasurementUnitsCodeSequence": "NUMERIC",
}
_RETRIEVALS = (
    "DICOMRetrievalSequence",
    "DICOMMediaRetrievalSequence",
    "WADORetrievalSequence",
    "XDSRetrievalSequence",
    "WADORSRetrievalSequence",
)
_STORAGES = ("DICOMStorageSequence", "STOWRSStorageSequence", "XDSStorageSequence")

_CONDITIONS: Mapping[tuple[str, str], Callable[[Dataset], bool]] = {
    ("a", "CodeValue"): _none_of("LongCodeValue", "URNCodeValue"),
    ("a", "CodingSchemeDesignator"): lambda item: not _none_of("CodeValue", "LongCodeValue")(item),
    **{("b", name): _is("ValueType", kind) for name, kind in _CONTENT.items()},
    ("c", "DICOMRetrievalSequence"): _none_of(*_RETRIEVALS),
    ("d", "LocalNamespaceEntityID"): _none_of("UniversalEntityID"),
    ("d", "UniversalEntityIDType"): _holds("UniversalEntityID"),
    ("e", "UniversalEntityIDType"): _holds("UniversalEntityID"),
    ("g", "DICOMStorageSequence"): _none_of(*_STORAGES),
}
"""By macro and keyword: whether the condition of a conditional attribute holds in this item."""


def _condition_holds(attribute: Attribute, item: Dataset, parent: Dataset | None) -> bool:
    if attribute.keyword == "HL7InstanceIdentifier":
        return parent is not None and first(parent, tag_of("TypeOfInstances")) == "CDA"
    condition = _CONDITIONS.get((attribute.macro, attribute.keyword))
    return condition is not None and condition(item)
