"""An instance in every transfer syntax, stored by and at every peer, arrives as the bytes that left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from dicomnet import scu
from dicomnet.dimse.messages import CStoreRequest
from dicomnet.dimse.payloads import EncodedDataSet, StreamedDataSet
from dicomnet.errors import EncodeError
from dicomnet.handlers import handle_by_type
from dicomnet.services import storage
from dicomnet.uids import DEFLATED_EXPLICIT_VR_LE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION
from dicomnet.ul import PlainPolicy

from .callers import DRIVERS, conversation, options
from .hosting import Hosted
from .peers import HOST, DcmtkServer, association_profile, run_tool
from .pynetdicom_peer import STORAGE, Scp, associated
from .samples import ALL_SYNTAXES, DCMTK_SYNTAXES, PLAIN, Sample, body, check_received, inflated, make_samples, values

JPEG = "1.2.840.10008.1.2.4.50"
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
def dcmtk_receiver(path: str, folder: Path, syntaxes: Sequence[str] = DCMTK_SYNTAXES) -> Iterator[Receiver]:
    contexts = [(VERIFICATION, [IMPLICIT_VR_LE]), *((str(uid), syntaxes) for uid in STORAGE)]
    profile = association_profile(folder / "profile.cfg", contexts)
    (folder / "received").mkdir()
    words = ("-xf", str(profile), "All", "+B", "-od", str(folder / "received"))
    with DcmtkServer(path, *words) as server:
        yield Receiver(server.port, tuple(syntaxes), lambda: in_folder(folder / "received"))


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


FORMS = {
    "bytes": lambda sample: EncodedDataSet(sample.data, sample.transfer_syntax),
    "path": lambda sample: sample.path,
    "stream": lambda sample: StreamedDataSet(BytesIO(sample.data), sample.transfer_syntax),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("driver", DRIVERS)
def test_we_store(samples: dict[str, Sample], tmp_path: Path, receiver: Receiver, driver: str, form: str) -> None:
    sent = list(make_samples(tmp_path, receiver.syntaxes).values())  # each time others, so that they are seen to arrive
    contexts = {(sample.sop_class, sample.transfer_syntax) for sample in sent}
    with conversation(driver, receiver.port, options(*sorted(contexts))) as link:
        for sample in sent:
            named = {"sop_class": sample.sop_class, "instance": sample.instance}
            response = link.run(scu.c_store(FORMS[form](sample), **named))
            assert response.status == 0x0000, (sample.transfer_syntax, response)
    check_arrived(sent, receiver.arrived())


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("accepted", PLAIN)
def test_we_convert_what_is_plain(
    dcmtk: Callable[[str], str], samples: dict[str, Sample], tmp_path: Path, accepted: str, driver: str
) -> None:
    classes = {sample.sop_class for sample in samples.values()}
    with (
        dcmtk_receiver(dcmtk("storescp"), tmp_path, [accepted]) as receiver,
        conversation(driver, receiver.port, options(*((uid, PLAIN) for uid in sorted(classes)))) as link,
    ):
        for form in (*FORMS.values(), lambda sample: sample.dataset):
            for syntax in PLAIN:
                named = {"sop_class": samples[syntax].sop_class, "instance": samples[syntax].instance}
                assert link.run(scu.c_store(form(samples[syntax]), **named)).status == 0x0000
            arrived = receiver.arrived()
            check_received([samples[syntax] for syntax in PLAIN], arrived)
            assert {transfer_syntax for _, transfer_syntax in arrived.values()} == {accepted}
            for path in (tmp_path / "received").iterdir():
                path.unlink()
        for form in FORMS.values():  # pixel data that is compressed stays so, or does not leave
            named = {"sop_class": samples[JPEG].sop_class, "instance": samples[JPEG].instance}
            with pytest.raises(EncodeError):
                link.run(scu.c_store(form(samples[JPEG]), **named))
        assert receiver.arrived() == {}


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
