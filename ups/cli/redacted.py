"""What a peer sent, without what nobody may see: who knows a Transaction UID can change the workitem.

Every form of output has its data sets from here. The standard has no peer send one (PS3.4 CC.2.5.1.3, Table CC.2.5-3),
but some do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dicomnet import uids
from dicomnet.dataset.glance import Glance, glance
from dicomnet.dimse.messages import EncodedDataSet, Message, Response
from ups.vocabulary import keyword

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["data_set_of", "glance_of", "without_transaction"]

_TRANSACTION = 0x00081195
_ENCODED = (b"\x08\x00\x95\x11", b"\x00\x08\x11\x95")
_ANY_UID = r"(?<![\d.])[012](?:\.\d+){2,}"
_SHORTEST = 10
"""Characters: numbers of versions are shorter, and nobody makes a UID that is."""
_STANDARD = "1.2.840.10008."


def comment_of(response: Response, workitem: str | None) -> str:
    """What the peer says in words, without any UID that may be the one that locks the workitem."""

    def shown(found: re.Match[str]) -> str:
        uid = found.group()
        known = uid == workitem or uid.startswith(_STANDARD) or len(uid) < _SHORTEST
        return uid if known else "(UID withheld)"

    return re.sub(_ANY_UID, shown, response.error_comment or "")


def data_set_of(message: Message) -> Dataset | None:
    """The data set of a message without any Transaction UID; None when it has no data set.

    Raises:
        DecodeError: the peer's bytes are no data set.
    """
    dataset = message.dataset()
    if dataset is None or not _may_hold_one(message.data_set):
        return dataset
    return without_transaction(dataset)


def glance_of(message: Message) -> Glance | None:
    """The data set of a message that has no Transaction UID, if a glance is enough; None: take ``data_set_of``."""
    data_set = message.data_set
    if not isinstance(data_set, EncodedDataSet) or _may_hold_one(data_set):
        return None
    return glance(bytes(data_set.data), data_set.transfer_syntax, keyword)


def _may_hold_one(data_set: object) -> bool:
    """Whether the tag is anywhere in the bytes: most often it is not, and nobody need look into every item."""
    if not isinstance(data_set, EncodedDataSet) or data_set.transfer_syntax == uids.DEFLATED_EXPLICIT_VR_LE:
        return True
    data = bytes(data_set.data)
    return any(tag in data for tag in _ENCODED)


def without_transaction(dataset: Dataset) -> Dataset:
    """The data set without any Transaction UID, at whatever depth a peer put it; changed in place."""
    todo = [dataset]
    while todo:
        current = todo.pop()
        for tag in list(current.keys()):
            element: Any = current.get_item(tag)
            if tag == _TRANSACTION or _hides_one(element.VR, element.value):
                del current[tag]
            elif element.VR == "SQ":
                todo.extend(current[tag].value or ())
    return dataset


def _hides_one(vr: str | None, value: Any) -> bool:
    """Whether this may be a sequence of unknown VR (PS3.5 6.2.2) that nobody has taken apart, with one in it."""
    return vr in ("UN", None) and isinstance(value, bytes) and any(tag in value for tag in _ENCODED)
