"""TLS contexts for the secure transport connection profiles of PS3.15 Annex B, and for what came before them.

``client_context`` and ``server_context`` make an ``ssl.SSLContext`` that does what its profile says, nothing weaker and
nothing stronger; give it to ``connect``, ``serve`` or ``listen`` as ``tls``. Any other context works as well. Keys and
certificates come from PEM files by their path, or from a store of any kind that ``dicomnet.keystores`` has read.

What no profile can have here: OpenSSL has no CAMELLIA-GCM suites, most builds have neither 3DES nor SSLv3, and Python
leaves the TLS 1.3 suites as OpenSSL has them (AES-GCM and CHACHA20-POLY1305). A server takes part in finite field DHE
only after ``load_dh_params`` on its context; every profile with such suites has ECDHE, too.
"""

from __future__ import annotations

import logging
import os
import ssl
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from dicomnet.errors import TransportError
from dicomnet.keystores.stores import Identity, Trust
from dicomnet.records import dataclass

__all__ = [
    "RECIPES",
    "ClientCertificates",
    "Profile",
    "Recipe",
    "TlsSetupFailed",
    "believe",
    "client_context",
    "server_context",
]

_log = logging.getLogger("dicomnet.tls")

Path: TypeAlias = str | os.PathLike[str]
ClientCertificates: TypeAlias = Literal["require", "accept", "none"]


class TlsSetupFailed(TransportError):
    """A TLS context cannot be made as it was asked for."""


class Profile(StrEnum):
    """The profiles that can be had, by the sections of PS3.15 Annex B."""

    BCP195 = "bcp195"
    """B.12: TLS 1.2 and 1.3 with the suites of RFC 9325."""
    BCP195_MODIFIED = "bcp195-modified"
    """B.13: TLS 1.2 and 1.3 with the listed suites only."""
    BCP195_RFC7525 = "bcp195-rfc7525"
    """B.9, retired: as B.12, and back to TLS 1.0 for old peers."""
    BCP195_NON_DOWNGRADING = "bcp195-non-downgrading"
    """B.10, retired: TLS 1.2 and later."""
    BCP195_EXTENDED = "bcp195-extended"
    """B.11, retired: TLS 1.2 with the listed suites only."""
    AES = "aes"
    """B.3, retired: TLS 1.0 to 1.2 with AES 128 and RSA key exchange, without its way back to 3DES."""
    NULL = "null"
    """Of IHE ATNA's early days: authenticated, intact and readable by all. TLS 1.0 to 1.2."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a profile allows: OpenSSL's names of its TLS 1.2 suites with a security level, and the versions."""

    suites: str
    lowest: ssl.TLSVersion
    highest: ssl.TLSVersion


_V1_0, _V1_2, _V1_3 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
_RFC9325 = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
)
_RSA_GCM = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256"
_ECDSA_GCM = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
# Level 2 is what keeps RSA and DHE at 2,048 bits and ECDHE at 224 and more; 0 is what TLS 1.0 and NULL need.
RECIPES: Final[Mapping[Profile, Recipe]] = {
    Profile.BCP195: Recipe(f"{_RFC9325}:@SECLEVEL=2", _V1_2, _V1_3),
    Profile.BCP195_MODIFIED: Recipe(
        f"{_RFC9325}:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-CCM:"
        "ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES256-CCM8:ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=2",
        _V1_2,
        _V1_3,
    ),
    Profile.BCP195_RFC7525: Recipe(
        f"{_RSA_GCM}:{_ECDSA_GCM}:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:AES128-SHA:@SECLEVEL=0", _V1_0, _V1_3
    ),
    Profile.BCP195_NON_DOWNGRADING: Recipe(f"{_RSA_GCM}:{_ECDSA_GCM}:@SECLEVEL=2", _V1_2, _V1_3),
    Profile.BCP195_EXTENDED: Recipe(f"{_RSA_GCM}:{_ECDSA_GCM}:@SECLEVEL=2", _V1_2, _V1_2),
    Profile.AES: Recipe("AES128-SHA:@SECLEVEL=0", _V1_0, _V1_2),
    Profile.NULL: Recipe("NULL-SHA:@SECLEVEL=0", _V1_0, _V1_2),
}
_REFUSED: Final = {
    "basic": f"B.1 is 3DES alone, which OpenSSL has no more; the nearest is {Profile.AES.value!r}",
    "3des": f"OpenSSL has no 3DES any more; the nearest is {Profile.AES.value!r}",
    "sslv3": f"OpenSSL has no SSLv3 any more; the nearest is {Profile.AES.value!r}, from TLS 1.0 on",
    "iscl": f"ISCL is no TLS and retired; the nearest is {Profile.BCP195.value!r}",
}


def client_context(
    profile: str | Recipe = Profile.BCP195,
    *,
    trust: Path | Trust | None = None,
    certificate: Path | Identity | None = None,
    key: Path | None = None,
    password: str | bytes | None = None,
    check_hostname: bool = True,
) -> ssl.SSLContext:
    """A context for those who connect: the server must prove who it is.

    ``profile`` is one of ``Profile`` or a recipe of one's own. ``trust`` is a PEM file or a folder of certificates to
    trust, None the system's own. ``certificate`` and ``key`` (PEM; the key may be in the same file) are shown to
    servers that ask. Either may be what ``load_trust`` and ``load_identity`` of ``dicomnet.keystores`` return.
    ``check_hostname`` False takes any name that one of the trusted has signed for.

    Raises:
        TlsSetupFailed: there is no such profile, or a file cannot be used.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, profile)
    context.check_hostname = check_hostname
    if trust is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _trust(context, trust)
    if certificate is not None:
        _identify(context, certificate, key, password)
    return context


def server_context(
    profile: str | Recipe = Profile.BCP195,
    *,
    certificate: Path | Identity,
    key: Path | None = None,
    trust: Path | Trust | None = None,
    password: str | bytes | None = None,
    client_certificates: ClientCertificates = "require",
) -> ssl.SSLContext:
    """A context for those who listen; by default clients must prove who they are to those in ``trust``.

    With ``accept`` a client may show a certificate, which then has to be good; ``none`` does not ask for one. What a
    client has shown reaches the acceptance policy as ``Applicant.certificate``.

    Raises:
        TlsSetupFailed: there is no such profile, a file cannot be used, or clients are to be trusted by nobody's word.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, profile)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0  # associations are not resumed
    modes = {"require": ssl.CERT_REQUIRED, "accept": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
    if client_certificates not in modes:
        raise TlsSetupFailed(f"client certificates are one of {', '.join(modes)}, not {client_certificates!r}")
    _identify(context, certificate, key, password)
    if trust is not None:
        _trust(context, trust)
    elif client_certificates != "none":
        raise TlsSetupFailed("to look at client certificates takes somebody to trust: give trust, or ask for none")
    context.verify_mode = modes[client_certificates]
    return context


def _recipe(profile: str | Recipe) -> Recipe:
    if isinstance(profile, Recipe):
        return profile
    if refusal := _REFUSED.get(profile):
        raise TlsSetupFailed(f"there is no profile {profile!r}: {refusal}")
    try:
        return RECIPES[Profile(profile)]
    except ValueError:
        raise TlsSetupFailed(f"there is no profile {profile!r}, only {', '.join(map(str, Profile))}") from None


def _context(protocol: int, profile: str | Recipe) -> ssl.SSLContext:
    recipe = _recipe(profile)
    context = ssl.SSLContext(protocol)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        context.set_ciphers(recipe.suites)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.0, which was asked for
            context.minimum_version, context.maximum_version = recipe.lowest, recipe.highest
    except (ssl.SSLError, ValueError) as error:
        what = recipe.suites if isinstance(profile, Recipe) else repr(str(profile))
        raise TlsSetupFailed(f"this OpenSSL cannot do {what}: {_why(error)}") from error
    return context


def believe(context: ssl.SSLContext, trust: Trust) -> None:
    """Have a context believe these, and whom they vouch for.

    Who is in a trust store is trusted, also where it is the holder itself and not its authority, as in Java.

    Raises:
        TlsSetupFailed: OpenSSL cannot read one of them.
    """
    try:
        context.load_verify_locations(cadata=b"".join(trust.certificates))
    except (OSError, ValueError) as error:
        raise TlsSetupFailed(f"cannot use the trusted certificates: {_why(error)}") from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _trust(context: ssl.SSLContext, trust: Path | Trust) -> None:
    if isinstance(trust, Trust):
        believe(context, trust)
        return
    try:
        if os.path.isdir(trust):
            context.load_verify_locations(capath=os.fspath(trust))
        else:
            context.load_verify_locations(cafile=os.fspath(trust))
    except OSError as error:
        raise TlsSetupFailed(f"cannot read trusted certificates from {os.fspath(trust)!r}: {_why(error)}") from error


def _identify(
    context: ssl.SSLContext, certificate: Path | Identity, key: Path | None, password: str | bytes | None
) -> None:
    def ask() -> str | bytes:
        if password is None:  # OpenSSL would ask at the terminal
            raise TlsSetupFailed(f"the key in {where!r} is encrypted, and there is no password")
        return password

    if isinstance(certificate, Identity):
        _show(context, certificate)
        return
    where = os.fspath(certificate if key is None else key)
    try:
        context.load_cert_chain(certificate, key, ask)
        shared = os.stat(where).st_mode & 0o077
    except OSError as error:
        raise TlsSetupFailed(f"cannot use the certificate and key in {where!r}: {_why(error)}") from error
    if shared:
        _log.warning("others can read the private key in %r", where)


def _show(context: ssl.SSLContext, identity: Identity) -> None:
    try:
        with _passing_file(identity.pem()) as path:
            context.load_cert_chain(path, password=lambda: b"")  # or OpenSSL might ask at the terminal
    except (OSError, ValueError) as error:
        raise TlsSetupFailed(f"cannot use the private key and its certificates: {_why(error)}") from error


@contextmanager
def _passing_file(content: bytes) -> Iterator[str]:
    """A file for as long as OpenSSL reads it, since Python hands keys over in files only.

    It is one in memory where there is such a thing, and else a temporary one of mode 0600.
    """
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("key"), "wb") as file:
            path = f"/proc/self/fd/{file.fileno()}"
            if os.path.exists(path):  # it does not if /proc is not mounted
                file.write(content)
                file.flush()
                yield path
                return
    with tempfile.NamedTemporaryFile() as visible:
        visible.write(content)
        visible.flush()
        yield visible.name


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):  # its text without the number of a source line
        reason = getattr(error, "reason", None) or str(error.args[-1]).partition(" (_ssl.c:")[0]
        return reason.replace("_", " ").rstrip(".").lower()
    return getattr(error, "strerror", None) or str(error)
