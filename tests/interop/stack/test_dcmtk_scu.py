"""DCMTK's tools against our SCP: verification, storage, query and retrieve.

``test_transfer_syntaxes``, ``test_pdu_sizes`` and ``test_tls`` store more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicomnet.codes import IdentityType
from dicomnet.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE
from dicomnet.ul import Applicant, IdentityAnswer, PlainPolicy, SupportedContext
from dicomnet.wire import UserIdentity

from .hosting import BlockingHost, Hosted, Recorder
from .peers import HOST, keys, run_tool, written
from .provider import ENDLESS, FORBIDDEN, PATIENT_ROOT, Provider
from .pynetdicom_peer import STORAGE
from .samples import Sample, check_received

Tool = Callable[..., str]


def test_echo(tool: Tool) -> None:
    assert tool("echoscu", "--repeat", "20", "-ppc", "128", "-pts", "38").count("Echo Response (Success)") == 20


def test_a_tool_that_aborts_harms_nobody(tool: Tool, provider: Provider) -> None:
    path = str(provider.instances[0].path)
    assert "Aborting Association" in tool("storescu", "--abort", files=(path,))
    assert "Aborting Association" in tool("echoscu", "--abort")
    tool("echoscu")


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[Hosted, list[UserIdentity | None]]]:
    """A server that lets in one user, and whom it saw."""
    seen: list[UserIdentity | None] = []

    def judge(user: UserIdentity | None, applicant: Applicant) -> IdentityAnswer:
        seen.append(user)
        return IdentityAnswer(user is not None and user.primary == b"somebody")

    storage = tuple(SupportedContext(str(uid), (EXPLICIT_VR_LE,)) for uid in STORAGE)
    with Hosted(PlainPolicy(storage, identity=judge), Recorder().handler) as server:
        yield server, seen


@pytest.mark.parametrize("user", ["somebody", "stranger", None])
def test_storescu_names_its_user(
    dcmtk: Callable[[str], str],
    provider: Provider,
    guarded: tuple[Hosted, list[UserIdentity | None]],
    user: str | None,
) -> None:
    server, seen = guarded
    words = ["-usr", user, "-pwd", "secret", "-rsp"] if user else []
    path = str(provider.instances[0].path)
    done = run_tool(dcmtk("storescu"), "-d", *words, HOST, str(server.port), path)
    assert (done.returncode == 0) == (user == "somebody"), done.stdout
    expected = UserIdentity(IdentityType.USERNAME_PASSCODE, 1, (user or "").encode(), b"secret")
    assert seen.pop() == (expected if user else None)


@pytest.mark.parametrize(
    ("option", "kind"), [("-kt", IdentityType.KERBEROS), ("--saml", IdentityType.SAML), ("--jwt", IdentityType.JWT)]
)
def test_storescu_shows_a_ticket(
    dcmtk: Callable[[str], str],
    provider: Provider,
    guarded: tuple[Hosted, list[UserIdentity | None]],
    tmp_path: Path,
    option: str,
    kind: IdentityType,
) -> None:
    server, seen = guarded
    (ticket := tmp_path / "ticket").write_bytes(b"somebody")
    path = str(provider.instances[0].path)
    done = run_tool(dcmtk("storescu"), "-d", option, str(ticket), "-rsp", HOST, str(server.port), path)
    assert done.returncode == 0, done.stdout
    assert seen.pop() == UserIdentity(kind, 1, b"somebody")


def test_our_blocking_server(dcmtk: Callable[[str], str], provider: Provider, large: Sample) -> None:
    provider.stored.requests.clear()
    with BlockingHost(provider.policy, provider.handler) as server:
        for name, *words in (("echoscu",), ("storescu", str(large.path)), ("findscu", "-W", *keys(PatientID="W-1"))):
            places = (HOST, str(server.port))
            before, after = (words, ()) if name == "findscu" else ((), words)
            done = run_tool(dcmtk(name), "-v", *before, *places, *after)
            assert done.returncode == 0, done.stdout
    assert provider.stored.received == {large.instance: (large.data, large.transfer_syntax)}
    assert server.ends == [None] * 3


# -- query -----------------------------------------------------------------------------------------------------------


def found(folder: Path) -> list[Dataset]:
    """The responses that findscu has written."""
    return [dcmread(path) for path in sorted(folder.iterdir())]


def test_find(tool: Tool, provider: Provider, tmp_path: Path) -> None:
    first = provider.instances[0].dataset
    wanted = keys(QueryRetrieveLevel="IMAGE", StudyInstanceUID=first.StudyInstanceUID, SOPInstanceUID="")
    tool("findscu", "-S", "-X", "-od", str(tmp_path), *wanted)
    assert {match.SOPInstanceUID for match in found(tmp_path)} == {sample.instance for sample in provider.instances[:3]}


@pytest.mark.parametrize(
    ("word", "syntax"),
    [("-xi", IMPLICIT_VR_LE), ("-xe", EXPLICIT_VR_LE), ("-xb", EXPLICIT_VR_BE), ("-xd", DEFLATED_EXPLICIT_VR_LE)],
)
def test_find_in_a_transfer_syntax(
    dcmtk: Callable[[str], str], provider: Provider, tmp_path: Path, word: str, syntax: str
) -> None:
    policy = PlainPolicy((SupportedContext(PATIENT_ROOT[0], (syntax,)),))
    wanted = keys(QueryRetrieveLevel="PATIENT", PatientID="P-1", PatientName="")
    with Hosted(policy, provider.handler) as server:
        words = (word, "-P", "-X", "-od", str(tmp_path), *wanted, HOST, str(server.port))
        done = run_tool(dcmtk("findscu"), "-v", *words)
    assert done.returncode == 0, done.stdout
    (match,) = found(tmp_path)
    assert (match.PatientID, match.PatientName) == ("P-1", "Made^Up")


def test_find_worklist(tool: Tool, tmp_path: Path) -> None:
    tool("findscu", "-W", "-X", "-od", str(tmp_path), *keys(PatientID="W-1", PatientName=""))
    (match,) = found(tmp_path)
    assert (match.PatientID, match.PatientName) == ("W-1", "Work^List")


def test_find_is_cancelled(tool: Tool, provider: Provider) -> None:
    provider.found = 0
    out = tool("findscu", "-S", "--cancel", "3", *keys(QueryRetrieveLevel="STUDY", PatientID=ENDLESS))
    assert "Cancel: MatchingTerminatedDueToCancelRequest" in out
    assert out.count("(Pending)") >= 3
    assert provider.found < 1_000_000


def test_find_is_refused(tool: Tool) -> None:
    assert "Error: DataSetDoesNotMatchSOPClass" in tool("findscu", "-S", *keys(QueryRetrieveLevel="NONE"))
    refused = tool("findscu", "-S", *keys(QueryRetrieveLevel="STUDY", PatientID=FORBIDDEN))
    assert "Refused: OutOfResources" in refused


# -- retrieve --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["+xe"], ["+xi"], ["+B"]])
def test_get(tool: Tool, provider: Provider, tmp_path: Path, words: list[str]) -> None:
    study = str(provider.instances[0].dataset.StudyInstanceUID)
    wanted = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=study)
    out = tool("getscu", "-S", *words, "-od", str(tmp_path), *wanted)
    assert "Completed Suboperations : 3" in out
    check_received(provider.instances[:3], written(tmp_path))


def test_get_what_is_compressed(tool: Tool, provider: Provider, tmp_path: Path) -> None:
    wanted = keys(QueryRetrieveLevel="PATIENT", PatientID="P-2")
    assert "Failed Suboperations    : 1" in tool("getscu", "-P", "-od", str(tmp_path), *wanted, status=0)
    assert list(tmp_path.iterdir()) == []
    assert "Completed Suboperations : 1" in tool("getscu", "-P", "+xr", "-od", str(tmp_path), *wanted)
    check_received([provider.instances[3]], written(tmp_path))


def test_get_what_is_large(tool: Tool, provider: Provider, tmp_path: Path) -> None:
    large = provider.instances[4]
    wanted = keys(QueryRetrieveLevel="IMAGE", SOPInstanceUID=large.instance)
    tool("getscu", "-S", "-pdu", "4096", "-od", str(tmp_path), *wanted)
    assert written(tmp_path) == {large.instance: (large.data, EXPLICIT_VR_LE)}
