"""Test keys for who has none yet: a key store and a trust store that fit each other, made on first use.

They are a user's own, for two programs on one machine to speak TLS at once, and prove nothing to anybody else. Nothing
of the kind is shipped. The authority's key is forgotten as soon as it has signed the one certificate.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from dicomnet.keystores.jks import write_jks
from dicomnet.keystores.stores import KeyStoreError

__all__ = ["KEY_STORE", "PASSWORD", "TRUST_STORE", "provide"]

KEY_STORE, TRUST_STORE = "test_sys_1.p12", "mesa_certs.jks"
PASSWORD = "secret"
_YEARS = 10


def provide(folder: Path) -> bool:
    """See that both stores are in ``folder``; whether they had to be made.

    They appear there together and whole, whoever else is making them at the same time; mode 0600.

    Raises:
        KeyStoreError: they cannot be made, or one of them is missing.
    """
    if _complete(folder):
        return False
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _fill(made)
            with contextlib.suppress(OSError):  # somebody was faster, or something else is in the place: look
                made.rename(folder)
                return True
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise KeyStoreError(f"no test keys can be made in {folder}: {error.strerror or error}") from error
    if not _complete(folder):
        raise KeyStoreError(f"the test keys in {folder} are incomplete; without that folder new ones are made")
    return False


def _complete(folder: Path) -> bool:
    return (folder / KEY_STORE).is_file() and (folder / TRUST_STORE).is_file()


def _fill(folder: Path) -> None:
    key_store, authority = _pair()
    _write(folder / KEY_STORE, key_store)
    trusted = [("mesa_test_authority", authority)]
    _write(folder / TRUST_STORE, write_jks(PASSWORD, trusted=trusted, milliseconds=int(time.time() * 1000)))
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _pair() -> tuple[bytes, bytes]:
    """A PKCS#12 store, and the certificate (DER) of who signed the one in it."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import pkcs12
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(common: str) -> x509.Name:
        organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "dicomnet test keys, for no other use")
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common), organization])

    now = datetime.datetime.now(datetime.UTC)
    # RSA for both: TLS_RSA_WITH_NULL_SHA and TLS_RSA_WITH_AES_128_CBC_SHA take no other certificate.
    ours, theirs = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    issuer = name("mesa_test_authority")

    def builder(subject: x509.Name, public: rsa.RSAPublicKey, *, signs: bool) -> x509.CertificateBuilder:
        begin, end = now - datetime.timedelta(days=1), now + datetime.timedelta(days=365 * _YEARS)
        made = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number(), begin, end)
        constraints = x509.BasicConstraints(ca=signs, path_length=0 if signs else None)
        usage = x509.KeyUsage(not signs, False, not signs, False, False, signs, signs, False, False)
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        made = made.add_extension(constraints, critical=True).add_extension(usage, critical=True)
        return made.add_extension(identifier, critical=False)

    authority = builder(issuer, theirs.public_key(), signs=True).sign(theirs, hashes.SHA256())
    hosts: list[x509.GeneralName] = [x509.DNSName("localhost")]
    hosts += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    request = builder(name("test_sys_1"), ours.public_key(), signs=False)
    request = request.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    request = request.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(theirs.public_key())
    certificate = request.add_extension(signer, critical=False).sign(theirs, hashes.SHA256())
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    store = pkcs12.serialize_key_and_certificates(b"test_sys_1", ours, certificate, None, encryption)
    return store, authority.public_bytes(serialization.Encoding.DER)
