"""Our query/retrieve SCP, once for each module that asks for it, and DCMTK's tools to ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dicomnet.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, new_uid

from .hosting import Hosted
from .peers import HOST, run_tool
from .provider import RLE, Provider
from .samples import Sample, make_large, make_sample


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Provider:
    folder = tmp_path_factory.mktemp("provider")
    study = {"StudyInstanceUID": new_uid(), "SeriesInstanceUID": new_uid(), "PatientID": "P-1"}
    mixed = [make_sample(folder, syntax, **study) for syntax in (EXPLICIT_VR_LE, IMPLICIT_VR_LE, EXPLICIT_VR_BE)]
    return Provider([*mixed, make_sample(folder, RLE, PatientID="P-2"), make_large(folder)])


@pytest.fixture(scope="module")
def provider_host(provider: Provider) -> Iterator[Hosted]:
    with Hosted(provider.policy, provider.handler, max_length=131072) as server:
        yield server


@pytest.fixture
def tool(dcmtk: Callable[[str], str], provider_host: Hosted) -> Callable[..., str]:
    """Runs a tool against our server; its output, once it has the exit status it should."""

    def start(name: str, *words: str, files: tuple[str, ...] = (), status: int = 0) -> str:
        done = run_tool(dcmtk(name), "-v", *words, HOST, str(provider_host.port), *files)
        assert done.returncode == status, done.stdout
        return done.stdout

    return start


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """An instance of 600 KiB."""
    return make_large(tmp_path_factory.mktemp("large"))
