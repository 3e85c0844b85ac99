"""A small UPS SCP made of pynetdicom: Table CC.1.1-2 and CC.2.3 read once more, by other eyes, for ``dcmups`` to meet.

It delivers its events like ours: over associations of its own, as SCP of the Event class. It checks of a workitem only
what the tests ask of it, and remembers what it was asked, for the tests to look at.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom.service_class_n import UnifiedProcedureStepServiceClass
from pynetdicom.sop_class import (
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
    Verification,
    register_uid,
)

from .associations import leave_responses
from .workitems import dataset

GLOBAL, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
_TRIAL = {name: f"1.2.840.10008.5.1.4.34.4.{number}" for number, name in enumerate(("Push", "Watch", "Pull"), 1)}
_FINAL = {"COMPLETED", "CANCELED"}
_NEEDED = {
    "COMPLETED": "UnifiedProcedureStepPerformedProcedureSequence",
    "CANCELED": "ProcedureStepProgressInformationSequence",
}

for _name, _uid in _TRIAL.items():  # retired, so pynetdicom has to be told what they are
    register_uid(_uid, f"UPSTrial{_name}", UnifiedProcedureStepServiceClass)


@dataclass
class Held:
    """One workitem with its lock and who is told of it."""

    data: Dataset
    transaction: str = ""
    subscribers: set[str] = field(default_factory=set)

    @property
    def state(self) -> str:
        return self.data.ProcedureStepState

    @state.setter
    def state(self, value: str) -> None:
        self.data.ProcedureStepState = value


@dataclass(frozen=True)
class Asked:
    """One request as it came: service, context, class and instance of the command, data set, who."""

    service: str
    context: str
    sop_class: str
    instance: str
    data: Dataset
    calling: str


class PeerScp:
    """Listens on a free port while it is a context; ``peers`` says where events for an AE go."""

    def __init__(self, title: str = "PEERSCP") -> None:
        self.title = title
        self.peers: dict[str, int] = {}
        self.held: dict[str, Held] = {}
        self.everywhere: set[str] = set()
        self.asked: list[Asked] = []
        self._events: queue.Queue[tuple[str, int, str, Dataset] | None] = queue.Queue()
        self._sender = threading.Thread(target=self._deliver, daemon=True)
        self._ae = AE(title)
        self._ae.require_called_aet = True
        for uid in (UnifiedProcedureStepPush, UnifiedProcedureStepPull, UnifiedProcedureStepWatch, *_TRIAL.values()):
            self._ae.add_supported_context(uid)
        for uid in (UnifiedProcedureStepQuery, Verification):
            self._ae.add_supported_context(uid)

    def __enter__(self) -> Self:
        handlers = [
            (evt.EVT_N_CREATE, self._create),
            (evt.EVT_N_SET, self._set),
            (evt.EVT_N_GET, self._get),
            (evt.EVT_N_ACTION, self._action),
            (evt.EVT_C_FIND, self._find),
        ]
        self._server = self._ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port: int = self._server.server_address[1]
        self.address = f"{self.title}@127.0.0.1:{self.port}"
        self._sender.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.put(None)
        self._sender.join(30)
        self._ae.shutdown()

    # -- requests ----------------------------------------------------------------------------------------------------

    def _note(self, event: evt.Event, service: str, data: Dataset) -> Dataset:
        request = event.request
        sop_class = getattr(request, "RequestedSOPClassUID", None) or request.AffectedSOPClassUID
        instance = getattr(request, "RequestedSOPInstanceUID", None) or getattr(request, "AffectedSOPInstanceUID", "")
        context = str(event.context.abstract_syntax)
        calling = event.assoc.requestor.ae_title
        self.asked.append(Asked(service, context, str(sop_class), str(instance or ""), data, calling))
        return data

    def _create(self, event: evt.Event) -> tuple[int, Dataset | None]:
        data = self._note(event, "N-CREATE", event.attribute_list)
        given = event.request.AffectedSOPInstanceUID
        uid = str(given or generate_uid(prefix=None))
        if uid in self.held:
            return 0x0111, None
        if data.get("ProcedureStepState") != "SCHEDULED":
            return 0xC309, None
        if not data.get("ProcedureStepLabel"):
            return 0x0120, None
        held = self.held[uid] = Held(data, subscribers=set(self.everywhere))
        self._tell_state(uid, held)
        return 0x0000, None if given else dataset(AffectedSOPInstanceUID=uid)

    def _set(self, event: evt.Event) -> tuple[int, Dataset | None]:
        changes = self._note(event, "N-SET", event.modification_list)
        uid = str(event.request.RequestedSOPInstanceUID)
        held = self.held.get(uid)
        if held is None:
            return 0xC307, None
        if held.state in _FINAL:
            return 0xC300, None
        given = changes.get("TransactionUID", "")
        if held.state == "SCHEDULED" and given:
            return 0xC310, None
        if held.state == "IN PROGRESS" and given != held.transaction:
            return 0xC301, None
        for element in changes:
            if element.keyword != "TransactionUID":
                held.data[element.tag] = element
        if "ProcedureStepProgressInformationSequence" in changes:
            self._tell(uid, held, 3, "ProcedureStepProgressInformationSequence")
        return 0x0000, None

    def _get(self, event: evt.Event) -> tuple[int, Dataset | None]:
        self._note(event, "N-GET", Dataset())
        held = self.held.get(str(event.request.RequestedSOPInstanceUID))
        if held is None:
            return 0xC307, None
        wanted = event.request.AttributeIdentifierList
        if wanted is None:
            return 0x0000, held.data
        tags = list(wanted) if isinstance(wanted, list) else [wanted]
        found = Dataset()
        for tag in tags:
            if tag in held.data:
                found[tag] = held.data[tag]
        return 0x0000 if len(found) == len(tags) else 0x0001, found

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        keys = self._note(event, "C-FIND", event.identifier)
        for uid, held in list(self.held.items()):
            if not all(self._matches(held, uid, element) for element in keys):
                continue
            if event.is_cancelled:
                yield 0xFE00, None
                return
            found = dataset(SOPClassUID=UnifiedProcedureStepPush, SOPInstanceUID=uid)
            for element in keys:
                if element.keyword not in ("SOPClassUID", "SOPInstanceUID") and element.tag in held.data:
                    found[element.tag] = held.data[element.tag]
            # A careless SCP: the lock is nobody's business, and dcmups must not show it (PS3.4 CC.2.5.1.3).
            found.TransactionUID = held.transaction
            yield 0xFF00, found

    @staticmethod
    def _matches(held: Held, uid: str, key) -> bool:
        if not key.value or key.VR == "SQ" or key.keyword in ("SpecificCharacterSet", "SOPClassUID"):
            return True
        return key.value == (uid if key.keyword == "SOPInstanceUID" else held.data.get(key.keyword))

    def _action(self, event: evt.Event) -> tuple[int, Dataset | None]:
        data = self._note(event, f"N-ACTION {event.action_type}", event.action_information)
        uid = str(event.request.RequestedSOPInstanceUID)
        if event.action_type in (3, 4, 5):
            return self._subscription(event.action_type, uid, data), None
        held = self.held.get(uid)
        if held is None:
            return 0xC307, None
        if event.action_type == 2:
            return self._request_cancel(uid, held, event.assoc.requestor.ae_title), None
        return self._change_state(uid, held, data), None

    def _change_state(self, uid: str, held: Held, data: Dataset) -> int:
        target, given = data.get("ProcedureStepState"), data.get("TransactionUID", "")
        if target == "SCHEDULED":
            return 0xC303
        if not given or (held.transaction and given != held.transaction):
            return 0xC301
        if target == "IN PROGRESS":
            if held.state != "SCHEDULED":
                return 0xC302 if held.state == target else 0xC300
            held.transaction = given
        elif held.state == "SCHEDULED":
            return 0xC310
        elif held.state == target:
            return 0xB306 if target == "COMPLETED" else 0xB304
        elif held.state in _FINAL:
            return 0xC300
        elif not held.data.get(_NEEDED[target]):
            return 0xC304
        held.state = target
        self._tell_state(uid, held)
        return 0x0000

    def _request_cancel(self, uid: str, held: Held, requester: str) -> int:
        if held.state in _FINAL:
            return 0xC311 if held.state == "COMPLETED" else 0xB304
        if held.state == "SCHEDULED":
            for state in ("IN PROGRESS", "CANCELED"):
                held.state = state
                self._tell_state(uid, held)
        else:
            for receiver in held.subscribers:
                self._events.put((receiver, 2, uid, dataset(RequestingAE=requester)))
        return 0x0000

    def _subscription(self, action: int, uid: str, data: Dataset) -> int:
        receiver = data.get("ReceivingAE", "")
        if receiver not in self.peers:
            return 0xC308
        if uid == FILTERED:
            return 0xC307
        if uid == GLOBAL:
            return self._global_subscription(action, receiver, data)
        held = self.held.get(uid)
        if held is None:
            return 0xC307
        if action == 5:
            return 0xC314
        if action == 4:
            held.subscribers.discard(receiver)
            return 0x0000
        held.subscribers.add(receiver)
        self._tell_state(uid, held, only=receiver)
        # This SCP purges nothing, so it grants no locks.
        return 0xB301 if data.get("DeletionLock") == "TRUE" else 0x0000

    def _global_subscription(self, action: int, receiver: str, data: Dataset) -> int:
        if action == 3:
            self.everywhere.add(receiver)
            for held in self.held.values():
                held.subscribers.add(receiver)
            return 0xB301 if data.get("DeletionLock") == "TRUE" else 0x0000
        self.everywhere.discard(receiver)
        if action == 4:
            for held in self.held.values():
                held.subscribers.discard(receiver)
        return 0x0000

    # -- events ------------------------------------------------------------------------------------------------------

    def _tell_state(self, uid: str, held: Held, *, only: str | None = None) -> None:
        self._tell(uid, held, 1, "ProcedureStepState", "InputReadinessState", only=only)

    def _tell(self, uid: str, held: Held, number: int, *keywords: str, only: str | None = None) -> None:
        information = dataset(**{name: held.data[name].value for name in keywords if name in held.data})
        for receiver in sorted(held.subscribers if only is None else [only]):
            self._events.put((receiver, number, uid, information))

    def _deliver(self) -> None:
        while (event := self._events.get()) is not None:
            receiver, number, uid, information = event
            self._report(receiver, number, uid, information)

    def _report(self, receiver: str, number: int, uid: str, information: Dataset) -> None:
        ae = AE(self.title)
        ae.add_requested_context(UnifiedProcedureStepEvent)
        role = build_role(UnifiedProcedureStepEvent, scp_role=True)
        assoc = leave_responses(ae.associate("127.0.0.1", self.peers[receiver], ae_title=receiver, ext_neg=[role]))
        if not assoc.is_established:
            self.asked.append(Asked("NOT DELIVERED", "", "", uid, information, receiver))
            return
        status, _ = assoc.send_n_event_report(
            information, number, UnifiedProcedureStepPush, uid, meta_uid=UnifiedProcedureStepEvent
        )
        context = assoc.accepted_contexts[0]
        roles = f"scu={context.as_scu} scp={context.as_scp}"
        service = f"N-EVENT-REPORT {number} {status.get('Status', -1):04X}"
        self.asked.append(Asked(service, roles, "", uid, information, receiver))
        assoc.release()
