# PDUs as objects, as long as they are plain: _python_items.py says what that is. The caller sees to everything else.
#
# An object is made the way the __init__ of its frozen dataclass does it, by object.__setattr__ for each field, but
# without the calls in between.

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    const uint8_t *PyUnicode_1BYTE_DATA(object text)
    int PyByteArray_Resize(object array, Py_ssize_t length) except -1
    char *PyByteArray_AS_STRING(object array)
    Py_ssize_t PyByteArray_GET_SIZE(object array)

from libc.string cimport memcmp

cdef enum:
    PDU_HEADER = 6  # type, reserved, length
    ITEM_HEADER = 4  # type, reserved, length
    CONTEXT_HEADER = 8  # those, context id, three reserved bytes
    CONTEXT_ITEM = 0x20
    ABSTRACT_SYNTAX = 0x30
    TRANSFER_SYNTAX = 0x40

cdef bytes NO_RESERVED_BYTES = b"\0\0\0"


def read_p_data(bytes data not None, Py_ssize_t start, max_length, max_pdvs, tuple kinds not None):
    cdef const uint8_t *place = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), stop
    cdef uint32_t length, limit, most
    cdef type pdu, pdv
    cdef tuple pdvs
    cdef list found = []
    if type(max_length) is not int or type(max_pdvs) is not int or max_length < 0:  # any number is a limit, even those
        return reference("read_p_data")(data, start, max_length, max_pdvs, kinds)
    limit, most = clipped(max_length), clipped(max_pdvs)
    pdu, pdv = kinds
    if not 0 <= start <= size:
        raise ValueError("start is no part of the data")
    view = memoryview(data)
    while size - start >= PDU_HEADER and place[start] == 4:
        length = read_32(place + start + 2, False)
        if length > limit or length > size - start - PDU_HEADER:
            break
        stop = start + PDU_HEADER + length
        pdvs = pdvs_as(pdv, view, place, start + PDU_HEADER, stop, most)
        if pdvs is None:
            break
        one = pdu.__new__(pdu)
        PyObject_GenericSetAttr(one, "pdvs", pdvs)
        PyObject_GenericSetAttr(one, "reserved", place[start + 1])
        PyObject_GenericSetAttr(one, "length", None)
        found.append(one)
        start = stop
    return found, start


cdef tuple pdvs_as(type pdv, view, const uint8_t *place, Py_ssize_t start, Py_ssize_t stop, uint32_t limit):
    """The PDVs between start and stop of the view, which begins at place; None if there is something wrong."""
    cdef Py_ssize_t position = start
    cdef uint32_t length, count = 0
    cdef list found
    while position < stop:
        if count >= limit or stop - position < PDV_OVERHEAD:
            return None
        length = read_32(place + position, False)
        if length < 2 or length > stop - position - 4:
            return None
        position += 4 + <Py_ssize_t>length
        count += 1
    found = []
    position = start
    while position < stop:  # the bytes cannot have changed: what was checked above holds
        length = read_32(place + position, False)
        one = pdv.__new__(pdv)
        payload = PyObject_GetItem(view, PySlice_New(position + PDV_OVERHEAD, position + 4 + <Py_ssize_t>length, None))
        PyObject_GenericSetAttr(one, "payload", payload)
        PyObject_GenericSetAttr(one, "context_id", place[position + 4])
        PyObject_GenericSetAttr(one, "control", place[position + 5])
        PyObject_GenericSetAttr(one, "pdv_length", None)
        found.append(one)
        position += 4 + <Py_ssize_t>length
    return tuple(found)


cdef uint32_t clipped(limit) except? 0xFFFFFFFF:
    """A whole number as a limit: below 0 it is 0, and none is above what a field of 32 bits can say."""
    cdef int overflow = 0
    cdef long long number = PyLong_AsLongLongAndOverflow(limit, &overflow)
    if overflow < 0 or overflow == 0 and number < 0:
        return 0
    return 0xFFFFFFFF if overflow > 0 or number > 0xFFFFFFFF else <uint32_t>number


cdef object reference(name):
    from dicomnet.kernel import _python_items
    return getattr(_python_items, name)


def read_contexts(bytes data not None, Py_ssize_t start, Py_ssize_t end, tuple limits not None, tuple kinds not None):
    cdef const uint8_t *place = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t stop, before = -1
    cdef uint32_t max_items, max_sub_items
    cdef type context, abstract, transfer
    cdef tuple items = (), last
    cdef list found = []
    if type(limits[0]) is not int or type(limits[1]) is not int:
        return reference("read_contexts")(data, start, end, limits, kinds)
    max_items, max_sub_items = clipped(limits[0]), clipped(limits[1])
    context, abstract, transfer = kinds
    if not 0 <= start <= end <= PyBytes_GET_SIZE(data):
        raise ValueError("start and end are no part of the data")
    while max_items > 0 and end - start >= CONTEXT_HEADER and place[start] == CONTEXT_ITEM:
        stop = start + ITEM_HEADER + (place[start + 2] << 8 | place[start + 3])
        if stop > end or stop < start + CONTEXT_HEADER:
            break
        last = items
        items = sub_items(place, start + CONTEXT_HEADER, stop, max_sub_items, last, before, abstract, transfer)
        if items is None:
            break
        one = context.__new__(context)
        PyObject_GenericSetAttr(one, "context_id", place[start + 4])
        PyObject_GenericSetAttr(one, "items", items)
        PyObject_GenericSetAttr(one, "reserved_bytes", reserved_bytes(place + start + 5))
        PyObject_GenericSetAttr(one, "reserved", place[start + 1])
        PyObject_GenericSetAttr(one, "length", None)
        found.append(one)
        max_items -= 1
        before = start + CONTEXT_HEADER
        start = stop
    return found, start


cdef inline bytes reserved_bytes(const uint8_t *place):
    if place[0] == 0 and place[1] == 0 and place[2] == 0:
        return NO_RESERVED_BYTES
    return PyBytes_FromStringAndSize(<const char *>place, 3)


cdef tuple sub_items(
    const uint8_t *place, Py_ssize_t start, Py_ssize_t stop, uint32_t limit,
    tuple last, Py_ssize_t before, type abstract, type transfer
):
    """The sub-items between start and stop; None if they are not plain.

    ``last`` are the sub-items that were found at ``before``, in the context in front of this one. Most contexts propose
    the same transfer syntaxes, so a sub-item of the same bytes as the one at its place there is that very object.
    """
    cdef Py_ssize_t position = start, length, index
    cdef uint32_t count = 0
    cdef list found = []
    while position < stop:
        if count >= limit or stop - position < ITEM_HEADER:
            return None
        if place[position] != ABSTRACT_SYNTAX and place[position] != TRANSFER_SYNTAX:
            return None
        length = ITEM_HEADER + (place[position + 2] << 8 | place[position + 3])
        if length > stop - position:
            return None
        position += length
        count += 1
    position = start
    for index in range(<Py_ssize_t>count):  # the bytes cannot have changed: what was checked above holds
        length = ITEM_HEADER + (place[position + 2] << 8 | place[position + 3])
        one = None
        if index < len(last):
            # The other one has the same length if it has the same header, and lies wholly before this one.
            if memcmp(place + before, place + position, ITEM_HEADER) == 0:
                if memcmp(place + before, place + position, length) == 0:
                    one = last[index]
            before += ITEM_HEADER + (place[before + 2] << 8 | place[before + 3])
        if one is None:
            one = syntax(place + position, length - ITEM_HEADER, abstract, transfer)
        found.append(one)
        position += length
    return tuple(found)


cdef object syntax(const uint8_t *place, Py_ssize_t length, type abstract, type transfer):
    cdef type kind = abstract if place[0] == ABSTRACT_SYNTAX else transfer
    one = kind.__new__(kind)
    PyObject_GenericSetAttr(one, "uid", PyUnicode_DecodeLatin1(<const char *>place + ITEM_HEADER, length, NULL))
    PyObject_GenericSetAttr(one, "reserved", place[1])
    PyObject_GenericSetAttr(one, "length", None)
    return one


def write_contexts(tuple items not None, Py_ssize_t start, tuple kinds not None):
    cdef Py_ssize_t index = start, size = 0, length
    cdef type context, abstract, transfer
    cdef bytearray written = bytearray()
    context, abstract, transfer = kinds
    while index < len(items) and type(items[index]) is context:
        length = write_context(written, size, items[index], abstract, transfer)
        if length == 0:
            break
        size += length
        index += 1
    return PyBytes_FromStringAndSize(PyByteArray_AS_STRING(written), size), index


cdef Py_ssize_t write_context(bytearray written, Py_ssize_t start, item, type abstract, type transfer) except -1:
    """Write the item at ``start``, over whatever is there; its length, 0 if it is not plain."""
    cdef Py_ssize_t position = start + CONTEXT_HEADER, length
    cdef int context_id, reserved
    cdef uint8_t *place
    if item.length is not None:
        return 0
    context_id, reserved = plain_u8(item.context_id), plain_u8(item.reserved)
    three, items = item.reserved_bytes, item.items
    if context_id < 0 or reserved < 0 or type(three) is not bytes or type(items) is not tuple or len(three) != 3:
        return 0
    make_room(written, position)
    place = <uint8_t *>PyByteArray_AS_STRING(written) + start
    place[0] = CONTEXT_ITEM
    place[1] = reserved
    place[4] = context_id
    memcpy(place + 5, PyBytes_AS_STRING(three), 3)
    for sub in <tuple>items:
        if type(sub) is not abstract and type(sub) is not transfer or sub.length is not None:
            return 0
        reserved, uid = plain_u8(sub.reserved), sub.uid
        if reserved < 0 or type(uid) is not str or PyUnicode_KIND(uid) != 1:
            return 0
        length = PyUnicode_GET_LENGTH(uid)
        if length > 0xFFFF - (position - start):  # the item's own length begins behind its header of four bytes
            return 0
        make_room(written, position + ITEM_HEADER + length)
        place = <uint8_t *>PyByteArray_AS_STRING(written) + position
        place[0] = ABSTRACT_SYNTAX if type(sub) is abstract else TRANSFER_SYNTAX
        place[1] = reserved
        place[2] = length >> 8
        place[3] = length & 0xFF
        memcpy(place + ITEM_HEADER, PyUnicode_1BYTE_DATA(uid), length)
        position += ITEM_HEADER + length
    length = position - start - ITEM_HEADER
    place = <uint8_t *>PyByteArray_AS_STRING(written) + start
    place[2] = length >> 8
    place[3] = length & 0xFF
    return position - start


cdef inline int make_room(bytearray written, Py_ssize_t size) except -1:
    if size > PyByteArray_GET_SIZE(written):
        PyByteArray_Resize(written, size + 4096)
    return 0


cdef inline int plain_u8(value) except? -2:
    """A value of one byte; -1 if it is anything else."""
    cdef int overflow = 0
    cdef long long number
    if type(value) is not int:
        return -1
    number = PyLong_AsLongLongAndOverflow(value, &overflow)
    return <int>number if overflow == 0 and 0 <= number <= 0xFF else -1
