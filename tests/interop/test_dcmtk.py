"""DCMTK's ``echoscu`` and ``findscu`` against ``upsscp``. findscu cannot name the UPS classes: pynetdicom searches."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from dicomnet.uids import VERIFICATION
from dicomnet.wire import AAssociateAC

from .parrot import Wire
from .processes import PATIENCE, UpsScp, environment

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tool(dcmtk: Callable[[str], str], upsscp: UpsScp) -> Run:
    """Runs a DCMTK tool against the server; its output is in ``stdout``."""

    def start(name: str, *words: str, called: str = "UPSSCP") -> subprocess.CompletedProcess[str]:
        command = [dcmtk(name), "-d", *words, "-aec", called, "127.0.0.1", str(upsscp.port)]
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            env=environment(),
            check=False,
        )

    return start


@pytest.fixture(autouse=True)
def serves_afterwards(upsscp: UpsScp):
    """Whatever the tool did, the next one is served."""
    yield
    with Wire.connect(upsscp.port) as wire:
        assert isinstance(wire.associate([(1, VERIFICATION)]), AAssociateAC)
        wire.release()
    upsscp.check_healthy()


def test_echo(tool: Run) -> None:
    done = tool("echoscu")
    assert done.returncode == 0, done.stdout
    assert "Received Echo Response (Success)" in done.stdout
    assert "DICOMNET" in done.stdout


def test_repeated_echo(tool: Run) -> None:
    done = tool("echoscu", "--repeat", "50")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Received Echo Response (Success)") == 50


def test_aborted_echo(tool: Run) -> None:
    done = tool("echoscu", "--abort")
    assert done.returncode == 0, done.stdout
    assert "Aborting Association" in done.stdout


def test_echo_with_every_context_it_can_propose(tool: Run) -> None:
    done = tool("echoscu", "-ppc", "128", "-pts", "38")
    assert done.returncode == 0, done.stdout
    assert "Received Echo Response (Success)" in done.stdout


@pytest.mark.parametrize("size", ["4096", "131072"])
def test_echo_with_other_pdu_sizes(tool: Run, size: str) -> None:
    done = tool("echoscu", "--max-pdu", size)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("called", ["SOMEBODY", "upsscp", "UPSSCP2", "ANY-SCP"])
def test_another_title_is_rejected(tool: Run, called: str) -> None:
    done = tool("echoscu", called=called)
    assert done.returncode != 0
    assert "Called AE Title Not Recognized" in done.stdout


@pytest.mark.parametrize("title", ["A", "SIXTEEN-LETTERS-", "With Blank", "!#$%&'()"])
def test_any_calling_title_is_served(tool: Run, title: str) -> None:
    done = tool("echoscu", "-aet", title)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("model", ["-W", "-P", "-S", "-O"])
@pytest.mark.parametrize("end", [(), ("--abort",)])
def test_find_in_classes_that_are_not_served(tool: Run, model: str, end: tuple[str, ...]) -> None:
    """The association is accepted, the context is not: findscu says so and ends."""
    done = tool("findscu", model, *end, "-k", "PatientName=*")
    assert done.returncode != 0 or "No Acceptable Presentation Contexts" in done.stdout
    assert "No Acceptable Presentation Contexts" in done.stdout
    assert "Abstract Syntax Not Supported" in done.stdout
    assert "rejected" not in done.stdout.lower().replace("rejected: 0", "")


@pytest.mark.parametrize("syntax", ["-x=", "-xe", "-xb", "-xd", "-xi"])
def test_find_with_each_transfer_syntax(tool: Run, syntax: str) -> None:
    done = tool("findscu", "-W", syntax, "-k", "PatientName")
    assert "No Acceptable Presentation Contexts" in done.stdout


def test_many_tools_at_once(dcmtk: Callable[[str], str], upsscp: UpsScp) -> None:
    command = [dcmtk("echoscu"), "--repeat", "10", "-aec", "UPSSCP", "127.0.0.1", str(upsscp.port)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(20)]
    try:
        assert [process.wait(PATIENCE) for process in running] == [0] * 20
    finally:
        for process in running:
            process.kill()
            process.wait()
