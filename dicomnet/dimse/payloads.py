"""The ways a data set can travel behind a command set.

Data sets stay what they are: from our own side a ``pydicom.Dataset``, bytes, or a source that is read while it is sent;
from the peer an ``EncodedDataSet``, decoded only when somebody asks, or an ``IncomingDataSet`` that is read while it
arrives. Knows neither messages nor associations.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from dicomnet.dataset import DataSetLimits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["DataSet", "DataSetSource", "EncodedDataSet", "IncomingDataSet"]


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


class DataSetSource(ABC):
    """A data set of our own side that is read in pieces while it is sent, and never held as a whole."""

    @property
    @abstractmethod
    def transfer_syntax(self) -> str:
        """What the bytes are in."""

    @abstractmethod
    def open(self) -> BinaryIO:
        """A stream positioned at the first byte of the data set, anew for each time it is sent; it may block.

        Raises:
            OSError: it cannot be read.
        """


class IncomingDataSet:
    """A data set of the peer that is still arriving: only a handle. Read it with the helpers of ``flows``."""

    __slots__ = ("error", "limits", "parts", "transfer_syntax", "unread", "wanted", "whole")

    def __init__(self, transfer_syntax: str, limits: DataSetLimits | None = None) -> None:
        self.transfer_syntax = transfer_syntax
        self.limits = limits or DataSetLimits()
        """For who reads all of it into memory; what is read in parts has no limit."""
        # What the exchange puts in and the reader takes out.
        self.parts: list[bytes | memoryview] = []
        self.unread = 0
        self.whole = False
        self.wanted = True
        self.error: Exception | None = None

    def __repr__(self) -> str:
        return f"<IncomingDataSet in {self.transfer_syntax}, {'whole' if self.whole else 'arriving'}>"


DataSet: TypeAlias = "Dataset | EncodedDataSet | DataSetSource | os.PathLike[str] | IncomingDataSet | None"
"""What a message carries behind its command set; a string at run time, so that pydicom stays unimported."""
