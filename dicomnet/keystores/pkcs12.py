"""PKCS#12 (RFC 7292), through ``cryptography``: it brings an OpenSSL of its own, with the old ciphers (RC2, RC4, 3DES).

Only where ``cryptography`` was told to do without those (CRYPTOGRAPHY_OPENSSL_NO_LEGACY) can stores under RC2-40, which
Java before 17 and OpenSSL before 3 wrote, not be read. Of several private keys it shows the first.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dicomnet.keystores import der
from dicomnet.keystores.stores import MAX_CERTIFICATES, Identity, KeyStoreError, PasswordError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates
    from cryptography.x509 import Certificate

__all__ = ["check_effort", "looks_like_pkcs12", "pkcs12_identity", "pkcs12_trust"]

_OLD = {
    bytes.fromhex("060a2a864886f70d010c0101"): "RC4",
    bytes.fromhex("060a2a864886f70d010c0102"): "RC4",
    bytes.fromhex("060a2a864886f70d010c0105"): "RC2",
    bytes.fromhex("060a2a864886f70d010c0106"): "RC2",
}
"""The object identifiers of RFC 7292 appendix C whose ciphers an OpenSSL may lack."""


def looks_like_pkcs12(data: bytes) -> bool:
    """Whether it begins as a PFX does: a SEQUENCE, of any form of length, whose first element is the version 3."""
    if data[:1] != b"\x30" or len(data) < 2:
        return False
    more = data[1] & 0x7F if data[1] & 0x80 else 0
    return more <= 4 and data[2 + more : 5 + more] == b"\x02\x01\x03"


def pkcs12_identity(data: bytes, password: str | None, name: str) -> Identity:
    """The private key with its certificate, and those of its issuers that are in the store.

    Raises:
        PasswordError: the password is missing or wrong.
        KeyStoreError: the bytes are no such store, or there is no key in it, or none with a certificate.
    """
    store = _load(data, password, name)
    if store.key is None:
        raise KeyStoreError(f"{name} has no private key")
    if store.cert is None:
        raise KeyStoreError(f"{name} has no certificate of its private key")
    from cryptography.hazmat.primitives import serialization

    try:
        key = store.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain = _chain(store.cert.certificate, [entry.certificate for entry in store.additional_certs])
    except ValueError as error:
        raise KeyStoreError(f"{name} is damaged: {error}") from error
    alias = (store.cert.friendly_name or b"").decode("utf-8", "replace")
    return Identity(key, tuple(map(_der, chain)), alias)


def pkcs12_trust(data: bytes, password: str | None, name: str) -> tuple[bytes, ...]:
    """The certificates of a store without private keys.

    Raises:
        PasswordError: the password is missing or wrong.
        KeyStoreError: the bytes are no such store, or it holds a private key.
    """
    store = _load(data, password, name)
    if store.key is not None:
        raise KeyStoreError(f"{name} holds a private key: it is a key store; a trust store has certificates only")
    return tuple(_der(entry.certificate) for entry in store.additional_certs)


def check_effort(data: bytes, name: str) -> None:
    """Refuse what would keep us busy before the password is known to be right.

    Raises:
        KeyStoreError: it asks for more than ``der.MAX_ITERATIONS``.
    """
    try:
        count = der.iterations(data)
    except ValueError as error:
        raise KeyStoreError(f"{name} is damaged: {error}") from error
    if not 0 <= count <= der.MAX_ITERATIONS:
        raise KeyStoreError(f"{name} wants passwords hashed {count} times, more than {der.MAX_ITERATIONS}")


def _load(data: bytes, password: str | None, name: str) -> PKCS12KeyAndCertificates:
    check_effort(data, name)
    if password is not None and "\0" in password:  # C strings end there; cryptography would panic
        raise PasswordError(f"{name}: the password is wrong, for it has a NUL", of="store")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of certificates that are odd, whose use OpenSSL will judge
            store = pkcs12.load_pkcs12(data, None if password is None else password.encode("utf-8", "surrogatepass"))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if old := _old_cipher(data):
            text = f"{name} is under {old}, which the installed 'cryptography' does without"
            raise KeyStoreError(f"{text} (CRYPTOGRAPHY_OPENSSL_NO_LEGACY)") from error
        if isinstance(error, ValueError) and "password" in str(error):
            why = "its password is missing" if password is None else "the password is wrong, or the file is damaged"
            raise PasswordError(f"{name}: {why}", of="store") from error
        raise KeyStoreError(f"{name} is damaged, or a PKCS#12 store of an unknown kind: {error}") from error
    if len(store.additional_certs) > MAX_CERTIFICATES:
        raise KeyStoreError(f"{name} has more than {MAX_CERTIFICATES} certificates")
    return store


def _old_cipher(data: bytes) -> str:
    """The cipher of the store that this installation has not; empty if that is not the trouble."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    name = next((name for identifier, name in _OLD.items() if identifier in data), "")
    if not name:
        return ""
    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import RC2
    except ImportError:  # before version 43, where it cannot be tried
        return name if os.environ.get("CRYPTOGRAPHY_OPENSSL_NO_LEGACY") else ""
    try:
        Cipher(RC2(bytes(16)), modes.CBC(bytes(8))).decryptor()
    except UnsupportedAlgorithm:  # RC2 and RC4 come and go together, with OpenSSL's legacy provider
        return name
    return ""


def _chain(leaf: Certificate, others: Sequence[Certificate]) -> list[Certificate]:
    """The leaf, its issuer, and so on; what belongs to no step stays away."""
    chain = [leaf]
    issuers = {certificate.subject: certificate for certificate in reversed(others)}
    while (last := chain[-1]).issuer != last.subject:
        issuer = issuers.pop(last.issuer, None)
        if issuer is None:
            break
        chain.append(issuer)
    return chain


def _der(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
