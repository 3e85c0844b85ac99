"""A key and its certificate, and what other tools make of stores."""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Tool = Callable[..., bytes]


@dataclass(frozen=True)
class Material:
    """A private key and certificates, as objects and as bytes: one of the key, its issuer's, and another."""

    key: ec.EllipticCurvePrivateKey
    leaf: x509.Certificate
    issuer: x509.Certificate
    other: x509.Certificate

    @property
    def key_der(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def key_pem(self, password: str | None = None, *, traditional: bool = False) -> bytes:
        """The key, perhaps under a password, as PKCS#8 or as OpenSSL wrote it before."""
        form = serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
        lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, lock)

    def is_key(self, key_pem: bytes) -> bool:
        """Whether this is the key, in the clear."""
        found = serialization.load_pem_private_key(key_pem, None)
        assert isinstance(found, ec.EllipticCurvePrivateKey)
        return found.private_numbers() == self.key.private_numbers()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def fingerprint(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


@pytest.fixture(scope="session")
def material() -> Material:
    now = datetime.datetime.now(datetime.UTC)
    days = datetime.timedelta(days=5)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("leaf", "issuer", "other")}

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def certificate(subject: str, signer: str) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            name(signer), name(subject), keys[subject].public_key(), x509.random_serial_number(), now - days, now + days
        )
        return builder.sign(keys[signer], hashes.SHA256())

    certificates = [certificate(*pair) for pair in (("leaf", "issuer"), ("issuer", "issuer"), ("other", "other"))]
    return Material(keys["leaf"], *certificates)


@pytest.fixture
def keytool(missing: Callable[[str], NoReturn], tmp_path: Path) -> Tool:
    """Runs ``keytool`` on ``store``, with its password ``secret``, and returns what is in it then."""
    path = shutil.which("keytool") or missing("there is no JDK's keytool on the path")

    def run(store: str, *words: str) -> bytes:
        command = [path, *words, "-keystore", store, "-storepass", "secret", "-noprompt"]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return (tmp_path / store).read_bytes()

    return run


@pytest.fixture
def openssl(missing: Callable[[str], NoReturn], tmp_path: Path) -> Tool:
    """Runs ``openssl`` with some input; its output."""
    path = shutil.which("openssl") or missing("there is no openssl on the path")

    def run(*words: str, given: bytes = b"") -> bytes:
        done = subprocess.run([path, *words], cwd=tmp_path, input=given, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run
