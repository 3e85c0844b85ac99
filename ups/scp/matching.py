"""C-FIND keys: compiled once from an identifier, then asked of each workitem (PS3.4 CC.2.8, C.2.2.2).

Decided here, where the standard leaves a choice:
- names match without regard to case, each key group against each component group of the value; all else is exact;
  a search that negotiated fuzzy matching of names gets those of ``fuzzy`` as well;
- several values in one key of any VR mean "any of these", as they do for UIDs;
- a partial date or time in a key is the whole span it names, a partial value in a workitem counts by its beginning;
- an identifier without any key finds nothing; one with universal keys only finds everything;
- every attribute can be asked for, of the table or not; a key nobody can match (bytes, Transaction UID) is treated as
  universal, and the answers then carry FF01.
Transaction UID is never matched and never returned.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet.records import dataclass
from dicomnet.uids import UPS_PUSH
from ups import status
from ups.names import TRIAL_CLASSES
from ups.scp.datetimes import Span, parse, parse_range
from ups.scp.fuzzy import FuzzyName, name_words
from ups.scp.refusal import Refusal, naming
from ups.scp.store import Narrowing
from ups.scp.values import SPECIFIC_CHARACTER_SET, first, items, raw, text_vr, texts, vr_of
from ups.scp.wildcard import has_wildcard, wildcard_match
from ups.tables import attributes, return_keys

__all__ = ["MAX_KEYS", "MAX_PATTERN", "MAX_TESTED", "MAX_UIDS", "Query", "utc_offset", "with_uids"]

MAX_PATTERN = 1024
"""Longest key value, in characters."""
MAX_UIDS = 10_000
"""Most values in one key."""
MAX_TESTED = 256
"""Most values in one identifier that are tried one after the other on each workitem: wild cards, ranges, names."""
MAX_KEYS = 1_000
"""Most keys in one identifier, nested ones included."""

_TIMEZONE = 0x00080201
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
_NOT_KEYS = (SPECIFIC_CHARACTER_SET, _TIMEZONE)
_TRANSACTION_UID = 0x00081195
_CODE_MEANING = 0x00080104  # "never a matching key", whatever it holds

Test = Callable[[Dataset, int], bool]
"""Whether a workitem (or item) fits one key; the number is the offset from UTC of date-times without one."""


@dataclass(frozen=True, slots=True)
class _Key:
    """One attribute asked for: ``test`` None is universal; ``item`` are the keys inside a sequence."""

    tag: int
    vr: str
    test: Test | None
    item: tuple[_Key, ...] = ()


class Query:
    """The keys of one identifier.

    Raises:
        Refusal: A900 for a key that has no meaning, A700 for one beyond our limits.
    """

    def __init__(self, identifier: Dataset, *, offset: int = 0, fuzzy: bool = False) -> None:
        self._offset = offset
        self._fuzzy = fuzzy
        self._count = 0
        self._tested = 0
        self.all_supported = True
        own = utc_offset(first(identifier, _TIMEZONE))
        self._keys = self._compile(identifier, offset if own is None else own, ())

    @property
    def is_empty(self) -> bool:
        """Whether there is no key at all, so that nothing matches (CC.2.8.3.1)."""
        return not self._keys

    def _compile(self, identifier: Dataset, offset: int, path: tuple[int, ...]) -> tuple[_Key, ...]:
        keys = []
        for tag in sorted(map(int, identifier._dict)):
            if tag in _NOT_KEYS or tag >> 16 < 8 or not tag & 0xFFFF:
                continue
            self._count += 1
            if self._count > MAX_KEYS:
                raise Refusal(status.FIND_OUT_OF_RESOURCES, f"more than {MAX_KEYS} keys")
            if tag == _TRANSACTION_UID:
                self.all_supported = False
                continue
            keys.append(self._key(identifier, tag, offset, (*path, tag)))
        return tuple(keys)

    def _key(self, identifier: Dataset, tag: int, offset: int, path: tuple[int, ...]) -> _Key:
        element = raw(identifier, tag)
        vr = "UN" if element is None else vr_of(element)
        if vr == "SQ":
            found = items(identifier, tag)
            if len(found) > 1:
                raise Refusal(status.FIND_IDENTIFIER_MISMATCH, naming("more than one item in", [path]), elements=[tag])
            # sequences nest at most as deep as the data set codec allows
            inner = self._compile(found[0], offset, path) if found else ()
            test = _item_test(tag, inner) if any(key.test for key in inner) else None
            return _Key(tag, vr, test, inner)
        values = texts(identifier, tag)
        if not values or values == ("*",) or tag == _CODE_MEANING:
            if element is not None and element.value and not text_vr(vr) and not values:
                self.all_supported = False
            return _Key(tag, vr, None)
        if len(values) > MAX_UIDS or any(len(value) > MAX_PATTERN for value in values):
            raise Refusal(status.FIND_OUT_OF_RESOURCES, naming("too long:", [path]), elements=[tag])
        self._tested += sum(self._tests(value, vr) for value in values)
        if self._tested > MAX_TESTED:
            text = f"more than {MAX_TESTED} wild cards, ranges and names"
            raise Refusal(status.FIND_OUT_OF_RESOURCES, text, elements=[tag])
        if vr == "PN" and self._fuzzy:
            return _Key(tag, vr, _fuzzy_test(tag, values))
        return _Key(tag, vr, _value_test(tag, vr, values, offset, path))

    def _tests(self, value: str, vr: str) -> int:
        """How much a value of a key costs at each workitem: one test, or one for each word of a fuzzy name."""
        return len(name_words(value)) or 1 if vr == "PN" and self._fuzzy else int(_is_tested(value, vr))

    def narrowing(self) -> Narrowing:
        """What the store can already leave out; never more than the keys would."""
        tests = {key.tag: key.test for key in self._keys}
        found = ((column, tests.get(tag)) for column, tag in Narrowing.COLUMNS.items())
        return Narrowing({column: test.exact for column, test in found if isinstance(test, _AnyOf)})

    def matches(self, workitem: Dataset) -> bool:
        """Whether the workitem fits every key."""
        own = utc_offset(first(workitem, _TIMEZONE))
        offset = self._offset if own is None else own
        return all(key.test is None or key.test(workitem, offset) for key in self._keys)

    def covers(self, uid: str, workitem: Dataset) -> bool:
        """Whether a stored workitem fits, seen with the two UIDs that are kept beside its data set."""
        return self.matches(with_uids(workitem, uid))

    def answer(self, workitem: Dataset) -> Dataset:
        """What a matching workitem shows: the attributes asked for, those always returned, the character set."""
        own = utc_offset(first(workitem, _TIMEZONE))
        offset = self._offset if own is None else own
        result = _shown(workitem, self._keys, offset, top=True)
        for tag in (*return_keys("1"), *_NOT_KEYS):
            element = raw(workitem, tag)
            if element is not None and tag not in result and (element.value or tag not in _NOT_KEYS):
                result._dict[BaseTag(tag)] = element
        return result


def with_uids(workitem: Dataset, uid: str) -> Dataset:
    """The workitem as a search sees it: its SOP class, which is UPS Push for all (CC.3), and its instance UID."""
    workitem._dict[BaseTag(_SOP_CLASS)] = DataElement(BaseTag(_SOP_CLASS), "UI", UPS_PUSH)
    workitem._dict[BaseTag(_SOP_INSTANCE)] = DataElement(BaseTag(_SOP_INSTANCE), "UI", uid)
    return workitem


def utc_offset(value: str) -> int | None:
    """Minutes of a Timezone Offset From UTC (0008,0201), None for no value or no such offset."""
    if len(value) != 5 or value[0] not in "+-" or not value[1:].isdecimal() or not value.isascii():
        return None
    minutes = int(value[1:3]) * 60 + int(value[3:])
    return -minutes if value[0] == "-" else minutes


def _shown(source: Dataset, keys: tuple[_Key, ...], offset: int, *, top: bool) -> Dataset:
    result = Dataset()
    result.set_original_encoding(False, True, source.original_character_set or "iso8859")
    for key in keys:
        element = raw(source, key.tag)
        if element is None:
            # an attribute we know but have no value for is returned empty (C.2.2.1.2)
            known = attributes().get(key.tag) if top else None
            vr = known.vr if known is not None else key.vr
            if known is not None or (not top and len(vr) == 2):
                empty = Sequence() if vr == "SQ" else None
                result._dict[BaseTag(key.tag)] = DataElement(BaseTag(key.tag), vr, empty)
        elif key.item and vr_of(element) == "SQ":
            found = [item for item in items(source, key.tag) if _fits(key.item, item, offset)]
            shown = Sequence([_shown(item, key.item, offset, top=False) for item in found])
            result._dict[BaseTag(key.tag)] = DataElement(BaseTag(key.tag), "SQ", shown)
        else:
            result._dict[BaseTag(key.tag)] = element
    return result


def _fits(keys: tuple[_Key, ...], item: Dataset, offset: int) -> bool:
    return all(key.test is None or key.test(item, offset) for key in keys)


def _item_test(tag: int, keys: tuple[_Key, ...]) -> Test:
    return lambda dataset, offset: any(_fits(keys, item, offset) for item in items(dataset, tag))


class _AnyOf:
    """A key of plain values: a set look-up whatever their number."""

    def __init__(self, tag: int, values: tuple[str, ...]) -> None:
        self._tag = tag
        self.exact = frozenset(values)

    def __call__(self, dataset: Dataset, offset: int) -> bool:
        return any(value in self.exact for value in texts(dataset, self._tag) if value)


def _value_test(tag: int, vr: str, values: tuple[str, ...], offset: int, path: tuple[int, ...]) -> Test:
    values = tuple(value for value in values if value)
    if tag == _SOP_CLASS:
        return _AnyOf(tag, tuple(TRIAL_CLASSES.get(value, value) for value in values))
    if vr in ("DA", "TM", "DT"):
        return _span_test(tag, vr, values, offset, path)
    if vr == "PN":
        return _name_test(tag, values)
    if vr in ("DS", "IS"):
        return _number_test(tag, values, path)
    patterns = tuple(value for value in values if _is_tested(value, vr))
    return _wildcard_test(tag, values, patterns) if patterns else _AnyOf(tag, values)


def _is_tested(value: str, vr: str) -> bool:
    """Whether a value of a key takes a test of its own, and not just a look into the set of them all."""
    if vr in ("DA", "TM", "DT", "PN"):
        return bool(value)
    return vr not in ("UI", "DS", "IS") and text_vr(vr) and has_wildcard(value)


def _wildcard_test(tag: int, values: tuple[str, ...], patterns: tuple[str, ...]) -> Test:
    plain = frozenset(values)

    def test(dataset: Dataset, _: int) -> bool:
        held = (value for value in texts(dataset, tag) if value)
        return any(value in plain or any(wildcard_match(one, value) for one in patterns) for value in held)

    return test


def _span_test(tag: int, vr: str, values: tuple[str, ...], offset: int, path: tuple[int, ...]) -> Test:
    spans = [parse_range(value, vr, offset) for value in values]
    wanted: list[Span] = [span for span in spans if span is not None]
    if len(wanted) < len(values):
        raise Refusal(status.FIND_IDENTIFIER_MISMATCH, naming("no date or time range:", [path]), elements=[tag])

    def test(dataset: Dataset, own_offset: int) -> bool:
        held = (parse(value, vr, own_offset) for value in texts(dataset, tag))
        return any(span.holds(value) for value in held if value is not None for span in wanted)

    return test


def _number_test(tag: int, values: tuple[str, ...], path: tuple[int, ...]) -> Test:
    wanted = {_number(value) for value in values}
    if None in wanted:
        raise Refusal(status.FIND_IDENTIFIER_MISMATCH, naming("no number:", [path]), elements=[tag])
    return lambda dataset, _: any(_number(value) in wanted for value in texts(dataset, tag) if value)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _name_test(tag: int, values: tuple[str, ...]) -> Test:
    patterns = [_groups(value) for value in values]

    def test(dataset: Dataset, _: int) -> bool:
        return any(_name_fits(wanted, _groups(value)) for value in texts(dataset, tag) for wanted in patterns)

    return test


def _fuzzy_test(tag: int, values: tuple[str, ...]) -> Test:
    exactly, fuzzily = _name_test(tag, values), [FuzzyName(value) for value in values if value]

    def test(dataset: Dataset, offset: int) -> bool:
        held = (value for value in texts(dataset, tag) if value)
        return exactly(dataset, offset) or any(name.fits(value) for value in held for name in fuzzily)

    return test


def _groups(name: str) -> tuple[str, ...]:
    """The component groups (alphabetic, ideographic, phonetic) in the form that is compared."""
    folded = unicodedata.normalize("NFC", name).casefold()
    parts = ("^".join(part.strip() for part in group.split("^")) for group in folded.split("="))
    return tuple(part.rstrip("^") for part in parts)


def _name_fits(wanted: tuple[str, ...], held: tuple[str, ...]) -> bool:
    if len(wanted) == 1:
        return any(group and wildcard_match(wanted[0], group) for group in held)
    padded = (*held, *[""] * len(wanted))
    return all(not want or (has and wildcard_match(want, has)) for want, has in zip(wanted, padded, strict=False))
