"""What the clients are told to do, and the values both ends of every candidate know."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "CLASSES",
    "CT",
    "EXPLICIT",
    "IMPLICIT",
    "INSTANCE",
    "MATCHES",
    "SYNTAXES",
    "TITLE",
    "UPS_PULL",
    "UPS_PUSH",
    "VERIFICATION",
    "Work",
    "identifier",
    "workitem",
]

TITLE = "BENCH"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
CT = "1.2.840.10008.5.1.4.1.1.2"
CLASSES = (VERIFICATION, UPS_PUSH, UPS_PULL, CT)
SYNTAXES = (EXPLICIT, IMPLICIT)
INSTANCE = "1.2.826.0.1.3680043.10.1451.9.1"
MATCHES = 1000


class Work(StrEnum):
    """What is measured, as the table calls it."""

    ECHO = "C-ECHO"
    CREATE = "N-CREATE"
    GET = "N-GET"
    FIND = f"C-FIND with {MATCHES:,} matches"
    ASSOCIATE = "associate and release"
    STORE = "C-STORE"


def workitem() -> Dataset:
    """What N-CREATE carries, and the response of N-GET."""
    from tests.bench.datasets import SAMPLES

    return SAMPLES["a"].dataset()


def identifier() -> Dataset:
    """A match of C-FIND."""
    from pydicom.dataset import Dataset

    match = Dataset()
    match.SOPClassUID, match.SOPInstanceUID = UPS_PUSH, INSTANCE
    match.PatientName, match.PatientID, match.PatientBirthDate, match.PatientSex = "Doe^Jo", "4711", "19700101", "O"
    match.ProcedureStepState, match.ProcedureStepLabel = "SCHEDULED", "Fraction 7"
    match.ScheduledProcedureStepStartDateTime, match.WorklistLabel = "20300101080000", "LINAC 1"
    return match
