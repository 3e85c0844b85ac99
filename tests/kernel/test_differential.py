"""The two bodies of the kernel are the same: what they read, how it behaves, what they write, how they fail.

The comparing and the strategies are those of ``fuzz.kernel``, where they run for long; here they run briefly, and the
cases that must not depend on luck are spelled out.
"""

from __future__ import annotations

import os
import struct
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnet.testing.datasets import datasets, workitems
from dicomnet.testing.pdus import mutated
from fuzz.kernel import hostile, operations, soup
from fuzz.kernel.outcomes import BODIES, ENCODINGS, described, outcome
from fuzz.targets import kernel_command, kernel_decode, kernel_encode, kernel_pdv

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("cython")]

ITEM, ITEM_END, END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
EXPLICIT = (False, True)
READ_EVERYTHING = [operations.OPERATIONS.index(one) for one in (operations._iterate, operations._text)]
PLAIN_VRS = sorted({vr for _, vr in hostile.TAGS if len(vr) == 2 and vr != "SQ"})
CONTENTS = {content for contents in hostile.CONTENTS.values() for content in contents}
VALUES = sorted({cut for one in CONTENTS for cut in (one, one + b" " * (len(one) % 2), one[:-1])})
"""All of them whatever the VR is, each in an even and an odd length."""
THINNED = 3 if os.environ.get("DICOMNET_SANITIZE") == "1" else 1
""".ci/sanitize is slow, and little of the C is for one VR and one value: there each VR has a third of them in turn."""


def compare(data: bytes, encoding: tuple[bool, bool] = EXPLICIT, depth: int = 64, count: int = 200_000) -> None:
    """Everything that is compared, reading in every way."""
    for way in range(4):
        kernel_decode.compare_decoded(data, *encoding, depth, count, b"", deep=True, way=way)


def head(tag: int, vr: str, length: int, encoding: tuple[bool, bool] = EXPLICIT) -> bytes:
    return hostile.header(tag, vr, length, *encoding)


def leaf(tag: int, vr: str, content: bytes, encoding: tuple[bool, bool] = EXPLICIT) -> bytes:
    return head(tag, vr, len(content), encoding) + content


def sequence(tag: int, *items: bytes, encoding: tuple[bool, bool] = EXPLICIT, vr: str = "SQ") -> bytes:
    content = b"".join(head(ITEM, "", len(item), encoding) + item for item in items)
    return leaf(tag, vr, content, encoding)


def test_the_bodies_are_two() -> None:
    assert BODIES[0] is not BODIES[1]
    assert BODIES[1].__name__ == "dicomnet.kernel._cython"


# --- reading ---------------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(data=st.data(), encoding=st.sampled_from(ENCODINGS), depth=st.sampled_from([64, 2]))
def test_any_bytes(data: st.DataObject, encoding: tuple[bool, bool], depth: int) -> None:
    content = data.draw(hostile.encoded(*encoding))
    program = data.draw(hostile.programs())
    way = data.draw(st.integers(0, 7))
    kernel_decode.compare_decoded(content, *encoding, depth, 1000, program, deep=True, way=way)


@settings(max_examples=40)
@given(dataset=st.one_of(workitems(), datasets()), encoding=st.sampled_from(ENCODINGS), data=st.data())
def test_cut_anywhere_and_damaged(dataset: object, encoding: tuple[bool, bool], data: st.DataObject) -> None:
    encoded = BODIES[0].encode_dataset(dataset, *encoding)
    for _ in range(5):
        cut = encoded[: data.draw(st.integers(0, len(encoded)))]
        kernel_decode.compare_decoded(cut, *encoding, 64, 1000, b"", deep=True)
    kernel_decode.compare_decoded(data.draw(mutated(encoded)), *encoding, 64, 1000, b"", deep=True)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "length", [0, 1, 2, 3, 4, 5, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, UNDEFINED]
)
def test_lengths(encoding: tuple[bool, bool], length: int) -> None:
    for tag, vr in ((0x00100010, "PN"), (0x00420011, "OB"), (0x00404018, "SQ"), (0x00091001, "UN"), (0x7FE00010, "OW")):
        compare(head(tag, vr, length, encoding) + b"abcd", encoding)
        inner = head(tag, vr, length, encoding) + b"abcd"
        compare(sequence(0x00741216, inner, encoding=encoding) + leaf(0x300A00B0, "SQ", b"", encoding), encoding)
        compare(head(0x00741216, "SQ", 12 + len(inner), encoding) + head(ITEM, "", length, encoding) + inner, encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("astray", [ITEM, ITEM_END, END, 0xFFFE0000, 0xFFFEFFFF])
def test_delimiters_astray(encoding: tuple[bool, bool], astray: int) -> None:
    code = leaf(0x00080100, "SH", b"ab", encoding)
    for length in (0, 2, UNDEFINED):
        one = head(astray, "", length, encoding)
        open_item = head(ITEM, "", UNDEFINED, encoding)
        for data in (
            one,
            code + one,
            sequence(0x00404018, code + one, encoding=encoding),
            head(0x00404018, "SQ", UNDEFINED, encoding) + one,
            head(0x00404018, "SQ", UNDEFINED, encoding) + open_item + code + one + head(END, "", 0, encoding),
            head(0x00404018, "SQ", UNDEFINED, encoding) + open_item + code + head(ITEM_END, "", 0, encoding) + one,
            head(0x7FE00010, "OB", UNDEFINED, encoding) + head(ITEM, "", 0, encoding) + one,
        ):
            compare(data, encoding)
            compare(data + head(ITEM_END, "", 0, encoding) + head(END, "", 0, encoding), encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("undefined", [True, False])
def test_depth_and_count_at_the_edge(encoding: tuple[bool, bool], undefined: bool) -> None:
    for levels in (1, 2, 3, 5):
        data = hostile.nested(levels, undefined, *encoding)
        for depth in range(levels - 1, levels + 2):
            for count in range(2 * levels - 2, 2 * levels + 2):
                compare(data, encoding, max(depth, 0), count)
    for levels in (64, 65, 2000):
        data = hostile.nested(levels, undefined, *encoding)
        kernel_decode.compare_decoded(data, *encoding, 64, 200_000, b"", deep=levels == 64)


@pytest.mark.parametrize("encoding", ENCODINGS[1:])
@pytest.mark.parametrize("tag", [0x00404018, 0x00091001, 0x2005100E, 0x00120FFF, 0x00100010])
def test_un_as_a_sequence(encoding: tuple[bool, bool], tag: int) -> None:
    """Of defined and undefined length, public, private, with a creator that the dictionary knows; odd creators."""
    inner = sequence(0x00404018, leaf(0x00080100, "SH", b"12", (True, True)), encoding=(True, True))
    item = head(ITEM, "", len(inner), (True, True)) + inner
    for creator in (b"Philips MR Imaging DD 001 ", b"Philips MR Imaging DD 001\0", b"ACME", b"", b"a\\b ", b"\xff\xfe"):
        owner = leaf(tag & 0xFFFF0000 | tag >> 8 & 0xFF, "LO", creator, encoding) if tag >> 16 & 1 else b""
        for un_owner in (owner, owner.replace(b"LO", b"UN\0\0", 1)):
            compare(un_owner + leaf(tag, "UN", item, encoding), encoding)
            compare(un_owner + leaf(tag, "UN", item[:-1], encoding), encoding)
            ended = item + head(END, "", 0, (True, True))
            compare(un_owner + head(tag, "UN", UNDEFINED, encoding) + ended, encoding)
            compare(un_owner + head(tag, "UN", UNDEFINED, encoding) + item, encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_order_repetition_and_groups_that_do_not_belong(encoding: tuple[bool, bool]) -> None:
    first, second = leaf(0x00080060, "CS", b"OT", encoding), leaf(0x00100020, "LO", b"a ", encoding)
    group = leaf(0x00020010, "UI", b"1.2\0", encoding)
    length = leaf(0x00080000, "UL", b"\1\2\3\4", encoding)
    command = leaf(0x00000000, "UL", b"\1\2\3\4", encoding)
    private = leaf(0x00090010, "LO", b"ACME", encoding) + leaf(0x00091001, "UN", b"ab", encoding)
    for data in (
        *(second + first, first + first, second + first + second, group + first, first + group, length + first),
        *(command + first, first + command, private, private[::-1], private + leaf(0x00090000, "UL", b"", encoding)),
        *(sequence(0x00404018, second + first, encoding=encoding), sequence(0x00404018, first * 2, encoding=encoding)),
        *(sequence(0x00404018, length + group + first, encoding=encoding), leaf(0xFFFFFFFF, "UN", b"ab", encoding)),
    ):
        compare(data, encoding)


CHARACTER_SETS = [
    *(b"", b"ISO_IR 100", b"ISO_IR 192", b"GB18030 ", b"GBK ", b"ISO_IR 13 ", b"\\ISO 2022 IR 87 ", b"nonsense"),
    *(b"ISO 2022 IR 6\\ISO 2022 IR 149", b"ISO 2022 IR 13\\ISO 2022 IR 87", b"ISO_IR 192\\ISO 2022 IR 87 ", b"utf8"),
    *(b"ISO-IR 100", b"\xff\xfe", b" ISO_IR 192 ", b"ISO_IR 144\\ISO_IR 100 ", b"\\" * 70, b"ISO_IR 192\0"),
]
WRITTEN = [
    *("Ärger^Ö".encode("latin-1"), "Ä^日本=本^".encode(), "王^小东".encode("gb18030"), b"\x1b$B;3ED\x1b(B^\x1b$BB@O:"),
    *(b"\xd4\xcf\xc0\xde^=\x1b$B;3ED\x1b(J", b"Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce=", b"\xff\xfe\xfd", b"\x1b"),
    *(b"a\x1b(Bb", b"\x1b$)Cxyz", b"a\\\xc3\xa4\\b ", b"\xc3", b"\x80\x81", b"x^\x1b$B\\;3", b"\xa0a\xa0"),
]  # fmt: skip


@pytest.mark.parametrize("character_set", CHARACTER_SETS)
def test_character_sets(character_set: bytes) -> None:
    text = b"".join(
        leaf(tag, vr, one + b" " * (len(one) % 2), EXPLICIT)
        for number, one in enumerate(WRITTEN)
        for tag, vr in ((0x00091000 + number, "PN"), (0x00091100 + number, "LO"), (0x00091200 + number, "UT"))
    )
    declared = leaf(0x00080005, "CS", character_set)
    for data in (
        declared + text,
        text + declared,
        declared + sequence(0x00404018, text, leaf(0x00080005, "CS", b"ISO_IR 144") + text),
        sequence(0x00404018, declared + text) + text,
    ):
        kernel_decode.compare_decoded(data, *EXPLICIT, 64, 10_000, b"", deep=True, way=1)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("where", ["none", "top", "item", "behind", "odd", "both"])
def test_ambiguous_vrs(encoding: tuple[bool, bool], where: str) -> None:
    order = "<H" if encoding[1] else ">H"

    def pixel(value: int) -> bytes:
        return leaf(0x00280103, "US", struct.pack(order, value), encoding)

    ambiguous = b"".join(
        leaf(tag, vr, struct.pack(order, 0xFFF0) * times, encoding)
        for tag, vr, times in (
            *((0x00280106, "SS", 1), (0x00281101, "SS", 3), (0x00283002, "US", 3), (0x00283006, "OW", 2)),
            *((0x54001010, "OB", 1), (0x60003000, "OW", 2), (0x7FE00010, "OW", 2), (0x00189810, "SS", 1)),
        )
    )
    inner = sequence(0x0040A730, ambiguous, encoding=encoding)
    data = {
        "none": sequence(0x00081140, ambiguous + inner, encoding=encoding) + ambiguous,
        "top": sequence(0x00081140, ambiguous + inner, encoding=encoding) + pixel(1) + ambiguous,
        "item": sequence(0x00081140, pixel(1) + ambiguous + inner, encoding=encoding) + ambiguous,
        "behind": sequence(0x00081140, ambiguous + pixel(1) + inner, encoding=encoding) + ambiguous + pixel(0),
        "odd": leaf(0x00280103, "US", b"\1", encoding) + sequence(0x00081140, ambiguous, encoding=encoding),
        "both": pixel(1) + sequence(0x00081140, pixel(0) + ambiguous + inner, encoding=encoding) + ambiguous,
    }[where]
    data += leaf(0x00280100, "US", struct.pack(order, 8), encoding)
    compare(data, encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_fragments(encoding: tuple[bool, bool]) -> None:
    piece = leaf(ITEM, "", b"abcd", encoding)
    end = head(END, "", 0, encoding)
    for tag, vr in ((0x7FE00010, "OB"), (0x7FE00010, "OW"), (0x00120FFF, "OB"), (0x00091001, "OF"), (0x00120FFF, "UT")):
        for content in (b"", piece, piece * 2, leaf(ITEM, "", b"abc", encoding), piece[:-1], piece[:6]):
            compare(head(tag, vr, UNDEFINED, encoding) + content + end, encoding)
            compare(head(tag, vr, UNDEFINED, encoding) + content, encoding)
            nested = head(tag, vr, UNDEFINED, encoding) + content + end
            compare(sequence(0x00404018, nested, encoding=encoding), encoding)


@pytest.mark.parametrize("vr", PLAIN_VRS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_values_of_every_vr_right_and_wrong(vr: str, encoding: tuple[bool, bool]) -> None:
    """Under public tags of the VR and a private one, in an even and an odd length, with a warning or without.

    In one data set, or in one for each tag where that cannot be encoded: the rest of it would not be looked at.
    """
    tags = [tag for tag, known in hostile.TAGS if known == vr and tag >> 16 not in (0, 2) and tag & 0xFFFF][:3]
    for value in VALUES[PLAIN_VRS.index(vr) % THINNED :: THINNED]:
        elements = [leaf(tag, vr, value, encoding) for tag in sorted({*tags, 0x00091001})]
        together = b"".join(elements)
        for data in [together] if can_be_encoded(together, encoding) else elements:
            kernel_decode.compare_decoded(data, *encoding, 64, 1000, b"", deep=True, way=len(value))


def can_be_encoded(data: bytes, encoding: tuple[bool, bool]) -> bool:
    """As it came and when every value was read, whatever the encoding."""
    reference = BODIES[0]
    came = outcome(reference.decode_dataset, data, *encoding, 64, 1000)
    if came[0] != "value":
        return False
    for read in (lambda: None, lambda: str(came[1])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome(read)
        if any(outcome(reference.encode_dataset, came[1], *one)[0] != "value" for one in ENCODINGS):
            return False
    return True


@settings(max_examples=300)
@given(vr=st.sampled_from(["DS", "IS"]), data=st.data())
def test_numbers_in_text(vr: str, data: st.DataObject) -> None:
    text = st.one_of(
        hostile.value_fields(vr),
        st.floats().map(lambda number: repr(number).encode()),
        st.integers(-(1 << 70), 1 << 70).map(lambda number: str(number).encode()),
        st.decimals().map(lambda number: str(number).encode()),
        st.from_regex(rb"\A[ ]?[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{1,3})?[ ]?\Z"),
    )
    values = data.draw(st.lists(text, min_size=1, max_size=4))
    content = b"\\".join(values)
    kernel_decode.compare_decoded(leaf(0x00091001, vr, content), *EXPLICIT, 64, 100, b"", deep=True, way=1)


def test_numbers_have_all_their_bits() -> None:
    texts = ["0.1", "9007199254740993", "2.2250738585072011e-308", "1e23", "8.41e21", "5e-324", "123456789012345678"]
    for text in (*texts, *(f"{one}.{other}" for one in range(5) for other in range(1000, 1100, 7))):
        found = [body.decode_dataset(leaf(0x00091001, "DS", text.encode()), *EXPLICIT, 64, 9) for body in BODIES]
        for dataset in found:
            value = dataset[0x00091001].value
            assert struct.pack("<d", value) == struct.pack("<d", float(text))
            assert str(value) == text
    compare(leaf(0x00091001, "DS", "\\".join(texts).encode()))


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_any_buffer_is_read(make: type) -> None:
    data = leaf(0x00100020, "LO", b"abcd")
    for body in BODIES:
        source = make(data)
        dataset = body.decode_dataset(source, *EXPLICIT, 64, 10)
        if make is bytearray:
            source[:] = bytes(len(source))  # it was copied
        assert dataset.PatientID == "abcd"


def test_an_item_outlives_what_it_was_read_from() -> None:
    inner = sequence(0x00404018, leaf(0x00080100, "SH", b"ab"), leaf(0x00080100, "SH", b"cd"))
    for body in BODIES:
        dataset = body.decode_dataset(sequence(0x00741216, inner), *EXPLICIT, 64, 10)
        item = dataset[0x00741216].value[0]
        del dataset
        last = item[0x00404018].value[1]
        assert body.encode_dataset(item, *EXPLICIT) == inner
        del item
        assert last.CodeValue == "cd"


# --- operations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", range(len(operations.OPERATIONS)), ids=lambda one: operations.OPERATIONS[one].__name__
)
def test_every_operation(number: int) -> None:
    """Each with many arguments, on a fresh data set and on one that was read."""
    data = b"".join(
        (
            leaf(0x00080005, "CS", b"ISO_IR 192"),
            leaf(0x00080016, "UI", b"1.2.3\0"),
            leaf(0x00090010, "LO", b"ACME"),
            leaf(0x00091001, "DS", b"1.50\\2 "),
            leaf(0x00100010, "PN", "Ä^日 ".encode()),
            leaf(0x00200013, "IS", b"7 "),
            leaf(0x00280103, "US", b"\1\0"),
            leaf(0x00280106, "SS", b"\xff\xff"),
            sequence(0x00404018, leaf(0x00080100, "SH", b"12"), leaf(0x00280106, "US", b"\1\0")),
            leaf(0x00420011, "OB", b"abcdef"),
        )
    )
    for argument in range(256):
        step = bytes([number, argument])
        kernel_decode.compare_decoded(data, *EXPLICIT, 64, 100, step, deep=argument % 16 == 0, way=argument)
        if argument % 8 == 0:
            read = bytes([READ_EVERYTHING[argument // 8 % 2], 1])
            kernel_decode.compare_decoded(data, *EXPLICIT, 64, 100, read + step + read, deep=True, way=1)


# --- writing and framing ---------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(dataset=st.one_of(datasets(), workitems()))
def test_data_sets_are_written_the_same(dataset: object) -> None:
    for implicit, little in ENCODINGS:
        kernel_encode.compare_encoded(dataset, dataset, implicit, little, 64)


@settings(max_examples=300)
@given(kernel_encode.inputs())
def test_values_of_any_kind_are_written_or_refused_the_same(data: bytes) -> None:
    kernel_encode.examine(bytes([0x80 | (data or b"\0")[0]]) + data[1:])


@pytest.mark.parametrize("vr", [*PLAIN_VRS, "US or SS", "OB or OW", "ZZ"])
def test_odd_values_under_every_vr(vr: str) -> None:
    for number in range(len(soup._WEIRD)):
        for implicit, little in ENCODINGS:
            found = []
            for body in BODIES:
                dataset = soup.build(soup.Reader(b""), body)
                soup.put(dataset, 0x00091001, vr, soup._WEIRD[number]())
                soup.put(dataset, 0x00091002, vr, [soup._WEIRD[number](), soup._WEIRD[number]()])
                found.append(outcome(body.encode_dataset, dataset, implicit, little))
            assert found[0] == found[1], f"value {number}: reference {found[0]!r:.300}, fast body {found[1]!r:.300}"


@settings(max_examples=300)
@given(kernel_pdv.inputs())
def test_framing(data: bytes) -> None:
    kernel_pdv.examine(data)


@settings(max_examples=300)
@given(kernel_command.inputs())
def test_command_sets(data: bytes) -> None:
    kernel_command.examine(data)


# --- the comparison itself -------------------------------------------------------------------------------------------


def test_descriptions_tell_apart_what_differs() -> None:
    from pydicom.dataset import Dataset
    from pydicom.valuerep import DSfloat, PersonName

    def dataset(**names: object) -> Dataset:
        made = Dataset()
        for name, value in names.items():
            setattr(made, name, value)
        return made

    things: list[object] = [
        *(1, True, 1.0, -0.0, 0.0, "1", b"1", None, [1], (1,), [True], float("nan"), DSfloat("1"), DSfloat("1.0")),
        *(PersonName("A"), PersonName(b"A"), PersonName(b"A", ["utf8"]), dataset(), dataset(PatientID="a")),
        *(dataset(PatientID=None), dataset(note=1, _pixel_rep=1), dataset(PatientID="a", PatientName="b")),
    ]
    texts = [repr(described(one)) for one in things]
    assert len(set(texts)) == len(things)
    assert [described(one) == described(one) for one in things] == [True] * len(things)
