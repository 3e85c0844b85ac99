"""Tables CC.2.3-1 to CC.2.3-3, row by row, as a peer meets them; and what may be refused."""

from __future__ import annotations

import pytest

from dicomnet import uids
from ups.scp.subscriptions import MAX_FILTER

GLOBAL, FILTERED = uids.UPS_GLOBAL_SUBSCRIPTION, uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION
NOT, LOCK, NO_LOCK = "Not Subscribed", "with Lock", "w/o Lock"


def _bring(desk, before):
    desk.create()
    if before != NOT:
        desk.subscribe("1.2.3", lock="TRUE" if before == LOCK else "FALSE")


def _now(desk, uid="1.2.3", ae="WATCHER"):
    with desk.store.read() as transaction:
        held = [subscription for subscription in transaction.subscribers(uid) if subscription.ae_title == ae]
    return NOT if not held else LOCK if held[0].lock else NO_LOCK


@pytest.mark.parametrize(
    ("first", "after", "told"),
    [(None, NOT, False), ("TRUE", LOCK, True), ("FALSE", NO_LOCK, True)],
    ids=["no global", "global with lock", "global without lock"],
)
def test_a_new_workitem(desk, first, after, told):
    if first:
        desk.subscribe(lock=first)
    assert desk.create().status == 0
    assert _now(desk) == after
    assert desk.events() == ([(1, "SCHEDULED", "WATCHER")] if told else [])


@pytest.mark.parametrize(
    ("instance", "kind", "lock", "before", "after", "told"),
    [
        (GLOBAL, 3, "TRUE", NOT, LOCK, True),
        (GLOBAL, 3, "TRUE", LOCK, LOCK, False),
        (GLOBAL, 3, "TRUE", NO_LOCK, NO_LOCK, False),
        (GLOBAL, 3, "FALSE", NOT, NO_LOCK, False),
        (GLOBAL, 3, "FALSE", LOCK, LOCK, False),
        (GLOBAL, 3, "FALSE", NO_LOCK, NO_LOCK, False),
        ("1.2.3", 3, "TRUE", NOT, LOCK, True),
        ("1.2.3", 3, "TRUE", LOCK, LOCK, True),
        ("1.2.3", 3, "TRUE", NO_LOCK, LOCK, True),
        ("1.2.3", 3, "FALSE", NOT, NO_LOCK, True),
        ("1.2.3", 3, "FALSE", LOCK, NO_LOCK, True),
        ("1.2.3", 3, "FALSE", NO_LOCK, NO_LOCK, True),
        ("1.2.3", 4, None, NOT, NOT, False),
        ("1.2.3", 4, None, LOCK, NOT, False),
        ("1.2.3", 4, None, NO_LOCK, NOT, False),
        (GLOBAL, 4, None, NOT, NOT, False),
        (GLOBAL, 4, None, LOCK, NOT, False),
        (GLOBAL, 4, None, NO_LOCK, NOT, False),
        (FILTERED, 4, None, LOCK, NOT, False),
        (GLOBAL, 5, None, NOT, NOT, False),
        (GLOBAL, 5, None, LOCK, LOCK, False),
        (GLOBAL, 5, None, NO_LOCK, NO_LOCK, False),
    ],
)
def test_each_cell_of_the_table(desk, instance, kind, lock, before, after, told):
    _bring(desk, before)
    assert desk.action(kind, instance, ReceivingAE="WATCHER", DeletionLock=lock).status == 0
    assert _now(desk) == after
    assert desk.events() == ([(1, "SCHEDULED", "WATCHER")] if told else [])


@pytest.mark.parametrize("how", ["unsubscribe", "suspend"])
@pytest.mark.parametrize("instance", [GLOBAL, FILTERED])
def test_after_the_end_of_a_global_subscription_new_workitems_are_not_told_of(desk, how, instance):
    desk.subscribe(lock="TRUE")
    desk.create("1.1")
    getattr(desk, how)(instance)
    desk.create("1.2")
    assert desk.events() == []
    assert _now(desk, "1.2") == NOT
    assert _now(desk, "1.1") == (NOT if how == "unsubscribe" else LOCK)


def test_a_filtered_subscription_covers_what_matches_only(desk):
    desk.create("1.1", ScheduledProcedureStepPriority="HIGH")
    desk.create("1.2", ScheduledProcedureStepPriority="LOW")
    assert desk.subscribe(FILTERED, lock="TRUE", ScheduledProcedureStepPriority="HIGH").status == 0
    assert [effect.request.instance for effect in desk.effects] == ["1.1"]
    desk.create("1.3", ScheduledProcedureStepPriority="LOW")
    assert desk.events() == []
    desk.create("1.4", ScheduledProcedureStepPriority="HIGH")
    assert desk.events() == [(1, "SCHEDULED", "WATCHER")]
    assert [_now(desk, uid) for uid in ("1.1", "1.2", "1.3", "1.4")] == [LOCK, NOT, NOT, LOCK]


def test_a_filter_may_name_the_instance(memory_desk):
    memory_desk.create("1.1")
    memory_desk.create("1.2")
    memory_desk.subscribe(FILTERED, SOPInstanceUID="1.2")
    assert [_now(memory_desk, uid) for uid in ("1.1", "1.2")] == [NOT, NO_LOCK]


def test_a_filtered_subscription_without_keys_is_refused(memory_desk):
    assert memory_desk.subscribe(FILTERED).status == 0x0115
    assert memory_desk.create().status == 0
    assert memory_desk.events() == []


def test_a_filter_without_meaning_leaves_the_store_as_it_was(desk):
    response = desk.subscribe(FILTERED, ScheduledProcedureStepStartDateTime="whenever")
    assert response.status == 0x0115
    desk.create()
    assert desk.events() == []


def test_one_global_subscription_per_ae(desk):
    desk.subscribe(FILTERED, ScheduledProcedureStepPriority="HIGH")
    desk.subscribe(GLOBAL)
    desk.create(ScheduledProcedureStepPriority="LOW")
    assert desk.events() == [(1, "SCHEDULED", "WATCHER")]


@pytest.mark.parametrize(
    ("kind", "instance", "values", "status"),
    [
        (3, "1.2.99", {"ReceivingAE": "WATCHER", "DeletionLock": "TRUE"}, 0xC307),
        (4, "1.2.99", {"ReceivingAE": "WATCHER"}, 0xC307),
        (3, "1.2.", {"ReceivingAE": "WATCHER", "DeletionLock": "TRUE"}, 0x0117),
        (3, GLOBAL, {"ReceivingAE": "NOBODY", "DeletionLock": "TRUE"}, 0xC308),
        (4, GLOBAL, {"ReceivingAE": "NOBODY"}, 0xC308),
        (5, GLOBAL, {"ReceivingAE": "NOBODY"}, 0xC308),
        (5, "1.2.3", {"ReceivingAE": "WATCHER"}, 0xC314),
        (3, GLOBAL, {"DeletionLock": "TRUE"}, 0x0115),
        (3, GLOBAL, {"ReceivingAE": "", "DeletionLock": "TRUE"}, 0x0115),
        (3, GLOBAL, {"ReceivingAE": "A" * 17, "DeletionLock": "TRUE"}, 0x0115),
        (3, GLOBAL, {"ReceivingAE": "WATCHER"}, 0x0115),
        (3, GLOBAL, {"ReceivingAE": "WATCHER", "DeletionLock": "YES"}, 0x0115),
        (3, GLOBAL, {}, 0x0115),
    ],
)
def test_refusals_change_no_subscription(desk, kind, instance, values, status):
    _bring(desk, LOCK)
    assert desk.action(kind, instance, **values).status == status
    assert desk.events() == []
    assert _now(desk) == LOCK


@pytest.mark.parametrize("kind", [1, 2])
def test_state_actions_have_no_meaning_for_all_workitems(memory_desk, kind):
    via = uids.UPS_PULL if kind == 1 else uids.UPS_PUSH
    assert memory_desk.action(kind, GLOBAL, via=via).status == 0xC314


def test_an_ae_that_lost_its_address_can_still_unsubscribe(make_desk, store):
    known = {"WATCHER"}
    desk = make_desk(store, knows_ae=known.__contains__)
    desk.create()
    desk.subscribe("1.2.3")
    known.clear()
    assert desk.subscribe("1.2.3").status == 0xC308
    assert desk.unsubscribe("1.2.3").status == 0
    assert _now(desk) == NOT


def test_locks_not_granted_are_a_warning(make_desk, store):
    desk = make_desk(store, grant_locks=False)
    desk.create()
    assert desk.subscribe("1.2.3", lock="TRUE").status == 0xB301
    assert desk.events() == [(1, "SCHEDULED", "WATCHER")]
    assert _now(desk) == NO_LOCK
    assert desk.subscribe("1.2.3", lock="FALSE").status == 0


def test_initial_reports_show_the_state_of_each_workitem(desk):
    for number, state in enumerate(("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"), 1):
        desk.bring_to(state, f"1.2.{number}", f"1.9.{number}")
    desk.subscribe(lock="TRUE")
    assert [state for _, state, _ in desk.events()] == ["SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"]
    canceled = desk.effects[-1].request.data_set
    assert canceled.ProcedureStepDiscontinuationReasonCodeSequence[0].CodeValue == "110501"


def test_a_trial_subscriber_is_told_in_the_trial_classes(desk):
    desk.create()
    response = desk.action(3, "1.2.3", via=uids.UPS_TRIAL_WATCH, ReceivingAE="OLD", DeletionLock="FALSE")
    assert response.sop_class == uids.UPS_TRIAL_PUSH
    desk.subscribe("1.2.3", ae="NEW")
    desk.change("IN PROGRESS")
    assert [(e.receiving_ae, e.abstract_syntax, e.request.sop_class) for e in desk.effects] == [
        ("NEW", uids.UPS_EVENT, uids.UPS_PUSH),
        ("OLD", uids.UPS_TRIAL_EVENT, uids.UPS_TRIAL_PUSH),
    ]


def test_no_lock_no_longer_keeps_after_unsubscribing(desk):
    desk.bring_to("COMPLETED")
    desk.subscribe("1.2.3", lock="TRUE")
    later = desk.now.replace(year=2027)
    assert desk.service.purge(later, later) == 0
    assert desk.get().status == 0
    desk.unsubscribe("1.2.3")
    assert desk.service.purge(later, later) == 1
    assert desk.get().status == 0xC307
    assert _now(desk) == NOT


def test_purge_takes_only_what_ended_before_and_trusts_no_clock_set_back(desk):
    desk.bring_to("COMPLETED", "1.1")
    desk.bring_to("IN PROGRESS", "1.2", "1.8")
    earlier = desk.now.replace(year=2025)
    later = desk.now.replace(year=2027)
    assert desk.service.purge(earlier, later) == 0
    assert desk.service.purge(later, earlier) == 0
    assert desk.service.purge(later, later) == 1
    assert desk.found(ProcedureStepState="") == ["1.2"]


@pytest.mark.parametrize(("surplus", "status"), [(0, 0), (2, 0x0213)])
def test_a_filter_has_a_longest_length(memory_desk, surplus, status):
    values = 1024  # the longest values there may be, in a VR with a length of four bytes
    room = MAX_FILTER + surplus - 12
    lengths = [values] * (room // (values + 1))
    text = "\\".join(["x" * length for length in lengths] + ["x" * (room - len(lengths) * (values + 1))])
    filtered = memory_desk.dataset(ReceivingAE="WATCHER", DeletionLock="FALSE", LongCodeValue=text)
    response = memory_desk.action(3, uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION, data=filtered)
    assert response.status == status
