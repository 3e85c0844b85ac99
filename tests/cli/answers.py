"""What scripted peers answer: handlers for the fixture ``scripted``, and a data set with what must not be shown."""

from __future__ import annotations

import struct
from typing import Any

from pydicom.dataset import Dataset

from dicomnet import flows, uids
from dicomnet.dimse.conversion import reply
from dicomnet.dimse.messages import EncodedDataSet, Request
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer

LOCK = "6.6.6"


def answering(status: int, **values: Any) -> Handler:
    """Answers every request with this status."""

    def handle(request: Request, peer: Peer) -> Flow[None]:
        yield from flows.send(reply(request, status, **values))

    return handle


def leaking() -> Dataset:
    """A data set with Transaction UIDs and a control character."""
    item, dataset = Dataset(), Dataset()
    item.TransactionUID = LOCK
    item.CodeValue = "1"
    dataset.TransactionUID = LOCK
    dataset.ScheduledWorkitemCodeSequence = [item]
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName = "Evil\x07^Name"
    return dataset


def matching(*matches: int | Dataset | EncodedDataSet, status: int = 0, pause: float = 0.0) -> Handler:
    """Answers with pending responses, then with a final status; a number is the status of a match that leaks."""

    def handle(request: Request, peer: Peer) -> Flow[None]:
        for one in matches:
            yield from flows.pause(pause)
            pending, data_set = (one, leaking()) if isinstance(one, int) else (0xFF00, one)
            yield from flows.send(reply(request, pending, data_set=data_set))
        yield from flows.send(reply(request, status))

    return handle


def element(tag: int, vr: str, value: bytes) -> bytes:
    """An element with a short length in explicit VR little endian, right or wrong."""
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


def encoded(*elements: bytes) -> EncodedDataSet:
    """A data set of these bytes."""
    return EncodedDataSet(b"".join(elements), uids.EXPLICIT_VR_LE)
