# Raw elements to elements: which short way a value field takes, if any, and what is made of the value.

cdef object new_multivalue(constructor, list values):
    made = new_object(MultiValue)
    PyObject_GenericSetAttr(made, "_constructor", constructor)
    PyObject_GenericSetAttr(made, "_list", values)
    return made


cdef object read_value(Received self, unsigned int vr, bytes field, bint little, validation_mode):
    """The value that a value field of at least one byte holds."""
    cdef Kind kind = VRS[vr].kind
    cdef Span rest, item
    cdef Py_ssize_t longest = 0
    cdef TextMode mode = TEXT_LATIN
    rest.start = <const uint8_t *>PyBytes_AS_STRING(field)
    rest.length = PyBytes_GET_SIZE(field)
    if kind == K_BYTES:
        return field
    if K_US <= kind <= K_FD:
        return read_numbers(kind, rest, VRS[vr].unit, little)
    if kind == K_AT:
        return read_tags(rest, little)
    if kind == K_UN or kind == K_SQ or kind == K_NONE:
        return NOT_PLAIN
    if kind == K_TEXT or kind == K_LONG_TEXT or kind == K_PN:
        mode = text_mode(self)
        if mode == TEXT_OTHER:
            return NOT_PLAIN
    if kind == K_LONG_TEXT:
        return one_text(rest, mode, VRS[vr].longest)
    if kind == K_UR:
        rest = trimmed(rest, SPACE)
        return latin_text(rest) if all_between(rest, SPACE, 0x7E) else NOT_PLAIN
    constructor = str
    if kind == K_TEXT:
        longest = VRS[vr].longest
    elif kind != K_AE:
        rest = trimmed(rest, 0)
        if kind == K_DS:
            while rest.length and rest.start[0] == SPACE:
                rest.start += 1
                rest.length -= 1
            constructor = DSfloat
        elif kind == K_IS:
            constructor = IS
        elif kind == K_UI:
            constructor = UID
        elif kind == K_PN:
            constructor = None
    values = None
    value = NOT_PLAIN
    while next_value(&rest, &item):
        if kind == K_DS:
            value = one_decimal(item, field)
        elif kind == K_STRING:
            value = latin_text(item)
        elif kind == K_TEXT:
            value = one_text(item, mode, longest)
        elif kind == K_UI:
            value = one_uid(item)
        elif kind == K_PN:
            value = one_name(item, mode, self.encodings, validation_mode)
        elif kind == K_IS:
            value = one_integer(item)
        else:
            value = one_title(item)
        if value is NOT_PLAIN:
            return NOT_PLAIN
        if values is None:
            if rest.start == NULL:
                return value
            values = []
        (<list>values).append(value)
    return new_multivalue(_NameReader(self.encodings) if constructor is None else constructor, values)


cdef object empty_value(unsigned int vr):
    """The value of a value field without bytes."""
    cdef Kind kind = VRS[vr].kind
    if kind == K_PN:
        return PersonName("")
    if kind in (K_AE, K_STRING, K_UI, K_UR, K_TEXT, K_LONG_TEXT):
        return ""
    if kind == K_SQ or kind == K_UN or kind == K_NONE:
        return NOT_PLAIN
    return None


cdef TextMode text_mode(Received self) except? TEXT_UNKNOWN:
    """How text is read in this data set."""
    if self.text == TEXT_UNKNOWN:
        charset = self.charset
        names = (charset,) if type(charset) is str else tuple(charset) if type(charset) is list else NOTHING
        if not names or type(names[0]) is not str:
            self.text = TEXT_OTHER
        elif names[0] in ("iso8859", "latin_1"):
            self.text = TEXT_LATIN
        elif names[0] == "UTF8":
            self.text = TEXT_UTF8
        elif names[0].startswith(("iso8859_", "iso_ir_1")) or names[0] in ("GB18030", "GBK", "GB2312", "euc_kr"):
            self.text = TEXT_ASCII
        else:
            self.text = TEXT_OTHER
        self.encodings = names
    return <TextMode>self.text


cdef inline bint differs(dict variables, str name, object usual) except *:
    """Whether a variable of pydicom's is not what it is when no program has touched it."""
    cdef PyObject *found = PyDict_GetItemWithError(variables, name)
    return found != <PyObject *>usual


cdef object plain_reading(Kind kind, bint empty):
    """pydicom's validation mode, or None when the program has other plans for values of this kind."""
    if (
        differs(CONFIG, "data_element_callback", None)
        or differs(HOOKS, "raw_element_vr", default_vr_hook)
        or differs(HOOKS, "raw_element_value", default_value_hook)
        or differs(CONFIG, "settings", SETTINGS_OBJECT)
        or HOOKS["raw_element_kwargs"]
    ):
        return None
    if empty and differs(CONFIG, "use_none_as_empty_text_VR_value", False):
        return None
    if kind == K_STRING and differs(CONFIG, "datetime_conversion", False):
        return None
    if kind == K_DS and (differs(CONFIG, "use_DS_numpy", False) or differs(VALUEREP, "DSclass", DSfloat)):
        return None
    if kind == K_IS and differs(CONFIG, "use_IS_numpy", False):
        return None
    mode = SETTINGS["_reading_validation_mode"]
    if mode is None:
        return None if differs(CONFIG, "enforce_valid_values", False) else WARN
    return mode if mode is WARN or mode is IGNORE else None


cdef object convert(Received self, object raw):
    """Read a raw element of an open data set and put the element in its place; None: let pydicom do it."""
    cdef uint32_t tag
    cdef unsigned int number
    fields = <tuple>raw
    if len(fields) != 9:
        return None
    base, vr, length, field, tell, little = fields[0], fields[1], fields[2], fields[3], fields[4], fields[6]
    if type(base) is not BaseTag or type(vr) is not str or type(field) is not bytes:
        return None
    if PyUnicode_GET_LENGTH(vr) != 2 or PyUnicode_READ_CHAR(vr, 0) > 0x7F or PyUnicode_READ_CHAR(vr, 1) > 0x7F:
        return None
    number = vr_number(PyUnicode_READ_CHAR(vr, 0), PyUnicode_READ_CHAR(vr, 1))
    tag = base
    # Private elements get their creator, pixel data drop what was made of them, and the first number of a lookup
    # table's descriptor is unsigned: all that is pydicom's business.
    if number == BY_LETTERS or tag >> 16 & 1 or tag >> 16 == 0x7FE0 or tag in (
        0x00281101, 0x00281102, 0x00281103, 0x00283002
    ):
        return None
    if type(length) is not int or length != PyBytes_GET_SIZE(field):
        return None
    mode = plain_reading(VRS[number].kind, PyBytes_GET_SIZE(field) == 0)
    if mode is None:
        return None
    if PyBytes_GET_SIZE(field):
        value = read_value(self, number, field, little, mode)
    else:
        value = empty_value(number)
    if value is NOT_PLAIN:
        return None
    element = new_element(base, vr, value, tell, False, mode)
    PyDict_SetItem(self.elements, base, element)
    return element


cdef object new_element(tag, vr, value, tell, bint undefined, mode):
    """A DataElement with a value that needs no conversion."""
    element = new_object(DataElement)
    PyObject_GenericSetAttr(element, "tag", tag)
    PyObject_GenericSetAttr(element, "VR", vr)
    PyObject_GenericSetAttr(element, "validation_mode", mode)
    PyObject_GenericSetAttr(element, "_value", value)
    PyObject_GenericSetAttr(element, "file_tell", tell)
    PyObject_GenericSetAttr(element, "is_undefined_length", undefined)
    PyObject_GenericSetAttr(element, "private_creator", None)
    return element
