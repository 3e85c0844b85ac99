"""The programs of docs/guide.md run as they are written, and print what stands below them."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.certificates import Authority

from .interop.processes import PATIENCE, Program, environment

GUIDE = (Path(__file__).parents[1] / "docs" / "guide.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", GUIDE, re.MULTILINE | re.DOTALL)
PROGRAMS = {name: text for name, text, _ in BLOCKS}
PRINTS = {name: text for name, _, text in BLOCKS if text}
PORT = "11112"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All programs, on a port that is free here."""
    made = tmp_path_factory.mktemp("guide")
    with socket.create_server(("localhost", 0)) as free:
        port = str(free.getsockname()[1])
    for name, text in PROGRAMS.items():
        (made / name).write_text(text.replace(PORT, port), "utf-8")
    return made


@pytest.fixture(scope="module")
def scp(folder: Path) -> Iterator[Path]:
    """The SCP of the guide; the folder it stores into."""
    received = folder / "received"
    received.mkdir()
    program = Program(sys.executable, str(folder / "scp.py"), str(received))
    try:
        program.wait_for(r"^listening on port \d+$", "out")
        yield received
    finally:
        program.kill()
    assert program.err == []


def run(folder: Path, name: str, *words: str) -> str:
    command = [sys.executable, str(folder / name), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=environment(), stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_program_has_a_name_of_its_own() -> None:
    assert len(PROGRAMS) == len(BLOCKS) == GUIDE.count("```python\n")


@pytest.mark.parametrize("name", [name for name in PRINTS if name not in ("store.py", "secure.py", "stores.py")])
def test_a_program_prints_what_it_says(name: str, folder: Path, scp: Path) -> None:
    assert run(folder, name) == PRINTS[name]


def test_a_file_is_stored(folder: Path, scp: Path) -> None:
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    assert run(folder, "store.py", path) == PRINTS["store.py"]
    (stored,) = scp.iterdir()
    data, original = stored.read_bytes(), Path(path).read_bytes()
    assert data.endswith(original[-30_000:])


def test_a_secure_association(folder: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    both = authority.identity("both")
    words = (str(authority.certificate), str(both.certificate), str(both.key))
    assert run(folder, "secure.py", *words) == PRINTS["secure.py"]
    (tmp_path / "joined.pem").write_bytes(both.joined)
    words = (str(tmp_path / "joined.pem"), authority.certificate.as_uri())
    assert run(folder, "stores.py", *words) == PRINTS["stores.py"]


def test_data_sets_are_streamed(folder: Path) -> None:
    assert re.fullmatch(r"64 MiB, [0-9a-f]{16}\n", run(folder, "streaming.py"))
