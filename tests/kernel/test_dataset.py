"""encode_dataset and decode_dataset: the contract both bodies keep (PS3.5 7)."""

from __future__ import annotations

import struct
import time
import tracemalloc
from types import ModuleType

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.testing.datasets import datasets, workitems
from dicomnet.testing.pdus import mutated

pytestmark = pytest.mark.once

ENCODINGS = [(True, True), (False, True), (False, False)]
MANY = 200_000
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
ITEM, ITEM_END, END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


def tag(value: int, length: int) -> bytes:
    """Tag and 32-bit length, little endian: an implicit element's header, an item, a delimiter."""
    return struct.pack("<HHI", value >> 16, value & 0xFFFF, length)


def short(value: int, vr: str, content: bytes) -> bytes:
    return struct.pack("<HH2sH", value >> 16, value & 0xFFFF, vr.encode(), len(content)) + content


def long(value: int, vr: str, content: bytes, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return struct.pack("<HH2sHI", value >> 16, value & 0xFFFF, vr.encode(), 0, size) + content


UNDEFINED = 0xFFFFFFFF
CODE = short(0x00080100, "SH", b"121726")


def decode(kernel: ModuleType, data: bytes, *, implicit: bool = False, depth: int = 64, count: int = MANY) -> Dataset:
    dataset: Dataset = kernel.decode_dataset(data, implicit, True, depth, count)
    return dataset


def refused(kernel: ModuleType, data: bytes, code: Fault, *, implicit: bool = False, **limits: int) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(kernel, data, implicit=implicit, **limits)
    assert caught.value.code == code, caught.value
    assert caught.value.offset is not None
    assert 0 <= caught.value.offset <= len(data)
    return caught.value


# --- what reading gives ----------------------------------------------------------------------------------------------


def test_leaves_stay_raw_until_they_are_read(kernel: ModuleType) -> None:
    dataset = decode(kernel, short(0x00100010, "PN", b"Doe^Jane") + short(0x00280010, "US", b"\x02\0"))
    assert all(isinstance(dataset.get_item(one), RawDataElement) for one in dataset.keys())  # noqa: SIM118
    assert dataset.PatientName.family_name == "Doe"
    assert dataset.Rows == 2


def test_sequences_are_there_at_once_and_know_their_encoding(kernel: ModuleType) -> None:
    item = tag(ITEM, len(CODE)) + CODE
    dataset = decode(kernel, short(0x00080005, "CS", b"ISO_IR 192") + long(0x00404018, "SQ", item))
    element = dataset._dict[0x00404018]
    assert isinstance(element, DataElement)
    assert isinstance(element.value, Sequence)
    assert element.value[0].CodeValue == "121726"
    assert element.value[0].original_encoding == (False, True)
    assert element.value[0].original_character_set == ["UTF8"]
    assert dataset.original_character_set == ["UTF8"]
    assert (element.is_undefined_length, element.value[0].is_undefined_length_sequence_item) == (False, False)


def test_undefined_lengths_are_remembered(kernel: ModuleType) -> None:
    item = tag(ITEM, UNDEFINED) + CODE + tag(ITEM_END, 0)
    data = long(0x00404018, "SQ", item + tag(END, 0), UNDEFINED)
    dataset = decode(kernel, data)
    assert dataset["ScheduledWorkitemCodeSequence"].is_undefined_length
    assert dataset.ScheduledWorkitemCodeSequence[0].is_undefined_length_sequence_item
    assert kernel.encode_dataset(dataset, False, True) == data


def test_implicit_elements_get_their_vr_from_the_dictionaries(kernel: ModuleType) -> None:
    item = tag(ITEM, 14) + tag(0x00080100, 6) + b"121726"
    private = tag(0x00190010, 8) + b"ACME 1.0" + tag(0x00191001, 2) + b"xy"
    unknown = tag(0x00120FFF, 2) + b"ab"
    dataset = decode(kernel, unknown + private + tag(0x00404018, len(item)) + item, implicit=True)
    assert dataset.ScheduledWorkitemCodeSequence[0].CodeValue == "121726"
    assert (dataset[0x00191001].VR, dataset[0x00191001].value) == ("UN", b"xy")
    assert (dataset[0x00120FFF].VR, dataset[0x00120FFF].value) == ("UN", b"ab")  # pydicom itself would warn here


def test_a_private_sequence_that_the_dictionary_knows_is_read_as_one(kernel: ModuleType) -> None:
    from pydicom.datadict import private_dictionary_VR

    creator = "Philips MR Imaging DD 001"
    found = next(n for n in range(0x20051001, 0x20051100) if _private(creator, n) == "SQ")
    assert private_dictionary_VR(found, creator) == "SQ"
    owner = tag(0x20050010, len(creator) + len(creator) % 2) + creator.encode().ljust(len(creator) + len(creator) % 2)
    item = tag(ITEM, 0)
    dataset = decode(kernel, owner + tag(found, len(item)) + item, implicit=True)
    assert isinstance(dataset._dict[found], DataElement)
    assert len(dataset[found].value) == 1


def _private(creator: str, number: int) -> str:
    from pydicom.datadict import private_dictionary_VR

    try:
        return str(private_dictionary_VR(number, creator))
    except KeyError:
        return ""


@pytest.mark.parametrize("undefined", [True, False])
def test_un_holding_a_sequence_is_implicit_little_endian(kernel: ModuleType, undefined: bool) -> None:
    item = tag(ITEM, 14) + tag(0x00080100, 6) + b"121726"
    end = tag(END, 0) if undefined else b""
    for little in (True, False):
        order = "<" if little else ">"
        size = UNDEFINED if undefined else len(item)
        data = struct.pack(order + "HH2sHI", 0x0040, 0x4018, b"UN", 0, size) + item + end
        dataset = kernel.decode_dataset(data, False, little, 64, MANY)
        assert dataset["ScheduledWorkitemCodeSequence"].VR == "SQ"
        assert dataset.ScheduledWorkitemCodeSequence[0].CodeValue == "121726"
        again = kernel.decode_dataset(kernel.encode_dataset(dataset, False, little), False, little, 64, MANY)
        assert again.ScheduledWorkitemCodeSequence[0].CodeValue == "121726"


def test_disorder_and_odd_lengths_are_tolerated(kernel: ModuleType) -> None:
    dataset = decode(kernel, short(0x00100020, "LO", b"abc") + short(0x00080060, "CS", b"OT"))
    assert (dataset.PatientID, dataset.Modality) == ("abc", "OT")
    assert kernel.encode_dataset(dataset, False, True) == (
        short(0x00080060, "CS", b"OT") + short(0x00100020, "LO", b"abc ")
    )


def test_a_wrong_multiple_fails_when_read_but_its_bytes_do_not(kernel: ModuleType) -> None:
    dataset = decode(kernel, short(0x00280010, "US", b"\1\2\3\4\5\6\7"))
    assert dataset.get_item(0x00280010).value == b"\1\2\3\4\5\6\7"
    with pytest.raises(EncodeError) as caught:
        kernel.encode_dataset(dataset, False, False)
    assert (caught.value.code, caught.value.path) == (Fault.BAD_VALUE, "00280010")


def test_fragments_pass_through(kernel: ModuleType) -> None:
    fragments = tag(ITEM, 0) + tag(ITEM, 4) + tag(END, 0)[:4]
    data = long(0x7FE00010, "OB", fragments + tag(END, 0), UNDEFINED)
    dataset = decode(kernel, data)
    assert dataset.get_item(0x7FE00010).value == fragments
    assert kernel.encode_dataset(dataset, False, True) == data
    with pytest.raises(EncodeError, match="byte order"):
        kernel.encode_dataset(dataset, False, False)


def test_pixel_representation_reaches_nested_items_from_behind(kernel: ModuleType) -> None:
    inner = tag(0x00280106, 2) + b"\xff\xff"
    item = tag(ITEM, len(inner)) + inner
    data = tag(0x00081140, len(item)) + item + tag(0x00280103, 2) + b"\1\0"
    dataset = decode(kernel, data, implicit=True)
    assert dataset.ReferencedImageSequence[0].SmallestImagePixelValue == -1


def test_unknown_character_sets_mean_the_default_one_without_a_warning(kernel: ModuleType) -> None:
    for term in (b"nonsense", b"zlib_codec", b"idna  ", b"ISO_IR 192\\ISO 2022 IR 87 ", b"\xff\xfe"):
        dataset = decode(kernel, short(0x00080005, "CS", term) + short(0x00100010, "PN", b"M\xfcller"))
        if not term.startswith(b"ISO"):
            assert dataset.PatientName == "Müller"


# --- what reading refuses --------------------------------------------------------------------------------------------

ITEMS = tag(ITEM, len(CODE)) + CODE
OPEN_ITEM = tag(ITEM, UNDEFINED) + CODE + tag(ITEM_END, 0)
REFUSED = {
    "header cut": (b"\x08\0\x60\0CS", Fault.TRUNCATED),
    "long header cut": (long(0x00420011, "OB", b"")[:10], Fault.TRUNCATED),
    "value cut": (short(0x00080060, "CS", b"OT")[:-1], Fault.TRUNCATED),
    "value behind its item": (
        long(0x00404018, "SQ", tag(ITEM, 10) + CODE) + b"12345678", Fault.OVERRUN),
    "item behind its sequence": (long(0x00404018, "SQ", ITEMS, len(ITEMS) - 2) + b"1234", Fault.OVERRUN),
    "sequence behind the data": (long(0x00404018, "SQ", ITEMS, 4000), Fault.TRUNCATED),
    "no such VR": (short(0x00080060, "ZZ", b"OT"), Fault.BAD_VR),
    "implicit as explicit": (tag(0x00080060, 2) + b"OT", Fault.BAD_VR),
    "repeated tag": (short(0x00080060, "CS", b"OT") * 2, Fault.DUPLICATE),
    "undefined length without end": (long(0x00404018, "SQ", OPEN_ITEM, UNDEFINED), Fault.TRUNCATED),
    "item without end": (long(0x00404018, "SQ", tag(ITEM, UNDEFINED) + CODE, UNDEFINED), Fault.TRUNCATED),
    "open item in a closed sequence": (long(0x00404018, "SQ", tag(ITEM, UNDEFINED) + CODE), Fault.TRUNCATED),
    "item delimiter at the top": (tag(ITEM_END, 0), Fault.BAD_DELIMITER),
    "item at the top": (tag(ITEM, 0), Fault.BAD_DELIMITER),
    "sequence delimiter at the top": (CODE + tag(END, 0), Fault.BAD_DELIMITER),
    "item delimiter in a closed item": (
        long(0x00404018, "SQ", tag(ITEM, 8) + tag(ITEM_END, 0)), Fault.BAD_DELIMITER),
    "sequence delimiter in a closed sequence": (long(0x00404018, "SQ", tag(END, 0)), Fault.BAD_DELIMITER),
    "sequence delimiter in an item": (
        long(0x00404018, "SQ", tag(ITEM, UNDEFINED) + tag(END, 0), UNDEFINED), Fault.BAD_DELIMITER),
    "item delimiter with length": (
        long(0x00404018, "SQ", tag(ITEM, UNDEFINED) + tag(ITEM_END, 2), UNDEFINED), Fault.BAD_DELIMITER),
    "sequence delimiter with length": (long(0x00404018, "SQ", tag(END, 2), UNDEFINED), Fault.BAD_DELIMITER),
    "no item in a sequence": (long(0x00404018, "SQ", CODE), Fault.BAD_DELIMITER),
    "text of undefined length": (long(0x00420010, "UT", b"ab", UNDEFINED), Fault.BAD_LENGTH),
    "fragments without end": (long(0x7FE00010, "OB", tag(ITEM, 0), UNDEFINED), Fault.TRUNCATED),
    "fragment cut": (long(0x7FE00010, "OB", tag(ITEM, 9), UNDEFINED), Fault.TRUNCATED),
    "no fragment": (long(0x7FE00010, "OB", CODE, UNDEFINED), Fault.BAD_DELIMITER),
    "open fragment": (long(0x7FE00010, "OB", tag(ITEM, UNDEFINED), UNDEFINED), Fault.BAD_LENGTH),
    "fragments' end with length": (long(0x7FE00010, "OB", tag(END, 2), UNDEFINED), Fault.BAD_DELIMITER),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(kernel: ModuleType, name: str) -> None:
    data, code = REFUSED[name]
    refused(kernel, data, code)


def test_explicit_as_implicit_is_an_error(kernel: ModuleType) -> None:
    refused(kernel, CODE + short(0x00080104, "LO", b"abcd"), Fault.TRUNCATED, implicit=True)


def test_errors_name_offset_and_path(kernel: ModuleType) -> None:
    inner = long(0x00404028, "SQ", tag(ITEM, 0) + tag(ITEM, 8) + short(0x00080100, "??", b""))
    data = CODE + long(0x00741216, "SQ", tag(ITEM, 0) + tag(ITEM, len(inner)) + inner)
    error = refused(kernel, data, Fault.BAD_VR)
    assert error.path == "00741216[1]/00404028[1]/00080100"
    assert error.offset == len(data) - 4
    assert str(error).endswith(f"(at 00741216[1]/00404028[1]/00080100, offset {error.offset}) [PS3.5 7]")


@pytest.mark.parametrize("form", ["defined", "undefined", "UN"])
def test_nesting_has_a_limit(kernel: ModuleType, form: str) -> None:
    def nested(levels: int) -> bytes:
        data = b""
        for level in range(levels):
            if form == "defined":
                data = long(0x00404018, "SQ", tag(ITEM, len(data)) + data)
            elif form == "undefined":
                data = long(0x00404018, "SQ", tag(ITEM, UNDEFINED) + data + tag(ITEM_END, 0) + tag(END, 0), UNDEFINED)
            else:  # UN turns to implicit, where all below are plain sequences
                body = tag(ITEM, len(data)) + data
                inner = tag(0x00404018, UNDEFINED) + body + tag(END, 0)
                data = long(0x00404018, "UN", body + tag(END, 0), UNDEFINED) if level == levels - 1 else inner
        return data

    assert decode(kernel, nested(64))
    assert kernel.encode_dataset(decode(kernel, nested(64)), False, True)
    refused(kernel, nested(65), Fault.LIMIT)
    refused(kernel, nested(20_000), Fault.LIMIT)
    assert decode(kernel, nested(3), depth=3)
    refused(kernel, nested(3), Fault.LIMIT, depth=2)


def test_elements_and_items_have_a_limit(kernel: ModuleType) -> None:
    leaves = b"".join(short(0x00090000 | n, "US", b"") for n in range(0x1000, 0x1000 + 50))
    assert len(decode(kernel, leaves, count=50)) == 50
    refused(kernel, leaves, Fault.LIMIT, count=49)
    items = long(0x00404018, "SQ", tag(ITEM, 0) * 50)
    assert decode(kernel, items, count=51)
    refused(kernel, items, Fault.LIMIT, count=50)
    fragments = long(0x7FE00010, "OB", tag(ITEM, 0) * 50 + tag(END, 0), UNDEFINED)
    assert decode(kernel, fragments, count=51)
    refused(kernel, fragments, Fault.LIMIT, count=50)


def test_a_length_that_lies_costs_nothing(kernel: ModuleType) -> None:
    tracemalloc.start()
    try:
        refused(kernel, long(0x00420011, "OB", b"", 0xFFFFFFFE), Fault.TRUNCATED)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_nested_defined_lengths_take_linear_time(kernel: ModuleType) -> None:
    data = long(0x00420011, "OB", bytes(4 << 20))
    for _ in range(60):
        data = long(0x00404018, "SQ", tag(ITEM, len(data)) + data)
    start = time.perf_counter()
    decode(kernel, data)
    assert time.perf_counter() - start < 1.0  # copying per level would move 250 MiB several times


# --- writing ---------------------------------------------------------------------------------------------------------


def test_tags_ascend_and_groups_that_do_not_belong_stay_out(kernel: ModuleType) -> None:
    dataset = Dataset()
    for number, vr, value in [(0x00100020, "LO", "x"), (0x00080000, "UL", 4), (0x00020010, "UI", "1.2"),
                              (0x00080060, "CS", "OT")]:  # fmt: skip
        dataset.add(DataElement(number, vr, value))
    expected = short(0x00080060, "CS", b"OT") + short(0x00100020, "LO", b"x ")
    assert kernel.encode_dataset(dataset, False, True) == expected


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [("UI", "1.2", b"1.2\0"), ("LO", "abc", b"abc "), ("OB", b"abc", b"abc\0"), ("UN", b"abc", b"abc\0"),
     ("DS", "1.5", b"1.5 "), ("IS", [1, 2], b"1\\2 "), ("AT", 0x00100020, b"\x10\0\x20\0"), ("FD", None, b""),
     ("US", [1, 2], b"\1\0\2\0"), ("PN", "Doe^Jane", b"Doe^Jane"), ("LO", ["a", None], b"a\\")],
)  # fmt: skip
def test_values(kernel: ModuleType, vr: str, value: object, expected: bytes) -> None:
    dataset = Dataset()
    dataset.add(DataElement(0x0012A000, vr, value, validation_mode=0))
    assert kernel.encode_dataset(dataset, True, True)[8:] == expected


@pytest.mark.parametrize(
    ("vr", "value", "code"),
    [("US", 70000, Fault.BAD_VALUE), ("US", "x", Fault.BAD_VALUE), ("LO", 5, Fault.BAD_VALUE),
     ("LO", "日本", Fault.BAD_VALUE), ("ZZ", "x", Fault.BAD_VR), ("CS", "日", Fault.BAD_VALUE),
     ("OB", 7, Fault.BAD_VALUE)],
)  # fmt: skip
def test_values_that_do_not_fit(kernel: ModuleType, vr: str, value: object, code: Fault) -> None:
    item, dataset = Dataset(), Dataset()
    item.add(DataElement(0x0012A000, vr, value, validation_mode=0, already_converted=True))
    dataset.add(DataElement(0x00404018, "SQ", Sequence([Dataset(), item])))
    with pytest.raises(EncodeError) as caught:
        kernel.encode_dataset(dataset, False, True)
    assert (caught.value.code, caught.value.path) == (code, "00404018[1]/0012A000")


def test_a_value_too_long_for_its_length_field_becomes_un(kernel: ModuleType) -> None:
    def written(size: int) -> bytes:
        dataset = Dataset()
        dataset.add(DataElement(0x0012A000, "LT", "x" * size, validation_mode=0))
        return bytes(kernel.encode_dataset(dataset, False, True))

    assert written(65534)[:8] == struct.pack("<HH2sH", 0x12, 0xA000, b"LT", 65534)
    assert written(65535)[:12] == struct.pack("<HH2sHI", 0x12, 0xA000, b"UN", 0, 65536)
    assert decode(kernel, written(65536))[0x0012A000].value == b"x" * 65536


def test_a_leaf_on_a_sequence_tag_has_no_implicit_form(kernel: ModuleType) -> None:
    dataset = decode(kernel, short(0x00404018, "LO", b"ab"))
    assert kernel.encode_dataset(dataset, False, True) == short(0x00404018, "LO", b"ab")
    with pytest.raises(EncodeError) as caught:
        kernel.encode_dataset(dataset, True, True)
    assert (caught.value.code, caught.value.path) == (Fault.BAD_VR, "00404018")


def test_nesting_without_end_is_an_error(kernel: ModuleType) -> None:
    dataset = Dataset()
    dataset.add(DataElement(0x00404018, "SQ", Sequence()))
    dataset.ScheduledWorkitemCodeSequence.append(dataset)
    with pytest.raises(EncodeError) as caught:
        kernel.encode_dataset(dataset, False, True)
    assert caught.value.code == Fault.LIMIT


def test_items_inherit_the_character_set_and_text_follows_a_changed_one(kernel: ModuleType) -> None:
    item = short(0x00080104, "LO", "Zürich".encode("latin-1"))
    own = short(0x00080005, "CS", b"ISO_IR 192") + short(0x00080104, "LO", "Zürich ".encode())
    sequence = long(0x00404018, "SQ", tag(ITEM, len(item)) + item + tag(ITEM, len(own)) + own)
    dataset = decode(kernel, short(0x00080005, "CS", b"ISO_IR 100") + sequence)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    again = decode(kernel, kernel.encode_dataset(dataset, False, True))
    assert again.SpecificCharacterSet == "ISO_IR 192"
    items = again.ScheduledWorkitemCodeSequence
    assert items[0].get_item(0x00080104).value == "Zürich ".encode()
    assert [one.CodeMeaning for one in items] == ["Zürich", "Zürich"]


def test_code_extensions(kernel: ModuleType) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    data = kernel.encode_dataset(dataset, False, True)
    assert b"\x1b$B;3ED\x1b(B^" in data
    assert decode(kernel, data).PatientName == dataset.PatientName
    dataset.PatientName = "Ж^한"
    with pytest.raises(EncodeError):
        kernel.encode_dataset(dataset, False, True)


def test_escape_sequences_of_no_declared_character_set_are_an_error(kernel: ModuleType) -> None:
    text = short(0x00080005, "CS", b"\\ISO 2022 IR 87 ") + short(0x00100020, "LO", b"a\x1b$)Cxyz")
    dataset = decode(kernel, text)
    assert kernel.encode_dataset(dataset, False, True) == text
    dataset.SpecificCharacterSet = "ISO_IR 192"
    with pytest.raises(EncodeError) as caught:
        kernel.encode_dataset(dataset, False, True)
    assert caught.value.path == "00100020"


def test_encoding_does_not_change_the_data_set(kernel: ModuleType) -> None:
    ambiguous = tag(0x00280103, 2) + b"\1\0" + tag(0x00280106, 2) + b"\xff\xff"
    implicit_item = tag(ITEM, 14) + tag(0x00080100, 6) + b"121726"
    data = tag(0x00404018, len(implicit_item)) + implicit_item + ambiguous
    assert b"SS\x02\0\xff\xff" in kernel.encode_dataset(decode(kernel, data, implicit=True), False, True)
    dataset = decode(kernel, data, implicit=True)
    before = dict(dataset._dict)
    for implicit, little in ENCODINGS:
        kernel.encode_dataset(dataset, implicit, little)
    assert dataset._dict == before
    assert all(dataset._dict[one] is before[one] for one in before)


def test_ambiguous_vrs_are_resolved(kernel: ModuleType) -> None:
    dataset = Dataset()
    dataset.PixelRepresentation = 1
    dataset.add(DataElement(0x00280106, "US or SS", -5))
    dataset.BitsAllocated = 8
    dataset.add(DataElement(0x7FE00010, "OB or OW", b"\1\2"))
    dataset.add(DataElement(0x00283006, "US or OW", [1, 2]))
    again = decode(kernel, kernel.encode_dataset(dataset, False, True))
    assert [again[one].VR for one in (0x00280106, 0x7FE00010, 0x00283006)] == ["SS", "OB", "US"]
    assert again.SmallestImagePixelValue == -5


def test_words_change_their_byte_order_with_the_transfer_syntax(kernel: ModuleType) -> None:
    dataset = Dataset()
    dataset.add(DataElement(0x0012A000, "OW", b"\1\2\3\4"))
    big = kernel.encode_dataset(dataset, False, False)
    assert big.endswith(b"\2\1\4\3")
    again = kernel.decode_dataset(big, False, False, 64, MANY)
    assert kernel.encode_dataset(again, False, True).endswith(b"\1\2\3\4")
    assert again[0x0012A000].value == b"\2\1\4\3"  # converted now, still in the order it was read in
    assert kernel.encode_dataset(again, False, True).endswith(b"\1\2\3\4")


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(dataset=datasets())
def test_what_is_written_reads_back(kernel: ModuleType, dataset: Dataset) -> None:
    for implicit, little in ENCODINGS:
        data = kernel.encode_dataset(dataset, implicit, little)
        again = kernel.decode_dataset(data, implicit, little, 64, MANY)
        assert kernel.encode_dataset(again, implicit, little) == data
        if not implicit:
            other = kernel.encode_dataset(again, False, not little)
            assert other == kernel.encode_dataset(dataset, False, not little)


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(dataset=workitems())
def test_workitems_survive_every_encoding(kernel: ModuleType, dataset: Dataset) -> None:
    for implicit, little in ENCODINGS:
        again = kernel.decode_dataset(kernel.encode_dataset(dataset, implicit, little), implicit, little, 64, MANY)
        assert again == dataset


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET)
@given(data=st.data(), implicit=st.booleans(), little=st.booleans())
def test_hostile_bytes_raise_nothing_else(
    kernel: ModuleType, data: st.DataObject, implicit: bool, little: bool
) -> None:
    blank = pydicom.Dataset()
    source = data.draw(st.one_of(st.just(blank), datasets()))
    encoded = kernel.encode_dataset(source, implicit, little)
    hostile = data.draw(st.one_of(st.binary(max_size=200), mutated(encoded)))
    try:
        found = kernel.decode_dataset(hostile, implicit, little, 8, 100)
    except DecodeError:
        return
    assert kernel.encode_dataset(found, implicit, little) is not None


def test_fragments_have_an_implicit_form_under_pixel_data_only(kernel: ModuleType) -> None:
    fragments = tag(ITEM, 2) + b"ab"
    for number, fits in ((0x7FE00010, True), (0x0012A000, False)):
        dataset = decode(kernel, long(number, "OB", fragments + tag(END, 0), UNDEFINED))
        if fits:
            again = decode(kernel, kernel.encode_dataset(dataset, True, True), implicit=True)
            assert again.get_item(number).value == fragments
        else:
            with pytest.raises(EncodeError, match="implicit VR"):
                kernel.encode_dataset(dataset, True, True)


def test_undefined_length_means_a_sequence_in_implicit_vr(kernel: ModuleType) -> None:
    dataset = decode(kernel, tag(0x00100020, UNDEFINED) + tag(ITEM, 0) + tag(END, 0), implicit=True)
    assert dataset[0x00100020].VR == "SQ"
