"""pynetdicom at the other end: an SCP of everything that remembers what it was asked, and an SCU."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom import sop_class as classes
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from ..associations import leave_responses
from ..processes import PATIENCE
from ..workitems import dataset
from .peers import HOST

STORAGE = (classes.MRImageStorage, classes.SecondaryCaptureImageStorage)
FILM_SESSION = classes.BasicFilmSession
"""pynetdicom serves all six N- services for the classes of print management."""
COMMITMENT, COMMITMENT_INSTANCE = classes.StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
PATIENT_ROOT = (
    classes.PatientRootQueryRetrieveInformationModelFind,
    classes.PatientRootQueryRetrieveInformationModelGet,
    classes.PatientRootQueryRetrieveInformationModelMove,
)


@dataclass(frozen=True)
class Stored:
    """One C-STORE as it came; ``roles`` are (SCU, SCP) of the one who answered it."""

    data: bytes
    transfer_syntax: str
    instance: str
    sop_class: str
    calling: str
    originator: tuple[str | None, int | None]

    @classmethod
    def of(cls, event: evt.Event) -> Self:
        request = event.request
        return cls(
            request.DataSet.getvalue(),
            str(event.context.transfer_syntax),
            str(request.AffectedSOPInstanceUID),
            str(request.AffectedSOPClassUID),
            event.assoc.requestor.ae_title,
            (request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID),
        )


class Scp:
    """Serves C- and N- services while it is a context. ``instances`` are what C-FIND, C-GET and C-MOVE find."""

    def __init__(self, title: str = "PYNETDICOM") -> None:
        self.title = title
        self.instances: list[Dataset] = []
        self.stored: list[Stored] = []
        self.asked: list[tuple[str, Any]] = []
        self.held: dict[str, Dataset] = {}
        self.destinations: dict[str, int] = {}
        self.hold_for_cancel = False
        self.reports: queue.Queue[int] = queue.Queue()
        self._ae = AE(title)
        self._ae.network_timeout = self._ae.acse_timeout = self._ae.dimse_timeout = PATIENCE
        for uid in STORAGE:
            self._ae.add_supported_context(uid, ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
        for uid in (classes.Verification, FILM_SESSION, COMMITMENT, *PATIENT_ROOT):
            self._ae.add_supported_context(uid)

    def __enter__(self) -> Self:
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_GET, self._get),
            (evt.EVT_C_MOVE, self._move),
            (evt.EVT_N_CREATE, self._create),
            (evt.EVT_N_SET, self._set),
            (evt.EVT_N_GET, self._n_get),
            (evt.EVT_N_ACTION, self._action),
            (evt.EVT_N_EVENT_REPORT, self._event_report),
            (evt.EVT_N_DELETE, self._delete),
            (evt.EVT_ASYNC_OPS, self._async_operations),
            (evt.EVT_SOP_EXTENDED, lambda event: event.app_info),
            (evt.EVT_SOP_COMMON, self._common_extended),
            (evt.EVT_USER_ID, self._user),
            (evt.EVT_CONN_OPEN, without_delay),
        ]
        self._server = self._ae.start_server((HOST, 0), block=False, evt_handlers=handlers)
        self.port: int = self._server.server_address[1]
        return self

    def __exit__(self, *_: object) -> None:
        # Its shutdown aborts what it finds, and fails on an association that is over and only waits for its close.
        for assoc in self._server.active_associations:
            assoc.join(PATIENCE)
        self._ae.shutdown()

    def announce(self, max_length: int) -> None:
        """The maximum length of PDUs to tell requestors from now on."""
        self._ae.maximum_pdu_size = max_length

    # -- negotiation -------------------------------------------------------------------------------------------------

    def _async_operations(self, event: evt.Event) -> tuple[int, int]:
        self.asked.append(("window", (event.nr_invoked, event.nr_performed)))
        return event.nr_invoked, event.nr_performed  # whatever is said here, it answers 1, 1

    def _common_extended(self, event: evt.Event) -> dict[str, Any]:
        self.asked.append(("common extended", {str(uid): item for uid, item in event.items.items()}))
        return event.items

    def _user(self, event: evt.Event) -> tuple[bool, bytes]:
        self.asked.append(("user", (event.user_id_type, event.primary_field, event.secondary_field)))
        return event.primary_field != b"stranger", b"server ticket"

    # -- C- services -------------------------------------------------------------------------------------------------

    def _store(self, event: evt.Event) -> int:
        self.stored.append(Stored.of(event))
        return 0x0000

    def _matches(self, event: evt.Event) -> list[Dataset]:
        keys = event.identifier
        return [found for found in self.instances if keys.PatientID in ("*", found.PatientID)]

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        self.asked.append(("C-FIND", event.identifier))
        for found in self._matches(event):
            yield (
                0xFF00,
                dataset(QueryRetrieveLevel="IMAGE", PatientID=found.PatientID, SOPInstanceUID=found.SOPInstanceUID),
            )
        if self.hold_for_cancel and cancelled(event):
            yield 0xFE00, None

    def _get(self, event: evt.Event) -> Iterator[Any]:
        self.asked.append(("C-GET", event.identifier))
        matches = self._matches(event)
        yield len(matches)
        for found in matches:
            if event.is_cancelled:
                yield 0xFE00, None
                return
            yield 0xFF00, found

    def _move(self, event: evt.Event) -> Iterator[Any]:
        self.asked.append(("C-MOVE", event.identifier))
        port = self.destinations.get(event.move_destination)
        if port is None:
            yield None, None
            return
        matches = self._matches(event)
        contexts = [build_context(uid, found.file_meta.TransferSyntaxUID) for uid in STORAGE for found in matches]
        yield HOST, port, {"ae_title": event.move_destination, "contexts": contexts[:128]}
        yield len(matches)
        for found in matches:
            yield 0xFF00, found

    # -- N- services -------------------------------------------------------------------------------------------------

    def _note(self, service: str, event: evt.Event) -> Dataset | None:
        request = event.request
        instance = getattr(request, "RequestedSOPInstanceUID", None) or getattr(request, "AffectedSOPInstanceUID", "")
        self.asked.append((service, str(instance)))
        return self.held.get(str(instance))

    def _create(self, event: evt.Event) -> tuple[int, Dataset | None]:
        if self._note("N-CREATE", event) is not None:
            return 0x0111, None
        instance = str(event.request.AffectedSOPInstanceUID)
        self.held[instance] = event.attribute_list
        return 0x0000, self.held[instance]

    def _set(self, event: evt.Event) -> tuple[int, Dataset | None]:
        held = self._note("N-SET", event)
        if held is None:
            return 0x0112, None
        held.update(event.modification_list)
        return 0x0000, held

    def _n_get(self, event: evt.Event) -> tuple[int, Dataset | None]:
        held = self._note("N-GET", event)
        if held is None:
            return 0x0112, None
        wanted = event.attribute_identifiers or list(held.keys())
        found = Dataset()
        for tag in wanted:
            if tag in held:
                found[tag] = held[tag]
        return 0x0000, found

    def _action(self, event: evt.Event) -> tuple[int, Dataset | None]:
        known = self._note(f"N-ACTION {event.action_type}", event)
        if event.context.abstract_syntax == COMMITMENT:
            threading.Thread(target=self._commit, args=(leave_responses(event.assoc), event.action_information)).start()
            return 0x0000, None
        return (0x0112, None) if known is None else (0x0000, event.action_information)

    def _commit(self, assoc: Association, information: Dataset) -> None:
        """Report on the same association that it was asked for on."""
        status, _ = assoc.send_n_event_report(information, 1, COMMITMENT, COMMITMENT_INSTANCE)
        self.reports.put(status.Status)

    def _event_report(self, event: evt.Event) -> tuple[int, Dataset | None]:
        self._note(f"N-EVENT-REPORT {event.event_type}", event)
        return 0x0000, event.event_information

    def _delete(self, event: evt.Event) -> int:
        if self._note("N-DELETE", event) is None:
            return 0x0112
        del self.held[str(event.request.RequestedSOPInstanceUID)]
        return 0x0000


def without_delay(event: evt.Event) -> None:
    """Turn off Nagle's algorithm, which with delayed acknowledgement costs 40 ms for each message."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def cancelled(event: evt.Event) -> bool:
    """Wait for the requestor's C-CANCEL; pynetdicom tells of it once only."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if event.is_cancelled:
            return True
        pause.wait(0.01)
    return False


@contextmanager
def associated(
    port: int,
    *contexts: Any,
    called: str = "INTEROP",
    calling: str = "PYNETDICOM",
    max_length: int = 16384,
    handlers: Sequence[tuple[Any, Any]] = (),
    **more: Any,
) -> Iterator[Association]:
    """An association of a pynetdicom SCU; contexts are SOP classes, alone or with a list of transfer syntaxes."""
    ae = AE(calling)
    ae.network_timeout = ae.acse_timeout = ae.dimse_timeout = PATIENCE
    for context in contexts:
        ae.add_requested_context(*((context,) if isinstance(context, str) else context))
    handlers = [(evt.EVT_CONN_OPEN, without_delay), *handlers]
    assoc = leave_responses(
        ae.associate(HOST, port, ae_title=called, max_pdu=max_length, evt_handlers=handlers, **more)
    )
    try:
        assert assoc.is_established, assoc
        yield assoc
        assoc.release()
        assert assoc.is_released
    finally:
        if assoc.is_established:
            assoc.abort()
