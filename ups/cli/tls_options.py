"""The TLS options of both programs, and what they say together.

Everything is decided here that needs neither a file nor OpenSSL; ``tls_contexts`` does the rest. Names of profiles are
those of ``dicomnet.drivers.tls``, which is too heavy to be asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from dicomnet.records import dataclass
from ups.cli import passwords
from ups.cli.option import Option, Section, flag
from ups.cli.passwords import Password
from ups.cli.reading import Reading
from ups.cli.values import BadValue
from ups.cli.words import UsageError

__all__ = [
    "DEFAULT_CHOICE",
    "KEY_PLACES",
    "SYSTEM",
    "TRUST_PLACES",
    "TlsChoice",
    "TlsWishes",
    "Versions",
    "tls_section",
    "wishes",
]

_KEY_STORE, _TRUST_STORE = "resource:tls/test_sys_1.p12", "resource:tls/mesa_certs.jks"
SYSTEM = "system:"
"""What -truststore takes for the authorities that the system trusts."""

KEY_PLACES = ("tls_key_store", "tls_key_store_password", "tls_key_password", "tls_key_alias")
TRUST_PLACES = ("tls_trust_store", "tls_trust_store_password")
"""The places of the options about each store."""

_SUITES = ("NULL", "3DES", "AES")
_PROFILES = {
    "bcp195": "bcp195",
    "bcp195-modified": "bcp195-modified",
    "bcp195-rfc7525": "bcp195-rfc7525",
    "bcp195-nd": "bcp195-non-downgrading",
    "bcp195-non-downgrading": "bcp195-non-downgrading",
    "bcp195-extended": "bcp195-extended",
    "aes": "aes",
    "null": "null",
}
"""As the command line has them, and as ``dicomnet.drivers.tls`` does."""

Versions: TypeAlias = Literal["tls1", "ssl3", "no_tls1", "no_ssl2", "no_ssl3"]


@dataclass(frozen=True, slots=True)
class TlsChoice:
    """How a connection is secured: by ``-tls`` and a family of suites, or by the name of a profile."""

    suites: str | None = None
    profile: str | None = None

    def __str__(self) -> str:
        return str(self.suites or self.profile)


DEFAULT_CHOICE = TlsChoice(suites="AES")
"""Where there has to be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsWishes:
    """What the user wants of TLS; ``choice`` None is none. ``spelling`` is how each was written, for messages."""

    choice: TlsChoice | None
    versions: Versions | None
    client_auth: bool
    key_store: str
    key_store_password: Password | None
    key_password: Password | None
    key_alias: str | None
    trust_store: str
    trust_store_password: Password | None
    check_name: bool
    spelling: dict[str, str]

    def called(self, place: str) -> str:
        """The option that has this place, as the user wrote it or as we would."""
        return self.spelling.get(f"tls_{place}", _NAMES[f"tls_{place}"])


def _suites(text: str) -> TlsChoice:
    if text not in _SUITES:
        raise BadValue(f"{text!r} is none of {', '.join(_SUITES)}")
    return TlsChoice(suites=text)


def _profile(text: str) -> TlsChoice:
    if text not in _PROFILES:
        raise BadValue(f"there is no profile {text!r}, only {', '.join(_PROFILES)}")
    return TlsChoice(profile=_PROFILES[text])


def _version(name: Versions, text: str) -> Option:
    names = f"-{name}", f"--{name.replace('_', '-')}"
    return flag(*names, dest="tls_versions", const=name, default=None, help=text)


def _value(
    *names: str,
    dest: str,
    metavar: str,
    help: str,  # noqa: A002
    convert: Callable[[str], Any] = str,
    **more: Any,
) -> Option:
    return Option(names=names, dest=dest, metavar=metavar, convert=convert, help=help, **more)


def _password(short: str, long: str, dest: str, text: str) -> tuple[Option, Option]:
    """Two ways to give a password, of which a third is a variable of the environment by the long name."""
    text = f"{text}; - asks for it"
    return (
        _value(short, long, dest=dest, metavar="PASSWORD", convert=passwords.written, help=text, secret=True),
        _value(f"{long}-file", dest=dest, metavar="FILE", convert=passwords.in_file, help="file that begins with it"),
    )


def tls_section(name_check: str) -> Section:
    """The section of the help; ``name_check`` says whose name --tls-check-name is about."""
    return Section(
        "TLS",
        (
            _value(
                "-tls",
                "--tls",
                dest="tls_choice",
                metavar="SUITES",
                convert=_suites,
                choices=_SUITES,
                help="TLS with the suites AES (TLS 1.2 and 1.3), NULL (signed, not secret) or 3DES",
            ),
            _value(
                "--tls-profile",
                dest="tls_choice",
                metavar="PROFILE",
                convert=_profile,
                choices=tuple(_PROFILES),
                help=f"TLS by a profile of PS3.15: {', '.join(_PROFILES)}",
            ),
            flag("--no-tls", dest="tls_choice", const=None, default=None, help="no TLS, whatever was set before"),
            _version("tls1", "allow TLS 1.0 and 1.1 as well"),
            _version("ssl3", "SSLv3, which is refused"),
            _version("no_tls1", "no TLS 1.0 and 1.1 (as without it, unless a profile has them)"),
            _version("no_ssl2", "no SSLv2 (as without it)"),
            _version("no_ssl3", "no SSLv3 (as without it)"),
            flag(
                "-noclientauth",
                "--no-client-auth",
                dest="tls_client_auth",
                const=False,
                default=True,
                help="show no certificate to whom we call, and ask for none who calls us",
            ),
            _value(
                "-keystore",
                "--keystore",
                dest="tls_key_store",
                metavar="FILE|URL",
                default=_KEY_STORE,
                help=f"our key and certificate: PEM, PKCS#12 or JKS (default {_KEY_STORE}, made on first use)",
            ),
            *_password("-keystorepw", "--keystore-password", "tls_key_store_password", "its password (default secret)"),
            *_password("-keypw", "--key-password", "tls_key_password", "that of the key in it (default: the same)"),
            _value(
                "--key-alias",
                dest="tls_key_alias",
                metavar="NAME",
                help="which of several keys in it",
            ),
            _value(
                "-truststore",
                "--truststore",
                dest="tls_trust_store",
                metavar="FILE|URL",
                default=_TRUST_STORE,
                help=f"whom to believe, in the same formats, or {SYSTEM} (default {_TRUST_STORE})",
            ),
            *_password(
                "-truststorepw", "--truststore-password", "tls_trust_store_password", "its password (default secret)"
            ),
            flag("--tls-check-name", dest="tls_check_name", help=name_check, calling=True),
        ),
    )


_OPTIONS = tls_section("").options
_NAMES = {option.dest: option.name for option in reversed(_OPTIONS)}


def wishes(reading: Reading) -> tuple[TlsWishes, dict[str, Any], tuple[str, ...]]:
    """What a reading says of TLS, the rest of its values, and warnings.

    Raises:
        UsageError: it says what cannot be had, or what contradicts itself.
    """
    ours = {place: value for place, value in reading.values.items() if place in _NAMES}
    rest = {place: value for place, value in reading.values.items() if place not in _NAMES}
    # What was set before is told by the name of its option: ``settings.blame`` adds where.
    spelling = {
        place: name for place, name in reading.given.items() if place in _NAMES and place not in reading.settled
    }
    found = TlsWishes(spelling=spelling, **{place.removeprefix("tls_"): value for place, value in ours.items()})
    if found.versions == "ssl3":
        name = found.called("versions")
        raise UsageError(f"{name}: OpenSSL has no SSLv3 any more; the nearest is -tls1, from TLS 1.0 on")
    if found.versions == "tls1" and found.choice is not None and found.choice.profile is not None:
        versions, choice = found.called("versions"), found.called("choice")
        raise UsageError(f"{versions} and {choice} exclude each other: a profile has versions of its own")
    return found, rest, _warnings(found)


def _warnings(found: TlsWishes) -> tuple[str, ...]:
    if found.choice is not None:
        return ()
    idle = (name for place, name in found.spelling.items() if place != "tls_choice")
    return tuple(f"{name} has no effect without -tls or --tls-profile" for name in idle)
