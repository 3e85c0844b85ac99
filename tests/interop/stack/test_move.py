"""C-MOVE with our SCP in the middle: DCMTK and pynetdicom ask, DCMTK and we ourselves receive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dicomnet.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from dicomnet.ul import PlainPolicy, SupportedContext

from ..workitems import dataset
from .hosting import Hosted, Recorder
from .peers import DcmtkServer, keys, reserved_port, written
from .provider import CROWD, PATIENT_ROOT, RLE, Provider
from .pynetdicom_peer import STORAGE, associated
from .samples import check_received

Tool = Callable[..., str]


@pytest.fixture(scope="module")
def destinations(
    dcmtk: Callable[[str], str], provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Callable[[], dict[str, tuple[bytes, str]]]]]:
    """Where C-MOVE may send to, and what arrived there."""
    folder = tmp_path_factory.mktemp("destination")
    ours = Recorder()
    syntaxes = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE, RLE)
    policy = PlainPolicy(tuple(SupportedContext(str(uid), syntaxes) for uid in STORAGE))
    with ExitStack() as stack:
        storescp = stack.enter_context(DcmtkServer(dcmtk("storescp"), "+xa", "+B", "-od", str(folder)))
        hosted = stack.enter_context(Hosted(policy, ours.handler))
        provider.destinations.update({"STORESCP": storescp.port, "OURS": hosted.port, "CLOSED": 9})
        yield {"STORESCP": lambda: written(folder), "OURS": lambda: ours.received}


@pytest.mark.parametrize("title", ["STORESCP", "OURS"])
def test_move(
    tool: Tool,
    provider: Provider,
    destinations: dict[str, Callable[[], dict[str, tuple[bytes, str]]]],
    title: str,
) -> None:
    wanted = keys(QueryRetrieveLevel="PATIENT", PatientID="P-1\\P-2")
    assert "0x0000: Success" in tool("movescu", "-d", "-P", "-aem", title, *wanted)
    check_received(provider.instances[:4], destinations[title]())


def test_move_to_the_one_who_asks(tool: Tool, provider: Provider, tmp_path: Path) -> None:
    with reserved_port() as reserved:
        port = provider.destinations["MOVESCU"] = reserved.getsockname()[1]
        words = ("-P", "-aem", "MOVESCU", "+P", str(port), "+xa", "-od", str(tmp_path))
        tool("movescu", *words, *keys(QueryRetrieveLevel="PATIENT", PatientID="P-1"))
    check_received(provider.instances[:3], written(tmp_path))


@pytest.mark.parametrize(("title", "words"), [("NOWHERE", "Refused: MoveDestinationUnknown"), ("CLOSED", "0xa702")])
def test_move_to_nobody(tool: Tool, destinations: dict[str, object], title: str, words: str) -> None:
    wanted = keys(QueryRetrieveLevel="PATIENT", PatientID="P-1")
    assert words in tool("movescu", "-d", "-P", "-aem", title, *wanted, status=69)


def test_move_is_cancelled(tool: Tool, destinations: object) -> None:
    wanted = keys(QueryRetrieveLevel="PATIENT", PatientID=CROWD)
    out = tool("movescu", "-d", "-P", "-aem", "OURS", "--cancel", "2", *wanted)
    final = out[out.rindex("Received Final Move Response") :]
    assert "0xfe00: Cancel" in final
    remaining, completed = (
        int(count) for count in re.findall(r"(?:Remaining|Completed) Suboperations *: (\d+)", final)
    )
    assert completed >= 2
    assert remaining == 200 - completed


def test_pynetdicom_asks(
    provider: Provider, provider_host: Hosted, destinations: dict[str, Callable[[], dict[str, tuple[bytes, str]]]]
) -> None:
    wanted = dataset(QueryRetrieveLevel="PATIENT", PatientID=["P-1", "P-2"])
    model = PATIENT_ROOT[2]
    with associated(provider_host.port, model) as assoc:
        responses = [status for status, _ in assoc.send_c_move(wanted, "OURS", model, msg_id=17)]
        assert [status.Status for status in responses] == [0xFF00] * 3 + [0x0000]
        assert responses[-1].NumberOfCompletedSuboperations == 4
        assert [status.Status for status, _ in assoc.send_c_move(wanted, "NOWHERE", model)] == [0xA801]
    check_received(provider.instances[:4], destinations["OURS"]())
