"""PEM, and which kind of store it is."""

from __future__ import annotations

import pytest

from dicomnet.keystores import KeyStoreError, PasswordError, Trust, load_identity, load_trust
from dicomnet.keystores.stores import MAX_CERTIFICATES
from tests.keystores.conftest import Material, Tool, der, pem

pytestmark = pytest.mark.once


@pytest.mark.parametrize("traditional", [False, True])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_a_key_in_the_clear_needs_no_password(material: Material, traditional: bool, ends: bytes) -> None:
    text = b"before\n" + material.key_pem(traditional=traditional) + b"between" + b"\n" + pem(material.leaf)
    identity = load_identity(text.replace(b"\n", ends))
    assert material.is_key(identity.key)
    assert identity.chain == (der(material.leaf),)


@pytest.mark.parametrize("traditional", [False, True])
def test_a_key_under_a_password(material: Material, traditional: bool) -> None:
    text = material.key_pem("pä", traditional=traditional) + pem(material.leaf, material.issuer)
    for passwords in ({"password": "pä"}, {"password": "x", "key_password": "pä"}):
        identity = load_identity(text, **passwords)
        assert material.is_key(identity.key)
        assert identity.chain == (der(material.leaf), der(material.issuer))
    for password in (None, "wrong"):
        with pytest.raises(PasswordError) as caught:
            load_identity(text, password=password)
        assert caught.value.of == "key"


def test_what_openssl_writes(openssl: Tool) -> None:
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=one", "-passout", "pass:x"]
    text = openssl("req", *words, "-keyout", "-", "-out", "-")
    assert load_identity(text, password="x").chain == load_trust(text[text.index(b"-----BEGIN CERT") :]).certificates


def test_a_trust_store(material: Material) -> None:
    assert load_trust(pem(material.other, material.issuer)) == Trust((der(material.other), der(material.issuer)))
    assert load_trust(pem(material.other)).pem() == pem(material.other)
    with pytest.raises(KeyStoreError, match="holds a private key"):
        load_trust(material.key_pem() + pem(material.leaf))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", r"is cut: PEM block 1 \(CERTIFICATE\) has no end"),
        (b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", "is no base64"),
        (b"-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----", "is no base64"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----", "no certificate to trust"),
        (b"-----BEGIN X-----\n-----END X-----\n" * (MAX_CERTIFICATES + 1), "more than"),
    ],
)
def test_damaged_trust_stores(text: bytes, message: str) -> None:
    with pytest.raises(KeyStoreError, match=message):
        load_trust(text)


def test_damaged_key_stores(material: Material) -> None:
    with pytest.raises(KeyStoreError, match="no private key, and one is needed"):
        load_identity(pem(material.leaf))
    with pytest.raises(KeyStoreError, match="2 private keys, and one is needed"):
        load_identity(2 * material.key_pem() + pem(material.leaf))
    with pytest.raises(KeyStoreError, match="no certificate"):
        load_identity(material.key_pem())
    with pytest.raises(KeyStoreError, match="there are no aliases"):
        load_identity(material.key_pem() + pem(material.leaf), alias="us")
    locked = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(PasswordError, match="wrong, or the file is damaged"):
        load_identity(locked + pem(material.leaf), password="x")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"PK\3\4 and so on", "it is neither JKS nor PKCS#12 nor PEM"),
        (b"\xce\xce\xce\xce\0\0\0\2", "it is a JCEKS key store, which cannot be read; 'keytool -importkeystore"),
        (b"\x30\x82\1\0\x30\x82\0\x80", "it may be a single certificate or key in DER"),
    ],
)
def test_what_is_no_store(data: bytes, message: str) -> None:
    for load in (load_identity, load_trust):
        with pytest.raises(KeyStoreError, match=message):
            load(data, "it", password="secret")
