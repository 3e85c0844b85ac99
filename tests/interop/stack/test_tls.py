"""The same associations over TLS, with certificates made for the occasion.

In DCMTK 3.6.7 only echoscu, storescu, findscu, storescp and dcmrecv speak TLS: the others go through a relay.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pynetdicom import AE, evt

from dicomnet import scu
from dicomnet.drivers.tls import Profile, client_context, server_context
from dicomnet.errors import DicomNetError, TransportError
from dicomnet.handlers import handle_by_type
from dicomnet.uids import EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION
from dicomnet.ul import Applicant, IdentityAnswer, PlainPolicy, SupportedContext
from dicomnet.wire import RoleSelection, UserIdentity
from tests.certificates import Authority, Identity

from ..workitems import dataset
from .callers import DRIVERS, conversation, options
from .hosting import Hosted, Recorder
from .peers import HOST, DcmtkServer, association_profile, query_retrieve_configuration, run_tool, written
from .peers import keys as look_for
from .provider import Provider
from .pynetdicom_peer import STORAGE, associated
from .relay import Relay
from .samples import Sample, body, check_received

MR = str(STORAGE[0])
PROFILES = {
    Profile.BCP195: "+py",
    Profile.BCP195_MODIFIED: "+py",
    Profile.BCP195_RFC7525: "+px",
    Profile.BCP195_NON_DOWNGRADING: "+py",
    Profile.BCP195_EXTENDED: "+pz",
    Profile.AES: "+pa",
    Profile.NULL: "+pn",
}
"""Ours, and DCMTK's option for the one that is nearest."""


@dataclass(frozen=True)
class Keys:
    """Who trusts whom: ``ours`` and ``theirs`` are signed by one authority, ``strange`` by another."""

    trust: Path
    ours: Identity
    theirs: Identity
    strange: Identity

    def client(self, profile: str = Profile.BCP195) -> ssl.SSLContext:
        return client_context(profile, trust=self.trust, certificate=self.ours.certificate, key=self.ours.key)

    def server(self, profile: str = Profile.BCP195) -> ssl.SSLContext:
        return server_context(profile, trust=self.trust, certificate=self.ours.certificate, key=self.ours.key)

    def words(self, identity: Identity | None = None) -> list[str]:
        """For DCMTK's tools."""
        return [*(identity or self.theirs).words, "+cf", str(self.trust)]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    authority, other = Authority(folder, "authority"), Authority.in_folder(folder / "other", "other")
    return Keys(
        authority.certificate, authority.identity("ours"), authority.identity("theirs"), other.identity("strange")
    )


# -- our SCU ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["storescp", "dcmrecv"])
def dcmtk_server(
    request: pytest.FixtureRequest, dcmtk: Callable[[str], str], keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DcmtkServer, Path]]:
    made = tmp_path_factory.mktemp(request.param)
    profile = association_profile(made / "profile.cfg", [(VERIFICATION, [IMPLICIT_VR_LE]), (MR, [EXPLICIT_VR_LE])])
    (folder := made / "received").mkdir()
    words = ["-xf", str(profile), "All", "+B", "-od", str(folder), *keys.words()]
    with DcmtkServer(dcmtk(request.param), *words) as server:
        yield server, folder


@pytest.mark.parametrize("driver", DRIVERS)
def test_we_store(dcmtk_server: tuple[DcmtkServer, Path], keys: Keys, large: Sample, driver: str) -> None:
    server, folder = dcmtk_server
    with conversation(driver, server.port, options(VERIFICATION, (MR, EXPLICIT_VR_LE)), tls=keys.client()) as link:
        assert link.run(scu.c_echo()).status == 0x0000
        assert link.run(scu.c_store(large.dataset)).status == 0x0000
    (path,) = folder.iterdir()
    assert body(path)[0] == large.data
    path.unlink()


@pytest.mark.parametrize("profile", PROFILES)
def test_we_connect_by_profile(dcmtk: Callable[[str], str], keys: Keys, profile: Profile) -> None:
    with DcmtkServer(dcmtk("storescp"), *keys.words(), PROFILES[profile]) as server:
        for driver in DRIVERS:
            with conversation(driver, server.port, options(VERIFICATION), tls=keys.client(profile)) as link:
                assert link.run(scu.c_echo()).status == 0x0000


@pytest.mark.parametrize("driver", DRIVERS)
def test_we_do_not_trust_a_stranger(dcmtk: Callable[[str], str], keys: Keys, driver: str) -> None:
    with DcmtkServer(dcmtk("storescp"), *keys.words(keys.strange)) as server:
        with pytest.raises(TransportError, match="certificate"):
            conversation(driver, server.port, options(VERIFICATION), tls=keys.client()).__enter__()
        with pytest.raises(DicomNetError):  # it takes our request for a bad handshake
            conversation(driver, server.port, options(VERIFICATION)).__enter__()


@pytest.mark.parametrize("driver", DRIVERS)
def test_query_and_retrieve(
    dcmtk: Callable[[str], str], keys: Keys, tmp_path: Path, large: Sample, driver: str
) -> None:
    find, get = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"
    received = Recorder()
    proposal = options(
        find, get, (MR, EXPLICIT_VR_LE), called="QRSCP", roles=(RoleSelection(MR, 1, 1),), max_length=131072
    )
    path = query_retrieve_configuration(tmp_path / "qr.cfg", "QRSCP", tmp_path)
    with (
        DcmtkServer(dcmtk("dcmqrscp"), "-c", str(path)) as server,
        Relay(server.port, outer=keys.server()) as relay,
        conversation(driver, relay.port, proposal, tls=keys.client(), handler=received.handler) as link,
    ):
        assert link.run(scu.c_store(large.dataset)).status == 0x0000
        wanted = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=large.dataset.StudyInstanceUID)
        (match,), _ = link.stream(scu.c_find(wanted, find))
        assert match.dataset().StudyInstanceUID == large.dataset.StudyInstanceUID
        assert link.stream(scu.c_get(wanted, get))[1].completed == 1
    assert received.received == {large.instance: (large.data, EXPLICIT_VR_LE)}


def test_pynetdicom_listens(keys: Keys, large: Sample) -> None:
    stored = []

    def store(event: evt.Event) -> int:
        stored.append(event.request.DataSet.getvalue())
        return 0x0000

    ae = AE("PYNETDICOM")
    ae.add_supported_context(MR, EXPLICIT_VR_LE)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=keys.trust)
    context.load_cert_chain(keys.theirs.certificate, keys.theirs.key)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ae.start_server((HOST, 0), block=False, ssl_context=context, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        for driver in DRIVERS:
            port = server.server_address[1]
            with conversation(driver, port, options((MR, EXPLICIT_VR_LE)), tls=keys.client()) as link:
                assert link.run(scu.c_store(large.dataset)).status == 0x0000
        assert stored == [large.data] * 2
        for assoc in server.active_associations:
            assoc.join(10)
    finally:
        ae.shutdown()


# -- our SCP ---------------------------------------------------------------------------------------------------------


class Watched:
    """What our server saw: who applied, and what was stored."""

    def __init__(self) -> None:
        self.applicants: list[Applicant] = []
        self.stored = Recorder()

    @property
    def policy(self) -> PlainPolicy:
        supported = tuple(SupportedContext(uid, (EXPLICIT_VR_LE, IMPLICIT_VR_LE)) for uid in (VERIFICATION, MR))
        return PlainPolicy(supported, identity=self._judge)

    def _judge(self, user: UserIdentity | None, applicant: Applicant) -> IdentityAnswer:
        self.applicants.append(applicant)
        return IdentityAnswer(True)

    @property
    def names(self) -> list[str]:
        """The common names that certificates told."""
        subjects = [(applicant.certificate or {}).get("subject", ()) for applicant in self.applicants]
        return [value for subject in subjects for ((name, value),) in subject if name == "commonName"]


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def host(watched: Watched, keys: Keys) -> Iterator[Hosted]:
    with Hosted(watched.policy, watched.stored.handler, tls=keys.server()) as server:
        yield server


@pytest.mark.parametrize("name", ["storescu", "dcmsend"])
def test_dcmtk_stores(
    dcmtk: Callable[[str], str], keys: Keys, large: Sample, host: Hosted, watched: Watched, name: str
) -> None:
    if name == "storescu":
        done = run_tool(dcmtk(name), "-v", *keys.words(), HOST, str(host.port), str(large.path))
    else:
        inner = client_context(trust=keys.trust, certificate=keys.theirs.certificate, key=keys.theirs.key)
        with Relay(host.port, inner=inner) as relay:
            done = run_tool(dcmtk(name), "-v", HOST, str(relay.port), str(large.path))
    assert done.returncode == 0, done.stdout
    assert watched.names == ["theirs"]
    assert watched.stored.received == {large.instance: (large.data, EXPLICIT_VR_LE)}


@pytest.fixture
def to_host(keys: Keys, provider: Provider) -> Iterator[Relay]:
    """The way to our query/retrieve SCP for tools without TLS; it sends on to destinations with TLS, too."""
    with (
        Hosted(provider.policy, provider.serve(keys.client()), tls=keys.server()) as server,
        Relay(server.port, inner=keys.client()) as relay,
    ):
        yield relay


def test_dcmtk_finds(dcmtk: Callable[[str], str], keys: Keys, provider: Provider) -> None:
    with Hosted(provider.policy, provider.handler, tls=keys.server()) as server:
        wanted = look_for(QueryRetrieveLevel="IMAGE", PatientID="P-1", SOPInstanceUID="")
        done = run_tool(dcmtk("findscu"), "-v", *keys.words(), "-P", *wanted, HOST, str(server.port))
    assert done.returncode == 0, done.stdout
    assert all(sample.instance in done.stdout for sample in provider.instances[:3])


def test_dcmtk_gets(dcmtk: Callable[[str], str], provider: Provider, to_host: Relay, tmp_path: Path) -> None:
    wanted = look_for(QueryRetrieveLevel="PATIENT", PatientID="P-1")
    done = run_tool(dcmtk("getscu"), "-v", "-P", "-od", str(tmp_path), *wanted, HOST, str(to_host.port))
    assert done.returncode == 0, done.stdout
    check_received(provider.instances[:3], written(tmp_path))


def test_dcmtk_moves(
    dcmtk: Callable[[str], str], keys: Keys, provider: Provider, to_host: Relay, tmp_path: Path
) -> None:
    with DcmtkServer(dcmtk("storescp"), *keys.words(), "+xa", "+B", "-od", str(tmp_path)) as destination:
        provider.destinations["STORESCP"] = destination.port
        wanted = look_for(QueryRetrieveLevel="PATIENT", PatientID="P-1\\P-2")
        done = run_tool(dcmtk("movescu"), "-d", "-P", "-aem", "STORESCP", *wanted, HOST, str(to_host.port))
    assert "0x0000: Success" in done.stdout
    check_received(provider.instances[:4], written(tmp_path))


@pytest.mark.parametrize("profile", PROFILES)
def test_dcmtk_connects_by_profile(dcmtk: Callable[[str], str], keys: Keys, watched: Watched, profile: Profile) -> None:
    with Hosted(watched.policy, handle_by_type({}), tls=keys.server(profile)) as server:
        done = run_tool(dcmtk("echoscu"), "-v", *keys.words(), PROFILES[profile], HOST, str(server.port))
    assert done.returncode == 0, done.stdout
    assert watched.names == ["theirs"]


def test_strangers_get_nowhere(dcmtk: Callable[[str], str], keys: Keys, host: Hosted, watched: Watched) -> None:
    for words in (keys.words(keys.strange), ["+tla", "+cf", str(keys.trust)], []):
        done = run_tool(dcmtk("echoscu"), "-v", *words, HOST, str(host.port))
        assert done.returncode != 0, done.stdout
    assert watched.applicants == []
    assert run_tool(dcmtk("echoscu"), *keys.words(), HOST, str(host.port)).returncode == 0


def test_pynetdicom_connects(keys: Keys, large: Sample, host: Hosted, watched: Watched) -> None:
    context = ssl.create_default_context(cafile=keys.trust)
    context.load_cert_chain(keys.theirs.certificate, keys.theirs.key)
    with associated(host.port, VERIFICATION, (MR, EXPLICIT_VR_LE), tls_args=(context, "localhost")) as assoc:
        assert assoc.send_c_echo().Status == 0x0000
        assert assoc.send_c_store(large.path).Status == 0x0000
    assert watched.names == ["theirs"]
    assert watched.stored.received == {large.instance: (large.data, EXPLICIT_VR_LE)}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("profile", Profile)
def test_both_ends_are_ours(keys: Keys, large: Sample, watched: Watched, profile: Profile, driver: str) -> None:
    with (
        Hosted(watched.policy, watched.stored.handler, tls=keys.server(profile)) as server,
        conversation(driver, server.port, options((MR, EXPLICIT_VR_LE)), tls=keys.client(profile)) as link,
    ):
        assert link.run(scu.c_store(large.dataset)).status == 0x0000
    assert watched.names == ["ours"]
    assert watched.stored.received == {large.instance: (large.data, EXPLICIT_VR_LE)}
