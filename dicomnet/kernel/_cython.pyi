"""The fast body of the kernel; the modules of the reference body say what the functions do and raise."""

from dicomnet.kernel._python_command import decode_command as decode_command
from dicomnet.kernel._python_command import encode_command as encode_command
from dicomnet.kernel._python_dataset import decode_dataset as decode_dataset
from dicomnet.kernel._python_dataset import encode_dataset as encode_dataset
from dicomnet.kernel._python_frozen import fill_frozen as fill_frozen
from dicomnet.kernel._python_frozen import make_frozen as make_frozen
from dicomnet.kernel._python_generators import resume as resume
from dicomnet.kernel._python_items import read_contexts as read_contexts
from dicomnet.kernel._python_items import read_p_data as read_p_data
from dicomnet.kernel._python_items import write_contexts as write_contexts
from dicomnet.kernel._python_pdv import pack_p_data_tf as pack_p_data_tf
from dicomnet.kernel._python_pdv import scan_pdvs as scan_pdvs

BUILT_FROM: str
"""A digest of the sources (``_cython*.pyx`` and ``.pxi``) it was built from, as setup.py takes it."""
