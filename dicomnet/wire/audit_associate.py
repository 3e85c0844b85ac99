"""The part of the audit that judges A-ASSOCIATE-RQ and -AC: presentation contexts and user information."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from dicomnet.codes import ContextResult, IdentityType
from dicomnet.uids import APPLICATION_CONTEXT
from dicomnet.wire.findings import Finding, check_context_id, check_reserved, check_title, check_uid, error, warning
from dicomnet.wire.items import (
    USER_ITEM_KINDS,
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
)
from dicomnet.wire.pdu import AAssociateAC, AAssociateRQ

__all__ = ["audit_accept", "audit_request"]

_SMALLEST_MAXIMUM = 8  # PDV length, context id, message control header and the shortest even fragment


def audit_request(pdu: AAssociateRQ) -> Iterator[Finding]:
    """PS3.8 9.3.2."""
    yield from check_title("called_ae_title", pdu.called_ae_title)
    yield from check_title("calling_ae_title", pdu.calling_ae_title)
    yield from check_reserved("reserved_block", pdu.reserved_block, "PS3.8 9.3.2")
    yield from _audit_common(pdu, PresentationContext, "PS3.8 9.3.2")


def audit_accept(pdu: AAssociateAC) -> Iterator[Finding]:
    """PS3.8 9.3.3. The titles and the reserved block repeat the request, whatever it said."""
    yield from _audit_common(pdu, PresentationContextResult, "PS3.8 9.3.3")


def _audit_common(pdu: AAssociateRQ | AAssociateAC, context_kind: type[Item], clause: str) -> Iterator[Finding]:
    if not pdu.protocol_version & 1:
        yield error("protocol_version", "version 1 (bit 0) is not offered", clause)
    if pdu.protocol_version & ~1:
        yield warning("protocol_version", "bits other than bit 0 are set", clause)
    yield from check_reserved("reserved_word", pdu.reserved_word, clause)
    yield from _audit_place("items", pdu.items, (ApplicationContext, context_kind, UserInformation), clause)
    yield from _audit_order("items", pdu.items)
    yield from _exactly_one("application context", pdu.items, ApplicationContext, clause)
    yield from _exactly_one("user information", pdu.items, UserInformation, clause)
    if not pdu.presentation_contexts:
        yield error("items", "no presentation context", clause)
    ids = (context.context_id for context in pdu.presentation_contexts)
    yield from _repeated("items", "presentation context id", ids, "PS3.8 9.3.2.2")
    yield from _audit_user_information(pdu, isinstance(pdu, AAssociateRQ))


def _audit_user_information(pdu: AAssociateRQ | AAssociateAC, is_request: bool) -> Iterator[Finding]:
    path = "user_information"
    subs = pdu.user_information
    foreign = UserIdentityResponse if is_request else (CommonExtendedNegotiation, UserIdentity)
    for item in subs:
        if isinstance(item, foreign):
            where = "A-ASSOCIATE-RQ" if is_request else "A-ASSOCIATE-AC"
            yield error(path, f"{type(item).__name__} has no place in an {where}", "PS3.7 D.3.3")
    yield from _exactly_one("maximum length", subs, MaximumLength, "PS3.8 D.1", path)
    yield from _exactly_one("implementation class UID", subs, ImplementationClassUid, "PS3.7 D.3.3.2", path)
    for kind in (AsyncOperationsWindow, ImplementationVersionName, UserIdentity, UserIdentityResponse):
        if len(pdu.find_all(kind)) > 1:
            yield error(path, f"{kind.__name__} is repeated", "PS3.7 D.3.3")
    for keyed in (RoleSelection, ExtendedNegotiation, CommonExtendedNegotiation):
        classes = (item.sop_class for item in subs if isinstance(item, keyed))
        yield from _repeated(path, f"{keyed.__name__} for SOP class", classes, "PS3.7 D.3.3")


def _audit_place(path: str, items: Iterable[Item], kinds: tuple[type[Item], ...], clause: str) -> Iterator[Finding]:
    """Each item on its own, and whether it belongs here."""
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        if isinstance(item, UnknownItem):
            yield warning(here, f"item type 0x{item.item_type:02X} has no meaning here", "PS3.8 9.3.1")
        elif not isinstance(item, kinds):
            yield error(here, f"{type(item).__name__} does not belong here", clause)
        if not isinstance(item, CommonExtendedNegotiation):
            yield from check_reserved(f"{here}.reserved", item.reserved, clause)
        check = _CHECKS.get(type(item))
        if check:
            yield from check(here, item)


def _audit_order(path: str, items: Iterable[Item]) -> Iterator[Finding]:
    types = [item.item_type for item in items]
    if types != sorted(types):
        yield warning(path, "items are not in the order of their types", "PS3.8 9.3.1")


def _exactly_one(
    name: str, items: Iterable[Item], kind: type[Item], clause: str, path: str = "items"
) -> Iterator[Finding]:
    count = sum(isinstance(item, kind) for item in items)
    if count != 1:
        yield error(path, f"{count or 'no'} {name}, there has to be one", clause)


def _repeated(path: str, name: str, keys: Iterable[Hashable], clause: str) -> Iterator[Finding]:
    for key, count in Counter(keys).items():
        if count > 1:
            yield error(path, f"{name} {ascii(key)[:80]} occurs {count} times", clause)


def _application_context(path: str, item: ApplicationContext) -> Iterator[Finding]:
    yield from check_uid(f"{path}.uid", item.uid, "PS3.8 9.3.2.1")
    if item.uid != APPLICATION_CONTEXT:
        yield warning(f"{path}.uid", "not the DICOM application context name", "PS3.7 A.2.1")


def _presentation_context(path: str, item: PresentationContext) -> Iterator[Finding]:
    clause = "PS3.8 9.3.2.2"
    yield from check_context_id(f"{path}.context_id", item.context_id)
    yield from check_reserved(f"{path}.reserved_bytes", item.reserved_bytes, clause)
    yield from _audit_place(f"{path}.items", item.items, (AbstractSyntax, TransferSyntax), clause)
    yield from _audit_order(f"{path}.items", item.items)
    yield from _exactly_one("abstract syntax", item.items, AbstractSyntax, clause, path)
    if not item.transfer_syntaxes:
        yield error(path, "no transfer syntax", clause)
    yield from _repeated(path, "transfer syntax", item.transfer_syntaxes, clause)


def _presentation_context_result(path: str, item: PresentationContextResult) -> Iterator[Finding]:
    clause = "PS3.8 9.3.3.2"
    yield from check_context_id(f"{path}.context_id", item.context_id)
    yield from check_reserved(f"{path}.reserved_byte_6", item.reserved_byte_6, clause)
    yield from check_reserved(f"{path}.reserved_byte_8", item.reserved_byte_8, clause)
    if item.result not in ContextResult.__members__.values():
        yield error(f"{path}.result", f"{item.result} is no result", clause)
    accepted = item.result == ContextResult.ACCEPTANCE
    # The transfer syntax of a refusal means nothing, and some leave it out: a receiver overlooks it.
    yield from _audit_place(f"{path}.items", item.items if accepted else (), (TransferSyntax,), clause)
    count = sum(isinstance(sub, TransferSyntax) for sub in item.items)
    if count != 1:
        judge = error if accepted else warning
        yield judge(path, f"{count or 'no'} transfer syntaxes, there has to be one", clause)


def _user_information(path: str, item: UserInformation) -> Iterator[Finding]:
    yield from _audit_place("user_information", item.items, USER_ITEM_KINDS, "PS3.8 9.3.2.3")


def _maximum_length(path: str, item: MaximumLength) -> Iterator[Finding]:
    if 0 < item.value < _SMALLEST_MAXIMUM:
        yield warning(f"{path}.value", f"no fragment fits into {item.value} bytes", "PS3.8 D.1")


def _uid_item(path: str, item: AbstractSyntax | TransferSyntax | ImplementationClassUid) -> Iterator[Finding]:
    yield from check_uid(f"{path}.uid", item.uid, "PS3.5 9.1")


def _version_name(path: str, item: ImplementationVersionName) -> Iterator[Finding]:
    if not 1 <= len(item.name) <= 16:
        yield error(f"{path}.name", f"{len(item.name)} characters, allowed are 1 to 16", "PS3.7 D.3.3.2")
    if not all(" " <= character <= "~" for character in item.name):
        yield error(f"{path}.name", "characters outside ISO 646", "PS3.7 D.3.3.2")


def _role_selection(path: str, item: RoleSelection) -> Iterator[Finding]:
    clause = "PS3.7 D.3.3.4"
    yield from check_uid(f"{path}.sop_class", item.sop_class, clause)
    for name, role in (("scu", item.scu), ("scp", item.scp)):
        if role not in (0, 1):
            yield error(f"{path}.{name}", f"role {role} is neither 0 nor 1", clause)


def _extended(path: str, item: ExtendedNegotiation) -> Iterator[Finding]:
    yield from check_uid(f"{path}.sop_class", item.sop_class, "PS3.7 D.3.3.5")


def _common_extended(path: str, item: CommonExtendedNegotiation) -> Iterator[Finding]:
    clause = "PS3.7 D.3.3.6"
    yield from check_uid(f"{path}.sop_class", item.sop_class, clause)
    yield from check_uid(f"{path}.service_class", item.service_class, clause)
    for index, uid in enumerate(item.related):
        yield from check_uid(f"{path}.related[{index}]", uid, clause)
    if item.version:
        yield warning(f"{path}.version", f"version {item.version}, only 0 is defined", clause)
    elif item.trailing:
        yield warning(f"{path}.trailing", "version 0 has nothing here", clause)


def _user_identity(path: str, item: UserIdentity) -> Iterator[Finding]:
    clause = "PS3.7 D.3.3.7.1"
    if item.identity_type not in IdentityType.__members__.values():
        yield error(f"{path}.identity_type", f"{item.identity_type} is no identity type", clause)
    if item.response_requested not in (0, 1):
        yield error(f"{path}.response_requested", f"{item.response_requested} is neither 0 nor 1", clause)
    if not item.primary:
        yield warning(f"{path}.primary", "empty", clause)
    if item.secondary and item.identity_type != IdentityType.USERNAME_PASSCODE:
        yield error(f"{path}.secondary", "only identity type 2 has a secondary field", clause)


_CHECKS: Mapping[type[Item], Callable[[str, Any], Iterator[Finding]]] = {
    ApplicationContext: _application_context,
    PresentationContext: _presentation_context,
    PresentationContextResult: _presentation_context_result,
    AbstractSyntax: _uid_item,
    TransferSyntax: _uid_item,
    ImplementationClassUid: _uid_item,
    UserInformation: _user_information,
    MaximumLength: _maximum_length,
    ImplementationVersionName: _version_name,
    RoleSelection: _role_selection,
    ExtendedNegotiation: _extended,
    CommonExtendedNegotiation: _common_extended,
    UserIdentity: _user_identity,
}
