"""A finding of the audit, and the checks of single values that several PDUs share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from dicomnet.records import dataclass
from dicomnet.uids import is_uid

__all__ = ["Finding", "check_context_id", "check_reserved", "check_title", "check_uid", "error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a PDU: where, what, and by which clause."""

    severity: Literal["error", "warning"]
    path: str
    message: str
    clause: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.path}: {self.message} [{self.clause}]"


def error(path: str, message: str, clause: str) -> Finding:
    """A finding that a receiver may refuse the PDU for."""
    return Finding("error", path, message, clause)


def warning(path: str, message: str, clause: str) -> Finding:
    """A finding that a receiver has to overlook."""
    return Finding("warning", path, message, clause)


def check_reserved(path: str, value: int | bytes, clause: str) -> Iterator[Finding]:
    """Reserved bytes are sent as 00 and never looked at."""
    if value if isinstance(value, int) else any(value):
        yield warning(path, "reserved bytes are not 00", clause)


def check_uid(path: str, uid: str, clause: str) -> Iterator[Finding]:
    """UIDs in PDUs have no padding (PS3.8 Annex F)."""
    if is_uid(uid):
        return
    if is_uid(uid.rstrip("\0 ")):
        yield error(path, "padding after the UID", "PS3.8 Annex F")
    else:
        yield error(path, f"{uid[:64]!a} is no UID", clause)


def check_title(path: str, title: str) -> Iterator[Finding]:
    """AE titles are 1 to 16 printing ASCII characters without backslash (PS3.5 6.2, PS3.8 9.3.2)."""
    if not title.strip(" "):
        yield error(path, "blank AE title", "PS3.8 9.3.2")
    elif not all(" " <= character <= "~" for character in title) or "\\" in title:
        yield error(path, f"{title!a} has characters that no AE title may have", "PS3.5 6.2")


def check_context_id(path: str, context_id: int) -> Iterator[Finding]:
    """Presentation context ids are odd."""
    if not 1 <= context_id <= 255 or context_id % 2 == 0:
        yield error(path, f"presentation context id {context_id} is not an odd number from 1 to 255", "PS3.8 9.3.2.2")
