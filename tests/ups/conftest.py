"""A worklist to talk to as a peer would, over each kind of store, without a network."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicomnet import uids
from dicomnet.dimse.messages import (
    CFindRequest,
    NActionRequest,
    NCreateRequest,
    NGetRequest,
    NSetRequest,
)
from ups.scp.service import Caller, UpsService
from ups.scp.store import MemoryStore
from ups.scp.store_sql import open_store
from ups.scp.workitem import template

NOW = datetime(2026, 3, 1, 12, 30, 15, 250000, tzinfo=UTC)


class Desk:
    """The service with the requests of a peer as methods; each gives the responses, ``effects`` keeps the events."""

    def __init__(self, store, **options):
        settings = {"ae_title": "WORKLIST", "knows_ae": lambda title: title != "NOBODY", **options}
        self.store = store
        self.service = UpsService(store, **settings)
        self.now = NOW
        self.effects = ()

    def handle(self, request, via, ae_title="ASKER"):
        outcome = self.service.handle(request, Caller(ae_title, via), self.now)
        responses = list(outcome.responses)
        self.effects = outcome.effects
        return responses

    def one(self, request, via, **more):
        (response,) = self.handle(request, via, **more)
        return response

    def create(self, uid="1.2.3", data=None, via=uids.UPS_PUSH, **values):
        data = self.workitem(**values) if data is None else data
        return self.one(NCreateRequest(message_id=7, sop_class=uids.UPS_PUSH, instance=uid, data_set=data), via)

    def set(self, uid="1.2.3", tx=None, via=uids.UPS_PULL, **values):
        return self.one(self.set_request(uid, self.dataset(TransactionUID=tx, **values)), via)

    def set_request(self, uid, data):
        return NSetRequest(message_id=8, sop_class=uids.UPS_PUSH, instance=uid, data_set=data)

    def get(self, uid="1.2.3", tags=None, via=uids.UPS_PULL):
        request = NGetRequest(message_id=9, sop_class=uids.UPS_PUSH, instance=uid, attributes=tags)
        return self.one(request, via)

    def find(self, via=uids.UPS_PULL, keys=None, **values):
        keys = self.dataset(**values) if keys is None else keys
        return self.handle(CFindRequest(message_id=10, sop_class=via, data_set=keys), via)

    def found(self, **values):
        *matches, final = self.find(**values)
        assert final.status == 0
        return [match.data_set.SOPInstanceUID for match in matches]

    def action(self, kind, uid="1.2.3", via=uids.UPS_WATCH, ae_title="ASKER", data=None, **values):
        data = self.dataset(**values) if data is None else data
        data = data if len(data) else None
        request = NActionRequest(message_id=11, sop_class=uids.UPS_PUSH, instance=uid, action_type=kind, data_set=data)
        return self.one(request, via, ae_title=ae_title)

    def change(self, state, tx="1.9", uid="1.2.3"):
        return self.action(1, uid, via=uids.UPS_PULL, ProcedureStepState=state, TransactionUID=tx)

    def cancel(self, uid="1.2.3", **values):
        return self.action(2, uid, via=uids.UPS_PUSH, **values)

    def subscribe(self, uid=uids.UPS_GLOBAL_SUBSCRIPTION, ae="WATCHER", lock="FALSE", **keys):
        return self.action(3, uid, ReceivingAE=ae, DeletionLock=lock, **keys)

    def unsubscribe(self, uid=uids.UPS_GLOBAL_SUBSCRIPTION, ae="WATCHER"):
        return self.action(4, uid, ReceivingAE=ae)

    def suspend(self, uid=uids.UPS_GLOBAL_SUBSCRIPTION, ae="WATCHER"):
        return self.action(5, uid, ReceivingAE=ae)

    def events(self):
        """What the last request led to: event type, state if it says one, receiver."""
        return [
            (effect.request.event_type, str(effect.request.data_set.get("ProcedureStepState", "")), effect.receiving_ae)
            for effect in self.effects
        ]

    def finish_data(self):
        """What an N-SET must bring before COMPLETED."""
        return {
            "UnifiedProcedureStepPerformedProcedureSequence": [
                self.dataset(
                    PerformedStationNameCodeSequence=[self.code("ROOM1")],
                    PerformedWorkitemCodeSequence=[self.code("121726")],
                    PerformedProcedureStepStartDateTime="20260301120000",
                    PerformedProcedureStepEndDateTime="20260301123000",
                    OutputInformationSequence=[],
                )
            ]
        }

    def cancel_data(self):
        """What an N-SET must bring before CANCELED."""
        reason = self.dataset(ProcedureStepDiscontinuationReasonCodeSequence=[self.code("110501")])
        return {"ProcedureStepProgressInformationSequence": [reason]}

    def bring_to(self, state, uid="1.2.3", tx="1.9"):
        """Create a workitem and lead it to a state."""
        assert self.create(uid).status in (0, 0xB300)
        if state != "SCHEDULED":
            assert self.change("IN PROGRESS", tx, uid).status == 0
        if state in ("COMPLETED", "CANCELED"):
            more = self.finish_data() if state == "COMPLETED" else self.cancel_data()
            assert self.set(uid, tx, **more).status == 0
            assert self.change(state, tx, uid).status == 0

    def state(self, uid="1.2.3"):
        return self.get(uid).data_set.ProcedureStepState

    @staticmethod
    def dataset(**values):
        result = Dataset()
        for name, value in values.items():
            if isinstance(value, str):
                tag = tag_for_keyword(name)
                encoded = value.encode()  # as it comes from a peer: nobody has validated it
                result._dict[BaseTag(tag)] = RawDataElement(
                    BaseTag(tag), dictionary_VR(tag), len(encoded), encoded, 0, False, True
                )
            elif value is not None:
                setattr(result, name, Sequence(value) if name.endswith("Sequence") else value)
        return result

    @classmethod
    def code(cls, value, scheme="DCM", meaning="meaning"):
        return cls.dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)

    @classmethod
    def workitem(cls, **values):
        result = template(label="step", start=NOW)
        result.WorklistLabel = "list"
        result._dict.update(cls.dataset(**values)._dict)
        for name in [name for name, value in values.items() if value is None]:
            delattr(result, name)
        return result


@pytest.fixture(params=["memory", "sql"])
def store(request, tmp_path):
    kept = MemoryStore() if request.param == "memory" else open_store(str(tmp_path / "ups.db"), busy_seconds=0.05)
    yield kept
    kept.close()


@pytest.fixture
def desk(store):
    return Desk(store)


@pytest.fixture
def memory_desk():
    return Desk(MemoryStore())


@pytest.fixture
def make_desk():
    return Desk


@pytest.fixture(scope="session")
def as_received():
    """Makes data sets with the values given, as from a peer: nobody has validated them."""
    return Desk.dataset


@pytest.fixture
def sql_store(tmp_path):
    path = tmp_path / "ups.db"
    kept = open_store(str(path), busy_seconds=0.05)
    yield SimpleNamespace(store=kept, path=path)
    kept.close()
