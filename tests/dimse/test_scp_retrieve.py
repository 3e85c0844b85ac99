"""C-GET and C-MOVE answered by the building blocks for them, asked by our own SCU in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset, flows, scu, uids
from dicomnet.dataset.files import part10
from dicomnet.dimse import messages as m
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.payloads import DataSetSource, EncodedDataSet, FileDataSet
from dicomnet.drivers import memory
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import Aborted
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.scp import Instance, answer_find, answer_get, answer_move
from dicomnet.suboperations import Tally, opened, proposals
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext
from dicomnet.wire import RoleSelection

from .providers import CAPTURE, GET, JPEG, OTHER, content, fails, fails_later, identifier, refuses


def test_another_request_is_not_served() -> None:
    for handler in (answer_find(lambda *_: []), answer_get(lambda *_: [])):
        link = memory.connect(
            RequestOptions("SCP", "SCU", (ProposedContext(CAPTURE),)),
            PlainPolicy((SupportedContext(CAPTURE),)),
            peer_handler=handler,
        )
        assert link.run(scu.c_store(content())).status == 0x0211


# C-GET.


class Getter:
    """An SCU that gets; keeps what comes and answers it with the next of ``statuses``."""

    def __init__(
        self,
        select: Any,
        *,
        statuses: Iterable[int] = (),
        classes: tuple[str, ...] = (CAPTURE,),
        syntaxes: tuple[str, ...] = (uids.IMPLICIT_VR_LE,),
        roles: bool = True,
        on_store: Callable[[m.CStoreRequest], Flow[None]] | None = None,
    ) -> None:
        self.stored: list[m.CStoreRequest] = []
        self._statuses = iter(statuses)
        self._on_store = on_store
        proposed = (ProposedContext(GET), *(ProposedContext(uid, (syntax,)) for uid in classes for syntax in syntaxes))
        self.link = memory.connect(
            RequestOptions("SCP", "SCU", proposed, tuple(RoleSelection(uid, 0, 1) for uid in classes) if roles else ()),
            PlainPolicy((SupportedContext(GET), *(SupportedContext(uid, syntaxes, scu=True) for uid in classes))),
            handler=handle_by_type({m.CStoreRequest: self._store}),
            peer_handler=handle_by_type({m.CGetRequest: answer_get(select)}),
            waits=Waits(response=10.0),
        )

    def _store(self, request: m.Request, peer: Peer) -> Flow[None]:
        assert isinstance(request, m.CStoreRequest)
        self.stored.append(request)
        if self._on_store is not None:
            yield from self._on_store(request)
        yield from flows.send(reply(request, next(self._statuses, 0)))

    def get(self, **more: Any) -> list[m.CGetResponse]:
        return list(self.link.stream(scu.everything(scu.c_get(identifier(), GET, timeout=60.0, **more))))


def counts(response: m.CGetResponse | m.CMoveResponse) -> tuple[int | None, ...]:
    return response.remaining, response.completed, response.failed, response.warning


def test_any_number_of_retrievals_at_once_do_not_block_each_other() -> None:
    """Our limit of requests without an answer must not keep us from reading what their sub-operations wait for."""
    link = memory.connect(
        RequestOptions(
            "SCP",
            "SCU",
            (ProposedContext(GET), ProposedContext(CAPTURE)),
            (RoleSelection(CAPTURE, 0, 1),),
            async_window=(0, 0),
        ),
        PlainPolicy((SupportedContext(GET), SupportedContext(CAPTURE, scu=True)), async_window=(0, 0)),
        handler=handle_by_type({m.CStoreRequest: lambda request, peer: flows.send(reply(request))}),
        peer_handler=handle_by_type({m.CGetRequest: answer_get(lambda *_: several(2))}),
    )
    runs = [link.session.start(scu.c_get(identifier(), GET)) for _ in range(100)]
    link.wire.run_until(lambda: all(run.done for run in runs), 100.0)
    assert [run.result().status for run in runs] == [0] * 100
    link.release()


def several(number: int) -> list[Dataset]:
    return [content(f"2.25.{n}") for n in range(1, number + 1)]


def failures(response: m.Response) -> list[str]:
    listed = response.dataset()
    if listed is None:
        return []
    found = listed.FailedSOPInstanceUIDList
    return [str(found)] if isinstance(found, str) else [str(uid) for uid in found]


def test_instances_come_on_the_same_association_and_are_counted() -> None:
    getter = Getter(lambda *_: several(3))
    responses = getter.get(priority=1)
    assert [response.status for response in responses] == [0xFF00, 0xFF00, 0]
    assert [counts(response) for response in responses] == [(2, 1, 0, 0), (1, 2, 0, 0), (None, 3, 0, 0)]
    assert [request.instance for request in getter.stored] == ["2.25.1", "2.25.2", "2.25.3"]
    assert [request.dataset() for request in getter.stored] == several(3)
    assert {request.priority for request in getter.stored} == {1}
    assert {request.move_originator for request in getter.stored} == {None}
    assert responses[-1].dataset() is None


@pytest.mark.parametrize(
    ("statuses", "final", "counted", "failed"),
    [
        ([0, 0, 0], 0x0000, (None, 3, 0, 0), []),
        ([0, 0xB000, 0], 0xB000, (None, 2, 0, 1), []),
        ([0xB007] * 3, 0xB000, (None, 0, 0, 3), []),
        ([0, 0xA700, 0xC123], 0xB000, (None, 1, 2, 0), ["2.25.2", "2.25.3"]),
        ([0xA900] * 3, 0xA702, (None, 0, 3, 0), ["2.25.1", "2.25.2", "2.25.3"]),
        ([0xB006, 0x0110, 0x0122], 0xB000, (None, 0, 2, 1), ["2.25.2", "2.25.3"]),
        ([0, 0x0213, 0x1234], 0xB000, (None, 1, 2, 0), ["2.25.2", "2.25.3"]),
    ],
)
def test_the_final_status_is_that_of_c_4_3_1_4(
    statuses: list[int], final: int, counted: tuple[int | None, ...], failed: list[str]
) -> None:
    responses = Getter(lambda *_: several(3), statuses=statuses).get()
    assert responses[-1].status == final
    assert counts(responses[-1]) == counted
    assert failures(responses[-1]) == failed


def test_nothing_to_get_is_a_success() -> None:
    (final,) = Getter(lambda *_: []).get()
    assert (final.status, counts(final)) == (0, (None, 0, 0, 0))


def test_without_the_role_or_a_context_a_sub_operation_fails() -> None:
    for getter in (
        Getter(lambda *_: several(2), roles=False),
        Getter(lambda *_: [content("2.25.1", OTHER), content("2.25.2", OTHER)]),
    ):
        (pending, final) = getter.get()
        assert getter.stored == []
        assert (pending.status, final.status) == (0xFF00, 0xA702)
        assert failures(final) == ["2.25.1", "2.25.2"]


def test_the_context_is_that_of_the_transfer_syntax() -> None:
    data = b"\x28\0\x10\0US\2\0\1\0"
    encoded = [EncodedDataSet(data, syntax) for syntax in (JPEG, uids.EXPLICIT_VR_LE, "1.2.840.10008.1.2.5")]
    chosen = [Instance(CAPTURE, f"2.25.{n}", form) for n, form in enumerate(encoded, 1)]
    getter = Getter(lambda *_: chosen, syntaxes=(uids.IMPLICIT_VR_LE, JPEG, uids.EXPLICIT_VR_LE))
    responses = getter.get()
    contexts = getter.link.negotiated.contexts
    assert [contexts[request.context_id or 0].transfer_syntax for request in getter.stored] == [
        JPEG,
        uids.EXPLICIT_VR_LE,
    ]
    assert all(isinstance(r.data_set, EncodedDataSet) and r.data_set.data == data for r in getter.stored)
    assert responses[-1].status == 0xB000
    assert failures(responses[-1]) == ["2.25.3"]


def test_a_context_that_needs_a_conversion_is_better_than_one_that_cannot_be() -> None:
    data = dataset.encode(content("2.25.1"), uids.EXPLICIT_VR_BE)
    chosen = [Instance(CAPTURE, "2.25.1", EncodedDataSet(data, uids.EXPLICIT_VR_BE))]
    getter = Getter(lambda *_: chosen, syntaxes=(JPEG, uids.IMPLICIT_VR_LE))
    assert getter.get()[-1].status == 0
    assert getter.stored[0].dataset() == content("2.25.1")


def test_what_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"nothing")
    chosen = [missing, Instance(CAPTURE, "2.25.8", missing), damaged, content("2.25.9"), Dataset()]
    getter = Getter(lambda *_: chosen)
    final = getter.get()[-1]
    assert (final.status, counts(final)) == (0xB000, (None, 1, 4, 0))
    assert failures(final) == ["2.25.8"]  # of the others nobody knows the UID
    assert [request.instance for request in getter.stored] == ["2.25.9"]


def test_a_file_that_goes_before_it_is_sent_fails_alone(tmp_path: Path) -> None:
    def select(*_: Any) -> list[Instance]:
        chosen = []
        for uid in ("2.25.1", "2.25.2", "2.25.3"):
            path = tmp_path / uid
            path.write_bytes(part10(content(uid), uids.IMPLICIT_VR_LE))
            chosen.append(Instance.of(path))
        (tmp_path / "2.25.2").unlink()
        return chosen

    getter = Getter(select)
    final = getter.get()[-1]
    assert (final.status, counts(final)) == (0xB000, (None, 2, 1, 0))
    assert failures(final) == ["2.25.2"]
    assert [request.dataset() for request in getter.stored] == [content("2.25.1"), content("2.25.3")]


def test_a_file_that_is_cut_while_it_is_sent_ends_the_association(tmp_path: Path) -> None:
    path = tmp_path / "big"
    long = content()
    long.add_new("PixelData", "OW", bytes(8 << 20))
    path.write_bytes(part10(long, uids.IMPLICIT_VR_LE))

    class Cut(DataSetSource):
        transfer_syntax = uids.IMPLICIT_VR_LE

        def open(self) -> BinaryIO:
            stream = FileDataSet.of(path).open()
            os.truncate(path, 6 << 20)
            return stream

    getter = Getter(lambda *_: [Instance(CAPTURE, "2.25.1", Cut())])
    with pytest.raises(Aborted):
        getter.get()
    assert getter.stored == []


def test_a_cancel_ends_it_before_the_next() -> None:
    getter = Getter(lambda *_: several(1000))
    responses = getter.get(enough=lambda response: response.completed == 3)
    assert responses[-1].status == 0xFE00
    remaining, completed, failed, warning = counts(responses[-1])
    assert (completed, failed, warning) == (len(getter.stored), 0, 0)
    assert remaining == 1000 - len(getter.stored)
    assert len(getter.stored) < 20


def test_a_peer_that_does_not_answer_a_sub_operation_is_asked_no_more() -> None:
    def never(request: m.CStoreRequest) -> Flow[None]:
        if request.instance == "2.25.2":
            yield from flows.pause(30.0)

    getter = Getter(lambda *_: several(4), on_store=never)
    final = getter.get()[-1]
    assert (final.status, counts(final)) == (0xB000, (None, 1, 3, 0))
    assert failures(final) == ["2.25.2", "2.25.3", "2.25.4"]


@pytest.mark.parametrize(("select", "status"), [(fails, 0xC000), (refuses, 0xA700), (fails_later, 0xC000)])
def test_a_failing_selection_is_an_answer(select: Any, status: int) -> None:
    (final,) = Getter(select).get()
    assert final.status == status


# What both have in common.


def test_counts_beyond_the_field_are_cut() -> None:
    request = m.CGetRequest(message_id=1, sop_class=GET, context_id=1)
    tally = Tally(request, 200_000)
    assert tally.pending().remaining == 0xFFFF  # type: ignore[attr-defined]
    for _ in range(70_000):
        tally.count(Instance(CAPTURE, "", None), None)
    assert tally.final().failed == 0xFFFF  # type: ignore[attr-defined]


def test_the_list_of_failures_fits_into_an_element() -> None:
    tally = Tally(m.CGetRequest(message_id=1, sop_class=GET, context_id=1), 3000)
    uid = "2.25." + "1" * 39
    for _ in range(3000):
        tally.count(Instance(CAPTURE, uid, None), None)
    final = tally.final()
    assert dataset.encode(final.dataset() or Dataset(), uids.EXPLICIT_VR_LE)
    assert failures(final) == [uid] * (0xFFFE // 45)


def test_every_class_and_transfer_syntax_is_proposed_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(part10(content(), uids.EXPLICIT_VR_BE))
    chosen = opened(
        [
            content("2.25.1"),
            EncodedDataSet(dataset.encode(content("2.25.2", OTHER), JPEG), JPEG),
            path,
            Instance(OTHER, "2.25.3", path),
            Instance("", "", tmp_path / "none"),
        ]
    )
    assert [(context.abstract_syntax, context.transfer_syntaxes) for context in proposals(chosen)] == [
        (CAPTURE, (uids.EXPLICIT_VR_LE,)),
        (OTHER, (JPEG,)),
        (CAPTURE, (uids.EXPLICIT_VR_BE,)),
        (OTHER, (uids.EXPLICIT_VR_BE,)),
        (CAPTURE, (uids.IMPLICIT_VR_LE,)),
        (OTHER, (uids.IMPLICIT_VR_LE,)),
    ]
    many = [Instance(f"1.2.{n}", "1.2", content()) for n in range(200)]
    assert len(proposals(many)) == 128


# C-MOVE.

MOVE = uids.STUDY_ROOT_MOVE
THERE = Endpoint("THERE", "memory", 104)


def moving(handler: Handler, **more: Any) -> memory.Link:
    return memory.connect(
        RequestOptions("SCP", "SCU", (ProposedContext(MOVE),)),
        PlainPolicy((SupportedContext(MOVE),)),
        peer_handler=handle_by_type({m.CMoveRequest: handler}),
        **more,
    )


def moved(link: memory.Link, destination: str = "THERE", **more: Any) -> list[m.CMoveResponse]:
    return list(link.stream(scu.everything(scu.c_move(identifier(), MOVE, destination, timeout=600.0, **more))))


@pytest.mark.parametrize("destinations", [{"THERE": THERE}, {"THERE": THERE}.get])
def test_a_destination_must_be_known(destinations: Any) -> None:
    (final,) = moved(moving(answer_move(lambda *_: several(3), destinations)), "ELSEWHERE")
    assert (final.status, counts(final)) == (0xA801, (None, None, None, None))


def test_a_failing_look_up_is_an_answer() -> None:
    (final,) = moved(moving(answer_move(lambda *_: [], fails)))
    assert final.status == 0xC000


def test_nothing_to_move_needs_no_association() -> None:
    (final,) = moved(moving(answer_move(lambda *_: [], {"THERE": THERE})))
    assert (final.status, counts(final)) == (0, (None, 0, 0, 0))


def test_what_nobody_can_send_needs_none_either(tmp_path: Path) -> None:
    (final,) = moved(moving(answer_move(lambda *_: [tmp_path / "none"], {"THERE": THERE})))
    assert (final.status, counts(final)) == (0xA702, (None, 0, 1, 0))


class Store:
    """A destination that keeps what comes; ``answer`` may answer in its own way."""

    def __init__(
        self,
        *,
        statuses: Iterable[int] = (),
        classes: tuple[str, ...] = (CAPTURE,),
        syntaxes: tuple[str, ...] = (uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE),
        answer: Callable[[m.CStoreRequest], Flow[None]] | None = None,
    ) -> None:
        self.stored: list[tuple[m.CStoreRequest, str]] = []
        self.peers: list[Peer] = []
        self._statuses = iter(statuses)
        self._answer = answer
        self.destination = memory.Destination(
            PlainPolicy(tuple(SupportedContext(uid, syntaxes) for uid in classes), calling=frozenset({"SCP", "MOVER"})),
            handle_by_type({m.CStoreRequest: self._store}),
        )

    def _store(self, request: m.Request, peer: Peer) -> Flow[None]:
        assert isinstance(request, m.CStoreRequest)
        self.peers.append(peer)
        self.stored.append((request, peer.negotiated.contexts[request.context_id or 0].transfer_syntax))
        if self._answer is not None:
            yield from self._answer(request)
        yield from flows.send(reply(request, next(self._statuses, 0)))


def move_to(store: Store, select: Any, **more: Any) -> memory.Link:
    handler = answer_move(select, {"THERE": THERE}, **more)
    return moving(handler, destinations={"THERE": store.destination}, waits=Waits(response=10.0))


def test_instances_go_to_the_destination_and_are_counted() -> None:
    store = Store()
    link = move_to(store, lambda *_: several(3))
    responses = moved(link, priority=2, message_id=77)
    assert [response.status for response in responses] == [0xFF00, 0xFF00, 0]
    assert [counts(response) for response in responses] == [(2, 1, 0, 0), (1, 2, 0, 0), (None, 3, 0, 0)]
    assert [request.dataset() for request, _ in store.stored] == several(3)
    for request, syntax in store.stored:
        assert (request.priority, request.move_originator, request.move_originator_message_id) == (2, "SCU", 77)
        assert syntax == uids.EXPLICIT_VR_LE
    (peer,) = {peer.association_id: peer for peer in store.peers}.values()
    assert (peer.negotiated.calling_ae_title, peer.negotiated.called_ae_title) == ("SCP", "THERE")
    assert moved(link)[-1].status == 0  # and once more, on an association of its own
    assert len({peer.association_id for peer in store.peers}) == 2


def test_title_and_transfer_syntax_are_as_they_should(tmp_path: Path) -> None:
    path = tmp_path / "big endian"
    path.write_bytes(part10(content("2.25.1"), uids.EXPLICIT_VR_BE))
    fragments = EncodedDataSet(dataset.encode(content("2.25.2"), JPEG), JPEG)
    for syntaxes, expected in (
        ((uids.EXPLICIT_VR_BE, uids.IMPLICIT_VR_LE, JPEG), [uids.EXPLICIT_VR_BE, JPEG]),
        ((uids.IMPLICIT_VR_LE,), [uids.IMPLICIT_VR_LE]),
    ):
        store = Store(syntaxes=syntaxes)
        final = moved(move_to(store, lambda *_: [path, fragments], ae_title="MOVER"))[-1]
        assert [syntax for _, syntax in store.stored] == expected
        assert [request.dataset() for request, _ in store.stored] == several(len(expected))
        assert {peer.ae_title for peer in store.peers} == {"MOVER"}
        assert failures(final) == [f"2.25.{n}" for n in range(len(expected) + 1, 3)]


@pytest.mark.parametrize(
    ("statuses", "final", "counted", "failed"),
    [
        ([0, 0xB000, 0xC000], 0xB000, (None, 1, 1, 1), ["2.25.3"]),
        ([0xA700] * 3, 0xA702, (None, 0, 3, 0), ["2.25.1", "2.25.2", "2.25.3"]),
    ],
)
def test_what_the_destination_refuses_has_failed(
    statuses: list[int], final: int, counted: tuple[int | None, ...], failed: list[str]
) -> None:
    response = moved(move_to(Store(statuses=statuses), lambda *_: several(3)))[-1]
    assert (response.status, counts(response), failures(response)) == (final, counted, failed)


def test_a_destination_that_rejects_or_is_not_there() -> None:
    rejecting = Store()
    links = (
        move_to(rejecting, lambda *_: several(2), ae_title="STRANGER"),
        moving(answer_move(lambda *_: several(2), {"THERE": THERE})),
    )
    for link in links:
        final = moved(link)[-1]
        assert (final.status, counts(final)) == (0xA702, (None, 0, 2, 0))
        assert failures(final) == ["2.25.1", "2.25.2"]
    assert rejecting.stored == []


def test_a_destination_that_knows_none_of_the_classes() -> None:
    final = moved(move_to(Store(classes=(OTHER,)), lambda *_: several(2)))[-1]
    assert (final.status, counts(final), failures(final)) == (0xA702, (None, 0, 2, 0), ["2.25.1", "2.25.2"])


@pytest.mark.parametrize("how", ["aborts", "is silent"])
def test_a_destination_that_fails_on_the_way(how: str, caplog: pytest.LogCaptureFixture) -> None:
    def answer(request: m.CStoreRequest) -> Flow[None]:
        if request.instance == "2.25.2":
            if how == "aborts":
                yield from flows.inject(b"nonsense at the wrong time")
            yield from flows.pause(60.0)

    link = move_to(Store(answer=answer), lambda *_: several(4))
    final = moved(link)[-1]
    assert (final.status, counts(final)) == (0xB000, (None, 1, 3, 0))
    assert failures(final) == ["2.25.2", "2.25.3", "2.25.4"]
    assert "release" not in caplog.text  # which who does not answer would be waited for with, before the next request


def test_a_move_is_cancelled_before_the_next() -> None:
    store = Store()
    responses = moved(move_to(store, lambda *_: several(1000)), enough=lambda response: response.completed == 3)
    assert responses[-1].status == 0xFE00
    remaining, completed, _, _ = counts(responses[-1])
    assert completed == len(store.stored) < 50
    assert remaining == 1000 - len(store.stored)


def test_a_mover_that_goes_ends_the_other_association_too() -> None:
    store = Store()
    link = move_to(store, lambda *_: several(1000))
    stream = link.stream(scu.c_move(identifier(), MOVE, "THERE"))
    next(stream)
    link.abort()
    link.wire.settle()
    assert link.peer.closed
    assert len(store.stored) < 100
