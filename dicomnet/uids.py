"""The UIDs the stack itself speaks (PS3.6 Annex A) and what makes a UID (PS3.5 9.1)."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = [
    "APPLICATION_CONTEXT",
    "DEFLATED_EXPLICIT_VR_LE",
    "EXPLICIT_VR_BE",
    "EXPLICIT_VR_LE",
    "IMPLEMENTATION_CLASS_UID",
    "IMPLEMENTATION_VERSION_NAME",
    "IMPLICIT_VR_LE",
    "MODALITY_WORKLIST_FIND",
    "PATIENT_ROOT_FIND",
    "PATIENT_ROOT_GET",
    "PATIENT_ROOT_MOVE",
    "STUDY_ROOT_FIND",
    "STUDY_ROOT_GET",
    "STUDY_ROOT_MOVE",
    "UPS_EVENT",
    "UPS_FILTERED_GLOBAL_SUBSCRIPTION",
    "UPS_GLOBAL_SUBSCRIPTION",
    "UPS_PULL",
    "UPS_PUSH",
    "UPS_QUERY",
    "UPS_TRIAL_EVENT",
    "UPS_TRIAL_PULL",
    "UPS_TRIAL_PUSH",
    "UPS_TRIAL_WATCH",
    "UPS_WATCH",
    "VERIFICATION",
    "is_uid",
    "new_uid",
]

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

IMPLICIT_VR_LE = "1.2.840.10008.1.2"
EXPLICIT_VR_LE = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LE = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BE = "1.2.840.10008.1.2.2"

VERIFICATION = "1.2.840.10008.1.1"

# Query/Retrieve and Modality Worklist (PS3.4 C.6, K.6).
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
MODALITY_WORKLIST_FIND = "1.2.840.10008.5.1.4.31"

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
UPS_WATCH = "1.2.840.10008.5.1.4.34.6.2"
UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
UPS_EVENT = "1.2.840.10008.5.1.4.34.6.4"
UPS_QUERY = "1.2.840.10008.5.1.4.34.6.5"
UPS_GLOBAL_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5"
UPS_FILTERED_GLOBAL_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5.1"

# Retired trial classes; older tools speak them. There never was a Query trial class.
UPS_TRIAL_PUSH = "1.2.840.10008.5.1.4.34.4.1"
UPS_TRIAL_WATCH = "1.2.840.10008.5.1.4.34.4.2"
UPS_TRIAL_PULL = "1.2.840.10008.5.1.4.34.4.3"
UPS_TRIAL_EVENT = "1.2.840.10008.5.1.4.34.4.4"

IMPLEMENTATION_CLASS_UID = "2.25.80302813137786398554742050926734630921"
IMPLEMENTATION_VERSION_NAME = "DICOMNET_0_1_0"

_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*", re.ASCII)


def is_uid(text: str) -> bool:
    """Whether ``text`` is a UID by PS3.5 9.1: at most 64 characters, numbers without leading zeros joined by dots."""
    return 0 < len(text) <= 64 and _has_form_of_uid(text)


@lru_cache(maxsize=512)
def _has_form_of_uid(text: str) -> bool:
    """Of short texts, so that keeping them costs little: it is the same few that are asked about."""
    return _UID.fullmatch(text) is not None


def new_uid() -> str:
    """A fresh UID under the UUID root, ``2.25.<uuid as integer>`` (PS3.5 B.2)."""
    import uuid  # it asks platform for the machine, which takes as long as all else at the start of a program

    return f"2.25.{uuid.uuid4().int}"
