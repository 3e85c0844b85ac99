"""PDUs as text: readable, without payload or credentials, and no peer can forge a line."""

from __future__ import annotations

from hypothesis import given

from dicomnet.testing import pdus as some
from dicomnet.wire import (
    AAssociateRJ,
    AAssociateRQ,
    ApplicationContext,
    AReleaseRQ,
    PDataTF,
    Pdu,
    Pdv,
    UnknownItem,
    UserIdentity,
    UserInformation,
    decode_pdu,
    describe,
)


def test_a_request_in_lines(vectors) -> None:
    text = describe(decode_pdu(vectors("dcmtk-echoscu")["A-ASSOCIATE-RQ"]))
    assert (
        text
        == """\
A-ASSOCIATE-RQ
  called_ae_title: 'ANY-SCP'
  calling_ae_title: 'ECHOSCU'
  application context (10)
    uid: '1.2.840.10008.3.1.1.1'
  presentation context rq (20)
    context_id: 1
    abstract syntax (30)
      uid: '1.2.840.10008.1.1'
    transfer syntax (40)
      uid: '1.2.840.10008.1.2'
    reserved_bytes: 00 ff 00
  user information (50)
    maximum length (51)
      value: 16384
    implementation class uid (52)
      uid: '1.2.276.0.7230010.3.0.3.6.7'
    implementation version name (55)
      name: 'OFFIS_DCMTK_367'"""
    )


def test_codes_in_words() -> None:
    reject = decode_pdu(bytes.fromhex("03 00 00000004 00 01 01 07"))
    assert describe(reject).splitlines() == [
        "A-ASSOCIATE-RJ",
        "  result: 1 (permanent)",
        "  source: 1 (service user)",
        "  reason: 7",
        "  meaning: called AE title not recognized",
    ]
    abort = decode_pdu(bytes.fromhex("07 00 00000004 00 00 02 06"))
    assert describe(abort).splitlines()[1:] == [
        "  source: 2 (service provider)",
        "  reason: 6 (invalid pdu parameter value)",
    ]
    assert describe(AAssociateRJ(9, 9, 9)).endswith("meaning: reserved reason 9 of source 9")


def test_lengths_and_errors_are_shown_when_there_are_any() -> None:
    assert describe(AReleaseRQ()) == "A-RELEASE-RQ"
    assert describe(AReleaseRQ(length=9)) == "A-RELEASE-RQ\n  length: 9"
    unread = describe(decode_pdu(bytes.fromhex("07 00 00000001 00"), lenient=True))
    assert unread.startswith("A-ABORT\n  body: 1 bytes\n  error: '2 bytes needed, 1 left (at A-ABORT")
    assert describe(decode_pdu(bytes.fromhex("0a 00 00000000"), lenient=True)).startswith("PDU of unknown type 0x0A")


def test_no_payload_and_no_credentials() -> None:
    assert "Doe" not in describe(PDataTF((Pdv(1, b"Doe^John"),)))
    identity = UserIdentity(2, 1, b"doctor", b"open sesame")
    text = describe(AAssociateRQ(items=(UserInformation((identity,)),)))
    assert "doctor" not in text
    assert "sesame" not in text
    assert "secondary: 11 bytes" in text


def test_peers_cannot_forge_lines_or_flood() -> None:
    text = describe(AAssociateRQ("X\nA-ABORT", "\x1b[2J", (ApplicationContext("1" * 5000), UnknownItem(0x99, b"a"))))
    assert "\nA-ABORT" not in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) < 120
    assert "item 99" in text


@given(some.wrong_pdus())
def test_any_pdu_can_be_described(pdu: Pdu) -> None:
    text = describe(pdu)
    assert text.isascii()
    assert "\r" not in text
