"""Whatever arrives, ``handle`` answers with a status the operation may give, raises nothing and breaks nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomnet import dataset as codec
from dicomnet import uids
from dicomnet.dimse.messages import (
    CFindRequest,
    EncodedDataSet,
    NActionRequest,
    NCreateRequest,
    NGetRequest,
    NSetRequest,
)
from dicomnet.errors import CodecError
from dicomnet.testing.datasets import datasets, workitems
from ups.scp.service import Caller, UpsService
from ups.scp.store import MemoryStore
from ups.scp.workitem import template

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_CLASSES = st.sampled_from([uids.UPS_PUSH, uids.UPS_PULL, uids.UPS_WATCH, uids.UPS_QUERY, uids.UPS_TRIAL_WATCH])
_INSTANCES = st.sampled_from(
    ["1.2.3", "1.2.4", "1.2.", "", uids.UPS_GLOBAL_SUBSCRIPTION, uids.UPS_FILTERED_GLOBAL_SUBSCRIPTION]
)
_STATUSES = {
    NCreateRequest: {0, 0xB300, 0x0106, 0x0110, 0x0111, 0x0117, 0x0120, 0x0121, 0x0211, 0xC309},
    NSetRequest: {0, 0xB305, 0x0105, 0x0106, 0x0110, 0x0117, 0x0121, 0x0211, 0xC300, 0xC301, 0xC307, 0xC310},
    NGetRequest: {0, 1, 0x0110, 0x0117, 0x0211, 0xC307},
    CFindRequest: {0, 0xFF00, 0xFF01, 0xA700, 0xA900, 0xC000, 0x0211},
}


def _sample():
    data = template(label="step", start=_NOW)
    data.PatientName = "Doe^Jane"
    code = codec.decode(b"", uids.EXPLICIT_VR_LE)
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "FX1", "99X", "room"
    data.ScheduledStationNameCodeSequence = [code]
    data.ReceivingAE, data.DeletionLock = "WATCHER", "TRUE"
    return codec.encode(data, uids.EXPLICIT_VR_LE)


_SAMPLE = _sample()


@st.composite
def _mutated(draw):
    data = bytearray(_SAMPLE)
    for _ in range(draw(st.integers(0, 6))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@st.composite
def _any_data(draw):
    syntax = draw(st.sampled_from([uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE]))
    if draw(st.booleans()):
        return EncodedDataSet(draw(_mutated()), uids.EXPLICIT_VR_LE)
    try:
        return EncodedDataSet(codec.encode(draw(datasets()), syntax), syntax)
    except CodecError:
        return None


@st.composite
def _requests(draw):
    common = {
        "message_id": st.just(1),
        "sop_class": _CLASSES,
        "instance": _INSTANCES,
    }
    find = {"message_id": st.just(1), "sop_class": _CLASSES, "data_set": _any_data()}
    asked = st.lists(st.integers(0, 0xFFFFFFFF), max_size=4).map(tuple)
    return draw(
        st.one_of(
            st.builds(NCreateRequest, **common, data_set=_any_data()),
            st.builds(NSetRequest, **common, data_set=_any_data()),
            st.builds(NGetRequest, **common, attributes=asked),
            st.builds(CFindRequest, **find),
            st.builds(NActionRequest, **common, action_type=st.integers(1, 5), data_set=_any_data()),
        )
    )


@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(st.tuples(_requests(), _CLASSES), max_size=4))
def test_any_request_is_answered(requests):
    service = UpsService(MemoryStore(), ae_title="X", knows_ae=lambda _: True)
    create = NCreateRequest(
        message_id=1,
        sop_class=uids.UPS_PUSH,
        instance="1.2.3",
        data_set=EncodedDataSet(_SAMPLE, uids.EXPLICIT_VR_LE),
    )
    service.handle(create, Caller("A", uids.UPS_PUSH), _NOW)
    for request, via in requests:
        outcome = service.handle(request, Caller("\x00\\ä", via), _NOW)
        responses = list(outcome.responses)
        for response in responses:
            if type(request) in _STATUSES:
                assert response.status in _STATUSES[type(request)]
            assert len(response.error_comment or "") <= 64
            assert (response.error_comment or "").isascii()
            if response.data_set is not None:
                codec.encode(response.data_set, uids.IMPLICIT_VR_LE)
        for effect in outcome.effects:
            codec.encode(effect.request.data_set, uids.EXPLICIT_VR_LE)
    held = service.handle(
        NGetRequest(message_id=1, sop_class=uids.UPS_PUSH, instance="1.2.3"), Caller("A", uids.UPS_PULL), _NOW
    )
    (response,) = held.responses
    assert response.status == 0
    codec.encode(response.data_set, uids.EXPLICIT_VR_LE)


_SYNTAXES = st.sampled_from([uids.EXPLICIT_VR_LE, uids.IMPLICIT_VR_LE, uids.EXPLICIT_VR_BE])


def _whole(drawn):
    """A workitem that fulfils the rules, with what was drawn in it."""
    result = template(label="step", start=_NOW)
    for element in drawn:
        if element.tag.group == 0x0010 or element.keyword in ("SpecificCharacterSet", "ScheduledWorkitemCodeSequence"):
            result.add(element)
    return result


def _plain(dataset):
    """Text by keyword, without what depends on the encoding."""
    found = json.loads(dataset.to_json())
    found.pop("00080005", None)
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workitems(), workitems(), _SYNTAXES, _SYNTAXES)
def test_what_was_sent_is_what_comes_back_in_whatever_characters(first, second, one, other):
    service = UpsService(MemoryStore(), ae_title="X", knows_ae=lambda _: True)
    sent, caller = _whole(first), Caller("A", uids.UPS_PULL)
    create = NCreateRequest(message_id=1, sop_class=uids.UPS_PUSH, instance="1.2.3", data_set=_travelled(sent, one))
    (response,) = service.handle(create, Caller("A", uids.UPS_PUSH), _NOW).responses
    assert response.status == 0xB300  # the worklist label
    changes = codec.decode(b"", uids.EXPLICIT_VR_LE)
    changes.SpecificCharacterSet = second.SpecificCharacterSet
    changes.ScheduledWorkitemCodeSequence = second.ScheduledWorkitemCodeSequence
    changes.ProcedureStepLabel = "x" + str(second.PatientName).replace("=", "").strip()[:20]
    change = NSetRequest(message_id=1, sop_class=uids.UPS_PUSH, instance="1.2.3", data_set=_travelled(changes, other))
    (response,) = service.handle(change, caller, _NOW).responses
    assert response.status == (0 if second.ScheduledWorkitemCodeSequence else 0x0121)
    get = NGetRequest(message_id=1, sop_class=uids.UPS_PUSH, instance="1.2.3")
    (response,) = service.handle(get, caller, _NOW).responses
    got = codec.decode(codec.encode(response.data_set, one), one)
    wanted = _plain(sent) | (_plain(changes) if second.ScheduledWorkitemCodeSequence else {})
    held = _plain(got)
    for written in ("00404010", "00741202"):
        held.pop(written)
        wanted.pop(written, None)
    wanted.pop("00081195")
    assert held == wanted


def _travelled(data, syntax):
    return EncodedDataSet(codec.encode(data, syntax), syntax)
