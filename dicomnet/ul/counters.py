"""What has gone over an association, in numbers: for statistics, at a cost that is always worth it."""

from __future__ import annotations

from dicomnet.records import dataclass

__all__ = ["Counters"]


@dataclass(frozen=True, slots=True)
class Counters:
    """Octets and PDUs of one association, both ways, at one moment.

    In counts what was received, as far as it was read: octets when they come, a PDU when it is whole, readable or not.
    Out counts what was handed to the transport or waits for it; whatever is injected is one PDU.
    """

    octets_in: int = 0
    octets_out: int = 0
    pdus_in: int = 0
    pdus_out: int = 0
