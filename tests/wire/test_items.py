"""Items: each type both ways, limits on both sides of the edge, and items where they do not belong."""

from __future__ import annotations

import pytest

from dicomnet.codes import ContextResult, IdentityType
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.wire.items import (
    ASSOCIATE_ITEMS,
    MAX_CONTEXTS,
    MAX_OTHER_ITEMS,
    MAX_TRANSFER_SYNTAXES,
    MAX_USER_ITEMS,
    AbstractSyntax,
    ApplicationContext,
    AsyncOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ImplementationClassUid,
    ImplementationVersionName,
    Item,
    MaximumLength,
    PresentationContext,
    PresentationContextResult,
    RoleSelection,
    TransferSyntax,
    UnknownItem,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
    encode_items,
    read_items,
)
from dicomnet.wire.leaf_items import MAX_RELATED
from dicomnet.wire.reader import Reader


def decode(data: bytes) -> tuple[Item, ...]:
    return read_items(Reader(data), ASSOCIATE_ITEMS)


def decode_user(data: bytes) -> tuple[Item, ...]:
    (envelope,) = decode(b"\x50\x00" + len(data).to_bytes(2, "big") + data)
    assert isinstance(envelope, UserInformation)
    return envelope.items


ASSOCIATE = [
    ("10 00 0003 312e32", ApplicationContext("1.2")),
    (
        "20 00 0013 03 00ff00 30 00 0003 312e33 40 00 0004 312e3235",
        PresentationContext(3, (AbstractSyntax("1.3"), TransferSyntax("1.25")), b"\x00\xff\x00"),
    ),
    (
        "21 00 000b 05 00 00 00 40 00 0003 312e32",
        PresentationContextResult(5, ContextResult.ACCEPTANCE, (TransferSyntax("1.2"),)),
    ),
    ("21 07 0004 05 01 09 02", PresentationContextResult(5, 9, (), 1, 2, reserved=7)),
    ("50 00 0000", UserInformation()),
    ("99 08 0002 abcd", UnknownItem(0x99, b"\xab\xcd", reserved=8)),
]

USER = [
    ("51 00 0004 00004000", MaximumLength(16384)),
    ("52 00 0003 312e32", ImplementationClassUid("1.2")),
    ("53 00 0004 0003 0001", AsyncOperationsWindow(3, 1)),
    ("54 00 0007 0003 312e32 00 01", RoleSelection("1.2", 0, 1)),
    ("54 00 0007 0003 312e32 07 ff", RoleSelection("1.2", 7, 255)),
    ("55 00 0002 4142", ImplementationVersionName("AB")),
    ("56 00 0007 0003 312e32 0102", ExtendedNegotiation("1.2", b"\x01\x02")),
    (
        "57 00 0014 0003 312e32 0003 312e33 0008 0003 312e34 0001 35",
        CommonExtendedNegotiation("1.2", "1.3", ("1.4", "5")),
    ),
    ("57 02 0009 0001 32 0001 33 0000 ff", CommonExtendedNegotiation("2", "3", (), 2, b"\xff")),
    ("58 00 0009 02 01 0002 6d65 0001 78", UserIdentity(IdentityType.USERNAME_PASSCODE, 1, b"me", b"x")),
    ("59 00 0004 0002 6f6b", UserIdentityResponse(b"ok")),
    ("5a 00 0001 00", UnknownItem(0x5A, b"\x00")),
]


@pytest.mark.parametrize(("digits", "item"), ASSOCIATE)
def test_items_of_the_pdu(digits: str, item: Item) -> None:
    assert decode(bytes.fromhex(digits)) == (item,)
    assert encode_items([item]) == bytes.fromhex(digits)


@pytest.mark.parametrize(("digits", "item"), USER)
def test_user_information_sub_items(digits: str, item: Item) -> None:
    assert decode_user(bytes.fromhex(digits)) == (item,)
    assert encode_items([item]) == bytes.fromhex(digits)


@pytest.mark.parametrize("digits", [digits for digits, _ in ASSOCIATE])
def test_every_cut_of_an_item_is_an_error(digits: str) -> None:
    data = bytes.fromhex(digits)
    for end in range(1, len(data)):
        with pytest.raises(DecodeError):
            decode(data[:end])


@pytest.mark.parametrize("digits", [digits for digits, _ in USER])
def test_every_wrong_length_of_a_sub_item_is_an_error_or_another_item(digits: str) -> None:
    data = bytes.fromhex(digits)
    for length in {*range(len(data) + 8), 0xFFFF} - {len(data) - 4}:
        lying = data[:2] + length.to_bytes(2, "big") + data[4:]
        try:
            items = decode_user(lying)
        except DecodeError:
            continue
        assert encode_items(items) == lying


def test_codes_are_enums_when_known_and_ints_when_not() -> None:
    accepted, odd = decode(bytes.fromhex("21 00 0004 01000100 21 00 0004 03007700"))
    assert isinstance(accepted, PresentationContextResult)
    assert isinstance(odd, PresentationContextResult)
    assert accepted.result is ContextResult.USER_REJECTION
    assert odd.result == 0x77
    assert type(odd.result) is int


def test_of_builds_contexts_and_properties_read_them() -> None:
    proposed = PresentationContext.of(1, "1.2", ["1.3", "1.4"])
    assert proposed.abstract_syntax == "1.2"
    assert proposed.transfer_syntaxes == ("1.3", "1.4")
    assert PresentationContext(1).abstract_syntax is None
    assert PresentationContextResult.of(1, 0, "1.3").transfer_syntax == "1.3"
    assert PresentationContextResult(1, 4).transfer_syntax is None


def test_sub_items_outside_their_place_are_unknown_items() -> None:
    # A bad maximum length at the outer level is skipped like anything unknown there, not refused.
    assert decode(bytes.fromhex("51 00 0001 00")) == (UnknownItem(0x51, b"\0"),)
    assert decode(bytes.fromhex("50 00 0004 50 00 0000")) == (UserInformation((UnknownItem(0x50),)),)


def test_nesting_does_not_follow_the_peer() -> None:
    data = b""
    while len(data) < 0xFFF0:
        data = b"\x50\x00" + len(data).to_bytes(2, "big") + data
    (outer,) = decode(data)
    assert isinstance(outer, UserInformation)
    assert isinstance(outer.items[0], UnknownItem)


def _contexts(count: int) -> bytes:
    return bytes.fromhex("20 00 0004 01000000") * count


def _transfer_syntaxes(count: int) -> bytes:
    body = bytes.fromhex("01000000 30 00 0000") + bytes.fromhex("40 00 0000") * count
    return b"\x20\x00" + len(body).to_bytes(2, "big") + body


def _user_items(count: int) -> bytes:
    return b"\x50\x00" + (count * 4).to_bytes(2, "big") + bytes.fromhex("99 00 0000") * count


def _unknown_items(count: int) -> bytes:
    return bytes.fromhex("99 00 0000") * count + _contexts(MAX_CONTEXTS)


def _related(count: int) -> bytes:
    related = (2 * count).to_bytes(2, "big") + bytes(2 * count)
    item = b"\x57\x00" + (4 + len(related)).to_bytes(2, "big") + bytes(4) + related
    return b"\x50\x00" + len(item).to_bytes(2, "big") + item


@pytest.mark.parametrize(
    ("build", "limit"),
    [
        (_contexts, MAX_CONTEXTS),
        (_transfer_syntaxes, MAX_TRANSFER_SYNTAXES),
        (_user_items, MAX_USER_ITEMS),
        (_unknown_items, MAX_OTHER_ITEMS),
        (_related, MAX_RELATED),
    ],
)
def test_limits_on_both_sides(build, limit: int) -> None:
    data = build(limit)
    assert encode_items(decode(data)) == data
    with pytest.raises(DecodeError, match=f"more than {limit} ") as caught:
        decode(build(limit + 1))
    assert caught.value.code == Fault.LIMIT


def test_lengths_given_are_sent() -> None:
    item = UserInformation((MaximumLength(1, length=9), UnknownItem(0x54, b"x")), length=0xFFFF)
    assert encode_items([item]) == bytes.fromhex("50 00 ffff 51 00 0009 00000001 54 00 0001 78")


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (MaximumLength(1 << 32), "items[0].value"),
        (MaximumLength(-1), "items[0].value"),
        (MaximumLength(1, length=1 << 16), "items[0].length"),
        (MaximumLength(1, reserved=256), "items[0].reserved"),
        (ApplicationContext("1.2\u20ac"), "items[0].uid"),
        (UnknownItem(256, b""), "items[0].item_type"),
        (UnknownItem(1, bytes(1 << 16)), "items[0].length"),
        (UserIdentity(1, 0, bytes(1 << 16)), "items[0].primary"),
        (PresentationContext(1, (TransferSyntax("x" * 70_000),)), "items[0].items[0].length"),
        (PresentationContext(1, (), b"\0"), "items[0].reserved_bytes"),
        (CommonExtendedNegotiation("1", "2", ("3", "\u20ac")), "items[0].related[1]"),
    ],
)
def test_what_does_not_fit_is_an_encode_error(item: Item, path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_items([item])
    assert caught.value.path == path


def test_credentials_stay_out_of_repr() -> None:
    item = UserIdentity(2, 1, b"doctor", b"secret")
    assert "secret" not in repr(item)
    assert "doctor" not in repr(item)
    assert "ticket" not in repr(UserIdentityResponse(b"ticket"))
