"""What key stores hold, and how reading one fails. Knows no format."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal

from dicomnet.errors import DicomNetError
from dicomnet.records import dataclass, field

__all__ = [
    "MAX_CERTIFICATES",
    "AliasError",
    "Identity",
    "KeyEntry",
    "KeyStoreError",
    "PasswordError",
    "Trust",
    "certificate_pem",
    "pem",
    "pick",
]

MAX_CERTIFICATES = 10_000
"""Of a store: more than any authority list of our time, and few enough for a context to look through."""


class KeyStoreError(DicomNetError):
    """A key store or trust store cannot be used; says which and why."""


class PasswordError(KeyStoreError):
    """A password is missing or wrong: that of the ``store`` or that of the ``key`` in it."""

    def __init__(self, message: str, *, of: Literal["store", "key"]) -> None:
        super().__init__(message)
        self.of = of


class AliasError(KeyStoreError):
    """There is no private key of this alias."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key in the clear, as PEM, and its certificates as DER, its own first; ``alias`` is its name if any."""

    key: bytes = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False)
    alias: str = ""

    def pem(self) -> bytes:
        """All of it as OpenSSL reads it."""
        return self.key + certificate_pem(self.chain)


@dataclass(frozen=True, slots=True)
class Trust:
    """Certificates, as DER, whose holders and those they vouch for are believed."""

    certificates: tuple[bytes, ...] = field(repr=False)

    def pem(self) -> bytes:
        """All of it as other programs read it."""
        return certificate_pem(self.certificates)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A private key of a store, perhaps still under a password, with its certificates."""

    alias: str
    protected: bytes = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False)


def pick(entries: Sequence[KeyEntry], alias: str | None, name: str) -> KeyEntry:
    """The key of that alias, or the only one there is.

    Raises:
        AliasError: there is no such key.
        KeyStoreError: there is none at all, or there are several and no word which.
    """
    if not entries:
        raise KeyStoreError(f"{name} has no private key")
    if alias is None and len(entries) == 1:
        return entries[0]
    known = ", ".join(repr(entry.alias) for entry in entries[:20])
    if alias is None:
        raise KeyStoreError(f"{name} has {len(entries)} private keys; say which by its alias: {known}")
    for entry in entries:
        if entry.alias == alias:
            return entry
    raise AliasError(f"{name} has no private key with the alias {alias!r}, only {known}")


def pem(label: str, der: bytes) -> bytes:
    """One block of PEM (RFC 7468)."""
    text = base64.b64encode(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join([f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----\n".encode()])


def certificate_pem(certificates: Sequence[bytes]) -> bytes:
    """Certificates as PEM."""
    return b"".join(pem("CERTIFICATE", der) for der in certificates)
