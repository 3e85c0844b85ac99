"""--watch: what ends a subscription that lasts as long as we listen, and how.

It ends when we are told to, when the operation or our output fails, and when an association that the SCP opened for
its event reports fails: then the SCP or the way to it has, and whoever watches should know.
"""

from __future__ import annotations

from collections.abc import Callable

from dicomnet.errors import ConnectionLost, DicomNetError, TimedOut
from dicomnet.ul import AbortIndication, AssociateIndication, Primitive, ProviderAbortIndication
from dicomnet.wire import AAssociateRJ
from ups.cli.catalogue import OPERATIONS
from ups.cli.inputs import Content, receiver
from ups.cli.operations import Operation
from ups.cli.parser import CommandLine
from ups.cli.results import Results

__all__ = ["LostAssociation", "unsubscription"]


def unsubscription(line: CommandLine, instance: str | None, results: Results) -> Operation:
    """The operation that undoes the subscription of this command line."""
    return Operation(line, OPERATIONS["unsubscribe"], Content(receiver(line), instance=instance), results)


class LostAssociation:
    """Looks at the associations to a listener, and calls ``lost`` when one of the SCP's own ends other than by release.

    The SCP is known by its title. One that we end ourselves, because it was idle for too long, is no failure.
    """

    def __init__(self, title: str, lost: Callable[[DicomNetError], None]) -> None:
        self._title = title
        self._lost = lost
        self._theirs: set[int] = set()

    def note(self, association: int, primitive: Primitive) -> None:
        """The hook for primitives."""
        event = primitive.detail
        if isinstance(event, AssociateIndication):
            if event.request.calling_ae_title.strip() == self._title:
                self._theirs.add(association)
        elif association not in self._theirs:
            return
        elif isinstance(event, AbortIndication):
            self._theirs.discard(association)
            self._lost(ConnectionLost("the association of its event reports was aborted"))
        elif isinstance(event, ProviderAbortIndication):
            self._theirs.discard(association)
            if not (isinstance(event.error, TimedOut) and event.error.wait == "idle"):
                self._lost(ConnectionLost(f"the association of its event reports failed: {event.error}"))
        elif primitive.name in ("A-RELEASE", "A-ABORT") or isinstance(event, AAssociateRJ):
            self._theirs.discard(association)
