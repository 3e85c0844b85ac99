"""An SCU made of pynetdicom against our SCP: every service, and what associations negotiate."""

from __future__ import annotations

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
from dicomnet.uids import EXPLICIT_VR_LE, VERIFICATION, new_uid
from dicomnet.ul import Applicant, IdentityAnswer, PlainPolicy, SupportedContext
from dicomnet.wire import UserIdentity

from ..workitems import dataset
from .hosting import Hosted, NormalizedServices
from .peers import HOST
from .pynetdicom_peer import FILM_SESSION, STORAGE, associated

SPECIAL = f"{STORAGE[1]}.99"
"""A class that only its negotiation makes known: as a special case of the second."""


@pytest.fixture(scope="module")
def services() -> NormalizedServices:
    return NormalizedServices()


@pytest.fixture(scope="module")
def host(services: NormalizedServices) -> Iterator[Hosted]:
    supported = (
        SupportedContext(VERIFICATION),
        SupportedContext(FILM_SESSION, (EXPLICIT_VR_LE,), scu=True),
        SupportedContext(str(STORAGE[0]), (EXPLICIT_VR_LE,), scu=True, scp=False),
        SupportedContext(str(STORAGE[1]), (EXPLICIT_VR_LE,), scu=True, specialized=True),
    )

    def judge(user: UserIdentity | None, applicant: Applicant) -> IdentityAnswer:
        accepted = user is None or user.primary != b"stranger"
        return IdentityAnswer(accepted, b"server ticket" if user and user.identity_type == 3 else b"")

    policy = PlainPolicy(supported, async_window=(0, 2), extended=lambda item: item.info[:1], identity=judge)
    with Hosted(policy, services.handler) as server:
        yield server


def test_normalized_services(host: Hosted, services: NormalizedServices) -> None:
    instance = new_uid()

    def answer(reply: tuple[Dataset, Dataset | None]) -> tuple[int, Dataset]:
        return reply[0].Status, reply[1] or Dataset()

    both = build_role(FILM_SESSION, scu_role=True, scp_role=True)
    with associated(host.port, VERIFICATION, FILM_SESSION, ext_neg=[both]) as assoc:
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
    with associated(host.port, FILM_SESSION) as assoc:
        assert assoc.send_n_event_report(dataset(PatientID="X"), 3, FILM_SESSION, instance)[0].Status == 0x0211
        assert assoc.send_n_get([], FILM_SESSION, instance)[0].Status == 0x0000


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
