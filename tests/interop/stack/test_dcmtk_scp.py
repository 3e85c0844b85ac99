"""Our SCU against DCMTK's servers, on both drivers: verification, storage, query and retrieve.

``test_transfer_syntaxes`` and ``test_pdu_sizes`` store more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicomnet import scu
from dicomnet.codes import IdentityType
from dicomnet.dimse.messages import CStoreRequest
from dicomnet.errors import Aborted, Rejected
from dicomnet.handlers import handle_by_type
from dicomnet.services import storage
from dicomnet.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION, new_uid
from dicomnet.ul import PlainPolicy, RequestOptions, SupportedContext
from dicomnet.wire import CommonExtendedNegotiation, ExtendedNegotiation, RoleSelection, UserIdentity

from ..workitems import dataset
from .callers import DRIVERS, conversation, options
from .hosting import Hosted, Recorder
from .peers import HOST, DcmtkServer, association_profile, query_retrieve_configuration, run_tool, written
from .pynetdicom_peer import STORAGE
from .samples import Sample, check_received, make_large, make_sample

RLE = "1.2.840.10008.1.2.5"
SYNTAXES = (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)
FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
"""Study Root."""
PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
MANY = 60


@pytest.fixture(scope="module", params=["storescp", "dcmrecv", "dcmqrscp"])
def verifier(
    request: pytest.FixtureRequest, dcmtk: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DcmtkServer]:
    folder = tmp_path_factory.mktemp(request.param)
    words = ["-c", str(query_retrieve_configuration(folder / "qr.cfg", "DCMTK", folder))]
    with DcmtkServer(dcmtk(request.param), *(words if request.param == "dcmqrscp" else ())) as server:
        yield server


@pytest.mark.parametrize("driver", DRIVERS)
def test_echo(verifier: DcmtkServer, driver: str) -> None:
    with conversation(driver, verifier.port, options(VERIFICATION)) as link:
        assert [link.run(scu.c_echo()).status for _ in range(20)] == [0x0000] * 20
        assert link.negotiated.peer_implementation_version.startswith("OFFIS_DCMTK")


def test_negotiation_of_what_it_does_not_have(verifier: DcmtkServer) -> None:
    """DCMTK's servers answer nothing of it, and we go on with what is so without negotiation."""
    proposal = options(
        *[VERIFICATION] * 128,
        max_length=0,
        async_window=(0, 0),
        extended=(ExtendedNegotiation(FIND, b"\1\1"),),
        common_extended=(CommonExtendedNegotiation(str(STORAGE[0]), "1.2.840.10008.4.2", (str(STORAGE[1]),)),),
        user_identity=UserIdentity(IdentityType.USERNAME_PASSCODE, 1, b"somebody", b"secret"),
    )
    with conversation("asyncio", verifier.port, proposal) as link:
        found = link.negotiated
        assert len(found.contexts) == 128
        assert (found.max_invoked, found.max_performed) == (1, 1)
        assert found.extended == {}
        assert found.identity_response is None
        echoes = link.gather(*(scu.c_echo() for _ in range(5)))  # one after the other, since there is no window
        assert {response.status for response in echoes} == {0x0000}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("when", ["--abort-during", "--abort-after"])
def test_storescp_aborts(dcmtk: Callable[[str], str], large: Sample, when: str, driver: str) -> None:
    with DcmtkServer(dcmtk("storescp"), "--ignore", when) as server:
        link = conversation(driver, server.port, options((large.sop_class, large.transfer_syntax)))
        with pytest.raises(Aborted), link as opened:
            opened.run(scu.c_store(large.dataset))


@pytest.mark.parametrize("driver", DRIVERS)
def test_storescp_refuses(dcmtk: Callable[[str], str], driver: str) -> None:
    with DcmtkServer(dcmtk("storescp"), "--refuse") as server, pytest.raises(Rejected):
        conversation(driver, server.port, options(VERIFICATION)).__enter__()


# -- query and retrieve ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Archive:
    """A dcmqrscp with a study in three transfer syntaxes, one in RLE, one large instance, and one study with many."""

    port: int
    mixed: list[Sample]
    rle: Sample
    large: Sample
    crowd: str
    moved: Recorder

    @property
    def study(self) -> str:
        return str(self.mixed[0].dataset.StudyInstanceUID)


@pytest.fixture(scope="module")
def archive(dcmtk: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("archive")
    (folder / "stored").mkdir()
    study, series, crowd = {"StudyInstanceUID": new_uid()}, {"SeriesInstanceUID": new_uid()}, new_uid()
    common = {"StudyDate": "20200229", "StudyID": "1", "AccessionNumber": "A1", "PatientID": "QR-1"}
    mixed = [make_sample(folder, syntax, **study, **series, **common) for syntax in SYNTAXES]
    many = [
        make_sample(folder, EXPLICIT_VR_LE, StudyInstanceUID=crowd, **series, **common, PixelData=b"\0\0")
        for _ in range(MANY)
    ]
    rle, large, moved = make_sample(folder, RLE, PatientID="QR-3", PatientName="Other"), make_large(folder), Recorder()
    policy = PlainPolicy(tuple(SupportedContext(str(uid), SYNTAXES) for uid in STORAGE))
    with Hosted(policy, moved.handler) as destination:
        path = query_retrieve_configuration(
            folder / "qr.cfg", "QRSCP", folder / "stored", [("DESTINATION", destination.port)]
        )
        words = ("-c", str(path), "-d", "+xr", "+B")
        with DcmtkServer(dcmtk("dcmqrscp"), *words) as server:
            profile = association_profile(folder / "scu.cfg", [(str(STORAGE[0]), (*SYNTAXES, RLE))], each_alone=True)
            files = [str(sample.path) for sample in (*mixed, *many, rle, large)]
            words = ("-xf", str(profile), "All", "-aec", "QRSCP", HOST, str(server.port), *files)
            filled = run_tool(dcmtk("storescu"), *words)
            assert filled.returncode == 0, filled.stdout
            yield Archive(server.port, mixed, rle, large, crowd, moved)


def proposal(*contexts: str, stored_in: str = EXPLICIT_VR_LE, **more: object) -> RequestOptions:
    """Contexts for the archive; for C-GET, the role of SCP for storage in one transfer syntax.

    With several dcmqrscp takes the first, whatever the instance is in.
    """
    if GET not in contexts:
        return options(*contexts, called="QRSCP", **more)
    roles = (RoleSelection(str(STORAGE[0]), 0, 1),)
    return options(VERIFICATION, *contexts, (str(STORAGE[0]), stored_in), called="QRSCP", roles=roles, **more)


@pytest.mark.parametrize("driver", DRIVERS)
def test_find(archive: Archive, driver: str) -> None:
    with conversation(driver, archive.port, proposal(FIND, PATIENT_FIND)) as link:
        wanted = dataset(QueryRetrieveLevel="STUDY", StudyDate="20200101-20201231", StudyInstanceUID="", StudyID="")
        matches, final = link.stream(scu.c_find(wanted, FIND))
        assert final.status == 0x0000
        assert {match.status for match in matches} == {0xFF00}
        assert {match.dataset().StudyInstanceUID for match in matches} == {archive.study, archive.crowd}

        wanted = dataset(QueryRetrieveLevel="IMAGE", StudyInstanceUID=archive.study, SOPInstanceUID="")
        wanted.SeriesInstanceUID = archive.mixed[0].dataset.SeriesInstanceUID
        matches, _ = link.stream(scu.c_find(wanted, FIND))
        assert {match.dataset().SOPInstanceUID for match in matches} == {sample.instance for sample in archive.mixed}

        wanted = dataset(QueryRetrieveLevel="PATIENT", PatientID="Q?-1", PatientName="")
        ((match,), final) = link.stream(scu.c_find(wanted, PATIENT_FIND))
        assert match.dataset().PatientName == "Made^Up"

        none = dataset(QueryRetrieveLevel="PATIENT", PatientID="NOBODY")
        assert link.stream(scu.c_find(none, PATIENT_FIND))[0] == []


@pytest.mark.parametrize("driver", DRIVERS)
def test_find_is_cancelled(archive: Archive, driver: str) -> None:
    wanted = dataset(QueryRetrieveLevel="IMAGE", StudyInstanceUID=archive.crowd, SOPInstanceUID="")
    wanted.SeriesInstanceUID = archive.mixed[0].dataset.SeriesInstanceUID
    with conversation(driver, archive.port, proposal(FIND)) as link:
        for _ in range(10):
            matches, final = link.stream(scu.c_find(wanted, FIND, enough=lambda match: True))
            if len(matches) < MANY:
                break
            # On a busy machine all matches can have left before the cancel comes (PS3.7 9.3.2.3).
            assert final.status in (0x0000, 0xFE00)
        assert (final.status, len(matches) < MANY) == (0xFE00, True)
        matches, final = link.stream(scu.c_find(wanted, FIND))
        assert (len(matches), final.status) == (MANY, 0x0000)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_get(archive: Archive, syntax: str, driver: str) -> None:
    stored = Recorder()
    with conversation(driver, archive.port, proposal(GET, stored_in=syntax), handler=stored.handler) as link:
        wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=archive.study)
        pending, final = link.stream(scu.c_get(wanted, GET))
        assert (final.status, final.completed, final.failed, final.warning) == (0x0000, 3, 0, 0)
        assert [response.remaining for response in pending] == [2, 1, 0]
    check_received(archive.mixed, stored.received)
    assert {transfer_syntax for _, transfer_syntax in stored.received.values()} == {syntax}


def test_get_what_is_compressed(archive: Archive) -> None:
    stored = Recorder()
    with conversation("asyncio", archive.port, proposal(GET, stored_in=RLE), handler=stored.handler) as link:
        wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=archive.rle.dataset.StudyInstanceUID)
        assert link.stream(scu.c_get(wanted, GET))[1].status == 0x0000
    check_received([archive.rle], stored.received)


@pytest.mark.parametrize("driver", DRIVERS)
def test_get_is_cancelled(archive: Archive, driver: str) -> None:
    stored = Recorder()
    with conversation(driver, archive.port, proposal(GET), handler=stored.handler) as link:
        wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=archive.crowd)
        _, final = link.stream(scu.c_get(wanted, GET, enough=lambda response: response.completed == 2))
        assert final.status == 0xFE00
        assert 2 <= len(stored.requests) < MANY
        assert link.run(scu.c_echo()).status == 0x0000


@pytest.mark.parametrize("driver", DRIVERS)
def test_get_into_a_folder(archive: Archive, tmp_path: Path, driver: str) -> None:
    """What comes as sub-operations goes to disk while it arrives."""
    handler = handle_by_type({CStoreRequest: storage.store_in(tmp_path)})
    with conversation(driver, archive.port, proposal(GET, max_length=4096), handler=handler) as link:
        for study in (archive.large.dataset.StudyInstanceUID, archive.study):
            wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=study)
            assert link.stream(scu.c_get(wanted, GET))[1].status == 0x0000
    check_received([archive.large, *archive.mixed], written(tmp_path))


@pytest.mark.parametrize("size", [4096, 131072, 0])
def test_get_in_pdus_of_a_size(archive: Archive, size: int) -> None:
    stored = Recorder()
    wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=archive.large.dataset.StudyInstanceUID)
    with conversation("blocking", archive.port, proposal(GET, max_length=size), handler=stored.handler) as link:
        _, final = link.stream(scu.c_get(wanted, GET))
        assert (final.status, final.completed) == (0x0000, 1)
    assert stored.received == {archive.large.instance: (archive.large.data, EXPLICIT_VR_LE)}


@pytest.mark.parametrize("driver", DRIVERS)
def test_move(archive: Archive, driver: str) -> None:
    archive.moved.requests.clear()
    wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=archive.study)
    with conversation(driver, archive.port, proposal(MOVE)) as link:
        pending, final = link.stream(scu.c_move(wanted, MOVE, "DESTINATION", message_id=77))
        assert (final.status, final.completed, final.failed) == (0x0000, 3, 0)
        assert [response.completed for response in pending] == [1, 2, 3]
        unknown = link.stream(scu.c_move(wanted, MOVE, "NOWHERE"))
        assert unknown[1].status == 0xA801
    originators = {(request.move_originator, request.move_originator_message_id) for request in archive.moved.requests}
    assert originators == {("INTEROP", 77)}
    check_received(archive.mixed, archive.moved.received)


def test_store_is_served_by_a_server_that_was_asked_before(archive: Archive, tmp_path: Path) -> None:
    """One association for C-STORE, C-FIND and C-GET of what was stored."""
    sample = make_sample(tmp_path, EXPLICIT_VR_LE, PatientID="QR-2")
    stored = Recorder()
    storage = str(STORAGE[0])
    both = options(
        FIND,
        GET,
        (storage, EXPLICIT_VR_LE),
        called="QRSCP",
        roles=(RoleSelection(storage, 1, 1),),
    )
    with conversation("blocking", archive.port, both, handler=stored.handler) as link:
        assert link.run(scu.c_store(sample.dataset)).status == 0x0000
        wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=sample.dataset.StudyInstanceUID)
        (match,), _ = link.stream(scu.c_find(wanted, FIND))
        assert match.dataset().StudyInstanceUID == sample.dataset.StudyInstanceUID
        assert link.stream(scu.c_get(wanted, GET))[1].status == 0x0000
    assert stored.received == {sample.instance: (sample.data, EXPLICIT_VR_LE)}
