"""What the documents say in numbers is what the code has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dicomnet
from dicomnet.dataset import DataSetLimits
from dicomnet.dimse.exchange import MessageLimits
from dicomnet.drivers.aio_server import ServerLimits
from dicomnet.drivers.common import Waits
from dicomnet.wire import PduLimits
from ups.cli.running import CommandLimits
from ups.delivery import DeliveryLimits
from ups.scp import matching

DOCS = Path(__file__).parents[1] / "docs"
LIMITS = (DOCS / "limits.md").read_text("utf-8")
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("row", "default"),
    [
        ("A-ASSOCIATE body", f"{PduLimits().associate // MIB} MiB"),
        ("P-DATA-TF body", f"{PduLimits().p_data}"),
        ("PDVs in a PDU", f"{PduLimits().max_pdvs}"),
        ("command set, all fragments", f"{MessageLimits().command // 1024} KiB"),
        ("data set, as it travels", f"{MessageLimits().data_set.max_bytes // MIB} MiB"),
        ("requests of a peer without an answer", f"{MessageLimits().requests}"),
        ("time for a message to be complete", f"{MessageLimits().seconds:g} s"),
        ("data set of a request that a streaming handler reads", f"any length; {MessageLimits().seconds:g} s for each"),
        ("what has come of such data sets and was not read", f"{MessageLimits().unread // MIB} MiB"),
        ("refusals that wait for a message of ours to be out", f"{MessageLimits().requests}"),
        ("for the operations window to have room", f"{Waits().response:g} s"),
        (
            "deflated data set, inflated",
            f"{DataSetLimits().max_inflated // MIB} MiB and {DataSetLimits().max_ratio} to one",
        ),
        ("sequences in sequences", f"{DataSetLimits().max_depth}"),
        ("elements and items", f"{DataSetLimits().max_elements:,}"),
        ("associations", f"{ServerLimits().associations:,}"),
        ("associations of one address", f"{ServerLimits().per_address}"),
        ("connections without association", f"{ServerLimits().half_open:,}"),
        ("calls of one address in threads", f"{ServerLimits().calls_per_address}"),
        ("to a whole association request (ARTIM), TLS handshake included", f"{Waits().request:g} s"),
        ("for a started PDU", f"{Waits().pdu:g} s"),
        ("without any message, no request under way", f"{Waits().idle:g} s"),
        ("for the peer to close (Sta13)", f"{Waits().close:g} s"),
        ("for a peer to read anything of what waits for it", f"{Waits().send:g} s"),
        ("keys of an identifier", f"{matching.MAX_KEYS:,}"),
        ("values of a key", f"{matching.MAX_UIDS:,} of {matching.MAX_PATTERN:,} characters"),
        (
            "events that wait for `dcmups --exec`",
            f"{CommandLimits().events:,}, {CommandLimits().bytes // MIB} MiB",
        ),
        ("commands of `dcmups --exec` at once", f"{CommandLimits().at_once}"),
        (
            "events kept for a subscriber",
            f"{DeliveryLimits().events:,}, {DeliveryLimits().bytes // MIB} MiB, "
            f"{DeliveryLimits().seconds / 3600:g} hour",
        ),
    ],
)
def test_the_documented_limit_is_the_one_in_force(row: str, default: str) -> None:
    cells = next(line.split("|") for line in LIMITS.splitlines() if line.startswith(f"| {row} |"))
    assert cells[2].strip().startswith(default)


def test_the_conformance_statement_is_what_the_code_says() -> None:
    # In a process of its own: importing pynetdicom, as other tests do, gives more UIDs a name.
    code = "import runpy, sys; sys.stdout.write(runpy.run_path(sys.argv[1])['statement']())"
    made = subprocess.run(
        [sys.executable, "-c", code, str(DOCS / "statement.py")],
        cwd=DOCS.parent,
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    written = (DOCS / "conformance-statement.md").read_text("utf-8")
    assert written == made.stdout, "run python docs/statement.py"


def test_the_reference_has_every_public_module() -> None:
    code = "import runpy, sys; print(*runpy.run_path(sys.argv[1])['modules']())"
    made = subprocess.run(
        [sys.executable, "-c", code, str(DOCS / "reference.py")],
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    paths = [path for package in ("dicomnet", "ups") for path in (DOCS.parent / package).rglob("*.py")]
    parts = [path.relative_to(DOCS.parent).with_suffix("").parts for path in paths]
    public = {".".join(names).removesuffix(".__init__") for names in parts if not names[-1].startswith("_")}
    packages = {".".join(names[:-1]) for names in parts if names[-1] == "__init__"}
    assert set(made.stdout.split()) == public | packages


def test_the_reference_is_made_from_the_docstrings(tmp_path: Path) -> None:
    names = ("dicomnet", "dicomnet.scu", "dicomnet.drivers.blocking", "dicomnet.ul.association")
    command = [sys.executable, "-m", "pdoc", *names, "-o", str(tmp_path)]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "dicomnet.html").read_text("utf-8")
    assert [name for name in dicomnet.__all__ if f'id="{name}"' not in page] == []
    assert "Have the peer store an instance" in (tmp_path / "dicomnet" / "scu.html").read_text("utf-8")
