"""Where an application entity is: what programs, flows and drivers all name it by. Knows nothing of connections."""

from __future__ import annotations

from dicomnet.records import dataclass

__all__ = ["Endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An application entity and its network address."""

    ae_title: str
    host: str = "localhost"
    port: int = 104

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.ae_title}@{host}:{self.port}"
