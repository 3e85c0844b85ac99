"""--wait: until the state is there, will never be, or the time is over; asked for on the association there is."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    EncodedDataSet,
    NActionRequest,
    NEventReportRequest,
    NEventReportResponse,
    NGetRequest,
    NGetResponse,
    Request,
)
from dicomnet.errors import TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from dicomnet.steps import AwaitReply, Pause, SendMessage
from ups.cli.main import main
from ups.cli.waiting import Ending, Wait, Waited
from ups.names import StepState

pytestmark = pytest.mark.once

U = "1.2.3"
REQUEST = f"reqcancel S -iuid {U} -aet ME"
CLAIM = f"chstate S -iuid {U} -state 'IN PROGRESS' -tuid 1.7"


def dcmups(text: str, peer: Any) -> int:
    return main([peer.address if word == "S" else word for word in shlex.split(text)])


def in_state(state: str | None, **more: str) -> Dataset:
    dataset = Dataset()
    if state is not None:
        dataset.ProcedureStepState = state
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dataset


def living(*states: str | int | Dataset | None, answer: int = 0) -> Handler:
    """A workitem that is in the next of these states, or answers with this status, each time it is looked at."""
    rest: Iterator[str | int | Dataset | None] = iter(states)

    def handle(request: Request, peer: Peer) -> Flow[None]:
        if isinstance(request, NGetRequest):
            found = next(rest)
            if isinstance(found, int):
                yield from flows.send(reply(request, found))
            else:
                data_set = found if isinstance(found, Dataset) else in_state(found)
                yield from flows.send(reply(request, data_set=data_set))
        else:
            yield from flows.send(reply(request, answer))

    return handle


def silent(request: Request, peer: Peer) -> Flow[None]:
    """Answers no question."""
    if isinstance(request, NGetRequest):
        yield from flows.pause(100.0)
    yield from flows.send(reply(request))


# -- on the wire -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "context"), [(REQUEST, uids.UPS_PUSH), (CLAIM, uids.UPS_PULL)])
def test_the_state_is_asked_for_until_it_is_reached(
    scripted: Any, words: str, context: str, capsys: pytest.CaptureFixture[str]
) -> None:
    peer = scripted(living("IN PROGRESS", "IN PROGRESS", "CANCELED"))
    assert dcmups(f"{words} --wait CANCELED", peer) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[1:] == [f"dcmups: {words.split()[0]}: {U} is CANCELED"]
    action, *questions = peer.messages
    assert isinstance(action, NActionRequest)
    assert len(questions) == 3
    for question in questions:
        assert isinstance(question, NGetRequest)
        assert (question.sop_class, question.instance) == (uids.UPS_PUSH, U)
        assert question.attributes == (0x00741000,)
        assert question.context_id == action.context_id
    assert {c.context_id: c.abstract_syntax for c in peer.request.presentation_contexts}[action.context_id] == context
    assert peer.ended_in_order()


def test_another_final_state_is_a_clear_line_and_exit_3(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    peer = scripted(living("IN PROGRESS", "COMPLETED"))
    assert dcmups(f"{REQUEST} --wait CANCELED", peer) == 3
    assert capsys.readouterr().err.splitlines() == [
        "dcmups: reqcancel: the request was passed on; the state tells whether it is followed",
        f"dcmups: {U} is COMPLETED and will never be CANCELED (--wait)",
    ]
    assert peer.ended_in_order()


def test_the_deadline_is_exit_4(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    peer = scripted(living(*["IN PROGRESS"] * 9))
    assert dcmups(f"{REQUEST} --wait CANCELED --wait-timeout 300", peer) == 4
    err = capsys.readouterr().err
    assert err.splitlines()[1:] == [f"dcmups: {U} is still IN PROGRESS after 0.3 s (--wait-timeout)"]
    assert len(peer.messages) in (3, 4)  # at once, after 0.25 s, and at the end unless that was late
    assert peer.ended_in_order()


def test_the_deadline_bounds_a_question_that_nobody_answers(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    peer = scripted(silent)
    assert dcmups(f"{REQUEST} --wait CANCELED --wait-timeout 100 -releaseTO 100", peer) == 4
    assert f"dcmups: {U} has not told its state after 0.1 s (--wait-timeout)\n" in capsys.readouterr().err


def test_rsp_to_bounds_each_question(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups(f"{REQUEST} --wait CANCELED --wait-timeout 0 -rspTO 100", scripted(silent)) == 4
    assert "(-rspTO)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (0xC307, "C307 no such UPS"),
        (0x0124, "0124 not authorized"),
        (None, f"the peer does not tell the state of {U} (--wait)"),
        (in_state(None, PatientID="7"), f"the peer does not tell the state of {U} (--wait)"),
    ],
)
def test_a_peer_that_does_not_say_is_exit_3(
    scripted: Any, found: Any, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dcmups(f"{REQUEST} --wait CANCELED", scripted(living(found))) == 3
    assert capsys.readouterr().err.splitlines()[1] == f"dcmups: {line}"


def test_a_peer_that_is_busy_is_asked_again(scripted: Any) -> None:
    assert dcmups(f"{REQUEST} --wait CANCELED", scripted(living(0x0213, 0x0110, "CANCELED"))) == 0


def test_an_answer_that_cannot_be_read_is_exit_2(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    broken = EncodedDataSet(b"\x08\x00\x18\x00UI\xff\xff", uids.EXPLICIT_VR_LE)

    def handle(request: Request, peer: Peer) -> Flow[None]:
        more = {"data_set": broken} if isinstance(request, NGetRequest) else {}
        yield from flows.send(reply(request, **more))

    assert dcmups(f"{REQUEST} --wait CANCELED", scripted(handle)) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "code"), [(0xC311, 3), (0xC307, 3)])
def test_nothing_is_waited_for_after_a_failure(scripted: Any, status: int, code: int) -> None:
    peer = scripted(living(answer=status))
    assert dcmups(f"{REQUEST} --wait CANCELED", peer) == code
    assert len(peer.messages) == 1


def test_a_warning_is_waited_after(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups(f"{REQUEST} --wait CANCELED", scripted(living("CANCELED", answer=0xB304))) == 0
    assert "warning: B304" in capsys.readouterr().err


def test_strict_holds_for_the_answer_and_a_wait_that_fails_goes_before(scripted: Any) -> None:
    assert dcmups(f"{REQUEST} --wait CANCELED --strict", scripted(living("CANCELED", answer=0xB304))) == 5
    assert dcmups(f"{REQUEST} --wait COMPLETED --strict", scripted(living("CANCELED", answer=0xB304))) == 3


def test_json_tells_the_answer_and_the_end_of_the_wait(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert dcmups(f"{REQUEST} --wait CANCELED --json", scripted(living("COMPLETED"))) == 3
    answer, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert (answer["operation"], answer["status"]) == ("reqcancel", "0000")
    assert end == {"operation": "wait", "uid": U, "state": "COMPLETED"}


def test_a_state_that_an_event_tells_of_counts(scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """IN PROGRESS lasts for a moment, between two questions."""

    def handle(request: Request, peer: Peer) -> Flow[None]:
        if isinstance(request, NGetRequest):
            for instance, state in (("9.9", "COMPLETED"), (U, "IN PROGRESS"), (U, "CANCELED")):
                report = NEventReportRequest(
                    sop_class=uids.UPS_PUSH, instance=instance, event_type=1, data_set=in_state(state)
                )
                yield from flows.ask(report, expect=NEventReportResponse, via=uids.UPS_EVENT)
            yield from flows.send(reply(request, data_set=in_state("CANCELED")))
        else:
            yield from flows.send(reply(request))

    peer = scripted(handle)
    assert dcmups(f"{REQUEST} --wait 'IN PROGRESS'", peer) == 0
    out, err = capsys.readouterr()
    assert out.count("event 1 UPS State Report") == 3
    assert err.endswith(f"dcmups: reqcancel: {U} is IN PROGRESS\n")


def test_against_our_own_scp(desk: Any) -> None:
    desk.done(f"create S -f create.xml -iuid {U}", f"reqcancel S -iuid {U} -aet REQ --wait CANCELED")
    assert f"{U} is CANCELED" in desk.err
    desk.done("create S -f create.xml -iuid 1.2.4")
    claim = "chstate S -iuid 1.2.4 -state 'IN PROGRESS' -tuid 1.7"
    desk.done(f"{claim} --wait 'IN PROGRESS'")
    done = "chstate S -iuid 1.2.4 -state COMPLETED -tuid 1.7"
    desk.done("set S -iuid 1.2.4 -f performed.xml -tuid 1.7", f"{done} --wait COMPLETED -upspull")
    assert desk.run(f"{done} --wait CANCELED") == 3
    assert "1.2.4 is COMPLETED and will never be CANCELED" in desk.err


# -- the flow, by a clock of its own ---------------------------------------------------------------------------------


class Clock:
    """Time that passes when a flow pauses."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []


def run(wait: Wait, clock: Clock, states: list[str], each: float = 0.0) -> Waited:
    """Run the flow; every question takes so many seconds."""
    flow = wait.flow()
    sent: Any = None
    rest = iter(states)
    try:
        while True:
            step = flow.send(sent)
            sent = None
            if isinstance(step, Pause):
                clock.pauses.append(step.seconds)
                clock.now += step.seconds
            elif isinstance(step, SendMessage):
                sent = 1
            else:
                assert isinstance(step, AwaitReply)
                clock.now += each if step.timeout is None else min(each, step.timeout)
                if step.timeout is not None and each > step.timeout:
                    step = flow.throw(TimedOut("no answer", wait="response"))
                    raise AssertionError("a wait goes on after its deadline")
                sent = NGetResponse(responding_to=1, status=0, data_set=in_state(next(rest)))
    except StopIteration as end:
        waited: Waited = end.value
        return waited


def waiting(clock: Clock, seconds: float | None, response: float | None = 10.0) -> Wait:
    return Wait(
        U,
        StepState.CANCELED,
        seconds,
        via=uids.UPS_PUSH,
        sop_class=uids.UPS_PUSH,
        response_timeout=response,
        now=lambda: clock.now,
    )


def test_the_questions_come_ever_more_seldom_and_never_faster_than_four_a_second() -> None:
    clock = Clock()
    waited = run(waiting(clock, 60.0), clock, ["IN PROGRESS"] * 100)
    assert waited == Waited(Ending.TIMED_OUT, "IN PROGRESS")
    assert clock.now == pytest.approx(160.0)
    assert clock.pauses[0] == 0.25
    assert clock.pauses[:-1] == sorted(clock.pauses[:-1])
    assert max(clock.pauses) == 5.0
    assert len(clock.pauses) < 25


@pytest.mark.parametrize("response", [10.0, 0.5, None])
def test_the_deadline_holds_whatever_a_question_takes(response: float | None) -> None:
    clock = Clock()
    assert run(waiting(clock, 1.0, response), clock, ["IN PROGRESS"] * 9, each=0.4).ending is Ending.TIMED_OUT
    assert clock.now <= 102.0


def test_without_a_deadline_it_waits_on() -> None:
    clock = Clock()
    assert run(waiting(clock, None), clock, ["IN PROGRESS"] * 500 + ["CANCELED"]).ending is Ending.REACHED
    assert clock.now > 2000


def test_reports_of_others_and_unreadable_ones_say_nothing() -> None:
    wait = waiting(Clock(), 1.0)
    broken = EncodedDataSet(b"\x08\x00\x18\x00UI\xff\xff", uids.EXPLICIT_VR_LE)
    for instance, event_type, data_set in (
        ("1.2.4", 1, in_state("CANCELED")),
        (U, 3, in_state("CANCELED")),
        (U, 1, broken),
        (U, 1, None),
        (U, 1, in_state("")),
    ):
        wait.note(NEventReportRequest(sop_class="1.2", instance=instance, event_type=event_type, data_set=data_set))
    clock = Clock()
    assert run(wait, clock, ["IN PROGRESS", "CANCELED"]).ending is Ending.REACHED
    assert len(clock.pauses) == 1
