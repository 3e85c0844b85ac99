"""A certificate in words for people: whose it is, who says so, for how long, for which names."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

__all__ = ["certificate_lines"]

_MAX_NAMES = 50


def certificate_lines(der: bytes, now: datetime.datetime | None = None) -> Iterator[tuple[str, str]]:
    """Labels and texts; a certificate that cannot be read is told as such."""
    now = now or datetime.datetime.now(datetime.UTC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is odd about it, which is for people to see
        try:
            certificate = x509.load_der_x509_certificate(der)
            found = list(_lines(certificate, now))
        except (ValueError, x509.UnsupportedGeneralNameType, OverflowError) as error:
            found = [("certificate", f"it cannot be read: {error}")]
    yield from found


def _lines(certificate: x509.Certificate, now: datetime.datetime) -> Iterator[tuple[str, str]]:
    yield "subject", certificate.subject.rfc4514_string() or "(empty)"
    itself = certificate.issuer == certificate.subject
    yield "issuer", f"{certificate.issuer.rfc4514_string() or '(empty)'}{' (itself)' if itself else ''}"
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    yield "valid", f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC: {_standing(begin, end, now)}"
    yield "names", _names(certificate)
    yield "key", _key(certificate)
    fingerprint = certificate.fingerprint(hashes.SHA256())
    yield "SHA-256", ":".join(f"{octet:02X}" for octet in fingerprint)


def _standing(begin: datetime.datetime, end: datetime.datetime, now: datetime.datetime) -> str:
    if now < begin:
        return "not yet"
    if now > end:
        return f"expired {_days(now - end)} ago"
    return f"{_days(end - now)} left"


def _days(span: datetime.timedelta) -> str:
    return f"{span.days} day{'s' * (span.days != 1)}"


def _names(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "none"
    found = [_name(name) for name in names]
    more = f", and {len(found) - _MAX_NAMES} more" if len(found) > _MAX_NAMES else ""
    return ", ".join(found[:_MAX_NAMES]) + more


def _name(name: x509.GeneralName) -> str:
    kind = {x509.DNSName: "DNS", x509.IPAddress: "IP", x509.RFC822Name: "mail", x509.UniformResourceIdentifier: "URI"}
    return f"{kind.get(type(name), 'other')} {name.value}"


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except Exception as error:  # noqa: BLE001 - cryptography has several for keys it does not know
        return f"unknown: {error}"
    algorithm = certificate.signature_algorithm_oid._name
    match key:
        case rsa.RSAPublicKey():
            kind = f"RSA, {key.key_size} bits"
        case ec.EllipticCurvePublicKey():
            kind = f"EC, {key.curve.name}"
        case dsa.DSAPublicKey():
            kind = f"DSA, {key.key_size} bits"
        case _:
            kind = type(key).__name__.removesuffix("PublicKey")
    return f"{kind}; signed by {algorithm}"
