"""Hypothesis strategies for DIMSE messages, with and without a data set."""

from __future__ import annotations

import string

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dicomnet import uids as known_uids
from dicomnet.dimse import messages as m
from dicomnet.testing._reused import reused
from dicomnet.testing.command_sets import tags
from dicomnet.testing.pdus import uids

__all__ = ["data_sets", "messages", "requests", "responses"]

_U16 = st.integers(0, 0xFFFF)
_PRIORITIES = st.integers(0, 2)
_TITLES = st.text(string.ascii_uppercase + string.digits + "_-", min_size=1, max_size=16)
_STATUSES = st.sampled_from([0x0000, 0x0107, 0x0110, 0xB301, 0xC307, 0xFE00, 0xFF00, 0xFF01]) | _U16


@reused
def data_sets() -> SearchStrategy[m.EncodedDataSet | None]:
    """No data set, or one patient name in Implicit VR Little Endian."""
    names = st.integers(0, 30).map(lambda length: b"A" * (2 * length))
    encoded = names.map(lambda name: b"\x10\0\x10\0" + len(name).to_bytes(4, "little") + name)
    return st.none() | encoded.map(lambda data: m.EncodedDataSet(data, known_uids.IMPLICIT_VR_LE))


@reused
def requests() -> SearchStrategy[m.Request]:
    """Requests of every class, C-CANCEL aside."""
    common = {"message_id": _U16, "data_set": data_sets()}
    named = {**common, "sop_class": uids()}
    instance = {**named, "instance": uids()}
    return st.one_of(
        st.builds(m.CEchoRequest, **named),
        *(st.builds(kind, **named, priority=_PRIORITIES) for kind in (m.CFindRequest, m.CGetRequest)),
        st.builds(m.CMoveRequest, **named, priority=_PRIORITIES, destination=_TITLES),
        st.builds(
            m.CStoreRequest,
            **instance,
            priority=_PRIORITIES,
            move_originator=st.none() | _TITLES,
            move_originator_message_id=st.none() | _U16,
        ),
        st.builds(m.NEventReportRequest, **instance, event_type=_U16),
        st.builds(m.NGetRequest, **instance, attributes=st.none() | tags()),
        st.builds(m.NSetRequest, **instance),
        st.builds(m.NActionRequest, **instance, action_type=_U16),
        st.builds(m.NCreateRequest, **named, instance=st.none() | uids()),
        st.builds(m.NDeleteRequest, **instance),
    )


@reused
def responses() -> SearchStrategy[m.Response]:
    """Responses of every class, with any status and the fields that may come with it."""
    comment = st.none() | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=64)
    common = {
        "responding_to": _U16,
        "status": _STATUSES,
        "data_set": data_sets(),
        "error_comment": comment,
        "error_id": st.none() | _U16,
        "offending_elements": st.none() | tags(),
        "attribute_list": st.none() | tags(),
        "sop_class": st.none() | uids(),
    }
    instance = {**common, "instance": st.none() | uids()}
    counts = {name: st.none() | _U16 for name in ("remaining", "completed", "failed", "warning")}
    return st.one_of(
        *(st.builds(kind, **common) for kind in (m.CEchoResponse, m.CFindResponse)),
        *(st.builds(kind, **common, **counts) for kind in (m.CGetResponse, m.CMoveResponse)),
        *(
            st.builds(kind, **instance)
            for kind in (m.CStoreResponse, m.NGetResponse, m.NSetResponse, m.NCreateResponse, m.NDeleteResponse)
        ),
        st.builds(m.NEventReportResponse, **instance, event_type=st.none() | _U16),
        st.builds(m.NActionResponse, **instance, action_type=st.none() | _U16),
    )


@reused
def messages() -> SearchStrategy[m.Message]:
    """Messages of every class."""
    return st.one_of(requests(), responses(), st.builds(m.CCancelRequest, responding_to=_U16))
