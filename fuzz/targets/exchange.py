"""An exchange takes any PDVs, raises nothing, holds little, and every request it passes on can be answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet.dataset import DataSetLimits
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import reply, to_command
from dicomnet.dimse.exchange import Exchange, MessageLimits, Received
from dicomnet.dimse.messages import CEchoRequest, EncodedDataSet, Request
from dicomnet.errors import DicomNetError
from dicomnet.testing.command_sets import command_sets, hostile_command_sets
from dicomnet.testing.messages import messages
from dicomnet.ul import ReleaseIndication, State
from dicomnet.wire import AReleaseRQ, PDataTF, Pdv, encode_pdu
from fuzz.targets._associations import accepted

__all__ = ["examine", "inputs", "target"]

_LIMITS = MessageLimits(command=400, data_set=DataSetLimits(60), requests=4)
_OTHER_COMMANDS = command_sets().map(encode_command) | hostile_command_sets()


@st.composite
def _streams(draw: st.DrawFn) -> bytes:
    pdvs: list[Pdv] = []
    for _ in range(draw(st.integers(1, 6))):
        pdvs += draw(_message_pdvs())
    for _ in range(draw(st.integers(0, 3))):  # one goes astray, twice, or missing
        place = draw(st.integers(0, len(pdvs) - 1))
        pdvs.insert(draw(st.integers(0, len(pdvs))), pdvs[place])
        if draw(st.booleans()):
            del pdvs[draw(st.integers(0, len(pdvs) - 1))]
    groups = draw(st.lists(st.integers(1, 4), min_size=len(pdvs), max_size=len(pdvs)))
    stream = b""
    while pdvs:
        count = groups.pop()
        stream += encode_pdu(PDataTF(tuple(pdvs[:count])))
        del pdvs[:count]
    return stream + (encode_pdu(AReleaseRQ()) if draw(st.booleans()) else b"")


@st.composite
def _message_pdvs(draw: st.DrawFn) -> list[Pdv]:
    message = draw(messages())
    right = encode_command(to_command(message, has_data_set=message.data_set is not None))
    command = draw(st.just(right) | _OTHER_COMMANDS)
    context = draw(st.sampled_from([1, 1, 3, 5]))
    data_set = message.data_set
    data = (
        bytes(data_set.data)
        if isinstance(data_set, EncodedDataSet)
        else draw(st.none() | st.just(b"") | st.binary(max_size=80))
    )
    pdvs = _fragments(draw, context, command, 1)
    return pdvs + (_fragments(draw, context, data, 0) if data is not None else [])


def _fragments(draw: st.DrawFn, context: int, payload: bytes, kind: int) -> list[Pdv]:
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    parts = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    return [Pdv(context, part, kind | 2 * (number == len(parts) - 1)) for number, part in enumerate(parts)]


def inputs() -> SearchStrategy[bytes]:
    """Streams of P-DATA-TF PDUs."""
    return _streams()


def examine(data: bytes) -> None:
    """Receive the stream, answer each request, then let time pass."""
    exchange = Exchange(accepted(), limits=_LIMITS)
    exchange.send(CEchoRequest(message_id=1), 0.0)
    exchange.association.receive_data(data, 0.0)
    while (event := exchange.next_event(0.0)) is not None:
        if isinstance(event, ReleaseIndication) and exchange.association.state is State.STA8:
            exchange.association.release_response(0.0)
        if not isinstance(event, Received):
            continue
        if isinstance(event.message, Request):
            assert exchange.is_unanswered(event.message.message_id or 0)
            try:
                exchange.send(reply(event.message), 0.0)
            except DicomNetError:
                continue
            assert not exchange.is_unanswered(event.message.message_id or 0)
    assert len(exchange._asked_by_peer) <= _LIMITS.requests
    while (deadline := exchange.next_deadline()) is not None:
        exchange.handle_timeout(deadline)
        while exchange.next_event(deadline) is not None:
            pass
    assert exchange.association.is_over


target = given(inputs())(examine)
