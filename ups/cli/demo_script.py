"""The three workflows of the demo as data: each command with the outcome that PS3.4 Annex CC lets us expect.

A step is one run of the real command line. Words in braces (``{S}``, ``{U1}``, ``{T1}``, ``{files}``) are filled in by
the runner: the SCP's address, fresh UIDs, the folder with the files. The states and statuses are those of Tables
CC.1.1-2 and CC.2.3-1.
"""

from __future__ import annotations

from collections.abc import Iterator

from dicomnet.records import dataclass

__all__ = ["LISTENERS", "RESTART", "UIDS", "Expected", "Step", "Workflow", "workflows"]

LISTENERS = ("WATCHER", "PERF")
"""The AE titles that receive event reports."""

UIDS = ("U1", "U2", "U3", "U4", "U5", "U6", "U7", "T1", "T2", "T4", "T6", "T7", "NOBODY")
"""The names that stand for fresh UIDs."""

RESTART = "restart"
"""The one step that is no command: the SCP ends and begins again on the same database."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An event report that must be the next one a listener prints."""

    listener: str
    event_type: int
    instance: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One command. ``says`` must be in what it prints, ``hides`` must not; ``events`` follow it, in this order."""

    number: str
    story: str
    command: str
    exit: int = 0
    says: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    events: tuple[Expected, ...] = ()


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow with its steps."""

    title: str
    steps: tuple[Step, ...]


def workflows() -> tuple[Workflow, ...]:
    """The workflows in their order; they build on one another's workitems."""
    return (
        Workflow("1. Create, claim, update, complete", tuple(_create_to_complete())),
        Workflow("2. Subscribe to event reports and unsubscribe", tuple(_subscriptions())),
        Workflow("3. Request a cancellation", tuple(_cancellations())),
    )


def _state(state: str, instance: str, listener: str = "WATCHER") -> Expected:
    return Expected(listener, 1, instance, f"ProcedureStepState: {state}")


def _created(instance: str) -> tuple[Expected, ...]:
    """A new workitem with a station gives a State Report and a UPS Assigned (CC.2.4.3)."""
    return _state("SCHEDULED", instance), Expected("WATCHER", 5, instance)


def _create_to_complete() -> Iterator[Step]:
    claim = "chstate {S} -iuid {U1} -state 'IN PROGRESS' -tuid {T1}"
    complete = "chstate {S} -iuid {U1} -state COMPLETED -tuid {T1}"
    yield Step(
        "1.1", "The SCP chooses the UID and the tool prints it", "create {S} -f {files}/create.xml", says=("2.25.",)
    )
    yield Step("1.1", "We choose the UID", "create {S} -f {files}/create.xml -iuid {U1}", says=("{U1}",))
    yield Step("1.1a", "The same UID again", "create {S} -f {files}/create.xml -iuid {U1}", 3, ("0111",))
    yield Step("1.1b", "A state other than SCHEDULED", "create {S} -f {files}/started.xml", 3, ("C309",))
    find = "find {S} -state SCHEDULED -q PatientID=DEMO-1 -r PatientName ProcedureStepLabel"
    yield Step("1.2", "Look for work", find, says=("{U1}", "2 matches"), hides=("TransactionUID",))
    early = "chstate {S} -iuid {U1} -state CANCELED -tuid {T1}"
    yield Step("1.3b", "No end without a beginning", early, 3, ("C310",))
    yield Step("1.3", "Claim it", claim)
    yield Step("1.3a", "Claim it once more", claim, 3, ("C302",))
    yield Step("1.3a", "Somebody else claims it", claim.replace("{T1}", "{T2}"), 3, ("C301",))
    back = "chstate {S} -iuid {U1} -state SCHEDULED -tuid {T1}"
    yield Step("1.3b", "No way back", back, 3, ("C303",))
    update = "set {S} -iuid {U1} -f {files}/progress.xml"
    yield Step("1.4", "Report progress", f"{update} -tuid {{T1}}")
    yield Step("1.4a", "An update by somebody else", f"{update} -tuid {{T2}}", 3, ("C301",))
    yield Step(
        "1.5", "Look at it", "get {S} -iuid {U1}", says=("half way", "IN PROGRESS"), hides=("TransactionUID", "{T1}")
    )
    yield Step("1.5", "Look at what is not there", "get {S} -iuid {NOBODY}", 3, ("C307",))
    yield Step("1.6", "Too early: nothing was performed yet", complete, 3, ("C304",))
    yield Step("1.7", "Report what was performed", "set {S} -iuid {U1} -f {files}/performed.xml -tuid {T1}")
    yield Step("1.8", "Complete it", complete)
    yield Step("1.8", "Complete it again: a warning", complete, says=("B306",))
    yield Step("1.8", "A final state is final", f"{update} -tuid {{T1}}", 3, ("C300",))
    yield Step("1.9", "Look for finished work", "find {S} -state COMPLETED", says=("{U1}", "1 match"))


def _subscriptions() -> Iterator[Step]:
    create = "create {S} -f {files}/create.xml -iuid "
    progress = "set {S} -f {files}/progress.xml -iuid "
    yield Step("2.1", "Subscribe to everything; without a lock nothing is sent at first", "subscribe {S} -aet WATCHER")
    yield Step("2.2", "A new workitem is reported", f"{create}{{U2}}", says=("{U2}",), events=_created("{U2}"))
    claim = "chstate {S} -iuid {U2} -state 'IN PROGRESS' -tuid {T2}"
    yield Step("2.3", "Its claim, ...", claim, events=(_state("IN PROGRESS", "{U2}"),))
    yield Step(
        "2.3", "... its progress ...", f"{progress}{{U2}} -tuid {{T2}}", events=(Expected("WATCHER", 3, "{U2}", "50"),)
    )
    yield Step("2.3", "(the results are no event)", "set {S} -iuid {U2} -f {files}/performed.xml -tuid {T2}")
    complete = "chstate {S} -iuid {U2} -state COMPLETED -tuid {T2}"
    yield Step("2.3", "... and its end", complete, events=(_state("COMPLETED", "{U2}"),))
    yield Step("2.4", "Another workitem, ...", f"{create}{{U4}}", events=_created("{U4}"))
    lock = "subscribe {S} -iuid {U4} -aet WATCHER -dellock"
    yield Step(
        "2.4",
        "... subscribed with a deletion lock: its state comes at once",
        lock,
        events=(_state("SCHEDULED", "{U4}"),),
    )
    yield Step("2.5", "No more new workitems, please", "suspend {S} -aet WATCHER")
    yield Step("2.5", "So this one is not reported, ...", f"{create}{{U3}}")
    claim = "chstate {S} -iuid {U4} -state 'IN PROGRESS' -tuid {T4}"
    yield Step("2.5", "... while the old one still is", claim, events=(_state("IN PROGRESS", "{U4}"),))
    yield Step("2.6", "Not even that one any more", "unsubscribe {S} -iuid {U4} -aet WATCHER")
    yield Step("2.6", "So this progress is not reported", f"{progress}{{U4}} -tuid {{T4}}")
    yield Step("2.7", "End every subscription", "unsubscribe {S} -aet WATCHER")
    again = "subscribe {S} -iuid {U4} -aet WATCHER"
    yield Step("2.7", "The next report is that of a new subscription", again, events=(_state("IN PROGRESS", "{U4}"),))
    yield Step("2.x", "A workitem nobody knows", "subscribe {S} -iuid {NOBODY} -aet WATCHER", 3, ("C307",))
    yield Step("2.x", "An AE nobody knows", "subscribe {S} -aet STRANGER", 3, ("C308",))
    ends = tuple(Expected("WATCHER", 4, "", f"SCPStatus: {status}") for status in ("GOING DOWN", "RESTARTED"))
    yield Step("2.z", "The SCP ends, begins again, and says both", RESTART, events=ends)


def _cancellations() -> Iterator[Step]:
    create = "create {S} -f {files}/create.xml -iuid "
    ask = "reqcancel {S} -device REQ -aet REQ -iuid "
    yield Step("3.1", "A workitem ...", f"{create}{{U5}}")
    watch = "subscribe {S} -iuid {U5} -aet WATCHER"
    yield Step("3.1", "... that we watch", watch, events=(_state("SCHEDULED", "{U5}"),))
    both = (_state("IN PROGRESS", "{U5}"), _state("CANCELED", "{U5}"))
    yield Step("3.1", "Nobody works on it: the SCP cancels it itself", f"{ask}{{U5}}", events=both)
    yield Step("3.1", "There it is", "find {S} -state CANCELED", says=("{U5}",))
    yield Step("3.2", "Another one, ...", f"{create}{{U6}}")
    watch = "subscribe {S} -iuid {U6} -aet PERF"
    yield Step("3.2", "... watched ...", watch, events=(_state("SCHEDULED", "{U6}", "PERF"),))
    claim = "chstate {S} -iuid {U6} -state 'IN PROGRESS' -tuid {T6}"
    yield Step("3.2", "... and claimed by its performer", claim, events=(_state("IN PROGRESS", "{U6}", "PERF"),))
    request = (Expected("PERF", 2, "{U6}", "REQ"),)
    yield Step("3.2", "The request is passed on to the performer, no more", f"{ask}{{U6}}", events=request)
    yield Step("3.2", "It is still in progress", "get {S} -iuid {U6} -r ProcedureStepState", says=("IN PROGRESS",))
    cancel = "chstate {S} -iuid {U6} -state CANCELED -tuid {T6}"
    yield Step("3.3", "The performer agrees, but must say why", cancel, 3, ("C304",))
    yield Step("3.3", "So it does", "set {S} -iuid {U6} -f {files}/cancel.xml -tuid {T6}")
    yield Step("3.3", "Now it is canceled", cancel, events=(_state("CANCELED", "{U6}", "PERF"),))
    yield Step("3.4", "A third one, ...", f"{create}{{U7}}")
    watch = "subscribe {S} -iuid {U7} -aet PERF"
    yield Step("3.4", "... watched ...", watch, events=(_state("SCHEDULED", "{U7}", "PERF"),))
    claim = "chstate {S} -iuid {U7} -state 'IN PROGRESS' -tuid {T7}"
    yield Step("3.4", "... and claimed", claim, events=(_state("IN PROGRESS", "{U7}", "PERF"),))
    request = (Expected("PERF", 2, "{U7}", "REQ"),)
    yield Step("3.4", "This time the performer ignores the request", f"{ask}{{U7}}", events=request)
    yield Step("3.4", "It goes on ...", "set {S} -iuid {U7} -f {files}/performed.xml -tuid {T7}")
    complete = "chstate {S} -iuid {U7} -state COMPLETED -tuid {T7}"
    yield Step("3.4", "... to the end", complete, events=(_state("COMPLETED", "{U7}", "PERF"),))
    yield Step("3.x", "Already canceled: a warning", f"{ask}{{U5}}", says=("B304",))
    yield Step("3.x", "Already completed", f"{ask}{{U7}}", 3, ("C311",))
    yield Step("3.x", "A workitem nobody knows", f"{ask}{{NOBODY}}", 3, ("C307",))
