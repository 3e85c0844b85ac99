"""The services as programs: what they print, what they take, and how they end."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from dicomnet import scu, uids
from dicomnet.dimse.payloads import StreamedDataSet
from dicomnet.drivers import blocking
from dicomnet.drivers.common import Endpoint, Waits
from dicomnet.errors import NoPresentationContext, Rejected
from dicomnet.services.__main__ import main
from dicomnet.ul import ProposedContext, RequestOptions

ROOT = Path(__file__).parents[2]
CT = "1.2.840.10008.5.1.4.1.1.2"
MIB = 1 << 20


@contextlib.contextmanager
def running(*arguments: str | Path) -> Iterator[tuple[int, int]]:
    """A service on a free port of this machine: the port and the process; it must end well when it is told to."""
    command = [sys.executable, "-m", "dicomnet.services", arguments[0], "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen([*command, *arguments[1:]], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            assert words[:-1] == ["listening", "on", "port"]
            yield int(words[-1]), process.pid
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()


def connect(port: int, title: str = "SCP") -> blocking.Link:
    contexts = (ProposedContext(uids.VERIFICATION), ProposedContext(CT, (uids.EXPLICIT_VR_LE,)))
    options = RequestOptions(title, "SCU", contexts)
    return blocking.connect(Endpoint(title, "127.0.0.1", port), options, waits=Waits(response=60.0))


def peak(pid: int) -> int:
    """Bytes of memory a process has had at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def test_storage_takes_200_mib_in_little_memory_and_ends_when_told(tmp_path: Path) -> None:
    size = 200 * MIB
    piece = bytes(MIB)

    def content() -> Iterator[bytes]:
        yield b"\x08\0\x18\0UI\x06\x001.2.3\0" + b"\xe0\x7f\x10\0OW\0\0" + size.to_bytes(4, "little")
        for _ in range(size // MIB):
            yield piece

    with running("storage", tmp_path / "made" / "for it", "--ae-title", "STORE") as (port, pid):
        with pytest.raises(Rejected):
            connect(port, "OTHER")
        with connect(port, "STORE") as link:
            assert link.run(scu.c_echo()).status == 0
            before = peak(pid)
            sending = scu.c_store(StreamedDataSet(content(), uids.EXPLICIT_VR_LE), sop_class=CT, instance="1.2.3")
            assert link.run(sending).status == 0
            assert peak(pid) - before < 24 * MIB
    (stored,) = (tmp_path / "made" / "for it").iterdir()
    assert stored.name == "1.2.3.dcm"
    assert size < stored.stat().st_size < size + 1000
    assert pydicom.dcmread(stored, stop_before_pixels=True).SOPInstanceUID == "1.2.3"


def test_verification_verifies_and_stores_nothing() -> None:
    with running("verification") as (port, _), connect(port) as link:
        assert link.run(scu.c_echo()).status == 0
        data = StreamedDataSet([b"\x08\0\x18\0UI\x06\x001.2.3\0"], uids.EXPLICIT_VR_LE)
        with pytest.raises(NoPresentationContext):
            link.run(scu.c_store(data, sop_class=CT, instance="1.2.3"))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["print"],
        ["storage"],
        ["storage", "here", "--ignore"],
        ["storage", "--ignore", "--fsync"],
        ["verification", "here"],
        ["storage", "--port", "x"],
        ["verification", "--trust", "ca.pem"],
        ["verification", "--key", "key.pem"],
        ["verification", "--profile", "bcp195"],
        ["verification", "--max-length", "7"],  # which nobody can take
        ["verification", "--max-length", "-1"],
        ["verification", "--max-length", "4294967296"],
    ],
)
def test_what_makes_no_sense_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_what_cannot_be_had_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    bad = [
        ["storage", str(tmp_path / "file")],
        ["storage", "--ignore", "--host", "192.0.2.1"],
        ["storage", "--ignore", "--certificate", str(tmp_path / "none")],
        ["verification", "--certificate", str(tmp_path / "file"), "--profile", "none such"],
    ]
    for arguments in bad:
        assert main(arguments) == 1
        message = capsys.readouterr().err
        assert message.startswith("python -m dicomnet.services: ")
        assert "Traceback" not in message
