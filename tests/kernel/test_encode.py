"""encode_dataset value by value and element by element (PS3.5 6.2 and 7)."""

from __future__ import annotations

import datetime
import struct
from decimal import Decimal
from io import BytesIO
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import DA, IS, TM, VR, DSdecimal, DSfloat, PersonName

from dicomnet.errors import DicomNetError, EncodeError, Fault
from dicomnet.kernel import _python_encode

from .writing import TAG, content, dataset_of, element, fails

pytestmark = pytest.mark.once


@pytest.fixture
def alone(kernel: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The body without the reference to fall back on: what needs no help must get none."""
    if kernel.__name__.endswith("_cython"):
        kernel.encode_dataset(Dataset(), False, True)  # it binds what it needs at the first use

        def refuse(*_: object) -> None:
            raise AssertionError("the reference was asked")

        monkeypatch.setattr(_python_encode, "Encoder", refuse)
    return kernel


# --- values ----------------------------------------------------------------------------------------------------------

NAME = PersonName("Doe^Jane")
WRITTEN: list[tuple[str, object, bytes]] = [
    ("CS", "ABC", b"ABC "),
    ("CS", b"ABC", b"ABC "),
    ("CS", ["A", "B", None], b"A\\B\\"),
    ("CS", "\xe9a", b"\xe9a"),
    ("UI", UID("1.2.3"), b"1.2.3\0"),
    ("UI", [UID("1.2"), UID("3.4")], b"1.2\\3.4\0"),
    ("UI", MultiValue(UID, ["1.2", "3.4"]), b"1.2\\3.4\0"),
    ("UI", UID(""), b""),
    ("DS", DSfloat("1.50"), b"1.50"),
    ("DS", DSfloat(1.5), b"1.5 "),
    ("DS", DSfloat(-0.0), b"-0.0"),
    ("DS", DSfloat(1e22), b"1e+22 "),
    ("DS", MultiValue(DSfloat, ["1.0", " 2 ", 3]), b"1.0\\2\\3.0 "),
    ("DS", [DSdecimal("1.10"), 2, 0.25, "x"], b"1.10\\2\\0.25\\x "),
    ("DS", Decimal("1.5"), b"1.5 "),
    ("DS", float("nan"), b"nan "),
    ("IS", IS("007"), b"007 "),
    ("IS", IS(-7), b"-7"),
    ("IS", [IS("1"), 2, -(2**63), 2**80], b"1\\2\\-9223372036854775808\\1208925819614629174706176"),
    ("IS", True, b"True"),
    ("DA", DA("20300101"), b"20300101"),
    ("DA", datetime.date(2030, 1, 2), b"20300102"),
    ("TM", TM("101500.250"), b"101500.250"),
    ("DT", datetime.datetime(2030, 1, 2, 3, 4, 5), b"20300102030405"),
    ("US", 0xFFFF, b"\xff\xff"),
    ("US", (1, 2), b"\1\0\2\0"),
    ("US", True, b"\1\0"),
    ("US", [], b""),
    ("US", IS("5"), b"\5\0"),
    ("US", b"\1\2\3\4", b"\1\2\3\4"),
    ("SS", [-32768, 32767], b"\0\x80\xff\x7f"),
    ("UL", 0xFFFFFFFF, b"\xff\xff\xff\xff"),
    ("SL", -(2**31), b"\0\0\0\x80"),
    ("UV", 2**64 - 1, b"\xff" * 8),
    ("SV", [-1, 1], b"\xff" * 8 + b"\1" + bytes(7)),
    ("FL", 1.5, b"\0\0\xc0\x3f"),
    ("FL", 2, b"\0\0\0\x40"),
    ("FD", [1.5, DSfloat("-2")], struct.pack("<2d", 1.5, -2)),
    ("FD", float("inf"), struct.pack("<d", float("inf"))),
    ("AT", BaseTag(0x00100020), b"\x10\0\x20\0"),
    ("AT", [0x00100020, "PatientName"], b"\x10\0\x20\0\x10\0\x10\0"),
    ("AT", [], b""),
    ("LO", "text", b"text"),
    ("LO", ["a", None, b"b", "c"], b"a\\\\b\\c"),
    ("LO", "a\x1bb", b"a\x1bb "),
    ("UT", "long", b"long"),
    ("PN", NAME, b"Doe^Jane"),
    ("PN", [NAME, "Roe^R"], b"Doe^Jane\\Roe^R"),
    ("PN", PersonName("A=B=C"), b"A=B=C "),
    ("PN", PersonName(b"M\xfcller", ["iso8859"]), b"M\xfcller"),
    ("PN", PersonName(b"M\xfcller", ["latin_1"]), b"M\xfcller"),
    ("PN", PersonName("M\xc3\xbcller".encode("latin-1"), ["utf8"]), b"M\xfcller"),
    ("PN", PersonName(""), b""),
    ("OB", b"abc", b"abc\0"),
    ("OB", bytearray(b"abcd"), b"abcd"),
    ("OW", memoryview(b"abcd"), b"abcd"),
    ("OB", BytesIO(b"abcd"), b"abcd"),
    ("UN", b"ab", b"ab"),
    *((vr, None, b"") for vr in ("AE", "DS", "LO", "PN", "US", "FD", "AT", "OW", "UN")),
    *((vr, "", b"") for vr in ("AE", "DS", "LO", "PN", "US", "FD", "AT", "OW", "UN")),
    *((vr, b"", b"") for vr in ("AE", "DS", "LO", "PN", "US", "FD", "AT", "OW", "UN")),
]


@pytest.mark.parametrize(("vr", "value", "expected"), WRITTEN)
def test_every_class_of_value(kernel: ModuleType, vr: str, value: object, expected: bytes) -> None:
    assert content(kernel, vr, value) == expected


def test_an_iterator_is_read_once(kernel: ModuleType) -> None:
    assert content(kernel, "US", iter([1, 2])) == b"\1\0\2\0"
    assert content(kernel, "LO", (text for text in "ab")) == b"a\\b "
    fails(kernel, dataset_of(element("US", iter([1, "x"]))))


WRONG: list[tuple[str, object]] = [
    ("US", -1), ("US", 65536), ("SS", 32768), ("UL", 2**32), ("SL", -(2**31) - 1), ("UV", -1), ("UV", 2**64),
    ("SV", 2**63), ("FL", 1e39), ("FL", 10**400), ("FD", "1.5"), ("US", [1, None]), ("US", 1.0), ("AT", 2**32),
    ("AT", -1), ("AT", BaseTag(2**40)), ("AT", b"\1\2\3\4"), ("OB", "text"), ("OB", []), ("OW", 5), ("LO", 5),
    ("LO", ["a", 5]), ("PN", 5), ("LO", "Ж"), ("CS", "Ж"), ("CS", ["A", "Ж"]), ("LO", "\ud800"), ("DS", ["\ud800"]),
]  # fmt: skip


@pytest.mark.parametrize(("vr", "value"), WRONG)
def test_values_that_cannot_be_written(kernel: ModuleType, vr: str, value: object) -> None:
    assert fails(kernel, dataset_of(element(vr, value))).path == f"{TAG:08X}"


@pytest.mark.parametrize("text", ["plain", "é", "Ж", "日本", "\U0001f600", "a\x1bb", "aé日\U0001f600" * 3000])
def test_utf8(kernel: ModuleType, text: str) -> None:
    expected = text.encode() + b" " * (len(text.encode()) % 2)
    assert content(kernel, "UT", text, charset="ISO_IR 192") == expected
    assert content(kernel, "PN", PersonName(text, validation_mode=0), charset="ISO_IR 192")[: len(expected)] == expected
    assert content(kernel, "UC", [text, b"x", text], charset="ISO_IR 192").rstrip(b" ") == b"\\".join(
        [text.encode(), b"x", text.encode()]
    )


def test_surrogates_are_no_text(kernel: ModuleType) -> None:
    for text in ("\ud800", "a\udfff日", "\U0001f600\udc00"):
        fails(kernel, dataset_of(element("UT", text), charset="ISO_IR 192"))


def test_text_in_other_character_sets(kernel: ModuleType) -> None:
    assert content(kernel, "LO", "Жук", charset="ISO_IR 144") == "Жук ".encode("iso8859_5")
    assert content(kernel, "LO", "plain", charset="ISO_IR 144") == b"plain "
    assert content(kernel, "LO", ["plain", "王"], charset="GB18030") == b"plain\\" + "王".encode("GB18030")
    japanese = dataset_of(element("PN", PersonName("Yamada^Tarou=山田^太郎")))
    japanese.add(element("CS", ["", "ISO 2022 IR 87"], 0x00080005))
    assert b"=\x1b$B;3ED\x1b(B^" in kernel.encode_dataset(japanese, False, True)


@pytest.mark.parametrize("charset", [b"ISO_IR 192", ["ISO_IR 192"], MultiValue(str, ["ISO_IR 192"]), "utf8"])
def test_the_character_set_in_other_forms(kernel: ModuleType, charset: object) -> None:
    for _ in range(2):  # the second time it is known
        dataset = dataset_of(element("LO", "é"), element("CS", charset, 0x00080005))
        assert kernel.encode_dataset(dataset, False, True).endswith("é".encode())
    raw = RawDataElement(BaseTag(0x00080005), "CS", 10, b"ISO_IR 192", 0, False, True)
    assert kernel.encode_dataset(dataset_of(element("LO", "é"), raw), False, True).endswith("é".encode())


def test_many_character_sets(kernel: ModuleType) -> None:
    for number in range(200):
        assert content(kernel, "LO", "é", charset=f"NO {number}") == b"\xe9 "
        assert content(kernel, "LO", "é", charset="ISO_IR 192") == "é".encode()


@pytest.mark.parametrize("tag", [0x00281101, 0x00283002])
def test_the_first_number_of_a_lookup_table_descriptor_is_unsigned(kernel: ModuleType, tag: int) -> None:
    dataset = dataset_of(element("SS", [65535, -2, 16], tag))
    assert kernel.encode_dataset(dataset, False, True)[8:] == struct.pack("<Hhh", 65535, -2, 16)
    fails(kernel, dataset_of(element("SS", [-1, 0, 16], tag)))
    fails(kernel, dataset_of(element("SS", [65535, -2, 16])))


def test_the_other_byte_order(kernel: ModuleType) -> None:
    for vr, value, expected in [
        ("US", 1, b"\0\1"), ("SS", -2, b"\xff\xfe"), ("UL", 1, b"\0\0\0\1"), ("SL", -2, b"\xff\xff\xff\xfe"),
        ("UV", 1, bytes(7) + b"\1"), ("SV", [-2], b"\xff" * 7 + b"\xfe"), ("FL", 1.5, b"\x3f\xc0\0\0"),
        ("FD", 1.5, b"\x3f\xf8" + bytes(6)), ("AT", 0x00100020, b"\0\x10\0\x20"), ("OW", b"abcd", b"badc"),
        ("OV", b"12345678", b"87654321"), ("OB", b"ab", b"ab"), ("US", b"ab", b"ba"), ("LO", "ab", b"ab"),
    ]:  # fmt: skip
        assert content(kernel, vr, value, little=False) == expected, vr
    with pytest.raises(EncodeError):
        content(kernel, "OW", b"abc", little=False)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(
        st.floats() | st.decimals(-10**9, 10**9, places=3).map(float) | st.integers(-(10**16), 10**16).map(float)
        | st.decimals(-1, 1, places=6).map(float), min_size=1, max_size=20
    )
)  # fmt: skip
@example([0.1, 0.001, 0.0001, 1e9, 999999999.999999, 123456789.123456, 0.3, 1 / 3, 5e-324, 1e16, 123456789012345680.0])
def test_floats_are_printed_as_python_prints_them(kernel: ModuleType, numbers: list[float]) -> None:
    expected = "\\".join(map(repr, numbers)).encode()
    assert content(kernel, "UR", numbers).rstrip(b" ") == expected
    assert content(kernel, "UR", [DSfloat(number, validation_mode=0) for number in numbers]).rstrip(b" ") == expected


# --- elements --------------------------------------------------------------------------------------------------------


def test_order_does_not_matter(alone: ModuleType) -> None:
    tags = [0x00100000 + (7919 * number) % 4999 + 1 for number in range(4000)]
    ascending = dataset_of(*(element("US", 1, tag) for tag in sorted(tags)))
    for order in (tags, sorted(tags, reverse=True), [*sorted(tags)[1:], min(tags)]):
        shuffled = dataset_of(*(element("US", 1, tag) for tag in order))
        assert alone.encode_dataset(shuffled, False, True) == alone.encode_dataset(ascending, False, True)


def test_keys_that_are_no_tags_of_pydicoms(kernel: ModuleType) -> None:
    dataset = dataset_of(element("US", 2))
    dataset._dict[0x00100020] = element("US", 1, 0x00100020)  # type: ignore[index]
    assert kernel.encode_dataset(dataset, False, True)[8:10] == b"\1\0"
    for key in (-1, 2**33 + 1, "PatientID", 0xFFFEE000):
        strange = dataset_of(element("US", 2))
        strange._dict[key] = element("US", 1)  # type: ignore[index]
        with pytest.raises(DicomNetError):
            kernel.encode_dataset(strange, False, True)


def test_plain_data_need_no_help(alone: ModuleType) -> None:
    item = dataset_of(element("LO", "Zürichs"), element("DS", MultiValue(DSfloat, ["1", "2.0", 3])))
    dataset = dataset_of(
        element("SQ", Sequence([item, Dataset()]), 0x00404018),
        element(VR.PN, PersonName("Müller^Jörg"), 0x00100010),
        element("FD", [1.0, 2.5], 0x0012A001),
        element("OB", struct.pack("<HHI", 0xFFFE, 0xE000, 0), 0x7FE00010, undefined=True),
        RawDataElement(BaseTag(0x00100020), "LO", 2, b"ab", 0, False, True),
        RawDataElement(BaseTag(0x00280010), None, 2, b"\0\2", 0, True, False),
        charset="ISO_IR 192",
    )
    assert len(alone.encode_dataset(dataset, False, True)) > 100
    assert len(alone.encode_dataset(dataset, True, True)) > 100


def test_vr_as_pydicoms_enumeration(kernel: ModuleType) -> None:
    assert kernel.encode_dataset(dataset_of(element(VR.US, 1)), False, True)[4:] == b"US\2\0\1\0"
    assert kernel.encode_dataset(dataset_of(element(VR.US_SS, 1)), False, True)[4:] == b"US\2\0\1\0"


@pytest.mark.parametrize("vr", ["us", "U", "USS", "??", "", "\xdcS", "日本"])
def test_no_vr(kernel: ModuleType, vr: str) -> None:
    with pytest.raises(EncodeError):
        kernel.encode_dataset(dataset_of(element(vr, 1)), False, True)


def test_subclasses_and_look_alikes(kernel: ModuleType) -> None:
    class Element(DataElement):
        value = property(lambda self: [7, 8])

    class Text(str):
        def encode(self, *_: object) -> bytes:
            return b"my own"

    class Number(int):
        def __index__(self) -> int:
            return 9

    class Data(Dataset):
        pass

    own = Element(BaseTag(TAG), "US", 1, already_converted=True)
    assert kernel.encode_dataset(dataset_of(own), False, True)[8:] == b"\7\0\x08\0"
    assert content(kernel, "CS", Text("x")) == b"my own"
    assert content(kernel, "US", Number(3)) == struct.pack("<H", Number(3))
    data = Data()
    data.add(element("SQ", Sequence([data_item := Data()]), 0x00404018))
    data_item.add(element("US", 1))
    file = FileDataset("", {}, file_meta=None)
    file.add(element("SQ", [data_item], 0x00404018))
    assert kernel.encode_dataset(data, False, True) == kernel.encode_dataset(file, False, True)


def test_raw_elements(kernel: ModuleType) -> None:
    def raw(
        vr: str | None, value: bytes | None, *, implicit: bool = False, little: bool = True, tag: int = TAG
    ) -> bytes:
        one = RawDataElement(BaseTag(tag), vr, len(value or b""), value, 0, implicit, little)
        written: bytes = kernel.encode_dataset(dataset_of(one), False, True)
        return written[4:]

    assert raw("US", b"\1\2") == b"US\2\0\1\2"
    assert raw("US", b"\1\2", little=False) == b"US\2\0\2\1"
    assert raw("LO", b"abc") == b"LO\4\0abc "
    assert raw("LO", None) == b"LO\0\0"
    assert raw("OW", b"abcd", little=False) == b"OW\0\0\4\0\0\0badc"
    assert raw(None, b"\1\2", implicit=True, tag=0x00280010) == b"US\2\0\1\2"
    assert raw(None, b"ab", implicit=True) == b"UN\0\0\2\0\0\0ab"
    assert raw(None, b"ab", implicit=True, tag=0x00190010) == b"LO\2\0ab"
    assert raw(None, b"ab", implicit=True, tag=0x00191001) == b"UN\0\0\2\0\0\0ab"
    assert raw("US or SS", b"\1\2") == b"US\2\0\1\2"
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 10) + struct.pack("<HHIH", 0x28, 0x10, 2, 5)
    explicit = struct.pack("<HHI", 0xFFFE, 0xE000, 10) + struct.pack("<HH2sHH", 0x28, 0x10, b"US", 2, 5)
    assert raw("SQ", items, implicit=True, tag=0x00404018)[8:] == explicit
    assert raw("SQ", explicit, tag=0x00404018)[8:] == explicit
    with pytest.raises(EncodeError):
        raw("SQ", items[:-1], implicit=True, tag=0x00404018)
    with pytest.raises(EncodeError):
        raw("US", b"\1", little=False)
    with pytest.raises(EncodeError):
        raw("??", b"")


def test_raw_elements_that_pydicom_would_never_make(kernel: ModuleType) -> None:
    short = tuple.__new__(RawDataElement, (BaseTag(TAG), "US"))
    odd: list[RawDataElement] = [
        short,
        RawDataElement(BaseTag(TAG), "US", 2, "ab", 0, False, True),  # type: ignore[arg-type]
        RawDataElement(BaseTag(TAG), "LO", 0xFFFFFFFF, b"ab", 0, False, True),
        RawDataElement(BaseTag(TAG), 5, 2, b"ab", 0, False, True),  # type: ignore[arg-type]
    ]
    for one in odd:
        dataset = Dataset()
        dataset._dict[BaseTag(TAG)] = one
        with pytest.raises(EncodeError):
            kernel.encode_dataset(dataset, False, True)


FRAGMENT = struct.pack("<HHI", 0xFFFE, 0xE000, 2) + b"ab"


def test_fragments(kernel: ModuleType) -> None:
    pixels = element("OB", FRAGMENT * 2, 0x7FE00010, undefined=True)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    assert kernel.encode_dataset(dataset_of(pixels), False, True)[12:] == FRAGMENT * 2 + end
    assert kernel.encode_dataset(dataset_of(pixels), True, True)[8:] == FRAGMENT * 2 + end
    with pytest.raises(EncodeError):
        kernel.encode_dataset(dataset_of(pixels), False, False)
    for damaged in (FRAGMENT[:-1], FRAGMENT + b"abc", b"x" * 10, FRAGMENT[:4] + b"\xff\xff\xff\xff"):
        with pytest.raises(EncodeError):
            kernel.encode_dataset(dataset_of(element("OB", damaged, 0x7FE00010, undefined=True)), False, True)
    none = dataset_of(element("OB", None, 0x7FE00010, undefined=True))
    assert kernel.encode_dataset(none, False, True)[12:] == end


def test_long_values_in_short_forms(kernel: ModuleType) -> None:
    for vr, packed in [("US", ">H"), ("LT", "1s")]:
        for count in (32767, 32768, 70000):
            long = [7] * count if vr == "US" else "x" * count
            for little in (True, False):
                written = kernel.encode_dataset(dataset_of(element(vr, long)), False, little)
                size = count * struct.calcsize(packed) + count * struct.calcsize(packed) % 2
                assert written[4:6] == (b"UN" if size > 65534 else vr.encode())
                assert len(written) == size + (12 if size > 65534 else 8)
                if vr == "US":
                    # UN is little endian whatever encloses it
                    assert written[-2:] == (b"\7\0" if little or size > 65534 else b"\0\7")


@pytest.mark.parametrize("size", [0, 1, 8000, 8180, 8192, 9000, 1 << 20])
def test_the_buffer_grows(alone: ModuleType, size: int) -> None:
    big = bytes(range(256)) * (size // 256) + bytes(size % 256)
    elements = [element("US", number, 0x0012A000 + number) for number in range(60)]
    dataset = dataset_of(element("LO", "x", 0x00100020), *elements, element("OB", big, 0x00420011))
    dataset.add(element("SQ", Sequence([dataset_of(element("UT", "y" * size)) for _ in range(3)]), 0x00741216))
    written = alone.encode_dataset(dataset, False, True)
    assert big in written
    assert len(written) == 10 + 600 + 12 + size + size % 2 + 12 + 3 * (8 + 12 + size + size % 2)


def test_sequences(kernel: ModuleType) -> None:
    def nested(levels: int) -> Dataset:
        dataset = Dataset()
        for _ in range(levels):
            dataset = dataset_of(element("SQ", Sequence([dataset]), 0x00404018))
        return dataset

    nothing: list[object] = [None, [], Sequence()]
    for value in nothing:
        assert len(kernel.encode_dataset(dataset_of(element("SQ", value, 0x00404018)), False, True)) == 12
    assert len(kernel.encode_dataset(nested(64), False, True)) == 64 * 20
    assert len(kernel.encode_dataset(nested(200), False, True, 200)) == 200 * 20
    assert fails(kernel, nested(65), Fault.LIMIT).path.count("/") == 64
    fails(kernel, nested(1), Fault.LIMIT, max_depth=0)
    wrong: list[object] = [[5], [None], [{}], 5, "text"]
    for value in wrong:
        fails(kernel, dataset_of(element("SQ", value, 0x00404018)))
