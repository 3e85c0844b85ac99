"""A glance shows what pydicom would show, or nothing: data sets of every kind, whole and damaged."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset import decode, encode
from dicomnet.dataset.dump import lines
from dicomnet.dataset.glance import Glance, field_at, fields, glance
from dicomnet.dataset.json import write
from dicomnet.dataset.values import field_at as field_of_dataset
from dicomnet.errors import DecodeError
from dicomnet.testing.datasets import datasets, workitems
from dicomnet.testing.pdus import mutated

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
LE = uids.EXPLICIT_VR_LE


def name(tag: int) -> str | None:
    return None if tag >> 16 & 1 else keyword_for_tag(tag) or None


def seen(data: bytes) -> Glance | None:
    return glance(data, LE, name)


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    return tag.to_bytes(4, "big")[1::-1] + tag.to_bytes(4, "big")[:1:-1] + vr + len(value).to_bytes(2, "little") + value


def sequence(tag: int, content: bytes, length: int | None = None) -> bytes:
    head = element(tag, b"SQ", b"")
    return head + (len(content) if length is None else length).to_bytes(4, "little") + content


def item(content: bytes, length: int | None = None) -> bytes:
    return b"\xfe\xff\x00\xe0" + (len(content) if length is None else length).to_bytes(4, "little") + content


ITEM_END, SEQUENCE_END = b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)
UNDEFINED = 0xFFFFFFFF
CODE = element(0x00080100, b"SH", b"X ")


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(dataset=st.one_of(datasets(), workitems()))
def test_it_shows_what_pydicom_would_show_or_nothing(dataset: Dataset) -> None:
    data = encode(dataset, LE)
    found = seen(data)
    if found is not None:
        assert list(lines(found)) == list(lines(decode(data, LE)))
        assert write(found) == write(decode(data, LE))


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(dataset=workitems())
def test_a_workitem_is_seen(dataset: Dataset) -> None:
    assume(dataset.get("SpecificCharacterSet") in (None, "ISO_IR 100", "ISO_IR 192"))
    assert seen(encode(dataset, LE)) is not None


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_of_damaged_bytes_it_shows_what_pydicom_would_show_or_nothing(data: st.DataObject) -> None:
    hostile = data.draw(mutated(encode(data.draw(workitems()), LE)))
    found = seen(hostile)
    if found is not None:
        assert list(lines(found)) == list(lines(decode(hostile, LE)))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(element(0x00100010, b"PN", b"D^J "), id="a name"),
        pytest.param(
            element(0x00080005, b"CS", b"ISO_IR 100") + element(0x00100010, b"PN", b"M\xfcller"), id="Latin-1"
        ),
        pytest.param(
            element(0x00080005, b"CS", b"ISO_IR 192") + element(0x00100010, b"PN", "Mü\\ ".encode()), id="UTF-8"
        ),
        pytest.param(
            element(0x00080005, b"CS", b"ISO_IR 192")
            + sequence(0x00404018, item(CODE + element(0x00080104, b"LO", "日".encode() + b" "))),
            id="UTF-8, inherited",
        ),
        pytest.param(
            element(0x00080005, b"CS", b"\\ISO 2022 IR 87 ") + element(0x00100010, b"PN", b"AB"), id="ASCII in any"
        ),
        pytest.param(element(0x00280010, b"US", b"\1\0\2\0"), id="numbers"),
        pytest.param(element(0x00404018, b"SQ", b"") + bytes(4), id="no items"),
        pytest.param(sequence(0x00404018, item(CODE) + item(CODE)), id="two items"),
        pytest.param(sequence(0x00404018, item(CODE + ITEM_END, UNDEFINED) + SEQUENCE_END, UNDEFINED), id="undefined"),
        pytest.param(sequence(0x00404018, item(CODE) + SEQUENCE_END, UNDEFINED), id="half undefined"),
        pytest.param(sequence(0x00404018, item(CODE + ITEM_END, UNDEFINED)), id="the other half"),
        pytest.param(sequence(0x00404018, item(b"")), id="an empty item"),
    ],
)
def test_what_it_sees(data: bytes) -> None:
    found, whole = seen(data), decode(data, LE)
    assert found is not None
    assert list(lines(found)) == list(lines(whole))
    assert list(found.keys()) == [int(tag) for tag in whole.keys()]  # noqa: SIM118
    for path in [(tag,) for tag in found.keys()] + [(0x00404018, 0x00080100), (0x00100020,), (0x00100010, 0x00100010)]:  # noqa: SIM118
        mine, theirs = field_at(found, path), field_of_dataset(whole, path)
        assert (mine is None) is (theirs is None), path
        if mine is not None and theirs is not None:
            assert (mine.vr, mine.texts(), len(mine.items)) == (theirs.vr, theirs.texts(), len(theirs.items))
    assert [tag for tag, _ in fields(found)] == [tag for tag, _ in fields(whole)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(element(0x00191001, b"LO", b"X "), id="private"),
        pytest.param(element(0x00000002, b"UI", b"1\0"), id="of a command set"),
        pytest.param(element(0x00100020, b"LO", b"X ") + element(0x00100010, b"PN", b"X "), id="out of order"),
        pytest.param(element(0x00100020, b"LO", b"X ") * 2, id="repeated"),
        pytest.param(element(0x00100020, b"XX", b"X "), id="no VR"),
        pytest.param(element(0x00100020, b"UN", b"") + bytes(4), id="unknown VR"),
        pytest.param(element(0x00420011, b"OB", b"") + bytes(4), id="bytes"),
        pytest.param(element(0x00280010, b"US", b"\1\0\2"), id="half a number"),
        pytest.param(element(0x00100010, b"PN", b"M\xfcller"), id="no character set"),
        pytest.param(element(0x00080005, b"CS", b"ISO_IR 192") + element(0x00100010, b"PN", b"\xff "), id="no UTF-8"),
        pytest.param(element(0x00080005, b"CS", b"ISO_IR 144") + element(0x00100010, b"PN", b"\xd0 "), id="Cyrillic"),
        pytest.param(element(0x00080005, b"CS", b"ISO_IR 192") + element(0x00100010, b"PN", b"a\x1b$B"), id="escape"),
        pytest.param(element(0x00100020, b"LO", b"X ")[:-1], id="cut"),
        pytest.param(element(0x00100020, b"LO", b"X ")[:5], id="cut in a header"),
        pytest.param(sequence(0x00404018, item(CODE), 100), id="a sequence that is too long"),
        pytest.param(sequence(0x00404018, item(CODE, 100)), id="an item that is too long"),
        pytest.param(sequence(0x00404018, item(CODE), 12), id="a sequence that is too short"),
        pytest.param(sequence(0x00404018, item(CODE, UNDEFINED)), id="an item without end"),
        pytest.param(sequence(0x00404018, item(CODE), UNDEFINED), id="a sequence without end"),
        pytest.param(sequence(0x00404018, CODE), id="no item"),
        pytest.param(SEQUENCE_END, id="a delimiter"),
        pytest.param(ITEM_END, id="another"),
        pytest.param(
            b"".join([sequence(0x00404018, item(b""), UNDEFINED)[:12] + item(b"", UNDEFINED)] * 2000), id="deep"
        ),
        pytest.param(element(0x00104000, b"UT", b"") + (1 << 21).to_bytes(4, "little") + bytes(1 << 21), id="long"),
    ],
)
def test_what_takes_more_than_a_glance(data: bytes) -> None:
    assert seen(data) is None


@pytest.mark.parametrize("transfer_syntax", [uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE, uids.DEFLATED_EXPLICIT_VR_LE])
def test_only_one_transfer_syntax_is_read(transfer_syntax: str) -> None:
    dataset = Dataset()
    dataset.PatientID = "X"
    assert glance(encode(dataset, transfer_syntax), transfer_syntax, name) is None


def test_what_is_no_data_set_is_left_to_who_can_say_why() -> None:
    hostile = sequence(0x00404018, item(CODE, 100))
    with pytest.raises(DecodeError):
        decode(hostile, LE)
    assert seen(hostile) is None


def test_it_needs_no_pydicom() -> None:
    code = (
        "import sys; from dicomnet.dataset.glance import glance; from dicomnet.dataset.dump import lines; "
        f"print(*lines(glance({element(0x00100020, b'LO', b'X ')!r}, {LE!r}, lambda tag: 'Name'))); "
        "print('pydicom' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(0010,0020) LO Name: X", "False"]
