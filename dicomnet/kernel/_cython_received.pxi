# Data sets that were received: bytes until somebody looks into them.
#
# A ReceivedDataset is *closed* while it is nothing but a span of bytes that were found to be well-formed. Whatever asks
# for ``_dict`` *opens* it: then its elements are what the reference body would have made, its nested data sets closed
# ones, and it is a pydicom.Dataset like any other, except that reading values takes the short ways of _cython_values.

cdef tuple NOTHING = ()
cdef dict KEYWORD_TAGS = {}  # keywords that were asked for, and their tags; no more than the dictionary has
cdef object ReceivedDataset  # class ReceivedDataset(Received, Dataset), made when pydicom is there
cdef dict BLANK  # the attributes of a fresh Dataset


cdef class Received:
    """What a ReceivedDataset is beyond a pydicom.Dataset: the bytes it came in, and its elements once it was opened."""

    cdef bytes source  # the whole input that it is part of; None once opened, and only then
    cdef Py_ssize_t start, end  # of its own elements in source, without item header and delimiter
    cdef bint implicit, little
    cdef bint canonical  # encoding it anew, as ``implicit`` and ``little``, would give the same bytes again
    cdef bint hands_down  # Pixel Representation is somewhere in the whole data set
    cdef bint undefined  # came as an item of undefined length
    cdef int depth  # an upper bound of how deep sequences nest in it
    cdef int pixel_representation  # the nearest one of what encloses it, once opened its own; -1: there is none
    cdef Py_ssize_t tell  # where the item began; -1 for the outermost data set
    cdef object elements  # what pydicom calls _dict, once opened
    cdef object inherited  # encodings of what encloses it, a list
    cdef object charset  # what pydicom calls _read_charset, known once opened
    cdef int text  # how text is read here, a TextMode; not known before it is needed
    cdef tuple encodings  # as pydicom gives them to a name; known with ``text``
    cdef object read_implicit, read_little  # what pydicom calls _read_implicit and _read_little

    def __cinit__(self):
        # what ReceivedDataset() is, if a program comes to make one: closed, and empty
        self.source = b""
        self.inherited = DEFAULT_ENCODINGS
        self.pixel_representation = -1
        self.tell = -1

    # What pydicom calls its own. Whoever touches one of them gets an opened data set, so that what was closed is as
    # it came in.

    @property
    def _dict(self):
        open_up(self)
        return self.elements

    @_dict.setter
    def _dict(self, value):
        open_up(self)
        self.elements = value

    @property
    def _read_charset(self):
        open_up(self)
        return self.charset

    @_read_charset.setter
    def _read_charset(self, value):
        open_up(self)
        self.charset = value
        self.text = TEXT_UNKNOWN

    @property
    def _read_implicit(self):
        return self.read_implicit

    @_read_implicit.setter
    def _read_implicit(self, value):
        open_up(self)
        self.read_implicit = value

    @property
    def _read_little(self):
        return self.read_little

    @_read_little.setter
    def _read_little(self, value):
        open_up(self)
        self.read_little = value

    @property
    def _parent_encoding(self):
        return shown_encodings(self.inherited)

    @_parent_encoding.setter
    def _parent_encoding(self, value):
        open_up(self)
        self.inherited = value

    @property
    def _pixel_rep(self):
        open_up(self)
        if self.pixel_representation < 0:
            raise AttributeError("_pixel_rep")
        return self.pixel_representation

    @_pixel_rep.setter
    def _pixel_rep(self, value):
        open_up(self)
        self.pixel_representation = value

    @property
    def is_undefined_length_sequence_item(self):
        return self.undefined

    @is_undefined_length_sequence_item.setter
    def is_undefined_length_sequence_item(self, value):
        self.undefined = bool(value)

    def __getattribute__(self, name):
        return get_attribute(self, name)

    def __getitem__(self, key):
        cdef PyObject *found
        if type(key) is BaseTag:
            open_up(self)
            if type(self.elements) is dict:
                found = PyDict_GetItemWithError(self.elements, tag_object(key))
                if found != NULL and type(<object>found) is DataElement:
                    return <object>found
                if found != NULL and type(<object>found) is RawDataElement:
                    element = convert(self, <object>found)
                    if element is not None:
                        return element
        return Dataset.__getitem__(self, key)

    def __iter__(self):
        open_up(self)
        for tag in ordered_tags(self.elements):
            yield self[tag]

    def __reduce_ex__(self, protocol):
        # A copy is a Dataset of pydicom's own, and so is what is unpickled, where this extension may be missing.
        open_up(self)
        state = {name: getattr(self, name) for name in BLANK}
        for name in ("_pixel_rep", "seq_item_tell", "file_tell"):
            if hasattr(self, name):
                state[name] = getattr(self, name)
        state.update(self.__dict__)
        return Dataset, (), state


cdef list ordered_tags(object elements):
    """The tags in ascending order, without comparing two of them, which leads through Python."""
    cdef int64_t last = -1, number
    cdef list tags = list(elements)
    for tag in tags:
        number = <uint32_t>tag
        if number <= last:
            return sorted(tags, key=int)
        last = number
    return tags


class _Own:
    """A container that every data set has its own of, made when it is asked for."""

    def __init__(self, name, value):
        self.name = name
        self.value = value

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        return instance.__dict__.setdefault(self.name, self.value.copy())


class _Tell:
    """Where an item began; the outermost data set has no such attribute."""

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        if (<Received>instance).tell < 0:
            raise AttributeError("the outermost data set is no item")
        return (<Received>instance).tell


cdef int make_received_class() except -1:
    """Put the class together: pydicom's attributes that all data sets begin with become those of the class."""
    global ReceivedDataset, BLANK
    BLANK = dict(vars(Dataset()))
    own = vars(Received)
    namespace = {
        name: _Own(name, value) if isinstance(value, dict) else value
        for name, value in BLANK.items()
        if name not in own
    }
    namespace["seq_item_tell"] = namespace["file_tell"] = _Tell()
    namespace["__module__"] = __name__
    namespace["__doc__"] = "A pydicom.Dataset that was received: bytes until somebody looks into it."
    ReceivedDataset = type("ReceivedDataset", (Received, Dataset), namespace)
    return 0


cdef object shown_encodings(object encodings):
    """As pydicom has them: the bare name, not a list, where no character set was declared."""
    return DEFAULT_ENCODINGS[0] if encodings is DEFAULT_ENCODINGS else encodings


cdef Received new_received(bytes source, Py_ssize_t start, Py_ssize_t end, bint implicit, bint little, inherited):
    """A closed data set."""
    cdef Received made = <Received>new_of(<PyTypeObject *>ReceivedDataset, ReceivedDataset, NOTHING)
    made.source = source
    made.start = start
    made.end = end
    made.implicit = implicit
    made.little = little
    made.read_implicit = implicit
    made.read_little = little
    made.inherited = inherited
    return made


def decode_dataset(data, implicit, little_endian, max_depth, max_elements):
    """The data set in ``data``; see ``_python_dataset.decode_dataset``."""
    cdef Frame whole
    cdef Limits limits
    cdef Found found
    cdef bytes source
    load()
    source = data if type(data) is bytes else bytes(data)
    whole.end = PyBytes_GET_SIZE(source)
    whole.group_start = 0
    whole.last = -1
    whole.sequence = whole.undefined = False
    whole.implicit = implicit
    whole.little = little_endian
    limits.depth = max(-1, min(max_depth, MAX_FRAMES))  # no sequence nests deeper than a scan can follow
    limits.elements = max(-1, min(max_elements, whole.end))  # each takes eight bytes
    found.canonical = True
    found.pixel_representation = False
    found.depth = 0
    found.count = 0
    if scan(<const uint8_t *>PyBytes_AS_STRING(source), 0, &whole, &limits, &found) < 0:
        return _reference_decode(source, implicit, little_endian, max_depth, max_elements)
    made = new_received(source, 0, whole.end, implicit, little_endian, DEFAULT_ENCODINGS)
    made.canonical = found.canonical
    made.hands_down = found.pixel_representation
    made.depth = found.depth
    return made


cdef inline int open_up(Received self) except -1:
    """Make the elements of a closed data set; nothing when it is open."""
    if self.source is not None:
        return make_elements(self, self.source)
    return 0


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
                self.pixel_representation = b"\x01" in <bytes>value
        pos = value_end + 8 if header.length == UNDEFINED else value_end
    if self.hands_down:
        for items in sequences:
            for item in items:
                (<Received>item).pixel_representation = self.pixel_representation
    if self.source is not None:  # else another thread was faster, and its elements may be in use already
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
    cdef Py_ssize_t pos = header.value, end = level.end, start, stop
    cdef uint32_t tag, length
    cdef Frame content
    cdef Limits limits
    cdef Found found
    cdef Received item
    content.implicit = level.implicit or header.from_un
    content.little = level.little or header.from_un
    limits.depth = MAX_FRAMES
    limits.elements = PyBytes_GET_SIZE(source)
    if not undefined:
        if header.length > end - pos:
            raise_changed()
        end = pos + header.length
    while undefined or pos < end:
        if end - pos < 8:
            raise_changed()
        tag = read_tag(data + pos, content.little)
        length = read_32(data + pos + 4, content.little)
        start = pos
        pos += 8
        if tag == 0xFFFEE0DD and undefined:
            return pos
        if tag != 0xFFFEE000:
            raise_changed()
        if length == UNDEFINED:
            content.end = end
            content.group_start = pos
            content.last = -1
            content.sequence = False
            content.undefined = True
            found.count = 0
            stop = scan(data, pos, &content, &limits, &found)
            if stop < 0:
                raise_changed()
            item = new_received(source, pos, stop - 8, content.implicit, content.little, encodings)
        else:
            if length > end - pos:
                raise_changed()
            stop = pos + length
            item = new_received(source, pos, stop, content.implicit, content.little, encodings)
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
    return raw


cdef object get_attribute(Received self, object name):
    """An attribute; what may be a keyword is looked for among the elements first."""
    cdef PyObject *found
    if type(name) is str and PyUnicode_GET_LENGTH(name) and 0x41 <= PyUnicode_READ_CHAR(name, 0) <= 0x5A:
        found = PyDict_GetItemWithError(KEYWORD_TAGS, name)
        if found != NULL or name in KEYWORDS:
            tag = <object>found if found != NULL else keyword_tag(name)
            open_up(self)
            if type(self.elements) is dict:
                found = PyDict_GetItemWithError(self.elements, tag)
                if found != NULL:
                    element = <object>found
                    if type(element) is RawDataElement:
                        element = convert(self, element)
                    if type(element) is DataElement:
                        return PyObject_GenericGetAttr(element, "_value")
                    return Dataset.__getitem__(self, tag).value
    return PyObject_GenericGetAttr(self, name)


cdef object keyword_tag(str keyword):
    tag = tag_object(KEYWORDS[keyword])
    KEYWORD_TAGS[keyword] = tag
    return tag
