"""The same PDUs through pynetdicom's encoder and decoder: two independent readings of PS3.8 have to agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from pynetdicom import pdu as peer

from dicomnet.testing import pdus as some
from dicomnet.wire import (
    AAbort,
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AReleaseRP,
    AReleaseRQ,
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    ImplementationClassUid,
    ImplementationVersionName,
    MaximumLength,
    PDataTF,
    Pdu,
    RoleSelection,
    UserIdentity,
    decode_pdu,
    encode_pdu,
)

PEERS = {
    AAssociateRQ: peer.A_ASSOCIATE_RQ,
    AAssociateAC: peer.A_ASSOCIATE_AC,
    AAssociateRJ: peer.A_ASSOCIATE_RJ,
    PDataTF: peer.P_DATA_TF,
    AReleaseRQ: peer.A_RELEASE_RQ,
    AReleaseRP: peer.A_RELEASE_RP,
    AAbort: peer.A_ABORT_RQ,
}


def through_pynetdicom(data: bytes):
    pdu = PEERS[type(decode_pdu(data))]()
    pdu.decode(data)
    return pdu


def test_it_reads_and_writes_real_pdus_as_we_do(real_pdu: bytes) -> None:
    theirs = through_pynetdicom(real_pdu)
    ours = decode_pdu(real_pdu)
    if isinstance(ours, AAssociateRQ):
        # It sends reserved bytes as 00 whatever it has read.
        real_pdu = real_pdu.replace(b"\x01\x00\xff\x00", b"\x01\x00\x00\x00")
    assert theirs.encode() == real_pdu


@given(some.associate_rejects() | some.aborts() | some.p_data_tfs())
def test_small_pdus(pdu: Pdu) -> None:
    data = encode_pdu(pdu)
    assert through_pynetdicom(data).encode() == data


@pytest.mark.parametrize("pdu", [AReleaseRQ(), AReleaseRP()])
def test_release(pdu: Pdu) -> None:
    assert through_pynetdicom(encode_pdu(pdu)).encode() == encode_pdu(pdu)


def check_associate(ours: AAssociateRQ | AAssociateAC) -> None:
    data = encode_pdu(ours)
    theirs = through_pynetdicom(data)
    assert theirs.encode() == data
    assert theirs.called_ae_title.strip() == ours.called_ae_title
    assert theirs.calling_ae_title.strip() == ours.calling_ae_title
    assert theirs.application_context_name == ours.application_context
    for item, name in (
        (ours.find(MaximumLength), "maximum_length_received"),
        (ours.find(ImplementationClassUid), "implementation_class_uid"),
        (ours.find(ImplementationVersionName), "implementation_version_name"),
    ):
        value = next((getattr(sub, name) for sub in theirs.user_information.user_data if hasattr(sub, name)), None)
        field = {"maximum_length_received": "value", "implementation_class_uid": "uid"}.get(name, "name")
        assert value == (getattr(item, field) if item else None)


@given(some.associate_requests())
def test_associate_requests(request_: AAssociateRQ) -> None:
    theirs = through_pynetdicom(encode_pdu(request_))
    assert [context.presentation_context_id for context in theirs.presentation_context] == [
        context.context_id for context in request_.presentation_contexts
    ]
    assert [(context.abstract_syntax, tuple(context.transfer_syntax)) for context in theirs.presentation_context] == [
        (context.abstract_syntax, context.transfer_syntaxes) for context in request_.presentation_contexts
    ]
    check_associate(request_)
    subs = theirs.user_information
    identity = request_.find(UserIdentity)
    if identity:
        assert subs.user_identity.user_identity_type == identity.identity_type
        assert subs.user_identity.primary_field == identity.primary
        assert subs.user_identity.secondary_field == identity.secondary
    for kind, theirs_list in (
        (ExtendedNegotiation, subs.ext_neg),
        (CommonExtendedNegotiation, subs.common_ext_neg),
    ):
        assert [item.sop_class_uid for item in theirs_list] == [item.sop_class for item in request_.find_all(kind)]
    assert [(item.uid, item.scu, item.scp) for item in subs.role_selection.values()] == [
        (item.sop_class, item.scu, item.scp) for item in request_.find_all(RoleSelection)
    ]


@given(some.associate_accepts())
def test_associate_accepts(accept: AAssociateAC) -> None:
    theirs = through_pynetdicom(encode_pdu(accept))
    assert [(context.presentation_context_id, context.result) for context in theirs.presentation_context] == [
        (context.context_id, context.result) for context in accept.presentation_contexts
    ]
    check_associate(accept)
