"""What the tests of providers have in common: an instance, an identifier, and ways for an embedder to fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydicom.dataset import Dataset

from dicomnet import uids
from dicomnet.scp import Refused

CAPTURE, OTHER = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.1"
FIND, GET = uids.STUDY_ROOT_FIND, uids.STUDY_ROOT_GET
JPEG = "1.2.840.10008.1.2.4.50"


def content(uid: str = "2.25.1", sop_class: str = CAPTURE) -> Dataset:
    made = Dataset()
    made.SOPClassUID = sop_class
    made.SOPInstanceUID = uid
    made.PatientID = "x"
    return made


def identifier(**values: str) -> Dataset:
    made = Dataset()
    made.QueryRetrieveLevel = "IMAGE"
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def fails(*_: Any) -> Iterable[Dataset]:
    raise KeyError("patient data")


def fails_later(*_: Any) -> Iterator[Dataset]:
    yield content()
    raise OSError("disk")


def refuses(*_: Any) -> Iterable[Dataset]:
    raise Refused(0xA700, "too many matches, \u65e5\u672c, and so on and so forth, a comment without any end")
