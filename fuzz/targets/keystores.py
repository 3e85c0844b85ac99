"""Any bytes are a key store, a trust store or a KeyStoreError; and what was read, OpenSSL takes or refuses in order."""

from __future__ import annotations

import contextlib
import functools
import hashlib

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.drivers.tls import TlsSetupFailed, client_context
from dicomnet.keystores import KeyStoreError, Trust, load_identity, load_trust
from dicomnet.keystores.der import iterations
from dicomnet.keystores.jks import MAGIC, write_jks
from dicomnet.keystores.stores import certificate_pem, pem
from dicomnet.testing.pdus import mutated

__all__ = ["examine", "inputs", "target"]

_PASSWORD = "secret"
_DIGEST = 20


def inputs() -> SearchStrategy[bytes]:
    """Stores of each kind, right and damaged; some damaged ones of JKS have the digest that makes a store of them."""
    certificates = st.binary(max_size=40) | st.just(_material()[1])
    keys = st.binary(max_size=40) | st.just(_material()[0])
    aliases = st.text(max_size=8)
    jks = st.builds(
        lambda keys, trusted, version: write_jks(_PASSWORD, keys=keys, trusted=trusted, version=version),
        st.lists(st.tuples(aliases, keys, st.lists(certificates, max_size=2)), max_size=2),
        st.lists(st.tuples(aliases, certificates), max_size=2),
        st.sampled_from([1, 2]),
    )
    files = st.builds(
        lambda key, label, chain: pem(label, key) + certificate_pem(chain),
        keys,
        st.sampled_from(["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "X"]),
        st.lists(certificates, max_size=3),
    )
    right = st.one_of(jks, files, st.sampled_from(_material()[2:]))
    resealed = jks.map(lambda data: data[:-_DIGEST]).flatmap(mutated).map(_seal)
    return st.one_of(right, right.flatmap(mutated), resealed, st.binary(max_size=200), st.binary().map(_magic))


def _magic(data: bytes) -> bytes:
    return _seal(MAGIC + data)


def _seal(content: bytes) -> bytes:
    return content + hashlib.sha1(_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content).digest()


@functools.cache
def _material() -> tuple[bytes, ...]:
    """A key and its certificate as DER, the two as PKCS#12, and the certificate alone as PKCS#12."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import pkcs12

    key = ec.derive_private_key(7, ec.SECP256R1())
    name, begin = x509.Name([]), datetime.datetime(2025, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + datetime.timedelta(days=9000))
    certificate = builder.sign(key, hashes.SHA256())
    lock = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1).build(_PASSWORD.encode())
    return (
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(serialization.Encoding.DER),
        pkcs12.serialize_key_and_certificates(b"us", key, certificate, None, lock),
        pkcs12.serialize_key_and_certificates(None, None, None, [certificate], lock),
    )


def examine(data: bytes) -> None:
    """Read it as both, and make contexts of what was read."""
    with contextlib.suppress(ValueError):  # too many elements
        assert iterations(data) >= 0
    known = Trust((_material()[1],))
    for alias in (None, ""):
        try:
            identity = load_identity(data, password=_PASSWORD, alias=alias)
        except KeyStoreError:
            continue
        assert identity.key
        try:
            client_context(certificate=identity, trust=known)
        except TlsSetupFailed:
            continue
    try:
        trust = load_trust(data, password=_PASSWORD)
        client_context(trust=trust)
    except (KeyStoreError, TlsSetupFailed):
        return
    assert trust.certificates


target = given(inputs())(examine)
