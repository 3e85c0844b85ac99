"""Hypothesis strategies for PDUs and byte streams.

``pdus`` and its parts are without fault: ``audit`` has no word against them. ``wrong_pdus`` are whatever can be
expressed: lengths that lie, items astray or repeated, numbers without meaning. ``mutated`` and ``chunkings`` work on
bytes of any kind.
"""

from __future__ import annotations

import string
from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.codes import AbortReason, AbortSource, ContextResult, IdentityType, ItemType, PduType, RejectResult
from dicomnet.testing._reused import reused
from dicomnet.uids import APPLICATION_CONTEXT
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
)

__all__ = [
    "aborts",
    "ae_titles",
    "associate_accepts",
    "associate_rejects",
    "associate_requests",
    "chunkings",
    "common_extended_negotiations",
    "context_ids",
    "extended_negotiations",
    "mutated",
    "p_data_tfs",
    "pdus",
    "pdvs",
    "presentation_context_results",
    "presentation_contexts",
    "raw_pdus",
    "role_selections",
    "uids",
    "user_identities",
    "wrong_items",
    "wrong_pdus",
]

_U8 = st.integers(0, 0xFF)
_U16 = st.integers(0, 0xFFFF)
_U32 = st.integers(0, 0xFFFF_FFFF)
_LATIN_1 = st.text(st.characters(max_codepoint=0xFF), max_size=70)


@reused
def uids() -> SearchStrategy[str]:
    """UIDs by PS3.5 9.1, short and long."""
    parts = st.lists(st.integers(0, 10**13), min_size=1, max_size=4)
    return parts.map(lambda numbers: ".".join(map(str, [1, 2, *numbers])))


@reused
def ae_titles() -> SearchStrategy[str]:
    """AE titles of 1 to 16 characters, some with spaces inside."""
    letters = string.ascii_letters + string.digits + "_-. "
    return st.text(letters, min_size=1, max_size=16).map(lambda text: text.strip(" ") or "X")


@reused
def context_ids() -> SearchStrategy[int]:
    """Odd numbers from 1 to 255."""
    return st.integers(0, 127).map(lambda number: 2 * number + 1)


@reused
def presentation_contexts(context_id: int | None = None) -> SearchStrategy[PresentationContext]:
    """Proposed presentation contexts, with this id or with any."""
    syntaxes = st.lists(uids(), min_size=1, max_size=4, unique=True)
    return st.builds(PresentationContext.of, _this_or(context_id), uids(), syntaxes)


@reused
def presentation_context_results(context_id: int | None = None) -> SearchStrategy[PresentationContextResult]:
    """Answered presentation contexts, with this id or with any."""
    results = st.sampled_from(ContextResult)
    return st.builds(PresentationContextResult.of, _this_or(context_id), results, uids())


@reused
def role_selections() -> SearchStrategy[RoleSelection]:
    """SCP/SCU role selections."""
    role = st.integers(0, 1)
    return st.builds(RoleSelection, uids(), role, role)


@reused
def extended_negotiations() -> SearchStrategy[ExtendedNegotiation]:
    """SOP class extended negotiations."""
    return st.builds(ExtendedNegotiation, uids(), st.binary(max_size=8))


@reused
def common_extended_negotiations() -> SearchStrategy[CommonExtendedNegotiation]:
    """SOP class common extended negotiations."""
    related = st.lists(uids(), max_size=3).map(tuple)
    return st.builds(CommonExtendedNegotiation, uids(), uids(), related)


@reused
def user_identities() -> SearchStrategy[UserIdentity]:
    """User identities of every type; only type 2 has a secondary field."""
    primary = st.binary(min_size=1, max_size=20)
    asked = st.integers(0, 1)
    plain = st.sampled_from([kind for kind in IdentityType if kind != IdentityType.USERNAME_PASSCODE])
    return st.one_of(
        st.builds(UserIdentity, plain, asked, primary),
        st.builds(UserIdentity, st.just(IdentityType.USERNAME_PASSCODE), asked, primary, st.binary(max_size=20)),
    )


@reused
@st.composite
def associate_requests(draw: st.DrawFn) -> AAssociateRQ:
    """A-ASSOCIATE-RQ PDUs."""
    ids = draw(_IDS)
    user_items = draw(_user_items())
    user_items += draw(_COMMON_EXTENDED)
    user_items += draw(st.lists(user_identities(), max_size=1))
    items: tuple[Item, ...] = (
        ApplicationContext(APPLICATION_CONTEXT),
        *(draw(presentation_contexts(number)) for number in ids),
        UserInformation(tuple(user_items)),
    )
    return AAssociateRQ(draw(ae_titles()), draw(ae_titles()), items)


@reused
@st.composite
def associate_accepts(draw: st.DrawFn) -> AAssociateAC:
    """A-ASSOCIATE-AC PDUs, the answer to no request in particular."""
    ids = draw(_IDS)
    user_items = draw(_user_items())
    user_items += draw(_IDENTITY_RESPONSE)
    items: tuple[Item, ...] = (
        ApplicationContext(APPLICATION_CONTEXT),
        *(draw(presentation_context_results(number)) for number in ids),
        UserInformation(tuple(user_items)),
    )
    return AAssociateAC(draw(ae_titles()), draw(ae_titles()), items)


@reused
def associate_rejects() -> SearchStrategy[AAssociateRJ]:
    """A-ASSOCIATE-RJ PDUs with the reasons that are laid down."""
    reasons = st.sampled_from([(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)])
    return st.builds(lambda result, why: AAssociateRJ(result, *why), st.sampled_from(RejectResult), reasons)


@reused
def pdvs() -> SearchStrategy[Pdv]:
    """PDVs of an even, non-empty fragment."""
    payloads = st.binary(min_size=1, max_size=30).map(lambda half: half + half)
    return st.builds(Pdv, context_ids(), payloads, st.integers(0, 3))


@reused
def p_data_tfs() -> SearchStrategy[PDataTF]:
    """P-DATA-TF PDUs of one PDV, or of a command and the beginning of its data set."""

    def pair(first: Pdv, second: Pdv) -> PDataTF:
        command = Pdv(first.context_id, first.payload, 3)
        return PDataTF((command, Pdv(first.context_id, second.payload, second.control & 2)))

    return st.one_of(pdvs().map(lambda pdv: PDataTF((pdv,))), st.builds(pair, pdvs(), pdvs()))


@reused
def aborts() -> SearchStrategy[AAbort]:
    """A-ABORT PDUs of users and of providers."""
    by_provider = st.builds(AAbort, st.just(AbortSource.SERVICE_PROVIDER), st.sampled_from(AbortReason))
    return st.one_of(st.just(AAbort(AbortSource.SERVICE_USER)), by_provider)


@reused
def pdus() -> SearchStrategy[Pdu]:
    """PDUs of every type."""
    return st.one_of(
        associate_requests(),
        associate_accepts(),
        associate_rejects(),
        p_data_tfs(),
        st.sampled_from([AReleaseRQ(), AReleaseRP()]),
        aborts(),
    )


@reused
def wrong_items() -> SearchStrategy[Item]:
    """Items with any content, some with a length that lies, nested to no purpose."""
    common = {"reserved": _U8, "length": st.none() | _U16}
    leaves: SearchStrategy[Item] = st.one_of(
        *(
            st.builds(kind, _LATIN_1, **common)
            for kind in (ApplicationContext, AbstractSyntax, TransferSyntax, ImplementationClassUid)
        ),
        st.builds(MaximumLength, _U32, **common),
        st.builds(AsyncOperationsWindow, _U16, _U16, **common),
        st.builds(RoleSelection, _LATIN_1, _U8, _U8, **common),
        st.builds(ImplementationVersionName, _LATIN_1, **common),
        st.builds(ExtendedNegotiation, _LATIN_1, st.binary(max_size=20), **common),
        st.builds(
            CommonExtendedNegotiation,
            _LATIN_1,
            _LATIN_1,
            st.lists(_LATIN_1, max_size=3).map(tuple),
            _U8,
            st.binary(max_size=4),
            length=common["length"],
        ),
        st.builds(UserIdentity, _U8, _U8, st.binary(max_size=20), st.binary(max_size=20), **common),
        st.builds(UserIdentityResponse, st.binary(max_size=20), **common),
        st.builds(UnknownItem, st.sampled_from(ItemType) | _U8, st.binary(max_size=20), **common),
    )
    return st.recursive(leaves, lambda inner: _wrong_envelopes(inner, common), max_leaves=6)


@reused
def wrong_pdus() -> SearchStrategy[Pdu]:
    """PDUs of every type with any content; each can be encoded."""
    length = st.none() | _U32
    items = st.lists(wrong_items(), max_size=4).map(tuple)
    title = st.text(st.characters(max_codepoint=0xFF), max_size=16)
    block = st.just(bytes(32)) | st.binary(min_size=32, max_size=32)
    pdv = st.builds(Pdv, _U8, st.binary(max_size=20), _U8, st.none() | _U32)
    return st.one_of(
        st.builds(AAssociateRQ, title, title, items, _U16, _U8, _U16, block, length),
        st.builds(AAssociateAC, title, title, items, _U16, _U8, _U16, block, length),
        st.builds(AAssociateRJ, _U8, _U8, _U8, _U8, _U8, length),
        st.builds(PDataTF, st.lists(pdv, max_size=4).map(tuple), _U8, length),
        st.builds(AReleaseRQ, _U8, st.binary(max_size=8), length),
        st.builds(AReleaseRP, _U8, st.binary(max_size=8), length),
        st.builds(AAbort, _U8, _U8, _U8, st.binary(min_size=2, max_size=2), length),
        st.builds(UnknownPdu, _U8, st.binary(max_size=40), _U8, length),
    )


@reused
@st.composite
def raw_pdus(draw: st.DrawFn) -> bytes:
    """A true header in front of random bytes."""
    pdu_type = draw(st.sampled_from(PduType) | _U8)
    body = draw(st.binary(max_size=200))
    return bytes([pdu_type, draw(_U8)]) + len(body).to_bytes(4, "big") + body


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """``data`` with up to four bytes changed, runs taken out or put in, or its end cut off."""
    result = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(result)))
        kind = draw(st.sampled_from(["change", "change", "remove", "insert", "cut"]))
        if kind == "change" and place < len(result):
            result[place] = draw(st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF]) | _U8)
        elif kind == "remove":
            del result[place : place + draw(st.integers(1, 8))]
        elif kind == "insert":
            result[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "cut":
            del result[place:]
    return bytes(result)


def chunkings(data: bytes) -> SearchStrategy[list[bytes]]:
    """``data`` in pieces, cut anywhere, sometimes to single bytes and with empty pieces."""
    cuts = st.lists(st.integers(0, len(data)), max_size=12).map(sorted)
    pieces = cuts.map(lambda places: [data[i:j] for i, j in zip([0, *places], [*places, len(data)], strict=True)])
    return pieces | st.just([data[i : i + 1] for i in range(len(data))])


@reused
def _this_or(context_id: int | None) -> SearchStrategy[int]:
    return context_ids() if context_id is None else st.just(context_id)


_IDS = st.lists(context_ids(), min_size=1, max_size=5, unique=True)
_COMMON_EXTENDED = st.lists(common_extended_negotiations(), max_size=2, unique_by=lambda item: item.sop_class)
_IDENTITY_RESPONSE = st.lists(st.builds(UserIdentityResponse, st.binary(max_size=20)), max_size=1)


@reused
def _user_items() -> SearchStrategy[list[Item]]:
    """What requests and accepts have of user information."""
    length = st.builds(MaximumLength, st.just(0) | st.integers(8, 0xFFFF_FFFF))
    window = st.builds(AsyncOperationsWindow, _U16, _U16)
    name = st.text(string.ascii_uppercase + string.digits + "_", min_size=1, max_size=16)
    roles = st.lists(role_selections(), max_size=3, unique_by=lambda item: item.sop_class)
    extended = st.lists(extended_negotiations(), max_size=2, unique_by=lambda item: item.sop_class)
    parts = st.tuples(
        *(st.tuples(length), st.tuples(st.builds(ImplementationClassUid, uids())), st.lists(window, max_size=1)),
        *(roles, st.lists(st.builds(ImplementationVersionName, name), max_size=1), extended),
    )
    return parts.map(lambda found: [item for part in found for item in part])


def _wrong_envelopes(
    inner: SearchStrategy[Item], common: Mapping[str, SearchStrategy[int | None]]
) -> SearchStrategy[Item]:
    items = st.lists(inner, max_size=4).map(tuple)
    return st.one_of(
        st.builds(PresentationContext, _U8, items, st.binary(min_size=3, max_size=3), **common),
        st.builds(PresentationContextResult, _U8, _U8, items, _U8, _U8, **common),
        st.builds(UserInformation, items, **common),
    )
