"""A receiver of event reports made of pynetdicom: it keeps what came and on which terms."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import Self

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import UnifiedProcedureStepEvent

from .processes import PATIENCE


@dataclass(frozen=True)
class Event:
    """One N-EVENT-REPORT; ``roles`` are (SCU, SCP) as the requestor of the association proposed them."""

    number: int
    instance: str
    sop_class: str
    information: Dataset
    calling: str
    roles: tuple[bool, bool] | None

    @property
    def summary(self) -> tuple[int, str, str]:
        """Type, workitem, and the state it tells (empty when it tells none)."""
        return self.number, self.instance, self.information.get("ProcedureStepState", "")


class EventListener:
    """Listens on a free port while it is a context."""

    def __init__(self, title: str, *, status: int = 0x0000, role_answer: bool = True) -> None:
        self.title = title
        self._status = status
        self._events: queue.Queue[Event] = queue.Queue()
        self._ae = AE(title)
        self._ae.require_called_aet = True
        if role_answer:
            self._ae.add_supported_context(UnifiedProcedureStepEvent, scu_role=False, scp_role=True)
        else:
            self._ae.add_supported_context(UnifiedProcedureStepEvent)

    def __enter__(self) -> Self:
        handlers = [(evt.EVT_N_EVENT_REPORT, self._receive)]
        self._server = self._ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port: int = self._server.server_address[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._ae.shutdown()

    def _receive(self, event: evt.Event) -> tuple[int, None]:
        request = event.request
        role = event.assoc.requestor.role_selection.get(UnifiedProcedureStepEvent)
        self._events.put(
            Event(
                event.event_type,
                str(request.AffectedSOPInstanceUID),
                str(request.AffectedSOPClassUID),
                event.event_information,
                event.assoc.requestor.ae_title,
                None if role is None else (bool(role.scu_role), bool(role.scp_role)),
            )
        )
        return self._status, None

    def next(self) -> Event:
        """The next event, when it is there."""
        return self._events.get(timeout=PATIENCE / 2)

    def take(self, count: int) -> list[tuple[int, str, str]]:
        """The summaries of the next so many events."""
        return [self.next().summary for _ in range(count)]

    @property
    def waiting(self) -> int:
        """How many have come that nobody has taken."""
        return self._events.qsize()
