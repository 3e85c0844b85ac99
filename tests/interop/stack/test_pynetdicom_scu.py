"""An SCU made of pynetdicom against our SCP: every service, and what associations negotiate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset

from dicomnet.dimse.messages import NGetRequest
from dicomnet.uids import EXPLICIT_VR_LE, VERIFICATION, new_uid
from dicomnet.ul import PlainPolicy, SupportedContext

from ..workitems import dataset
from .hosting import Hosted, NormalizedServices
from .pynetdicom_peer import FILM_SESSION, associated


@pytest.fixture(scope="module")
def services() -> NormalizedServices:
    return NormalizedServices()


@pytest.fixture(scope="module")
def host(services: NormalizedServices) -> Iterator[Hosted]:
    supported = (SupportedContext(VERIFICATION), SupportedContext(FILM_SESSION, (EXPLICIT_VR_LE,)))
    with Hosted(PlainPolicy(supported), services.handler) as server:
        yield server


def test_normalized_services(host: Hosted, services: NormalizedServices) -> None:
    instance = new_uid()

    def answer(reply: tuple[Dataset, Dataset | None]) -> tuple[int, Dataset]:
        return reply[0].Status, reply[1] or Dataset()

    with associated(host.port, VERIFICATION, FILM_SESSION) as assoc:
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
