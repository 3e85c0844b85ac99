# What this body needs of pydicom, bound at the first use of a data set: the kernel must load without pydicom. Set once,
# never changed after that.

from threading import RLock

cdef object Dataset, DataElement, RawDataElement, Sequence, MultiValue, BaseTag, Tag, PersonName, UID, DSfloat, IS
cdef dict CONFIG, SETTINGS, HOOKS, VALUEREP  # the variables of pydicom's modules and objects, as they are at any time
cdef dict KEYWORDS
cdef object SETTINGS_OBJECT, WARN, IGNORE, default_vr_hook, default_value_hook
cdef object DEFAULT_ENCODINGS, _declared_encodings, _encodings_for, _public_vr, _private_vr, _NameReader
cdef object _reference_decode, _reference_encode
cdef bint _loaded = False
cdef object _loading = RLock()  # two threads may come to the first data set together


cdef int load() except -1:
    """Bind the names above, and make the tables and classes that stand on them; nothing after the first time."""
    if not _loaded:
        with _loading:
            if not _loaded:
                bind()
    return 0


cdef int bind() except -1:
    global Dataset, DataElement, RawDataElement, Sequence, MultiValue, BaseTag, Tag, PersonName, UID, DSfloat, IS
    global CONFIG, SETTINGS, HOOKS, VALUEREP, KEYWORDS, SETTINGS_OBJECT, WARN, IGNORE
    global default_vr_hook, default_value_hook, DEFAULT_ENCODINGS, _declared_encodings, _encodings_for
    global _public_vr, _private_vr, _NameReader, _reference_decode, _reference_encode, _loaded
    from pydicom import config, hooks, valuerep
    from pydicom.datadict import keyword_dict as KEYWORDS
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset
    from pydicom.multival import MultiValue
    from pydicom.sequence import Sequence
    from pydicom.tag import BaseTag, Tag
    from pydicom.uid import UID
    from pydicom.valuerep import IS, DSfloat, PersonName

    from dicomnet.kernel._python_dataset import decode_dataset as _reference_decode
    from dicomnet.kernel._python_dataset import encode_dataset as _reference_encode
    from dicomnet.kernel._text import DEFAULT as DEFAULT_ENCODINGS
    from dicomnet.kernel._text import declared_encodings as _declared_encodings
    from dicomnet.kernel._text import encodings_for as _encodings_for
    from dicomnet.kernel._values import NameReader as _NameReader
    from dicomnet.kernel._vr import private_vr as _private_vr
    from dicomnet.kernel._vr import public_vr as _public_vr

    CONFIG, VALUEREP, HOOKS = vars(config), vars(valuerep), vars(hooks.hooks)
    SETTINGS_OBJECT = config.settings
    SETTINGS = vars(SETTINGS_OBJECT)
    WARN, IGNORE = config.WARN, config.IGNORE
    default_vr_hook, default_value_hook = hooks.raw_element_vr, hooks.raw_element_value
    fill_vr_tables()
    make_decimal_class()
    make_received_class()
    bind_fields()
    _loaded = True
    return 0
