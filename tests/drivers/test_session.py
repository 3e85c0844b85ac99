"""Session: what is decided here and cannot be seen from outside, or only by chance."""

from __future__ import annotations

import gc
import logging
import weakref
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import (
    CFindRequest,
    CFindResponse,
    EncodedDataSet,
    Message,
    NCreateRequest,
    NEventReportRequest,
    NEventReportResponse,
    NGetRequest,
    NGetResponse,
    Request,
)
from dicomnet.dimse.status import PROCESSING_FAILURE
from dicomnet.drivers import memory
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.drivers.requestor import requesting_session
from dicomnet.drivers.runs import Mailbox, Run
from dicomnet.drivers.session import Session
from dicomnet.errors import Aborted, AssociationError, ConnectionLost, LocalProtocolError, TimedOut
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type, streaming
from dicomnet.ul import Applicant, Association, Direction, Role, State, Transcript, build_request
from dicomnet.wire import AAbort, AAssociateRQ, PDataTF, decode_pdu, encode_pdu

EVENT = NEventReportRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", event_type=1)
FIND = CFindRequest(sop_class=uids.UPS_PULL, data_set=EncodedDataSet(b"\x40\0\x60\xa1\0\0\0\0", uids.IMPLICIT_VR_LE))


def joined(script: SimpleNamespace, **more: Any) -> memory.Link:
    return memory.connect(script.OPTIONS, script.POLICY, **more)


def slow(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.pause(5.0)
    yield from flows.send(reply(request))


def test_an_acceptor_needs_a_policy() -> None:
    with pytest.raises(LocalProtocolError):
        Session(Association(Role.ACCEPTOR), address="nowhere")


def test_an_association_with_a_request_under_way_is_not_idle(script: SimpleNamespace) -> None:
    handler = handle_by_type({NEventReportRequest: slow})
    link = joined(script, handler=handler, waits=Waits(idle=2.0, response=10.0))
    assert link.peer.run(flows.ask(EVENT, expect=NEventReportResponse)).status == 0
    with pytest.raises(TimedOut) as caught:
        link.listen()
    assert caught.value.wait == "idle"
    assert link.wire.now == pytest.approx(5.0 + 2.0)


def test_how_an_association_ended_that_was_not_released_is_logged(
    script: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dicomnet")
    link = joined(script)
    link.release()
    assert not [text for text in caplog.messages if "ended" in text]
    link = joined(script)
    link.peer.abort()
    with pytest.raises(Aborted):
        link.listen()
    assert [text for text in caplog.messages if text.endswith("ended: the peer aborted the association")]


def test_our_release_waits_for_the_request_being_served(script: SimpleNamespace) -> None:
    link = joined(script, handler=handle_by_type({NEventReportRequest: slow}))
    run = link.peer.session.start(flows.ask(EVENT, expect=NEventReportResponse))
    link.wire.settle()
    assert link.session.busy
    link.release()
    assert run.result().status == 0
    assert link.session.released
    assert link.peer.session.released


def test_a_request_behind_our_release_is_not_served(script: SimpleNamespace) -> None:
    served = []

    def note(request: Request, peer: Peer) -> Flow[None]:
        served.append(request)
        yield from flows.send(reply(request))

    link = joined(script, handler=handle_by_type({NEventReportRequest: note}))
    run = link.peer.session.start(flows.ask(EVENT, expect=NEventReportResponse))
    link.peer.session.advance(link.wire.now)
    link.release()
    assert served == []
    with pytest.raises(AssociationError):
        run.result()


def test_both_release_at_once(script: SimpleNamespace) -> None:
    link = joined(script)
    for session in (link.session, link.peer.session):
        session.release()
        session.advance(link.wire.now)
    link.wire.settle()
    for session in (link.session, link.peer.session):
        assert session.released
        assert session.error is None
        assert session.association.state is State.STA1


def test_there_is_nothing_to_release_before_there_is_an_association(script: SimpleNamespace) -> None:
    session = Session(Association(Role.ACCEPTOR), address="nowhere", policy=script.POLICY)
    with pytest.raises(LocalProtocolError):
        session.release()


@pytest.mark.parametrize("how", ["abort", "release"])
def test_a_pause_ends_with_the_association(script: SimpleNamespace, how: str) -> None:
    link = joined(script)
    run = link.session.start(flows.pause(1000.0))
    link.wire.settle()
    getattr(link.peer, how)()
    with pytest.raises(Aborted if how == "abort" else AssociationError):
        run.result()
    with pytest.raises(Aborted if how == "abort" else AssociationError):
        link.run(flows.pause(1.0))


def test_what_came_before_the_end_still_counts(script: SimpleNamespace) -> None:
    def last_words(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request, 0xFF00))
        yield from flows.send(reply(request))
        link.peer.session.abort(link.wire.now)

    link = joined(script, peer_handler=handle_by_type({CFindRequest: last_words}))
    stream = link.stream(flows.ask_many(FIND, expect=CFindResponse))
    assert next(stream).status == 0xFF00
    assert list(stream) == []


def test_what_is_here_is_not_late(script: SimpleNamespace) -> None:
    link = joined(script)
    run = link.session.start(flows.c_echo(timeout=1.0))
    link.session.advance(0.0)
    for part in link.session.data_to_send():
        link.peer.session.receive_data(part, 0.0)
    link.session.flushed()
    link.session.advance(0.0)
    link.peer.session.advance(0.0)
    for part in link.peer.session.data_to_send():
        link.session.receive_data(part, 2.0)
    link.session.advance(2.0)
    assert run.result().status == 0


def test_two_flows_side_by_side_get_their_own_answers(script: SimpleNamespace) -> None:
    def first_last(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(1.0 if request.message_id == 1 else 0.0)
        yield from flows.send(reply(request, error_comment=str(request.message_id)))

    link = joined(script, peer_handler=handle_by_type({NGetRequest: first_last}))
    request = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1")
    runs = [link.session.start(flows.send(request)) for _ in range(2)]
    link.wire.run_until(lambda: all(run.done for run in runs))
    assert [run.result() for run in runs] == [1, 2]


def test_answers_wait_for_the_flow_that_asks_for_them_later(script: SimpleNamespace) -> None:
    def both() -> Flow[list[int]]:
        request = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1")
        ids = []
        for _ in range(2):
            ids.append((yield from flows.send(request)))
        yield from flows.pause(1.0)
        answers = []
        for message_id in reversed(ids):
            answers.append((yield from flows.await_reply(message_id)).responding_to)
        return answers

    assert joined(script).run(both()) == [2, 1]


def test_answers_of_a_flow_that_is_gone_are_dropped(script: SimpleNamespace) -> None:
    link = joined(script, peer_handler=handle_by_type({NGetRequest: slow}))
    get = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1")
    run = link.session.start(flows.ask(get, expect=NGetResponse))
    link.wire.settle()
    link.session.cancel(run)
    with pytest.raises(LocalProtocolError):
        run.result()
    link.run(flows.c_echo())
    assert link.session.exchange.stray_responses == 1


def test_unread_answers_stop_the_reading_and_the_clock(script: SimpleNamespace) -> None:
    def many(request: Request, peer: Peer) -> Flow[None]:
        for _ in range(400):
            yield from flows.send(reply(request, 0xFF00))
        yield from flows.send(reply(request))

    link = joined(script, peer_handler=handle_by_type({CFindRequest: many}), waits=Waits(idle=10.0, response=1000.0))

    def slowly() -> Flow[int]:
        message_id = yield from flows.send(FIND)
        yield from flows.pause(100.0)
        count = 0
        while (yield from flows.await_reply(message_id)).status == 0xFF00:
            count += 1
        return count

    link.session.start(slowly())
    link.wire.settle()
    assert link.session.congested
    link.session.advance(9.0)
    assert (link.session.exchange.association.next_deadline() or 0) >= 19.0


def test_a_mailbox_weighs_what_it_holds() -> None:
    mailbox = Mailbox()
    heavy = EncodedDataSet(bytes(64 * 1024 * 256), uids.IMPLICIT_VR_LE)
    mailbox.put(CFindResponse(responding_to=1, status=0xFF00, data_set=heavy))
    assert mailbox.full
    assert mailbox.take(1) is not None
    assert not mailbox.full
    assert mailbox.take(1) is None
    mailbox.put(CFindResponse(responding_to=2, status=0xFF00, data_set=heavy))
    mailbox.discard(2)
    mailbox.discard(3)
    assert not mailbox.full


def test_a_run_has_no_result_before_its_end() -> None:
    with pytest.raises(LocalProtocolError):
        Run(flows.pause(1.0)).result()


def test_two_ends_that_wait_for_nothing_are_found_out(script: SimpleNamespace) -> None:
    link = joined(script, waits=Waits(idle=None, response=None))

    def unasked() -> Flow[None]:
        yield from flows.await_reply(77)

    with pytest.raises(LocalProtocolError, match="nothing moves"):
        link.run(unasked())


def test_an_acceptor_whose_peer_vanishes_says_so(script: SimpleNamespace) -> None:
    session = Session(Association(Role.ACCEPTOR), address="nowhere", policy=script.POLICY)
    session.transport_connected(0.0)
    session.receive_eof(1.0)
    session.advance(1.0)
    assert isinstance(session.error, ConnectionLost)
    late = Session(Association(Role.ACCEPTOR), address="nowhere", policy=script.POLICY)
    late.transport_connected(0.0)
    late.advance(10.0)
    assert isinstance(late.error, TimedOut)
    assert late.error.wait == "artim"


@pytest.mark.parametrize("waits_for", ["its turn", "a place in the window"])
def test_nothing_follows_a_message_that_was_cut_but_the_abort(script: SimpleNamespace, waits_for: str) -> None:
    """Neither what other flows have to say, nor the answer for a handler that failed to give one."""

    def cut(message: Message) -> Flow[None]:
        yield flows.BeginMessage(message)
        yield flows.SendPart(bytes(8), last=False)
        yield from flows.pause(2.0)
        raise ZeroDivisionError

    def dies(request: Request, peer: Peer) -> Flow[None]:
        yield from cut(reply(request))

    def speaks_next() -> Flow[None]:
        yield from flows.pause(1.0)
        yield from flows.c_echo()

    transcript = Transcript()
    link = joined(script, transcript=transcript, handler=handle_by_type({NEventReportRequest: dies}))
    other = link.session.start(speaks_next())
    if waits_for == "its turn":
        with pytest.raises(Aborted):
            link.peer.run(flows.ask(EVENT, expect=NEventReportResponse))
    else:
        with pytest.raises(ZeroDivisionError):
            link.run(cut(FIND))
        link.abort()
    sent = [decode_pdu(entry.data) for entry in transcript.octets if entry.direction is Direction.SENT]
    assert [type(pdu) for pdu in sent] == [AAssociateRQ, PDataTF, AAbort]
    assert not sent[1].pdvs[-1].is_last
    with pytest.raises(Aborted):
        other.result()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_message_that_is_cut_ends_the_association_whatever_the_flow_raises(
    script: SimpleNamespace, error: type[BaseException]
) -> None:
    def messy() -> Flow[None]:
        try:
            yield flows.BeginMessage(FIND)
            yield flows.SendPart(bytes(8), last=False)
            yield from flows.pause(2.0 if error is KeyboardInterrupt else 50.0)
        finally:
            raise error

    link = joined(script)
    run = link.session.start(messy())
    link.wire.settle()
    end = partial(link.listen, 5.0) if error is KeyboardInterrupt else partial(link.session.cancel, run)
    with pytest.raises(error):
        end()
    link.wire.settle()
    assert isinstance(link.session.error, Aborted)
    assert isinstance(link.peer.session.error, Aborted)


def test_who_interrupts_the_program_amid_a_message_has_ended_the_association(script: SimpleNamespace) -> None:
    def interrupted() -> Flow[None]:
        yield flows.BeginMessage(FIND)
        yield flows.SendPart(bytes(8), last=False)
        raise KeyboardInterrupt

    link = joined(script)
    with pytest.raises(KeyboardInterrupt):
        link.run(interrupted())
    assert link.session.ended
    link.abort()
    assert str(link.session.error) == "a flow ended amid a message that it was sending"


def test_a_hook_that_aborts_is_not_followed_by_data(script: SimpleNamespace) -> None:
    link = joined(script)
    association = link.session.association
    association.on_primitive = lambda happened: association.abort(0.0) if happened.name == "P-DATA" else None
    with pytest.raises(LocalProtocolError):
        link.run(flows.c_echo())
    assert association.state is State.STA13


def test_a_handler_that_fails_before_there_is_a_flow_is_answered_for(script: SimpleNamespace) -> None:
    def refuses(request: Request, peer: Peer) -> Flow[None]:
        raise ValueError

    link = joined(script, handler=refuses)
    assert link.peer.run(flows.ask(EVENT, expect=NEventReportResponse)).status == PROCESSING_FAILURE


def settle(ours: Session, theirs: Session) -> None:
    for _ in range(10):
        for here, there in ((ours, theirs), (theirs, ours)):
            here.advance(1.0)
            there.receive_data(b"".join(here.data_to_send()), 1.0)
            here.flushed()


def fails(request: Request, peer: Peer) -> Flow[None]:
    yield from flows.cancelled(request.message_id or 0)
    raise ValueError


@pytest.mark.parametrize(
    "handler", [handle_by_type({}), handle_by_type({NEventReportRequest: streaming(fails)}), fails]
)
def test_a_session_that_is_over_needs_no_garbage_collector(script: SimpleNamespace, handler: Handler) -> None:
    ours = requesting_session(Endpoint("SCP", "", 0), build_request(script.OPTIONS), Waits(), 0.0, handler=handler)
    theirs = Session(Association(Role.ACCEPTOR), address="peer", policy=script.POLICY)
    for session in (ours, theirs):
        session.transport_connected(0.0)

    settle(ours, theirs)
    answer = theirs.start(flows.ask(EVENT, expect=NEventReportResponse))
    settle(ours, theirs)
    assert answer.done
    ours.receive_eof(2.0)
    ours.advance(2.0)
    gone = [weakref.ref(part) for part in (ours, ours.exchange, ours.association)]
    gc.disable()
    try:
        del ours, session
        assert [part() for part in gone] == [None, None, None]
    finally:
        gc.enable()


def test_endpoints_print_as_they_are_written() -> None:
    assert str(Endpoint("SCP", "host", 11112)) == "SCP@host:11112"
    assert str(Endpoint("SCP", "::1", 104)) == "SCP@[::1]:104"


def test_who_waits_for_the_system_to_take_a_message_is_not_idle(script: SimpleNamespace) -> None:
    ours = requesting_session(Endpoint("SCP", "", 0), build_request(script.OPTIONS), Waits(idle=5.0), 0.0)
    ours.transport_connected(0.0)
    answer = script.POLICY.decide(build_request(script.OPTIONS), Applicant(""))
    ours.receive_data(encode_pdu(answer), 0.0)
    much = EncodedDataSet(bytes(1 << 20), uids.IMPLICIT_VR_LE)
    run = ours.start(flows.send(NCreateRequest(sop_class=uids.UPS_PUSH, instance="1.2", data_set=much)))
    ours.advance(0.0)
    for now in (5.0, 10.0, 15.0):
        ours.advance(now)
        assert not ours.ended
    assert not run.done
    ours.flushed()
    ours.advance(15.0)
    assert run.done
    ours.advance(20.0)
    assert isinstance(ours.error, TimedOut)
