"""The bytes of a store, from where its name says: a path, ``file:``, ``http:`` or ``https:``.

However long the name of a server or slow the server, it ends within ``seconds``; and no more is read than ``limit``.
A server's certificate is verified with the system's authorities. Credentials in a URL are refused, for they would be
told in messages.
"""

from __future__ import annotations

import re
import threading
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from dicomnet.keystores.stores import KeyStoreError

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

__all__ = ["MAX_BYTES", "SECONDS", "is_remote", "path_of", "read"]

MAX_BYTES = 8 * 1024 * 1024
"""Of a store: the authorities of all systems together take less than one."""
SECONDS = 20.0
"""For a store to come over the network, from the name of its server to its last byte."""

_CHUNK = 65536


def is_remote(where: str) -> bool:
    """Whether it comes over the network."""
    return _scheme(where) in ("http", "https")


def path_of(where: str) -> str:
    """The path of a store that is a file.

    Raises:
        KeyStoreError: it is a URL, and not of a file here.
    """
    scheme = _scheme(where)
    if not scheme:
        return where
    if scheme != "file":
        raise KeyStoreError(f"{where}: only file:, http: and https: URLs can be read")
    try:
        parts = urlsplit(where)
    except ValueError as error:
        raise KeyStoreError(f"{where} is no URL: {error}") from error
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or not parts.path:
        raise KeyStoreError(f"{where} names no file of this machine; a file URL is file:/path")
    return unquote(parts.path)


def read(where: str, *, limit: int = MAX_BYTES, seconds: float = SECONDS) -> bytes:
    """All of it.

    Raises:
        KeyStoreError: it cannot be had, or is larger than ``limit``.
    """
    if _has_credentials(where):  # before anything else can name it in a message
        raise KeyStoreError(f"a URL with credentials is not read: {where.partition(':')[0]}://...@...")
    try:
        if is_remote(where):
            data = _fetch_in_time(where, limit, seconds)
        else:
            with open(path_of(where), "rb") as file:
                data = _read(file, limit)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise KeyStoreError(f"cannot read {where}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > limit:
        raise KeyStoreError(f"{where} is larger than {limit} bytes")
    return data


def _scheme(where: str) -> str:
    """The scheme of a URL; empty for a path, which may have colons as well."""
    name, colon, rest = where.partition(":")
    if not colon or not (name.isascii() and name.isalnum()):
        return ""
    return name.lower() if name.lower() in ("file", "http", "https") or rest.startswith("//") else ""


def _has_credentials(where: str) -> bool:
    """Whether a user, and perhaps a password, stands before the host (RFC 3986 3.2.1); it may be no proper URL."""
    rest = where.partition(":")[2]
    authority = re.split("[/?#]", rest.removeprefix("//"), maxsplit=1)[0]
    return "@" in authority and bool(_scheme(where)) and (rest.startswith("//") or is_remote(where))


def _read(file: IO[bytes], limit: int) -> bytes:
    data = bytearray()
    while len(data) <= limit and (part := file.read(_CHUNK)):
        data += part
    return bytes(data)


def _fetch_in_time(where: str, limit: int, seconds: float) -> bytes:
    """Fetch in a thread that nobody waits for longer: no timeout of a socket bounds names and redirections together."""
    outcome: list[bytes | BaseException] = []

    def work() -> None:
        try:
            outcome.append(_fetch(where, limit, seconds))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            outcome.append(error)

    thread = threading.Thread(target=work, name="fetch a store", daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise KeyStoreError(f"cannot read {where}: not all of it came within {seconds:g} s")
    (found,) = outcome
    if isinstance(found, BaseException):
        raise found
    return found


def _fetch(where: str, limit: int, seconds: float) -> bytes:
    import http.client
    import urllib.error

    try:
        with _opener().open(where, timeout=seconds) as answer:
            data = _read(answer, limit)
            if len(data) <= limit and answer.length:
                raise KeyStoreError(f"cannot read {where}: it is cut, {answer.length} bytes are missing")
            return data
    except urllib.error.HTTPError as error:
        error.close()
        raise KeyStoreError(f"cannot read {where}: the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        reason = error.reason
        text = (getattr(reason, "strerror", None) if isinstance(reason, OSError) else None) or reason
        raise KeyStoreError(f"cannot read {where}: {text}") from error
    except http.client.HTTPException as error:
        raise KeyStoreError(f"cannot read {where}: {type(error).__name__} {error}") from error


def _opener() -> OpenerDirector:
    from http.client import HTTPMessage
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Careful(HTTPRedirectHandler):
        """Follows to no worse place than where it was sent from."""

        def redirect_request(
            self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
        ) -> Request | None:
            """Where to go, for a redirection that may be followed."""
            if _scheme(newurl) != "https" and _scheme(newurl) != req.type:
                fp.close()
                raise KeyStoreError(f"{req.full_url} leads to {newurl}, which is not followed")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return build_opener(Careful)
