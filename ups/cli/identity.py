"""Who the user says to be (PS3.7 D.3.3.7): a name, with a passcode or without, or a token out of a file.

Tokens are checked for what they are at first sight, so that a wrong file is not sent; whether they are any good the
peer decides. What they hold is never shown.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TextIO

from dicomnet.codes import IdentityType
from dicomnet.records import dataclass
from dicomnet.wire.items import UserIdentity
from ups.cli.parser import CommandLine
from ups.cli.values import MAX_CREDENTIAL
from ups.cli.words import UsageError

__all__ = ["user_identity"]

_JWT = re.compile(rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: IdentityType
    what: str
    tidy: Callable[[bytes], bytes]
    fits: Callable[[bytes], bool]


def _is_ticket(data: bytes) -> bool:
    """Whether this is one application-specific value of ASN.1 (RFC 4120 5.3 and 5.5.1; in GSS-API, RFC 4121 4.1)."""
    if data[0] & 0xE0 != 0x60 or len(data) < 2:
        return False
    more = data[1] - 0x80 if data[1] > 0x80 else 0  # bytes of a length that does not fit into one
    length = int.from_bytes(data[2 : 2 + more], "big") if more else data[1]
    return 2 + more + length == len(data)


_TOKENS = {
    "jwt": _Token(IdentityType.JWT, "JSON Web Token", bytes.strip, lambda data: _JWT.fullmatch(data) is not None),
    "saml": _Token(IdentityType.SAML, "SAML assertion", bytes.strip, lambda data: data.startswith(b"<")),
    "kerberos": _Token(IdentityType.KERBEROS, "Kerberos ticket", bytes, _is_ticket),
}


def user_identity(line: CommandLine) -> UserIdentity | None:
    """The user identity to propose, None without one.

    Raises:
        UsageError: the file of a token cannot be used.
    """
    response = int(line.identity_response)
    if line.username is not None:
        kind = IdentityType.USERNAME if line.passcode is None else IdentityType.USERNAME_PASSCODE
        return UserIdentity(kind, response, line.username.encode(), (line.passcode or "").encode())
    for place, token in _TOKENS.items():
        name: str | None = getattr(line, place)
        if name is not None:
            return UserIdentity(token.kind, response, _read_token(f"--{place} {name}", name, token))
    return None


def _read_token(source: str, name: str, token: _Token) -> bytes:
    try:
        data = token.tidy(_read(name))
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise UsageError(f"{source}: {getattr(error, 'strerror', None) or error}") from error
    if not data:
        raise UsageError(f"{source}: there is nothing in it")
    if len(data) > MAX_CREDENTIAL:
        raise UsageError(f"{source}: longer than the {MAX_CREDENTIAL} bytes that a user identity holds")
    if not token.fits(data):
        raise UsageError(f"{source}: this is no {token.what}")
    return data


def _read(name: str) -> bytes:
    """A little more than can be sent, at most."""
    most = 2 * MAX_CREDENTIAL
    if name == "-":
        stream: TextIO | None = sys.stdin  # None in a program that was started with it closed
        if stream is None:
            raise OSError("standard input is closed")
        return stream.buffer.read(most)
    with open(name, "rb") as file:
        return file.read(most)
