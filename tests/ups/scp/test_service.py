"""The service as a peer meets it: the workflow examples row by row, dispatch, data sets of every kind, events."""

from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset as codec
from dicomnet import uids
from dicomnet.codes import CommandField
from dicomnet.dimse.command import CommandElement
from dicomnet.dimse.messages import (
    CEchoRequest,
    CFindRequest,
    EncodedDataSet,
    NActionRequest,
    NCreateRequest,
    NDeleteRequest,
    NEventReportRequest,
    NGetRequest,
    NSetRequest,
    OtherRequest,
    OtherResponse,
)
from ups import names
from ups.scp.service import Caller
from ups.scp.store import MemoryStore, StoreBusy, StoreDamaged, StoreFull
from ups.scp.store_sql import open_store

# -- workflow 1: create, claim, update, complete ---------------------------------------------------


def test_create_claim_update_complete(desk):
    assert desk.create().status == 0
    assert desk.create().status == 0x0111
    assert desk.create("1.2.4", ProcedureStepState="IN PROGRESS").status == 0xC309
    assert desk.get("1.2.4").status == 0xC307
    *matches, final = desk.find(ProcedureStepState="SCHEDULED", PatientName="")
    assert [match.data_set.SOPInstanceUID for match in matches] == ["1.2.3"]
    assert (matches[0].status, final.status, final.data_set) == (0xFF00, 0, None)
    assert "TransactionUID" not in matches[0].data_set
    for target, tx, status in (("COMPLETED", "1.9", 0xC310), ("CANCELED", "1.9", 0xC310), ("COMPLETED", "", 0xC301)):
        assert desk.change(target, tx).status == status
    assert desk.change("SCHEDULED").status == 0xC303
    assert desk.set(tx="1.9", ProcedureStepLabel="new").status == 0xC310
    assert desk.change("IN PROGRESS", "1.9").status == 0
    assert desk.change("IN PROGRESS", "1.9").status == 0xC302
    assert desk.change("IN PROGRESS", "1.8").status == 0xC301
    assert desk.set(tx=None, ProcedureStepLabel="new").status == 0xC301
    assert desk.set(tx="1.8", ProcedureStepLabel="new").status == 0xC301
    assert desk.set(tx="1.9", ProcedureStepLabel="new").status == 0
    got = desk.get().data_set
    assert got.ProcedureStepLabel == "new"
    assert "TransactionUID" not in got
    assert "SOPInstanceUID" not in got
    assert desk.get("1.2.99").status == 0xC307
    assert desk.change("COMPLETED").status == 0xC304
    assert desk.state() == "IN PROGRESS"
    assert desk.set(tx="1.9", **desk.finish_data()).status == 0
    assert desk.change("COMPLETED").status == 0
    assert desk.change("COMPLETED").status == 0xB306
    assert desk.set(tx="1.9", ProcedureStepLabel="late").status == 0xC300
    assert desk.change("CANCELED").status == 0xC300
    assert desk.found(ProcedureStepState="COMPLETED") == ["1.2.3"]


def test_without_a_uid_the_service_makes_one_and_says_it(desk):
    response = desk.create(None)
    assert response.status == 0
    assert response.instance
    assert desk.get(response.instance).status == 0


# -- workflow 2: subscribe and unsubscribe ---------------------------------------------------------


def test_subscribe_and_unsubscribe(desk):
    desk.create("1.1")
    assert desk.subscribe().status == 0
    assert desk.events() == []
    desk.create("1.2", ScheduledStationNameCodeSequence=[desk.code("FX1")])
    assert desk.events() == [(1, "SCHEDULED", "WATCHER"), (5, "", "WATCHER")]
    desk.change("IN PROGRESS", uid="1.2")
    assert desk.events() == [(1, "IN PROGRESS", "WATCHER")]
    progress = desk.dataset(ProcedureStepProgress="30")
    desk.set("1.2", "1.9", ProcedureStepProgressInformationSequence=[progress])
    assert desk.events() == [(3, "", "WATCHER")]
    desk.set("1.2", "1.9", **desk.finish_data())
    assert desk.events() == []
    desk.change("COMPLETED", uid="1.2")
    assert desk.events() == [(1, "COMPLETED", "WATCHER")]
    assert desk.subscribe("1.1", lock="TRUE").status == 0
    assert desk.events() == [(1, "SCHEDULED", "WATCHER")]
    assert desk.suspend().status == 0
    desk.create("1.3")
    assert desk.events() == []
    desk.change("IN PROGRESS", uid="1.1")
    assert desk.events() == [(1, "IN PROGRESS", "WATCHER")]
    assert desk.unsubscribe("1.1").status == 0
    desk.cancel("1.1")
    assert desk.events() == []
    assert desk.unsubscribe().status == 0
    with desk.store.read() as transaction:
        assert not transaction.is_subscribed("WATCHER")


def test_a_global_subscription_with_lock_reports_what_there_is(desk):
    desk.create("1.1")
    desk.create("1.2")
    assert desk.subscribe(lock="TRUE").status == 0
    assert [effect.request.instance for effect in desk.effects] == ["1.1", "1.2"]


# -- workflow 3: request cancellation --------------------------------------------------------------


def test_cancel_what_nobody_has_claimed(desk):
    desk.subscribe()
    desk.create()
    assert desk.cancel(ReasonForCancellation="machine down").status == 0
    assert desk.events() == [(1, "IN PROGRESS", "WATCHER"), (1, "CANCELED", "WATCHER")]
    assert desk.effects[1].request.data_set.ReasonForCancellation == "machine down"
    assert desk.found(ProcedureStepState="CANCELED") == ["1.2.3"]
    (progress,) = desk.get().data_set.ProcedureStepProgressInformationSequence
    assert progress.ProcedureStepCancellationDateTime.startswith("20260301123015.250000")
    assert progress.ReasonForCancellation == "machine down"
    code = progress.ProcedureStepDiscontinuationReasonCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("110513", "DCM")
    assert desk.cancel().status == 0xB304


def test_cancel_takes_the_code_of_the_request(desk):
    desk.create()
    desk.cancel(ProcedureStepDiscontinuationReasonCodeSequence=[desk.code("110501")])
    (progress,) = desk.get().data_set.ProcedureStepProgressInformationSequence
    assert [code.CodeValue for code in progress.ProcedureStepDiscontinuationReasonCodeSequence] == ["110501"]


def test_cancel_keeps_progress_that_was_set_before(desk):
    desk.create()
    note = desk.dataset(ProcedureStepProgressDescription="waiting")
    desk.set(ProcedureStepProgressInformationSequence=[note])
    desk.cancel()
    (progress,) = desk.get().data_set.ProcedureStepProgressInformationSequence
    assert progress.ProcedureStepProgressDescription == "waiting"
    assert progress.ProcedureStepCancellationDateTime


def test_cancel_what_somebody_performs(desk):
    desk.bring_to("IN PROGRESS")
    assert desk.cancel().status == 0xC312
    desk.subscribe("1.2.3", ae="PERF")
    values = {"ReasonForCancellation": "no", "ContactURI": "tel:1", "ContactDisplayName": "desk", "RequestingAE": "LIE"}
    assert desk.action(2, via=uids.UPS_WATCH, ae_title="REQ", **values).status == 0
    assert desk.events() == [(2, "", "PERF")]
    event = desk.effects[0].request.data_set
    assert (event.RequestingAE, event.ReasonForCancellation) == ("REQ", "no")
    assert (event.ContactURI, event.ContactDisplayName) == ("tel:1", "desk")
    assert desk.state() == "IN PROGRESS"
    assert desk.change("CANCELED").status == 0xC304
    assert desk.set(tx="1.9", **desk.cancel_data()).status == 0
    assert desk.change("CANCELED").status == 0
    assert desk.events() == [(1, "CANCELED", "PERF")]
    assert desk.get().data_set.ProcedureStepProgressInformationSequence[0].ProcedureStepCancellationDateTime


def test_cancel_too_late(desk):
    desk.bring_to("COMPLETED")
    assert desk.cancel().status == 0xC311
    assert desk.cancel("1.2.99").status == 0xC307


# -- dispatch --------------------------------------------------------------------------------------

_CONTEXTS = [*sorted(names.CURRENT_CLASSES), *sorted(names.TRIAL_CLASSES), uids.VERIFICATION]


def _requests():
    data = {"message_id": 3, "sop_class": uids.UPS_PUSH}
    yield NCreateRequest(**data)
    yield NSetRequest(**data, instance="1.2.3")
    yield NGetRequest(**data, instance="1.2.3")
    yield CFindRequest(**data)
    yield NDeleteRequest(**data, instance="1.2.3")
    yield NEventReportRequest(**data, instance="1.2.3", event_type=1)
    yield CEchoRequest(message_id=3)
    for action in range(7):
        yield NActionRequest(**data, instance="1.2.3", action_type=action)


@pytest.mark.parametrize("via", _CONTEXTS)
def test_a_context_carries_what_its_class_serves(memory_desk, via):
    for request in _requests():
        action = getattr(request, "action_type", None)
        response = memory_desk.handle(request, via)[-1]
        assert response.responding_to == 3
        served = names.serves(via, request.command_field) and request.command_field != CommandField.N_EVENT_REPORT_RQ
        if not served:
            assert response.status == 0x0211
        elif not names.serves(via, request.command_field, action):
            assert (response.status, response.action_type) == (0x0123, action)
        else:
            assert response.status not in (0x0211, 0x0123)


def test_what_lacks_mandatory_fields_is_answered(memory_desk):
    request = OtherRequest(message_id=4, command={CommandElement.COMMAND_FIELD: 0x0130}, missing=(0x1008,))
    response = memory_desk.one(request, uids.UPS_PULL)
    assert isinstance(response, OtherResponse)
    assert (response.status, response.answers, response.responding_to) == (0x0211, 0x0130, 4)


@pytest.mark.parametrize("sop_class", sorted(names.CLASS_NAMES))
def test_any_ups_class_in_the_command_is_tolerated(memory_desk, sop_class):
    memory_desk.create()
    request = NGetRequest(message_id=1, sop_class=sop_class, instance="1.2.3")
    assert memory_desk.one(request, uids.UPS_WATCH).status == 0


def test_another_class_in_the_command_is_not(memory_desk):
    request = NGetRequest(message_id=1, sop_class=uids.VERIFICATION, instance="1.2.3")
    assert memory_desk.one(request, uids.UPS_WATCH).status == 0x0118
    find = CFindRequest(message_id=1, sop_class=uids.VERIFICATION)
    assert memory_desk.one(find, uids.UPS_WATCH).status == 0x0122


def test_trial_peers_are_answered_in_trial_classes(desk):
    assert desk.create(via=uids.UPS_TRIAL_PUSH).sop_class == uids.UPS_TRIAL_PUSH
    match, final = desk.find(via=uids.UPS_TRIAL_PULL, SOPClassUID=uids.UPS_TRIAL_PUSH)
    assert match.data_set.SOPClassUID == uids.UPS_TRIAL_PUSH
    assert final.sop_class == uids.UPS_TRIAL_PULL
    match, final = desk.find(SOPClassUID=uids.UPS_PUSH)
    assert match.data_set.SOPClassUID == uids.UPS_PUSH


@pytest.mark.parametrize("uid", ["", "1.2.", "1..2", "01.2", "x", "1" * 65, uids.UPS_GLOBAL_SUBSCRIPTION])
def test_what_is_no_uid_makes_no_workitem(memory_desk, uid):
    response = memory_desk.create(uid)
    assert response.status == (0 if uid == "" else 0x0117)


def test_requests_on_malformed_uids(memory_desk):
    assert memory_desk.get("1.2.").status == 0x0117
    assert memory_desk.set("1.2.", ProcedureStepLabel="x").status == 0x0117
    assert memory_desk.change("IN PROGRESS", uid="1.2.").status == 0x0117


# -- data sets -------------------------------------------------------------------------------------


def _all_kinds(desk, data_set):
    yield NCreateRequest(message_id=1, sop_class=uids.UPS_PUSH, instance="1.5", data_set=data_set), uids.UPS_PUSH
    yield NSetRequest(message_id=1, sop_class=uids.UPS_PUSH, instance="1.2.3", data_set=data_set), uids.UPS_PULL
    for kind, via in ((1, uids.UPS_PULL), (2, uids.UPS_PUSH), (3, uids.UPS_WATCH), (4, uids.UPS_WATCH)):
        yield (
            NActionRequest(
                message_id=1, sop_class=uids.UPS_PUSH, instance="1.2.3", action_type=kind, data_set=data_set
            ),
            via,
        )
    yield CFindRequest(message_id=1, sop_class=uids.UPS_PULL, data_set=data_set), uids.UPS_PULL


@pytest.mark.parametrize(
    "empty", [None, EncodedDataSet(b"", uids.EXPLICIT_VR_LE), Dataset()], ids=["none", "zero", "set"]
)
def test_no_data_set_is_an_answer_not_an_accident(memory_desk, empty):
    memory_desk.create()
    found = [memory_desk.handle(request, via)[-1].status for request, via in _all_kinds(memory_desk, empty)]
    assert found == [0x0120, 0, 0x0115, 0, 0x0115, 0x0115, 0]


@pytest.mark.parametrize("syntax", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE, uids.DEFLATED_EXPLICIT_VR_LE, "1.2.3.4"])
def test_what_is_no_data_set_is_refused_and_changes_nothing(memory_desk, syntax):
    memory_desk.create()
    broken = EncodedDataSet(b"\x08\x00\x05", syntax)
    found = [memory_desk.handle(request, via)[-1] for request, via in _all_kinds(memory_desk, broken)]
    assert [response.status for response in found] == [0x0110] * 6 + [0xC000]
    assert all(response.error_comment.startswith("data set") for response in found)
    assert memory_desk.state() == "SCHEDULED"


@pytest.mark.parametrize(
    "syntax", [uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE, uids.DEFLATED_EXPLICIT_VR_LE]
)
def test_every_transfer_syntax_makes_the_same_workitem(desk, syntax):
    data = desk.workitem(PatientName="Doe^Jane")
    data.PregnancyStatus = 4
    data.ScheduledStationNameCodeSequence = [desk.code("FX1")]
    desk.create(data=EncodedDataSet(codec.encode(data, syntax), syntax))
    got = desk.get().data_set
    assert (got.PatientName, got.PregnancyStatus) == ("Doe^Jane", 4)
    assert got.ScheduledStationNameCodeSequence[0].CodeValue == "FX1"
    assert desk.found(PatientName="doe^*") == ["1.2.3"]


def test_what_comes_back_can_be_written_in_every_transfer_syntax(desk):
    data = desk.workitem(SpecificCharacterSet="ISO_IR 100", PatientName="x")
    data.PatientName = "Jäger"
    raw = EncodedDataSet(codec.encode(data, uids.EXPLICIT_VR_BE), uids.EXPLICIT_VR_BE)
    assert desk.create(data=raw).status == 0
    for syntax in (uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE):
        again = codec.decode(codec.encode(desk.get().data_set, syntax), syntax)
        assert again.PatientName == "Jäger"


def _encoded(desk, charset, **values):
    data = Dataset()
    data.SpecificCharacterSet = charset
    for name, value in values.items():
        setattr(data, name, value)
    return EncodedDataSet(codec.encode(data, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE)


def test_texts_in_two_character_sets_meet_in_a_third(desk):
    data = desk.workitem(SpecificCharacterSet="ISO_IR 100")
    data.PatientName = "Jäger"
    desk.create(data=EncodedDataSet(codec.encode(data, uids.EXPLICIT_VR_LE), uids.EXPLICIT_VR_LE))
    assert desk.get().data_set.SpecificCharacterSet == "ISO_IR 100"
    desk.handle(desk.set_request("1.2.3", _encoded(desk, "ISO_IR 100", ProcedureStepLabel="Prüfung")), uids.UPS_PULL)
    assert desk.get().data_set.SpecificCharacterSet == "ISO_IR 100"
    desk.handle(desk.set_request("1.2.3", _encoded(desk, "ISO_IR 144", ProcedureStepLabel="Шаг")), uids.UPS_PULL)
    got = desk.get().data_set
    assert (got.SpecificCharacterSet, got.PatientName, got.ProcedureStepLabel) == ("ISO_IR 192", "Jäger", "Шаг")
    desk.set(ProcedureStepLabel="plain")
    assert desk.get().data_set.PatientName == "Jäger"
    (match, _) = desk.handle(
        CFindRequest(message_id=1, sop_class=uids.UPS_PULL, data_set=_encoded(desk, "ISO_IR 100", PatientName="jÄger")),
        uids.UPS_PULL,
    )
    assert match.data_set.SpecificCharacterSet == "ISO_IR 192"


def test_the_callers_data_set_stays_as_it_was(memory_desk):
    data = memory_desk.workitem(WorklistLabel="", SOPInstanceUID="1.2.3")
    before = data.to_json()
    assert memory_desk.create(data=data).status == 0xB300
    assert data.to_json() == before


# -- what the service writes itself ----------------------------------------------------------------


def test_an_empty_worklist_label_gets_the_default_with_a_warning(make_desk):
    desk = make_desk(MemoryStore(), worklist_label="CLINIC")
    response = desk.create(WorklistLabel="")
    assert (response.status, response.offending_elements) == (0xB300, (0x00741202,))
    assert desk.get().data_set.WorklistLabel == "CLINIC"


def test_uids_in_the_data_set_are_tolerated_and_not_kept(desk):
    response = desk.create(SOPInstanceUID="1.2.3", SOPClassUID=uids.UPS_PUSH)
    assert (response.status, response.offending_elements) == (0xB300, (0x00080016, 0x00080018))
    assert "SOPInstanceUID" not in desk.get().data_set
    response = desk.set(ScheduledProcedureStepModificationDateTime="19990101", ProcedureStepLabel="x")
    assert (response.status, response.offending_elements) == (0xB305, (0x00404010,))


def test_modification_time_is_that_of_the_last_set(desk):
    desk.create()
    assert desk.get().data_set.ScheduledProcedureStepModificationDateTime == "20260301123015.250000+0000"
    desk.now = desk.now.replace(hour=13)
    desk.set(ProcedureStepLabel="x")
    assert desk.get().data_set.ScheduledProcedureStepModificationDateTime.startswith("20260301133015")


def test_get_of_chosen_attributes(desk):
    desk.create(PatientID="4711")
    response = desk.get(tags=(0x00100020, 0x00100010, 0x00741000))
    assert response.status == 0
    assert [element.keyword for element in response.data_set] == ["PatientName", "PatientID", "ProcedureStepState"]
    response = desk.get(tags=(0x00081195, 0x00080018, 0x00100020, 0x00090010))
    assert (response.status, response.attribute_list) == (1, (0x00081195, 0x00080018, 0x00090010))
    assert [element.keyword for element in response.data_set] == ["PatientID"]


def test_optional_attributes_are_kept_and_returned(desk):
    data = desk.workitem()
    data.PatientComments = "standard, outside the table"
    block = data.private_block(0x0099, "OURS", create=True)
    block.add_new(1, "LO", "private")
    desk.create(data=data)
    got = desk.get(tags=(0x00104000, 0x00991001)).data_set
    assert (got.PatientComments, got[0x00991001].value) == ("standard, outside the table", "private")


# -- events ----------------------------------------------------------------------------------------


def test_no_event_without_a_change(desk):
    desk.subscribe()
    station = {"ScheduledStationNameCodeSequence": [desk.code("FX1")]}
    desk.create(**station)
    desk.set(InputReadinessState="READY", **station)
    assert desk.events() == []


def test_readiness_progress_and_assignment_in_this_order(desk):
    desk.subscribe()
    desk.create()
    uri = desk.dataset(ContactURI="sip:x")
    performers = [
        desk.dataset(
            HumanPerformerCodeSequence=[desk.code(value)],
            HumanPerformerName="A^B",
            HumanPerformerOrganization="clinic",
        )
        for value in ("1", "2")
    ]
    progress = desk.dataset(ProcedureStepCommunicationsURISequence=[uri], ProcedureStepCancellationDateTime="2026")
    desk.set(
        InputReadinessState="INCOMPLETE",
        ProcedureStepProgressInformationSequence=[progress],
        ScheduledHumanPerformersSequence=performers,
    )
    assert [kind for kind, _, _ in desk.events()] == [1, 3, 5, 5]
    state, report, first, second = (effect.request.data_set for effect in desk.effects)
    assert state.InputReadinessState == "INCOMPLETE"
    (shown,) = report.ProcedureStepProgressInformationSequence
    assert [element.keyword for element in shown] == ["ProcedureStepCommunicationsURISequence"]
    assert [item.HumanPerformerCodeSequence[0].CodeValue for item in (first, second)] == ["1", "2"]
    assert first.HumanPerformerOrganization == "clinic"
    assert "ScheduledStationNameCodeSequence" not in first


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ProcedureStepProgress", "40", True),
        ("ProcedureStepProgressDescription", "halfway", True),
        ("ProcedureStepCancellationDateTime", "2026", False),
        ("ReasonForCancellation", "none yet", False),
    ],
)
def test_which_progress_is_worth_a_report(desk, name, value, told):
    desk.subscribe()
    desk.bring_to("IN PROGRESS")
    desk.set(tx="1.9", ProcedureStepProgressInformationSequence=[desk.dataset(**{name: value})])
    assert [kind for kind, _, _ in desk.events()] == ([3] if told else [])


def test_start_and_stop_are_told_once_to_each(make_desk, tmp_path):
    path = str(tmp_path / "ups.db")
    desk = make_desk(open_store(path), fallback=("ALARM", "GLOBAL"))
    cold = desk.service.started(desk.now)
    assert [effect.receiving_ae for effect in cold] == ["ALARM", "GLOBAL"]
    assert cold[0].request.data_set.SubscriptionListStatus == "COLD START"
    desk.create("1.1")
    desk.create("1.2")
    desk.subscribe("1.2", ae="ONE")
    desk.subscribe("1.1", ae="ONE")
    desk.subscribe(ae="GLOBAL")
    desk.subscribe(uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION, ae="SOME", PatientID="1")
    down = desk.service.stopping(desk.now)
    assert {effect.request.data_set.SCPStatus for effect in down} == {"GOING DOWN"}
    desk.store.close()
    store = open_store(path)
    again = make_desk(store, fallback=("ALARM", "GLOBAL")).service.started(desk.now)
    assert [(effect.receiving_ae, effect.request.instance, effect.request.event_type) for effect in again] == [
        ("GLOBAL", uids.UPS_GLOBAL_SUBSCRIPTION, 4),
        ("SOME", uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION, 4),
        ("ONE", "1.1", 4),
        ("ALARM", uids.UPS_GLOBAL_SUBSCRIPTION, 4),
    ]
    data = again[0].request.data_set
    assert (data.SCPStatus, data.SubscriptionListStatus) == ("RESTARTED", "WARM START")
    assert data.UnifiedProcedureStepListStatus == "WARM START"
    store.close()


# -- C-FIND ----------------------------------------------------------------------------------------


def test_no_keys_find_nothing_universal_keys_everything(desk):
    desk.create("1.1")
    desk.create("1.2")
    assert desk.found() == []
    assert desk.found(PatientName="") == ["1.1", "1.2"]
    assert desk.found(SOPInstanceUID="1.2\\1.7") == ["1.2"]


def test_a_search_goes_on_page_by_page_and_is_made_as_it_is_read(desk):
    for number in range(230):
        desk.create(f"1.2.{number}", PatientID=f"P{number % 2}")
    assert len(desk.found(PatientID="P1")) == 115
    assert len(desk.found(PatientID="P?")) == 230
    outcome = desk.service.handle(
        CFindRequest(message_id=1, sop_class=uids.UPS_PULL, data_set=desk.dataset(PatientID="")),
        Caller("ASKER", uids.UPS_PULL),
        desk.now,
    )
    responses = iter(outcome.responses)
    next(responses)
    desk.create("1.2.999")
    assert sum(1 for _ in responses) == 231


def test_a_search_without_matches_still_tells_that_it_goes_on(desk):
    for number in range(230):
        desk.create(f"1.2.{number}")
    request = CFindRequest(message_id=1, sop_class=uids.UPS_PULL, data_set=desk.dataset(PatientName="nobody"))
    outcome = desk.service.handle(request, Caller("ASKER", uids.UPS_PULL), desk.now)
    assert [len(batch) for batch in outcome.batches] == [0, 0, 0, 0, 1]


def test_an_unsupported_key_is_said(desk):
    desk.create()
    match, final = desk.find(TransactionUID="1.9", PatientName="")
    assert (match.status, final.status) == (0xFF01, 0)
    assert "TransactionUID" not in match.data_set


@pytest.mark.parametrize(
    "values",
    [
        {"ScheduledProcedureStepStartDateTime": "tomorrow"},
        {"ScheduledStationNameCodeSequence": [Dataset(), Dataset()]},
        {"PatientBirthDate": "20260231"},
    ],
)
def test_keys_without_meaning_are_refused(memory_desk, values):
    (response,) = memory_desk.find(**values)
    assert response.status == 0xA900
    assert response.offending_elements
    assert response.error_comment


class _Failing:
    """A store that fails at each transaction."""

    kept_lists = True

    def __init__(self, error):
        self._error = error

    def read(self):
        raise self._error

    write = read


@pytest.mark.parametrize(
    ("error", "n_status", "find_status"),
    [(StoreFull("x"), 0x0213, 0xA700), (StoreBusy("x"), 0x0213, 0xA700), (StoreDamaged("x"), 0x0110, 0xC000)],
)
def test_a_failing_store_becomes_a_status(make_desk, error, n_status, find_status):
    desk = make_desk(_Failing(error))
    assert [desk.create().status, desk.get().status, desk.change("IN PROGRESS").status] == [n_status] * 3
    assert [response.status for response in desk.find(PatientName="")] == [find_status]


# -- data sets of other makers ---------------------------------------------------------------------


def test_anothers_workitem_is_refused_by_name_and_taken_when_completed(desk, real_data):
    data = pydicom.dcmread(io.BytesIO((real_data / "rsp000001.dcm").read_bytes()))
    response = desk.create(data=data)
    assert response.status == 0x0120
    assert response.error_comment == "missing TransactionUID +17 more"
    assert {0x00081195, 0x00741204, 0x00404005} <= set(response.attribute_list)
    for tag in response.attribute_list:
        (data if tag != 0x00100024 else data.OtherPatientIDsSequence[0]).add_new(
            tag, pydicom.datadict.dictionary_VR(tag), ""
        )
    data.IssuerOfPatientIDQualifiersSequence = []
    data.ProcedureStepLabel, data.ScheduledProcedureStepStartDateTime = "fraction 1", "20230601"
    assert desk.create(data=data).status == 0xB300
    for name in ("FX1", "SCHEDULED_FX1"):
        keys = pydicom.dcmread(io.BytesIO((real_data / f"UPSCFind_TDWII_{name}.dcm").read_bytes()))
        *matches, _ = desk.find(keys=keys)
        (shown,) = [match.data_set for match in matches]
        assert shown.PatientID == "202304061"
        assert len(shown.ScheduledProcessingParametersSequence) == 4
        assert shown.ScheduledStationNameCodeSequence[0].CodingSchemeDesignator == "99IHERO2008"
    keys = pydicom.dcmread(io.BytesIO((real_data / "UPSCFind_TDWII_IN_PROGRESS_FX1.dcm").read_bytes()))
    assert [response.status for response in desk.find(keys=keys)] == [0]


@pytest.mark.parametrize(
    ("element", "fault"),
    [
        (b"\x28\0\x10\0US\x03\0abc", "bad-value at 00280010"),  # no whole number of values
        (b"\x40\0\x68\xa1FL\x04\0\0\0\0\0", "bad-vr at 0040A168"),  # a sequence, says the dictionary
    ],
)
def test_a_value_that_cannot_be_told_to_every_peer_is_refused(memory_desk, element, fault):
    odd = codec.decode(element, uids.EXPLICIT_VR_LE)
    data = memory_desk.workitem()
    data._dict.update(odd._dict)
    response = memory_desk.create(data=data)
    assert (response.status, response.error_comment) == (0x0110, f"data set: {fault}")
    assert memory_desk.create().status == 0
    assert memory_desk.one(memory_desk.set_request("1.2.3", odd), uids.UPS_PULL).status == 0x0110
    assert memory_desk.cancel(data=odd).status == 0x0110


@pytest.mark.parametrize(("surplus", "status"), [(0, 0), (2, 0x0213)], ids=["at the limit", "beyond"])
def test_a_workitem_may_have_so_many_bytes(make_desk, store, surplus, status):
    limit = 4096
    small = make_desk(store, max_workitem=limit)
    assert small.create("1.2.1").status == 0
    with store.read() as transaction:
        room = limit - len(transaction.workitem("1.2.1").data) - 12  # the header of UN
    filled = small.workitem()
    filled.add_new(0x7FE10010, "UN", bytes(room + surplus))
    assert small.create("1.2.2", data=filled).status == status
    assert small.get("1.2.2").status == (0xC307 if status else 0)
    changes = small.dataset()
    changes.add_new(0x7FE10010, "UN", bytes(room + surplus))
    assert small.one(small.set_request("1.2.1", changes), uids.UPS_PULL).status == status
    assert (0x7FE10010 in small.get("1.2.1").data_set) == (not status)


@pytest.mark.parametrize(("surplus", "status"), [(0, 0), (2, 0x0213)], ids=["at the limit", "beyond"])
def test_a_cancel_request_is_no_larger_than_a_workitem(make_desk, store, surplus, status):
    small = make_desk(store, max_workitem=4096)
    assert small.create().status == 0
    assert small.cancel(ReasonForCancellation="x" * (4096 - 8 + surplus)).status == status
    assert small.state() == ("SCHEDULED" if status else "CANCELED")


def test_a_workitem_kept_under_a_larger_limit_can_be_ended(make_desk, store):
    assert make_desk(store).create(ProcedureStepLabel="x" * 64, PatientComments="x" * 5000).status == 0
    small = make_desk(store, max_workitem=100)
    assert small.change("IN PROGRESS").status == 0
    assert small.set(tx="1.9", PatientComments="y" * 5000).status == 0
    assert small.set(tx="1.9", PatientComments="y" * 5002).status == 0x0213
    assert small.set(tx="1.9", PatientComments="").status == 0
