# Data elements as they are written: headers, value fields of plain values, fragments (PS3.5 6.2, 7.1, A.4).

cdef frozenset _harmless_types  # of values whose conversion runs no code of others
cdef object _value_field, _resolve_vr, _transcoded, _private_creator, _Decoder, _VrEnum, _AMBIGUOUS
cdef dict _public_dictionary
cdef set _repeating_sequences  # the first byte of tags with a repeating part that are sequences


cdef struct Level:
    # A data set being written. The function that writes it holds what the pointers point to.
    Level *outer
    PyObject *dataset
    PyObject *encodings  # list: what text is to be written in
    PyObject *source  # list: what raw text was read in
    bint same_text
    TextMode text  # how text is to be written: TEXT_OTHER when not in Latin-1 or UTF-8
    bint stored_little


cdef int bind_fields() except -1:
    """Bind the names above."""
    global _value_field, _resolve_vr, _transcoded, _private_creator, _Decoder, _VrEnum, _AMBIGUOUS
    global _public_dictionary, _repeating_sequences, _harmless_types
    from datetime import date, datetime, time
    from decimal import Decimal

    from pydicom._dicom_dict import DicomDictionary as _public_dictionary
    from pydicom._dicom_dict import RepeatersDictionary
    from pydicom.valuerep import DA, DT, TM, DSdecimal, ISfloat
    from pydicom.valuerep import VR as _VrEnum

    from dicomnet.kernel._python_decode import Decoder as _Decoder
    from dicomnet.kernel._values import private_creator as _private_creator
    from dicomnet.kernel._values import resolve_vr as _resolve_vr
    from dicomnet.kernel._values import transcoded as _transcoded
    from dicomnet.kernel._values import value_field as _value_field
    from dicomnet.kernel._vr import AMBIGUOUS as _AMBIGUOUS

    _repeating_sequences = {int(mask[:2], 16) for mask, entry in RepeatersDictionary.items() if entry[0] == "SQ"}
    _harmless_types = frozenset([
        type(None), str, bytes, bytearray, memoryview, bool, int, float, Decimal, date, time, datetime,
        BaseTag, DA, DT, TM, DSdecimal, DSfloat, IS, ISfloat, PersonName, ReceivedDecimal, UID, _VrEnum,
    ])
    return 0


cdef bint harmless(object value) except -1:
    """Whether the reference's helpers convert the value without running code that is neither theirs nor pydicom's."""
    if type(value) is MultiValue:
        value = value._list
    if type(value) is not list and type(value) is not tuple:
        return type(value) in _harmless_types
    for one in value:
        if type(one) is tuple:  # a tag in two numbers
            for number in <tuple>one:
                if type(number) not in _harmless_types:
                    return False
        elif type(one) not in _harmless_types:
            return False
    return True


cdef bint same_names(object names, list encodings) except -1:
    """Whether a str, list or tuple names these encodings; not for anything else, and not for unusual names."""
    cdef Py_ssize_t position, size = len(encodings)
    if type(names) is str:
        return size == 1 and same_name(names, encodings[0])
    if (type(names) is not list and type(names) is not tuple) or PySequence_Fast_GET_SIZE(names) != size:
        return False
    for position in range(size):
        if not same_name(<object>PySequence_Fast_GET_ITEM(names, position), encodings[position]):
            return False
    return True


cdef inline bint same_name(object one, object other) except -1:
    if one is other:
        return True
    return type(one) is str and type(other) is str and <str>one == <str>other


cdef TextMode mode_of(list encodings) except? TEXT_UNKNOWN:
    """How text is written in these encodings."""
    if len(encodings) == 1:
        if encodings[0] == "UTF8":
            return TEXT_UTF8
        if encodings[0] == "iso8859" or encodings[0] == "latin_1":
            return TEXT_LATIN
    return TEXT_OTHER


cdef inline unsigned int number_of(object vr) except? 65535:
    """Number of a VR of PS3.5 by its letters; NO_VR for anything else."""
    cdef const uint8_t *letters
    cdef unsigned int number
    if type(vr) is not str and type(vr) is not _VrEnum:
        return NO_VR
    text_ready(vr)
    if PyUnicode_GET_LENGTH(vr) != 2 or PyUnicode_KIND(vr) != 1:
        return NO_VR
    letters = <const uint8_t *>PyUnicode_DATA(vr)
    number = vr_number(letters[0], letters[1])
    if number >= BY_LETTERS or VRS[number].kind == K_NONE:
        return NO_VR
    return number


cdef enum:  # as vr_number gives them
    NUMBER_OB = 365
    NUMBER_SQ = 484
    NUMBER_UN = 533


cdef int put_header(Output *out, uint32_t tag, unsigned int number, uint32_t length) except -1:
    """Header with a length field of 32 bits."""
    reserve(out, 12)
    write_tag(out.data + out.size, tag, out.little)
    if not out.implicit:
        memcpy(out.data + out.size + 4, VRS[number].letters, 2)
        memset(out.data + out.size + 6, 0, 2)
        out.size += 4
    write32(out.data + out.size + 4, length, out.little)
    out.size += 8
    return 0


cdef int finish_leaf(Output *out, uint32_t tag, unsigned int number, Py_ssize_t content) except -1:
    """Pad the value field that was written from ``content`` on, and write the header in front of it."""
    cdef const Vr *vr = &VRS[number]
    cdef Py_ssize_t length = out.size - content
    cdef char *header
    if length & 1:
        put_byte(out, 0 if vr.zero_padded else c" ")
        length += 1
    if <uint64_t>length > LONGEST_LENGTH:
        raise _NotPlain
    if out.implicit:
        if length and vr.kind != K_UN and vr.kind != K_SQ and is_sequence(tag):
            raise _NotPlain
        header = out.data + content - 8
        write32(header + 4, <uint32_t>length, out.little)
    elif vr.long_form or length > 0xFFFE:
        if not vr.long_form:
            # too long for 16 bits: UN (PS3.5 6.2.2), whose content is little endian
            if not out.little and vr.unit > 1:
                raise _NotPlain
            reserve(out, 4)
            memmove(out.data + content + 4, out.data + content, <size_t>length)
            out.size += 4
            content += 4
        header = out.data + content - 12
        memcpy(header + 4, VRS[number if vr.long_form else NUMBER_UN].letters, 2)
        memset(header + 6, 0, 2)
        write32(header + 8, <uint32_t>length, out.little)
    else:
        header = out.data + content - 8
        memcpy(header + 4, vr.letters, 2)
        write16(header + 6, <unsigned int>length, out.little)
    write_tag(header, tag, out.little)
    return 0


cdef bint is_sequence(uint32_t tag) except -1:
    """Whether implicit VR makes this tag a sequence; no private one, the public dictionary has none."""
    cdef unsigned int slot
    if tag >> 16 & 1:
        return False
    slot = tag_slot(tag)
    if slot < TAG_SLOTS:
        return TAG_VRS[slot] == NUMBER_SQ
    added = _public_dictionary.get(tag)
    if added is not None:
        return added[0] == "SQ"
    return tag >> 24 in _repeating_sequences and _public_vr(tag) == "SQ"


cdef int write_fragments(Output *out, uint32_t tag, unsigned int number, bytes value, bint little) except -1:
    """Encapsulated content, verbatim, with the delimiter that is not part of it (PS3.5 A.4)."""
    cdef Py_ssize_t position = 0, end = PyBytes_GET_SIZE(value)
    cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(value)
    cdef unsigned int known
    cdef uint32_t length
    if little != out.little:
        raise _NotPlain
    if out.implicit:
        known = public_vr(tag)
        if known == NO_VR or not VRS[known].fragmented:
            raise _NotPlain
    while position < end:
        if end - position < 8 or read_tag(data + position, little) != ITEM:
            raise _NotPlain
        length = read_32(data + position + 4, little)
        position += 8
        if length > <size_t>(end - position):
            raise _NotPlain
        position += <Py_ssize_t>length
    reserve(out, end + 20 if end < PY_SSIZE_T_MAX - 20 else -1)
    put_header(out, tag, number if VRS[number].long_form else NUMBER_OB, 0xFFFFFFFF)
    append(out, data, end)
    return put_item_tag(out, SEQUENCE_END, 0)


cdef int put_value(Output *out, Level *level, uint32_t tag, unsigned int number, object value) except -1:
    """The value field of a value of the usual types; 1 when it is not plain, or an error."""
    cdef const Vr *vr = &VRS[number]
    cdef Py_ssize_t position = 0
    if value is None:
        return 0
    if type(value) is bytes:  # as they are, in the byte order they were read in; an empty one in any VR
        if vr.kind == K_AT and value:
            return 1
        return put_bytes(out, value, 1 if level.stored_little == out.little else vr.unit)
    if vr.kind > K_AT:
        return 1
    if type(value) is str and not value:
        return 0
    if vr.text:
        if type(value) is str or type(value) is PersonName:
            return put_text(out, level, value)
    elif vr.kind <= K_IS:
        if type(value) is str or type(value) is UID:
            return put_latin(out, value)
    if type(value) is MultiValue:
        value = value._list
    elif type(value) is not list and type(value) is not tuple:
        if vr.text:
            return 1
        if vr.kind <= K_IS:
            return put_printed(out, value)
        return put_number(out, vr.kind, value)
    if type(value) is not list and type(value) is not tuple:
        return 1
    while position < PySequence_Fast_GET_SIZE(value):
        one = <object>PySequence_Fast_GET_ITEM(value, position)
        if vr.text or vr.kind <= K_IS:
            if position:
                put_byte(out, c"\\")
            if one is not None and (put_text(out, level, one) if vr.text else put_printed(out, one)):
                return 1
        elif put_number(out, K_US if position == 0 and vr.kind == K_SS and is_lut_descriptor(tag) else vr.kind, one):
            return 1
        position += 1
    return 0


cdef inline bint is_lut_descriptor(uint32_t tag) noexcept:
    """The number of entries is unsigned whatever the pixels are (PS3.3 C.7.6.3.1.5)."""
    return tag == 0x00281101 or tag == 0x00281102 or tag == 0x00281103 or tag == 0x00283002


cdef int put_text(Output *out, Level *level, object value) except -1:
    """One value whose characters (0008,0005) governs."""
    cdef Py_ssize_t position
    if type(value) is str:
        if level.text == TEXT_LATIN:
            return put_latin(out, value)
        if level.text == TEXT_UTF8:
            return put_utf8(out, value)
        return put_plain(out, value)
    if type(value) is bytes:
        return put_bytes(out, value, 1)
    if type(value) is not PersonName:
        return 1
    original = value.original_string
    if original is not None:
        names = value.encodings
        if names is not None:
            if type(names) is not tuple and type(names) is not list:
                return 1
            if same_names(names, <list>level.encodings):
                return put_bytes(out, original, 1) if type(original) is bytes else 1
    groups = value._components
    if type(groups) is not tuple:
        return 1
    for position in range(len(<tuple>groups)):
        if position:
            put_byte(out, c"=")
        group = (<tuple>groups)[position]
        if type(group) is not str or put_text(out, level, group):
            return 1
    return 0


cdef int put_printed(Output *out, object value) except -1:
    """One value of a VR that is written in ASCII."""
    cdef PyObject *found = NULL
    cdef int failed
    if type(value) is str:
        return put_latin(out, value)
    if type(value) is ReceivedDecimal and not PyObject_GC_IsTracked(value) and (<DecimalText>value).field != NULL:
        # nobody has given it another text
        append(out, PyBytes_AS_STRING(<object>(<DecimalText>value).field) + (<DecimalText>value).start,
               (<DecimalText>value).length)
        return 0
    if type(value) is DSfloat or type(value) is IS or type(value) is UID or type(value) is ReceivedDecimal:
        if (lookup_attribute(value, "original_string", &found) if type(value) is ReceivedDecimal or type(value) is UID
                else lookup_own(value, "original_string", &found)):
            failed = 1
            try:
                if Py_TYPE(<object>found) == &PyUnicode_Type:
                    failed = put_latin(out, <object>found)
            finally:
                Py_XDECREF(found)
            return failed
        if type(value) is UID:
            return put_latin(out, value)
        return put_decimal(out, value) if type(value) is IS else put_float(out, value)
    if type(value) is int:
        return put_decimal(out, value)
    if type(value) is float:
        return put_float(out, value)
    return 1


cdef int put_number(Output *out, Kind kind, object value) except -1:
    """One value of a binary VR; 1 when it is out of range."""
    cdef char *place
    cdef long long number
    cdef unsigned long long unsigned_number
    cdef int overflow = 0
    reserve(out, 8)
    place = out.data + out.size
    if kind == K_FL or kind == K_FD:
        if type(value) is not float and type(value) is not DSfloat and type(value) is not ReceivedDecimal:
            return 1
        if kind == K_FL:
            PyFloat_Pack4(PyFloat_AS_DOUBLE(value), place, out.little)
            out.size += 4
        else:
            PyFloat_Pack8(PyFloat_AS_DOUBLE(value), place, out.little)
            out.size += 8
        return 0
    if type(value) is not int and type(value) is not BaseTag and (type(value) is not IS or kind == K_AT):
        return 1
    if kind == K_UV:
        unsigned_number = PyLong_AsUnsignedLongLong(value)
        write64(place, unsigned_number, out.little)
        out.size += 8
        return 0
    number = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow:
        return 1
    if kind == K_US or kind == K_SS:
        if not (0 <= number <= 0xFFFF if kind == K_US else -0x8000 <= number <= 0x7FFF):
            return 1
        write16(place, <unsigned int>(number & 0xFFFF), out.little)
        out.size += 2
    elif kind == K_UL or kind == K_SL or kind == K_AT:
        if not (-0x80000000LL <= number <= 0x7FFFFFFF if kind == K_SL else 0 <= number <= 0xFFFFFFFFLL):
            return 1
        if kind == K_AT:
            write_tag(place, <uint32_t>number, out.little)
        else:
            write32(place, <uint32_t>(number & 0xFFFFFFFFLL), out.little)
        out.size += 4
    elif kind == K_SV:
        write64(place, <uint64_t>number, out.little)
        out.size += 8
    else:
        return 1
    return 0
