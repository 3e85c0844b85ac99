"""Exchange: messages whose data sets go out or come in in parts, the choice of a context, roles."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from dicomnet import uids
from dicomnet.dataset import DataSetLimits
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.exchange import MessageLimits, Received
from dicomnet.dimse.messages import (
    CEchoRequest,
    CEchoResponse,
    CFindRequest,
    Message,
    NCreateRequest,
    NCreateResponse,
    NEventReportRequest,
    NGetRequest,
    OtherRequest,
    Request,
)
from dicomnet.dimse.outgoing import SourceReader, choose_context, own_syntax
from dicomnet.dimse.payloads import IncomingDataSet, StreamedDataSet
from dicomnet.errors import EncodeError, LocalProtocolError, NoPresentationContext, RemoteProtocolError, TimedOut
from dicomnet.ul import AcceptedContext
from dicomnet.wire import PDataTF, Pdv, decode_pdu

if TYPE_CHECKING:
    Wire = Any  # of the conftest, which cannot be imported by name

CREATE = {0x0002: uids.UPS_PUSH, 0x0100: 0x0140, 0x0110: 2, 0x1000: "2.25.1", 0x0800: 0x0001}
CREATE_BYTES = encode_command(CREATE)
ECHO_COMMAND = {0x0002: uids.VERIFICATION, 0x0100: 0x0030, 0x0110: 1, 0x0800: 0x0101}
ECHO = encode_command(ECHO_COMMAND)
ECHO_ID, PUSH_ID, PULL_ID = 1, 3, 5
COMMAND, DATA, MORE_DATA = 3, 2, 0
JPEG, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5"


def create(data_set: Any = None) -> NCreateRequest:
    return NCreateRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", data_set=data_set)


def sent(wire: Wire) -> list[Pdv]:
    raw = b"".join(wire.scu.association.data_to_send())
    found: list[Pdv] = []
    while raw:
        length = 6 + int.from_bytes(raw[2:6], "big")
        pdu = decode_pdu(raw[:length])
        assert isinstance(pdu, PDataTF)
        found += pdu.pdvs
        raw = raw[length:]
    return found


# Out.


def test_the_command_goes_out_with_the_first_part(wire: Wire) -> None:
    opened = wire.scu.begin(create())
    assert (opened.message_id, opened.transfer_syntax) == (1, uids.EXPLICIT_VR_LE)
    assert sent(wire) == []
    assert wire.scu.send_part(b"abcd", 0.0, last=False)
    assert wire.scu.send_part(b"", 0.0, last=False)
    assert wire.scu.send_part(memoryview(b"efgh"), 0.0, last=True)
    assert [(pdv.control, bytes(pdv.payload)) for pdv in sent(wire)[1:]] == [(MORE_DATA, b"abcd"), (DATA, b"efgh")]
    assert wire.scu.outstanding == 1
    assert wire.scu.sent == {NCreateRequest: 1}


@pytest.mark.parametrize(("kind", "most"), [("piece", 1 << 20), ("portion", 1 << 18), ("view", 1 << 22)])
@pytest.mark.parametrize("maximum", [0, 8, 9, 16384, 100_000, 1 << 21])
def test_what_is_sent_at_a_time_fills_its_pdus(join: Callable[..., Wire], maximum: int, kind: str, most: int) -> None:
    wire = join(max_length=maximum)
    piece = getattr(wire.scu.begin(create()), kind)
    assert piece % 2 == 0
    assert piece <= max(most, 1 << 20)  # one at least, and none is longer
    assert piece > most / 2 or maximum < 10  # where a great many fragments would cost more than what is in them
    wire.scu.send_part(bytes(2), 0.0, last=False)
    wire.scu.association.data_to_send()
    wire.scu.send_part(bytes(piece), 0.0, last=False)
    pdvs = sent(wire)
    assert len(pdvs) <= 1024
    assert len({len(pdv.payload) for pdv in pdvs}) == 1


def test_a_data_set_of_nothing_is_not_announced(wire: Wire) -> None:
    wire.scu.begin(create())
    wire.scu.send_part(b"", 0.0, last=True)
    assert len(sent(wire)) == 1


def test_an_empty_last_part_is_our_mistake(wire: Wire) -> None:
    wire.scu.begin(create())
    wire.scu.send_part(b"abcd", 0.0, last=False)
    with pytest.raises(LocalProtocolError, match="empty fragment"):
        wire.scu.send_part(b"", 0.0, last=True)
    with pytest.raises(LocalProtocolError, match="do not mix"):
        wire.scu.send(CEchoRequest(), 0.0)
    with pytest.raises(LocalProtocolError, match="do not mix"):
        wire.scu.begin(create())
    assert not wire.scu.give_up(0.0)


def test_what_has_not_begun_has_no_parts(wire: Wire) -> None:
    with pytest.raises(LocalProtocolError, match="no message has begun"):
        wire.scu.send_part(b"abcd", 0.0, last=True)
    assert wire.scu.give_up(0.0)
    wire.scu.begin(create())
    assert wire.scu.give_up(0.0)
    assert wire.scu.outstanding == 0
    wire.scu.send(CEchoRequest(), 0.0)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (create(StreamedDataSet([], JPEG)), EncodeError),
        (NCreateRequest(sop_class="1.2.3"), NoPresentationContext),
        (NCreateRequest(sop_class=uids.UPS_PUSH, instance="\u65e5"), EncodeError),
        (Message(context_id=PUSH_ID), LocalProtocolError),
    ],
)
def test_what_cannot_begin_leaves_nothing_behind(wire: Wire, message: Message, error: type[Exception]) -> None:
    with pytest.raises(error):
        wire.scu.begin(message)
    assert wire.scu.outstanding == 0
    wire.scu.send(CEchoRequest(), 0.0)


@pytest.mark.parametrize(("status", "wanted"), [(0x0213, False), (0x0000, True), (0x0107, True), (0xFF00, True)])
def test_an_early_failure_stops_the_sender_and_nothing_else_does(wire: Wire, status: int, wanted: bool) -> None:
    message_id = wire.scu.begin(create()).message_id
    assert wire.scu.send_part(bytes(4), 0.0, last=False)
    wire.deliver()
    wire.scp.send(NCreateResponse(responding_to=message_id, context_id=PUSH_ID, status=status), 0.0)
    assert wire.message(wire.scu).status == status
    assert wire.scu.send_part(bytes(4), 0.0, last=False) is wanted
    assert wire.scu.send_part(bytes(4), 0.0, last=True) is wanted


def test_the_failure_of_another_request_does_not_stop_the_sender(wire: Wire) -> None:
    other = wire.scu.send(CEchoRequest(), 0.0)
    wire.scu.begin(create())
    assert wire.scu.send_part(bytes(4), 0.0, last=False)
    wire.scp.send(CEchoResponse(responding_to=other, context_id=ECHO_ID, status=0x0110), 0.0)
    assert wire.message(wire.scu).status == 0x0110
    assert wire.scu.send_part(bytes(4), 0.0, last=True)


def test_refusals_wait_for_the_message_under_way_within_a_bound(join: Callable[..., Wire]) -> None:
    wire = join(scu=MessageLimits(requests=2))
    wire.scu.begin(create())
    wire.scu.send_part(bytes(4), 0.0, last=False)
    for _ in range(2):
        wire.scp.send(OtherRequest(command={0x0002: uids.VERIFICATION, 0x0100: 0x7FFF}), 0.0)
    assert wire.events(wire.scu) == []
    assert wire.scp.outstanding == 2
    wire.scu.send_part(bytes(4), 0.0, last=True)
    assert len(wire.events(wire.scp)) == 3
    assert wire.scp.outstanding == 0
    wire.scu.begin(create())
    for _ in range(3):
        wire.scp.send(OtherRequest(command={0x0002: uids.VERIFICATION, 0x0100: 0x7FFF}), 0.0)
    assert isinstance(wire.fault(wire.scu).error, RemoteProtocolError)


# Which context.


class Agreed:
    """As much of what was negotiated as the choice looks at."""

    def __init__(self, *contexts: tuple[str, bool, bool]) -> None:
        self.contexts = {
            number: AcceptedContext(number, "1.2.3", syntax, scu, scp)
            for number, (syntax, scu, scp) in zip(range(1, 255, 2), contexts, strict=False)
        }


IMPLICIT, EXPLICIT = uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_LE


@pytest.mark.parametrize(
    ("contexts", "own", "from_scp", "chosen"),
    [
        ([(IMPLICIT, True, False), (EXPLICIT, True, False)], EXPLICIT, False, 3),
        ([(IMPLICIT, True, False), (JPEG, True, False)], EXPLICIT, False, 1),
        ([(JPEG, True, False), (IMPLICIT, True, False)], EXPLICIT, False, 3),
        ([(JPEG, True, False), (IMPLICIT, True, False)], None, False, 3),
        ([(IMPLICIT, True, False), (JPEG, True, False)], JPEG, False, 3),
        ([(IMPLICIT, True, False), (JPEG, True, False)], RLE, False, 1),
        ([(JPEG, True, False)], None, False, 1),
        ([(IMPLICIT, True, False), (EXPLICIT, False, True)], None, True, 3),
        ([(IMPLICIT, False, True), (EXPLICIT, True, False)], None, False, 3),
        ([(IMPLICIT, False, True)], None, False, 1),
        ([], None, False, None),
    ],
)
def test_the_context_fits_the_data_set_and_the_role(
    contexts: list[tuple[str, bool, bool]], own: str | None, from_scp: bool, chosen: int | None
) -> None:
    agreed: Any = Agreed(*contexts)
    found = choose_context(agreed, "1.2.3", own, from_scp)
    assert (found and found.context_id) == chosen
    assert choose_context(agreed, "1.2.4", own, from_scp) is None


def test_a_data_set_of_a_file_with_compressed_pixel_data_keeps_its_syntax() -> None:
    content = Dataset()
    content.file_meta = FileMetaDataset()
    content.file_meta.TransferSyntaxUID = JPEG
    assert own_syntax(content) is None
    content.add_new(0x7FE00010, "OB", bytes(4))
    assert own_syntax(content) == JPEG
    content.file_meta.TransferSyntaxUID = IMPLICIT
    assert own_syntax(content) is None
    assert own_syntax(StreamedDataSet([], JPEG)) == JPEG


# Sources.


def test_a_source_of_any_length_has_one_last_piece() -> None:
    for size in (0, 1, 3, 4, 5, 8, 9):
        data = bytes(range(size))
        reader = SourceReader(StreamedDataSet(io.BytesIO(data), IMPLICIT), IMPLICIT, 4)
        found, last = b"", False
        while not last:
            piece, last = reader.read()
            assert len(piece) == 4 or last
            assert piece or size == 0
            found += piece
        assert found == data
        reader.close()


class Source(StreamedDataSet):
    """Gives a stream as it is."""

    def __init__(self, stream: Any, transfer_syntax: str = IMPLICIT) -> None:
        super().__init__([], transfer_syntax)
        self.stream = stream

    def open(self) -> Any:
        return self.stream


@pytest.mark.parametrize("wanted", [IMPLICIT, EXPLICIT])
def test_a_stream_without_bytes_for_now_is_not_at_its_end(wanted: str) -> None:
    class Empty(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> None:
            return None

    with pytest.raises(LocalProtocolError, match="one that blocks"):
        SourceReader(Source(Empty()), wanted, 10).read()


def test_short_reads_are_made_up_for() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(3 if size is None or size > 3 else size)

    reader = SourceReader(Source(Dripping(bytes(25))), IMPLICIT, 10)
    assert [(len(piece), last) for piece, last in (reader.read() for _ in range(3))] == [
        (10, False),
        (10, False),
        (5, True),
    ]


def test_too_much_is_not_converted() -> None:
    reader = SourceReader(StreamedDataSet((bytes(1 << 20) for _ in range(65)), IMPLICIT), EXPLICIT, 1 << 20)
    with pytest.raises(EncodeError, match="more than 67108864 bytes"):
        reader.read()


def test_who_closes_does_not_wait_for_who_reads() -> None:
    class Closing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            reader.close()  # as from another thread, in the middle of this
            assert not self.closed
            return super().read(size)

    stream = Closing(bytes(100))

    reader = SourceReader(Source(stream), IMPLICIT, 10)
    reader.read()
    assert stream.closed


# In.


def streamed(wire: Wire, exchange: Any = None) -> tuple[Request, IncomingDataSet]:
    message = wire.message(exchange or wire.scp)
    assert isinstance(message.data_set, IncomingDataSet)
    assert isinstance(message, Request)
    return message, message.data_set


def test_a_request_comes_before_its_data_set(wire: Wire) -> None:
    asked: list[Request] = []
    wire.scp.streams = lambda request: not asked.append(request)
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND))
    message, data_set = streamed(wire)
    assert asked == [message]
    assert data_set.transfer_syntax == uids.EXPLICIT_VR_LE
    assert wire.scp.is_arriving(data_set)
    assert wire.scp.still_arrives(2)
    assert wire.scp.amid
    wire.fragments(Pdv(PUSH_ID, b"abcd", MORE_DATA), Pdv(PUSH_ID, b"", MORE_DATA))
    assert wire.events(wire.scp) == []
    assert [bytes(part) for part in wire.scp.take(data_set)] == [b"abcd"]
    assert wire.scp.take(data_set) == []
    wire.fragments(Pdv(PUSH_ID, b"ef", DATA), Pdv(ECHO_ID, ECHO, COMMAND))
    assert isinstance(wire.message(wire.scp), CEchoRequest)
    assert data_set.whole
    assert not wire.scp.is_arriving(data_set)
    assert not wire.scp.still_arrives(2)
    assert [bytes(part) for part in wire.scp.take(data_set)] == [b"ef"]
    assert wire.scp.next_deadline() is None


def test_a_duplicate_that_still_arrives_does_not_hold_up_the_answer_to_the_first(wire: Wire) -> None:
    wire.scp.streams = lambda request: isinstance(request, NCreateRequest)
    wire.fragments(Pdv(ECHO_ID, encode_command({**ECHO_COMMAND, 0x0110: 2}), COMMAND))
    first = wire.message(wire.scp)
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, b"abcd", MORE_DATA))
    assert wire.events(wire.scp) == []
    assert not wire.scp.still_arrives(2)
    assert wire.events(wire.scu) == []
    assert wire.scu.stray_responses == 1  # the refusal of the second
    wire.scp.send(reply(first), 0.0)
    assert not wire.scp.is_unanswered(2)


def test_only_requests_that_make_sense_are_streamed(wire: Wire) -> None:
    wire.scp.streams = lambda request: True
    wire.scu.send(NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1"), 0.0)
    wire.scu.send(OtherRequest(context_id=PUSH_ID, command={0x0100: 0x0140}, data_set=Dataset()), 0.0)
    assert isinstance(wire.message(wire.scp), NGetRequest)
    wire.fragments(Pdv(PUSH_ID, encode_command({0x0100: 0x0140, 0x0110: 7, 0x0800: 1}), COMMAND))
    wire.fragments(Pdv(PUSH_ID, bytes(8), DATA))
    assert wire.events(wire.scp) == []
    wire.scp.streams = lambda request: False
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND))
    assert wire.events(wire.scp) == []


def test_a_streamed_duplicate_is_refused_and_dropped(wire: Wire) -> None:
    wire.scp.streams = lambda request: True
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, bytes(8), DATA))
    streamed(wire)
    wire.awaits(2, request=create())
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, bytes(8), MORE_DATA))
    assert wire.events(wire.scp) == []
    assert wire.message(wire.scu).status == 0x0210
    wire.fragments(Pdv(PUSH_ID, bytes(8), DATA), Pdv(ECHO_ID, ECHO, COMMAND))
    assert isinstance(wire.message(wire.scp), CEchoRequest)


@pytest.mark.parametrize("pdv", [Pdv(ECHO_ID, ECHO, COMMAND), Pdv(PULL_ID, b"data", DATA)])
def test_another_message_amid_a_streamed_data_set_ends_the_association(wire: Wire, pdv: Pdv) -> None:
    wire.scp.streams = lambda request: True
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, bytes(4), MORE_DATA), pdv)
    first, fault = wire.events(wire.scp)
    assert fault.reason == 5
    assert not wire.scp.is_arriving(first.data_set)


def test_a_streamed_data_set_has_its_time_for_each_part_of_it(wire: Wire) -> None:
    wire.scp.streams = lambda request: True
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND))
    _, data_set = streamed(wire)
    for turn in range(10):
        wire.now = 40.0 * turn
        wire.fragments(Pdv(PUSH_ID, bytes(16 * 1024), MORE_DATA))
        wire.scp.handle_timeout(wire.now)
        assert wire.events(wire.scp) == []
        assert wire.scp.next_deadline() == wire.now + 45.0
        wire.scp.take(data_set)
    for _ in range(40):  # dripping is no progress
        wire.now += 1.0
        wire.fragments(Pdv(PUSH_ID, bytes(100), MORE_DATA))
        assert wire.events(wire.scp) == []
    wire.now += 5.0
    wire.scp.handle_timeout(wire.now)
    assert isinstance(wire.fault(wire.scp).error, TimedOut)
    assert not wire.scp.is_arriving(data_set)


def test_what_is_unread_counts_with_all_it_was_received_with(join: Callable[..., Wire]) -> None:
    wire = join(scp=MessageLimits(unread=100_000))
    wire.scp.streams = lambda request: True
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND))
    _, data_set = streamed(wire)
    padding = tuple(Pdv(PUSH_ID, b"", MORE_DATA) for _ in range(1000))
    while not wire.scp.congested:
        wire.inject(PDataTF((*padding, Pdv(PUSH_ID, b"x", MORE_DATA))))
        assert wire.events(wire.scp) == []
    assert 10 < len(data_set.parts) < 20
    wire.scp.take(data_set)
    assert not wire.scp.congested
    wire.inject(PDataTF(tuple(Pdv(PUSH_ID, b"x", MORE_DATA) for _ in range(1000))))
    assert wire.events(wire.scp) == []
    assert wire.scp.congested  # each part is an object, too
    wire.scp.drop(data_set)
    assert not wire.scp.congested
    wire.fragments(Pdv(PUSH_ID, bytes(1000), MORE_DATA))
    assert wire.events(wire.scp) == []
    assert data_set.parts == []


def test_the_limit_for_memory_is_not_for_what_is_streamed(join: Callable[..., Wire]) -> None:
    wire = join(scp=MessageLimits(data_set=DataSetLimits(10)))
    wire.scp.streams = lambda request: True
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND), Pdv(PUSH_ID, bytes(1000), DATA))
    _, data_set = streamed(wire)
    assert data_set.whole
    assert data_set.limits.max_bytes == 10


def test_a_data_set_that_is_cut_is_never_whole(wire: Wire) -> None:
    wire.scp.cut(ZeroDivisionError())
    wire.scp.streams = lambda request: True
    wire.fragments(Pdv(PUSH_ID, CREATE_BYTES, COMMAND))
    _, data_set = streamed(wire)
    wire.scp.cut(RemoteProtocolError("cut"))
    assert isinstance(data_set.error, RemoteProtocolError)
    assert not data_set.whole


# Roles.


def test_requests_of_the_wrong_role_are_refused(wire: Wire) -> None:
    asked: list[tuple[Request, int | None]] = [
        (CFindRequest(sop_class=uids.UPS_PULL, data_set=Dataset()), 0x0122),
        (CEchoRequest(), 0x0122),
        (NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1"), 0x0124),
        (NEventReportRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", event_type=1), None),
    ]
    for request, status in asked:
        wire.scp.send(request, 0.0)
        if status is None:
            assert isinstance(wire.message(wire.scu), NEventReportRequest)
            continue
        assert wire.events(wire.scu) == []
        assert wire.message(wire.scp).status == status
    wire.scu.check_roles = False
    wire.scp.send(CEchoRequest(), 0.0)
    assert isinstance(wire.message(wire.scu), CEchoRequest)


def test_what_passes_is_shown(wire: Wire) -> None:
    shown: list[tuple[str, Message]] = []
    for exchange in (wire.scu, wire.scp):
        exchange.on_message = lambda direction, message: shown.append((str(direction), message))
    message_id = wire.scu.send(NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1"), 0.0)
    wire.scp.send(reply(wire.message(wire.scp)), 0.0)
    wire.message(wire.scu)
    assert message_id == 1
    request = NGetRequest(sop_class=uids.UPS_PUSH, instance="2.25.1", message_id=1, context_id=PUSH_ID)
    answer = reply(request)
    assert shown == [("sent", request), ("received", request), ("sent", answer), ("received", answer)]
    assert Received(CEchoRequest()) == Received(CEchoRequest())
