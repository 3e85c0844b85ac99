"""Which kind of store some bytes are, and what they hold as ``Identity`` or ``Trust``."""

from __future__ import annotations

from typing import Literal, TypeAlias

from dicomnet.keystores import jks, pem, pkcs12
from dicomnet.keystores.stores import AliasError, Identity, KeyStoreError, Trust, pick

__all__ = ["Kind", "kind_of", "load_identity", "load_trust"]

Kind: TypeAlias = Literal["JKS", "PKCS#12", "PEM"]

_JCEKS = b"\xce\xce\xce\xce"
_PEM = b"-----BEGIN "


def kind_of(data: bytes, name: str) -> Kind:
    """The kind of a store, told by its content.

    Raises:
        KeyStoreError: it is none that can be read.
    """
    if data.startswith(jks.MAGIC):
        return "JKS"
    if data.startswith(_JCEKS):
        advice = f"'keytool -importkeystore -srckeystore {name} -destkeystore NEW -deststoretype PKCS12' converts it"
        raise KeyStoreError(f"{name} is a JCEKS key store, which cannot be read; {advice}")
    if pkcs12.looks_like_pkcs12(data):
        return "PKCS#12"
    if data.startswith(_PEM) or b"\n" + _PEM in data or b"\r" + _PEM in data:
        return "PEM"
    if data.startswith(b"\x30"):
        raise KeyStoreError(f"{name} may be a single certificate or key in DER, which is not read; 'openssl' makes PEM")
    raise KeyStoreError(f"{name} is {'neither JKS nor PKCS#12 nor PEM' if data else 'empty'}")


def load_identity(
    data: bytes,
    name: str = "the key store",
    *,
    password: str | None = None,
    key_password: str | None = None,
    alias: str | None = None,
) -> Identity:
    """The private key to prove who we are, and its certificates; ``name`` is what errors call the store.

    ``password`` is the store's, ``key_password`` the key's own if it has another. ``alias`` says which, if there are
    several: in JKS any, in PKCS#12 the first only, and PEM has no names.

    Raises:
        PasswordError: a password is missing or wrong.
        AliasError: there is no private key of that alias.
        KeyStoreError: anything else that is in the way.
    """
    kind = kind_of(data, name)
    if kind == "PKCS#12" and key_password not in (None, password):
        raise KeyStoreError(f"{name} is a PKCS#12 store, whose key has no password of its own")
    key_password = password if key_password is None else key_password
    if kind == "JKS":
        entry = pick(jks.read_jks(data, password, name).keys, alias, name)
        return jks.unlock(entry, key_password, name)
    if kind == "PKCS#12":
        identity = pkcs12.pkcs12_identity(data, password, name)
    else:
        identity = pem.pem_identity(data, key_password, name)
    if alias is not None and alias != identity.alias:
        found = f"the first private key has the alias {identity.alias!r}" if identity.alias else "there are no aliases"
        raise AliasError(f"{name} has no private key with the alias {alias!r}: {found}")
    return identity


def load_trust(data: bytes, name: str = "the trust store", *, password: str | None = None) -> Trust:
    """The certificates to believe; ``name`` is what errors call the store. PEM needs no ``password``.

    Raises:
        PasswordError: the password is missing or wrong.
        KeyStoreError: anything else that is in the way; also, there is no certificate to trust.
    """
    kind = kind_of(data, name)
    if kind == "JKS":
        certificates = tuple(certificate for _, certificate in jks.read_jks(data, password, name).trusted)
    elif kind == "PKCS#12":
        certificates = pkcs12.pkcs12_trust(data, password, name)
    else:
        certificates = pem.pem_trust(data, name)
    if not certificates:
        raise KeyStoreError(f"{name} has no certificate to trust")
    return Trust(certificates)
