"""The first words of a TLS handshake, as far as they are spoken in the clear: what we say, and what a server answers.

To find out what a server allows there is no need to go through with it: it picks one of the suites that are offered, or
refuses all of them, before anything is encrypted (RFC 5246 7.4, RFC 8446 4.1). No socket and no cryptography here.
What a server says is not believed: every length is checked, and nothing but ValueError is raised.
"""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Sequence

from dicomnet.records import dataclass, field

__all__ = ["MAX_ANSWER", "SSL_3_0", "TLS_1_0", "TLS_1_1", "TLS_1_2", "TLS_1_3", "Answer", "Reading", "client_hello"]

SSL_3_0, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
MAX_ANSWER = 256 * 1024
"""Bytes of one answer: certificates, mostly."""

_HANDSHAKE, _ALERT = 0x16, 0x15
_SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST, _HELLO_DONE = 2, 11, 13, 14
_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019, 0x0100)
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
_SUPPORTED_VERSIONS = 43


def client_hello(version: int, suites: Sequence[int], host: str) -> bytes:
    """An offer of one version with these suites. In TLS 1.3 it is without a key, so that a server asks for one.

    ``host`` is named to the server unless it is an address (RFC 6066 3).
    """
    extensions = b"" if version == SSL_3_0 else _extensions(version, host)
    session = os.urandom(32) if version == TLS_1_3 else b""
    body = struct.pack(">H", min(version, TLS_1_2)) + os.urandom(32) + _vector(1, session)
    body += _vector(2, _numbers(suites)) + b"\x01\x00" + (_vector(2, extensions) if extensions else b"")
    message = b"\x01" + _vector(3, body)
    return bytes([_HANDSHAKE]) + struct.pack(">H", min(version, TLS_1_0)) + _vector(2, message)


def _extensions(version: int, host: str) -> bytes:
    found = {
        10: _vector(2, _numbers(_GROUPS)),
        11: _vector(1, b"\x00"),
        23: b"",  # extended master secret
        0xFF01: b"\x00",  # secure renegotiation
    }
    if version >= TLS_1_2:
        found[13] = _vector(2, _numbers(_SIGNATURES))
    if version == TLS_1_3:
        found[_SUPPORTED_VERSIONS] = _vector(1, _numbers([TLS_1_3]))
        found[51] = _vector(2, b"")  # key share
    if name := _server_name(host):
        found[0] = _vector(2, b"\x00" + _vector(2, name))
    return b"".join(struct.pack(">H", kind) + _vector(2, content) for kind, content in found.items())


def _server_name(host: str) -> bytes:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".").encode("ascii", "ignore")[:255]
    return b""


def _numbers(values: Sequence[int]) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def _vector(width: int, content: bytes) -> bytes:
    return len(content).to_bytes(width, "big") + content


@dataclass(slots=True)
class Answer:
    """What a server said: the version and the suite it picked, or the ``alert`` by which it refused.

    In TLS 1.2 and before also its certificates, and whether it ``asks`` for one of ours; in 1.3 these are encrypted.
    """

    version: int = 0
    suite: int = 0
    alert: int | None = None
    certificates: tuple[bytes, ...] = ()
    asks: bool = False


@dataclass(slots=True)
class Reading:
    """Takes what a server says, in any pieces, until ``complete``; ``answer`` is what is known so far.

    ``foreign`` tells that it does not speak TLS.
    """

    answer: Answer = field(default_factory=Answer)
    complete: bool = False
    foreign: bool = False
    _records: bytearray = field(default_factory=bytearray)
    _messages: bytearray = field(default_factory=bytearray)
    _taken: int = 0

    def feed(self, data: bytes) -> None:
        """What has come; empty when there will be nothing more.

        Raises:
            ValueError: it is none of what TLS allows here, or too much.
        """
        self._taken += len(data)
        if self._taken > MAX_ANSWER:
            raise ValueError("the server says more than a handshake can need")
        self._records += data
        while not self.complete and len(self._records) >= 5:
            kind, major, _, length = struct.unpack_from(">BBBH", self._records)
            if kind not in (_HANDSHAKE, _ALERT) or major != 3:
                self.foreign = self.complete = True
                return
            if len(self._records) < 5 + length:
                break
            content = bytes(self._records[5 : 5 + length])
            del self._records[: 5 + length]
            self._take(kind, content)
        if not data:
            self.foreign = self.foreign or (bool(self._records) and not self._looks_like_tls())
            self.complete = True

    def _looks_like_tls(self) -> bool:
        return self._records[0] in (_HANDSHAKE, _ALERT)

    def _take(self, kind: int, content: bytes) -> None:
        if kind == _ALERT:
            if len(content) < 2:
                raise ValueError("an alert is cut")
            if content[0] == 2 or content[1] == 0:  # fatal, or the end; a warning, as of an unknown name, is none
                self.answer.alert = content[1]
                self.complete = True
            return
        self._messages += content
        while not self.complete and len(self._messages) >= 4:
            size = int.from_bytes(self._messages[1:4], "big")
            if len(self._messages) < 4 + size:
                return
            message = bytes(self._messages[4 : 4 + size])
            self._hear(self._messages[0], message)
            del self._messages[: 4 + size]

    def _hear(self, kind: int, message: bytes) -> None:
        if kind == _SERVER_HELLO:
            self.answer.version, self.answer.suite = _server_hello(message)
            self.complete = self.answer.version >= TLS_1_3  # the rest is encrypted
        elif kind == _CERTIFICATE:
            self.answer.certificates = _certificates(message)
        elif kind == _CERTIFICATE_REQUEST:
            self.answer.asks = True
        elif kind == _HELLO_DONE:
            self.complete = True


def _server_hello(message: bytes) -> tuple[int, int]:
    """The version and the suite (RFC 8446 4.1.3; a HelloRetryRequest has the same form)."""
    session = 35 + (message[34] if len(message) > 34 else 0)
    if len(message) < session + 3:
        raise ValueError("a ServerHello is cut")
    version, suite = struct.unpack_from(">H", message)[0], struct.unpack_from(">H", message, session)[0]
    rest = message[session + 3 :]
    for kind, content in _extensions_of(rest):
        if kind == _SUPPORTED_VERSIONS and len(content) == 2:
            version = int.from_bytes(content, "big")
    return version, suite


def _extensions_of(rest: bytes) -> list[tuple[int, bytes]]:
    found, position = [], 2
    while position + 4 <= len(rest):
        kind, size = struct.unpack_from(">HH", rest, position)
        found.append((kind, rest[position + 4 : position + 4 + size]))
        position += 4 + size
    return found


def _certificates(message: bytes) -> tuple[bytes, ...]:
    found, position = [], 3
    while position + 3 <= len(message):
        size = int.from_bytes(message[position : position + 3], "big")
        certificate = message[position + 3 : position + 3 + size]
        if len(certificate) < size:
            raise ValueError("a certificate is cut")
        found.append(certificate)
        position += 3 + size
    return tuple(found)
