"""Our SCU against an SCP made of pynetdicom, on both drivers: every service, and what associations negotiate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dicomnet import flows
from dicomnet.dimse.messages import (
    NActionRequest,
    NActionResponse,
    NCreateRequest,
    NCreateResponse,
    NDeleteRequest,
    NDeleteResponse,
    NEventReportRequest,
    NEventReportResponse,
    NGetRequest,
    NGetResponse,
    NSetRequest,
    NSetResponse,
)
from dicomnet.uids import VERIFICATION, new_uid

from ..workitems import dataset
from .callers import DRIVERS, conversation, options
from .pynetdicom_peer import FILM_SESSION, Scp


@pytest.fixture(scope="module")
def scp() -> Iterator[Scp]:
    with Scp() as peer:
        yield peer


@pytest.mark.parametrize("driver", DRIVERS)
def test_normalized_services(scp: Scp, driver: str) -> None:
    instance, named = new_uid(), {"sop_class": FILM_SESSION}
    with conversation(driver, scp.port, options(VERIFICATION, FILM_SESSION, called=scp.title)) as link:
        assert link.run(flows.c_echo()).status == 0x0000
        create = NCreateRequest(**named, instance=instance, data_set=dataset(NumberOfCopies="2", FilmSessionLabel="A"))
        created = link.run(flows.ask(create, expect=NCreateResponse))
        assert (created.status, created.instance, created.dataset().FilmSessionLabel) == (0x0000, instance, "A")
        assert link.run(flows.ask(create, expect=NCreateResponse)).status == 0x0111

        change = NSetRequest(**named, instance=instance, data_set=dataset(FilmSessionLabel="B"))
        changed = link.run(flows.ask(change, expect=NSetResponse))
        assert (changed.status, changed.dataset().FilmSessionLabel, changed.dataset().NumberOfCopies) == (0, "B", 2)

        get = NGetRequest(**named, instance=instance, attributes=(0x20000050,))
        assert list(link.run(flows.ask(get, expect=NGetResponse)).dataset().keys()) == [0x20000050]
        get = NGetRequest(**named, instance=instance)
        assert len(link.run(flows.ask(get, expect=NGetResponse)).dataset()) == 2

        act = NActionRequest(**named, instance=instance, action_type=7, data_set=dataset(PatientID="X"))
        acted = link.run(flows.ask(act, expect=NActionResponse))
        assert (acted.status, acted.action_type, acted.dataset().PatientID) == (0x0000, 7, "X")

        report = NEventReportRequest(**named, instance=instance, event_type=3, data_set=dataset(PatientID="Y"))
        reported = link.run(flows.ask(report, expect=NEventReportResponse))
        assert (reported.status, reported.event_type, reported.dataset().PatientID) == (0x0000, 3, "Y")

        for status in (0x0000, 0x0112):
            delete = NDeleteRequest(**named, instance=instance)
            assert link.run(flows.ask(delete, expect=NDeleteResponse)).status == status
    asked = [service for service, subject in scp.asked if subject == instance]
    assert asked == [
        *("N-CREATE", "N-CREATE", "N-SET", "N-GET", "N-GET"),
        *("N-ACTION 7", "N-EVENT-REPORT 3", "N-DELETE", "N-DELETE"),
    ]
