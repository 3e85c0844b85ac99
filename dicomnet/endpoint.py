"""Where an application entity is: what programs, flows and drivers all name it by. Knows nothing of connections."""

from __future__ import annotations

from dicomnet.records import dataclass

__all__ = ["Endpoint", "host_port"]


def host_port(host: str, port: int) -> str:
    """``host:port`` as people write it: an IPv6 address stands in brackets (RFC 3986 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An application entity and its network address."""

    ae_title: str
    host: str = "localhost"
    port: int = 104

    @property
    def where(self) -> str:
        """The network address alone, for messages."""
        return host_port(self.host, self.port)

    def __str__(self) -> str:
        return f"{self.ae_title}@{self.where}"
