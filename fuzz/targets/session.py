"""A session takes any bytes, raises nothing, ends every flow, and answers what it can."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet import flows, uids
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import reply, to_command
from dicomnet.dimse.messages import CEchoRequest, NGetRequest, Request
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.drivers.requestor import requesting_session
from dicomnet.drivers.session import Session
from dicomnet.errors import DicomNetError
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.testing.messages import messages
from dicomnet.testing.pdus import mutated, pdus
from dicomnet.ul import Association, ProposedContext, RequestOptions, Role, build_request
from dicomnet.wire import PDataTF, Pdv, encode_pdu
from fuzz.targets._associations import ACCEPTANCE, POLICY, REQUEST, first_pdu

__all__ = ["examine", "inputs", "target"]

_OPTIONS = RequestOptions("SCP", "SCU", tuple(ProposedContext(uid) for uid in (uids.VERIFICATION, uids.UPS_PUSH)))
_CONVERSATION = encode_pdu(REQUEST) + encode_pdu(
    PDataTF((Pdv(1, encode_command({**to_command(CEchoRequest(message_id=1), has_data_set=False)}), 3),))
)


def inputs() -> SearchStrategy[bytes]:
    """A beginning that makes sense to one side or the other, and what may follow it."""
    command = messages().map(lambda message: encode_command(to_command(message, has_data_set=False)))
    sent = command.map(lambda data: encode_pdu(PDataTF((Pdv(1, data, 3),))))
    rest = st.lists(sent | pdus().map(encode_pdu), max_size=4).map(b"".join)
    beginning = st.sampled_from([encode_pdu(REQUEST), ACCEPTANCE, _CONVERSATION, b""])
    streams = st.tuples(beginning, rest).map(b"".join)
    return streams | streams.flatmap(mutated)


def examine(data: bytes) -> None:
    """Feed both kinds of session, let time pass, and close."""
    for session in (_acceptor(), _requestor()):
        session.transport_connected(0.0)
        run = session.start(_conversation())
        session.advance(0.0)
        for part in first_pdu(data):
            session.receive_data(part, 0.0)
            session.advance(0.0)
        now = 0.0
        while True:
            session.advance(now)
            session.data_to_send()
            session.flushed()
            if session.runnable:
                continue
            deadline = session.next_deadline()
            if deadline is None or session.close_wanted:
                break
            now = max(now, deadline)
        session.receive_eof(now)
        session.flushed()
        session.advance(now)
        assert session.ended
        assert not session.busy
        assert run.done
        assert session.error is None or isinstance(session.error, DicomNetError)


def _acceptor() -> Session:
    return Session(Association(Role.ACCEPTOR), address="fuzz", handler=_handler(), policy=POLICY, response_timeout=5.0)


def _requestor() -> Session:
    waits = Waits(response=5.0)
    return requesting_session(Endpoint("SCP", "fuzz"), build_request(_OPTIONS), waits, 0.0, handler=_handler())


def _handler() -> Handler:
    def slow(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.pause(1.0)
        yield from flows.send(reply(request))

    return handle_by_type({NGetRequest: slow})


def _conversation() -> Flow[int]:
    """Echo until it fails, which in the end it will."""
    count = 0
    try:
        while count < 3:
            yield from flows.c_echo()
            count += 1
    except DicomNetError:
        return count
    return count


target = given(inputs())(examine)
