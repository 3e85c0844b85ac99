# The elements of the data sets that are being written, in the order of their tags.

cdef struct Entry:
    uint32_t tag
    PyObject *key  # both references are ours
    PyObject *element


cdef struct Encoding:
    Output out
    Entry *entries  # of all data sets that are being written, the outermost one's first
    Py_ssize_t top, room
    bint allocated  # entries are not the caller's memory
    bint foreign  # code that is neither ours nor plain pydicom may have run
    int max_depth, depth


cdef int release_entries(Encoding *encoding, Py_ssize_t first) except -1:
    """Drop the entries from ``first`` on; a destructor finds none that is half gone."""
    cdef Entry entry
    while encoding.top > first:
        encoding.top -= 1
        entry = encoding.entries[encoding.top]
        Py_XDECREF(entry.key)
        Py_XDECREF(entry.element)
    return 0


cdef int reserve_entries(Encoding *encoding, Py_ssize_t need) except -1:
    cdef Py_ssize_t room
    cdef Entry *entries
    if need <= encoding.room - encoding.top:
        return 0
    if need > PY_SSIZE_T_MAX // (2 * <Py_ssize_t>sizeof(Entry)) - encoding.top:
        raise MemoryError
    room = 2 * (encoding.top + need)
    entries = <Entry *>realloc(encoding.entries if encoding.allocated else NULL, <size_t>room * sizeof(Entry))
    if entries == NULL:
        raise MemoryError
    if not encoding.allocated:
        memcpy(entries, encoding.entries, <size_t>encoding.top * sizeof(Entry))
        encoding.allocated = True
    encoding.entries = entries
    encoding.room = room
    return 0


cdef int by_tag(const void *one, const void *other) noexcept nogil:
    cdef uint32_t a = (<const Entry *>one).tag, b = (<const Entry *>other).tag
    return -1 if a < b else a > b


cdef int collect(Encoding *encoding, dict elements) except -1:
    """Push the elements to write, tags ascending."""
    cdef Py_ssize_t first = encoding.top, place = 0, position, moves = 0
    cdef PyObject *key
    cdef PyObject *element
    cdef int overflow = 0
    cdef long long number
    cdef Entry entry
    cdef bint sorted_so_far = True
    cdef Entry *entries
    reserve_entries(encoding, len(elements))
    entries = encoding.entries
    while PyDict_Next(elements, &place, &key, &element):  # no Python code runs in here
        if Py_TYPE(<object>key) != <PyTypeObject *>BaseTag and Py_TYPE(<object>key) != &PyLong_Type:
            raise _NotPlain
        number = PyLong_AsLongLongAndOverflow(<object>key, &overflow)
        if overflow or number < 0 or number > 0xFFFFFFFF or number >> 16 == 0xFFFE or encoding.top == encoding.room:
            raise _NotPlain
        entry.tag = <uint32_t>number
        if not entry.tag & 0xFFFF or entry.tag >> 16 == 2:
            continue  # group lengths and the group of files
        Py_INCREF(<object>key)
        Py_INCREF(<object>element)
        entry.key = key
        entry.element = element
        position = encoding.top
        encoding.top += 1
        if position > first and entries[position - 1].tag > entry.tag:
            # most are in order, or nearly so
            while sorted_so_far and position > first and entries[position - 1].tag > entry.tag:
                entries[position] = entries[position - 1]
                position -= 1
                moves += 1
                sorted_so_far = moves < 1000
        entries[position] = entry
    if not sorted_so_far:
        qsort(entries + first, <size_t>(encoding.top - first), sizeof(Entry), by_tag)
    return 0
