"""An object of 600 KiB through PDUs of 4, 16 and 128 KiB and of any length, announced by either side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dicomnet import flows
from dicomnet.dimse.messages import CStoreRequest, CStoreResponse
from dicomnet.handlers import handle_by_type
from dicomnet.services import storage
from dicomnet.ul import PlainPolicy, Transcript
from dicomnet.ul.transcript import Direction
from dicomnet.wire import PDataTF

from .callers import DRIVERS, conversation, options
from .hosting import Hosted
from .peers import HOST, DcmtkServer, association_profile, run_tool
from .pynetdicom_peer import Scp, associated
from .samples import Sample, body

SIZES = (4096, 16384, 131072, 0)
DCMTK_SIZES = SIZES[:3]
"""Those it announces: no limit is not among them."""


@pytest.fixture(scope="module")
def received(large: Sample) -> Callable[[Path], bytes]:
    """Takes the one file in a folder: its data set."""

    def take(folder: Path) -> bytes:
        (path,) = (path for path in folder.iterdir() if large.instance in path.name)
        found, _ = body(path)
        path.unlink()
        return found

    return take


def store(driver: str, port: int, large: Sample) -> list[int]:
    """Store it there; the lengths of the P-DATA-TF PDUs that left."""
    transcript = Transcript()
    proposal = options((large.sop_class, large.transfer_syntax))
    with conversation(driver, port, proposal, transcript=transcript) as link:
        request = CStoreRequest(sop_class=large.sop_class, instance=large.instance, data_set=large.dataset)
        assert link.run(flows.ask(request, expect=CStoreResponse)).status == 0x0000
    sent = transcript.pdus(Direction.SENT)
    return [sum(len(pdv.payload) + 6 for pdv in pdu.pdvs) for _, pdu in sent if isinstance(pdu, PDataTF)]


def check_lengths(lengths: list[int], size: int) -> None:
    """No PDU is longer than was announced, and those of a large data set are as long as may be."""
    if size:
        assert max(lengths) <= size
        assert max(lengths) > size * 0.9
        assert len(lengths) <= 615_000 // size + 4
    else:
        assert max(lengths) > 131072


# -- our SCU ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", DCMTK_SIZES)
@pytest.mark.parametrize("name", ["storescp", "dcmrecv"])
def test_dcmtk_announces(
    dcmtk: Callable[[str], str], large: Sample, received: Callable[[Path], bytes], tmp_path: Path, name: str, size: int
) -> None:
    (tmp_path / "received").mkdir()
    profile = association_profile(tmp_path / "profile.cfg", [(large.sop_class, [large.transfer_syntax])])
    words = ("--max-pdu", str(size), "-xf", str(profile), "All", "+B", "-od", str(tmp_path / "received"))
    with DcmtkServer(dcmtk(name), *words) as server:
        for driver in DRIVERS:
            check_lengths(store(driver, server.port, large), size)
            assert received(tmp_path / "received") == large.data


@pytest.fixture(scope="module")
def scp() -> Iterator[Scp]:
    with Scp() as peer:
        yield peer


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("size", SIZES)
def test_pynetdicom_announces(large: Sample, scp: Scp, size: int, driver: str) -> None:
    scp.stored.clear()
    scp.announce(size)
    check_lengths(store(driver, scp.port, large), size)
    assert [stored.data for stored in scp.stored] == [large.data]


# -- our SCP ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module")
def hosts(folder: Path) -> Iterator[dict[int, Hosted]]:
    """Servers of ours by the length they announce; longer PDUs are an abort."""
    handler = handle_by_type({CStoreRequest: storage.store_in(folder)})
    with ExitStack() as stack:
        yield {
            size: stack.enter_context(
                Hosted(PlainPolicy(storage.supported(), max_length=size), handler, max_length=size)
            )
            for size in SIZES
        }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["storescu", "dcmsend"])
def test_we_announce_to_dcmtk(
    dcmtk: Callable[[str], str],
    large: Sample,
    hosts: dict[int, Hosted],
    folder: Path,
    received: Callable[[Path], bytes],
    name: str,
    size: int,
) -> None:
    done = run_tool(dcmtk(name), "-d", HOST, str(hosts[size].port), str(large.path))
    assert done.returncode == 0, done.stdout
    assert received(folder) == large.data


@pytest.mark.parametrize("size", SIZES)
def test_we_announce_to_pynetdicom(
    large: Sample, hosts: dict[int, Hosted], folder: Path, received: Callable[[Path], bytes], size: int
) -> None:
    with associated(hosts[size].port, (large.sop_class, large.transfer_syntax)) as assoc:
        assert assoc.acceptor.maximum_length == size
        assert assoc.send_c_store(large.path).Status == 0x0000
    assert received(folder) == large.data
