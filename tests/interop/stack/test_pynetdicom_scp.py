"""Our SCU against an SCP made of pynetdicom, on both drivers: every service, and what associations negotiate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dicomnet import flows
from dicomnet.codes import IdentityType
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
from dicomnet.errors import Rejected
from dicomnet.uids import VERIFICATION, new_uid
from dicomnet.wire import CommonExtendedNegotiation, ExtendedNegotiation, RoleSelection, UserIdentity

from ..workitems import dataset
from .callers import DRIVERS, conversation, options
from .pynetdicom_peer import FILM_SESSION, PATIENT_ROOT, STORAGE, Scp


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


@pytest.mark.parametrize("driver", DRIVERS)
def test_negotiation(scp: Scp, driver: str) -> None:
    find, storage = str(PATIENT_ROOT[0]), [str(uid) for uid in STORAGE]
    proposal = options(
        VERIFICATION,
        find,
        *storage,
        called=scp.title,
        max_length=0,
        async_window=(4, 3),
        roles=(RoleSelection(storage[0], 0, 1), RoleSelection(storage[1], 1, 1), RoleSelection(find, 1, 1)),
        extended=(ExtendedNegotiation(find, b"\1\0\1"), ExtendedNegotiation(storage[0], b"\2")),
        common_extended=(CommonExtendedNegotiation(storage[1], "1.2.840.10008.4.2", (storage[0],)),),
        user_identity=UserIdentity(IdentityType.KERBEROS, 1, b"ticket"),
    )
    scp.asked.clear()
    with conversation(driver, scp.port, proposal) as link:
        assert link.run(flows.c_echo()).status == 0x0000
        found = link.negotiated
    assert (found.max_invoked, found.max_performed) == (1, 1)  # pynetdicom has no more to offer
    roles = {context.abstract_syntax: (context.as_scu, context.as_scp) for context in found.contexts.values()}
    assert [roles[uid] for uid in (VERIFICATION, find, *storage)] == [
        (True, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    assert found.extended == {find: b"\1\0\1", storage[0]: b"\2"}
    assert found.identity_response == b"server ticket"
    asked = dict(scp.asked)
    assert asked["window"] == (4, 3)
    assert asked["user"] == (3, b"ticket", b"")
    assert asked["common extended"][storage[1]].service_class_uid == "1.2.840.10008.4.2"
    assert asked["common extended"][storage[1]].related_general_sop_class_identification == [storage[0]]


IDENTITIES = (
    UserIdentity(IdentityType.USERNAME, 0, b"somebody"),
    UserIdentity(IdentityType.USERNAME_PASSCODE, 0, b"somebody", b"secret"),
    UserIdentity(IdentityType.SAML, 1, b"<assertion/>"),
    UserIdentity(IdentityType.JWT, 1, b"a.b.c"),
)


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.identity_type.name)
def test_user_identity(scp: Scp, identity: UserIdentity) -> None:
    scp.asked.clear()
    with conversation("blocking", scp.port, options(VERIFICATION, called=scp.title, user_identity=identity)) as link:
        assert link.run(flows.c_echo()).status == 0x0000
        assert link.negotiated.identity_response == (b"server ticket" if identity.response_requested else None)
    assert dict(scp.asked)["user"][1:] == (identity.primary, identity.secondary)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_user_is_refused(scp: Scp, driver: str) -> None:
    stranger = options(VERIFICATION, called=scp.title, user_identity=UserIdentity(1, 0, b"stranger"))
    with pytest.raises(Rejected) as caught, conversation(driver, scp.port, stranger):
        pass
    assert (caught.value.result, caught.value.source, caught.value.reason) == (2, 2, 1)
