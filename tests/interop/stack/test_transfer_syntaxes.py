"""An instance in every transfer syntax, stored by and at every peer, arrives as the bytes that left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicomnet import flows
from dicomnet.dimse.messages import CStoreRequest, CStoreResponse, EncodedDataSet
from dicomnet.handlers import handle_by_type
from dicomnet.services import storage
from dicomnet.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION
from dicomnet.ul import PlainPolicy

from .callers import DRIVERS, conversation, options
from .hosting import Hosted
from .peers import HOST, DcmtkServer, association_profile, run_tool
from .pynetdicom_peer import STORAGE, Scp, associated
from .samples import ALL_SYNTAXES, DCMTK_SYNTAXES, PLAIN, Sample, body, inflated, make_samples, values

Arrived = Mapping[str, tuple[bytes, str]]
"""Data sets and their transfer syntaxes by instance."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    return make_samples(tmp_path_factory.mktemp("samples"))


def check_arrived(sent: Iterable[Sample], arrived: Arrived) -> None:
    """All of it is there, byte for byte."""
    for sample in sent:
        data, transfer_syntax = arrived[sample.instance]
        assert transfer_syntax == sample.transfer_syntax
        assert inflated(data, transfer_syntax) == sample.plain, transfer_syntax


def in_folder(folder: Path) -> Arrived:
    """What the Part 10 files of a folder hold; their names contain the instance."""
    return {path.name[path.name.index("2.25.") :].removesuffix(".dcm"): body(path) for path in folder.iterdir()}


# -- our SCU ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Receiver:
    """A storage SCP."""

    port: int
    syntaxes: tuple[str, ...]
    arrived: Callable[[], Arrived]


@contextmanager
def dcmtk_receiver(path: str, folder: Path) -> Iterator[Receiver]:
    contexts = [(VERIFICATION, [IMPLICIT_VR_LE]), *((str(uid), DCMTK_SYNTAXES) for uid in STORAGE)]
    profile = association_profile(folder / "profile.cfg", contexts)
    (folder / "received").mkdir()
    words = ("-xf", str(profile), "All", "+B", "-od", str(folder / "received"))
    with DcmtkServer(path, *words) as server:
        yield Receiver(server.port, DCMTK_SYNTAXES, lambda: in_folder(folder / "received"))


@pytest.fixture(scope="module", params=["storescp", "dcmrecv", "pynetdicom"])
def receiver(
    request: pytest.FixtureRequest, dcmtk: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    if request.param == "pynetdicom":
        with Scp() as scp:
            yield Receiver(
                scp.port,
                ALL_SYNTAXES,
                lambda: {stored.instance: (stored.data, stored.transfer_syntax) for stored in scp.stored},
            )
        return
    with dcmtk_receiver(dcmtk(request.param), tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.mark.parametrize("form", ["bytes", "path"])
@pytest.mark.parametrize("driver", DRIVERS)
def test_we_store(samples: dict[str, Sample], tmp_path: Path, receiver: Receiver, driver: str, form: str) -> None:
    sent = list(make_samples(tmp_path, receiver.syntaxes).values())  # each time others, so that they are seen to arrive
    contexts = {(sample.sop_class, sample.transfer_syntax) for sample in sent}
    with conversation(driver, receiver.port, options(*sorted(contexts))) as link:
        for sample in sent:
            data_set = sample.path if form == "path" else EncodedDataSet(sample.data, sample.transfer_syntax)
            request = CStoreRequest(sop_class=sample.sop_class, instance=sample.instance, data_set=data_set)
            response = link.run(flows.ask(request, expect=CStoreResponse))
            assert response.status == 0x0000, (sample.transfer_syntax, response)
    check_arrived(sent, receiver.arrived())


# -- our SCP ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


@pytest.fixture(scope="module")
def host(stored: Path) -> Iterator[Hosted]:
    """The storage service as it comes."""
    with Hosted(PlainPolicy(storage.supported()), handle_by_type({CStoreRequest: storage.store_in(stored)})) as server:
        yield server


def test_storescu(
    dcmtk: Callable[[str], str], samples: dict[str, Sample], host: Hosted, stored: Path, tmp_path: Path
) -> None:
    sent = [samples[syntax] for syntax in DCMTK_SYNTAXES]
    profile = association_profile(
        tmp_path / "profile.cfg", [(str(uid), DCMTK_SYNTAXES) for uid in STORAGE], each_alone=True
    )
    words = ("-xf", str(profile), "All", HOST, str(host.port), *(str(sample.path) for sample in sent))
    done = run_tool(dcmtk("storescu"), "-v", *words)
    assert done.returncode == 0, done.stdout
    check_arrived(sent, in_folder(stored))


def test_dcmsend(dcmtk: Callable[[str], str], host: Hosted, stored: Path, tmp_path: Path) -> None:
    made = make_samples(tmp_path, DCMTK_SYNTAXES)
    files = [str(sample.path) for sample in made.values()]
    done = run_tool(dcmtk("dcmsend"), "-v", "-dn", HOST, str(host.port), *files)
    assert done.returncode == 0, done.stdout
    # It proposes the plain ones together, and then writes what is accepted.
    check_arrived((sample for syntax, sample in made.items() if syntax not in PLAIN), in_folder(stored))
    for syntax in PLAIN:
        data, transfer_syntax = in_folder(stored)[made[syntax].instance]
        assert values(data, transfer_syntax) == values(made[syntax].data, syntax)
    assert in_folder(stored)[made[DEFLATED_EXPLICIT_VR_LE].instance][1] == DEFLATED_EXPLICIT_VR_LE
    assert in_folder(stored)[made[IMPLICIT_VR_LE].instance][1] in (IMPLICIT_VR_LE, EXPLICIT_VR_LE)


def test_pynetdicom(host: Hosted, stored: Path, tmp_path: Path) -> None:
    sent = list(make_samples(tmp_path).values())
    contexts = sorted({(sample.sop_class, sample.transfer_syntax) for sample in sent})
    with associated(host.port, *contexts) as assoc:
        for sample in sent:
            assert assoc.send_c_store(sample.path).Status == 0x0000
    check_arrived(sent, in_folder(stored))
