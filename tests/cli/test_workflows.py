"""Every line of the three workflows (create to complete, subscriptions, cancellation) against our own SCP.

Through the command line where it can say it, through the SCU flows where it cannot: a missing Transaction UID, a
suspend of one workitem. Each test begins with an SCP of its own; the numbers are those of the workflow tables.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dicomnet import uids
from ups import scu
from ups.cli.processes import Server, run
from ups.names import StepState

U, T, OTHER = "1.2.3", "1.7.1", "1.7.2"


CREATE = f"create S -f create.xml -iuid {U}"
CLAIM = f"chstate S -iuid {U} -state 'IN PROGRESS' -tuid {T}"
PROGRESS = f"set S -iuid {U} -f progress.xml -tuid {T}"
PERFORM = f"set S -iuid {U} -f performed.xml -tuid {T}"
COMPLETE = f"chstate S -iuid {U} -state COMPLETED -tuid {T}"
CANCEL = f"chstate S -iuid {U} -state CANCELED -tuid {T}"
DISCONTINUE = f"set S -iuid {U} -f cancel.xml -tuid {T}"
REQUEST = f"reqcancel S -iuid {U} -aet REQ -device REQ"

CLAIMED = (CREATE, CLAIM)
COMPLETED = (*CLAIMED, PERFORM, COMPLETE)
CANCELED = (*CLAIMED, DISCONTINUE, CANCEL)


# -- 1. create, claim, update, complete ------------------------------------------------------------------------------


def test_1_1_create_prints_the_uid_that_was_given_or_assigned(desk: Any) -> None:
    desk.done(CREATE)
    assert desk.out == f"{U}\n"
    desk.done("create S -f create.xml")
    assigned = desk.out.strip()
    assert uids.is_uid(assigned)
    assert sorted(desk.found("SCHEDULED")) == sorted([U, assigned])


def test_1_1_create_with_a_value_that_the_scp_fills_is_b300(desk: Any) -> None:
    desk.warned("B300", f"{CREATE} --set WorklistLabel=")
    assert desk.out == f"{U}\n"


def test_1_1a_the_same_uid_again_is_0111(desk: Any) -> None:
    desk.done(CREATE)
    desk.refused("0111", CREATE)


@pytest.mark.parametrize("options", ["-f started.xml", "-f create.xml -state COMPLETED"])
def test_1_1b_another_state_than_scheduled_is_c309_and_creates_nothing(desk: Any, options: str) -> None:
    desk.refused("C309", f"create S -iuid {U} {options}")
    desk.refused("C307", f"get S -iuid {U}")


def test_1_2_find_shows_each_match_and_no_transaction_uid(desk: Any) -> None:
    desk.done(*CLAIMED, "create S -f create.xml -iuid 1.2.4", "create S -f create.xml -iuid 1.2.5")
    desk.done("find S -state SCHEDULED -q PatientID=DEMO-1 PatientName=Demo* -r WorklistLabel")
    assert [line for line in desk.out.splitlines() if line and line[0] != " "] == ["1.2.4", "1.2.5"]
    desk.done("find S")
    assert U in desk.out
    assert T not in desk.out
    assert "TransactionUID" not in desk.out
    desk.warned("FF01", "find S -iuid 1.2.3 -r TransactionUID")
    assert T not in desk.out
    desk.done("find S -q PatientID=NOBODY")
    assert desk.out == ""


def test_1_3_claim(desk: Any) -> None:
    desk.done(*CLAIMED)
    assert desk.state() == "IN PROGRESS"


def test_1_3_claim_with_a_new_transaction_uid(desk: Any) -> None:
    desk.done(CREATE, f"chstate S -iuid {U} -state 'IN PROGRESS' -tuid new")
    made = desk.out.strip()
    desk.done(f"set S -iuid {U} -f performed.xml -tuid {made}", f"chstate S -iuid {U} -state COMPLETED -tuid {made}")


def test_1_3a_a_second_claim(desk: Any) -> None:
    desk.done(*CLAIMED)
    desk.refused("C302", CLAIM)
    desk.refused("C301", CLAIM.replace(T, OTHER))
    assert desk.ask(scu.change_state(U, StepState.IN_PROGRESS, transaction_uid=None), uids.UPS_PULL) == 0xC301


@pytest.mark.parametrize("state", ["COMPLETED", "CANCELED"])
def test_1_3b_no_end_while_scheduled(desk: Any, state: str) -> None:
    desk.done(CREATE)
    desk.refused("C310", f"chstate S -iuid {U} -state {state} -tuid {T}")
    assert desk.ask(scu.change_state(U, StepState(state), transaction_uid=None), uids.UPS_PULL) == 0xC301
    assert desk.state() == "SCHEDULED"


def test_1_3b_no_way_to_scheduled(desk: Any) -> None:
    back = f"chstate S -iuid {U} -state SCHEDULED -tuid {T}"
    desk.done(CREATE)
    desk.refused("C303", back)
    desk.done(CLAIM)
    desk.refused("C303", back)


def test_1_4_update(desk: Any) -> None:
    desk.done(*CLAIMED, PROGRESS, f"set S -iuid {U} -tuid {T} --set WorklistLabel=other")
    desk.done(f"get S -iuid {U}")
    assert "half way" in desk.out
    assert "WorklistLabel: other" in desk.out


def test_1_4a_update_without_the_right(desk: Any) -> None:
    desk.done(CREATE)
    desk.refused("C310", PROGRESS)
    desk.done(f"set S -iuid {U} --set WorklistLabel=other", CLAIM)
    desk.refused("C301", PROGRESS.replace(T, OTHER))
    desk.refused("C301", f"set S -iuid {U} -f progress.xml")
    desk.done(PERFORM, COMPLETE)
    desk.refused("C300", PROGRESS)
    desk.refused("C307", "set S -iuid 9.9 --set WorklistLabel=x")


def test_1_5_get(desk: Any) -> None:
    desk.done(*CLAIMED, f"get S -iuid {U}")
    assert "PatientID: DEMO-1" in desk.out
    assert "TransactionUID" not in desk.out
    assert T not in desk.out
    desk.done(f"get S -iuid {U} -r PatientID ScheduledWorkitemCodeSequence/CodeValue")
    assert "PatientID: DEMO-1" in desk.out
    assert "121726" in desk.out
    assert "ProcedureStepState" not in desk.out
    desk.refused("C307", "get S -iuid 9.9")


def test_1_5_attributes_that_are_not_kept_are_warning_0001(desk: Any) -> None:
    desk.done(CREATE)
    desk.warned("0001", f"get S -iuid {U} -r ProcedureStepState PixelData")
    assert "ProcedureStepState: SCHEDULED" in desk.out


def test_1_6_complete_too_early(desk: Any) -> None:
    desk.done(*CLAIMED)
    desk.refused("C304", COMPLETE)
    assert desk.state() == "IN PROGRESS"


def test_1_7_and_1_8_perform_and_complete(desk: Any) -> None:
    desk.done(*COMPLETED)
    assert desk.state() == "COMPLETED"
    desk.warned("B306", COMPLETE)
    desk.refused("C300", PROGRESS)
    desk.refused("C300", CANCEL)
    desk.refused("C301", COMPLETE.replace(T, OTHER))


def test_1_9_completed_work_is_found_until_it_is_purged(desk: Any) -> None:
    desk.done(*COMPLETED)
    assert desk.found("COMPLETED") == [U]
    desk.done(f"get S -iuid {U}")
    later = datetime.now(UTC) + timedelta(days=1)
    desk.service.purge(later, later)
    assert desk.found("COMPLETED") == []
    desk.refused("C307", f"get S -iuid {U}")


# -- 2. subscribe and unsubscribe ------------------------------------------------------------------------------------


def test_2_1_global_subscription_without_lock_sends_nothing_at_first(watched: Any) -> None:
    watched.done(CREATE, "subscribe S -aet WATCHER", CLAIM)
    watched.event(1, U, "ProcedureStepState: IN PROGRESS")


def test_2_1_global_subscription_with_lock_reports_what_there_is(watched: Any) -> None:
    watched.done(CREATE, "subscribe S -aet WATCHER -dellock")
    watched.event(1, U, "ProcedureStepState: SCHEDULED", "InputReadinessState: READY")


def test_2_2_and_2_3_the_life_of_a_workitem_in_events(watched: Any) -> None:
    watched.done("subscribe S -aet WATCHER", *CLAIMED, PROGRESS, PERFORM, COMPLETE)
    watched.event(1, U, "ProcedureStepState: SCHEDULED", "InputReadinessState: READY")
    watched.event(5, U, "FX1")
    watched.event(1, U, "ProcedureStepState: IN PROGRESS")
    watched.event(3, U, "ProcedureStepProgress: 50", "half way")
    watched.event(1, U, "ProcedureStepState: COMPLETED")


def test_2_2_nobody_assigned_is_no_event_5(watched: Any) -> None:
    watched.done("subscribe S -aet WATCHER", f"{CREATE} --set ScheduledStationNameCodeSequence=", CLAIM)
    watched.event(1, U, "SCHEDULED")
    watched.event(1, U, "IN PROGRESS")


@pytest.mark.parametrize("lock", ["", " -dellock"])
def test_2_4_specific_subscription_reports_the_state_at_once(watched: Any, lock: str) -> None:
    watched.done(CREATE, f"subscribe S -iuid {U} -aet WATCHER{lock}")
    watched.event(1, U, "ProcedureStepState: SCHEDULED")


def test_2_4_a_lock_that_is_refused_is_b301(lockless: Any) -> None:
    lockless.done(CREATE)
    lockless.warned("B301", f"subscribe S -iuid {U} -aet WATCHER -dellock")


def test_2_4_a_lock_holds_the_workitem_until_it_is_given_back(desk: Any) -> None:
    desk.done(*COMPLETED, f"subscribe S -iuid {U} -aet WATCHER -dellock")
    later = datetime.now(UTC) + timedelta(days=1)
    desk.service.purge(later, later)
    assert desk.state() == "COMPLETED"
    desk.done(f"unsubscribe S -iuid {U} -aet WATCHER")
    desk.service.purge(later, later)
    desk.refused("C307", f"get S -iuid {U}")


def test_2_5_suspend_ends_what_is_yet_to_come_only(watched: Any) -> None:
    watched.done("subscribe S -aet WATCHER", CREATE, "suspend S -aet WATCHER")
    watched.done("create S -f create.xml -iuid 1.2.4", CLAIM)
    watched.event(1, U, "SCHEDULED")
    watched.event(5, U)
    watched.event(1, U, "IN PROGRESS")


def test_2_6_unsubscribe_from_one(watched: Any) -> None:
    watched.done(CREATE, f"subscribe S -iuid {U} -aet WATCHER", f"unsubscribe S -iuid {U} -aet WATCHER", CLAIM)
    watched.event(1, U, "SCHEDULED")
    watched.done(f"subscribe S -iuid {U} -aet WATCHER")
    watched.event(1, U, "IN PROGRESS")


def test_2_7_unsubscribe_from_all(watched: Any) -> None:
    watched.done(CREATE, f"subscribe S -iuid {U} -aet WATCHER", "subscribe S -aet WATCHER")
    watched.done("unsubscribe S -aet WATCHER", CLAIM, "create S -f create.xml -iuid 1.2.4")
    watched.event(1, U, "SCHEDULED")
    watched.done(f"subscribe S -iuid {U} -aet WATCHER")
    watched.event(1, U, "IN PROGRESS")


def test_2_x_errors(desk: Any) -> None:
    desk.done(CREATE)
    for operation in ("subscribe", "unsubscribe"):
        desk.refused("C307", f"{operation} S -iuid 9.9 -aet WATCHER")
    desk.refused("C308", "subscribe S -aet STRANGER")
    desk.refused("C308", f"subscribe S -iuid {U} -aet STRANGER")
    assert desk.ask(scu.suspend("WATCHER", uid=U), uids.UPS_WATCH) == 0xC314
    claim = scu.change_state(uids.UPS_GLOBAL_SUBSCRIPTION, StepState.IN_PROGRESS, transaction_uid=T)
    assert desk.ask(claim, uids.UPS_PULL) in (0xC307, 0xC314)


def test_2_x_suspend_is_global_whatever_iuid_says(desk: Any) -> None:
    desk.done(CREATE)
    assert desk.run(f"suspend S -iuid {U} -aet WATCHER") == 0
    assert desk.err.startswith("dcmups: warning: -iuid has no effect on suspend\n")


def test_2_y_filtered_global_subscription(watched: Any) -> None:
    subscribe = f"subscribe S -iuid {uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION} -aet WATCHER -q WorklistLabel=special"
    watched.done(subscribe, "create S -f create.xml -iuid 1.2.4")
    watched.done(f"{CREATE} --set WorklistLabel=special ScheduledStationNameCodeSequence=")
    watched.event(1, U, "SCHEDULED")


def test_2_y_filtered_by_filter_until_it_is_suspended_or_ended(watched: Any) -> None:
    label = "--set WorklistLabel=special ScheduledStationNameCodeSequence="
    code = "ScheduledWorkitemCodeSequence/CodeValue=121726"
    watched.done(f"subscribe S -aet WATCHER -dellock --filter WorklistLabel=spec* {code}")
    assert "WATCHER is subscribed to all workitems that match its filter" in watched.err
    watched.done(f"{CREATE} {label}", "create S -f create.xml -iuid 1.2.4")
    watched.event(1, U, "SCHEDULED")
    watched.done("suspend S -aet WATCHER --filtered", f"create S -f create.xml -iuid 1.2.5 {label}")
    watched.done(REQUEST, "reqcancel S -iuid 1.2.5 -aet REQ")
    watched.event(1, U, "IN PROGRESS")
    watched.event(1, U, "CANCELED")
    watched.done(f"subscribe S -aet WATCHER --filter WorklistLabel=special {code} -state SCHEDULED")
    watched.done("unsubscribe S -aet WATCHER --filtered", f"create S -f create.xml -iuid 1.2.6 {label}")


def test_2_y_a_filter_reports_what_matches_already_when_it_locks(watched: Any) -> None:
    watched.done(CREATE, "create S -f create.xml -iuid 1.2.4 --set PatientID=OTHER")
    watched.done("subscribe S -aet WATCHER -dellock --filter PatientID=OTHER")
    watched.event(1, "1.2.4", "SCHEDULED")


def test_2_z_a_restart_is_told_to_the_subscribers(tmp_path: Path, files: Path) -> None:
    with Server("ups", "-L", "WATCHER@127.0.0.1:0") as watcher:
        words = ("-L", "SCP@127.0.0.1:0", "--db", str(tmp_path / "x.db"), "--peer", f"WATCHER=127.0.0.1:{watcher.port}")
        with Server("ups.cli.upsscp", *words) as scp:
            assert run("subscribe", f"SCP@127.0.0.1:{scp.port}", "-aet", "WATCHER")[0] == 0
            assert scp.end() == 0
            assert "SCPStatus: GOING DOWN" in "\n".join(watcher.block())
        with Server("ups.cli.upsscp", *words):
            block = "\n".join(watcher.block())
    assert block.startswith("event 4 SCP Status Change: ")
    assert "SCPStatus: RESTARTED" in block
    assert block.count("WARM START") == 2


# -- 3. request a cancellation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", ["", " -upswatch"])
def test_3_1_a_scheduled_workitem_is_canceled_by_the_scp(watched: Any, context: str) -> None:
    watched.done("subscribe S -aet WATCHER", f"{CREATE} --set ScheduledStationNameCodeSequence=")
    watched.done(f"{REQUEST}{context} --set 'ReasonForCancellation=not needed'")
    watched.event(1, U, "SCHEDULED")
    watched.event(1, U, "ProcedureStepState: IN PROGRESS")
    watched.event(1, U, "ProcedureStepState: CANCELED", "not needed")
    assert watched.found("CANCELED") == [U]
    watched.done(f"get S -iuid {U}")
    assert "ProcedureStepCancellationDateTime: 2" in watched.out
    assert "ProcedureStepDiscontinuationReasonCodeSequence: 1 item" in watched.out
    assert "ReasonForCancellation: not needed" in watched.out


def performed(watched: Any) -> None:
    """U is claimed, and PERF is told of what happens to it."""
    watched.done(*CLAIMED, f"subscribe S -iuid {U} -aet PERF")
    watched.event(1, U, "IN PROGRESS", at=watched.performer)


def test_3_2_the_performer_is_asked(watched: Any) -> None:
    performed(watched)
    why = "--reason why --reason-code '110513,DCM,\"Not needed\"' --contact me --contact-uri tel:1"
    watched.done(f"{REQUEST} {why}")
    texts = ("RequestingAE: REQ", "ReasonForCancellation: why", "ContactDisplayName: me", "ContactURI: tel:1")
    texts += ("CodeValue: 110513", "CodingSchemeDesignator: DCM", "CodeMeaning: Not needed")
    watched.event(2, U, *texts, at=watched.performer)
    assert watched.state() == "IN PROGRESS"


def test_3_3_the_performer_agrees(watched: Any) -> None:
    performed(watched)
    watched.done(REQUEST)
    watched.event(2, U, at=watched.performer)
    watched.refused("C304", CANCEL)
    watched.done(DISCONTINUE, CANCEL)
    watched.event(1, U, "ProcedureStepState: CANCELED", "asked to stop", "110513", at=watched.performer)
    assert watched.state() == "CANCELED"


def test_3_4_the_performer_goes_on(watched: Any) -> None:
    performed(watched)
    watched.done(REQUEST)
    watched.event(2, U, at=watched.performer)
    assert watched.state() == "IN PROGRESS"
    watched.done(PERFORM, COMPLETE)
    watched.event(1, U, "ProcedureStepState: COMPLETED", at=watched.performer)


def test_3_x_already_canceled_is_b304(desk: Any) -> None:
    desk.done(*CANCELED)
    desk.warned("B304", REQUEST)
    desk.warned("B304", CANCEL)


def test_3_x_already_completed_is_c311(desk: Any) -> None:
    desk.done(*COMPLETED)
    desk.refused("C311", REQUEST)


def test_3_x_a_performer_nobody_can_reach_is_c312(desk: Any) -> None:
    desk.done(*CLAIMED)
    desk.refused("C312", REQUEST)


def test_3_x_an_unknown_workitem_is_c307(desk: Any) -> None:
    desk.refused("C307", REQUEST)


def test_all_of_it_by_the_trial_classes(desk: Any) -> None:
    desk.done(*(f"{command} --trial" for command in COMPLETED))
    desk.done("find S -state COMPLETED --trial")
    assert U in desk.out
    assert uids.UPS_TRIAL_PUSH in desk.out
    desk.done(f"get S -iuid {U}", "subscribe S -aet WATCHER --trial", "unsubscribe S -aet WATCHER --trial")
