"""Addresses and AE titles as the command line writes them: ``aet[@host[:port]]`` and ``aet[@host][:port]``.

Only text is judged here (PS3.5 6.2 for the title); nothing is resolved.
"""

from __future__ import annotations

from dicomnet.endpoint import host_port
from dicomnet.records import dataclass

__all__ = [
    "DEFAULT_PORT",
    "AddressError",
    "LocalAddress",
    "PeerAddress",
    "ae_title",
    "host_and_port",
    "local",
    "peer",
    "peer_entry",
    "readiness",
]

DEFAULT_PORT = 104


class AddressError(ValueError):
    """The text is no address; says why."""


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Whom to call and where."""

    ae_title: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.ae_title}@{host_port(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """Who we are; ``host`` None is every interface, ``port`` None means that we do not listen."""

    ae_title: str
    host: str | None
    port: int | None

    @property
    def bind_host(self) -> str:
        """What to listen on: every IPv4 interface unless a host was named."""
        return self.host or "0.0.0.0"


def ae_title(text: str) -> str:
    """A title without the spaces around it, which do not count (PS3.5 6.2).

    Raises:
        AddressError: empty, longer than 16 characters, or with a character that VR AE does not have.
    """
    title = text.strip(" ")
    if not title:
        raise AddressError("the AE title is empty")
    if len(title) > 16:
        raise AddressError(f"the AE title {title!r} is longer than 16 characters")
    if not all(" " <= character <= "~" and character != "\\" for character in title):
        raise AddressError(f"the AE title {title!r} has a character that AE titles cannot have")
    return title


def peer(text: str) -> PeerAddress:
    """``aet[@host[:port]]``: host localhost and port 104 unless given.

    Raises:
        AddressError: the text is no such address.
    """
    title, at, place = text.rpartition("@")
    if not at:
        name, colon, port = text.rpartition(":")
        if colon and port.isdecimal():
            raise AddressError(f"{text!r} has a port but no host; write {name}@localhost:{port}")
        return PeerAddress(ae_title(text), "localhost", DEFAULT_PORT)
    if not title:
        raise AddressError(f"{text!r} has no AE title before the @, and no alias of that name is known")
    host, port_number = _host_and_port(place, text)
    if port_number == 0:
        raise AddressError(f"nobody can be called on port 0 ({text!r})")
    return PeerAddress(ae_title(title), host, DEFAULT_PORT if port_number is None else port_number)


def local(text: str) -> LocalAddress:
    """``aet[@host][:port]``; port 0 lets the system choose.

    Raises:
        AddressError: the text is no such address.
    """
    title, at, place = text.rpartition("@")
    if at:
        host, port = _host_and_port(place, text)
        return LocalAddress(ae_title(title), host, port)
    title, colon, port_text = text.rpartition(":")
    if not colon:
        return LocalAddress(ae_title(text), None, None)
    return LocalAddress(ae_title(title), None, _port(port_text, text))


def peer_entry(text: str) -> PeerAddress:
    """``AET=host:port``, one line of an AE table.

    Raises:
        AddressError: the text is no such entry.
    """
    title, equals, place = text.partition("=")
    if not equals:
        raise AddressError(f"{text!r} is not AET=host:port")
    host, port = _host_and_port(place, text)
    if not port:
        raise AddressError(f"{text!r} needs a port from 1 to 65535")
    return PeerAddress(ae_title(title), host, port)


def host_and_port(text: str) -> tuple[str, int]:
    """``[aet@]host:port``; the title is of no interest.

    Raises:
        AddressError: the text is no such place.
    """
    host, port = _host_and_port(text.rpartition("@")[2], text)
    if not port:
        raise AddressError(f"{text!r} needs a port from 1 to 65535")
    return host, port


def readiness(local: LocalAddress, port: int) -> str:
    """The line that says where we can be reached; it is printed when we can."""
    return f"{local.ae_title} listening on {host_port(local.bind_host, port)}"


def _host_and_port(place: str, whole: str) -> tuple[str, int | None]:
    if place.startswith("["):
        host, bracket, tail = place[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise AddressError(f"{whole!r} has an IPv6 address without its closing bracket")
        port = _port(tail[1:], whole) if tail else None
    else:
        host, colon, tail = place.partition(":")
        if ":" in tail:
            raise AddressError(f"an IPv6 address needs brackets: {whole!r}")
        port = _port(tail, whole) if colon else None
    if not host or not all("!" <= character <= "~" for character in host):
        raise AddressError(f"{whole!r} has no usable host name")
    return host, port


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise AddressError(f"{text!r} in {whole!r} is no port number (0 to 65535)")
    return int(text)
