"""Against what DCMTK and pynetdicom really sent: captures in tests/vectors, each the side of one of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from dicomnet import uids
from dicomnet.ul import (
    AbortIndication,
    Applicant,
    Association,
    PDataIndication,
    PlainPolicy,
    ProposedContext,
    ReleaseConfirmation,
    ReleaseIndication,
    RequestOptions,
    Role,
    State,
    SupportedContext,
    build_request,
)

VECTORS = Path(__file__).parents[1] / "vectors"


def sections(name: str) -> dict[str, bytes]:
    """The PDUs of a capture by the name they have there."""
    found: dict[str, str] = {}
    name_of_section = ""
    for line in (VECTORS / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name_of_section = line.strip("[]")
            found[name_of_section] = ""
        elif line and not line.startswith("#"):
            found[name_of_section] += line
    return {key: bytes.fromhex(value) for key, value in found.items()}


def accepting(ul: SimpleNamespace) -> tuple[Association, dict[str, bytes]]:
    """An acceptor in Sta6 with the echoscu of DCMTK at the other end."""
    client = sections("dcmtk-echoscu.hex")
    association = ul.reach(State.STA2)
    association.receive_data(client["A-ASSOCIATE-RQ"], 0.0)
    (indication,) = ul.drain(association)
    policy = PlainPolicy((SupportedContext(uids.VERIFICATION),), ae_titles=frozenset({"ANY-SCP"}))
    association.associate_accept(policy.decide(indication.request, Applicant("")), 0.0)
    ul.take(association)
    return association, client


def test_echoscu_of_dcmtk_is_accepted_heard_and_released(ul: SimpleNamespace) -> None:
    association, client = accepting(ul)
    assert association.negotiated.calling_ae_title == "ECHOSCU"
    assert association.negotiated.peer_max_length == 16384
    assert association.negotiated.peer_implementation_version == "OFFIS_DCMTK_367"
    assert association.negotiated.contexts[1].as_scp
    association.receive_data(client["P-DATA-TF C-ECHO-RQ"] + client["A-RELEASE-RQ"], 0.0)
    data, release = ul.drain(association)
    assert isinstance(data, PDataIndication)
    assert data.pdvs[0].is_command
    assert release == ReleaseIndication(collision=False)
    association.release_response(0.0)
    association.receive_eof(0.0)
    assert association.is_over
    assert association.error is None


def test_echoscu_of_dcmtk_aborts(ul: SimpleNamespace) -> None:
    association, client = accepting(ul)
    association.receive_data(client["A-ABORT"], 0.0)
    assert ul.drain(association) == [AbortIndication(0, 0)]
    assert association.close_wanted


def test_the_echo_scp_of_pynetdicom_is_understood(ul: SimpleNamespace) -> None:
    server = sections("pynetdicom-echo-scp.hex")
    association = Association(Role.REQUESTOR)
    request = RequestOptions("ANY-SCP", "ECHOSCU", (ProposedContext(uids.VERIFICATION),))
    association.associate_request(build_request(request), 0.0)
    association.transport_connected(0.0)
    association.receive_data(server["A-ASSOCIATE-AC"], 0.0)
    assert association.negotiated is not None
    assert association.negotiated.peer_max_length == 16382
    assert association.negotiated.contexts[1].as_scu
    association.send_p_data(1, b"command!", None, 0.0)
    association.receive_data(server["P-DATA-TF C-ECHO-RSP"], 0.0)
    association.release_request(0.0)
    association.receive_data(server["A-RELEASE-RP"], 0.0)
    _, data, release = ul.drain(association)
    assert isinstance(data, PDataIndication)
    assert release == ReleaseConfirmation()
    assert association.close_wanted
