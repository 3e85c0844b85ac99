"""Certificates made at test time: an authority, and what it signs for either end; another authority nobody trusts."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Identity:
    """A certificate and its key in PEM files."""

    certificate: Path
    key: Path

    @property
    def joined(self) -> bytes:
        """Both in one."""
        return self.key.read_bytes() + self.certificate.read_bytes()

    @property
    def words(self) -> tuple[str, ...]:
        """How DCMTK's tools are given it."""
        return "+tls", str(self.key), str(self.certificate)


class Authority:
    """Signs certificates for this machine's loopback interface; its own is in ``certificate``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = _new_key()
        self._name = _name(name)
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        made = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        made = made.add_extension(_usage(signs=True), critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self.certificate = folder / f"{name}.pem"
        self._write(self.certificate, made.add_extension(identifier, critical=False))

    @classmethod
    def in_folder(cls, folder: Path, name: str) -> Self:
        """An authority with a folder of its own."""
        folder.mkdir()
        return cls(folder, name)

    def identity(self, name: str, *, host: str | None = None, days: tuple[int, int] = (-1, 2)) -> Identity:
        """A certificate for both ends of TLS, on 127.0.0.1 and localhost unless it names another host.

        ``days`` say from when to when it is valid, counted from now.
        """
        key = _new_key()
        names: list[x509.GeneralName] = [x509.DNSName(host or "localhost")]
        if host is None:
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        made = self._builder(_name(name), key, days)
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        made = made.add_extension(uses, critical=False).add_extension(_usage(signs=False), critical=True)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        identity = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        self._write(identity.certificate, made.add_extension(signer, critical=False))
        identity.key.touch(mode=0o600)
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return identity

    def _builder(
        self, subject: x509.Name, key: rsa.RSAPrivateKey, days: tuple[int, int] = (-10, 10)
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return x509.CertificateBuilder(
            self._name,
            subject,
            key.public_key(),
            x509.random_serial_number(),
            now + datetime.timedelta(days=days[0]),
            now + datetime.timedelta(days=days[1]),
        )

    def _write(self, path: Path, builder: x509.CertificateBuilder) -> None:
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
