"""The TLS contexts of a program, made when TLS was asked for and all else is known to be good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomnet.records import dataclass
from ups.cli.console import Console
from ups.cli.tls_options import TlsWishes

if TYPE_CHECKING:
    import ssl

__all__ = ["Contexts", "secure"]


@dataclass(frozen=True, slots=True)
class Contexts:
    """For the connections we open and for those we accept; None is in the clear."""

    client: ssl.SSLContext | None = None
    server: ssl.SSLContext | None = None


def secure(wishes: TlsWishes, console: Console, *, calls: bool, listens: bool) -> Contexts:
    """What a command that calls or listens needs; warnings go to the console.

    Raises:
        UsageError: something that was asked for cannot be had.
    """
    if wishes.choice is None:
        return Contexts()
    from ups.cli.tls_contexts import make_contexts

    client, server = make_contexts(wishes, console, calls=calls, listens=listens)
    return Contexts(client, server)
