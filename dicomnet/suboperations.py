"""C-STORE sub-operations of C-GET and C-MOVE: which context takes an instance, what came of it, what there is to tell.

Counts and final statuses are those of PS3.4 C.4.2 and C.4.3. Where the instances come from and on which association
they travel is for ``scp`` to say.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from dicomnet import flows, uids
from dicomnet.codes import Priority
from dicomnet.dimse import status as statuses
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CGetRequest, CMoveRequest, CStoreRequest, CStoreResponse, Response
from dicomnet.dimse.outgoing import PLAIN, choose_context, own_syntax
from dicomnet.dimse.payloads import DataSet, FileDataSet, identity
from dicomnet.dimse.status import StatusClass, status_class
from dicomnet.errors import CodecError, DicomNetError, LocalProtocolError, NoPresentationContext
from dicomnet.flows import Flow
from dicomnet.records import dataclass, replace
from dicomnet.ul import Negotiated, ProposedContext

__all__ = ["GaveUp", "Instance", "Retrieve", "Tally", "opened", "perform", "proposals", "store"]

_log = logging.getLogger("dicomnet.scp")

_CONTEXTS = 128  # PS3.8 9.3.2.2
_COUNT = 0xFFFF  # the most that (0000,1020) to (0000,1023) can tell
_LIST = 0xFFFE  # bytes that (0008,0058) may have in explicit encodings

Retrieve = CGetRequest | CMoveRequest


class GaveUp(DicomNetError):
    """No further sub-operation can be performed."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance to send. The UIDs are known without reading it, so that a failure can be told by them."""

    sop_class: str
    sop_instance: str
    data_set: DataSet

    @classmethod
    def of(cls, data_set: DataSet) -> Instance:
        """The instance that a data set, or the file meta information of a file, says it is. Blocks.

        Raises:
            LocalProtocolError: it does not say so.
            DecodeError, OSError: it cannot be read.
        """
        if isinstance(data_set, os.PathLike):
            data_set = FileDataSet.of(data_set)
        sop_class, sop_instance = identity(data_set)
        if not sop_class or not sop_instance:
            raise LocalProtocolError("the data set does not tell its SOP class and SOP instance UID")
        return cls(sop_class, sop_instance, data_set)

    @property
    def transfer_syntax(self) -> str:
        """What its data set is in; empty for one that can be written in any, and for a file that was not opened."""
        return own_syntax(self.data_set) or ""


def opened(instances: Iterable[Instance | DataSet]) -> list[Instance]:
    """The instances with their paths replaced by files whose transfer syntax is known. Blocks.

    One that cannot be read stays as it is, and fails when its turn comes.
    """
    found = []
    for item in instances:
        instance = item if isinstance(item, Instance) else Instance("", "", item)
        try:
            if not isinstance(item, Instance):
                instance = Instance.of(item)
            elif isinstance(item.data_set, os.PathLike):
                instance = replace(item, data_set=FileDataSet.of(item.data_set))
        except (DicomNetError, OSError) as error:
            _log.info("an instance cannot be sent: %s", type(error).__name__)
            _log.debug("the failure", exc_info=error)
        found.append(instance)
    return found


def proposals(instances: Iterable[Instance]) -> tuple[ProposedContext, ...]:
    """Contexts for all of them, as far as there is room: one for each class and transfer syntax, so that the peer need
    not choose, and Implicit VR Little Endian where a data set can be written in that too.
    """
    wanted: dict[tuple[str, str], None] = {}
    default: dict[tuple[str, str], None] = {}
    for instance in instances:
        if instance.sop_class:
            syntax = instance.transfer_syntax or uids.EXPLICIT_VR_LE
            wanted[instance.sop_class, syntax] = None
            if syntax in PLAIN:
                default[instance.sop_class, uids.IMPLICIT_VR_LE] = None
    pairs = list(wanted | default)
    if len(pairs) > _CONTEXTS:
        _log.warning("%d presentation contexts are needed, %d fit into an association", len(pairs), _CONTEXTS)
    return tuple(ProposedContext(sop_class, (syntax,)) for sop_class, syntax in pairs[:_CONTEXTS])


def store(
    instance: Instance,
    negotiated: Negotiated,
    *,
    priority: int = Priority.MEDIUM,
    move_originator: str | None = None,
    move_originator_message_id: int | None = None,
) -> Flow[int | None]:
    """Send one instance on the association negotiated so; the status of the response, None if it could not be sent.

    Raises:
        DicomNetError: the association ended, or the peer did not answer.
    """
    try:
        if isinstance(instance.data_set, os.PathLike):
            file = yield from flows.call(partial(FileDataSet.of, instance.data_set))
            instance = replace(instance, data_set=file)
        context = choose_context(negotiated, instance.sop_class, own_syntax(instance.data_set), False)
        if context is None or not context.as_scu:
            raise NoPresentationContext("no context for this instance", abstract_syntax=instance.sop_class)
        request = CStoreRequest(
            context_id=context.context_id,
            sop_class=instance.sop_class,
            instance=instance.sop_instance,
            priority=priority,
            move_originator=move_originator,
            move_originator_message_id=move_originator_message_id,
            data_set=instance.data_set,
        )
        response = yield from flows.ask(request, expect=CStoreResponse)
    except (CodecError, LocalProtocolError, NoPresentationContext, OSError) as error:
        # Before the first part, nothing was sent. After it, this association is lost, as the next step will tell.
        _log.info("a sub-operation failed: %s", type(error).__name__)
        _log.debug("the failure", exc_info=error)
        return None
    return response.status


class Tally:
    """The counts of a C-GET or C-MOVE, and the responses they make."""

    def __init__(self, request: Retrieve, total: int) -> None:
        self._request = request
        self.remaining = total
        self.completed = self.failed = self.warning = 0
        self.failures: list[str] = []

    def count(self, instance: Instance, status: int | None) -> None:
        """Note what came of one instance; None for one that could not be sent."""
        self.remaining -= 1
        kind = StatusClass.FAILURE if status is None else status_class(status)
        if kind is StatusClass.SUCCESS:
            self.completed += 1
        elif kind is StatusClass.WARNING:
            self.warning += 1
        else:
            self.failed += 1
            if instance.sop_instance:
                self.failures.append(instance.sop_instance)

    def pending(self) -> Response:
        """That it goes on."""
        return reply(self._request, statuses.PENDING, remaining=min(self.remaining, _COUNT), **self._counts())

    def final(self, *, cancelled: bool = False) -> Response:
        """How it ended; how many remain is told only after a cancel (PS3.7 9.1.3.1.6)."""
        if cancelled:
            remaining: int | None = min(self.remaining, _COUNT)
            status = statuses.CANCEL
        else:
            remaining, status = None, self._status()
        return reply(self._request, status, remaining=remaining, data_set=_failed_list(self.failures), **self._counts())

    def _status(self) -> int:
        if not self.failed and not self.warning:
            return statuses.SUCCESS
        if not self.completed and not self.warning:
            return statuses.CANNOT_PERFORM_SUB_OPERATIONS
        return statuses.SUB_OPERATIONS_INCOMPLETE

    def _counts(self) -> dict[str, int]:
        counts = {"completed": self.completed, "failed": self.failed, "warning": self.warning}
        return {name: min(count, _COUNT) for name, count in counts.items()}


def _failed_list(failures: Sequence[str]) -> DataSet:
    """The Identifier with the Failed SOP Instance UID List (0008,0058); None when nothing failed."""
    if not failures:
        return None
    from pydicom.dataset import Dataset

    fitting: list[str] = []
    room = _LIST
    for uid in failures:
        room -= len(uid) + 1
        if room < 0:
            _log.warning("%d UIDs of failed instances do not fit into the response", len(failures) - len(fitting))
            break
        fitting.append(uid)
    identifier = Dataset()
    identifier.FailedSOPInstanceUIDList = fitting
    return identifier


def perform(
    request: Retrieve, instances: Sequence[Instance], send_one: Callable[[Instance], Flow[int | None]]
) -> Flow[None]:
    """Send the instances one after the other, with a pending response between them, and the final response.

    A cancel is looked for before each. When ``send_one`` raises GaveUp, that instance and the rest of them have failed.
    """
    tally = Tally(request, len(instances))
    for number, instance in enumerate(instances):
        if (yield from flows.cancelled(request.message_id or 0)):
            yield from flows.send(tally.final(cancelled=True))
            return
        try:
            tally.count(instance, (yield from send_one(instance)))
        except GaveUp as error:
            _log.info("%d sub-operations cannot be performed: %s", tally.remaining, error)
            for left in instances[number:]:
                tally.count(left, None)
            break
        if tally.remaining:
            yield from flows.send(tally.pending())
    if tally.failed:
        _log.warning("%d of %d sub-operations failed", tally.failed, len(instances))
    yield from flows.send(tally.final())
