# The growing buffer an encoding is written into, and how plain values are put there.
#
# It begins as memory of the caller's frame, so that a short result costs one copy into its bytes object and nothing
# else; what outgrows that is written into a bytes object at once. ``put_...`` functions say whether they could: 1 means
# that nothing or only a part was written, and that the caller takes the general way; they never run foreign code.

from cpython.dict cimport PyDict_Next
from cpython.object cimport Py_TYPE
from cpython.sequence cimport PySequence_Fast_GET_SIZE
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memmove, memset, strlen

cdef extern from *:
    """
    #include <float.h>
    #if PY_VERSION_HEX >= 0x030D0000
      #define dicomnet_lookup_attribute PyObject_GetOptionalAttr
    #else
      #define dicomnet_lookup_attribute _PyObject_LookupAttr
    #endif
    #if PY_VERSION_HEX >= 0x030C0000
      #define dicomnet_text_ready(text) 0
      #define dicomnet_lookup_own dicomnet_lookup_attribute
    #else
      #define dicomnet_text_ready(text) PyUnicode_READY(text)
      /* Numbers with attributes have a dictionary each in this version; asking it is half the way. */
      static int dicomnet_lookup_own(PyObject *number, PyObject *name, PyObject **found)
      {
          PyObject *attributes = PyObject_GenericGetDict(number, NULL);
          if (attributes == NULL)
              return -1;
          *found = PyDict_GetItemWithError(attributes, name);
          Py_XINCREF(*found);
          Py_DECREF(attributes);
          return *found != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
      }
    #endif
    #if FLT_EVAL_METHOD == 0
      #define dicomnet_exact_division 1
    #else
      #define dicomnet_exact_division 0
    #endif
    """
    int lookup_attribute "dicomnet_lookup_attribute"(object, object, PyObject **) except -1  # 1 found, 0 not
    int lookup_own "dicomnet_lookup_own"(object, object, PyObject **) except -1  # where the class has no such attribute
    int text_ready "dicomnet_text_ready"(object) except -1
    const bint exact_division "dicomnet_exact_division"

cdef extern from "Python.h":
    int PyUnicode_KIND(object) noexcept
    const void *PyUnicode_DATA(object) noexcept
    bint PyUnicode_IS_ASCII(object) noexcept
    int PyFloat_Pack4(double, char *, int) except -1
    int PyFloat_Pack8(double, char *, int) except -1
    char *PyOS_double_to_string(double, char, int, int, int *) except NULL
    long long PyLong_AsLongLongAndOverflow(object, int *) except? -1
    unsigned long long PyLong_AsUnsignedLongLong(object) except? 18446744073709551615ULL
    double PyFloat_AS_DOUBLE(object) noexcept
    int _PyBytes_Resize(PyObject **, Py_ssize_t) except -1
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *, Py_ssize_t) except NULL
    PyObject *PySequence_Fast_GET_ITEM(object, Py_ssize_t) noexcept
    void PyMem_Free(void *) noexcept
    void Py_XDECREF(PyObject *) noexcept
    const Py_ssize_t PY_SSIZE_T_MAX
    enum: Py_DTSF_ADD_DOT_0


cdef struct Output:
    char *data
    Py_ssize_t size, room  # 0 <= size <= room
    PyObject *result  # the bytes object that data points into; NULL as long as it is the caller's memory
    bint implicit, little


cdef enum:
    SLACK = 512  # room for the elements behind a long value
    LONGEST_LENGTH = 0xFFFFFFFE  # what a length field of 32 bits can say (PS3.5 7.1.1)


class _NotPlain(Exception):
    """Something only the reference body can judge; never leaves this module."""


cdef int grow(Output *out, Py_ssize_t need) except -1:
    """Make room for ``need`` more bytes; ``data`` may move."""
    cdef Py_ssize_t room
    if need < 0 or need > PY_SSIZE_T_MAX - SLACK - out.size:
        raise MemoryError
    room = out.size + need + SLACK
    if room < PY_SSIZE_T_MAX // 2 and need < out.room:
        room = max(room, 2 * out.room)  # many short values; a long one gets what it needs
    if out.result == NULL:
        out.result = new_bytes(NULL, room)
        memcpy(PyBytes_AS_STRING(<object>out.result), out.data, <size_t>out.size)
    else:
        _PyBytes_Resize(&out.result, room)  # on failure result is NULL, and nobody goes on
    out.data = PyBytes_AS_STRING(<object>out.result)
    out.room = room
    return 0


cdef inline int reserve(Output *out, Py_ssize_t need) except -1:
    if need < 0 or need > out.room - out.size:
        grow(out, need)
    return 0


cdef object finished(Output *out):
    """The bytes written; the buffer is empty after that."""
    if out.result == NULL:
        return PyBytes_FromStringAndSize(out.data, out.size)
    _PyBytes_Resize(&out.result, out.size)
    result = <object>out.result
    Py_XDECREF(out.result)
    out.result = NULL
    return result


cdef inline void write16(char *place, unsigned int value, bint little) noexcept:
    cdef uint8_t *byte = <uint8_t *>place
    if little:
        byte[0] = value & 0xFF
        byte[1] = value >> 8 & 0xFF
    else:
        byte[0] = value >> 8 & 0xFF
        byte[1] = value & 0xFF


cdef inline void write32(char *place, uint32_t value, bint little) noexcept:
    if little:
        write16(place, value & 0xFFFF, True)
        write16(place + 2, value >> 16, True)
    else:
        write16(place, value >> 16, False)
        write16(place + 2, value & 0xFFFF, False)


cdef inline void write64(char *place, uint64_t value, bint little) noexcept:
    write32(place if little else place + 4, <uint32_t>(value & 0xFFFFFFFFU), little)
    write32(place + 4 if little else place, <uint32_t>(value >> 32), little)


cdef inline void write_tag(char *place, uint32_t tag, bint little) noexcept:
    write16(place, tag >> 16, little)
    write16(place + 2, tag & 0xFFFF, little)


cdef inline int append(Output *out, const void *data, Py_ssize_t size) except -1:
    reserve(out, size)
    memcpy(out.data + out.size, data, <size_t>size)
    out.size += size
    return 0


cdef inline int put_byte(Output *out, char byte) except -1:
    reserve(out, 1)
    out.data[out.size] = byte
    out.size += 1
    return 0


cdef int put_item_tag(Output *out, uint32_t tag, uint32_t length) except -1:
    """Header of an item or a delimiter."""
    reserve(out, 8)
    write_tag(out.data + out.size, tag, out.little)
    write32(out.data + out.size + 4, length, out.little)
    out.size += 8
    return 0


cdef int put_bytes(Output *out, bytes value, unsigned int unit) except -1:
    """Bytes, each ``unit`` of them turned round; 1 when the length is no multiple of it."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value), start
    cdef const char *source = PyBytes_AS_STRING(value)
    cdef char *target
    cdef unsigned int place
    if unit == 1:
        append(out, source, size)
        return 0
    if size % unit:
        return 1
    reserve(out, size)
    target = out.data + out.size
    for start in range(0, size, unit):
        for place in range(unit):
            target[start + place] = source[start + unit - 1 - place]
    out.size += size
    return 0


cdef inline int put_latin(Output *out, object text) except -1:
    """Text of a str or UID in ASCII or Latin-1; 1 when it has other characters."""
    text_ready(text)
    if PyUnicode_KIND(text) != 1:
        return 1
    append(out, PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))
    return 0


cdef int put_utf8(Output *out, str text) except -1:
    """Text in UTF-8, without the copy that str keeps of it once asked; 1 when it has surrogates."""
    cdef Py_ssize_t size, position
    cdef int kind
    cdef const void *data
    cdef uint32_t code
    cdef uint8_t *target
    text_ready(text)
    size = PyUnicode_GET_LENGTH(text)
    data = PyUnicode_DATA(text)
    if PyUnicode_IS_ASCII(text):
        append(out, data, size)
        return 0
    if size > PY_SSIZE_T_MAX // 4:
        raise MemoryError
    kind = PyUnicode_KIND(text)
    reserve(out, size * (4 if kind == 4 else kind + 1))  # what the widest character takes
    target = <uint8_t *>out.data + out.size
    for position in range(size):
        if kind == 1:
            code = (<const uint8_t *>data)[position]
        elif kind == 2:
            code = (<const uint16_t *>data)[position]
        else:
            code = (<const uint32_t *>data)[position]
        if code < 0x80:
            target[0] = code
            target += 1
        elif code < 0x800:
            target[0] = 0xC0 | code >> 6
            target[1] = 0x80 | code & 0x3F
            target += 2
        elif code < 0x10000:
            if 0xD800 <= code < 0xE000:
                return 1
            target[0] = 0xE0 | code >> 12
            target[1] = 0x80 | code >> 6 & 0x3F
            target[2] = 0x80 | code & 0x3F
            target += 3
        else:
            target[0] = 0xF0 | code >> 18
            target[1] = 0x80 | code >> 12 & 0x3F
            target[2] = 0x80 | code >> 6 & 0x3F
            target[3] = 0x80 | code & 0x3F
            target += 4
    out.size = <char *>target - out.data
    return 0


cdef int put_plain(Output *out, str text) except -1:
    """Text that is the same in every character set: ASCII without the escape character; else 1."""
    text_ready(text)
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(text)
    if not PyUnicode_IS_ASCII(text) or memchr(PyUnicode_DATA(text), 0x1B, <size_t>size) != NULL:
        return 1
    append(out, PyUnicode_DATA(text), size)
    return 0


cdef int put_decimal(Output *out, object value) except -1:
    """An int as str() prints it; 1 when it is long."""
    cdef int overflow = 0, size = 0
    cdef long long number = PyLong_AsLongLongAndOverflow(value, &overflow)
    cdef unsigned long long rest
    cdef char digits[24]
    if overflow:
        return 1
    rest = 0 - <unsigned long long>number if number < 0 else <unsigned long long>number
    while True:  # at most 20 digits
        digits[23 - size] = 48 + <char>(rest % 10)
        rest //= 10
        size += 1
        if rest == 0:
            break
    if number < 0:
        digits[23 - size] = c"-"
        size += 1
    append(out, digits + 24 - size, size)
    return 0


cdef enum:
    SHORT_FRACTION = 6
    DIGITS = 40


cdef int put_float(Output *out, object value) except -1:
    """A float as repr() prints it."""
    cdef double number = PyFloat_AS_DOUBLE(value), size = -number if number < 0 else number
    cdef uint64_t scaled, power = 1
    cdef int fraction, place = DIGITS
    cdef char digits[DIGITS]
    cdef char *text
    if exact_division and 1e-3 <= size < 1e9:
        # Below 10**15, scaled / power is the shortest decimal there is for the float when it is one for it at all:
        # no two decimals of 15 digits are the same float, and a quotient of two exact floats is rounded as text is.
        for fraction in range(SHORT_FRACTION + 1):
            scaled = <uint64_t>(size * <double>power + 0.5)
            if <double>scaled / <double>power == size:
                if fraction == 0:
                    place -= 1
                    digits[place] = c"0"
                while fraction:
                    place -= 1
                    digits[place] = 48 + <char>(scaled % 10)
                    scaled //= 10
                    fraction -= 1
                place -= 1
                digits[place] = c"."
                while scaled or digits[place] == c".":
                    place -= 1
                    digits[place] = 48 + <char>(scaled % 10)
                    scaled //= 10
                if number < 0:
                    place -= 1
                    digits[place] = c"-"
                append(out, digits + place, DIGITS - place)
                return 0
            power *= 10
    text = PyOS_double_to_string(PyFloat_AS_DOUBLE(value), c"r", 0, Py_DTSF_ADD_DOT_0, NULL)
    try:
        append(out, text, <Py_ssize_t>strlen(text))
    finally:
        PyMem_Free(text)
    return 0
