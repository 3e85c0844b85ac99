"""The audit: a test for each finding, none for PDUs without fault, and no exception whatever the PDU."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from dicomnet.testing import pdus as some
from dicomnet.uids import APPLICATION_CONTEXT, IMPLICIT_VR_LE, VERIFICATION
from dicomnet.wire import (
    AAbort,
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AbstractSyntax,
    ApplicationContext,
    AReleaseRP,
    AReleaseRQ,
    AsyncOperationsWindow,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    Finding,
    ImplementationClassUid,
    ImplementationVersionName,
    Item,
    MaximumLength,
    PDataTF,
    Pdu,
    Pdv,
    PresentationContext,
    PresentationContextResult,
    RoleSelection,
    TransferSyntax,
    UnknownItem,
    UnknownPdu,
    UserIdentity,
    UserIdentityResponse,
    UserInformation,
    audit,
    decode_pdu,
)

APPLICATION = ApplicationContext(APPLICATION_CONTEXT)
CONTEXT = PresentationContext.of(1, VERIFICATION, [IMPLICIT_VR_LE])
RESULT = PresentationContextResult.of(1, 0, IMPLICIT_VR_LE)
MUST = (MaximumLength(16384), ImplementationClassUid("1.2.3"))
REQUEST = AAssociateRQ("SCP", "SCU", (APPLICATION, CONTEXT, UserInformation(MUST)))
ACCEPT = AAssociateAC("SCP", "SCU", (APPLICATION, RESULT, UserInformation(MUST)))


def request(*contexts: Item) -> AAssociateRQ:
    return replace(REQUEST, items=(APPLICATION, *contexts, UserInformation(MUST)))


def accept(*contexts: Item) -> AAssociateAC:
    return replace(ACCEPT, items=(APPLICATION, *contexts, UserInformation(MUST)))


def request_with(*subs: Item) -> AAssociateRQ:
    return replace(REQUEST, items=(APPLICATION, CONTEXT, UserInformation((*MUST, *subs))))


def accept_with(*subs: Item) -> AAssociateAC:
    return replace(ACCEPT, items=(APPLICATION, RESULT, UserInformation((*MUST, *subs))))


def context(*items: Item, context_id: int = 1) -> AAssociateRQ:
    return request(PresentationContext(context_id, items))


ABSTRACT = AbstractSyntax(VERIFICATION)
TRANSFER = TransferSyntax(IMPLICIT_VR_LE)
ROLE = RoleSelection("1.2", 1, 0)
COMMON = CommonExtendedNegotiation("1.2", "1.3")

CASES: list[tuple[Pdu, str]] = [
    # the PDU as a whole
    (replace(REQUEST, length=5), "error PDU.length: announces 5 bytes"),
    (replace(REQUEST, reserved=1), "warning reserved: reserved bytes are not 00"),
    (UnknownPdu(9), "error PDU: no PDU has the type 0x09"),
    (UnknownPdu(4, bytes(3)), "error P-DATA-TF.pdvs[0]: 3 bytes left"),
    (AAbort(300), "error A-ABORT.source: 300 does not fit"),
    # A-ASSOCIATE: fixed fields
    (replace(REQUEST, called_ae_title=""), "error called_ae_title: blank"),
    (replace(REQUEST, calling_ae_title="  "), "error calling_ae_title: blank"),
    (replace(REQUEST, called_ae_title="A\\B"), "error called_ae_title: 'A\\\\B' has characters"),
    (replace(REQUEST, called_ae_title="A\n"), "error called_ae_title: 'A\\n' has characters"),
    (replace(REQUEST, called_ae_title="\xc9"), "error called_ae_title: '\\xc9' has characters"),
    (replace(REQUEST, called_ae_title="X" * 17), "error A-ASSOCIATE-RQ.called_ae_title: 17 characters"),
    (replace(REQUEST, protocol_version=2), "error protocol_version: version 1"),
    (replace(REQUEST, protocol_version=3), "warning protocol_version: bits other"),
    (replace(ACCEPT, protocol_version=0), "error protocol_version: version 1"),
    (replace(REQUEST, reserved_word=1), "warning reserved_word: reserved"),
    (replace(REQUEST, reserved_block=bytes(31) + b"x"), "warning reserved_block: reserved"),
    # items of the PDU
    (replace(REQUEST, items=REQUEST.items[1:]), "error items: no application context"),
    (replace(REQUEST, items=(APPLICATION, *REQUEST.items)), "error items: 2 application context"),
    (replace(REQUEST, items=REQUEST.items[:2]), "error items: no user information"),
    (replace(REQUEST, items=(*REQUEST.items, UserInformation())), "error items: 2 user information"),
    (replace(REQUEST, items=REQUEST.items[::-1]), "warning items: items are not in the order"),
    (replace(REQUEST, items=(ApplicationContext("1.2"), *REQUEST.items[1:])), "warning items[0].uid: not the DICOM"),
    (replace(REQUEST, items=(ApplicationContext("x"), *REQUEST.items[1:])), "error items[0].uid: 'x' is no UID"),
    (request(), "error items: no presentation context"),
    (request(CONTEXT, RESULT), "error items[2]: PresentationContextResult does not belong"),
    (accept(CONTEXT, RESULT), "error items[1]: PresentationContext does not belong"),
    (request(CONTEXT, CONTEXT), "error items: presentation context id 1 occurs 2 times"),
    (accept(RESULT, RESULT), "error items: presentation context id 1 occurs 2 times"),
    (request(CONTEXT, UnknownItem(0x22)), "warning items[2]: item type 0x22 has no meaning"),
    (request(CONTEXT, MaximumLength(1)), "warning items[2]: item type 0x51 has no meaning"),
    (request(replace(CONTEXT, reserved=1)), "warning items[1].reserved: reserved"),
    (request(replace(CONTEXT, length=1)), "error A-ASSOCIATE-RQ.items[1].reserved_bytes: 3 bytes"),
    # presentation contexts
    (context(ABSTRACT, TRANSFER, context_id=2), "error items[1].context_id: presentation context id 2"),
    (context(ABSTRACT, TRANSFER, context_id=0), "error items[1].context_id: presentation context id 0"),
    (context(TRANSFER), "error items[1]: no abstract syntax"),
    (context(ABSTRACT, ABSTRACT, TRANSFER), "error items[1]: 2 abstract syntax"),
    (context(ABSTRACT), "error items[1]: no transfer syntax"),
    (context(ABSTRACT, TRANSFER, TRANSFER), "error items[1]: transfer syntax '1.2.840.10008.1.2' occurs 2 times"),
    (context(TRANSFER, ABSTRACT), "warning items[1].items: items are not in the order"),
    (context(AbstractSyntax("1.02"), TRANSFER), "error items[1].items[0].uid: '1.02' is no UID"),
    (context(ABSTRACT, TransferSyntax("1.2\0")), "error items[1].items[1].uid: padding after the UID"),
    (context(ABSTRACT, TransferSyntax("1." * 40 + "1")), "error items[1].items[1].uid"),
    (context(ABSTRACT, TRANSFER, UnknownItem(0x41)), "warning items[1].items[2]: item type 0x41"),
    (request(replace(CONTEXT, reserved_bytes=b"\0\xff\0")), "warning items[1].reserved_bytes: reserved"),
    (accept(PresentationContextResult.of(2, 0, "1.2")), "error items[1].context_id: presentation context id 2"),
    (accept(PresentationContextResult.of(1, 5, "1.2")), "error items[1].result: 5 is no result"),
    (accept(PresentationContextResult(1, 0)), "error items[1]: no transfer syntaxes"),
    (accept(PresentationContextResult(1, 0, (TRANSFER, TRANSFER))), "error items[1]: 2 transfer syntaxes"),
    (accept(PresentationContextResult(1, 3)), "warning items[1]: no transfer syntaxes"),
    (accept(PresentationContextResult.of(1, 0, "x")), "error items[1].items[0].uid: 'x' is no UID"),
    (accept(replace(RESULT, reserved_byte_6=1)), "warning items[1].reserved_byte_6: reserved"),
    (accept(replace(RESULT, reserved_byte_8=1)), "warning items[1].reserved_byte_8: reserved"),
    # user information
    (replace(REQUEST, items=(*REQUEST.items[:2], UserInformation(MUST[1:]))), "error user_information: no maximum"),
    (replace(REQUEST, items=(*REQUEST.items[:2], UserInformation(MUST[:1]))), "error user_information: no implementa"),
    (request_with(MaximumLength(0)), "error user_information: 2 maximum length"),
    (replace(REQUEST, items=(*REQUEST.items[:2], UserInformation((MaximumLength(7), MUST[1])))), "warning user_inf"),
    (request_with(ImplementationClassUid("1")), "error user_information: 2 implementation class UID"),
    (request_with(AsyncOperationsWindow(1, 1), AsyncOperationsWindow(1, 1)), "error user_information: AsyncOperat"),
    (request_with(ImplementationVersionName("A"), ImplementationVersionName("A")), "error user_information: Implem"),
    (request_with(ImplementationVersionName("")), "error user_information[2].name: 0 characters"),
    (request_with(ImplementationVersionName("A" * 17)), "error user_information[2].name: 17 characters"),
    (request_with(ImplementationVersionName("\t")), "error user_information[2].name: characters outside"),
    (request_with(ROLE, ROLE), "error user_information: RoleSelection for SOP class '1.2' occurs 2 times"),
    (request_with(replace(ROLE, scu=2)), "error user_information[2].scu: role 2"),
    (request_with(replace(ROLE, scp=255)), "error user_information[2].scp: role 255"),
    (request_with(replace(ROLE, sop_class="")), "error user_information[2].sop_class: '' is no UID"),
    (request_with(ExtendedNegotiation("1", b""), ExtendedNegotiation("1", b"x")), "error user_information: Extended"),
    (request_with(ExtendedNegotiation("a", b"")), "error user_information[2].sop_class: 'a' is no UID"),
    (request_with(COMMON, COMMON), "error user_information: CommonExtendedNegotiation for SOP class"),
    (request_with(replace(COMMON, sop_class="a")), "error user_information[2].sop_class: 'a' is no UID"),
    (request_with(replace(COMMON, service_class="a")), "error user_information[2].service_class: 'a' is no UID"),
    (request_with(replace(COMMON, related=("1", "a"))), "error user_information[2].related[1]: 'a' is no UID"),
    (request_with(replace(COMMON, version=1)), "warning user_information[2].version: version 1"),
    (request_with(replace(COMMON, trailing=b"x")), "warning user_information[2].trailing: version 0"),
    (request_with(UserIdentity(1, 0, b"a"), UserIdentity(1, 0, b"a")), "error user_information: UserIdentity is rep"),
    (request_with(UserIdentity(6, 0, b"a")), "error user_information[2].identity_type: 6 is no"),
    (request_with(UserIdentity(1, 2, b"a")), "error user_information[2].response_requested: 2 is"),
    (request_with(UserIdentity(1, 0, b"")), "warning user_information[2].primary: empty"),
    (request_with(UserIdentity(1, 0, b"a", b"b")), "error user_information[2].secondary: only identity type 2"),
    (request_with(UserIdentityResponse()), "error user_information: UserIdentityResponse has no place"),
    (accept_with(UserIdentity(1, 0, b"a")), "error user_information: UserIdentity has no place"),
    (accept_with(COMMON), "error user_information: CommonExtendedNegotiation has no place"),
    (accept_with(UserIdentityResponse(), UserIdentityResponse()), "error user_information: UserIdentityResponse is"),
    (request_with(UnknownItem(0x5A)), "warning user_information[2]: item type 0x5A"),
    (request_with(UnknownItem(0x53, b"x")), "error A-ASSOCIATE-RQ.items[2].items[2].invoked: 2 bytes needed"),
    # A-ASSOCIATE-RJ, A-RELEASE, A-ABORT
    (AAssociateRJ(0, 1, 1), "error result: 0 is no result"),
    (AAssociateRJ(3, 1, 1), "error result: 3 is no result"),
    (AAssociateRJ(1, 0, 1), "error source: 0 is no source"),
    (AAssociateRJ(1, 1, 4), "error reason: 4 is no reason of source 1"),
    (AAssociateRJ(1, 2, 3), "error reason: 3 is no reason of source 2"),
    (AAssociateRJ(2, 3, 0), "error reason: 0 is no reason of source 3"),
    (AAssociateRJ(1, 1, 1, reserved_byte=1), "warning reserved_byte: reserved"),
    (AReleaseRQ(body=b"abcd"), "warning body: reserved"),
    (AReleaseRP(body=bytes(5)), "error A-RELEASE-RP: 1 bytes left over"),
    (AAbort(1), "error source: 1 is no source"),
    (AAbort(0, 2), "warning reason: a service user"),
    (AAbort(2, 3), "error reason: 3 is no reason"),
    (AAbort(reserved_bytes=b"\0\1"), "warning reserved_bytes: reserved"),
    # P-DATA-TF
    (PDataTF(), "error pdvs: no PDV"),
    (PDataTF((Pdv(2, b"ab"),)), "error pdvs[0].context_id: presentation context id 2"),
    (PDataTF((Pdv(1, b"ab", 7),)), "warning pdvs[0].control: bits 2 to 7"),
    (PDataTF((Pdv(1, b""),)), "error pdvs[0].payload: empty"),
    (PDataTF((Pdv(1, b"abc"),)), "error pdvs[0].payload: fragment of 3 bytes"),
    (PDataTF((Pdv(1, b"ab", 1), Pdv(3, b"ab", 1))), "error pdvs[1]: presentation context changes"),
    (PDataTF((Pdv(1, b"ab", 3), Pdv(1, b"ab", 3))), "error pdvs[1]: fragment after the last"),
    (PDataTF((Pdv(1, b"ab", 0), Pdv(1, b"ab", 2))), "warning pdvs[1]: two fragments of a kind"),
    (PDataTF((Pdv(1, b"ab", 2), Pdv(1, b"ab", 3))), "error pdvs[1]: command after data set"),
    (PDataTF((Pdv(1, b"ab", 1), Pdv(1, b"ab", 2))), "error pdvs[1]: data set before the last fragment"),
    (PDataTF((Pdv(1, b"ab", pdv_length=2000),)), "error P-DATA-TF.pdvs[0]: PDV announces 2000 bytes"),
]


@pytest.mark.parametrize(("pdu", "expected"), CASES, ids=[expected for _, expected in CASES])
def test_findings(pdu: Pdu, expected: str) -> None:
    findings = audit(pdu)
    texts = [f"{finding.severity} {finding.path}: {finding.message}" for finding in findings]
    assert any(text.startswith(expected) for text in texts), texts
    assert all(finding.clause.startswith("PS3.") for finding in findings)


FAULTLESS: list[Pdu] = [
    REQUEST,
    ACCEPT,
    replace(ACCEPT, called_ae_title="", calling_ae_title="\0", reserved_block=b"x" * 32),  # copied from the request
    accept(PresentationContextResult.of(1, 4, "")),  # the transfer syntax of a refusal means nothing
    request_with(UserIdentity(2, 1, b"a", b"b")),
    PDataTF((Pdv(1, b"ab", 3), Pdv(1, b"ab", 0))),
    AAbort(2, 6),
]


@pytest.mark.parametrize("pdu", FAULTLESS)
def test_no_finding_without_fault(pdu: Pdu) -> None:
    assert audit(pdu) == []


def test_real_pdus_have_no_errors(real_pdu: bytes) -> None:
    assert [finding for finding in audit(decode_pdu(real_pdu)) if finding.severity == "error"] == []


def test_dcmtk_fills_reserved_bytes(vectors) -> None:
    (finding,) = audit(decode_pdu(vectors("dcmtk-echoscu")["A-ASSOCIATE-RQ"]))
    assert finding == Finding("warning", "items[1].reserved_bytes", "reserved bytes are not 00", "PS3.8 9.3.2.2")
    assert str(finding) == "warning: items[1].reserved_bytes: reserved bytes are not 00 [PS3.8 9.3.2.2]"


@given(some.pdus())
def test_valid_pdus_have_no_findings(pdu: Pdu) -> None:
    assert audit(pdu) == []


@given(some.wrong_pdus())
def test_audit_never_raises(pdu: Pdu) -> None:
    for finding in audit(pdu):
        assert str(finding).isascii()
