"""The operations as an SCU asks for them, each against a peer in memory that notes what it was asked."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset, flows, scu, uids
from dicomnet.dataset.files import part10
from dicomnet.dataset.part10 import header
from dicomnet.dimse import files
from dicomnet.dimse import messages as m
from dicomnet.dimse.conversion import reply, response_type
from dicomnet.dimse.payloads import EncodedDataSet, FileDataSet, StreamedDataSet
from dicomnet.drivers import memory
from dicomnet.errors import DecodeError, LocalProtocolError, RemoteProtocolError, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Peer, handle_by_type
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
OTHER = "1.2.840.10008.5.1.4.1.1.7.1"
CLASSES = (CAPTURE, OTHER, uids.STUDY_ROOT_FIND, uids.STUDY_ROOT_GET, uids.STUDY_ROOT_MOVE, uids.VERIFICATION)
OPTIONS = RequestOptions("SCP", "SCU", tuple(ProposedContext(uid) for uid in CLASSES))
POLICY = PlainPolicy(tuple(SupportedContext(uid) for uid in CLASSES))
REQUESTS = (
    m.CStoreRequest,
    m.NEventReportRequest,
    m.NGetRequest,
    m.NSetRequest,
    m.NActionRequest,
    m.NCreateRequest,
    m.NDeleteRequest,
)


def sample() -> Dataset:
    content = Dataset()
    content.SOPClassUID = CAPTURE
    content.SOPInstanceUID = "2.25.77"
    content.PatientID = "x"
    return content


class Peers:
    """A peer that answers everything with success and keeps the requests."""

    def __init__(self, **handlers: Any) -> None:
        self.asked: list[m.Request] = []
        by_type: dict[type[m.Request], Any] = dict.fromkeys(REQUESTS, self._answer)
        by_type.update({getattr(m, name): handler for name, handler in handlers.items()})
        self.link = memory.connect(
            OPTIONS,
            POLICY,
            peer_handler=handle_by_type(by_type),
            check_roles=False,  # event reports go the same way as all else here
        )

    def _answer(self, request: m.Request, peer: Peer) -> Flow[None]:
        self.asked.append(request)
        yield from flows.send(reply(request))

    def context(self) -> str:
        """The abstract syntax of the context that the last request came on."""
        return self.link.negotiated.contexts[self.asked[-1].context_id or 0].abstract_syntax


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (partial(scu.n_create, CAPTURE, sample()), m.NCreateRequest(message_id=1, sop_class=CAPTURE)),
        (
            partial(scu.n_create, CAPTURE, sample(), instance="1.2"),
            m.NCreateRequest(message_id=1, sop_class=CAPTURE, instance="1.2"),
        ),
        (partial(scu.n_set, CAPTURE, "1.2", sample()), m.NSetRequest(message_id=1, sop_class=CAPTURE, instance="1.2")),
        (partial(scu.n_get, CAPTURE, "1.2"), m.NGetRequest(message_id=1, sop_class=CAPTURE, instance="1.2")),
        (
            partial(scu.n_get, CAPTURE, "1.2", [0x00100010]),
            m.NGetRequest(message_id=1, sop_class=CAPTURE, instance="1.2", attributes=(0x00100010,)),
        ),
        (
            partial(scu.n_action, CAPTURE, "1.2", 3, sample()),
            m.NActionRequest(message_id=1, sop_class=CAPTURE, instance="1.2", action_type=3),
        ),
        (partial(scu.n_delete, CAPTURE, "1.2"), m.NDeleteRequest(message_id=1, sop_class=CAPTURE, instance="1.2")),
        (
            partial(scu.n_event_report, CAPTURE, "1.2", 4, sample()),
            m.NEventReportRequest(message_id=1, sop_class=CAPTURE, instance="1.2", event_type=4),
        ),
        (
            partial(scu.c_store, sample(), priority=2),
            m.CStoreRequest(message_id=1, sop_class=CAPTURE, instance="2.25.77", priority=2),
        ),
    ],
)
def test_each_operation_asks_for_what_it_says(operation: Callable[..., Flow[Any]], expected: m.Request) -> None:
    for via in (None, OTHER):
        peers = Peers()
        answer = peers.link.run(operation(via=via))
        (asked,) = peers.asked
        assert type(answer) is response_type(asked)
        assert answer.status == 0
        assert asked.dataset() in (None, sample())
        assert replace(asked, data_set=None) == expected
        assert peers.context() == (via or CAPTURE)


def test_echo_is_there_too() -> None:
    assert Peers().link.run(scu.c_echo()).status == 0


# C-STORE.


@pytest.mark.parametrize("form", ["data set", "bytes", "path", "file", "stream", "moved"])
def test_an_instance_in_any_form_is_stored(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(part10(sample(), uids.EXPLICIT_VR_LE))
    data = dataset.encode(sample(), uids.IMPLICIT_VR_LE)
    peers = Peers()
    flow = {
        "data set": lambda: scu.c_store(sample()),
        "bytes": lambda: scu.c_store(EncodedDataSet(data, uids.IMPLICIT_VR_LE)),
        "path": lambda: scu.c_store(path),
        "file": lambda: scu.c_store(FileDataSet.of(path)),
        "stream": lambda: scu.c_store(
            StreamedDataSet([data], uids.IMPLICIT_VR_LE), sop_class=CAPTURE, instance="2.25.77"
        ),
        "moved": lambda: scu.c_store(sample(), move_originator="MOVER", move_originator_message_id=4),
    }[form]()
    assert peers.link.run(flow).status == 0
    (asked,) = peers.asked
    assert isinstance(asked, m.CStoreRequest)
    assert (asked.sop_class, asked.instance) == (CAPTURE, "2.25.77")
    assert asked.dataset() == sample()
    assert (asked.move_originator, asked.move_originator_message_id) == (
        ("MOVER", 4) if form == "moved" else (None, None)
    )


def test_what_is_given_wins_over_the_data_set(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(part10(sample(), uids.EXPLICIT_VR_LE))
    for data_set in (sample(), path):
        peers = Peers()
        peers.link.run(scu.c_store(data_set, sop_class=OTHER, instance="1.9"))
        (asked,) = peers.asked
        assert isinstance(asked, m.CStoreRequest)
        assert (asked.sop_class, asked.instance) == (OTHER, "1.9")


@pytest.mark.parametrize("given", [{"sop_class": ""}, {"instance": ""}, {"sop_class": "", "instance": ""}])
@pytest.mark.parametrize("form", ["data set", "path", "request"])
def test_an_empty_uid_is_sent_when_it_is_given(form: str, given: dict[str, str], tmp_path: Path) -> None:
    """Wrong, and on purpose: nothing is put in its place."""
    path = tmp_path / "a.dcm"
    path.write_bytes(part10(sample(), uids.EXPLICIT_VR_LE))
    expected = {"sop_class": CAPTURE, "instance": "2.25.77"} | given
    peers = Peers()
    if form == "request":
        request = m.CStoreRequest(**expected, data_set=path)
        response = peers.link.run(flows.ask(request, expect=m.CStoreResponse, via=CAPTURE))
    else:
        response = peers.link.run(scu.c_store(path if form == "path" else sample(), **given, via=CAPTURE))
    assert response.status == 0
    (asked,) = peers.asked
    assert isinstance(asked, m.CStoreRequest)
    assert {"sop_class": asked.sop_class, "instance": asked.instance} == expected
    assert asked.dataset() == sample()


@pytest.mark.parametrize("named", [{}, {"sop_class": OTHER}, {"instance": "1.9"}])
def test_what_is_not_given_must_be_told(named: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "nameless"
    path.write_bytes(header("", "", uids.IMPLICIT_VR_LE) + b"data")
    for data_set in (path, EncodedDataSet(b"", uids.IMPLICIT_VR_LE)):
        peers = Peers()
        with pytest.raises(LocalProtocolError, match="does not tell them"):
            peers.link.run(scu.c_store(data_set, **named))
        assert peers.asked == []
        assert peers.link.run(scu.c_echo()).status == 0


@pytest.mark.parametrize("data_set", [None, Dataset(), StreamedDataSet([b"x"], uids.IMPLICIT_VR_LE), Path("nameless")])
def test_an_instance_must_be_known(data_set: Any, tmp_path: Path) -> None:
    if isinstance(data_set, Path):
        data_set = tmp_path / data_set
        data_set.write_bytes(header("", "", uids.IMPLICIT_VR_LE) + b"data")
    peers = Peers()
    with pytest.raises(LocalProtocolError):
        peers.link.run(scu.c_store(data_set))
    assert peers.asked == []
    peers.link.release()


@pytest.mark.parametrize("at_hand", [False, True])
def test_a_file_takes_one_call_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_hand: bool) -> None:
    def counted(flow: Flow[Any]) -> Flow[Any]:
        outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as stop:
                return stop.value
            calls.append(isinstance(step, flows.Call))
            outcome = yield step

    path = tmp_path / "a.dcm"
    path.write_bytes(part10(sample(), uids.IMPLICIT_VR_LE))
    monkeypatch.setattr(files, "_AT_HAND", 8)
    monkeypatch.setattr(files, "_opener", lambda: lambda name: os.open(name, os.O_RDONLY) if at_hand else -1)
    monkeypatch.setattr(os, "preadv", lambda file, buffers, offset, flags: os.readv(file, buffers))
    calls: list[bool] = []
    assert Peers().link.run(counted(scu.c_store(path))).status == 0
    assert sum(calls) == (0 if at_hand else 1)


def test_a_stream_is_read_in_calls_only() -> None:
    """It may block, and nobody knows when: never in the flow, which an event loop runs."""

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            places.append("flow" if flow_runs else "call")
            return super().read(size)

    def watched(flow: Flow[Any]) -> Flow[Any]:
        nonlocal flow_runs
        outcome = None
        while True:
            flow_runs = True
            try:
                step = flow.send(outcome)
            except StopIteration as stop:
                return stop.value
            finally:
                flow_runs = False
            outcome = yield step

    places: list[str] = []
    flow_runs = False
    data = bytes(5 << 20)
    source = StreamedDataSet(Watched(data), uids.IMPLICIT_VR_LE)
    assert Peers().link.run(watched(scu.c_store(source, sop_class=CAPTURE, instance="1.2"))).status == 0
    assert len(places) > 2
    assert set(places) == {"call"}


def test_a_file_that_is_none_leaves_the_association_alone(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b"nothing")
    peers = Peers()
    with pytest.raises(DecodeError):
        peers.link.run(scu.c_store(path))
    with pytest.raises(FileNotFoundError):
        peers.link.run(scu.c_store(tmp_path / "none"))
    assert peers.link.run(scu.c_echo()).status == 0


def test_a_pending_response_where_the_final_one_is_due_is_an_error() -> None:
    def pending(request: m.Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request, 0xFF00))

    policy = PlainPolicy((SupportedContext(uids.VERIFICATION),))
    options = RequestOptions("SCP", "SCU", (ProposedContext(uids.VERIFICATION),))
    link = memory.connect(options, policy, peer_handler=pending)
    with pytest.raises(RemoteProtocolError, match="C-ECHO-RSP is pending"):
        link.run(scu.c_echo())
    link.abort()


# Operations with pending responses.


def counting(matches: int, **fields: Any) -> Any:
    """Answers with so many pending responses, looking for a cancel before each, and a final one."""

    def handle(request: m.Request, peer: Peer) -> Flow[None]:
        for _ in range(matches):
            if (yield from flows.cancelled(request.message_id or 0)):
                yield from flows.send(reply(request, 0xFE00))
                return
            yield from flows.send(reply(request, 0xFF00, data_set=sample(), **fields))
        yield from flows.send(reply(request, 0x0000))

    return handle


COUNTS = {"remaining": 1, "completed": 0, "failed": 0, "warning": 0}
MANY = [
    pytest.param("CFindRequest", lambda **more: scu.c_find(sample(), uids.STUDY_ROOT_FIND, **more), {}, id="find"),
    pytest.param("CGetRequest", lambda **more: scu.c_get(sample(), uids.STUDY_ROOT_GET, **more), COUNTS, id="get"),
    pytest.param(
        "CMoveRequest", lambda **more: scu.c_move(sample(), uids.STUDY_ROOT_MOVE, "THERE", **more), COUNTS, id="move"
    ),
]


@pytest.mark.parametrize(("name", "flow", "fields"), MANY)
def test_pending_responses_are_delivered_and_the_final_one_returned(name: str, flow: Any, fields: Any) -> None:
    link = Peers(**{name: counting(3, **fields)}).link
    assert [response.status for response in link.stream(flow())] == [0xFF00] * 3
    responses = list(link.stream(scu.everything(flow())))
    assert [response.status for response in responses] == [0xFF00] * 3 + [0]
    assert all(getattr(responses[0], field) == value for field, value in fields.items())
    assert link.run(flow()).status == 0


@pytest.mark.parametrize(("name", "flow", "fields"), MANY)
def test_enough_is_enough(name: str, flow: Any, fields: Any) -> None:
    seen = []

    def enough(response: m.Response) -> bool:
        seen.append(response)
        return len(seen) == 2

    link = Peers(**{name: counting(1000, **fields)}).link
    responses = list(link.stream(scu.everything(flow(enough=enough))))
    assert responses[-1].status == 0xFE00
    assert 2 < len(responses) < 1000
    assert len(seen) == 2  # asked no more once it has said so
    assert link.run(scu.c_echo()).status == 0


def test_a_cancel_takes_the_context_of_its_request() -> None:
    """DCMTK reads it nowhere else."""
    both = (uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE)
    link = memory.connect(
        replace(OPTIONS, contexts=tuple(ProposedContext(uids.STUDY_ROOT_FIND, (syntax,)) for syntax in both)),
        PlainPolicy((SupportedContext(uids.STUDY_ROOT_FIND, both),)),
        peer_handler=handle_by_type({m.CFindRequest: counting(1000)}),
    )
    came: list[tuple[type, int | None]] = []
    link.peer.session.exchange.on_message = lambda direction, message: came.append((type(message), message.context_id))
    for syntax, context in zip(both, link.negotiated.contexts, strict=True):
        came.clear()
        identifier = EncodedDataSet(dataset.encode(sample(), syntax), syntax)
        assert link.run(scu.c_find(identifier, uids.STUDY_ROOT_FIND, enough=lambda _: True)).status == 0xFE00
        assert (m.CFindRequest, context) in came
        assert (m.CCancelRequest, context) in came


@pytest.mark.parametrize(("name", "flow", "fields"), MANY)
def test_an_operation_can_be_cancelled_from_outside(name: str, flow: Any, fields: Any) -> None:
    link = Peers(**{name: counting(1000, **fields)}).link
    responses = []
    for response in link.stream(scu.everything(flow(message_id=77))):
        responses.append(response)
        if len(responses) == 2:
            assert response.responding_to == 77
            link.run(flows.cancel(77, via=uids.STUDY_ROOT_FIND))
    assert responses[-1].status == 0xFE00
    assert len(responses) < 1000


def test_the_wait_for_a_response_has_an_end() -> None:
    def never(request: m.Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(1e6)

    link = Peers(CFindRequest=never).link
    with pytest.raises(TimedOut):
        link.run(scu.c_find(sample(), uids.STUDY_ROOT_FIND, timeout=2.0))
