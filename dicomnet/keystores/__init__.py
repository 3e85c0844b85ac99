"""Key stores and trust stores of other tools, read into memory: PEM, PKCS#12 and JKS, told apart by their content.

``load_identity`` gives the private key and the certificates to show, ``load_trust`` the certificates to believe; both
take bytes, and ``dicomnet.drivers.tls`` makes contexts of what they return. ``sources.read`` brings the bytes from a
file or a URL, ``provisional`` makes test keys. A reader raises KeyStoreError and nothing else, whatever the bytes are.

``validity`` tells from when to when a certificate is good. Knows no sockets of DICOM and no TLS. Heavy libraries come
in when a store is read that needs one: JKS does not, nor PEM without encryption.
"""

from __future__ import annotations

from dicomnet.keystores.certificates import validity
from dicomnet.keystores.loading import load_identity, load_trust
from dicomnet.keystores.stores import AliasError, Identity, KeyStoreError, PasswordError, Trust

__all__ = [
    "AliasError",
    "Identity",
    "KeyStoreError",
    "PasswordError",
    "Trust",
    "load_identity",
    "load_trust",
    "validity",
]
