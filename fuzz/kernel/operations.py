"""Programs of operations on a data set, in the words of pydicom's interface, run on two data sets in lockstep.

A program is a string of bytes: one for the operation, one that it uses as it likes (which element, which value). Every
program means something, so that whatever feeds bytes can write programs.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import IS, DSfloat, PersonName

from fuzz.kernel.outcomes import ENCODINGS

__all__ = ["OPERATIONS", "State", "run_one"]

_TAGS = (0x00100010, 0x00080005, 0x00280103, 0x00280106, 0x00404018, 0x00100020, 0x00091001, 0x00090010, 0x300A00B0)
"""Tags to use where the data set has none."""

_VALUES: tuple[Callable[[], Any], ...] = (
    lambda: "",
    lambda: None,
    lambda: "abc",
    lambda: "Ärger",
    lambda: "日本^太郎=x",
    lambda: "1\\2",
    lambda: "1.5",
    lambda: " 7 ",
    lambda: 5,
    lambda: -1,
    lambda: 70000,
    lambda: 1.25,
    lambda: b"xy",
    lambda: b"odd",
    lambda: [1, 2],
    lambda: ["a", "b"],
    list,
    lambda: [1.5, "2.50"],
    lambda: PersonName("Doe^J"),
    lambda: Sequence([Dataset()]),
    lambda: [_item()],
    lambda: UID("1.2.3"),
    lambda: DSfloat("1.50"),
    lambda: IS("07"),
    lambda: "ISO_IR 192",
    lambda: ["", "ISO 2022 IR 87"],
    lambda: BaseTag(0x00100010),
    lambda: object,
)


def _item() -> Dataset:
    item = Dataset()
    item.add(DataElement(0x00080100, "SH", "code"))
    item.add(DataElement(0x00280106, "US or SS", 3))
    return item


class State:
    """A data set under a program: where in it the program is, and the body that encodes it."""

    __slots__ = ("body", "here", "other", "root")

    def __init__(self, root: Dataset, body: ModuleType, other: ModuleType) -> None:
        self.root = root
        self.here = root
        self.body = body
        self.other = other


Operation = Callable[[State, int, int], Any]
"""What it does to the state, given a tag and a byte; what it returns is compared."""


def run_one(state: State, code: int, tag: int, argument: int) -> Any:
    """Do one operation; what it gives, or whatever pydicom raises."""
    return OPERATIONS[code % len(OPERATIONS)](state, tag, argument)


def pick(dataset: Dataset, argument: int) -> int:
    """A tag of the data set, or sometimes one it need not have; read off without converting anything."""
    tags = list(dataset._dict)
    if not tags or argument >= 240:
        return _TAGS[argument % len(_TAGS)]
    return int(tags[argument % len(tags)])


# --- reading ---------------------------------------------------------------------------------------------------------


def _attribute(state: State, tag: int, _: int) -> Any:
    return getattr(state.here, keyword_for_tag(tag) or "NoSuchName")


def _element(state: State, tag: int, _: int) -> Any:
    return state.here[tag]


def _value(state: State, tag: int, _: int) -> Any:
    value = state.here[tag].value
    return value, type(value).__len__(value) if hasattr(value, "__len__") else None, str(value), repr(value)


def _get(state: State, tag: int, argument: int) -> Any:
    if argument & 1:
        return state.here.get(tag)
    return state.here.get(keyword_for_tag(tag) or "NoSuchName", 7)


def _raw(state: State, tag: int, _: int) -> Any:
    return state.here.get_item(tag)


def _iterate(state: State, _: int, argument: int) -> Any:
    views: tuple[Callable[[Dataset], Any], ...] = (
        list,
        lambda dataset: list(dataset.iterall()),
        lambda dataset: list(dataset.elements()),
        lambda dataset: list(dataset.values()),
        lambda dataset: list(dataset.items()),
        lambda dataset: list(dataset.keys()),
        lambda dataset: [element.value for element in dataset],
        lambda dataset: [str(element.value) for element in dataset.iterall()],
    )
    return views[argument % len(views)](state.here)


def _ask(state: State, tag: int, argument: int) -> Any:
    here = state.here
    keyword = keyword_for_tag(tag) or "NoSuchName"
    questions: tuple[Callable[[], Any], ...] = (
        lambda: (tag in here, keyword in here, len(here), bool(here)),
        lambda: ([name for name in dir(here) if name[0].isupper()], here.dir(), here.dir("Name")),
        lambda: (here.is_original_encoding, here.original_encoding, here.original_character_set),
        lambda: (here.is_implicit_VR, here.is_little_endian),
        lambda: (here._character_set, here.read_implicit_vr, here.read_little_endian, here.read_encoding),
        lambda: here.data_element(keyword),
        lambda: (hasattr(here, "file_meta"), hasattr(here, "preamble"), hasattr(here, "nonsense")),
        lambda: here == 3,
    )
    return questions[argument % len(questions)]()


def _text(state: State, _: int, argument: int) -> Any:
    here = state.here
    forms: tuple[Callable[[], Any], ...] = (
        lambda: str(here),
        lambda: repr(here),
        lambda: list(here.formatted_lines()),
        lambda: here.top(),
        lambda: here.to_json(),
        lambda: here.to_json_dict(bulk_data_threshold=4, bulk_data_element_handler=lambda element: "x"),
    )
    return forms[argument % len(forms)]()


def _about(state: State, tag: int, _: int) -> Any:
    one = state.here[tag]
    return one.VM, one.VR, one.name, one.keyword, one.repval, one.is_empty, one.is_private, str(one), repr(one)


def _equal(state: State, _: int, __: int) -> Any:
    twin = copy.deepcopy(state.here)
    return twin == state.here, state.here == twin, state.here != twin, state.here == Dataset()


def _parts(state: State, tag: int, argument: int) -> Any:
    if argument & 1:
        return state.here.group_dataset(tag >> 16)
    return state.here[tag : tag + 0x10000]


def _private(state: State, tag: int, argument: int) -> Any:
    group = tag >> 16 | 1
    creators = state.here.private_creators(group)
    name = creators[argument % len(creators)] if creators else "ACME"
    block = state.here.private_block(group, name, create=bool(argument & 1))
    if argument & 2:
        block.add_new(argument >> 2, "LO", "x")
    return block.block_start, creators, (argument >> 2) in block


# --- changing --------------------------------------------------------------------------------------------------------


def _set_value(state: State, tag: int, argument: int) -> None:
    state.here[tag].value = _VALUES[argument % len(_VALUES)]()


def _set_attribute(state: State, tag: int, argument: int) -> None:
    setattr(state.here, keyword_for_tag(tag) or "something", _VALUES[argument % len(_VALUES)]())


def _add(state: State, _: int, argument: int) -> None:
    new = _TAGS[argument % len(_TAGS)]
    vr = ("LO", "SQ", "US", "UN", "DS", "PN", "US or SS", "OB or OW")[argument % 8]
    state.here.add_new(new, vr, _VALUES[argument // 8 % len(_VALUES)]())


def _delete(state: State, tag: int, argument: int) -> None:
    if argument & 1:
        del state.here[tag]
    elif argument & 2:
        delattr(state.here, keyword_for_tag(tag) or "NoSuchName")
    else:
        del state.here[tag : tag + 0x1000]


def _dictionary(state: State, tag: int, argument: int) -> Any:
    here = state.here
    ways: tuple[Callable[[], Any], ...] = (
        lambda: here.pop(tag),
        lambda: here.pop(tag, None),
        lambda: here.popitem(),
        lambda: here.setdefault(tag, DataElement(tag, "LO", "new")),
        lambda: here.update({BaseTag(tag): DataElement(tag, "LO", "updated")}),
        lambda: here.update(copy.copy(here)),
        lambda: here.clear(),
        lambda: here.remove_private_tags(),
        lambda: here.decode(),
        lambda: here.walk(_blank),
    )
    return ways[argument % len(ways)]()


def _blank(dataset: Dataset, element: DataElement) -> None:
    if element.VR == "LO":
        element.value = "blank"


def _values(state: State, tag: int, argument: int) -> Any:
    """Several values in their list."""
    values = state.here[tag].value
    if not isinstance(values, MultiValue):
        return None
    new = _VALUES[argument // 8 % len(_VALUES)]()
    ways: tuple[Callable[[], Any], ...] = (
        lambda: values.append(new),
        lambda: values.insert(0, new),
        lambda: values.pop(),
        lambda: values.__setitem__(0, new),
        lambda: values.extend([new]),
        lambda: values.sort(),
        lambda: values.__delitem__(slice(0, 1)),
        lambda: (values == list(values), values[:1], values[-1], list(reversed(values))),
    )
    return ways[argument % len(ways)]()


def _items(state: State, tag: int, argument: int) -> Any:
    """Items in their sequence."""
    items = state.here[tag].value
    if not isinstance(items, Sequence):
        return None
    ways: tuple[Callable[[], Any], ...] = (
        lambda: items.append(_item()),
        lambda: items.insert(0, Dataset()),
        lambda: items.pop(),
        lambda: items.append(copy.deepcopy(items[0])),
        lambda: items.reverse(),
        lambda: setattr(items[0], "is_undefined_length_sequence_item", bool(argument & 16)),
        lambda: setattr(state.here[tag], "is_undefined_length", bool(argument & 16)),
        lambda: items.extend([_item(), _item()]),
        lambda: items.append("no data set"),  # type: ignore[arg-type]
        lambda: items.__setitem__(0, Dataset()),
    )
    return ways[argument % len(ways)]()


def _set_element(state: State, tag: int, argument: int) -> None:
    """What belongs to an element beside its value."""
    element = state.here[tag]
    if argument & 1:
        element.VR = ("LO", "UN", "OB", "US", "SQ", "ZZ", "PN", "DS")[argument // 8 % 8]
    elif argument & 2:
        element.is_undefined_length = bool(argument & 8)
    elif argument & 4:
        state.here[tag] = DataElement(tag, "UN", b"other")
    else:
        state.here[tag] = copy.deepcopy(element)


def _set_original(state: State, _: int, argument: int) -> None:
    character_set: Any = ("iso8859", ["utf8"], ["latin_1", "iso2022_jp"], None)[argument // 4 % 4]
    state.here.set_original_encoding(bool(argument & 1), bool(argument & 2), character_set)


def _set_character_set(state: State, _: int, argument: int) -> None:
    terms: tuple[Any, ...] = ("ISO_IR 192", "ISO_IR 100", "GB18030", ["", "ISO 2022 IR 87"], "", None, "nonsense")
    state.here.SpecificCharacterSet = terms[argument % len(terms)]


def _set_plain(state: State, _: int, argument: int) -> Any:
    """Attributes that are no elements."""
    names = ("note", "is_undefined_length_sequence_item", "_parent_encoding", "_pixel_rep", "preamble", "file_meta")
    name = names[argument % len(names)]
    new: Any = Dataset() if name == "file_meta" else argument & 1
    if name == "is_undefined_length_sequence_item":
        new = bool(new)
    if argument & 64 and name in ("note", "preamble", "file_meta"):
        delattr(state.here, name)
    else:
        setattr(state.here, name, new)
    return getattr(state.here, name, None)


# --- moving and copying ----------------------------------------------------------------------------------------------


def _descend(state: State, tag: int, argument: int) -> None:
    items = state.here[tag].value
    if isinstance(items, Sequence) and len(items):
        state.here = items[argument % len(items)]


def _ascend(state: State, _: int, __: int) -> None:
    state.here = state.root


def _let_go(state: State, _: int, __: int) -> None:
    """Only the item lives on, without what it was read from."""
    state.root = state.here


def _copy(state: State, _: int, argument: int) -> Any:
    ways: tuple[Callable[[Dataset], Any], ...] = (
        copy.copy,
        copy.deepcopy,
        lambda dataset: dataset.copy(),
        lambda dataset: pickle.loads(pickle.dumps(dataset)),
        lambda dataset: pickle.loads(pickle.dumps(dataset, protocol=2)),
        Dataset,
    )
    twin: Any = ways[argument % len(ways)](state.here)
    if argument & 64:  # the copy is changed, then the original is looked at
        twin.PatientID = "twin"
        for element in twin:
            if element.VR == "SQ" and element.value:
                element.value[0].PatientID = "twin"
    else:
        state.root = state.here = twin
    return twin


def _encode(state: State, _: int, argument: int) -> Any:
    implicit, little = ENCODINGS[argument % 3]
    body = state.other if argument & 64 else state.body
    return body.encode_dataset(state.here, implicit, little, 5 if argument & 128 else 64)


def _encode_by_pydicom(state: State, _: int, argument: int) -> Any:
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = ENCODINGS[argument % 3]
    write_dataset(file, state.here)
    return file.getvalue()


def _save(state: State, _: int, argument: int) -> Any:
    implicit, little = ENCODINGS[argument % 3]
    file = io.BytesIO()
    state.here.save_as(file, implicit_vr=implicit, little_endian=little)
    return file.getvalue()


OPERATIONS: tuple[Operation, ...] = (
    *(_attribute, _element, _value, _get, _raw, _iterate, _ask, _text, _about, _equal, _parts, _private),
    *(_set_value, _set_attribute, _add, _delete, _dictionary, _values, _items, _set_element, _set_original),
    *(_set_character_set, _set_plain, _descend, _ascend, _let_go, _copy, _encode, _encode_by_pydicom, _save),
)
