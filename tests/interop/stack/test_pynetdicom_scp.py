"""Our SCU against an SCP made of pynetdicom, on both drivers: every service, and what associations negotiate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom import dcmread

from dicomnet import flows, scu
from dicomnet.codes import IdentityType
from dicomnet.dimse.messages import EncodedDataSet
from dicomnet.errors import Rejected
from dicomnet.flows import Flow
from dicomnet.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION, new_uid
from dicomnet.ul import PlainPolicy, SupportedContext
from dicomnet.wire import CommonExtendedNegotiation, ExtendedNegotiation, RoleSelection, UserIdentity

from ..workitems import dataset
from .callers import DRIVERS, conversation, options
from .hosting import Hosted, NormalizedServices, Recorder
from .provider import RLE
from .pynetdicom_peer import COMMITMENT, COMMITMENT_INSTANCE, FILM_SESSION, PATIENT_ROOT, STORAGE, Scp
from .samples import PLAIN, Sample, check_received, make_sample


@pytest.fixture(scope="module")
def scp() -> Iterator[Scp]:
    with Scp() as peer:
        yield peer


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("syntax", PLAIN)
def test_normalized_services(scp: Scp, syntax: str, driver: str) -> None:
    film, instance = str(FILM_SESSION), new_uid()
    with conversation(driver, scp.port, options(VERIFICATION, (film, str(syntax)), called=scp.title)) as link:
        assert link.run(scu.c_echo()).status == 0x0000
        create = {"data_set": dataset(NumberOfCopies="2", FilmSessionLabel="A"), "instance": instance}
        created = link.run(scu.n_create(film, **create))
        assert (created.status, created.instance, created.dataset().FilmSessionLabel) == (0x0000, instance, "A")
        assert link.run(scu.n_create(film, **create)).status == 0x0111

        changed = link.run(scu.n_set(film, instance, dataset(FilmSessionLabel="B")))
        assert (changed.status, changed.dataset().FilmSessionLabel, changed.dataset().NumberOfCopies) == (0, "B", 2)

        assert list(link.run(scu.n_get(film, instance, [0x20000050])).dataset().keys()) == [0x20000050]
        assert len(link.run(scu.n_get(film, instance)).dataset()) == 2

        acted = link.run(scu.n_action(film, instance, 7, dataset(PatientID="X")))
        assert (acted.status, acted.action_type, acted.dataset().PatientID) == (0x0000, 7, "X")
        reported = link.run(scu.n_event_report(film, instance, 3, dataset(PatientID="Y")))
        assert (reported.status, reported.event_type, reported.dataset().PatientID) == (0x0000, 3, "Y")
        assert [link.run(scu.n_delete(film, instance)).status for _ in range(2)] == [0x0000, 0x0112]
    asked = [service for service, subject in scp.asked if subject == instance]
    assert asked == [
        *("N-CREATE", "N-CREATE", "N-SET", "N-GET", "N-GET"),
        *("N-ACTION 7", "N-EVENT-REPORT 3", "N-DELETE", "N-DELETE"),
    ]


@pytest.mark.parametrize("driver", DRIVERS)
def test_its_scp_reports_on_our_association(scp: Scp, driver: str) -> None:
    services, transaction = NormalizedServices(), new_uid()
    services.held[COMMITMENT_INSTANCE] = dataset()

    def commit() -> Flow[None]:
        wanted = dataset(TransactionUID=transaction)
        response = yield from scu.n_action(str(COMMITMENT), COMMITMENT_INSTANCE, 1, wanted)
        assert response.status == 0x0000
        while scp.reports.empty():  # the link is driven meanwhile
            yield from flows.pause(0.005)

    with conversation(driver, scp.port, options(COMMITMENT, called=scp.title), handler=services.handler) as link:
        link.run(commit())
        assert scp.reports.get_nowait() == 0x0000
    (report,) = services.asked
    assert (report.event_type, report.dataset().TransactionUID) == (1, transaction)


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
        assert link.run(scu.c_echo()).status == 0x0000
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
        assert link.run(scu.c_echo()).status == 0x0000
        assert link.negotiated.identity_response == (b"server ticket" if identity.response_requested else None)
    assert dict(scp.asked)["user"][1:] == (identity.primary, identity.secondary)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_user_is_refused(scp: Scp, driver: str) -> None:
    stranger = options(VERIFICATION, called=scp.title, user_identity=UserIdentity(1, 0, b"stranger"))
    with pytest.raises(Rejected) as caught, conversation(driver, scp.port, stranger):
        pass
    assert (caught.value.result, caught.value.source, caught.value.reason) == (2, 2, 1)


# -- storage, query and retrieve -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def instances(scp: Scp, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """What it has: in three transfer syntaxes."""
    folder, patient = tmp_path_factory.mktemp("instances"), {"PatientID": "P-1"}
    made = [make_sample(folder, syntax, **patient) for syntax in (EXPLICIT_VR_LE, IMPLICIT_VR_LE, RLE)]
    scp.instances = [dcmread(sample.path) for sample in made]
    return made


@pytest.mark.parametrize("driver", DRIVERS)
def test_store(scp: Scp, large: Sample, driver: str) -> None:
    scp.stored.clear()
    with conversation(driver, scp.port, options((large.sop_class, large.transfer_syntax), called=scp.title)) as link:
        forms = (large.path, large.dataset, EncodedDataSet(large.data, large.transfer_syntax))
        for data_set in forms:
            assert link.run(scu.c_store(data_set)).status == 0x0000
        named = scu.c_store(large.path, move_originator="SOMEBODY", move_originator_message_id=9)
        assert link.run(named).status == 0x0000
    assert [stored.data for stored in scp.stored] == [large.data] * 4
    assert {(stored.sop_class, stored.instance) for stored in scp.stored} == {(large.sop_class, large.instance)}
    assert scp.stored[-1].originator == ("SOMEBODY", 9)


@pytest.mark.parametrize("driver", DRIVERS)
def test_find(scp: Scp, instances: list[Sample], driver: str) -> None:
    model = str(PATIENT_ROOT[0])
    with conversation(driver, scp.port, options(model, called=scp.title)) as link:
        matches, final = link.stream(scu.c_find(dataset(QueryRetrieveLevel="IMAGE", PatientID="P-1"), model))
        assert (final.status, [match.status for match in matches]) == (0x0000, [0xFF00] * 3)
        assert {match.dataset().SOPInstanceUID for match in matches} == {sample.instance for sample in instances}
        assert link.stream(scu.c_find(dataset(PatientID="NOBODY"), model))[0] == []


@pytest.mark.parametrize("driver", DRIVERS)
def test_find_is_cancelled(scp: Scp, instances: list[Sample], driver: str) -> None:
    model = str(PATIENT_ROOT[0])
    scp.hold_for_cancel = True
    try:
        with conversation(driver, scp.port, options(model, called=scp.title)) as link:
            wanted = dataset(QueryRetrieveLevel="IMAGE", PatientID="P-1")
            matches, final = link.stream(scu.c_find(wanted, model, enough=lambda match: True))
            assert (len(matches), final.status) == (3, 0xFE00)
    finally:
        scp.hold_for_cancel = False


@pytest.mark.parametrize("driver", DRIVERS)
def test_get(scp: Scp, instances: list[Sample], driver: str) -> None:
    model, storage, stored = str(PATIENT_ROOT[1]), str(STORAGE[0]), Recorder()
    contexts = [(storage, syntax) for syntax in (EXPLICIT_VR_LE, IMPLICIT_VR_LE, RLE)]
    proposal = options(model, *contexts, called=scp.title, roles=(RoleSelection(storage, 0, 1),))
    with conversation(driver, scp.port, proposal, handler=stored.handler) as link:
        pending, final = link.stream(scu.c_get(dataset(QueryRetrieveLevel="PATIENT", PatientID="P-1"), model))
    assert (final.status, final.completed, final.failed) == (0x0000, 3, 0)
    assert len(pending) == 3
    check_received(instances, stored.received)


@pytest.mark.parametrize("driver", DRIVERS)
def test_move(scp: Scp, instances: list[Sample], driver: str) -> None:
    model, stored = str(PATIENT_ROOT[2]), Recorder()
    policy = PlainPolicy(tuple(SupportedContext(str(uid), (EXPLICIT_VR_LE, IMPLICIT_VR_LE, RLE)) for uid in STORAGE))
    with Hosted(policy, stored.handler) as destination:
        scp.destinations["OURS"] = destination.port
        with conversation(driver, scp.port, options(model, called=scp.title)) as link:
            wanted = dataset(QueryRetrieveLevel="PATIENT", PatientID="P-1")
            pending, final = link.stream(scu.c_move(wanted, model, "OURS", message_id=41))
            assert (final.status, final.completed, len(pending)) == (0x0000, 3, 3)
            assert link.stream(scu.c_move(wanted, model, "NOWHERE"))[1].status == 0xA801
    check_received(instances, stored.received)
    # pynetdicom names itself as the originator; the message id is ours.
    assert {request.move_originator_message_id for request in stored.requests} == {41}
