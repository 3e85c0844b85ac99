"""encode_dataset of objects that misbehave meanwhile, and of data sets that were received."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.valuerep import DSfloat, PersonName

from dicomnet.errors import EncodeError, Fault

from .leaks import assert_no_leak
from .writing import ENCODINGS, TAG, content, dataset_of, element, fails

pytestmark = pytest.mark.once


class Hook:
    """A value that does something when it is printed, measured or asked for its number."""

    def __init__(self, action: Callable[[], object], text: str = "hook") -> None:
        self.action = action
        self.text = text

    def __str__(self) -> str:
        self.action()
        return self.text

    def __index__(self) -> int:
        self.action()
        return 5

    __float__ = __index__

    def __iter__(self) -> Iterator[int]:
        self.action()
        return iter((1, 2))


def test_a_data_set_that_changes_meanwhile(kernel: ModuleType) -> None:
    def changes(change: Callable[[Dataset], object]) -> bytes | None:
        dataset = Dataset()
        elements = [element("US", number, 0x00120000 + number) for number in range(0xA001, 0xA100)]
        hook = element("CS", [Hook(lambda: change(dataset))])
        for one in [*elements[::2], *elements[1::2], hook]:
            dataset._dict[one.tag] = one
        try:
            return bytes(kernel.encode_dataset(dataset, False, True))
        except EncodeError as error:
            return None if error.code == Fault.BAD_VALUE else b"another error"

    last = BaseTag(0x0012A0FF)
    plain = changes(lambda _: None)
    assert plain is not None
    assert plain.endswith(b"US\2\0\xff\xa0")
    assert changes(lambda dataset: dataset._dict.clear()) is None
    assert changes(lambda dataset: dataset._dict.pop(last, None)) is None
    replaced = changes(lambda dataset: dataset._dict.update({last: element("US", 7, last)}))
    assert replaced is not None
    assert replaced.endswith(b"US\2\0\7\0")
    added = changes(lambda dataset: dataset._dict.update({BaseTag(n): element("US", 1, n) for n in range(1, 999)}))
    assert added == plain  # what is added while it is written comes too late
    assert changes(lambda dataset: setattr(dataset, "_dict", {})) is None
    assert changes(lambda dataset: setattr(dataset, "_dict", dict(dataset._dict))) == plain


def test_a_list_that_changes_meanwhile(kernel: ModuleType) -> None:
    values: list[object] = ["a"] * 100
    values[50] = Hook(values.clear)
    assert content(kernel, "CS", values).startswith(b"a\\a")
    numbers: list[object] = [1] * 100
    numbers[50] = Hook(numbers.clear)
    assert len(content(kernel, "US", numbers)) == 200
    items: list[object] = [dataset_of(element("US", 1)) for _ in range(50)]
    items[10] = dataset_of(element("CS", [Hook(items.clear)]))
    sequence = dataset_of(element("SQ", items, 0x00404018), element("SQ", [Dataset()], 0x00741216))
    written = kernel.encode_dataset(sequence, False, True)
    assert written.count(struct.pack("<HH", 0xFFFE, 0xE000)) == 12
    growing: list[object] = []
    growing.append(dataset_of(element("CS", [Hook(lambda: growing.append(Dataset()) if len(growing) < 5 else None)])))
    written = kernel.encode_dataset(dataset_of(element("SQ", growing, 0x00404018)), False, True)
    assert written.count(b"\xfe\xff\0\xe0") == 2


def test_a_character_set_that_changes_meanwhile(kernel: ModuleType) -> None:
    dataset = dataset_of(element("LO", "é", 0x0012A001), charset="ISO_IR 192")
    change = Hook(lambda: dataset._dict.update({BaseTag(0x00080005): element("CS", "ISO_IR 100", 0x00080005)}))
    dataset.add(element("CS", [change]))
    assert kernel.encode_dataset(dataset, False, True).endswith("é".encode())


@pytest.mark.parametrize("vr", ["US", "FD", "AT", "CS", "LO", "OB", "DS"])
def test_values_that_raise(kernel: ModuleType, vr: str) -> None:
    def bad() -> None:
        raise ZeroDivisionError("no")

    fails(kernel, dataset_of(element(vr, Hook(bad))))
    fails(kernel, dataset_of(element(vr, [1, Hook(bad)])))
    fails(kernel, dataset_of(element("SQ", [dataset_of(element(vr, Hook(bad)))], 0x00404018)))


def test_what_is_no_mistake_of_the_values_passes_through(kernel: ModuleType) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kernel.encode_dataset(dataset_of(element("US", Hook(interrupt))), False, True)


def test_an_encoding_within_an_encoding(kernel: ModuleType) -> None:
    inner = dataset_of(*(element("US", 1, 0x0012A000 + number) for number in range(500)))
    outer = dataset_of(*(element("US", 1, 0x0012A001 + number) for number in range(500)))
    outer.add(element("CS", [Hook(lambda: kernel.encode_dataset(inner, False, True))]))
    plain = dataset_of(*(element("US", 1, 0x0012A001 + number) for number in range(500)))
    plain.add(element("CS", "hook"))
    assert kernel.encode_dataset(outer, False, True) == kernel.encode_dataset(plain, False, True)


def test_elements_without_attributes(kernel: ModuleType) -> None:
    for missing in ("VR", "_value", "is_undefined_length"):
        one = element("US", 1)
        delattr(one, missing)
        fails(kernel, dataset_of(one))
    for missing in ("_read_charset", "_read_little"):
        dataset = dataset_of(element("US", 1))
        object.__delattr__(dataset, missing)
        fails(kernel, dataset)
    fails(kernel, dataset_of(element("SQ", [object()], 0x00404018)))


@pytest.mark.parametrize("thing", [None, 5, {}, object(), Dataset])
def test_no_data_set(kernel: ModuleType, thing: object) -> None:
    with pytest.raises(EncodeError):
        kernel.encode_dataset(thing, False, True)


def test_nothing_is_kept(kernel: ModuleType) -> None:
    text, marker, name = "x" * 5000, object(), PersonName("Doe^Jane")
    good = dataset_of(
        element("UT", text),
        element("DS", MultiValue(DSfloat, ["1", 2])),
        element("CS", [Hook(lambda: None)], 0x0012A002),
        element("SQ", Sequence([dataset_of(element("PN", name))]), 0x00404018),
    )
    bad = dataset_of(element("UT", text), element("US", marker, 0x00741202))
    watched = (text, marker, name, good, bad, good._dict[BaseTag(TAG)])
    assert_no_leak(kernel.encode_dataset, (good, False, True), (bad, False, True), watched=watched)


# --- received data sets ----------------------------------------------------------------------------------------------


def test_what_was_received_is_written_again(kernel: ModuleType) -> None:
    item = dataset_of(element("LO", "Zürichs", 0x00080104))
    dataset = dataset_of(element("SQ", Sequence([item, item]), 0x00404018), element("LO", "Ä", 0x00100020),
                         charset="ISO_IR 192")  # fmt: skip
    for implicit, little in ENCODINGS:
        data = kernel.encode_dataset(dataset, implicit, little)
        again = kernel.decode_dataset(data, implicit, little, 64, 1000)
        assert kernel.encode_dataset(again, implicit, little) == data
        for other, order in ENCODINGS:
            assert kernel.encode_dataset(again, other, order) == kernel.encode_dataset(dataset, other, order)
        again = kernel.decode_dataset(data, implicit, little, 64, 1000)
        assert again.PatientID == "Ä"
        assert kernel.encode_dataset(again, implicit, little) == data
        first = again.ScheduledWorkitemCodeSequence[0]
        holder = dataset_of(element("SQ", [first], 0x00741216), charset="ISO_IR 192")
        expected = dataset_of(element("SQ", [item], 0x00741216), charset="ISO_IR 192")
        assert kernel.encode_dataset(holder, implicit, little) == kernel.encode_dataset(expected, implicit, little)
        # an item that inherited its character set, where another one is declared or none
        holder.add(element("CS", "ISO_IR 100", 0x00080005))
        expected.add(element("CS", "ISO_IR 100", 0x00080005))
        assert kernel.encode_dataset(holder, implicit, little) == kernel.encode_dataset(expected, implicit, little)
        assert "Zürichs".encode("latin-1") in kernel.encode_dataset(first, implicit, little)


def test_the_limit_of_nesting_holds_for_what_was_received(kernel: ModuleType) -> None:
    dataset = Dataset()
    for _ in range(3):
        dataset = dataset_of(element("SQ", Sequence([dataset]), 0x00404018))
    data = kernel.encode_dataset(dataset, False, True)
    received = kernel.decode_dataset(data, False, True, 64, 1000)
    assert kernel.encode_dataset(received, False, True, 3) == data
    fails(kernel, received, Fault.LIMIT, max_depth=2)
    fails(kernel, dataset_of(element("SQ", [received], 0x00741216)), Fault.LIMIT, max_depth=3)
