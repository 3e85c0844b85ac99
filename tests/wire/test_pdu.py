"""PDUs: real ones, wrong ones, mutated and random ones. Only DecodeError leaves the decoder, and bytes survive."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.codes import AbortReason, AbortSource, RejectResult, RejectSource
from dicomnet.errors import DecodeError, EncodeError, Fault
from dicomnet.testing import pdus as some
from dicomnet.uids import APPLICATION_CONTEXT, IMPLICIT_VR_LE, VERIFICATION
from dicomnet.wire import (
    AAbort,
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    ApplicationContext,
    AReleaseRP,
    AReleaseRQ,
    ImplementationVersionName,
    MaximumLength,
    PDataTF,
    Pdu,
    Pdv,
    PresentationContext,
    RoleSelection,
    UnknownItem,
    UnknownPdu,
    UserInformation,
    decode_pdu,
    encode_pdu,
)


def check_bytes(data: bytes) -> None:
    """What decodes is written again byte for byte, the rest is a DecodeError; lenient takes all that has a header."""
    fault: DecodeError | None = None
    try:
        assert encode_pdu(decode_pdu(data)) == data
    except DecodeError as error:
        fault = error
    assert fault is None or (fault.offset is not None and 0 <= fault.offset <= len(data))
    if len(data) >= 6:
        assert encode_pdu(decode_pdu(data, lenient=True)) == data


def test_real_pdus_survive(real_pdu: bytes) -> None:
    assert encode_pdu(decode_pdu(real_pdu)) == real_pdu


def test_every_byte_of_a_real_pdu_changed(real_pdu: bytes) -> None:
    for place in range(len(real_pdu)):
        for value in (0x00, 0x01, 0x50, 0xFF):
            check_bytes(real_pdu[:place] + bytes([value]) + real_pdu[place + 1 :])


def test_every_cut_of_a_real_pdu_is_an_error(real_pdu: bytes) -> None:
    for end in range(len(real_pdu)):
        with pytest.raises(DecodeError):
            decode_pdu(real_pdu[:end])
        body = real_pdu[6:end]
        check_bytes(real_pdu[:2] + len(body).to_bytes(4, "big") + body)


def test_malformed(malformed: str, data: bytes) -> None:
    code, offset, _ = malformed.split(" ", 2)
    with pytest.raises(DecodeError) as caught:
        decode_pdu(data)
    error = caught.value
    assert (error.code, error.offset) == (code, int(offset)), str(error)
    assert error.clause.startswith("PS3.")
    check_bytes(data)


def test_echoscu_request(vectors) -> None:
    request = decode_pdu(vectors("dcmtk-echoscu")["A-ASSOCIATE-RQ"])
    assert isinstance(request, AAssociateRQ)
    assert request.called_ae_title == "ANY-SCP"
    assert request.calling_ae_title == "ECHOSCU"
    assert request.application_context == APPLICATION_CONTEXT
    (context,) = request.presentation_contexts
    assert context.context_id == 1
    assert context.reserved_bytes == b"\x00\xff\x00"  # DCMTK fills the byte in which an answer has its result
    assert context.abstract_syntax == VERIFICATION
    assert context.transfer_syntaxes == (IMPLICIT_VR_LE,)
    assert request.max_length == 16384
    assert request.find(ImplementationVersionName) == ImplementationVersionName("OFFIS_DCMTK_367")


def test_accept(vectors) -> None:
    accept = decode_pdu(vectors("pynetdicom-made")["A-ASSOCIATE-AC"])
    assert isinstance(accept, AAssociateAC)
    assert [(one.context_id, one.result) for one in accept.presentation_contexts] == [(1, 0), (255, 3)]
    assert accept.max_length == 0
    assert accept.find_all(RoleSelection) == (RoleSelection("1.2.840.10008.5.1.4.34.6.4", 0, 1),)


def test_user_information_joins_envelopes_and_missing_is_none() -> None:
    first, second = MaximumLength(5), MaximumLength(6)
    request = AAssociateRQ(items=(UserInformation((first,)), UserInformation((second,))))
    assert request.user_information == (first, second)
    assert request.find_all(MaximumLength) == (first, second)
    assert request.max_length == 5
    assert AAssociateRQ().find(MaximumLength) is None
    assert AAssociateRQ().application_context is None
    assert AAssociateRQ().max_length == 0


def test_a_pdu_that_was_looked_at_is_the_same_value() -> None:
    pdu = AAssociateRQ("A", "B", (UserInformation((MaximumLength(1),)),))
    fresh, text = replace(pdu), repr(pdu)
    assert pdu.max_length == 1
    assert (pdu, hash(pdu), repr(pdu)) == (fresh, hash(fresh), text)
    for copied in (copy.copy(pdu), copy.deepcopy(pdu), pickle.loads(pickle.dumps(pdu)), replace(pdu)):
        assert (copied, copied.max_length) == (pdu, 1)
    assert replace(pdu, items=(UserInformation((MaximumLength(2),)),)).max_length == 2


def test_codes_are_enums_when_known() -> None:
    reject = decode_pdu(bytes.fromhex("03 00 00000004 00 01 02 02"))
    assert isinstance(reject, AAssociateRJ)
    assert reject.result is RejectResult.PERMANENT
    assert reject.source is RejectSource.ACSE
    assert decode_pdu(bytes.fromhex("03 00 00000004 00 09 08 07")) == AAssociateRJ(9, 8, 7)
    abort = decode_pdu(bytes.fromhex("07 00 00000004 00 00 02 06"))
    assert isinstance(abort, AAbort)
    assert abort.source is AbortSource.SERVICE_PROVIDER
    assert abort.reason is AbortReason.INVALID_PDU_PARAMETER_VALUE
    assert decode_pdu(bytes.fromhex("07 01 00000004 02 03 09 08")) == AAbort(9, 8, 1, b"\x02\x03")


@pytest.mark.parametrize("title", ["", "X", " X", "A B", "SIXTEEN CHARS OK", "X\0", "\xe9"])
def test_titles_are_bijective(title: str) -> None:
    data = encode_pdu(AAssociateRQ(title, title))
    pdu = decode_pdu(data)
    assert isinstance(pdu, AAssociateRQ)
    assert pdu.called_ae_title == pdu.calling_ae_title == title
    assert encode_pdu(pdu) == data


@pytest.mark.parametrize(
    ("pdu", "path"),
    [
        (AAssociateRQ("SEVENTEEN LETTERS"), "A-ASSOCIATE-RQ.called_ae_title"),
        (AAssociateAC(calling_ae_title="\u20ac"), "A-ASSOCIATE-AC.calling_ae_title"),
        (AAssociateRQ(reserved_block=b""), "A-ASSOCIATE-RQ.reserved_block"),
        (AAssociateRQ(items=(UserInformation((MaximumLength(-1),)),)), "A-ASSOCIATE-RQ.items[0].items[0].value"),
        (AAbort(256), "A-ABORT.source"),
        (AAssociateRJ(1, 1, 1, length=1 << 32), "A-ASSOCIATE-RJ.length"),
        (PDataTF((Pdv(1), Pdv(256))), "P-DATA-TF.pdvs[1].context_id"),
        (UnknownPdu(300), "PDU of unknown type 0x12C.pdu_type"),
    ],
)
def test_what_does_not_fit_is_an_encode_error(pdu: Pdu, path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_pdu(pdu)
    assert caught.value.path == path


def test_wrong_on_purpose() -> None:
    lying = PDataTF((Pdv(1, bytes(2), pdv_length=2000),), length=7)
    assert encode_pdu(lying) == bytes.fromhex("04 00 00000007 000007d0 01 03 0000")
    assert encode_pdu(AReleaseRQ(body=b"")) == bytes.fromhex("05 00 00000000")
    assert encode_pdu(AReleaseRP(1, length=9)) == bytes.fromhex("06 01 00000009 00000000")
    repeated = AAssociateRQ(items=(ApplicationContext("1"),) * 2, protocol_version=6)
    assert decode_pdu(encode_pdu(repeated)) == repeated


def test_lenient_keeps_a_length_that_disagrees() -> None:
    assert decode_pdu(bytes.fromhex("05 00 000000ff 00000000"), lenient=True) == AReleaseRQ(length=0xFF)


def test_lenient_keeps_what_cannot_be_read() -> None:
    pdu = decode_pdu(bytes.fromhex("04 07 00000006 00000001 01 03"), lenient=True)
    assert pdu == UnknownPdu(4, bytes.fromhex("00000001 01 03"), 7)
    assert isinstance(pdu, UnknownPdu)
    assert pdu.error is not None
    assert pdu.error.code == Fault.BAD_LENGTH
    with pytest.raises(DecodeError):
        decode_pdu(b"\x04\x00\x00\x00\x00", lenient=True)


def test_too_many_pdvs_are_refused() -> None:
    def p_data(count: int) -> bytes:
        return b"\x04\x00" + (6 * count).to_bytes(4, "big") + bytes.fromhex("00000002 01 00") * count

    assert encode_pdu(decode_pdu(p_data(4096))) == p_data(4096)
    with pytest.raises(DecodeError) as caught:
        decode_pdu(p_data(4097))
    assert (caught.value.code, caught.value.offset) == (Fault.LIMIT, 6 + 4096 * 6)
    assert encode_pdu(decode_pdu(p_data(2), max_pdvs=2)) == p_data(2)
    with pytest.raises(DecodeError):
        decode_pdu(p_data(3), max_pdvs=2)


def test_user_items_are_limited_over_all_envelopes() -> None:
    def request(count: int) -> bytes:
        return encode_pdu(AAssociateRQ(items=(UserInformation((UnknownItem(0x99),) * (count - 1)),) * 2))

    assert encode_pdu(decode_pdu(request(129))) == request(129)
    with pytest.raises(DecodeError, match="more than 256 user information") as caught:
        decode_pdu(request(130))
    assert caught.value.code == Fault.LIMIT


def test_an_associate_of_a_mebibyte_survives() -> None:
    context = bytes.fromhex("20 00 2008 01000000 40 00 2000") + bytes(0x2000)
    body = bytes(68) + context * 127
    data = b"\x01\x00" + len(body).to_bytes(4, "big") + body
    assert encode_pdu(decode_pdu(data)) == data


def test_a_presentation_context_is_what_of_makes(vectors) -> None:
    request = decode_pdu(vectors("pynetdicom-made")["A-ASSOCIATE-RQ"])
    assert isinstance(request, AAssociateRQ)
    assert request.presentation_contexts[1] == PresentationContext.of(
        255, "1.2.840.10008.5.1.4.34.6.4", [IMPLICIT_VR_LE]
    )


@given(some.pdus())
def test_valid_pdus_survive_as_values(pdu: Pdu) -> None:
    assert decode_pdu(encode_pdu(pdu)) == pdu


@given(some.wrong_pdus())
def test_wrong_pdus_survive_as_bytes(pdu: Pdu) -> None:
    check_bytes(encode_pdu(pdu))


@given(some.raw_pdus() | st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    check_bytes(data)


@given(st.data())
def test_mutated_pdus(data: st.DataObject) -> None:
    check_bytes(data.draw(some.mutated(encode_pdu(data.draw(some.pdus())))))
