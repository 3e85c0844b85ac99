"""What is wrong with a PDU, by the rules of PS3.8 9.3 and Annexes D and E and PS3.7 D.3.3. Judges, never encodes.

A PDU is judged as its receiver would see it: written, read back, and then looked at. An ``error`` breaks a rule that a
receiver may refuse the PDU for; a ``warning`` is unusual, or breaks a rule that receivers have to overlook. Only what
one PDU shows is judged: that an answer fits its request, or a message its context, is for the upper layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from dicomnet.codes import AbortReason, AbortSource, RejectResult
from dicomnet.errors import CodecError
from dicomnet.wire.audit_associate import audit_accept, audit_request
from dicomnet.wire.findings import Finding, check_context_id, check_reserved, error, warning
from dicomnet.wire.pdu import (
    AAbort,
    AAssociateAC,
    AAssociateRJ,
    AAssociateRQ,
    AReleaseRP,
    AReleaseRQ,
    PDataTF,
    Pdu,
    decode_pdu,
    encode_pdu,
    pdu_name,
)

__all__ = ["Finding", "audit", "audit_encoded"]

_REJECT_REASONS: Mapping[int, frozenset[int]] = {1: frozenset({1, 2, 3, 7}), 2: frozenset({1, 2}), 3: frozenset({1, 2})}


def audit(pdu: Pdu) -> list[Finding]:
    """All that is wrong with ``pdu``; an empty list if nothing is. Never raises for what a PDU holds."""
    try:
        seen: Pdu = decode_pdu(encode_pdu(pdu))
    except CodecError as fault:
        return [_unreadable(fault, pdu.pdu_type), *_audit_seen(pdu)]
    return list(_audit_seen(seen))


def audit_encoded(data: bytes) -> list[Finding]:
    """The same for one PDU that is encoded already."""
    try:
        return list(_audit_seen(decode_pdu(data)))
    except CodecError as fault:
        return [_unreadable(fault, data[0] if data else 0)]


def _unreadable(fault: CodecError, pdu_type: int) -> Finding:
    return error(fault.path or pdu_name(pdu_type), fault.message, fault.clause or "PS3.8 9.3")


def _audit_seen(pdu: Pdu) -> Iterator[Finding]:
    yield from check_reserved("reserved", pdu.reserved, "PS3.8 9.3.1")
    yield from _CHECKS[type(pdu)](pdu) if type(pdu) in _CHECKS else ()


def _reject(pdu: AAssociateRJ) -> Iterator[Finding]:
    clause = "PS3.8 9.3.4"
    yield from check_reserved("reserved_byte", pdu.reserved_byte, clause)
    if pdu.result not in RejectResult.__members__.values():
        yield error("result", f"{pdu.result} is no result", clause)
    if pdu.source not in _REJECT_REASONS:
        yield error("source", f"{pdu.source} is no source", clause)
    elif pdu.reason not in _REJECT_REASONS[pdu.source]:
        yield error("reason", f"{pdu.reason} is no reason of source {pdu.source}", clause)


def _release(pdu: AReleaseRQ | AReleaseRP) -> Iterator[Finding]:
    yield from check_reserved("body", pdu.body, "PS3.8 9.3.6")


def _abort(pdu: AAbort) -> Iterator[Finding]:
    clause = "PS3.8 9.3.8"
    yield from check_reserved("reserved_bytes", pdu.reserved_bytes, clause)
    if pdu.source not in AbortSource.__members__.values():
        yield error("source", f"{pdu.source} is no source", clause)
    elif pdu.source == AbortSource.SERVICE_USER and pdu.reason:
        yield warning("reason", "a service user sends reason 00", clause)
    elif pdu.source == AbortSource.SERVICE_PROVIDER and pdu.reason not in AbortReason.__members__.values():
        yield error("reason", f"{pdu.reason} is no reason", clause)


def _p_data(pdu: PDataTF) -> Iterator[Finding]:
    if not pdu.pdvs:
        yield error("pdvs", "no PDV", "PS3.8 9.3.5")
    for index, pdv in enumerate(pdu.pdvs):
        path = f"pdvs[{index}]"
        yield from check_context_id(f"{path}.context_id", pdv.context_id)
        if pdv.control & ~3:
            yield warning(f"{path}.control", "bits 2 to 7 are not 0", "PS3.8 E.2")
        if not pdv.payload:
            yield error(f"{path}.payload", "empty fragment", "PS3.8 E.1")
        elif len(pdv.payload) % 2:
            yield error(f"{path}.payload", f"fragment of {len(pdv.payload)} bytes, an odd number", "PS3.8 E.1")
    for index, (before, after) in enumerate(pairwise(pdu.pdvs), 1):
        path = f"pdvs[{index}]"
        if before.context_id != after.context_id:
            yield error(path, "presentation context changes within the PDU", "PS3.8 E.1")
        elif before.is_command == after.is_command and before.is_last:
            yield error(path, "fragment after the last of its kind", "PS3.8 E.2")
        elif before.is_command == after.is_command:
            yield warning(path, "two fragments of a kind in one PDU", "PS3.8 E.1")
        elif not before.is_command:
            yield error(path, "command after data set", "PS3.8 E.1")
        elif not before.is_last:
            yield error(path, "data set before the last fragment of the command", "PS3.8 E.1")


_CHECKS: Mapping[type[Pdu], Callable[[Any], Iterator[Finding]]] = {
    AAssociateRQ: audit_request,
    AAssociateAC: audit_accept,
    AAssociateRJ: _reject,
    PDataTF: _p_data,
    AReleaseRQ: _release,
    AReleaseRP: _release,
    AAbort: _abort,
}
