"""pynetdicom as SCU drives ``upsscp`` through every operation: each status is the one of the standard's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
    Verification,
)

from .associations import leave_responses
from .listener import EventListener
from .processes import PATIENCE, UpsScp
from .workitems import cancellation, code, dataset, performed, progress, to_state, uid, workitem

PUSH, PULL = UnifiedProcedureStepPush, UnifiedProcedureStepPull
WATCH, QUERY = UnifiedProcedureStepWatch, UnifiedProcedureStepQuery
GLOBAL, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"


class Scu:
    """The UPS operations through pynetdicom; every method returns the status."""

    def __init__(self, port: int, *, title: str = "PEERSCU", syntaxes: list[str] | None = None) -> None:
        ae = AE(title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = PATIENCE
        for sop_class in (PUSH, PULL, WATCH, QUERY, Verification):
            ae.add_requested_context(sop_class, syntaxes)
        handlers = [(evt.EVT_DIMSE_RECV, self._received)]
        self.assoc = leave_responses(ae.associate("127.0.0.1", port, ae_title="UPSSCP", evt_handlers=handlers))
        assert self.assoc.is_established
        assert len(self.assoc.accepted_contexts) == 5
        self.answer: Dataset | None = None
        self.command = Dataset()

    def _received(self, event: evt.Event) -> None:
        self.command = event.message.command_set

    def _keep(self, outcome: tuple[Dataset, Dataset | None]) -> int:
        status, self.answer = outcome
        return status.Status

    def create(self, data: Dataset, instance: str | None = None) -> int:
        return self._keep(self.assoc.send_n_create(data, PUSH, instance))

    def set(self, instance: str, data: Dataset) -> int:
        return self._keep(self.assoc.send_n_set(data, PUSH, instance, meta_uid=PULL))

    def get(self, instance: str, tags: list[int] | None = None, context: str = PULL) -> int:
        return self._keep(self.assoc.send_n_get(tags or [], PUSH, instance, meta_uid=context))

    def action(self, number: int, instance: str, data: Dataset | None, context: str) -> int:
        return self._keep(self.assoc.send_n_action(data, number, PUSH, instance, meta_uid=context))

    def change(self, instance: str, state: str, transaction: str | None) -> int:
        return self.action(1, instance, to_state(state, transaction), PULL)

    def cancel(self, instance: str, data: Dataset | None = None, context: str = PUSH) -> int:
        return self.action(2, instance, data, context)

    def subscribe(self, receiver: str, instance: str = GLOBAL, *, lock: bool = False, **keys: object) -> int:
        data = dataset(ReceivingAE=receiver, DeletionLock="TRUE" if lock else "FALSE", **keys)
        return self.action(3, instance, data, WATCH)

    def unsubscribe(self, receiver: str, instance: str = GLOBAL) -> int:
        return self.action(4, instance, dataset(ReceivingAE=receiver), WATCH)

    def suspend(self, receiver: str, instance: str = GLOBAL) -> int:
        return self.action(5, instance, dataset(ReceivingAE=receiver), WATCH)

    def find(self, context: str = PULL, **keys: object) -> tuple[list[Dataset], list[int]]:
        """The matches, and every status in order."""
        found, statuses = [], []
        for status, identifier in self.assoc.send_c_find(dataset(**keys), context):
            statuses.append(status.Status)
            if identifier is not None:
                found.append(identifier)
        return found, statuses

    def state(self, instance: str) -> str:
        assert self.get(instance, [0x00741000]) == 0x0000
        return self.answer.ProcedureStepState


@pytest.fixture
def scu(upsscp: UpsScp) -> Iterator[Scu]:
    made = Scu(upsscp.port)
    yield made
    made.assoc.release()
    assert made.assoc.is_released


@pytest.fixture
def claimed(scu: Scu) -> tuple[str, str]:
    """A workitem in progress, and its lock."""
    instance, transaction = uid(), uid()
    assert scu.create(workitem(), instance) in (0x0000, 0xB300)
    assert scu.change(instance, "IN PROGRESS", transaction) == 0x0000
    return instance, transaction


def test_echo(scu: Scu) -> None:
    assert scu.assoc.send_c_echo().Status == 0x0000


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_create_claim_update_complete_in_each_transfer_syntax(upsscp: UpsScp, syntax: str) -> None:
    scu = Scu(upsscp.port, syntaxes=[syntax])
    instance, transaction = uid(), uid()
    assert scu.create(workitem(), instance) in (0x0000, 0xB300)
    assert scu.create(workitem(), instance) == 0x0111
    assert scu.change(instance, "COMPLETED", transaction) == 0xC310
    assert scu.change(instance, "IN PROGRESS", transaction) == 0x0000
    assert scu.change(instance, "IN PROGRESS", transaction) == 0xC302
    assert scu.change(instance, "IN PROGRESS", uid()) == 0xC301
    assert scu.set(instance, progress(TransactionUID=transaction)) == 0x0000
    assert scu.change(instance, "COMPLETED", transaction) == 0xC304
    assert scu.state(instance) == "IN PROGRESS"
    assert scu.set(instance, performed(TransactionUID=transaction)) == 0x0000
    assert scu.change(instance, "COMPLETED", transaction) == 0x0000
    assert scu.change(instance, "COMPLETED", transaction) == 0xB306
    assert scu.change(instance, "CANCELED", transaction) == 0xC300
    assert scu.set(instance, progress(TransactionUID=transaction)) == 0xC300
    assert scu.get(instance) == 0x0000
    assert scu.answer.ProcedureStepState == "COMPLETED"
    assert scu.answer.PatientName == "Phantom^Peer"
    done = scu.answer.UnifiedProcedureStepPerformedProcedureSequence[0]
    assert done.PerformedStationNameCodeSequence[0].CodeValue == "FX1"
    assert "TransactionUID" not in scu.answer
    scu.assoc.release()


def test_the_scp_makes_the_uid_when_there_is_none(scu: Scu) -> None:
    assert scu.create(workitem()) in (0x0000, 0xB300)
    made = scu.command.AffectedSOPInstanceUID
    assert made.is_valid
    assert scu.state(made) == "SCHEDULED"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ProcedureStepState": "IN PROGRESS"}, 0xC309),
        ({"ProcedureStepLabel": ""}, 0x0121),
        ({"ScheduledProcedureStepPriority": "SOON"}, 0x0106),
        ({"TransactionUID": "1.2.3"}, 0x0106),
    ],
)
def test_a_workitem_that_breaks_a_rule_is_refused_and_not_there(scu: Scu, changes: dict, status: int) -> None:
    instance = uid()
    assert scu.create(workitem(**changes), instance) == status
    assert scu.get(instance) == 0xC307


def test_a_missing_attribute_is_named(scu: Scu) -> None:
    data = workitem()
    del data.ProcedureStepLabel
    status, _ = scu.assoc.send_n_create(data, PUSH, uid())
    assert status.Status == 0x0120
    assert "ProcedureStepLabel" in status.ErrorComment


@pytest.mark.parametrize("transaction", [None, "", "1.2.3"])
@pytest.mark.parametrize("state", ["IN PROGRESS", "COMPLETED", "CANCELED"])
def test_without_the_transaction_uid_nothing_moves(
    scu: Scu, claimed: tuple[str, str], state: str, transaction: str | None
) -> None:
    instance, _ = claimed
    assert scu.change(instance, state, transaction) == 0xC301
    assert scu.set(instance, progress(**({} if transaction is None else {"TransactionUID": transaction}))) == 0xC301
    assert scu.state(instance) == "IN PROGRESS"


@pytest.mark.parametrize("transaction", [None, ""])
def test_a_claim_needs_a_transaction_uid(scu: Scu, transaction: str | None) -> None:
    instance = uid()
    assert scu.create(workitem(), instance) in (0x0000, 0xB300)
    assert scu.change(instance, "IN PROGRESS", transaction) == 0xC301
    assert scu.change(instance, "SCHEDULED", transaction) == 0xC303
    assert scu.state(instance) == "SCHEDULED"


def test_set_while_scheduled_takes_no_transaction_uid(scu: Scu) -> None:
    instance = uid()
    assert scu.create(workitem(), instance) in (0x0000, 0xB300)
    assert scu.set(instance, dataset(WorklistLabel="other", TransactionUID=uid())) == 0xC310
    assert scu.set(instance, dataset(WorklistLabel="other")) == 0x0000
    assert scu.get(instance, [0x00741202]) == 0x0000
    assert scu.answer.WorklistLabel == "other"


def test_unknown_workitem(scu: Scu) -> None:
    instance = uid()
    assert scu.get(instance) == 0xC307
    assert scu.set(instance, progress()) == 0xC307
    assert scu.change(instance, "IN PROGRESS", uid()) == 0xC307
    assert scu.cancel(instance) == 0xC307
    assert scu.subscribe("NOBODY", instance) == 0xC307


def test_cancel_by_its_performer(scu: Scu, claimed: tuple[str, str]) -> None:
    instance, transaction = claimed
    assert scu.change(instance, "CANCELED", transaction) == 0xC304
    assert scu.set(instance, cancellation(TransactionUID=transaction)) == 0x0000
    assert scu.change(instance, "CANCELED", transaction) == 0x0000
    assert scu.change(instance, "CANCELED", transaction) == 0xB304
    assert scu.change(instance, "COMPLETED", transaction) == 0xC300
    assert scu.change(instance, "IN PROGRESS", transaction) == 0xC300
    assert scu.cancel(instance) == 0xB304


@pytest.mark.parametrize("context", [PUSH, WATCH])
def test_request_cancel_of_a_scheduled_workitem_cancels_it(scu: Scu, context: str) -> None:
    instance = uid()
    assert scu.create(workitem(), instance) in (0x0000, 0xB300)
    assert scu.cancel(instance, dataset(ReasonForCancellation="no need"), context) == 0x0000
    assert scu.get(instance) == 0x0000
    assert scu.answer.ProcedureStepState == "CANCELED"
    item = scu.answer.ProcedureStepProgressInformationSequence[0]
    assert item.ReasonForCancellation == "no need"
    assert item.ProcedureStepCancellationDateTime
    assert scu.cancel(instance, None, context) == 0xB304


def test_request_cancel_of_others_work_changes_nothing(scu: Scu, claimed: tuple[str, str]) -> None:
    instance, transaction = claimed
    assert scu.cancel(instance) in (0x0000, 0xC312)
    assert scu.state(instance) == "IN PROGRESS"
    assert scu.set(instance, performed(TransactionUID=transaction)) == 0x0000
    assert scu.change(instance, "COMPLETED", transaction) == 0x0000
    assert scu.cancel(instance) == 0xC311


@pytest.mark.parametrize("context", [PULL, WATCH, QUERY])
def test_find_in_each_class_that_has_it(scu: Scu, context: str) -> None:
    label, instance = uid()[:40], uid()
    assert scu.create(workitem(ProcedureStepLabel=label), instance) in (0x0000, 0xB300)
    assert scu.create(workitem(ProcedureStepLabel=f"{label} too"), uid()) in (0x0000, 0xB300)
    found, statuses = scu.find(
        context, ProcedureStepLabel=label, ProcedureStepState="SCHEDULED", PatientID="", TransactionUID=""
    )
    assert [match.SOPInstanceUID for match in found] == [instance]
    assert found[0].PatientID == "PEER-1"
    assert found[0].get("SOPClassUID", PUSH) == PUSH
    assert "TransactionUID" not in found[0]
    assert statuses[-1] == 0x0000
    assert set(statuses[:-1]) <= {0xFF00, 0xFF01}


def test_find_matches(scu: Scu) -> None:
    label = uid()[-20:]
    first, second = uid(), uid()
    assert scu.create(workitem(WorklistLabel=label, station="A1"), first) in (0x0000, 0xB300)
    later = "20310101080000"
    assert scu.create(
        workitem(WorklistLabel=label, station="B1", ScheduledProcedureStepStartDateTime=later), second
    ) in (0x0000, 0xB300)

    def uids(**keys: object) -> set[str]:
        return {match.SOPInstanceUID for match in scu.find(WorklistLabel=label, **keys)[0]}

    assert uids() == {first, second}
    assert uids(PatientName="Phan*") == {first, second}
    assert uids(PatientName="Phan?om^Pe?r") == {first, second}
    assert uids(PatientName="Nobody*") == set()
    assert uids(ScheduledProcedureStepStartDateTime="2030-2030") == {first}
    assert uids(ScheduledProcedureStepStartDateTime="20310101-") == {second}
    assert uids(ScheduledStationNameCodeSequence=[dataset(CodeValue="A1")]) == {first}
    assert uids(SOPInstanceUID=[second, uid()]) == {second}
    assert uids(SOPInstanceUID=first, ScheduledStationNameCodeSequence=[dataset(CodeValue="B1")]) == set()


def test_get_of_named_attributes(scu: Scu, claimed: tuple[str, str]) -> None:
    instance, _ = claimed
    for context in (PUSH, PULL, WATCH):
        assert scu.get(instance, [0x00741000, 0x00100010], context) == 0x0000
        # The character set of the text may come along unasked (PS3.3 C.12.1.1.2).
        found = {element.keyword for element in scu.answer} - {"SpecificCharacterSet"}
        assert found == {"PatientName", "ProcedureStepState"}
    # Never the lock, not even to who asks for it.
    scu.get(instance, [0x00081195, 0x00741000])
    assert not (scu.answer or Dataset()).get("TransactionUID")


def test_subscriptions_are_refused_where_the_tables_say(scu: Scu) -> None:
    instance = uid()
    assert scu.create(workitem(), instance) in (0x0000, 0xB300)
    assert scu.subscribe("STRANGER") == 0xC308
    assert scu.subscribe("STRANGER", instance) == 0xC308
    assert scu.suspend("NOBODY", instance) == 0xC314
    assert scu.action(1, GLOBAL, to_state("IN PROGRESS", uid()), PULL) == 0xC314
    assert scu.action(2, GLOBAL, None, PUSH) == 0xC314


@pytest.mark.parametrize(
    ("number", "context"), [(1, PUSH), (1, WATCH), (2, PULL), (3, PUSH), (3, PULL), (4, PULL), (5, PUSH), (99, WATCH)]
)
def test_an_action_in_a_context_that_does_not_have_it(
    scu: Scu, claimed: tuple[str, str], number: int, context: str
) -> None:
    data = dataset(ReceivingAE="NOBODY", DeletionLock="FALSE", ProcedureStepState="CANCELED", TransactionUID=claimed[1])
    assert scu.action(number, claimed[0], data, context) == 0x0123
    assert scu.state(claimed[0]) == "IN PROGRESS"


def test_an_operation_in_a_context_that_does_not_have_it(scu: Scu) -> None:
    assert scu._keep(scu.assoc.send_n_create(workitem(), PUSH, uid(), meta_uid=PULL)) == 0x0211
    assert scu._keep(scu.assoc.send_n_set(progress(), PUSH, uid(), meta_uid=WATCH)) == 0x0211
    assert scu.assoc.send_n_delete(PUSH, uid(), meta_uid=PULL).Status == 0x0211


def test_a_find_is_cancelled(scu: Scu) -> None:
    label = uid()[-20:]
    for _ in range(3):
        assert scu.create(workitem(WorklistLabel=label)) in (0x0000, 0xB300)
    responses = scu.assoc.send_c_find(dataset(WorklistLabel=label), PULL, msg_id=77)
    statuses = [next(responses)[0].Status]
    scu.assoc.send_c_cancel(77, query_model=PULL)
    statuses += [status.Status for status, _ in responses]
    # The cancel may come too late for so few: then the search ends as ever (PS3.7 9.3.2.3).
    assert statuses[-1] in (0xFE00, 0x0000)
    assert set(statuses[:-1]) == {0xFF00}
    assert scu.assoc.send_c_echo().Status == 0x0000


# -- events ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def watched(start_upsscp: Callable[..., UpsScp], listener: EventListener) -> Iterator[Scu]:
    """An SCU of an ``upsscp`` that knows where WATCHER is."""
    server = start_upsscp(peers={"WATCHER": listener.port})
    made = Scu(server.port)
    yield made
    made.assoc.release()
    assert server.stop() == 0
    server.check_healthy()


def test_global_subscription_reports_the_life_of_a_workitem(watched: Scu, listener: EventListener) -> None:
    instance, transaction = uid(), uid()
    assert watched.subscribe("WATCHER") == 0x0000
    assert watched.create(workitem(), instance) in (0x0000, 0xB300)
    assert watched.change(instance, "IN PROGRESS", transaction) == 0x0000
    assert watched.set(instance, progress(TransactionUID=transaction)) == 0x0000
    assert watched.set(instance, performed(TransactionUID=transaction)) == 0x0000
    assert watched.change(instance, "COMPLETED", transaction) == 0x0000
    events = [listener.next() for _ in range(5)]
    assert [event.summary for event in events] == [
        (1, instance, "SCHEDULED"),
        (5, instance, ""),
        (1, instance, "IN PROGRESS"),
        (3, instance, ""),
        (1, instance, "COMPLETED"),
    ]
    assert {event.sop_class for event in events} == {PUSH}
    assert {event.calling for event in events} == {"UPSSCP"}
    # We are the SCP of the Event class on the association that we open (PS3.4 CC.3.2).
    assert {event.roles for event in events} == {(False, True)}
    assert events[0].information.InputReadinessState == "READY"
    assert events[1].information.ScheduledStationNameCodeSequence[0].CodeValue == "FX1"
    assert events[3].information.ProcedureStepProgressInformationSequence[0].ProcedureStepProgress == 50
    assert all("TransactionUID" not in event.information for event in events)


def test_a_global_subscription_with_lock_reports_what_there_is(watched: Scu, listener: EventListener) -> None:
    first, second = sorted([uid(), uid()])
    for instance in (first, second):
        assert watched.create(workitem(), instance) in (0x0000, 0xB300)
    assert watched.subscribe("WATCHER", lock=True) in (0x0000, 0xB301)
    assert sorted(listener.take(2)) == [(1, first, "SCHEDULED"), (1, second, "SCHEDULED")]
    # Subscribed already: no change, so nothing to report. The next event shows that none came between.
    assert watched.subscribe("WATCHER") == 0x0000
    assert watched.change(first, "IN PROGRESS", uid()) == 0x0000
    assert listener.take(1) == [(1, first, "IN PROGRESS")]


def test_a_global_subscription_without_lock_starts_silently(watched: Scu, listener: EventListener) -> None:
    instance = uid()
    assert watched.create(workitem(), instance) in (0x0000, 0xB300)
    assert watched.subscribe("WATCHER") == 0x0000
    assert watched.change(instance, "IN PROGRESS", uid()) == 0x0000
    assert listener.take(1) == [(1, instance, "IN PROGRESS")]


def test_specific_subscription(watched: Scu, listener: EventListener) -> None:
    mine, others = uid(), uid()
    for instance in (mine, others):
        assert watched.create(workitem(), instance) in (0x0000, 0xB300)
    assert watched.subscribe("WATCHER", mine, lock=True) in (0x0000, 0xB301)
    assert watched.change(others, "IN PROGRESS", uid()) == 0x0000
    assert watched.change(mine, "IN PROGRESS", uid()) == 0x0000
    assert watched.subscribe("WATCHER", mine) == 0x0000
    assert listener.take(3) == [(1, mine, "SCHEDULED"), (1, mine, "IN PROGRESS"), (1, mine, "IN PROGRESS")]
    assert watched.unsubscribe("WATCHER", mine) == 0x0000
    assert watched.cancel(mine) in (0x0000, 0xC312)
    assert watched.subscribe("WATCHER", others) == 0x0000
    assert listener.take(1) == [(1, others, "IN PROGRESS")]


def test_suspend_and_unsubscribe(watched: Scu, listener: EventListener) -> None:
    before, after, last = uid(), uid(), uid()
    assert watched.create(workitem(station="S1"), before) in (0x0000, 0xB300)
    assert watched.subscribe("WATCHER") == 0x0000
    assert watched.suspend("WATCHER") == 0x0000
    assert watched.create(workitem(), after) in (0x0000, 0xB300)
    assert watched.change(before, "IN PROGRESS", uid()) == 0x0000
    assert listener.take(1) == [(1, before, "IN PROGRESS")]
    assert watched.subscribe("WATCHER", after, lock=True) in (0x0000, 0xB301)
    assert listener.take(1) == [(1, after, "SCHEDULED")]
    # Global unsubscribe ends the specific ones too (CC.2.3.2).
    assert watched.unsubscribe("WATCHER") == 0x0000
    assert watched.change(after, "IN PROGRESS", uid()) == 0x0000
    assert watched.create(workitem(), last) in (0x0000, 0xB300)
    assert watched.subscribe("WATCHER", last) == 0x0000
    assert listener.take(1) == [(1, last, "SCHEDULED")]


def test_filtered_global_subscription(watched: Scu, listener: EventListener) -> None:
    wanted, unwanted = uid(), uid()
    station = {"ScheduledStationNameCodeSequence": [dataset(CodeValue="FX7")]}
    status = watched.subscribe("WATCHER", FILTERED, **station)
    assert status == 0x0000  # C307 would say that it is not supported; ours supports it
    assert watched.create(workitem(station="FX8"), unwanted) in (0x0000, 0xB300)
    assert watched.create(workitem(station="FX7"), wanted) in (0x0000, 0xB300)
    assert listener.take(2) == [(1, wanted, "SCHEDULED"), (5, wanted, "")]
    assert watched.change(unwanted, "IN PROGRESS", uid()) == 0x0000
    assert watched.change(wanted, "IN PROGRESS", uid()) == 0x0000
    assert listener.take(1) == [(1, wanted, "IN PROGRESS")]


def test_request_cancel_is_reported(watched: Scu, listener: EventListener) -> None:
    scheduled, claimed, transaction = uid(), uid(), uid()
    assert watched.create(workitem(), scheduled) in (0x0000, 0xB300)
    assert watched.create(workitem(), claimed) in (0x0000, 0xB300)
    assert watched.change(claimed, "IN PROGRESS", transaction) == 0x0000
    assert watched.subscribe("WATCHER") == 0x0000
    assert watched.cancel(scheduled) == 0x0000
    assert listener.take(2) == [(1, scheduled, "IN PROGRESS"), (1, scheduled, "CANCELED")]
    why = dataset(
        ReasonForCancellation="fire",
        ContactURI="tel:112",
        ContactDisplayName="Desk",
        ProcedureStepDiscontinuationReasonCodeSequence=code("110513", "DCM", "Unspecified"),
    )
    assert watched.cancel(claimed, why) == 0x0000
    event = listener.next()
    assert event.summary == (2, claimed, "")
    assert event.information.RequestingAE == "PEERSCU"
    assert event.information.ReasonForCancellation == "fire"
    assert event.information.ContactURI == "tel:112"
    assert event.information.ContactDisplayName == "Desk"
    assert event.information.ProcedureStepDiscontinuationReasonCodeSequence[0].CodeValue == "110513"
    assert watched.state(claimed) == "IN PROGRESS"
    assert watched.set(claimed, cancellation(TransactionUID=transaction)) == 0x0000
    assert watched.change(claimed, "CANCELED", transaction) == 0x0000
    event = listener.next()
    assert event.summary == (1, claimed, "CANCELED")
    assert event.information.ReasonForCancellation == "machine down"


def test_a_receiver_that_answers_with_a_failure_or_no_roles_keeps_its_subscription(
    start_upsscp: Callable[..., UpsScp],
) -> None:
    instance, transaction = uid(), uid()
    with EventListener("GRUMPY", status=0x0110) as grumpy, EventListener("PLAIN", role_answer=False) as plain:
        server = start_upsscp(peers={"GRUMPY": grumpy.port, "PLAIN": plain.port})
        scu = Scu(server.port)
        assert scu.subscribe("GRUMPY") == 0x0000
        assert scu.subscribe("PLAIN") == 0x0000
        assert scu.create(workitem(ScheduledStationNameCodeSequence=[]), instance) in (0x0000, 0xB300)
        assert scu.change(instance, "IN PROGRESS", transaction) == 0x0000
        expected = [(1, instance, "SCHEDULED"), (1, instance, "IN PROGRESS")]
        assert grumpy.take(2) == expected
        assert plain.take(2) == expected
        scu.assoc.release()
        assert server.stop() == 0


def test_a_subscriber_is_told_of_the_end_and_of_the_restart(
    start_upsscp: Callable[..., UpsScp], listener: EventListener
) -> None:
    server = start_upsscp(peers={"WATCHER": listener.port})
    scu = Scu(server.port)
    assert scu.subscribe("WATCHER") == 0x0000
    scu.assoc.release()
    assert server.stop() == 0
    start_upsscp(peers={"WATCHER": listener.port})
    for status in ("GOING DOWN", "RESTARTED"):
        event = listener.next()
        assert event.number == 4
        assert event.information.SCPStatus == status
        assert event.information.SubscriptionListStatus == "WARM START"
        assert event.information.UnifiedProcedureStepListStatus == "WARM START"
