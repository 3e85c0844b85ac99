"""Who is in a server on asyncio, and who may still come in: its limits, its counts, and its word before the policy's.

Knows links by what ``Guest`` says of them, and neither sockets nor the loop.
"""

from __future__ import annotations

from typing import Protocol

from dicomnet.codes import RejectResult, RejectSource
from dicomnet.drivers.session import Session
from dicomnet.errors import Rejected
from dicomnet.records import dataclass
from dicomnet.ul import AcceptancePolicy, Applicant
from dicomnet.wire import AAssociateAC, AAssociateRJ, AAssociateRQ

__all__ = ["Gate", "Guest", "Room", "ServerCounters", "ServerLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """How many associations at once, in all and from one address: more are rejected for now.

    Connections without an association are counted apart (``half_open``), in a TLS handshake or after it: the oldest of
    an address that has too many of them, or of all, is closed, so that who only connects keeps nobody out.

    Of the calls that flows hand to threads (``flows.call``) ``calls_per_address``, and one at least, are under way at
    once for all associations of an address; further ones wait in order, until their association ends.
    """

    associations: int = 1000
    per_address: int = 64
    half_open: int = 1000
    half_open_per_address: int = 64
    calls_per_address: int = 4


@dataclass(slots=True)
class ServerCounters:
    """What a server has seen since it began. A connection that is in none of the last three is open, or never asked."""

    connections: int = 0
    associations: int = 0
    rejected: int = 0
    released: int = 0
    aborted: int = 0
    """Associations that ended other than by release: A-ABORT of either side, a deadline, a connection that was lost."""


class Guest(Protocol):
    """A connection that is counted."""

    counted_as: str | None
    """The calling AE title of what is an association."""

    @property
    def session(self) -> Session:
        """What goes on at it."""

    def drop(self) -> None:
        """Close it."""


class Room:
    """The connections of a server, counted: half open until there is an association, and by address."""

    def __init__(self, limits: ServerLimits) -> None:
        self.limits = limits
        self.counters = ServerCounters()
        self.shut = False
        """Whether nobody may come in any more."""
        self.addresses: dict[str, int] = {}  # of associations
        self.titles: dict[str, int] = {}  # likewise
        self.half_open_addresses: dict[str, int] = {}
        self._half_open: dict[Guest, None] = {}  # in the order they came

    def enter(self, guest: Guest) -> None:
        """A connection is here; who was here longest without an association may have to go for it."""
        address = guest.session.address
        self._half_open[guest] = None
        self.half_open_addresses[address] = count = self.half_open_addresses.get(address, 0) + 1
        if count > self.limits.half_open_per_address:
            self._turn_out(next(other for other in self._half_open if other.session.address == address))
        elif len(self._half_open) > self.limits.half_open:
            self._turn_out(next(iter(self._half_open)))

    def associated(self, guest: Guest, title: str) -> None:
        """It counts as an association from here to its end."""
        self._open(guest)
        guest.counted_as = title
        self.counters.associations += 1
        address = guest.session.address
        self.addresses[address] = self.addresses.get(address, 0) + 1
        self.titles[title] = self.titles.get(title, 0) + 1

    def leave(self, guest: Guest) -> None:
        """A connection is closed."""
        self._open(guest)
        session = guest.session
        if guest.counted_as is not None:
            _count_down(self.addresses, session.address)
            _count_down(self.titles, guest.counted_as)
            if session.released:
                self.counters.released += 1
            elif isinstance(session.error, Rejected):  # what the policy accepted could not be told to the peer
                self.counters.associations -= 1
                self.counters.rejected += 1
            else:
                self.counters.aborted += 1
        elif isinstance(session.error, Rejected):
            self.counters.rejected += 1

    def count(self, applicant: Applicant, title: str) -> Applicant:
        """The applicant with what is open now."""
        seen = self.counters
        return Applicant(
            applicant.address,
            associations=seen.associations - seen.released - seen.aborted,
            of_address=self.addresses.get(applicant.address, 0),
            of_title=self.titles.get(title, 0),
            certificate=applicant.certificate,
        )

    def has_place(self, applicant: Applicant) -> bool:
        """Whether there is one for this applicant, who has been counted."""
        return (
            not self.shut
            and applicant.associations < self.limits.associations
            and applicant.of_address < self.limits.per_address
        )

    def _turn_out(self, guest: Guest) -> None:
        """Close it, and count it no more from now on."""
        self._open(guest)
        guest.drop()

    def _open(self, guest: Guest) -> None:
        """It is half open no more."""
        if guest in self._half_open:
            del self._half_open[guest]
            _count_down(self.half_open_addresses, guest.session.address)


def _count_down(counts: dict[str, int], key: str) -> None:
    left = counts.pop(key) - 1
    if left:
        counts[key] = left


class Gate:
    """The server's own word before the policy's: no room, no association (PS3.8 9.3.4: local limit exceeded)."""

    def __init__(self, room: Room, policy: AcceptancePolicy) -> None:
        self._room = room
        self._policy = policy

    def decide(self, request: AAssociateRQ, applicant: Applicant) -> AAssociateAC | AAssociateRJ:
        """Reject for now when the house is full, else ask the policy, which is told how full it is."""
        applicant = self._room.count(applicant, request.calling_ae_title.strip(" "))
        if not self._room.has_place(applicant):
            return AAssociateRJ(RejectResult.TRANSIENT, RejectSource.PRESENTATION, 2)
        return self._policy.decide(request, applicant)
