"""Many instances stored one after the other: each has an outcome, and while the peer is at work the next is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import flows, scu, steps, uids
from dicomnet.dataset.files import part10
from dicomnet.dimse import files, status
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import CStoreRequest, Request
from dicomnet.dimse.payloads import DataSet, FileDataSet, StreamedDataSet
from dicomnet.drivers import memory
from dicomnet.errors import Aborted, DecodeError, LocalProtocolError, NoPresentationContext
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CLASSES = (CAPTURE, uids.VERIFICATION)
OPTIONS = RequestOptions("SCP", "SCU", tuple(ProposedContext(uid) for uid in CLASSES))
POLICY = PlainPolicy(tuple(SupportedContext(uid) for uid in CLASSES))


def instance(number: int, sop_class: str = CAPTURE) -> Dataset:
    content = Dataset()
    content.SOPClassUID, content.SOPInstanceUID = sop_class, f"2.25.{number}"
    return content


def connected(handler: Handler) -> memory.Link:
    return memory.connect(OPTIONS, POLICY, peer_handler=handle_by_type({CStoreRequest: handler}))


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has files opened and read at once on any system; the names of those that were."""
    names: list[str] = []

    def opener(name: str) -> int:
        names.append(Path(os.fsdecode(name)).name)
        return os.open(name, os.O_RDONLY)

    monkeypatch.setattr(files, "_AT_HAND", 8)
    monkeypatch.setattr(files, "_opener", lambda: opener)
    monkeypatch.setattr(os, "preadv", lambda file, buffers, offset, flags: os.readv(file, buffers))
    return names


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number}.dcm" for number in range(1, 4)]
    for number, path in enumerate(found, 1):
        path.write_bytes(part10(instance(number), uids.EXPLICIT_VR_LE))
    return found


def answer(request: Request, peer: Peer) -> Flow[None]:
    failed = isinstance(request, CStoreRequest) and request.instance == "2.25.3"
    yield from flows.send(reply(request, status.OUT_OF_RESOURCES if failed else status.SUCCESS))


@pytest.mark.parametrize("opened", ["at once", "in a call"])
def test_each_has_its_outcome(opened: str, paths: list[Path], request: pytest.FixtureRequest) -> None:
    if opened == "at once":
        request.getfixturevalue("at_hand")
    bad = paths[0].with_name("bad")
    bad.write_bytes(b"nothing")
    given: list[tuple[DataSet, Any]] = [
        (paths[0], status.SUCCESS),
        (bad, DecodeError),
        (instance(7), status.SUCCESS),
        (instance(8, "1.2.3"), NoPresentationContext),
        (FileDataSet.of(paths[1]), status.SUCCESS),
        (paths[0].with_name("none"), FileNotFoundError),
        (StreamedDataSet([b""], uids.IMPLICIT_VR_LE), LocalProtocolError),
        (paths[2], status.OUT_OF_RESOURCES),
        (paths[1], status.SUCCESS),
    ]
    link = connected(answer)
    outcomes = list(link.stream(scu.c_store_all(data_set for data_set, _ in given)))
    assert [outcome.data_set for outcome in outcomes] == [data_set for data_set, _ in given]
    for outcome, (_, expected) in zip(outcomes, given, strict=True):
        if isinstance(expected, int):
            assert (outcome.response.status, outcome.error) == (expected, None)
        else:
            assert outcome.response is None
            assert isinstance(outcome.error, expected)
    assert link.run(flows.c_echo()).status == status.SUCCESS


def test_none_at_all() -> None:
    assert list(connected(answer).stream(scu.c_store_all([]))) == []


def test_the_next_is_opened_while_the_peer_works(paths: list[Path], at_hand: list[str]) -> None:
    def watched(flow: Flow[None]) -> Flow[None]:
        outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration:
                return
            if isinstance(step, steps.AwaitReply):
                seen.append([*at_hand])
            outcome = yield step

    seen: list[list[str]] = []
    assert len(list(connected(answer).stream(watched(scu.c_store_all(paths))))) == 3
    assert seen == [["1.dcm", "2.dcm"], ["1.dcm", "2.dcm", "3.dcm"], ["1.dcm", "2.dcm", "3.dcm"]]


def test_what_is_opened_and_not_sent_is_closed(paths: list[Path], at_hand: list[str]) -> None:
    descriptors = set(os.listdir("/proc/self/fd"))
    stream = connected(answer).stream(scu.c_store_all(paths))
    assert next(stream).data_set == paths[0]
    stream.close()
    assert at_hand == ["1.dcm", "2.dcm"]
    assert set(os.listdir("/proc/self/fd")) == descriptors


def test_what_fails_to_give_the_next_is_told_after_what_was_under_way(paths: list[Path]) -> None:
    def given() -> Iterator[DataSet]:
        yield paths[0]
        raise KeyError("the index of the folder")

    stream = connected(answer).stream(scu.c_store_all(given()))
    assert next(stream).response.status == status.SUCCESS
    with pytest.raises(KeyError, match="the index"):
        next(stream)


def test_the_end_of_the_association_ends_it(paths: list[Path]) -> None:
    def once(request: Request, peer: Peer) -> Flow[None]:
        yield from answer(request, peer)
        link.peer.session.abort(0.0)

    link = connected(once)
    found: list[scu.Stored] = []
    with pytest.raises(Aborted):
        found.extend(link.stream(scu.c_store_all(paths)))
    assert len(found) <= 1
