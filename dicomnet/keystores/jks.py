"""JKS, the key store of Java before version 9: a reader, and a writer for stores of one's own.

There is no standard; the layout is that of Java's own ``keytool``. Big endian: the magic number, a version (1 or 2), a
count, the entries, and a SHA-1 digest over the password, a fixed phrase and all before it. An entry is a private key
with its certificates, or a certificate that is trusted; both have an alias and a time. A private key is a PKCS#8
EncryptedPrivateKeyInfo whose algorithm is JKS's own: a key stream of chained SHA-1 digests, and one more as a check.

What is read is bounded by what is there; no length is believed. JCEKS, which protects keys otherwise, is not read.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import struct
from collections.abc import Iterable, Sequence

from dicomnet.errors import DecodeError, Fault
from dicomnet.keystores import der
from dicomnet.keystores.stores import MAX_CERTIFICATES, Identity, KeyEntry, KeyStoreError, PasswordError, pem
from dicomnet.records import dataclass
from dicomnet.wire.reader import Reader

__all__ = ["MAGIC", "MAX_ENTRIES", "JksStore", "read_jks", "unlock", "write_jks"]

MAGIC = b"\xfe\xed\xfe\xed"
MAX_ENTRIES = 10_000
_PRIVATE_KEY, _TRUSTED = 1, 2
_PHRASE = b"Mighty Aphrodite"
_DIGEST = 20
_SALT = 20
_PROTECTION = bytes.fromhex("2b060104012a02110101")
"""1.3.6.1.4.1.42.2.17.1.1, without tag and length."""
_X509 = "X.509"


@dataclass(frozen=True, slots=True)
class JksStore:
    """The entries of a store whose digest is right: private keys still protected, and trusted certificates by alias."""

    keys: tuple[KeyEntry, ...]
    trusted: tuple[tuple[str, bytes], ...]


def read_jks(data: bytes, password: str | None, name: str) -> JksStore:
    """All entries; ``name`` is what errors call it.

    Raises:
        PasswordError: the password is missing, or the digest is not the one it makes.
        KeyStoreError: the bytes are no such store.
    """
    try:
        store = _parse(Reader(data[:-_DIGEST] if len(data) > _DIGEST else data, name="JKS"))
    except DecodeError as error:
        raise KeyStoreError(f"{name} is damaged: {error}") from error
    if password is None:
        raise PasswordError(f"{name} needs its password", of="store")
    if not hmac.compare_digest(_digest(data[:-_DIGEST], password), data[-_DIGEST:]):
        raise PasswordError(f"the password of {name} is wrong, or somebody has changed the file", of="store")
    return store


def _parse(reader: Reader) -> JksStore:
    if reader.take(4, "magic") != MAGIC:
        raise reader.error(Fault.BAD_VALUE, "no JKS key store", "magic", 0)
    version = reader.u32("version")
    if version not in (1, 2):
        raise reader.error(Fault.UNSUPPORTED, f"version {version} is unknown", "version", 4)
    count = reader.u32("count")
    if count > MAX_ENTRIES:
        raise reader.error(Fault.LIMIT, f"{count} entries, more than {MAX_ENTRIES}", "count", 8)
    keys: list[KeyEntry] = []
    trusted: list[tuple[str, bytes]] = []
    room = itertools.count(MAX_CERTIFICATES, -1)
    for _ in range(count):
        kind = reader.u32("entry")
        alias = _text(reader, "alias")
        reader.take(8, "time")
        if kind == _PRIVATE_KEY:
            protected = reader.take(reader.u32("key"), "key")
            length = reader.u32("chain")
            chain = tuple(_certificate(reader, version, next(room)) for _ in range(length))
            keys.append(KeyEntry(alias, protected, chain))
        elif kind == _TRUSTED:
            trusted.append((alias, _certificate(reader, version, next(room))))
        else:
            raise reader.error(Fault.UNKNOWN_TYPE, f"entries of kind {kind} are unknown", "entry")
    reader.finish()
    return JksStore(tuple(keys), tuple(trusted))


def _certificate(reader: Reader, version: int, room: int) -> bytes:
    if room <= 0:
        raise reader.error(Fault.LIMIT, f"more than {MAX_CERTIFICATES} certificates", "certificate")
    if version == 2 and (kind := _text(reader, "certificate")) not in (_X509, "X509"):
        raise reader.error(Fault.UNSUPPORTED, f"a certificate of the type {kind!r}", "certificate")
    return reader.take(reader.u32("certificate"), "certificate")


def _text(reader: Reader, field: str) -> str:
    """Java's modified UTF-8: NUL takes two bytes, and what is beyond the basic plane is two surrogates."""
    raw = reader.take(reader.u16(field), field).replace(b"\xc0\x80", b"\0")
    try:
        text = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise reader.error(Fault.BAD_VALUE, "no text", field) from error
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")


def unlock(entry: KeyEntry, password: str | None, name: str) -> Identity:
    """The private key of an entry.

    Raises:
        PasswordError: the password is missing or not the one.
        KeyStoreError: the key is protected in another way than JKS's own.
    """
    which = f"the key {entry.alias!r} of {name}"
    if password is None:
        raise PasswordError(f"{which} needs its password", of="key")
    sealed = _sealed(entry, which)
    salt, hidden, check = sealed[:_SALT], sealed[_SALT:-_DIGEST], sealed[-_DIGEST:]
    secret = _secret(password)
    plain = _xor(hidden, _stream(secret, salt))
    if not hmac.compare_digest(hashlib.sha1(secret + plain).digest(), check):
        raise PasswordError(f"the password of {which} is wrong", of="key")
    if not entry.chain:
        raise KeyStoreError(f"{which} has no certificate")
    return Identity(pem("PRIVATE KEY", plain), entry.chain, entry.alias)


def _sealed(entry: KeyEntry, which: str) -> bytes:
    """What JKS's protection made of the key: EncryptedPrivateKeyInfo (RFC 5958 3) without its wrapping."""
    try:
        ((outer, content),) = der.elements(entry.protected)
        (first, algorithm), (second, sealed) = der.elements(content)
        (kind, identifier), *_ = der.elements(algorithm)
    except ValueError as error:
        raise KeyStoreError(f"{which} is damaged") from error
    if (outer, first, second, kind) != (der.SEQUENCE, der.SEQUENCE, der.OCTETS, der.OBJECT):
        raise KeyStoreError(f"{which} is damaged")
    if identifier != _PROTECTION:
        raise KeyStoreError(f"{which} is protected by an algorithm that JKS does not have ({identifier.hex()})")
    if len(sealed) <= _SALT + _DIGEST:
        raise KeyStoreError(f"{which} is damaged: too short")
    return sealed


def _secret(password: str) -> bytes:
    return password.encode("utf-16-be", "surrogatepass")


def _digest(content: bytes, password: str) -> bytes:
    return hashlib.sha1(_secret(password) + _PHRASE + content).digest()


def _stream(secret: bytes, salt: bytes) -> Iterable[bytes]:
    block = salt
    while True:
        block = hashlib.sha1(secret + block).digest()
        yield block


def _xor(data: bytes, stream: Iterable[bytes]) -> bytes:
    blocks = itertools.islice(stream, -(-len(data) // _DIGEST))
    return bytes(one ^ other for one, other in zip(data, itertools.chain.from_iterable(blocks), strict=False))


# -- writing -----------------------------------------------------------------------------------------------------------


def write_jks(
    password: str,
    *,
    keys: Sequence[tuple[str, bytes, Sequence[bytes]]] = (),
    trusted: Sequence[tuple[str, bytes]] = (),
    key_password: str | None = None,
    milliseconds: int = 0,
    version: int = 2,
) -> bytes:
    """A store of private keys (alias, PKCS#8 as DER, certificates as DER) and trusted certificates (alias, DER).

    Keys are under ``key_password``, or the store's; ``milliseconds`` since 1970 is when the entries were made.
    """
    secret = _secret(password if key_password is None else key_password)
    content = MAGIC + struct.pack(">II", version, len(keys) + len(trusted))
    for alias, key, chain in keys:
        protected = _protect(key, secret)
        content += struct.pack(">I", _PRIVATE_KEY) + _java_text(alias) + struct.pack(">Q", milliseconds)
        content += struct.pack(">I", len(protected)) + protected + struct.pack(">I", len(chain))
        content += b"".join(_java_certificate(certificate, version) for certificate in chain)
    for alias, certificate in trusted:
        content += struct.pack(">I", _TRUSTED) + _java_text(alias) + struct.pack(">Q", milliseconds)
        content += _java_certificate(certificate, version)
    return content + _digest(content, password)


def _protect(key: bytes, secret: bytes) -> bytes:
    salt = os.urandom(_SALT)
    sealed = salt + _xor(key, _stream(secret, salt)) + hashlib.sha1(secret + key).digest()
    algorithm = _element(der.SEQUENCE, _element(der.OBJECT, _PROTECTION) + b"\x05\x00")
    return _element(der.SEQUENCE, algorithm + _element(der.OCTETS, sealed))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _java_text(text: str) -> bytes:
    units = text.encode("utf-16-be", "surrogatepass")
    characters = (chr(unit) for (unit,) in struct.iter_unpack(">H", units))
    raw = b"".join(one.encode("utf-8", "surrogatepass") if one != "\0" else b"\xc0\x80" for one in characters)
    return struct.pack(">H", len(raw)) + raw


def _java_certificate(certificate: bytes, version: int) -> bytes:
    kind = _java_text(_X509) if version == 2 else b""
    return kind + struct.pack(">I", len(certificate)) + certificate
