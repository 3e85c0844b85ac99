"""The cipher suites that are worth asking a TLS server for, by their numbers (IANA TLS Cipher Suites).

Wider than what any OpenSSL of our time can do: old devices offer what it has given up, and an answer should name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["TLS13_SUITES", "TLS_SUITES", "suite_name"]

TLS13_SUITES: Final[Mapping[int, str]] = {
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
}
_BY_KEY_EXCHANGE: Final[Mapping[str, Mapping[int, str]]] = {
    "ECDHE_ECDSA": {
        0xC02C: "AES_256_GCM_SHA384",
        0xCCA9: "CHACHA20_POLY1305_SHA256",
        0xC02B: "AES_128_GCM_SHA256",
        0xC0AD: "AES_256_CCM",
        0xC0AC: "AES_128_CCM",
        0xC0AF: "AES_256_CCM_8",
        0xC0AE: "AES_128_CCM_8",
        0xC087: "CAMELLIA_256_GCM_SHA384",
        0xC086: "CAMELLIA_128_GCM_SHA256",
        0xC024: "AES_256_CBC_SHA384",
        0xC023: "AES_128_CBC_SHA256",
        0xC00A: "AES_256_CBC_SHA",
        0xC009: "AES_128_CBC_SHA",
        0xC008: "3DES_EDE_CBC_SHA",
        0xC007: "RC4_128_SHA",
        0xC006: "NULL_SHA",
    },
    "ECDHE_RSA": {
        0xC030: "AES_256_GCM_SHA384",
        0xCCA8: "CHACHA20_POLY1305_SHA256",
        0xC02F: "AES_128_GCM_SHA256",
        0xC08B: "CAMELLIA_256_GCM_SHA384",
        0xC08A: "CAMELLIA_128_GCM_SHA256",
        0xC028: "AES_256_CBC_SHA384",
        0xC027: "AES_128_CBC_SHA256",
        0xC014: "AES_256_CBC_SHA",
        0xC013: "AES_128_CBC_SHA",
        0xC012: "3DES_EDE_CBC_SHA",
        0xC011: "RC4_128_SHA",
        0xC010: "NULL_SHA",
    },
    "DHE_RSA": {
        0x009F: "AES_256_GCM_SHA384",
        0xCCAA: "CHACHA20_POLY1305_SHA256",
        0x009E: "AES_128_GCM_SHA256",
        0xC09F: "AES_256_CCM",
        0xC09E: "AES_128_CCM",
        0xC07D: "CAMELLIA_256_GCM_SHA384",
        0xC07C: "CAMELLIA_128_GCM_SHA256",
        0x006B: "AES_256_CBC_SHA256",
        0x0067: "AES_128_CBC_SHA256",
        0x0039: "AES_256_CBC_SHA",
        0x0033: "AES_128_CBC_SHA",
        0x0088: "CAMELLIA_256_CBC_SHA",
        0x0045: "CAMELLIA_128_CBC_SHA",
        0x0016: "3DES_EDE_CBC_SHA",
        0x0015: "DES_CBC_SHA",
    },
    "RSA": {
        0x009D: "AES_256_GCM_SHA384",
        0x009C: "AES_128_GCM_SHA256",
        0xC09D: "AES_256_CCM",
        0xC09C: "AES_128_CCM",
        0xC0A1: "AES_256_CCM_8",
        0xC0A0: "AES_128_CCM_8",
        0x003D: "AES_256_CBC_SHA256",
        0x003C: "AES_128_CBC_SHA256",
        0x0035: "AES_256_CBC_SHA",
        0x002F: "AES_128_CBC_SHA",
        0x0084: "CAMELLIA_256_CBC_SHA",
        0x0041: "CAMELLIA_128_CBC_SHA",
        0x000A: "3DES_EDE_CBC_SHA",
        0x0009: "DES_CBC_SHA",
        0x0005: "RC4_128_SHA",
        0x0004: "RC4_128_MD5",
        0x003B: "NULL_SHA256",
        0x0002: "NULL_SHA",
        0x0001: "NULL_MD5",
    },
    "DH_anon": {
        0x00A7: "AES_256_GCM_SHA384",
        0x00A6: "AES_128_GCM_SHA256",
        0x003A: "AES_256_CBC_SHA",
        0x0034: "AES_128_CBC_SHA",
        0x001B: "3DES_EDE_CBC_SHA",
    },
}
TLS_SUITES: Final[Mapping[int, str]] = {
    number: f"TLS_{exchange}_WITH_{rest}"
    for exchange, suites in _BY_KEY_EXCHANGE.items()
    for number, rest in suites.items()
}
"""Those of TLS 1.2 and before."""


def suite_name(number: int) -> str:
    """Its name by IANA, or its number."""
    return TLS13_SUITES.get(number) or TLS_SUITES.get(number) or f"suite 0x{number:04X}"
