# Data sets that were received: bytes until somebody looks into them.
#
# A ReceivedDataset is *closed* while it is nothing but a span of bytes that were found to be well-formed. Whatever asks
# for ``_dict`` *opens* it: then its elements are what the reference body would have made, its nested data sets closed
# ones, and it is a pydicom.Dataset like any other, except that reading values takes the short ways of _cython_values.

cdef tuple NOTHING = ()
cdef object ABSENT = object()
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
    cdef object pixel_representation  # the nearest one of what encloses it, once opened its own, or ABSENT
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
        self.pixel_representation = ABSENT
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
        if self.pixel_representation is ABSENT:
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
                if found != NULL:
                    element = <object>found
                    if type(element) is RawDataElement:
                        element = convert(self, element)
                    if type(element) is DataElement:
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
        if (<Received?>instance).tell < 0:
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
    namespace["__doc__"] = (
        "A pydicom.Dataset that was received: bytes until somebody looks into it, and for that long it keeps the bytes "
        "of the whole message it came in."
    )
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
