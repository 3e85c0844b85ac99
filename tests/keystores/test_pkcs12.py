"""PKCS#12: the ciphers of old and new tools, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from dicomnet.keystores import KeyStoreError, PasswordError, Trust, load_identity, load_trust
from dicomnet.keystores.der import MAX_ITERATIONS
from tests.keystores.conftest import Material, Tool, der, fingerprint, pem
from tests.wire.conftest import read_vectors

pytestmark = pytest.mark.once

RC2_40 = read_vectors("keystores")["rc2-40"]
OLD = ["PBE-SHA1-RC2-40", "PBE-SHA1-RC2-128", "PBE-SHA1-RC4-128", "PBE-SHA1-3DES", "PBE-SHA1-2DES"]


def made(material: Material, password: str = "secret") -> bytes:
    lock = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1).build(password.encode())
    others = [material.other, material.issuer]
    return pkcs12.serialize_key_and_certificates(b"us", material.key, material.leaf, others, lock)


def certificates_only(material: Material, password: str) -> bytes:
    lock = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(None, None, None, [material.issuer, material.other], lock)


def test_a_trust_store_under_rc2_40() -> None:
    (certificate,) = load_trust(RC2_40, password="secret").certificates
    assert fingerprint(certificate) == "81de40014a71d1f6c523649d73d5e57df4478d562160d55ed65db840243e8f84"


@pytest.mark.parametrize("cipher", OLD)
def test_the_ciphers_of_older_tools(openssl: Tool, material: Material, cipher: str) -> None:
    words = ["-export", "-legacy", "-passout", "pass:secret", "-keypbe", cipher, "-certpbe", cipher, "-macalg", "sha1"]
    store = openssl("pkcs12", *words, given=material.key_pem() + pem(material.leaf, material.issuer))
    identity = load_identity(store, password="secret")
    assert material.is_key(identity.key)
    assert identity.chain == (der(material.leaf), der(material.issuer))


def test_the_stores_of_older_java(keytool: Tool) -> None:
    words = ["-genkeypair", "-alias", "one", "-storetype", "PKCS12", "-dname", "CN=one", "-keyalg", "EC"]
    store = keytool("old.p12", "-J-Dkeystore.pkcs12.legacy", *words)
    assert bytes.fromhex("2a864886f70d010c0106") in store  # pbeWithSHAAnd40BitRC2-CBC
    assert load_identity(store, password="secret").alias == "one"


def test_the_chain_is_put_in_order_and_strangers_stay_away(material: Material) -> None:
    identity = load_identity(made(material), password="secret")
    assert identity.chain == (der(material.leaf), der(material.issuer))
    assert identity.alias == "us"
    assert material.is_key(identity.key)
    assert identity.pem() == identity.key + pem(material.leaf, material.issuer)


@pytest.mark.parametrize("password", ["", "pä\u20ac\U0001f511"])
def test_passwords(material: Material, password: str) -> None:
    store = made(material, password) if password else certificates_only(material, "x")
    load = load_identity if password else load_trust
    assert load(store, password=password or "x")
    for wrong in ("wrong", "wr\0ng", None):
        with pytest.raises(PasswordError) as caught:
            load(store, password=wrong)
        assert caught.value.of == "store"


def test_a_store_of_java_without_password(openssl: Tool, material: Material) -> None:
    words = ["-export", "-nomac", "-nokeys", "-certpbe", "NONE", "-passout", "pass:"]
    store = openssl("pkcs12", *words, given=pem(material.other))
    assert load_trust(store) == Trust((der(material.other),))


def test_a_trust_store_has_no_private_key(material: Material) -> None:
    with pytest.raises(KeyStoreError, match="holds a private key"):
        load_trust(made(material), password="secret")
    store = certificates_only(material, "secret")
    assert load_trust(store, password="secret") == Trust((der(material.issuer), der(material.other)))
    with pytest.raises(KeyStoreError, match="has no private key"):
        load_identity(store, password="secret")


def test_the_alias_is_that_of_the_first_key(material: Material) -> None:
    assert load_identity(made(material), password="secret", alias="us").alias == "us"
    with pytest.raises(KeyStoreError, match=r"no private key with the alias 'them': the first .* has the alias 'us'"):
        load_identity(made(material), password="secret", alias="them")


def test_a_key_has_no_password_of_its_own(material: Material) -> None:
    assert load_identity(made(material), password="secret", key_password="secret")
    with pytest.raises(KeyStoreError, match="whose key has no password of its own"):
        load_identity(made(material), password="secret", key_password="other")


def test_a_key_without_certificate(openssl: Tool, material: Material) -> None:
    store = openssl("pkcs12", "-export", "-nocerts", "-passout", "pass:secret", given=material.key_pem())
    with pytest.raises(KeyStoreError, match="no certificate of its private key"):
        load_identity(store, password="secret")


def test_more_hashing_than_is_reasonable_is_refused_at_once() -> None:
    def asking(times: int) -> bytes:
        count = b"\x02\x05" + times.to_bytes(5, "big")
        return b"\x30\x12\x02\x01\x03\x30\x0d\x04\x04salt" + count

    with pytest.raises(KeyStoreError, match=f"hashed {MAX_ITERATIONS + 1} times, more than {MAX_ITERATIONS}"):
        load_identity(asking(MAX_ITERATIONS + 1), password="x")
    with pytest.raises(KeyStoreError, match="damaged"):
        load_identity(asking(MAX_ITERATIONS), password="x")


def test_damage(material: Material) -> None:
    store = made(material)
    for end in range(5, len(store), 29):
        with pytest.raises(KeyStoreError):
            load_identity(store[:end], password="secret")


WITHOUT_LEGACY = """
import sys
from dicomnet.keystores import KeyStoreError, load_trust
try:
    load_trust(open(sys.argv[1], "rb").read(), "it", password="secret")
except KeyStoreError as error:
    print(type(error).__name__, error)
"""


def test_a_cryptography_that_was_told_to_do_without(tmp_path: Path) -> None:
    (tmp_path / "old.p12").write_bytes(RC2_40)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LEGACY, str(tmp_path / "old.p12")],
        env={**os.environ, "CRYPTOGRAPHY_OPENSSL_NO_LEGACY": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    text = "it is under RC2, which the installed 'cryptography' does without (CRYPTOGRAPHY_OPENSSL_NO_LEGACY)"
    assert done.stdout == f"KeyStoreError {text}\n"
