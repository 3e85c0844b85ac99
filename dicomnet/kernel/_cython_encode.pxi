# pydicom.Dataset to bytes (PS3.5 7, A.1 to A.4), as _python_encode says.
#
# Elements are collected before the first of a data set is written, each with a reference of ours: values may run any
# code when they are converted, and that code may change the data set. Once such code may have run (``foreign``), an
# element is looked up again before it is written, as the reference does. An error of any kind throws away what was
# written and starts again in the reference, which raises it. So that it finds everything as it was, values that may do
# more than be read, iterators and objects of a program's own, are not converted here: they are the reference's at once.

include "_cython_output.pxi"
include "_cython_fields.pxi"
include "_cython_entries.pxi"


cdef enum:
    SHORT_RESULT = 8192
    FEW_ENTRIES = 192
    DEEPEST = 64  # recursion in C; what is deeper is the reference's, which does not recurse
    KNOWN_CHARACTER_SETS = 64


# What values of (0008,0005) stand for: lists that nobody changes, one for all data sets, so that names are mostly found
# equal by identity.
cdef dict _encodings_of = {}


def encode_dataset(dataset, implicit, little_endian, max_depth=64):
    """See ``_python_dataset.encode_dataset``."""
    load()
    if type(implicit) is bool and type(little_endian) is bool and type(max_depth) is int and max_depth >= 0:
        try:
            return encoded(dataset, implicit, little_endian, min(max_depth, DEEPEST))
        except Exception:
            pass  # whatever it is, the reference finds it too and can say where
    return _reference_encode(dataset, implicit, little_endian, max_depth)


cdef object encoded(object dataset, bint implicit, bint little, int max_depth):
    cdef char memory[SHORT_RESULT]
    cdef Entry entries[FEW_ENTRIES]
    cdef Encoding encoding
    if type(dataset) is ReceivedDataset and verbatim(<Received>dataset, implicit, little, max_depth, DEFAULT_ENCODINGS):
        if (<Received>dataset).start == 0 and (<Received>dataset).end == PyBytes_GET_SIZE((<Received>dataset).source):
            return (<Received>dataset).source
        return (<Received>dataset).source[(<Received>dataset).start:(<Received>dataset).end]
    encoding.out.data = memory
    encoding.out.size = 0
    encoding.out.room = SHORT_RESULT
    encoding.out.result = NULL
    encoding.out.implicit = implicit
    encoding.out.little = little
    encoding.entries = entries
    encoding.top = 0
    encoding.room = FEW_ENTRIES
    encoding.allocated = False
    encoding.foreign = False
    encoding.max_depth = max_depth
    encoding.depth = 0
    try:
        write_dataset(&encoding, NULL, dataset)
        return finished(&encoding.out)
    finally:
        Py_XDECREF(encoding.out.result)
        encoding.out.result = NULL
        release_entries(&encoding, 0)
        if encoding.allocated:
            free(encoding.entries)


cdef bint verbatim(Received dataset, bint implicit, bint little, int max_depth, list inherited) except -1:
    """Whether the bytes a data set came in are what would be written for it: it is as it came, and so is what
    surrounds it as far as that matters."""
    return (
        dataset.source is not None
        and dataset.canonical
        and dataset.implicit == implicit
        and dataset.little == little
        and dataset.depth <= max_depth
        and same_names(dataset.inherited, inherited)
    )


cdef int write_dataset(Encoding *encoding, Level *outer, object dataset) except -1:
    """Write the elements of a data set or item."""
    cdef Level level
    cdef Py_ssize_t first = encoding.top, last, position
    cdef dict elements
    cdef list inherited = <list>DEFAULT_ENCODINGS if outer == NULL else <list>outer.encodings
    cdef list encodings, source
    if type(dataset) is ReceivedDataset:
        open_up(<Received>dataset)
        held, read, little = (<Received>dataset).elements, (<Received>dataset).charset, (<Received>dataset).read_little
    elif type(dataset) is Dataset:
        held = PyObject_GenericGetAttr(dataset, "_dict")
        read = PyObject_GenericGetAttr(dataset, "_read_charset")
        little = PyObject_GenericGetAttr(dataset, "_read_little")
    else:
        encoding.foreign = True  # a subclass may compute them
        held = dataset._dict
        read = dataset._read_charset
        little = dataset._read_little
    if type(held) is not dict:
        raise _NotPlain
    elements = <dict>held
    collect(encoding, elements)
    last = encoding.top
    encodings = inherited
    for position in range(first, last):
        if encoding.entries[position].tag >= CHARACTER_SET:
            if encoding.entries[position].tag == CHARACTER_SET:
                encodings = declared(<object>encoding.entries[position].element, inherited)
            break
    source = encodings  # also what never was read counts as read in what it is written in
    if not same_names(read, encodings):
        if type(read) is not str:
            encoding.foreign = encoding.foreign or (type(read) is not list and type(read) is not tuple)
            source = list(read)
        elif read:
            source = [read]
        if not source or source == [""] or source == encodings:
            source = encodings
    level.outer = outer
    level.dataset = <PyObject *>dataset
    level.encodings = <PyObject *>encodings
    level.source = <PyObject *>source
    level.same_text = source is encodings
    level.text = outer.text if outer != NULL and encodings is inherited else mode_of(encodings)
    level.stored_little = little is not False
    for position in range(first, last):
        element = <object>encoding.entries[position].element
        if encoding.foreign:
            element = looked_up(dataset, <object>encoding.entries[position].key)
        write_element(encoding, &level, encoding.entries[position].tag, element)
    release_entries(encoding, first)
    return 0


cdef object looked_up(object dataset, object key):
    """The element as it is now."""
    elements = dataset._dict
    if type(elements) is not dict:
        raise _NotPlain
    return elements[key]


cdef list declared(object element, list inherited):
    """What the Specific Character Set (0008,0005) stands for."""
    if type(element) is DataElement:
        value = element._value
    else:
        value = element.value
    if type(value) is not str and type(value) is not bytes:
        if not harmless(value):
            raise _NotPlain
        return _declared_encodings(value, inherited)
    if not value:
        return inherited
    found = _encodings_of.get(value)
    if found is None:
        found = _encodings_for(value.decode("latin-1") if type(value) is bytes else value)
        if len(_encodings_of) >= KNOWN_CHARACTER_SETS:
            _encodings_of.clear()
        if len(value) <= 64:
            _encodings_of[value] = found
    return found


cdef int write_element(Encoding *encoding, Level *level, uint32_t tag, object element) except -1:
    cdef unsigned int number
    cdef bint undefined
    if type(element) is RawDataElement:
        return write_raw(encoding, level, tag, element)
    if type(element) is DataElement:
        vr = element.VR
        value = element._value
    elif isinstance(element, RawDataElement):
        raise _NotPlain
    else:
        encoding.foreign = True
        vr = element.VR
        value = element.value
    flag = element.is_undefined_length
    if flag is not True and flag is not False:
        encoding.foreign = True
        flag = bool(flag)
    undefined = flag is True
    number = number_of(vr)
    if number == NO_VR:
        if vr not in _AMBIGUOUS:
            raise _NotPlain
        encoding.foreign = True
        number = number_of(_resolve_vr(tag, vr, value, undefined, datasets_of(level)))
        if number == NO_VR:
            raise _NotPlain
    if VRS[number].kind == K_SQ:
        return write_sequence(encoding, level, tag, value, undefined)
    if undefined:
        if value is not None and type(value) is not bytes:
            raise _NotPlain
        return write_fragments(&encoding.out, tag, number, value or b"", level.stored_little)
    return write_leaf(encoding, level, tag, number, value)


cdef list datasets_of(Level *level):
    """The data sets around an element, from its own outwards."""
    found = []
    while level != NULL:
        found.append(<object>level.dataset)
        level = level.outer
    return found


cdef int write_leaf(Encoding *encoding, Level *level, uint32_t tag, unsigned int number, object value) except -1:
    """Write a converted element: its value behind room for the header, then the header."""
    cdef Output *out = &encoding.out
    cdef Py_ssize_t content
    reserve(out, 12)
    content = out.size + (12 if VRS[number].long_form and not out.implicit else 8)
    out.size = content
    if put_value(out, level, tag, number, value):
        if not harmless(value):
            raise _NotPlain  # the reference must find it unread, and everything as it was
        encoding.foreign = True
        out.size = content
        field = _value_field(tag, VR_NAMES[number], value, out.little, level.stored_little or VRS[number].kind == K_UN,
                             <object>level.encodings)
        if type(field) is not bytes:
            raise _NotPlain
        put_bytes(out, field, 1)
    return finish_leaf(out, tag, number, content)


cdef int write_raw(Encoding *encoding, Level *level, uint32_t tag, object raw) except -1:
    """Write an element that pydicom has not converted yet."""
    cdef Output *out = &encoding.out
    cdef unsigned int number, unit
    cdef Py_ssize_t content
    cdef bint undefined, implicit, little
    fields = <tuple>raw
    vr, length, value, raw_implicit, raw_little = fields[1], fields[2], fields[3], fields[5], fields[6]
    if (type(length) is not int or (raw_implicit is not True and raw_implicit is not False)
            or (raw_little is not True and raw_little is not False)):
        raise _NotPlain
    if value is None and not length:
        value = b""
    if type(value) is not bytes:
        raise _NotPlain
    implicit, little, undefined = raw_implicit is True, raw_little is True, length == 0xFFFFFFFF
    number = NO_VR if vr is None else number_of(vr)
    if number == NO_VR:
        number = raw_vr(encoding, level, tag, vr, raw.value, undefined)
    if undefined:
        return write_fragments(out, tag, number, value, little)
    if VRS[number].kind == K_SQ and not (level.same_text and implicit == out.implicit and little == out.little):
        encoding.foreign = True
        items = _Decoder(value, implicit, little, encoding.max_depth, 200_000).run_items(tag, <object>level.source)
        return write_sequence(encoding, level, tag, items, False)
    if VRS[number].text and not level.same_text:
        encoding.foreign = True
        value = _transcoded(VR_NAMES[number], value, <object>level.source, <object>level.encodings)
    unit = VRS[number].unit if little != out.little else 1
    reserve(out, 12)
    content = out.size + (12 if VRS[number].long_form and not out.implicit else 8)
    out.size = content
    if put_bytes(out, value, unit):
        raise _NotPlain
    return finish_leaf(out, tag, number, content)


cdef unsigned int raw_vr(
    Encoding *encoding, Level *level, uint32_t tag, object vr, object value, bint undefined
) except 0xFFFFFFFF:
    """Number of the VR of a raw element that came without one or with an ambiguous one."""
    cdef unsigned int number
    if vr is None:
        if not tag >> 16 & 1:
            number = public_vr(tag)
            vr = "UN" if number == NO_VR else VR_NAMES[number]
        elif 0x10 <= tag & 0xFFFF <= 0xFF:
            vr = "LO"
        else:
            encoding.foreign = True
            vr = _private_vr(tag, _private_creator(<object>level.dataset, tag)) or "UN"
    if vr in _AMBIGUOUS:
        encoding.foreign = True
        vr = _resolve_vr(tag, vr, value, undefined, datasets_of(level))
    number = number_of(vr)
    if number == NO_VR:
        raise _NotPlain
    return number


cdef int write_sequence(Encoding *encoding, Level *level, uint32_t tag, object value, bint delimited) except -1:
    """Write a sequence with its items."""
    cdef Output *out = &encoding.out
    cdef list items
    cdef Py_ssize_t start, item_start, position = 0
    cdef bint item_delimited
    if type(value) is Sequence:
        value = value._list
    if value is None:
        value = []
    if type(value) is not list or encoding.depth >= encoding.max_depth:
        raise _NotPlain
    items = <list>value
    encoding.depth += 1
    put_header(out, tag, NUMBER_SQ, 0xFFFFFFFF)
    start = out.size
    while position < len(items):  # conversions may change it
        item = items[position]
        position += 1
        put_item_tag(out, ITEM, 0xFFFFFFFF)
        item_start = out.size
        if type(item) is ReceivedDataset:
            flag = (<Received>item).undefined
        elif type(item) is Dataset:
            flag = PyObject_GenericGetAttr(item, "is_undefined_length_sequence_item")
        else:
            encoding.foreign = True
            flag = item.is_undefined_length_sequence_item
        if flag is not True and flag is not False:
            encoding.foreign = True
            flag = bool(flag)
        item_delimited = flag is True
        if type(item) is ReceivedDataset and verbatim(
            <Received>item, out.implicit, out.little, encoding.max_depth - encoding.depth, <list>level.encodings
        ):
            append(out, PyBytes_AS_STRING((<Received>item).source) + (<Received>item).start,
                (<Received>item).end - (<Received>item).start)
        else:
            write_dataset(encoding, level, item)
        close(out, item_start, ITEM_END if item_delimited else 0)
    encoding.depth -= 1
    return close(out, start, SEQUENCE_END if delimited else 0)


cdef int close(Output *out, Py_ssize_t start, uint32_t delimiter) except -1:
    """End an item or sequence whose content began at ``start``: with a delimiter, else by its length."""
    if delimiter:
        return put_item_tag(out, delimiter, 0)
    if <uint64_t>(out.size - start) > LONGEST_LENGTH:
        raise _NotPlain
    write32(out.data + start - 4, <uint32_t>(out.size - start), out.little)
    return 0
