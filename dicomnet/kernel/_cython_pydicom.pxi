# What this body needs of pydicom, bound at the first use of a data set: the kernel must load without pydicom. Set once,
# never changed after that.

cdef object Dataset, DataElement, RawDataElement, Sequence, MultiValue, BaseTag, PersonName, UID, DSfloat, IS
cdef object pydicom_config, pydicom_hooks, pydicom_valuerep
cdef object _reference_decode, _reference_encode, _public_vr
cdef bint _loaded = False


cdef int load() except -1:
    """Bind the names above and fill the tables; nothing after the first time."""
    global Dataset, DataElement, RawDataElement, Sequence, MultiValue, BaseTag, PersonName, UID, DSfloat, IS
    global pydicom_config, pydicom_hooks, pydicom_valuerep, _reference_decode, _reference_encode, _public_vr, _loaded
    if _loaded:
        return 0
    from pydicom import config as pydicom_config
    from pydicom import valuerep as pydicom_valuerep
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset
    from pydicom.hooks import hooks as pydicom_hooks
    from pydicom.multival import MultiValue
    from pydicom.sequence import Sequence
    from pydicom.tag import BaseTag
    from pydicom.uid import UID
    from pydicom.valuerep import IS, DSfloat, PersonName

    from dicomnet.kernel._vr import public_vr as _public_vr
    from dicomnet.kernel._python_dataset import decode_dataset as _reference_decode
    from dicomnet.kernel._python_dataset import encode_dataset as _reference_encode

    fill_vr_tables()
    make_received_class()
    _loaded = True
    return 0
