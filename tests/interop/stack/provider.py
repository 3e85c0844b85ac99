"""Our query/retrieve SCP for tests: instances in files, found by a few keys, with the blocks of ``dicomnet.scp``."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from dicomnet.dimse.messages import CFindRequest, CGetRequest, CMoveRequest, CStoreRequest
from dicomnet.drivers.common import Endpoint
from dicomnet.handlers import Handler, Peer, handle_by_type
from dicomnet.scp import Refused, answer_find, answer_get, answer_move
from dicomnet.uids import EXPLICIT_VR_BE, EXPLICIT_VR_LE, IMPLICIT_VR_LE, VERIFICATION
from dicomnet.ul import PlainPolicy, SupportedContext

from ..workitems import dataset
from .hosting import Recorder
from .peers import HOST
from .pynetdicom_peer import STORAGE
from .samples import Sample

PATIENT_ROOT = tuple(f"1.2.840.10008.5.1.4.1.2.1.{number}" for number in (1, 2, 3))
STUDY_ROOT = tuple(f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
WORKLIST = "1.2.840.10008.5.1.4.31"
RLE = "1.2.840.10008.1.2.5"

LEVELS = {"PATIENT": "PatientID", "STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
ENDLESS = "ENDLESS"
"""A patient with more studies than anybody waits for."""
CROWD = "CROWD"
"""A patient of whom 200 instances are sent: the same one again and again."""
FORBIDDEN = "FORBIDDEN"
"""A patient nobody may ask for."""


class Provider:
    """Finds and sends its instances; takes what is stored. ``destinations`` are ports by AE title."""

    def __init__(self, instances: Sequence[Sample]) -> None:
        self.instances = list(instances)
        self.destinations: dict[str, int] = {}
        self.stored = Recorder()
        self.found = 0

    @property
    def handler(self) -> Handler:
        return self.serve()

    def serve(self, tls: ssl.SSLContext | None = None) -> Handler:
        """A handler for all of it; ``tls`` is for the way to the destinations."""
        return handle_by_type(
            {
                CFindRequest: answer_find(self._search),
                CGetRequest: answer_get(self._select),
                CMoveRequest: answer_move(self._select, self._where, tls=tls),
                CStoreRequest: self.stored.store,
            }
        )

    @property
    def policy(self) -> PlainPolicy:
        plain = (EXPLICIT_VR_LE, IMPLICIT_VR_LE)
        services = (VERIFICATION, WORKLIST, *PATIENT_ROOT, *STUDY_ROOT)
        storage = (RLE, *plain, EXPLICIT_VR_BE)
        return PlainPolicy(
            (
                *(SupportedContext(uid, plain) for uid in services),
                *(SupportedContext(str(uid), storage, scu=True) for uid in STORAGE),
            )
        )

    def _search(self, keys: Dataset, request: CFindRequest, peer: Peer) -> Iterator[Dataset]:
        if request.sop_class == WORKLIST:
            yield dataset(PatientName="Work^List", PatientID=keys.get("PatientID", ""))
            return
        level = self._level(keys)
        if keys.get("PatientID") == ENDLESS:
            yield from self._endless()
            return
        seen = set()
        for sample in self._matches(keys):
            if (value := sample.dataset[LEVELS[level]].value) not in seen:
                seen.add(value)
                self.found += 1
                match = dataset(QueryRetrieveLevel=level)
                for element in keys:
                    if element.tag in sample.dataset:
                        match[element.tag] = sample.dataset[element.tag]
                yield match

    def _endless(self) -> Iterator[Dataset]:
        for number in itertools.count():
            self.found += 1
            yield dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID=f"1.2.3.{number}")

    def _select(self, keys: Dataset, request: Any, peer: Peer) -> Iterable[Path]:
        self._level(keys)
        if keys.get("PatientID") == CROWD:
            return [self.instances[0].path] * 200
        return [sample.path for sample in self._matches(keys)]

    def _level(self, keys: Dataset) -> str:
        if keys.get("PatientID") == FORBIDDEN:
            raise Refused(0xA700, "not this one")
        level = keys.get("QueryRetrieveLevel")
        if level not in LEVELS:
            raise Refused(0xA900, "which level?")
        return level

    def _matches(self, keys: Dataset) -> Iterator[Sample]:
        wanted = {name: keys[name].value for name in LEVELS.values() if name in keys and keys[name].value}
        for sample in self.instances:
            if all(sample.dataset[name].value in _listed(value) for name, value in wanted.items()):
                yield sample

    def _where(self, title: str) -> Endpoint | None:
        port = self.destinations.get(title)
        return None if port is None else Endpoint(title, HOST, port)


def _listed(value: Any) -> list[Any]:
    """The values of a key: a list of UIDs matches any of them (PS3.4 C.2.2.2.2)."""
    return [value] if isinstance(value, str) else list(value)
