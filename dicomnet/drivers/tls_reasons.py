"""What OpenSSL says when TLS fails, in words for people: whose fault it seems, and the alert or reason behind it.

An alert is the peer's word (RFC 8446 6.2), all else is what this side found. Texts end in OpenSSL's own where that says
more to who looks it up.
"""

from __future__ import annotations

__all__ = ["reason_of_tls"]

_ALERTS = {
    "handshake failure": "the peer found no suite that both allow, or misses our certificate",
    "protocol version": "the peer allows no TLS version that we do",
    "insufficient security": "the peer wants stronger suites than we offer",
    "certificate required": "the peer wants a certificate, and none was shown",
    "no certificate": "the peer wants a certificate, and none was shown",
    "unknown ca": "the peer does not trust who signed our certificate",
    "certificate expired": "the peer says that our certificate has expired",
    "certificate revoked": "the peer says that our certificate was revoked",
    "certificate unknown": "the peer does not accept our certificate",
    "bad certificate": "the peer does not accept our certificate",
    "unsupported certificate": "the peer does not accept our kind of certificate",
    "access denied": "the peer knows our certificate, and does not let us in",
    "unrecognized name": "the peer does not know the name we called it by",
}
_REASONS = {
    "no shared cipher": "the peer offers no suite that we allow",
    "unsupported protocol": "the peer offers no TLS version that we allow",
    "version too low": "the peer offers no TLS version that we allow",
    "peer did not return a certificate": "the peer showed no certificate, and one is required",
    "wrong version number": "the peer does not speak TLS here",
    "http request": "the peer does not speak TLS here, but HTTP",
    "unknown protocol": "the peer does not speak TLS here",
}


def reason_of_tls(error: OSError, *, established: bool) -> str:
    """What became of the handshake, or of what was ``established``."""
    import ssl

    what = "TLS failed" if established else "the TLS handshake failed"
    if isinstance(error, ssl.SSLEOFError):
        return f"{what}: the peer closed the connection"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{what}: the certificate of the peer was not accepted: {error.verify_message}"
    reason = str(getattr(error, "reason", None) or error).replace("_", " ").lower()
    _, is_alert, alert = reason.partition(" alert ")
    told = _ALERTS.get(alert) if is_alert else _REASONS.get(reason)
    return f"{what}: {told} ({alert or reason})" if told else f"{what}: {reason}"
