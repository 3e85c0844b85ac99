"""Providers take any stream of requests, raise nothing, answer what they can, and leave only whole files behind."""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dataset.part10 import read_meta
from dicomnet.dimse import messages as m
from dicomnet.dimse.command import encode_command
from dicomnet.dimse.conversion import to_command
from dicomnet.drivers.session import Session
from dicomnet.endpoint import Endpoint
from dicomnet.errors import ConnectFailed, DicomNetError
from dicomnet.handlers import Handler, handle_by_type
from dicomnet.scp import Refused, answer_find, answer_get, answer_move
from dicomnet.services import storage
from dicomnet.testing.messages import data_sets
from dicomnet.testing.pdus import mutated
from dicomnet.ul import Association, PlainPolicy, ProposedContext, RequestOptions, Role, SupportedContext, build_request
from dicomnet.wire import AReleaseRQ, PDataTF, Pdv, RoleSelection, encode_pdu
from fuzz.targets._associations import first_pdu

__all__ = ["examine", "inputs", "target"]

_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_CLASSES = (_CAPTURE, uids.STUDY_ROOT_FIND, uids.STUDY_ROOT_GET, uids.STUDY_ROOT_MOVE)
_POLICY = PlainPolicy(tuple(SupportedContext(uid, scu=True) for uid in _CLASSES))
_REQUEST = encode_pdu(
    build_request(
        RequestOptions(
            "SCP",
            "SCU",
            tuple(ProposedContext(uid, context_id=number) for number, uid in zip((1, 3, 5, 7), _CLASSES, strict=True)),
            (RoleSelection(_CAPTURE, 1, 1),),
        )
    )
)
_NAME = re.compile(r"[0-9.]{1,64}\.dcm", re.ASCII)


def _messages() -> SearchStrategy[tuple[int, m.Message]]:
    """Messages with the context they come on, mostly the right one."""
    ids = st.integers(1, 4)
    named = {"message_id": ids, "data_set": data_sets()}
    instances = st.sampled_from(["1.2", "1.2.3", "..", "../1.2", "1/2", "", "1.", "x"]) | st.text(max_size=70)
    writable = instances.filter(lambda text: all(ord(character) < 256 for character in text))
    store = st.builds(m.CStoreRequest, sop_class=st.just(_CAPTURE), instance=writable, **named)
    find = st.builds(m.CFindRequest, sop_class=st.just(_CLASSES[1]), **named)
    get = st.builds(m.CGetRequest, sop_class=st.just(_CLASSES[2]), **named)
    titles = st.sampled_from(["THERE", "NOBODY", ""])
    move = st.builds(m.CMoveRequest, sop_class=st.just(_CLASSES[3]), destination=titles, **named)
    cancel = st.builds(m.CCancelRequest, responding_to=ids)
    stored = st.builds(m.CStoreResponse, responding_to=ids, status=st.sampled_from([0, 0xB000, 0xA700, 0xFF00]))
    right = st.one_of(
        *(st.tuples(st.just(1 + 2 * number), kind) for number, kind in enumerate((store, find, get, move))),
        st.tuples(st.just(1), stored),
        st.tuples(st.just(3), cancel),
    )
    return right | st.tuples(st.sampled_from([1, 3, 5, 7]), store | find | get | move)


def inputs() -> SearchStrategy[bytes]:
    """An association request and what follows it, right and damaged."""
    streams = st.lists(_messages().map(_encoded), max_size=5).map(b"".join)
    whole = st.tuples(streams, st.sampled_from([b"", encode_pdu(AReleaseRQ())])).map(b"".join)
    return (whole | whole.flatmap(mutated)).map(lambda stream: _REQUEST + stream)


def _encoded(item: tuple[int, m.Message]) -> bytes:
    context, message = item
    data = bytes(message.data_set.data) if isinstance(message.data_set, m.EncodedDataSet) else b""
    pdvs = [Pdv(context, encode_command(to_command(message, has_data_set=bool(data))), 3)]
    if data:
        pdvs += [Pdv(context, data[:10], 0), Pdv(context, data[10:], 2)]
    return b"".join(encode_pdu(PDataTF((pdv,))) for pdv in pdvs)


def examine(data: bytes) -> None:
    """Serve the stream, with calls at once and nobody to move to; let time pass, and close."""
    with tempfile.TemporaryDirectory() as name, _silence():
        folder = Path(name)
        session = Session(
            Association(Role.ACCEPTOR), address="fuzz", handler=_handler(folder), policy=_POLICY, response_timeout=5.0
        )
        session.transport_connected(0.0)
        for part in first_pdu(data):
            session.receive_data(part, 0.0)
            session.advance(0.0)
        now = _serve(session)
        session.receive_eof(now)
        session.flushed()
        session.advance(now)
        _work(session)
        assert session.ended
        assert not session.busy
        assert session.error is None or isinstance(session.error, DicomNetError)
        for path in folder.iterdir():
            assert _NAME.fullmatch(path.name), path.name
            with path.open("rb") as file:
                assert f"{read_meta(file).sop_instance}.dcm" == path.name


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # failures are the rule here
    try:
        yield
    finally:
        logging.disable(before)


def _serve(session: Session) -> float:
    """Go on until there is nothing to do but to wait for ever; the time that has become."""
    now = 0.0
    while True:
        session.advance(now)
        session.data_to_send()
        session.flushed()
        if _work(session) or session.runnable:
            continue
        deadline = session.next_deadline()
        if deadline is None or session.close_wanted:
            return now
        now = max(now, deadline)


def _work(session: Session) -> bool:
    """Do what a driver does; whether there was anything."""
    calls, branches = session.take_calls(), session.take_branches()
    for run, function in calls:
        try:
            run.resume(function())
        except Exception as error:  # noqa: BLE001 - raised again inside the flow, which asked for the call
            run.resume(error=error)
    for work in branches:
        work.failed(ConnectFailed("nobody is there"))
    return bool(calls or branches)


def _handler(folder: Path) -> Handler:
    def search(keys: Dataset, *_: object) -> list[Dataset]:
        if len(keys) > 1:
            raise Refused(0xA700)
        return [keys] * 3

    def select(*_: object) -> list[Path]:
        return [*folder.glob("*.dcm"), folder / "missing"]

    return handle_by_type(
        {
            m.CStoreRequest: storage.store_in(folder),
            m.CFindRequest: answer_find(search),
            m.CGetRequest: answer_get(select),
            m.CMoveRequest: answer_move(select, {"THERE": Endpoint("THERE")}),
        }
    )


target = given(inputs())(examine)
