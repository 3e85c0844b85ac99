"""The few functions whose speed matters, in one of two bodies with one contract.

``_python`` is the reference and always there; ``_cython`` is the fast body and optional. The environment variable
DICOMNET_KERNEL (``python``, ``cython`` or ``auto``) chooses; a body that is asked for by name and missing is an
ImportError, never a silent swap. ``python -m dicomnet`` tells which one is live and why. Functions only, which keep
nothing, limits as arguments; nothing here knows PDUs or sockets.

With the fast body modules of the core are compiled, those with a .pxd beside them: the same sources, with the types of
their classes for the compiler. ``python`` means those, too: then their sources are run, whatever was compiled.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from dicomnet.records import fill_by

__all__ = [
    "KERNEL",
    "REASON",
    "decode_command",
    "decode_dataset",
    "encode_command",
    "encode_dataset",
    "fill_frozen",
    "make_frozen",
    "pack_p_data_tf",
    "read_contexts",
    "read_p_data",
    "resume",
    "scan_pdvs",
    "write_contexts",
]


def _select(choice: str) -> tuple[str, str, ModuleType]:
    """The name of the body, why it is this one, and the body."""
    if choice not in ("auto", "python", "cython"):
        raise ImportError(f"DICOMNET_KERNEL is {choice!r}; it must be auto, python or cython")
    reason = f"DICOMNET_KERNEL={choice} asks for it"
    if choice != "python":
        try:
            body = importlib.import_module("dicomnet.kernel._cython")
        except ImportError as error:
            if choice == "cython":
                raise ImportError(
                    f"DICOMNET_KERNEL=cython, but the extension cannot be imported ({error}); "
                    "build it with: DICOMNET_EXTENSION=require pip install . (with -e in a clone of the sources, whose "
                    "package hides an installed one)"
                ) from error
            reason = f"the extension cannot be imported: {error}"
        else:
            return "cython", "the extension is there" if choice == "auto" else reason, body
    return "python", reason, importlib.import_module("dicomnet.kernel._python")


KERNEL, REASON, _body = _select(os.environ.get("DICOMNET_KERNEL") or "auto")

pack_p_data_tf = _body.pack_p_data_tf
scan_pdvs = _body.scan_pdvs
read_p_data = _body.read_p_data
read_contexts = _body.read_contexts
write_contexts = _body.write_contexts
encode_command = _body.encode_command
decode_command = _body.decode_command
make_frozen = _body.make_frozen
fill_frozen = _body.fill_frozen
resume = _body.resume
encode_dataset = _body.encode_dataset
decode_dataset = _body.decode_dataset

if KERNEL == "cython":
    fill_by(fill_frozen)
