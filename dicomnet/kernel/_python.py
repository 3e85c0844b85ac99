"""The reference body of the kernel: what the fast body must equal, outcome for outcome."""

from __future__ import annotations

from dicomnet.kernel._python_command import decode_command, encode_command
from dicomnet.kernel._python_dataset import decode_dataset, encode_dataset
from dicomnet.kernel._python_frozen import fill_frozen, make_frozen
from dicomnet.kernel._python_generators import resume
from dicomnet.kernel._python_items import read_contexts, read_p_data, write_contexts
from dicomnet.kernel._python_pdv import pack_p_data_tf, scan_pdvs

__all__ = [
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
