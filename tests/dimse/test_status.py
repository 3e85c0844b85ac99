"""Statuses: class by number, names, and the services' own names first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dicomnet.dimse.messages import NGetResponse
from dicomnet.dimse.status import GENERAL, QUERY_RETRIEVE, STORAGE, StatusClass, describe, status_class
from dicomnet.errors import StatusError


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (StatusClass.SUCCESS, [0x0000]),
        (StatusClass.WARNING, [0x0001, 0x0107, 0x0116, 0xB000, 0xB301, 0xBFFF]),
        (StatusClass.FAILURE, [0x0105, 0x0110, 0x0124, 0x0210, 0x0213, 0xA700, 0xAFFF, 0xC000, 0xC307, 0xCFFF]),
        (StatusClass.CANCEL, [0xFE00]),
        (StatusClass.PENDING, [0xFF00, 0xFF01]),
        (StatusClass.FAILURE, [0x0002, 0x0300, 0x1000, 0x9999, 0xD000, 0xFE01, 0xFF02, 0xFFFF]),  # in no table
    ],
)
def test_every_status_has_a_class(kind: StatusClass, codes: list[int]) -> None:
    assert {status_class(code) for code in codes} == {kind}


@pytest.mark.parametrize(
    ("code", "kind"),
    [(-1, "failure"), (0x10000, "failure"), (0x1B000, "failure"), (1 << 70, "failure"), (True, "warning")],
)
def test_what_is_no_status_has_a_class(code: int, kind: str) -> None:
    assert status_class(code) == kind


@pytest.mark.parametrize("code", [None, "0000", 2.5, [0]])
def test_what_is_no_number_has_none(code: Any) -> None:
    with pytest.raises(TypeError):
        status_class(code)


def test_the_general_names_agree_with_their_class() -> None:
    for code, name in GENERAL.items():
        assert describe(code) == f"{code:04X} {name}"


@pytest.mark.parametrize(
    ("service", "known"),
    [
        (STORAGE, {"B000", "B006", "B007", "A700", "A900", "C000"}),  # PS3.4 Table B.2-1
        (QUERY_RETRIEVE, {"B000", "A700", "A701", "A702", "A801", "A900", "C000"}),  # PS3.4 C.4.1.1.4, C.4.2.1.5
    ],
)
def test_the_codes_of_composite_services_have_names(service: Mapping[int, str], known: set[str]) -> None:
    assert {f"{code:04X}" for code in service} == known
    assert not any("(" in describe(code, service) for code in service)


def test_a_service_names_its_own() -> None:
    assert describe(0xC307, {0xC307: "no such instance"}) == "C307 no such instance"
    assert describe(0xC307) == "C307 (failure)"
    assert describe(0x0110, {0xC307: "no such instance"}) == "0110 processing failure"


@pytest.mark.parametrize("code", [0x0110, 0xC307, 0xFE00])
def test_raise_for_status_raises_for_failure_and_cancel(code: int) -> None:
    with pytest.raises(StatusError) as caught:
        NGetResponse(responding_to=1, status=code).raise_for_status()
    assert caught.value.status == code


@pytest.mark.parametrize("code", [0x0000, 0x0107, 0xB301, 0xFF00])
def test_raise_for_status_passes_the_rest(code: int) -> None:
    response = NGetResponse(responding_to=1, status=code)
    assert response.raise_for_status() is response
