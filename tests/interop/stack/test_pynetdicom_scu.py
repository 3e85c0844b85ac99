"""An SCU made of pynetdicom against our SCP: every service, and what associations negotiate."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)

from dicomnet.dimse.messages import NGetRequest
from dicomnet.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION, new_uid
from dicomnet.ul import Applicant, IdentityAnswer, PlainPolicy, SupportedContext
from dicomnet.wire import UserIdentity

from ..processes import PATIENCE
from ..workitems import dataset
from .hosting import Commitment, Hosted, NormalizedServices
from .peers import HOST
from .provider import CROWD, ENDLESS, FORBIDDEN, PATIENT_ROOT, RLE, Provider
from .pynetdicom_peer import COMMITMENT, COMMITMENT_INSTANCE, FILM_SESSION, STORAGE, Stored, associated
from .samples import PLAIN, Sample

SPECIAL = f"{STORAGE[1]}.99"
"""A class that only its negotiation makes known: as a special case of the second."""


@pytest.fixture(scope="module")
def services() -> NormalizedServices:
    return NormalizedServices()


@pytest.fixture(scope="module")
def host(services: NormalizedServices) -> Iterator[Hosted]:
    supported = (
        SupportedContext(VERIFICATION),
        SupportedContext(FILM_SESSION, tuple(map(str, PLAIN)), scu=True),
        SupportedContext(str(STORAGE[0]), (EXPLICIT_VR_LE,), scu=True, scp=False),
        SupportedContext(str(STORAGE[1]), (EXPLICIT_VR_LE,), scu=True, specialized=True),
    )

    def judge(user: UserIdentity | None, applicant: Applicant) -> IdentityAnswer:
        accepted = user is None or user.primary != b"stranger"
        return IdentityAnswer(accepted, b"server ticket" if user and user.identity_type == 3 else b"")

    policy = PlainPolicy(supported, async_window=(0, 2), extended=lambda item: item.info[:1], identity=judge)
    with Hosted(policy, services.handler) as server:
        yield server


@pytest.mark.parametrize("syntax", PLAIN)
def test_normalized_services(host: Hosted, services: NormalizedServices, syntax: str) -> None:
    instance = new_uid()
    services.held.clear()

    def answer(reply: tuple[Dataset, Dataset | None]) -> tuple[int, Dataset]:
        return reply[0].Status, reply[1] or Dataset()

    both = build_role(FILM_SESSION, scu_role=True, scp_role=True)
    with associated(host.port, VERIFICATION, (FILM_SESSION, syntax), ext_neg=[both]) as assoc:
        assert assoc.send_c_echo().Status == 0x0000
        attributes = dataset(NumberOfCopies="2", FilmSessionLabel="A")
        assert answer(assoc.send_n_create(attributes, FILM_SESSION, instance)) == (0x0000, attributes)
        assert answer(assoc.send_n_create(attributes, FILM_SESSION)) == (0x0000, attributes)
        assert len(services.held) == 2  # the second under a UID of our own

        changed = dataset(NumberOfCopies="2", FilmSessionLabel="B")
        answered = answer(assoc.send_n_set(dataset(FilmSessionLabel="B"), FILM_SESSION, instance))
        assert answered == (0x0000, changed)
        label = dataset(FilmSessionLabel="B")
        assert answer(assoc.send_n_get([0x20000050], FILM_SESSION, instance)) == (0x0000, label)
        assert answer(assoc.send_n_get([0x20000050, 0x00100010], FILM_SESSION, instance)) == (0x0000, label)
        assert answer(assoc.send_n_get([], FILM_SESSION, instance)) == (0x0000, changed)
        request = next(request for request in reversed(services.asked) if isinstance(request, NGetRequest))
        assert not request.attributes

        information = dataset(PatientID="X")
        assert answer(assoc.send_n_action(information, 7, FILM_SESSION, instance)) == (0x0000, information)
        assert answer(assoc.send_n_event_report(information, 3, FILM_SESSION, instance)) == (0x0000, information)
        assert [assoc.send_n_delete(FILM_SESSION, instance).Status for _ in range(2)] == [0x0000, 0x0112]


def test_an_event_report_is_for_the_scp_to_send(host: Hosted, services: NormalizedServices) -> None:
    services.held[instance := new_uid()] = dataset(FilmSessionLabel="C")
    scu_alone = build_role(FILM_SESSION, scu_role=True, scp_role=False)
    for roles, status in ([scu_alone], 0x0211), ([], 0x0000):  # many send reports without a word about roles
        with associated(host.port, FILM_SESSION, ext_neg=roles) as assoc:
            assert assoc.send_n_event_report(dataset(PatientID="X"), 3, FILM_SESSION, instance)[0].Status == status
            assert assoc.send_n_get([], FILM_SESSION, instance)[0].Status == 0x0000


def test_our_scp_reports_on_the_association_of_the_scu() -> None:
    commitment, reports = Commitment(), queue.Queue()

    def report(event: evt.Event) -> tuple[int, None]:
        reports.put((event.event_type, event.event_information))
        return 0x0000, None

    wanted = dataset(TransactionUID=new_uid())
    policy = PlainPolicy((SupportedContext(str(COMMITMENT), (EXPLICIT_VR_LE,)),))
    handlers = [(evt.EVT_N_EVENT_REPORT, report)]
    with Hosted(policy, commitment.handler) as server, associated(server.port, COMMITMENT, handlers=handlers) as assoc:
        for _ in range(2):
            assert assoc.send_n_action(wanted, 1, COMMITMENT, COMMITMENT_INSTANCE)[0].Status == 0x0000
            assert reports.get(timeout=PATIENCE) == (1, wanted)
            # pynetdicom's own thread answers, and would go on doing so in the midst of a release.
            answer = commitment.answers.get(timeout=PATIENCE)
            assert (answer.status, answer.event_type) == (0x0000, 1)


def test_negotiation(host: Hosted) -> None:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 5, 4
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = STORAGE[1], b"\2\1"
    common = SOPClassCommonExtendedNegotiation()
    common.sop_class_uid, common.service_class_uid = SPECIAL, "1.2.840.10008.4.2"
    common.related_general_sop_class_identification = [STORAGE[1]]
    roles = [build_role(STORAGE[0], scu_role=True, scp_role=True), build_role(STORAGE[1], scu_role=True, scp_role=True)]
    items = [window, extended, common, *roles]
    with associated(host.port, VERIFICATION, *STORAGE, SPECIAL, ext_neg=items, max_length=0) as assoc:
        assert assoc.send_c_echo().Status == 0x0000
        # It would invoke five and perform four; we perform two, and invoke any number.
        assert assoc.acceptor.asynchronous_operations == (2, 4)
        assert assoc.acceptor.sop_class_extended == {STORAGE[1]: b"\2"}
        roles = {context.abstract_syntax: (context.as_scu, context.as_scp) for context in assoc.accepted_contexts}
        assert roles == {
            VERIFICATION: (True, False),
            STORAGE[0]: (False, True),
            STORAGE[1]: (True, True),
            SPECIAL: (True, False),
        }


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])
def test_user_identity(host: Hosted, kind: int) -> None:
    user = UserIdentityNegotiation()
    user.user_identity_type, user.primary_field, user.positive_response_requested = kind, b"somebody", True
    if kind == 2:
        user.secondary_field = b"secret"
    with associated(host.port, VERIFICATION, ext_neg=[user]) as assoc:
        assert assoc.send_c_echo().Status == 0x0000
        assert assoc.acceptor.user_identity.server_response == (b"server ticket" if kind == 3 else b"")


def test_a_user_is_refused(host: Hosted) -> None:
    user = UserIdentityNegotiation()
    user.user_identity_type, user.primary_field = 1, b"stranger"
    # What came is the sure sign: pynetdicom takes a rejection for a failed connection when it comes fast enough.
    came: list[Any] = []
    keep = (evt.EVT_PDU_RECV, lambda event: came.append(event.pdu))
    contexts = [build_context(VERIFICATION)]
    assoc = AE("PYNETDICOM").associate(HOST, host.port, contexts, ext_neg=[user], evt_handlers=[keep])
    assert not assoc.is_established
    (answer,) = came
    assert (answer.result, answer.source, answer.reason_diagnostic) == (1, 2, 1)


# -- query and retrieve; test_move has C-MOVE ------------------------------------------------------------------------


def test_find(provider: Provider, provider_host: Hosted) -> None:
    model = PATIENT_ROOT[0]
    with associated(provider_host.port, model) as assoc:
        responses = list(
            assoc.send_c_find(dataset(QueryRetrieveLevel="IMAGE", PatientID="P-1", SOPInstanceUID=""), model)
        )
        assert [status.Status for status, _ in responses] == [0xFF00] * 3 + [0x0000]
        assert {match.SOPInstanceUID for _, match in responses[:-1]} == {
            sample.instance for sample in provider.instances[:3]
        }
        assert responses[-1][1] is None
        ((status, _),) = assoc.send_c_find(dataset(QueryRetrieveLevel="PATIENT", PatientID=FORBIDDEN), model)
        assert (status.Status, status.ErrorComment) == (0xA700, "not this one")


def test_find_is_cancelled(provider: Provider, provider_host: Hosted) -> None:
    model = PATIENT_ROOT[0]
    with associated(provider_host.port, model) as assoc:
        wanted = dataset(QueryRetrieveLevel="STUDY", PatientID=ENDLESS)
        statuses = []
        for status, _ in assoc.send_c_find(wanted, model, msg_id=7):
            statuses.append(status.Status)
            if len(statuses) == 3:
                assoc.send_c_cancel(7, query_model=model)
        assert set(statuses[:-1]) == {0xFF00}
        assert statuses[-1] == 0xFE00
        assert assoc.is_established


def test_get(provider: Provider, provider_host: Hosted) -> None:
    model, stored = PATIENT_ROOT[1], []
    syntaxes = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, RLE)

    def store(event: evt.Event) -> int:
        stored.append(Stored.of(event))
        return 0x0000 if len(stored) != 2 else 0xB000

    contexts = [(STORAGE[0], syntax) for syntax in syntaxes]
    role = build_role(STORAGE[0], scp_role=True)
    handlers = [(evt.EVT_C_STORE, store)]
    with associated(provider_host.port, model, *contexts, ext_neg=[role], handlers=handlers) as assoc:
        wanted = dataset(QueryRetrieveLevel="PATIENT", PatientID=["P-1", "P-2"])
        responses = [status for status, _ in assoc.send_c_get(wanted, model)]
    assert [status.Status for status in responses] == [0xFF00] * 3 + [0xB000]
    final = responses[-1]
    assert (final.NumberOfCompletedSuboperations, final.NumberOfWarningSuboperations) == (3, 1)
    assert {item.instance: (item.data, item.transfer_syntax) for item in stored} == {
        sample.instance: (sample.data, sample.transfer_syntax) for sample in provider.instances[:4]
    }


def test_get_is_cancelled(provider_host: Hosted) -> None:
    model, stored = PATIENT_ROOT[1], []
    handlers = [(evt.EVT_C_STORE, lambda event: stored.append(event) or 0x0000)]
    role = build_role(STORAGE[0], scp_role=True)
    contexts = (model, (STORAGE[0], EXPLICIT_VR_LE))
    with associated(provider_host.port, *contexts, ext_neg=[role], handlers=handlers) as assoc:
        wanted = dataset(QueryRetrieveLevel="PATIENT", PatientID=CROWD)
        for status, _ in assoc.send_c_get(wanted, model, msg_id=7):
            if status.Status == 0xFF00 and status.NumberOfCompletedSuboperations == 2:
                assoc.send_c_cancel(7, query_model=model)
        assert status.Status == 0xFE00
        assert status.NumberOfRemainingSuboperations == 200 - len(stored)
        assert assoc.is_established


def test_get_without_the_role_fails(provider_host: Hosted) -> None:
    model = PATIENT_ROOT[1]
    with associated(provider_host.port, model, (STORAGE[0], EXPLICIT_VR_LE)) as assoc:
        wanted = dataset(QueryRetrieveLevel="PATIENT", PatientID="P-2")
        ((status, _),) = assoc.send_c_get(wanted, model)
        assert (status.Status, status.NumberOfFailedSuboperations) == (0xA702, 1)
        assert assoc.is_established


def test_store(provider: Provider, provider_host: Hosted, large: Sample) -> None:
    provider.stored.requests.clear()
    with associated(provider_host.port, (large.sop_class, large.transfer_syntax)) as assoc:
        status = assoc.send_c_store(large.path, originator_aet="SOMEBODY", originator_id=9, priority=1)
        assert status.Status == 0x0000
    (request,) = provider.stored.requests
    assert (request.move_originator, request.move_originator_message_id, request.priority) == ("SOMEBODY", 9, 1)
    assert provider.stored.received == {large.instance: (large.data, large.transfer_syntax)}
