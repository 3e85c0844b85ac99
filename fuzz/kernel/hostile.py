"""Strategies for encoded data sets, right and wrong in every way we could think of (PS3.5 7), and for programs."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from dicomnet.kernel import _python
from dicomnet.testing.datasets import datasets, workitems
from dicomnet.testing.pdus import mutated

__all__ = ["CONTENTS", "TAGS", "TEXTS", "encoded", "header", "nested", "programs", "value_fields"]

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])

TEXTS = ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "UC", "UR", "UT")
"""VRs of characters that are no numbers; the last three have a length field of 32 bits."""

TAGS: tuple[tuple[int, str], ...] = (
    (0x00080005, "CS"), (0x00080016, "UI"), (0x00080018, "UI"), (0x00080020, "DA"), (0x00080030, "TM"),
    (0x00080060, "CS"), (0x00080054, "AE"), (0x00080100, "SH"), (0x00080119, "UC"), (0x00080120, "UR"),
    (0x00081190, "UR"), (0x00100010, "PN"), (0x00100020, "LO"), (0x00101010, "AS"), (0x00104000, "LT"),
    (0x00101001, "PN"), (0x00181041, "DS"), (0x00200013, "IS"), (0x00200032, "DS"), (0x00209165, "AT"),
    (0x00280009, "AT"), (0x00280010, "US"), (0x00280100, "US"), (0x00280103, "US"), (0x00280106, "US or SS"),
    (0x00281101, "US or SS"), (0x00281201, "OW"), (0x00283002, "US or SS"), (0x00283006, "US or OW"),
    (0x00189219, "SS"), (0x00186020, "SL"), (0x00187004, "FL"), (0x00189073, "FD"), (0x00404005, "DT"),
    (0x00081161, "UL"), (0x00080001, "UL"), (0x0040A120, "DT"), (0x00420010, "ST"), (0x00420011, "OB"),
    (0x0040A160, "UT"), (0x00660016, "OF"), (0x00660040, "OL"), (0x7FE00001, "OV"), (0x7FE00008, "OF"),
    (0x7FE00009, "OD"), (0x7FE00010, "OB or OW"), (0x54000100, "SQ"), (0x54001004, "US"), (0x54001010, "OB or OW"),
    (0x54000110, "OB or OW"), (0x60003000, "OB or OW"), (0x60020010, "US"), (0x50000010, "US"), (0x50003000, "OW"),
    (0x00041220, "SQ"), (0x00404018, "SQ"), (0x00404021, "SQ"), (0x00081140, "SQ"), (0x00741216, "SQ"),
    (0x0040A730, "SQ"), (0x00282000, "OB"), (0x00283000, "SQ"), (0x00283010, "SQ"), (0x00720050, "CS"),
    (0x00720082, "SV"), (0x00720083, "UV"), (0x0072006C, "OB"), (0x00120FFF, "UN"), (0x0012A000, "LO"),
    (0x00080000, "UL"), (0x00020000, "UL"), (0x00020010, "UI"), (0x00000002, "UI"), (0x00000000, "UL"),
    (0x00090010, "LO"), (0x00090011, "LO"), (0x00091001, "UN"), (0x00091101, "LO"), (0x00090001, "UN"),
    (0x00090000, "UL"), (0x20050010, "LO"), (0x2005100E, "SQ"), (0x20051083, "SQ"), (0x20051000, "FL"),
    (0x00190010, "LO"), (0x00191008, "UN"), (0x0019100C, "IS"), (0x00010010, "LO"), (0xFFFCFFFC, "OB"),
    (0x00411001, "SQ"), (0xFFFEE000, "UN"), (0xFFFFFFFF, "UN"), (0x300A00B0, "SQ"), (0x30060050, "DS"),
)  # fmt: skip
"""Tags that matter to a decoder and the VR that the dictionaries give them; UN where they give none."""

_DECIMALS = (
    *(
        "",
        " ",
        "0",
        "-0",
        "1",
        "+1",
        "1.5",
        " 1.5",
        "1.5 ",
        " 1.5 ",
        "1\\2\\3",
        "1\\\\3",
        "\\",
        "1\\",
        "\\1",
        "1. ",
        ".5",
    ),
    *("nan", "NaN", "inf", "-inf", "infinity", "1e5", "1E-5", "1e400", "-1e400", "5e-324", "2.4703282292062328e-324"),
    *("1e-400", "0.1", "0.30000000000000004", "123456789012345678", "0.1234567890123456789", "9007199254740993"),
    *(
        "1_000",
        "1__0",
        "_1",
        "1,5",
        "--1",
        "+-1",
        "1e",
        "e5",
        ".",
        "0x10",
        "1\0",
        "1.5\0\0",
        "\t1",
        "1\n",
        "1\v",
        "1 2",
    ),
    *("00001.50", "1.0e+05", "-1.7976931348623157e308", "1.7976931348623159e308", "4.9406564584124654e-324", "1e22"),
    *(
        "1e23",
        "8.5",
        "179769313486231570000000000000000",
        "1" * 400,
        "0." + "3" * 60,
        "-0.0",
        "0e0",
        "\u0661",
        "1.\\.5",
    ),
    *("2.2250738585072011e-308", "72057594037927945", "1.5\\1.50\\ 1.5", "1.123456789012345678\\1", "1\\nan\\3"),
)
_INTEGERS = (
    *(
        "",
        " ",
        "0",
        "-0",
        "+5",
        "12",
        " 12",
        "12 ",
        "1\\2\\3",
        "1\\ \\3",
        "1\\\\3",
        "\\",
        "1\\",
        "007",
        "1.0",
        "1.5",
        "1e3",
    ),
    *("2147483647", "2147483648", "-2147483648", "-2147483649", "99999999999999999999", "1_0", "_1", "0x1", "12\0"),
    *("nan", "inf", "--1", "1 2", "\t1", "1\n", "5.", ".0", "1E2", "4.00", "9" * 30, "-", "+", "1\\x", "\u0661"),
)
_TEXTS = (
    *(
        "",
        " ",
        "a",
        "ab",
        "abc",
        " lead",
        "trail ",
        "trail\0",
        "trail\0 ",
        "trail \0",
        "\0",
        "a\\b",
        "a\\",
        "\\a",
        "\\",
        "a\\ b",
    ),
    *(
        "a\\b \\c",
        "Doe^Jane",
        "Doe^Jane=x^y=z",
        "=x",
        "a=b=c=d",
        "^",
        "^^^^",
        "a^b^c^d^e^f",
        "a=",
        "==",
        " Doe ^ J ",
        "^=^",
    ),
    *(
        "line\r\nline",
        "tab\t",
        "\x07",
        "\x1b",
        "\x1b$B;3\x1b(B",
        "\x1b(B",
        "\x1b$)Cabc",
        "\x1b-Fx",
        "x\x1b$B\\y",
        "\x7f",
    ),
    *(
        "1.2.840.10008.1.1",
        "1.2.",
        "1..2",
        "01.2",
        "1.2.x",
        "1.2\\3.4",
        "1.2 ",
        "1.2\0\0",
        "1" * 65,
        "20240230",
        "20240101",
    ),
    *(
        "202401",
        "2024.01.01",
        "20240101-20240201",
        "120000",
        "120000.123456",
        "25",
        "12:00",
        "20240101120000+0100",
        "030Y",
    ),
    *(
        "ISO_IR 100",
        "ISO_IR 192",
        "GB18030",
        "ISO 2022 IR 87",
        "\\ISO 2022 IR 87",
        "ISO 2022 IR 6\\ISO 2022 IR 149",
        "GBK",
    ),
    *(
        "ISO_IR 13",
        "ISO_IR 13\\ISO 2022 IR 87",
        "ISO 2022 IR 100\\ISO 2022 IR 144",
        "ISO_IR 192\\ISO 2022 IR 87",
        "utf8",
    ),
    *("nonsense", "ISO-IR 100", "ISO 2022-IR 87", "x" * 70, "A" * 17, "http://a.b/c", "ACME 1.0", "SIEMENS CSA HEADER"),
    *(
        "Philips MR Imaging DD 001",
        "Philips MR Imaging DD 001\\x",
        "GEMS_IDEN_01",
        "\u00e4\u00f6",
        "\u00e9t\u00e9",
        "\xa0a\xa0",
    ),
)
_UTF8 = ("ä", "日本", "\u0416", "é=日本=\u3084", "€", "\U0001f600")
_NUMBERS = (
    b"",
    b"\0",
    b"\1\0",
    b"\0\1",
    b"\xff\xff",
    b"\1\2\3",
    b"\1\0\0\0",
    b"\0\0\0\1",
    b"\0\0\x80\x7f",
    b"\xff" * 8,
)

CONTENTS: dict[str, tuple[bytes, ...]] = {
    "DS": tuple(text.encode("utf8") for text in _DECIMALS),
    "IS": tuple(text.encode("utf8") for text in _INTEGERS),
    "text": tuple(text.encode("latin-1") for text in _TEXTS) + tuple(text.encode("utf8") for text in _UTF8),
    "bytes": (
        *_NUMBERS,
        *(b"\0\0\0\0\0\0\xf0\x3f", b"\0\0\0\0\0\0\xf8\x7f", b"\0\0\xc0\x7f", b"\1\0\2\0\3\0", b"\0\x80\0\0\x10\0"),
        *(bytes(7), bytes(16), bytes(range(24)), b"\xfe\xff\0\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"),
    ),
}
"""Value fields by kind of VR."""

_ALPHABETS = {
    "DS": b"0123456789+-.eE \\_\0naifx,",
    "IS": b"0123456789+-.e \\_\0",
    "text": b"aZ09 \\^=\0\x1b$(B)\xe4\xff\t.",
}
_KIND = {"DS": "DS", "IS": "IS", **dict.fromkeys(TEXTS, "text")}


@st.composite
def value_fields(draw: st.DrawFn, vr: str) -> bytes:
    """The bytes of a value: of this VR, nearly, or not at all."""
    kind = _KIND.get(vr, "bytes")
    way = draw(st.integers(0, 9))
    if way == 0:
        kind = draw(st.sampled_from(["DS", "IS", "text", "bytes"]))
    if way >= 3 or kind == "bytes":
        found = draw(st.sampled_from(CONTENTS[kind]))
    else:
        found = bytes(draw(st.lists(st.sampled_from(_ALPHABETS[kind]), max_size=24)))
    if len(found) % 2 and way != 9:
        found += b"\0" if vr in ("UI", "OB", "UN") else b" "
    return found


def header(tag: int, vr: str, length: int, implicit: bool, little: bool) -> bytes:
    """Tag, VR and length of an element, or of an item or delimiter."""
    order = "<" if little else ">"
    group, element = tag >> 16, tag & 0xFFFF
    if implicit or group == 0xFFFE:
        return struct.pack(order + "HHI", group, element, length & _UNDEFINED)
    if vr in _LONG:
        return struct.pack(order + "HH2sHI", group, element, vr.encode(), 0, length & _UNDEFINED)
    return struct.pack(order + "HH2sH", group, element, vr.encode()[:2], length & 0xFFFF)


_VRS = (*sorted(_LONG), "AT", "DS", "FD", "FL", "IS", "SL", "SS", "UL", "US", *TEXTS[:-3])
_OFF = (1, -1, 2, -2, 8, -8, 1 << 31, -100, 0x10000)


@st.composite
def _element(draw: st.DrawFn, implicit: bool, little: bool, depth: int) -> tuple[int, bytes]:
    tag, vr = draw(st.sampled_from(TAGS))
    way = draw(st.integers(0, 31))
    known = vr
    if vr not in _VRS:
        vr = draw(st.sampled_from(["US", "SS", "OW", "OB"]))
    if way == 0:
        vr = draw(st.sampled_from(_VRS))
    elif way == 1:
        vr = draw(st.sampled_from(["ZZ", "??", "\0\0", "sq", "UN", "OX"]))
    elif way == 2:
        vr = "UN"
    elif way == 3:
        tag = draw(st.integers(0, 0xFFFFFFFF))
    if (vr == "SQ" or (vr == "UN" and way < 8)) and depth > 0:
        return tag, draw(_sequence(tag, vr, implicit or vr == "UN", little or vr == "UN", depth, (implicit, little)))
    if vr in ("OB", "OW") and way > 26:
        return tag, draw(_fragments(tag, vr, implicit, little))
    content = draw(value_fields(known if implicit else vr))
    length = len(content)
    if way == 4:
        length = draw(st.sampled_from([0, _UNDEFINED, 0xFFFFFFFE, 0xFFFF, 0x7FFFFFFF]))
    elif way == 5:
        length += draw(st.sampled_from(_OFF))
    return tag, header(tag, vr, length, implicit, little) + content


@st.composite
def _sequence(
    draw: st.DrawFn, tag: int, vr: str, implicit: bool, little: bool, depth: int, outside: tuple[bool, bool]
) -> bytes:
    content = b""
    for _ in range(draw(st.integers(0, 2))):
        item = draw(_elements(implicit, little, depth - 1, 3))
        way = draw(st.integers(0, 23))
        if way % 2:
            end = header(_SEQUENCE_END if way == 1 else _ITEM_END, "", 2 if way == 3 else 0, implicit, little)
            content += header(_ITEM, "", _UNDEFINED, implicit, little) + item + (b"" if way == 5 else end)
        else:
            off = draw(st.sampled_from(_OFF)) if way == 0 else 0
            content += header(_ITEM, "", len(item) + off, implicit, little) + item
        if way == 2:
            content += header(draw(st.sampled_from([_ITEM_END, _SEQUENCE_END, 0x00100010])), "", 0, implicit, little)
    way = draw(st.integers(0, 23))
    if way % 2:
        end = header(_ITEM_END if way == 1 else _SEQUENCE_END, "", 4 if way == 3 else 0, implicit, little)
        return header(tag, vr, _UNDEFINED, *outside) + content + (b"" if way == 5 else end)
    off = draw(st.sampled_from(_OFF)) if way == 0 else 0
    return header(tag, vr, len(content) + off, *outside) + content


@st.composite
def _fragments(draw: st.DrawFn, tag: int, vr: str, implicit: bool, little: bool) -> bytes:
    content = header(tag, vr, _UNDEFINED, implicit, little)
    for _ in range(draw(st.integers(0, 3))):
        way = draw(st.integers(0, 15))
        piece = draw(st.binary(max_size=6))
        start = _ITEM if way else draw(st.sampled_from([_ITEM_END, 0x00100010]))
        content += header(start, "", _UNDEFINED if way == 1 else len(piece) + (way == 2), implicit, little) + piece
    way = draw(st.integers(0, 15))
    return content if way == 0 else content + header(_SEQUENCE_END, "", int(way == 1), implicit, little)


@st.composite
def _elements(draw: st.DrawFn, implicit: bool, little: bool, depth: int, most: int) -> bytes:
    found = draw(st.lists(_element(implicit, little, depth), max_size=most))
    way = draw(st.integers(0, 7))
    if way > 1:  # most often without repetition, and most of those in order
        found = list(dict(found).items())
    if way > 2:
        found.sort()
    return b"".join(content for _, content in found)


@st.composite
def _ours(draw: st.DrawFn, implicit: bool, little: bool) -> bytes:
    dataset = draw(st.one_of(datasets(), workitems()))
    return bytes(_python.encode_dataset(dataset, implicit, little))


def nested(levels: int, undefined: bool, implicit: bool, little: bool) -> bytes:
    """Sequences of one item, so many inside each other."""
    content = b""
    for _ in range(levels):
        size = _UNDEFINED if undefined else len(content)
        ends = [header(tag, "", 0, implicit, little) if undefined else b"" for tag in (_ITEM_END, _SEQUENCE_END)]
        content = header(_ITEM, "", size, implicit, little) + content + ends[0]
        size = _UNDEFINED if undefined else len(content)
        content = header(0x00404018, "SQ", size, implicit, little) + content + ends[1]
    return content


def encoded(implicit: bool, little: bool) -> st.SearchStrategy[bytes]:
    """What may be a data set in this encoding."""
    right = _ours(implicit, little)
    deep = st.builds(nested, st.integers(1, 70), st.booleans(), st.just(implicit), st.just(little))
    wild = _elements(implicit, little, 3, 8)
    return st.one_of(wild, wild, wild, right, right.flatmap(mutated), wild.flatmap(mutated), deep)


def programs() -> st.SearchStrategy[bytes]:
    """Up to 23 operations of two bytes; an odd length asks for a comparison of everything at the end."""
    steps = st.lists(st.binary(min_size=2, max_size=2), max_size=23)
    return st.builds(lambda found, deep: b"".join(found) + b"\0" * deep, steps, st.integers(0, 1))
