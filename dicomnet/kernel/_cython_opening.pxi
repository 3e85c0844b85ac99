# What is in a received data set: the elements that the reference body would have made of its bytes.

cdef object new_object(cls):
    """An instance without a call of ``__init__``."""
    return new_of(&PyBaseObject_Type, cls, NOTHING)


cdef int make_elements(Received self, bytes source) except -1:
    cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(source)
    cdef Py_ssize_t pos = self.start, value_end
    cdef Frame level
    cdef Header header
    cdef uint32_t tag
    cdef Found found
    cdef Limits limits
    cdef dict elements = {}
    implicit, little = self.read_implicit, self.read_little
    cdef list sequences = [], items
    mode = SETTINGS_OBJECT.reading_validation_mode
    encodings = self.inherited
    pixel_representation = self.pixel_representation
    level.end = self.end
    level.group_start = pos
    level.last = -1
    level.sequence = level.undefined = False
    level.implicit = self.implicit
    level.little = self.little
    limits.depth = MAX_FRAMES
    limits.elements = level.end
    found.count = 0
    while pos < level.end:
        if level.end - pos < 8:
            raise_changed()
        tag = read_tag(data + pos, level.little)
        if level.last < 0 or <uint32_t>level.last >> 16 != tag >> 16:
            level.group_start = pos
        level.last = tag
        if read_header(data, pos, &level, &header) != PLAIN:
            raise_changed()
        base = tag_object(header.tag)
        pos = header.value
        if header.sequence:
            items = []
            pos = read_items(self, source, items, &level, &header, encodings)
            sequences.append(items)
            sequence = new_sequence(items, header.length == UNDEFINED)
            elements[base] = new_element(base, "SQ", sequence, header.value, header.length == UNDEFINED, mode)
            continue
        if header.length == UNDEFINED:
            value_end = fragments_end(data, pos, level.end, level.little, &limits, &found)
            if value_end < 0:
                raise_changed()
        else:
            if header.length > level.end - pos:
                raise_changed()
            value_end = pos + header.length
        value = PyBytes_FromStringAndSize(<const char *>data + pos, value_end - pos)
        if header.vr == NO_VR:
            elements[base] = new_element(base, "UN", value or None, pos, False, mode)
        else:
            elements[base] = new_raw(base, VR_NAMES[header.vr], header.length, value, pos, implicit, little)
            if header.tag == CHARACTER_SET and header.length != UNDEFINED:
                encodings = _encodings_for((<bytes>value).decode("latin-1"))
            elif header.tag == PIXEL_REPRESENTATION and value and self.hands_down:
                pixel_representation = 1 if b"\x01" in <bytes>value else 0
        pos = value_end + 8 if header.length == UNDEFINED else value_end
    if self.hands_down:
        for items in sequences:
            for item in items:
                (<Received>item).pixel_representation = pixel_representation
    if self.source is not None:  # else another thread was faster, and its elements may be in use already
        self.pixel_representation = pixel_representation
        self.charset = shown_encodings(encodings)
        self.elements = elements
        self.source = None
    return 0


cdef int raise_changed() except -1:
    """For what cannot be: every length was checked when the data set was decoded, and its bytes cannot change.

    One thing can: a program may tell pydicom's dictionaries meanwhile that a tag is, or is not, a sequence.
    """
    raise RuntimeError("pydicom's dictionaries changed between the receipt of this data set and the first look into it")


cdef Py_ssize_t read_items(
    Received parent, bytes source, list items, const Frame *level, const Header *header, object encodings
) except -1:
    """Append the items of a sequence, as closed data sets; where the sequence ends."""
    cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(source)
    cdef bint undefined = header.length == UNDEFINED
    cdef bint implicit = level.implicit or header.from_un, little = level.little or header.from_un
    cdef Py_ssize_t pos = header.value, end = level.end, start, stop
    cdef uint32_t tag, length
    cdef Received item
    if not undefined:
        if header.length > end - pos:
            raise_changed()
        end = pos + header.length
    while undefined or pos < end:
        if end - pos < 8:
            raise_changed()
        tag = read_tag(data + pos, little)
        length = read_32(data + pos + 4, little)
        start = pos
        pos += 8
        if tag == SEQUENCE_END and undefined:
            return pos
        if tag != ITEM:
            raise_changed()
        if length == UNDEFINED:
            stop = item_end(data, pos, end, implicit, little)
            if stop < 0:
                raise_changed()
            item = new_received(source, pos, stop - 8, implicit, little, encodings)
        else:
            if length > end - pos:
                raise_changed()
            stop = pos + length
            item = new_received(source, pos, stop, implicit, little, encodings)
        item.tell = start
        item.undefined = length == UNDEFINED
        item.canonical = parent.canonical
        item.hands_down = parent.hands_down
        item.depth = parent.depth - 1
        items.append(item)
        pos = stop
    return pos


cdef object new_sequence(list items, bint undefined):
    sequence = new_object(Sequence)
    PyObject_GenericSetAttr(sequence, "_list", items)
    PyObject_GenericSetAttr(sequence, "is_undefined_length", undefined)
    return sequence


cdef inline int put(object made, Py_ssize_t place, object field) except -1:
    Py_INCREF(field)
    PyTuple_SET_ITEM(made, place, field)
    return 0


cdef object new_raw(tag, vr, length, value, tell, implicit, little):
    """A RawDataElement: the tuple, without the call of its constructor."""
    raw = allocated(RawDataElement, 9)
    put(raw, 0, tag)
    put(raw, 1, vr)
    put(raw, 2, length)
    put(raw, 3, value)
    put(raw, 4, tell)
    put(raw, 5, implicit)
    put(raw, 6, little)
    put(raw, 7, True)  # is_raw
    put(raw, 8, False)  # is_buffered
    forget_hash(raw)
    return raw
