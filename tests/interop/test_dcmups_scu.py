"""``dcmups`` against an SCP made of pynetdicom: what it sends, what it prints, how it ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from .processes import Ended, Program, run
from .pynetdicom_scp import FILTERED, GLOBAL, PeerScp
from .workitems import cancellation, performed, progress, save_json, uid, workitem

PUSH, WATCH, PULL = (f"1.2.840.10008.5.1.4.34.6.{number}" for number in (1, 2, 3))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The files of the three workflows, by name."""
    made = {
        "create": workitem(),
        "started": workitem(ProcedureStepState="IN PROGRESS"),
        "unlabelled": workitem(ProcedureStepLabel=""),
        "progress": progress(),
        "performed": performed(),
        "cancel": cancellation(),
    }
    return {name: save_json(data, tmp_path / f"{name}.json") for name, data in made.items()}


@pytest.fixture
def dcmups(peer_scp: PeerScp) -> Callable[..., Ended]:
    """Runs an operation against the SCP and checks its exit status."""

    def do(operation: str, *words: str, status: int = 0) -> Ended:
        done = run(operation, peer_scp.address, *words)
        assert done.status == status, done
        return done

    return do


def first_line(done: Ended) -> str:
    """What was said first on standard error, without the name of the program."""
    assert all(line.startswith("dcmups: ") for line in done.error_lines)
    return done.error_lines[0].removeprefix("dcmups: ")


def test_create_claim_update_complete(dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str]) -> None:
    instance, transaction = uid(), uid()
    assert dcmups("create", "-f", files["create"], "-iuid", instance).out.split() == [instance]
    assert first_line(dcmups("create", "-f", files["create"], "-iuid", instance, status=3)).startswith("0111 ")
    assert first_line(dcmups("create", "-f", files["started"], status=3)).startswith("C309 ")
    lock = ("-iuid", instance, "-tuid", transaction)
    assert first_line(dcmups("chstate", *lock, "-state", "COMPLETED", status=3)).startswith("C310 ")
    dcmups("chstate", *lock, "-state", "IN PROGRESS")
    other = ("-iuid", instance, "-tuid", uid())
    assert first_line(dcmups("chstate", *lock, "-state", "IN PROGRESS", status=3)).startswith("C302 ")
    assert first_line(dcmups("chstate", *other, "-state", "IN PROGRESS", status=3)).startswith("C301 ")
    assert first_line(dcmups("chstate", *lock, "-state", "SCHEDULED", status=3)).startswith("C303 ")
    assert first_line(dcmups("set", *other, "-f", files["progress"], status=3)).startswith("C301 ")
    dcmups("set", *lock, "-f", files["progress"])
    assert first_line(dcmups("chstate", *lock, "-state", "COMPLETED", status=3)).startswith("C304 ")
    dcmups("set", *lock, "-f", files["performed"])
    dcmups("chstate", *lock, "-state", "COMPLETED")
    again = dcmups("chstate", *lock, "-state", "COMPLETED")
    assert first_line(again).startswith("warning: B306 ")
    assert first_line(dcmups("set", *lock, "-f", files["progress"], status=3)).startswith("C300 ")
    shown = dcmups("get", "-iuid", instance, "-r", "ProcedureStepState", "PatientName").out
    assert "COMPLETED" in shown
    assert "Phantom" in shown

    services = ["N-CREATE"] * 3 + ["N-ACTION 1"] * 5 + ["N-SET"] * 2 + ["N-ACTION 1", "N-SET", "N-ACTION 1"]
    services += ["N-ACTION 1", "N-SET", "N-GET"]
    assert [asked.service for asked in peer_scp.asked] == services
    # Whatever the context, the command names UPS Push (PS3.4 CC.3.1).
    assert {asked.sop_class for asked in peer_scp.asked} == {PUSH}
    contexts = {asked.service: asked.context for asked in peer_scp.asked}
    assert contexts == {"N-CREATE": PUSH, "N-ACTION 1": PULL, "N-SET": PULL, "N-GET": PULL}
    assert {asked.calling for asked in peer_scp.asked} == {"DCMUPSSCU"}
    claim = peer_scp.asked[4].data
    assert (claim.ProcedureStepState, claim.TransactionUID) == ("IN PROGRESS", transaction)


def test_the_scp_makes_the_uid(dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str]) -> None:
    assert dcmups("create", "-f", files["create"]).out.split() == list(peer_scp.held)


def test_a_refused_create_says_why_and_leaves_nothing(
    dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str]
) -> None:
    done = dcmups("create", "-f", files["unlabelled"], status=3)
    assert first_line(done).startswith("0120 ")
    assert len(done.error_lines) <= 3
    assert not done.out
    assert not peer_scp.held
    dcmups("create", "-f", files["unlabelled"], "--set", "ProcedureStepLabel=now it has one")
    (held,) = peer_scp.held.values()
    assert held.data.ProcedureStepLabel == "now it has one"


def test_find(dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str]) -> None:
    first, second, transaction = uid(), uid(), uid()
    for instance in (first, second):
        dcmups("create", "-f", files["create"], "-iuid", instance)
    dcmups("chstate", "-iuid", second, "-tuid", transaction, "-state", "IN PROGRESS")
    done = dcmups("find", "-state", "SCHEDULED", "-r", "PatientName")
    assert first in done.out
    assert second not in done.out
    assert "Phantom" in done.out
    done = dcmups("find", "-q", "ProcedureStepState=IN PROGRESS", "PatientID=PEER-1", "-r", "WorklistLabel")
    assert second in done.out
    assert first not in done.out
    # This SCP gives the lock away; it must not be shown.
    assert transaction not in done.out
    assert all(instance in dcmups("find").out for instance in (first, second))
    nothing = dcmups("find", "-q", "PatientID=NOBODY")
    assert not nothing.out
    asked = [asked for asked in peer_scp.asked if asked.service == "C-FIND"]
    # C-FIND alone names the class of its context (CC.2.8.1).
    assert {(ask.context, ask.sop_class) for ask in asked} == {(PULL, PULL)}
    assert asked[0].data.ProcedureStepState == "SCHEDULED"
    assert "PatientName" in asked[0].data


def test_find_in_the_watch_class(dcmups: Callable[..., Ended], peer_scp: PeerScp) -> None:
    dcmups("find", "-upswatch", "-findprior", "HIGH")
    (asked,) = peer_scp.asked
    assert (asked.context, asked.sop_class) == (WATCH, WATCH)


def test_get_shows_no_lock(dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str]) -> None:
    instance, transaction = uid(), uid()
    dcmups("create", "-f", files["create"], "-iuid", instance)
    # Also when the SCP is so careless as to send it.
    peer_scp.held[instance].data.TransactionUID = transaction
    done = dcmups("get", "-iuid", instance)
    assert transaction not in done.out
    assert "Phantom" in done.out
    assert first_line(dcmups("get", "-iuid", uid(), status=3)).startswith("C307 ")
    partly = dcmups("get", "-iuid", instance, "-r", "PatientName", "StudyInstanceUID")
    assert "0001" in first_line(partly)
    assert "Phantom" in partly.out


def test_request_cancel(dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str]) -> None:
    instance, transaction = uid(), uid()
    dcmups("create", "-f", files["create"], "-iuid", instance)
    why = ("--reason", "kein Bedürfnis", "--reason-code", "110513,DCM,Not needed, really")
    whom = ("--contact", "Dr. Müller", "--contact-uri", "tel:+31201234567")
    done = dcmups("reqcancel", "-iuid", instance, "-aet", "REQ", *why, *whom, "--wait", "CANCELED")
    assert done.error_lines[-1] == f"dcmups: reqcancel: {instance} is CANCELED"
    assert peer_scp.held[instance].state == "CANCELED"
    asked, looked = peer_scp.asked[-2:]
    assert (asked.service, asked.context) == ("N-ACTION 2", PUSH)
    assert (looked.service, looked.context) == ("N-GET", PUSH)
    assert asked.data.ReasonForCancellation == "kein Bedürfnis"
    assert (asked.data.ContactDisplayName, asked.data.ContactURI) == ("Dr. Müller", "tel:+31201234567")
    (code,) = asked.data.ProcedureStepDiscontinuationReasonCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("110513", "DCM")
    assert code.CodeMeaning == "Not needed, really"
    assert first_line(dcmups("reqcancel", "-iuid", instance, "-aet", "REQ")).startswith("warning: B304 ")
    assert first_line(dcmups("reqcancel", "-iuid", uid(), "-aet", "REQ", status=3)).startswith("C307 ")
    done = uid()
    lock = ("-iuid", done, "-tuid", transaction)
    dcmups("create", "-f", files["create"], "-iuid", done)
    dcmups("chstate", *lock, "-state", "IN PROGRESS")
    late = ("--wait", "CANCELED", "--wait-timeout", "100")
    dcmups("reqcancel", "-iuid", done, "-aet", "REQ", "-upswatch", *late, status=4)
    assert {asked.context for asked in peer_scp.asked[-3:]} == {WATCH}
    assert peer_scp.held[done].state == "IN PROGRESS"
    assert first_line(dcmups("chstate", *lock, "-state", "CANCELED", status=3)).startswith("C304 ")
    dcmups("set", *lock, "-f", files["cancel"])
    dcmups("chstate", *lock, "-state", "CANCELED")
    assert first_line(dcmups("chstate", *lock, "-state", "CANCELED")).startswith("warning: B304 ")


def test_subscriptions(dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str]) -> None:
    instance = uid()
    dcmups("create", "-f", files["create"], "-iuid", instance)
    assert first_line(dcmups("subscribe", "-aet", "WATCHER", status=3)).startswith("C308 ")
    peer_scp.peers["WATCHER"] = 9
    dcmups("subscribe", "-aet", "WATCHER")
    asked = peer_scp.asked[-1]
    assert (asked.service, asked.context, asked.instance) == ("N-ACTION 3", WATCH, GLOBAL)
    assert (asked.data.ReceivingAE, asked.data.DeletionLock) == ("WATCHER", "FALSE")
    assert peer_scp.everywhere == {"WATCHER"}
    locked = dcmups("subscribe", "-aet", "WATCHER", "-dellock")
    assert first_line(locked).startswith("warning: B301 ")
    assert peer_scp.asked[-1].data.DeletionLock == "TRUE"
    dcmups("suspend", "-aet", "WATCHER")
    asked = peer_scp.asked[-1]
    assert (asked.service, asked.context, asked.instance) == ("N-ACTION 5", WATCH, GLOBAL)
    assert not peer_scp.everywhere
    assert peer_scp.held[instance].subscribers == {"WATCHER"}
    dcmups("unsubscribe", "-aet", "WATCHER", "-iuid", instance)
    assert not peer_scp.held[instance].subscribers
    dcmups("unsubscribe", "-aet", "WATCHER")
    assert (peer_scp.asked[-1].service, peer_scp.asked[-1].instance) == ("N-ACTION 4", GLOBAL)
    assert first_line(dcmups("subscribe", "-aet", "WATCHER", "-iuid", uid(), status=3)).startswith("C307 ")
    key = "ScheduledStationNameCodeSequence/CodeValue=FX1"
    for keys in (("-iuid", FILTERED, "-q", key), ("--filter", key)):
        filtered = dcmups("subscribe", "-aet", "WATCHER", *keys, status=3)
        assert first_line(filtered).startswith("C307 ")
        assert peer_scp.asked[-1].instance == FILTERED
        assert peer_scp.asked[-1].data.ScheduledStationNameCodeSequence[0].CodeValue == "FX1"
    for operation, service in (("unsubscribe", "N-ACTION 4"), ("suspend", "N-ACTION 5")):
        run(operation, peer_scp.address, "-aet", "WATCHER", "--filtered")
        assert (peer_scp.asked[-1].service, peer_scp.asked[-1].instance) == (service, FILTERED)


def test_a_claim_that_is_remembered(
    dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str], tmp_path: Path
) -> None:
    instance, store = uid(), tmp_path / "claims"
    lock = ("-iuid", instance, "-tuid", "auto", "--tuid-store", str(store))
    dcmups("create", "-f", files["create"], "-iuid", instance)
    assert "--tuid-store" in first_line(dcmups("set", *lock, "-f", files["progress"], status=1))
    dcmups("chstate", *lock, "-state", "IN PROGRESS")
    assert peer_scp.held[instance].transaction in store.read_text()
    assert first_line(dcmups("chstate", *lock, "-state", "IN PROGRESS", status=3)).startswith("C302 ")
    dcmups("set", *lock, "-f", files["performed"])
    dcmups("chstate", *lock, "-state", "COMPLETED")
    assert peer_scp.held[instance].transaction not in store.read_text()


def test_trial_classes(dcmups: Callable[..., Ended], peer_scp: PeerScp) -> None:
    dcmups("find", "--trial")
    (asked,) = peer_scp.asked
    assert (asked.context, asked.sop_class) == ("1.2.840.10008.5.1.4.34.4.3",) * 2


@pytest.mark.parametrize("option", [(), ("-ivrle",)])
def test_transfer_syntaxes(dcmups: Callable[..., Ended], files: dict[str, str], option: tuple[str, ...]) -> None:
    instance = uid()
    dcmups("create", "-f", files["create"], "-iuid", instance, *option)
    assert "Phantom" in dcmups("get", "-iuid", instance, *option).out


# -- event reports ---------------------------------------------------------------------------------------------------


def listen(start_dcmups: Callable[..., Program], peer_scp: PeerScp, *words: str) -> Program:
    """A listener on a free port that the SCP knows as WATCHER."""
    program = start_dcmups(*words, "-L", "WATCHER@127.0.0.1:0")
    peer_scp.peers["WATCHER"] = int(program.wait_for(r"WATCHER listening on 127\.0\.0\.1:(\d+)$")[1])
    return program


def test_the_listener_prints_each_event(
    dcmups: Callable[..., Ended],
    peer_scp: PeerScp,
    files: dict[str, str],
    start_dcmups: Callable[..., Program],
) -> None:
    watcher = listen(start_dcmups, peer_scp)
    instance, transaction = uid(), uid()
    lock = ("-iuid", instance, "-tuid", transaction)
    dcmups("subscribe", "-aet", "WATCHER")
    dcmups("create", "-f", files["create"], "-iuid", instance)
    dcmups("chstate", *lock, "-state", "IN PROGRESS")
    dcmups("set", *lock, "-f", files["progress"])
    dcmups("reqcancel", "-iuid", instance, "-aet", "REQ")
    dcmups("set", *lock, "-f", files["performed"])
    dcmups("chstate", *lock, "-state", "COMPLETED")
    watcher.wait_for("COMPLETED", "out")
    assert watcher.stop(signal.SIGTERM) == 0
    events = [line for line in watcher.out if line.startswith("event ")]
    assert [line.split()[1] for line in events] == ["1", "1", "3", "2", "1"]
    assert all(instance in line for line in events)
    text = "\n".join(watcher.out)
    places = [text.index(word) for word in ("SCHEDULED", "IN PROGRESS", "under way", "DCMUPSSCU", "COMPLETED")]
    assert places == sorted(places)
    # The SCP got role SCP of the Event class, and success for every event.
    reports = [asked for asked in peer_scp.asked if asked.service.startswith(("N-EVENT", "NOT"))]
    assert [report.service for report in reports[:5]] == [f"N-EVENT-REPORT {n} 0000" for n in (1, 1, 3, 2, 1)][
        : len(reports)
    ]
    assert {report.context for report in reports} == {"scu=False scp=True"}


def test_an_operation_with_a_port_stays_and_listens(
    dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str], start_dcmups: Callable[..., Program]
) -> None:
    instance = uid()
    dcmups("create", "-f", files["create"], "-iuid", instance)
    peer_scp.peers["WATCHER"] = 9  # known; the port follows as soon as it listens
    watcher = start_dcmups("get", peer_scp.address, "-iuid", instance, "-L", "WATCHER@127.0.0.1:0")
    peer_scp.peers["WATCHER"] = int(watcher.wait_for(r"WATCHER listening on 127\.0\.0\.1:(\d+)$")[1])
    watcher.wait_for("get: done")
    dcmups("subscribe", "-aet", "WATCHER", "-iuid", instance)
    watcher.wait_for(f"^event 1 .*{instance}", "out")
    assert peer_scp.asked[1].calling == "WATCHER"
    assert watcher.stop(signal.SIGINT) == 130


def test_watching_with_a_command(
    dcmups: Callable[..., Ended],
    peer_scp: PeerScp,
    files: dict[str, str],
    start_dcmups: Callable[..., Program],
    tmp_path: Path,
) -> None:
    told = tmp_path / "told"
    instance, transaction = uid(), uid()
    peer_scp.peers["WATCHER"] = 9  # known; the port follows as soon as it listens
    words = ("-aet", "WATCHER", "-L", "WATCHER@127.0.0.1:0", "--watch", "--exec", f"tee -a {told}")
    watcher = start_dcmups("subscribe", peer_scp.address, *words)
    peer_scp.peers["WATCHER"] = int(watcher.wait_for(r"WATCHER listening on 127\.0\.0\.1:(\d+)$")[1])
    watcher.wait_for("WATCHER is subscribed")
    dcmups("create", "-f", files["create"], "-iuid", instance)
    dcmups("chstate", "-iuid", instance, "-tuid", transaction, "-state", "IN PROGRESS")
    watcher.wait_for("IN PROGRESS", "out")
    assert watcher.stop(signal.SIGTERM) == 0
    assert not peer_scp.everywhere
    events = [json.loads(line) for line in told.read_text().splitlines()]
    assert [(event["uid"], event["state"]) for event in events] == [
        (instance, "SCHEDULED"),
        (instance, "IN PROGRESS"),
    ]


def test_a_failed_operation_does_not_stay(peer_scp: PeerScp, start_dcmups: Callable[..., Program]) -> None:
    watcher = start_dcmups("get", peer_scp.address, "-iuid", uid(), "-L", "WATCHER@127.0.0.1:0")
    watcher.wait_for("C307 ")
    assert watcher.wait() == 3


def test_the_listener_takes_no_calls_for_others(
    dcmups: Callable[..., Ended], peer_scp: PeerScp, files: dict[str, str], start_dcmups: Callable[..., Program]
) -> None:
    watcher = listen(start_dcmups, peer_scp)
    peer_scp.peers["SOMEBODY"] = peer_scp.peers["WATCHER"]
    first, second = uid(), uid()
    for instance in (first, second):
        dcmups("create", "-f", files["create"], "-iuid", instance)
    dcmups("subscribe", "-aet", "SOMEBODY", "-iuid", first)
    dcmups("subscribe", "-aet", "WATCHER", "-iuid", second)
    watcher.wait_for(f"^event 1 .*{second}", "out")
    assert not any(first in line for line in watcher.out)
    assert "NOT DELIVERED" in [asked.service for asked in peer_scp.asked]
