"""C-FIND answered by the building block for it, asked by our own SCU in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicomnet import dataset, scu, uids
from dicomnet.dimse import messages as m
from dicomnet.dimse.payloads import EncodedDataSet
from dicomnet.drivers import memory
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.scp import Match, answer_find
from dicomnet.ul import PlainPolicy, ProposedContext, RequestOptions, SupportedContext

from .providers import FIND, content, fails, fails_later, identifier, refuses

# C-FIND.


def finding(handler: Handler, **more: Any) -> memory.Link:
    return memory.connect(
        RequestOptions("SCP", "SCU", (ProposedContext(FIND), ProposedContext(uids.VERIFICATION))),
        PlainPolicy((SupportedContext(FIND), SupportedContext(uids.VERIFICATION))),
        peer_handler=handle_by_type({m.CFindRequest: handler}),
        **more,
    )


def answers(link: memory.Link, asked: Any = None, **more: Any) -> list[m.CFindResponse]:
    return list(link.stream(scu.everything(scu.c_find(identifier() if asked is None else asked, FIND, **more))))


def test_matches_are_sent_and_success_ends_them() -> None:
    seen: list[Any] = []

    def search(asked: Dataset, request: m.CFindRequest, peer: Peer) -> Iterable[Any]:
        seen.append((asked, request.sop_class, peer.ae_title))
        encoded = dataset.encode(content("2.25.2"), uids.IMPLICIT_VR_LE)
        yield content("2.25.1")
        yield EncodedDataSet(encoded, uids.IMPLICIT_VR_LE)
        yield Match(content("2.25.3"), 0xFF01)

    found = answers(finding(answer_find(search)), identifier(PatientID="x"))
    assert [response.status for response in found] == [0xFF00, 0xFF00, 0xFF01, 0]
    assert [response.dataset() for response in found] == [*(content(f"2.25.{n}") for n in (1, 2, 3)), None]
    assert seen == [(identifier(PatientID="x"), FIND, "SCU")]


@pytest.mark.parametrize("found", [[], (), iter([])])
def test_no_match_is_a_success_too(found: Any) -> None:
    assert [response.status for response in answers(finding(answer_find(lambda *_: found)))] == [0]


def test_only_what_is_sent_is_asked_of_the_search_and_a_cancel_ends_it() -> None:
    made, closed = [], []

    def search(*_: Any) -> Iterator[Dataset]:
        try:
            for number in range(100_000):
                made.append(number)
                yield content(f"2.25.{number}")
        finally:
            closed.append(True)

    link = finding(answer_find(search))
    found = answers(link, enough=lambda response: response.dataset().PatientID == "x")
    assert found[-1].status == 0xFE00
    assert found[-1].dataset() is None
    assert len(made) < 5_000
    assert closed == [True]
    assert link.run(scu.c_echo()).status == 0


def test_a_search_is_let_go_when_the_peer_has_gone() -> None:
    closed = []

    def search(*_: Any) -> Iterator[Dataset]:
        try:
            while True:
                yield content()
        finally:
            closed.append(True)

    link = finding(answer_find(search))
    stream = link.stream(scu.c_find(identifier(), FIND))
    next(stream)
    link.abort()
    link.wire.settle()
    assert closed == [True]


def unwritable(*_: Any) -> Iterable[Dataset]:
    made = content()
    made.add_new("PixelData", "OB", b"")
    made["PixelData"].is_undefined_length = True  # fragments, on a context that has none
    return [content(), made]


@pytest.mark.parametrize(
    ("search", "statuses"),
    [
        (fails, [0xC000]),
        (fails_later, [0xFF00, 0xC000]),
        (refuses, [0xA700]),
        (unwritable, [0xFF00, 0xC000]),
        (lambda *_: 5, [0xC000]),
    ],
)
def test_a_failing_search_is_an_answer(
    search: Callable[..., Any], statuses: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    link = finding(answer_find(search))
    with caplog.at_level(logging.INFO):
        found = answers(link)
    assert [response.status for response in found] == statuses
    assert (found[-1].error_comment or "")[:17] == ("too many matches," if search is refuses else "")
    assert len(found[-1].error_comment or "") <= 64
    assert "patient data" not in caplog.text
    assert link.run(scu.c_echo()).status == 0


@pytest.mark.parametrize(
    ("asked", "status"), [(Dataset(), 0xA900), (EncodedDataSet(b"\x10\0", uids.IMPLICIT_VR_LE), 0xC000)]
)
def test_an_identifier_must_be_there_and_readable(asked: Any, status: int) -> None:
    found = answers(finding(answer_find(lambda *_: [content()])), asked)
    assert [response.status for response in found] == [status]
