"""PEM (RFC 7468, and RFC 1421 for keys with headers): its blocks, of which certificates and private keys count.

A key in the clear passes as it is and needs no library; for one under a password ``cryptography`` comes in.
"""

from __future__ import annotations

import base64
import binascii
import warnings
from collections.abc import Iterator

from dicomnet.keystores.pkcs12 import check_effort
from dicomnet.keystores.stores import MAX_CERTIFICATES, Identity, KeyStoreError, PasswordError, pem
from dicomnet.records import dataclass

__all__ = ["pem_identity", "pem_trust"]

_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"
_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_LOCKED = "ENCRYPTED PRIVATE KEY"


@dataclass(frozen=True, slots=True)
class _Block:
    label: str
    headers: bytes
    content: bytes

    @property
    def is_key(self) -> bool:
        return self.label.endswith("PRIVATE KEY")

    @property
    def is_locked(self) -> bool:
        return self.label == _LOCKED or b"ENCRYPTED" in self.headers


def pem_identity(data: bytes, password: str | None, name: str) -> Identity:
    """The private key and the certificates, whose first is the key's own.

    Raises:
        PasswordError: the key is under a password, which is missing or wrong.
        KeyStoreError: there is not one key, or no certificate, or one of them cannot be read.
    """
    blocks = list(_blocks(data, name))
    keys = [block for block in blocks if block.is_key]
    if len(keys) != 1:
        raise KeyStoreError(f"{name} has {len(keys) or 'no'} private key{'s' * bool(keys)}, and one is needed")
    if not (chain := _certificates(blocks)):
        raise KeyStoreError(f"{name} has no certificate")
    (key,) = keys
    opened = _unlock(key, password, name) if key.is_locked else pem(key.label, key.content)
    return Identity(opened, chain)


def pem_trust(data: bytes, name: str) -> tuple[bytes, ...]:
    """The certificates of a file without private keys.

    Raises:
        KeyStoreError: one of them cannot be read, or it holds a private key.
    """
    blocks = list(_blocks(data, name))
    if any(block.is_key for block in blocks):
        raise KeyStoreError(f"{name} holds a private key: it is a key store; a trust store has certificates only")
    return _certificates(blocks)


def _certificates(blocks: list[_Block]) -> tuple[bytes, ...]:
    return tuple(block.content for block in blocks if block.label in _CERTIFICATES)


def _blocks(data: bytes, name: str) -> Iterator[_Block]:
    """The blocks one after the other; text around them is none of ours.

    Raises:
        KeyStoreError: a block has no end or is no base64, or there are too many.
    """
    lines = iter(data.splitlines())
    count = 0
    for line in lines:
        if not line.startswith(_BEGIN):
            continue
        count += 1
        if count > MAX_CERTIFICATES:
            raise KeyStoreError(f"{name} has more than {MAX_CERTIFICATES} PEM blocks")
        label = line.removeprefix(_BEGIN).partition(_DASHES)[0].decode("latin-1")
        body: list[bytes] = []
        for inner in lines:
            if inner.startswith(_END):
                break
            body.append(inner.strip())
        else:
            raise KeyStoreError(f"{name} is cut: PEM block {count} ({label}) has no end")
        headers = [part for part in body if b":" in part]
        rest = b"".join(part for part in body if b":" not in part)
        try:
            content = base64.b64decode(rest, validate=True)
        except binascii.Error as error:
            raise KeyStoreError(f"{name} is damaged: PEM block {count} ({label}) is no base64") from error
        yield _Block(label, b"\n".join(headers), content)


def _unlock(block: _Block, password: str | None, name: str) -> bytes:
    if password is None:
        raise PasswordError(f"the key in {name} needs its password", of="key")
    check_effort(block.content, name)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    text = pem(block.label, block.content)
    if block.headers:  # RFC 1421 4.6: they stand before the content, with an empty line between
        first, _, rest = text.partition(b"\n")
        text = b"\n".join([first, block.headers, b"", rest])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            key = serialization.load_pem_private_key(text, password.encode("utf-8", "surrogatepass"))
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    except UnsupportedAlgorithm as error:
        raise KeyStoreError(f"the key in {name} is under an algorithm that is not supported: {error}") from error
    except (ValueError, TypeError) as error:
        why = "the password is wrong, or the file is damaged"
        raise PasswordError(f"the key in {name} cannot be read: {why}", of="key") from error
