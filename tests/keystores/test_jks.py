"""JKS: stores of keytool, stores of our own, and what is no store."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from dicomnet.keystores import KeyStoreError, PasswordError, Trust, load_identity, load_trust
from dicomnet.keystores.jks import MAX_ENTRIES, read_jks, unlock, write_jks
from dicomnet.keystores.stores import MAX_CERTIFICATES
from tests.keystores.conftest import Material, Tool, der, fingerprint
from tests.wire.conftest import read_vectors

pytestmark = pytest.mark.once


def sealed(content: bytes, password: str = "secret") -> bytes:
    """With the digest that makes a store of it, whatever it is."""
    return content + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + content).digest()


def head(count: int, version: int = 2) -> bytes:
    return b"\xfe\xed\xfe\xed" + struct.pack(">II", version, count)


def test_keytool_s_trust_store() -> None:
    store = read_vectors("keystores")["jks"]
    (entry,) = read_jks(store, "secret", "it").trusted
    assert entry[0] == "vertrauen-ü"
    assert fingerprint(entry[1]) == "81de40014a71d1f6c523649d73d5e57df4478d562160d55ed65db840243e8f84"


def test_keytool_s_private_key(keytool: Tool) -> None:
    password = "pä\u20ac\U0001f511xyz"
    words = ["-genkeypair", "-alias", "One", "-storetype", "JKS", "-dname", "CN=one", "-keyalg", "EC"]
    store = keytool("a.jks", *words, "-keypass", password)
    identity = load_identity(store, password="secret", key_password=password)
    assert identity.alias == "one"
    key = serialization.load_pem_private_key(identity.key, None)
    (certificate,) = map(x509.load_der_x509_certificate, identity.chain)
    assert key.public_key() == certificate.public_key()
    with pytest.raises(PasswordError, match="the password of the key 'one' of the key store is wrong") as caught:
        load_identity(store, password="secret")
    assert caught.value.of == "key"


def test_keytool_reads_what_we_write(keytool: Tool, material: Material, tmp_path: Path) -> None:
    chain = [der(material.leaf), der(material.issuer)]
    trusted = [("them", der(material.other))]
    store = write_jks("secret", keys=[("us", material.key_der, chain)], trusted=trusted, milliseconds=1)
    (tmp_path / "ours.jks").write_bytes(store)
    words = ["-importkeystore", "-srckeystore", "ours.jks", "-srcstorepass", "secret", "-deststoretype", "PKCS12"]
    identity = load_identity(keytool("new.p12", *words), password="secret")
    assert material.is_key(identity.key)
    assert identity.chain == tuple(chain)


@pytest.mark.parametrize("version", [1, 2])
def test_what_was_written_is_read(material: Material, version: int) -> None:
    aliases = ["us", "", "a\0b", "Schlüssel \U0001f511"]
    keys = [(alias, material.key_der, [der(material.leaf), der(material.issuer)]) for alias in aliases]
    trusted = [("them", der(material.other)), ("again", der(material.issuer))]
    written = write_jks("pä\u20ac\U0001f511", keys=keys, trusted=trusted, version=version)
    store = read_jks(written, "pä\u20ac\U0001f511", "it")
    assert store.trusted == tuple(trusted)
    assert [entry.alias for entry in store.keys] == aliases
    for entry in store.keys:
        identity = unlock(entry, "pä\u20ac\U0001f511", "it")
        assert material.is_key(identity.key)
        assert identity.chain == (der(material.leaf), der(material.issuer))


def test_one_key_of_several_is_chosen_by_its_alias(material: Material) -> None:
    keys = [(alias, material.key_der, [der(material.leaf)]) for alias in ("one", "two")]
    store = write_jks("secret", keys=keys)
    assert load_identity(store, password="secret", alias="two").alias == "two"
    with pytest.raises(KeyStoreError, match="2 private keys; say which by its alias: 'one', 'two'"):
        load_identity(store, password="secret")
    with pytest.raises(KeyStoreError, match="no private key with the alias 'three', only 'one', 'two'"):
        load_identity(store, password="secret", alias="three")


def test_trust_is_in_what_is_trusted_and_not_in_the_keys(material: Material) -> None:
    keys = [("us", material.key_der, [der(material.leaf)])]
    both = write_jks("secret", keys=keys, trusted=[("them", der(material.other))])
    assert load_trust(both, password="secret") == Trust((der(material.other),))
    with pytest.raises(KeyStoreError, match="no certificate to trust"):
        load_trust(write_jks("secret", keys=keys), password="secret")
    with pytest.raises(KeyStoreError, match="no private key"):
        load_identity(write_jks("secret", trusted=[("them", der(material.other))]), password="secret")


@pytest.mark.parametrize("load", [load_identity, load_trust])
def test_the_password_of_the_store(material: Material, load: Callable[..., object]) -> None:
    store = write_jks(
        "right", keys=[("us", material.key_der, [der(material.leaf)])], trusted=[("t", der(material.other))]
    )
    assert load(store, password="right")
    for password, text in (("wrong", "is wrong, or somebody has changed"), (None, "needs its password"), ("", "wrong")):
        with pytest.raises(PasswordError, match=text) as caught:
            load(store, password=password)
        assert caught.value.of == "store"


def test_a_changed_bit_is_found(material: Material) -> None:
    store = write_jks("secret", trusted=[("them", der(material.other))])
    for place in range(30, len(store), 40):
        changed = bytearray(store)
        changed[place] ^= 1
        with pytest.raises(KeyStoreError, match=r"somebody has changed|damaged"):
            load_trust(bytes(changed), password="secret")


def test_a_store_that_was_cut(material: Material) -> None:
    store = write_jks(
        "secret", keys=[("us", material.key_der, [der(material.leaf)])], trusted=[("t", der(material.other))]
    )
    for end in range(4, len(store)):
        with pytest.raises(KeyStoreError):
            load_trust(store[:end], password="secret")


ENTRY = struct.pack(">IHQ", 2, 0, 0)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (head(0, version=3), "version 3 is unknown"),
        (head(0, version=0), "version 0 is unknown"),
        (head(MAX_ENTRIES + 1), f"{MAX_ENTRIES + 1} entries, more than"),
        (head(0xFFFFFFFF), "4294967295 entries, more than"),
        (head(1), r"4 bytes needed, 0 left \(at JKS.entry"),
        (head(1) + struct.pack(">IHQ", 3, 0, 0), "entries of kind 3 are unknown"),
        (head(1) + struct.pack(">IH", 2, 0xFFFF) + b"x", "65535 bytes needed, 1 left"),
        (head(1) + struct.pack(">IH", 2, 2) + b"\xc3\x28" + bytes(8), "no text"),
        (head(1) + ENTRY + struct.pack(">H5sI", 5, b"X.509", 0xFFFFFFFF) + b"x", "4294967295 bytes needed, 1 left"),
        (head(1) + ENTRY + struct.pack(">H3sI", 3, b"PGP", 0), "a certificate of the type 'PGP'"),
        (head(1) + struct.pack(">IHQI", 1, 0, 0, 0xFFFFFFFF), "bytes needed, 0 left"),
        (head(1, 1) + struct.pack(">IHQII", 1, 0, 0, 0, 0xFFFFFFFF) + bytes(4 * MAX_CERTIFICATES + 4), "more than"),
        (head(0) + b"x", "1 bytes left over"),
    ],
)
def test_hostile_content(content: bytes, text: str) -> None:
    with pytest.raises(KeyStoreError, match=f"it is damaged: .*{text}"):
        read_jks(sealed(content), "secret", "it")


def test_as_many_entries_as_there_may_be() -> None:
    entry = ENTRY + struct.pack(">I", 0)
    assert len(read_jks(sealed(head(MAX_ENTRIES, 1) + entry * MAX_ENTRIES), "secret", "it").trusted) == MAX_ENTRIES


@pytest.mark.parametrize(
    ("protected", "text"),
    [
        (b"", "damaged"),
        (b"\x30\x80\x00\x00", "damaged"),
        (b"\x30\x02\x30\x00", "damaged"),
        (b"\x30\x05\x30\x01\x00\x04\x00", "damaged"),
        (bytes.fromhex("301130060603550403050004020000"), "damaged"),
        (
            bytes.fromhex("30 0e 30 07 06 03 55 04 03 05 00 04 03 00 00 00"),
            r"algorithm that JKS does not have \(550403",
        ),
        (bytes.fromhex("3012 300e 060a 2b060104012a02110101 0500 0400"), "too short"),
        (bytes.fromhex("303a 300e 060a 2b060104012a02110101 0500 0428") + bytes(40), "too short"),
    ],
)
def test_a_key_that_nobody_protected(protected: bytes, text: str) -> None:
    content = head(1, 1) + struct.pack(">IHQI", 1, 0, 0, len(protected)) + protected + struct.pack(">I", 0)
    with pytest.raises(KeyStoreError, match=text):
        load_identity(sealed(content), password="secret")


def test_a_key_without_certificate(material: Material) -> None:
    with pytest.raises(KeyStoreError, match="the key 'us' of the key store has no certificate"):
        load_identity(write_jks("secret", keys=[("us", material.key_der, [])]), password="secret")


def test_the_key_is_not_shown(material: Material) -> None:
    store = write_jks("secret", keys=[("us", material.key_der, [der(material.leaf)])])
    assert repr(load_identity(store, password="secret")) == "Identity(alias='us')"
    assert repr(read_jks(store, "secret", "it").keys[0]) == "KeyEntry(alias='us')"
