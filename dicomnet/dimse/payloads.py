"""The ways a data set can travel behind a command set.

Data sets stay what they are: a ``pydicom.Dataset`` from our own side, an ``EncodedDataSet`` from the peer, decoded only
when somebody asks. Knows neither messages nor associations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from dicomnet.dataset import DataSetLimits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["DataSet", "EncodedDataSet"]


@dataclass(frozen=True, slots=True)
class EncodedDataSet:
    """A data set as it travelled: its bytes and their transfer syntax, and what decoding it may cost."""

    data: bytes = field(repr=False)
    transfer_syntax: str
    limits: DataSetLimits = field(default=DataSetLimits(), repr=False, compare=False)

    def decode(self) -> Dataset:
        """The data set, its values converted as they are read.

        Raises:
            DecodeError: the bytes are no data set of this transfer syntax, or go beyond a limit.
        """
        from dicomnet import dataset

        return dataset.decode(self.data, self.transfer_syntax, limits=self.limits)


DataSet: TypeAlias = "Dataset | EncodedDataSet | None"
"""What a message carries behind its command set; a string at run time, so that pydicom stays unimported."""
