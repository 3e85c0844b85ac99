"""Part 10 files of get and find: whole or not there, under names that are ours, without a Transaction UID."""

from __future__ import annotations

import os
import shlex
import socket
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.dimse.messages import EncodedDataSet, Request
from dicomnet.flows import Flow
from dicomnet.handlers import Handler, Peer
from ups.cli.main import main

from .answers import LOCK, answering, element, encoded, leaking, matching

U = "1.2.3"


@pytest.fixture
def dcmups(scripted: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs a command against a peer with this handler; S is its address, T the folder of the test."""

    def run(text: str, handler: Handler = answering(0)) -> tuple[int, str, str]:  # noqa: B008
        capsys.readouterr()
        peer = scripted(handler)
        places = {"S": peer.address}
        words = [places.get(word, word.replace("T/", f"{tmp_path}/")) for word in shlex.split(text)]
        return main(words), *capsys.readouterr()

    return run


def workitem(uid: str = U, **values: Any) -> Dataset:
    dataset = leaking()
    dataset.SOPInstanceUID = uid
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("option", "syntax"), [("", uids.EXPLICIT_VR_LE), ("-ivrle", uids.IMPLICIT_VR_LE)])
def test_get_writes_a_part_10_file(dcmups: Any, tmp_path: Path, option: str, syntax: str) -> None:
    answer = answering(0, data_set=workitem(PatientName="山田^太郎"))
    status, out, err = dcmups(f"get S -iuid {U} -o T/x.dcm {option}", answer)
    assert (status, out) == (0, "")
    assert f"written to {tmp_path}/x.dcm" in err
    assert files(tmp_path) == ["x.dcm"]
    content = (tmp_path / "x.dcm").read_bytes()
    assert content[128:132] == b"DICM"
    assert LOCK.encode() not in content
    found = pydicom.dcmread(tmp_path / "x.dcm")
    assert found.file_meta.TransferSyntaxUID == syntax
    assert found.file_meta.MediaStorageSOPClassUID == found.SOPClassUID == uids.UPS_PUSH
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID == U
    assert found.PatientName == "山田^太郎"
    assert [list(item.keys()) for item in found.ScheduledWorkitemCodeSequence] == [[0x00080100]]


def test_the_file_can_be_sent_again(dcmups: Any, tmp_path: Path) -> None:
    dcmups(f"get S -iuid {U} -o T/x.dcm", answering(0, data_set=workitem(PatientName="Doe")))
    status, out, _ = dcmups("create S -f T/x.dcm")
    assert (status, out) == (0, f"{U}\n")


def test_find_writes_a_file_for_each_match_and_prints_its_name(dcmups: Any, tmp_path: Path) -> None:
    status, out, err = dcmups("find S -o T/found", matching(workitem("1.2.3"), workitem("1.2.4")))
    assert status == 0
    assert out.splitlines() == [f"{tmp_path}/found/1.2.3.dcm", f"{tmp_path}/found/1.2.4.dcm"]
    assert err == "dcmups: find: 2 matches\n"
    assert files(tmp_path / "found") == ["1.2.3.dcm", "1.2.4.dcm"]
    assert pydicom.dcmread(tmp_path / "found" / "1.2.4.dcm").SOPInstanceUID == "1.2.4"
    assert not any(LOCK.encode() in path.read_bytes() for path in (tmp_path / "found").iterdir())


@pytest.mark.parametrize(
    "uid",
    [b"../1.2.3", b"/1.2.3", b"..", b".", b"1..2", b".1.2", b"1.2.", b"1/2", b"1.2\\1.3", b"", b"1" * 65, b"1.2a"],
)
def test_a_name_that_is_no_uid_is_told_and_never_used(dcmups: Any, tmp_path: Path, uid: bytes) -> None:
    odd = encoded(element(0x00080018, "UI", uid + b"\0" * (len(uid) % 2)))
    status, out, err = dcmups("find S -o T/found", matching(odd, workitem()))
    assert status == 2
    assert out.splitlines() == [f"{tmp_path}/found/{U}.dcm"]
    assert "match 1 has no SOP Instance UID that can be the name of a file" in err
    assert files(tmp_path) == ["found"]
    assert files(tmp_path / "found") == [f"{U}.dcm"]


def test_bad_values_are_kept_as_they_came(dcmups: Any, tmp_path: Path) -> None:
    parts = [element(0x00080018, "UI", b"1.2.5\0"), element(0x00100010, "PN", b"M\xfcller")]
    odd = encoded(element(0x00080005, "CS", b"ISO_IR 192"), *parts, element(0x00741004, "FD", b"abc"))
    assert dcmups("find S -o T/", matching(odd))[0] == 0
    content = (tmp_path / "1.2.5.dcm").read_bytes()
    assert element(0x00100010, "PN", b"M\xfcller") in content
    assert b"abc" in content


def test_a_match_that_cannot_be_read_costs_no_other(dcmups: Any, tmp_path: Path) -> None:
    broken = EncodedDataSet(b"\x08\0\x18\0UI\xff\xff", uids.EXPLICIT_VR_LE)
    assert dcmups("find S -o T/found", matching(broken, workitem()))[0] == 2
    assert files(tmp_path / "found") == [f"{U}.dcm"]


def test_what_is_there_is_replaced_by_what_is_whole(dcmups: Any, tmp_path: Path) -> None:
    (tmp_path / "1.2.3.dcm").write_bytes(b"old")
    (tmp_path / "link").symlink_to("linked.dcm")
    (tmp_path / "linked.dcm").write_bytes(b"old")
    dcmups("find S -o T/", matching(workitem()))
    dcmups(f"get S -iuid {U} -o T/link", answering(0, data_set=workitem()))
    assert files(tmp_path) == ["1.2.3.dcm", "link", "linked.dcm"]
    assert (tmp_path / "link").is_symlink()
    for name in ("1.2.3.dcm", "linked.dcm"):
        assert pydicom.dcmread(tmp_path / name).SOPInstanceUID == U


def test_a_link_under_the_name_of_a_match_is_replaced_and_not_followed(dcmups: Any, tmp_path: Path) -> None:
    (tmp_path / "found").mkdir()
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / "found" / "1.2.3.dcm").symlink_to("../precious")
    dcmups("find S -o T/found", matching(workitem()))
    assert (tmp_path / "precious").read_bytes() == b"old"


def test_two_matches_of_one_uid_are_told(dcmups: Any, tmp_path: Path) -> None:
    _, out, err = dcmups("find S -o T/found", matching(workitem(), workitem()))
    assert out.count("1.2.3.dcm") == 2
    assert "match 2 is another one of 1.2.3 and takes its place" in err


def test_a_failure_writes_nothing(dcmups: Any, tmp_path: Path) -> None:
    assert dcmups(f"get S -iuid {U} -o T/x", answering(0xC307))[0] == 3
    assert files(tmp_path) == []
    status, _, err = dcmups(f"get S -iuid {U} -o T/x", answering(0))
    assert (status, "has no attributes" in err) == (0, True)
    assert files(tmp_path) == []


@pytest.mark.parametrize("words", ["find S -o T/found", f"get S -iuid {U} -o T/found/1.2.3.dcm"])
def test_a_file_that_cannot_be_written_is_one_line_and_exit_1(dcmups: Any, tmp_path: Path, words: str) -> None:
    (tmp_path / "found").mkdir()

    def handle(request: Request, peer: Peer) -> Flow[None]:
        (tmp_path / "found").rmdir()
        answer = matching(workitem()) if words.startswith("find") else answering(0, data_set=workitem())
        yield from answer(request, peer)

    status, out, err = dcmups(words, handle)
    assert (status, out) == (1, "")
    assert err == f"dcmups: cannot write {tmp_path}/found/1.2.3.dcm: No such file or directory\n"


def test_nothing_is_left_of_a_file_that_cannot_get_its_name(dcmups: Any, tmp_path: Path) -> None:
    (tmp_path / "1.2.3.dcm").mkdir()
    status, _, err = dcmups("find S -o T/", matching(workitem()))
    assert (status, err) == (1, f"dcmups: cannot write {tmp_path}/1.2.3.dcm: Is a directory\n")
    assert files(tmp_path) == ["1.2.3.dcm"]


@pytest.fixture
def nobody() -> Any:
    """Somebody who listens, and whom nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("get S -iuid 1.2 -o T/none/x", "-o T/none/x: the folder T/none is not there"),
        ("get S -iuid 1.2 -o T/file/x", "-o T/file/x: the folder T/file is no folder"),
        ("get S -iuid 1.2 -o T/", "-o T/: this is there and is no regular file"),
        ("get S -iuid 1.2 -o /dev/null", "-o /dev/null: this is there and is no regular file"),
        ("get S -iuid 1.2 -o T/fifo", "-o T/fifo: this is there and is no regular file"),
        ("get S -iuid 1.2 -o -", "-o -: a Part 10 file is not for standard output; --json and --xml are"),
        ("get S -iuid 1.2 -o ''", "-o : this is no name of a file"),
        ("find S -o T/none/x", "-o T/none/x: No such file or directory"),
        ("find S -o T/file", "-o T/file: this is no folder"),
        ("find S -o T/x --json", "-o and --json exclude each other"),
        ("find S --output T/x --xml", "--output and --xml exclude each other"),
        ("find S --xml --json", "--xml and --json exclude each other"),
        ("find S --quiet -v", "--quiet and -v exclude each other"),
        ("find S --color sometimes", "--color: 'sometimes' is none of auto, always, never"),
    ],
)
def test_bad_input_is_refused_before_anybody_is_called(
    words: str, message: str, nobody: socket.socket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo")
    nobody.setblocking(False)
    address = f"X@127.0.0.1:{nobody.getsockname()[1]}"
    given = [address if word == "S" else word.replace("T/", f"{tmp_path}/") for word in shlex.split(words)]
    assert main(given) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"dcmups: {message.replace('T/', f'{tmp_path}/')}",
        "dcmups: Try 'dcmups -h' for more information.",
    ]
    with pytest.raises(BlockingIOError):
        nobody.accept()


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        ("create S --set ProcedureStepLabel=x -o T/x", "-o has no effect on create"),
        ("create S --set ProcedureStepLabel=x --xml", "--xml has no effect on create"),
    ],
)
def test_what_has_no_effect_is_said(dcmups: Any, tmp_path: Path, words: str, warning: str) -> None:
    status, out, err = dcmups(words, answering(0, instance="9.8"))
    assert (status, out) == (0, "9.8\n")
    assert f"warning: {warning}" in err
    assert files(tmp_path) == []


def test_what_is_asked_for_now_goes_before_what_was_set_before(
    dcmups: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DCMUPS_JSON", "yes")
    monkeypatch.setenv("DCMUPS_QUIET", "yes")
    assert dcmups("find S -o T/ -v", matching(workitem()))[:2] == (0, f"{tmp_path}/1.2.3.dcm\n")
    assert dcmups("find S", matching(workitem()))[1].startswith('{"00080005"')
    monkeypatch.setenv("DCMUPS_VERBOSE", "1")
    status, _, err = dcmups("find S", matching(workitem()))
    assert (status, "exclude each other" in err) == (1, True)
    monkeypatch.setenv("DCMUPS_QUIET", "no")
    assert dcmups("find S", matching(workitem()))[0] == 0
