"""The record of an association."""

from __future__ import annotations

from types import SimpleNamespace

from dicomnet.ul import Action, Direction, Event, State, Step, Transcript
from dicomnet.wire import AAbort, PDataTF, Pdv, UnknownPdu, encode_pdu


def test_a_step_reads_like_the_standard() -> None:
    step = Step(0.0, State.STA6, Event.EVT10, Action.DT_2, State.STA6)
    assert step.label == "Sta6 + Evt10 -> DT-2 -> Sta6"


def test_transitions_bytes_and_pdus_are_noted(ul: SimpleNamespace) -> None:
    transcript = Transcript()
    association = ul.reach(State.STA6, transcript=transcript)
    association.receive_data(encode_pdu(AAbort(2, 2)), 4.0)
    assert transcript.labels == [
        "Sta1 + Evt1 -> AE-1 -> Sta4",
        "Sta4 + Evt2 -> AE-2 -> Sta5",
        "Sta5 + Evt3 -> AE-3 -> Sta6",
        "Sta6 + Evt16 -> AA-3 -> Sta1",
    ]
    assert [(octets.direction, pdu) for octets, pdu in transcript.pdus()] == [
        (Direction.SENT, ul.REQUEST),
        (Direction.RECEIVED, ul.ACCEPTANCE),
        (Direction.RECEIVED, AAbort(2, 2)),
    ]
    assert [octets.now for octets, _ in transcript.pdus(Direction.RECEIVED)] == [0.0, 4.0]


def test_received_pdus_are_whole_however_the_bytes_came(ul: SimpleNamespace) -> None:
    transcript = Transcript()
    association = ul.reach(State.STA6, transcript=transcript)
    for byte in ul.PEER_BYTES[Event.EVT10] * 2:
        association.receive_data(bytes([byte]), 0.0)
    assert [pdu for _, pdu in transcript.pdus(Direction.RECEIVED)][1:] == [ul.MESSAGE, ul.MESSAGE]


def test_a_message_in_many_pdus_is_seen_as_many(ul: SimpleNamespace) -> None:
    transcript = Transcript()
    association = ul.reach(State.STA6, transcript=transcript)
    association.send_p_data(1, b"command!", bytes(40000), 0.0)
    sent = [pdu for _, pdu in transcript.pdus(Direction.SENT)][1:]
    assert len(sent) == 4
    assert sent[0] == PDataTF((Pdv(1, b"command!", 3),))
    data = b"".join(bytes(pdv.payload) for pdu in sent[1:] if isinstance(pdu, PDataTF) for pdv in pdu.pdvs)
    assert data == bytes(40000)


def test_what_never_became_a_pdu_is_noted_too(ul: SimpleNamespace) -> None:
    transcript = Transcript()
    association = ul.reach(State.STA2, transcript=transcript)
    association.receive_data(b"GET / HTTP/1.1\r\n", 1.0)
    association.receive_data(b"\r\n", 2.0)
    assert [octets.data for octets in transcript.octets if octets.direction is Direction.RECEIVED] == [
        b"GET / HTTP/1.1\r\n",
        b"\r\n",
    ]
    (_, pdu), *_ = transcript.pdus(Direction.RECEIVED)
    assert isinstance(pdu, UnknownPdu)

    cut = Transcript()
    association = ul.reach(State.STA6, transcript=cut)
    association.receive_data(ul.PEER_BYTES[Event.EVT10][:7], 1.0)
    association.receive_eof(2.0)
    assert cut.octets[-1].data == ul.PEER_BYTES[Event.EVT10][:7]


def test_bounds_drop_the_oldest_and_say_so(ul: SimpleNamespace) -> None:
    transcript = Transcript(max_bytes=100, max_transitions=3)
    association = ul.reach(State.STA6, transcript=transcript)
    for _ in range(50):
        association.receive_data(ul.PEER_BYTES[Event.EVT10], 0.0)
    assert len(transcript.transitions) == 3
    assert sum(len(octets.data) for octets in transcript.octets) <= 100
    assert all(pdu == ul.MESSAGE for _, pdu in transcript.pdus())
    assert transcript.dropped > 50
