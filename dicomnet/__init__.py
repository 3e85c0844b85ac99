"""dicomnet: the DICOM upper layer and DIMSE without IO, and drivers that bring the IO.

Layers, each knowing only those before it: ``kernel``, ``codes``, ``uids``, ``errors``; ``wire`` (PDUs) and ``dataset``
(bytes and pydicom.Dataset); ``ul`` (PS3.8 as an association without sockets); ``dimse``, ``flows``, ``handlers``
(PS3.7, conversations as generators); ``scu``, ``scp`` (its operations, and building blocks for providers); ``drivers``
(blocking and asyncio); ``services`` (small servers). ``testing`` holds Hypothesis strategies.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dicomnet.errors import (
        Aborted,
        AssociationError,
        ConnectFailed,
        ConnectionLost,
        DecodeError,
        DicomNetError,
        EncodeError,
        LocalProtocolError,
        NoPresentationContext,
        ProtocolError,
        Rejected,
        RemoteProtocolError,
        StatusError,
        TimedOut,
        TransportError,
    )
    from dicomnet.kernel import KERNEL

__all__ = [
    "KERNEL",
    "Aborted",
    "AssociationError",
    "ConnectFailed",
    "ConnectionLost",
    "DecodeError",
    "DicomNetError",
    "EncodeError",
    "LocalProtocolError",
    "NoPresentationContext",
    "ProtocolError",
    "Rejected",
    "RemoteProtocolError",
    "StatusError",
    "TimedOut",
    "TransportError",
    "__version__",
]

__version__ = "0.1.0"

if os.environ.get("DICOMNET_KERNEL") == "python":  # asks for Python in all of the package: see kernel
    from dicomnet._sources import prefer_sources

    prefer_sources()


def __getattr__(name: str) -> object:
    """The names above, at the first look: whoever imports a module of this package need not load the others."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "KERNEL":
        from dicomnet.kernel import KERNEL

        return KERNEL
    from dicomnet import errors

    return getattr(errors, name)
